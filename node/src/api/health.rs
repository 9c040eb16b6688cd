//! Whether the node lives, whether it is of use, and its figures.

use super::Api;
use super::evidence;
use super::extent::{extent, sealing};
use super::failure::Failure;
use super::query::Parameters;
use crate::event_loop::View;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;
use std::fs;

/// Below this much free space the node counts as not ready, before writes fail.
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// How far the log's time may be ahead of the node's clock, in milliseconds of real time.
const CLOCK_BEHIND_MAX_MS: u64 = 2_000;

/// `GET /livez`: the process answers, and its loop does.
pub(super) async fn livez(State(api): State<Api>) -> Result<&'static str, Failure> {
    api.ask(|_| ()).await?;
    Ok("ok\n")
}

/// `GET /readyz?verbose`: whether the node can take and answer requests.
pub(super) async fn readyz(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let verbose = Parameters::parse(query.as_deref(), &["verbose"])?.has("verbose");
    let free = free_bytes(&api);
    let speed = u64::from(api.clock_speed);
    let mut checks = api.ask(move |view| checks(view, speed)).await?;
    checks.push(match free {
        Some(free) if free < FREE_BYTES_MIN => ("disk", Err(format!("{free} bytes free"))),
        Some(_) => ("disk", Ok(())),
        None => ("disk", Err("the free space cannot be read".to_owned())),
    });
    let ready = checks.iter().all(|(_, result)| result.is_ok());
    let mut text = String::new();
    for (name, result) in &checks {
        match result {
            Ok(()) if verbose => writeln!(text, "[+] {name}: ok"),
            Ok(()) => Ok(()),
            Err(reason) => writeln!(text, "[-] {name}: {reason}"),
        }
        .expect("writing to a String cannot fail");
    }
    text.push_str(if ready { "ready\n" } else { "not ready\n" });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, text).into_response())
}

