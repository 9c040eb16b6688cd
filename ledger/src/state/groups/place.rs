//! Ways to rows of which several are asked for, with no search for each.

use super::{Group, GroupKey, GroupedKey, Groups, find, find_group, put};
use crate::state::changes::Changes;
use std::collections::btree_map::Iter;
use std::iter::Peekable;

/// Where a key is among the rows of its owner, or would be: its own row, and those next to it.
pub struct Place<'a, K: GroupedKey, V> {
    key: K,
    /// Groups before the key's own.
    earlier: &'a [Group<V>],
    /// Rows of its group before it.
    before: &'a [(u8, V)],
    at: Option<&'a V>,
    /// Rows of its group after it.
    after: &'a [(u8, V)],
    /// Groups after its own.
    later: &'a [Group<V>],
}

impl<'a, K: GroupedKey, V> Place<'a, K, V> {
    pub(super) fn of(key: K, groups: &'a [Group<V>]) -> Place<'a, K, V> {
        let (_, number, place) = key.split();
        let (earlier, members, later) = match find_group(groups, number) {
            Ok(here) => (&groups[..here], &*groups[here].members, &groups[here + 1..]),
            Err(gap) => (&groups[..gap], &[][..], &groups[gap..]),
        };
        let (before, at, after) = match find(members, place) {
            Ok(here) => (
                &members[..here],
                Some(&members[here].1),
                &members[here + 1..],
            ),
            Err(gap) => (&members[..gap], None, &members[gap..]),
        };
        Place {
            key,
            earlier,
            before,
            at,
            after,
            later,
        }
    }

    /// The key.
    pub fn key(&self) -> K {
        self.key
    }

    /// Its row.
    pub fn at(&self) -> Option<&'a V> {
        self.at
    }

    /// The owner's last row before it.
    pub fn before(&self) -> Option<(K, &'a V)> {
        let (owner, number, _) = self.key.split();
        let here = self.before.last().map(|row| (number, row));
        let row = here.or_else(|| self.earlier.last().and_then(Group::last));
        row.map(|(number, (place, row))| (K::join(owner, number, *place), row))
    }

    /// The owner's first row after it.
    pub fn after(&self) -> Option<(K, &'a V)> {
        let (owner, number, _) = self.key.split();
        let here = self.after.first().map(|row| (number, row));
        let row = here.or_else(|| self.later.first().and_then(Group::first));
        row.map(|(number, (place, row))| (K::join(owner, number, *place), row))
    }
}

/// The rows of one owner, who is not looked for again.
pub struct Owned<'a, K: GroupedKey, V> {
    pub(super) owner: K::Owner,
    pub(super) groups: &'a mut Vec<Group<V>>,
    pub(super) changed: &'a mut Changes<GroupKey<K>>,
}

impl<K: GroupedKey, V> Owned<'_, K, V> {
    /// The place of a key of the owner.
    pub fn place(&self, key: K) -> Place<'_, K, V> {
        self.check(&key);
        Place::of(key, self.groups)
    }

    /// Sets a row of the owner.
    pub fn insert(&mut self, key: K, value: V) {
        self.check(&key);
        put(self.groups, self.changed, key, value);
    }

    fn check(&self, key: &K) {
        assert!(key.split().0 == self.owner, "the key is its owner's");
    }
}

/// Looks at one key after the other. Where their owners ascend, none is looked for: the walk goes
/// on from the last one.
pub struct Walk<'a, K: GroupedKey, V> {
    pub(super) rows: &'a Groups<K, V>,
    pub(super) ahead: Peekable<Iter<'a, K::Owner, Vec<Group<V>>>>,
}

impl<'a, K: GroupedKey, V> Walk<'a, K, V> {
    /// The place of a key.
    pub fn place(&mut self, key: K) -> Place<'a, K, V> {
        let owner = key.split().0;
        while self.ahead.next_if(|(next, _)| **next < owner).is_some() {}
        match self.ahead.peek() {
            Some((next, groups)) if **next == owner => Place::of(key, groups),
            _ => Place::of(key, self.rows.groups_of(&owner)),
        }
    }
}
