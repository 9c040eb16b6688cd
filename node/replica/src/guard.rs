//! What stands between a peer's Raft message and Raft.
//!
//! Raft trusts its peers: one message of an authenticated but faulty peer can make it panic,
//! accept a forged sender's entries or run out of terms. So every message is checked before Raft
//! sees it. An honest peer's message always passes, also one that is old, doubled or out of order;
//! whatever is refused here shows a fault and is alarmed. What remains possible to a faulty
//! *leader* is to propose nonsense, which every node's ledger refuses when it applies it, and to a
//! faulty *voter*, to lie about what it has stored.

mod manifest;

use crate::limits::{NUMBER_MAX, TERM_LEAD_MAX};
use crate::message::{RaftKind, RaftMessage};
use crate::output::StoredEntry;
use wattle_ledger::batch::Batch;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// What the guard has to know of the node it stands before.
pub(crate) struct View<'a> {
    /// This node.
    pub(crate) node: NodeId,
    /// From whom this node hears what only voters say.
    pub(crate) voters: &'a [NodeId],
    /// Members from whom it does not.
    pub(crate) learners: &'a [NodeId],
    /// The present term.
    pub(crate) term: u64,
    /// Who leads or led in the present term, as far as known; this node included.
    pub(crate) leader: Option<NodeId>,
    /// The last entry that is compacted, so that nothing is known of those before it.
    pub(crate) start: u64,
    /// The commit index.
    pub(crate) commit: u64,
    /// The last entry's index.
    pub(crate) last_index: u64,
    /// The term of each entry that is there.
    pub(crate) entry_term: &'a dyn Fn(u64) -> Option<u64>,
}

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuardError {
    #[error("node {0} is no member of this park")]
    NotAMember(NodeId),
    #[error("node {0} is not a voter of this park")]
    NotAVoter(NodeId),
    #[error("the message claims to be from node {claimed}")]
    ForgedSender { claimed: NodeId },
    #[error("the message is meant for node {0}")]
    OtherReceiver(NodeId),
    #[error("term {term} is not between 1 and {TERM_LEAD_MAX} above this node's term {own}")]
    Term { term: u64, own: u64 },
    #[error("a number is beyond what Raft can count to")]
    Number,
    #[error("entries or a refusal in a message of a kind that has none")]
    OtherKindsField,
    #[error("a log's last term {log_term} does not fit its last index {index} and term {term}")]
    LogTerm {
        log_term: u64,
        index: u64,
        term: u64,
    },
    #[error("entry {found} stands where entry {expected} belongs")]
    Gap { expected: u64, found: u64 },
    #[error("entry {index} has term {term}, outside of those around it")]
    EntryTerm { index: u64, term: u64 },
    #[error("term {term} has the leader {leader} already")]
    SecondLeader { term: u64, leader: NodeId },
    #[error("entry {index} contradicts one that is committed here")]
    ContradictsCommitted { index: u64 },
    #[error(
        "{commit} is committed, but this node's log ends at {last_index}; \
         if the node's data was restored from a copy, it must rejoin under a new id"
    )]
    CommitBeyondLog { commit: u64, last_index: u64 },
    #[error("the offered log cannot be: {0}")]
    Manifest(&'static str),
    #[error("the answer speaks of entry {index}, but the log ends at {last_index}")]
    AnswerBeyondLog { index: u64, last_index: u64 },
}

