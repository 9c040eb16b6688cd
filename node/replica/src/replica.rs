//! One replica: inputs in, outputs out.
//!
//! The contract in one sentence: after each [`Replica::handle`] drain [`Replica::poll_output`],
//! perform the outputs in order, each to its end before the next, and stop the node if one cannot
//! be performed.

use crate::catch_up::CatchUp;
use crate::compaction::Snapshots;
use crate::config::{Config, StartError};
use crate::consensus::{Consensus, Pace};
use crate::guard::{GuardError, View, clock_ahead_ms};
use crate::input::{ClientId, Input};
use crate::message::{PeerMessage, RaftKind, RaftMessage, SignedCheckpoint};
use crate::outbox::Outbox;
use crate::output::{Alarm, Durable, EntryId, Output, StoredEntry, WriteBatch};
use crate::pending::Pending;
use crate::queue::Queue;
use crate::sealing::{Sealed, Sealing};
use crate::snapshot::SnapshotHead;
use crate::start::{self, Beginning};
use crate::window::Window;
use raft::StateRole;
use std::collections::BTreeMap;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::ledger::Ledger;
use wattle_ledger::receipt::Promise;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// A replica of the park's log.
pub struct Replica {
    pub(crate) node: NodeId,
    pub(crate) batch_key: SigningKey,
    pub(crate) receipt_key: SigningKey,
    pub(crate) promise_ms: u64,
    pub(crate) consensus: Consensus,
    pub(crate) ledger: Ledger,
    pub(crate) sealing: Sealing,
    pub(crate) pending: Pending,
    pub(crate) queue: Queue,
    pub(crate) outbox: Outbox,
    /// Index of the last entry applied.
    pub(crate) applied: u64,
    /// Snapshots of this node, and when the next one is due.
    pub(crate) snapshots: Snapshots,
    /// The leaves that this node lacks and no leader has entries for any more.
    pub(crate) catch_up: Option<CatchUp>,
    /// False while the durable log is replayed, when nothing is signed and nobody alarmed.
    pub(crate) is_resumed: bool,
    /// Whether a batch without events may be proposed in this tick.
    pub(crate) may_propose_empty: bool,
    /// Whether a step of the membership may be proposed in this tick.
    pub(crate) may_propose_step: bool,
    /// Ticks since a leader was heard.
    pub(crate) silent_ticks: u64,
    /// Who signed this node's own registration, of one that is not in the genesis.
    pub(crate) registrar: Option<PublicKey>,
    /// Nodes that showed their registration and that the ledger does not know yet.
    pub(crate) strangers: BTreeMap<NodeId, NodeRecord>,
    /// Whom the network was last told to let in.
    pub(crate) peers: Vec<NodeRecord>,
    pub(crate) election_ticks: usize,
    clock_ahead_max_ms: u64,
    window_bytes_max: u64,
    ticks: u64,
    /// The last term in which a leader was known, and who it was.
    led: Option<(u64, NodeId)>,
    /// The term and leader to whom promised events were last carried.
    carried: (u64, Option<NodeId>),
    /// Leaders whose clock was ahead, and the ticks for which they are not heard.
    ignored: BTreeMap<NodeId, usize>,
}

/// What a replica is in the present term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It follows a leader or waits for one.
    Follower,
    /// It asks whether it would be elected.
    PreCandidate,
    /// It stands for election.
    Candidate,
    /// It leads.
    Leader,
}

