//! Finds what is new in another park's log, and makes of it what a node's key signs.

use wattle_ledger::event::Action;
use wattle_ledger::log::note::Note;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::prove_consistency;
use wattle_ledger::log::tiles::TileHashes;
use wattle_ledger::log::witness::{AddCheckpoint, Head, Refusal, judge};

use crate::api::FollowedLog;
use crate::client::{Client, ClientError};

/// What a look at another log came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing larger than what is recorded.
    NothingNew {
        /// The log.
        origin: String,
        /// The size that is recorded.
        size: u64,
    },
    /// A checkpoint to be recorded.
    Checkpoint {
        /// The log.
        origin: String,
        /// Its size.
        size: u64,
        /// Another root is recorded for this size: the log has contradicted itself.
        contradicts: bool,
        /// What a node's key is to sign.
        action: Action,
    },
}

/// Why nothing of another log can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The other log does not answer.
    #[error("the other log's {what} cannot be fetched")]
    Fetch {
        /// What was asked for.
        what: &'static str,
        /// What happened.
        #[source]
        source: ClientError,
    },
    /// What it answers is no checkpoint.
    #[error("the other log's checkpoint is malformed ({reason}); ask another node of it")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// The park does not follow it.
    #[error(
        "the park does not follow the log {origin}; let the registrar: wattle registrar follow"
    )]
    NotFollowed {
        /// The log.
        origin: String,
    },
    /// No proof from what is recorded can be made of the other log's tiles.
    #[error("no consistency proof from size {old} can be made of the other log's tiles: {reason}")]
    Proof {
        /// The size that is recorded.
        old: u64,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint does not hold, or does not continue what is recorded.
    #[error("the other log's checkpoint of size {size} is not recorded; keep it")]
    Refused {
        /// Its size.
        size: u64,
        /// Why.
        #[source]
        refusal: Refusal,
    },
}

/// Looks at another log, whose node `other` reaches: what is new of it, against what the park has
/// recorded. Everything that the ledger will check is checked here first.
///
/// # Errors
/// Any [`FollowError`].
pub fn look(other: &Client, logs: &[FollowedLog]) -> Result<Found, FollowError> {
    let malformed = |reason: String| FollowError::Malformed { reason };
    let text = other.checkpoint().map_err(|source| FollowError::Fetch {
        what: "checkpoint",
        source,
    })?;
    let note = Note::parse(text.as_bytes()).map_err(|error| malformed(error.to_string()))?;
    let mut request =
        AddCheckpoint::new(0, Vec::new(), note).map_err(|error| malformed(error.to_string()))?;
    let (origin, size) = (
        request.checkpoint().origin().to_owned(),
        request.checkpoint().size(),
    );
    let followed = logs.iter().find(|log| log.origin == origin);
    let followed = followed.ok_or_else(|| FollowError::NotFollowed {
        origin: origin.clone(),
    })?;
    let policy = Policy::parse(&followed.policy).map_err(|error| malformed(error.to_string()))?;
    let known = followed.latest.as_ref().map(|latest| Head {
        size: latest.size,
        root: latest.root,
    });
    let old = known.map_or(0, |known| known.size);
    let is_same = known == Some(Head::of(request.checkpoint()));
    if size < old || is_same {
        return Ok(Found::NothingNew { origin, size: old });
    }
    request.old = old;
    if size > old {
        let mut reader = TileHashes::new(size, |path| other.tile(path));
        let proof = prove_consistency(&mut reader, old, size);
        request.proof = proof.map_err(|error| FollowError::Proof {
            old,
            reason: error.to_string(),
        })?;
    }
    let contradicts = match judge(&request, &policy, known.as_ref()) {
        Ok(_) => false,
        Err(Refusal::Contradiction { .. }) if followed.contradiction.is_none() => true,
        Err(Refusal::Contradiction { .. }) => return Ok(Found::NothingNew { origin, size: old }),
        Err(refusal) => return Err(FollowError::Refused { size, refusal }),
    };
    Ok(Found::Checkpoint {
        origin,
        size,
        contradicts,
        action: Action::RecordCheckpoint {
            note: text.into_bytes(),
            proof: request.proof,
        },
    })
}
