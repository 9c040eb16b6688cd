//! What a witness has accepted, on disk.
//!
//! `FOLDER/<SHA-256 of the origin>/checkpoint` is the last accepted note with the witness's own
//! cosignature: size and root are read from there and nowhere else. Whoever deletes or restores
//! such a file makes the witness forget what it signed; a copy of it is evidence, not a backup.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use wattle_client::durable;

/// The most bytes of a stored note; the lines in it are those of a policy's keys.
const NOTE_BYTES_MAX: u64 = 128 * 1024;
/// Pairs of notes that contradict each other, kept for each log; later ones prove no more.
pub const CONTRADICTIONS_MAX: usize = 16;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("{path} is in use by another process; one witness has one folder")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}; check the folder, its permissions and the free space")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The folder of a witness, locked for this process.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Holds the lock until the process ends.
    _lock: File,
}

impl Store {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let path = folder.join("lock");
        let failed = |source| StoreError::File {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut options = fs::OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true);
        let lock = lock.open(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Store {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The note that was accepted last of a log.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn read(&self, log: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(log);
        let read = || -> io::Result<Option<Vec<u8>>> {
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                opened => opened?,
            };
            let mut bytes = Vec::new();
            file.take(NOTE_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        };
        read().map_err(|source| StoreError::File {
            path: path.clone(),
            source,
        })
    }

    /// Makes a note the last one accepted of a log. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::File`]; the note is then the old or the new one, whole.
    pub fn write(&self, log: &str, note: &str) -> Result<(), StoreError> {
        let path = self.path(log);
        let written = self
            .create_folder(log)
            .and_then(|_| durable::replace(&path, note.as_bytes()));
        written.map_err(|source| StoreError::File { path, source })
    }

    /// Keeps two notes that contradict each other, in files `contradiction-NAME.first` and
    /// `.other`, unless as many are kept already or this one is. Gives the second file's path.
    ///
    /// # Errors
    /// [`StoreError::File`].
    pub fn keep_contradiction(
        &self,
        log: &str,
        name: &str,
        (first, other): (&str, &str),
    ) -> Result<Option<PathBuf>, StoreError> {
        let file = |end: &str| {
            self.folder
                .join(log)
                .join(format!("contradiction-{name}.{end}"))
        };
        let path = file("other");
        let kept = || -> io::Result<bool> {
            self.create_folder(log)?;
            if path.exists() || self.contradictions(log).len() >= CONTRADICTIONS_MAX {
                return Ok(false);
            }
            durable::replace(&file("first"), first.as_bytes())?;
            durable::create(&path, other.as_bytes())?;
            Ok(true)
        };
        match kept() {
            Ok(is_new) => Ok(is_new.then_some(path)),
            Err(source) => Err(StoreError::File { path, source }),
        }
    }

    /// The second files of the contradictions that are kept of a log.
    pub fn contradictions(&self, log: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.join(log));
        let paths = entries.into_iter().flatten().flatten();
        let is_one = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with("contradiction-") && name.ends_with(".other"))
        };
        let mut found: Vec<PathBuf> = paths.map(|entry| entry.path()).filter(is_one).collect();
        found.sort();
        found
    }

    /// Where the last note of a log lies.
    pub fn path(&self, log: &str) -> PathBuf {
        self.folder.join(log).join("checkpoint")
    }

    fn create_folder(&self, log: &str) -> io::Result<()> {
        let folder = self.folder.join(log);
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }
}
