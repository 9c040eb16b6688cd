//! Raft's entries in memory: the window that is not compacted.
//!
//! Raft reads its log here, synchronously, while `Persist` carries the same changes to the disk.
//! What is in the window is never more than what the disk holds once all outputs so far are
//! performed; what was compacted may stay on the disk until the next write.

use crate::limits::APPEND_ENTRIES_MAX;
use crate::message::{entry_bytes, raft_entry};
use crate::output::{EntryId, StoredEntry, StoredHardState};
use crate::snapshot::Roster;
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};
use std::collections::VecDeque;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;

/// The entries after `start`, and what Raft asks for when it starts.
#[derive(Debug)]
pub(crate) struct Window {
    /// The entry before the first one that is here.
    start: EntryId,
    entries: VecDeque<Entry>,
    bytes: u64,
    hard_state: StoredHardState,
    roster: Roster,
    offer: Option<Offer>,
}

/// What a follower is offered whose next entry is gone: the log after an applied entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) entry: EntryId,
    pub(crate) size: u64,
    pub(crate) root: Hash,
}

impl Window {
    /// A window with what was durable.
    pub(crate) fn new(
        start: EntryId,
        stored: Vec<StoredEntry>,
        hard_state: StoredHardState,
        roster: Roster,
    ) -> Window {
        let mut window = Window {
            start,
            entries: VecDeque::new(),
            bytes: 0,
            hard_state,
            roster,
            offer: None,
        };
        window.append(stored.into_iter().map(raft_entry).collect());
        window
    }

    /// Appends entries without gaps; what stood at their first index and after it is replaced.
    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        let kept = first
            .index
            .checked_sub(self.start.index + 1)
            .expect("what is compacted is committed and never replaced");
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
            assert_eq!(entry.index, self.last() + 1, "entries have no gaps");
            self.entries.push_back(entry);
        }
    }

    /// Lets entries up to an applied one go; its term stays known.
    pub(crate) fn compact(&mut self, index: u64) {
        while self.start.index < index {
            let entry = self.entries.pop_front();
            let entry = entry.expect("only what is applied is compacted, and that is here");
            self.bytes -= entry_bytes(&entry);
            self.start = EntryId {
                index: entry.index,
                term: entry.term,
            };
        }
    }

    /// Forgets all entries: the log goes on after one that a snapshot stands for.
    pub(crate) fn restart(&mut self, start: EntryId) {
        self.start = start;
        self.entries.clear();
        self.bytes = 0;
    }

    /// Who takes part from now on.
    pub(crate) fn set_roster(&mut self, roster: Roster) {
        self.roster = roster;
    }

    /// Who takes part.
    pub(crate) fn roster(&self) -> &Roster {
        &self.roster
    }

    /// What followers are offered from now on.
    pub(crate) fn set_offer(&mut self, offer: Offer) {
        self.offer = Some(offer);
    }

    /// What followers are offered.
    pub(crate) fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// The entry before the first one that is here.
    pub(crate) fn start(&self) -> EntryId {
        self.start
    }

    /// What the entries take up, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn last(&self) -> u64 {
        self.start.index + self.entries.len() as u64
    }

    /// Where an entry after `start` is in memory.
    fn place(&self, index: u64) -> usize {
        usize::try_from(index - self.start.index - 1).expect("the window is in memory")
    }
}

fn ids(nodes: &[NodeId]) -> Vec<u64> {
    nodes.iter().map(|node| node.0).collect()
}

fn conf_state(roster: &Roster) -> ConfState {
    ConfState::from((ids(&roster.voters), ids(&roster.learners)))
}

/// Raft's form of what is offered, or of what a follower has computed.
pub(crate) fn raft_snapshot(entry: EntryId, roster: &Roster) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let metadata = snapshot.mut_metadata();
    metadata.index = entry.index;
    metadata.term = entry.term;
    metadata.set_conf_state(conf_state(roster));
    snapshot
}

