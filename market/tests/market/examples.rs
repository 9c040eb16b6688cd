//! Intervals worked out by hand. Energy in kWh and money in yuan, in the comments as on paper.

use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{
    Account, CertificateTransfer, ParkTerms, PointInput, Posting, PostingKind, Settlement, settle,
};
use wattle_market::units::{Money, Price, WattHours};

use crate::parks::{Trade, fen, idle_point, kwh, trade};

const ROOF: PointId = PointId(1);
const PRESS: PointId = PointId(2);
const SHOP: PointId = PointId(3);

/// f = 0.40, f0 = 0.35, w = 0.05.
const PARK: ParkTerms = ParkTerms {
    feed_in: Price(400_000),
    export: Price(350_000),
    wheeling: Price(50_000),
};

/// Roof and shop in building 1, the press in building 2. The roof sold 40 kWh to the press
/// forward at 0.60. h = 0.90, l = 0.35.
fn three_tenants() -> Points<PointInput> {
    let mut points = Points::from([
        (ROOF, idle_point(1, 800_000)),
        (PRESS, idle_point(2, 800_000)),
        (SHOP, idle_point(1, 900_000)),
    ]);
    trade(
        &mut points,
        Trade {
            seller: 0,
            buyer: 1,
            quantity: 40_000,
            price: 600_000,
        },
    );
    points
}

fn set_energy(points: &mut Points<PointInput>, point: PointId, generation: i64, load: i64) {
    let energy = &mut points.get_mut(&point).unwrap().energy;
    (energy.generation, energy.load) = (kwh(generation), kwh(load));
}

/// What an account got for one kind, in fen.
fn posted(settlement: &Settlement, account: Account, kind: PostingKind) -> Money {
    let of_it = |posting: &&Posting| posting.account == account && posting.kind == kind;
    Money(
        settlement
            .postings
            .iter()
            .filter(of_it)
            .map(|posting| posting.amount.0)
            .sum(),
    )
}

/// | point | G   | L  | N   | K   | Δ   | tranche  |
/// |-------|-----|----|-----|-----|-----|----------|
/// | roof  | 100 | 30 | 70  | 40  | 30  | green 30 |
/// | press | 0   | 50 | −50 | −40 | −10 | need 10  |
/// | shop  | 0   | 45 | −45 | 0   | −45 | need 45  |
///
/// Pool: 30 asked at 0.40; bids 45 at 0.90 − 0.05 and 10 at 0.80 − 0.05. The shop's comes first
/// and takes all 30, at (0.40 + 0.85) / 2 = 0.625.
fn sunny_noon() -> Settlement {
    let mut points = three_tenants();
    set_energy(&mut points, ROOF, 100, 30);
    set_energy(&mut points, PRESS, 0, 50);
    set_energy(&mut points, SHOP, 0, 45);
    settle(&PARK, &points).unwrap()
}

#[test]
fn a_sunny_noon_is_settled_as_on_paper() {
    let settlement = sunny_noon();
    assert_eq!(settlement.pool_price, Some(Price(625_000)));
    assert_eq!(settlement.pool_volume, kwh(30));
    assert_eq!(settlement.totals.shortfall_price, Price(900_000));
    assert_eq!(settlement.totals.excess_price, Price(350_000));

    let [roof, press, shop] = [ROOF, PRESS, SHOP].map(|point| settlement.points[&point]);
    assert_eq!(
        (roof.net, roof.delta, roof.tranches.green),
        (kwh(70), kwh(30), kwh(30))
    );
    assert_eq!(
        (press.net, press.delta, press.tranches.need),
        (kwh(-50), kwh(-10), kwh(10))
    );
    assert_eq!(
        (shop.tranches.need, shop.pool.need, shop.unmatched.need),
        (kwh(45), kwh(30), kwh(15))
    );
    // Received: the press 40 by contract, the shop 30 from the pool. Everything stayed inside.
    assert_eq!((press.received, shop.received), (kwh(40), kwh(30)));
    assert_eq!(
        (settlement.totals.received, settlement.totals.delivered),
        (kwh(70), kwh(70))
    );

    // Roof: 40 · 0.60 + 30 · 0.625 = 24.00 + 18.75; alone 70 · 0.40.
    assert_eq!((roof.credit, roof.grid_alone), (fen(4_275), fen(2_800)));
    // Press: −24.00 − 10 · 0.80 − 40 · 0.05; alone 50 · 0.80.
    assert_eq!((press.credit, press.grid_alone), (fen(-3_400), fen(-4_000)));
    // Shop: −18.75 − 15 · 0.90 − 30 · 0.05; alone 45 · 0.90.
    assert_eq!((shop.credit, shop.grid_alone), (fen(-3_375), fen(-4_050)));
    // The grid sold 25 kWh, and 70 kWh were carried.
    assert_eq!(
        posted(&settlement, Account::Grid, PostingKind::Grid),
        fen(2_150)
    );
    assert_eq!(
        posted(&settlement, Account::Network, PostingKind::Wheeling),
        fen(350)
    );
}

