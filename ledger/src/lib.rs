//! What is true in a park: who signed what, in which order, and what follows from it.
//!
//! An event is signed by its author, ordered in a batch by a leader, and applied by
//! [`ledger::Ledger::apply`] into leaves of a C2SP transparency log. The same function runs on
//! every node and at the regulator's desk.
//!
//! # Layout
//!
//! * formats: [`genesis`] · [`event`] · [`batch`] · [`entry`] · [`derived`] · [`receipt`] ·
//!   [`evidence`] · [`codec`]
//! * names and refusals: [`registration`] · [`certificate`] · [`rejection`] · [`limits`]
//! * cryptography: [`hash`] · [`keys`] · [`hex`]
//! * the log: [`log`] (tree, tiles, proofs, signed notes, checkpoints, cosignatures, policy)
//! * the state: [`state`] · [`journal`] · [`ledger`] · [`snapshot`]
//! * the regulator: [`verify`]; what a tenant may see: [`view`]
//!
//! ```
//! use wattle_ledger::keys::SigningKey;
//!
//! let key = SigningKey::from_seed(&[7; 32]);
//! let signature = key.sign(b"12 kWh");
//! assert!(key.public().verify(b"12 kWh", &signature).is_ok());
//! assert!(key.public().verify(b"13 kWh", &signature).is_err());
//! ```
//!
//! # What this crate does not do
//!
//! It has no clock, no random numbers and no network, and it decides no order of events: time and
//! order come in with the batch. Only [`verify`]'s directory source opens files.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod batch;
pub mod billing;
pub mod certificate;
pub mod codec;
pub mod derived;
pub mod entry;
pub mod event;
pub mod evidence;
pub mod genesis;
pub mod hash;
pub mod hex;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod log;
pub mod membership;
pub mod receipt;
pub mod registration;
pub mod rejection;
pub mod snapshot;
pub mod state;
pub mod verify;
pub mod view;
