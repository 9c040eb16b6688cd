//! A copy of the log as a directory in the C2SP tlog-tiles format, over HTTP.
//!
//! The checkpoint is fetched first and written last, by rename: a directory with a `checkpoint`
//! holds every file of its size. Where the voters have changed, checkpoints from before that lie in
//! `checkpoints/`, as far as the node keeps them. What was copied is still to be verified
//! (`wattle_ledger::verify`): this only copies.

mod plain;

pub use plain::Plain;
mod older;

use crate::client::{Client, ClientError};
use crate::durable;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_ledger::log::Checkpoint;
use wattle_ledger::log::note::Note;
use wattle_ledger::log::tiles::{TileKind, TilePath, files_of};

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The checkpoint that the copy ends with; its signatures are not checked yet.
    pub checkpoint: Checkpoint,
    /// Files in the copy, the checkpoint included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why no copy was made. What was fetched so far is left in place and not fetched again.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No node answered as it should.
    #[error("cannot fetch {path} of the log")]
    Fetch {
        /// Path below the log's address.
        path: String,
        /// What happened.
        #[source]
        source: ClientError,
    },
    /// The answer is no checkpoint.
    #[error("the node's checkpoint is malformed ({reason}); ask another node")]
    Checkpoint {
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}; check the folder, its permissions and the free space")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file of the origin cannot be read.
    #[error("cannot read {path}; check the folder and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that the checkpoint calls for is not there.
    #[error(
        "{path} is missing, and no older checkpoint is whole; copy the folder again, `checkpoint` first and everything else after it"
    )]
    Missing {
        /// Its path below the log's folder or address.
        path: String,
    },
    /// There is a finished copy already.
    #[error("{path} exists already; choose an empty folder, so that no two copies are mixed")]
    NotEmpty {
        /// The checkpoint in it.
        path: PathBuf,
    },
}

/// Copies the log up to its last checkpoint into a folder. Entry bundles are private: the client
/// needs the credentials of a node, registrar, treasurer or regulator. `progress` is told the
/// number of files copied and of all.
///
/// # Errors
/// Any [`ExportError`].
pub fn export(
    client: &Client,
    folder: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    must_be_unfinished(folder)?;
    let note = fetch("checkpoint", client.checkpoint())?;
    export_of(client, &note, folder, progress)
}

/// Copies the log up to a checkpoint that the caller has already, such as one with witnesses'
/// lines.
///
/// # Errors
/// Any [`ExportError`].
pub fn export_of(
    client: &Client,
    note: &str,
    folder: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    must_be_unfinished(folder)?;
    let read = |path: &TilePath| fetch(&path.to_string(), client.tile(path));
    let mut exported = copy_all(note, &read, folder, &mut progress)?;
    exported.files += older::copy(client, folder, exported.checkpoint.size())?;
    Ok(exported)
}

/// The same from a log's files as they lie in a folder, be it a node's while it writes, or behind
/// any file server. Nobody's key is needed, and no node is asked.
///
/// # Errors
/// Any [`ExportError`].
pub fn export_plain(
    plain: &Plain,
    folder: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    must_be_unfinished(folder)?;
    let note = plain.checkpoint()?;
    copy_all(&note, &|path| plain.tile(path), folder, &mut progress)
}

fn must_be_unfinished(folder: &Path) -> Result<(), ExportError> {
    let end = folder.join("checkpoint");
    match end.exists() {
        true => Err(ExportError::NotEmpty { path: end }),
        false => Ok(()),
    }
}

/// Reads a file of the log.
type ReadTile<'a> = dyn Fn(&TilePath) -> Result<Vec<u8>, ExportError> + 'a;

fn copy_all(
    note: &str,
    read: &ReadTile<'_>,
    folder: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let checkpoint = parse(note)?;
    let files: Vec<TilePath> = files_of(checkpoint.size()).collect();
    let total = files.len() as u64 + 1;
    let mut bytes = note.len() as u64;
    for (done, path) in files.iter().enumerate() {
        progress(done as u64, total);
        bytes += copy(read, folder, path)?;
    }
    write(&folder.join("checkpoint"), note.as_bytes())?;
    progress(total, total);
    Ok(Exported {
        checkpoint,
        files: total,
        bytes,
    })
}

fn copy(read: &ReadTile<'_>, folder: &Path, path: &TilePath) -> Result<u64, ExportError> {
    let text = path.to_string();
    let target = folder.join(&text);
    if path.is_full() && path.kind() != TileKind::Entries && target.exists() {
        let length = fs::metadata(&target).map(|metadata| metadata.len());
        return length.map_err(|source| ExportError::Write {
            path: target,
            source,
        });
    }
    let bytes = read(path)?;
    write(&target, &bytes)?;
    Ok(bytes.len() as u64)
}

fn fetch<T>(path: &str, result: Result<T, ClientError>) -> Result<T, ExportError> {
    result.map_err(|source| ExportError::Fetch {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    let failed = |source| ExportError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    durable::replace(path, bytes).map_err(failed)
}

fn parse(note: &str) -> Result<Checkpoint, ExportError> {
    let failed = |reason: String| ExportError::Checkpoint { reason };
    let note = Note::parse(note.as_bytes()).map_err(|error| failed(error.to_string()))?;
    Checkpoint::parse(note.text()).map_err(|error| failed(error.to_string()))
}
