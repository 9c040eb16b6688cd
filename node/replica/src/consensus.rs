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
use crate::message::{PeerMessage, RaftMessage, conf_change, stored_entry};
use crate::output::{EntryId, StoredEntry, StoredHardState};
use crate::snapshot::{Manifest, Roster};
use crate::window::{Offer, Window, raft_snapshot};
use raft::eraftpb::{Entry, HardState, MessageType};
use raft::{RawNode, ReadOnlyOption, Ready, SnapshotStatus, StateRole, Storage};
use wattle_ledger::membership::MemberChange;
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
    /// Peers that were made an offer since Raft was last told.
    offered: Vec<NodeId>,
}

/// What Raft wants done, in this order: send, make durable, send, apply; then
/// [`Consensus::advance`].
#[must_use]
pub(crate) struct Work {
    /// A leader's messages, which need not wait for its own disk (Raft thesis, 10.2.1).
    pub(crate) send_first: Vec<(NodeId, PeerMessage)>,
    /// The log goes on after this entry, which a durable snapshot stands for; nothing of what was
    /// there stays.
    pub(crate) restarted: Option<EntryId>,
    /// Entries to append, replacing what stood there.
    pub(crate) entries: Vec<StoredEntry>,
    /// The hard state, if it changed.
    pub(crate) hard_state: Option<StoredHardState>,
    /// Whether the two must be durable before anything below.
    pub(crate) must_sync: bool,
    /// Votes and acknowledgements: only after what they speak of is durable.
    pub(crate) send_after: Vec<(NodeId, PeerMessage)>,
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
    pub(crate) send: Vec<(NodeId, PeerMessage)>,
    /// Committed entries, in order, to be applied.
    pub(crate) committed: Vec<StoredEntry>,
}

