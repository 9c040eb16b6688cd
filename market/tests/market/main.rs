//! The market's rules against references that are slow and obviously right, and against examples
//! computed by hand.

// A test that cannot go on has failed, and says so by its panic.
#![allow(clippy::unwrap_used)]

mod auction;
mod book;
mod examples;
mod exposure;
mod invariants;
mod joint;
mod minimum;
mod parks;
mod settlement;
mod storage;
mod tariff;
