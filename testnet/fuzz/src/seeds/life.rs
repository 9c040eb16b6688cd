//! A few days of the park in which as many rules as possible leave rows: trades of every kind, a
//! bundle, storage, a contradiction, certificates that move, a month that closes and a default.

use super::actions::{at, order};
use crate::park::key;
use wattle_ledger::billing::{MonthCloseTerms, UtilityBill};
use wattle_ledger::certificate::{
    CancelItem, CancelPurpose, CertificateId, CertificatePolicy, TransferItem,
};
use wattle_ledger::event::{Action, OrderWithMinimum, Reading, delegation_message};
use wattle_ledger::registration::{
    DelegationLimits, MarketMode, Meter, MeterId, MeterKind, ParticipantId, RuleSet,
};
use wattle_market::interval::LocalMonth;
use wattle_market::invoice::MonthPrices;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

/// Minutes to pass before, the seed of the author, and what he does.
pub(super) type Step = (u64, u8, Action);

/// Meters of the founding by the seeds of their keys, and two of a storage.
const METERS: [(u8, i64); 6] = [
    (20, 3_000),
    (21, 9_000),
    (22, 7_000),
    (23, 2_000),
    (24, 1_000),
    (25, 400),
];

fn read(from: u64, until: u64) -> impl Iterator<Item = Step> {
    METERS.into_iter().map(move |(seed, each)| {
        let reading = |place: u64| Reading {
            interval: at(place),
            register: WattHours((place as i64 + 1) * each),
        };
        (
            0,
            seed,
            Action::SubmitReadings((from..until).map(reading).collect()),
        )
    })
}

fn rules() -> Vec<Step> {
    let rule = |rules, place| {
        (
            0,
            1,
            Action::ActivateRules {
                rules,
                from: at(place),
            },
        )
    };
    let meter = |id: u32, seed: u8, kind| {
        let meter = Meter {
            id: MeterId(id),
            point: PointId(1),
            kind,
            key: key(seed).public(),
            from: at(0),
            register: WattHours(0),
            rated_w: 50_000,
        };
        (0, 1, Action::RegisterMeter(meter))
    };
    let terms = MonthCloseTerms {
        prices: MonthPrices {
            demand: 40_000_000,
            fee: Money(900_000 * Money::YUAN.0),
            vat_basis_points: 1_300,
        },
        residue_owner: ParticipantId(1),
    };
    let policy = CertificatePolicy::EnergyTag { yield_bp: 9_000 };
    vec![
        rule(RuleSet::FinalRuns, 0),
        rule(RuleSet::Certificates, 0),
        rule(RuleSet::PriceIndex, 48),
        (0, 1, Action::SetMonthClose { from: at(0), terms }),
        rule(RuleSet::MonthClose, 0),
        rule(RuleSet::JointAuction, 48),
        (
            0,
            1,
            Action::SetCertificatePolicy {
                from: at(0),
                policy,
            },
        ),
        meter(5, 24, MeterKind::Charge),
        meter(6, 25, MeterKind::Discharge),
        (
            0,
            1,
            Action::SetMarketMode {
                from: at(100),
                mode: MarketMode::Continuous,
            },
        ),
    ]
}

fn trades() -> Vec<Step> {
    let park = crate::park::genesis().park();
    let message = delegation_message(&park, &key(10).public(), &key(30).public());
    let delegate = Action::Delegate {
        key: key(30).public(),
        limits: DelegationLimits {
            points: vec![PointId(1)],
            order_energy: WattHours(10_000),
            day_energy: WattHours(100_000),
            day_money: Money(1_000_000_000_000),
            from: at(0),
            until: at(300),
        },
        proof: key(30).sign(&message),
    };
    let minimum = OrderWithMinimum {
        order: order(2, 70, Side::Buy, 700_000),
        minimum: WattHours(2_000),
    };
    let small = |point, place, side, limit| wattle_ledger::event::OrderItem {
        quantity: WattHours(1_500),
        ..order(point, place, side, limit)
    };
    let leg = |place, side| Leg {
        interval: at(place),
        side,
        quantity: WattHours(1_000),
    };
    let bundle = Action::PlaceBundle {
        point: PointId(2),
        legs: vec![leg(66, Side::Buy), leg(67, Side::Buy)],
        limit: Money(-4_000_000_000),
    };
    vec![
        (
            0,
            10,
            Action::PlaceOrders(vec![order(1, 2, Side::Sell, 500_000)]),
        ),
        (
            0,
            11,
            Action::PlaceOrders(vec![order(2, 2, Side::Buy, 600_000)]),
        ),
        (0, 10, delegate),
        (
            0,
            30,
            Action::PlaceOrders(vec![order(1, 50, Side::Sell, 450_000)]),
        ),
        (
            0,
            11,
            Action::PlaceOrders(vec![small(2, 50, Side::Buy, 600_000)]),
        ),
        (0, 11, Action::PlaceOrdersWith(vec![minimum])),
        (0, 11, bundle),
        (
            0,
            10,
            Action::PlaceOrders(vec![order(1, 104, Side::Sell, 500_000)]),
        ),
        (
            0,
            11,
            Action::PlaceOrders(vec![small(2, 104, Side::Buy, 600_000)]),
        ),
    ]
}

/// After the final run: what may happen to certificates and to who does not pay.
fn end() -> Vec<Step> {
    let certificate = CertificateId::direct(at(1), PointId(1));
    let month = LocalMonth::new(2026, 7).expect("July is a month");
    let transfer = TransferItem {
        certificate,
        to: ParticipantId(2),
        quantity: WattHours(300),
    };
    let cancel = CancelItem {
        certificate,
        quantity: WattHours(100),
        purpose: CancelPurpose::Declared("who wants to know".to_owned()),
    };
    let bill = UtilityBill {
        imported: WattHours(40_000),
        exported: WattHours(1_000),
        amount: Money(20_000_000_000),
        reference: "UTIL-7".to_owned(),
    };
    vec![
        (0, 10, Action::TransferCertificates(vec![transfer])),
        (0, 10, Action::CancelCertificates(vec![cancel])),
        (0, 2, Action::RecordUtilityBill { month, bill }),
        (
            0,
            2,
            Action::DeclareDefault {
                participant: ParticipantId(2),
                month,
            },
        ),
    ]
}

/// The days.
pub(super) fn life() -> Vec<Step> {
    let mut life = rules();
    life.extend(trades());
    let contradiction = Reading {
        interval: at(1),
        register: WattHours(6_001),
    };
    let correction = Action::CorrectReading {
        meter: MeterId(2),
        interval: at(3),
        register: WattHours(35_900),
        reason: "a display was misread".to_owned(),
    };
    life.push((75, 1, Action::ResumeMarket { from: at(20) }));
    life.extend(read(0, 4));
    life.push((0, 20, Action::SubmitReadings(vec![contradiction])));
    life.push((0, 1, correction));
    life.push((100, 1, Action::ResumeMarket { from: at(20) }));
    life.push((9 * 24 * 60, 1, Action::ResumeMarket { from: at(2_000) }));
    life.extend(end());
    life
}
