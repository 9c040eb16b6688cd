//! Signs what the node finds out by itself, with the key that the registrar has added for it.
//!
//! It goes through the node's own API: to everyone else the node is one more author. An event waits
//! on disk until it has an outcome, and a key's events go out one after the other, whichever thread
//! found something.

use crate::config::Config;
use anyhow::Context as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use wattle_client::outbox::OutboxError;
use wattle_client::{Author, Client, ClientError, Outbox, Outcome};
use wattle_ledger::event::Action;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::rejection::Rejection;

/// An event has its outcome within this time, or waits for the next one.
const OUTCOME_WAIT: Duration = Duration::from_secs(15);

/// The node as an author.
pub(crate) struct Recorder {
    url: String,
    /// One event at a time.
    desk: Mutex<Desk>,
    park: Hash,
    key: SigningKey,
}

/// Where events are sent from.
struct Desk {
    own: Client,
    outbox: Outbox,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("this node does not answer itself, or does not know its event_key")]
    Own(#[from] ClientError),
    #[error("the event was not sent")]
    Outbox(#[from] OutboxError),
    #[error("the outbox cannot be read")]
    Disk(#[from] std::io::Error),
    #[error("the event has no outcome yet; it waits and is sent again")]
    Pending,
    #[error("the ledger refused: {sentence}")]
    Refused {
        /// By which rule; none where this program does not know the code.
        rule: Option<Rejection>,
        sentence: String,
    },
}

impl Recorder {
    /// The author of a node whose configuration has an `event_key`; none without.
    ///
    /// # Errors
    /// Where its outbox cannot be used.
    pub(crate) fn open(config: &Config, api: SocketAddr) -> anyhow::Result<Option<Recorder>> {
        let Some(key) = config.event_key.clone() else {
            return Ok(None);
        };
        let url = own_url(api);
        Ok(Some(Recorder {
            desk: Mutex::new(Desk {
                own: client_of(&url)?,
                outbox: outbox(config.data_dir.join("events"))?,
            }),
            url,
            park: config.genesis.park(),
            key,
        }))
    }

    /// A client of the node itself.
    ///
    /// # Errors
    /// Where its address is none, which the start has found out.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        client_of(&self.url)
    }

    /// Signs an action and waits until it is recorded.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(crate) fn record(&self, action: Action) -> Result<(), RecordError> {
        // The outbox is whole between two calls, whatever became of another thread.
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let Desk { own, outbox } = &*desk;
        // What waits from before comes first; without its outcome nothing else is signed.
        for resent in outbox.resend_all(own, OUTCOME_WAIT)? {
            if let Outcome::Pending(_) = resent.result? {
                return Err(RecordError::Pending);
            }
        }
        let mut author = Author::fetch(own, self.park, self.key.clone())?;
        author.skip_waiting(outbox)?;
        let event = author.sign(action, own.status()?.park_time_ms);
        match outbox.send(own, &event, OUTCOME_WAIT)? {
            Outcome::Committed(outcome) => match outcome.first_refusal() {
                None => Ok(()),
                Some((_, item)) => Err(RecordError::Refused {
                    rule: Rejection::from_code(item.code),
                    sentence: item.sentence.clone(),
                }),
            },
            Outcome::Pending(_) => Err(RecordError::Pending),
        }
    }
}

fn client_of(url: &str) -> anyhow::Result<Client> {
    Client::new(&[url.to_owned()]).context("this node's own address")
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
