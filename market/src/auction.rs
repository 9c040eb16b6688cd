//! The call auction: one price for everyone, the greatest volume, the better limits first.
//!
//! Used twice: at gate closure over the orders of the book, and in the surplus pool over what
//! the meters show (SETTLEMENT.md, "Auction").

use std::cmp::Ordering;

use crate::order::Side;
use crate::share::share;
use crate::units::{Price, WattHours};

/// One order as the auction sees it. The limit is a market price, with any wheeling or tariff
/// already worked into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<K> {
    /// Names the order, and decides who gets the odd watt-hour. Distinct within a side.
    pub key: K,
    /// How much is wanted or offered. A quote of nothing takes no part.
    pub quantity: WattHours,
    /// The worst price that its author accepts.
    pub limit: Price,
}

/// What an auction decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing<K> {
    /// The price of every fill, or `None` if nothing traded.
    pub price: Option<Price>,
    /// The energy that changed hands.
    pub volume: WattHours,
    /// What each ask sold, only above zero, sorted by key.
    pub asks: Vec<(K, WattHours)>,
    /// What each bid bought, only above zero, sorted by key.
    pub bids: Vec<(K, WattHours)>,
}

/// Clears `asks` against `bids`. The order in which either list stands has no influence.
///
/// # Panics
/// If the filled energy does not fit in `i64`, which [`crate::limits`] excludes, or a key that
/// is filled occurs twice on one side, which would make a tie depend on the order of the list.
pub fn clear<K: Ord + Clone>(asks: &[Quote<K>], bids: &[Quote<K>]) -> Clearing<K> {
    let Some(marginal) = volume_max(&best_first(asks, Side::Sell), &best_first(bids, Side::Buy))
    else {
        return Clearing {
            price: None,
            volume: WattHours::ZERO,
            asks: Vec::new(),
            bids: Vec::new(),
        };
    };
    Clearing {
        price: Some(midway(marginal.ask, marginal.bid)),
        volume: marginal.volume,
        asks: fill(marginal.volume, asks, marginal.ask, Side::Sell),
        bids: fill(marginal.volume, bids, marginal.bid, Side::Buy),
    }
}

/// A number that is smaller the better a limit is for the other side.
fn rank(limit: Price, side: Side) -> u64 {
    // Shifts the integers so that the least becomes zero.
    let ascending = (limit.0 as u64) ^ (1 << 63);
    match side {
        Side::Sell => ascending,
        Side::Buy => !ascending,
    }
}

/// The limit of a [`rank`].
fn limit(rank: u64, side: Side) -> Price {
    let ascending = match side {
        Side::Sell => rank,
        Side::Buy => !rank,
    };
    Price((ascending ^ (1 << 63)) as i64)
}

/// The quotes that take part, as limits and quantities alone, best first.
///
/// Plain numbers are what sorts fastest: the rank of the limit above the quantity, in one word
/// where they fit, as they do within [`crate::limits`], and in two otherwise.
pub(crate) fn best_first<K>(quotes: &[Quote<K>], side: Side) -> Vec<(Price, i64)> {
    let taking_part = || {
        let quotes = quotes.iter().filter(|quote| quote.quantity.0 > 0);
        quotes.map(|quote| (rank(quote.limit, side), quote.quantity.0 as u64))
    };
    let best = taking_part()
        .map(|(rank, _)| rank)
        .min()
        .unwrap_or_default();
    let fits = taking_part().all(|(rank, quantity)| (rank - best).max(quantity) < 1 << 32);
    if fits {
        let packed = taking_part().map(|(rank, quantity)| (rank - best) << 32 | quantity);
        let mut packed: Vec<u64> = packed.collect();
        packed.sort_unstable();
        let unpack = |one: u64| (limit((one >> 32) + best, side), (one & 0xffff_ffff) as i64);
        packed.into_iter().map(unpack).collect()
    } else {
        let packed =
            taking_part().map(|(rank, quantity)| (u128::from(rank) << 64) + u128::from(quantity));
        let mut packed: Vec<u128> = packed.collect();
        packed.sort_unstable();
        let unpack = |one: u128| (limit((one >> 64) as u64, side), one as u64 as i64);
        packed.into_iter().map(unpack).collect()
    }
}

/// Where the two sides meet.
struct Marginal {
    volume: WattHours,
    /// The highest limit of a filled ask.
    ask: Price,
    /// The lowest limit of a filled bid.
    bid: Price,
}

/// Midway between the last limits filled, rounded toward the ask.
pub(crate) fn midway(ask: Price, bid: Price) -> Price {
    assert!(
        ask <= bid,
        "the last ask filled costs no more than the last bid pays"
    );
    let distance = i128::from(bid.0) - i128::from(ask.0);
    // It lies between two prices that fit.
    Price((i128::from(ask.0) + distance / 2) as i64)
}

/// Walks both sorted sides from their best ends, pairing watt-hour by watt-hour while the ask is
/// not above the bid. When that stops, no price lets more trade: at any price, either the asks
/// within it or the bids within it have been used up.
fn volume_max(asks: &[(Price, i64)], bids: &[(Price, i64)]) -> Option<Marginal> {
    let mut volume = 0i128;
    let mut last = None;
    let (mut asks, mut bids) = (asks.iter().copied(), bids.iter().copied());
    let (mut ask, mut bid) = (asks.next(), bids.next());
    while let (Some((ask_limit, ask_left)), Some((bid_limit, bid_left))) = (ask, bid) {
        if ask_limit > bid_limit {
            break;
        }
        let paired = ask_left.min(bid_left);
        volume += i128::from(paired);
        last = Some((ask_limit, bid_limit));
        ask = match ask_left - paired {
            0 => asks.next(),
            left => Some((ask_limit, left)),
        };
        bid = match bid_left - paired {
            0 => bids.next(),
            left => Some((bid_limit, left)),
        };
    }
    let volume = i64::try_from(volume).expect("limits bound the energy of all orders");
    last.map(|(ask, bid)| Marginal {
        volume: WattHours(volume),
        ask,
        bid,
    })
}

/// Gives `volume` to one side: whole to every quote better than the marginal limit, shared among
/// those at it. Answers with the fills above zero, sorted by key.
pub(crate) fn fill<K: Ord + Clone>(
    volume: WattHours,
    quotes: &[Quote<K>],
    marginal: Price,
    side: Side,
) -> Vec<(K, WattHours)> {
    let (mut fills, mut at_margin) = (Vec::with_capacity(quotes.len()), Vec::new());
    let mut left = i128::from(volume.0);
    for quote in quotes.iter().filter(|quote| quote.quantity.0 > 0) {
        let distance = match side {
            Side::Sell => quote.limit.cmp(&marginal),
            Side::Buy => marginal.cmp(&quote.limit),
        };
        match distance {
            Ordering::Less => {
                left -= i128::from(quote.quantity.0);
                fills.push((quote.key.clone(), quote.quantity));
            }
            Ordering::Equal => at_margin.push((quote.key.clone(), quote.quantity)),
            Ordering::Greater => {}
        }
    }
    let left = i64::try_from(left).expect("better quotes hold less than the volume");
    let shared = share(WattHours(left), &at_margin);
    fills.extend(shared.into_iter().filter(|(_, quantity)| quantity.0 > 0));
    // Two runs, each sorted already where the quotes are.
    fills.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(
        fills.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "a key stands once on its side"
    );
    fills
}
