//! A batch: what one Raft entry carries.
//!
//! The leader signs a header over the park id, the term, the time and the hashes of the events, so
//! that an order of events or a time can be laid at one node's door. Followers check it again when
//! they apply it.

use crate::codec::{self, CodecError};
use crate::event::event_hash;
use crate::hash::{Hash, sha256};
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};
use crate::registration::NodeId;
use wattle_market::interval::Timestamp;

/// Prefix of a header's signed message.
pub const BATCH_DOMAIN: &[u8] = b"wattle/batch/v0\n";
/// Prefix of the hash over a batch's event hashes.
pub const EVENTS_DOMAIN: &[u8] = b"wattle/events/v0\n";

/// What the leader signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct HeaderBody {
    /// Version of the format; 0.
    pub version: u8,
    /// The park.
    pub park: Hash,
    /// The leader.
    pub node: NodeId,
    /// The Raft term of the entry that carries the batch.
    pub term: u64,
    /// Park time, never below the batch before.
    pub time: Timestamp,
    /// [`events_hash`] of the events.
    pub events: Hash,
}

/// A header with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeader {
    body: HeaderBody,
    signature: Signature,
    bytes: Vec<u8>,
}

impl SignedHeader {
    /// Signs a header as the leader of `term`; `events` commits to what it stands for.
    pub(crate) fn sign(
        park: Hash,
        leader: (NodeId, &SigningKey),
        term: u64,
        time: Timestamp,
        events: Hash,
    ) -> SignedHeader {
        let (node, key) = leader;
        let body = HeaderBody {
            version: 0,
            park,
            node,
            term,
            time,
            events,
        };
        let mut bytes = codec::encode(&body);
        let signature = key.sign(&message(&bytes));
        bytes.extend_from_slice(&signature.0);
        SignedHeader {
            body,
            signature,
            bytes,
        }
    }

    /// Reads `body ‖ signature`; the signature is not checked yet.
    pub fn parse(bytes: &[u8]) -> Result<SignedHeader, CodecError> {
        let Some((body, signature)) = bytes.split_last_chunk::<64>() else {
            let reason = "a header is shorter than a signature".to_owned();
            return Err(CodecError::Malformed { reason });
        };
        let body = codec::decode(body)?;
        Ok(SignedHeader {
            body,
            signature: Signature(*signature),
            bytes: bytes.to_vec(),
        })
    }

    /// What the leader says.
    pub fn body(&self) -> &HeaderBody {
        &self.body
    }

    /// The leader's signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Body and signature, exactly as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether `key`, the leader's batch key, signed the header.
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.verify(&self.message(), &self.signature).is_ok()
    }

    /// What the leader signed.
    pub fn message(&self) -> Vec<u8> {
        message(&self.bytes[..self.bytes.len() - 64])
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [BATCH_DOMAIN, body].concat()
}

/// The hash that a header commits its events with, in order.
pub fn events_hash<'a>(hashes: impl IntoIterator<Item = &'a Hash>) -> Hash {
    let mut parts: Vec<&[u8]> = vec![EVENTS_DOMAIN];
    parts.extend(hashes.into_iter().map(|hash| &hash.0[..]));
    sha256(&parts)
}

/// A header and its events, whose bytes decode and agree; signatures are checked when applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The header.
    pub header: SignedHeader,
    /// Signed events, as they came.
    pub events: Vec<Vec<u8>>,
}

/// Why bytes are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes do not decode.
    #[error("the batch does not decode")]
    Malformed(#[source] CodecError),
    /// More bytes or events than a batch may have.
    #[error("the batch has {bytes} bytes and {events} events, beyond its bound")]
    TooLarge {
        /// Encoded length.
        bytes: usize,
        /// Number of events.
        events: usize,
    },
    /// The header does not commit to these events.
    #[error("the header's hash is not that of the events")]
    EventsDiffer,
}

impl Batch {
    /// Signs a batch as the leader of `term`.
    pub fn sign(
        park: Hash,
        leader: (NodeId, &SigningKey),
        term: u64,
        time: Timestamp,
        events: Vec<Vec<u8>>,
    ) -> Batch {
        let hashes: Vec<Hash> = events.iter().map(|event| event_hash(event)).collect();
        Batch {
            header: SignedHeader::sign(park, leader, term, time, events_hash(&hashes)),
            events,
        }
    }

    /// The Raft entry's data.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&(&self.header.bytes, &self.events))
    }

    /// Reads a Raft entry's data.
    pub fn decode(bytes: &[u8]) -> Result<Batch, BatchError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(BatchError::TooLarge {
                bytes: bytes.len(),
                events: 0,
            });
        }
        let (header, events): (Vec<u8>, Vec<Vec<u8>>) =
            codec::decode(bytes).map_err(BatchError::Malformed)?;
        if events.len() > BATCH_EVENTS_MAX {
            return Err(BatchError::TooLarge {
                bytes: bytes.len(),
                events: events.len(),
            });
        }
        let header = SignedHeader::parse(&header).map_err(BatchError::Malformed)?;
        let hashes: Vec<Hash> = events.iter().map(|event| event_hash(event)).collect();
        if events_hash(&hashes) != header.body.events {
            return Err(BatchError::EventsDiffer);
        }
        Ok(Batch { header, events })
    }

    /// Bytes that `event` adds to an encoded batch; an empty batch has [`Batch::OVERHEAD_BYTES`].
    pub fn added_bytes(event: &[u8]) -> usize {
        event.len() + 8
    }

    /// Encoded length of a batch without events, rounded up.
    pub const OVERHEAD_BYTES: usize = 256;
}
