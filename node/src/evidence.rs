//! Evidence on disk: `DATA/evidence`, one file for each contradiction that this node found.
//!
//! A file is named by its hash and written once: temporary, sync, rename, sync of the folder. The
//! oldest stay, since a liar who is found out could otherwise push out his first lie with the
//! hundredth; a head's file is replaced only by one about the same heads with more signatures.

mod find;
pub(crate) mod record;

use crate::folder;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_ledger::evidence::{Evidence, Subject};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;

/// Files about events; a further one is not kept.
const EVENT_FILES_MAX: usize = 256;
/// Files about events of one key, which the first convicts already; a further one is not kept.
const EVENT_FILES_PER_KEY_MAX: usize = 2;
/// Files about heads; a further one is not kept.
const HEAD_FILES_MAX: usize = 64;
/// Bytes of all files; one that would exceed them is not kept.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The evidence that a node keeps.
#[derive(Debug)]
pub struct EvidenceStore {
    folder: PathBuf,
    kept: BTreeMap<Subject, Kept>,
    bytes: u64,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub id: Hash,
    /// Its length.
    pub bytes: u64,
    lines: usize,
}

/// What became of a piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is on disk now.
    New,
    /// It replaced one about the same heads with fewer signatures.
    Extended,
    /// As much is there already.
    Known,
    /// The folder holds as much of this kind as it may.
    Full,
}

/// The folder cannot be used; the node stops.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path} of the evidence; check the folder, its permissions and free space")]
pub struct EvidenceFolderError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl EvidenceStore {
    /// What is in a folder, which is made. A file that is no evidence stays where it is and is not
    /// counted: it may be damaged, and somebody may want to look at it.
    ///
    /// # Errors
    /// [`EvidenceFolderError`].
    pub fn open(folder: &Path) -> Result<EvidenceStore, EvidenceFolderError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| EvidenceFolderError { path, source }
        };
        folder::create(folder).map_err(failed(folder))?;
        let mut store = EvidenceStore {
            folder: folder.to_owned(),
            kept: BTreeMap::new(),
            bytes: 0,
        };
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let bytes = fs::read(&path).map_err(failed(&path))?;
            match Evidence::parse(&bytes) {
                Ok(evidence) if path == store.path(&evidence.id()) => store.insert(&evidence),
                _ => {
                    tracing::warn!(path = %path.display(), "a file among the evidence is none");
                }
            }
        }
        Ok(store)
    }

    /// Keeps a piece of evidence durably, if it is news and there is room.
    ///
    /// # Errors
    /// [`EvidenceFolderError`].
    pub fn record(&mut self, evidence: &Evidence) -> Result<Recorded, EvidenceFolderError> {
        let subject = evidence.subject();
        let before = self.kept.get(&subject).copied();
        match before {
            Some(before) if before.lines >= evidence.lines() => return Ok(Recorded::Known),
            None if !self.has_room(&subject) => return Ok(Recorded::Full),
            _ => {}
        }
        if self.bytes + evidence.bytes().len() as u64 > BYTES_MAX {
            return Ok(Recorded::Full);
        }
        let path = self.path(&evidence.id());
        folder::write_durably(&path, evidence.bytes())
            .map_err(|source| EvidenceFolderError { path, source })?;
        if let Some(before) = before {
            self.bytes -= before.bytes;
            // Where it stays behind, the next start finds it and keeps the better of the two.
            let _ = fs::remove_file(self.path(&before.id));
        }
        self.insert(evidence);
        Ok(match before {
            Some(_) => Recorded::Extended,
            None => Recorded::New,
        })
    }

    /// Whether a piece of evidence about this would be kept; it spares making one.
    pub fn wants(&self, subject: &Subject) -> bool {
        let is_complete = matches!(subject, Subject::Events { .. });
        match self.kept.get(subject) {
            Some(_) => !is_complete,
            None => self.has_room(subject),
        }
    }

    /// All that is kept.
    pub fn list(&self) -> impl Iterator<Item = (&Subject, &Kept)> {
        self.kept.iter()
    }

    /// How many files are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What a file is about.
    pub fn subject_of(&self, id: &Hash) -> Option<Subject> {
        let mut kept = self.kept.iter();
        kept.find(|(_, kept)| kept.id == *id)
            .map(|(subject, _)| *subject)
    }

    /// Where the file of this name is.
    pub fn path(&self, id: &Hash) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn has_room(&self, subject: &Subject) -> bool {
        let of_key = |key: &PublicKey| {
            let least = Subject::Events {
                key: *key,
                sequence: 0,
            };
            let most = Subject::Events {
                key: *key,
                sequence: u64::MAX,
            };
            self.kept.range(least..=most).count()
        };
        let is_event = |subject: &&Subject| matches!(subject, Subject::Events { .. });
        let events = self.kept.keys().filter(is_event).count();
        match subject {
            Subject::Events { key, .. } => {
                events < EVENT_FILES_MAX && of_key(key) < EVENT_FILES_PER_KEY_MAX
            }
            Subject::Heads { .. } => self.kept.len() - events < HEAD_FILES_MAX,
        }
    }

    fn insert(&mut self, evidence: &Evidence) {
        let kept = Kept {
            id: evidence.id(),
            bytes: evidence.bytes().len() as u64,
            lines: evidence.lines(),
        };
        let known = self.kept.get(&evidence.subject());
        if known.is_none_or(|known| known.lines < kept.lines) {
            self.kept.insert(evidence.subject(), kept);
        }
        self.bytes += kept.bytes;
    }
}

#[cfg(test)]
mod tests;
