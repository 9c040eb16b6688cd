//! What became of an event.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::Role;
use wattle_ledger::rejection::Rejection;

/// A recorded event: `200` of `POST /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventOutcome {
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// Index of its leaf: the event is committed.
    pub leaf: u64,
    /// The size of a sealed checkpoint that covers the leaf; none: it is not sealed yet.
    #[serde(default)]
    pub sealed: Option<u64>,
    /// One for each item of a list; a single one where the action is not a list or was refused
    /// whole.
    pub items: Vec<ItemOutcome>,
    /// The node's promise that the event stands in the sealed log in time, in hex; only in the
    /// answer to who submitted it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// What a rule said to one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemOutcome {
    /// 0, or the stable number of the refusal.
    pub code: u16,
    /// `accepted`, or the refusal's stable name.
    pub name: String,
    /// What happened and what to do next; empty where the item was accepted.
    pub sentence: String,
}

/// An event that is on its way: `202` of `POST /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPending {
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// The node's promise to carry it, in hex; only in the answer to who submitted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// `GET /v1/events/{hash}/receipts`: who has promised an event that is not sealed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReceipts {
    /// SHA-256 of the event's bytes.
    pub event: Hash,
    /// In hex, as `docs/FORMATS.md`, section 12 has them: the node's that answers, then those of
    /// leaders that it carried the event to.
    pub receipts: Vec<String>,
}

/// `GET /v1/events/{hash}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EventState {
    /// It is in the log.
    Committed(EventOutcome),
    /// The node that answers holds it and carries it to the leader.
    Pending(EventPending),
}

/// `GET /v1/keys/{key}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// The key.
    pub key: PublicKey,
    /// What it may sign.
    pub role: Role,
    /// The sequence of its next event.
    pub next_sequence: u64,
    /// Index of the leaf that registered it.
    pub added: u64,
    /// Index of the leaf that ended it.
    pub revoked: Option<u64>,
    /// Whether it contradicted itself and signs nothing until the registrar lifts that.
    #[serde(default)]
    pub frozen: bool,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

impl EventOutcome {
    /// An outcome as the ledger records it: 0 or a refusal's number for each item.
    pub fn from_codes(event: Hash, leaf: u64, codes: &[u16]) -> EventOutcome {
        EventOutcome {
            event,
            leaf,
            sealed: None,
            items: codes.iter().map(|code| (*code).into()).collect(),
            receipt: None,
        }
    }

    /// The same, in a log of which so much is sealed.
    #[must_use]
    pub fn within(self, log: &Extent) -> EventOutcome {
        let sealed = (self.leaf < log.sealed).then_some(log.sealed);
        EventOutcome { sealed, ..self }
    }

    /// The first item that was refused, with its place.
    pub fn first_refusal(&self) -> Option<(usize, &ItemOutcome)> {
        self.items
            .iter()
            .enumerate()
            .find(|(_, item)| !item.is_accepted())
    }
}

impl ItemOutcome {
    /// Whether no rule refused.
    pub fn is_accepted(&self) -> bool {
        self.code == 0
    }
}

impl From<u16> for ItemOutcome {
    fn from(code: u16) -> ItemOutcome {
        let (name, sentence) = match (code, Rejection::from_code(code)) {
            (0, _) => ("accepted", ""),
            (_, Some(rejection)) => (rejection.name(), rejection.sentence()),
            (_, None) => (
                "unknown",
                "This program does not know the refusal; update it.",
            ),
        };
        ItemOutcome {
            code,
            name: name.to_owned(),
            sentence: sentence.to_owned(),
        }
    }
}