impl Replica {
    /// A replica with what was durable; the outputs repeat all leaves that are committed in it
    /// after its snapshot.
    ///
    /// # Errors
    /// Any [`StartError`].
    pub fn new(config: Config, mut durable: Durable) -> Result<Replica, StartError> {
        let Config {
            genesis,
            node,
            keys,
            ..
        } = config;
        let registration = config.registration.as_deref();
        start::check_keys(&genesis, node, &keys, registration)?;
        let registrar = registration.and_then(start::registrar);
        if config.heartbeat_ticks == 0 || config.election_ticks <= config.heartbeat_ticks {
            return Err(StartError::Ticks);
        }
        let beginning = Beginning::read(&genesis, &mut durable)?;
        let pending = start::pending(node, &durable)?;
        let signed = durable.signed;
        let mut sealing = Sealing::new(&genesis, node, (keys.log, keys.cosigner), signed);
        let mut outbox = Outbox::default();
        beginning.tell(&genesis, &durable, &mut sealing, &mut outbox)?;
        let Beginning {
            ledger,
            applied,
            roster,
            ..
        } = beginning;
        let window = Window::new(durable.start, durable.entries, durable.hard_state, roster);
        let pace = Pace {
            election_ticks: config.election_ticks,
            heartbeat_ticks: config.heartbeat_ticks,
            seed: config.seed,
        };
        let snapshot = durable.snapshot.map(|snapshot| snapshot.head);
        let consensus = Consensus::new(node, pace, window, applied).map_err(StartError::Raft)?;
        let mut replica = Replica {
            node,
            batch_key: keys.batch,
            receipt_key: keys.receipt,
            promise_ms: config.promise_ms,
            consensus,
            ledger,
            sealing,
            pending,
            queue: Queue::default(),
            outbox,
            applied,
            snapshots: Snapshots::new(config.snapshots, snapshot),
            catch_up: None,
            is_resumed: false,
            may_propose_empty: false,
            may_propose_step: false,
            silent_ticks: 0,
            registrar,
            strangers: BTreeMap::new(),
            peers: Vec::new(),
            election_ticks: config.election_ticks,
            clock_ahead_max_ms: config.clock_ahead_max_ms,
            window_bytes_max: config.window_bytes_max,
            ticks: 0,
            led: None,
            carried: (0, None),
            ignored: BTreeMap::new(),
        };
        replica.work(Timestamp::default());
        replica.follow_registry();
        Ok(replica)
    }

