//! One action of each kind, by who may sign it.

use crate::park::{FIRST, key};
use wattle_ledger::billing::{MonthCloseTerms, UtilityBill};
use wattle_ledger::certificate::{
    CancelItem, CancelPurpose, CertificateId, CertificatePolicy, ExternalLink, TransferItem,
    Withdrawal,
};
use wattle_ledger::event::{
    Action, EventBody, OrderChange, OrderId, OrderItem, OrderWithMinimum, Reading, ScheduleEntry,
    SignedEvent, delegation_message, rotation_message,
};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::{Checkpoint, Cosignature, Policy, Tree};
use wattle_ledger::membership::NodeStanding;
use wattle_ledger::registration::{
    AffiliateGroupId, BoundaryMeter, CarbonFactor, DelegationLimits, MarketMode, Meter, MeterId,
    MeterKind, Metering, NodeId, Participant, ParticipantId, Point, Role, RuleSet, TariffId,
};
use wattle_ledger::state::registers::Ratio;
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::invoice::MonthPrices;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

pub(super) fn at(place: u64) -> DeliveryInterval {
    DeliveryInterval(FIRST.0 + place)
}

pub(super) fn order(point: u32, place: u64, side: Side, limit: i64) -> OrderItem {
    OrderItem {
        point: PointId(point),
        interval: at(place),
        side,
        quantity: WattHours(4_000),
        limit: Price(limit),
    }
}

fn first_order(seed: u8) -> OrderId {
    OrderId {
        key: key(seed).public(),
        sequence: 1,
        item: 0,
    }
}

fn readings(each: i64) -> Action {
    let reading = |place: i64| Reading {
        interval: at(place as u64),
        register: WattHours((place + 1) * each),
    };
    Action::SubmitReadings((0..3).map(reading).collect())
}

/// The actions with the seeds of their authors.
pub(super) fn actions() -> Vec<(u8, Action)> {
    let mut actions = tenants();
    actions.extend(registrars());
    actions.extend(nodes());
    actions.extend(followers());
    actions.extend(delivery());
    actions.extend(certificates());
    actions.extend(months());
    actions.extend(market());
    actions
}

fn tenants() -> Vec<(u8, Action)> {
    let park = crate::park::genesis().park();
    let delegated = key(30);
    let limits = DelegationLimits {
        points: vec![PointId(1)],
        order_energy: WattHours(10_000),
        day_energy: WattHours(100_000),
        day_money: Money(1_000_000_000_000),
        from: at(0),
        until: at(96),
    };
    let message = delegation_message(&park, &key(10).public(), &delegated.public());
    let minimum = OrderWithMinimum {
        order: order(2, 2, Side::Buy, 700_000),
        minimum: WattHours(2_000),
    };
    let change = OrderChange {
        order: first_order(10),
        quantity: WattHours(6_000),
        limit: Price(450_000),
    };
    let entry = ScheduleEntry {
        weekdays: 0b001_1111,
        from_quarter: 32,
        until_quarter: 72,
        enrolled: true,
        ask_limit: Price(420_000),
        bid_limit: Some(Price(700_000)),
    };
    vec![
        (
            10,
            Action::PlaceOrders(vec![
                order(1, 2, Side::Sell, 500_000),
                order(1, 3, Side::Buy, 600_000),
            ]),
        ),
        (11, Action::PlaceOrdersWith(vec![minimum])),
        (10, Action::ChangeOrders(vec![change])),
        (10, Action::CancelOrders(vec![first_order(10)])),
        (
            11,
            Action::CancelAll {
                point: Some(PointId(2)),
                interval: None,
            },
        ),
        (
            10,
            Action::SetStandingInstruction {
                point: PointId(1),
                enrolled: true,
                ask_limit: Price(0),
                bid_limit: None,
            },
        ),
        (
            10,
            Action::SetSchedule {
                point: PointId(1),
                entries: vec![entry],
            },
        ),
        (
            10,
            Action::Delegate {
                key: delegated.public(),
                limits,
                proof: delegated.sign(&message),
            },
        ),
        (30, Action::PlaceOrders(vec![order(1, 4, Side::Sell, 1)])),
        (
            10,
            Action::RevokeDelegate {
                key: delegated.public(),
            },
        ),
    ]
}

