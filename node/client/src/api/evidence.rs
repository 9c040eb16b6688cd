//! What a node found signed twice.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::evidence::Subject;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// `GET /v1/evidence`: the files that the node keeps; `GET /v1/evidence/{id}` is one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceList {
    /// The files that the reader may see.
    pub evidence: Vec<EvidenceItem>,
    /// The log that says what of it is recorded.
    #[serde(default)]
    pub log: Extent,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// SHA-256 of the file.
    pub id: Hash,
    /// Its length.
    pub bytes: u64,
    /// What it is about.
    #[serde(flatten)]
    pub about: EvidenceSubject,
    /// Where evidence about this stands in the log; none: it is not recorded.
    #[serde(default)]
    pub recorded: Option<EvidencePlace>,
}

/// Where evidence stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidencePlace {
    /// Index of the event's leaf.
    pub leaf: u64,
    /// Time of the batch that recorded it.
    pub at_ms: Timestamp,
    /// Whose key recorded it.
    pub node: NodeId,
    /// SHA-256 of the file that is recorded, which may be another one about the same.
    pub evidence: Hash,
}

/// `POST /v1/evidence`: what became of a file that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceGiven {
    /// SHA-256 of the file.
    pub id: Hash,
    /// Whether the node keeps it now.
    pub outcome: GivenOutcome,
}

/// Whether a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenOutcome {
    /// It is.
    Kept,
    /// As much is kept, or recorded in the log, already.
    Known,
    /// The node keeps as much of this kind as it may.
    Full,
}

/// How much evidence there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceCounts {
    /// Files that the node keeps.
    pub kept: u64,
    /// Those of them whose subject is recorded in the log.
    pub kept_and_recorded: u64,
    /// Sequences of keys that recorded evidence shows were used twice.
    pub convicted_sequences: u64,
    /// Nodes that recorded evidence convicts.
    pub convicted_nodes: Vec<NodeId>,
    /// Meters' keys that are frozen by it now.
    pub frozen_keys: u64,
}

/// What a file is about; whom it convicts is said by the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EvidenceSubject {
    /// A key signed two events with one sequence.
    Events {
        /// The key.
        key: PublicKey,
        /// The sequence.
        sequence: u64,
    },
    /// The log was signed with two heads that cannot both be true.
    Heads {
        /// The smaller.
        first: EvidenceHead,
        /// The larger.
        second: EvidenceHead,
    },
}

/// A head of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceHead {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

impl From<Subject> for EvidenceSubject {
    fn from(subject: Subject) -> EvidenceSubject {
        let head = |(size, root)| EvidenceHead { size, root };
        match subject {
            Subject::Events { key, sequence } => EvidenceSubject::Events { key, sequence },
            Subject::Heads { first, second } => EvidenceSubject::Heads {
                first: head(first),
                second: head(second),
            },
        }
    }
}
