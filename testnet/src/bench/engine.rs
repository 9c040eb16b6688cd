//! The continuous engine driven by a workload, beside the floor and the naive book.

use std::time::Instant;

use serde::Serialize;
use wattle_market::book::{Book, Event, Lifetime, NewOrder, Refusal, SelfTrade};
use wattle_market::units::{Price, WattHours};

use super::clock::{median, timed};
use super::floor::Floor;
use super::naive::Naive;
use super::workload::{Kind, Operation, Workload};

/// What a run over a workload comes to, prefill included: equal for all engines that are right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traded {
    /// How many fills.
    pub trades: u64,
    /// The quantity of all fills.
    pub quantity: u64,
}

impl Traded {
    fn add(&mut self, quantity: u64) {
        self.trades += 1;
        self.quantity += quantity;
    }
}

/// An engine that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The market's own, with its checks and events.
    Book,
    /// The floor.
    Floor,
    /// The naive book.
    Naive,
}

/// The figures of the market's engine, by the names under which they are compared.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// How many fills.
    pub trades: u64,
    /// The quantity of all fills.
    pub quantity: u64,
    /// Processor time of the thread for one operation, the median of the passes.
    pub ns_per_operation: f64,
    /// Half of the operations took no longer than this by the wall clock, whose reading counts.
    pub p50_ns: u64,
    /// 99 of 100.
    pub p99_ns: u64,
    /// 999 of 1,000.
    pub p999_ns: u64,
    /// All memory of the book when most orders rested in it, divided by their number.
    pub bytes_per_resting_order: f64,
}

/// What the engine would not do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Cancels and moves of orders that were not open.
    pub unknown: u64,
    /// Anything else: an id in use, a price or a quantity out of the market's bounds.
    pub others: u64,
}

/// The market's engine, as comparisons need it: without accounts.
fn book() -> Book {
    Book::new(SelfTrade::Allowed)
}

/// Performs one operation.
#[inline]
fn perform(book: &mut Book, operation: &Operation, sink: &mut impl FnMut(Event)) {
    let (id, price) = (operation.id, Price(i64::from(operation.price)));
    let quantity = WattHours(i64::from(operation.quantity));
    let lifetime = match operation.kind {
        Kind::Add => Lifetime::Resting,
        Kind::AddImmediateOrCancel => Lifetime::ImmediateOrCancel,
        Kind::Cancel => return book.cancel(id, sink),
        Kind::Move => {
            let quantity = match quantity {
                WattHours::ZERO => book.order(id).map_or(quantity, |order| order.quantity),
                quantity => quantity,
            };
            return book.replace(id, price, quantity, sink);
        }
    };
    let order = NewOrder {
        id,
        account: u32::from(operation.user),
        side: operation.side,
        price,
        quantity,
        lifetime,
        minimum: WattHours::ZERO,
    };
    book.submit(&order, sink);
}

/// Whoever reads the engine's events: they are written to a buffer and read from it.
#[derive(Default)]
struct Reader {
    events: Vec<Event>,
    traded: Traded,
}

impl Reader {
    #[inline]
    fn perform(&mut self, book: &mut Book, operation: &Operation) {
        perform(book, operation, &mut |event| self.events.push(event));
        for event in &self.events {
            if let Event::Filled { quantity, .. } = event {
                self.traded.add(quantity.0 as u64);
            }
        }
        self.events.clear();
    }
}

/// One timed pass: what was traded, and nanoseconds of processor time for an operation.
///
/// # Errors
/// Where the floor has no room for the workload's prices or ids.
pub fn pass(engine: Engine, workload: &Workload) -> Result<(Traded, f64), super::FloorError> {
    let (prefill, operations) = workload.operations.split_at(workload.prefill);
    let (traded, ns) = match engine {
        Engine::Book => {
            let (mut book, mut reader) = (book(), Reader::default());
            prefill
                .iter()
                .for_each(|operation| reader.perform(&mut book, operation));
            let ((), ns) = timed(|| {
                operations
                    .iter()
                    .for_each(|operation| reader.perform(&mut book, operation));
            });
            (reader.traded, ns)
        }
        Engine::Floor => {
            let mut floor = Floor::new(workload)?;
            prefill
                .iter()
                .for_each(|operation| floor.perform(operation));
            let ((), ns) = timed(|| {
                operations
                    .iter()
                    .for_each(|operation| floor.perform(operation));
            });
            (floor.traded, ns)
        }
        Engine::Naive => naive_pass(prefill, operations),
    };
    Ok((traded, ns / operations.len() as f64))
}

