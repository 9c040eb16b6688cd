//! A snapshot: everything before an entry, so that the entries up to it can go.
//!
//! It is this node's own. A peer that is behind gets leaves and computes; only what
//! a node has computed itself ever becomes its state.

use crate::output::{EntryId, SignedHead};
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// A snapshot, as it is written and read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it stands for.
    pub head: SnapshotHead,
    /// The ledger, by [`wattle_ledger::ledger::Ledger::snapshot`].
    pub ledger: Vec<u8>,
}

/// What a snapshot stands for.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SnapshotHead {
    /// The last entry that is applied in it. The term is that entry's and no later one.
    pub entry: EntryId,
    /// Who votes after that entry.
    pub roster: Roster,
    /// Leaves of the log.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Park time of the last batch.
    pub time: Timestamp,
    /// The log's last seals, smallest first: a node signs the last one again when it starts.
    pub seals: Vec<SignedHead>,
}

/// Who takes part in Raft.
#[derive(Debug, Clone, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Roster {
    /// Who votes.
    pub voters: Vec<NodeId>,
    /// Who only follows.
    pub learners: Vec<NodeId>,
}

impl Roster {
    /// Whether a node is one of them.
    pub fn contains(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }
}

/// What a leader offers a follower whose next entry is compacted: the state after an entry, by
/// size and root. The follower asks for the leaves that it lacks and computes the rest.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Manifest {
    /// The receiver.
    pub to: NodeId,
    /// The leader.
    pub from: NodeId,
    /// The leader's term.
    pub term: u64,
    /// The entry after which the log has this size and root; the term is the entry's.
    pub entry: EntryId,
    /// Who takes part after it.
    pub roster: Roster,
    /// Leaves of the log.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}
