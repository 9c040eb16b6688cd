//! `trades`: each leg of each trade.

use wattle_ledger::derived::{BundleState, Fact, TradeRole};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{OrderId, OrderItem};
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

use super::{
    Cell, Column, Reader, Row, Table, cny, energy, integer, kwh, label, number, price, text,
    unit_price, utc, words,
};

const COLUMNS: [Column; 16] = [
    integer("entry"),
    utc("recorded_utc"),
    integer("interval"),
    label("start_local"),
    utc("start_utc"),
    integer("participant"),
    text("participant_name"),
    integer("point"),
    label("side"),
    label("market"),
    label("role"),
    kwh("quantity_kwh"),
    price("price_cny_per_kwh"),
    cny("amount_cny"),
    label("order"),
    integer("leg"),
];

pub(super) const TABLE: Table = Table {
    name: "trades",
    columns: &COLUMNS,
    rows,
};

/// The word for a side.
pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// A leg, and in which market it came to be.
struct Traded<'a> {
    participant: Option<ParticipantId>,
    order: &'a OrderId,
    point: PointId,
    leg: Leg,
    price: Price,
    market: &'static str,
    role: Cell,
    /// Its place in the bundle.
    place: Cell,
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Entry::Derived {
        participant, fact, ..
    } = &entry.entry
    else {
        return Vec::new();
    };
    let simple = |order, item: &OrderItem, filled: WattHours, price, market, role| {
        let traded = Traded {
            participant: *participant,
            order,
            point: item.point,
            leg: Leg {
                interval: item.interval,
                side: item.side,
                quantity: filled,
            },
            price,
            market,
            role,
            place: None,
        };
        match filled.0 > 0 {
            true => vec![row(reader, entry, traded)],
            false => Vec::new(),
        }
    };
    match fact {
        Fact::OrderClosed {
            order,
            item,
            filled,
            price: Some(price),
        } => simple(order, item, *filled, *price, "auction", None),
        Fact::OrderMatched {
            order,
            item,
            filled,
            price,
            role,
        } => {
            let role = match role {
                TradeRole::Maker => "maker",
                TradeRole::Taker => "taker",
            };
            simple(order, item, *filled, *price, "continuous", words(role))
        }
        Fact::JointFilled {
            order,
            item,
            filled,
            price,
        } => simple(order, item, *filled, *price, "joint", None),
        Fact::BundleClosed {
            bundle,
            point,
            legs,
            prices,
            state: BundleState::Accepted,
            ..
        } => {
            let legs = legs.iter().zip(prices).enumerate();
            let row = |(place, (leg, price)): (usize, (&Leg, &Price))| {
                let traded = Traded {
                    participant: *participant,
                    order: bundle,
                    point: *point,
                    leg: *leg,
                    price: *price,
                    market: "bundle",
                    role: None,
                    place: number(place),
                };
                row(reader, entry, traded)
            };
            legs.map(row).collect()
        }
        _ => Vec::new(),
    }
}

fn row(reader: &Reader, entry: &IndexedEntry, traded: Traded<'_>) -> Row {
    let leg = traded.leg;
    let amount = leg.quantity.cost(traded.price);
    // A seller receives.
    let signed = amount.and_then(|amount| match leg.side {
        Side::Sell => Some(amount),
        Side::Buy => amount.checked_neg(),
    });
    let mut row = vec![number(entry.index), reader.recorded()];
    row.extend(reader.interval(leg.interval));
    row.extend(reader.participant(traded.participant));
    row.extend([
        number(traded.point.0),
        words(side(leg.side)),
        words(traded.market),
        traded.role,
        energy(leg.quantity),
        unit_price(traded.price),
        signed.and_then(|amount| number(amount.0)),
        words(traded.order.to_string()),
        traded.place,
    ]);
    row
}
