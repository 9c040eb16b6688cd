//! Inputs that cannot be settled, and settlements that were tampered with.

use wattle_market::limits;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{
    Account, CertificateTransfer, InvariantError, ParkTerms, PointInput, PostingKind, Settlement,
    SettlementError, invariants, settle,
};
use wattle_market::units::{Money, Price, WattHours};

use crate::parks::{Trade, idle_point, kwh, trade};

const PARK: ParkTerms = ParkTerms {
    feed_in: Price(400_000),
    export: Price(350_000),
    wheeling: Price(50_000),
};
const SELLER: PointId = PointId(1);
const BUYER: PointId = PointId(2);
const STRANGER: PointId = PointId(3);

/// A seller with 30 beyond its contract, a buyer with 10 more to need, an unenrolled stranger.
fn points() -> Points<PointInput> {
    let mut points = Points::from([
        (SELLER, idle_point(1, 800_000)),
        (BUYER, idle_point(2, 800_000)),
        (STRANGER, idle_point(1, 900_000)),
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
    points.get_mut(&SELLER).unwrap().energy.generation = kwh(70);
    points.get_mut(&BUYER).unwrap().energy.load = kwh(50);
    points.get_mut(&STRANGER).unwrap().energy.load = kwh(5);
    points.get_mut(&STRANGER).unwrap().terms.enrolled = false;
    points
}

/// What the check says of a sound settlement after `change`.
fn found(change: impl FnOnce(&mut Settlement)) -> InvariantError {
    let points = points();
    let mut settlement = settle(&PARK, &points).unwrap();
    assert_eq!(invariants::check(&PARK, &points, &settlement), Ok(()));
    change(&mut settlement);
    invariants::check(&PARK, &points, &settlement).unwrap_err()
}

fn of(
    settlement: &mut Settlement,
    point: PointId,
) -> &mut wattle_market::settlement::PointSettlement {
    settlement.points.get_mut(&point).unwrap()
}

/// Changes an account's posting of a kind by `amount`.
fn move_posting(settlement: &mut Settlement, account: Account, kind: PostingKind, amount: i64) {
    let mut postings = settlement.postings.iter_mut();
    let posting = postings.find(|posting| posting.account == account && posting.kind == kind);
    posting.unwrap().amount.0 += amount;
}

#[test]
fn a_missing_point_is_found() {
    assert_eq!(
        found(|s| s.points.retain(|point, _| *point != STRANGER)),
        InvariantError::PointsDiffer
    );
}

#[test]
fn quantities_that_do_not_follow_from_the_readings_are_found() {
    let differs = |quantity, point| InvariantError::QuantityDiffers { point, quantity };
    assert_eq!(
        found(|s| of(s, SELLER).net.0 += 1),
        differs("the net", SELLER)
    );
    assert_eq!(
        found(|s| of(s, SELLER).green.stored.0 += 1),
        differs("the green split", SELLER)
    );
    assert_eq!(
        found(|s| of(s, BUYER).contracted.0 -= 1),
        differs("the contract", BUYER)
    );
    assert_eq!(
        found(|s| of(s, BUYER).physical.0 -= 1),
        differs("the physical part", BUYER)
    );
    let split = found(|s| of(s, BUYER).pool.need.0 -= 1);
    assert_eq!(split, differs("the split of the tranches", BUYER));
    assert_eq!(
        found(|s| of(s, BUYER).received.0 += 1),
        differs("the received energy", BUYER)
    );
    let state = found(|s| of(s, BUYER).actual = false);
    assert_eq!(state, differs("the state of its readings", BUYER));
    // The stranger is not enrolled, and yet is filled.
    let filled = found(|s| {
        of(s, STRANGER).pool.need.0 += 1;
        of(s, STRANGER).unmatched.need.0 -= 1;
    });
    assert_eq!(filled, differs("the pool", STRANGER));
}

#[test]
fn a_contract_that_is_not_served_from_green_first_is_found() {
    let error = found(|s| {
        let seller = of(s, SELLER);
        for tranches in [&mut seller.tranches, &mut seller.unmatched] {
            tranches.green.0 -= 1;
            tranches.other.0 += 1;
        }
    });
    let quantity = "the green tranche";
    assert_eq!(
        error,
        InvariantError::QuantityDiffers {
            point: SELLER,
            quantity
        }
    );
}

#[test]
fn a_deviation_price_that_does_not_follow_from_the_terms_is_found() {
    let shortfall = found(|s| s.totals.shortfall_price.0 -= 1);
    let (found_price, expected) = (Price(899_999), Price(900_000));
    let price = "shortfall price";
    assert_eq!(
        shortfall,
        InvariantError::PriceDiffers {
            price,
            found: found_price,
            expected
        }
    );
    let excess = found(|s| s.totals.excess_price.0 += 1);
    assert!(matches!(
        excess,
        InvariantError::PriceDiffers {
            price: "excess price",
            ..
        }
    ));
}

#[test]
fn numbers_that_would_overflow_are_found_before_they_are_summed() {
    let size = "the size of a quantity";
    for extreme in [i64::MAX, i64::MIN] {
        let error = found(|s| of(s, BUYER).kept.0 = extreme);
        assert_eq!(
            error,
            InvariantError::QuantityDiffers {
                point: BUYER,
                quantity: size
            }
        );
        let error = found(|s| s.transfers[0].quantity.0 = extreme);
        let (point, quantity) = (SELLER, "the size of a transfer");
        assert_eq!(error, InvariantError::QuantityDiffers { point, quantity });
        let error = found(|s| s.totals.received.0 = extreme);
        assert!(matches!(error, InvariantError::FlowUnbalanced { .. }));
        let error = found(|s| s.postings[0].amount.0 = extreme);
        assert!(matches!(error, InvariantError::PostingsUnbalanced { .. }));
    }
    let error = found(|s| s.transfers = vec![s.transfers[0]; 7]);
    assert_eq!(error, InvariantError::TooManyTransfers { count: 7 });
}

#[test]
fn a_pool_that_sells_more_than_it_buys_is_found() {
    let error = found(|s| {
        of(s, SELLER).pool.green.0 += 1;
        of(s, SELLER).unmatched.green.0 -= 1;
    });
    let (sold, bought) = (WattHours(10_001), WattHours(10_000));
    assert_eq!(error, InvariantError::PoolUnbalanced { sold, bought });
}

#[test]
fn a_total_that_is_not_its_sum_is_found() {
    let error = found(|s| s.totals.long.0 += 1);
    assert!(matches!(
        error,
        InvariantError::FlowUnbalanced {
            flow: "what is long",
            ..
        }
    ));
}

#[test]
fn postings_that_do_not_balance_are_found() {
    let error = found(|s| move_posting(s, Account::Grid, PostingKind::Grid, -1));
    let kind = PostingKind::Grid;
    assert_eq!(
        error,
        InvariantError::PostingsUnbalanced { kind, sum_ncny: -1 }
    );
}

#[test]
fn a_credit_that_is_not_posted_is_found() {
    let error = found(|s| of(s, BUYER).credit.0 += 1);
    assert!(matches!(
        error,
        InvariantError::CreditDiffers { point: BUYER, .. }
    ));
}

/// Moves one nano-yuan from a point to the grid, in postings and credit alike.
fn skim(settlement: &mut Settlement, point: PointId, amount: i64) {
    move_posting(
        settlement,
        Account::Point(point),
        PostingKind::Grid,
        -amount,
    );
    move_posting(settlement, Account::Grid, PostingKind::Grid, amount);
    of(settlement, point).credit.0 -= amount;
}

#[test]
fn an_unenrolled_point_off_by_a_nano_yuan_either_way_is_found() {
    for amount in [1, -1] {
        let error = found(|s| skim(s, STRANGER, amount));
        assert!(matches!(
            error,
            InvariantError::WorseThanGridAlone {
                point: STRANGER,
                ..
            }
        ));
    }
}

#[test]
fn a_point_below_its_floor_is_found() {
    // The seller's pool sale brought 10 · (price − f) above its floor; a yuan more is too much.
    let error = found(|s| {
        let gain = s.points[&SELLER]
            .pool
            .green
            .cost(Price(s.pool_price.unwrap().0 - 400_000));
        skim(s, SELLER, gain.unwrap().0 + 1);
    });
    assert!(matches!(
        error,
        InvariantError::BelowFloor { point: SELLER, .. }
    ));
}

#[test]
fn a_balancing_account_that_gains_by_itself_is_found() {
    let error = found(|s| {
        move_posting(s, Account::Network, PostingKind::Wheeling, -1);
        let mut extra = s.postings[0];
        extra.account = Account::Balancing;
        extra.amount = Money(1);
        extra.kind = PostingKind::Wheeling;
        s.postings.push(extra);
    });
    assert_eq!(
        error,
        InvariantError::BalancingDiffers {
            found_ncny: 1,
            expected_ncny: 0
        }
    );
}

#[test]
fn certificates_out_of_nothing_are_found() {
    let wrong = |error: InvariantError, rule: &str| match error {
        InvariantError::CertificatesWrong { rule: found, .. } => assert_eq!(found, rule),
        other => panic!("{other:?}"),
    };
    wrong(
        found(|s| of(s, SELLER).sent.0 += 1),
        "transfers carry what was sent",
    );
    wrong(
        found(|s| of(s, SELLER).kept.0 += 1),
        "what is not sent is kept",
    );
    wrong(
        found(|s| of(s, BUYER).cancelled.0 += 1),
        "transfers carry what was cancelled",
    );
    let beyond = found(|s| {
        s.transfers[0].quantity.0 += 1_000;
        of(s, BUYER).cancelled.0 += 1_000;
        of(s, SELLER).sent.0 += 1_000;
        of(s, SELLER).kept.0 -= 1_000;
    });
    wrong(beyond, "no more is sent than was delivered");
    let nowhere = found(|s| {
        let (from, to, quantity) = (SELLER, PointId(9), WattHours(1));
        s.transfers.push(CertificateTransfer { from, to, quantity });
        of(s, SELLER).sent.0 += 1;
        of(s, SELLER).kept.0 -= 1;
        of(s, SELLER).delivered_green.0 += 1;
    });
    assert!(matches!(
        nowhere,
        InvariantError::CertificatesUnbalanced { .. }
    ));
}

/// What `settle` says after `change` of the inputs.
fn refused(change: impl FnOnce(&mut ParkTerms, &mut Points<PointInput>)) -> SettlementError {
    let (mut park, mut points) = (PARK, points());
    change(&mut park, &mut points);
    settle(&park, &points).unwrap_err()
}

fn input(points: &mut Points<PointInput>, point: PointId) -> &mut PointInput {
    points.get_mut(&point).unwrap()
}

#[test]
fn prices_out_of_range_are_refused() {
    let beyond = Price(limits::PRICE_MAX + 1);
    for price in [beyond, Price(-1)] {
        let park = refused(|park, _| park.wheeling = price);
        assert_eq!(
            park,
            SettlementError::ParkPriceOutOfRange {
                term: "wheeling",
                price
            }
        );
        let retail = refused(|_, points| input(points, BUYER).terms.retail = price);
        let expected = SettlementError::PointPriceOutOfRange {
            point: BUYER,
            term: "retail",
            price,
        };
        assert_eq!(retail, expected);
        let bid = refused(|_, points| input(points, BUYER).terms.bid_limit = Some(price));
        assert!(matches!(
            bid,
            SettlementError::PointPriceOutOfRange {
                term: "bid limit",
                ..
            }
        ));
    }
    let export = refused(|park, _| park.export = Price(400_001));
    assert!(matches!(export, SettlementError::ExportAboveFeedIn { .. }));
}

#[test]
fn deviation_prices_enclose_feed_in_export_and_every_retail_price() {
    let shortfall = |retail: [i64; 2]| PARK.shortfall_price(retail.map(Price)).0;
    assert_eq!(
        (shortfall([1, 900_000]), shortfall([1, 2])),
        (900_000, 400_000)
    );
    let excess = |retail: [i64; 2]| PARK.excess_price(retail.map(Price)).0;
    assert_eq!(
        (excess([100_000, 900_000]), excess([800_000, 900_000])),
        (100_000, 350_000)
    );
}

#[test]
fn energies_out_of_range_are_refused() {
    let beyond = WattHours(limits::ENERGY_MAX_WH + 1);
    for energy in [beyond, WattHours(-1)] {
        let error = refused(|_, points| input(points, SELLER).energy.discharge = energy);
        let register = "discharge";
        assert_eq!(
            error,
            SettlementError::EnergyOutOfRange {
                point: SELLER,
                register,
                energy
            }
        );
        let error =
            refused(|_, points| input(points, SELLER).position.sold = WattHours(energy.0 << 2));
        assert!(matches!(
            error,
            SettlementError::EnergyOutOfRange {
                register: "forward sale",
                ..
            }
        ));
    }
}

#[test]
fn trades_with_one_leg_are_refused() {
    let energy = refused(|_, points| input(points, SELLER).position.sold.0 += 1);
    assert_eq!(
        energy,
        SettlementError::ForwardEnergyUnbalanced {
            excess: WattHours(1)
        }
    );
    let cash = refused(|_, points| input(points, SELLER).position.cash.0 -= 1);
    assert_eq!(
        cash,
        SettlementError::ForwardCashUnbalanced { excess_ncny: -1 }
    );
}

#[test]
fn a_park_at_all_its_limits_does_not_overflow() {
    let top = Price(limits::PRICE_MAX);
    let park = ParkTerms {
        feed_in: top,
        export: top,
        wheeling: top,
    };
    let mut points = Points::new();
    for id in 0..16u32 {
        let mut input = idle_point(1, limits::PRICE_MAX);
        let is_plant = id % 2 == 0;
        let full = WattHours(limits::ENERGY_MAX_WH);
        let energy = &mut input.energy;
        if is_plant {
            (energy.generation, energy.discharge) = (full, full);
        } else {
            (energy.load, energy.charge) = (full, full);
        }
        // Each has sold or bought the most against its own nature.
        let position = &mut input.position;
        if is_plant {
            position.bought = WattHours(limits::POSITION_MAX_WH);
        } else {
            position.sold = WattHours(limits::POSITION_MAX_WH);
        }
        points.insert(PointId(id), input);
    }
    let settlement = settle(&park, &points).unwrap();
    // The stamp eats up what a need could bid, so that only the short meet the plants.
    assert_eq!(settlement.pool_volume.0, 8 * limits::POSITION_MAX_WH);
}

#[test]
fn an_amount_beyond_its_account_is_an_error_and_not_a_panic() {
    let error = refused(|_, points| {
        input(points, SELLER).position.cash = Money(i64::MAX);
        input(points, BUYER).position.cash = Money(-i64::MAX);
    });
    assert!(
        matches!(error, SettlementError::AmountOutOfRange { .. }),
        "{error:?}"
    );
}
