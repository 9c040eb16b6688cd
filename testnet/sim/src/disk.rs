//! A node's disk: writes are whole or not there at all.

use crate::options::Plant;
use wattle_replica::output::{Durable, WriteBatch};
use wattle_replica::snapshot::Snapshot;

/// What a node would find after a crash, and what a planted mistake holds back.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    durable: Durable,
    older: Option<Box<Snapshot>>,
    held_back: Vec<WriteBatch>,
}

impl Disk {
    /// Performs a write; a planted mistake makes it incomplete.
    pub fn persist(&mut self, mut write: WriteBatch, plant: Option<Plant>) {
        for held_back in std::mem::take(&mut self.held_back) {
            self.store(held_back);
        }
        match plant {
            Some(Plant::EntriesNotSynced) if !write.entries.is_empty() => {
                self.held_back.push(write);
                return;
            }
            Some(Plant::VoteNotStored) if write.entries.is_empty() => write.hard_state = None,
            Some(Plant::SignedHeadNotStored) => write.signed = None,
            Some(Plant::PromiseNotStored) => write.pending_added.clear(),
            _ => {}
        }
        self.store(write);
    }

    fn store(&mut self, write: WriteBatch) {
        self.durable.store(write);
    }

    /// A snapshot has become durable; the one before it stays beside it.
    pub fn keep_snapshot(&mut self, mut snapshot: Box<Snapshot>, plant: Option<Plant>) {
        if plant == Some(Plant::SnapshotOfOtherTerm) {
            snapshot.head.entry.term = self.durable.hard_state.term;
        }
        self.older = self.durable.snapshot.replace(snapshot);
    }

    /// The newest snapshot cannot be read any more. It is passed over if the one before it leads
    /// on to the entries that are there.
    pub fn lose_snapshot(&mut self) {
        let start = self.durable.start.index;
        if let Some(older) = self.older.take_if(|older| older.head.entry.index >= start) {
            self.durable.snapshot = Some(older);
        }
    }

    /// What is there after a crash.
    pub fn after_crash(&mut self) -> Durable {
        self.held_back.clear();
        self.durable.clone()
    }

    /// What is durable.
    pub fn durable(&self) -> &Durable {
        &self.durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::event::event_hash;
    use wattle_replica::output::{PendingEvent, StoredEntry, StoredHardState};

    fn entries(indexes: std::ops::RangeInclusive<u64>, term: u64) -> WriteBatch {
        let entries = indexes
            .map(|index| StoredEntry {
                index,
                term,
                data: Vec::new(),
            })
            .collect();
        WriteBatch {
            entries,
            ..WriteBatch::default()
        }
    }

    #[test]
    fn a_conflicting_suffix_is_replaced() {
        let mut disk = Disk::default();
        disk.persist(entries(1..=5, 1), None);
        disk.persist(entries(3..=3, 2), None);
        let terms: Vec<u64> = disk
            .after_crash()
            .entries
            .iter()
            .map(|entry| entry.term)
            .collect();
        assert_eq!(terms, [1, 1, 2]);
    }

    #[test]
    fn promises_come_and_go() {
        let mut disk = Disk::default();
        let event = b"event".to_vec();
        let added = vec![PendingEvent {
            event: event.clone(),
        }];
        disk.persist(
            WriteBatch {
                pending_added: added,
                ..WriteBatch::default()
            },
            None,
        );
        assert_eq!(disk.durable().pending.len(), 1);
        let pending_removed = vec![event_hash(&event)];
        disk.persist(
            WriteBatch {
                pending_removed,
                ..WriteBatch::default()
            },
            None,
        );
        assert!(disk.durable().pending.is_empty());
    }

    #[test]
    fn planted_mistakes_lose_what_they_say() {
        let mut disk = Disk::default();
        disk.persist(entries(1..=2, 1), Some(Plant::EntriesNotSynced));
        assert!(disk.clone().after_crash().entries.is_empty());
        disk.persist(WriteBatch::default(), Some(Plant::EntriesNotSynced));
        assert_eq!(disk.after_crash().entries.len(), 2);
        let hard_state = Some(StoredHardState {
            term: 3,
            vote: 1,
            commit: 0,
        });
        let vote = WriteBatch {
            hard_state,
            ..WriteBatch::default()
        };
        disk.persist(vote.clone(), Some(Plant::VoteNotStored));
        assert_eq!(disk.durable().hard_state.vote, 0);
        disk.persist(vote, None);
        assert_eq!(disk.durable().hard_state.vote, 1);
    }
}
