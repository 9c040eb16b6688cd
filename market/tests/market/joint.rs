//! The joint auction against a reference that tries every price, and examples done by hand.

mod examples;
mod reference;

use proptest::prelude::*;
use reference::reference_clear;
use wattle_market::auction::{Quote, clear};
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::{
    Bundle, BundleClearing, IntervalClearing, IntervalOrders, JointClearing, Leg, clear_jointly,
};
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

type Orders = Vec<IntervalOrders<u32>>;
type Bundles = Vec<Bundle<u8>>;

const INTERVALS: u64 = 4;

fn quotes() -> impl Strategy<Value = Vec<Quote<u32>>> {
    let quote = (0i64..30, 0i64..=reference::PRICE_MAX);
    prop::collection::vec(quote, 0..6).prop_map(|quotes| {
        let keyed = quotes.into_iter().zip(0u32..);
        keyed
            .map(|((quantity, limit), key)| Quote {
                // A key order that has nothing to do with the position.
                key: key * 7 % 17,
                quantity: WattHours(quantity),
                limit: Price(limit),
            })
            .collect()
    })
}

fn orders() -> impl Strategy<Value = Orders> {
    let one = (quotes(), quotes(), 0i64..=reference::PRICE_MAX);
    prop::collection::vec(one, INTERVALS as usize).prop_map(|day| {
        let numbered = day.into_iter().zip(0u64..);
        numbered
            .map(|((asks, bids, neutral), interval)| IntervalOrders {
                interval: DeliveryInterval(interval),
                neutral: Price(neutral),
                asks,
                bids,
            })
            .collect()
    })
}

fn bundle(id: u8) -> impl Strategy<Value = Bundle<u8>> {
    let leg = prop::option::of((prop::bool::ANY, 1i64..40));
    let legs = prop::collection::vec(leg, INTERVALS as usize);
    (legs, -300i64..300).prop_filter_map("a bundle has a leg", move |(legs, limit)| {
        let legs: Vec<Leg> = legs
            .into_iter()
            .zip(0u64..)
            .filter_map(|(leg, interval)| {
                let (sells, quantity) = leg?;
                Some(Leg {
                    interval: DeliveryInterval(interval),
                    side: if sells { Side::Sell } else { Side::Buy },
                    quantity: WattHours(quantity),
                })
            })
            .collect();
        (!legs.is_empty()).then_some(Bundle {
            id,
            legs,
            limit: Money(limit),
        })
    })
}

fn bundles() -> impl Strategy<Value = Bundles> {
    (0usize..7).prop_flat_map(|count| {
        let ids = [5, 3, 9, 1, 4, 8, 2];
        ids[..count]
            .iter()
            .map(|id| bundle(*id))
            .collect::<Vec<_>>()
    })
}

fn of(cleared: &JointClearing<u32, u8>, id: u8) -> &BundleClearing<u8> {
    cleared.bundles.iter().find(|one| one.id == id).unwrap()
}

fn at(cleared: &JointClearing<u32, u8>, leg: &Leg) -> IntervalClearing<u32> {
    let interval = |one: &&IntervalClearing<u32>| one.interval == leg.interval;
    cleared.intervals.iter().find(interval).unwrap().clone()
}

fn filled(fills: &[(u32, WattHours)], key: u32) -> i64 {
    let of_key = fills.iter().filter(|(filled, _)| *filled == key);
    of_key.map(|(_, quantity)| quantity.0).sum()
}

fn total(fills: &[(u32, WattHours)]) -> i64 {
    fills.iter().map(|(_, quantity)| quantity.0).sum()
}

