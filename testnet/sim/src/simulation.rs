//! A whole park in one thread: a queue of what happens next, and nothing else that could vary.

mod checks;
mod clients;
mod findings;
mod members;
mod snapshots;

use crate::checkers::acknowledgements::Acknowledgements;
use crate::checkers::checkpoints::Checkpoints;
use crate::checkers::leaders::Leaders;
use crate::checkers::log::Log;
use crate::checkers::members::Members;
use crate::checkers::promises::Promises;
use crate::checkers::roots::Roots;
use crate::digest::Digest;
use crate::disk::Disk;
use crate::failure::Failure;
use crate::network::{Letter, Network};
use crate::options::{ELECTION_TICKS, HEARTBEAT_TICKS, Options, PROMISE_MS, Plant, TICK_MS};
use crate::park::{Park, start};
use crate::random::Stream;
use crate::workload::Workload;
use clients::Clients;
use members::take_a_voter;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wattle_ledger::log::tree::EMPTY_ROOT;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;
use wattle_replica::config::Config;
use wattle_replica::input::Input;
use wattle_replica::message::PeerMessage;
use wattle_replica::output::{Alarm, Output, WriteBatch};
use wattle_replica::snapshot::Snapshot;
use wattle_replica::{Replica, Role};

/// Ticks after the end of all faults within which everything must have come together.
pub const LIVENESS_TICKS: u64 = 900;
/// Ticks after the end of all faults within which promises must be kept without clients' help.
const PROMISE_TICKS: u64 = 500;
/// Ticks after the end of faults at which one more event is signed.
const LAST_EVENT_TICK: u64 = 30;
/// How far the one bad clock is ahead, in milliseconds of real time.
const CLOCK_FAR_AHEAD_MS: i64 = 3_000;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Equal for two runs of the same options.
    pub digest: u64,
    /// What happened, in numbers.
    pub statistics: Statistics,
    /// What was wrong, if anything.
    pub failure: Option<Failure>,
}

/// A run in numbers: they tell whether the faults bite and the park works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Milliseconds of real time that were simulated.
    pub real_ms: u64,
    /// Messages handed to the network.
    pub messages: u64,
    /// Crashes of nodes.
    pub crashes: u64,
    /// Messages that a guard has refused.
    pub refused: u64,
    /// Terms that had a leader.
    pub terms: u64,
    /// Leaves of the final log.
    pub leaves: u64,
    /// Events acknowledged to clients.
    pub acknowledged: u64,
    /// Checkpoints published, counted at each node.
    pub published: u64,
    /// Orders that were filled, in whole or in part.
    pub trades: u64,
    /// Trades of continuous intervals.
    pub matched: u64,
    /// Intervals that were settled.
    pub settled: u64,
    /// Snapshots that became durable.
    pub snapshots: u64,
    /// Times that a node has caught up by leaves.
    pub caught_up: u64,
    /// Steps of the membership that were taken.
    pub steps: u64,
    /// Items of events that a business rule has refused.
    pub refusals: u64,
    /// Events with a sequence that was used already, found by nodes with a proof.
    pub second_uses: u64,
}

/// What happens at a moment.
#[derive(Debug)]
enum Happening {
    Tick { node: usize, life: u64 },
    Arrive(Letter),
    Broken { node: usize, peer: NodeId },
    Start { node: usize },
    Stored { node: usize, life: u64 },
    Crash { node: usize },
    Die { node: usize },
    Repartition,
    Client,
}

struct Node {
    id: NodeId,
    replica: Option<Replica>,
    disk: Disk,
    /// Counts starts, so that ticks of a former life are told apart.
    life: u64,
    clock_off_ms: i64,
    /// It never comes back.
    is_dead: bool,
    /// The signed registration of a node that the genesis does not name.
    registration: Option<Vec<u8>>,
    /// Whom its network lets in.
    peers: BTreeSet<NodeId>,
    /// Who has shown it his registration in this life.
    met: BTreeSet<NodeId>,
    /// Snapshots that are being written, oldest first.
    writing: VecDeque<Box<Snapshot>>,
}

