//! Comma-separated values as RFC 4180 has them, for spreadsheets and databases.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use wattle_market::interval::Timestamp;

use super::{Cell, Column, Form, Row, Sink, Value};
use crate::moment;

/// A file with one header line. Lines end as RFC 4180 says, with CR LF.
pub(crate) struct CsvFile {
    columns: &'static [Column],
    file: BufWriter<File>,
}

impl CsvFile {
    /// Writes the header.
    pub(crate) fn new(columns: &'static [Column], file: File) -> io::Result<CsvFile> {
        let mut file = BufWriter::new(file);
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        write!(file, "{}\r\n", names.join(","))?;
        Ok(CsvFile { columns, file })
    }
}

impl Sink for CsvFile {
    fn row(&mut self, row: Row) -> io::Result<()> {
        assert_eq!(row.len(), self.columns.len(), "one cell for each column");
        let cells = self.columns.iter().zip(&row);
        let fields: Vec<String> = cells
            .map(|(column, cell)| field(column.form, cell))
            .collect();
        write!(self.file, "{}\r\n", fields.join(","))
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()
    }
}

fn field(form: Form, cell: &Cell) -> String {
    match (form, cell) {
        (_, None) => String::new(),
        (Form::Decimal(decimals), Some(Value::Number(number))) => decimal(*number, decimals),
        (Form::Utc, Some(Value::Number(number))) => utc(*number),
        (_, Some(Value::Number(number))) => number.to_string(),
        (Form::Text, Some(Value::Words(words))) => quoted(&disarmed(words)),
        (_, Some(Value::Words(words))) => quoted(words),
    }
}

/// All decimals, with a point, without float.
fn decimal(number: i64, decimals: u8) -> String {
    let scale = 10u64.pow(u32::from(decimals));
    let sign = if number < 0 { "-" } else { "" };
    let (whole, rest) = (number.unsigned_abs() / scale, number.unsigned_abs() % scale);
    let width = usize::from(decimals);
    format!("{sign}{whole}.{rest:0width$}")
}

/// ISO 8601 to the second, or to the millisecond where there are some.
fn utc(milliseconds: i64) -> String {
    let Ok(milliseconds) = u64::try_from(milliseconds) else {
        return milliseconds.to_string();
    };
    let text = moment::time_text(Timestamp(milliseconds), 0);
    match (text.strip_suffix("+00:00"), milliseconds % 1_000) {
        (Some(text), 0) => format!("{text}Z"),
        (Some(text), rest) => format!("{text}.{rest:03}Z"),
        (None, _) => text,
    }
}

/// Quotes where RFC 4180 wants them.
fn quoted(words: &str) -> String {
    if words.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", words.replace('"', "\"\""))
    } else {
        words.to_owned()
    }
}

/// What a spreadsheet would take for a formula begins with an apostrophe: names and reasons are
/// written by people who may mean harm.
fn disarmed(words: &str) -> String {
    match words.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) {
        true => format!("'{words}"),
        false => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_all_their_decimals() {
        for (number, decimals, text) in [
            (12_500, 3, "12.500"),
            (-1, 9, "-0.000000001"),
            (0, 6, "0.000000"),
            (i64::MIN, 9, "-9223372036.854775808"),
        ] {
            assert_eq!(decimal(number, decimals), text);
        }
    }

    #[test]
    fn times_are_iso_8601() {
        assert_eq!(utc(1_782_835_200_000), "2026-06-30T16:00:00Z");
        assert_eq!(utc(1_782_835_200_040), "2026-06-30T16:00:00.040Z");
    }

    #[test]
    fn words_of_people_are_quoted_and_never_a_formula() {
        let field = |form, words: &str| field(form, &Some(Value::Words(words.to_owned())));
        for (words, text) in [
            ("mill", "mill"),
            ("a, b", "\"a, b\""),
            ("the \"mill\"", "\"the \"\"mill\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+86", "'+86"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("'quoted", "''quoted"),
            (
                "=HYPERLINK(\"x\",\"y\")",
                "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"",
            ),
            ("轧钢", "轧钢"),
        ] {
            assert_eq!(field(Form::Text, words), text);
        }
        assert_eq!(field(Form::Label, "-"), "-");
        assert_eq!(super::field(Form::Text, &None), "");
    }
}
