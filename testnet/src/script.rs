//! Who signs what, and when: a park's days as a list of steps in park time.
//!
//! * Before the first gate the registrar enters everyone and everything, the treasurer books each
//!   tenant's opening deposit, and each tenant enrols his points in the surplus pool.
//! * An hour before each hour of delivery every tenant places that hour's orders, by his strategy
//!   and yesterday's readings ([`crate::strategy`]).
//! * After each half hour every meter signs its two registers. A register starts at zero; where
//!   the profile has no value it stands still and is not signed, so that no energy is invented:
//!   the ledger shares what the meter shows after a gap over the gap's intervals.
//!
//! [`Lists`] can be longer: then less is signed, and orders come earlier and know less.

use std::collections::BTreeMap;

use wattle_ledger::event::{Action, OrderItem, Reading};
use wattle_ledger::genesis::{Genesis, GenesisBody, GenesisError, NodeRecord};
use wattle_ledger::limits::TREASURY_AMOUNT_MAX;
use wattle_ledger::registration::{
    CarbonFactor, Meter, MeterId, MeterKind as Register, Metering, Participant, ParticipantId,
    Point, Role, TariffId,
};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::units::{Money, Price, WattHours};

use crate::keyring::{Keyring, Signer};
use crate::profile::{MeterKind, MeterProfile, PARK_UTC_OFFSET_MINUTES, ParkProfile, PointProfile};
use crate::replay::ParkPrices;
use crate::report::CARBON_FACTOR;
use crate::strategy::{self, Knowledge};

/// The one tariff of a testnet's park.
const TARIFF: TariffId = TariffId(1);
/// What each tenant deposits before the first gate for each two weeks: an assumption, 200,000 yuan.
pub const OPENING_DEPOSIT: Money = Money(200_000 * Money::YUAN.0);
/// One opening deposit is for so many days.
const DEPOSIT_DAYS: u64 = 14;
/// A minute of park time: how long after an interval's end its readings come.
const MINUTE_MS: u64 = 60_000;

/// How many items stand under one signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lists {
    /// Intervals whose orders are placed together, and as long before the first of them as they
    /// last.
    pub orders: u64,
    /// Intervals whose readings are signed together.
    pub readings: u64,
}

impl Default for Lists {
    /// An hour's orders and half an hour's readings.
    fn default() -> Self {
        Self {
            orders: DeliveryInterval::PER_HOUR,
            readings: 2,
        }
    }
}

impl Lists {
    /// How many days before an interval lie the last readings that its orders can know of.
    fn days_known_before(self) -> u64 {
        // The first of them is placed as long before delivery as the list lasts, the last twice so.
        (2 * self.orders).div_ceil(DeliveryInterval::PER_DAY).max(1)
    }
}

/// One signed action.
#[derive(Debug, Clone)]
pub struct Step {
    /// When it is signed and sent, in park time.
    pub at: Timestamp,
    /// Who signs.
    pub signer: Signer,
    /// What is signed.
    pub action: Action,
}

/// A park's people with their keys, and the physical world they live in.
pub struct Script<'a> {
    profile: &'a ParkProfile,
    prices: &'a ParkPrices,
    keyring: &'a Keyring,
    lists: Lists,
}

impl<'a> Script<'a> {
    /// The script of a profile.
    #[must_use]
    pub fn new(profile: &'a ParkProfile, prices: &'a ParkPrices, keyring: &'a Keyring) -> Self {
        Self {
            profile,
            prices,
            keyring,
            lists: Lists::default(),
        }
    }

    /// The script with other lists.
    #[must_use]
    pub fn with_lists(self, lists: Lists) -> Self {
        Self { lists, ..self }
    }

