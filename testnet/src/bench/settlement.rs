//! One interval of a large park: its auction and its settlement.

use serde::Serialize;
use wattle_market::auction::{Clearing, Quote, clear};
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::points::Points;
use wattle_market::settlement::{
    ForwardPosition, MeteredEnergy, ParkTerms, PointInput, PointTerms, Settlement, SettlementError,
    settle,
};
use wattle_market::units::{Money, Price, WattHours};

use super::clock::{median, timed};
use super::random::Random;

/// What an interval took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SettlementFigures {
    /// How many points.
    pub points: u32,
    /// How many orders, of both sides.
    pub orders: usize,
    /// How many orders were filled.
    pub fills: usize,
    /// How many postings the settlement has.
    pub postings: usize,
    /// Processor time of the thread for the auction and the positions that follow from it, the
    /// median of the passes.
    pub clear_ms: f64,
    /// For the settlement with its invariants.
    pub settle_ms: f64,
    /// Both together.
    pub total_ms: f64,
}

/// An order's key: its point and its number.
type Key = (PointId, u32);

/// A park with its orders and readings.
struct Interval {
    park: ParkTerms,
    points: Points<PointInput>,
    asks: Vec<Quote<Key>>,
    bids: Vec<Quote<Key>>,
}

impl Interval {
    fn random(points: u32, orders: usize, seed: u64) -> Interval {
        let mut random = Random::new(seed);
        let park = ParkTerms {
            feed_in: Price(415_500),
            export: Price(300_000),
            wheeling: Price(20_000),
        };
        let points: Points<PointInput> = (0..points)
            .map(|point| (PointId(point), random_point(&mut random, point)))
            .collect();
        let mut sides = [Vec::new(), Vec::new()];
        for number in 0..orders as u32 {
            let point = PointId(random.below(points.len() as u32));
            sides[(number % 2) as usize].push(Quote {
                key: (point, number),
                quantity: WattHours(i64::from(random.between(1, 50) * 100)),
                limit: Price(i64::from(
                    350_000 + number % 2 * 50_000 + random.below(400_000),
                )),
            });
        }
        let [mut asks, mut bids] = sides;
        asks.sort_by_key(|quote| quote.key);
        bids.sort_by_key(|quote| quote.key);
        Interval {
            park,
            points,
            asks,
            bids,
        }
    }

    /// Clears the orders and enters each fill into its point's position.
    fn clear(&mut self) -> usize {
        let clearing: Clearing<Key> = clear(&self.asks, &self.bids);
        for input in self.points.values_mut() {
            input.position = ForwardPosition::default();
        }
        let Some(price) = clearing.price else {
            return 0;
        };
        for (side, fills) in [(Side::Sell, &clearing.asks), (Side::Buy, &clearing.bids)] {
            for ((point, _), quantity) in fills {
                let input = self
                    .points
                    .get_mut(point)
                    .expect("orders name points of the park");
                let cash = quantity
                    .cost(price)
                    .expect("orders are within their bounds");
                let position = &mut input.position;
                match side {
                    Side::Sell => position.sold.0 += quantity.0,
                    Side::Buy => position.bought.0 += quantity.0,
                }
                let sign = if side == Side::Sell { 1 } else { -1 };
                position.cash = Money(position.cash.0 + sign * cash.0);
            }
        }
        clearing.asks.len() + clearing.bids.len()
    }

    fn settle(&self) -> Result<Settlement, SettlementError> {
        settle(&self.park, &self.points)
    }
}

/// One of five generates, all consume, some store.
fn random_point(random: &mut Random, point: u32) -> PointInput {
    let mut energy = |of: u32, most: u32| match point % of {
        0 => WattHours(i64::from(random.below(most))),
        _ => WattHours::ZERO,
    };
    PointInput {
        energy: MeteredEnergy {
            generation: energy(5, 400_000),
            load: energy(1, 90_000),
            charge: energy(7, 20_000),
            discharge: energy(11, 20_000),
            connection: None,
            actual: true,
        },
        terms: PointTerms {
            building: BuildingId((point / 4) as _),
            retail: Price(700_000 + i64::from(random.below(3)) * 100_000),
            enrolled: !point.is_multiple_of(9),
            ask_limit: Price::ZERO,
            bid_limit: None,
        },
        position: ForwardPosition::default(),
    }
}

/// Clears and settles one interval again and again.
///
/// # Errors
/// Where the settlement refuses the interval, which would be a mistake of ours.
pub fn measure(
    points: u32,
    orders: usize,
    passes: usize,
    seed: u64,
) -> Result<SettlementFigures, SettlementError> {
    let mut interval = Interval::random(points, orders, seed);
    let (mut clear_ms, mut settle_ms) = (Vec::new(), Vec::new());
    let (mut fills, mut postings) = (0, 0);
    for _ in 0..passes.max(1) {
        let (count, ns) = timed(|| interval.clear());
        clear_ms.push(ns / 1e6);
        let (settlement, ns) = timed(|| interval.settle());
        settle_ms.push(ns / 1e6);
        (fills, postings) = (count, settlement?.postings.len());
    }
    let (clear_ms, settle_ms) = (median(clear_ms), median(settle_ms));
    let thousandths = |value: f64| (value * 1_000.0).round() / 1_000.0;
    Ok(SettlementFigures {
        points,
        orders,
        fills,
        postings,
        clear_ms: thousandths(clear_ms),
        settle_ms: thousandths(settle_ms),
        total_ms: thousandths(clear_ms + settle_ms),
    })
}