/// The simulated world.
pub struct Simulation {
    options: Options,
    park: Park,
    nodes: Vec<Node>,
    network: Network,
    clients: Clients,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
    now_ms: u64,
    is_healed: bool,
    crashes: Stream,
    clocks: Stream,
    schedule: Stream,
    snapshots: Stream,
    leaders: Leaders,
    log: Log,
    members: Members,
    roots: Roots,
    checkpoints: Checkpoints,
    acknowledgements: Acknowledgements,
    promises: Promises,
    digest: Digest,
    statistics: Statistics,
    trace: Option<fn(&str)>,
}

/// Runs a seed to its end.
pub fn run(options: &Options, trace: Option<fn(&str)>) -> Ending {
    let mut simulation = Simulation::new(options.clone(), trace);
    let failure = simulation.run().err();
    simulation.statistics.real_ms = simulation.now_ms;
    simulation.statistics.terms = simulation.leaders.count() as u64;
    simulation.statistics.leaves = simulation.log.leaves().len() as u64;
    simulation.statistics.acknowledged = simulation.acknowledgements.count() as u64;
    simulation.count_leaves();
    let statistics = simulation.statistics;
    Ending {
        digest: simulation.digest.value(),
        statistics,
        failure,
    }
}

impl Simulation {
    fn new(options: Options, trace: Option<fn(&str)>) -> Simulation {
        let park = Park::found(options.seed, options.nodes);
        let ids: Vec<NodeId> = (1..=options.nodes).map(NodeId).collect();
        let mut clocks = Stream::new(options.seed, "clocks");
        let far_ahead = options.clock_far_ahead.then(|| *clocks.pick(&ids));
        let node = |id: NodeId| {
            let off = clocks.between(0, 2 * options.clock_off_most_ms) as i64;
            let off = off - options.clock_off_most_ms as i64;
            let clock_off_ms = if far_ahead == Some(id) {
                CLOCK_FAR_AHEAD_MS
            } else {
                off
            };
            Node {
                id,
                replica: None,
                disk: Disk::default(),
                life: 0,
                clock_off_ms,
                is_dead: false,
                registration: None,
                peers: BTreeSet::new(),
                met: BTreeSet::new(),
                writing: VecDeque::new(),
            }
        };
        let nodes = ids.iter().copied().map(node).collect();
        let workload = Workload::new(&options, park.clone());
        Simulation {
            nodes,
            network: Network::new(options.seed, ids),
            clients: Clients::new(options.seed, workload),
            queue: BTreeMap::new(),
            queued: 0,
            now_ms: 0,
            is_healed: false,
            crashes: Stream::new(options.seed, "crashes"),
            schedule: Stream::new(options.seed, "schedule"),
            snapshots: Stream::new(options.seed, "snapshots of a run"),
            clocks,
            leaders: Leaders::default(),
            log: Log::default(),
            members: Members::new(&park.genesis),
            roots: Roots::default(),
            checkpoints: Checkpoints::new(&park.genesis, &park.spares),
            acknowledgements: Acknowledgements::default(),
            promises: Promises::default(),
            digest: Digest::default(),
            statistics: Statistics::default(),
            trace,
            options,
            park,
        }
    }

    fn run(&mut self) -> Result<(), Failure> {
        for node in 0..self.nodes.len() {
            let after_ms = self.schedule.below(TICK_MS);
            self.after(after_ms, Happening::Start { node });
            self.schedule_crash(node);
        }
        self.after(0, Happening::Client);
        self.schedule_partition();
        self.schedule_death();
        self.run_until(self.options.ticks * TICK_MS)?;
        self.heal();
        // What was lost shows in the log at once, but where it is missed only as standstill.
        if let Err(failure) = self.run_to_convergence() {
            if matches!(failure, Failure::Liveness { .. }) {
                self.check_log()?;
            }
            return Err(failure);
        }
        self.check_log()?;
        self.check_states()
    }

