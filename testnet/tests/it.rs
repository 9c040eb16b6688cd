//! The crate from outside: its library and its program.

#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

mod bad_input;
mod bench;
mod certificates;
mod data_sets;
mod exports;
mod import;
mod membership;
mod new_commands;
mod nightly;
mod one_node_park;
mod receipts;
mod record;
mod replay;
mod replay_command;
mod scenarios;
mod strategy;
mod surveillance;
mod tidy;
mod views;
