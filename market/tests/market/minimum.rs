//! Auctions with minimum quantities against the rule followed word by word.

use proptest::prelude::*;
use wattle_market::auction::{Quote, clear};
use wattle_market::minimum::{MinimumClearing, MinimumQuote, Removal, clear_with_minimums};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

type Orders = Vec<MinimumQuote<u32>>;

fn plain(orders: &Orders) -> Vec<Quote<u32>> {
    orders.iter().map(|order| order.quote).collect()
}

fn fill_of(key: u32, fills: &[(u32, WattHours)]) -> i64 {
    fills
        .iter()
        .find(|(filled, _)| *filled == key)
        .map_or(0, |(_, quantity)| quantity.0)
}

/// The rule by its text; sets below are too small to reach its bound.
fn reference(mut asks: Orders, mut bids: Orders) -> MinimumClearing<u32> {
    let mut removed = Vec::new();
    loop {
        let clearing = clear(&plain(&asks), &plain(&bids));
        let mut missed = Vec::new();
        for (side, orders, fills) in [
            (Side::Sell, &asks, &clearing.asks),
            (Side::Buy, &bids, &clearing.bids),
        ] {
            for order in orders {
                let filled = fill_of(order.quote.key, fills);
                if filled > 0 && filled < order.minimum.0 {
                    missed.push((filled, order.minimum.0, order.quote.key, side));
                }
            }
        }
        // Nobody has a smaller part, and nobody with an equal part a greater key; asks come first.
        let is_worst = |one: &(i64, i64, u32, Side)| {
            missed.iter().all(|other| {
                let (own, others) = (one.0 * other.1, other.0 * one.1);
                own < others || (own == others && one.2 >= other.2)
            })
        };
        let Some(worst) = missed.iter().find(|one| is_worst(one)).copied() else {
            assert!(missed.is_empty());
            return MinimumClearing { clearing, removed };
        };
        let (offered, _, key, side) = worst;
        let orders = if side == Side::Sell {
            &mut asks
        } else {
            &mut bids
        };
        orders.retain(|order| order.quote.key != key);
        removed.push(Removal {
            key,
            side,
            offered: WattHours(offered),
        });
    }
}

fn orders() -> impl Strategy<Value = Orders> {
    let one = (0i64..12, 0i64..8, 0i64..=4);
    prop::collection::vec(one, 0..10).prop_map(|orders| {
        let keyed = orders.into_iter().enumerate();
        keyed
            .map(|(key, (quantity, limit, quarters))| MinimumQuote {
                quote: Quote {
                    key: key as u32,
                    quantity: WattHours(quantity),
                    limit: Price(limit),
                },
                minimum: WattHours(quantity * quarters / 4),
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_loop_is_the_rule(asks in orders(), bids in orders()) {
        prop_assert_eq!(clear_with_minimums(&asks, &bids), reference(asks, bids));
    }

    #[test]
    fn no_filled_order_is_below_its_minimum(asks in orders(), bids in orders()) {
        let cleared = clear_with_minimums(&asks, &bids);
        for (orders, fills) in [(&asks, &cleared.clearing.asks), (&bids, &cleared.clearing.bids)] {
            for order in orders {
                let filled = fill_of(order.quote.key, fills);
                prop_assert!(filled == 0 || filled >= order.minimum.0);
            }
        }
        for removal in &cleared.removed {
            let fills = match removal.side {
                Side::Sell => &cleared.clearing.asks,
                Side::Buy => &cleared.clearing.bids,
            };
            prop_assert_eq!(fill_of(removal.key, fills), 0);
        }
    }

    #[test]
    fn without_minimums_it_is_the_plain_auction(mut asks in orders(), mut bids in orders()) {
        for order in asks.iter_mut().chain(&mut bids) {
            order.minimum = WattHours(0);
        }
        let cleared = clear_with_minimums(&asks, &bids);
        prop_assert_eq!(cleared.clearing, clear(&plain(&asks), &plain(&bids)));
        prop_assert!(cleared.removed.is_empty());
    }

    #[test]
    fn a_permutation_changes_nothing(
        (asks, shuffled) in orders().prop_flat_map(|o| (Just(o.clone()), Just(o).prop_shuffle())),
        bids in orders(),
    ) {
        let mut reversed = bids.clone();
        reversed.reverse();
        prop_assert_eq!(
            clear_with_minimums(&asks, &bids),
            clear_with_minimums(&shuffled, &reversed)
        );
    }
}
