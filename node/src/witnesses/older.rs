//! Witnesses' lines on older checkpoints, each size in a file of its own.
//!
//! Who has a policy that asks for witnesses needs them on the last checkpoint from before the
//! voters changed, long after that was the newest.

use crate::folder;
use crate::history::CHECKPOINTS_KEPT_MAX;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use wattle_ledger::log::note::{Note, NoteSignature};

use super::NOTE_LINES_MAX;

/// The lines kept, as notes.
pub(super) struct Older {
    folder: PathBuf,
    /// One witness's thread writes at a time.
    writing: Mutex<()>,
}

impl Older {
    pub(super) fn new(folder: &Path) -> Older {
        Older {
            folder: folder.join("older"),
            writing: Mutex::new(()),
        }
    }

    /// Keeps a witness's line on a checkpoint, and lets go of the oldest beyond the bound.
    ///
    /// # Errors
    /// Whatever the system says; the line is then not kept.
    pub(super) fn keep(&self, size: u64, note: &Note, line: &NoteSignature) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(size.to_string());
        let known = self.note(size)?.filter(|known| known.text() == note.text());
        let mut kept = known.unwrap_or_else(|| note.clone());
        // A later line of the same witness only says that it is still so.
        let is_there = |other: &&NoteSignature| other.name() == line.name();
        if kept.signatures().iter().find(is_there).is_some() || kept.add(line.clone()).is_err() {
            return Ok(());
        }
        folder::write_durably(&path, kept.to_string().as_bytes())?;
        self.forget_oldest()
    }

    /// A checkpoint as its node keeps it, with the witnesses' lines that are known of it.
    pub(super) fn with_lines(&self, size: u64, bytes: Vec<u8>) -> Vec<u8> {
        let Ok(mut note) = Note::parse(&bytes) else {
            return bytes;
        };
        let kept = self.note(size).ok().flatten();
        let Some(kept) = kept.filter(|kept| kept.text() == note.text()) else {
            return bytes;
        };
        for line in kept.signatures() {
            let is_there = |other: &NoteSignature| other.name() == line.name();
            let has_room = note.signatures().len() < NOTE_LINES_MAX;
            if has_room
                && !note.signatures().iter().any(is_there)
                && note.add(line.clone()).is_err()
            {
                return bytes;
            }
        }
        note.to_string().into_bytes()
    }

    fn note(&self, size: u64) -> io::Result<Option<Note>> {
        let bytes = folder::read_if_there(&self.folder.join(size.to_string()))?;
        // What does not hold any more is made again with the next line.
        Ok(bytes.and_then(|bytes| Note::parse(&bytes).ok()))
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut sizes = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            sizes.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        sizes.sort_unstable();
        let beyond = sizes.len().saturating_sub(CHECKPOINTS_KEPT_MAX);
        for size in &sizes[..beyond] {
            fs::remove_file(self.folder.join(size.to_string()))?;
        }
        Ok(())
    }
}
