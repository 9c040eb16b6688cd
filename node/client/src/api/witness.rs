//! What a witness says of itself, and a node of its witnesses and of the logs that its park
//! follows.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// `GET /v1/witness` of a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessStatus {
    /// Its name.
    pub name: String,
    /// Its verifier key, as it stands in policies.
    pub vkey: String,
    /// The logs that it knows, by id.
    pub logs: Vec<WitnessedLog>,
}

/// A log that a witness knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessedLog {
    /// The log's name.
    pub origin: String,
    /// SHA-256 of the origin, which names the log in paths.
    pub id: String,
    /// Size of the last checkpoint that it cosigned.
    pub size: Option<u64>,
    /// Its root.
    pub root: Option<Hash>,
    /// When it last cosigned it, in seconds since 1970.
    pub cosigned_at: Option<u64>,
    /// Pairs of notes with which the log contradicted itself, kept by the witness.
    pub contradictions: u64,
}

/// One witness that a node asks, in `GET /v1/witnesses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedWitness {
    /// The witness's name.
    pub name: String,
    /// Its verifier key.
    pub vkey: String,
    /// Where it is asked.
    pub url: String,
    /// Size of the last checkpoint of this park that it cosigned for this node.
    pub size: Option<u64>,
    /// The time in that cosignature, in seconds since 1970 by the witness's clock.
    pub cosigned_at: Option<u64>,
    /// Why the last request failed; none where it succeeded or there was none.
    pub error: Option<String>,
}

/// `GET /v1/logs`: what the park has recorded of other logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedLogs {
    /// The logs, by origin.
    pub logs: Vec<FollowedLog>,
    /// This park's log, that this was read from.
    pub log: Extent,
}

/// One log that the park follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedLog {
    /// The log's name.
    pub origin: String,
    /// Its policy, by which its checkpoints are judged.
    pub policy: String,
    /// The last checkpoint recorded.
    pub latest: Option<RecordedCheckpoint>,
    /// The log has contradicted itself.
    pub contradiction: Option<RecordedContradiction>,
}

/// A checkpoint of another log in this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedCheckpoint {
    /// Leaves of the other log.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The earliest time among its cosignatures, in seconds since 1970.
    pub cosigned_at: u64,
    /// When it was recorded, in park time.
    pub recorded_at_ms: Timestamp,
    /// The leaf of the event that holds the note.
    pub leaf: u64,
    /// Whose key recorded it.
    pub node: NodeId,
}

/// Two checkpoints of one size that a followed log's quorum has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedContradiction {
    /// The size of both.
    pub size: u64,
    /// The root recorded first.
    pub root: Hash,
    /// The leaf of its event.
    pub leaf: u64,
    /// The other root.
    pub other_root: Hash,
    /// The leaf of the other's event.
    pub other_leaf: u64,
}
