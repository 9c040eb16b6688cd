//! What a replica is started with.

use wattle_ledger::genesis::Genesis;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::NodeId;

/// A replica's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the park was founded with; its nodes are the first voters.
    pub genesis: Genesis,
    /// Which node this one is.
    pub node: NodeId,
    /// Its keys, which the genesis or the registration names.
    pub keys: NodeKeys,
    /// The registrar's signed registration of a node that is not in the genesis.
    pub registration: Option<Vec<u8>>,
    /// Ticks without a leader after which a node campaigns, and up to twice as many. A round trip
    /// should take less than a third of it.
    pub election_ticks: usize,
    /// Ticks between a leader's signs of life; less than `election_ticks`.
    pub heartbeat_ticks: usize,
    /// Where election timeouts come from.
    pub seed: u64,
    /// How far a leader's batch time may be ahead of this node's clock, in milliseconds of park
    /// time; beyond it the batch is refused.
    pub clock_ahead_max_ms: u64,
    /// Within how many milliseconds of park time an event that is promised stands in the log, or
    /// the receipt for it shows that it does not.
    pub promise_ms: u64,
    /// Bytes of Raft entries that are not compacted; past it the park takes no more events.
    pub window_bytes_max: u64,
    /// When a snapshot is taken.
    pub snapshots: SnapshotRule,
}

/// A snapshot is taken when either bound is reached by what was applied since the last one. Entries
/// before the last snapshot but one are compacted, so that the log holds one to two times as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotRule {
    /// Bytes of entries.
    pub bytes: u64,
    /// Their number.
    pub entries: u64,
}

/// The private keys that a replica signs with.
#[derive(Debug, Clone)]
pub struct NodeKeys {
    /// Signs batch headers.
    pub batch: SigningKey,
    /// Signs checkpoints as the log.
    pub log: SigningKey,
    /// Cosigns checkpoints.
    pub cosigner: SigningKey,
    /// Signs receipts for promised events.
    pub receipt: SigningKey,
}

/// Why a replica does not start. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Neither the genesis nor a registration names the node.
    #[error(
        "neither the genesis nor a registration names node {0}; check the node's id and \
         `registration` in its configuration"
    )]
    UnknownNode(NodeId),
    /// A key is not the one that the genesis names.
    #[error(
        "the {role} key is not the one that the genesis names for node {node}; \
         check which key files the node is given"
    )]
    OtherKey {
        /// This node.
        node: NodeId,
        /// What the key is for.
        role: &'static str,
    },
    /// Ticks that Raft cannot work with.
    #[error("election ticks must be above heartbeat ticks, and these above zero")]
    Ticks,
    /// The stored data contradicts itself.
    #[error(
        "the stored data contradicts itself: {reason}; \
         the node cannot vote with it and must rejoin under a new id"
    )]
    DurableInvalid {
        /// What was found.
        reason: String,
    },
    /// The snapshot is whole, but this program does not arrive at what it says.
    #[error(
        "the snapshot at entry {index} cannot be used: {reason}; \
         keep it as evidence, move it out of the snapshots folder and start again"
    )]
    Snapshot {
        /// Its Raft index.
        index: u64,
        /// What was found.
        reason: String,
    },
    /// Raft refused its configuration.
    #[error("Raft does not start")]
    Raft(#[source] raft::Error),
}