type Check = (&'static str, Result<(), String>);

fn checks(view: &View, speed: u64) -> Vec<Check> {
    let replica = view.replica;
    let leader = replica.leader().map(|_| ());
    let lag = replica
        .commit_index()
        .saturating_sub(replica.applied_index());
    let ahead = view
        .ledger()
        .state()
        .clock()
        .time
        .0
        .saturating_sub(view.now.0)
        / speed.max(1);
    let behind = replica.catches_up_to().map(|size| {
        let own = view.history.size();
        format!("it has {own} of {size} leaves and catches up")
    });
    let within = |good: bool, reason: String| if good { Ok(()) } else { Err(reason) };
    vec![
        (
            "leader",
            leader.ok_or_else(|| "no leader is known".to_owned()),
        ),
        (
            "applied",
            within(lag == 0, format!("{lag} committed entries are not applied")),
        ),
        ("history", behind.map_or(Ok(()), Err)),
        (
            "replica",
            within(replica.is_ready(), "it is not ready".to_owned()),
        ),
        (
            "clock",
            within(
                ahead <= CLOCK_BEHIND_MAX_MS,
                format!("the log's time is {ahead} ms of real time ahead of this node's clock"),
            ),
        ),
    ]
}

/// `GET /metrics`: Prometheus text format.
pub(super) async fn metrics(State(api): State<Api>) -> Result<Response, Failure> {
    let mut figures = api.ask(figures).await?;
    figures.push((
        "wattle_peers_connected",
        "gauge",
        api.network.connected().len() as u64,
    ));
    figures.push((
        "wattle_peer_messages_dropped_total",
        "counter",
        api.network.dropped(),
    ));
    figures.push(("wattle_window_bytes_max", "gauge", api.window_bytes_max));
    let witnessed = api.witnesses.status().into_iter();
    let witnessed = witnessed.filter_map(|asked| asked.size).max();
    figures.push((
        "wattle_log_witnessed_leaves",
        "gauge",
        witnessed.unwrap_or(0),
    ));
    figures.push((
        "wattle_history_checked_bundles_total",
        "counter",
        api.scrub.checked(),
    ));
    figures.push(("wattle_history_damaged_files", "gauge", api.scrub.damaged()));
    if let Some(free) = free_bytes(&api) {
        figures.push(("wattle_disk_free_bytes", "gauge", free));
    }
    if let Some(resident) = resident_bytes() {
        figures.push(("process_resident_memory_bytes", "gauge", resident));
    }
    let mut text = String::new();
    for (name, kind, value) in figures {
        writeln!(text, "# TYPE {name} {kind}\n{name} {value}")
            .expect("writing to a String cannot fail");
    }
    let version = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((version, text).into_response())
}

type Figure = (&'static str, &'static str, u64);

fn figures(view: &View) -> Vec<Figure> {
    let replica = view.replica;
    let counters = view.counters;
    let leads = replica.leader() == Some(replica.node());
    let sealed = extent(view).sealed;
    let sealing = sealing(view);
    let waiting = sealing
        .waiting_since_ms
        .map_or(0, |since| view.now.0.saturating_sub(since.0));
    let snapshot = replica.snapshot();
    vec![
        ("wattle_raft_term", "gauge", replica.term()),
        ("wattle_raft_commit_index", "gauge", replica.commit_index()),
        (
            "wattle_raft_applied_index",
            "gauge",
            replica.applied_index(),
        ),
        ("wattle_raft_is_leader", "gauge", u64::from(leads)),
        (
            "wattle_raft_has_leader",
            "gauge",
            u64::from(replica.leader().is_some()),
        ),
        ("wattle_window_bytes", "gauge", replica.window_bytes()),
        (
            "wattle_raft_compacted_index",
            "gauge",
            replica.log_start().index,
        ),
        (
            "wattle_snapshot_index",
            "gauge",
            snapshot.map_or(0, |head| head.entry.index),
        ),
        (
            "wattle_snapshot_leaves",
            "gauge",
            snapshot.map_or(0, |head| head.size),
        ),
        (
            "wattle_snapshot_bytes",
            "gauge",
            view.snapshots.last().map_or(0, |written| written.bytes),
        ),
        (
            "wattle_snapshots_written_total",
            "counter",
            view.snapshots.count(),
        ),
        (
            "wattle_catching_up_leaves",
            "gauge",
            replica
                .catches_up_to()
                .map_or(0, |size| size.saturating_sub(view.history.size())),
        ),
        ("wattle_log_leaves", "gauge", view.history.size()),
        ("wattle_log_sealed_leaves", "gauge", sealed),
        ("wattle_log_unsealed_leaves", "gauge", sealing.unsealed),
        (
            "wattle_seal_cosigners",
            "gauge",
            sealing.cosigners.len() as u64,
        ),
        (
            "wattle_seal_cosigners_needed",
            "gauge",
            sealing.needed as u64,
        ),
        ("wattle_seal_waiting_ms", "gauge", waiting),
        ("wattle_park_time_ms", "gauge", view.now.0),
        (
            "wattle_events_promised",
            "gauge",
            replica.pending_len() as u64,
        ),
        ("wattle_events_queued", "gauge", replica.queue_len() as u64),
        ("wattle_clients_waiting", "gauge", counters.waiting),
        ("wattle_submissions_total", "counter", counters.submissions),
        ("wattle_replies_total", "counter", counters.replies),
        ("wattle_peer_messages_sent_total", "counter", counters.sent),
        ("wattle_alarms_total", "counter", counters.alarms),
        ("wattle_evidence", "gauge", view.evidence.len() as u64),
        (
            "wattle_evidence_recorded",
            "gauge",
            evidence::counts(view).kept_and_recorded,
        ),
        ("wattle_evidence_kept_total", "counter", counters.evidence),
        ("wattle_disk_syncs_total", "counter", counters.syncs),
    ]
}

fn free_bytes(api: &Api) -> Option<u64> {
    let space = rustix::fs::statvfs(&api.data_dir).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Linux: the line `VmRSS:  N kB`.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
