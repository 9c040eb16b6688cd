//! The one thread that owns the replica, the store and the history.
//!
//! Everything comes in through one bounded queue, in which each kind of message has places of its
//! own, so that neither clients nor peers can crowd out the other. A round takes what is there,
//! lets the replica handle it, and performs the outputs in order. Writes of one round are made
//! durable together before anything else of the round is performed: to the replica this is the
//! same as if its inputs had come a little later.

mod gate;
mod view;

pub use gate::{Handle, LoopClosed, Progress, Receiver, Submission, SubmitError};
pub use view::{Counters, View};

use crate::clock::Clock;
use crate::evidence::{EvidenceFolderError, EvidenceStore, Recorded};
use crate::history::{History, HistoryError, HistoryReader};
use crate::index::{Index, IndexError};
use crate::network::Outbound;
use crate::snapshots::{SnapshotError, SnapshotFile, Snapshots};
use crate::storage::{Storage, StorageError};
use gate::{Gift, Message, Waiter};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;
use wattle_replica::input::{ClientId, Input};
use wattle_replica::message::PeerMessage;
use wattle_replica::output::{Alarm, Finding, Output};
use wattle_replica::replica::Replica;

/// Inputs that are handled before their outputs are performed.
const ROUND_INPUTS_MAX: usize = 64;
/// How often clients that hung up are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// After a stall, at most this many ticks are made up for; the others did not happen.
const TICKS_BEHIND_MAX: u32 = 3;

/// The clock, shared with the API.
pub type SharedClock = Arc<Mutex<Clock>>;

/// Park time by a shared clock.
pub fn now(clock: &SharedClock) -> Timestamp {
    // The clock is one comparison; a panic cannot leave it half changed.
    clock.lock().unwrap_or_else(PoisonError::into_inner).now()
}

/// Why the loop ended, if nobody asked it to.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The history failed.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Evidence cannot be kept.
    #[error(transparent)]
    Evidence(#[from] EvidenceFolderError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A snapshot could not be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The replica asked for it.
    #[error("the node stops, since going on could contradict what it promised: {reason}")]
    Stopped {
        /// What was found and what to do.
        reason: String,
    },
}

/// The loop and all that it owns.
pub struct EventLoop {
    replica: Replica,
    storage: Storage,
    history: History,
    evidence: EvidenceStore,
    snapshots: Snapshots,
    index: Index,
    clock: SharedClock,
    network: Option<Outbound>,
    /// Whom the network lets in.
    peers: Vec<NodeRecord>,
    tick: Duration,
    waiters: BTreeMap<ClientId, Waiter>,
    last_client: u64,
    counters: Counters,
    unreachable: BTreeSet<NodeId>,
}

impl EventLoop {
    /// Performs what a replica wants done at its start: the log after the snapshot is appended to
    /// the history again, and compared with what is there. What lies before it is not read, but
    /// for the leaves that the index does not have yet.
    ///
    /// # Errors
    /// Any [`LoopError`].
    pub fn new(
        replica: Replica,
        storage: Storage,
        (history, index): (History, Index),
        (snapshots, evidence): (Snapshots, EvidenceStore),
        clock: SharedClock,
        tick: Duration,
    ) -> Result<EventLoop, LoopError> {
        let mut event_loop = EventLoop {
            replica,
            storage,
            history,
            evidence,
            snapshots,
            index,
            clock,
            network: None,
            peers: Vec::new(),
            tick,
            waiters: BTreeMap::new(),
            last_client: 0,
            counters: Counters::default(),
            unreachable: BTreeSet::new(),
        };
        let mut outputs = Vec::new();
        event_loop.drain(&mut outputs);
        event_loop.perform(outputs)?;
        event_loop.history.restore_partials()?;
        Ok(event_loop)
    }

    /// Reads the history's files without asking the loop.
    pub fn history_reader(&self) -> HistoryReader {
        self.history.reader()
    }

    /// Runs until it is asked to stop or cannot go on. Before this there is no network, so that
    /// nothing is said before what is durable was read.
    ///
    /// # Errors
    /// Any [`LoopError`].
    pub fn run(mut self, receiver: &Receiver, network: Outbound) -> Result<(), LoopError> {
        network.set_peers(self.peers.clone());
        self.network = Some(network);
        let mut next_tick = Instant::now() + self.tick;
        let mut next_sweep = Instant::now() + SWEEP;
        loop {
            let mut round = Round::default();
            if let Some(message) = receiver.wait(next_tick) {
                self.take(message, &mut round);
                while round.inputs < ROUND_INPUTS_MAX
                    && let Some(message) = receiver.next()
                {
                    self.take(message, &mut round);
                }
            }
            for peer in std::mem::take(&mut self.unreachable) {
                self.handle(Input::PeerUnreachable { peer }, &mut round);
            }
            while let Some(written) = self.snapshots.next_written()? {
                let index = written.index;
                self.handle(Input::SnapshotStored { index }, &mut round);
            }
            if Instant::now() >= next_tick {
                next_tick = self.next_tick(next_tick);
                self.handle(Input::Tick, &mut round);
            }
            if Instant::now() >= next_sweep {
                next_sweep = Instant::now() + SWEEP;
                self.sweep(&mut round);
            }
            self.perform(std::mem::take(&mut round.outputs))?;
            self.keep_gifts(&mut round)?;
            self.answer(&mut round);
            if round.stop {
                return Ok(());
            }
        }
    }

