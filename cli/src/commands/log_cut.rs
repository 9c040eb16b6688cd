//! `wattle log cut`: an export that begins later than its log, out of a whole one.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_ledger::hash::Hash;
use wattle_ledger::verify::cut::{CutAt, CutError, SealAt, cut, find_seal};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries;

use super::log_verify::{progress, read_policy, verdict};
use crate::args::CutArgs;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment;
use crate::output::Output;

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    folder: PathBuf,
    /// The first entry that is in it whole.
    from: u64,
    size: u64,
    root: Option<Hash>,
    files: u64,
    bytes: u64,
}

pub(super) fn run(args: &CutArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let policy = read_policy(&args.policy)?;
    fs::read_dir(&args.folder)
        .map_err(|error| Failure::file("read the export in", &args.folder, &error))?;
    let source = Directory::new(&args.folder);
    let genesis = entries::genesis(&source)
        .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))?;
    let offset = genesis.body().utc_offset_minutes;
    let at = match (args.after, args.month) {
        (Some(size), _) => CutAt::Size(size),
        (None, Some(month)) => CutAt::Before(month.intervals(offset)?.0.start()),
        (None, None) => {
            let next = "say --after or --month";
            return Err(Failure::usage("it is not said where to cut", next));
        }
    };
    let seal = find_seal(&source, at).map_err(failure)?;
    let mut writing = Writing::begin(&args.out)?;
    let sink = &mut |path: &str, bytes: &[u8]| writing.file(path, bytes);
    let made = cut(&source, &policy, &seal, sink, &mut progress("verified"));
    let report = match made {
        Ok(report) => report,
        Err(error) => {
            writing.forget();
            return Err(failure(error));
        }
    };
    let (files, bytes) = (writing.files, writing.bytes);
    writing.end()?;
    let made = Made {
        folder: args.out.clone(),
        from: seal.size,
        size: report.size,
        root: report.root,
        files,
        bytes,
    };
    output.print(&made, |writer| write(writer, &made, &seal, offset))?;
    eprintln!(
        "Whoever verifies it sees that the {} entries before are not checked, unless he has the \
         checkpoint of that size: --earlier",
        seal.size
    );
    Ok(())
}

fn write(writer: &mut dyn io::Write, made: &Made, seal: &SealAt, offset: i16) -> io::Result<()> {
    writeln!(
        writer,
        "wrote entries {} to {} to {}: {} files, {} bytes\nbegins after the seal of {}",
        made.from,
        made.size,
        made.folder.display(),
        made.files,
        made.bytes,
        moment::time_text(seal.time, offset)
    )
}

fn failure(error: CutError) -> Failure {
    match error {
        CutError::NotVerified(report) => verdict(&report),
        error => Failure::of(Exit::Failure, &error, "check the path and the free space"),
    }
}

/// A new export beside its place, until it is whole.
struct Writing {
    place: PathBuf,
    partial: PathBuf,
    files: u64,
    bytes: u64,
}

impl Writing {
    fn begin(place: &Path) -> Result<Writing, Failure> {
        let exists = || {
            let what = format!(
                "{} exists already and is never overwritten",
                place.display()
            );
            Failure::new(Exit::Failure, what, "choose another --out")
        };
        let name = place.file_name().ok_or_else(|| {
            Failure::usage(
                format!("{} names no folder", place.display()),
                "give --out a name",
            )
        })?;
        if place.exists() {
            return Err(exists());
        }
        let mut partial_name = name.to_owned();
        partial_name.push(format!(".partial-{}", std::process::id()));
        let partial = place.with_file_name(partial_name);
        folder::create(&partial)?;
        Ok(Writing {
            place: place.to_owned(),
            partial,
            files: 0,
            bytes: 0,
        })
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.partial.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Takes out what would be no export.
    fn forget(&self) {
        if let Err(error) = fs::remove_dir_all(&self.partial) {
            eprintln!("{} could not be removed: {error}", self.partial.display());
        }
    }

    fn end(self) -> Result<(), Failure> {
        fs::rename(&self.partial, &self.place)
            .map_err(|error| Failure::file("write", &self.place, &error))
    }
}
