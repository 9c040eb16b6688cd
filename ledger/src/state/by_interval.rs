//! A table whose rows belong to delivery intervals: what an interval has is found together, walked
//! together and taken out together.
//!
//! Rows that come and go between two seals, as most orders of a replay do, never reach the trie,
//! and nothing of them is remembered.

use crate::codec;
use crate::state::rows::{RowError, RowVisitor, Rows, read_row};
use crate::state::table::Record;
use crate::state::trie::Trie;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use wattle_market::interval::DeliveryInterval;

/// One kind of record of the state, whose key is an interval and a name within it.
///
/// A record's key in the trie is the table's number followed by the encoded key.
#[derive(Debug, Clone)]
pub struct ByInterval<K, V> {
    number: u8,
    /// Never one without rows.
    intervals: BTreeMap<DeliveryInterval, Interval<K, V>>,
    /// Rows that the trie has and that are gone.
    gone: Vec<(DeliveryInterval, K)>,
}

/// What an interval has.
#[derive(Debug, Clone)]
struct Interval<K, V> {
    rows: BTreeMap<K, Row<V>>,
    /// Names of rows that differ from the trie's; also some that are gone again.
    changed: Vec<K>,
}

#[derive(Debug, Clone)]
struct Row<V> {
    value: V,
    is_in_trie: bool,
    is_changed: bool,
}

impl<K: Ord + Copy, V> Interval<K, V> {
    fn insert(&mut self, name: K, value: V) {
        match self.rows.get_mut(&name) {
            Some(row) => {
                row.value = value;
                row.note_change(name, &mut self.changed);
            }
            None => {
                self.changed.push(name);
                self.rows.insert(name, Row::new(value));
            }
        }
    }
}

impl<V> Row<V> {
    /// A row that the trie has not seen, and that is noted as changed.
    fn new(value: V) -> Row<V> {
        Row {
            value,
            is_in_trie: false,
            is_changed: true,
        }
    }

    fn note_change<K>(&mut self, name: K, changed: &mut Vec<K>) {
        if !self.is_changed {
            self.is_changed = true;
            changed.push(name);
        }
    }
}

