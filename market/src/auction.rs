//! The call auction: one price for everyone, the greatest volume, the better limits first.
//!
//! Used twice: at gate closure over the orders of the book, and in the surplus pool over what
//! the meters show (SETTLEMENT.md, "Auction").

use std::cmp::Reverse;

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
    let mut asks: Vec<&Quote<K>> = asks.iter().filter(|quote| quote.quantity.0 > 0).collect();
    let mut bids: Vec<&Quote<K>> = bids.iter().filter(|quote| quote.quantity.0 > 0).collect();
    asks.sort_by_key(|quote| quote.limit);
    bids.sort_by_key(|quote| Reverse(quote.limit));

    let Some(marginal) = volume_max(&asks, &bids) else {
        return Clearing {
            price: None,
            volume: WattHours::ZERO,
            asks: Vec::new(),
            bids: Vec::new(),
        };
    };
    Clearing {
        price: Some(marginal.price()),
        volume: marginal.volume,
        asks: fill(marginal.volume, &asks),
        bids: fill(marginal.volume, &bids),
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

impl Marginal {
    /// Midway between the last limits filled, rounded toward the ask.
    fn price(&self) -> Price {
        assert!(
            self.ask <= self.bid,
            "the last ask filled costs no more than the last bid pays"
        );
        let distance = i128::from(self.bid.0) - i128::from(self.ask.0);
        // It lies between two prices that fit.
        Price((i128::from(self.ask.0) + distance / 2) as i64)
    }
}

/// Walks both sorted sides from their best ends, pairing watt-hour by watt-hour while the ask is
/// not above the bid. When that stops, no price lets more trade: at any price, either the asks
/// within it or the bids within it have been used up.
fn volume_max<K>(asks: &[&Quote<K>], bids: &[&Quote<K>]) -> Option<Marginal> {
    let mut volume = 0i128;
    let mut last = None;
    let (mut ask_index, mut bid_index) = (0, 0);
    let (mut ask_used, mut bid_used) = (0i64, 0i64);
    while let (Some(ask), Some(bid)) = (asks.get(ask_index), bids.get(bid_index)) {
        if ask.limit > bid.limit {
            break;
        }
        let paired = (ask.quantity.0 - ask_used).min(bid.quantity.0 - bid_used);
        volume += i128::from(paired);
        last = Some((ask.limit, bid.limit));
        ask_used += paired;
        bid_used += paired;
        if ask_used == ask.quantity.0 {
            (ask_index, ask_used) = (ask_index + 1, 0);
        }
        if bid_used == bid.quantity.0 {
            (bid_index, bid_used) = (bid_index + 1, 0);
        }
    }
    let volume = i64::try_from(volume).expect("limits bound the energy of all orders");
    last.map(|(ask, bid)| Marginal {
        volume: WattHours(volume),
        ask,
        bid,
    })
}

/// Gives `volume` to quotes sorted best first, level by level; the level that cannot be filled
/// whole is shared. Answers with the fills above zero, sorted by key.
fn fill<K: Ord + Clone>(volume: WattHours, sorted: &[&Quote<K>]) -> Vec<(K, WattHours)> {
    let mut left = i128::from(volume.0);
    let mut fills = Vec::new();
    for level in sorted.chunk_by(|one, other| one.limit == other.limit) {
        if left == 0 {
            break;
        }
        let quoted: Vec<(K, WattHours)> = level
            .iter()
            .map(|quote| (quote.key.clone(), quote.quantity))
            .collect();
        let wanted: i128 = quoted
            .iter()
            .map(|(_, quantity)| i128::from(quantity.0))
            .sum();
        let given = wanted.min(left);
        left -= given;
        if given == wanted {
            fills.extend(quoted);
        } else {
            // What is left of the volume fits, as the volume does.
            let shared = share(WattHours(given as i64), &quoted);
            fills.extend(shared.into_iter().filter(|(_, quantity)| quantity.0 > 0));
        }
    }
    assert!(left == 0, "each side holds at least the volume");
    fills.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(
        fills.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "a key stands once on its side"
    );
    fills
}
