//! Promise receipts: a node's signed word that an event will stand in the log in time.
//!
//! A node gives one for each event that it takes from a client, after it has stored the event; the
//! leader gives one to the node that carried the event to him. Whoever holds the receipts of an
//! event can show from an export alone that a promise was broken, and by whom: see
//! [`crate::verify::promise`]. The formats are those of `docs/FORMATS.md`, section 12.

use crate::codec::{self, CodecError};
use crate::event::{Action, OrderItem, SignedEvent};
use crate::genesis::NodeRecord;
use crate::hash::Hash;
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::registration::NodeId;
use crate::rejection::Rejection;
use wattle_market::interval::Timestamp;

/// Prefix of what a node signs.
pub const RECEIPT_DOMAIN: &[u8] = b"wattle/receipt/v0\n";
/// The version of receipts this program reads and writes.
pub const RECEIPT_VERSION: u8 = 0;
/// Receipts in one file: the node's and those of the leaders that it carried the event to.
pub const RECEIPTS_MAX: usize = 16;

/// What a node promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ReceiptBody {
    /// [`RECEIPT_VERSION`].
    pub version: u8,
    /// The park.
    pub park: Hash,
    /// Who promises.
    pub node: NodeId,
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// The event's author.
    pub author: PublicKey,
    /// The event's sequence.
    pub sequence: u64,
    /// When the node took the event, in its park time.
    pub promised_at: Timestamp,
    /// The park time by which the event stands in the log.
    pub deadline: Timestamp,
}

/// A promise with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    body: ReceiptBody,
    signature: Signature,
    bytes: Vec<u8>,
}

impl Receipt {
    /// Promises an event for a node.
    pub fn sign(
        park: Hash,
        (node, key): (NodeId, &SigningKey),
        event: &SignedEvent,
        (promised_at, deadline): (Timestamp, Timestamp),
    ) -> Receipt {
        let body = ReceiptBody {
            version: RECEIPT_VERSION,
            park,
            node,
            event: event.hash(),
            author: event.body().author,
            sequence: event.body().sequence,
            promised_at,
            deadline,
        };
        let mut bytes = codec::encode(&body);
        let signature = key.sign(&message(&bytes));
        bytes.extend_from_slice(&signature.0);
        Receipt {
            body,
            signature,
            bytes,
        }
    }

    /// Reads `body ‖ signature`; the signature is not checked yet.
    ///
    /// # Errors
    /// [`CodecError`], also for another version.
    pub fn parse(bytes: &[u8]) -> Result<Receipt, CodecError> {
        let malformed = |reason: &str| CodecError::Malformed {
            reason: reason.to_owned(),
        };
        let (body, signature) = bytes
            .split_last_chunk::<64>()
            .ok_or_else(|| malformed("a receipt is shorter than a signature"))?;
        let body: ReceiptBody = codec::decode(body)?;
        if body.version != RECEIPT_VERSION {
            return Err(malformed("this program knows receipts of version 0"));
        }
        Ok(Receipt {
            body,
            signature: Signature(*signature),
            bytes: bytes.to_vec(),
        })
    }

    /// What is promised.
    pub fn body(&self) -> &ReceiptBody {
        &self.body
    }

    /// Body and signature, exactly as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks that a node of the park promised this event. `nodes` are all that the park ever had,
    /// as far as the caller knows: what a node promised it has to keep, also after it is removed.
    ///
    /// # Errors
    /// The first [`ReceiptError`] that applies.
    pub fn verify<'a>(
        &self,
        park: Hash,
        nodes: impl IntoIterator<Item = &'a NodeRecord>,
        event: &SignedEvent,
    ) -> Result<(), ReceiptError> {
        let body = &self.body;
        if body.park != park {
            return Err(ReceiptError::OtherPark(body.park));
        }
        let named = (body.event, body.author, body.sequence);
        if named != (event.hash(), event.body().author, event.body().sequence) {
            return Err(ReceiptError::OtherEvent(body.event));
        }
        let node = nodes
            .into_iter()
            .find(|node| node.id == body.node)
            .ok_or(ReceiptError::UnknownNode(body.node))?;
        let signed = &self.bytes[..self.bytes.len() - 64];
        node.receipt
            .verify(&message(signed), &self.signature)
            .map_err(|_| ReceiptError::BadSignature(body.node))
    }
}

