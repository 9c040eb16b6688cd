//! What is drawn for a run. A seed alone does not name a run once this file changes, so all of it
//! is printed with every failure.

use crate::random::Stream;

/// A mistake planted on purpose, to see that a checker finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// Entries are reported durable at once but reach the disk with the next write; a crash loses
    /// them.
    EntriesNotSynced,
    /// Term and vote are not stored where no entries come with them.
    VoteNotStored,
    /// The last signed head is not stored.
    SignedHeadNotStored,
    /// Promised events are not stored.
    PromiseNotStored,
    /// A client is told that its event is committed as soon as a node has promised it.
    AnswerBeforeCommit,
    /// One node's leaves have a flipped bit now and then.
    LeafChanged,
    /// A snapshot names the present term instead of its entry's.
    SnapshotOfOtherTerm,
    /// A snapshot is reported durable at once but reaches the disk later; a crash loses it, and
    /// what was compacted on its word.
    SnapshotNotSynced,
    /// Whoever is asked for leaves changes one now and then.
    PieceChanged,
    /// Nodes seal with the cosignature of one that was removed in the place of a voter's.
    RemovedVoterCounted,
    /// With a step of the membership a voter goes whom the registrar did not remove.
    StepNotWanted,
}

/// Everything that shapes a run beside the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Replicas.
    pub nodes: u64,
    /// Ticks of the first phase, in which faults happen.
    pub ticks: u64,
    /// Events that the workload signs, about.
    pub events: u64,
    /// Shortest one-way delay of a message, in milliseconds of real time.
    pub delay_least_ms: u64,
    /// Longest.
    pub delay_most_ms: u64,
    /// Messages of 1,000 that are lost.
    pub lost: u64,
    /// Messages of 1,000 that arrive twice.
    pub doubled: u64,
    /// Messages of 1,000 that arrive over the connection of a wrong node, or damaged.
    pub strayed: u64,
    /// Mean time between changes of the partition, in milliseconds; 0 for no partitions.
    pub partition_every_ms: u64,
    /// Mean time between crashes of one node, in milliseconds; 0 for none.
    pub crash_every_ms: u64,
    /// Of 1,000 calls of a replica, those within whose outputs the node crashes.
    pub crash_in_outputs: u64,
    /// Longest time until a crashed node is started again.
    pub down_most_ms: u64,
    /// How far clocks may be off, in milliseconds of real time.
    pub clock_off_most_ms: u64,
    /// Whether one node's clock is far ahead until faults end.
    pub clock_far_ahead: bool,
    /// How many milliseconds of park time pass in one of real time.
    pub acceleration: u64,
    /// Answers to clients of 1,000 that are lost.
    pub answers_lost: u64,
    /// Whether clients rely on a node's promise instead of sending again.
    pub clients_trust: bool,
    /// Entries after which a node takes a snapshot; 0 for never.
    pub snapshot_entries: u64,
    /// Longest time that a snapshot takes to become durable.
    pub snapshot_most_ms: u64,
    /// Starts of 1,000 at which the newest snapshot cannot be read, where an older one will do.
    pub snapshot_lost: u64,
    /// Crashes of 1,000 after which a node stays away for long.
    pub stays_away: u64,
    /// Longest time that it stays away.
    pub away_most_ms: u64,
    /// Whether nodes come, vote and go.
    pub members_change: bool,
    /// A planted mistake.
    pub plant: Option<Plant>,
}

/// Real time between two ticks of a node.
pub const TICK_MS: u64 = 100;
/// A node campaigns after this many ticks without a leader.
pub const ELECTION_TICKS: usize = 10;
/// Within how much park time a promised event stands in the log.
pub const PROMISE_MS: u64 = 60_000;
/// A leader is heard at least this often.
pub const HEARTBEAT_TICKS: usize = 2;

impl Options {
    /// The options of a seed; `nodes` and `ticks` where the caller wants them otherwise.
    pub fn draw(seed: u64, nodes: Option<u64>, ticks: Option<u64>) -> Options {
        let mut stream = Stream::new(seed, "options");
        let drawn_nodes = *stream.pick(&[1, 3, 3, 3, 3, 5]);
        let mut some = |per_mille: u64, least: u64, most: u64| {
            let value = stream.between(least, most);
            if stream.chance(per_mille) { value } else { 0 }
        };
        let delay_least_ms = some(1_000, 1, 10);
        let drawn = Options {
            seed,
            nodes: nodes.unwrap_or(drawn_nodes),
            ticks: ticks.unwrap_or(1_000),
            events: 60,
            delay_least_ms,
            delay_most_ms: delay_least_ms + some(1_000, 1, 120),
            lost: some(700, 1, 200),
            doubled: some(700, 1, 200),
            strayed: some(500, 1, 20),
            partition_every_ms: some(700, 2_000, 15_000),
            crash_every_ms: some(800, 8_000, 60_000),
            crash_in_outputs: some(800, 1, 8),
            down_most_ms: some(1_000, 200, 12_000),
            clock_off_most_ms: some(800, 1, 150),
            clock_far_ahead: some(150, 1, 1) == 1,
            acceleration: some(1_000, 80, 300),
            answers_lost: some(700, 1, 200),
            clients_trust: some(500, 1, 1) == 1,
            snapshot_entries: 0,
            snapshot_most_ms: 0,
            snapshot_lost: 0,
            stays_away: 0,
            away_most_ms: 0,
            members_change: false,
            plant: None,
        };
        drawn.with_snapshots().with_members()
    }

    /// Drawn from a stream of its own, so that what else a seed means stays the same.
    fn with_snapshots(self) -> Options {
        let mut stream = Stream::new(self.seed, "snapshots");
        let mut some = |per_mille: u64, least: u64, most: u64| {
            let value = stream.between(least, most);
            if stream.chance(per_mille) { value } else { 0 }
        };
        // Mostly so few that who is away for a while finds the entries gone.
        let (few, many) = (some(1_000, 2, 8), some(1_000, 10, 60));
        let snapshot_entries = if some(650, 1, 1) == 1 { few } else { many };
        Options {
            snapshot_entries: some(850, 1, 1) * snapshot_entries,
            snapshot_most_ms: some(900, 1, 3_000),
            snapshot_lost: some(500, 1, 400),
            stays_away: some(600, 100, 700),
            away_most_ms: some(1_000, 10_000, 45_000),
            ..self
        }
    }

    /// Drawn from a stream of its own, for the same reason. Who relies on the promise of a node
    /// that is then removed relies on nothing, so that nobody does here.
    fn with_members(self) -> Options {
        let members_change = Stream::new(self.seed, "members").chance(400);
        Options {
            members_change,
            clients_trust: self.clients_trust && !members_change,
            ..self
        }
    }

    /// How far ahead a leader's batch time may be, in milliseconds of park time: more than two
    /// clocks within their bounds can differ, and far less than the one bad clock does.
    pub fn clock_ahead_max_ms(&self) -> u64 {
        (2 * self.clock_off_most_ms + 100) * self.acceleration
    }
}