fn registrars() -> Vec<(u8, Action)> {
    let new = key(50);
    let park = crate::park::genesis().park();
    let message = rotation_message(&park, &key(11).public(), &new.public());
    let from = at(8);
    let participant = Participant {
        id: ParticipantId(3),
        name: "third".to_owned(),
    };
    let point = Point {
        id: PointId(3),
        participant: ParticipantId(2),
        building: BuildingId(2),
        tariff: TariffId(1),
        generation_w: 50_000,
        connection_w: 50_000,
        metering: Metering::ConnectionMeter,
        from,
    };
    let meter = Meter {
        id: MeterId(5),
        point: PointId(3),
        kind: MeterKind::Import,
        key: key(51).public(),
        from,
        register: WattHours(77),
        rated_w: 60_000,
    };
    let terms = ParkTerms {
        feed_in: Price(410_000),
        export: Price(310_000),
        wheeling: Price(20_000),
    };
    let factor = CarbonFactor {
        name: "another factor".to_owned(),
        year: 2023,
        milligrams_per_kwh: 536_600,
        source: "another source".to_owned(),
    };
    let amount = Money(5_000_000_000);
    let participant_2 = ParticipantId(2);
    let reference = || "transfer 7".to_owned();
    let mut actions = vec![
        Action::RegisterParticipant(participant),
        Action::RegisterPoint(point),
        Action::RegisterMeter(meter),
        Action::AddKey {
            key: key(52).public(),
            role: Role::Regulator,
        },
        Action::SetTariff {
            tariff: TariffId(1),
            from,
            prices: Tariff::shanghai_two_part(Price(650_000)).expect("the price is in bounds"),
        },
        Action::SetTerms { from, terms },
        Action::SetFactor { from, factor },
        Action::SetAffiliates {
            group: AffiliateGroupId(1),
            members: vec![ParticipantId(1), ParticipantId(2)],
        },
        Action::HaltMarket {
            from,
            until: Some(at(12)),
        },
        Action::ResumeMarket { from: at(10) },
        Action::SetPriceBounds {
            from,
            floor: Price(200_000),
            cap: Price(900_000),
        },
        Action::RevokeKey {
            key: key(10).public(),
        },
    ];
    for rules in [
        RuleSet::FinalRuns,
        RuleSet::PriceIndex,
        RuleSet::Certificates,
        RuleSet::MonthClose,
    ] {
        actions.push(Action::ActivateRules { rules, from });
    }
    let mut signed: Vec<(u8, Action)> = actions.into_iter().map(|action| (1, action)).collect();
    signed.push((
        2,
        Action::Withdraw {
            participant: participant_2,
            amount,
            reference: reference(),
        },
    ));
    signed.push((
        2,
        Action::SetCreditLimit {
            participant: participant_2,
            limit: amount,
        },
    ));
    signed.push((
        11,
        Action::RotateKey {
            new: new.public(),
            proof: new.sign(&message),
        },
    ));
    signed
}

fn delivery() -> Vec<(u8, Action)> {
    let ratio = Ratio {
        numerator: 100,
        denominator: 5,
    };
    let meter = MeterId(1);
    vec![
        (20, readings(9_000)),
        (21, readings(3_000)),
        (22, readings(20_000)),
        (23, readings(0)),
        (20, readings(8_999)),
        (
            1,
            Action::LiftFreeze {
                key: key(20).public(),
            },
        ),
        (
            1,
            Action::CorrectReading {
                meter,
                interval: at(1),
                register: WattHours(17_500),
                reason: "read again".to_owned(),
            },
        ),
        (
            1,
            Action::ResetRegister {
                meter,
                interval: at(3),
                last: WattHours(30_000),
                start: WattHours(0),
            },
        ),
        (
            1,
            Action::SetRatio {
                meter,
                from: at(4),
                register: WattHours(1_000),
                ratio,
            },
        ),
        (
            1,
            Action::ReplaceMeter {
                meter,
                interval: at(5),
                last: WattHours(1_500),
                start: WattHours(10),
                ratio,
                key: key(53).public(),
            },
        ),
        (
            1,
            Action::EndPoint {
                point: PointId(1),
                from: at(40),
            },
        ),
        (
            1,
            Action::AssignMeter {
                meter,
                point: PointId(2),
                from: at(44),
            },
        ),
    ]
}

/// The local month in which the park begins.
fn month() -> LocalMonth {
    LocalMonth::of(FIRST, 480)
}

fn certificates() -> Vec<(u8, Action)> {
    let certificate = CertificateId {
        interval: at(0),
        point: PointId(1),
        origin: at(0),
    };
    let quantity = WattHours(500);
    let cancel = |purpose| CancelItem {
        certificate,
        quantity,
        purpose,
    };
    vec![
        (
            10,
            Action::TransferCertificates(vec![TransferItem {
                certificate,
                to: ParticipantId(2),
                quantity,
            }]),
        ),
        (
            10,
            Action::CancelCertificates(vec![
                cancel(CancelPurpose::Use(PointId(1))),
                cancel(CancelPurpose::Declared("a visitor".to_owned())),
            ]),
        ),
        (
            1,
            Action::WithdrawCertificate(Withdrawal {
                certificate,
                holder: ParticipantId(1),
                quantity,
                reason: "issued twice".to_owned(),
            }),
        ),
        (
            1,
            Action::LinkCertificates(ExternalLink {
                point: PointId(1),
                month: month(),
                units: 1,
                tradable: true,
                number: "GEC 7".to_owned(),
            }),
        ),
        (
            1,
            Action::SetCertificatePolicy {
                from: at(8),
                policy: CertificatePolicy::EnergyTag { yield_bp: 9_000 },
            },
        ),
    ]
}

