//! Leaf 0: what a park is founded with.
//!
//! The genesis is signed by the registrar's key with park id zero. Its leaf hash is the *park id*,
//! which every later signature covers, and the log's origin ends in its hex.

use crate::codec::{self, CodecError};
use crate::entry::Entry;
use crate::hash::Hash;
use crate::keys::{KeyError, PublicKey, Signature, SigningKey};
use crate::limits::{NAME_BYTES_MAX, VOTERS_MAX};
use crate::log::policy::Policy;
use crate::log::tree::leaf_hash;
use crate::membership;
use crate::registration::{CarbonFactor, NodeId, TariffId};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::BuildingId;
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;

/// Prefix of the signed message; the park id that follows it is 32 zero bytes.
pub const GENESIS_DOMAIN: &[u8] = b"wattle/genesis/v0\n";

/// What the registrar signs to found a park.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct GenesisBody {
    /// Version of the formats and rules; 0.
    pub version: u8,
    /// The park's name: 1 to 40 of `a-z`, `0-9` and `-`; it stands in the log's origin.
    pub name: String,
    /// The park's local clock, in minutes ahead of UTC (Shanghai: 480).
    pub utc_offset_minutes: i16,
    /// The first interval whose gate the park closes.
    pub first_interval: DeliveryInterval,
    /// Signs the registry: participants, points, meters, keys, tariffs, factors.
    pub registrar: PublicKey,
    /// Signs deposits, withdrawals and credit limits.
    pub treasurer: PublicKey,
    /// May read what is private to the park; signs nothing in the ledger.
    pub regulator: PublicKey,
    /// The founding voters, in the order of their ids.
    pub nodes: Vec<NodeRecord>,
    /// Feed-in, export and wheeling prices from the first interval on.
    pub terms: ParkTerms,
    /// Tariffs from the first interval on, in the order of their ids.
    pub tariffs: Vec<(TariffId, Tariff)>,
    /// The emission factor from the first interval on.
    pub factor: CarbonFactor,
}

/// A node and its five distinct keys.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct NodeRecord {
    /// The Raft id, never reused.
    pub id: NodeId,
    /// The building the node stands in.
    pub building: BuildingId,
    /// Names the peer on the private network (libp2p identity).
    pub transport: PublicKey,
    /// Signs checkpoints as the log (signed-note type 0x01).
    pub log: PublicKey,
    /// Cosigns checkpoints (signed-note type 0x04).
    pub cosigner: PublicKey,
    /// Signs batch headers while the node leads.
    pub batch: PublicKey,
    /// Signs promise receipts.
    pub receipt: PublicKey,
}

impl NodeRecord {
    /// The node's keys with the name of what each is for.
    pub fn keys(&self) -> [(&'static str, PublicKey); 5] {
        [
            ("transport", self.transport),
            ("log", self.log),
            ("cosigner", self.cosigner),
            ("batch", self.batch),
            ("receipt", self.receipt),
        ]
    }
}

/// Why bytes are not a genesis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Shorter than a signature, or the body does not decode.
    #[error("the genesis does not decode")]
    Malformed(#[source] CodecError),
    /// The registrar's signature does not verify.
    #[error("the registrar's signature over the genesis does not verify")]
    BadSignature,
    /// A version that this program does not know.
    #[error("the genesis has version {0}, this program knows version 0")]
    UnknownVersion(u8),
    /// The name cannot stand in an origin.
    #[error("the park's name {0:?} must be 1 to 40 characters of a-z, 0-9 and '-'")]
    BadName(String),
    /// The local clock is more than a day off.
    #[error("a UTC offset of {0} minutes is not within 14 hours")]
    BadUtcOffset(i16),
    /// No voters, too many, or not in the order of their ids.
    #[error("a park has 1 to 7 founding nodes in ascending order of their ids")]
    BadNodes,
    /// One key stands in two places.
    #[error("the key {0} stands in two places; every role needs a key of its own")]
    KeyUsedTwice(PublicKey),
    /// A key that must not be registered.
    #[error("the {role} key is refused")]
    BadKey {
        /// What the key is for.
        role: &'static str,
        /// Why it is refused.
        #[source]
        source: KeyError,
    },
    /// Prices out of bounds.
    #[error("the founding prices are out of bounds: {0}")]
    BadPrices(String),
}

/// A genesis whose signature and content were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    body: GenesisBody,
    signed: Vec<u8>,
    park: Hash,
}

fn message(body: &[u8]) -> Vec<u8> {
    [GENESIS_DOMAIN, &[0; 32], body].concat()
}

