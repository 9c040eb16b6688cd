//! Records checkpoints of the logs that the park follows.
//!
//! A thread for each configured address asks it for its checkpoint, proves from its tiles that it
//! continues what is recorded, and lets the node's own key sign that ([`crate::recorder`]). Nothing
//! of the node waits for it.

use crate::recorder::{RecordError, Recorder};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use wattle_client::follow::{FollowError, Found, look};
use wattle_client::{Client, ClientError};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(2);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(30);
/// A log's checkpoint is recorded at most once in this much park time, whichever node did it.
const EVERY_MS: u64 = 3_600_000;

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("this node does not answer itself")]
    Own(#[from] ClientError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Starts the thread that looks at all configured logs, if there are any. It ends with the
/// process.
///
/// # Errors
/// Where it cannot be started.
pub(crate) fn start(urls: &[String], recorder: Arc<Recorder>) -> anyhow::Result<()> {
    if urls.is_empty() {
        return Ok(());
    }
    let urls = urls.to_vec();
    let own = recorder.client()?;
    std::thread::Builder::new()
        .name("following".to_owned())
        .spawn(move || run(&recorder, &own, &urls))
        .context("cannot start the thread that follows other logs")?;
    Ok(())
}

/// One address, as far as it is known what stands there.
struct Followed {
    client: Client,
    url: String,
    origin: Option<String>,
}

fn run(recorder: &Recorder, own: &Client, urls: &[String]) {
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
            if let Err(error) = one.look(recorder, own) {
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

impl Followed {
    fn look(&mut self, recorder: &Recorder, own: &Client) -> Result<(), Trouble> {
        let logs = own.logs()?.logs;
        if let Some(origin) = &self.origin {
            let latest = logs.iter().find(|log| log.origin == *origin);
            let latest = latest.and_then(|log| log.latest.as_ref());
            let now = own.status()?.park_time_ms;
            let due = |at: wattle_market::interval::Timestamp| at.plus_millis(EVERY_MS) <= now;
            if latest.is_some_and(|latest| !due(latest.recorded_at_ms)) {
                return Ok(());
            }
        }
        match look(&self.client, &logs)? {
            Found::NothingNew { origin, .. } => self.origin = Some(origin),
            Found::Checkpoint {
                origin,
                size,
                contradicts,
                action,
            } => {
                if contradicts {
                    tracing::error!(origin, size, "a followed log has contradicted itself");
                }
                recorder.record(action)?;
                tracing::info!(origin, size, "recorded a checkpoint of a followed log");
                self.origin = Some(origin);
            }
        }
        Ok(())
    }
}
