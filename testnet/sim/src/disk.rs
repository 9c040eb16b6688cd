//! A node's disk: writes are whole or not there at all.

use crate::options::Plant;
use wattle_ledger::event::event_hash;
use wattle_replica::output::{Durable, WriteBatch};

/// What a node would find after a crash, and what a planted mistake holds back.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    durable: Durable,
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
        let durable = &mut self.durable;
        if let Some(first) = write.entries.first() {
            let kept = usize::try_from(first.index - 1).expect("an index in memory");
            durable.entries.truncate(kept);
            durable.entries.extend(write.entries);
        }
        durable.hard_state = write.hard_state.unwrap_or(durable.hard_state);
        durable.signed = write.signed.or(durable.signed);
        durable
            .pending
            .retain(|pending| !write.pending_removed.contains(&event_hash(&pending.event)));
        durable.pending.extend(write.pending_added);
        durable
            .receipts
            .retain(|receipt| !write.pending_removed.contains(&receipt.event));
        durable.receipts.extend(write.receipts_added);
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
