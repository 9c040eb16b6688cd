//! The open market: book and prices.

use super::Api;
use super::extent::extent;
use super::failure::Failure;
use super::query::Parameters;
use crate::event_loop::View;
use axum::Json;
use axum::extract::{RawQuery, State};
use std::collections::BTreeMap;
use wattle_client::api::{Book, ClearedInterval, Level, PriceIndex, Prices, Standing, TradedSoFar};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// Intervals of one answer: a month and a day. A longer range is refused.
pub(super) const RANGE_INTERVALS_MAX: u64 = 32 * DeliveryInterval::PER_DAY;

/// `GET /v1/book?interval=N`: open orders by price level.
pub(super) async fn book(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Book>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["interval"])?;
    let interval = DeliveryInterval(parameters.required("interval")?);
    Ok(Json(api.ask(move |view| book_of(view, interval)).await?))
}

fn book_of(view: &View, interval: DeliveryInterval) -> Book {
    let state = view.ledger().state();
    let mut bids: BTreeMap<Price, Level> = BTreeMap::new();
    let mut offers: BTreeMap<Price, Level> = BTreeMap::new();
    for (_, order) in state.orders.of_interval(interval) {
        let levels = match order.item.side {
            Side::Buy => &mut bids,
            Side::Sell => &mut offers,
        };
        let price = order.item.limit;
        let empty = Level {
            price,
            quantity: WattHours::ZERO,
            orders: 0,
        };
        let level = levels.entry(price).or_insert(empty);
        level.quantity = WattHours(level.quantity.0.saturating_add(order.item.quantity.0));
        level.orders += 1;
    }
    let traded = state.orders.session(interval).map(|session| TradedSoFar {
        trades: session.trades,
        volume: session.turnover.volume,
        average: session.turnover.average().price,
        last: session.last,
    });
    Book {
        interval,
        open: state.clock().is_gate_open(interval),
        mode: state.trading.modes.at(interval),
        traded,
        bids: bids.into_values().rev().collect(),
        offers: offers.into_values().collect(),
        log: extent(view),
    }
}

/// `GET /v1/prices?from=N&to=N`: clearing results.
pub(super) async fn prices(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Prices>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["from", "to"])?;
    let (from, to) = range(&parameters)?;
    let (found, standings, log) = api
        .ask(move |view| {
            let standings = standings(view, (from, to));
            (view.index.cleared(from, to), standings, extent(view))
        })
        .await?;
    let intervals = read(found.intervals())?.into_iter();
    let intervals = intervals.map(|one| ClearedInterval {
        standing: one
            .settled
            .then(|| standings.get(&one.interval).copied())
            .flatten(),
        ..one
    });
    Ok(Json(Prices {
        intervals: intervals.collect(),
        log,
    }))
}

/// `GET /v1/price-index?from=N&to=N`: days of the price index.
pub(super) async fn price_index(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<PriceIndex>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["from", "to"])?;
    let (from, to) = range(&parameters)?;
    let asked = api.ask(move |view| (view.index.days(from, to), extent(view)));
    let (found, log) = asked.await?;
    let days = read(found.days())?;
    Ok(Json(PriceIndex { days, log }))
}

/// What can still change of each interval of a range.
pub(super) fn standings(
    view: &View,
    (from, to): (DeliveryInterval, DeliveryInterval),
) -> BTreeMap<DeliveryInterval, Standing> {
    let state = view.ledger().state();
    let intervals = (from.0..=to.0).map(DeliveryInterval);
    intervals
        .map(|interval| (interval, state.standing(interval)))
        .collect()
}

/// What was read of the index.
pub(super) fn read<T>(found: std::io::Result<T>) -> Result<T, Failure> {
    found.map_err(|error| Failure::internal("read the index", &error))
}

/// The parameters `from` and `to`: intervals, both included.
pub(super) fn range(
    parameters: &Parameters,
) -> Result<(DeliveryInterval, DeliveryInterval), Failure> {
    let from: u64 = parameters.required("from")?;
    let to: u64 = parameters.required("to")?;
    if from > to || to - from >= RANGE_INTERVALS_MAX {
        return Err(Failure::malformed(format!(
            "from {from} to {to} must be 1 to {RANGE_INTERVALS_MAX} intervals; ask in parts"
        )));
    }
    Ok((DeliveryInterval(from), DeliveryInterval(to)))
}
