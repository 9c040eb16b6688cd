//! The park and its node: status, genesis, registry, keys.

use super::Api;
use super::evidence;
use super::extent::{extent, sealing};
use super::failure::Failure;
use crate::event_loop::View;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use wattle_client::api::{
    KeyStatus, RegisteredMonthTerms, RegisteredNode, RegisteredPoint, RegisteredTariff, Registry,
    Role, Sealed, SnapshotStatus, Status,
};
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::{MeterId, Point, TariffId};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_replica::replica::Role as RaftRole;

/// `GET /v1/status`.
pub(super) async fn status(State(api): State<Api>) -> Result<Json<Status>, Failure> {
    let shared = api.clone();
    Ok(Json(api.ask(move |view| status_of(&shared, view)).await?))
}

fn status_of(api: &Api, view: &View) -> Status {
    let replica = view.replica;
    let clock = view.ledger().state().clock();
    let membership = view.ledger().members().membership();
    Status {
        park: api.genesis.park(),
        name: api.genesis.body().name.clone(),
        origin: api.genesis.origin(),
        node: api.node,
        role: role(replica.role()),
        leader: replica.leader(),
        term: replica.term(),
        commit: replica.commit_index(),
        applied: replica.applied_index(),
        park_time_ms: view.now,
        clock_speed: api.clock_speed,
        log_time_ms: clock.time,
        utc_offset_minutes: api.genesis.body().utc_offset_minutes,
        next_gate: clock.next_gate,
        next_settlement: clock.next_settlement,
        tree_size: view.ledger().size(),
        root: view.ledger().root(),
        state_root: view.index.state_root(),
        sealed: sealed(view),
        sealing: sealing(view),
        voters: membership.voters,
        learners: membership.learners,
        window_bytes: replica.window_bytes(),
        window_bytes_max: api.window_bytes_max,
        snapshot: snapshot(view),
        compacted: replica.log_start().index,
        catches_up_to: replica.catches_up_to(),
        evidence: evidence::counts(view),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn snapshot(view: &View) -> Option<SnapshotStatus> {
    let head = view.replica.snapshot()?;
    let written = view.snapshots.last();
    Some(SnapshotStatus {
        index: head.entry.index,
        size: head.size,
        time_ms: head.time,
        bytes: written.map_or(0, |written| written.bytes),
    })
}

pub(super) fn role(role: RaftRole) -> Role {
    match role {
        RaftRole::Leader => Role::Leader,
        RaftRole::Follower => Role::Follower,
        RaftRole::PreCandidate | RaftRole::Candidate => Role::Candidate,
    }
}

fn sealed(view: &View) -> Option<Sealed> {
    let sealed = view.replica.sealed()?;
    let size = sealed.checkpoint.size();
    let signatures = view.replica.cosignatures(size);
    let times = signatures
        .into_iter()
        .flatten()
        .map(|(_, signed)| signed.cosignature.time);
    Some(Sealed {
        size,
        root: *sealed.checkpoint.root(),
        cosigners: sealed.cosigners.clone(),
        time_ms: Timestamp(times.max().unwrap_or_default().saturating_mul(1_000)),
    })
}

/// `GET /v1/genesis`: the signed bytes.
pub(super) async fn genesis(State(api): State<Api>) -> Response {
    let bytes = api.genesis.signed().to_vec();
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

/// `GET /v1/keys/{key}`: a key that signs events.
pub(super) async fn key(
    State(api): State<Api>,
    Path(key): Path<String>,
) -> Result<Json<KeyStatus>, Failure> {
    let key: PublicKey = key
        .parse()
        .map_err(|error| Failure::malformed(format!("{key:?} is not a public key: {error}")))?;
    let found = api.ask(move |view| {
        let state = view.ledger().state();
        let record = state.registry.keys().get(&key).cloned();
        record.map(|record| (record, state.is_frozen(&key), extent(view)))
    });
    let (record, frozen, log) = found.await?.ok_or_else(|| {
        Failure::not_found(format!(
            "the key {key} is not registered; ask the registrar to add it"
        ))
    })?;
    Ok(Json(KeyStatus {
        key,
        role: record.role,
        next_sequence: record.sequence + 1,
        added: record.added,
        revoked: record.revoked,
        frozen,
        log,
    }))
}

/// `GET /v1/registry`.
pub(super) async fn registry(State(api): State<Api>) -> Result<Json<Registry>, Failure> {
    let shared = api.clone();
    Ok(Json(api.ask(move |view| registry_of(&shared, view)).await?))
}

fn registry_of(api: &Api, view: &View) -> Registry {
    let state = view.ledger().state();
    let registry = &state.registry;
    let gate = state.clock().next_gate;
    let point = |point: &Point| {
        let instruction = registry
            .instructions()
            .get(&point.id)
            .copied()
            .unwrap_or_default();
        RegisteredPoint {
            point: point.clone(),
            enrolled: instruction.enrolled,
            ask_limit: instruction.ask_limit,
            bid_limit: instruction.bid_limit,
            retail: registry.point_terms(point, gate).map(|terms| terms.retail),
        }
    };
    let tariff = |id: TariffId, from: DeliveryInterval| RegisteredTariff {
        id,
        from,
        price: registry
            .retail_at(id, gate.max(from))
            .expect("a tariff is in force at its own first interval"),
    };
    Registry {
        park: api.genesis.park(),
        participants: registry
            .participants()
            .iter()
            .map(|(_, row)| row.clone())
            .collect(),
        points: registry
            .points()
            .iter()
            .map(|(_, row)| point(row))
            .collect(),
        meters: registry
            .meters()
            .iter()
            .map(|(_id, row): (&MeterId, _)| row.clone())
            .collect(),
        boundary: registry.boundary().iter().cloned().collect(),
        month_terms: state
            .months
            .terms()
            .map(|(from, terms)| RegisteredMonthTerms {
                from: *from,
                terms: *terms,
            })
            .collect(),
        month_close_from: state.months.from(),
        nodes: nodes(view),
        tariffs: registry
            .tariffs()
            .iter()
            .map(|((id, from), _)| tariff(*id, *from))
            .collect(),
        terms: registry.terms_at(gate),
        factor: registry.factor_at(gate).clone(),
        log: extent(view),
    }
}

/// All nodes that the park ever had.
fn nodes(view: &View) -> Vec<RegisteredNode> {
    let members = view.ledger().members();
    let membership = members.membership();
    let node = |record: &NodeRecord| RegisteredNode {
        standing: membership.standing(record.id),
        wanted: members.wanted(record.id),
        ..RegisteredNode::of(record)
    };
    members.records().map(node).collect()
}
