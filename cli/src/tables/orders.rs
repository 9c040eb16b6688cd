//! `orders`: what tenants and their delegates asked for, and whether a rule refused it.

use wattle_ledger::event::{Action, OrderChange, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::joint::Leg;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

use super::trades::side;
use super::{
    Cell, Column, Reader, Row, Table, cny, energy, integer, kwh, label, money, number, price, text,
    unit_price, utc, words,
};

const COLUMNS: [Column; 17] = [
    integer("entry"),
    integer("item"),
    utc("recorded_utc"),
    label("action"),
    label("order"),
    integer("interval"),
    label("start_local"),
    utc("start_utc"),
    integer("participant"),
    text("participant_name"),
    integer("point"),
    label("side"),
    kwh("quantity_kwh"),
    price("limit_cny_per_kwh"),
    kwh("minimum_kwh"),
    cny("bundle_limit_cny"),
    label("outcome"),
];

pub(super) const TABLE: Table = Table {
    name: "orders",
    columns: &COLUMNS,
    rows,
};

/// What one item of a list asks for.
struct Asked {
    item: usize,
    /// Whose outcome it shares.
    judged: usize,
    action: &'static str,
    order: Option<OrderId>,
    /// Interval, side and quantity.
    leg: Option<Leg>,
    point: Option<PointId>,
    quantity: Cell,
    limit: Cell,
    minimum: Cell,
    bundle_limit: Option<Money>,
}

impl Asked {
    fn new(item: usize, action: &'static str) -> Asked {
        Asked {
            item,
            judged: item,
            action,
            order: None,
            leg: None,
            point: None,
            quantity: None,
            limit: None,
            minimum: None,
            bundle_limit: None,
        }
    }

    fn order(number: usize, action: &'static str, order: &OrderItem, minimum: WattHours) -> Asked {
        Asked {
            leg: Some(Leg {
                interval: order.interval,
                side: order.side,
                quantity: order.quantity,
            }),
            point: Some(order.point),
            quantity: energy(order.quantity),
            limit: unit_price(order.limit),
            minimum: Some(minimum).filter(|it| it.0 != 0).and_then(energy),
            ..Asked::new(number, action)
        }
    }
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Some(event) = reader.event() else {
        return Vec::new();
    };
    let body = event.body();
    let id = |item: usize| {
        let item = u16::try_from(item).ok()?;
        Some(OrderId {
            key: body.author,
            sequence: body.sequence,
            item,
        })
    };
    let asked = asked(&body.action, id);
    asked
        .into_iter()
        .map(|one| row(reader, entry, one))
        .collect()
}

fn asked(action: &Action, id: impl Fn(usize) -> Option<OrderId>) -> Vec<Asked> {
    let with_minimum = |name: &'static str, list: &[OrderWithMinimum]| -> Vec<Asked> {
        let items = list.iter().enumerate();
        let one = |(item, order): (usize, &OrderWithMinimum)| Asked {
            order: id(item),
            ..Asked::order(item, name, &order.order, order.minimum)
        };
        items.map(one).collect()
    };
    match action {
        Action::PlaceOrders(list) => {
            let items = list.iter().enumerate();
            let one = |(item, order): (usize, &OrderItem)| Asked {
                order: id(item),
                ..Asked::order(item, "place", order, WattHours::ZERO)
            };
            items.map(one).collect()
        }
        Action::PlaceOrdersWith(list) => with_minimum("place", list),
        Action::PlaceImmediate(list) => with_minimum("immediate", list),
        Action::ChangeOrders(list) => {
            let items = list.iter().enumerate();
            let one = |(item, change): (usize, &OrderChange)| Asked {
                order: Some(change.order),
                quantity: energy(change.quantity),
                limit: unit_price(change.limit),
                ..Asked::new(item, "change")
            };
            items.map(one).collect()
        }
        Action::CancelOrders(list) => {
            let items = list.iter().enumerate();
            let one = |(item, order): (usize, &OrderId)| Asked {
                order: Some(*order),
                ..Asked::new(item, "cancel")
            };
            items.map(one).collect()
        }
        Action::CancelAll { point, .. } => vec![Asked {
            point: *point,
            ..Asked::new(0, "cancel_all")
        }],
        Action::PlaceBundle { point, legs, limit } => {
            let legs = legs.iter().enumerate();
            let one = |(item, leg): (usize, &Leg)| Asked {
                judged: 0,
                order: id(0),
                leg: Some(*leg),
                point: Some(*point),
                quantity: energy(leg.quantity),
                bundle_limit: Some(*limit),
                ..Asked::new(item, "bundle")
            };
            legs.map(one).collect()
        }
        Action::CancelBundle { bundle } => vec![Asked {
            order: Some(*bundle),
            ..Asked::new(0, "cancel_bundle")
        }],
        _ => Vec::new(),
    }
}

fn row(reader: &Reader, entry: &IndexedEntry, asked: Asked) -> Row {
    let interval = asked.leg.map(|leg| reader.interval(leg.interval));
    let mut row = vec![
        number(entry.index),
        number(asked.item),
        reader.recorded(),
        words(asked.action),
        asked.order.and_then(|order| words(order.to_string())),
    ];
    row.extend(interval.unwrap_or_default());
    row.extend(reader.participant(reader.author()));
    row.extend([
        asked.point.and_then(|point| number(point.0)),
        asked.leg.and_then(|leg| words(side(leg.side))),
        asked.quantity,
        asked.limit,
        asked.minimum,
        asked.bundle_limit.and_then(money),
        reader.outcome(asked.judged),
    ]);
    row
}
