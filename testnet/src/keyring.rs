//! The keys of a testnet's people, meters and nodes, all derived from one seed.
//!
//! A testnet may know every key of its park; a park never does. The seed is drawn anew for each
//! run, or given, so that a recording comes out the same twice.

use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hash::sha256;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::NodeId;
use wattle_market::point::BuildingId;

/// Prefix of what a key's seed is hashed from.
const DOMAIN: &[u8] = b"wattle/testnet/key/v0\n";

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The park's registrar.
    Registrar,
    /// The park's treasurer.
    Treasurer,
    /// The regulator, who signs requests only.
    Regulator,
    /// A tenant, by his place in the list of participants.
    Tenant(usize),
    /// A meter, by its place in the list of meters.
    Meter(usize),
}

/// One of the five keys of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKey {
    /// Names the peer on the network.
    Transport,
    /// Signs checkpoints.
    Log,
    /// Cosigns checkpoints.
    Cosigner,
    /// Signs batch headers.
    Batch,
    /// Signs receipts.
    Receipt,
}

/// All keys of one testnet.
#[derive(Clone)]
pub struct Keyring {
    seed: [u8; 32],
}

impl Keyring {
    /// The keys that follow from a seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed }
    }

    fn derived(&self, label: &str) -> [u8; 32] {
        sha256(&[DOMAIN, &self.seed, label.as_bytes()]).0
    }

    /// The seed of a signer's key.
    #[must_use]
    pub fn seed(&self, signer: &Signer) -> [u8; 32] {
        self.derived(&match signer {
            Signer::Registrar => "registrar".to_owned(),
            Signer::Treasurer => "treasurer".to_owned(),
            Signer::Regulator => "regulator".to_owned(),
            Signer::Tenant(place) => format!("tenant {place}"),
            Signer::Meter(place) => format!("meter {place}"),
        })
    }

    /// A signer's key.
    #[must_use]
    pub fn key(&self, signer: &Signer) -> SigningKey {
        SigningKey::from_seed(&self.seed(signer))
    }

    /// The key of anybody else, by a name that no other has.
    #[must_use]
    pub fn named(&self, name: &str) -> SigningKey {
        SigningKey::from_seed(&self.derived(&format!("named {name}")))
    }

    /// The seed of one of a node's keys.
    #[must_use]
    pub fn node_seed(&self, node: NodeId, key: NodeKey) -> [u8; 32] {
        self.derived(&format!("node {node} {key:?}"))
    }

    /// One of a node's keys.
    #[must_use]
    pub fn node_key(&self, node: NodeId, key: NodeKey) -> SigningKey {
        SigningKey::from_seed(&self.node_seed(node, key))
    }

    /// A node as a genesis lists it.
    #[must_use]
    pub fn node_record(&self, node: NodeId, building: BuildingId) -> NodeRecord {
        let public = |key| self.node_key(node, key).public();
        NodeRecord {
            id: node,
            building,
            transport: public(NodeKey::Transport),
            log: public(NodeKey::Log),
            cosigner: public(NodeKey::Cosigner),
            batch: public(NodeKey::Batch),
            receipt: public(NodeKey::Receipt),
        }
    }
}
