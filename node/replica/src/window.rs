//! Raft's entries in memory: the window that is not compacted.
//!
//! Raft reads its log here, synchronously, while `Persist` carries the same changes to the disk.
//! What is in the window is always what the disk holds once all outputs so far are performed.

use crate::limits::{APPEND_ENTRIES_MAX, ENTRY_OVERHEAD_BYTES};
use crate::message::raft_entry;
use crate::output::{StoredEntry, StoredHardState};
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

/// The entries from index 1 on, and what Raft asks for when it starts.
#[derive(Debug)]
pub(crate) struct Window {
    entries: Vec<Entry>,
    bytes: u64,
    hard_state: StoredHardState,
    voters: Vec<u64>,
}

impl Window {
    /// A window with what was durable.
    pub(crate) fn new(
        stored: Vec<StoredEntry>,
        hard_state: StoredHardState,
        voters: Vec<u64>,
    ) -> Window {
        let mut window = Window {
            entries: Vec::new(),
            bytes: 0,
            hard_state,
            voters,
        };
        window.append(stored.into_iter().map(raft_entry).collect());
        window
    }

    /// Appends entries without gaps; what stood at their first index and after it is replaced.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let kept = first
            .index
            .checked_sub(1)
            .expect("Raft counts entries from 1");
        let kept = usize::try_from(kept).expect("the window is in memory");
        assert!(
            kept <= self.entries.len(),
            "the first new entry follows one that is there"
        );
        let removed: u64 = self
            .entries
            .drain(kept..)
            .map(|entry| entry_bytes(&entry))
            .sum();
        let added: u64 = entries.iter().map(entry_bytes).sum();
        self.bytes = self.bytes - removed + added;
        for entry in entries {
            assert_eq!(
                entry.index,
                self.entries.len() as u64 + 1,
                "entries have no gaps"
            );
            self.entries.push(entry);
        }
    }

    /// What the entries take up, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn last(&self) -> u64 {
        self.entries.len() as u64
    }
}

fn entry_bytes(entry: &Entry) -> u64 {
    entry.data.len() as u64 + ENTRY_OVERHEAD_BYTES
}

impl Storage for Window {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let mut hard_state = HardState::default();
        hard_state.term = self.hard_state.term;
        hard_state.vote = self.hard_state.vote;
        hard_state.commit = self.hard_state.commit;
        let conf_state = ConfState::from((self.voters.clone(), Vec::new()));
        Ok(RaftState::new(hard_state, conf_state))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        assert!(
            1 <= low && low <= high && high <= self.last() + 1,
            "Raft asks for what is there"
        );
        let max_size = max_size.into();
        let count_max = if max_size.is_some() {
            APPEND_ENTRIES_MAX
        } else {
            usize::MAX
        };
        let (low, high) = (low as usize - 1, high as usize - 1);
        let mut bytes = 0;
        let fitting = self.entries[low..high]
            .iter()
            .take(count_max)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry_bytes(entry);
                first || max_size.is_none_or(|max| bytes <= max)
            });
        Ok(fitting.cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        match index.checked_sub(1) {
            None => Ok(0),
            Some(at) => match self.entries.get(at as usize) {
                Some(entry) => Ok(entry.term),
                None => Err(raft::Error::Store(StorageError::Unavailable)),
            },
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// There is none to have, since nothing is compacted: whoever is behind gets the entries.
    fn snapshot(&self, _request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        Err(raft::Error::Store(
            StorageError::SnapshotTemporarilyUnavailable,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64, bytes: usize) -> StoredEntry {
        StoredEntry {
            index,
            term,
            data: vec![0; bytes],
        }
    }

    fn window() -> Window {
        let entries = (1..=5).map(|index| entry(index, 1, 100)).collect();
        Window::new(entries, StoredHardState::default(), vec![1, 2, 3])
    }

    fn read(window: &Window, low: u64, high: u64, max: Option<u64>) -> Vec<u64> {
        let entries = window
            .entries(low, high, max, GetEntriesContext::empty(false))
            .unwrap();
        entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn a_conflicting_suffix_is_replaced_with_its_bytes() {
        let mut window = window();
        assert_eq!(window.bytes(), 5 * 124);
        window.append(vec![raft_entry(entry(3, 2, 10))]);
        assert_eq!(window.last_index().unwrap(), 3);
        assert_eq!(window.bytes(), 2 * 124 + 34);
        assert_eq!((window.term(2).unwrap(), window.term(3).unwrap()), (1, 2));
        assert!(window.term(4).is_err());
        assert_eq!(window.term(0).unwrap(), 0);
    }

    #[test]
    fn a_read_is_bounded_and_has_at_least_one_entry() {
        let window = window();
        assert_eq!(read(&window, 1, 6, None), [1, 2, 3, 4, 5]);
        assert_eq!(read(&window, 2, 6, Some(0)), [2]);
        assert_eq!(read(&window, 2, 6, Some(248)), [2, 3]);
        assert_eq!(read(&window, 2, 3, Some(10_000)), [2]);
        assert_eq!(read(&window, 3, 3, Some(10_000)), [0; 0]);
    }

    #[test]
    #[should_panic(expected = "follows one that is there")]
    fn a_gap_is_our_own_mistake() {
        window().append(vec![raft_entry(entry(7, 1, 1))]);
    }
}
