//! The call auction beside the bare sort of its orders.

use serde::Serialize;
use wattle_market::auction::{Quote, clear};
use wattle_market::units::{Price, WattHours};

use super::clock::{median, timed};
use super::random::Random;

/// What clearing a number of orders took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AuctionFigures {
    /// Asks and bids together, half of them each.
    pub orders: usize,
    /// Fills of both sides.
    pub fills: usize,
    /// Watt-hours that traded.
    pub volume: i64,
    /// Processor time of the thread for clearing with all allocations, the median of the passes.
    pub clear_ns: f64,
    /// For sorting both sides by price, each order packed into 64 bits.
    pub sort_ns: f64,
    /// The former over the latter.
    pub ratio: f64,
}

/// Orders of one side, keyed by their position: as a ledger lists them, in the order of keys,
/// with prices in any order.
fn side(random: &mut Random, orders: usize, low: u32) -> Vec<Quote<u64>> {
    (0..orders as u64)
        .map(|key| Quote {
            key,
            quantity: WattHours(i64::from(random.between(1, 50_000))),
            limit: Price(i64::from(low + random.below(400_000))),
        })
        .collect()
}

/// The least that any auction does: both sides by price.
fn bare_sort(asks: &[u64], bids: &[u64]) -> u64 {
    let (mut asks, mut bids) = (asks.to_vec(), bids.to_vec());
    asks.sort_unstable();
    bids.sort_unstable();
    asks.first().copied().unwrap_or_default() ^ bids.first().copied().unwrap_or_default()
}

fn packed(quotes: &[Quote<u64>]) -> Vec<u64> {
    let pack = |quote: &Quote<u64>| (quote.limit.0 as u64) << 32 | quote.key;
    quotes.iter().map(pack).collect()
}

/// Clears `orders` random orders and sorts them, in turn.
pub fn measure(orders: usize, passes: usize, seed: u64) -> AuctionFigures {
    let mut random = Random::new(seed);
    let asks = side(&mut random, orders / 2, 300_000);
    let bids = side(&mut random, orders - orders / 2, 350_000);
    let (packed_asks, packed_bids) = (packed(&asks), packed(&bids));
    // So many repetitions in a pass that the clock's own cost does not matter.
    let repetitions = (100_000 / orders.max(1)).max(1);
    let (mut clear_ns, mut sort_ns) = (Vec::new(), Vec::new());
    let mut clearing = clear(&asks, &bids);
    for _ in 0..passes.max(1) {
        let (last, ns) = timed(|| {
            for _ in 1..repetitions {
                std::hint::black_box(clear(&asks, &bids));
            }
            clear(&asks, &bids)
        });
        clearing = last;
        clear_ns.push(ns / repetitions as f64);
        let ((), ns) = timed(|| {
            for _ in 0..repetitions {
                std::hint::black_box(bare_sort(&packed_asks, &packed_bids));
            }
        });
        sort_ns.push(ns / repetitions as f64);
    }
    let (clear_ns, sort_ns) = (median(clear_ns), median(sort_ns));
    AuctionFigures {
        orders,
        fills: clearing.asks.len() + clearing.bids.len(),
        volume: clearing.volume.0,
        clear_ns: clear_ns.round(),
        sort_ns: sort_ns.round(),
        ratio: (clear_ns / sort_ns * 100.0).round() / 100.0,
    }
}
