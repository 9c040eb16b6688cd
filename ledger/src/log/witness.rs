//! What a log asks of a witness (C2SP tlog-witness, `add-checkpoint`), and when he may agree.
//!
//! A witness keeps the last checkpoint that he accepted of each log, and cosigns only one that
//! continues it. The specification lets one log key vouch for a checkpoint. Here the log's whole
//! policy must: where nodes of a park have a log key each, one of them alone could otherwise lead
//! a witness onto a branch that the others never saw, and lock them out.

#[cfg(test)]
mod tests;

use std::fmt;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::{Note, NoteError};
use super::policy::{Policy, PolicyVerdict};
use super::proof::{ProofError, verify_consistency};
use super::text::{decode_hash, encode_base64, parse_decimal};
use super::tree::EMPTY_ROOT;
use crate::hash::{Hash, sha256};
use crate::hex;

/// The most hashes that a consistency proof in a request has.
pub const PROOF_HASHES_MAX: usize = 63;
/// The most bytes of a request; a longer one is refused before it is read.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The size and root of the last checkpoint that was accepted of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl Head {
    /// What is known of every log: that it began empty.
    pub const EMPTY: Head = Head {
        size: 0,
        root: EMPTY_ROOT,
    };

    /// The head of a checkpoint.
    pub const fn of(checkpoint: &Checkpoint) -> Head {
        Head {
            size: checkpoint.size(),
            root: *checkpoint.root(),
        }
    }
}

/// A request's body: `old <size>`, the proof's hashes, an empty line, the signed note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to have; the proof begins there.
    pub old: u64,
    /// The consistency proof.
    pub proof: Vec<Hash>,
    note: Note,
    checkpoint: Checkpoint,
}

/// Why bytes are no such request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is longer than [`REQUEST_BYTES_MAX`].
    #[error("the request has {bytes} bytes, at most {REQUEST_BYTES_MAX} are read")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
    /// There is no empty line before the note, or what stands before it is no text.
    #[error("the request is not lines, an empty line and a signed note")]
    Parts,
    /// The first line is not `old` and a size in its one spelling.
    #[error("line 1 is not `old` and a decimal size")]
    Old,
    /// A line of the proof is not base64 of 32 bytes.
    #[error("line {line} is not a hash of the proof in base64")]
    Hash {
        /// The line, from one.
        line: usize,
    },
    /// The proof is longer than [`PROOF_HASHES_MAX`].
    #[error("a proof has at most {PROOF_HASHES_MAX} hashes")]
    ProofTooLong,
    /// The rest is no signed note.
    #[error("the note after the empty line")]
    Note(#[from] NoteError),
    /// The note holds no checkpoint.
    #[error("the checkpoint in the note")]
    Checkpoint(#[from] CheckpointError),
}

/// Why a witness does not cosign. In the order in which it is looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The note is not signed as the log's policy asks.
    #[error(
        "the note is not signed as the log's policy asks: lines of {cosigned} of its cosigners \
         hold, {bad} lines of trusted keys do not"
    )]
    Policy {
        /// Cosigners whose cosignature holds.
        cosigned: usize,
        /// Lines of trusted keys that do not hold.
        bad: usize,
    },
    /// The same size was accepted with another root, and both satisfy the policy: the log has
    /// contradicted itself.
    #[error("size {size} was cosigned with another root; the log has contradicted itself")]
    Contradiction {
        /// The size of both.
        size: u64,
    },
    /// The request's old size is above the checkpoint's.
    #[error("the old size {old} is above the checkpoint's {size}")]
    OldAboveNew {
        /// The request's.
        old: u64,
        /// The checkpoint's.
        size: u64,
    },
    /// The request's old size is not the one that was accepted last.
    #[error("the last checkpoint that was cosigned has size {known}; prove from there")]
    OldDiffers {
        /// The size that was accepted last; 0 for none.
        known: u64,
    },
    /// The proof does not show that the new tree continues the old one.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl AddCheckpoint {
    /// A request.
    ///
    /// # Errors
    /// [`RequestError::ProofTooLong`] and [`RequestError::Checkpoint`].
    pub fn new(old: u64, proof: Vec<Hash>, note: Note) -> Result<AddCheckpoint, RequestError> {
        if proof.len() > PROOF_HASHES_MAX {
            return Err(RequestError::ProofTooLong);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(AddCheckpoint {
            old,
            proof,
            note,
            checkpoint,
        })
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// Any [`RequestError`].
    pub fn parse(bytes: &[u8]) -> Result<AddCheckpoint, RequestError> {
        if bytes.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge { bytes: bytes.len() });
        }
        let blank = bytes.windows(2).position(|pair| pair == b"\n\n");
        let blank = blank.ok_or(RequestError::Parts)?;
        let lines = std::str::from_utf8(&bytes[..blank]).map_err(|_| RequestError::Parts)?;
        let mut lines = lines.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(parse_decimal).ok_or(RequestError::Old)?;
        let mut proof = Vec::new();
        for (place, line) in lines.enumerate() {
            if place == PROOF_HASHES_MAX {
                return Err(RequestError::ProofTooLong);
            }
            let wrong = RequestError::Hash { line: place + 2 };
            proof.push(decode_hash(line).ok_or(wrong)?);
        }
        AddCheckpoint::new(old, proof, Note::parse(&bytes[blank + 2..])?)
    }

    /// The signed note.
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The checkpoint in it, whose signatures are not checked by itself.
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpoint {
    /// The body as it is sent.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", encode_base64(&hash.0))?;
        }
        write!(formatter, "\n{}", self.note)
    }
}

/// Whether a witness that accepted `known` last, or nothing, may cosign what is asked.
///
/// # Errors
/// Any [`Refusal`]; what was known stays so.
pub fn judge(
    request: &AddCheckpoint,
    policy: &Policy,
    known: Option<&Head>,
) -> Result<PolicyVerdict, Refusal> {
    let verdict = policy.evaluate(&request.note);
    if !verdict.satisfied {
        return Err(Refusal::Policy {
            cosigned: verdict.cosigned.len(),
            bad: verdict.bad.len(),
        });
    }
    let known = known.copied().unwrap_or(Head::EMPTY);
    let new = Head::of(&request.checkpoint);
    if new.size == known.size && new.root != known.root {
        return Err(Refusal::Contradiction { size: new.size });
    }
    if request.old > new.size {
        let (old, size) = (request.old, new.size);
        return Err(Refusal::OldAboveNew { old, size });
    }
    if request.old != known.size {
        return Err(Refusal::OldDiffers { known: known.size });
    }
    verify_consistency(known.size, &known.root, new.size, &new.root, &request.proof)?;
    Ok(verdict)
}

/// The one origin of a policy's log keys; none where there is no log key, or of several logs.
pub fn origin_of(policy: &Policy) -> Option<&str> {
    let mut names = policy.logs().iter().map(|log| log.key.name());
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

/// How a witness names a log in paths: SHA-256 of the origin, in hexadecimal.
pub fn log_id(origin: &str) -> String {
    hex::encode(&sha256(&[origin.as_bytes()]).0)
}
