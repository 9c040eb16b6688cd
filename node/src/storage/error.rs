//! Why a store cannot be used.

use super::Identity;
use std::io;
use std::path::{Path, PathBuf};

/// What to do with a store that lost something.
const REJOIN: &str = "do not start this node with it: keep the folder for inspection, and let \
                      the node join again under a new id, since an id that forgot its votes must \
                      never vote again";

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder cannot be made, read or locked.
    #[error("cannot use the store in {path}; check the folder, its permissions and the free space")]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the store in {path} is in use by another process; stop that node first")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another program version wrote it.
    #[error("the store in {path} has format {found}, this program knows format 0; update it")]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is another park's or node's.
    #[error(
        "the store in {path} belongs to node {} of park {}, but the configuration is for node {} \
         of park {}; give this node a data folder of its own",
        found.node, found.park, expected.node, expected.park
    )]
    OtherIdentity {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: Identity,
        /// Who wants it.
        expected: Identity,
    },
    /// What is in it does not fit together.
    #[error("the store in {path} is damaged: {reason}; {REJOIN}")]
    Corrupt {
        /// The folder.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The node has run before, and its store is empty.
    #[error(
        "the store in {path} is gone or empty, but this node has run before: a node that forgot \
         its votes must never vote again. Bring the store back, or let the building join under a \
         new id with new keys"
    )]
    Forgotten {
        /// The folder.
        path: PathBuf,
    },
    /// sled failed.
    #[error("the store in {path} failed; free space or replace the disk, then start again")]
    Sled {
        /// The folder.
        path: PathBuf,
        /// What sled said.
        #[source]
        source: io::Error,
    },
    /// The disk did not confirm.
    #[error("the disk did not confirm what was written to {path}; check the disk, start again")]
    Sync {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl StorageError {
    /// What sled says when it opens: damage is told apart from a disk that is full or broken.
    pub(super) fn open(folder: &Path, error: sled::Error) -> StorageError {
        match error {
            sled::Error::Corruption { .. } => StorageError::Corrupt {
                path: folder.to_owned(),
                reason: error.to_string(),
            },
            error => StorageError::sled(folder, error),
        }
    }

    /// sled's errors are turned into text here, so that its types stay in this module.
    pub(super) fn sled(folder: &Path, error: sled::Error) -> StorageError {
        let source = match error {
            sled::Error::Io(error) => error,
            other => io::Error::other(other.to_string()),
        };
        StorageError::Sled {
            path: folder.to_owned(),
            source,
        }
    }
}
