//! The auction against a reference that tries every price and hands out watt-hour by watt-hour.

use proptest::prelude::*;
use wattle_market::auction::{Clearing, Quote, clear};
use wattle_market::units::{Price, WattHours};

type Fills = Vec<(u32, WattHours)>;

/// Share by its definition, with the left-over units handed out one at a time.
fn reference_share(total: i64, quantities: &[(u32, i64)]) -> Fills {
    let sum: i64 = quantities.iter().map(|(_, quantity)| quantity).sum();
    let mut parts: Vec<(u32, i64, i64)> = quantities
        .iter()
        .map(|(key, quantity)| (*key, total * quantity / sum, total * quantity % sum))
        .collect();
    let mut left_over = total - parts.iter().map(|part| part.1).sum::<i64>();
    while left_over > 0 {
        let largest = parts.iter().map(|part| part.2).max().unwrap();
        let winner = parts
            .iter_mut()
            .filter(|part| part.2 == largest)
            .min_by_key(|part| part.0);
        let winner = winner.unwrap();
        winner.1 += 1;
        winner.2 = -1;
        left_over -= 1;
    }
    parts
        .into_iter()
        .map(|(key, part, _)| (key, WattHours(part)))
        .collect()
}

/// Fills one side: finds the level at which the volume runs out by looking at every price.
fn reference_fill(volume: i64, quotes: &[Quote<u32>], prices: impl Iterator<Item = i64>) -> Fills {
    let mut left = volume;
    let mut fills = Vec::new();
    for price in prices {
        let level: Vec<(u32, i64)> = quotes
            .iter()
            .filter(|quote| quote.limit.0 == price && quote.quantity.0 > 0)
            .map(|quote| (quote.key, quote.quantity.0))
            .collect();
        let wanted: i64 = level.iter().map(|(_, quantity)| quantity).sum();
        if wanted == 0 {
            continue;
        }
        let given = wanted.min(left);
        fills.extend(reference_share(given, &level));
        left -= given;
    }
    assert_eq!(left, 0);
    fills.retain(|(_, quantity)| quantity.0 > 0);
    fills.sort();
    fills
}

/// The auction by its text, over all prices from −5 to 30.
fn reference_clear(asks: &[Quote<u32>], bids: &[Quote<u32>]) -> Clearing<u32> {
    let prices = -5..=30i64;
    let supply = |price: i64| -> i64 {
        asks.iter()
            .filter(|ask| ask.limit.0 <= price)
            .map(|ask| ask.quantity.0)
            .sum()
    };
    let demand = |price: i64| -> i64 {
        bids.iter()
            .filter(|bid| bid.limit.0 >= price)
            .map(|bid| bid.quantity.0)
            .sum()
    };
    let volume = prices
        .clone()
        .map(|price| supply(price).min(demand(price)))
        .max()
        .unwrap();
    if volume == 0 {
        return Clearing {
            price: None,
            volume: WattHours(0),
            asks: vec![],
            bids: vec![],
        };
    }
    let ask_fills = reference_fill(volume, asks, prices.clone());
    let bid_fills = reference_fill(volume, bids, prices.rev());
    let limits = |quotes: &[Quote<u32>], fills: &Fills| -> Vec<i64> {
        let is_filled = |key| fills.iter().any(|(filled, _)| *filled == key);
        quotes
            .iter()
            .filter(|quote| is_filled(quote.key))
            .map(|quote| quote.limit.0)
            .collect()
    };
    let highest_ask = limits(asks, &ask_fills).into_iter().max().unwrap();
    let lowest_bid = limits(bids, &bid_fills).into_iter().min().unwrap();
    let price = highest_ask + (lowest_bid - highest_ask).div_euclid(2);
    Clearing {
        price: Some(Price(price)),
        volume: WattHours(volume),
        asks: ask_fills,
        bids: bid_fills,
    }
}