fn months() -> Vec<(u8, Action)> {
    let prices = MonthPrices {
        demand: 40_000_000,
        fee: Money(100_000_000_000),
        vat_basis_points: 1_300,
    };
    let bill = UtilityBill {
        imported: WattHours(5_000_000),
        exported: WattHours(1_000),
        amount: Money(3_000_000_000_000),
        reference: "bill 7".to_owned(),
    };
    let meter = BoundaryMeter {
        id: MeterId(90),
        kind: MeterKind::Import,
        key: key(54).public(),
        from: at(8),
        register: WattHours(0),
        rated_w: 1_000_000,
    };
    vec![
        (1, Action::RegisterBoundaryMeter(meter)),
        (
            1,
            Action::SetMonthClose {
                from: at(48),
                terms: MonthCloseTerms {
                    prices,
                    residue_owner: ParticipantId(1),
                },
            },
        ),
        (
            2,
            Action::RecordUtilityBill {
                month: month(),
                bill,
            },
        ),
        (
            2,
            Action::ReverseUtilityBill {
                month: month(),
                reason: "typed wrongly".to_owned(),
            },
        ),
        (
            2,
            Action::MoveResidue {
                amount: Money(1_000_000_000),
                reference: "transfer 8".to_owned(),
            },
        ),
        (
            2,
            Action::DeclareDefault {
                participant: ParticipantId(2),
                month: month(),
            },
        ),
        (
            2,
            Action::ClearDefault {
                participant: ParticipantId(2),
            },
        ),
    ]
}

/// A node that comes, shall vote, and shall go.
fn nodes() -> Vec<(u8, Action)> {
    let public = |seed| key(seed).public();
    let record = NodeRecord {
        id: NodeId(2),
        building: BuildingId(2),
        transport: public(51),
        log: public(52),
        cosigner: public(53),
        batch: public(54),
        receipt: public(55),
    };
    let set = |standing| Action::SetNodeStanding {
        node: NodeId(2),
        standing,
    };
    vec![
        (1, Action::RegisterNode(record)),
        (1, set(NodeStanding::Voter)),
        (1, set(NodeStanding::Removed)),
    ]
}

fn market() -> Vec<(u8, Action)> {
    let leg = |place: u64, side| Leg {
        interval: at(48 + place),
        side,
        quantity: WattHours(2_000),
    };
    let immediate = OrderWithMinimum {
        order: order(2, 9, Side::Buy, 700_000),
        minimum: WattHours(1_000),
    };
    vec![
        (
            1,
            Action::SetMarketMode {
                from: at(8),
                mode: MarketMode::Continuous,
            },
        ),
        (
            10,
            Action::PlaceOrders(vec![order(1, 9, Side::Sell, 450_000)]),
        ),
        (11, Action::PlaceImmediate(vec![immediate])),
        (
            1,
            Action::ActivateRules {
                rules: RuleSet::JointAuction,
                from: at(48),
            },
        ),
        (
            10,
            Action::PlaceBundle {
                point: PointId(1),
                legs: vec![leg(0, Side::Buy), leg(8, Side::Sell)],
                limit: Money(0),
            },
        ),
        (
            10,
            Action::CancelBundle {
                bundle: first_order(10),
            },
        ),
    ]
}

/// A node's key, a log that the park follows, and what the node finds of it.
fn followers() -> Vec<(u8, Action)> {
    const ORIGIN: &str = "wattle/other/park";
    let cosigner = key(61);
    let name = format!("{ORIGIN}/node/1");
    let policy = Policy::for_park(
        ORIGIN,
        &[key(60).public()],
        &[(name.clone(), cosigner.public())],
        1,
    );
    let policy = policy.expect("the names and keys are sound").to_string();
    let mut tree = Tree::new();
    tree.push(leaf_hash(b"a leaf"));
    let checkpoint = Checkpoint::new(ORIGIN, 1, tree.root()).expect("the origin is a name");
    let mut note = checkpoint.to_note();
    let cosignature = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &cosigner);
    let cosignature = cosignature.expect("the time fits a cosignature");
    let line = cosignature.to_note_signature(&name, &cosigner.public());
    for line in [
        checkpoint.sign(&key(60)),
        line.expect("the cosigner's name is a name"),
    ] {
        note.add(line).expect("a note takes a signature");
    }
    let added = Action::AddKey {
        key: key(30).public(),
        role: Role::Node(NodeId(1)),
    };
    let record = Action::RecordCheckpoint {
        note: note.to_string().into_bytes(),
        proof: Vec::new(),
    };
    vec![
        (1, added),
        (1, Action::FollowLog { policy }),
        (30, record),
        (30, evidence()),
    ]
}

/// A tenant's key that signed two events with one sequence.
fn evidence() -> Action {
    let genesis = crate::park::genesis();
    let event = |point| {
        let body = EventBody {
            version: 0,
            author: key(10).public(),
            sequence: 40,
            issued_at: FIRST.start(),
            action: Action::CancelAll {
                point,
                interval: None,
            },
        };
        SignedEvent::sign(&genesis.park(), &body, &key(10))
    };
    let (one, other) = (event(None), event(Some(PointId(1))));
    let evidence = Evidence::two_events(&genesis, Vec::new(), one, other);
    let file = evidence.expect("the two events contradict each other");
    Action::RecordEvidence {
        file: file.bytes().to_vec(),
    }
}
