//! What must hold for any bytes that a stranger sends.
//!
//! # Layout
//! * [`targets`]: one function for each parser of foreign bytes, which panics where a property
//!   does not hold
//! * [`park`]: a small park that any actions are done to: a committed batch can never stop a node
//! * [`state`]: a state of any rows, as a quorum that colludes can sign it, and what follows it
//! * [`seeds`]: honest bytes to begin from, made anew from the types, so that they follow a change
//!   of format
//! * [`mutate`]: bytes that were changed a little, from a seed
//!
//! # Example
//! ```
//! use wattle_fuzz::{mutate::Mutator, seeds::seeds, targets::TARGETS};
//!
//! for target in TARGETS {
//!     for seed in seeds(target.name) {
//!         (target.run)(&seed);
//!         (target.run)(&Mutator::new(1).change(&seed));
//!     }
//! }
//! ```
//!
//! # What this package does not do
//! It brings no fuzzer. `tests/it.rs` runs seeds, corpora and some thousand changed ones on any
//! toolchain; the folder `libfuzzer` is a workspace of its own for `cargo fuzz`, and the only place
//! that knows libFuzzer.

pub mod mutate;
pub mod park;
pub mod seeds;
pub mod state;
pub mod targets;