fn side() -> impl Strategy<Value = Vec<Quote<u32>>> {
    let quote = (0i64..40, -5i64..=30);
    prop::collection::vec(quote, 0..14).prop_map(|quotes| {
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

fn with_shuffle(
    side: impl Strategy<Value = Vec<Quote<u32>>>,
) -> impl Strategy<Value = (Vec<Quote<u32>>, Vec<Quote<u32>>)> {
    side.prop_flat_map(|quotes| (Just(quotes.clone()), Just(quotes).prop_shuffle()))
}

fn filled(fills: &Fills, key: u32) -> i64 {
    fills
        .iter()
        .find(|(filled, _)| *filled == key)
        .map_or(0, |(_, quantity)| quantity.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn clearing_is_what_trying_every_price_gives(asks in side(), bids in side()) {
        prop_assert_eq!(clear(&asks, &bids), reference_clear(&asks, &bids));
    }

    #[test]
    fn numbers_too_wide_for_one_word_clear_alike(asks in side(), bids in side()) {
        // Limits 2^40 times as far apart: the same quotes meet, each as much as before.
        let wide = |quotes: &[Quote<u32>]| -> Vec<Quote<u32>> {
            let limit = |quote: &Quote<u32>| Price(quote.limit.0 << 40);
            quotes.iter().map(|quote| Quote { limit: limit(quote), ..*quote }).collect()
        };
        let (clearing, wide) = (clear(&asks, &bids), clear(&wide(&asks), &wide(&bids)));
        prop_assert_eq!((clearing.volume, clearing.asks), (wide.volume, wide.asks));
        prop_assert_eq!(clearing.bids, wide.bids);
        prop_assert_eq!(clearing.price, wide.price.map(|price| Price(price.0 >> 40)));
    }

    #[test]
    fn the_order_of_the_lists_has_no_influence(
        (asks, shuffled_asks) in with_shuffle(side()),
        (bids, shuffled_bids) in with_shuffle(side()),
    ) {
        prop_assert_eq!(clear(&asks, &bids), clear(&shuffled_asks, &shuffled_bids));
    }

    #[test]
    fn nobody_is_filled_beyond_his_order_or_worse_than_his_limit(asks in side(), bids in side()) {
        let clearing = clear(&asks, &bids);
        let sum = |fills: &Fills| fills.iter().map(|(_, quantity)| quantity.0).sum::<i64>();
        prop_assert_eq!(sum(&clearing.asks), clearing.volume.0);
        prop_assert_eq!(sum(&clearing.bids), clearing.volume.0);
        for ask in &asks {
            let quantity = filled(&clearing.asks, ask.key);
            prop_assert!(quantity <= ask.quantity.0);
            prop_assert!(quantity == 0 || Some(ask.limit) <= clearing.price);
        }
        for bid in &bids {
            let quantity = filled(&clearing.bids, bid.key);
            prop_assert!(quantity <= bid.quantity.0);
            prop_assert!(quantity == 0 || clearing.price.is_some_and(|price| bid.limit >= price));
        }
    }

    #[test]
    fn a_worse_limit_is_filled_only_after_every_better_one(asks in side(), bids in side()) {
        let clearing = clear(&asks, &bids);
        for (better, worse) in asks.iter().flat_map(|a| asks.iter().map(move |b| (a, b))) {
            if better.limit < worse.limit && filled(&clearing.asks, worse.key) > 0 {
                prop_assert_eq!(filled(&clearing.asks, better.key), better.quantity.0);
            }
        }
        for (better, worse) in bids.iter().flat_map(|a| bids.iter().map(move |b| (a, b))) {
            if better.limit > worse.limit && filled(&clearing.bids, worse.key) > 0 {
                prop_assert_eq!(filled(&clearing.bids, better.key), better.quantity.0);
            }
        }
    }

    #[test]
    fn an_unfilled_level_does_not_influence_anything(asks in side(), bids in side()) {
        let clearing = clear(&asks, &bids);
        let Some(price) = clearing.price else { return Ok(()) };
        // Orders that miss the price could only be unfilled; without them nothing changes.
        let near_asks: Vec<_> = asks.iter().filter(|ask| ask.limit <= price).copied().collect();
        let near_bids: Vec<_> = bids.iter().filter(|bid| bid.limit >= price).copied().collect();
        prop_assert_eq!(clear(&near_asks, &near_bids), clearing);
    }
}

fn quote(key: u32, quantity: i64, limit: i64) -> Quote<u32> {
    Quote {
        key,
        quantity: WattHours(quantity),
        limit: Price(limit),
    }
}

#[test]
fn the_price_is_midway_between_the_last_filled_limits_rounded_to_the_ask() {
    // 10 at 3 and 10 at 4 meet 15 at 9: the second ask is filled in part, so a = 4, b = 9.
    let clearing = clear(
        &[quote(1, 10, 3), quote(2, 10, 4)],
        &[quote(1, 15, 9), quote(2, 5, 2)],
    );
    assert_eq!(clearing.price, Some(Price(6)));
    assert_eq!(clearing.asks, [(1, WattHours(10)), (2, WattHours(5))]);
    assert_eq!(clearing.bids, [(1, WattHours(15))]);
}

#[test]
fn a_level_that_is_not_filled_whole_is_shared() {
    let bids = [quote(9, 10, 5), quote(4, 10, 5), quote(6, 10, 5)];
    let clearing = clear(&[quote(1, 20, 5)], &bids);
    // 20 over three times 10: six each, and the two left over to the smaller keys.
    assert_eq!(
        clearing.bids,
        [(4, WattHours(7)), (6, WattHours(7)), (9, WattHours(6))]
    );
    assert_eq!(clearing.price, Some(Price(5)));
}

#[test]
fn sides_that_do_not_meet_have_no_price() {
    let clearing = clear(&[quote(1, 10, 6)], &[quote(1, 10, 5)]);
    assert_eq!((clearing.price, clearing.volume), (None, WattHours(0)));
    assert_eq!(clear::<u32>(&[], &[]).price, None);
    // A quote of nothing sets no price.
    assert_eq!(clear(&[quote(1, 0, 1)], &[quote(1, 10, 5)]).price, None);
}

#[test]
fn extreme_limits_do_not_overflow() {
    let clearing = clear(&[quote(1, 1, i64::MIN)], &[quote(1, 1, i64::MAX)]);
    assert_eq!(clearing.price, Some(Price(-1)));
}

#[test]
#[should_panic(expected = "a key stands once on its side")]
fn a_key_filled_twice_is_our_own_error() {
    clear(&[quote(1, 1, 0), quote(1, 1, 0)], &[quote(1, 2, 0)]);
}
