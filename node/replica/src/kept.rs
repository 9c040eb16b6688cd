//! Receipts of events that are applied, until a seal covers them.
//!
//! An event that is applied late is a broken promise all the same, and the leader's receipt says
//! by whom. Whoever was promised it can fetch the receipts until the log around it is sealed.

use crate::limits::{KEPT_BYTES_MAX, KEPT_EVENTS_MAX};
use std::collections::BTreeMap;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::receipt::Receipt;

/// Applied events with their receipts, by their leaves.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    promises: BTreeMap<u64, (SignedEvent, Vec<Receipt>)>,
    leaves: BTreeMap<Hash, u64>,
    bytes: usize,
}

impl Kept {
    /// Keeps the receipts of an event that was applied.
    pub(crate) fn insert(&mut self, leaf: u64, event: SignedEvent, receipts: Vec<Receipt>) {
        self.bytes += event.bytes().len();
        self.leaves.insert(event.hash(), leaf);
        let before = self.promises.insert(leaf, (event, receipts));
        assert!(before.is_none(), "a leaf is of one event");
    }

    /// An event.
    pub(crate) fn event(&self, hash: &Hash) -> Option<&SignedEvent> {
        let promise = self.promises.get(self.leaves.get(hash)?)?;
        Some(&promise.0)
    }

    /// Its receipts.
    pub(crate) fn receipts(&self, hash: &Hash) -> &[Receipt] {
        let leaf = self.leaves.get(hash);
        let promise = leaf.and_then(|leaf| self.promises.get(leaf));
        promise.map_or(&[], |promise| promise.1.as_slice())
    }

    /// Its receipts, to add one that came late.
    pub(crate) fn receipts_mut(&mut self, hash: &Hash) -> Option<&mut Vec<Receipt>> {
        let promise = self.promises.get_mut(self.leaves.get(hash)?)?;
        Some(&mut promise.1)
    }

    /// Takes out what a seal of this size covers, and the oldest past the bounds.
    pub(crate) fn take_outdated(&mut self, sealed: u64) -> Vec<Hash> {
        let mut outdated = Vec::new();
        while let Some(first) = self.promises.first_entry() {
            let is_full = self.leaves.len() > KEPT_EVENTS_MAX || self.bytes > KEPT_BYTES_MAX;
            if *first.key() >= sealed && !is_full {
                break;
            }
            let (event, _) = first.remove();
            self.bytes -= event.bytes().len();
            self.leaves.remove(&event.hash());
            outdated.push(event.hash());
        }
        outdated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::event;

    #[test]
    fn receipts_stay_until_a_seal_covers_the_leaf() {
        let mut kept = Kept::default();
        for sequence in 1..=3 {
            kept.insert(sequence * 10, event(1, sequence), Vec::new());
        }
        assert!(kept.take_outdated(10).is_empty());
        assert_eq!(
            kept.take_outdated(21),
            [event(1, 1).hash(), event(1, 2).hash()]
        );
        assert_eq!(kept.event(&event(1, 2).hash()), None);
        assert_eq!(kept.event(&event(1, 3).hash()), Some(&event(1, 3)));
        assert_eq!(kept.bytes, event(1, 3).bytes().len());
    }

    #[test]
    fn the_oldest_go_where_nothing_seals() {
        let mut kept = Kept::default();
        let count = KEPT_EVENTS_MAX as u64 + 2;
        for sequence in 1..=count {
            kept.insert(sequence, event(1, sequence), Vec::new());
        }
        assert_eq!(
            kept.take_outdated(0),
            [event(1, 1).hash(), event(1, 2).hash()]
        );
        assert!(kept.take_outdated(0).is_empty());
        assert_eq!(kept.take_outdated(u64::MAX).len(), KEPT_EVENTS_MAX);
        assert_eq!(kept.bytes, 0);
    }
}
