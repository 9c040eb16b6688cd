//! Days small enough to be followed by hand.

use super::*;
use wattle_market::limits::BUNDLES_MAX;

fn quote(key: u32, quantity: i64, limit: i64) -> Quote<u32> {
    Quote {
        key,
        quantity: WattHours(quantity),
        limit: Price(limit),
    }
}

/// An interval whose neutral price is 10.
fn interval(at: u64, asks: &[Quote<u32>], bids: &[Quote<u32>]) -> IntervalOrders<u32> {
    IntervalOrders {
        interval: DeliveryInterval(at),
        neutral: Price(10),
        asks: asks.to_vec(),
        bids: bids.to_vec(),
    }
}

fn bundle(id: u8, limit: i64, legs: &[(u64, Side, i64)]) -> Bundle<u8> {
    let leg = |(interval, side, quantity): &(u64, Side, i64)| Leg {
        interval: DeliveryInterval(*interval),
        side: *side,
        quantity: WattHours(*quantity),
    };
    Bundle {
        id,
        legs: legs.iter().map(leg).collect(),
        limit: Money(limit),
    }
}

fn prices(cleared: &JointClearing<u32, u8>) -> Vec<Option<i64>> {
    let prices = cleared.intervals.iter();
    prices.map(|one| one.price.map(|price| price.0)).collect()
}

fn accepted(cleared: &JointClearing<u32, u8>) -> Vec<u8> {
    let accepted = cleared.bundles.iter().filter(|one| one.accepted);
    accepted.map(|one| one.id).collect()
}

#[test]
fn a_battery_buys_at_noon_and_sells_in_the_evening() {
    // Noon: 100 offered at 3. Evening: 80 wanted at 19. Neither trades without the battery.
    let day = [
        interval(0, &[quote(1, 100, 3)], &[]),
        interval(1, &[], &[quote(2, 80, 19)]),
    ];
    let battery = bundle(7, 0, &[(0, Side::Buy, 90), (1, Side::Sell, 80)]);
    let cleared = clear_jointly(&day, &[battery]);
    // Noon: from 3 half the way to 10. Evening: from 10 half the way to 19.
    assert_eq!(prices(&cleared), [Some(6), Some(14)]);
    assert_eq!(of(&cleared, 7).cash, Money(80 * 14 - 90 * 6));
    assert_eq!(cleared.intervals[0].asks, [(1, WattHours(90))]);
    assert_eq!(cleared.intervals[1].bids, [(2, WattHours(80))]);
    assert_eq!(cleared.rounds, 1);
}

#[test]
fn the_neutral_price_gives_way_to_the_only_filled_limit() {
    let buys = bundle(1, -1_000, &[(0, Side::Buy, 5)]);
    let dear = [interval(0, &[quote(1, 9, 14)], &[])];
    assert_eq!(prices(&clear_jointly(&dear, &[buys])), [Some(14)]);
    let sells = bundle(1, 0, &[(0, Side::Sell, 5)]);
    let cheap = [interval(0, &[], &[quote(1, 9, 4)])];
    assert_eq!(prices(&clear_jointly(&cheap, &[sells])), [Some(4)]);
}

#[test]
fn bundles_that_only_meet_bundles_trade_at_the_neutral_price() {
    let day = [interval(0, &[], &[]), interval(1, &[], &[])];
    let there = bundle(1, -1, &[(0, Side::Buy, 50), (1, Side::Sell, 50)]);
    let back = bundle(2, 0, &[(0, Side::Sell, 50), (1, Side::Buy, 50)]);
    let cleared = clear_jointly(&day, &[there, back]);
    assert_eq!(prices(&cleared), [Some(10), Some(10)]);
    assert_eq!(accepted(&cleared), [1, 2]);
}

