//! A park in this process: the real ledger behind signed events and batches, one node without a
//! network, and a clock that goes where it is told.

use std::collections::BTreeMap;

use wattle_ledger::batch::Batch;
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, EVENT_VERSION, EventBody, OrderId, SignedEvent};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::ledger::{Applied, Ledger};
use wattle_ledger::log::Policy;
use wattle_ledger::registration::{NodeId, ParticipantId};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::claim::Report;
use wattle_ledger::verify::verify;
use wattle_market::interval::Timestamp;

use crate::doctor::Files;
use crate::keyring::{Keyring, NodeKey};
use crate::record::Recording;

/// The one node.
pub const NODE: NodeId = NodeId(1);
/// After so long a batch seals, if anything was recorded.
const SEAL_AFTER_MS: u64 = 60_000;

/// A fact with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Index of its leaf.
    pub leaf: u64,
    /// Whom it concerns; none: the park.
    pub participant: Option<ParticipantId>,
    /// What it says.
    pub fact: Fact,
}

/// A ledger with the sequences of its authors and everything it has said.
#[derive(Clone)]
pub struct SoloPark {
    keyring: Keyring,
    ledger: Ledger,
    now: Timestamp,
    leaves: Vec<Vec<u8>>,
    facts: Vec<Told>,
    sequences: BTreeMap<PublicKey, u64>,
    /// Leaves up to and with the last seal, and its time.
    sealed: (usize, Timestamp),
}

impl SoloPark {
    /// A founded park whose only node has the keyring's keys.
    #[must_use]
    pub fn found(keyring: Keyring, genesis: &Genesis, now: Timestamp) -> Self {
        Self {
            keyring,
            ledger: Ledger::found(genesis),
            now,
            leaves: vec![genesis.leaf()],
            facts: Vec::new(),
            sequences: BTreeMap::new(),
            sealed: (0, now),
        }
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Park time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// All facts so far, in the order of the log.
    #[must_use]
    pub fn facts(&self) -> &[Told] {
        &self.facts
    }

    /// All leaves so far.
    #[must_use]
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// Signs one action and commits it in a batch of its own. Gives the name that a first order of
    /// it has, and a code for each item.
    ///
    /// # Errors
    /// The refusal of an event that left no leaf.
    pub fn submit(
        &mut self,
        key: &SigningKey,
        action: Action,
    ) -> Result<(OrderId, Vec<u16>), Rejection> {
        let author = key.public();
        let sequence = self.sequences.get(&author).copied().unwrap_or(0) + 1;
        let body = EventBody {
            version: EVENT_VERSION,
            author,
            sequence,
            issued_at: self.now,
            action,
        };
        let event = SignedEvent::sign(&self.ledger.genesis().park(), &body, key);
        let applied = self.batch(vec![event.bytes().to_vec()]);
        let first = applied.outcomes.into_iter().next();
        let recorded = first
            .expect("a batch has an outcome for each event")
            .result?;
        self.sequences.insert(author, sequence);
        let order = OrderId {
            key: author,
            sequence,
            item: 0,
        };
        Ok((order, recorded.outcome))
    }

    /// Lets park time pass, with a batch whenever something is due. Time does not go back.
    pub fn advance_to(&mut self, time: Timestamp) {
        while self.ledger.next_due() <= time {
            self.now = self.now.max(self.ledger.next_due());
            self.batch(Vec::new());
        }
        self.now = self.now.max(time);
    }

    /// Lets a long time pass with fewer batches: one a day, and as many as the backlog needs.
    pub fn skip_to(&mut self, time: Timestamp) {
        while self.now < time || self.ledger.next_due() <= time {
            let day = self.now.plus_millis(86_400_000);
            // Nothing new becomes due while there is a backlog.
            if self.ledger.next_due() > self.now {
                self.now = time.min(day);
            }
            self.batch(Vec::new());
        }
    }

    fn batch(&mut self, events: Vec<Vec<u8>>) -> Applied {
        let leader = self.keyring.node_key(NODE, NodeKey::Batch);
        let park = self.ledger.genesis().park();
        let batch = Batch::sign(park, (NODE, &leader), 1, self.now, events);
        let applied = self.ledger.apply(1, &batch.encode());
        assert_eq!(applied.refused, None, "batches are signed as the rules ask");
        for (leaf, bytes) in (applied.first..).zip(&applied.leaves) {
            let entry = Entry::decode(bytes).expect("the ledger's own leaves decode");
            if let Entry::Derived {
                participant, fact, ..
            } = entry
            {
                self.facts.push(Told {
                    leaf,
                    participant,
                    fact,
                });
            }
        }
        self.leaves.extend(applied.leaves.iter().cloned());
        if applied.sealed.is_some() {
            self.sealed = (self.leaves.len(), self.now);
        }
        applied
    }

    /// Seals what is recorded, a minute later, and gives the export.
    pub fn recording(&mut self) -> Recording {
        self.now = self.now.plus_millis(SEAL_AFTER_MS);
        self.batch(Vec::new());
        let (sealed, at) = self.sealed;
        let leaves = self.leaves[..sealed].to_vec();
        let genesis = self.ledger.genesis().clone();
        Recording::of_leaves(self.keyring.clone(), genesis, leaves, at)
    }

    /// What the verifier says of the park so far.
    pub fn verified(&mut self) -> Report {
        let recording = self.recording();
        let policy = Policy::parse(&recording.genesis().policy().to_string());
        let policy = policy.expect("a genesis gives a policy");
        verify(&Files(recording.files()), &policy, &mut |_| {})
    }
}
