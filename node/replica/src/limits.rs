//! Bounds of a replica, each with what happens when it is reached.

use wattle_ledger::limits::{BATCH_BYTES_MAX, DECODE_BYTES_MAX, EVENT_BYTES_MAX, LEAF_BYTES_MAX};

/// A peer's message is at most this long; a longer one is refused before it is decoded.
pub const PEER_MESSAGE_BYTES_MAX: usize = DECODE_BYTES_MAX;
/// One append carries entries of at most this many stored bytes, or a single larger one; the rest
/// follow in the next message.
pub const APPEND_BYTES_MAX: u64 = 64 * 1024;
/// One append carries at most this many entries; the rest follow in the next message.
pub const APPEND_ENTRIES_MAX: usize = 512;
/// What an entry takes up beside its data: index, term and length.
pub const ENTRY_OVERHEAD_BYTES: u64 = 24;
/// Appends on their way to one peer; the leader then waits for an answer.
pub const APPENDS_IN_FLIGHT_MAX: usize = 64;
/// Proposed bytes that are not committed; Raft then drops the proposal and it is made again. One
/// batch at a time is in flight, so that only the entry of a new term can come on top.
pub const UNCOMMITTED_BYTES_MAX: u64 = 1024 * 1024;
/// Committed entries that are applied between two looks at Raft.
pub const COMMITTED_BYTES_PER_STEP_MAX: u64 = 1024 * 1024;
/// A peer's term is at most this far above ours; a message with a higher one is refused, so that
/// nobody can use up the numbers.
pub const TERM_LEAD_MAX: u64 = 1_000;
/// Terms and indexes stay below this, so that adding to them cannot overflow.
pub const NUMBER_MAX: u64 = 1 << 62;
/// Events that clients of this node wait for; the next one is answered with `Busy`.
pub const PENDING_EVENTS_MAX: usize = 4_096;
/// Their bytes; past it the next one is answered with `Busy`.
pub const PENDING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Applied events whose receipts are kept until a seal covers them; past it the oldest go.
pub const KEPT_EVENTS_MAX: usize = 4_096;
/// Their bytes; past it the oldest go.
pub const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Clients that wait for one event; a further one is answered with `Busy`.
pub const CLIENTS_PER_EVENT_MAX: usize = 16;
/// Events that wait at the leader for a batch; a forwarded one beyond it is dropped, and the node
/// that promised it sends it again.
pub const QUEUE_EVENTS_MAX: usize = 8_192;
/// Their bytes; past it a forwarded event is dropped as above.
pub const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events in one forwarded message.
pub const FORWARD_EVENTS_MAX: usize = 256;
/// Their bytes; the rest follow in the next message.
pub const FORWARD_BYTES_MAX: usize = 64 * 1024;
/// Leaves that one piece for a peer carries, in bytes, or a single larger one; the peer asks again
/// for what follows.
pub const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Leaves that one piece carries at most: those of a bundle.
pub const PIECE_LEAVES_MAX: usize = 256;
/// Leaves of one batch that a node which catches up gathers before it applies them: far more than
/// a batch of a park of the largest size makes. Past it the node stops.
pub const CATCH_UP_BATCH_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Learners that a manifest may name; one with more is refused.
pub const LEARNERS_MAX: usize = 256;
/// Hashes of a consistency proof: fewer than twice the levels of the tallest tree.
pub const PROOF_HASHES_MAX: usize = 80;
/// Bytes that one round of sending again may take up; the next round goes on from there.
pub const RESEND_BYTES_MAX: usize = 512 * 1024;
/// Nodes that showed their registration and that this node's log does not have yet; a further one
/// is not let in.
pub const STRANGERS_MAX: usize = 8;
/// Checkpoints whose cosignatures are kept; older ones are forgotten.
pub const SEALS_KEPT_MAX: usize = 64;
/// Cosignatures kept of one peer for sizes this node has not reached; the smallest goes first.
pub const EARLY_PER_PEER_MAX: usize = 8;
/// Cosignatures of other roots that are kept as evidence; further ones are only alarmed.
pub const EVIDENCE_MAX: usize = 64;

const _: () = assert!(EVENT_BYTES_MAX <= FORWARD_BYTES_MAX);
const _: () = assert!(FORWARD_BYTES_MAX + FORWARD_EVENTS_MAX * 32 < PEER_MESSAGE_BYTES_MAX);
// A decoder counts an entry's place in memory before it reads it, and its bytes as it reads them.
const _: () = assert!(BATCH_BYTES_MAX + APPEND_ENTRIES_MAX * 40 + 1_024 < PEER_MESSAGE_BYTES_MAX);
const _: () = assert!(LEAF_BYTES_MAX <= PIECE_BYTES_MAX);
const _: () = assert!(
    PIECE_BYTES_MAX + PIECE_LEAVES_MAX * 40 + PROOF_HASHES_MAX * 32 + 1_024
        < PEER_MESSAGE_BYTES_MAX
);
const _: () = assert!(APPEND_BYTES_MAX as usize >= BATCH_BYTES_MAX);
const _: () = assert!(UNCOMMITTED_BYTES_MAX as usize > 2 * BATCH_BYTES_MAX);
