//! Minimum quantities in the call auction: an order that would be filled, but below its minimum,
//! is taken out, and the rest is cleared again.
//!
//! The plain auction may fill any order in part. Whoever runs a machine or nothing needs more: a
//! minimum (equal to the quantity: fill or kill). Finding the greatest volume under minimums is a
//! knapsack; this is a bounded loop instead, whose every step can be followed by hand. It always
//! ends with an auction in which no filled order is below its minimum, and an order that was
//! taken out stays out, also where a later round would have filled it.

use std::cmp::{Ordering, Reverse};

use crate::auction::{Clearing, Quote, clear};
use crate::order::Side;
use crate::units::WattHours;

/// Orders that are taken out one at a time; if a filled order is below its minimum even then, all
/// orders with a minimum go at once. Bounds the work of a gate.
pub const REMOVALS_MAX: usize = 256;

/// A quote that takes all of its minimum or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumQuote<K> {
    /// The quote.
    pub quote: Quote<K>,
    /// The least it accepts, from zero (anything) to its quantity (all of it).
    pub minimum: WattHours,
}

/// An order that was taken out of an auction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal<K> {
    /// The order.
    pub key: K,
    /// Its side.
    pub side: Side,
    /// What the round in which it was taken out would have filled.
    pub offered: WattHours,
}

/// What an auction with minimums decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinimumClearing<K> {
    /// The auction of the orders that stayed.
    pub clearing: Clearing<K>,
    /// The orders that were taken out, in that order.
    pub removed: Vec<Removal<K>>,
}

/// Clears `asks` against `bids` until no filled order is below its minimum.
///
/// Of the orders that a round fills above zero and below their minimum, the one with the smallest
/// part of its minimum goes; of equal ones the one with the greatest key, of equal keys the ask.
/// The order in which either list stands has no influence. Keys are distinct within a side.
///
/// # Panics
/// Where [`clear`] does.
pub fn clear_with_minimums<K: Ord + Clone>(
    asks: &[MinimumQuote<K>],
    bids: &[MinimumQuote<K>],
) -> MinimumClearing<K> {
    let mut orders = asks.iter().chain(bids);
    if orders.all(|order| order.minimum.0 <= 0) {
        return MinimumClearing {
            clearing: clear(&quotes(asks), &quotes(bids)),
            removed: Vec::new(),
        };
    }
    let (mut asks, mut bids) = (asks.to_vec(), bids.to_vec());
    // Sorted once, so that each round's own sort finds its work done.
    asks.sort_by_key(|order| order.quote.limit);
    bids.sort_by_key(|order| Reverse(order.quote.limit));
    let mut removed = Vec::new();
    loop {
        let clearing = clear(&quotes(&asks), &quotes(&bids));
        let missed = missed(Side::Sell, &asks, &clearing.asks)
            .into_iter()
            .chain(missed(Side::Buy, &bids, &clearing.bids));
        let Some(worst) = missed.min_by(Missed::badness) else {
            return MinimumClearing { clearing, removed };
        };
        if removed.len() == REMOVALS_MAX {
            removed.extend(take_all(Side::Sell, &mut asks, &clearing.asks));
            removed.extend(take_all(Side::Buy, &mut bids, &clearing.bids));
            continue;
        }
        let orders = match worst.removal.side {
            Side::Sell => &mut asks,
            Side::Buy => &mut bids,
        };
        orders.retain(|order| order.quote.key != worst.removal.key);
        removed.push(worst.removal);
    }
}

fn quotes<K: Clone>(orders: &[MinimumQuote<K>]) -> Vec<Quote<K>> {
    orders.iter().map(|order| order.quote.clone()).collect()
}

fn filled<K: Ord>(key: &K, fills: &[(K, WattHours)]) -> WattHours {
    match fills.binary_search_by(|(filled, _)| filled.cmp(key)) {
        Ok(index) => fills[index].1,
        Err(_) => WattHours::ZERO,
    }
}

/// An order filled above zero and below its minimum.
struct Missed<K> {
    removal: Removal<K>,
    minimum: WattHours,
}

