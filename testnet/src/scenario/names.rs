//! Who and what a scenario's names stand for, and the park they live in.

use std::collections::BTreeMap;

use wattle_ledger::event::{Action, OrderId};
use wattle_ledger::genesis::{Genesis, GenesisBody};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{CarbonFactor, MeterId, MeterKind, ParticipantId, TariffId};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::Price;

use super::Wrong;
use super::words::{Unreadable, Verdict, Words};
use crate::keyring::{Keyring, Signer};
use crate::profile::PARK_UTC_OFFSET_MINUTES;
use crate::solo::{NODE, SoloPark};

/// 2026-07-01 00:00 in Shanghai.
const FIRST: DeliveryInterval = DeliveryInterval(1_980_928);
/// The park's one tariff.
pub(super) const TARIFF: TariffId = TariffId(1);
/// How long before its first interval a park begins.
const BEFORE_MS: u64 = 2 * 3_600_000;

/// What a park begins with.
#[derive(Debug, Clone, Copy)]
struct Settings {
    first: DeliveryInterval,
    terms: ParkTerms,
    retail: Price,
}

/// A meter that stands somewhere.
#[derive(Clone)]
pub(super) struct MeterOf {
    pub(super) id: MeterId,
    pub(super) key: SigningKey,
}

/// A tenant.
#[derive(Clone)]
pub(super) struct TenantOf {
    pub(super) id: ParticipantId,
    pub(super) key: SigningKey,
}

/// An order, and whose key placed it.
#[derive(Clone)]
pub(super) struct OrderOf {
    pub(super) id: OrderId,
    pub(super) key: SigningKey,
}

/// A park with names for what is in it.
pub(super) struct Stage {
    settings: Settings,
    pub(super) keyring: Keyring,
    park: Option<SoloPark>,
    /// The interval that is spoken of.
    pub(super) interval: DeliveryInterval,
    pub(super) tenants: BTreeMap<String, TenantOf>,
    /// Points with the names of their tenants.
    pub(super) points: BTreeMap<String, (PointId, String)>,
    pub(super) meters: BTreeMap<(String, MeterKind), MeterOf>,
    /// How many meters there are, and were.
    pub(super) meters_made: u32,
    pub(super) delegates: BTreeMap<String, SigningKey>,
    pub(super) orders: BTreeMap<String, OrderOf>,
    /// Outcomes and figures that were compared.
    pub(super) checks: usize,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            settings: Settings {
                first: FIRST,
                terms: ParkTerms {
                    feed_in: Price(400_000),
                    export: Price(300_000),
                    wheeling: Price(50_000),
                },
                retail: Price(800_000),
            },
            keyring: Keyring::from_seed([7; 32]),
            park: None,
            interval: FIRST,
            tenants: BTreeMap::new(),
            points: BTreeMap::new(),
            meters: BTreeMap::new(),
            meters_made: 0,
            delegates: BTreeMap::new(),
            orders: BTreeMap::new(),
            checks: 0,
        }
    }
}

impl Stage {
    /// `park [first T] [feed-in P] [export P] [wheeling P] [retail P]`, before all else.
    pub(super) fn settings(&mut self, words: &mut Words) -> Result<(), Wrong> {
        if self.park.is_some() {
            return Err("the park has begun; its prices stand first"
                .to_owned()
                .into());
        }
        while !words.is_empty() {
            let terms = &mut self.settings.terms;
            match words.word("a setting")?.as_str() {
                "first" => self.settings.first = words.interval(FIRST)?,
                "feed-in" => terms.feed_in = words.price("feed-in")?,
                "export" => terms.export = words.price("export")?,
                "wheeling" => terms.wheeling = words.price("wheeling")?,
                "retail" => self.settings.retail = words.price("retail")?,
                other => return Err(format!("{other:?} is no setting of a park").into()),
            }
        }
        self.interval = self.settings.first;
        self.park()?;
        Ok(())
    }

    /// The park, founded when it is first needed.
    pub(super) fn park(&mut self) -> Result<&mut SoloPark, Wrong> {
        if self.park.is_none() {
            let park = self.found().map_err(Wrong::Unreadable)?;
            self.park = Some(park);
        }
        Ok(self.park.as_mut().expect("it was just founded"))
    }