    /// Something has happened at `now`, in park time. Afterwards drain [`Self::poll_output`].
    ///
    /// # Panics
    /// If outputs of the call before were not taken, and where Raft finds its own rules broken:
    /// the process must then end.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        assert!(
            self.outbox.is_drained(),
            "all outputs are taken before the next input"
        );
        if self.outbox.is_stopped() {
            return;
        }
        if !self.is_resumed {
            self.is_resumed = true;
            self.sealing.sign_last(now, &mut self.outbox);
        }
        match input {
            Input::Tick => self.on_tick(),
            Input::PeerMessage { from, bytes } => self.on_peer_message(now, from, &bytes),
            Input::PeerUnreachable { peer } => {
                if self.with_view(|view| view.check_sender(peer)).is_ok() {
                    self.consensus.unreachable(peer);
                }
            }
            Input::Submit { client, event } => self.on_submit(now, client, &event),
            Input::SnapshotStored { index } => self.on_snapshot_stored(now, index),
            Input::ClientGone { client } => self.on_client_gone(client),
            Input::Introduced { registration } => self.on_introduced(&registration),
        }
        self.work(now);
        self.on_leader_change();
        let may_propose = !self.outbox.is_stopped();
        if may_propose && (self.propose_step_if_due(now) || self.propose_if_due(now)) {
            self.work(now);
            self.on_leader_change();
        }
        self.forget_sealed();
        self.snapshot_if_due();
        self.follow_registry();
    }

    /// The next output to be performed.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.poll()
    }

    fn on_tick(&mut self) {
        self.ticks += 1;
        self.silent_ticks += 1;
        self.may_propose_empty = true;
        self.may_propose_step = true;
        self.ignored.retain(|_, ticks| {
            *ticks -= 1;
            *ticks > 0
        });
        self.consensus.tick();
        self.catch_up_tick();
        if self.ticks.is_multiple_of(self.election_ticks as u64) {
            self.judge_pending();
            self.carry_pending();
            self.sealing.send_again(&mut self.outbox);
            self.outbox.flush();
        }
    }

    fn on_client_gone(&mut self, client: ClientId) {
        self.pending.leave(client);
    }

    fn on_peer_message(&mut self, now: Timestamp, from: NodeId, bytes: &[u8]) {
        if let Err(reason) = self.take_peer_message(now, from, bytes) {
            self.outbox
                .alarm(Alarm::PeerMessageRefused { from, reason });
        }
    }

    fn take_peer_message(
        &mut self,
        now: Timestamp,
        from: NodeId,
        bytes: &[u8],
    ) -> Result<(), String> {
        if let Err(error) = self.with_view(|view| view.check_sender(from)) {
            // Of a node that was removed it may be a message from before.
            let was_one = from != self.node && self.ledger.node(from).is_some();
            return if was_one {
                Ok(())
            } else {
                Err(error.to_string())
            };
        }
        let message = PeerMessage::decode(bytes).map_err(|error| error.to_string())?;
        match message {
            PeerMessage::Raft(message) => {
                match self.with_view(|view| view.check(from, &message)) {
                    Ok(()) => self.step(now, message),
                    // It may be one from before the vote was taken from its sender.
                    Err(GuardError::NotAVoter(_)) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
            PeerMessage::Forward { events } => self.on_forward(now, from, &events),
            PeerMessage::Receipts { receipts } => self.on_receipts(from, &receipts)?,
            PeerMessage::Cosignature(signed) => {
                let size = self.ledger.size();
                self.sealing
                    .on_signatures(from, signed, size, &mut self.outbox);
            }
            PeerMessage::Manifest(manifest) => {
                match self.with_view(|view| view.check_manifest(from, &manifest)) {
                    Ok(()) => self.on_manifest(manifest)?,
                    Err(GuardError::NotAVoter(_)) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
            PeerMessage::LeavesWanted { first, size } => self.on_leaves_wanted(from, first, size),
            PeerMessage::Leaves(piece) => self.on_piece(from, piece)?,
            // It is one for who does not know the sender, and this node does.
            PeerMessage::Introduction { .. } => {}
        }
        Ok(())
    }

    /// Steps a message that has passed the guard, unless its sender's clock is ahead.
    fn step(&mut self, now: Timestamp, mut message: RaftMessage) {
        let from = message.from;
        if !self.may_step_while_behind(&mut message) {
            return;
        }
        if message.kind.is_from_leader() && self.ignored.contains_key(&from) {
            return;
        }
        if message.kind == RaftKind::Append {
            let start = self.consensus.log_start().index;
            let is_new = |entry: &StoredEntry| {
                entry.index > start && self.consensus.entry_term(entry.index) != Some(entry.term)
            };
            let max_ms = self.clock_ahead_max_ms;
            if let Some(ahead_ms) = clock_ahead_ms(&message.entries, is_new, now, max_ms) {
                // Every election timeout is shorter than this, so that another may be elected.
                self.ignored.insert(from, 2 * self.election_ticks);
                self.outbox.alarm(Alarm::LeaderClockAhead {
                    leader: from,
                    ahead_ms,
                });
                return;
            }
        }
        let is_from_leader = message.kind.is_from_leader();
        self.consensus.step(message);
        if is_from_leader && self.consensus.leader() == Some(from) {
            self.silent_ticks = 0;
        }
    }

    fn with_view<T>(&self, ask: impl FnOnce(&View) -> T) -> T {
        let term = self.consensus.term();
        let entry_term = |index| self.consensus.entry_term(index);
        let (voters, learners) = self.heard();
        ask(&View {
            node: self.node,
            voters: &voters,
            learners: &learners,
            term,
            leader: self
                .led
                .and_then(|(led, leader)| (led == term).then_some(leader)),
            start: self.consensus.log_start().index,
            commit: self.consensus.commit_index(),
            last_index: self.consensus.last_index(),
            entry_term: &entry_term,
        })
    }

    /// Does what Raft wants done until it wants nothing more.
    fn work(&mut self, now: Timestamp) {
        while !self.outbox.is_stopped() {
            let Some(mut work) = self.consensus.take_ready() else {
                break;
            };
            self.send(std::mem::take(&mut work.send_first));
            if work.must_sync {
                let entries = std::mem::take(&mut work.entries);
                let hard_state = work.hard_state;
                let write = WriteBatch {
                    restarted: work.restarted,
                    entries,
                    hard_state,
                    ..WriteBatch::default()
                };
                self.outbox.persist(write);
            } else if let Some(hard_state) = work.hard_state {
                self.outbox.persist_later(hard_state);
            }
            self.send(std::mem::take(&mut work.send_after));
            let committed = std::mem::take(&mut work.committed);
            self.apply_committed(now, committed);
            let light = self.consensus.advance(work);
            if let Some(hard_state) = light.hard_state {
                self.outbox.persist_later(hard_state);
            }
            self.send(light.send);
            self.apply_committed(now, light.committed);
        }
        self.offer_log();
    }

    fn send(&mut self, messages: Vec<(NodeId, PeerMessage)>) {
        for (to, message) in messages {
            self.outbox.send(to, &message);
        }
    }

    /// A new leader is carried what this node has promised; a deposed one forgets what waited.
    fn on_leader_change(&mut self) {
        let (term, leader) = (self.consensus.term(), self.consensus.leader());
        if let Some(leader) = leader {
            self.led = Some((term, leader));
        }
        if self.carried == (term, leader) {
            return;
        }
        self.carried = (term, leader);
        if leader != Some(self.node) {
            self.queue = Queue::default();
        }
        self.carry_pending();
    }

    pub(crate) fn is_window_full(&self) -> bool {
        self.consensus.window_bytes() >= self.window_bytes_max
    }
}

/// What the node may ask at any time.
impl Replica {
    /// This node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The ledger, as far as entries are applied.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The role in the present term.
    pub fn role(&self) -> Role {
        match self.consensus.role() {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
        }
    }

    /// The present term's leader, as far as known; this node if it leads.
    pub fn leader(&self) -> Option<NodeId> {
        // One that has no part any more hears of no further election.
        let membership = self.ledger.members().membership();
        let is_member = membership.standing(self.node).is_some();
        self.consensus.leader().filter(|_| is_member)
    }

    /// The present term.
    pub fn term(&self) -> u64 {
        self.consensus.term()
    }

    /// Up to which Raft index entries are known to be committed.
    pub fn commit_index(&self) -> u64 {
        self.consensus.commit_index()
    }

    /// Up to which Raft index entries are applied.
    pub fn applied_index(&self) -> u64 {
        self.applied
    }

    /// Bytes of Raft entries that are not compacted.
    pub fn window_bytes(&self) -> u64 {
        self.consensus.window_bytes()
    }

    /// The last durable snapshot.
    pub fn snapshot(&self) -> Option<&SnapshotHead> {
        self.snapshots.last()
    }

    /// The entry before the first one that is not compacted.
    pub fn log_start(&self) -> EntryId {
        self.consensus.log_start()
    }

    /// How many leaves this node will have when it has caught up, while it does.
    pub fn catches_up_to(&self) -> Option<u64> {
        self.catch_up.as_ref().map(CatchUp::target)
    }

    /// The last checkpoint with a quorum of cosignatures.
    pub fn sealed(&self) -> Option<&Sealed> {
        self.sealing.sealed()
    }

    /// The signatures known of a seal's size, by node; none for a size that has no seal or whose
    /// signatures are forgotten.
    pub fn cosignatures(&self, size: u64) -> Option<&BTreeMap<NodeId, SignedCheckpoint>> {
        self.sealing.signatures(size)
    }

    /// Verified signatures of peers over other roots than this node computed.
    pub fn evidence(&self) -> impl Iterator<Item = (NodeId, &SignedCheckpoint)> {
        self.sealing.evidence()
    }

    /// A promised event that is not applied, or applied and not sealed, with its receipts: this
    /// node's first, then those of leaders.
    pub fn promised(&self, event: &Hash) -> Option<Promise> {
        Some(Promise {
            event: self.pending.event(event)?.clone(),
            receipts: self.pending.receipts(event).to_vec(),
        })
    }

    /// Events that are promised to clients and not applied.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Events that wait at this node, if it leads, for a batch.
    pub fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Whether a leader is known and all that is known to be committed is applied.
    pub fn is_ready(&self) -> bool {
        let is_applied = self.applied == self.consensus.commit_index();
        self.leader().is_some() && is_applied && self.catch_up.is_none() && !self.is_stopped()
    }

    /// Whether the replica has asked for the node to be stopped; it does nothing any more.
    pub fn is_stopped(&self) -> bool {
        self.outbox.is_stopped()
    }
}

#[cfg(test)]
mod tests;
