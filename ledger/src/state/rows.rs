//! A state as its rows: which tables it consists of, said once.
//!
//! The state root, a snapshot and a restored state all go through the same list, so that none of
//! them can forget a table that another one knows. What stands beside the tables (books, counts,
//! caches) follows from rows and genesis, and is built anew after rows were read back.

use crate::codec;
use crate::state::table::Table;
use crate::state::trie::Trie;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Takes a row as key bytes and value bytes, and says whether another one is wanted.
pub type RowVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// A table whatever its kind of row. A row's key bytes are the table's number and the encoded key.
pub trait Rows {
    /// The table's number.
    fn number(&self) -> u8;

    /// How many rows there are.
    fn count(&self) -> u64;

    /// Carries what changed since the last call over to the trie.
    fn commit(&mut self, trie: &mut Trie);

    /// From here on every row counts as changed: the next [`Rows::commit`] carries them all over,
    /// to a trie that must have none of this table.
    fn count_all_as_changed(&mut self);

    /// Hands out each row as key bytes and value bytes, in the order of the keys, until one is
    /// refused.
    fn each(&self, visit: &mut RowVisitor<'_>) -> ControlFlow<()>;

    /// Takes all rows out, as if there had never been one.
    fn clear(&mut self);

    /// Reads a row back, which must come after all that are there. Nothing counts as changed: the
    /// caller puts the row into the trie.
    ///
    /// # Errors
    /// [`RowError`].
    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError>;
}

/// Why bytes are no row of a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// There is no table of this number, or no number at all.
    #[error("no table has the number {0:?}")]
    NoTable(Option<u8>),
    /// Key or value is not the one encoding of its type.
    #[error("a row of table {0} is malformed")]
    Malformed(u8),
    /// It does not come after the row before it.
    #[error("the rows of table {0} do not ascend")]
    Order(u8),
    /// The rows miss one that every state has.
    #[error("a state has always {0}, and this one has not")]
    Missing(&'static str),
    /// It contradicts another row, or a bound that every rule keeps to.
    #[error("a row of table {table} {what}, which no rule makes")]
    Unsound {
        /// The table's number.
        table: u8,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What a rule relies on of the rows of a table: that it holds, or the error that says what does
/// not.
pub(crate) fn require(table: u8, holds: bool, what: &'static str) -> Result<(), RowError> {
    match holds {
        true => Ok(()),
        false => Err(RowError::Unsound { table, what }),
    }
}

impl<K, V> Rows for Table<K, V>
where
    K: Ord + Clone + bincode::Encode + bincode::Decode<()>,
    V: bincode::Encode + bincode::Decode<()>,
{
    fn number(&self) -> u8 {
        Table::number(self)
    }

    fn count(&self) -> u64 {
        self.len() as u64
    }

    fn commit(&mut self, trie: &mut Trie) {
        Table::commit(self, trie);
    }

    fn count_all_as_changed(&mut self) {
        Table::count_all_as_changed(self);
    }

    fn each(&self, visit: &mut RowVisitor<'_>) -> ControlFlow<()> {
        for (key, value) in self.iter() {
            let mut bytes = vec![Table::number(self)];
            bytes.extend(codec::encode(key));
            visit(&bytes, &codec::encode(value))?;
        }
        ControlFlow::Continue(())
    }

    fn clear(&mut self) {
        *self = Table::new(Table::number(self));
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), RowError> {
        let number = Table::number(self);
        let (key, row) = read_row::<K, V>(number, key, value)?;
        if !self.append(key, row) {
            return Err(RowError::Order(number));
        }
        Ok(())
    }
}

/// Key and value of a table's row.
///
/// # Errors
/// [`RowError::NoTable`] and [`RowError::Malformed`].
pub(crate) fn read_row<K, V>(number: u8, key: &[u8], value: &[u8]) -> Result<(K, V), RowError>
where
    K: bincode::Encode + bincode::Decode<()>,
    V: bincode::Encode + bincode::Decode<()>,
{
    let Some((&first, key_bytes)) = key.split_first() else {
        return Err(RowError::NoTable(None));
    };
    if first != number {
        return Err(RowError::NoTable(Some(first)));
    }
    let malformed = |_| RowError::Malformed(number);
    let key: K = codec::decode(key_bytes).map_err(malformed)?;
    let row: V = codec::decode(value).map_err(malformed)?;
    // One value has one encoding: another one would be another state with the same meaning.
    if codec::encode(&key) != key_bytes || codec::encode(&row) != value {
        return Err(RowError::Malformed(number));
    }
    Ok((key, row))
}

/// A part of the state: its tables, and those of its parts.
pub(crate) trait Part {
    fn tables<'a>(&'a self, found: &mut Vec<&'a dyn Rows>);
    fn tables_mut<'a>(&'a mut self, found: &mut Vec<&'a mut dyn Rows>);
}

/// A table is a part by itself.
impl<T: Rows> Part for T {
    fn tables<'a>(&'a self, found: &mut Vec<&'a dyn Rows>) {
        found.push(self);
    }

    fn tables_mut<'a>(&'a mut self, found: &mut Vec<&'a mut dyn Rows>) {
        found.push(self);
    }
}

/// Says of which tables and parts a part consists. Fields that are none (what follows from rows
/// or from the genesis) are named after `beside`; a field that is not named at all does not
/// compile.
macro_rules! parts {
    ($part:ident { $($field:ident),+ } $(beside { $($beside:ident),+ })?) => {
        impl $crate::state::rows::Part for $part {
            fn tables<'a>(&'a self, found: &mut Vec<&'a dyn $crate::state::rows::Rows>) {
                let $part { $($field,)+ $($($beside: _,)+)? } = self;
                $($crate::state::rows::Part::tables($field, found);)+
            }

            fn tables_mut<'a>(
                &'a mut self,
                found: &mut Vec<&'a mut dyn $crate::state::rows::Rows>,
            ) {
                let $part { $($field,)+ $($($beside: _,)+)? } = self;
                $($crate::state::rows::Part::tables_mut($field, found);)+
            }
        }
    };
}
pub(crate) use parts;

/// The tables of a part by their numbers: the order in which a snapshot has them.
pub(crate) fn by_number(part: &impl Part) -> BTreeMap<u8, &dyn Rows> {
    let mut found = Vec::new();
    part.tables(&mut found);
    let count = found.len();
    let tables: BTreeMap<u8, &dyn Rows> =
        found.into_iter().map(|one| (one.number(), one)).collect();
    assert_eq!(tables.len(), count, "no two tables have one number");
    tables
}

/// Reads rows back into a part's tables and into the trie.
pub(crate) fn load<'a>(
    part: &mut impl Part,
    trie: &mut Trie,
    rows: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), RowError> {
    let mut found = Vec::new();
    part.tables_mut(&mut found);
    let tables = found.into_iter().map(|table| (table.number(), table));
    let mut tables: BTreeMap<u8, &mut dyn Rows> = tables.collect();
    for (key, value) in rows {
        let number = key.first().copied();
        let table = number.and_then(|number| tables.get_mut(&number));
        table.ok_or(RowError::NoTable(number))?.load(key, value)?;
        trie.insert(key, value);
    }
    Ok(())
}
