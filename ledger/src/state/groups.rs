//! An ordered map whose rows are committed to in groups: one record of the trie for each group.
//!
//! Rows that come and go together, or one after the other, would each have a leaf of their own in
//! the trie, and there are many of them: a reading for each meter and interval. A group's rows are
//! hashed together instead (FORMATS.md, section 8), so that the trie stays small.

use crate::codec;
use crate::keys::PublicKey;
use crate::registration::MeterId;
use crate::state::changes::Changes;
use crate::state::rows::{Part, RowError, RowVisitor, Rows};
use crate::state::table::Record;
use crate::state::trie::Trie;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range, RangeBounds};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

/// A row's key that consists of its owner, the number of one of the owner's groups, and its place
/// in the group. Keys ascend as owners do, then as groups do, then as places do.
pub trait GroupedKey: Ord + Copy {
    /// Whose groups lie together; never many for one owner.
    type Owner: Ord + Copy + bincode::Encode + bincode::Decode<()>;

    /// The owner, the number of the group, and the place in it.
    fn split(self) -> (Self::Owner, u64, u8);

    /// The key of a place; a place or group that no key has gives another one's.
    fn join(owner: Self::Owner, group: u64, place: u8) -> Self;
}

/// The key of a group: its owner and its number.
type GroupKey<K> = (<K as GroupedKey>::Owner, u64);

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
    type Owner = DeliveryInterval;

    fn split(self) -> (DeliveryInterval, u64, u8) {
        let (interval, point) = self;
        let (group, place) = part(point.0.into(), POINTS_TOGETHER);
        (interval, group, place)
    }

    fn join(interval: DeliveryInterval, group: u64, place: u8) -> Self {
        let point = whole(group, place, POINTS_TOGETHER);
        (interval, PointId(u32::try_from(point).unwrap_or(u32::MAX)))
    }
}

/// A meter's intervals of one day of UTC.
impl GroupedKey for (MeterId, DeliveryInterval) {
    type Owner = MeterId;

    fn split(self) -> (MeterId, u64, u8) {
        let (meter, interval) = self;
        let (day, place) = part(interval.0, DeliveryInterval::PER_DAY);
        (meter, day, place)
    }

    fn join(meter: MeterId, day: u64, place: u8) -> Self {
        let interval = whole(day, place, DeliveryInterval::PER_DAY);
        (meter, DeliveryInterval(interval))
    }
}

/// [`OUTCOMES_TOGETHER`] events of a key that follow each other.
impl GroupedKey for (PublicKey, u64) {
    type Owner = PublicKey;

    fn split(self) -> (PublicKey, u64, u8) {
        let (key, sequence) = self;
        let (group, place) = part(sequence, OUTCOMES_TOGETHER);
        (key, group, place)
    }

    fn join(key: PublicKey, group: u64, place: u8) -> Self {
        (key, whole(group, place, OUTCOMES_TOGETHER))
    }
}

/// The day of UTC that an interval is in, counted from 1 January 1970.
pub fn day_of(interval: DeliveryInterval) -> u64 {
    interval.0 / DeliveryInterval::PER_DAY
}

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

/// The row of a key, and the rows next to it that have the same owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around<K, V> {
    /// The last row before the key.
    pub before: Option<(K, V)>,
    /// The key's own row.
    pub at: Option<V>,
    /// The first row after the key.
    pub after: Option<(K, V)>,
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
        let groups = self.owners.get(&owner)?;
        let found = find_group(groups, number).ok()?;
        Some(&groups[found].members)
    }

    /// The row of a key, and those next to it: all with one search.
    pub fn around(&self, key: &K) -> Around<K, &V> {
        let (owner, number, place) = key.split();
        let groups = self.owners.get(&owner).map_or(&[][..], Vec::as_slice);
        let (earlier, members, later) = match find_group(groups, number) {
            Ok(here) => (&groups[..here], &*groups[here].members, &groups[here + 1..]),
            Err(gap) => (&groups[..gap], &[][..], &groups[gap..]),
        };
        let (before, at, after) = match find(members, place) {
            Ok(here) => (&members[..here], members.get(here), &members[here + 1..]),
            Err(gap) => (&members[..gap], None, &members[gap..]),
        };
        let before = before.last().map(|row| (number, row));
        let before = before.or_else(|| earlier.last().and_then(Group::last));
        let after = after.first().map(|row| (number, row));
        let after = after.or_else(|| later.first().and_then(Group::first));
        Around {
            before: before.map(|(number, (place, row))| (K::join(owner, number, *place), row)),
            at: at.map(|(_, row)| row),
            after: after.map(|(number, (place, row))| (K::join(owner, number, *place), row)),
        }
    }

    /// Sets a row.
    pub fn insert(&mut self, key: K, value: V) {
        self.insert_and_forget(key, value, 0);
    }

    /// Sets a row, and takes its owner's groups out whose numbers lie before one: all with one
    /// search.
    pub fn insert_and_forget(&mut self, key: K, value: V, before: u64) {
        let (owner, number, place) = key.split();
        self.changed.note(&(owner, number));
        let groups = self.owners.entry(owner).or_default();
        put(groups, number, (place, value));
        let before = before.min(number);
        forget(&mut self.changed, owner, groups, before, 0);
    }

    /// Sets rows. Each owner is looked for once, where its rows come one after the other.
    pub fn insert_all(&mut self, rows: impl IntoIterator<Item = (K, V)>) {
        let rows = rows.into_iter();
        let mut rows = rows.map(|(key, value)| (key.split(), value)).peekable();
        while let Some(((owner, number, place), value)) = rows.next() {
            let groups = self.owners.entry(owner).or_default();
            self.changed.note(&(owner, number));
            put(groups, number, (place, value));
            while let Some(((_, number, place), value)) =
                rows.next_if(|((of, _, _), _)| *of == owner)
            {
                self.changed.note(&(owner, number));
                put(groups, number, (place, value));
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

/// Sets the row of a place in a group.
fn put<V>(groups: &mut Vec<Group<V>>, number: u64, (place, value): (u8, V)) {
    let group = find_group(groups, number).unwrap_or_else(|gap| {
        let members = Vec::new();
        groups.insert(gap, Group { number, members });
        gap
    });
    let members = &mut groups[group].members;
    match find(members, place) {
        Ok(found) => members[found].1 = value,
        Err(gap) => members.insert(gap, (place, value)),
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
        let Some((&first, key_bytes)) = key.split_first() else {
            return Err(RowError::NoTable(None));
        };
        if first != table {
            return Err(RowError::NoTable(Some(first)));
        }
        let malformed = RowError::Malformed(table);
        let group: GroupKey<K> = codec::decode(key_bytes).map_err(|_| malformed.clone())?;
        let members: Members<V> = codec::decode(value).map_err(|_| malformed.clone())?;
        // One value has one encoding: another one would be another state with the same meaning.
        let is_canonical = codec::encode(&group) == key_bytes && codec::encode(&members) == value;
        let ascends = members.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let (owner, number) = group;
        let are_places = members
            .iter()
            .all(|(place, _)| K::join(owner, number, *place).split() == (owner, number, *place));
        if !is_canonical || members.is_empty() || !ascends || !are_places {
            return Err(malformed);
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
mod tests;
