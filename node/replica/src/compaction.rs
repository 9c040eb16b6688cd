//! When a snapshot is taken, and what may go once it is durable.
//!
//! Entries are kept back to the last snapshot but one: where the newest one cannot be read the
//! node starts from the one before it, and a follower that is a little behind gets entries.

use crate::config::SnapshotRule;
use crate::limits::ENTRY_OVERHEAD_BYTES;
use crate::output::{EntryId, Output, StoredEntry};
use crate::replica::Replica;
use crate::snapshot::{Roster, Snapshot, SnapshotHead};
use crate::window::Offer;
use std::collections::VecDeque;
use wattle_market::interval::Timestamp;

/// A node's snapshots.
#[derive(Debug)]
pub(crate) struct Snapshots {
    rule: SnapshotRule,
    /// What was applied since the last one was taken.
    bytes: u64,
    entries: u64,
    /// The entry of the last durable one but one.
    before: Option<EntryId>,
    /// The last durable one.
    last: Option<SnapshotHead>,
    /// Those that are being written, oldest first.
    writing: VecDeque<SnapshotHead>,
}

impl Snapshots {
    /// With the one that the node starts from. Whether there is an older one is not asked: the
    /// next one makes this the last but one.
    pub(crate) fn new(rule: SnapshotRule, last: Option<SnapshotHead>) -> Snapshots {
        Snapshots {
            rule,
            bytes: 0,
            entries: 0,
            before: None,
            last,
            writing: VecDeque::new(),
        }
    }

    /// An entry was applied.
    pub(crate) fn on_applied(&mut self, entry: &StoredEntry) {
        self.bytes += entry.data.len() as u64 + ENTRY_OVERHEAD_BYTES;
        self.entries += 1;
    }

    /// The last durable one.
    pub(crate) fn last(&self) -> Option<&SnapshotHead> {
        self.last.as_ref()
    }

    fn is_due(&self) -> bool {
        let is_full = self.bytes >= self.rule.bytes || self.entries >= self.rule.entries;
        is_full && self.writing.is_empty()
    }

    fn on_taken(&mut self, head: SnapshotHead) {
        self.bytes = 0;
        self.entries = 0;
        self.writing.push_back(head);
    }

    /// The oldest of those being written is durable; its entry.
    fn on_stored(&mut self, index: u64) -> EntryId {
        let head = self.writing.pop_front();
        let head = head.expect("only a snapshot that was handed out becomes durable");
        let entry = head.entry;
        assert_eq!(entry.index, index, "snapshots become durable in order");
        self.before = self.last.replace(head).map(|before| before.entry);
        entry
    }
}

impl Replica {
    /// Takes a snapshot where the rule says so.
    pub(crate) fn snapshot_if_due(&mut self) {
        let may = self.catch_up.is_none() && self.is_resumed && !self.outbox.is_stopped();
        if may && self.snapshots.is_due() {
            let entry = self.applied_entry();
            self.take_snapshot(entry);
        }
    }

    /// Hands out a snapshot of the ledger as it stands after an entry.
    pub(crate) fn take_snapshot(&mut self, entry: EntryId) {
        let head = SnapshotHead {
            entry,
            roster: Roster::of(&self.ledger.members().membership()),
            size: self.ledger.size(),
            root: self.ledger.root(),
            time: self.ledger.state().clock().time,
            seals: self.sealing.heads(),
        };
        self.snapshots.on_taken(head.clone());
        let ledger = self.ledger.snapshot().to_bytes();
        let snapshot = Box::new(Snapshot { head, ledger });
        self.outbox.push(Output::Snapshot(snapshot));
    }

    /// A snapshot is durable: what it and the one before it stand for may go.
    pub(crate) fn on_snapshot_stored(&mut self, now: Timestamp, index: u64) {
        let entry = self.snapshots.on_stored(index);
        if self.is_caught_up_with(entry) {
            // What is older has no entries that would lead on from it.
            self.snapshots.before = None;
            self.finish_catch_up(now, entry);
            return;
        }
        let Some(before) = self.snapshots.before else {
            return;
        };
        if before.index > self.consensus.log_start().index {
            self.consensus.compact(before.index);
            self.outbox.compact_later(before);
        }
    }

    /// Lets Raft offer the log as it stands to whoever lacks entries that are gone.
    pub(crate) fn offer_log(&mut self) {
        if !self.consensus.is_leader() || self.consensus.offered_index() == self.applied {
            return;
        }
        let offer = Offer {
            entry: self.applied_entry(),
            size: self.ledger.size(),
            root: self.ledger.root(),
        };
        self.consensus.set_offer(offer);
    }

    fn applied_entry(&self) -> EntryId {
        let term = self.consensus.entry_term(self.applied);
        EntryId {
            index: self.applied,
            term: term.expect("the last entry applied is never compacted but for its term"),
        }
    }
}
