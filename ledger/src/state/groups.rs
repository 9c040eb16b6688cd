//! An ordered map whose rows are committed to in groups: one record of the trie for each group.
//!
//! Rows that come and go together, or one after the other, would each have a leaf of their own in
//! the trie, and there are many of them: a reading for each meter and interval. A group's rows are
//! hashed together instead (FORMATS.md, section 8), so that the trie stays small.

use crate::codec;
use crate::keys::PublicKey;
use crate::registration::MeterId;
use crate::state::rows::{Part, RowError, RowVisitor, Rows};
use crate::state::trie::Trie;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow, RangeBounds};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

/// A row's key that consists of its group's key and its place in the group. Keys ascend as groups
/// do, and within a group as places do.
pub trait GroupedKey: Ord + Copy {
    /// The key of the group.
    type Group: Ord + Copy + bincode::Encode + bincode::Decode<()>;

    /// The group, and the place in it.
    fn split(self) -> (Self::Group, u8);

    /// The key of a place; a place or group that no key has gives another one's.
    fn join(group: Self::Group, place: u8) -> Self;
}

/// So many points of an interval make a group.
const POINTS_TOGETHER: u64 = 64;
/// So many outcomes of a key make a group.
pub const OUTCOMES_TOGETHER: u64 = 16;

/// The group of a number, and its place in it.
fn part(number: u64, together: u64) -> (u64, u8) {
    let place = u8::try_from(number % together).expect("a group has fewer than 256 places");
    (number / together, place)
}

/// The number of a place; a group that no number has gives another one.
fn whole(group: u64, place: u8, together: u64) -> u64 {
    let first = group.saturating_mul(together);
    first.saturating_add(place.into())
}

/// An interval's points whose numbers differ in their last six bits only.
impl GroupedKey for (DeliveryInterval, PointId) {
    type Group = (DeliveryInterval, u64);

    fn split(self) -> ((DeliveryInterval, u64), u8) {
        let (interval, point) = self;
        let (group, place) = part(point.0.into(), POINTS_TOGETHER);
        ((interval, group), place)
    }

    fn join((interval, group): (DeliveryInterval, u64), place: u8) -> Self {
        let point = whole(group, place, POINTS_TOGETHER);
        (interval, PointId(u32::try_from(point).unwrap_or(u32::MAX)))
    }
}

/// A meter's intervals of one day of UTC.
impl GroupedKey for (MeterId, DeliveryInterval) {
    type Group = (MeterId, u64);

    fn split(self) -> ((MeterId, u64), u8) {
        let (meter, interval) = self;
        let (day, place) = part(interval.0, DeliveryInterval::PER_DAY);
        ((meter, day), place)
    }

    fn join((meter, day): (MeterId, u64), place: u8) -> Self {
        let interval = whole(day, place, DeliveryInterval::PER_DAY);
        (meter, DeliveryInterval(interval))
    }
}

/// [`OUTCOMES_TOGETHER`] events of a key that follow each other.
impl GroupedKey for (PublicKey, u64) {
    type Group = (PublicKey, u64);

    fn split(self) -> ((PublicKey, u64), u8) {
        let (key, sequence) = self;
        let (group, place) = part(sequence, OUTCOMES_TOGETHER);
        ((key, group), place)
    }

    fn join((key, group): (PublicKey, u64), place: u8) -> Self {
        (key, whole(group, place, OUTCOMES_TOGETHER))
    }
}

/// The day of UTC that an interval is in, counted from 1 January 1970.
pub fn day_of(interval: DeliveryInterval) -> u64 {
    interval.0 / DeliveryInterval::PER_DAY
}

/// The rows of one group with their places, in order; never none.
type Members<V> = Vec<(u8, V)>;

/// One kind of record of the state, many of them to a record of the trie.
#[derive(Clone)]
pub struct Groups<K: GroupedKey, V> {
    number: u8,
    groups: BTreeMap<K::Group, Members<V>>,
    changed: BTreeSet<K::Group>,
}

