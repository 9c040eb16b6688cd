//! The HTTP client of a Wattle node, and the types that its API speaks.
//!
//! # Layout
//! - [`api`]: bodies of requests and answers, the same types at both ends
//! - [`client`]: [`Client`], blocking, over several nodes with failover
//! - [`request`]: how a request for something private is signed
//! - [`author`]: a key that signs actions, in sequence
//! - [`outbox`]: signed events on disk until each has its outcome
//! - [`keyfile`]: private keys as PKCS#8 files
//! - [`export`]: a copy of the log as a directory, over HTTP
//! - [`follow`]: what is new of a log that the park follows
//! - [`witness`]: asks a witness for his cosignature
//! - [`durable`]: files that are there whole or not at all
//!
//! # Example
//! ```
//! use wattle_client::author::Author;
//! use wattle_ledger::event::Action;
//! use wattle_ledger::hash::Hash;
//! use wattle_ledger::keys::SigningKey;
//! use wattle_ledger::registration::ParticipantId;
//! use wattle_market::interval::Timestamp;
//! use wattle_market::units::Money;
//!
//! let park = Hash([1; 32]);
//! let mut treasurer = Author::new(park, SigningKey::from_seed(&[7; 32]), 1);
//! let deposit = Action::Deposit {
//!     participant: ParticipantId(1),
//!     amount: Money::YUAN,
//!     reference: "BANK-1".to_owned(),
//! };
//! let event = treasurer.sign(deposit, Timestamp(0));
//! assert_eq!(event.verify(&park), Ok(()));
//! assert_eq!(event.body().sequence, 1);
//! assert_eq!(treasurer.next_sequence(), 2);
//! ```
//!
//! # What this crate does not do
//! It verifies no log (that is `wattle_ledger::verify`), it speaks no TLS (a node's API is on
//! loopback or behind a reverse proxy), and it decides no rule of the market.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod api;
pub mod author;
pub mod client;
pub mod durable;
pub mod export;
pub mod follow;
pub mod keyfile;
pub mod outbox;
pub mod request;
pub mod witness;

pub use author::Author;
pub use client::{Client, ClientError, Outcome};
pub use outbox::Outbox;
pub use request::Credentials;
