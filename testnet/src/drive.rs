//! The tenants and meters of a park, living through the script against real nodes.
//!
//! Each building has one thread, whose clients go to the building's own node first and to the
//! others when it does not answer. Everything is signed by its author's key and sent through the
//! client library; an event is resent unchanged until it has its outcome.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use wattle_client::author::Author;
use wattle_client::client::{Client, Outcome};
use wattle_ledger::event::{Action, SignedEvent};
use wattle_market::point::BuildingId;
use wattle_node::clock::wall_ms;

use crate::keyring::{Keyring, Signer};
use crate::park::{Park, client};
use crate::profile::ParkProfile;
use crate::script::{Script, Step};

/// How long an event may take to its outcome before the run fails.
const OUTCOME_MAX: Duration = Duration::from_secs(60);

/// How far the script has come, for whoever shows it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Events with an outcome.
    pub events: AtomicU64,
    /// Items that a rule refused.
    pub refused_items: AtomicU64,
    /// Set to end the threads early.
    pub stop: AtomicBool,
}

/// Authors of one thread by signer.
struct Authors<'a> {
    park: &'a Park,
    keyring: &'a Keyring,
    authors: BTreeMap<Signer, Author>,
}

impl<'a> Authors<'a> {
    fn new(park: &'a Park, keyring: &'a Keyring) -> Self {
        let authors = BTreeMap::new();
        Self {
            park,
            keyring,
            authors,
        }
    }

    fn sign(
        &mut self,
        client: &Client,
        signer: &Signer,
        action: Action,
    ) -> anyhow::Result<SignedEvent> {
        let park = self.park.genesis().park();
        if !self.authors.contains_key(signer) {
            let author = Author::fetch(client, park, self.keyring.key(signer))?;
            self.authors.insert(signer.clone(), author);
        }
        let author = self
            .authors
            .get_mut(signer)
            .context("the author was just added")?;
        Ok(author.sign(action, self.park.now()))
    }
}

/// Sends an event until it has its outcome.
fn submit(client: &Client, event: &SignedEvent, tally: &Tally) -> anyhow::Result<()> {
    let name = event.body().action.name();
    let outcome = client
        .submit(event, OUTCOME_MAX)
        .with_context(|| format!("{name} was not recorded"))?;
    let Outcome::Committed(outcome) = outcome else {
        bail!("{name} has no outcome after {} s", OUTCOME_MAX.as_secs());
    };
    let refused = outcome
        .items
        .iter()
        .filter(|item| !item.is_accepted())
        .count();
    tally.events.fetch_add(1, Ordering::Relaxed);
    tally
        .refused_items
        .fetch_add(refused as u64, Ordering::Relaxed);
    Ok(())
}

/// Enters everyone and everything before the first gate closes.
///
/// # Errors
/// If an event is not recorded, or a rule refuses it.
pub fn register(
    park: &Park,
    script: &Script<'_>,
    keyring: &Keyring,
    tally: &Tally,
) -> anyhow::Result<()> {
    let client = client(&park.urls_from(BuildingId(1)))?;
    let mut authors = Authors::new(park, keyring);
    for (signer, action) in script.registrations() {
        let name = action.name();
        let event = authors.sign(&client, &signer, action)?;
        submit(&client, &event, tally)?;
        if tally.refused_items.load(Ordering::Relaxed) > 0 {
            bail!("{name} was refused; the machine may be too slow for this --speed");
        }
    }
    Ok(())
}

/// Lives through the days; returns when the last reading has its outcome.
///
/// # Errors
/// The first failure of any thread.
pub fn live(
    park: &Park,
    profile: &ParkProfile,
    script: &Script<'_>,
    keyring: &Keyring,
    tally: &Tally,
) -> anyhow::Result<()> {
    let mut by_building: BTreeMap<BuildingId, Vec<Step>> = BTreeMap::new();
    for step in script.days() {
        let building = building_of(profile, &step.signer);
        by_building.entry(building).or_default().push(step);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = by_building
            .into_iter()
            .map(|(building, steps)| {
                scope.spawn(move || {
                    let lived = live_in(park, building, steps, keyring, tally);
                    if lived.is_err() {
                        tally.stop.store(true, Ordering::Relaxed);
                    }
                    lived
                })
            })
            .collect();
        let mut results = threads.into_iter().map(|thread| thread.join());
        results.try_for_each(|result| result.expect("a driver thread does not panic"))
    })
}

fn live_in(
    park: &Park,
    building: BuildingId,
    steps: Vec<Step>,
    keyring: &Keyring,
    tally: &Tally,
) -> anyhow::Result<()> {
    let client = client(&park.urls_from(building))?;
    let mut authors = Authors::new(park, keyring);
    for step in steps {
        wait_until(park, step.at.0, tally);
        if tally.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let event = authors.sign(&client, &step.signer, step.action)?;
        submit(&client, &event, tally)?;
    }
    Ok(())
}

/// Sleeps until the park's clock shows a time, or the run is over.
pub fn wait_until(park: &Park, time_ms: u64, tally: &Tally) {
    while !tally.stop.load(Ordering::Relaxed) {
        let clock = park.clock();
        let now = clock.park_time(wall_ms()).0;
        if now >= time_ms {
            return;
        }
        let left = (time_ms - now) / u64::from(clock.speed.max(1));
        std::thread::sleep(Duration::from_millis(left.clamp(1, 100)));
    }
}

/// Where a signer is; people without a meter or a point go to the first building's node.
fn building_of(profile: &ParkProfile, signer: &Signer) -> BuildingId {
    let found = match signer {
        Signer::Meter(place) => profile.meters.get(*place).map(|meter| meter.building),
        Signer::Tenant(place) => profile.participants.get(*place).and_then(|participant| {
            let mut points = profile.points.iter();
            let own = points.find(|point| point.participant == participant.name);
            own.map(|point| point.building)
        }),
        Signer::Registrar | Signer::Treasurer | Signer::Regulator => None,
    };
    found.unwrap_or(BuildingId(1))
}
