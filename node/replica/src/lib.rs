//! One replica of the park's log, as a pure state machine around Raft.
//!
//! [`Replica::handle`] is told what happened and when; [`Replica::poll_output`] says what to do.
//! Nothing in between asks a clock, a disk, a network or a random number, so that a simulator can
//! run years of a park's faults in minutes, and the same seed always ends the same.
//!
//! # Layout
//!
//! * the edge: [`config`] · [`input`] · [`output`] · [`message`] · [`limits`]
//! * [`replica`]: what happens at each input
//! * Raft: `consensus` (drives it), `window` (its log), [`election`] (its timeouts), `guard`
//!   (what it must never see)
//! * events: `admission` (the door), `pending` (promises), `kept` (their receipts), `queue` and
//!   `batch` (the leader's)
//! * members: `membership` (the registry's word, step by step)
//! * truth: `commit` (what is applied) · [`sealing`] (what is cosigned)
//! * what need not be kept: [`snapshot`] · `compaction` (when) · `start` (from one) · `catch_up`
//!   (of a node that needs what others no longer keep)
//!
//! ```
//! use wattle_replica::input::Input;
//! use wattle_replica::replica::Replica;
//! use wattle_market::interval::Timestamp;
//!
//! /// One turn of a node's loop: outputs are performed in order, each to its end.
//! fn turn(replica: &mut Replica, now: Timestamp, input: Input) -> usize {
//!     replica.handle(now, input);
//!     std::iter::from_fn(|| replica.poll_output()).map(|_performed| ()).count()
//! }
//! ```
//!
//! # What this crate does not do
//!
//! It performs nothing itself, trusts no peer beyond Raft's crash-fault model, and sends nobody its
//! state. It decides on no member: the registrar does, and it takes one step at a time.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;
pub mod election;
pub mod input;
pub mod limits;
pub mod message;
pub mod output;
pub mod replica;
pub mod sealing;
pub mod snapshot;

mod admission;
mod batch;
mod catch_up;
mod commit;
mod compaction;
mod consensus;
#[cfg(test)]
mod fixture;
mod guard;
mod kept;
mod membership;
mod outbox;
mod pending;
mod queue;
mod start;
mod window;

pub use config::{Config, NodeKeys, StartError};
pub use input::{ClientId, Input};
pub use output::{Alarm, Durable, Finding, Output, Response};
pub use replica::{Replica, Role};
