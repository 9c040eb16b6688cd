//! What a node says of itself.

use super::{EvidenceCounts, Sealing};
use serde::{Deserialize, Serialize};
use std::fmt;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::{DeliveryInterval, Timestamp};

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The park id.
    pub park: Hash,
    /// The park's name.
    pub name: String,
    /// The log's origin.
    pub origin: String,
    /// The node that answers.
    pub node: NodeId,
    /// Its part in Raft.
    pub role: Role,
    /// The leader it knows.
    pub leader: Option<NodeId>,
    /// Its Raft term.
    pub term: u64,
    /// The Raft index up to which entries are committed, as far as it knows.
    pub commit: u64,
    /// The Raft index up to which it has applied them.
    pub applied: u64,
    /// Park time by the node's clock.
    pub park_time_ms: Timestamp,
    /// Milliseconds of park time in one of real time; 1 but in a testnet.
    pub clock_speed: u32,
    /// Park time of the last batch in the log, to which every rule refers.
    pub log_time_ms: Timestamp,
    /// The park's local clock, in minutes ahead of UTC.
    pub utc_offset_minutes: i16,
    /// The next interval whose gate closes.
    pub next_gate: DeliveryInterval,
    /// The next interval to be settled.
    pub next_settlement: DeliveryInterval,
    /// Leaves in the node's log.
    pub tree_size: u64,
    /// Root over them.
    pub root: Hash,
    /// The state root in the last seal leaf that the node applied.
    pub state_root: Option<Hash>,
    /// The last checkpoint with its quorum of cosignatures.
    pub sealed: Option<Sealed>,
    /// Whether the park seals: below a seal's quorum it goes on and commits, and nothing seals.
    #[serde(default)]
    pub sealing: Sealing,
    /// The voters.
    pub voters: Vec<NodeId>,
    /// Nodes that get the log and do not vote.
    #[serde(default)]
    pub learners: Vec<NodeId>,
    /// Bytes of Raft entries that are not compacted.
    pub window_bytes: u64,
    /// What they may at most be; past it the park takes no events.
    pub window_bytes_max: u64,
    /// The last durable snapshot.
    pub snapshot: Option<SnapshotStatus>,
    /// The Raft index up to which entries are compacted.
    pub compacted: u64,
    /// How many leaves the node will have when it has caught up, while it is too far behind for
    /// entries.
    pub catches_up_to: Option<u64>,
    /// What was signed twice, as far as the node keeps it or the log has it.
    #[serde(default)]
    pub evidence: EvidenceCounts,
    /// The program's version.
    pub version: String,
}

/// A snapshot from which the node starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotStatus {
    /// The last Raft index that is applied in it.
    pub index: u64,
    /// Leaves of the log.
    pub size: u64,
    /// Park time of the last batch.
    pub time_ms: Timestamp,
    /// Bytes of its file.
    pub bytes: u64,
}

/// A node's part in Raft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Proposes batches.
    Leader,
    /// Follows a leader, or waits for one.
    Follower,
    /// Stands for election.
    Candidate,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Candidate => "candidate",
        })
    }
}

/// A checkpoint with its quorum of cosignatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// Who cosigned.
    pub cosigners: Vec<NodeId>,
    /// The latest time in a cosignature, in milliseconds of park time.
    pub time_ms: Timestamp,
}

/// `DATA/ready.json`: where a started node listens. It is written once both sockets listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Address of the HTTP API.
    pub api_addr: std::net::SocketAddr,
    /// Address of the peer network.
    pub p2p_addr: std::net::SocketAddr,
    /// The process.
    pub pid: u32,
}