    fn next_tick(&self, last: Instant) -> Instant {
        let earliest = Instant::now()
            .checked_sub(self.tick * TICKS_BEHIND_MAX)
            .unwrap_or(last);
        last.max(earliest) + self.tick
    }

    fn take(&mut self, message: Message, round: &mut Round) {
        match message {
            Message::Peer { from, bytes } => {
                self.handle(Input::PeerMessage { from, bytes }, round);
            }
            Message::Stranger { bytes } => {
                if let Ok(PeerMessage::Introduction { registration }) = PeerMessage::decode(&bytes)
                {
                    self.handle(Input::Introduced { registration }, round);
                }
            }
            Message::Unreachable(peer) => self.handle(Input::PeerUnreachable { peer }, round),
            Message::Submit { event, waiter } => {
                self.last_client += 1;
                let client = ClientId(self.last_client);
                self.waiters.insert(client, waiter);
                self.counters.submissions += 1;
                self.handle(Input::Submit { client, event }, round);
            }
            Message::Query(query) => round.queries.push(query),
            Message::Evidence(gift) => round.gifts.push(*gift),
            Message::Stop => round.stop = true,
        }
    }

    fn handle(&mut self, input: Input, round: &mut Round) {
        round.inputs += 1;
        self.replica.handle(now(&self.clock), input);
        self.drain(&mut round.outputs);
    }

    fn drain(&mut self, outputs: &mut Vec<Output>) {
        while let Some(output) = self.replica.poll_output() {
            outputs.push(output);
        }
    }

    /// Performs the outputs of a round in order, after what must be durable is.
    fn perform(&mut self, outputs: Vec<Output>) -> Result<(), LoopError> {
        let mut wrote = false;
        for output in &outputs {
            if let Output::Persist(batch) = output {
                self.storage.write(batch)?;
                wrote = true;
            }
        }
        if wrote {
            self.storage.sync()?;
        }
        for output in outputs {
            match output {
                Output::Persist(_) => {}
                Output::Send { to, bytes } => self.send(to, bytes),
                Output::Append { first, leaves } => {
                    self.history.append(first, &leaves)?;
                    self.index.append(first, &leaves)?;
                }
                Output::Snapshot(snapshot) => {
                    let partials = self.history.open_files();
                    let file = SnapshotFile {
                        snapshot: *snapshot,
                        partials,
                    };
                    self.snapshots.write(file)?;
                }
                Output::SendLeaves { to, first, size } => self.send_leaves(to, first, size)?,
                Output::Publish { size, note } => self.history.publish(size, &note)?,
                Output::Promise { client, receipt } => {
                    if let Some(waiter) = self.waiters.get(&client) {
                        waiter.tell(Progress::Promised(receipt));
                    }
                }
                Output::Reply { client, response } => {
                    self.counters.replies += 1;
                    if let Some(waiter) = self.waiters.remove(&client) {
                        waiter.tell(Progress::Answered(response));
                    }
                }
                Output::Peers(peers) => {
                    if let Some(network) = &self.network {
                        network.set_peers(peers.clone());
                    }
                    self.peers = peers;
                }
                Output::Alarm(alarm) => self.alarm(&alarm),
                Output::Found(finding) => self.keep(finding)?,
                Output::Stop { reason } => return Err(LoopError::Stopped { reason }),
            }
        }
        Ok(())
    }

