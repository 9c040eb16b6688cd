//! An export as tables: trades, orders, settlements, postings, readings and certificates, each
//! row with the leaf that says it (docs/TABLES.md).
//!
//! Columns and values are here, their spelling in the writers: [`csv`], and `parquet` where the
//! feature is compiled in. Amounts are integers with the place of their decimal point; nothing is
//! ever a floating-point number.

mod certificates;
pub(crate) mod csv;
mod orders;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
mod postings;
mod reader;
mod readings;
mod settlements;
mod trades;

pub(crate) use reader::Reader;

use std::io;

use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::units::{Money, Price, WattHours};

/// How the values of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole number.
    Integer,
    /// A whole number of so many decimals: 12500 with three is 12.500.
    Decimal(u8),
    /// Words of ours: names of kinds, ids, times in the park's clock.
    Label,
    /// Words of people, which could be anything.
    Text,
    /// Milliseconds since 1970 in UTC.
    Utc,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, with the unit last.
    pub(crate) name: &'static str,
    /// Its form.
    pub(crate) form: Form,
}

/// One value; the column says what it is. None where there is nothing to say.
pub(crate) type Cell = Option<Value>;

/// What a value can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Of the forms integer, decimal and UTC.
    Number(i64),
    /// Of the forms label and text.
    Words(String),
}

/// One row, a cell for each column.
pub(crate) type Row = Vec<Cell>;

/// A table.
pub(crate) struct Table {
    /// Its name, which is also that of its file.
    pub(crate) name: &'static str,
    /// Its columns. Those that are there never change; new ones come at the end.
    pub(crate) columns: &'static [Column],
    /// The rows that an entry makes.
    pub(crate) rows: fn(&Reader, &IndexedEntry) -> Vec<Row>,
}

/// All tables.
pub(crate) const TABLES: [Table; 6] = [
    trades::TABLE,
    orders::TABLE,
    settlements::TABLE,
    postings::TABLE,
    readings::TABLE,
    certificates::TABLE,
];

/// Writes the rows of one table.
pub(crate) trait Sink {
    /// Writes a row, which has a cell for each column.
    fn row(&mut self, row: Row) -> io::Result<()>;

    /// Everything is in the file, durably.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

const fn integer(name: &'static str) -> Column {
    let form = Form::Integer;
    Column { name, form }
}

const fn label(name: &'static str) -> Column {
    let form = Form::Label;
    Column { name, form }
}

const fn text(name: &'static str) -> Column {
    let form = Form::Text;
    Column { name, form }
}

const fn utc(name: &'static str) -> Column {
    let form = Form::Utc;
    Column { name, form }
}

/// Kilowatt-hours to the watt-hour.
const fn kwh(name: &'static str) -> Column {
    let form = Form::Decimal(3);
    Column { name, form }
}

/// Yuan per kilowatt-hour to the millionth.
const fn price(name: &'static str) -> Column {
    let form = Form::Decimal(6);
    Column { name, form }
}

/// Yuan to the thousand-millionth.
const fn cny(name: &'static str) -> Column {
    let form = Form::Decimal(9);
    Column { name, form }
}

/// A number of any type that the ledger has; none where it does not fit, which no rule allows.
fn number(value: impl TryInto<i64>) -> Cell {
    value.try_into().ok().map(Value::Number)
}

fn words(value: impl Into<String>) -> Cell {
    Some(Value::Words(value.into()))
}

fn energy(value: WattHours) -> Cell {
    number(value.0)
}

fn unit_price(value: Price) -> Cell {
    number(value.0)
}

fn money(value: Money) -> Cell {
    number(value.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn columns_have_names_of_their_own_with_units_last() {
        for table in TABLES {
            let names: BTreeSet<&str> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(names.len(), table.columns.len(), "{}", table.name);
            for column in table.columns {
                let unit = match column.form {
                    Form::Decimal(3) => "_kwh",
                    Form::Decimal(6) => "_cny_per_kwh",
                    Form::Decimal(_) => "_cny",
                    Form::Utc => "_utc",
                    Form::Integer | Form::Label | Form::Text => "",
                };
                assert!(
                    column.name.ends_with(unit),
                    "{}: {}",
                    table.name,
                    column.name
                );
            }
            assert_eq!(table.columns[0].name, "entry", "{}", table.name);
        }
    }
}