    fn run_until(&mut self, end_ms: u64) -> Result<(), Failure> {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end_ms {
                break;
            }
            let ((now_ms, _), happening) = entry.remove_entry();
            self.now_ms = now_ms;
            self.happen(happening)?;
        }
        self.now_ms = end_ms;
        Ok(())
    }

    fn after(&mut self, delay_ms: u64, happening: Happening) {
        self.queued += 1;
        self.queue
            .insert((self.now_ms + delay_ms, self.queued), happening);
    }

    fn happen(&mut self, happening: Happening) -> Result<(), Failure> {
        match happening {
            Happening::Tick { node, life } => {
                if self.nodes[node].replica.is_some() && self.nodes[node].life == life {
                    self.after(TICK_MS, Happening::Tick { node, life });
                    self.handle(node, Input::Tick)?;
                }
            }
            Happening::Arrive(letter) => self.arrive(letter)?,
            Happening::Die { node } => self.die(node),
            Happening::Broken { node, peer } => {
                self.handle(node, Input::PeerUnreachable { peer })?;
            }
            Happening::Start { node } => self.start(node)?,
            Happening::Stored { node, life } => self.snapshot_stored(node, life)?,
            Happening::Crash { node } => {
                if !self.is_healed {
                    self.crash(node);
                    self.schedule_crash(node);
                }
            }
            Happening::Repartition => {
                if !self.is_healed {
                    self.network.change_partition();
                    self.schedule_partition();
                }
            }
            Happening::Client => self.client()?,
        }
        Ok(())
    }

    fn place(&self, node: NodeId) -> usize {
        let place = self.nodes.iter().position(|other| other.id == node);
        place.expect("messages go to nodes of the park")
    }

    fn schedule_crash(&mut self, node: usize) {
        if self.options.crash_every_ms > 0 {
            let after_ms = self.crashes.between(1, 2 * self.options.crash_every_ms);
            self.after(after_ms, Happening::Crash { node });
        }
    }

    fn schedule_partition(&mut self) {
        if self.options.partition_every_ms > 0 {
            let after_ms = self
                .schedule
                .between(1, 2 * self.options.partition_every_ms);
            self.after(after_ms, Happening::Repartition);
        }
    }

    /// Park time as a node's clock shows it.
    fn park_time(&self, node: usize) -> Timestamp {
        // Ten seconds in, so that a clock that is behind still shows a time after the start.
        let real_ms = self.now_ms as i64 + 10_000 + self.nodes[node].clock_off_ms;
        start().plus_millis(real_ms as u64 * self.options.acceleration)
    }

    fn start(&mut self, node: usize) -> Result<(), Failure> {
        if self.nodes[node].replica.is_some() || self.nodes[node].is_dead {
            return Ok(());
        }
        let id = self.nodes[node].id;
        let config = Config {
            genesis: self.park.genesis.clone(),
            node: id,
            keys: self.park.nodes[node].clone(),
            registration: self.nodes[node].registration.clone(),
            election_ticks: ELECTION_TICKS,
            heartbeat_ticks: HEARTBEAT_TICKS,
            seed: self.options.seed,
            clock_ahead_max_ms: self.options.clock_ahead_max_ms(),
            promise_ms: PROMISE_MS,
            window_bytes_max: 64 * 1024 * 1024,
            snapshots: self.snapshot_rule(),
        };
        let durable = self.after_crash(node);
        let (size, root) = durable
            .snapshot
            .as_ref()
            .map_or((0, EMPTY_ROOT), |snapshot| {
                (snapshot.head.size, snapshot.head.root)
            });
        self.tell(node, || {
            let (entries, start) = (durable.entries.len(), durable.start.index);
            format!("starts from {size} leaves with {entries} entries after {start}")
        });
        let replica = Replica::new(config, durable).map_err(|error| {
            let what = format!("node {id} does not start: {error}");
            Failure::Correctness {
                checker: "start",
                what,
            }
        })?;
        self.log.on_start(id, size, root)?;
        self.nodes[node].replica = Some(replica);
        self.nodes[node].life += 1;
        self.nodes[node].met.clear();
        let life = self.nodes[node].life;
        let tick_after_ms = self.schedule.between(1, TICK_MS);
        self.after(tick_after_ms, Happening::Tick { node, life });
        self.perform_outputs(node)
    }

    fn crash(&mut self, node: usize) {
        if self.nodes[node].replica.take().is_none() {
            return;
        }
        self.statistics.crashes += 1;
        self.digest.number(self.now_ms);
        self.tell(node, || "crashes".to_owned());
        let down_ms = self.down_ms();
        self.nodes[node].writing.clear();
        self.after(down_ms, Happening::Start { node });
    }

    /// Lets a node handle an input, if it runs.
    fn handle(&mut self, node: usize, input: Input) -> Result<(), Failure> {
        let now = self.park_time(node);
        let Some(replica) = self.nodes[node].replica.as_mut() else {
            return Ok(());
        };
        replica.handle(now, input);
        self.perform_outputs(node)
    }

    /// Performs a node's outputs in order, unless it crashes before one of them.
    fn perform_outputs(&mut self, node: usize) -> Result<(), Failure> {
        let Some(replica) = self.nodes[node].replica.as_mut() else {
            return Ok(());
        };
        let outputs: Vec<Output> = std::iter::from_fn(|| replica.poll_output()).collect();
        let may_crash = !self.is_healed && !outputs.is_empty();
        if may_crash && self.crashes.chance(self.options.crash_in_outputs) {
            let performed = self.crashes.below(outputs.len() as u64 + 1) as usize;
            for output in outputs.into_iter().take(performed) {
                self.perform(node, output)?;
            }
            self.crash(node);
            return Ok(());
        }
        for output in outputs {
            self.perform(node, output)?;
        }
        self.observe(node)
    }

    fn perform(&mut self, node: usize, output: Output) -> Result<(), Failure> {
        let id = self.nodes[node].id;
        self.digest.number(id.0);
        match output {
            Output::Persist(write) => self.persist(node, write),
            Output::Send { to, bytes } => self.send(node, to, bytes),
            Output::Append { first, mut leaves } => {
                self.tell(node, || format!("appends leaves {first}+{}", leaves.len()));
                self.plant_in_leaves(node, first, &mut leaves);
                for leaf in &leaves {
                    self.digest.bytes(leaf);
                }
                self.log.on_append(id, first, &leaves)?;
                self.members.read(self.log.leaves())
            }
            Output::Publish { size, note } => {
                self.tell(node, || format!("publishes size {size}"));
                self.digest.bytes(note.as_bytes());
                self.statistics.published += 1;
                let note = self.plant_in_note(size, note);
                self.checkpoints.on_published(id, size, &note, &self.log)
            }
            Output::Promise { client, receipt } => {
                self.tell(node, || format!("promises client {}", client.0));
                self.digest.bytes(&receipt);
                Ok(())
            }
            Output::Reply { client, response } => self.answer(node, client, &response),
            Output::Snapshot(snapshot) => self.write_snapshot(node, snapshot),
            Output::SendLeaves { to, first, size } => self.send_leaves(node, to, (first, size)),
            Output::Peers(peers) => {
                self.nodes[node].peers = peers.iter().map(|peer| peer.id).collect();
                Ok(())
            }
            Output::Alarm(alarm) => self.on_alarm(node, &alarm),
            Output::Found(finding) => self.on_finding(node, finding),
            Output::Stop { reason } => {
                let what = format!("node {id} stops: {reason}");
                Err(Failure::Correctness {
                    checker: "stop",
                    what,
                })
            }
        }
    }

    fn persist(&mut self, node: usize, write: WriteBatch) -> Result<(), Failure> {
        let id = self.nodes[node].id;
        self.tell(node, || told(&write));
        for entry in &write.entries {
            self.digest.number(entry.term);
            self.digest.bytes(&entry.data);
        }
        for pending in &write.pending_added {
            self.digest.bytes(&pending.event);
            self.promises.on_promised(id, &pending.event);
        }
        if let Some(head) = write.signed {
            self.checkpoints.on_stored(id, head, &self.log)?;
        }
        let added = write.pending_added.clone();
        self.nodes[node].disk.persist(write, self.options.plant);
        if self.options.plant == Some(Plant::AnswerBeforeCommit) {
            for pending in added {
                self.answer_too_early(node, &pending.event)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, node: usize, to: NodeId, bytes: Vec<u8>) -> Result<(), Failure> {
        let from = self.nodes[node].id;
        self.digest.bytes(&bytes);
        self.statistics.messages += 1;
        if let Ok(PeerMessage::Cosignature(signed)) = PeerMessage::decode(&bytes) {
            self.checkpoints.on_sent(from, &signed, &self.log)?;
        }
        let fate = self.network.send(&self.options, from, to, bytes);
        for letter in fate.letters {
            self.after(letter.delay_ms, Happening::Arrive(letter));
        }
        if fate.is_reported {
            self.after(1, Happening::Broken { node, peer: to });
        }
        Ok(())
    }

    fn on_alarm(&mut self, node: usize, alarm: &Alarm) -> Result<(), Failure> {
        let id = self.nodes[node].id;
        self.tell(node, || format!("alarm: {alarm:?}"));
        let is_expected = match alarm {
            Alarm::PeerMessageRefused { .. } => {
                self.statistics.refused += 1;
                self.options.strayed > 0
            }
            Alarm::CatchingUp { .. } | Alarm::Removed => true,
            Alarm::CaughtUp { .. } => {
                self.statistics.caught_up += 1;
                true
            }
            Alarm::LeaderClockAhead { .. } => self.options.clock_far_ahead,
            Alarm::BatchRefused { .. } | Alarm::RootsDiffer { .. } => false,
        };
        if !is_expected {
            let what = format!("node {id}, among honest nodes: {alarm:?}");
            return Err(Failure::Correctness {
                checker: "alarms",
                what,
            });
        }
        Ok(())
    }

    fn plant_in_leaves(&self, node: usize, first: u64, leaves: &mut [Vec<u8>]) {
        if self.options.plant == Some(Plant::StepNotWanted) {
            leaves.iter_mut().for_each(take_a_voter);
        }
        let is_planted = self.options.plant == Some(Plant::LeafChanged);
        if is_planted && node == 0 && first > 20 {
            let byte = leaves[0].last_mut().expect("a leaf is not empty");
            *byte ^= 1;
        }
    }

    /// Looks at a node all of whose outputs are performed.
    fn observe(&mut self, node: usize) -> Result<(), Failure> {
        let Some(replica) = self.nodes[node].replica.as_ref() else {
            return Ok(());
        };
        if replica.role() == Role::Leader {
            self.leaders.observe(replica.term(), replica.node())?;
        }
        if self.options.plant == Some(Plant::LeafChanged) {
            return Ok(());
        }
        self.roots.observe(replica, &self.log)
    }

    fn tell(&self, node: usize, what: impl FnOnce() -> String) {
        if let Some(trace) = self.trace {
            trace(&format!(
                "{:>8} ms  node {}  {}",
                self.now_ms,
                self.nodes[node].id,
                what()
            ));
        }
    }
}

fn told(write: &WriteBatch) -> String {
    let mut told = "persists".to_owned();
    if let (Some(first), Some(last)) = (write.entries.first(), write.entries.last()) {
        told += &format!(
            " entries {}..={} (term {})",
            first.index, last.index, last.term
        );
    }
    if let Some(state) = write.hard_state {
        told += &format!(
            " term {} vote {} commit {}",
            state.term, state.vote, state.commit
        );
    }
    if let Some(head) = write.signed {
        told += &format!(" signed head {}", head.size);
    }
    if let Some(start) = write.restarted {
        told += &format!(" restarts after entry {}", start.index);
    }
    if let Some(start) = write.compacted {
        told += &format!(" compacts up to entry {}", start.index);
    }
    told + &format!(
        " promises +{} -{}",
        write.pending_added.len(),
        write.pending_removed.len()
    )
}