impl View<'_> {
    /// Whether `from`, to whom the connection is bound, may say anything at all.
    pub(crate) fn check_sender(&self, from: NodeId) -> Result<(), GuardError> {
        let is_member = self.voters.contains(&from) || self.learners.contains(&from);
        if from == self.node || !is_member {
            return Err(GuardError::NotAMember(from));
        }
        Ok(())
    }

    /// Whether a Raft message may be stepped.
    pub(crate) fn check(&self, from: NodeId, message: &RaftMessage) -> Result<(), GuardError> {
        self.check_sender(from)?;
        if message.from != from {
            return Err(GuardError::ForgedSender {
                claimed: message.from,
            });
        }
        if message.to != self.node {
            return Err(GuardError::OtherReceiver(message.to));
        }
        if message.kind.is_from_voter() && !self.voters.contains(&from) {
            return Err(GuardError::NotAVoter(from));
        }
        self.check_numbers(message)?;
        match message.kind {
            RaftKind::Append => self.check_append(message),
            RaftKind::Heartbeat => self.check_heartbeat(message),
            RaftKind::AppendResponse | RaftKind::HeartbeatResponse => self.check_answer(message),
            RaftKind::RequestVote | RaftKind::RequestPreVote => check_candidate(message),
            RaftKind::RequestVoteResponse | RaftKind::RequestPreVoteResponse => Ok(()),
        }
    }

    fn check_numbers(&self, message: &RaftMessage) -> Result<(), GuardError> {
        let term = message.term;
        self.check_term(term)?;
        let numbers = [
            message.index,
            message.log_term,
            message.commit,
            message.reject_hint,
        ];
        if numbers.into_iter().any(|number| number >= NUMBER_MAX) {
            return Err(GuardError::Number);
        }
        let is_append = message.kind == RaftKind::Append;
        let is_question = is_append
            || matches!(
                message.kind,
                RaftKind::Heartbeat | RaftKind::RequestVote | RaftKind::RequestPreVote
            );
        if (!is_append && !message.entries.is_empty()) || (is_question && message.reject) {
            return Err(GuardError::OtherKindsField);
        }
        if message.log_term > term {
            let (log_term, index) = (message.log_term, message.index);
            return Err(GuardError::LogTerm {
                log_term,
                index,
                term,
            });
        }
        Ok(())
    }

    fn check_term(&self, term: u64) -> Result<(), GuardError> {
        // A node that has nothing yet comes into a park of any age.
        let lead_max = if self.last_index == 0 {
            NUMBER_MAX
        } else {
            TERM_LEAD_MAX
        };
        if term == 0 || term > self.term.saturating_add(lead_max) || term >= NUMBER_MAX {
            return Err(GuardError::Term {
                term,
                own: self.term,
            });
        }
        Ok(())
    }

    fn check_append(&self, message: &RaftMessage) -> Result<(), GuardError> {
        check_log_end(message)?;
        let mut previous = message.log_term;
        for (at, entry) in message.entries.iter().enumerate() {
            let expected = message.index + 1 + at as u64;
            if entry.index != expected {
                return Err(GuardError::Gap {
                    expected,
                    found: entry.index,
                });
            }
            if entry.term == 0 || entry.term < previous || entry.term > message.term {
                return Err(GuardError::EntryTerm {
                    index: entry.index,
                    term: entry.term,
                });
            }
            previous = entry.term;
        }
        self.check_leader(message.from, message.term)?;
        if message.term < self.term {
            // Raft answers with the present term and looks at nothing else.
            return Ok(());
        }
        // A leader has every entry that was ever committed (Raft, 5.4: leader completeness).
        let before = (message.index, message.log_term);
        let entries = message
            .entries
            .iter()
            .map(|entry| (entry.index, entry.term));
        for (index, term) in std::iter::once(before).chain(entries) {
            let is_known = index >= self.start && index <= self.commit;
            if is_known && (self.entry_term)(index) != Some(term) {
                return Err(GuardError::ContradictsCommitted { index });
            }
        }
        Ok(())
    }

    fn check_heartbeat(&self, message: &RaftMessage) -> Result<(), GuardError> {
        self.check_leader(message.from, message.term)?;
        // A leader sends what this node has acknowledged in the leader's own term, so the entries
        // are here unless this node lost them or the leader is faulty.
        if message.term >= self.term && message.commit > self.last_index {
            let (commit, last_index) = (message.commit, self.last_index);
            return Err(GuardError::CommitBeyondLog { commit, last_index });
        }
        Ok(())
    }

    fn check_leader(&self, from: NodeId, term: u64) -> Result<(), GuardError> {
        match self.leader {
            Some(leader) if term == self.term && from != leader => Err(GuardError::SecondLeader {
                term: self.term,
                leader,
            }),
            _ => Ok(()),
        }
    }

    fn check_answer(&self, message: &RaftMessage) -> Result<(), GuardError> {
        if self.leader != Some(self.node) || message.term != self.term {
            // Nothing is done with it beyond its term.
            return Ok(());
        }
        // Whoever answers in our term speaks of entries that we sent, or hints at where he ends,
        // but no further than where we asked him to append.
        for index in [message.index, message.commit, message.reject_hint] {
            if index > self.last_index {
                let last_index = self.last_index;
                return Err(GuardError::AnswerBeyondLog { index, last_index });
            }
        }
        Ok(())
    }
}

fn check_candidate(message: &RaftMessage) -> Result<(), GuardError> {
    check_log_end(message)?;
    if message.log_term >= message.term {
        let (log_term, index, term) = (message.log_term, message.index, message.term);
        return Err(GuardError::LogTerm {
            log_term,
            index,
            term,
        });
    }
    Ok(())
}

/// An index has a term unless it is that of the empty log.
fn check_log_end(message: &RaftMessage) -> Result<(), GuardError> {
    let (log_term, index, term) = (message.log_term, message.index, message.term);
    if (index == 0) != (log_term == 0) {
        return Err(GuardError::LogTerm {
            log_term,
            index,
            term,
        });
    }
    Ok(())
}

/// By how many milliseconds the furthest of the new entries' batch times is ahead of `now`, where
/// that is more than `max_ms`. Entries that are here already were judged when they came.
///
/// An entry whose batch does not decode passes: every ledger refuses it when it is applied.
pub(crate) fn clock_ahead_ms(
    entries: &[StoredEntry],
    is_new: impl Fn(&StoredEntry) -> bool,
    now: Timestamp,
    max_ms: u64,
) -> Option<u64> {
    let ahead = entries
        .iter()
        .filter(|entry| !entry.data.is_empty() && is_new(entry))
        .filter_map(|entry| Batch::decode(&entry.data).ok())
        .map(|batch| batch.header.body().time.0.saturating_sub(now.0))
        .max()?;
    (ahead > max_ms).then_some(ahead)
}

#[cfg(test)]
mod tests;
