//! An ordered map that remembers what changed, so that the state root follows changes alone.

use crate::codec;
use crate::state::trie::Trie;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

/// One kind of record of the state.
///
/// A record's key in the trie is the table's number followed by the encoded key.
#[derive(Debug, Clone)]
pub struct Table<K, V> {
    number: u8,
    rows: BTreeMap<K, V>,
    changed: BTreeSet<K>,
}

impl<K, V> Table<K, V>
where
    K: Ord + Clone + bincode::Encode,
    V: bincode::Encode,
{
    /// An empty table with its number, which no other table has.
    pub fn new(number: u8) -> Table<K, V> {
        Table {
            number,
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The table's number.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// The row of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// The row of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.clone());
        Some(row)
    }

    /// The row of a key, made if it is not there, to be changed.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.changed.insert(key.clone());
        self.rows.entry(key).or_default()
    }

    /// Sets a row.
    pub fn insert(&mut self, key: K, value: V) {
        self.changed.insert(key.clone());
        self.rows.insert(key, value);
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.clone());
        Some(row)
    }

    /// Whether the key has a row.
    pub fn contains(&self, key: &K) -> bool {
        self.rows.contains_key(key)
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    /// The rows of a range of keys, in order.
    pub fn range(&self, range: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range)
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Puts a row behind all others without counting it as changed; whether its key comes last.
    pub(crate) fn append(&mut self, key: K, value: V) -> bool {
        let ascends = self
            .rows
            .last_key_value()
            .is_none_or(|(last, _)| *last < key);
        if ascends {
            self.rows.insert(key, value);
        }
        ascends
    }

    /// Carries what changed since the last call over to the trie.
    pub fn commit(&mut self, trie: &mut Trie) {
        let (mut path, mut value) = (Vec::new(), Vec::new());
        for key in std::mem::take(&mut self.changed) {
            path.clear();
            path.push(self.number);
            codec::encode_onto(&key, &mut path);
            match self.rows.get(&key) {
                Some(row) => {
                    value.clear();
                    codec::encode_onto(row, &mut value);
                    trie.insert(&path, &value);
                }
                None => trie.remove(&path),
            }
        }
    }
}
