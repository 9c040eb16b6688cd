//! How many signed events a second a park commits: clients in closed loops against real nodes.
//!
//! Each client has a key of its own and sends its next event when it has the outcome of the one
//! before, through the HTTP API of one node (clients are spread over the nodes). An outcome means
//! that a quorum of nodes has the event on disk and this node has applied it. All processes share
//! one machine and one disk, so the figures are those of a machine and not of a network.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use wattle_client::author::Author;
use wattle_client::client::{Client, Outcome};
use wattle_ledger::event::Action;
use wattle_ledger::hash::sha256;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::Role;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::Price;

use crate::datasets;
use crate::drive::{self, Tally};
use crate::keyring::{Keyring, Signer};
use crate::park::{Park, ParkSettings, client};
use crate::replay::ParkPrices;
use crate::script::{Script, participant_id};

/// What is measured.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// The program that runs a node.
    pub program: std::path::PathBuf,
    /// Nodes, each a process.
    pub nodes: u64,
    /// Clients, each a thread with a key.
    pub clients: usize,
    /// How long they send.
    pub duration: Duration,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoadFigures {
    /// Nodes.
    pub nodes: u64,
    /// Clients.
    pub clients: usize,
    /// Events with an outcome.
    pub events: u64,
    /// Events with an outcome in a second.
    pub events_per_second: u64,
    /// Half of the outcomes came within so many microseconds.
    pub p50_us: u64,
    /// 99 of 100 came within so many microseconds.
    pub p99_us: u64,
    /// Bytes of an event, body and signature.
    pub event_bytes: usize,
    /// Most memory that a node had, in kilobytes.
    pub peak_memory_kb: u64,
}

/// Starts a park below a folder, lets the clients send, and stops it.
///
/// # Errors
/// If the park does not come up or an event is refused.
pub fn load(folder: &Path, settings: &LoadSettings) -> anyhow::Result<LoadFigures> {
    let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1)?;
    let prices = ParkPrices::bundled();
    let keyring = Keyring::from_seed([0; 32]);
    let script = Script::new(&profile, &prices, &keyring);
    let park_settings = ParkSettings {
        program: settings.program.clone(),
        nodes: settings.nodes,
        speed: 1,
        head_start: Duration::from_secs(3_600),
    };
    let first_gate = profile.first_interval.gate_closure();
    let park = Park::found(folder, &script, first_gate, &park_settings)?;
    park.start()?;
    drive::register(&park, &script, &keyring, &Tally::default())?;
    let keys = register_clients(
        &park,
        &keyring,
        settings.clients,
        profile.participants.len(),
    )?;
    let over = AtomicBool::new(false);
    let started = Instant::now();
    let results: Vec<anyhow::Result<(Vec<u64>, usize)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = keys
            .into_iter()
            .enumerate()
            .map(|(place, (key, point))| {
                let (park, over) = (&park, &over);
                scope.spawn(move || send(park, place, key, point, over))
            })
            .collect();
        std::thread::sleep(settings.duration);
        over.store(true, Ordering::Relaxed);
        let results = threads.into_iter().map(|thread| thread.join());
        results
            .map(|result| result.expect("a client thread does not panic"))
            .collect()
    });
    let elapsed = started.elapsed();
    let mut latencies = Vec::new();
    let mut event_bytes = 0;
    for result in results {
        let (of_client, bytes) = result?;
        latencies.extend(of_client);
        event_bytes = bytes;
    }
    let memory = park
        .nodes()
        .iter()
        .filter_map(|node| node.peak_memory_kb())
        .max();
    park.stop()?;
    figures(
        settings,
        latencies,
        elapsed,
        event_bytes,
        memory.unwrap_or(0),
    )
}

/// A key for each client, with a point of its tenant.
fn register_clients(
    park: &Park,
    keyring: &Keyring,
    clients: usize,
    tenants: usize,
) -> anyhow::Result<Vec<(SigningKey, PointId)>> {
    let client = client(&park.urls_from(BuildingId(1)))?;
    let park_id = park.genesis().park();
    let mut registrar = Author::fetch(&client, park_id, keyring.key(&Signer::Registrar))?;
    let mut keys = Vec::new();
    for place in 0..clients {
        let seed = sha256(&[b"load client", &place.to_le_bytes()]).0;
        let key = SigningKey::from_seed(&seed);
        let role = Role::Tenant(participant_id(place % tenants));
        let action = Action::AddKey {
            key: key.public(),
            role,
        };
        let event = registrar.sign(action, park.now());
        commit(&client, &event)?;
        // The bundled park has one point for each tenant, with the same number.
        keys.push((key, PointId(participant_id(place % tenants).0)));
    }
    Ok(keys)
}

fn commit(client: &Client, event: &wattle_ledger::event::SignedEvent) -> anyhow::Result<()> {
    match client.submit(event, Duration::from_secs(30))? {
        Outcome::Committed(outcome) => match outcome.first_refusal() {
            Some((_, item)) => bail!("{}: {}", item.name, item.sentence),
            None => Ok(()),
        },
        Outcome::Pending(_) => bail!("an event has no outcome after 30 s"),
    }
}

/// One client's closed loop; gives microseconds for each event.
fn send(
    park: &Park,
    place: usize,
    key: SigningKey,
    point: PointId,
    over: &AtomicBool,
) -> anyhow::Result<(Vec<u64>, usize)> {
    let building = BuildingId(u16::try_from(place % park.nodes().len())? + 1);
    let client = client(&park.urls_from(building))?;
    let mut author = Author::new(park.genesis().park(), key, 1);
    let mut latencies = Vec::new();
    let mut bytes = 0;
    while !over.load(Ordering::Relaxed) {
        let action = Action::SetStandingInstruction {
            point,
            enrolled: true,
            ask_limit: Price(i64::try_from(latencies.len())?),
            bid_limit: None,
        };
        let event = author.sign(action, park.now());
        bytes = event.bytes().len();
        let sent = Instant::now();
        commit(&client, &event)?;
        latencies.push(u64::try_from(sent.elapsed().as_micros())?);
    }
    Ok((latencies, bytes))
}

fn figures(
    settings: &LoadSettings,
    mut latencies: Vec<u64>,
    elapsed: Duration,
    event_bytes: usize,
    peak_memory_kb: u64,
) -> anyhow::Result<LoadFigures> {
    latencies.sort_unstable();
    let events = latencies.len() as u64;
    let quantile = |hundredths: usize| latencies.get(latencies.len() * hundredths / 100).copied();
    let elapsed_us = u64::try_from(elapsed.as_micros())?.max(1);
    Ok(LoadFigures {
        nodes: settings.nodes,
        clients: settings.clients,
        events,
        events_per_second: events * 1_000_000 / elapsed_us,
        p50_us: quantile(50).context("no event was committed")?,
        p99_us: quantile(99).context("no event was committed")?,
        event_bytes,
        peak_memory_kb,
    })
}
