//! A random day: what the park is, what people sign, and what its meters make of the readings.

use wattle_ledger::event::{Action, OrderChange, OrderId, OrderItem, OrderWithMinimum, Reading};
use wattle_ledger::genesis::{Genesis, GenesisBody};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{
    CarbonFactor, MarketMode, Meter, MeterId, MeterKind, Metering, Participant, ParticipantId,
    Point, Role, RuleSet, TariffId,
};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

use super::outcome::Lived;
use crate::doctor::Numbers;
use crate::keyring::{Keyring, Signer};
use crate::profile::PARK_UTC_OFFSET_MINUTES;
use crate::solo::{NODE, SoloPark};

/// The last hour of July 2026 in Shanghai: all of it can be read before its first settlement is
/// due, so that a run on everything at once exists.
pub(super) const FIRST: DeliveryInterval = DeliveryInterval(1_980_928 + 31 * 96 - 4);
const INTERVALS: u64 = 4;
/// Where the day's points end: nothing else is in the month, and nothing in the next.
const END: DeliveryInterval = DeliveryInterval(FIRST.0 + INTERVALS);

/// When readings, corrections and late ones come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Each in its own way.
    BitByBit,
    /// All that is known in the end, before anything is settled.
    AtOnce,
}

/// How a register reaches the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    OnTime,
    /// On time with so much of the interval's energy missing in percent; corrected later.
    Wrong(i64),
    /// On time, and then another register of the same interval, which freezes the key.
    Contradicted,
    Late,
    Never,
}

/// One meter.
#[derive(Debug, Clone)]
struct MeterPlan {
    id: MeterId,
    point: PointId,
    kind: MeterKind,
    energies: Vec<i64>,
    ways: Vec<Way>,
    /// The step in which the register starts anew, at how much of that step's energy in percent,
    /// and with which register.
    reset: Option<(usize, i64, i64)>,
}

/// What a tenant signs before the first gate.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Order(OrderItem, i64),
    /// Of the tenant's orders so far, the one of this place.
    Change(usize, i64, i64),
    Cancel(usize),
}

/// The day.
#[derive(Debug, Clone)]
pub(super) struct Day {
    terms: ParkTerms,
    retail: Vec<Price>,
    points: Vec<(bool, bool, Price, Option<Price>)>,
    meters: Vec<MeterPlan>,
    wishes: Vec<(u32, Wish)>,
    is_continuous: bool,
    has_certificates: bool,
    /// In which order what is late comes.
    turn: usize,
}

/// An energy: often nothing, often tiny, sometimes large.
fn energy(numbers: &mut Numbers) -> i64 {
    match numbers.below(10) {
        0..3 => 0,
        3..6 => numbers.below(9) as i64,
        _ => numbers.below(9_000) as i64,
    }
}

/// A price on a coarse grid.
fn price(numbers: &mut Numbers, steps: usize) -> Price {
    let step = numbers.below(steps + 1) as i64;
    Price(step * 50_000 + step % 3)
}

impl MeterPlan {
    fn random(numbers: &mut Numbers, (id, point): (u32, u32), kind: MeterKind) -> Self {
        let steps = 0..INTERVALS;
        let energies: Vec<i64> = steps.clone().map(|_| energy(numbers)).collect();
        let mut ways: Vec<Way> = steps
            .map(|_| match numbers.below(10) {
                0..5 => Way::OnTime,
                5 => Way::Wrong(numbers.below(100) as i64),
                6 => Way::Contradicted,
                7 | 8 => Way::Late,
                _ => Way::Never,
            })
            .collect();
        let reset = (numbers.below(6) == 0).then(|| {
            let step = numbers.below(INTERVALS as usize);
            (step, numbers.below(101) as i64, numbers.below(50) as i64)
        });
        if let Some((step, ..)) = reset {
            // The first register of a segment is right, so that it lies in it.
            ways[step] = Way::OnTime;
        }
        Self {
            id: MeterId(id),
            point: PointId(point),
            kind,
            energies,
            ways,
            reset,
        }
    }

    /// The cumulative energy at the end of a step.
    fn sum(&self, step: usize) -> i64 {
        self.energies[..=step].iter().sum()
    }

    /// The last register before the reset.
    fn last(&self) -> Option<i64> {
        let (step, percent, _) = self.reset?;
        Some(self.sum(step) - self.energies[step] + self.energies[step] * percent / 100)
    }

