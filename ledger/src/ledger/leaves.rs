//! A batch applied by its leaves alone, as a node does that catches up from a peer's history.

use super::{Applied, BatchRefusal, Ledger, Slot};
use crate::batch::SignedHeader;
use crate::codec::CodecError;
use crate::entry::{Dropped, Entry};
use crate::membership::MemberChange;
use std::collections::BTreeMap;

/// Why leaves are not what applying their batch yields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeavesError {
    /// A leaf or the header in the first one does not decode.
    #[error("leaf {index} does not decode: {source}")]
    Malformed {
        /// Index of the leaf.
        index: u64,
        /// What is wrong.
        source: CodecError,
    },
    /// The first leaf begins no batch.
    #[error("leaf {index} begins no batch")]
    NoBatch {
        /// Index of the leaf.
        index: u64,
    },
    /// The header's list of dropped events does not fit the events that are there.
    #[error("the batch at leaf {index} lists dropped events that do not fit its others")]
    Dropped {
        /// Index of its first leaf.
        index: u64,
    },
    /// The batch is refused.
    #[error("the batch at leaf {index} is refused: {source}")]
    Refused {
        /// Index of its first leaf.
        index: u64,
        /// Why.
        source: BatchRefusal,
    },
    /// Applying the batch yields another leaf, or more or fewer of them.
    #[error("applying the batch yields another leaf {index} than is there")]
    Differs {
        /// Index of the first that differs.
        index: u64,
    },
}

/// Whether a leaf is the first one of a batch.
pub fn begins_batch(leaf: &[u8]) -> bool {
    // The variant's number; what follows is read where it is applied.
    leaf.starts_with(&[1, 0, 0, 0])
}

impl Ledger {
    /// Applies a batch of which all leaves are given, and compares them with what it yields. Where
    /// they differ the ledger has changed all the same and is of no use any more.
    ///
    /// # Errors
    /// Any [`LeavesError`].
    pub fn apply_leaves(&mut self, leaves: &[Vec<u8>]) -> Result<Applied, LeavesError> {
        let first = self.size();
        let malformed = |index, source| LeavesError::Malformed { index, source };
        let entries = (first..)
            .zip(leaves)
            .map(|(index, leaf)| Entry::decode(leaf).map_err(|source| malformed(index, source)))
            .collect::<Result<Vec<Entry>, LeavesError>>()?;
        let Some(Entry::Batch { header, dropped }) = entries.first() else {
            return Err(LeavesError::NoBatch { index: first });
        };
        let header = SignedHeader::parse(header).map_err(|source| malformed(first, source))?;
        let applied = match step(entries.iter()) {
            Some(change) => self.replay_change(&header, change),
            None => {
                let slots = slots(events(entries.iter()), dropped);
                let slots = slots.ok_or(LeavesError::Dropped { index: first })?;
                self.replay(&header, &slots)
            }
        };
        let applied = applied.map_err(|source| LeavesError::Refused {
            index: first,
            source,
        })?;
        let differs = (first..)
            .zip(leaves.iter().zip(&applied.leaves))
            .find(|(_, (given, own))| given != own)
            .map(|(index, _)| index);
        let shorter = leaves.len().min(applied.leaves.len()) as u64;
        match differs {
            Some(index) => Err(LeavesError::Differs { index }),
            None if leaves.len() != applied.leaves.len() => Err(LeavesError::Differs {
                index: first + shorter,
            }),
            None => Ok(applied),
        }
    }
}

/// The step of the membership that a batch is, where it is one.
pub(crate) fn step<'a>(mut entries: impl Iterator<Item = &'a Entry>) -> Option<&'a MemberChange> {
    entries.find_map(|entry| match entry {
        Entry::Voters { change, .. } => Some(change),
        _ => None,
    })
}

/// The recorded events of a batch's entries.
pub(crate) fn events<'a>(
    entries: impl Iterator<Item = &'a Entry>,
) -> impl Iterator<Item = Slot<'a>> {
    entries.filter_map(|entry| match entry {
        Entry::Event { signed, .. } => Some(Slot::Event(signed)),
        _ => None,
    })
}

/// A batch's events by place: recorded ones, and dropped ones by their hashes; none where the two
/// do not fit together.
pub(crate) fn slots<'a>(
    mut recorded: impl Iterator<Item = Slot<'a>>,
    dropped: &[Dropped],
) -> Option<Vec<Slot<'a>>> {
    let mut dropped_at: BTreeMap<usize, Slot<'a>> = BTreeMap::new();
    for one in dropped {
        if dropped_at
            .insert(usize::from(one.place), Slot::Dropped(one.event))
            .is_some()
        {
            return None;
        }
    }
    let mut slots = Vec::new();
    while let Some(slot) = dropped_at.remove(&slots.len()).or_else(|| recorded.next()) {
        slots.push(slot);
    }
    dropped_at.is_empty().then_some(slots)
}