    /// The park's genesis with these nodes.
    ///
    /// # Errors
    /// If the profile makes no park, such as one with prices out of bounds.
    pub fn genesis(&self, nodes: Vec<NodeRecord>) -> Result<Genesis, GenesisError> {
        let registrar = self.keyring.key(&Signer::Registrar);
        let body = GenesisBody {
            version: 0,
            name: "testnet".to_owned(),
            utc_offset_minutes: PARK_UTC_OFFSET_MINUTES,
            first_interval: self.profile.first_interval,
            registrar: registrar.public(),
            treasurer: self.keyring.key(&Signer::Treasurer).public(),
            regulator: self.keyring.key(&Signer::Regulator).public(),
            nodes,
            terms: self.prices.terms,
            tariffs: vec![(TARIFF, self.prices.tariff.clone())],
            factor: carbon_factor(),
        };
        Genesis::sign(&body, &registrar)
    }

    /// What is entered before the first gate closes, in order.
    #[must_use]
    pub fn registrations(&self) -> Vec<(Signer, Action)> {
        let mut steps = Vec::new();
        for (place, participant) in self.profile.participants.iter().enumerate() {
            let id = participant_id(place);
            let name = participant.name.clone();
            let entry = Action::RegisterParticipant(Participant { id, name });
            steps.push((Signer::Registrar, entry));
            let key = self.keyring.key(&Signer::Tenant(place)).public();
            let role = Role::Tenant(id);
            steps.push((Signer::Registrar, Action::AddKey { key, role }));
        }
        let points = self.profile.points.iter();
        steps.extend(points.map(|point| {
            let entry = Action::RegisterPoint(self.point(point));
            (Signer::Registrar, entry)
        }));
        for (place, meter) in self.profile.meters.iter().enumerate() {
            let entry = Action::RegisterMeter(self.meter(place, meter));
            steps.push((Signer::Registrar, entry));
        }
        for place in 0..self.profile.participants.len() {
            let deposit = Action::Deposit {
                participant: participant_id(place),
                amount: self.deposit(),
                reference: "opening deposit".to_owned(),
            };
            steps.push((Signer::Treasurer, deposit));
        }
        for point in &self.profile.points {
            let enrol = Action::SetStandingInstruction {
                point: point.point,
                enrolled: true,
                ask_limit: Price::ZERO,
                bid_limit: None,
            };
            steps.push((Signer::Tenant(self.tenant_of(point)), enrol));
        }
        steps
    }

    /// Orders and readings of all days, in the order of their times.
    #[must_use]
    pub fn days(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let intervals: Vec<DeliveryInterval> = self.profile.settled_intervals().collect();
        let orders_together = self.lists.orders as usize;
        let readings_together = self.lists.readings as usize;
        for together in intervals.chunks(orders_together) {
            let before = self.lists.orders * DeliveryInterval::LENGTH_MS - MINUTE_MS;
            let at = together[0].start().minus_millis(before);
            for place in 0..self.profile.participants.len() {
                let orders = self.orders(place, together);
                if !orders.is_empty() {
                    let signer = Signer::Tenant(place);
                    let action = Action::PlaceOrders(orders);
                    steps.push(Step { at, signer, action });
                }
            }
        }
        for (place, meter) in self.profile.meters.iter().enumerate() {
            let registers = registers(meter, &intervals);
            for together in intervals.chunks(readings_together) {
                let readings: Vec<Reading> = together
                    .iter()
                    .filter_map(|interval| {
                        let register = *registers.get(interval)?;
                        let interval = *interval;
                        Some(Reading { interval, register })
                    })
                    .collect();
                if let (Some(last), false) = (together.last(), readings.is_empty()) {
                    let at = last.end().plus_millis(MINUTE_MS);
                    let signer = Signer::Meter(place);
                    let action = Action::SubmitReadings(readings);
                    steps.push(Step { at, signer, action });
                }
            }
        }
        steps.sort_by_key(|step| step.at);
        steps
    }