    /// A file that is damaged here is no reason to stop: the peer asks another node.
    fn send_leaves(&mut self, to: NodeId, first: u64, size: u64) -> Result<(), LoopError> {
        match self.history.piece(first, size) {
            Ok(piece) => self.send(to, PeerMessage::Leaves(piece).encode()),
            Err(error @ HistoryError::Damaged { .. }) => {
                self.counters.alarms += 1;
                tracing::error!(node = %to, first, %error, "leaves cannot be sent");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn send(&mut self, to: NodeId, bytes: Vec<u8>) {
        self.counters.sent += 1;
        let complete = self
            .network
            .as_ref()
            .is_some_and(|network| network.send(to, bytes));
        if !complete {
            self.unreachable.insert(to);
        }
    }

    fn alarm(&mut self, alarm: &Alarm) {
        self.counters.alarms += 1;
        match alarm {
            Alarm::PeerMessageRefused { from, reason } => {
                tracing::warn!(node = %from, reason, "a node's message was refused");
            }
            Alarm::BatchRefused { index, reason } => {
                tracing::error!(index, reason, "a committed entry left nothing");
            }
            Alarm::Removed => {
                tracing::warn!(
                    "this node was removed from the park; stop it once the others have sealed that"
                );
            }
            Alarm::RootsDiffer { peer, size } => {
                tracing::error!(
                    node = %peer, size,
                    "a node cosigned another root than this one computed; compare their histories"
                );
            }
            Alarm::CatchingUp { from, to } => {
                tracing::warn!(
                    from,
                    to,
                    "too far behind for entries; asking peers for leaves"
                );
            }
            Alarm::CaughtUp { size } => tracing::info!(size, "caught up"),
            Alarm::LeaderClockAhead { leader, ahead_ms } => {
                tracing::warn!(node = %leader, ahead_ms, "the leader's clock is ahead; set clocks");
            }
        }
    }

    /// Keeps what contradicts itself as evidence, and tells the operator of it once.
    fn keep(&mut self, finding: Finding) -> Result<(), LoopError> {
        let found = self
            .evidence
            .of_finding(finding, self.replica.ledger(), &self.history);
        let evidence = match found {
            Ok(Some(evidence)) => evidence,
            Ok(None) => return Ok(()),
            Err(error) => {
                // Nothing that was promised depends on it, so the node goes on.
                self.counters.alarms += 1;
                tracing::error!(
                    %error,
                    "a sequence was used twice, but the log's own event cannot be read; copy the \
                     history's missing file from another node"
                );
                return Ok(());
            }
        };
        self.record(&evidence)?;
        Ok(())
    }

    /// Keeps evidence that clients bring, where the ledger would record it or has recorded the
    /// same: nobody fills the folder with what proves nothing here.
    fn keep_gifts(&mut self, round: &mut Round) -> Result<(), LoopError> {
        for Gift { evidence, reply } in std::mem::take(&mut round.gifts) {
            let ledger = self.replica.ledger();
            let judged = ledger
                .state()
                .judge_evidence(ledger.genesis(), evidence.bytes());
            let answer = match judged {
                Ok(_) => Ok(self.record(&evidence)?),
                Err(Rejection::EvidenceKnown) => Ok(Recorded::Known),
                Err(refusal) => Err(refusal),
            };
            // Whoever brought it may have hung up.
            let _ = reply.send(answer);
        }
        Ok(())
    }

    fn record(&mut self, evidence: &Evidence) -> Result<Recorded, LoopError> {
        let (recorded, about) = (self.evidence.record(evidence)?, evidence.subject());
        let id = evidence.id();
        match recorded {
            Recorded::New | Recorded::Extended => {
                self.counters.evidence += 1;
                self.counters.alarms += 1;
                tracing::error!(
                    %id, ?about,
                    "evidence was found and kept; look at it with wattle evidence verify, and                      give it to who must know"
                );
            }
            Recorded::Full => {
                tracing::error!(
                    ?about,
                    "evidence was found, and there is no room to keep it"
                );
            }
            Recorded::Known => {}
        }
        Ok(recorded)
    }

    /// Answers queries.
    fn answer(&mut self, round: &mut Round) {
        let queries = std::mem::take(&mut round.queries);
        if queries.is_empty() {
            return;
        }
        let view = View {
            replica: &self.replica,
            index: &self.index,
            history: &self.history,
            evidence: &self.evidence,
            storage: &self.storage,
            snapshots: &self.snapshots,
            now: now(&self.clock),
            counters: Counters {
                syncs: self.storage.syncs(),
                waiting: self.waiters.len() as u64,
                ..self.counters
            },
        };
        for query in queries {
            query(&view);
        }
    }

    /// Forgets clients that hung up; their events are carried on.
    fn sweep(&mut self, round: &mut Round) {
        let gone: Vec<ClientId> = self
            .waiters
            .iter()
            .filter(|(_, w)| w.is_gone())
            .map(|(client, _)| *client)
            .collect();
        for client in gone {
            self.waiters.remove(&client);
            self.handle(Input::ClientGone { client }, round);
        }
    }
}

/// What one round has taken in.
#[derive(Default)]
struct Round {
    inputs: usize,
    outputs: Vec<Output>,
    queries: Vec<gate::Query>,
    gifts: Vec<gate::Gift>,
    stop: bool,
}
