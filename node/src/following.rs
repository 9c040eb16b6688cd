//! Records checkpoints of the logs that the park follows.
//!
//! A thread for each configured address asks it for its checkpoint, proves from its tiles that it
//! continues what is recorded, and signs an event with the node's own key, through the node's own
//! API: to everyone else it is one more author. The event waits on disk until it has an outcome.
//! Nothing of the node waits for it.

use crate::config::Config;
use anyhow::Context as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use wattle_client::follow::{FollowError, Found, look};
use wattle_client::outbox::OutboxError;
use wattle_client::{Author, Client, ClientError, Outbox, Outcome};
use wattle_ledger::event::Action;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(2);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(30);
/// A log's checkpoint is recorded at most once in this much park time, whichever node did it.
const EVERY_MS: u64 = 3_600_000;
/// An event has its outcome within this time, or waits for the next look.
const OUTCOME_WAIT: Duration = Duration::from_secs(15);

/// One author of all threads: a key's events go out one after the other.
struct Recorder {
    own: Client,
    outbox: Outbox,
    park: Hash,
    key: SigningKey,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("this node does not answer itself")]
    Own(#[from] ClientError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error("the event was not sent")]
    Outbox(#[from] OutboxError),
    #[error("the outbox cannot be read")]
    Disk(#[from] std::io::Error),
    #[error("the event has no outcome yet; it waits and is sent again")]
    Pending,
    #[error("the ledger refused: {0}")]
    Refused(String),
}

/// Starts the thread that looks at all configured logs, if there are any. It ends with the
/// process.
///
/// # Errors
/// Where it cannot be started.
pub fn start(config: &Config, api: SocketAddr) -> anyhow::Result<()> {
    let Some(key) = config.event_key.clone() else {
        return Ok(());
    };
    if config.follow.is_empty() {
        return Ok(());
    }
    let recorder = Recorder {
        own: Client::new(&[own_url(api)]).context("this node's own address")?,
        outbox: outbox(config.data_dir.join("events"))?,
        park: config.genesis.park(),
        key,
    };
    let urls = config.follow.clone();
    std::thread::Builder::new()
        .name("following".to_owned())
        .spawn(move || recorder.run(&urls))
        .context("cannot start the thread that follows other logs")?;
    Ok(())
}

fn outbox(folder: PathBuf) -> anyhow::Result<Outbox> {
    Outbox::open(&folder).with_context(|| format!("cannot use {}", folder.display()))
}

/// The API's address as this machine reaches it.
fn own_url(api: SocketAddr) -> String {
    let ip = match api.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, api.port()))
}

/// One address, as far as it is known what stands there.
struct Followed {
    client: Client,
    url: String,
    origin: Option<String>,
}

impl Recorder {
    fn run(&self, urls: &[String]) {
        let followed = |url: &String| {
            let client = Client::new(std::slice::from_ref(url)).ok()?;
            Some(Followed {
                client,
                url: url.clone(),
                origin: None,
            })
        };
        let mut followed: Vec<Followed> = urls.iter().filter_map(followed).collect();
        loop {
            let mut pause = LOOK;
            for one in &mut followed {
                if let Err(error) = self.look_at(one) {
                    let error = anyhow::Error::from(error);
                    tracing::warn!(
                        url = one.url,
                        "nothing recorded of a followed log: {error:#}"
                    );
                    pause = PAUSE;
                }
            }
            std::thread::sleep(pause);
        }
    }

    fn look_at(&self, one: &mut Followed) -> Result<(), Trouble> {
        let logs = self.own.logs()?.logs;
        if let Some(origin) = &one.origin {
            let latest = logs.iter().find(|log| log.origin == *origin);
            let latest = latest.and_then(|log| log.latest.as_ref());
            let now = self.own.status()?.park_time_ms;
            let due = |at: wattle_market::interval::Timestamp| at.plus_millis(EVERY_MS) <= now;
            if latest.is_some_and(|latest| !due(latest.recorded_at_ms)) {
                return Ok(());
            }
        }
        match look(&one.client, &logs)? {
            Found::NothingNew { origin, .. } => one.origin = Some(origin),
            Found::Checkpoint {
                origin,
                size,
                contradicts,
                action,
            } => {
                if contradicts {
                    tracing::error!(origin, size, "a followed log has contradicted itself");
                }
                self.record(action)?;
                tracing::info!(origin, size, "recorded a checkpoint of a followed log");
                one.origin = Some(origin);
            }
        }
        Ok(())
    }

    fn record(&self, action: Action) -> Result<(), Trouble> {
        // What waits from before comes first; without its outcome nothing else is signed.
        for resent in self.outbox.resend_all(&self.own, OUTCOME_WAIT)? {
            if let Outcome::Pending(_) = resent.result? {
                return Err(Trouble::Pending);
            }
        }
        let mut author = Author::fetch(&self.own, self.park, self.key.clone())?;
        author.skip_waiting(&self.outbox)?;
        let event = author.sign(action, self.own.status()?.park_time_ms);
        match self.outbox.send(&self.own, &event, OUTCOME_WAIT)? {
            Outcome::Committed(outcome) => match outcome.first_refusal() {
                None => Ok(()),
                Some((_, item)) => Err(Trouble::Refused(item.sentence.clone())),
            },
            Outcome::Pending(_) => Err(Trouble::Pending),
        }
    }
}