impl Genesis {
    /// Signs a body with the registrar's key.
    pub fn sign(body: &GenesisBody, registrar: &SigningKey) -> Result<Genesis, GenesisError> {
        let mut signed = codec::encode(body);
        let signature = registrar.sign(&message(&signed));
        signed.extend_from_slice(&signature.0);
        Genesis::parse(&signed)
    }

    /// Reads and checks signed bytes.
    pub fn parse(signed: &[u8]) -> Result<Genesis, GenesisError> {
        let Some((body_bytes, signature)) = signed.split_last_chunk::<64>() else {
            let reason = "shorter than a signature".to_owned();
            return Err(GenesisError::Malformed(CodecError::Malformed { reason }));
        };
        let body: GenesisBody = codec::decode(body_bytes).map_err(GenesisError::Malformed)?;
        body.registrar
            .check()
            .map_err(|source| GenesisError::BadKey {
                role: "registrar",
                source,
            })?;
        body.registrar
            .verify(&message(body_bytes), &Signature(*signature))
            .map_err(|_| GenesisError::BadSignature)?;
        body.check()?;
        let park = leaf_hash(&Entry::Genesis(signed.to_vec()).encode());
        Ok(Genesis {
            body,
            signed: signed.to_vec(),
            park,
        })
    }

    /// The content.
    pub fn body(&self) -> &GenesisBody {
        &self.body
    }

    /// Body and signature, exactly as signed.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The park id: the hash of leaf 0.
    pub fn park(&self) -> Hash {
        self.park
    }

    /// Leaf 0.
    pub fn leaf(&self) -> Vec<u8> {
        Entry::Genesis(self.signed.clone()).encode()
    }

    /// The log's origin (C2SP tlog-checkpoint): name, then the park id in hex.
    pub fn origin(&self) -> String {
        format!("wattle/{}/{}", self.body.name, self.park)
    }
}

impl Genesis {
    /// The name under which a node cosigns (C2SP tlog-cosignature).
    pub fn cosigner_name(&self, node: NodeId) -> String {
        format!("{}/node/{node}", self.origin())
    }

    /// How many of the founding voters must cosign a checkpoint: floor(2n/3) + 1.
    pub fn seal_quorum(&self) -> usize {
        membership::seal_quorum(self.body.nodes.len())
    }

    /// The policy (C2SP tlog-policy) that trusts the founding nodes' keys. A regulator pins its
    /// text when the park is founded; what an export says of itself is never trusted. For the
    /// voters of a later day it is [`membership::policy`].
    pub fn policy(&self) -> Policy {
        membership::policy(self, &self.body.nodes)
    }
}

impl GenesisBody {
    fn check(&self) -> Result<(), GenesisError> {
        if self.version != 0 {
            return Err(GenesisError::UnknownVersion(self.version));
        }
        if !is_origin_name(&self.name) {
            return Err(GenesisError::BadName(self.name.clone()));
        }
        if self.utc_offset_minutes.unsigned_abs() > 14 * 60 {
            return Err(GenesisError::BadUtcOffset(self.utc_offset_minutes));
        }
        let ascending = self.nodes.windows(2).all(|pair| pair[0].id < pair[1].id);
        if self.nodes.is_empty() || self.nodes.len() > VOTERS_MAX || !ascending {
            return Err(GenesisError::BadNodes);
        }
        if self.nodes[0].id.0 == 0 {
            return Err(GenesisError::BadNodes);
        }
        self.check_keys()?;
        self.check_prices()
    }

    fn check_keys(&self) -> Result<(), GenesisError> {
        let mut keys = vec![
            ("registrar", self.registrar),
            ("treasurer", self.treasurer),
            ("regulator", self.regulator),
        ];
        keys.extend(self.nodes.iter().flat_map(NodeRecord::keys));
        let mut seen = std::collections::BTreeSet::new();
        for (role, key) in keys {
            key.check()
                .map_err(|source| GenesisError::BadKey { role, source })?;
            if !seen.insert(key) {
                return Err(GenesisError::KeyUsedTwice(key));
            }
        }
        Ok(())
    }

    fn check_prices(&self) -> Result<(), GenesisError> {
        crate::registration::check_terms(&self.terms).map_err(GenesisError::BadPrices)?;
        for (_, tariff) in &self.tariffs {
            tariff
                .check()
                .map_err(|error| GenesisError::BadPrices(error.to_string()))?;
        }
        if !self.tariffs.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(GenesisError::BadPrices("tariff ids must ascend".to_owned()));
        }
        self.factor.check().map_err(GenesisError::BadPrices)
    }
}

fn is_origin_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(allowed) && name.len() <= NAME_BYTES_MAX
}
