//! wip
#![cfg_attr(test, allow(clippy::unwrap_used))]
pub mod daemon { pub fn main(_: std::env::ArgsOs) -> std::process::ExitCode { std::process::ExitCode::FAILURE } }
pub mod clock;
pub mod config;
pub mod history;
pub mod setup;
pub mod storage;
mod folder;
