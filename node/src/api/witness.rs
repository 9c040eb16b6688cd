//! What witnesses have said of this log, and what the park has recorded of others.

use super::Api;
use super::extent::extent;
use super::failure::Failure;
use super::log::TEXT;
use crate::event_loop::View;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use wattle_client::api::{
    AskedWitness, FollowedLog, FollowedLogs, RecordedCheckpoint, RecordedContradiction,
};

/// `GET /v1/witnesses`: who is asked to cosign, and what came of it.
pub(super) async fn witnesses(State(api): State<Api>) -> Json<Vec<AskedWitness>> {
    Json(api.witnesses.status())
}

/// `GET /checkpoint/witnessed`: the last checkpoint with its quorum that a witness has cosigned
/// too, with his lines at its end. `GET /checkpoint` never has them: an export's checkpoint has
/// lines of keys that its reader's policy knows, and only some policies name witnesses.
pub(super) async fn checkpoint(State(api): State<Api>) -> Result<Response, Failure> {
    match api.witnesses.note() {
        Some(note) => Ok((TEXT, note).into_response()),
        None => Err(Failure::not_found(
            "no witness has cosigned a checkpoint for this node; look at /v1/witnesses",
        )),
    }
}

/// `GET /v1/logs`: logs that the park follows.
pub(super) async fn logs(State(api): State<Api>) -> Result<Json<FollowedLogs>, Failure> {
    Ok(Json(api.ask(followed).await?))
}

fn followed(view: &View) -> FollowedLogs {
    let foreign = &view.ledger().state().foreign;
    let log = |(origin, policy): (&String, &String)| FollowedLog {
        origin: origin.clone(),
        policy: policy.clone(),
        latest: foreign.latest().get(origin).map(|row| RecordedCheckpoint {
            size: row.size,
            root: row.root,
            cosigned_at: row.cosigned_at,
            recorded_at_ms: row.recorded_at,
            leaf: row.leaf,
            node: row.node,
        }),
        contradiction: foreign
            .contradictions()
            .get(origin)
            .map(|row| RecordedContradiction {
                size: row.size,
                root: row.root,
                leaf: row.leaf,
                other_root: row.other_root,
                other_leaf: row.other_leaf,
            }),
    };
    FollowedLogs {
        logs: foreign.policies().iter().map(log).collect(),
        log: extent(view),
    }
}
