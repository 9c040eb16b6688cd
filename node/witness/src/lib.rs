//! A witness of other parks' logs.
//!
//! It keeps of each log the last checkpoint that it accepted, and cosigns only one that continues
//! it (C2SP tlog-witness and tlog-cosignature). What it accepted is on disk before its signature
//! leaves, so that no crash makes it sign a smaller or another head.
//!
//! # Layout
//! - [`config`]: the configuration file, and the policies of the logs
//! - [`store`]: what is durable of each log, under a lock that one process holds
//! - [`witness`]: what is asked and answered, with the time as an argument
//! - [`server`]: HTTP around it, on threads; [`request`]: one request read within bounds
//! - [`pace`]: how often one may ask
//! - [`reload`]: policies that change while it runs
//!
//! # Example
//! ```
//! use wattle_ledger::keys::SigningKey;
//! use wattle_ledger::log::policy::Policy;
//! use wattle_witness::store::Store;
//! use wattle_witness::witness::Witness;
//!
//! let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path())?;
//! let key = SigningKey::from_seed(&[7; 32]);
//! let witness = Witness::new("witness.example/w1", key, Vec::new(), store)?;
//! // It knows no log, so it cosigns nothing.
//! assert_eq!(witness.add_checkpoint(b"old 0\n", 1_800_000_000).status, 400);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this crate does not do
//! It reads no entries: a witness sees that a log only appends, not what. It asks nobody, speaks no
//! TLS (whoever offers it beyond a trusted network puts a reverse proxy before it), and knows
//! nothing of parks beyond their policies.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;
pub mod pace;
pub mod reload;
pub mod request;
pub mod server;
pub mod store;
pub mod witness;
