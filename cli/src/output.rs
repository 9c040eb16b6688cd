//! What a command prints on standard output: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Standard output, as a table and sentences or as one JSON document.
pub(crate) struct Output<'a> {
    json: bool,
    writer: Box<dyn Write + 'a>,
}

impl<'a> Output<'a> {
    /// Writes to `writer`.
    pub(crate) fn new(json: bool, writer: impl Write + 'a) -> Output<'a> {
        let writer = Box::new(writer);
        Output { json, writer }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `value` with `--json`, and what `text` makes without.
    pub(crate) fn print<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.json {
            serde_json::to_writer_pretty(&mut self.writer, value).map_err(io::Error::from)?;
            writeln!(self.writer)?;
        } else {
            text(&mut self.writer)?;
        }
        Ok(())
    }

    /// Everything is out, or the reader is gone.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

/// Rows under a header; columns that begin with `>` are set to the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    /// A table with this header.
    pub(crate) fn new(header: &[&str]) -> Table {
        let right = header.iter().map(|name| name.starts_with('>')).collect();
        let names = header.iter().map(|name| name.trim_start_matches('>'));
        let rows = vec![names.map(str::to_owned).collect()];
        Table { rows, right }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.right.len(), "one cell for each column");
        let cells = cells.iter().map(|cell| printable(cell)).collect();
        self.rows.push(cells);
    }

    /// Writes it, or a sentence where there is no row.
    pub(crate) fn write(&self, writer: &mut dyn Write, if_empty: &str) -> io::Result<()> {
        if self.rows.len() == 1 {
            return writeln!(writer, "{if_empty}");
        }
        let widest = |column: usize| self.rows.iter().map(|row| width(&row[column])).max();
        let widths: Vec<usize> = (0..self.right.len())
            .map(|column| widest(column).unwrap_or(0))
            .collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let padding = " ".repeat(widths[column] - width(cell));
                let (before, after) = if self.right[column] {
                    (padding.as_str(), "")
                } else {
                    ("", padding.as_str())
                };
                line.push_str(&format!("{before}{cell}{after}  "));
            }
            writeln!(writer, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Columns of a terminal that a text takes: Chinese characters take two.
fn width(text: &str) -> usize {
    let columns = |character: char| match u32::from(character) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff => 2,
        0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.chars().map(columns).sum()
}

/// Text from elsewhere without characters that could command a terminal.
pub(crate) fn printable(text: &str) -> String {
    let clean = |character: char| match character {
        '\n' => '\n',
        character if character.is_control() => '\u{fffd}',
        character => character,
    };
    text.chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_to_the_right_and_chinese_takes_two_columns() {
        let mut table = Table::new(&["name", ">kWh"]);
        table.row(vec!["轧钢".to_owned(), "1.000".to_owned()]);
        table.row(vec!["office".to_owned(), "12.000".to_owned()]);
        let mut text = Vec::new();
        table.write(&mut text, "nothing").unwrap();
        let expected = "name       kWh\n轧钢     1.000\noffice  12.000\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn empty_table_is_a_sentence() {
        let mut text = Vec::new();
        Table::new(&["name"]).write(&mut text, "nothing").unwrap();
        assert_eq!(text, b"nothing\n");
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }
}
