//! What became of each key's latest events: the memory that makes a retry harmless.

use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::OUTCOMES_PER_KEY_MAX;
use crate::state::groups::{Groups, OUTCOMES_TOGETHER};
use crate::state::rows::parts;
use crate::state::table_number;

/// What became of a recorded event.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct RecordedOutcome {
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// Index of its leaf.
    pub leaf: u64,
    /// 0 or a refusal's number, for each item.
    pub outcome: Vec<u16>,
}

/// Outcomes by key and sequence: at least the latest [`OUTCOMES_PER_KEY_MAX`] of each key, and
/// at most [`OUTCOMES_TOGETHER`] more.
#[derive(Debug, Clone)]
pub struct Outcomes {
    rows: Groups<(PublicKey, u64), RecordedOutcome>,
}

parts!(Outcomes { rows });

impl Default for Outcomes {
    fn default() -> Outcomes {
        Outcomes {
            rows: Groups::new(table_number::OUTCOMES),
        }
    }
}

impl Outcomes {
    /// The outcome of a key's event, while it is kept.
    pub fn get(&self, key: &PublicKey, sequence: u64) -> Option<&RecordedOutcome> {
        self.rows.get(&(*key, sequence))
    }

    /// Records an outcome and lets go of the group that is no longer kept.
    pub(crate) fn record(&mut self, key: PublicKey, sequence: u64, outcome: RecordedOutcome) {
        let kept = sequence.saturating_sub(OUTCOMES_PER_KEY_MAX);
        let before = kept / OUTCOMES_TOGETHER;
        self.rows
            .insert_and_forget((key, sequence), outcome, before);
    }
}
