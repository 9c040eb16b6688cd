//! A day of a small park, recorded in this process by the ledger alone: trades, a pool, storage, a
//! connection meter, gaps in the readings, and a meter whose key changes hands.

use std::collections::BTreeMap;

use wattle_ledger::batch::Batch;
use wattle_ledger::event::{
    Action, EventBody, OrderChange, OrderId, OrderItem, OrderWithMinimum, Reading, ScheduleEntry,
    SignedEvent, rotation_message,
};
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::tiles::TileBuilder;
use wattle_ledger::registration::{
    CarbonFactor, Meter, MeterId, MeterKind, Metering, NodeId, Participant, ParticipantId, Point,
    Role, RuleSet, TariffId,
};
use wattle_ledger::state::registers::Ratio;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

/// 2026-07-01 00:00 in Shanghai.
pub(crate) const FIRST: DeliveryInterval = DeliveryInterval(1_980_928);
/// Intervals that are settled.
pub(crate) const INTERVALS: u64 = 96;
/// Participants 1 to 4, each with the point of the same number.
pub(crate) const POINTS: u32 = 4;

const REGISTRAR: u8 = 1;
const TREASURER: u8 = 2;
const NODE: NodeId = NodeId(1);
/// Takes over from the mill's load meter at midday.
const NEW_METER_KEY: u8 = 99;

/// Kinds of meters by point: a mill, a roof, a depot with a battery, offices with a connection
/// meter.
const METERS: [(u32, &[MeterKind]); 4] = [
    (1, &[MeterKind::Load, MeterKind::Generation]),
    (2, &[MeterKind::Load, MeterKind::Generation]),
    (
        3,
        &[
            MeterKind::Load,
            MeterKind::Generation,
            MeterKind::Charge,
            MeterKind::Discharge,
        ],
    ),
    (
        4,
        &[MeterKind::Import, MeterKind::Export, MeterKind::Generation],
    ),
];

/// The points of a closed day end so many intervals after its first.
const END: u64 = INTERVALS + 2;
/// Signs for the depot's discharge from its replacement on.
const REPLACED_METER_KEY: u8 = 98;

