//! Raft, driven as its documentation says.
//!
//! Everything that calls into `RawNode` is here. [`Consensus::take_ready`] hands out what Raft
//! wants done, split at the point where it must be durable; [`Consensus::advance`] confirms it and
//! hands out what followed. Between the two nothing else may be called, which the types enforce:
//! [`Work`] is taken out and must be given back.

use crate::election::timeout_ticks;
use crate::limits::{
    APPEND_BYTES_MAX, APPENDS_IN_FLIGHT_MAX, COMMITTED_BYTES_PER_STEP_MAX, UNCOMMITTED_BYTES_MAX,
};
use crate::message::{RaftMessage, stored_entry};
use crate::output::{StoredEntry, StoredHardState};
use crate::window::Window;
use raft::eraftpb::{Entry, HardState};
use raft::{RawNode, ReadOnlyOption, Ready, StateRole, Storage};
use wattle_ledger::registration::NodeId;

/// How elections are timed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) election_ticks: usize,
    pub(crate) heartbeat_ticks: usize,
    pub(crate) seed: u64,
}

/// Raft with its timeouts under our control.
pub(crate) struct Consensus {
    raw: RawNode<Window>,
    node: NodeId,
    pace: Pace,
    working: bool,
}

/// What Raft wants done, in this order: send, make durable, send, apply; then
/// [`Consensus::advance`].
#[must_use]
pub(crate) struct Work {
    /// A leader's messages, which need not wait for its own disk (Raft thesis, 10.2.1).
    pub(crate) send_first: Vec<RaftMessage>,
    /// Entries to append, replacing what stood there.
    pub(crate) entries: Vec<StoredEntry>,
    /// The hard state, if it changed.
    pub(crate) hard_state: Option<StoredHardState>,
    /// Whether the two must be durable before anything below.
    pub(crate) must_sync: bool,
    /// Votes and acknowledgements: only after what they speak of is durable.
    pub(crate) send_after: Vec<RaftMessage>,
    /// Committed entries, in order, to be applied.
    pub(crate) committed: Vec<StoredEntry>,
    ready: Ready,
}

/// What becomes possible once [`Work`] is durable.
#[must_use]
pub(crate) struct LightWork {
    /// The hard state, if more is committed; it need not be durable at once.
    pub(crate) hard_state: Option<StoredHardState>,
    /// A leader's messages.
    pub(crate) send: Vec<RaftMessage>,
    /// Committed entries, in order, to be applied.
    pub(crate) committed: Vec<StoredEntry>,
}

