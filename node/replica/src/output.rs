//! Everything a replica may ask for.
//!
//! Outputs are performed in the order given, each to its end before the next.
//! [`Output::Persist`] is durable before anything after it is performed. An output that cannot be
//! performed stops the node: whatever was not performed did not happen.

use crate::input::ClientId;
use crate::snapshot::Snapshot;
use wattle_ledger::event::{SignedEvent, event_hash};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;

/// Something the replica wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Must be durable before any later output is performed.
    Persist(WriteBatch),
    /// Hand bytes to a peer; may be lost.
    Send {
        /// The peer.
        to: NodeId,
        /// One encoded [`crate::message::PeerMessage`].
        bytes: Vec<u8>,
    },
    /// Append leaves to the history, of which the first has the given index.
    Append {
        /// Index of the first leaf in the log.
        first: u64,
        /// The leaves' bytes.
        leaves: Vec<Vec<u8>>,
    },
    /// Make a snapshot durable, and say so with [`crate::input::Input::SnapshotStored`]; other
    /// outputs need not wait for it. All leaves that it speaks of were appended before. The one
    /// before it is kept beside it.
    Snapshot(Box<Snapshot>),
    /// Send a peer that catches up a piece of the history: leaves from `first` on, no more than
    /// [`crate::limits::PIECE_BYTES_MAX`] of them but at least one, with the proof that they
    /// belong to the tree of `size` leaves. May fail.
    SendLeaves {
        /// The peer.
        to: NodeId,
        /// Index of the first leaf; below `size`.
        first: u64,
        /// The tree's size; so many leaves were appended.
        size: u64,
    },
    /// A checkpoint has its quorum of cosignatures: write the partial tiles of its size if the
    /// history still has that size or more, then replace `checkpoint`. Sizes ascend, and the same
    /// size may come again with more signatures.
    Publish {
        /// The checkpoint's tree size.
        size: u64,
        /// The signed note.
        note: String,
    },
    /// Tell a client that its event is stored and will be carried to each new leader.
    Promise {
        /// The client of an earlier submission, which still waits for the answer.
        client: ClientId,
        /// The receipt: body and signature.
        receipt: Vec<u8>,
    },
    /// Answer a client.
    Reply {
        /// The client of an earlier submission.
        client: ClientId,
        /// The answer.
        response: Response,
    },
    /// Let these nodes in from now on, and nobody else.
    Peers(Vec<NodeRecord>),
    /// Tell the operator; the replica goes on.
    Alarm(Alarm),
    /// Keep what was found as evidence. The same may be found again, also after a restart.
    Found(Finding),
    /// Stop the node: going on could contradict what was promised.
    Stop {
        /// What was found and what to do.
        reason: String,
    },
}

/// Two signed statements that contradict each other; every signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Two heads of the log. Later ones about the same heads may have more signatures.
    Heads(Box<Evidence>),
    /// An event whose key has used its sequence for another event already.
    SequenceUsed {
        /// Index of the leaf with the other event.
        leaf: u64,
        /// The event.
        event: Box<SignedEvent>,
    },
}

/// What must become durable together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    /// Before everything else all entries go, and the log goes on after this one: a snapshot
    /// stands for what came before.
    pub restarted: Option<EntryId>,
    /// Entries to append; those already stored with the same or a higher index are replaced and
    /// whatever follows them is removed, in the same atomic write.
    pub entries: Vec<StoredEntry>,
    /// Entries up to and with this one go, since a durable snapshot stands for them.
    pub compacted: Option<EntryId>,
    /// The new hard state, where it changed.
    pub hard_state: Option<StoredHardState>,
    /// The last checkpoint this node has signed, where it signs one; of a node that does not vote,
    /// the last that it has published.
    pub signed: Option<SignedHead>,
    /// Events promised to clients, to be resent until they are applied.
    pub pending_added: Vec<PendingEvent>,
    /// Receipts for promised events: this node's, and those of leaders it carried them to.
    pub receipts_added: Vec<StoredReceipt>,
    /// Hashes of promised events that are applied or refused for good; their receipts go too.
    pub pending_removed: Vec<Hash>,
}

/// The place of a Raft entry in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct EntryId {
    /// Raft index; 0 before the first entry.
    pub index: u64,
    /// Raft term.
    pub term: u64,
}

