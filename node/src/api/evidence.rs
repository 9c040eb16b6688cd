//! What this node found signed twice.
//!
//! Heads concern everybody who relies on the log. Events are private to who signed them: those
//! are for offices, and for the tenant whose key it was.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use crate::event_loop::View;
use crate::evidence::Recorded;
use crate::folder;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use wattle_client::api::{
    EvidenceCounts, EvidenceGiven, EvidenceItem, EvidenceList, EvidencePlace, GivenOutcome,
};
use wattle_ledger::evidence::{Evidence, Subject};
use wattle_ledger::hash::Hash;
use wattle_ledger::limits::EVIDENCE_BYTES_MAX;
use wattle_ledger::registration::Role;

/// `GET /v1/evidence`.
pub(super) async fn list(
    State(api): State<Api>,
    reader: Reader,
) -> Result<Json<EvidenceList>, Failure> {
    let list = api.ask(move |view: &View| {
        let kept = view.evidence.list();
        let shown = kept.filter(|(subject, _)| may_see(view, reader, subject));
        let shown = shown.map(|(subject, kept)| EvidenceItem {
            id: kept.id,
            bytes: kept.bytes,
            about: (*subject).into(),
            recorded: recorded(view, subject),
        });
        EvidenceList {
            evidence: shown.collect(),
            log: extent(view),
        }
    });
    Ok(Json(list.await?))
}

/// `POST /v1/evidence`: a file that the node shall keep, from whoever may read something here. It
/// is judged as the ledger would judge it now, so that nobody fills the folder.
pub(super) async fn give(
    State(api): State<Api>,
    _: Reader,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<EvidenceGiven>, Failure> {
    let too_large = || {
        let detail = format!("evidence has at most {EVIDENCE_BYTES_MAX} bytes");
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    };
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Failure::malformed(format!(
            "the body was not received: {}",
            rejection.body_text()
        )),
    })?;
    let evidence =
        Evidence::parse(&bytes).map_err(|error| Failure::malformed(error.to_string()))?;
    let id = evidence.id();
    let given = api.handle.give(evidence).await;
    let outcome = match given.map_err(|_| Failure::stopping())?? {
        Recorded::New | Recorded::Extended => GivenOutcome::Kept,
        Recorded::Known => GivenOutcome::Known,
        Recorded::Full => GivenOutcome::Full,
    };
    Ok(Json(EvidenceGiven { id, outcome }))
}

/// `GET /v1/evidence/{id}`: the file.
pub(super) async fn file(
    State(api): State<Api>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let id: Hash = id
        .parse()
        .map_err(|error| Failure::malformed(format!("{id:?} is no evidence's name: {error}")))?;
    let path = api.ask(move |view: &View| {
        let subject = view.evidence.subject_of(&id);
        let seen = subject.filter(|subject| may_see(view, reader, subject));
        seen.map(|_| view.evidence.path(&id))
    });
    // Who may not see a file is not told that there is one.
    let none = || Failure::not_found(format!("this node keeps no evidence {id} for you"));
    let path = path.await?.ok_or_else(none)?;
    let bytes = folder::read_if_there(&path);
    let bytes = bytes.map_err(|error| Failure::internal("read the evidence", &error))?;
    let bytes = bytes.ok_or_else(none)?;
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, bytes).into_response())
}

/// Where evidence about this stands in the log.
fn recorded(view: &View, subject: &Subject) -> Option<EvidencePlace> {
    let row = view.ledger().state().convictions.recorded(subject)?;
    Some(EvidencePlace {
        leaf: row.leaf,
        at_ms: row.recorded_at,
        node: row.node,
        evidence: row.evidence,
    })
}

/// How much there is, for everybody: whom it is about is not said but of nodes.
pub(super) fn counts(view: &View) -> EvidenceCounts {
    let convictions = &view.ledger().state().convictions;
    let kept = view.evidence.list();
    let recorded = kept.filter(|(subject, _)| convictions.recorded(subject).is_some());
    EvidenceCounts {
        kept: view.evidence.len() as u64,
        kept_and_recorded: recorded.count() as u64,
        convicted_sequences: convictions.keys().len() as u64,
        convicted_nodes: convictions.nodes().iter().map(|(node, _)| *node).collect(),
        frozen_keys: convictions.frozen().len() as u64,
    }
}

fn may_see(view: &View, reader: Reader, subject: &Subject) -> bool {
    match (reader, subject) {
        (Reader::Office, _) | (Reader::Tenant(_), Subject::Heads { .. }) => true,
        (Reader::Tenant(own), Subject::Events { key, .. }) => {
            let record = view.ledger().state().registry.keys().get(key);
            let role = record.map(|record| record.role);
            matches!(role, Some(Role::Tenant(id) | Role::Delegate(id)) if id == own)
        }
    }
}
