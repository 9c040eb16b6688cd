//! What replicas say to each other, in our own bounded encoding.
//!
//! Raft's protobuf decoder never sees a byte from the network: a message arrives as a
//! [`PeerMessage`], passes the guard, and only then becomes Raft's own type. Kinds
//! of Raft messages that no peer may send (proposals, transfers, read requests and whatever Raft
//! says to itself) have no encoding at all, and neither have changes of membership. Raft's snapshot
//! travels as a [`Manifest`]: what it stands for, never the state itself.

use crate::limits::{
    APPEND_BYTES_MAX, APPEND_ENTRIES_MAX, ENTRY_OVERHEAD_BYTES, PEER_MESSAGE_BYTES_MAX,
};
use crate::output::StoredEntry;
use crate::snapshot::Manifest;
use raft::eraftpb;
use raft::eraftpb::MessageType;
use wattle_ledger::codec::{self, CodecError};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::Signature;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::membership::{ChangeBatch, MemberChange, NodeStanding};
use wattle_ledger::registration::NodeId;

/// One message between two nodes. Variants are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum PeerMessage {
    /// Raft's own.
    Raft(RaftMessage),
    /// To the leader: signed events that the sender has promised to carry.
    Forward {
        /// Body and signature of each.
        events: Vec<Vec<u8>>,
    },
    /// The sender's signatures over a checkpoint that it has computed itself.
    Cosignature(SignedCheckpoint),
    /// The leader's receipts for events that the receiver carried to it.
    Receipts {
        /// Body and signature of each.
        receipts: Vec<Vec<u8>>,
    },
    /// The leader has no entries any more that the receiver lacks: the log that it would have.
    Manifest(Manifest),
    /// Who catches up asks for leaves.
    LeavesWanted {
        /// Index of the first.
        first: u64,
        /// Size of the tree that they must be shown to belong to.
        size: u64,
    },
    /// The answer.
    Leaves(Piece),
    /// First on each connection, from a node that is not in the genesis: that the registrar has
    /// registered it. Who knows it passes it over.
    Introduction {
        /// The signed registration.
        registration: Vec<u8>,
    },
}

/// A piece of the history.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Piece {
    /// Index of the first leaf.
    pub first: u64,
    /// The leaves' bytes, without a gap.
    pub leaves: Vec<Vec<u8>>,
    /// Size of the tree that they belong to.
    pub size: u64,
    /// That the tree which ends with the last leaf is the beginning of that tree: an RFC 6962
    /// consistency proof.
    pub proof: Vec<Hash>,
}

/// A node's two signatures over one checkpoint; the origin is the park's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SignedCheckpoint {
    /// Tree size.
    pub size: u64,
    /// Root hash.
    pub root: Hash,
    /// The node's log key over the checkpoint's text (signed-note type 0x01).
    pub log_signature: Signature,
    /// The node's cosigner key (signed-note type 0x04).
    pub cosignature: Cosignature,
    /// Whether the sender lacks the receiver's signatures of this size and wants them.
    pub wants_answer: bool,
}

/// A Raft message: the fields of `eraftpb::Message` that replicas of a park use.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct RaftMessage {
    /// What it is.
    pub kind: RaftKind,
    /// The receiver.
    pub to: NodeId,
    /// The sender, which the guard compares with the connection's.
    pub from: NodeId,
    /// The sender's term, or the one it campaigns for.
    pub term: u64,
    /// Append: the term of the entry before the first. Votes: of the candidate's last entry.
    /// A refused append: the receiver's term at the hint.
    pub log_term: u64,
    /// Append: index of the entry before the first. Votes: of the candidate's last entry. Answers:
    /// up to where the logs agree.
    pub index: u64,
    /// Append: the entries, without gaps.
    pub entries: Vec<StoredEntry>,
    /// What the sender knows to be committed.
    pub commit: u64,
    /// Answers: no.
    pub reject: bool,
    /// A refused append: where the leader may try next.
    pub reject_hint: u64,
}