/// A recorded log.
pub(crate) struct Day {
    pub(crate) genesis: Genesis,
    pub(crate) leaves: Vec<Vec<u8>>,
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn tenant(participant: u32) -> u8 {
    10 + u8::try_from(participant).unwrap()
}

/// The seed of a meter's first key.
fn meter_seed(meter: MeterId) -> u8 {
    20 + u8::try_from(meter.0).unwrap()
}

fn meters() -> Vec<(MeterId, PointId, MeterKind)> {
    let kinds = METERS
        .iter()
        .flat_map(|(point, kinds)| kinds.iter().map(|kind| (PointId(*point), *kind)));
    let numbered = (1..).zip(kinds);
    numbered
        .map(|(id, (point, kind))| (MeterId(id), point, kind))
        .collect()
}

/// What a meter counts in a quarter of an hour.
fn energy(point: PointId, kind: MeterKind, step: u64) -> i64 {
    let step = i64::try_from(step).unwrap();
    let sun = (24 - (step - 48).abs()).max(0) * 400;
    match (point.0, kind) {
        (1, MeterKind::Load) => 12_000 + step * 37 % 11 * 100,
        (1, _) => sun / 4,
        (2, MeterKind::Load) => 1_000,
        (2, _) => sun * 2,
        (3, MeterKind::Load) => 2_000,
        (3, MeterKind::Charge) => 200 + sun / 5,
        (3, MeterKind::Discharge) => 100 + (step - 70).max(0) * 90,
        (4, MeterKind::Import) => (3_000 - sun / 2).max(0) + 50,
        (4, MeterKind::Export) => (sun / 2 - 3_000).max(0) + 50,
        _ => sun / 2,
    }
}

/// The mill's load is not read for ten intervals, longer than settlement waits; the roof's once.
fn is_read(point: PointId, kind: MeterKind, step: u64) -> bool {
    match (point.0, kind) {
        (1, MeterKind::Load) => !(20..30).contains(&step),
        (2, MeterKind::Load) => step != 40,
        _ => true,
    }
}

fn genesis() -> Genesis {
    let public = |role: u8| key(200 + role).public();
    let body = GenesisBody {
        version: 0,
        name: "day".to_owned(),
        utc_offset_minutes: 480,
        first_interval: FIRST,
        registrar: key(REGISTRAR).public(),
        treasurer: key(TREASURER).public(),
        regulator: key(3).public(),
        nodes: vec![NodeRecord {
            id: NODE,
            building: BuildingId(1),
            transport: public(1),
            log: public(2),
            cosigner: public(3),
            batch: public(4),
            receipt: public(5),
        }],
        terms: ParkTerms {
            feed_in: Price(415_500),
            export: Price(300_000),
            wheeling: Price(50_000),
        },
        tariffs: vec![(
            TariffId(1),
            Tariff::shanghai_two_part(Price(650_000)).unwrap(),
        )],
        factor: CarbonFactor {
            name: "factor".to_owned(),
            year: 2022,
            milligrams_per_kwh: 420_000,
            source: "a test".to_owned(),
        },
    };
    Genesis::sign(&body, &key(REGISTRAR)).unwrap()
}

/// The ledger with the sequences of its authors.
struct Recorder {
    ledger: Ledger,
    leaves: Vec<Vec<u8>>,
    sequences: BTreeMap<u8, u64>,
    registers: BTreeMap<MeterId, i64>,
}

impl Recorder {
    /// Applies a batch of one event for each action; what a rule refuses is refused.
    fn batch(&mut self, now: Timestamp, actions: Vec<(u8, Action)>) {
        let park = self.ledger.genesis().park();
        let mut events = Vec::new();
        for (seed, action) in actions {
            let sequence = self.sequences.entry(seed).or_insert(0);
            *sequence += 1;
            let body = EventBody {
                version: 0,
                author: key(seed).public(),
                sequence: *sequence,
                issued_at: now,
                action,
            };
            let event = SignedEvent::sign(&park, &body, &key(seed));
            events.push(event.bytes().to_vec());
        }
        let batch = Batch::sign(park, (NODE, &key(204)), 1, now, events);
        let applied = self.ledger.apply(1, &batch.encode());
        assert_eq!(applied.refused, None);
        for outcome in &applied.outcomes {
            assert!(outcome.result.is_ok(), "{outcome:?}");
        }
        self.leaves.extend(applied.leaves);
    }
}

/// The mill's load of half its gap, and the roof's generation of midday put right by the registrar.
fn later_figures(at: &BTreeMap<(MeterId, u64), i64>) -> Vec<(u8, Action)> {
    let (mill, roof) = (MeterId(1), MeterId(4));
    let readings = (20..25).map(|step| Reading {
        interval: FIRST.plus(step),
        register: WattHours(at[&(mill, step)]),
    });
    let correct = Action::CorrectReading {
        meter: roof,
        interval: FIRST.plus(45),
        register: WattHours(at[&(roof, 45)] - 333),
        reason: "read by hand".to_owned(),
    };
    vec![
        (NEW_METER_KEY, Action::SubmitReadings(readings.collect())),
        (REGISTRAR, correct),
    ]
}

impl Recorder {
    /// With its registry and orders.
    fn began() -> Recorder {
        let genesis = genesis();
        let mut recorder = Recorder {
            leaves: vec![genesis.leaf()],
            ledger: Ledger::found(&genesis),
            sequences: BTreeMap::new(),
            registers: BTreeMap::new(),
        };
        let dawn = FIRST.gate_closure().minus_millis(600_000);
        recorder.batch(dawn, registrations());
        recorder.batch(dawn, orders());
        recorder
    }

    fn into_day(self) -> Day {
        Day {
            genesis: self.ledger.genesis().clone(),
            leaves: self.leaves,
        }
    }

