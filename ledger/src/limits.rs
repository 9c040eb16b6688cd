//! Bounds of the ledger, each with what happens when it is reached.

/// A decoder reads at most this many bytes for one value; more is malformed.
pub const DECODE_BYTES_MAX: usize = 128 * 1024;
/// A leaf is at most this long: tlog-tiles gives an entry a 16-bit length.
pub const LEAF_BYTES_MAX: usize = 65_535;
/// A signed event is at most this long; a longer one is malformed and leaves no leaf.
pub const EVENT_BYTES_MAX: usize = 60_000;
/// An evidence file is at most this long: two events of the greatest length with a genesis. A
/// longer one is not read.
pub const EVIDENCE_BYTES_MAX: usize = 256 * 1024;
/// Registrations that travel in an evidence file; a file with more is refused.
pub const EVIDENCE_REGISTRATIONS_MAX: usize = 16;
/// An evidence file that is recorded has at most this many bytes, so that it fits an event; a
/// longer one is refused, and stays a file.
pub const EVIDENCE_RECORDED_BYTES_MAX: usize = 56 * 1024;
/// Sequences of one key that evidence is recorded of; the first convicts it already, and a further
/// one is refused.
pub const CONVICTIONS_PER_KEY_MAX: usize = 16;
/// An encoded batch is at most this long; the leader closes a batch before it.
pub const BATCH_BYTES_MAX: usize = 64 * 1024;
/// A batch carries at most this many events, so that the list of dropped hashes fits its leaf.
pub const BATCH_EVENTS_MAX: usize = 1_024;
/// A list under one signature has at most this many items; a longer event is refused whole.
pub const ITEMS_MAX: usize = 1_000;
/// A name has at most this many bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// A key records at most this many events an hour of park time; further ones leave no leaf.
pub const EVENTS_PER_KEY_AND_HOUR_MAX: u32 = 3_600;
/// Gates and settlements that one batch performs; the rest follow in the next batch.
pub const DUE_PER_BATCH_MAX: usize = 32;
/// Outcomes kept for each key, newest first, so that a repeated event gets its first answer.
pub const OUTCOMES_PER_KEY_MAX: u64 = 256;
/// An order is for an interval at most this far ahead: eight days of 96 intervals.
pub const ORDER_HORIZON_INTERVALS: u64 = 8 * 96;
/// Open orders of one participant; the next one is refused.
pub const OPEN_ORDERS_PER_PARTICIPANT_MAX: usize = 4_000;
/// Open orders with a minimum of one participant for one interval; the next one is refused.
pub const MINIMUM_ORDERS_PER_INTERVAL_MAX: usize = 8;
/// Open bundles of one participant for one day; the next one is refused.
pub const BUNDLES_PER_PARTICIPANT_MAX: usize = 8;
/// Keys that one participant ever delegated to, since keys are never removed; the next is refused.
pub const DELEGATES_PER_PARTICIPANT_MAX: usize = 256;
/// Points of one delegation; a longer one is refused.
pub const DELEGATED_POINTS_MAX: usize = 64;
/// Entries of a point's schedule; a longer one is refused.
pub const SCHEDULE_ENTRIES_MAX: usize = 32;
/// Members of one group of affiliates; a larger one is refused.
pub const AFFILIATES_MAX: usize = 64;
/// Halts in force or to come; the next one is refused.
pub const HALTS_MAX: usize = 64;
/// Participants that hold parts of one certificate; a further one is refused.
pub const HOLDERS_PER_CERTIFICATE_MAX: usize = 64;
/// Certificate policies in force or to come; the next one is refused.
pub const CERTIFICATE_POLICIES_MAX: usize = 64;
/// A storage lot older than this is lost: 180 days, within the six months over which EnergyTag
/// wants losses counted.
pub const LOT_AGE_INTERVALS_MAX: u64 = 180 * 96;
/// Intervals from the oldest certificate that has not expired to the newest that is final, in a
/// state that is read back: 27 months. A state with more is not read.
pub const CERTIFICATE_LIFE_INTERVALS_MAX: u64 = 27 * 31 * 96;
/// Open orders of one continuous interval; the next one that might rest is refused.
pub const BOOK_ORDERS_MAX: u32 = 1 << 20;
/// Changes of the market's mode in force or to come; the next one is refused.
pub const MARKET_MODES_MAX: usize = 64;
/// A reading is for an interval at most this old: the final run is on the 8th of the next month.
pub const READING_AGE_INTERVALS_MAX: u64 = 40 * 96;
/// How far before an interval that is still open registers and certificates are kept: the longest
/// month, whose boundary is measured from its start; a substitute looks back a week.
pub const RETENTION_INTERVALS: u64 = 32 * 96;
/// Participants, points and meters in a park; the next registration is refused.
pub const REGISTRATIONS_MAX: usize = 10_000;
/// Meters at the park's connections to the utility; the next registration is refused.
pub const BOUNDARY_METERS_MAX: usize = 16;
/// Logs that a park follows; a further one is refused.
pub const FOLLOWED_LOGS_MAX: usize = 64;
/// A followed log's policy has at most this many bytes; a longer one is refused.
pub const FOLLOWED_POLICY_BYTES_MAX: usize = 16 * 1024;
/// A recorded note has at most this many bytes; a longer one is refused.
pub const FOREIGN_NOTE_BYTES_MAX: usize = 8 * 1024;
/// Voters of a park (DESIGN: at most seven), so that a checkpoint stays within 16 signature lines.
pub const VOTERS_MAX: usize = 7;
/// Voters and learners that a park shall have at a time; the next registration is refused.
pub const MEMBERS_MAX: usize = 64;
/// Nodes of a park in all its life, removed ones included, since ids and keys never come back.
pub const NODES_MAX: usize = 1_024;
/// A seal follows a recorded event after this much park time, in milliseconds.
pub const SEAL_INTERVAL_MS: u64 = 60_000;
/// Money moved by one deposit, withdrawal or credit limit: ten million yuan, in nano-yuan.
pub const TREASURY_AMOUNT_MAX: i64 = 10_000_000 * 1_000_000_000;
/// Leaves of a log whose state is read back: half of what a tree can hold, so that what follows
/// has room. A longer one is not read.
pub const RESTORED_LEAVES_MAX: u64 = 1 << 39;
/// Intervals between two registers of a meter in a state that is read back, about 480 years:
/// what lies between them is shared out in memory. A state with a longer gap is not read.
pub const GAP_INTERVALS_MAX: u64 = 1 << 24;
/// A snapshot of the state is at most this long, 64 GiB: a hundred times the readings of ten
/// thousand meters in the days that are kept. A longer one is not read.
pub const SNAPSHOT_BYTES_MAX: u64 = 1 << 36;

const _: () = assert!(EVENT_BYTES_MAX + ITEMS_MAX * 2 + 64 < LEAF_BYTES_MAX);
const _: () = assert!(EVENT_BYTES_MAX < BATCH_BYTES_MAX);
const _: () = assert!(EVIDENCE_RECORDED_BYTES_MAX + 256 < EVENT_BYTES_MAX);
const _: () = assert!(BATCH_EVENTS_MAX * 34 + 512 < LEAF_BYTES_MAX);
const _: () = assert!(VOTERS_MAX * 2 <= 16);
const _: () = assert!(BOOK_ORDERS_MAX <= wattle_market::book::ORDERS_MAX);