impl<K: Ord + Copy, V> ByInterval<K, V> {
    /// An empty table with its number, which no other table has.
    pub fn new(number: u8) -> ByInterval<K, V> {
        ByInterval {
            number,
            intervals: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// The row of a key.
    pub fn get(&self, (interval, name): &(DeliveryInterval, K)) -> Option<&V> {
        let row = self.intervals.get(interval)?.rows.get(name)?;
        Some(&row.value)
    }

    /// The row of a key, to be changed.
    pub fn get_mut(&mut self, (interval, name): &(DeliveryInterval, K)) -> Option<&mut V> {
        let of_interval = self.intervals.get_mut(interval)?;
        let row = of_interval.rows.get_mut(name)?;
        row.note_change(*name, &mut of_interval.changed);
        Some(&mut row.value)
    }

    /// The row of a key, made if it is not there, to be changed.
    pub fn entry(&mut self, (interval, name): (DeliveryInterval, K)) -> &mut V
    where
        V: Default,
    {
        let Interval { rows, changed } = self.interval(interval);
        let row = rows.entry(name).or_insert_with(|| {
            changed.push(name);
            Row::new(V::default())
        });
        row.note_change(name, changed);
        &mut row.value
    }

    /// Sets a row.
    pub fn insert(&mut self, (interval, name): (DeliveryInterval, K), value: V) {
        self.interval(interval).insert(name, value);
    }

    fn interval(&mut self, interval: DeliveryInterval) -> &mut Interval<K, V> {
        self.intervals.entry(interval).or_insert_with(|| Interval {
            rows: BTreeMap::new(),
            changed: Vec::new(),
        })
    }

    /// Takes a row out.
    pub fn remove(&mut self, (interval, name): &(DeliveryInterval, K)) -> Option<V> {
        let of_interval = self.intervals.get_mut(interval)?;
        let row = of_interval.rows.remove(name)?;
        if of_interval.rows.is_empty() {
            self.intervals.remove(interval);
        }
        if row.is_in_trie {
            self.gone.push((*interval, *name));
        }
        Some(row.value)
    }

    /// Takes all rows of an interval out, in the order of their names.
    pub fn take(&mut self, interval: DeliveryInterval) -> Vec<(K, V)> {
        let Some(taken) = self.intervals.remove(&interval) else {
            return Vec::new();
        };
        let mut rows = Vec::with_capacity(taken.rows.len());
        for (name, row) in taken.rows {
            if row.is_in_trie {
                self.gone.push((interval, name));
            }
            rows.push((name, row.value));
        }
        rows
    }

    /// Whether the key has a row.
    pub fn contains(&self, key: &(DeliveryInterval, K)) -> bool {
        self.get(key).is_some()
    }

    /// The rows of an interval in the order of their names.
    pub fn of(&self, interval: DeliveryInterval) -> impl Iterator<Item = (&K, &V)> {
        let rows = self.intervals.get(&interval).into_iter();
        rows.flat_map(|of_interval| &of_interval.rows)
            .map(|(name, row)| (name, &row.value))
    }

    /// How many rows an interval has.
    pub fn count_of(&self, interval: DeliveryInterval) -> usize {
        let of_interval = self.intervals.get(&interval);
        of_interval.map_or(0, |of_interval| of_interval.rows.len())
    }

    /// The rows of all intervals from one on, in the order of their keys.
    pub fn from(
        &self,
        first: DeliveryInterval,
    ) -> impl Iterator<Item = ((DeliveryInterval, K), &V)> {
        let intervals = self.intervals.range(first..);
        intervals.flat_map(|(interval, of_interval)| {
            let rows = of_interval.rows.iter();
            rows.map(|(name, row)| ((*interval, *name), &row.value))
        })
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = ((DeliveryInterval, K), &V)> {
        self.from(DeliveryInterval(0))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        let intervals = self.intervals.values();
        intervals.map(|of_interval| of_interval.rows.len()).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }
}

impl<K, V> Rows for ByInterval<K, V>
where
    K: Ord + Copy + bincode::Encode + bincode::Decode<()>,
    V: bincode::Encode + bincode::Decode<()>,
{
    fn number(&self) -> u8 {
        self.number
    }

    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn commit(&mut self, trie: &mut Trie) {
        let mut record = Record::default();
        for key in std::mem::take(&mut self.gone) {
            record.set::<_, V>(trie, self.number, &key, None);
        }
        for (interval, Interval { rows, changed }) in &mut self.intervals {
            for name in changed.drain(..) {
                let Some(row) = rows.get_mut(&name).filter(|row| row.is_changed) else {
                    continue;
                };
                record.set(trie, self.number, &(*interval, name), Some(&row.value));
                (row.is_in_trie, row.is_changed) = (true, false);
            }
        }
    }

    fn count_all_as_changed(&mut self) {
        self.gone.clear();
        for Interval { rows, changed } in self.intervals.values_mut() {
            changed.clear();
            changed.extend(rows.keys().copied());
            for row in rows.values_mut() {
                (row.is_in_trie, row.is_changed) = (false, true);
            }
        }
    }

    fn each(&self, visit: &mut RowVisitor<'_>) -> ControlFlow<()> {
        for (key, value) in self.iter() {
            let mut bytes = vec![self.number];
            codec::encode_onto(&key, &mut bytes);
            visit(&bytes, &codec::encode(value))?;
        }
        ControlFlow::Continue(())
    }

    fn clear(&mut self) {
        *self = ByInterval::new(self.number);
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError> {
        let number = self.number;
        let (key, value) = read_row::<(DeliveryInterval, K), V>(number, key, value)?;
        let last = self.intervals.last_key_value();
        let last = last.and_then(|(interval, of_interval)| {
            let (name, _) = of_interval.rows.last_key_value()?;
            Some((*interval, *name))
        });
        if last.is_some_and(|last| last >= key) {
            return Err(RowError::Order(number));
        }
        let row = Row {
            value,
            is_in_trie: true,
            is_changed: false,
        };
        self.interval(key.0).rows.insert(key.1, row);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::table::Table;
    use proptest::prelude::*;

    type Key = (DeliveryInterval, u16);

    #[derive(Debug, Clone)]
    enum Step {
        Insert(Key, i64),
        Add(Key, i64),
        Change(Key, i64),
        Remove(Key),
        Take(DeliveryInterval),
        Commit,
        Defer,
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = || (0u64..4, 0u16..6).prop_map(|(at, name)| (DeliveryInterval(at), name));
        prop_oneof![
            4 => (key(), any::<i64>()).prop_map(|(key, value)| Step::Insert(key, value)),
            2 => (key(), -9i64..9).prop_map(|(key, value)| Step::Add(key, value)),
            2 => (key(), any::<i64>()).prop_map(|(key, value)| Step::Change(key, value)),
            3 => key().prop_map(Step::Remove),
            1 => (0u64..4).prop_map(|at| Step::Take(DeliveryInterval(at))),
            2 => Just(Step::Commit),
            1 => Just(Step::Defer),
        ]
    }

    fn take_plain(table: &mut Table<Key, i64>, interval: DeliveryInterval) -> Vec<(u16, i64)> {
        let range = (interval, 0)..(interval.next(), 0);
        let names: Vec<u16> = table.range(range).map(|((_, name), _)| *name).collect();
        let take = |name: u16| (name, table.remove(&(interval, name)).unwrap());
        names.into_iter().map(take).collect()
    }

    proptest! {
        /// What it says of rows is what a plain table says, and so is its part of the trie,
        /// whenever that is brought up; what was handed out reads back as the same.
        #[test]
        fn rows_and_records_are_those_of_a_plain_table(
            steps in prop::collection::vec(step(), 0..120),
        ) {
            let mut rows: ByInterval<u16, i64> = ByInterval::new(9);
            let mut table: Table<Key, i64> = Table::new(9);
            let (mut trie, mut plain) = (Trie::default(), Trie::default());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        rows.insert(key, value);
                        table.insert(key, value);
                    }
                    Step::Add(key, value) => {
                        let row = rows.entry(key);
                        *row = row.wrapping_add(value);
                        let row = table.entry(key);
                        *row = row.wrapping_add(value);
                    }
                    Step::Change(key, value) => {
                        let changed = rows.get_mut(&key).map(|row| *row = value);
                        prop_assert_eq!(changed, table.get_mut(&key).map(|row| *row = value));
                    }
                    Step::Remove(key) => prop_assert_eq!(rows.remove(&key), table.remove(&key)),
                    Step::Take(at) => prop_assert_eq!(rows.take(at), take_plain(&mut table, at)),
                    Step::Commit => {
                        Rows::commit(&mut rows, &mut trie);
                        Table::commit(&mut table, &mut plain);
                        prop_assert_eq!(trie.root(), plain.root());
                        prop_assert!(rows.gone.is_empty());
                    }
                    Step::Defer => {
                        (trie, plain) = (Trie::default(), Trie::default());
                        Rows::count_all_as_changed(&mut rows);
                        Rows::count_all_as_changed(&mut table);
                    }
                }
                prop_assert_eq!(rows.len(), table.len());
                prop_assert_eq!(rows.is_empty(), table.is_empty());
            }
            let all: Vec<(Key, i64)> = rows.iter().map(|(key, value)| (key, *value)).collect();
            let plainly = table.iter().map(|(key, value)| (*key, *value));
            prop_assert_eq!(&all, &plainly.collect::<Vec<_>>());
            for at in (0..5).map(DeliveryInterval) {
                let of = rows.of(at).map(|(name, row)| ((at, *name), *row));
                let of: Vec<(Key, i64)> = of.collect();
                prop_assert_eq!(of.len(), rows.count_of(at));
                let plainly = all.iter().filter(|((interval, _), _)| *interval == at);
                prop_assert_eq!(of, plainly.copied().collect::<Vec<_>>());
                let from: Vec<(Key, i64)> = rows.from(at).map(|(key, row)| (key, *row)).collect();
                let plainly = all.iter().filter(|((interval, _), _)| *interval >= at);
                prop_assert_eq!(from, plainly.copied().collect::<Vec<_>>());
            }
            Rows::commit(&mut rows, &mut trie);
            let mut again: ByInterval<u16, i64> = ByInterval::new(9);
            let mut handed_out = Trie::default();
            let visited = rows.each(&mut |key, value| {
                again.load(key, value).expect("what was handed out is well formed");
                handed_out.insert(key, value);
                ControlFlow::Continue(())
            });
            prop_assert!(visited.is_continue());
            prop_assert_eq!(handed_out.root(), trie.root());
            // What was read back is in the trie already, and goes out of it again.
            Rows::commit(&mut again, &mut handed_out);
            prop_assert_eq!(handed_out.root(), trie.root());
            for at in (0..4).map(DeliveryInterval) {
                prop_assert_eq!(again.take(at), rows.take(at));
            }
            Rows::commit(&mut again, &mut handed_out);
            prop_assert_eq!(handed_out.root(), Trie::default().root());
        }
    }

    #[test]
    fn rows_that_come_and_go_between_seals_leave_nothing_behind() {
        let mut rows: ByInterval<u16, i64> = ByInterval::new(9);
        for at in (0..100).map(DeliveryInterval) {
            rows.insert((at, 1), 5);
            *rows.entry((at, 2)) += 1;
            assert_eq!(rows.remove(&(at, 1)), Some(5));
            assert_eq!(rows.take(at), [(2, 1)]);
        }
        assert!(rows.gone.is_empty() && rows.intervals.is_empty());
    }

    #[test]
    fn rows_that_do_not_ascend_are_refused() {
        let mut rows: ByInterval<u16, i64> = ByInterval::new(9);
        let mut load = |at: u64, name: u16| {
            let mut key = vec![9];
            codec::encode_onto(&(at, name), &mut key);
            rows.load(&key, &codec::encode(&1i64))
        };
        assert_eq!(load(2, 3), Ok(()));
        assert_eq!(load(2, 4), Ok(()));
        assert_eq!(load(2, 4), Err(RowError::Order(9)));
        assert_eq!(load(1, 9), Err(RowError::Order(9)));
        assert_eq!(load(3, 0), Ok(()));
        assert_eq!(rows.load(&[8], &[]), Err(RowError::NoTable(Some(8))));
        assert_eq!(rows.load(&[9, 1], &[]), Err(RowError::Malformed(9)));
    }
}
