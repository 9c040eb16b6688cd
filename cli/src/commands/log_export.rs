//! `wattle log export`: a copy of the whole log.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_client::export;
use wattle_ledger::hash::Hash;

use crate::failure::Failure;
use crate::output::Output;
use crate::park::{Park, REGULATOR_KEY};
use crate::settings::Settings;

/// What was copied.
#[derive(Debug, Serialize)]
struct Copied {
    folder: PathBuf,
    origin: String,
    size: u64,
    root: Hash,
    files: u64,
    bytes: u64,
}

pub(super) fn run(out: &Path, settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let client = park.private_client(park.key(REGULATOR_KEY)?)?;
    let is_terminal = io::stderr().is_terminal();
    let exported = export::export(&client, out, |done, of| {
        if is_terminal {
            let _ = write!(io::stderr(), "\r{done} of {of} files");
        }
    });
    if is_terminal {
        eprintln!();
    }
    let exported = exported?;
    let copied = Copied {
        folder: out.to_owned(),
        origin: exported.checkpoint.origin().to_owned(),
        size: exported.checkpoint.size(),
        root: *exported.checkpoint.root(),
        files: exported.files,
        bytes: exported.bytes,
    };
    output.print(&copied, |writer| {
        writeln!(
            writer,
            "copied {} entries to {}: {} files, {} bytes\nroot {}",
            copied.size,
            out.display(),
            copied.files,
            copied.bytes,
            copied.root
        )
    })?;
    eprintln!(
        "Nothing of it is verified yet: wattle log verify {} --policy FILE",
        out.display()
    );
    Ok(())
}