#[test]
fn the_greatest_loss_goes_first_and_the_others_may_stay_for_it() {
    // One buyer at 12 for two heats' worth of sales. Both at once cannot be filled: stuck.
    let day = [interval(0, &[], &[quote(1, 60, 12)])];
    let modest = bundle(1, 400, &[(0, Side::Sell, 50)]);
    let greedy = bundle(2, 500, &[(0, Side::Sell, 50)]);
    let cleared = clear_jointly(&day, &[greedy, modest]);
    assert_eq!(accepted(&cleared), [1]);
    assert_eq!(cleared.rounds, 2);
    // 50 at 11, midway from the neutral 10 to 12: it would have had 50 above its limit.
    let rejected = of(&cleared, 2);
    assert_eq!((rejected.cash, rejected.surplus), (Money(550), Money(50)));
}

#[test]
fn of_equal_losses_the_greatest_id_goes() {
    let day = [interval(0, &[], &[quote(1, 60, 12)])];
    let one = |id| bundle(id, 400, &[(0, Side::Sell, 50)]);
    let cleared = clear_jointly(&day, &[one(4), one(9), one(6)]);
    assert_eq!(accepted(&cleared), [4]);
}

#[test]
fn a_leg_that_cannot_be_filled_whole_takes_its_bundle_out() {
    let day = [
        interval(0, &[quote(1, 100, 3)], &[]),
        interval(1, &[], &[quote(2, 79, 19)]),
    ];
    let battery = bundle(7, -10_000, &[(0, Side::Buy, 90), (1, Side::Sell, 80)]);
    let cleared = clear_jointly(&day, &[battery]);
    assert_eq!(accepted(&cleared), [0; 0]);
    assert_eq!(prices(&cleared), [None, None]);
    // Where nothing trades the neutral price stands in: 80 · 10 − 90 · 10.
    assert_eq!(of(&cleared, 7).cash, Money(-100));
}

#[test]
fn a_bundle_does_not_jump_the_queue() {
    // Ten offered at 2; two buyers at 18 and 16. The plain auction: ten to the first, price 10.
    let day = [interval(
        0,
        &[quote(1, 10, 2)],
        &[quote(2, 10, 18), quote(3, 10, 16)],
    )];
    let pays = |each: i64| bundle(1, -10 * each, &[(0, Side::Buy, 10)]);
    // At the price of 6 (from 2 half the way to 10) both could pay. But the one that would pay
    // 17 pushes aside a buyer at 18.
    let cleared = clear_jointly(&day, &[pays(17)]);
    assert_eq!(accepted(&cleared), [0; 0]);
    assert_eq!(cleared.intervals[0].bids, [(2, WattHours(10))]);
    let cleared = clear_jointly(&day, &[pays(18)]);
    assert_eq!(accepted(&cleared), [1]);
    assert_eq!(prices(&cleared), [Some(6)]);
}

#[test]
fn as_many_rounds_as_bundles_and_one_are_enough() {
    let day = [interval(0, &[], &[])];
    let bundles: Vec<Bundle<u8>> = (0..BUNDLES_MAX as u8)
        .map(|id| bundle(id, 0, &[(0, Side::Sell, 1)]))
        .collect();
    let cleared = clear_jointly(&day, &bundles);
    assert_eq!(cleared.rounds, BUNDLES_MAX + 1);
    assert_eq!(accepted(&cleared), [0; 0]);
}

#[test]
#[should_panic(expected = "bounded number of bundles")]
fn more_bundles_than_the_bound_are_our_own_error() {
    let day = [interval(0, &[], &[])];
    let bundles: Vec<Bundle<u8>> = (0..=BUNDLES_MAX as u8)
        .map(|id| bundle(id, 0, &[(0, Side::Sell, 1)]))
        .collect();
    clear_jointly(&day, &bundles);
}

#[test]
fn the_greatest_numbers_fit() {
    let most = 1i64 << 30;
    let legs: Vec<(u64, Side, i64)> = (0..32).map(|at| (at, Side::Sell, most)).collect();
    let price = 100_000_000;
    let day: Vec<IntervalOrders<u32>> = (0..32)
        .map(|at| interval(at, &[], &[quote(1, most, price)]))
        .collect();
    let greedy = bundle(1, i64::MIN / 4, &legs);
    let cleared = clear_jointly(&day, &[greedy]);
    assert_eq!(accepted(&cleared), [1]);
    assert_eq!(of(&cleared, 1).cash.0, (1 << 35) * (10 + (price - 10) / 2));
}
