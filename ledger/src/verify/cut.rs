//! An export that begins later than its log: a month out of years.
//!
//! It is made from a whole export while that is verified, so nobody passes on what he has not
//! checked. It begins with a seal: the state's snapshot there, the seal and its proof, then the
//! bundles and hash tiles from there on, and the same checkpoint.

use crate::batch::SignedHeader;
use crate::codec;
use crate::entry::Entry;
use crate::ledger::Ledger;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::policy::Policy;
use crate::verify::claim::Report;
use crate::verify::entries::{Entries, EntriesError};
use crate::verify::source::Source;
use crate::verify::start::{START_FILE, STATE_PIECE_BYTES, files_from, prove_last, state_path};
use crate::verify::{Options, Progress, tile_bytes, verify_with};
use std::io;
use wattle_market::interval::Timestamp;

/// Where an export is to begin: with the last seal that is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// At a number of entries.
    Size(u64),
    /// Before a time of the park.
    Before(Timestamp),
}

/// The seal that a cut export begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealAt {
    /// Entries up to and including it.
    pub size: u64,
    /// Time of its batch.
    pub time: Timestamp,
    leaf: Vec<u8>,
}

/// Why an export was not cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// It cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// There is no seal so early.
    #[error("the log has no seal so early; choose a later place")]
    NoSeal,
    /// A claim does not hold, or is not checked.
    #[error("the export does not verify, so no part of it is passed on")]
    NotVerified(Box<Report>),
    /// Its tiles do not give what is needed.
    #[error("{0}; copy the log again")]
    Tiles(String),
    /// A file of the new export cannot be written.
    #[error("a file of the new export cannot be written")]
    Write(#[source] io::Error),
}

/// Takes a file of the new export.
pub type Sink<'a> = dyn FnMut(&str, &[u8]) -> io::Result<()> + 'a;

/// Finds the seal that an export is to begin with.
///
/// # Errors
/// [`CutError::Entries`] and [`CutError::NoSeal`].
pub fn find_seal(source: &dyn Source, at: CutAt) -> Result<SealAt, CutError> {
    let mut time = Timestamp(0);
    let mut found = None;
    for entry in Entries::open(source)? {
        let indexed = entry?;
        let size = indexed.index + 1;
        if matches!(at, CutAt::Size(most) if size > most) {
            break;
        }
        match &indexed.entry {
            Entry::Batch { header, .. } => {
                if let Ok(header) = SignedHeader::parse(header) {
                    time = header.body().time;
                }
                if matches!(at, CutAt::Before(until) if time >= until) {
                    break;
                }
            }
            Entry::Seal { .. } => {
                let leaf = indexed.entry.encode();
                found = Some(SealAt { size, time, leaf });
            }
            _ => {}
        }
    }
    found.ok_or(CutError::NoSeal)
}

/// Verifies a whole export, and hands out the files of one that begins with a seal.
///
/// # Errors
/// [`CutError`]; what was handed out by then is no export.
pub fn cut(
    source: &dyn Source,
    policy: &Policy,
    seal: &SealAt,
    sink: &mut Sink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, CutError> {
    let mut written = Ok(());
    let mut take = |ledger: &mut Ledger| written = write_state(ledger, sink);
    let options = Options {
        at: Some((seal.size, &mut take)),
        ..Options::default()
    };
    let verified = verify_with(source, policy, options, progress);
    let Some(note) = verified.note else {
        return Err(CutError::NotVerified(Box::new(verified.report)));
    };
    written.map_err(CutError::Write)?;
    write_log(source, &note, seal, sink)?;
    Ok(verified.report)
}

/// The snapshot in pieces.
fn write_state(ledger: &mut Ledger, sink: &mut Sink<'_>) -> io::Result<()> {
    let (mut waiting, mut piece) = (Vec::new(), 0);
    ledger.snapshot().write(&mut |bytes: &[u8]| {
        waiting.extend_from_slice(bytes);
        while waiting.len() >= STATE_PIECE_BYTES {
            sink(&state_path(piece), &waiting[..STATE_PIECE_BYTES])?;
            waiting.drain(..STATE_PIECE_BYTES);
            piece += 1;
        }
        Ok::<(), io::Error>(())
    })?;
    if waiting.is_empty() {
        return Ok(());
    }
    sink(&state_path(piece), &waiting)
}

/// Everything beside the snapshot; the checkpoint last, as an export's writer does it.
fn write_log(
    source: &dyn Source,
    note: &Note,
    seal: &SealAt,
    sink: &mut Sink<'_>,
) -> Result<(), CutError> {
    let checkpoint = Checkpoint::parse(note.text());
    let checkpoint = checkpoint.map_err(|error| CutError::Tiles(error.to_string()))?;
    let proof = prove_last(source, &checkpoint, seal.leaf.clone(), seal.size);
    let proof = proof.map_err(CutError::Tiles)?;
    sink(START_FILE, &codec::encode(&proof)).map_err(CutError::Write)?;
    for path in files_from(seal.size, &checkpoint) {
        let (path, bytes) = tile_bytes(source, path).map_err(CutError::Tiles)?;
        sink(&path.to_string(), &bytes).map_err(CutError::Write)?;
    }
    sink("checkpoint", note.to_string().as_bytes()).map_err(CutError::Write)
}
