//! Apache Parquet: whole numbers and decimals as INT64, times as timestamps in UTC, words as
//! UTF-8. Compiled with the feature `parquet` alone.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use super::{Cell, Column, Form, Row, Sink, Table, Value};

/// Rows of one group, which are held in memory until it is full.
const GROUP_ROWS: usize = 16_384;
/// The most digits of a decimal in an INT64.
const DIGITS_MAX: i32 = 18;

/// A file of row groups.
pub(crate) struct ParquetFile {
    columns: &'static [Column],
    writer: SerializedFileWriter<File>,
    group: Vec<Row>,
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}

/// A column that may have nothing to say in a row; the index of the leaf is always there.
fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical) = match column.form {
        Form::Integer => (Physical::INT64, LogicalType::integer(64, true)),
        Form::Decimal(decimals) => {
            let scale = i32::from(decimals);
            (Physical::INT64, LogicalType::decimal(scale, DIGITS_MAX))
        }
        Form::Utc => (
            Physical::INT64,
            LogicalType::timestamp(true, TimeUnit::MILLIS),
        ),
        Form::Label | Form::Text => (Physical::BYTE_ARRAY, LogicalType::String),
    };
    let mut field = Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(logical));
    if let Form::Decimal(decimals) = column.form {
        field = field
            .with_precision(DIGITS_MAX)
            .with_scale(i32::from(decimals));
    }
    Ok(Arc::new(field.build()?))
}

impl ParquetFile {
    /// Begins a file with the columns of a table.
    pub(crate) fn new(table: &Table, file: File) -> io::Result<ParquetFile> {
        let fields = table.columns.iter().map(field).collect::<Result<_, _>>();
        let schema = Type::group_type_builder(table.name)
            .with_fields(fields.map_err(failed)?)
            .build()
            .map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("wattle ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(ParquetFile {
            columns: table.columns,
            writer: writer.map_err(failed)?,
            group: Vec::new(),
        })
    }

    fn write_group(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.group);
        if rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for (place, column) in self.columns.iter().enumerate() {
            let next = group.next_column().map_err(failed)?;
            let mut writer = next.expect("a group has a writer for each column");
            let cells = rows.iter().map(|row| &row[place]);
            write_column(&mut writer, column, cells)?;
            writer.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        Ok(())
    }
}

fn write_column<'a>(
    writer: &mut SerializedColumnWriter<'_>,
    column: &Column,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> io::Result<()> {
    let there: Vec<i16> = cells
        .clone()
        .map(|cell| i16::from(cell.is_some()))
        .collect();
    let values = cells.flatten();
    let written = match column.form {
        Form::Integer | Form::Decimal(_) | Form::Utc => {
            let numbers = values.map(|value| number(column, value));
            let numbers = numbers.collect::<io::Result<Vec<i64>>>()?;
            let writer = writer.typed::<Int64Type>();
            writer.write_batch(&numbers, Some(&there), None)
        }
        Form::Label | Form::Text => {
            let words: Vec<ByteArray> = values
                .map(|value| match value {
                    Value::Words(words) => ByteArray::from(words.as_str()),
                    Value::Number(number) => ByteArray::from(number.to_string().as_str()),
                })
                .collect();
            let writer = writer.typed::<ByteArrayType>();
            writer.write_batch(&words, Some(&there), None)
        }
    };
    written.map_err(failed).map(drop)
}

fn number(column: &Column, value: &Value) -> io::Result<i64> {
    let most = 10i64.pow(DIGITS_MAX.unsigned_abs()) - 1;
    match value {
        Value::Number(number)
            if !matches!(column.form, Form::Decimal(_)) || (-most..=most).contains(number) =>
        {
            Ok(*number)
        }
        _ => {
            let reason = format!(
                "a value of {} has more than 18 digits; write CSV",
                column.name
            );
            Err(io::Error::new(io::ErrorKind::InvalidData, reason))
        }
    }
}

impl Sink for ParquetFile {
    fn row(&mut self, row: Row) -> io::Result<()> {
        assert_eq!(row.len(), self.columns.len(), "one cell for each column");
        self.group.push(row);
        match self.group.len() == GROUP_ROWS {
            true => self.write_group(),
            false => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group()?;
        self.writer.finish().map_err(failed)?;
        self.writer.inner().sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TABLES;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    #[test]
    fn what_is_written_is_read_back_with_its_types() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postings.parquet");
        let table = &TABLES[3];
        let mut file = Box::new(ParquetFile::new(table, File::create(&path).unwrap()).unwrap());
        let row = |entry: i64, amount| {
            let mut row: Row = vec![None; table.columns.len()];
            row[0] = Some(Value::Number(entry));
            row[1] = Some(Value::Number(1_782_835_200_000));
            row[4] = Some(Value::Words("=轧钢".to_owned()));
            row[6] = Some(Value::Number(amount));
            row
        };
        for entry in 0..20_000 {
            file.row(row(entry, -entry)).unwrap();
        }
        file.finish().unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 20_000);
        assert_eq!(reader.num_row_groups(), 2);
        let last = reader.get_row_iter(None).unwrap().last().unwrap().unwrap();
        assert_eq!(last.get_long(0).unwrap(), 19_999);
        assert_eq!(last.get_timestamp_millis(1).unwrap(), 1_782_835_200_000);
        assert_eq!(last.get_string(4).unwrap(), "=轧钢");
        let amount = last.get_decimal(6).unwrap();
        assert_eq!((amount.scale(), amount.precision()), (9, 18));
        assert_eq!(amount.data(), (-19_999i64).to_be_bytes());
        assert!(
            last.get_string(2).is_err(),
            "nothing is said of the account"
        );
    }

    #[test]
    fn an_amount_that_does_not_fit_is_an_error_and_not_another_amount() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("trades.parquet")).unwrap();
        let mut file = Box::new(ParquetFile::new(&TABLES[0], file).unwrap());
        let mut row: Row = vec![None; TABLES[0].columns.len()];
        row[13] = Some(Value::Number(1_000_000_000_000_000_000));
        file.row(row).unwrap();
        let error = file.finish().unwrap_err();
        assert!(error.to_string().contains("amount_cny"), "{error}");
    }
}
