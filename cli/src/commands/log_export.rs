//! `wattle log export`: a copy of the whole log.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_client::export::{self, ExportError, Plain};
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

pub(super) fn run(
    out: &Path,
    from: Option<&str>,
    witnessed: bool,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let is_terminal = io::stderr().is_terminal();
    let progress = |done, of| {
        if is_terminal {
            let _ = write!(io::stderr(), "\r{done} of {of} files");
        }
    };
    let exported = match from {
        Some(place) => export::export_plain(&Plain::at(place)?, out, progress),
        None => {
            let park = Park::open(settings)?;
            let client = park.private_client(park.key(REGULATOR_KEY)?)?;
            match witnessed {
                false => export::export(&client, out, progress),
                true => export::export_of(&client, &client.witnessed_checkpoint()?, out, progress),
            }
        }
    };
    if is_terminal {
        eprintln!();
    }
    let exported = exported.map_err(|error| match (&error, from) {
        (ExportError::Fetch { .. }, Some(place)) => Failure::from(error).with_next(format!(
            "check that {place} is a file server's address of the folder with checkpoint and tile/"
        )),
        _ => error.into(),
    })?;
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