/// The kinds of Raft messages that one peer may send to another. Variants are only ever appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum RaftKind {
    /// The leader's entries.
    Append,
    /// The answer to them.
    AppendResponse,
    /// A candidate asks for a vote.
    RequestVote,
    /// The answer to it.
    RequestVoteResponse,
    /// A node asks whether it would get a vote.
    RequestPreVote,
    /// The answer to it.
    RequestPreVoteResponse,
    /// The leader is alive.
    Heartbeat,
    /// The answer to it.
    HeartbeatResponse,
}

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than [`PEER_MESSAGE_BYTES_MAX`].
    #[error("the message has {bytes} bytes, at most {PEER_MESSAGE_BYTES_MAX} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The bytes do not decode; the peer runs another version or is faulty.
    #[error("the message does not decode: {0}")]
    Malformed(#[source] CodecError),
}

impl PeerMessage {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let bytes = codec::encode(self);
        assert!(
            bytes.len() <= PEER_MESSAGE_BYTES_MAX,
            "a message must be one that peers read"
        );
        bytes
    }

    /// Reads a peer's bytes.
    ///
    /// # Errors
    /// Any [`MessageError`].
    pub fn decode(bytes: &[u8]) -> Result<PeerMessage, MessageError> {
        if bytes.len() > PEER_MESSAGE_BYTES_MAX {
            return Err(MessageError::TooLarge { bytes: bytes.len() });
        }
        codec::decode(bytes).map_err(MessageError::Malformed)
    }
}

impl RaftKind {
    fn from_raft(kind: MessageType) -> Option<RaftKind> {
        match kind {
            MessageType::MsgAppend => Some(RaftKind::Append),
            MessageType::MsgAppendResponse => Some(RaftKind::AppendResponse),
            MessageType::MsgRequestVote => Some(RaftKind::RequestVote),
            MessageType::MsgRequestVoteResponse => Some(RaftKind::RequestVoteResponse),
            MessageType::MsgRequestPreVote => Some(RaftKind::RequestPreVote),
            MessageType::MsgRequestPreVoteResponse => Some(RaftKind::RequestPreVoteResponse),
            MessageType::MsgHeartbeat => Some(RaftKind::Heartbeat),
            MessageType::MsgHeartbeatResponse => Some(RaftKind::HeartbeatResponse),
            _ => None,
        }
    }

    fn to_raft(self) -> MessageType {
        match self {
            RaftKind::Append => MessageType::MsgAppend,
            RaftKind::AppendResponse => MessageType::MsgAppendResponse,
            RaftKind::RequestVote => MessageType::MsgRequestVote,
            RaftKind::RequestVoteResponse => MessageType::MsgRequestVoteResponse,
            RaftKind::RequestPreVote => MessageType::MsgRequestPreVote,
            RaftKind::RequestPreVoteResponse => MessageType::MsgRequestPreVoteResponse,
            RaftKind::Heartbeat => MessageType::MsgHeartbeat,
            RaftKind::HeartbeatResponse => MessageType::MsgHeartbeatResponse,
        }
    }

    /// Whether only a voter sends it, as who leads or stands for election is.
    pub fn is_from_voter(self) -> bool {
        let asks_for_votes = matches!(self, RaftKind::RequestVote | RaftKind::RequestPreVote);
        asks_for_votes || self.is_from_leader()
    }

    /// Whether only a leader sends it.
    pub fn is_from_leader(self) -> bool {
        matches!(self, RaftKind::Append | RaftKind::Heartbeat)
    }
}

