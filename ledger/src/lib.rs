//! placeholder
#![cfg_attr(test, allow(clippy::unwrap_used))]
pub mod hash;
pub mod hex;
pub mod keys;
pub mod log;
