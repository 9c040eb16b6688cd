//! Events in, and what became of them.

use super::Api;
use super::extent::extent;
use super::failure::Failure;
use super::market::read;
use super::query::Parameters;
use crate::event_loop::{Progress, Submission, SubmitError, View};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use wattle_client::api::{EventOutcome, EventPending, EventReceipts, EventState};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::hex;
use wattle_ledger::rejection::Rejection;
use wattle_replica::output::Response as Answer;

/// A submission waits for its outcome at most this long; then it is pending.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// `POST /v1/events?wait_ms=N`: a signed event's bytes.
pub(super) async fn submit(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["wait_ms"])?;
    let wait = parameters
        .optional("wait_ms")?
        .map_or(Duration::ZERO, Duration::from_millis);
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Rejection::EventTooLarge.into(),
        _ => Failure::malformed(format!(
            "the body was not received: {}",
            rejection.body_text()
        )),
    })?;
    let event = event_hash(&bytes);
    let mut submission = api
        .handle
        .submit(bytes.to_vec())
        .map_err(|error| match error {
            SubmitError::Busy => busy(),
            SubmitError::Closed(_) => Failure::stopping(),
        })?;
    let (receipt, answer) = outcome(&mut submission, wait.min(WAIT_MAX)).await?;
    let receipt = receipt.map(|receipt| hex::encode(&receipt));
    match answer {
        None => {
            let pending = EventPending { event, receipt };
            Ok((StatusCode::ACCEPTED, Json(pending)).into_response())
        }
        Some(answer) => answered(&api, answer, receipt).await,
    }
}

/// The node's receipt, where it promised, and the answer within the time; `None` if until then
/// there is only the promise.
async fn outcome(
    submission: &mut Submission,
    wait: Duration,
) -> Result<(Option<Vec<u8>>, Option<Answer>), Failure> {
    let receipt = match submission.next().await {
        None => return Err(Failure::stopping()),
        Some(Progress::Answered(answer)) => return Ok((None, Some(answer))),
        Some(Progress::Promised(receipt)) => Some(receipt),
    };
    match tokio::time::timeout(wait, submission.next()).await {
        Ok(Some(Progress::Answered(answer))) => Ok((receipt, Some(answer))),
        // The promise outlives the node's process, so the event is pending still.
        Ok(_) | Err(_) => Ok((receipt, None)),
    }
}

async fn answered(api: &Api, answer: Answer, receipt: Option<String>) -> Result<Response, Failure> {
    match answer {
        Answer::Committed {
            event,
            leaf,
            outcome,
        } => {
            let outcome = EventOutcome {
                receipt,
                ..EventOutcome::from_codes(event, leaf, &outcome)
            };
            let log = api.ask(extent).await?;
            Ok(Json(outcome.within(&log)).into_response())
        }
        Answer::Refused(rejection) => Err(rejection.into()),
        Answer::Busy => Err(busy()),
        Answer::Full => Err(Failure::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "full",
            "the park keeps as much of its Raft log as it may and takes no events; its operator \
             must bring back the node that is behind",
        )),
        Answer::NoLeader => Err(Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no_leader",
            "the node knows no leader and did not store the event; try another node, or again \
             when a quorum of the park's nodes is up",
        )),
    }
}

fn busy() -> Failure {
    let detail = "as many submissions wait as the node takes; send the same bytes again shortly";
    Failure::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
}

/// `GET /v1/events/{hash}`: what became of an event.
pub(super) async fn lookup(
    State(api): State<Api>,
    Path(hash): Path<String>,
) -> Result<Json<EventState>, Failure> {
    let event = event_named(&hash)?;
    let places = move |view: &View| {
        let open = view.history.open_bundle();
        (
            view.index.event(&event),
            view.storage.is_promised(&event),
            (open, extent(view)),
        )
    };
    let (found, is_promised, (open, log)) = api.ask(places).await?;
    for leaf in read(found.leaves())? {
        let bytes = super::log::leaf(&api, leaf, &open)?;
        let Ok(Entry::Event { signed, outcome }) = Entry::decode(&bytes) else {
            let reason = "it is not an event";
            return Err(Failure::internal("read the event's leaf", &reason));
        };
        if event_hash(&signed) == event {
            let outcome = EventOutcome::from_codes(event, leaf, &outcome);
            return Ok(Json(EventState::Committed(outcome.within(&log))));
        }
    }
    if is_promised {
        return Ok(Json(EventState::Pending(EventPending {
            event,
            receipt: None,
        })));
    }
    Err(Failure::not_found(format!(
        "this node's log has no event {event} and it carries none; send the same bytes again to be \
         sure"
    )))
}

/// `GET /v1/events/{hash}/receipts`: the receipts for an event that this node carries, or carried
/// until it was applied and no seal covers yet.
pub(super) async fn receipts(
    State(api): State<Api>,
    Path(hash): Path<String>,
) -> Result<Json<EventReceipts>, Failure> {
    let event = event_named(&hash)?;
    let promise = api.ask(move |view: &View| view.replica.promised(&event));
    let promise = promise.await?.ok_or_else(|| {
        Failure::not_found(format!(
            "this node has no receipts for event {event}: it is sealed, or was never taken here"
        ))
    })?;
    let receipts = promise.receipts.iter();
    Ok(Json(EventReceipts {
        event,
        receipts: receipts
            .map(|receipt| hex::encode(receipt.bytes()))
            .collect(),
    }))
}

fn event_named(hash: &str) -> Result<Hash, Failure> {
    hash.parse()
        .map_err(|error| Failure::malformed(format!("{hash:?} is not an event's hash: {error}")))
}
