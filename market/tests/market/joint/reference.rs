//! The joint auction by its text: every round clears every interval anew, over every price.

use wattle_market::auction::{Quote, clear};
use wattle_market::joint::{
    Bundle, BundleClearing, IntervalClearing, IntervalOrders, JointClearing, Leg,
};
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

/// Limits of simple orders lie from 0 to this.
pub(super) const PRICE_MAX: i64 = 20;

/// Stands for all legs of a side; no simple order has it.
const LEGS: u32 = u32::MAX;

/// An interval with some bundles' legs, as a plain auction in which the legs are one order at a
/// limit that no other order can beat.
struct Cleared {
    clearing: IntervalClearing<u32>,
    stuck: Option<Side>,
    sale: i64,
    purchase: i64,
}

fn clear_interval(orders: &IntervalOrders<u32>, legs: &[Leg]) -> Cleared {
    let energy = |side: Side| -> i64 {
        let of_side = legs.iter().filter(|leg| leg.side == side);
        of_side.map(|leg| leg.quantity.0).sum()
    };
    let (selling, buying) = (energy(Side::Sell), energy(Side::Buy));
    let with_legs = |quotes: &[Quote<u32>], quantity: i64, limit: i64| -> Vec<Quote<u32>> {
        let legs = Quote {
            key: LEGS,
            quantity: WattHours(quantity),
            limit: Price(limit),
        };
        quotes.iter().copied().chain([legs]).collect()
    };
    let asks = with_legs(&orders.asks, selling, -1);
    let bids = with_legs(&orders.bids, buying, PRICE_MAX + 1);
    let plain = clear(&asks, &bids);
    let filled = |fills: &[(u32, WattHours)], key: u32| -> i64 {
        let of_key = fills.iter().filter(|(filled, _)| *filled == key);
        of_key.map(|(_, quantity)| quantity.0).sum()
    };
    let stuck = if filled(&plain.asks, LEGS) < selling {
        Some(Side::Sell)
    } else if filled(&plain.bids, LEGS) < buying {
        Some(Side::Buy)
    } else {
        None
    };
    let limits = |quotes: &[Quote<u32>], keep: &dyn Fn(&Quote<u32>) -> bool| -> Vec<i64> {
        let kept = quotes.iter().filter(|quote| keep(quote));
        kept.map(|quote| quote.limit.0).collect()
    };
    let filled_asks = limits(&orders.asks, &|quote| filled(&plain.asks, quote.key) > 0);
    let filled_bids = limits(&orders.bids, &|quote| filled(&plain.bids, quote.key) > 0);
    let left_asks = limits(&orders.asks, &|quote| {
        filled(&plain.asks, quote.key) < quote.quantity.0
    });
    let left_bids = limits(&orders.bids, &|quote| {
        filled(&plain.bids, quote.key) < quote.quantity.0
    });
    let neutral = orders.neutral.0;
    let price = match (filled_asks.iter().max(), filled_bids.iter().min()) {
        (Some(ask), Some(bid)) => Some(ask + (bid - ask) / 2),
        // Half the way from the one limit to the neutral price, if that is on the far side.
        (Some(ask), None) => Some(ask + (neutral - ask).max(0) / 2),
        (None, Some(bid)) => Some(neutral.min(*bid) + (bid - neutral).max(0) / 2),
        (None, None) => (selling + buying > 0).then_some(neutral),
    };
    let reckoned = price.unwrap_or(neutral);
    let without_legs = |fills: Vec<(u32, WattHours)>| -> Vec<(u32, WattHours)> {
        fills.into_iter().filter(|(key, _)| *key != LEGS).collect()
    };
    Cleared {
        stuck,
        sale: left_asks.into_iter().fold(reckoned, i64::min),
        purchase: left_bids.into_iter().fold(reckoned, i64::max),
        clearing: IntervalClearing {
            interval: orders.interval,
            price: price.map(Price),
            reckoned: Price(reckoned),
            volume: plain.volume,
            sold_in_bundles: WattHours(selling),
            bought_in_bundles: WattHours(buying),
            asks: without_legs(plain.asks),
            bids: without_legs(plain.bids),
        },
    }
}

fn clear_all(orders: &[IntervalOrders<u32>], bundles: &[&Bundle<u8>]) -> Vec<Cleared> {
    orders
        .iter()
        .map(|of_interval| {
            let legs = bundles.iter().flat_map(|bundle| &bundle.legs).copied();
            let legs: Vec<Leg> = legs
                .filter(|leg| leg.interval == of_interval.interval)
                .collect();
            clear_interval(of_interval, &legs)
        })
        .collect()
}

fn find<'a>(cleared: &'a [Cleared], leg: &Leg) -> &'a Cleared {
    let mut of_interval = cleared.iter();
    of_interval
        .find(|one| one.clearing.interval == leg.interval)
        .unwrap()
}

fn cash(bundle: &Bundle<u8>, price: &dyn Fn(&Leg) -> i64) -> i64 {
    let mut cash = 0;
    for leg in &bundle.legs {
        match leg.side {
            Side::Sell => cash += leg.quantity.0 * price(leg),
            Side::Buy => cash -= leg.quantity.0 * price(leg),
        }
    }
    cash
}

pub(super) fn reference_clear(
    orders: &[IntervalOrders<u32>],
    bundles: &[Bundle<u8>],
) -> JointClearing<u32, u8> {
    let mut left: Vec<&Bundle<u8>> = bundles.iter().collect();
    let mut rounds = 0;
    let cleared = loop {
        rounds += 1;
        let cleared = clear_all(orders, &left);
        let loss = |bundle: &Bundle<u8>| {
            let reckoned = cash(bundle, &|leg| match leg.side {
                Side::Sell => find(&cleared, leg).sale,
                Side::Buy => find(&cleared, leg).purchase,
            });
            bundle.limit.0 - reckoned
        };
        let is_stuck = |bundle: &Bundle<u8>| {
            let mut legs = bundle.legs.iter();
            legs.any(|leg| find(&cleared, leg).stuck == Some(leg.side))
        };
        let mut candidates: Vec<&Bundle<u8>> = left.clone();
        if candidates.iter().any(|bundle| is_stuck(bundle)) {
            candidates.retain(|bundle| is_stuck(bundle));
        } else {
            candidates.retain(|bundle| loss(bundle) > 0);
        }
        candidates.sort_by_key(|bundle| (loss(bundle), bundle.id));
        let Some(gone) = candidates.last().map(|bundle| bundle.id) else {
            break cleared;
        };
        left.retain(|bundle| bundle.id != gone);
    };
    let mut outcomes: Vec<BundleClearing<u8>> = bundles
        .iter()
        .map(|bundle| {
            let of_leg = |leg: &Leg| {
                let mut neutrals = orders.iter();
                let neutral = neutrals.find(|one| one.interval == leg.interval).unwrap();
                let price = find(&cleared, leg).clearing.price;
                price.unwrap_or(neutral.neutral).0
            };
            let cash = cash(bundle, &of_leg);
            BundleClearing {
                id: bundle.id,
                accepted: left.iter().any(|one| one.id == bundle.id),
                cash: Money(cash),
                surplus: Money(cash - bundle.limit.0),
            }
        })
        .collect();
    outcomes.sort_by_key(|outcome| outcome.id);
    JointClearing {
        intervals: cleared.into_iter().map(|one| one.clearing).collect(),
        bundles: outcomes,
        rounds,
    }
}
