//! The call auction as slowly as its text reads: every price is tried, and what a level gets is
//! handed out watt-hour by watt-hour.

use std::collections::BTreeMap;

use wattle_market::auction::{Quote, clear};
use wattle_market::units::{Price, WattHours};

use crate::doctor::Numbers;

/// Prices of a random auction lie on a grid of so many, so that levels have several orders.
const LEVELS: usize = 12;

/// Price, volume and what each order gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slow {
    pub(super) price: Option<Price>,
    pub(super) volume: WattHours,
    asks: BTreeMap<u32, i64>,
    bids: BTreeMap<u32, i64>,
}

/// `Share`: equal parts by quantity, what is left over to the largest remainders, ties to the
/// smaller key.
fn share(total: i64, orders: &[(u32, i64)]) -> BTreeMap<u32, i64> {
    let all: i64 = orders.iter().map(|(_, quantity)| quantity).sum();
    let mut parts: BTreeMap<u32, i64> = BTreeMap::new();
    let mut remainders = Vec::new();
    for (key, quantity) in orders {
        let product = i128::from(total) * i128::from(*quantity);
        let part = i64::try_from(product / i128::from(all)).expect("a part of an i64");
        parts.insert(*key, part);
        remainders.push((product % i128::from(all), *key));
    }
    let mut left = total - parts.values().sum::<i64>();
    while left > 0 {
        let largest = remainders.iter().map(|(remainder, _)| *remainder).max();
        let of_largest = remainders.iter().filter(|(one, _)| Some(*one) == largest);
        let winner = of_largest
            .map(|(_, key)| *key)
            .min()
            .expect("not all are served");
        remainders.retain(|(_, key)| *key != winner);
        *parts.entry(winner).or_default() += 1;
        left -= 1;
    }
    parts
}

/// Fills one side by levels in the order given.
fn fill(volume: i64, quotes: &[Quote<u32>], limits: &[i64]) -> BTreeMap<u32, i64> {
    let mut left = volume;
    let mut filled = BTreeMap::new();
    for limit in limits {
        let level: Vec<(u32, i64)> = quotes
            .iter()
            .filter(|quote| quote.limit.0 == *limit && quote.quantity.0 > 0)
            .map(|quote| (quote.key, quote.quantity.0))
            .collect();
        let wanted: i64 = level.iter().map(|(_, quantity)| quantity).sum();
        let given = wanted.min(left);
        if given > 0 {
            filled.extend(share(given, &level));
            left -= given;
        }
    }
    filled.retain(|_, quantity| *quantity > 0);
    filled
}

/// Clears by the text of RULES.md, section 6.
pub(super) fn slow(asks: &[Quote<u32>], bids: &[Quote<u32>]) -> Slow {
    let mut limits: Vec<i64> = asks.iter().chain(bids).map(|quote| quote.limit.0).collect();
    limits.sort_unstable();
    limits.dedup();
    let sum = |quotes: &[Quote<u32>], takes: &dyn Fn(i64) -> bool| -> i64 {
        let quotes = quotes.iter().filter(|quote| takes(quote.limit.0));
        quotes.map(|quote| quote.quantity.0).sum()
    };
    let matched = limits.iter().map(|price| {
        let supply = sum(asks, &|limit| limit <= *price);
        supply.min(sum(bids, &|limit| limit >= *price))
    });
    let volume = matched.max().unwrap_or(0);
    let asked = fill(volume, asks, &limits);
    limits.reverse();
    let bid = fill(volume, bids, &limits);
    let limit = |quotes: &[Quote<u32>], key: &u32| {
        let quote = quotes.iter().find(|quote| quote.key == *key);
        quote.map(|quote| quote.limit.0)
    };
    let dearest = asked.keys().filter_map(|key| limit(asks, key)).max();
    let cheapest = bid.keys().filter_map(|key| limit(bids, key)).min();
    let price = dearest
        .zip(cheapest)
        .map(|(a, b)| Price(a + (b - a).div_euclid(2)));
    Slow {
        price,
        volume: WattHours(volume),
        asks: asked,
        bids: bid,
    }
}

fn quotes(numbers: &mut Numbers) -> Vec<Quote<u32>> {
    let count = numbers.below(12);
    let keys = 1u32..;
    let mut quotes: Vec<Quote<u32>> = keys
        .take(count)
        .map(|key| {
            let great = numbers.below(3) == 0;
            let quantity = numbers.below(if great { 25_000 } else { 8 });
            Quote {
                key,
                quantity: WattHours(quantity as i64),
                limit: Price((numbers.below(LEVELS) * 50_001) as i64),
            }
        })
        .collect();
    // In any order it is the same auction.
    if !quotes.is_empty() {
        let turn = numbers.below(quotes.len());
        quotes.rotate_left(turn);
    }
    quotes
}

/// A random auction by the engine and by the text.
pub(super) fn compare(numbers: &mut Numbers) -> Result<(), String> {
    let (asks, bids) = (quotes(numbers), quotes(numbers));
    let fast = clear(&asks, &bids);
    let of_side = |fills: &[(u32, WattHours)]| {
        let fills = fills.iter().map(|(key, quantity)| (*key, quantity.0));
        fills.collect::<BTreeMap<u32, i64>>()
    };
    let fast = Slow {
        price: fast.price,
        volume: fast.volume,
        asks: of_side(&fast.asks),
        bids: of_side(&fast.bids),
    };
    let slow = slow(&asks, &bids);
    if fast == slow {
        return Ok(());
    }
    Err(format!(
        "an auction differs from the reference: asks {asks:?}, bids {bids:?}, engine {fast:?}, \
         reference {slow:?}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_shares_by_largest_remainders() {
        let shared = share(8, &[(1, 5), (2, 3), (3, 7)]);
        assert_eq!(shared, BTreeMap::from([(1, 3), (2, 1), (3, 4)]));
        let tied = share(1, &[(2, 5), (1, 5)]);
        assert_eq!(tied, BTreeMap::from([(1, 1), (2, 0)]));
    }
}
