//! What a query sees.

use crate::evidence::EvidenceStore;
use crate::history::History;
use crate::index::Index;
use crate::snapshots::Snapshots;
use crate::storage::Storage;
use wattle_ledger::ledger::Ledger;
use wattle_market::interval::Timestamp;
use wattle_replica::replica::Replica;

/// The node between two rounds: everything in it fits together.
pub struct View<'a> {
    /// The replica.
    pub replica: &'a Replica,
    /// Places of leaves.
    pub index: &'a Index,
    /// The leaves.
    pub history: &'a History,
    /// What is durable beside them.
    pub storage: &'a Storage,
    /// What was found signed twice.
    pub evidence: &'a EvidenceStore,
    /// Its snapshots.
    pub snapshots: &'a Snapshots,
    /// Park time.
    pub now: Timestamp,
    /// What happened since the start.
    pub counters: Counters,
}

impl View<'_> {
    /// The ledger, as far as entries are applied.
    pub fn ledger(&self) -> &Ledger {
        self.replica.ledger()
    }
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that clients brought.
    pub submissions: u64,
    /// Answers to them.
    pub replies: u64,
    /// Clients that wait now.
    pub waiting: u64,
    /// Messages for peers.
    pub sent: u64,
    /// Alarms.
    pub alarms: u64,
    /// Pieces of evidence that were kept, or extended.
    pub evidence: u64,
    /// Times that the disk was waited for.
    pub syncs: u64,
}