fn message(body: &[u8]) -> Vec<u8> {
    [RECEIPT_DOMAIN, body].concat()
}

/// By when a node that takes an event at `now` says that it stands in the log: within
/// `patience_ms`, and before the first gate that one of its orders waits for.
pub fn deadline(action: &Action, now: Timestamp, patience_ms: u64) -> Timestamp {
    let latest = now.plus_millis(patience_ms);
    let gates = orders(action)
        .map(|item| item.interval)
        // An interval near the end of all numbers has no gate that could be reckoned with.
        .filter(|interval| interval.0 < u64::from(u32::MAX))
        .map(|interval| interval.gate_closure())
        .filter(|gate| *gate > now);
    gates.min().map_or(latest, |gate| latest.min(gate))
}

fn orders(action: &Action) -> Box<dyn Iterator<Item = OrderItem> + '_> {
    match action {
        Action::PlaceOrders(items) => Box::new(items.iter().copied()),
        Action::PlaceOrdersWith(items) => Box::new(items.iter().map(|item| item.order)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Why a receipt promises nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It is of another park.
    #[error("the receipt is of park {0}; take the genesis or export of that park")]
    OtherPark(Hash),
    /// It is for another event.
    #[error("the receipt promises event {0}, not the one beside it")]
    OtherEvent(Hash),
    /// The park has no such node.
    #[error("the park has no node {0}, which the receipt names")]
    UnknownNode(NodeId),
    /// The signature is not the node's.
    #[error("the receipt's signature is not that of node {0}")]
    BadSignature(NodeId),
}

/// An event with the receipts for it: what a tenant keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The event.
    pub event: SignedEvent,
    /// The node's that took it, then those of leaders that it was carried to.
    pub receipts: Vec<Receipt>,
}

/// Why bytes are not a promise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromiseError {
    /// They do not decode.
    #[error("the file is no promise with its event: {0}")]
    Malformed(#[from] CodecError),
    /// The event in it is none.
    #[error("the file holds no signed event: {}", .0.sentence())]
    Event(Rejection),
    /// It has no receipt, or too many.
    #[error("the file holds {0} receipts; a promise has 1 to {RECEIPTS_MAX}")]
    Receipts(usize),
}

impl Promise {
    /// The file's bytes: `bytes` event, `list<bytes>` receipts.
    pub fn encode(&self) -> Vec<u8> {
        let receipts = self.receipts.iter().map(|receipt| receipt.bytes.clone());
        let receipts: Vec<Vec<u8>> = receipts.collect();
        codec::encode(&(self.event.bytes().to_vec(), receipts))
    }

    /// Reads a file; no signature is checked yet.
    ///
    /// # Errors
    /// Any [`PromiseError`].
    pub fn parse(bytes: &[u8]) -> Result<Promise, PromiseError> {
        let (event, receipts): (Vec<u8>, Vec<Vec<u8>>) = codec::decode(bytes)?;
        if !(1..=RECEIPTS_MAX).contains(&receipts.len()) {
            return Err(PromiseError::Receipts(receipts.len()));
        }
        let receipts = receipts.iter().map(|bytes| Receipt::parse(bytes));
        Ok(Promise {
            event: SignedEvent::parse(&event).map_err(PromiseError::Event)?,
            receipts: receipts.collect::<Result<_, _>>()?,
        })
    }

    /// Checks every receipt, and that the event is its author's.
    ///
    /// # Errors
    /// The first [`ReceiptError`]; [`ReceiptError::OtherEvent`] where the event's own signature
    /// does not hold, since nobody has to record that.
    pub fn verify(&self, park: Hash, nodes: &[NodeRecord]) -> Result<(), ReceiptError> {
        let signed = self.event.verify(&park);
        signed.map_err(|_| ReceiptError::OtherEvent(self.event.hash()))?;
        self.receipts
            .iter()
            .try_for_each(|receipt| receipt.verify(park, nodes, &self.event))
    }
}