    /// One interval's readings and what else happens at its end. `at` has the plain registers of a
    /// day with registers that start anew.
    fn interval(&mut self, step: u64, at: &BTreeMap<(MeterId, u64), i64>) {
        let interval = FIRST.plus(step);
        let mut actions = Vec::new();
        if step == VISIT && !at.is_empty() {
            // Until then these three meters are silent.
            actions = breaks(at);
        }
        for (id, point, kind) in meters() {
            let register = self.registers.entry(id).or_insert(1_000);
            *register += energy(point, kind, step);
            let is_new = !at.is_empty() && id == REPLACED.0 && step >= REPLACED.1;
            let seed = match id {
                MeterId(1) if step > 48 => NEW_METER_KEY,
                _ if is_new => REPLACED_METER_KEY,
                id => meter_seed(id),
            };
            let reading = |step: u64, register| Reading {
                interval: FIRST.plus(step),
                register: WattHours(register),
            };
            let readings = match [RESET, REPLACED, RATIO].iter().find(|(of, _)| *of == id) {
                Some((_, from)) if !at.is_empty() && step >= *from => {
                    let since = if step == VISIT { *from } else { step };
                    let read = |step| reading(step, shown(id, step, at[&(id, step)], at));
                    (since..=step).map(read).collect()
                }
                _ => vec![reading(step, *register)],
            };
            let is_silent = !at.is_empty()
                && step < VISIT
                && [RESET, REPLACED, RATIO]
                    .iter()
                    .any(|(of, from)| *of == id && step >= *from);
            if is_read(point, kind, step) && !is_silent {
                actions.push((seed, Action::SubmitReadings(readings)));
            }
        }
        if step == 48 {
            let park = self.ledger.genesis().park();
            let (old, new) = (key(meter_seed(MeterId(1))), key(NEW_METER_KEY));
            let message = rotation_message(&park, &old.public(), &new.public());
            let rotate = Action::RotateKey {
                new: new.public(),
                proof: new.sign(&message),
            };
            actions.push((meter_seed(MeterId(1)), rotate));
            actions.push((tenant(3), instruction(3, 600_000)));
        }
        self.batch(interval.end(), actions);
    }
}

fn registrations() -> Vec<(u8, Action)> {
    let mut actions = Vec::new();
    for id in 1..=POINTS {
        let participant = ParticipantId(id);
        let name = format!("tenant-{id}");
        let registered = Participant {
            id: participant,
            name,
        };
        actions.push((REGISTRAR, Action::RegisterParticipant(registered)));
        let role = Role::Tenant(participant);
        let add = Action::AddKey {
            key: key(tenant(id)).public(),
            role,
        };
        actions.push((REGISTRAR, add));
        let point = Point {
            id: PointId(id),
            participant,
            building: BuildingId(u16::try_from(id / 3).unwrap()),
            tariff: TariffId(1),
            generation_w: 100_000,
            connection_w: 200_000,
            metering: match id {
                4 => Metering::ConnectionMeter,
                _ => Metering::LoadMeter,
            },
            from: FIRST,
        };
        actions.push((REGISTRAR, Action::RegisterPoint(point)));
        let deposit = Action::Deposit {
            participant,
            amount: Money(10_000_000_000_000),
            reference: "opening".to_owned(),
        };
        actions.push((TREASURER, deposit));
        actions.push((tenant(id), instruction(id, 0)));
    }
    for (id, point, kind) in meters() {
        let meter = Meter {
            id,
            point,
            kind,
            key: key(meter_seed(id)).public(),
            from: FIRST,
            register: WattHours(1_000),
            rated_w: 200_000,
        };
        actions.push((REGISTRAR, Action::RegisterMeter(meter)));
    }
    actions
}

fn instruction(point: u32, ask_limit: i64) -> Action {
    Action::SetStandingInstruction {
        point: PointId(point),
        enrolled: true,
        ask_limit: Price(ask_limit),
        bid_limit: None,
    }
}

/// Everyone's orders for midday; the depot sells more than it will have.
fn orders() -> Vec<(u8, Action)> {
    let order = |point, step, side, quantity, limit| OrderItem {
        point: PointId(point),
        interval: FIRST.plus(step),
        side,
        quantity: WattHours(quantity),
        limit: Price(limit),
    };
    let day = || 30..66_u64;
    let price = |step: u64, base: i64| base + i64::try_from(step).unwrap() * 1_003;
    let mut mill: Vec<OrderItem> = day()
        .map(|step| order(1, step, Side::Buy, 6_001, price(step, 800_000)))
        .collect();
    // Refused, and then cancelled.
    mill.push(order(1, 50, Side::Buy, 0, 900_000));
    mill.push(order(1, 50, Side::Buy, 10, 100_000));
    let roof = day().map(|step| order(2, step, Side::Sell, 5_003, price(step, 450_000)));
    let depot = day().map(|step| order(3, step, Side::Sell, 4_007, price(step, 500_000)));
    let offices = day().map(|step| order(4, step, Side::Buy, 2_011, price(step, 700_000)));
    let cancelled = OrderId {
        key: key(tenant(1)).public(),
        sequence: 2,
        item: u16::try_from(mill.len() - 1).unwrap(),
    };
    vec![
        (tenant(1), Action::PlaceOrders(mill)),
        (tenant(2), Action::PlaceOrders(roof.collect())),
        (tenant(3), Action::PlaceOrders(depot.collect())),
        (tenant(4), Action::PlaceOrders(offices.collect())),
        (tenant(1), Action::CancelOrders(vec![cancelled])),
    ]
}

/// What happened to registers of a closed day: the offices' generation started anew in the course
/// of one interval; the depot's discharge meter was replaced in another; the mill's generation
/// counts half from a third on.
const RESET: (MeterId, u64) = (MeterId(11), 60);
const REPLACED: (MeterId, u64) = (MeterId(8), 75);
const RATIO: (MeterId, u64) = (MeterId(2), 52);
/// When a technician tells of all three: after the last of them was settled.
const VISIT: u64 = 82;

/// What the display of a closed day's meter shows, where its plain register would show `register`.
fn shown(id: MeterId, step: u64, register: i64, at: &BTreeMap<(MeterId, u64), i64>) -> i64 {
    // The register at the end of the interval before.
    let before = |(id, step): (MeterId, u64)| at[&(id, step - 1)];
    match (id, step) {
        // Twenty watt-hours into the interval it fell to 7.
        (id, step) if id == RESET.0 && step >= RESET.1 => register - before(RESET) - 20 + 7,
        (id, step) if id == REPLACED.0 && step >= REPLACED.1 => register - before(REPLACED) + 500,
        // Each watt-hour of the new ratio's register is half of one.
        (id, step) if id == RATIO.0 && step >= RATIO.1 => {
            before(RATIO) + 2 * (register - before(RATIO))
        }
        _ => register,
    }
}

/// What the registrar says of these registers; `at` holds plain ones.
fn breaks(at: &BTreeMap<(MeterId, u64), i64>) -> Vec<(u8, Action)> {
    let before = |(id, step): (MeterId, u64)| at[&(id, step - 1)];
    let interval = |(_, step): (MeterId, u64)| FIRST.plus(step);
    let half = Ratio {
        numerator: 1,
        denominator: 2,
    };
    let actions = [
        Action::ResetRegister {
            meter: RESET.0,
            interval: interval(RESET),
            last: WattHours(before(RESET) + 20),
            start: WattHours(7),
        },
        Action::ReplaceMeter {
            meter: REPLACED.0,
            interval: interval(REPLACED),
            last: WattHours(before(REPLACED)),
            start: WattHours(500),
            ratio: Ratio::ONE,
            key: key(REPLACED_METER_KEY).public(),
        },
        Action::SetRatio {
            meter: RATIO.0,
            from: interval(RATIO),
            register: WattHours(before(RATIO)),
            ratio: half,
        },
    ];
    actions.map(|action| (REGISTRAR, action)).into()
}

/// Orders with a minimum, one of them changed and one taken back, and a schedule: whatever else can
/// be said before a gate.
fn later_actions() -> Vec<(u8, Action)> {
    let order = |point, step, side, quantity, limit| OrderItem {
        point: PointId(point),
        interval: FIRST.plus(step),
        side,
        quantity: WattHours(quantity),
        limit: Price(limit),
    };
    let with = |step| OrderWithMinimum {
        order: order(1, step, Side::Buy, 2_900, 900_000),
        minimum: WattHours(2_500),
    };
    // The mill signed an instruction, orders and a cancellation before.
    let first = OrderId {
        key: key(tenant(1)).public(),
        sequence: 4,
        item: 0,
    };
    let change = OrderChange {
        order: first,
        quantity: WattHours(3_000),
        limit: Price(910_000),
    };
    let cancel = Action::CancelAll {
        point: Some(PointId(1)),
        interval: Some(FIRST.plus(71)),
    };
    let evening = ScheduleEntry {
        weekdays: 0b111_1111,
        from_quarter: 72,
        until_quarter: 76,
        enrolled: false,
        ask_limit: Price(0),
        bid_limit: None,
    };
    let schedule = Action::SetSchedule {
        point: PointId(4),
        entries: vec![evening],
    };
    let roof = order(2, 70, Side::Sell, 2_000, 300_000);
    vec![
        (tenant(1), Action::PlaceOrdersWith(vec![with(70), with(71)])),
        (tenant(1), Action::ChangeOrders(vec![change])),
        (tenant(1), cancel),
        (tenant(2), Action::PlaceOrders(vec![roof])),
        (tenant(4), schedule),
    ]
}

impl Day {
    /// Records it.
    pub(crate) fn recorded() -> Day {
        let mut recorder = Recorder::began();
        let plain = BTreeMap::new();
        for step in 0..INTERVALS + 4 {
            recorder.interval(step, &plain);
        }
        recorder.into_day()
    }