    /// When everything is settled: an hour after the last interval, and a minute.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let last = self.profile.first_interval.plus(self.profile.intervals - 1);
        last.settlement_due().plus_millis(MINUTE_MS)
    }

    fn orders(&self, tenant: usize, intervals: &[DeliveryInterval]) -> Vec<OrderItem> {
        let name = &self.profile.participants[tenant].name;
        let points = self.profile.points.iter();
        let own: Vec<&PointProfile> = points.filter(|point| point.participant == *name).collect();
        let mut orders = Vec::new();
        for interval in intervals {
            for point in &own {
                let public = self.prices.public(*interval);
                let days = self.lists.days_known_before();
                let knowledge =
                    Knowledge::days_before(days, self.profile, point, *interval, public);
                let Some(planned) = strategy::order(point, &knowledge) else {
                    continue;
                };
                orders.push(OrderItem {
                    point: point.point,
                    interval: *interval,
                    side: planned.side,
                    quantity: planned.quantity,
                    limit: planned.limit,
                });
            }
        }
        orders
    }

    fn deposit(&self) -> Money {
        let days = self.profile.days().div_ceil(DEPOSIT_DAYS).max(1);
        let deposits = i64::try_from(days).expect("a profile has at most a few years");
        Money((OPENING_DEPOSIT.0 * deposits).min(TREASURY_AMOUNT_MAX))
    }

    /// The place of a point's tenant in the list of participants.
    fn tenant_of(&self, point: &PointProfile) -> usize {
        let named = |name: &str| {
            self.profile
                .participants
                .iter()
                .position(|p| p.name == name)
        };
        named(&point.participant).expect("a point's participant is listed")
    }

    fn point(&self, point: &PointProfile) -> Point {
        let rated = &point.rated;
        Point {
            id: point.point,
            participant: participant_id(self.tenant_of(point)),
            building: point.building,
            tariff: TARIFF,
            generation_w: rated.pv_watts.saturating_add(rated.discharge_watts),
            connection_w: rated.load_watts.saturating_add(rated.charge_watts).max(1),
            metering: Metering::LoadMeter,
            from: self.profile.first_interval,
        }
    }

    fn meter(&self, place: usize, meter: &MeterProfile) -> Meter {
        let points = &self.profile.points;
        let point = points.iter().find(|point| point.point == meter.point);
        let rated = point
            .expect("a meter's point is listed")
            .rated
            .of(meter.meter);
        Meter {
            id: meter_id(place),
            point: meter.point,
            kind: register(meter.meter),
            key: self.keyring.key(&Signer::Meter(place)).public(),
            from: self.profile.first_interval,
            register: WattHours::ZERO,
            rated_w: rated.max(1),
        }
    }
}

/// The id of the participant at a place in the list.
#[must_use]
pub fn participant_id(place: usize) -> ParticipantId {
    ParticipantId(u32::try_from(place + 1).expect("a profile has at most a few hundred tenants"))
}

fn meter_id(place: usize) -> MeterId {
    MeterId(u32::try_from(place + 1).expect("a profile has at most a few hundred meters"))
}

fn register(meter: MeterKind) -> Register {
    match meter {
        MeterKind::Load => Register::Load,
        MeterKind::Pv => Register::Generation,
        MeterKind::Charge => Register::Charge,
        MeterKind::Discharge => Register::Discharge,
    }
}

/// The cumulative register at the end of each interval that has a value.
fn registers(
    meter: &MeterProfile,
    intervals: &[DeliveryInterval],
) -> BTreeMap<DeliveryInterval, WattHours> {
    let mut register = WattHours::ZERO;
    let mut registers = BTreeMap::new();
    for interval in intervals {
        if let Some(energy) = meter.energy.get(interval) {
            register = register
                .checked_add(*energy)
                .expect("registers stay below 2^53 Wh");
            registers.insert(*interval, register);
        }
    }
    registers
}

fn carbon_factor() -> CarbonFactor {
    let grams = u32::try_from(CARBON_FACTOR.grams_per_kwh).expect("a factor is a few hundred g");
    CarbonFactor {
        name: "Shanghai ETS electricity factor".to_owned(),
        year: 2022,
        milligrams_per_kwh: grams * 1_000,
        source: "沪环气〔2022〕34号".to_owned(),
    }
}
