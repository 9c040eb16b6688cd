//! An ordered map that remembers what changed, so that the state root follows changes alone.

use crate::codec;
use crate::state::changes::Changes;
use crate::state::trie::Trie;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// One kind of record of the state.
///
/// A record's key in the trie is the table's number followed by the encoded key.
#[derive(Debug, Clone)]
pub struct Table<K, V> {
    number: u8,
    rows: BTreeMap<K, V>,
    changed: Changes<K>,
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
            changed: Changes::none(),
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
        self.changed.note(key);
        Some(row)
    }

    /// The row of a key, made if it is not there, to be changed.
    pub fn entry(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.changed.note(&key);
        self.rows.entry(key).or_default()
    }

    /// Sets a row.
    pub fn insert(&mut self, key: K, value: V) {
        self.changed.note(&key);
        self.rows.insert(key, value);
    }

    /// Takes a row out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.remove(key)?;
        self.changed.note(key);
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

    /// From here on every row counts as changed: the next [`Table::commit`] carries them all over,
    /// to a trie that must have none of this table.
    pub(crate) fn count_all_as_changed(&mut self) {
        self.changed = Changes::all();
    }

    /// Carries what changed since the last call over to the trie.
    pub fn commit(&mut self, trie: &mut Trie) {
        let mut record = Record::default();
        let Some(changed) = self.changed.take() else {
            for (key, row) in &self.rows {
                record.set(trie, self.number, key, Some(row));
            }
            return;
        };
        for key in changed {
            record.set(trie, self.number, &key, self.rows.get(&key));
        }
    }
}

/// Room for the bytes of a record of the trie.
#[derive(Default)]
pub(crate) struct Record {
    path: Vec<u8>,
    value: Vec<u8>,
}

impl Record {
    /// Carries a record over to the trie, or takes it out.
    pub(crate) fn set<K, V>(&mut self, trie: &mut Trie, table: u8, key: &K, value: Option<&V>)
    where
        K: bincode::Encode,
        V: bincode::Encode,
    {
        let Record { path, value: bytes } = self;
        path.clear();
        path.push(table);
        codec::encode_onto(key, path);
        match value {
            Some(value) => {
                bytes.clear();
                codec::encode_onto(value, bytes);
                trie.insert(path, bytes);
            }
            None => trie.remove(path),
        }
    }
}
