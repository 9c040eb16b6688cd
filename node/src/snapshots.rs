//! Snapshots on disk: `DATA/snapshots`, a file each, the last two.
//!
//! A file is written as temporary, synced, renamed, and its folder synced, by a thread of its own:
//! the node goes on meanwhile, and compacts its log only when it is told that the file is durable.
//! At start the newest file that is whole is used; a broken one is set aside with an alarm.
//!
//! ```text
//! "wattle/node-snapshot/v0\n" ‖ SHA-256 of the rest ‖ head ‖ parts ‖ ledger
//! ```
//!
//! Head and each part have their length (u32, little-endian) before them; the parts, with their
//! number before them, are the partial tiles and the partial bundle of the head's size, each as its
//! path (with its length), and then its bytes. The ledger takes up what is left.
//!
//! Beside each lies its *place*, a file of the same form without the ledger and with a domain of
//! its own, `"wattle/node-snapshot-place/v0\n"`: should no snapshot be whole, or none be of a form
//! that the program knows, the ledger is made again from the node's own history up to there
//! ([`rebuild`]).

mod file;
pub mod rebuild;

pub use file::{Place, SnapshotFile, SnapshotFileError};

use crate::folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};

/// Snapshots that are kept: should the newest be broken, the one before it leads on.
const KEPT: usize = 2;
/// Snapshots that may wait for the one that is being written.
const WAITING_MAX: usize = 2;
const EXTENSION: &str = "snapshot";
const PLACE_EXTENSION: &str = "place";

/// Why snapshots cannot be used; the node stops.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file cannot be read or written.
    #[error("cannot use {path} of the snapshots; check the folder, its permissions and free space")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The thread that writes them could not be started, or has ended.
    #[error("the thread that writes snapshots does not run; start the node again")]
    Thread,
}

/// The way to the thread that writes snapshots.
#[derive(Debug)]
pub struct Snapshots {
    files: SyncSender<SnapshotFile>,
    written: Receiver<Result<Written, SnapshotError>>,
    /// The last one that is durable.
    last: Option<Written>,
    count: u64,
}

/// A durable snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Its Raft index.
    pub index: u64,
    /// Bytes of its file.
    pub bytes: u64,
}

/// What a folder of snapshots holds.
#[derive(Debug)]
pub struct Found {
    /// The newest that is whole, with its size on the disk.
    pub newest: Option<(SnapshotFile, Written)>,
    /// Files that are not whole; each is worth an alarm.
    pub broken: Vec<PathBuf>,
}

/// Reads the newest whole snapshot of a folder. Broken ones are renamed, so that they are looked at
/// by a person and never again by a start.
///
/// # Errors
/// [`SnapshotError::File`].
pub fn read_newest(folder: &Path) -> Result<Found, SnapshotError> {
    folder::create(folder).map_err(|source| failed(folder, source))?;
    let mut broken = Vec::new();
    for path in paths(folder, EXTENSION)?.into_iter().rev() {
        let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
        match SnapshotFile::decode(&bytes) {
            Ok(file) => {
                let written = Written {
                    index: file.snapshot.head.entry.index,
                    bytes: bytes.len() as u64,
                };
                return Ok(Found {
                    newest: Some((file, written)),
                    broken,
                });
            }
            Err(error) => {
                tracing::error!(
                    file = %path.display(), %error,
                    "a snapshot cannot be used; the node starts from an older one. Check the disk"
                );
                let aside = path.with_extension("broken");
                fs::rename(&path, &aside).map_err(|source| failed(&path, source))?;
                broken.push(aside);
            }
        }
    }
    Ok(Found {
        newest: None,
        broken,
    })
}

impl Snapshots {
    /// Starts the thread that writes to a folder. `last` is what the node has started from.
    ///
    /// # Errors
    /// [`SnapshotError::Thread`].
    pub fn start(folder: &Path, last: Option<Written>) -> Result<Snapshots, SnapshotError> {
        let (files, to_write) = mpsc::sync_channel::<SnapshotFile>(WAITING_MAX);
        let (report, written) = mpsc::channel();
        let folder = folder.to_owned();
        std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || {
                for file in to_write {
                    let result = write(&folder, &file);
                    let failed = result.is_err();
                    if report.send(result).is_err() || failed {
                        return;
                    }
                }
            })
            .map_err(|_| SnapshotError::Thread)?;
        Ok(Snapshots {
            files,
            written,
            last,
            count: 0,
        })
    }

    /// Hands a snapshot to the thread. The replica takes no other before this one is durable, but
    /// for the one that ends its catching up.
    ///
    /// # Errors
    /// [`SnapshotError::Thread`].
    pub fn write(&self, file: SnapshotFile) -> Result<(), SnapshotError> {
        self.files.send(file).map_err(|_| SnapshotError::Thread)
    }

    /// The next snapshot that has become durable since the last call, if any.
    ///
    /// # Errors
    /// What the writing failed with.
    pub fn next_written(&mut self) -> Result<Option<Written>, SnapshotError> {
        match self.written.try_recv() {
            Ok(written) => {
                let written = written?;
                self.last = Some(written);
                self.count += 1;
                Ok(Some(written))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(SnapshotError::Thread),
        }
    }

    /// The last durable one.
    pub fn last(&self) -> Option<Written> {
        self.last
    }

    /// How many were written since the start.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn failed(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File {
        path: path.to_owned(),
        source,
    }
}

/// Files of an extension, oldest first: names are numbers of one width.
fn paths(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, SnapshotError> {
    folder::with_extension(folder, extension).map_err(|source| failed(folder, source))
}

/// The places of the snapshots that were kept, the newest first. One that cannot be read is passed
/// over.
///
/// # Errors
/// [`SnapshotError::File`].
pub fn read_places(folder: &Path) -> Result<Vec<Place>, SnapshotError> {
    let mut places = Vec::new();
    for path in paths(folder, PLACE_EXTENSION)?.into_iter().rev() {
        let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
        match Place::decode(&bytes) {
            Ok(place) => places.push(place),
            Err(error) => tracing::error!(
                file = %path.display(), %error,
                "the place of a snapshot cannot be used. Check the disk"
            ),
        }
    }
    Ok(places)
}

/// Writes a snapshot durably, and lets the oldest go. The place comes first, so that there is none
/// without.
///
/// # Errors
/// [`SnapshotError::File`].
pub fn write(folder: &Path, file: &SnapshotFile) -> Result<Written, SnapshotError> {
    let index = file.snapshot.head.entry.index;
    let write_one = |extension: &str, bytes: &[u8]| {
        let path = folder.join(format!("{index:020}.{extension}"));
        folder::write_durably(&path, bytes).map_err(|source| failed(&path, source))
    };
    write_one(PLACE_EXTENSION, &file.place().encode())?;
    let bytes = file.encode();
    write_one(EXTENSION, &bytes)?;
    for extension in [EXTENSION, PLACE_EXTENSION] {
        let mut all = paths(folder, extension)?;
        all.truncate(all.len().saturating_sub(KEPT));
        for old in all {
            // One that stays does no harm; it is tried again with the next.
            let _ = fs::remove_file(&old);
        }
    }
    Ok(Written {
        index,
        bytes: bytes.len() as u64,
    })
}

#[cfg(test)]
mod tests;