impl RaftMessage {
    /// Takes over what Raft wants sent.
    ///
    /// An append that would be too long for a message loses its tail. The receiver acknowledges
    /// what it got, and Raft sends the rest again as if that had been lost on the way.
    ///
    /// # Panics
    /// For a kind that replicas of a park never send: it is our own mistake to have caused one.
    pub fn from_raft(message: eraftpb::Message) -> RaftMessage {
        let kind = RaftKind::from_raft(message.get_msg_type())
            .expect("no transfer, read request or proposal to a leader is ever started here");
        let mut bytes = 0;
        let fitting = message
            .get_entries()
            .iter()
            .take(APPEND_ENTRIES_MAX)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += entry_bytes(entry);
                first || bytes <= APPEND_BYTES_MAX
            });
        RaftMessage {
            kind,
            to: NodeId(message.to),
            from: NodeId(message.from),
            term: message.term,
            log_term: message.log_term,
            index: message.index,
            entries: fitting.map(stored_entry).collect(),
            commit: message.commit,
            reject: message.reject,
            reject_hint: message.reject_hint,
        }
    }

    /// The message for Raft; to be called only behind the guard.
    ///
    /// `commit` of a vote is left out: Raft would commit by a mere candidate's word, which is of
    /// use only while the membership changes.
    pub(crate) fn into_raft(self) -> eraftpb::Message {
        let mut message = eraftpb::Message::default();
        message.set_msg_type(self.kind.to_raft());
        message.to = self.to.0;
        message.from = self.from.0;
        message.term = self.term;
        message.log_term = self.log_term;
        message.index = self.index;
        let entries: Vec<eraftpb::Entry> = self.entries.into_iter().map(raft_entry).collect();
        message.set_entries(entries.into());
        message.commit = match self.kind {
            RaftKind::Append | RaftKind::AppendResponse => self.commit,
            RaftKind::Heartbeat | RaftKind::HeartbeatResponse => self.commit,
            RaftKind::RequestVote
            | RaftKind::RequestVoteResponse
            | RaftKind::RequestPreVote
            | RaftKind::RequestPreVoteResponse => 0,
        };
        message.reject = self.reject;
        message.reject_hint = self.reject_hint;
        message
    }
}

/// Raft's entry from a stored one. A step of the membership is stored as it was signed, which is
/// Raft's context. Raft reads the data of a step only where it is proposed, and no peer's ever.
pub(crate) fn raft_entry(stored: StoredEntry) -> eraftpb::Entry {
    let mut entry = eraftpb::Entry {
        index: stored.index,
        term: stored.term,
        ..eraftpb::Entry::default()
    };
    if ChangeBatch::decode(&stored.data).is_ok() {
        entry.set_entry_type(eraftpb::EntryType::EntryConfChange);
        entry.context = stored.data.into();
    } else {
        entry.data = stored.data.into();
    }
    entry
}

/// A stored entry from Raft's.
///
/// # Panics
/// If the entry is of a kind that nothing here proposes.
pub(crate) fn stored_entry(entry: &eraftpb::Entry) -> StoredEntry {
    let data = match entry.get_entry_type() {
        eraftpb::EntryType::EntryNormal => {
            assert!(entry.context.is_empty(), "a batch has no context");
            &entry.data
        }
        eraftpb::EntryType::EntryConfChange => &entry.context,
        eraftpb::EntryType::EntryConfChangeV2 => panic!("nobody proposes several steps at once"),
    };
    StoredEntry {
        index: entry.index,
        term: entry.term,
        data: data.to_vec(),
    }
}

/// What an entry takes up as it is stored.
pub(crate) fn entry_bytes(entry: &eraftpb::Entry) -> u64 {
    let data = if entry.context.is_empty() {
        &entry.data
    } else {
        &entry.context
    };
    data.len() as u64 + ENTRY_OVERHEAD_BYTES
}