fn naive_pass(prefill: &[Operation], operations: &[Operation]) -> (Traded, f64) {
    let (mut naive, mut fills) = (Naive::default(), Vec::new());
    let mut traded = Traded::default();
    let mut perform = |operation| {
        naive.perform(operation, &mut fills);
        for (_, _, quantity) in fills.drain(..) {
            traded.add(u64::from(quantity));
        }
    };
    prefill.iter().for_each(&mut perform);
    let ((), ns) = timed(|| operations.iter().for_each(&mut perform));
    (traded, ns)
}

/// Measures engines in turn, so that all of them meet the same noise: for each what it traded
/// and the median of its passes.
///
/// # Errors
/// Where the floor has no room for the workload's prices or ids.
///
/// # Panics
/// If an engine trades differently in two passes.
pub fn compare(
    engines: &[Engine],
    workload: &Workload,
    passes: usize,
) -> Result<Vec<(Traded, f64)>, super::FloorError> {
    let mut measured: Vec<(Traded, Vec<f64>)> = Vec::new();
    for _ in 0..passes.max(1) {
        for (index, engine) in engines.iter().enumerate() {
            let (traded, ns) = pass(*engine, workload)?;
            if measured.len() == index {
                measured.push((traded, Vec::new()));
            }
            assert_eq!(measured[index].0, traded, "two passes trade the same");
            measured[index].1.push(ns);
        }
    }
    Ok(measured
        .into_iter()
        .map(|(traded, ns)| (traded, median(ns)))
        .collect())
}

/// Nanoseconds by the wall clock of each operation after the prefill, sorted. One reading of the
/// clock lies in each.
fn latencies(workload: &Workload) -> Vec<u32> {
    let (mut book, mut reader) = (book(), Reader::default());
    let (prefill, operations) = workload.operations.split_at(workload.prefill);
    prefill
        .iter()
        .for_each(|operation| reader.perform(&mut book, operation));
    let mut latencies = vec![0; operations.len()];
    let mut last = Instant::now();
    for (operation, latency) in operations.iter().zip(&mut latencies) {
        reader.perform(&mut book, operation);
        let now = Instant::now();
        *latency = u32::try_from((now - last).as_nanos()).unwrap_or(u32::MAX);
        last = now;
    }
    latencies.sort_unstable();
    latencies
}

/// The least latency that this share of operations, in thousandths, does not exceed.
fn percentile(sorted: &[u32], thousandths: usize) -> u64 {
    let at = (sorted.len() * thousandths).div_ceil(1_000).max(1) - 1;
    u64::from(sorted[at])
}

/// Memory for an order when most of them rest, and what was refused.
fn memory(workload: &Workload) -> (f64, Refusals) {
    let mut book = book();
    let (mut count, mut bytes) = (0, 0);
    let mut refusals = Refusals::default();
    for operation in &workload.operations {
        perform(&mut book, operation, &mut |event| match event {
            Event::Refused {
                refusal: Refusal::UnknownOrder,
                ..
            } => refusals.unknown += 1,
            Event::Refused { .. } => refusals.others += 1,
            _ => {}
        });
        if book.len() > count {
            (count, bytes) = (book.len(), book.bytes());
        }
    }
    (bytes as f64 / count.max(1) as f64, refusals)
}

/// All figures of the market's engine, given those of its timed passes.
pub fn figures(workload: &Workload, traded: Traded, ns: f64) -> (Figures, Refusals) {
    let latencies = latencies(workload);
    let (bytes, refusals) = memory(workload);
    let hundredths = |value: f64| (value * 100.0).round() / 100.0;
    let figures = Figures {
        trades: traded.trades,
        quantity: traded.quantity,
        ns_per_operation: hundredths(ns),
        p50_ns: percentile(&latencies, 500),
        p99_ns: percentile(&latencies, 990),
        p999_ns: percentile(&latencies, 999),
        bytes_per_resting_order: hundredths(bytes),
    };
    (figures, refusals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_least_that_enough_operations_do_not_exceed() {
        let thousand: Vec<u32> = (1..=1_000).collect();
        assert_eq!(percentile(&thousand, 500), 500);
        assert_eq!(percentile(&thousand, 999), 999);
        assert_eq!(percentile(&[7], 500), 7);
    }
}
