//! A leaf of the log.

use crate::codec::{self, CodecError};
use crate::derived::Fact;
use crate::hash::Hash;
use crate::membership::MemberChange;
use crate::registration::{NodeId, ParticipantId};

/// What one leaf says; its bytes are this value's encoding. Variants are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Entry {
    /// Leaf 0: the signed genesis.
    Genesis(Vec<u8>),
    /// The first leaf of a batch.
    Batch {
        /// The signed header.
        header: Vec<u8>,
        /// Events of the batch that left no leaf, by their place in it.
        dropped: Vec<Dropped>,
    },
    /// A signed event with what became of it.
    Event {
        /// The author's bytes.
        signed: Vec<u8>,
        /// 0 or a [`crate::rejection::Rejection`]'s number, for each item in order; a single
        /// number where the action is not a list or was refused whole.
        outcome: Vec<u16>,
    },
    /// What follows from the rules.
    Derived {
        /// Whom it concerns; none: the park.
        participant: Option<ParticipantId>,
        /// Keeps the leaf's hash from being guessed open in a redacted export.
        blind: Hash,
        /// What follows.
        fact: Fact,
    },
    /// The last leaf of a batch that seals.
    Seal {
        /// Root of the state trie with everything before this leaf applied.
        state_root: Hash,
    },
    /// A step of the membership, the second leaf of its batch.
    Voters {
        /// The step.
        change: MemberChange,
        /// Who votes from here on, ids ascending.
        voters: Vec<NodeId>,
        /// Who learns from here on, ids ascending.
        learners: Vec<NodeId>,
    },
}

/// An event of a batch that left no leaf: repeated, or one that no key in good standing signed in
/// sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Dropped {
    /// Its place among the batch's events.
    pub place: u16,
    /// SHA-256 of its bytes.
    pub event: Hash,
}

impl Entry {
    /// The leaf's bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a leaf.
    pub fn decode(bytes: &[u8]) -> Result<Entry, CodecError> {
        codec::decode(bytes)
    }

    /// The entry's kind in snake case, as the API and the verifier print it.
    pub fn kind(&self) -> &'static str {
        match self {
            Entry::Genesis(_) => "genesis",
            Entry::Batch { .. } => "batch",
            Entry::Event { .. } => "event",
            Entry::Derived { fact, .. } => fact.name(),
            Entry::Seal { .. } => "seal",
            Entry::Voters { .. } => "voters",
        }
    }
}
