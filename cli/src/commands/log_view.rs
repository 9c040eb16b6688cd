//! `wattle log view`: one participant's view of a whole export.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::view::{MakeError, Registry, gather, make};

use crate::args::ViewArgs;
use crate::commands::log_verify::progress;
use crate::export;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::leaves::{Leaves, unreadable};
use crate::output::{Output, printable};

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    folder: PathBuf,
    participant: ParticipantId,
    name: String,
    /// Leaves in the view.
    leaves: u64,
    /// Leaves of the log.
    size: u64,
    files: u64,
    bytes: u64,
    is_verified: bool,
}

pub(super) fn run(args: &ViewArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    must_not_be_there(&args.out)?;
    let leaves = Leaves::open(&args.leaves)?;
    if let Some(view) = leaves.view {
        return Err(Failure::usage(
            format!(
                "the folder is itself a view, of participant {}",
                view.participant
            ),
            "make views of the whole export",
        ));
    }
    let registry = gather(&leaves.directory).map_err(|error| unreadable(&error))?;
    let (participant, name) = who(&registry, &args.participant)?;
    folder::create(&args.out)?;
    let made = make(
        &leaves.directory,
        participant,
        &mut progress("read"),
        &mut |path, bytes| write(&args.out.join(path), bytes),
    );
    let made = made.map_err(|error| match &error {
        MakeError::Entries(source) => unreadable(source),
        _ => Failure::of(Exit::Failure, &error, "copy the log again"),
    })?;
    let made = Made {
        folder: args.out.clone(),
        participant,
        name,
        leaves: made.header.leaves,
        size: made.size,
        files: made.files,
        bytes: made.bytes,
        is_verified: leaves.is_verified,
    };
    output.print(&made, |writer| {
        writeln!(
            writer,
            "{} of {} entries concern {} (participant {}): {} files, {} bytes in {}",
            made.leaves,
            made.size,
            printable(&made.name),
            made.participant,
            made.files,
            made.bytes,
            made.folder.display()
        )?;
        writeln!(writer, "{}", export::worth(made.is_verified))
    })?;
    eprintln!(
        "Whoever gets it checks it with: wattle log verify {} --view --policy FILE",
        args.out.display()
    );
    Ok(())
}

/// Refuses a folder that is there: nothing is ever mixed with other files.
pub(super) fn must_not_be_there(out: &Path) -> Result<(), Failure> {
    match out.exists() {
        false => Ok(()),
        true => Err(Failure::new(
            Exit::Failure,
            format!("{} exists already", out.display()),
            "choose another --out",
        )),
    }
}

fn who(registry: &Registry, text: &str) -> Result<(ParticipantId, String), Failure> {
    let id = text.parse().ok().map(ParticipantId);
    let mut known = registry.participants();
    let found = known.find(|(other, name)| *name == text || Some(*other) == id);
    found
        .map(|(id, name)| (id, name.to_owned()))
        .ok_or_else(|| {
            let names: Vec<String> = registry
                .participants()
                .take(20)
                .map(|(_, name)| printable(name))
                .collect();
            Failure::usage(
                format!("no participant is called {text:?} in this log"),
                format!("choose one of: {}", names.join(", ")),
            )
        })
}

/// Writes a file of a view, which is private.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}