impl Storage for Window {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let mut hard_state = HardState::default();
        hard_state.term = self.hard_state.term;
        hard_state.vote = self.hard_state.vote;
        hard_state.commit = self.hard_state.commit;
        Ok(RaftState::new(hard_state, conf_state(&self.roster)))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.start.index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        assert!(
            low <= high && high <= self.last() + 1,
            "Raft asks for what is there"
        );
        let max_size = max_size.into();
        let count_max = if max_size.is_some() {
            APPEND_ENTRIES_MAX
        } else {
            usize::MAX
        };
        let mut bytes = 0;
        let fitting = self
            .entries
            .range(self.place(low)..self.place(high))
            .take(count_max)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry_bytes(entry);
                first || max_size.is_none_or(|max| bytes <= max)
            });
        Ok(fitting.cloned().collect())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.start.index {
            return Ok(self.start.term);
        }
        if index < self.start.index {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        match self.entries.get(self.place(index)) {
            Some(entry) => Ok(entry.term),
            None => Err(raft::Error::Store(StorageError::Unavailable)),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.start.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// The log as it stands, by who takes part now: one that is older might not list the follower,
    /// who would then throw it away (and did, in trials of the raft package).
    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        let offer = self
            .offer
            .filter(|offer| offer.entry.index >= request_index.max(1))
            .filter(|_| self.roster.contains(NodeId(to)));
        match offer {
            Some(offer) => Ok(raft_snapshot(offer.entry, &self.roster)),
            None => Err(raft::Error::Store(
                StorageError::SnapshotTemporarilyUnavailable,
            )),
        }
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
        let roster = Roster {
            voters: vec![NodeId(1), NodeId(2)],
            learners: vec![NodeId(3)],
        };
        Window::new(
            EntryId::default(),
            entries,
            StoredHardState::default(),
            roster,
        )
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

    #[test]
    fn what_is_compacted_is_gone_but_for_the_last_term() {
        let mut window = window();
        window.compact(3);
        window.compact(2);
        assert_eq!(window.start(), EntryId { index: 3, term: 1 });
        assert_eq!(window.bytes(), 2 * 124);
        assert_eq!(
            (window.first_index().unwrap(), window.last_index().unwrap()),
            (4, 5)
        );
        assert_eq!(window.term(3).unwrap(), 1);
        assert_eq!(
            window.term(2),
            Err(raft::Error::Store(StorageError::Compacted))
        );
        assert!(
            window
                .entries(3, 5, None, GetEntriesContext::empty(false))
                .is_err()
        );
        assert_eq!(read(&window, 4, 6, None), [4, 5]);
        window.append(vec![raft_entry(entry(5, 2, 10))]);
        assert_eq!((window.term(5).unwrap(), window.bytes()), (2, 124 + 34));
        window.restart(EntryId { index: 90, term: 4 });
        window.append(vec![raft_entry(entry(91, 4, 10))]);
        assert_eq!((window.last_index().unwrap(), window.bytes()), (91, 34));
    }

    #[test]
    #[should_panic(expected = "committed and never replaced")]
    fn what_is_compacted_is_never_replaced() {
        let mut window = window();
        window.compact(3);
        window.append(vec![raft_entry(entry(3, 2, 10))]);
    }

    #[test]
    fn an_offer_is_made_to_members_only() {
        let mut window = window();
        assert!(window.snapshot(0, 3).is_err());
        let entry = EntryId { index: 5, term: 1 };
        window.set_offer(Offer {
            entry,
            size: 9,
            root: Hash([1; 32]),
        });
        let offered = window.snapshot(5, 3).unwrap();
        assert_eq!(offered.get_metadata().index, 5);
        assert_eq!(offered.get_metadata().get_conf_state().learners, [3]);
        assert!(window.snapshot(6, 3).is_err());
        assert!(window.snapshot(0, 4).is_err());
    }
}