    /// The day in a park with final runs, until its month is closed: registers that start anew,
    /// the mill's gap read late but for its last half, a correction, and points that end, so that
    /// nothing but this day is in the month.
    pub(crate) fn closed() -> Day {
        let mut at = BTreeMap::new();
        for step in 0..END {
            for (id, point, kind) in meters() {
                let before = step.checked_sub(1).map_or(1_000, |step| at[&(id, step)]);
                at.insert((id, step), before + energy(point, kind, step));
            }
        }
        let mut recorder = Recorder::began();
        let rules = RuleSet::FinalRuns;
        let activate = Action::ActivateRules { rules, from: FIRST };
        let from = FIRST.plus(END);
        let ends = (1..=POINTS)
            .map(PointId)
            .map(|point| Action::EndPoint { point, from });
        let rules = [activate].into_iter().chain(ends);
        let rules = rules.map(|action| (REGISTRAR, action));
        let dawn = FIRST.gate_closure().minus_millis(600_000);
        recorder.batch(dawn, rules.collect());
        recorder.batch(dawn, later_actions());
        for step in 0..END {
            recorder.interval(step, &at);
        }
        recorder.batch(FIRST.plus(END + 6).end(), later_figures(&at));
        let due = FIRST.final_run_due(480);
        let mut now = FIRST.plus(END + 7).end();
        while recorder.ledger.next_due() <= due {
            recorder.batch(now, Vec::new());
            now = due.min(now.plus_millis(86_400_000));
        }
        recorder.into_day()
    }

