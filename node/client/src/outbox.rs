//! Signed events on disk until each has its outcome.
//!
//! An event is stored before it is sent. Whatever happens to the process or the network, exactly
//! those bytes are sent again until the park has said what became of them; since the park answers
//! a repeated event with its first outcome, nothing acts twice.

use crate::client::{Client, ClientError, Outcome};
use crate::durable;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::limits::EVENT_BYTES_MAX;

/// A folder of files `<key>-<sequence>.event`.
#[derive(Debug, Clone)]
pub struct Outbox {
    folder: PathBuf,
}

/// One event that was sent again.
#[derive(Debug)]
pub struct Resent {
    /// The event.
    pub event: SignedEvent,
    /// What became of it.
    pub result: Result<Outcome, OutboxError>,
}

/// Why an event was not sent, or has no outcome yet; it stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Another event of this key and sequence waits already: signing a second one would break
    /// the key's chain.
    #[error(
        "another event with sequence {sequence} of this key waits in {path}; send that one first"
    )]
    SequenceTaken {
        /// The sequence.
        sequence: u64,
        /// The file.
        path: PathBuf,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot use the outbox file {path}; check the folder and its permissions")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file's content is not an event.
    #[error("{path} is not a signed event; move it out of the outbox")]
    NotAnEvent {
        /// The file.
        path: PathBuf,
    },
    /// The park did not take it or did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Outbox {
    /// An outbox in a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`OutboxError::File`].
    pub fn open(folder: &Path) -> Result<Outbox, OutboxError> {
        fs::create_dir_all(folder).map_err(|source| OutboxError::File {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Outbox {
            folder: folder.to_owned(),
        })
    }

    /// Stores an event; storing the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`OutboxError::SequenceTaken`] and [`OutboxError::File`].
    pub fn store(&self, event: &SignedEvent) -> Result<(), OutboxError> {
        let path = self.path(event);
        match durable::create(&path, event.bytes()) {
            Ok(()) => Ok(()),
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
                let stored = fs::read(&path).map_err(|source| OutboxError::File {
                    path: path.clone(),
                    source,
                })?;
                let sequence = event.body().sequence;
                let same = stored == event.bytes();
                if same {
                    Ok(())
                } else {
                    Err(OutboxError::SequenceTaken { sequence, path })
                }
            }
            Err(source) => Err(OutboxError::File { path, source }),
        }
    }

    /// Stores an event, sends it, and forgets it once the park has said what became of it: an
    /// outcome in the log, or a refusal that no resending can change.
    ///
    /// # Errors
    /// Any [`OutboxError`]; unless it is a refusal, the event stays for [`Outbox::resend_all`].
    pub fn send(
        &self,
        client: &Client,
        event: &SignedEvent,
        wait: Duration,
    ) -> Result<Outcome, OutboxError> {
        self.store(event)?;
        let result = client.submit(event, wait);
        let is_final = match &result {
            Ok(Outcome::Committed(_)) => true,
            Ok(Outcome::Pending(_)) => false,
            Err(error) => matches!(error, ClientError::Refused(refusal) if refusal.is_final()),
        };
        if is_final {
            self.remove(event)?;
        }
        Ok(result?)
    }

    /// Sends everything that waits, by key and sequence.
    ///
    /// # Errors
    /// [`OutboxError::File`] and [`OutboxError::NotAnEvent`]; what became of each event is in the
    /// list.
    pub fn resend_all(&self, client: &Client, wait: Duration) -> Result<Vec<Resent>, OutboxError> {
        let mut results = Vec::new();
        for event in self.waiting()? {
            let result = self.send(client, &event, wait);
            results.push(Resent { event, result });
        }
        Ok(results)
    }

    /// Everything that waits, by key and sequence.
    ///
    /// # Errors
    /// [`OutboxError::File`] and [`OutboxError::NotAnEvent`].
    pub fn waiting(&self) -> Result<Vec<SignedEvent>, OutboxError> {
        let mut events = Vec::new();
        for path in self.files().map_err(|source| self.failed(source))? {
            let not_an_event = || OutboxError::NotAnEvent { path: path.clone() };
            let failed = |source| OutboxError::File {
                path: path.clone(),
                source,
            };
            if fs::metadata(&path).map_err(failed)?.len() > EVENT_BYTES_MAX as u64 {
                return Err(not_an_event());
            }
            let bytes = fs::read(&path).map_err(failed)?;
            events.push(SignedEvent::parse(&bytes).map_err(|_| not_an_event())?);
        }
        events.sort_by_key(|event| (event.body().author, event.body().sequence));
        Ok(events)
    }

    /// The highest sequence of a key that waits.
    pub(crate) fn last_sequence(&self, key: &PublicKey) -> io::Result<Option<u64>> {
        let prefix = format!("{key}-");
        let sequence = |path: PathBuf| -> Option<u64> {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(&prefix)?
                .strip_suffix(".event")?
                .parse()
                .ok()
        };
        Ok(self.files()?.into_iter().filter_map(sequence).max())
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "event")
            {
                files.push(path);
            }
        }
        Ok(files)
    }

    fn remove(&self, event: &SignedEvent) -> Result<(), OutboxError> {
        let path = self.path(event);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(OutboxError::File { path, source })
            }
            _ => Ok(()),
        }
    }

    fn path(&self, event: &SignedEvent) -> PathBuf {
        let body = event.body();
        self.folder
            .join(format!("{}-{}.event", body.author, body.sequence))
    }

    fn failed(&self, source: io::Error) -> OutboxError {
        OutboxError::File {
            path: self.folder.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::author::Author;
    use wattle_ledger::event::Action;
    use wattle_ledger::hash::Hash;
    use wattle_ledger::keys::SigningKey;
    use wattle_market::interval::Timestamp;

    fn cancel() -> Action {
        Action::CancelOrders(Vec::new())
    }

    #[test]
    fn events_wait_in_sequence_and_the_author_goes_on_after_them() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(&folder.path().join("outbox")).unwrap();
        let key = SigningKey::from_seed(&[9; 32]);
        let mut author = Author::new(Hash::ZERO, key.clone(), 9);
        let events: Vec<_> = (0..3)
            .map(|_| author.sign(cancel(), Timestamp(0)))
            .collect();
        for event in events.iter().rev() {
            outbox.store(event).unwrap();
            outbox.store(event).unwrap();
        }
        assert_eq!(outbox.waiting().unwrap(), events);

        let mut restarted = Author::new(Hash::ZERO, key, 10);
        restarted.skip_waiting(&outbox).unwrap();
        assert_eq!(restarted.next_sequence(), 12);
    }

    #[test]
    fn second_event_of_a_sequence_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path()).unwrap();
        let key = SigningKey::from_seed(&[9; 32]);
        let sign = |time| Author::new(Hash::ZERO, key.clone(), 1).sign(cancel(), Timestamp(time));
        outbox.store(&sign(0)).unwrap();
        let error = outbox.store(&sign(1)).unwrap_err();
        assert!(
            matches!(error, OutboxError::SequenceTaken { sequence: 1, .. }),
            "{error}"
        );
    }

    #[test]
    fn event_stays_while_no_node_answers() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path()).unwrap();
        let client = Client::new(&["http://127.0.0.1:1".to_owned()]).unwrap();
        let key = SigningKey::from_seed(&[9; 32]);
        let event = Author::new(Hash::ZERO, key, 1).sign(cancel(), Timestamp(0));
        let error = outbox.send(&client, &event, Duration::ZERO).unwrap_err();
        assert!(
            matches!(error, OutboxError::Client(ClientError::Unreachable { .. })),
            "{error}"
        );
        assert_eq!(outbox.waiting().unwrap(), [event]);
    }
}
