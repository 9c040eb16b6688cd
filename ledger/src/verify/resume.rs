//! What a verifier keeps of a verification, so that the next one begins where it ended.
//!
//! ```text
//! "wattle/verified/v0\n" ‖ u64 unchecked ‖ bytes checkpoint note ‖ snapshot
//! ```
//!
//! It is worth what the place is worth where it is kept: whoever can change it can have anything
//! verified. It is the verifier's own, and is never taken from whoever hands over an export.

use crate::ledger::{Ledger, SignatureCheck};
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::snapshot::{Restoring, SnapshotError};
use crate::verify::CHECKPOINT_BYTES_MAX;

/// What such a file begins with.
pub const VERIFIED_DOMAIN: &[u8] = b"wattle/verified/v0\n";

/// Where a verification ended.
#[derive(Debug, Clone)]
pub struct Resumed {
    /// The ledger after the last leaf that was verified.
    pub ledger: Box<Ledger>,
    /// So many entries at the log's beginning were never verified.
    pub unchecked: u64,
}

/// Why a file is none of an earlier verification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeFileError {
    /// It does not begin as one does, or its checkpoint is none.
    #[error("this is no file of an earlier verification")]
    NoFile,
    /// Its snapshot cannot be used.
    #[error("its snapshot cannot be used: {0}")]
    Snapshot(#[from] SnapshotError),
    /// Its snapshot is not of its checkpoint.
    #[error("its snapshot is not the one of its checkpoint")]
    Mismatch,
}

/// Hands out such a file in pieces, in order, until one is refused.
///
/// # Errors
/// What `sink` gives.
pub fn write<E>(
    (ledger, unchecked, note): (&mut Ledger, u64, &Note),
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let note = note.to_string();
    sink(VERIFIED_DOMAIN)?;
    sink(&unchecked.to_le_bytes())?;
    sink(&(note.len() as u64).to_le_bytes())?;
    sink(note.as_bytes())?;
    ledger.snapshot().write(sink)?;
    Ok(())
}

/// A file that is being read, in pieces of any length.
#[derive(Debug)]
pub struct Reading {
    /// Bytes before the snapshot, as long as they are not whole.
    waiting: Vec<u8>,
    before: Option<(u64, Checkpoint)>,
    restoring: Restoring,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            waiting: Vec::new(),
            before: None,
            // Author signatures are a claim of their own.
            restoring: Restoring::new(SignatureCheck::AlreadyVerified),
        }
    }
}

impl Reading {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// [`ResumeFileError`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ResumeFileError> {
        if self.before.is_some() {
            return Ok(self.restoring.push(bytes)?);
        }
        self.waiting.extend_from_slice(bytes);
        let Some((unchecked, note, length)) = beginning(&self.waiting)? else {
            return Ok(());
        };
        let note = Note::parse(note).map_err(|_| ResumeFileError::NoFile)?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|_| ResumeFileError::NoFile)?;
        self.before = Some((unchecked, checkpoint));
        let waiting = std::mem::take(&mut self.waiting);
        Ok(self.restoring.push(&waiting[length..])?)
    }

    /// Where the verification ended, once all bytes are in.
    ///
    /// # Errors
    /// [`ResumeFileError`].
    pub fn finish(self) -> Result<Resumed, ResumeFileError> {
        let (unchecked, checkpoint) = self.before.ok_or(ResumeFileError::NoFile)?;
        let ledger = self.restoring.finish()?;
        if ledger.checkpoint() != checkpoint || unchecked > checkpoint.size() {
            return Err(ResumeFileError::Mismatch);
        }
        Ok(Resumed {
            ledger: Box::new(ledger),
            unchecked,
        })
    }
}

/// How many entries were never verified, the note, and where the snapshot begins.
type Beginning<'a> = (u64, &'a [u8], usize);

/// What stands before the snapshot; none: not all of it is there.
fn beginning(bytes: &[u8]) -> Result<Option<Beginning<'_>>, ResumeFileError> {
    let known = bytes.len().min(VERIFIED_DOMAIN.len());
    if bytes[..known] != VERIFIED_DOMAIN[..known] {
        return Err(ResumeFileError::NoFile);
    }
    let Some((unchecked, rest)) = bytes[known..].split_first_chunk::<8>() else {
        return Ok(None);
    };
    let Some((length, rest)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let length = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= CHECKPOINT_BYTES_MAX)
        .ok_or(ResumeFileError::NoFile)?;
    let note = rest.get(..length);
    Ok(note.map(|note| (u64::from_le_bytes(*unchecked), note, known + 16 + length)))
}