    /// What the display shows at the end of a step.
    fn register(&self, step: usize) -> i64 {
        match (self.reset, self.last()) {
            (Some((from, _, start)), Some(last)) if step >= from => self.sum(step) - last + start,
            _ => self.sum(step),
        }
    }
}

fn meters(numbers: &mut Numbers, points: &[(bool, bool, Price, Option<Price>)]) -> Vec<MeterPlan> {
    let mut meters: Vec<MeterPlan> = Vec::new();
    for (point, (is_connection, ..)) in (1..).zip(points) {
        let mut kinds = if *is_connection {
            vec![MeterKind::Import, MeterKind::Export]
        } else {
            vec![MeterKind::Load]
        };
        if numbers.below(3) > 0 {
            kinds.push(MeterKind::Generation);
        }
        if numbers.below(3) == 0 {
            kinds.extend([MeterKind::Charge, MeterKind::Discharge]);
        }
        for kind in kinds {
            let id = u32::try_from(meters.len() + 1).expect("a park has few meters");
            meters.push(MeterPlan::random(numbers, (id, point), kind));
        }
    }
    meters
}

fn wishes(numbers: &mut Numbers, points: usize) -> Vec<(u32, Wish)> {
    let count = numbers.below(24);
    let each = (0..count).map(|_| {
        let tenant = numbers.below(points) as u32 + 1;
        let quantity = numbers.below(9_000) as i64;
        let wish = match numbers.below(8) {
            0 => Wish::Change(numbers.below(4), quantity, price(numbers, 16).0),
            1 => Wish::Cancel(numbers.below(4)),
            _ => {
                let side = [Side::Buy, Side::Sell][numbers.below(2)];
                let item = OrderItem {
                    point: PointId(tenant),
                    interval: FIRST.plus(numbers.below(INTERVALS as usize) as u64),
                    side,
                    quantity: WattHours(quantity),
                    limit: price(numbers, 16),
                };
                let minimum = [0, 0, 0, quantity / 2, quantity][numbers.below(5)];
                Wish::Order(item, minimum)
            }
        };
        (tenant, wish)
    });
    each.collect()
}

impl Day {
    pub(super) fn random(numbers: &mut Numbers) -> Self {
        let (one, other) = (price(numbers, 10), price(numbers, 10));
        let count = numbers.below(5) + 2;
        let points: Vec<_> = (0..count)
            .map(|_| {
                let is_connection = numbers.below(4) == 0;
                let is_enrolled = numbers.below(5) > 0;
                let ask = if numbers.below(4) == 0 {
                    price(numbers, 16)
                } else {
                    Price::ZERO
                };
                let bid = (numbers.below(4) == 0).then(|| price(numbers, 16));
                (is_connection, is_enrolled, ask, bid)
            })
            .collect();
        Self {
            terms: ParkTerms {
                feed_in: one.max(other),
                export: one.min(other),
                wheeling: price(numbers, 3),
            },
            retail: (0..2).map(|_| price(numbers, 20)).collect(),
            meters: meters(numbers, &points),
            wishes: wishes(numbers, points.len()),
            points,
            is_continuous: numbers.below(3) == 0,
            has_certificates: numbers.below(2) == 0,
            turn: numbers.below(1_000),
        }
    }

    /// Lives through the day.
    ///
    /// # Errors
    /// A sentence where a rule refuses what it must take.
    pub(super) fn live(&self, knowledge: Knowledge) -> Result<Lived, String> {
        let mut people = People::found(self)?;
        people.register(self)?;
        people.wish(&self.wishes)?;
        if knowledge == Knowledge::AtOnce {
            people.park.advance_to(END.start());
        }
        for step in 0..INTERVALS as usize {
            people.park.advance_to(FIRST.plus(step as u64).end());
            self.read(&mut people, step, knowledge)?;
        }
        people.park.advance_to(END.minus(1).settlement_due());
        if knowledge == Knowledge::BitByBit {
            self.catch_up(&mut people)?;
        }
        people
            .park
            .skip_to(FIRST.final_run_due(PARK_UTC_OFFSET_MINUTES));
        Lived::of(people.park, self.is_continuous)
    }

