//! Which partial files are still in the folder, and for how long.

use std::collections::{BTreeSet, VecDeque};
use wattle_ledger::log::tiles::{TilePath, partials_of};

/// Published checkpoints whose partial files stay, the last one's among them. A park that seals
/// each minute gives a copy that took `checkpoint` first an hour for the rest.
pub(super) const SETS_MAX: usize = 60;
/// Bytes of these files; beyond them the oldest go sooner. The last two checkpoints' always stay.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A copy that took the checkpoint just before another is published must find its files.
const SETS_MIN: usize = 2;

/// The partial files of the last published checkpoints, the oldest first.
#[derive(Debug, Default)]
pub(super) struct KeptPartials {
    sets: VecDeque<Set>,
}

#[derive(Debug)]
struct Set {
    size: u64,
    bytes: u64,
}

impl KeptPartials {
    /// Those of checkpoints that were published before the start, by their sizes in order. What
    /// they take on the disk is not known any more, and counts as nothing until they go.
    pub(super) fn of(sizes: impl DoubleEndedIterator<Item = u64>) -> KeptPartials {
        let mut sets: VecDeque<Set> = sizes
            .rev()
            .take(SETS_MAX)
            .map(|size| Set { size, bytes: 0 })
            .collect();
        sets.make_contiguous().reverse();
        KeptPartials { sets }
    }

    /// Sizes of the checkpoints, the oldest first.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.sets.iter().map(|set| set.size)
    }

    /// Takes in a checkpoint with the bytes of its partial files. What no checkpoint that stays
    /// needs any more comes back, to be removed.
    pub(super) fn publish(&mut self, size: u64, bytes: u64) -> Vec<TilePath> {
        self.sets.retain(|set| set.size != size);
        self.sets.push_back(Set { size, bytes });
        let mut outdated = Vec::new();
        while self.is_too_much() {
            outdated.extend(self.sets.pop_front().map(|set| set.size));
        }
        let needed: BTreeSet<TilePath> = self.sizes().flat_map(partials_of).collect();
        let gone = outdated.into_iter().flat_map(partials_of);
        gone.filter(|path| !needed.contains(path)).collect()
    }

    fn is_too_much(&self) -> bool {
        let bytes: u64 = self.sets.iter().map(|set| set.bytes).sum();
        self.sets.len() > SETS_MAX || (self.sets.len() > SETS_MIN && bytes > BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_with_the_last_checkpoint_that_needs_them() {
        let mut kept = KeptPartials::of(1..=3);
        for size in 4..=60 {
            assert_eq!(kept.publish(size, 10), [], "{size}");
        }
        let gone: Vec<String> = kept
            .publish(61, 10)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(gone, ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(
            kept.publish(61, 10),
            [],
            "the same size again is the same checkpoint"
        );
        // Trees of 600 and 700 leaves share the partial tile of level 1.
        let mut kept = KeptPartials::of([600, 700].into_iter());
        let gone = kept.publish(701, BYTES_MAX + 1);
        let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
        assert_eq!(gone, ["tile/0/002.p/88", "tile/entries/002.p/88"]);
        assert_eq!(kept.sizes().collect::<Vec<_>>(), [700, 701]);
    }

    #[test]
    fn only_the_last_checkpoints_of_before_the_start_count() {
        let kept = KeptPartials::of(1..=100);
        assert_eq!(
            kept.sizes().collect::<Vec<_>>(),
            (41..=100).collect::<Vec<_>>()
        );
    }
}
