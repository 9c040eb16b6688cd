//! A key that signs actions, one after the other.

use crate::client::{Client, ClientError};
use crate::outbox::Outbox;
use wattle_ledger::event::{Action, EVENT_VERSION, EventBody, SignedEvent};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_market::interval::Timestamp;

/// A key and the sequence of its next event. One process signs with a key at a time.
#[derive(Debug)]
pub struct Author {
    park: Hash,
    key: SigningKey,
    next_sequence: u64,
}

impl Author {
    /// An author whose next event has the given sequence; a new key's first has 1.
    pub fn new(park: Hash, key: SigningKey, next_sequence: u64) -> Author {
        Author {
            park,
            key,
            next_sequence,
        }
    }

    /// Asks the park for the key's next sequence.
    ///
    /// # Errors
    /// [`ClientError::Problem`] with status 404 where the key is not registered, and whatever
    /// keeps the nodes from answering.
    pub fn fetch(client: &Client, park: Hash, key: SigningKey) -> Result<Author, ClientError> {
        let next_sequence = client.key(&key.public())?.next_sequence;
        Ok(Author::new(park, key, next_sequence))
    }

    /// Goes on after the events of this key that still wait in an outbox.
    pub fn skip_waiting(&mut self, outbox: &Outbox) -> std::io::Result<()> {
        let last = outbox.last_sequence(&self.key.public())?;
        self.next_sequence = self
            .next_sequence
            .max(last.map_or(0, |sequence| sequence + 1));
        Ok(())
    }

    /// Signs an action as the next event; `issued_at` is what the author's clock says.
    ///
    /// # Panics
    /// Where the event is longer than an event may be: lists are bounded by
    /// `wattle_ledger::limits::ITEMS_MAX`.
    pub fn sign(&mut self, action: Action, issued_at: Timestamp) -> SignedEvent {
        let body = EventBody {
            version: EVENT_VERSION,
            author: self.key.public(),
            sequence: self.next_sequence,
            issued_at,
            action,
        };
        self.next_sequence += 1;
        SignedEvent::sign(&self.park, &body, &self.key)
    }

    /// The sequence of the next event.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// The park that the events are for.
    pub fn park(&self) -> Hash {
        self.park
    }
}
