//! Which keys of a table changed since the state root was last asked for.

/// Below so many keys nothing is sorted before they are asked for.
const UNSORTED_MAX: usize = 1_024;

/// Keys of changed rows, or: all rows.
///
/// They are written down as they come, often the same one several times, and sorted only when
/// they are asked for, or when they have doubled since: there are never many more than twice the
/// changed rows.
#[derive(Debug, Clone)]
pub(crate) struct Changes<K> {
    /// None: every row counts as changed, and none is written down.
    keys: Option<Vec<K>>,
    /// With so many keys they are sorted, and each kept once.
    sort_at: usize,
}

impl<K: Ord + Clone> Changes<K> {
    /// No row has changed.
    pub(crate) const fn none() -> Changes<K> {
        Changes {
            keys: Some(Vec::new()),
            sort_at: UNSORTED_MAX,
        }
    }

    /// Every row counts as changed.
    pub(crate) const fn all() -> Changes<K> {
        Changes {
            keys: None,
            sort_at: UNSORTED_MAX,
        }
    }

    /// Writes a changed row's key down.
    pub(crate) fn note(&mut self, key: &K) {
        let Some(keys) = &mut self.keys else {
            return;
        };
        // Who writes a row often writes it again.
        if keys.last() == Some(key) {
            return;
        }
        keys.push(key.clone());
        if keys.len() >= self.sort_at {
            sort(keys);
            self.sort_at = UNSORTED_MAX.max(2 * keys.len());
        }
    }

    /// The keys in order, each once, or nothing if all rows count; none has changed from now on.
    pub(crate) fn take(&mut self) -> Option<Vec<K>> {
        let taken = std::mem::replace(self, Changes::none());
        let mut keys = taken.keys?;
        sort(&mut keys);
        Some(keys)
    }
}

fn sort<K: Ord>(keys: &mut Vec<K>) {
    keys.sort_unstable();
    keys.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn each_changed_key_is_there_once_and_in_order(
            rounds in prop::collection::vec(
                (1u32..3_000, prop::collection::vec(any::<u32>(), 0..5_000)),
                1..4,
            ),
        ) {
            let mut changes = Changes::none();
            for (distinct, keys) in rounds {
                let keys: Vec<u32> = keys.into_iter().map(|key| key % distinct).collect();
                for key in &keys {
                    changes.note(key);
                    let kept = changes.keys.as_ref().map_or(0, Vec::len);
                    prop_assert!(kept < UNSORTED_MAX.max(2 * distinct as usize + 1));
                }
                let expected: BTreeSet<u32> = keys.into_iter().collect();
                let taken = changes.take().expect("not all rows count");
                prop_assert_eq!(taken, expected.into_iter().collect::<Vec<u32>>());
            }
        }
    }

    #[test]
    fn where_all_rows_count_no_key_is_kept_until_they_are_asked_for() {
        let mut changes = Changes::all();
        changes.note(&1);
        assert_eq!(changes.keys, None);
        assert_eq!(changes.take(), None);
        changes.note(&2);
        assert_eq!(changes.take(), Some(vec![2]));
    }
}
