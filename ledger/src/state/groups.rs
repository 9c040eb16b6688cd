//! An ordered map whose rows are committed to in groups: one record of the trie for each group.
//!
//! Rows that come and go together, or one after the other, would each have a leaf of their own in
//! the trie, and there are many of them: a reading for each meter and interval. A group's rows are
//! hashed together instead (FORMATS.md, section 8), so that the trie stays small.

mod key;
mod place;

pub use key::{GroupedKey, OUTCOMES_TOGETHER, day_of};
pub use place::{Owned, Place, Walk};

use crate::codec;
use crate::state::changes::Changes;
use crate::state::rows::{RowError, RowVisitor, Rows, read_row};
use crate::state::table::Record;
use crate::state::trie::Trie;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range, RangeBounds};

/// The key of a group: its owner and its number.
type GroupKey<K> = (<K as GroupedKey>::Owner, u64);

/// The rows of one group with their places, in order; never none.
type Members<V> = Vec<(u8, V)>;

/// One group of an owner.
#[derive(Debug, Clone, PartialEq)]
struct Group<V> {
    number: u64,
    members: Members<V>,
}

/// One kind of record of the state, many of them to a record of the trie.
#[derive(Clone)]
pub struct Groups<K: GroupedKey, V> {
    number: u8,
    /// Each owner's groups, in order; never none.
    owners: BTreeMap<K::Owner, Vec<Group<V>>>,
    changed: Changes<GroupKey<K>>,
}

impl<K: GroupedKey, V> Groups<K, V> {
    /// An empty table with its number, which no other table has.
    pub fn new(number: u8) -> Groups<K, V> {
        Groups {
            number,
            owners: BTreeMap::new(),
            changed: Changes::none(),
        }
    }

