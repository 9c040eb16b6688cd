//! A change of the voters: one step of Raft's membership, as a batch of its own kind.
//!
//! The registrar says what standing each node shall have; the leader brings Raft there one step at
//! a time. A step is signed like a batch, so that it can be laid at one node's door, and leaves
//! three leaves: header, voters, seal.

use crate::batch::{BatchError, SignedHeader};
use crate::codec::{self, CodecError};
use crate::genesis::{Genesis, NodeRecord};
use crate::hash::{Hash, sha256};
use crate::keys::{PublicKey, SigningKey};
use crate::limits::BATCH_BYTES_MAX;
use crate::log::policy::Policy;
use crate::registration::NodeId;
use wattle_market::interval::Timestamp;

/// Prefix of the hash over a step, which stands in its header where a batch has that of its events.
pub const CHANGE_DOMAIN: &[u8] = b"wattle/change/v0\n";
/// The first bytes of a step as a Raft entry. Read as a batch they are a length that no batch has.
pub const CHANGE_MARK: [u8; 8] = [0xff; 8];

/// What a node is to the park's Raft group.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeStanding {
    /// It gets the log and neither votes nor cosigns.
    Learner,
    /// It votes and cosigns.
    Voter,
    /// It has no part any more, and its id and keys never come back.
    Removed,
}

/// One step of the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct MemberChange {
    /// Who.
    pub node: NodeId,
    /// What it becomes.
    pub standing: NodeStanding,
}

/// Who votes and who learns.
#[derive(Debug, Clone, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Membership {
    /// Voters, ids ascending.
    pub voters: Vec<NodeId>,
    /// Learners, ids ascending.
    pub learners: Vec<NodeId>,
    /// Index of the leaf that says so; 0 for the founding.
    pub since: u64,
}

impl Membership {
    /// What a node is; none if it has no part.
    pub fn standing(&self, node: NodeId) -> Option<NodeStanding> {
        if self.voters.binary_search(&node).is_ok() {
            return Some(NodeStanding::Voter);
        }
        let learns = self.learners.binary_search(&node).is_ok();
        learns.then_some(NodeStanding::Learner)
    }

    /// Voters and learners.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        self.voters.iter().chain(&self.learners).copied()
    }

    /// The membership after a step, which stands in a leaf.
    #[must_use]
    pub fn after(&self, change: &MemberChange, leaf: u64) -> Membership {
        let MemberChange { node, standing } = *change;
        let with = |ids: &[NodeId], is_in: bool| {
            let mut ids: Vec<NodeId> = ids.iter().copied().filter(|id| *id != node).collect();
            if is_in {
                ids.push(node);
                ids.sort_unstable();
            }
            ids
        };
        Membership {
            voters: with(&self.voters, standing == NodeStanding::Voter),
            learners: with(&self.learners, standing == NodeStanding::Learner),
            since: leaf,
        }
    }
}

/// How many of `voters` must cosign a checkpoint: floor(2n/3) + 1.
pub fn seal_quorum(voters: usize) -> usize {
    voters * 2 / 3 + 1
}

/// The policy (C2SP tlog-policy) that trusts these voters' keys.
///
/// # Panics
/// If two of them share a key, which the registry never allows.
pub fn policy(genesis: &Genesis, voters: &[NodeRecord]) -> Policy {
    let log_keys: Vec<PublicKey> = voters.iter().map(|node| node.log).collect();
    let cosigners: Vec<(String, PublicKey)> = voters
        .iter()
        .map(|node| (genesis.cosigner_name(node.id), node.cosigner))
        .collect();
    let quorum = seal_quorum(voters.len()) as u64;
    Policy::for_park(&genesis.origin(), &log_keys, &cosigners, quorum)
        .expect("voters have distinct keys and a quorum of their own")
}

/// The hash that a step's header commits it with.
pub fn change_hash(change: &MemberChange) -> Hash {
    sha256(&[CHANGE_DOMAIN, &codec::encode(change)])
}

/// A step with its header, whose bytes decode and agree; the signature is checked when applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBatch {
    /// The header.
    pub header: SignedHeader,
    /// The step.
    pub change: MemberChange,
}

impl ChangeBatch {
    /// Signs a step as the leader of `term`.
    pub fn sign(
        park: Hash,
        leader: (NodeId, &SigningKey),
        term: u64,
        time: Timestamp,
        change: MemberChange,
    ) -> ChangeBatch {
        let header = SignedHeader::sign(park, leader, term, time, change_hash(&change));
        ChangeBatch { header, change }
    }

    /// The Raft entry's data.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = CHANGE_MARK.to_vec();
        bytes.extend(codec::encode(&(self.header.bytes().to_vec(), self.change)));
        bytes
    }

    /// Whether a Raft entry's data says that it is a step.
    pub fn is_marked(bytes: &[u8]) -> bool {
        bytes.starts_with(&CHANGE_MARK)
    }

    /// Reads a Raft entry's data.
    ///
    /// # Errors
    /// Any [`BatchError`].
    pub fn decode(bytes: &[u8]) -> Result<ChangeBatch, BatchError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(BatchError::TooLarge {
                bytes: bytes.len(),
                events: 0,
            });
        }
        let Some(bytes) = bytes.strip_prefix(&CHANGE_MARK) else {
            let reason = "a step of the membership begins with its mark".to_owned();
            return Err(BatchError::Malformed(CodecError::Malformed { reason }));
        };
        let (header, change): (Vec<u8>, MemberChange) =
            codec::decode(bytes).map_err(BatchError::Malformed)?;
        let header = SignedHeader::parse(&header).map_err(BatchError::Malformed)?;
        if change_hash(&change) != header.body().events {
            return Err(BatchError::EventsDiffer);
        }
        Ok(ChangeBatch { header, change })
    }
}