/// What the accepted bundles trade on one side of an interval.
fn legs_of(cleared: &JointClearing<u32, u8>, bundles: &Bundles, at: u64, side: Side) -> i64 {
    bundles
        .iter()
        .filter(|bundle| of(cleared, bundle.id).accepted)
        .flat_map(|bundle| &bundle.legs)
        .filter(|leg| leg.interval.0 == at && leg.side == side)
        .map(|leg| leg.quantity.0)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_loop_is_the_rule(orders in orders(), bundles in bundles()) {
        prop_assert_eq!(clear_jointly(&orders, &bundles), reference_clear(&orders, &bundles));
    }

    #[test]
    fn without_bundles_every_interval_is_a_plain_auction(orders in orders()) {
        let cleared = clear_jointly::<u32, u8>(&orders, &[]);
        prop_assert_eq!(cleared.rounds, 1);
        for (one, of_interval) in cleared.intervals.iter().zip(&orders) {
            let plain = clear(&of_interval.asks, &of_interval.bids);
            prop_assert_eq!((one.price, one.volume), (plain.price, plain.volume));
            prop_assert_eq!((&one.asks, &one.bids), (&plain.asks, &plain.bids));
        }
    }

    #[test]
    fn accepted_bundles_get_their_limit_and_rejected_ones_trade_nothing(
        orders in orders(),
        bundles in bundles(),
    ) {
        let cleared = clear_jointly(&orders, &bundles);
        prop_assert_eq!(cleared.bundles.len(), bundles.len());
        let rejected = cleared.bundles.iter().filter(|one| !one.accepted).count();
        prop_assert_eq!(cleared.rounds, rejected + 1);
        for bundle in &bundles {
            let outcome = of(&cleared, bundle.id);
            if !outcome.accepted {
                continue;
            }
            let cash = bundle.legs.iter().map(|leg| {
                let price = at(&cleared, leg).price.unwrap().0;
                let sign = if leg.side == Side::Sell { 1 } else { -1 };
                sign * leg.quantity.0 * price
            });
            prop_assert_eq!(cash.sum::<i64>(), outcome.cash.0);
            prop_assert!(outcome.cash >= bundle.limit);
        }
    }

    #[test]
    fn energy_is_conserved_in_every_interval(orders in orders(), bundles in bundles()) {
        let cleared = clear_jointly(&orders, &bundles);
        for one in &cleared.intervals {
            let interval = one.interval.0;
            let selling = legs_of(&cleared, &bundles, interval, Side::Sell);
            let buying = legs_of(&cleared, &bundles, interval, Side::Buy);
            let in_bundles = (one.sold_in_bundles.0, one.bought_in_bundles.0);
            prop_assert_eq!((selling, buying), in_bundles);
            prop_assert_eq!(selling + total(&one.asks), one.volume.0);
            prop_assert_eq!(buying + total(&one.bids), one.volume.0);
            prop_assert_eq!(one.price.is_some(), one.volume.0 > 0);
        }
    }

    #[test]
    fn simple_orders_are_filled_within_their_limits_and_the_better_first(
        orders in orders(),
        bundles in bundles(),
    ) {
        let cleared = clear_jointly(&orders, &bundles);
        for (one, of_interval) in cleared.intervals.iter().zip(&orders) {
            let sides = [
                (Side::Sell, &of_interval.asks, &one.asks),
                (Side::Buy, &of_interval.bids, &one.bids),
            ];
            for (side, quotes, fills) in sides {
                let is_better = |one: Price, other: Price| match side {
                    Side::Sell => one < other,
                    Side::Buy => one > other,
                };
                for quote in quotes {
                    let quantity = filled(fills, quote.key);
                    prop_assert!(quantity <= quote.quantity.0);
                    if quantity > 0 {
                        prop_assert!(!is_better(one.price.unwrap(), quote.limit));
                    }
                    for other in quotes.iter().filter(|other| is_better(other.limit, quote.limit)) {
                        let whole = filled(fills, other.key) == other.quantity.0;
                        prop_assert!(quantity == 0 || whole);
                    }
                }
            }
        }
    }

    #[test]
    fn no_leg_pushes_aside_an_order_that_it_does_not_outbid(
        orders in orders(),
        bundles in bundles(),
    ) {
        // Paying what the best unfilled order of its side would, a bundle still gets its limit.
        let cleared = clear_jointly(&orders, &bundles);
        for bundle in bundles.iter().filter(|bundle| of(&cleared, bundle.id).accepted) {
            let reckoned = bundle.legs.iter().map(|leg| {
                let one = at(&cleared, leg);
                let of_interval = &orders[leg.interval.0 as usize];
                let (quotes, fills) = match leg.side {
                    Side::Sell => (&of_interval.asks, &one.asks),
                    Side::Buy => (&of_interval.bids, &one.bids),
                };
                let left = quotes
                    .iter()
                    .filter(|quote| filled(fills, quote.key) < quote.quantity.0)
                    .map(|quote| quote.limit.0);
                let price = one.price.unwrap().0;
                match leg.side {
                    Side::Sell => leg.quantity.0 * left.fold(price, i64::min),
                    Side::Buy => -leg.quantity.0 * left.fold(price, i64::max),
                }
            });
            prop_assert!(reckoned.sum::<i64>() >= bundle.limit.0);
        }
    }

    #[test]
    fn simple_orders_trade_as_much_as_the_accepted_bundles_leave(
        orders in orders(),
        bundles in bundles(),
    ) {
        let cleared = clear_jointly(&orders, &bundles);
        for (one, of_interval) in cleared.intervals.iter().zip(&orders) {
            let energy = |quotes: &[Quote<u32>], within: &dyn Fn(i64) -> bool| -> i64 {
                let within = quotes.iter().filter(|quote| within(quote.limit.0));
                within.map(|quote| quote.quantity.0).sum()
            };
            let (selling, buying) = (one.sold_in_bundles.0, one.bought_in_bundles.0);
            let most = (-1..=reference::PRICE_MAX + 1).map(|price| {
                let asks = energy(&of_interval.asks, &|limit| limit <= price);
                let bids = energy(&of_interval.bids, &|limit| limit >= price);
                (selling + asks).min(buying + bids)
            });
            prop_assert_eq!(one.volume.0, most.max().unwrap());
        }
    }

    #[test]
    fn the_order_of_no_list_has_an_influence(
        (orders, shuffled_orders) in orders()
            .prop_flat_map(|orders| (Just(orders.clone()), Just(orders).prop_shuffle())),
        (bundles, shuffled_bundles) in bundles()
            .prop_flat_map(|bundles| (Just(bundles.clone()), Just(bundles).prop_shuffle())),
    ) {
        let mut turned = shuffled_orders;
        for of_interval in &mut turned {
            of_interval.asks.reverse();
            of_interval.bids.reverse();
        }
        let mut turned_bundles = shuffled_bundles;
        for bundle in &mut turned_bundles {
            bundle.legs.reverse();
        }
        prop_assert_eq!(
            clear_jointly(&orders, &bundles),
            clear_jointly(&turned, &turned_bundles)
        );
    }
}