#[test]
fn certificates_of_a_sunny_noon_go_to_the_same_building_first() {
    let settlement = sunny_noon();
    let roof = &settlement.points[&ROOF];
    assert_eq!(
        (roof.green.self_used, roof.green.surplus),
        (kwh(30), kwh(70))
    );
    assert_eq!((roof.sent, roof.kept), (kwh(70), kwh(0)));
    let transfer = |to, quantity| CertificateTransfer {
        from: ROOF,
        to,
        quantity: kwh(quantity),
    };
    // Sorted by receiver; the shop's 30 were laid first, so they come from the building.
    assert_eq!(
        settlement.transfers,
        [transfer(PRESS, 40), transfer(SHOP, 30)]
    );
}

#[test]
fn the_journal_of_a_sunny_noon_is_this() {
    let point = Account::Point;
    let expected = [
        (point(ROOF), 2_400, PostingKind::Forward),
        (Account::Clearing, -2_400, PostingKind::Forward),
        (point(PRESS), -2_400, PostingKind::Forward),
        (Account::Clearing, 2_400, PostingKind::Forward),
        (point(ROOF), 1_875, PostingKind::Pool),
        (point(SHOP), -1_875, PostingKind::Pool),
        (point(PRESS), -800, PostingKind::Grid),
        (point(SHOP), -1_350, PostingKind::Grid),
        (Account::Grid, 2_150, PostingKind::Grid),
        (point(PRESS), -200, PostingKind::Wheeling),
        (point(SHOP), -150, PostingKind::Wheeling),
        (Account::Network, 350, PostingKind::Wheeling),
    ];
    let expected = expected.map(|(account, amount, kind)| Posting {
        account,
        amount: fen(amount),
        kind,
    });
    assert_eq!(sunny_noon().postings, expected);
}

/// The roof generates 20 of the 40 it sold: N = 20, Δ = −20, nothing physical, short 20.
/// The press needs 30 of the 40 it bought: N = −30, Δ = 10, long 10.
fn cloudy_noon(enrolled: bool) -> Settlement {
    let mut points = three_tenants();
    set_energy(&mut points, ROOF, 20, 0);
    set_energy(&mut points, PRESS, 0, 30);
    for input in points.values_mut() {
        input.terms.enrolled = enrolled;
    }
    settle(&PARK, &points).unwrap()
}

#[test]
fn deviations_outside_the_pool_meet_two_prices() {
    let settlement = cloudy_noon(false);
    let [roof, press] = [ROOF, PRESS].map(|point| settlement.points[&point]);
    assert_eq!(
        (roof.tranches.short, press.tranches.long),
        (kwh(20), kwh(10))
    );
    // Roof: 24.00 − 20 · 0.90. Press: −24.00 + 10 · 0.35 − 30 · 0.05.
    assert_eq!((roof.credit, press.credit), (fen(600), fen(-2_200)));

    // The press received 30, of which the roof gave 20: the grid replaced 10 at 0.90.
    assert_eq!(
        (settlement.totals.received, settlement.totals.delivered),
        (kwh(30), kwh(20))
    );
    let balancing = |kind| posted(&settlement, Account::Balancing, kind);
    assert_eq!(balancing(PostingKind::Balancing), fen(1_450));
    assert_eq!(balancing(PostingKind::Replacement), fen(-900));
    assert_eq!(balancing(PostingKind::Wheeling), fen(50));
    assert_eq!(
        posted(&settlement, Account::Network, PostingKind::Wheeling),
        fen(100)
    );
    assert_eq!(
        posted(&settlement, Account::Grid, PostingKind::Replacement),
        fen(900)
    );

    // Only 20 kWh were green and delivered, so 10 of the press's need stay uncovered.
    assert_eq!((roof.sent, press.cancelled), (kwh(20), kwh(20)));
}