    fn read(&self, people: &mut People, step: usize, knowledge: Knowledge) -> Result<(), String> {
        for meter in &self.meters {
            if let (Some((at, _, start)), Some(last)) = (meter.reset, meter.last())
                && at == step
            {
                let reset = Action::ResetRegister {
                    meter: meter.id,
                    interval: FIRST.plus(step as u64),
                    last: WattHours(last),
                    start: WattHours(start),
                };
                people.registrar(reset)?;
            }
            let right = meter.register(step);
            match (meter.ways[step], knowledge) {
                (Way::Never, _) | (Way::Late, Knowledge::BitByBit) => {}
                (Way::Wrong(percent), Knowledge::BitByBit) => {
                    let wrong = right - meter.energies[step] * percent / 100;
                    people.reads(meter, step, wrong)?;
                }
                (Way::Contradicted, Knowledge::BitByBit) => {
                    people.reads(meter, step, right)?;
                    people.contradicts(meter, step, right + 1)?;
                }
                _ => people.reads(meter, step, right)?,
            }
        }
        Ok(())
    }

    /// What is late and what was wrong, in any order.
    fn catch_up(&self, people: &mut People) -> Result<(), String> {
        let steps = 0..INTERVALS as usize;
        let each = self.meters.iter().flat_map(|meter| {
            let steps = steps.clone().map(move |step| (meter, step));
            steps.filter(|(meter, step)| matches!(meter.ways[*step], Way::Late | Way::Wrong(_)))
        });
        let mut each: Vec<_> = each.collect();
        if !each.is_empty() {
            let turn = self.turn % each.len();
            each.rotate_left(turn);
        }
        for (meter, step) in each {
            let register = meter.register(step);
            if meter.ways[step] == Way::Late {
                people.reads(meter, step, register)?;
                continue;
            }
            people.registrar(Action::CorrectReading {
                meter: meter.id,
                interval: FIRST.plus(step as u64),
                register: WattHours(register),
                reason: "read by hand".to_owned(),
            })?;
        }
        Ok(())
    }
}

/// The park, and everyone's keys.
struct People {
    keyring: Keyring,
    park: SoloPark,
}

impl People {
    fn found(day: &Day) -> Result<Self, String> {
        let keyring = Keyring::from_seed([3; 32]);
        let registrar = keyring.key(&Signer::Registrar);
        let tariffs = (1..).map(TariffId).zip(&day.retail);
        let body = GenesisBody {
            version: 0,
            name: "nightly".to_owned(),
            utc_offset_minutes: PARK_UTC_OFFSET_MINUTES,
            first_interval: FIRST,
            registrar: registrar.public(),
            treasurer: keyring.key(&Signer::Treasurer).public(),
            regulator: keyring.key(&Signer::Regulator).public(),
            nodes: vec![keyring.node_record(NODE, BuildingId(1))],
            terms: day.terms,
            tariffs: tariffs
                .map(|(id, retail)| (id, Tariff::uniform(*retail)))
                .collect(),
            factor: CarbonFactor {
                name: "of a night".to_owned(),
                year: 2022,
                milligrams_per_kwh: 420_000,
                source: "nightly".to_owned(),
            },
        };
        let genesis = Genesis::sign(&body, &registrar).map_err(|error| error.to_string())?;
        let now = FIRST.start().minus_millis(3_600_000);
        let park = SoloPark::found(keyring.clone(), &genesis, now);
        Ok(Self { keyring, park })
    }

    /// Signs what must be accepted.
    fn must(&mut self, key: &SigningKey, action: Action) -> Result<(), String> {
        let name = action.name();
        let submitted = self.park.submit(key, action);
        let (_, codes) = submitted.map_err(|refusal| format!("{name} is {}", refusal.name()))?;
        match codes.iter().find(|code| **code != 0) {
            Some(code) => Err(format!("{name} is refused by {code}")),
            None => Ok(()),
        }
    }

    fn registrar(&mut self, action: Action) -> Result<(), String> {
        let registrar = self.keyring.key(&Signer::Registrar);
        self.must(&registrar, action)
    }

    fn tenant(&self, tenant: u32) -> SigningKey {
        self.keyring.key(&Signer::Tenant(tenant as usize))
    }

    fn meter(&self, meter: MeterId) -> SigningKey {
        self.keyring.key(&Signer::Meter(meter.0 as usize))
    }

