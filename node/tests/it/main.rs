//! Real `wattled` processes over real HTTP.

// A failed unwrap in a test is its failure, and nothing here is anyone's API.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod access;
mod cluster;
mod durability;
mod evidence;
mod final_run;
mod joint;
mod market;
mod membership;
mod month_close;
mod park;
mod price_index;
mod requests;
mod restart;
mod sealing;
mod snapshots;
mod stages;
mod start;
mod witness;
