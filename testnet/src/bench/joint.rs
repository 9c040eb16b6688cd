//! The joint auction beside the plain auctions of the same intervals.

use serde::Serialize;
use wattle_market::auction::{Quote, clear};
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::{Bundle, IntervalOrders, JointClearing, Leg, clear_jointly};
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

use super::clock::{median, timed};
use super::random::Random;

/// What clearing a day took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct JointFigures {
    /// Simple orders of all intervals together.
    pub orders: usize,
    /// Bundles that took part.
    pub bundles: usize,
    /// Those that were accepted.
    pub accepted: usize,
    /// Those that were rejected though profitable.
    pub profitable: usize,
    /// How often intervals were cleared.
    pub rounds: usize,
    /// Watt-hours that traded.
    pub volume: i64,
    /// Processor time of the thread for the joint auction, the median of the passes.
    pub joint_ns: f64,
    /// For the plain auctions of all intervals, without bundles.
    pub plain_ns: f64,
    /// The former over the latter.
    pub ratio: f64,
}

/// Midday is cheap and the evening dear, as in a park with solar power.
fn base_price(interval: u64) -> u32 {
    match interval {
        40..64 => 250_000,
        68..88 => 650_000,
        _ => 450_000,
    }
}

fn side(random: &mut Random, orders: usize, low: u32) -> Vec<Quote<u64>> {
    (0..orders as u64)
        .map(|key| Quote {
            key,
            quantity: WattHours(i64::from(random.between(1, 50_000))),
            limit: Price(i64::from(low + random.below(300_000))),
        })
        .collect()
}

fn day(random: &mut Random, orders: usize) -> Vec<IntervalOrders<u64>> {
    let per_day = DeliveryInterval::PER_DAY;
    (0..per_day)
        .map(|interval| {
            let so_far = |interval: u64| orders * interval as usize / per_day as usize;
            let of_interval = so_far(interval + 1) - so_far(interval);
            let base = base_price(interval);
            IntervalOrders {
                interval: DeliveryInterval(interval),
                neutral: Price(700_000),
                asks: side(random, of_interval / 2, base - 100_000),
                bids: side(random, of_interval - of_interval / 2, base),
            }
        })
        .collect()
}

/// Half of them batteries that buy at midday and sell in the evening, half of them machines that
/// run for some hours; with limits around what they are worth, so that some stay and some go.
fn bundles(random: &mut Random, count: usize) -> Vec<Bundle<u64>> {
    let bundle = |id: u64| {
        let quantity = WattHours(i64::from(random.between(1_000, 30_000)));
        let leg = |interval: u64, side: Side| Leg {
            interval: DeliveryInterval(interval),
            side,
            quantity,
        };
        let hours = u64::from(random.between(2, 5)) * DeliveryInterval::PER_HOUR;
        let legs: Vec<Leg> = if id.is_multiple_of(2) {
            let charge = (0..hours).map(|at| leg(40 + at, Side::Buy));
            charge
                .chain((0..hours).map(|at| leg(68 + at, Side::Sell)))
                .collect()
        } else {
            let start = u64::from(random.below(76));
            (start..start + hours)
                .map(|at| leg(at, Side::Buy))
                .collect()
        };
        let each = if id.is_multiple_of(2) {
            i64::from(random.between(300_000, 480_000))
        } else {
            -i64::from(random.between(350_000, 750_000))
        };
        let limit = Money(hours as i64 * quantity.0 * each);
        Bundle { id, legs, limit }
    };
    (0..count as u64).map(bundle).collect()
}

/// Clears a random day jointly and interval by interval, in turn.
pub fn measure(orders: usize, bundles_count: usize, passes: usize, seed: u64) -> JointFigures {
    let mut random = Random::new(seed);
    let day = day(&mut random, orders);
    let bundles = bundles(&mut random, bundles_count);
    // So many repetitions in a pass that the clock's own cost does not matter.
    let repetitions = (100_000 / orders.max(1)).max(1);
    let plain = || {
        for of_interval in &day {
            std::hint::black_box(clear(&of_interval.asks, &of_interval.bids));
        }
    };
    let joint = || std::hint::black_box(clear_jointly(&day, &bundles));
    let (mut joint_ns, mut plain_ns) = (Vec::new(), Vec::new());
    let cleared: JointClearing<u64, u64> = clear_jointly(&day, &bundles);
    for _ in 0..passes.max(1) {
        let ((), ns) = timed(|| {
            for _ in 0..repetitions {
                joint();
            }
        });
        joint_ns.push(ns / repetitions as f64);
        let ((), ns) = timed(|| (0..repetitions).for_each(|_| plain()));
        plain_ns.push(ns / repetitions as f64);
    }
    let (joint_ns, plain_ns) = (median(joint_ns), median(plain_ns));
    let rejected = || cleared.bundles.iter().filter(|bundle| !bundle.accepted);
    JointFigures {
        orders,
        bundles: bundles.len(),
        accepted: bundles.len() - rejected().count(),
        profitable: rejected().filter(|bundle| bundle.surplus.0 > 0).count(),
        rounds: cleared.rounds,
        volume: cleared.intervals.iter().map(|one| one.volume.0).sum(),
        joint_ns: joint_ns.round(),
        plain_ns: plain_ns.round(),
        ratio: (joint_ns / plain_ns * 100.0).round() / 100.0,
    }
}