#[test]
fn deviations_meet_in_the_pool_before_they_reach_balancing() {
    let settlement = cloudy_noon(true);
    // Long asks 0.35, short bids 0.90.
    assert_eq!(
        (settlement.pool_price, settlement.pool_volume),
        (Some(Price(625_000)), kwh(10))
    );
    let [roof, press] = [ROOF, PRESS].map(|point| settlement.points[&point]);
    // Roof: 24.00 − 10 · 0.625 − 10 · 0.90. Press: −24.00 + 10 · 0.625 − 30 · 0.05.
    assert_eq!((roof.credit, press.credit), (fen(875), fen(-1_925)));
    assert_eq!(
        (settlement.totals.long, settlement.totals.short),
        (kwh(0), kwh(10))
    );
    // What balancing takes from the short it pays for the replacement; the stamp is left.
    let of_balancing = settlement
        .postings
        .iter()
        .filter(|p| p.account == Account::Balancing);
    assert_eq!(
        of_balancing.map(|posting| posting.amount.0).sum::<i64>(),
        fen(50).0
    );
}

#[test]
fn a_battery_is_fed_green_and_discharges_as_other_energy() {
    let mut points = Points::from([(ROOF, idle_point(1, 800_000))]);
    let energy = &mut points.get_mut(&ROOF).unwrap().energy;
    // 50 generated: 10 consumed, 25 stored, 15 left; the battery gives 5 besides.
    energy.generation = kwh(50);
    energy.load = kwh(10);
    energy.charge = kwh(25);
    energy.discharge = kwh(5);
    let settlement = settle(&PARK, &points).unwrap();
    let roof = &settlement.points[&ROOF];
    assert_eq!(
        (roof.green.self_used, roof.green.stored, roof.green.surplus),
        (kwh(10), kwh(25), kwh(15))
    );
    assert_eq!(
        (roof.tranches.green, roof.tranches.other),
        (kwh(15), kwh(5))
    );
    // 15 · 0.40 + 5 · 0.35, all to the grid; the certificates stay with the producer.
    assert_eq!((roof.credit, roof.kept), (fen(775), kwh(15)));
}

#[test]
fn a_need_that_is_not_read_gets_no_certificates_until_a_later_run() {
    let mut points = three_tenants();
    set_energy(&mut points, ROOF, 100, 30);
    set_energy(&mut points, PRESS, 0, 50);
    set_energy(&mut points, SHOP, 0, 45);
    points.get_mut(&PRESS).unwrap().energy.actual = false;
    let settlement = settle(&PARK, &points).unwrap();
    assert_eq!(settlement.postings, sunny_noon().postings);
    // Of the 70 delivered only the shop's 30 can be cancelled; 40 wait with the roof.
    let roof = &settlement.points[&ROOF];
    assert_eq!(
        (roof.delivered_green, roof.sent, roof.kept),
        (kwh(70), kwh(30), kwh(40))
    );
    assert_eq!(settlement.points[&PRESS].cancelled, WattHours::ZERO);
    assert_eq!(settlement.points[&SHOP].cancelled, kwh(30));
}

#[test]
fn a_park_without_points_settles_to_nothing() {
    let settlement = settle(&PARK, &Points::new()).unwrap();
    assert_eq!(
        (settlement.pool_price, settlement.postings.len()),
        (None, 0)
    );
}