    /// An export of any leaves, signed and cosigned by the one node.
    pub(crate) fn files(&self, leaves: &[Vec<u8>]) -> BTreeMap<String, Vec<u8>> {
        let mut builder = TileBuilder::new();
        for leaf in leaves {
            builder.push(leaf);
        }
        let files = builder.take_full().into_iter().chain(builder.partials());
        let mut files: BTreeMap<String, Vec<u8>> = files
            .map(|file| (file.path.to_string(), file.bytes))
            .collect();
        let size = leaves.len() as u64;
        let checkpoint = Checkpoint::new(self.genesis.origin(), size, builder.root()).unwrap();
        let mut note = checkpoint.to_note();
        note.add(checkpoint.sign(&key(202))).unwrap();
        let cosignature = Cosignature::sign(&checkpoint.text(), 1_783_000_000, &key(203)).unwrap();
        let name = self.genesis.cosigner_name(NODE);
        let line = cosignature.to_note_signature(&name, &key(203).public());
        note.add(line.unwrap()).unwrap();
        files.insert("checkpoint".to_owned(), note.to_string().into_bytes());
        files
    }

    /// Writes an export of any leaves.
    pub(crate) fn write(&self, leaves: &[Vec<u8>], folder: &std::path::Path) {
        for (path, bytes) in self.files(leaves) {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
}