impl<K: Ord> Missed<K> {
    /// The least is the worst.
    fn badness(&self, other: &Missed<K>) -> Ordering {
        // filled ÷ minimum against the other's, multiplied out.
        let own = i128::from(self.removal.offered.0) * i128::from(other.minimum.0);
        let others = i128::from(other.removal.offered.0) * i128::from(self.minimum.0);
        let by_key = other.removal.key.cmp(&self.removal.key);
        let is_bid = |missed: &Missed<K>| missed.removal.side == Side::Buy;
        own.cmp(&others)
            .then(by_key)
            .then(is_bid(self).cmp(&is_bid(other)))
    }
}

fn missed<K: Ord + Clone>(
    side: Side,
    orders: &[MinimumQuote<K>],
    fills: &[(K, WattHours)],
) -> Vec<Missed<K>> {
    let candidates = orders.iter().filter(|order| order.minimum.0 > 0);
    candidates
        .filter_map(|order| {
            let offered = filled(&order.quote.key, fills);
            (offered.0 > 0 && offered < order.minimum).then(|| Missed {
                removal: Removal {
                    key: order.quote.key.clone(),
                    side,
                    offered,
                },
                minimum: order.minimum,
            })
        })
        .collect()
}

/// Takes out all orders with a minimum, by key.
fn take_all<K: Ord + Clone>(
    side: Side,
    orders: &mut Vec<MinimumQuote<K>>,
    fills: &[(K, WattHours)],
) -> Vec<Removal<K>> {
    let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(orders)
        .into_iter()
        .partition(|order| order.minimum.0 > 0);
    *orders = left;
    let mut gone: Vec<Removal<K>> = gone
        .into_iter()
        .map(|order| Removal {
            offered: filled(&order.quote.key, fills),
            key: order.quote.key,
            side,
        })
        .collect();
    gone.sort_by(|one, other| one.key.cmp(&other.key));
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Price;

    fn order(key: u32, quantity: i64, limit: i64, minimum: i64) -> MinimumQuote<u32> {
        MinimumQuote {
            quote: Quote {
                key,
                quantity: WattHours(quantity),
                limit: Price(limit),
            },
            minimum: WattHours(minimum),
        }
    }

    #[test]
    fn fill_or_kill_is_filled_whole_or_not_at_all() {
        let bid = order(1, 10, 5, 10);
        let enough = clear_with_minimums(&[order(2, 10, 3, 0)], &[bid]);
        assert_eq!(enough.clearing.volume, WattHours(10));
        assert_eq!(enough.removed, []);
        let short = clear_with_minimums(&[order(2, 9, 3, 0)], &[bid]);
        assert_eq!(short.clearing.volume, WattHours(0));
        let removal = Removal {
            key: 1,
            side: Side::Buy,
            offered: WattHours(9),
        };
        assert_eq!(short.removed, [removal]);
    }

    #[test]
    fn the_smallest_part_of_its_minimum_goes_first_and_ties_to_the_greatest_key() {
        // 12 Wh for two bids of 12: each gets 6. Of 8 and 12, 6 is less of 12.
        let ask = order(9, 12, 1, 0);
        let of = |first: i64, second: i64| {
            let bids = [order(1, 12, 5, first), order(2, 12, 5, second)];
            clear_with_minimums(&[ask], &bids)
        };
        let keys = |clearing: &MinimumClearing<u32>| -> Vec<u32> {
            clearing.removed.iter().map(|removal| removal.key).collect()
        };
        assert_eq!(keys(&of(12, 8)), [1]);
        assert_eq!(keys(&of(8, 12)), [2]);
        let tied = of(12, 12);
        assert_eq!(keys(&tied), [2], "the greatest key");
        assert_eq!(tied.clearing.bids, [(1, WattHours(12))]);
    }

    #[test]
    fn beyond_the_bound_all_orders_with_a_minimum_go_at_once() {
        // One watt-hour, and 300 bids that want two of two.
        let bids: Vec<_> = (0..300).map(|key| order(key, 2, 5, 2)).collect();
        let ask = [order(1_000, 1, 1, 0)];
        let cleared = clear_with_minimums(&ask, &bids);
        assert_eq!(cleared.removed.len(), 300);
        assert_eq!(cleared.clearing.volume, WattHours(0));
        let mut with_plain = bids.clone();
        with_plain.push(order(500, 1, 4, 0));
        let cleared = clear_with_minimums(&ask, &with_plain);
        assert_eq!(cleared.clearing.bids, [(500, WattHours(1))]);
    }
}
