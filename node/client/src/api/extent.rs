//! How far what an answer says is committed and sealed.

use serde::{Deserialize, Serialize};
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// The log that an answer was read from. *Committed*: a quorum of nodes has it and the node that
/// answers has applied it. *Sealed*: a quorum has cosigned a checkpoint of this or a larger size.
/// *Final* is said of an interval, by its standing: whether a run can still change its figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Entries that are committed: what the answer says holds after them.
    pub committed: u64,
    /// How many of them are sealed.
    pub sealed: u64,
}

impl Extent {
    /// What holds of an entry.
    pub fn stage(&self, entry: u64) -> Stage {
        if entry < self.sealed {
            Stage::Sealed
        } else {
            Stage::Committed
        }
    }
}

/// What holds of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is in the log of a quorum of nodes.
    Committed,
    /// And a quorum has cosigned a checkpoint that covers it.
    Sealed,
}

impl Stage {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Committed => "committed",
            Stage::Sealed => "sealed",
        }
    }
}

/// Whether the park seals, as one node sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealing {
    /// Cosigners that a seal needs.
    pub needed: usize,
    /// Voters, each of whom may cosign.
    pub voters: usize,
    /// Who has cosigned the log's last seal, as far as the node has heard.
    pub cosigners: Vec<NodeId>,
    /// Entries that no sealed checkpoint covers.
    pub unsealed: u64,
    /// When the oldest seal was due that has not its cosigners yet, in the log's time; none: no
    /// seal waits.
    pub waiting_since_ms: Option<Timestamp>,
}