/// A Raft entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct StoredEntry {
    /// Raft index, from 1.
    pub index: u64,
    /// Raft term.
    pub term: u64,
    /// An encoded batch; empty for the entry with which a leader opens its term.
    pub data: Vec<u8>,
}

/// Raft's hard state as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct StoredHardState {
    /// The current term.
    pub term: u64,
    /// Whom this node voted for in it; 0 for nobody.
    pub vote: u64,
    /// The commit index.
    pub commit: u64,
}

/// The last checkpoint a node has signed: it never signs one that contradicts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SignedHead {
    /// Tree size.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
}

/// An event that this node took from a client and carries to the leader.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct PendingEvent {
    /// Body and signature.
    pub event: Vec<u8>,
}

/// A receipt for a promised event. There is one by each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReceipt {
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// Who promises.
    pub node: NodeId,
    /// Body and signature.
    pub receipt: Vec<u8>,
}

/// Everything that is durable, as it is read back at start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durable {
    /// The newest whole snapshot.
    pub snapshot: Option<Box<Snapshot>>,
    /// The entry before the first one that is stored.
    pub start: EntryId,
    /// The Raft entries after it, in order.
    pub entries: Vec<StoredEntry>,
    /// The hard state.
    pub hard_state: StoredHardState,
    /// The last checkpoint signed.
    pub signed: Option<SignedHead>,
    /// Promised events that were not yet applied.
    pub pending: Vec<PendingEvent>,
    /// The receipts for them.
    pub receipts: Vec<StoredReceipt>,
}

/// The answer to a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The event is in the log.
    Committed {
        /// SHA-256 of its bytes.
        event: Hash,
        /// Index of its leaf.
        leaf: u64,
        /// 0 or a refusal's number, for each item.
        outcome: Vec<u16>,
    },
    /// The event leaves no leaf, and resending the same bytes will not help. An unknown key, a
    /// sequence too far ahead and a used-up quota are the exceptions: a node that lags behind the
    /// log may say so too early, and the same bytes may be recorded later.
    Refused(Rejection),
    /// The node holds as many waiting events as it may; try again shortly.
    Busy,
    /// The park's window of uncompacted Raft entries is full; an operator must act.
    Full,
    /// The node takes no event because it knows no leader; it was not stored. Try another node.
    NoLeader,
}

/// What an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// This node was removed from the park and has no part in it any more.
    Removed,
    /// A peer's message was not acceptable and was dropped.
    PeerMessageRefused {
        /// The peer.
        from: NodeId,
        /// Why.
        reason: String,
    },
    /// A committed entry carried no acceptable batch and left nothing.
    BatchRefused {
        /// Raft index.
        index: u64,
        /// Why.
        reason: String,
    },
    /// A peer cosigned another root than this node computed at the same size.
    RootsDiffer {
        /// The peer.
        peer: NodeId,
        /// The tree size.
        size: u64,
    },
    /// This node is too far behind for the leader's entries and asks its peers for leaves.
    CatchingUp {
        /// Leaves that it has.
        from: u64,
        /// Leaves that it will have.
        to: u64,
    },
    /// It has caught up.
    CaughtUp {
        /// Leaves that it has.
        size: u64,
    },
    /// A leader's batch time is ahead of this node's clock by more than the bound.
    LeaderClockAhead {
        /// The leader.
        leader: NodeId,
        /// By how many milliseconds of park time.
        ahead_ms: u64,
    },
}

impl Durable {
    /// Stores a write, as the node's store does on its disk.
    ///
    /// # Panics
    /// If entries leave a gap: the replica would have lost count.
    pub fn store(&mut self, write: WriteBatch) {
        if let Some(start) = write.restarted {
            self.start = start;
            self.entries.clear();
        }
        if let Some(first) = write.entries.first() {
            let kept = first.index - self.start.index - 1;
            let kept = usize::try_from(kept).expect("entries in memory");
            assert!(kept <= self.entries.len(), "entries leave no gap");
            self.entries.truncate(kept);
            self.entries.extend(write.entries);
        }
        if let Some(start) = write.compacted {
            self.entries.retain(|entry| entry.index > start.index);
            self.start = start;
        }
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
        self.signed = write.signed.or(self.signed);
        let removed = |event: &Hash| write.pending_removed.contains(event);
        self.pending
            .retain(|pending| !removed(&event_hash(&pending.event)));
        self.pending.extend(write.pending_added);
        self.receipts.retain(|receipt| !removed(&receipt.event));
        self.receipts.extend(write.receipts_added);
    }
}
