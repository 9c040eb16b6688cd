//! `wattle log tables`: an export as tables for a spreadsheet or a database.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::Serialize;
use wattle_ledger::verify::Progress;

use super::log_view::must_not_be_there;
use crate::args::{TableFormat, TablesArgs};
use crate::commands::log_verify::progress;
use crate::export;
use crate::failure::Failure;
use crate::folder;
use crate::leaves::{Leaves, unreadable};
use crate::output::{Output, Table as TextTable};
use crate::tables::csv::CsvFile;
use crate::tables::{Reader, Sink, TABLES, Table};

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    folder: PathBuf,
    /// Whether it was verified first.
    is_verified: bool,
    /// Rows by table.
    rows: BTreeMap<&'static str, u64>,
}

pub(super) fn run(args: &TablesArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    must_not_be_there(&args.out)?;
    let leaves = Leaves::open(&args.leaves)?;
    folder::create(&args.out)?;
    let mut sinks = Vec::new();
    for table in &TABLES {
        let path = path(args, table);
        let sink = sink(args.format, table, &path);
        sinks.push(sink.map_err(|error| Failure::file("write", &path, &error))?);
    }
    let mut rows = BTreeMap::from(TABLES.map(|table| (table.name, 0)));
    let mut reader = Reader::new(&leaves.genesis);
    let mut progress = progress("written");
    for entry in leaves.entries()? {
        let entry = entry.map_err(|error| unreadable(&error))?;
        reader.take(&entry);
        for (table, sink) in TABLES.iter().zip(&mut sinks) {
            for row in (table.rows)(&reader, &entry) {
                *rows.entry(table.name).or_default() += 1;
                let written = sink.row(row);
                written.map_err(|error| Failure::file("write", &path(args, table), &error))?;
            }
        }
        if entry.index % 4_096 == 0 || entry.index + 1 == leaves.size {
            progress(Progress {
                done: entry.index + 1,
                of: leaves.size,
            });
        }
    }
    for (table, sink) in TABLES.iter().zip(sinks) {
        let finished = sink.finish();
        finished.map_err(|error| Failure::file("write", &path(args, table), &error))?;
    }
    let written = Written {
        folder: args.out.clone(),
        is_verified: leaves.is_verified,
        rows,
    };
    output.print(&written, |writer| {
        writeln!(writer, "{}\n", export::worth(written.is_verified))?;
        let mut table = TextTable::new(&["table", ">rows", "file"]);
        for one in &TABLES {
            let rows = written.rows[one.name].to_string();
            let file = path(args, one).display().to_string();
            table.row(vec![one.name.to_owned(), rows, file]);
        }
        table.write(writer, "")
    })
}

fn path(args: &TablesArgs, table: &Table) -> PathBuf {
    args.out
        .join(format!("{}.{}", table.name, args.format.extension()))
}

/// A new file that is its owner's alone, for one table.
fn sink(format: TableFormat, table: &Table, path: &PathBuf) -> io::Result<Box<dyn Sink>> {
    let mut options = OpenOptions::new();
    let file: File = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    Ok(match format {
        TableFormat::Csv => Box::new(CsvFile::new(table.columns, file)?),
        #[cfg(feature = "parquet")]
        TableFormat::Parquet => Box::new(crate::tables::parquet::ParquetFile::new(table, file)?),
    })
}