impl Consensus {
    /// Raft with what was durable. Everything committed after `applied` comes again.
    pub(crate) fn new(
        node: NodeId,
        pace: Pace,
        window: Window,
        applied: u64,
    ) -> Result<Consensus, raft::Error> {
        let config = raft::Config {
            id: node.0,
            election_tick: pace.election_ticks,
            heartbeat_tick: pace.heartbeat_ticks,
            applied,
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
            offered: Vec::new(),
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

    /// Proposes a step of the membership; `false` if Raft drops it.
    pub(crate) fn propose_step(&mut self, step: &MemberChange, data: Vec<u8>) -> bool {
        assert!(
            self.is_leader(),
            "only a leader proposes; others forward events, not entries"
        );
        let taken = self
            .raw
            .propose_conf_change(data, conf_change(step))
            .is_ok();
        self.set_timeout();
        taken
    }

    /// Takes an applied step over. A leader that it takes the vote from leads until the work at
    /// hand is done.
    ///
    /// # Panics
    /// If Raft finds the step to be none: the ledger and Raft would disagree on who votes.
    pub(crate) fn take_step(&mut self, step: &MemberChange, roster: Roster) {
        let state = self
            .raw
            .apply_conf_change(&conf_change(step))
            .expect("a step that the registry wants is one of Raft's");
        let (mut voters, mut learners) = (state.voters, state.learners);
        voters.sort_unstable();
        learners.sort_unstable();
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<u64>>();
        assert_eq!(
            (voters, learners),
            (ids(&roster.voters), ids(&roster.learners)),
            "Raft's members are the ledger's"
        );
        self.raw.mut_store().set_roster(roster);
        self.set_timeout();
    }

    /// A leader that does not vote any more tells the others how far entries are committed, that
    /// step included, and leads no longer.
    fn step_down(&mut self) {
        if self.is_leader() && !self.roster().voters.contains(&self.node) {
            self.raw.raft.bcast_append();
            let term = self.raw.raft.term;
            self.raw.raft.become_follower(term, 0);
            self.set_timeout();
        }
    }

    /// Whether a leader has heard a peer lately.
    pub(crate) fn is_heard(&self, peer: NodeId) -> bool {
        let progress = self.raw.raft.prs().get(peer.0);
        progress.is_some_and(|progress| progress.recent_active)
    }

    /// Whether a leader has heard lately that a peer has all entries, but at most the last.
    pub(crate) fn has_log(&self, peer: NodeId) -> bool {
        let progress = self.raw.raft.prs().get(peer.0);
        progress.is_some_and(|progress| {
            progress.recent_active && progress.matched + 1 >= self.last_index()
        })
    }

    /// What Raft wants done next, if anything.
    pub(crate) fn take_ready(&mut self) -> Option<Work> {
        assert!(!self.working, "work is finished before more is taken");
        self.step_down();
        if !self.raw.has_ready() {
            return None;
        }
        self.working = true;
        let mut ready = self.raw.ready();
        let metadata = ready.snapshot().get_metadata();
        let restarted = (metadata.index > 0).then_some(EntryId {
            index: metadata.index,
            term: metadata.term,
        });
        if let Some(start) = restarted {
            self.raw.mut_store().restart(start);
        }
        let entries = ready.take_entries();
        let stored = entries.iter().map(stored_entry).collect();
        self.raw.mut_store().append(entries);
        let messages = ready.take_messages();
        let send_first = self.own_messages(messages);
        let messages = ready.take_persisted_messages();
        let send_after = self.own_messages(messages);
        let committed = stored_entries(ready.take_committed_entries());
        let hard_state = ready.hs().map(stored_hard_state);
        let must_sync = ready.must_sync();
        self.set_timeout();
        Some(Work {
            send_first,
            restarted,
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
        let messages = light.take_messages();
        let send = self.own_messages(messages);
        let committed = stored_entries(light.take_committed_entries());
        self.raw.advance_apply();
        self.report_offers();
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

    /// The entry before the first one that is not compacted.
    pub(crate) fn log_start(&self) -> EntryId {
        self.raw.store().start()
    }

    /// Lets entries up to an applied one go, which a durable snapshot stands for.
    pub(crate) fn compact(&mut self, index: u64) {
        self.raw.mut_store().compact(index);
    }

    /// What a follower is offered whose next entry is gone.
    pub(crate) fn set_offer(&mut self, offer: Offer) {
        self.raw.mut_store().set_offer(offer);
    }

    /// The last entry of the log that is offered; 0 for none.
    pub(crate) fn offered_index(&self) -> u64 {
        self.raw
            .store()
            .offer()
            .map_or(0, |offer| offer.entry.index)
    }

    /// Who takes part.
    pub(crate) fn roster(&self) -> &Roster {
        self.raw.store().roster()
    }

    /// Goes on after an entry that is known to be committed, and that a durable snapshot of this
    /// node's own stands for. Whatever was in the log goes. `false` if the log has that entry or
    /// is further already, which among honest nodes it is not: nothing is appended meanwhile.
    pub(crate) fn restore(&mut self, entry: EntryId, roster: &Roster) -> bool {
        if entry.index <= self.commit_index() {
            return false;
        }
        if self.raw.raft.state != StateRole::Follower {
            // Nobody who lacks a committed entry is elected; it only stands no longer.
            let term = self.raw.raft.term;
            self.raw.raft.become_follower(term, 0);
        }
        let restored = self.raw.raft.restore(raft_snapshot(entry, roster));
        if restored {
            self.raw.mut_store().set_roster(roster.clone());
        }
        self.set_timeout();
        restored
    }

    /// The term of an entry that is there; none beyond the last one.
    pub(crate) fn entry_term(&self, index: u64) -> Option<u64> {
        self.raw.store().term(index).ok()
    }

    /// What peers are sent. An offer counts as delivered at once: Raft then tries the entry after
    /// it, and whoever lacks the offer refuses that and is made another.
    fn own_messages(
        &mut self,
        messages: Vec<raft::eraftpb::Message>,
    ) -> Vec<(NodeId, PeerMessage)> {
        let mut own = Vec::with_capacity(messages.len());
        for message in messages {
            let to = NodeId(message.to);
            if message.get_msg_type() == MessageType::MsgSnapshot {
                let offer = self.raw.store().offer();
                let offer = offer.expect("Raft sends what the window has offered");
                let manifest = Manifest {
                    to,
                    from: self.node,
                    term: message.term,
                    entry: offer.entry,
                    roster: self.raw.store().roster().clone(),
                    size: offer.size,
                    root: offer.root,
                };
                own.push((to, PeerMessage::Manifest(manifest)));
                self.offered.push(to);
            } else {
                own.push((to, PeerMessage::Raft(RaftMessage::from_raft(message))));
            }
        }
        own
    }

    fn report_offers(&mut self) {
        for peer in std::mem::take(&mut self.offered) {
            self.raw.report_snapshot(peer.0, SnapshotStatus::Finish);
        }
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