/// Raft's form of a step.
pub(crate) fn conf_change(step: &MemberChange) -> eraftpb::ConfChange {
    let mut change = eraftpb::ConfChange::default();
    change.set_change_type(match step.standing {
        NodeStanding::Learner => eraftpb::ConfChangeType::AddLearnerNode,
        NodeStanding::Voter => eraftpb::ConfChangeType::AddNode,
        NodeStanding::Removed => eraftpb::ConfChangeType::RemoveNode,
    });
    change.node_id = step.node.0;
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(entries: Vec<StoredEntry>) -> RaftMessage {
        RaftMessage {
            kind: RaftKind::Append,
            to: NodeId(2),
            from: NodeId(1),
            term: 7,
            log_term: 6,
            index: 41,
            entries,
            commit: 40,
            reject: false,
            reject_hint: 0,
        }
    }

    fn entry(index: u64, bytes: usize) -> StoredEntry {
        StoredEntry {
            index,
            term: 7,
            data: vec![0xab; bytes],
        }
    }

    #[test]
    fn messages_survive_encoding() {
        let signed = SignedCheckpoint {
            size: 9,
            root: Hash([3; 32]),
            log_signature: Signature([4; 64]),
            cosignature: Cosignature {
                time: 5,
                signature: Signature([6; 64]),
            },
            wants_answer: true,
        };
        for message in [
            PeerMessage::Raft(append(vec![entry(42, 3), entry(43, 0)])),
            PeerMessage::Forward {
                events: vec![vec![1, 2, 3], vec![]],
            },
            PeerMessage::Cosignature(signed),
            PeerMessage::Receipts {
                receipts: vec![vec![4, 5], vec![]],
            },
            PeerMessage::LeavesWanted { first: 3, size: 9 },
            PeerMessage::Leaves(Piece {
                first: 3,
                leaves: vec![vec![4, 5], vec![6]],
                size: 9,
                proof: vec![Hash([7; 32])],
            }),
        ] {
            assert_eq!(PeerMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn raft_messages_survive_raft_and_back() {
        let message = append(vec![entry(42, 3), entry(43, 0)]);
        assert_eq!(RaftMessage::from_raft(message.clone().into_raft()), message);
    }

    #[test]
    fn commit_by_vote_is_taken_out() {
        let vote = RaftMessage {
            kind: RaftKind::RequestVote,
            ..append(vec![])
        };
        let raft = vote.into_raft();
        assert_eq!((raft.commit, raft.commit_term), (0, 0));
    }

    #[test]
    fn the_longest_append_decodes() {
        let largest = wattle_ledger::limits::BATCH_BYTES_MAX;
        let many: Vec<_> = (0..4_000).map(|at| entry(42 + at, 1)).collect();
        for entries in [vec![entry(42, largest), entry(43, 5)], many] {
            let raft = append(entries).into_raft();
            let message = PeerMessage::Raft(RaftMessage::from_raft(raft));
            assert_eq!(PeerMessage::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_longer_append_loses_its_tail_only() {
        let raft = append((0..4_000).map(|at| entry(42 + at, 1)).collect()).into_raft();
        let message = RaftMessage::from_raft(raft);
        assert_eq!(message.entries.len(), APPEND_ENTRIES_MAX);
        assert_eq!(message.entries[0].index, 42);
        let raft = append(vec![entry(42, 60_000), entry(43, 60_000)]).into_raft();
        assert_eq!(RaftMessage::from_raft(raft).entries.len(), 1);
    }

    #[test]
    fn unknown_kinds_cut_bytes_and_huge_lengths_are_refused() {
        let mut bytes = PeerMessage::Raft(append(vec![entry(42, 3)])).encode();
        for cut in 0..bytes.len() {
            assert!(PeerMessage::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        // The kind's number stands after the outer variant's; 8 is the first that does not exist.
        bytes[4] = 8;
        assert!(matches!(
            PeerMessage::decode(&bytes),
            Err(MessageError::Malformed(_))
        ));
        let mut forward = PeerMessage::Forward {
            events: vec![vec![7]],
        }
        .encode();
        forward[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(
            PeerMessage::decode(&forward),
            Err(MessageError::Malformed(_))
        ));
        let long = vec![0; PEER_MESSAGE_BYTES_MAX + 1];
        assert!(matches!(
            PeerMessage::decode(&long),
            Err(MessageError::TooLarge { .. })
        ));
    }
}