    fn register(&mut self, day: &Day) -> Result<(), String> {
        let treasurer = self.keyring.key(&Signer::Treasurer);
        let mut rules = vec![RuleSet::FinalRuns];
        rules.extend(day.has_certificates.then_some(RuleSet::Certificates));
        for rules in rules {
            self.registrar(Action::ActivateRules { rules, from: FIRST })?;
        }
        if day.is_continuous {
            let mode = MarketMode::Continuous;
            self.registrar(Action::SetMarketMode { from: FIRST, mode })?;
        }
        for (id, (is_connection, enrolled, ask_limit, bid_limit)) in (1u32..).zip(&day.points) {
            let participant = ParticipantId(id);
            let name = format!("tenant-{id}");
            let registered = Participant {
                id: participant,
                name,
            };
            self.registrar(Action::RegisterParticipant(registered))?;
            let key = self.tenant(id);
            let add = Action::AddKey {
                key: key.public(),
                role: Role::Tenant(participant),
            };
            self.registrar(add)?;
            let retail = u16::try_from(day.retail.len()).expect("a park has few tariffs");
            let point = Point {
                id: PointId(id),
                participant,
                building: BuildingId(u16::try_from(id / 3).expect("a park has few points")),
                tariff: TariffId(u16::try_from(id).expect("few points") % retail + 1),
                generation_w: 60_000,
                connection_w: 60_000,
                metering: if *is_connection {
                    Metering::ConnectionMeter
                } else {
                    Metering::LoadMeter
                },
                from: FIRST,
            };
            self.registrar(Action::RegisterPoint(point))?;
            let deposit = Action::Deposit {
                participant,
                amount: Money(20 * Money::YUAN.0),
                reference: "opening".to_owned(),
            };
            self.must(&treasurer, deposit)?;
            let instruction = Action::SetStandingInstruction {
                point: PointId(id),
                enrolled: *enrolled,
                ask_limit: *ask_limit,
                bid_limit: *bid_limit,
            };
            self.must(&key, instruction)?;
        }
        for meter in &day.meters {
            let registered = Meter {
                id: meter.id,
                point: meter.point,
                kind: meter.kind,
                key: self.meter(meter.id).public(),
                from: FIRST,
                register: WattHours::ZERO,
                rated_w: 200_000,
            };
            self.registrar(Action::RegisterMeter(registered))?;
        }
        for (id, _) in (1u32..).zip(&day.points) {
            let point = PointId(id);
            self.registrar(Action::EndPoint { point, from: END })?;
        }
        Ok(())
    }

    /// Everyone's wishes: accepted or refused, as the rules say.
    fn wish(&mut self, wishes: &[(u32, Wish)]) -> Result<(), String> {
        let mut placed: Vec<(u32, OrderId)> = Vec::new();
        for (tenant, wish) in wishes {
            let own = placed.iter().filter(|(of, _)| of == tenant);
            let own: Vec<OrderId> = own.map(|(_, order)| *order).collect();
            let key = self.tenant(*tenant);
            let action = match *wish {
                Wish::Order(order, minimum) => {
                    let minimum = WattHours(minimum);
                    Action::PlaceOrdersWith(vec![OrderWithMinimum { order, minimum }])
                }
                Wish::Change(place, quantity, limit) if place < own.len() => {
                    Action::ChangeOrders(vec![OrderChange {
                        order: own[place],
                        quantity: WattHours(quantity),
                        limit: Price(limit),
                    }])
                }
                Wish::Cancel(place) if place < own.len() => Action::CancelOrders(vec![own[place]]),
                Wish::Change(..) | Wish::Cancel(_) => continue,
            };
            let is_order = matches!(wish, Wish::Order(..));
            let submitted = self.park.submit(&key, action);
            let (order, codes) = submitted.map_err(|refusal| refusal.name().to_owned())?;
            if is_order && codes == [0] {
                placed.push((*tenant, order));
            }
        }
        Ok(())
    }

    fn reads(&mut self, meter: &MeterPlan, step: usize, register: i64) -> Result<(), String> {
        let reading = Reading {
            interval: FIRST.plus(step as u64),
            register: WattHours(register),
        };
        let key = self.meter(meter.id);
        self.must(&key, Action::SubmitReadings(vec![reading]))
    }

    /// Signs another register for an interval, is frozen, and released.
    fn contradicts(&mut self, meter: &MeterPlan, step: usize, register: i64) -> Result<(), String> {
        let reading = Reading {
            interval: FIRST.plus(step as u64),
            register: WattHours(register),
        };
        let key = self.meter(meter.id);
        let action = Action::SubmitReadings(vec![reading]);
        let submitted = self.park.submit(&key, action);
        let (_, codes) = submitted.map_err(|refusal| refusal.name().to_owned())?;
        if codes != [Rejection::ReadingContradicts.code()] {
            return Err(format!("a contradiction came to {codes:?}"));
        }
        if !self.park.ledger().state().readings.is_frozen(&key.public()) {
            return Err("a key that contradicted itself is not frozen".to_owned());
        }
        let key = key.public();
        self.registrar(Action::LiftFreeze { key })
    }
}
