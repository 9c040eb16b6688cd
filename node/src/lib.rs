//! A building's node: network, storage, API and clock around one replica.
//!
//! # Layout
//! - [`daemon`]: the process, which `wattled` and the testnet run
//! - [`config`], [`setup`]: what a node is started with, and what stands before its first start
//! - [`event_loop`]: the one thread that owns the replica, the store and the history
//! - [`storage`]: what changes (sled), [`history`]: what never does (C2SP tile files),
//!   [`snapshots`]: what lets the log be short
//! - [`evidence`]: what was signed twice, as files that convince others
//! - [`network`]: bytes between nodes (libp2p)
//! - [`api`]: HTTP, [`index`]: where in the log a participant finds his own
//! - [`scrub`]: reads the history in the background, for files that the disk has changed
//! - [`witnesses`]: asks witnesses to cosign; `recorder`: signs what the node finds out by itself,
//!   which is evidence, and for `following` checkpoints of other logs
//! - [`clock`]: park time
//!
//! # Example
//! ```
//! use wattle_ledger::registration::NodeId;
//! use wattle_market::point::BuildingId;
//! use wattle_node::setup::create_node_keys;
//!
//! let folder = tempfile::tempdir()?;
//! // Each building makes its own keys; the registrar puts the records into the genesis.
//! let record = create_node_keys(folder.path(), NodeId(1), BuildingId(1), None)?;
//! assert_eq!(record.id, NodeId(1));
//! assert!(folder.path().join("keys/transport.pem").exists());
//! // Keys that exist are never overwritten.
//! assert!(create_node_keys(folder.path(), NodeId(1), BuildingId(1), None).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What this crate does not do
//! It decides nothing: what is true is the ledger's, and what a node says and when is the
//! replica's. It holds no tenant's key, and it speaks no TLS: whoever offers the API beyond
//! loopback puts a reverse proxy before it.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod event_loop;
pub mod evidence;
pub mod history;
pub mod index;
pub mod network;
pub mod scrub;
pub mod setup;
pub mod snapshots;
pub mod storage;
pub mod witnesses;

mod folder;
mod following;
mod recorder;