    pub(super) fn into_park(mut self) -> Result<SoloPark, Wrong> {
        self.park()?;
        Ok(self.park.expect("it was just founded"))
    }

    fn found(&self) -> Result<SoloPark, Unreadable> {
        let Settings {
            first,
            terms,
            retail,
        } = self.settings;
        let registrar = self.keyring.key(&Signer::Registrar);
        let body = GenesisBody {
            version: 0,
            name: "scenario".to_owned(),
            utc_offset_minutes: PARK_UTC_OFFSET_MINUTES,
            first_interval: first,
            registrar: registrar.public(),
            treasurer: self.keyring.key(&Signer::Treasurer).public(),
            regulator: self.keyring.key(&Signer::Regulator).public(),
            nodes: vec![self.keyring.node_record(NODE, BuildingId(1))],
            terms,
            tariffs: vec![(TARIFF, Tariff::uniform(retail))],
            factor: CarbonFactor {
                name: "of a scenario".to_owned(),
                year: 2022,
                milligrams_per_kwh: 420_000,
                source: "a scenario".to_owned(),
            },
        };
        let genesis = Genesis::sign(&body, &registrar).map_err(|error| error.to_string())?;
        let now = first.start().minus_millis(BEFORE_MS);
        Ok(SoloPark::found(self.keyring.clone(), &genesis, now))
    }

    pub(super) fn tenant(&self, name: &str) -> Result<TenantOf, Unreadable> {
        let known = self.tenants.get(name);
        known
            .cloned()
            .ok_or_else(|| format!("there is no tenant {name:?}"))
    }

    /// A point and its tenant.
    pub(super) fn point(&self, name: &str) -> Result<(PointId, TenantOf), Unreadable> {
        let known = self.points.get(name);
        let (point, owner) = known.ok_or_else(|| format!("there is no point {name:?}"))?;
        Ok((*point, self.tenant(owner)?))
    }

    pub(super) fn meter(&self, point: &str, kind: MeterKind) -> Result<MeterOf, Unreadable> {
        let known = self.meters.get(&(point.to_owned(), kind));
        known
            .cloned()
            .ok_or_else(|| format!("the point {point:?} has no such meter"))
    }

    pub(super) fn order(&self, name: &str) -> Result<OrderOf, Unreadable> {
        let known = self.orders.get(name);
        known
            .cloned()
            .ok_or_else(|| format!("there is no order {name:?}"))
    }

    pub(super) fn registrar(&self) -> SigningKey {
        self.keyring.key(&Signer::Registrar)
    }

    pub(super) fn treasurer(&self) -> SigningKey {
        self.keyring.key(&Signer::Treasurer)
    }

    /// The interval after `at`, where that is the next word, or the one that is spoken of.
    pub(super) fn at(&self, words: &mut Words) -> Result<DeliveryInterval, Unreadable> {
        if words.take("at") {
            words.interval(self.interval)
        } else {
            Ok(self.interval)
        }
    }

    /// Signs and commits an action, and compares its outcome.
    pub(super) fn act(
        &mut self,
        key: &SigningKey,
        action: Action,
        verdict: Verdict,
    ) -> Result<OrderId, Wrong> {
        self.checks += 1;
        let name = |code: u16| {
            let known = wattle_ledger::rejection::Rejection::ALL.iter();
            let mut known = known.filter(|known| known.code() == code);
            known.next().map_or("unknown", |known| known.name())
        };
        let expected = match verdict {
            Verdict::Accepted => "accepted".to_owned(),
            Verdict::Rejected(rejection) => format!("rejected {}", rejection.name()),
        };
        let submitted = self.park()?.submit(key, action);
        let (order, found) = match submitted {
            Err(rejection) => (None, format!("rejected {}", rejection.name())),
            Ok((order, codes)) => match codes.iter().find(|code| **code != 0) {
                Some(code) => (None, format!("rejected {}", name(*code))),
                None => (Some(order), "accepted".to_owned()),
            },
        };
        super::compare(expected, found)?;
        // A refused order has a name too: nothing can be said of it but that it does not exist.
        Ok(order.unwrap_or(OrderId {
            key: key.public(),
            sequence: 0,
            item: 0,
        }))
    }
}