impl Consensus {
    /// Raft with what was durable; `applied` is 0, so that everything committed comes again.
    pub(crate) fn new(node: NodeId, pace: Pace, window: Window) -> Result<Consensus, raft::Error> {
        let config = raft::Config {
            id: node.0,
            election_tick: pace.election_ticks,
            heartbeat_tick: pace.heartbeat_ticks,
            applied: 0,
            max_size_per_msg: APPEND_BYTES_MAX,
            max_inflight_msgs: APPENDS_IN_FLIGHT_MAX,
            check_quorum: true,
            pre_vote: true,
            read_only_option: ReadOnlyOption::Safe,
            max_uncommitted_size: UNCOMMITTED_BYTES_MAX,
            max_committed_size_per_ready: COMMITTED_BYTES_PER_STEP_MAX,
            ..raft::Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let raw = RawNode::new(&config, window, &logger)?;
        let mut consensus = Consensus {
            raw,
            node,
            pace,
            working: false,
        };
        consensus.set_timeout();
        Ok(consensus)
    }

    /// One tick has passed.
    pub(crate) fn tick(&mut self) {
        self.raw.tick();
        self.set_timeout();
    }

    /// A message that has passed the guard.
    pub(crate) fn step(&mut self, message: RaftMessage) {
        // The errors are of messages that the guard has refused already, or of answers that came
        // too late to matter.
        let _ = self.raw.step(message.into_raft());
        self.set_timeout();
    }

    /// The connection to a peer broke: the leader probes before it streams again.
    pub(crate) fn unreachable(&mut self, peer: NodeId) {
        self.raw.report_unreachable(peer.0);
        self.set_timeout();
    }

    /// Proposes an entry; `false` if Raft drops it.
    pub(crate) fn propose(&mut self, data: Vec<u8>) -> bool {
        assert!(
            self.is_leader(),
            "only a leader proposes; others forward events, not entries"
        );
        let taken = self.raw.propose(Vec::new(), data).is_ok();
        self.set_timeout();
        taken
    }

    /// What Raft wants done next, if anything.
    pub(crate) fn take_ready(&mut self) -> Option<Work> {
        assert!(!self.working, "work is finished before more is taken");
        if !self.raw.has_ready() {
            return None;
        }
        self.working = true;
        let mut ready = self.raw.ready();
        assert!(
            ready.snapshot().is_empty(),
            "nobody sends snapshots, and the guard takes none"
        );
        let entries = ready.take_entries();
        let stored = entries.iter().map(stored_entry).collect();
        self.raw.mut_store().append(entries);
        let send_first = own_messages(ready.take_messages());
        let send_after = own_messages(ready.take_persisted_messages());
        let committed = stored_entries(ready.take_committed_entries());
        let hard_state = ready.hs().map(stored_hard_state);
        let must_sync = ready.must_sync();
        self.set_timeout();
        Some(Work {
            send_first,
            entries: stored,
            hard_state,
            must_sync,
            send_after,
            committed,
            ready,
        })
    }

    /// Confirms that the work is done, or will be before anything that comes after it.
    pub(crate) fn advance(&mut self, work: Work) -> LightWork {
        assert!(self.working, "only work that was taken is confirmed");
        self.working = false;
        let mut light = self.raw.advance(work.ready);
        let hard_state = light
            .commit_index()
            .map(|_| stored_hard_state(&self.raw.raft.hard_state()));
        let send = own_messages(light.take_messages());
        let committed = stored_entries(light.take_committed_entries());
        self.raw.advance_apply();
        self.set_timeout();
        LightWork {
            hard_state,
            send,
            committed,
        }
    }

    /// The role in the present term.
    pub(crate) fn role(&self) -> StateRole {
        self.raw.raft.state
    }

    /// Whether this node leads.
    pub(crate) fn is_leader(&self) -> bool {
        self.role() == StateRole::Leader
    }

    /// Whom this node follows, itself included.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        (self.raw.raft.leader_id != 0).then_some(NodeId(self.raw.raft.leader_id))
    }

    /// The present term.
    pub(crate) fn term(&self) -> u64 {
        self.raw.raft.term
    }

    /// Up to where entries are known to be committed.
    pub(crate) fn commit_index(&self) -> u64 {
        self.raw.raft.raft_log.committed
    }

    /// The last entry's index.
    pub(crate) fn last_index(&self) -> u64 {
        self.raw.raft.raft_log.last_index()
    }

    /// Bytes of the entries that are not compacted.
    pub(crate) fn window_bytes(&self) -> u64 {
        self.raw.store().bytes()
    }

    /// The term of an entry that is there; none beyond the last one.
    pub(crate) fn entry_term(&self, index: u64) -> Option<u64> {
        self.raw.store().term(index).ok()
    }

    fn set_timeout(&mut self) {
        let campaign = (self.raw.raft.term, self.raw.raft.state);
        let ticks = timeout_ticks(
            self.pace.seed,
            self.pace.election_ticks,
            self.node,
            campaign,
        );
        self.raw.raft.set_randomized_election_timeout(ticks);
    }
}

fn own_messages(messages: Vec<raft::eraftpb::Message>) -> Vec<RaftMessage> {
    messages.into_iter().map(RaftMessage::from_raft).collect()
}

fn stored_entries(entries: Vec<Entry>) -> Vec<StoredEntry> {
    entries.iter().map(stored_entry).collect()
}

fn stored_hard_state(hard_state: &HardState) -> StoredHardState {
    StoredHardState {
        term: hard_state.term,
        vote: hard_state.vote,
        commit: hard_state.commit,
    }
}
