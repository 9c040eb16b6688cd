//! Measurements of the market's rules: continuous matching, the call auction, the joint auction,
//! settlement, the state root, the replay of a node's own log.
//!
//! Whatever is measured is measured beside something else in the same run, because only ratios
//! mean anything on a machine that others use too. `docs/BENCHMARKS.md` has the commands and
//! what they gave.

pub mod auction;
mod clock;
pub mod engine;
mod floor;
pub mod joint;
pub mod mix;
mod naive;
mod random;
pub mod replay;
pub mod root;
pub mod settlement;
pub mod workload;

pub use floor::FloorError;