impl<K: GroupedKey, V> Groups<K, V> {
    /// An empty table with its number, which no other table has.
    pub fn new(number: u8) -> Groups<K, V> {
        Groups {
            number,
            groups: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The row of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let (group, place) = key.split();
        let members = self.groups.get(&group)?;
        let found = find(members, place).ok()?;
        Some(&members[found].1)
    }

    /// Whether the key has a row.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Sets a row.
    pub fn insert(&mut self, key: K, value: V) {
        let (group, place) = key.split();
        self.changed.insert(group);
        let members = self.groups.entry(group).or_default();
        match find(members, place) {
            Ok(found) => members[found].1 = value,
            Err(gap) => members.insert(gap, (place, value)),
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (group, place) = key.split();
        let members = self.groups.get_mut(&group)?;
        let found = find(members, place).ok()?;
        let (_, value) = members.remove(found);
        if members.is_empty() {
            self.groups.remove(&group);
        }
        self.changed.insert(group);
        Some(value)
    }

    /// Takes all rows of a group out.
    pub fn remove_group(&mut self, group: &K::Group) {
        if self.groups.remove(group).is_some() {
            self.changed.insert(*group);
        }
    }

    /// Takes all groups of a range of their keys out.
    pub fn remove_groups(&mut self, range: impl RangeBounds<K::Group>) {
        let groups: Vec<K::Group> = self.groups.range(range).map(|(group, _)| *group).collect();
        for group in groups {
            self.remove_group(&group);
        }
    }

    /// The keys of the groups that have rows, in order.
    pub fn groups(&self) -> impl DoubleEndedIterator<Item = &K::Group> {
        self.groups.keys()
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        let rows = self.groups.iter();
        rows.flat_map(|(group, members)| rows_of::<K, V>(*group, members))
    }

    /// The rows of a range of keys, in order.
    pub fn range<R: RangeBounds<K>>(&self, range: R) -> impl DoubleEndedIterator<Item = (K, &V)> {
        let bound = |bound: Bound<&K>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => Bound::Included(key.split().0),
            Bound::Unbounded => Bound::Unbounded,
        };
        let groups = (bound(range.start_bound()), bound(range.end_bound()));
        self.groups.range(groups).flat_map(move |(group, members)| {
            let key = |place: u8| K::join(*group, place);
            let from = members.partition_point(|(place, _)| is_before(&range, &key(*place)));
            let members = &members[from..];
            let until = members.partition_point(|(place, _)| range.contains(&key(*place)));
            rows_of::<K, V>(*group, &members[..until])
        })
    }

    /// How many rows there are, whatever their groups.
    pub fn len(&self) -> usize {
        self.groups.values().map(Vec::len).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl<K: GroupedKey + std::fmt::Debug, V: std::fmt::Debug> std::fmt::Debug for Groups<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Where a place is among the rows of its group, or would be.
fn find<V>(members: &Members<V>, place: u8) -> Result<usize, usize> {
    // Most rows come in their order.
    match members.last() {
        Some((last, _)) if *last < place => Err(members.len()),
        _ => members.binary_search_by_key(&place, |(place, _)| *place),
    }
}

fn is_before<K: Ord>(range: &impl RangeBounds<K>, key: &K) -> bool {
    match range.start_bound() {
        Bound::Included(start) => key < start,
        Bound::Excluded(start) => key <= start,
        Bound::Unbounded => false,
    }
}

fn rows_of<K: GroupedKey, V>(
    group: K::Group,
    members: &[(u8, V)],
) -> impl DoubleEndedIterator<Item = (K, &V)> {
    let rows = members.iter();
    rows.map(move |(place, value)| (K::join(group, *place), value))
}

impl<K, V> Rows for Groups<K, V>
where
    K: GroupedKey,
    V: bincode::Encode + bincode::Decode<()>,
{
    fn number(&self) -> u8 {
        self.number
    }

    fn count(&self) -> u64 {
        self.groups.len() as u64
    }

    fn commit(&mut self, trie: &mut Trie) {
        let (mut path, mut value) = (Vec::new(), Vec::new());
        for group in std::mem::take(&mut self.changed) {
            path.clear();
            path.push(self.number);
            codec::encode_onto(&group, &mut path);
            match self.groups.get(&group) {
                Some(members) => {
                    value.clear();
                    codec::encode_onto(members, &mut value);
                    trie.insert(&path, &value);
                }
                None => trie.remove(&path),
            }
        }
    }

    fn each(&self, visit: &mut RowVisitor<'_>) -> ControlFlow<()> {
        for (group, members) in &self.groups {
            let mut bytes = vec![self.number];
            codec::encode_onto(group, &mut bytes);
            visit(&bytes, &codec::encode(members))?;
        }
        ControlFlow::Continue(())
    }

    fn clear(&mut self) {
        *self = Groups::new(self.number);
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError> {
        let number = self.number;
        let Some((&first, key_bytes)) = key.split_first() else {
            return Err(RowError::NoTable(None));
        };
        if first != number {
            return Err(RowError::NoTable(Some(first)));
        }
        let malformed = RowError::Malformed(number);
        let group: K::Group = codec::decode(key_bytes).map_err(|_| malformed.clone())?;
        let members: Members<V> = codec::decode(value).map_err(|_| malformed.clone())?;
        // One value has one encoding: another one would be another state with the same meaning.
        let is_canonical = codec::encode(&group) == key_bytes && codec::encode(&members) == value;
        let ascends = members.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let are_places = members
            .iter()
            .all(|(place, _)| K::join(group, *place).split() == (group, *place));
        if !is_canonical || members.is_empty() || !ascends || !are_places {
            return Err(malformed);
        }
        let last = self.groups.last_key_value();
        if last.is_some_and(|(last, _)| *last >= group) {
            return Err(RowError::Order(number));
        }
        self.groups.insert(group, members);
        Ok(())
    }
}

impl<K, V> Part for Groups<K, V>
where
    K: GroupedKey,
    V: bincode::Encode + bincode::Decode<()>,
{
    fn tables<'a>(&'a self, found: &mut Vec<&'a dyn Rows>) {
        found.push(self);
    }

    fn tables_mut<'a>(&'a mut self, found: &mut Vec<&'a mut dyn Rows>) {
        found.push(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::table::Table;
    use proptest::prelude::*;

    type Key = (MeterId, DeliveryInterval);

    fn key() -> impl Strategy<Value = Key> {
        let meters = 0u32..3;
        (meters, 0u64..300).prop_map(|(meter, at)| (MeterId(meter), DeliveryInterval(at)))
    }

    proptest! {
        /// Groups are a map like any other: what they say of rows is what a plain table says.
        #[test]
        fn rows_are_those_of_a_plain_table(
            steps in prop::collection::vec((key(), prop::option::of(any::<i64>())), 0..200),
            ends in (key(), key()),
        ) {
            let mut groups: Groups<Key, i64> = Groups::new(12);
            let mut table: Table<Key, i64> = Table::new(12);
            for (key, value) in steps {
                match value {
                    Some(value) => {
                        groups.insert(key, value);
                        table.insert(key, value);
                    }
                    None => prop_assert_eq!(groups.remove(&key), table.remove(&key)),
                }
                prop_assert_eq!(groups.get(&key), table.get(&key));
            }
            let plain = |rows: Vec<(&Key, &i64)>| -> Vec<(Key, i64)> {
                rows.into_iter().map(|(key, value)| (*key, *value)).collect()
            };
            let grouped = |rows: Vec<(Key, &i64)>| -> Vec<(Key, i64)> {
                rows.into_iter().map(|(key, value)| (key, *value)).collect()
            };
            prop_assert_eq!(groups.len(), table.len());
            prop_assert_eq!(grouped(groups.iter().collect()), plain(table.iter().collect()));
            let (from, to) = (ends.0.min(ends.1), ends.0.max(ends.1));
            prop_assert_eq!(
                grouped(groups.range(from..to).collect()),
                plain(table.range(from..to).collect())
            );
            prop_assert_eq!(
                grouped(groups.range(from..=to).rev().collect()),
                plain(table.range(from..=to).rev().collect())
            );
        }

        /// The trie follows the content alone, and what was handed out reads back as the same.
        #[test]
        fn the_trie_has_one_record_for_each_group(
            steps in prop::collection::vec((key(), prop::option::of(any::<i64>())), 0..100),
        ) {
            let (mut groups, mut trie) = (Groups::<Key, i64>::new(12), Trie::default());
            for (key, value) in steps {
                match value {
                    Some(value) => groups.insert(key, value),
                    None => drop(groups.remove(&key)),
                }
                if key.1.0 % 7 == 0 {
                    groups.commit(&mut trie);
                }
            }
            groups.commit(&mut trie);
            let (mut again, mut other) = (Groups::<Key, i64>::new(12), Trie::default());
            let visited = groups.each(&mut |key, value| {
                again.load(key, value).expect("what was handed out is well formed");
                other.insert(key, value);
                ControlFlow::Continue(())
            });
            prop_assert!(visited.is_continue());
            prop_assert_eq!(again.groups, groups.groups);
            prop_assert_eq!(trie.root(), other.root());
        }
    }

    fn loaded(key: (u32, u64), members: &[(u8, i64)]) -> Result<(), RowError> {
        let mut groups: Groups<Key, i64> = Groups::new(12);
        let mut bytes = vec![12];
        bytes.extend(codec::encode(&key));
        groups.load(&bytes, &codec::encode(&members.to_vec()))
    }

    #[test]
    fn a_group_that_no_rows_make_is_refused() {
        assert_eq!(loaded((1, 2), &[(0, 5), (95, 6)]), Ok(()));
        let malformed = Err(RowError::Malformed(12));
        assert_eq!(loaded((1, 2), &[]), malformed, "no rows");
        assert_eq!(
            loaded((1, 2), &[(3, 5), (3, 6)]),
            malformed,
            "one place twice"
        );
        assert_eq!(loaded((1, 2), &[(4, 5), (3, 6)]), malformed, "not in order");
        assert_eq!(loaded((1, 2), &[(96, 5)]), malformed, "a day has 96 places");
        assert_eq!(loaded((1, u64::MAX), &[(1, 5)]), malformed, "no such day");
    }
}
