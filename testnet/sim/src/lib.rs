//! A deterministic simulator of a park's replicas.
//!
//! Real replicas, real signatures and a real market run in one thread against a network that
//! delays, loses, doubles and strays messages, against partitions, against clocks that differ, and
//! against crashes between any two outputs. Everything that could vary is drawn from the seed, so
//! that a seed always ends the same, and what a seed has found can be looked at again.
//!
//! A run has two phases: in the first, faults happen and nothing wrong may be done; in the second
//! they end, and everything must come together.
//!
//! # Layout
//!
//! * [`simulation`]: the world and what happens in it
//! * [`options`]: what is drawn for a run · [`random`]: from what
//! * [`network`] · [`disk`] · [`park`] · [`workload`]
//! * [`checkers`]: the rules, one file each · [`failure`] · [`digest`]
//! * [`args`]: the command line of `wattle-sim`
//!
//! ```
//! use wattle_sim::options::Options;
//! use wattle_sim::simulation::run;
//!
//! let options = Options::draw(1, Some(1), Some(60));
//! assert_eq!(run(&options, None), run(&options, None));
//! ```
//!
//! # What this crate does not do
//!
//! It does not run the node's own I/O (sockets, sled, files): crashes of real processes are the
//! testnet's. Writes here are whole or absent, never torn or rotten.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod args;
pub mod checkers;
pub mod digest;
pub mod disk;
pub mod failure;
pub mod network;
pub mod options;
pub mod park;
pub mod random;
pub mod simulation;
pub mod workload;
