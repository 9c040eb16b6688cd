//! The HTTP API: what anyone may ask, what only some may, and how events come in.
//!
//! Handlers hold no state of their own. They ask the loop, or read the history's files, and turn
//! the answer into JSON or a problem document (RFC 9457). What each path answers is written with
//! the types in `wattle_client::api`; which paths there are, in [`router`].

mod access;
mod bundles;
mod certificate;
mod event;
mod evidence;
mod extent;
mod failure;
mod health;
mod log;
mod market;
mod months;
mod park;
mod private;
mod query;
mod server;
mod statement;
mod witness;

pub use server::serve;

use crate::event_loop::{Handle, SharedClock, View};
use crate::history::HistoryReader;
use crate::network::Outbound;
use crate::scrub::Scrub;
use crate::witnesses::Witnesses;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use failure::Failure;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::limits::{EVENT_BYTES_MAX, EVIDENCE_BYTES_MAX};
use wattle_ledger::registration::NodeId;

/// A request is answered within this time, or with 408. Submissions may wait half of it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What handlers share.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What the API is made of.
pub struct Shared {
    /// The way into the loop.
    pub handle: Handle,
    /// The log's files.
    pub history: HistoryReader,
    /// The peers.
    pub network: Outbound,
    /// Park time.
    pub clock: SharedClock,
    /// Its speed.
    pub clock_speed: u32,
    /// The park.
    pub genesis: Genesis,
    /// This node.
    pub node: NodeId,
    /// The data folder, whose free space is watched.
    pub data_dir: PathBuf,
    /// Bound of the Raft window.
    pub window_bytes_max: u64,
    /// Who is asked to cosign, and what came of it.
    pub witnesses: Witnesses,
    /// What was found damaged.
    pub scrub: Arc<Scrub>,
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Api {
    /// The API of a node.
    pub fn new(shared: Shared) -> Api {
        Api(Arc::new(shared))
    }

    /// Asks the loop.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.handle
            .ask(question)
            .await
            .map_err(|_| Failure::stopping())
    }
}

/// All paths.
pub fn router(api: Api) -> Router {
    let submit = post(event::submit).layer(DefaultBodyLimit::max(EVENT_BYTES_MAX));
    let give = post(evidence::give).layer(DefaultBodyLimit::max(EVIDENCE_BYTES_MAX));
    Router::new()
        .route("/v1/events", submit)
        .route("/v1/events/{hash}", get(event::lookup))
        .route("/v1/events/{hash}/receipts", get(event::receipts))
        .route("/v1/evidence", get(evidence::list).merge(give))
        .route("/v1/evidence/{id}", get(evidence::file))
        .route("/v1/keys/{key}", get(park::key))
        .route("/v1/status", get(park::status))
        .route("/v1/genesis", get(park::genesis))
        .route("/v1/registry", get(park::registry))
        .route("/v1/book", get(market::book))
        .route("/v1/prices", get(market::prices))
        .route("/v1/price-index", get(market::price_index))
        .route("/v1/orders", get(private::orders))
        .route("/v1/trades", get(private::trades))
        .route("/v1/bundles", get(bundles::bundles))
        .route("/v1/balance", get(private::balance))
        .route("/v1/statement", get(statement::statement))
        .route("/v1/invoices", get(months::invoices))
        .route("/v1/months", get(months::months))
        .route("/v1/certificates", get(certificate::certificates))
        .route("/v1/certificates/{id}", get(certificate::certificate))
        .route("/v1/entries", get(private::entries))
        .route("/v1/witnesses", get(witness::witnesses))
        .route("/v1/logs", get(witness::logs))
        .route("/checkpoint", get(log::checkpoint))
        .route("/checkpoint/witnessed", get(witness::checkpoint))
        .route("/checkpoint/{size}", get(log::checkpoint_of))
        .route("/tile/{*path}", get(log::tile))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(failure::no_such_path)
        .method_not_allowed_fallback(failure::wrong_method)
        .layer(middleware::from_fn(failure::within_time))
        .with_state(api)
}