    /// The row of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let (owner, number, place) = key.split();
        let members = self.members((owner, number))?;
        let found = find(members, place).ok()?;
        Some(&members[found].1)
    }

    /// Whether the key has a row.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// The rows of a group.
    fn members(&self, (owner, number): GroupKey<K>) -> Option<&Members<V>> {
        let groups = self.groups_of(&owner);
        let found = find_group(groups, number).ok()?;
        Some(&groups[found].members)
    }

    /// An owner's groups.
    fn groups_of(&self, owner: &K::Owner) -> &[Group<V>] {
        self.owners.get(owner).map_or(&[], Vec::as_slice)
    }

    /// The place of a key, for one search whatever is then asked of it.
    pub fn place(&self, key: K) -> Place<'_, K, V> {
        Place::of(key, self.groups_of(&key.split().0))
    }

    /// Looks at one key after the other; see [`Walk`].
    pub fn walk(&self) -> Walk<'_, K, V> {
        let ahead = self.owners.iter().peekable();
        Walk { rows: self, ahead }
    }

    /// Does something with the rows of one owner, who is looked for once.
    pub fn with_owner<T>(&mut self, owner: K::Owner, act: impl FnOnce(Owned<'_, K, V>) -> T) -> T {
        let groups = self.owners.entry(owner).or_default();
        let done = act(Owned {
            owner,
            groups,
            changed: &mut self.changed,
        });
        if groups.is_empty() {
            self.owners.remove(&owner);
        }
        done
    }

    /// Sets a row.
    pub fn insert(&mut self, key: K, value: V) {
        self.insert_and_forget(key, value, 0);
    }

    /// Sets a row, and takes its owner's groups out whose numbers lie before one: all with one
    /// search.
    pub fn insert_and_forget(&mut self, key: K, value: V, before: u64) {
        let (owner, number, _) = key.split();
        let groups = self.owners.entry(owner).or_default();
        let changed = &mut self.changed;
        put(groups, changed, key, value);
        forget(changed, owner, groups, before.min(number), 0);
    }

    /// Sets rows. Each owner is looked for once, where its rows come one after the other.
    pub fn insert_all(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
        let mut rows = rows.into_iter().peekable();
        while let Some((key, value)) = rows.next() {
            let (owner, _, _) = key.split();
            let groups = self.owners.entry(owner).or_default();
            put(groups, &mut self.changed, key, value);
            while let Some((key, value)) = rows.next_if(|(key, _)| key.split().0 == owner) {
                put(groups, &mut self.changed, key, value);
            }
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let (owner, number, place) = key.split();
        let groups = self.owners.get_mut(&owner)?;
        let group = find_group(groups, number).ok()?;
        let members = &mut groups[group].members;
        let found = find(members, place).ok()?;
        let (_, value) = members.remove(found);
        self.changed.note(&(owner, number));
        if members.is_empty() {
            self.drain(owner, group..group + 1);
        }
        Some(value)
    }

    /// Takes all groups out whose numbers lie before one, save for the latest of each owner.
    pub fn forget_all_but_latest(&mut self, before: u64) {
        for (owner, groups) in &mut self.owners {
            forget(&mut self.changed, *owner, groups, before, 1);
        }
    }

    /// Takes all groups of a range of their keys out.
    pub fn remove_groups(&mut self, range: impl RangeBounds<(K::Owner, u64)>) {
        let bound = |bound: Bound<&(K::Owner, u64)>| bound.map(|(owner, _)| *owner);
        let owners = self.owners.range(closed(&range, bound));
        let within = |owner: K::Owner, groups: &[Group<V>]| {
            let from = groups.partition_point(|group| is_before(&range, &(owner, group.number)));
            let until = groups.partition_point(|group| !is_behind(&range, &(owner, group.number)));
            (owner, from..until)
        };
        let spans: Vec<_> = owners
            .map(|(owner, groups)| within(*owner, groups))
            .collect();
        for (owner, span) in spans {
            self.drain(owner, span);
        }
    }

    /// Takes groups of an owner out by their places among them.
    fn drain(&mut self, owner: K::Owner, span: Range<usize>) {
        let Some(groups) = self.owners.get_mut(&owner) else {
            return;
        };
        for group in groups.drain(span) {
            self.changed.note(&(owner, group.number));
        }
        if groups.is_empty() {
            self.owners.remove(&owner);
        }
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.range(..)
    }

    /// The rows of a range of keys, in order.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (K, &V)> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        let owners = closed(&range, |bound: Bound<&K>| bound.map(|key| key.split().0));
        let owners = self.owners.range(owners);
        owners.flat_map(move |(owner, groups)| {
            let key = |number, place: &u8| K::join(*owner, number, *place);
            // Groups that end before the range, or begin behind it, are not gone through.
            let is_over = |group: &Group<V>| {
                let last = group.last();
                last.is_none_or(|(number, (place, _))| is_before(&range, &key(number, place)))
            };
            let has_begun = |group: &Group<V>| {
                let first = group.first();
                first.is_none_or(|(number, (place, _))| !is_behind(&range, &key(number, place)))
            };
            let from = groups.partition_point(is_over);
            let groups = &groups[from..];
            let groups = &groups[..groups.partition_point(has_begun)];
            groups
                .iter()
                .flat_map(move |group| rows_within(*owner, group, range))
        })
    }

    /// How many rows there are, whatever their groups.
    pub fn len(&self) -> usize {
        let groups = self.owners.values().flatten();
        groups.map(|group| group.members.len()).sum()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

impl<V> Group<V> {
    /// The first row, with the group's number.
    fn first(&self) -> Option<(u64, &(u8, V))> {
        self.members.first().map(|row| (self.number, row))
    }

    /// The last row, with the group's number.
    fn last(&self) -> Option<(u64, &(u8, V))> {
        self.members.last().map(|row| (self.number, row))
    }
}

impl<K: GroupedKey + std::fmt::Debug, V: std::fmt::Debug> std::fmt::Debug for Groups<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Sets a row among its owner's groups.
fn put<K: GroupedKey, V>(
    groups: &mut Vec<Group<V>>,
    changed: &mut Changes<GroupKey<K>>,
    key: K,
    value: V,
) {
    let (owner, number, place) = key.split();
    changed.note(&(owner, number));
    let group = find_group(groups, number).unwrap_or_else(|gap| {
        // It mostly becomes as large as the one before it.
        let expected = gap
            .checked_sub(1)
            .map_or(0, |last| groups[last].members.len());
        let members = Vec::with_capacity(expected);
        groups.insert(gap, Group { number, members });
        gap
    });
    let members = &mut groups[group].members;
    match find(members, place) {
        Ok(found) => members[found].1 = value,
        Err(gap) => members.insert(gap, (place, value)),
    }
}

/// Takes an owner's groups out whose numbers lie before one, save for the latest `keep` of them.
fn forget<O: Ord + Copy, V>(
    changed: &mut Changes<(O, u64)>,
    owner: O,
    groups: &mut Vec<Group<V>>,
    before: u64,
    keep: usize,
) {
    if groups.first().is_none_or(|first| first.number >= before) {
        return;
    }
    let past = groups.partition_point(|group| group.number < before);
    for group in groups.drain(..past.saturating_sub(keep)) {
        changed.note(&(owner, group.number));
    }
}

/// Where a group is among those of its owner, or would be.
fn find_group<V>(groups: &[Group<V>], number: u64) -> Result<usize, usize> {
    // It is the last one mostly, or comes after it.
    match groups.split_last() {
        Some((last, earlier)) if last.number == number => Ok(earlier.len()),
        Some((last, _)) if last.number < number => Err(groups.len()),
        _ => groups.binary_search_by_key(&number, |group| group.number),
    }
}

/// Where a place is among the rows of its group, or would be.
fn find<V>(members: &[(u8, V)], place: u8) -> Result<usize, usize> {
    let Some(((last, _), earlier)) = members.split_last() else {
        return Err(0);
    };
    // Most rows come in their order, and none lacks.
    let Some(back) = last.checked_sub(place) else {
        return Err(members.len());
    };
    let expected = earlier.len().checked_sub(back.into());
    match expected.filter(|expected| members[*expected].0 == place) {
        Some(found) => Ok(found),
        None => members.binary_search_by_key(&place, |(place, _)| *place),
    }
}

/// The closed range of what bounds have in common with all keys within them.
fn closed<K, O>(range: &impl RangeBounds<K>, owner: impl Fn(Bound<&K>) -> Bound<O>) -> Bounds<O> {
    let close = |bound: Bound<O>| match bound {
        Bound::Included(owner) | Bound::Excluded(owner) => Bound::Included(owner),
        Bound::Unbounded => Bound::Unbounded,
    };
    (
        close(owner(range.start_bound())),
        close(owner(range.end_bound())),
    )
}

type Bounds<K> = (Bound<K>, Bound<K>);

fn is_before<K: Ord>(range: &impl RangeBounds<K>, key: &K) -> bool {
    match range.start_bound() {
        Bound::Included(start) => key < start,
        Bound::Excluded(start) => key <= start,
        Bound::Unbounded => false,
    }
}

fn is_behind<K: Ord>(range: &impl RangeBounds<K>, key: &K) -> bool {
    match range.end_bound() {
        Bound::Included(end) => key > end,
        Bound::Excluded(end) => key >= end,
        Bound::Unbounded => false,
    }
}

/// The rows of a group that lie within a range, in order.
fn rows_within<K: GroupedKey, V>(
    owner: K::Owner,
    group: &Group<V>,
    range: Bounds<K>,
) -> impl DoubleEndedIterator<Item = (K, &V)> {
    let Group { number, members } = group;
    let key = move |place: u8| K::join(owner, *number, place);
    let from = members.partition_point(|(place, _)| is_before(&range, &key(*place)));
    let members = &members[from..];
    let until = members.partition_point(|(place, _)| !is_behind(&range, &key(*place)));
    let rows = members[..until].iter();
    rows.map(move |(place, value)| (key(*place), value))
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
        self.owners.values().map(|groups| groups.len() as u64).sum()
    }

    fn commit(&mut self, trie: &mut Trie) {
        let mut record = Record::default();
        let Some(changed) = self.changed.take() else {
            for (owner, groups) in &self.owners {
                for group in groups {
                    let key = (*owner, group.number);
                    record.set(trie, self.number, &key, Some(&group.members));
                }
            }
            return;
        };
        for key in changed {
            record.set(trie, self.number, &key, self.members(key));
        }
    }

    fn count_all_as_changed(&mut self) {
        self.changed = Changes::all();
    }

    fn each(&self, visit: &mut RowVisitor<'_>) -> ControlFlow<()> {
        for (owner, groups) in &self.owners {
            for group in groups {
                let mut bytes = vec![self.number];
                codec::encode_onto(&(*owner, group.number), &mut bytes);
                visit(&bytes, &codec::encode(&group.members))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn clear(&mut self) {
        *self = Groups::new(self.number);
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError> {
        let table = self.number;
        let (group, members) = read_row::<GroupKey<K>, Members<V>>(table, key, value)?;
        let ascends = members.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let (owner, number) = group;
        let are_places = members
            .iter()
            .all(|(place, _)| K::join(owner, number, *place).split() == (owner, number, *place));
        if members.is_empty() || !ascends || !are_places {
            return Err(RowError::Malformed(table));
        }
        let last = self.owners.last_key_value();
        let last = last.and_then(|(owner, groups)| Some((*owner, groups.last()?.number)));
        if last.is_some_and(|last| last >= group) {
            return Err(RowError::Order(table));
        }
        let groups = self.owners.entry(owner).or_default();
        groups.push(Group { number, members });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
