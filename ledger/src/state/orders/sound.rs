//! What matching and filling rely on of open orders and positions.

use super::{OpenOrder, OrderKey, Position};
use crate::limits::BOOK_ORDERS_MAX;
use crate::state::rows::{RowError, require};
use crate::state::sound::{Held, hold};
use crate::state::{State, table_number};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::{ENERGY_MAX_WH, POSITION_MAX_WH, PRICE_MAX};
use wattle_market::order::Side;
use wattle_market::point::PointId;

/// Trades that a session counts at most, so that more can be counted.
const TRADES_BOUND: u64 = 1 << 62;

/// Where something is traded, and on which side.
type Place = (DeliveryInterval, PointId, bool);

impl State {
    /// Whether open orders are what orders may be, each with the collateral of each of its
    /// watt-hours and at a point of its holder's.
    pub(crate) fn check_orders(&self, held: &mut Held) -> Result<(), RowError> {
        for (key, order) in self.orders.open.iter() {
            let holds = self.is_order(&key, order);
            let what = "is no order of its participant's point";
            require(table_number::ORDERS, holds, what)?;
            hold(
                held,
                table_number::ORDERS,
                order.participant,
                order.reserved,
            )?;
            let (held, quantity) = (order.reserved.0, order.item.quantity.0);
            let what = "holds another amount for one watt-hour than for the next";
            require(table_number::ORDERS, held % quantity == 0, what)?;
        }
        for (key, minimum) in self.orders.minimums.iter() {
            let order = self.orders.open.get(&key);
            let holds = minimum.0 > 0 && order.is_some_and(|it| *minimum <= it.item.quantity);
            let what = "is no minimum of an open order";
            require(table_number::ORDER_MINIMUMS, holds, what)?;
        }
        for (_, session) in self.orders.sessions.iter() {
            let holds = session.trades <= TRADES_BOUND && session.turnover.is_sound();
            require(table_number::SESSIONS, holds, "counts too much")?;
        }
        let mut counts: BTreeMap<DeliveryInterval, u32> = BTreeMap::new();
        for ((interval, _), _) in self.orders.open.iter() {
            *counts.entry(interval).or_default() += 1;
        }
        let fits = |(at, count): (&DeliveryInterval, &u32)| {
            *count <= BOOK_ORDERS_MAX || !self.is_continuous(*at)
        };
        let what = "is one order too many for a book";
        require(table_number::ORDERS, counts.iter().all(fits), what)?;
        for ((_, point), position) in self.orders.positions.iter() {
            let of = self.registry.points().get(&point);
            let what = "names a point that is not registered";
            require(table_number::POSITIONS, of.is_some(), what)?;
            if let Some(of) = of {
                let table = table_number::POSITIONS;
                hold(held, table, of.participant, position.reserved)?;
            }
            let holds = has_price(position);
            let what = "has cash that no price gives";
            require(table_number::POSITIONS, holds, what)?;
        }
        Ok(())
    }

    fn is_order(&self, key: &OrderKey, order: &OpenOrder) -> bool {
        let item = &order.item;
        let point = self.registry.points().get(&item.point);
        let registered = self.registry.participants();
        key.0 == item.interval
            && (1..=ENERGY_MAX_WH).contains(&item.quantity.0)
            && (0..=PRICE_MAX).contains(&item.limit.0)
            && registered.contains(&order.participant)
            && point.is_some_and(|point| point.participant == order.participant)
    }

    /// Whether a point's trades, open orders and bundles of an interval together stay within what
    /// it may sell, and what it may buy: then no sum of them leaves 64 bits.
    pub(crate) fn check_traded(&self) -> Result<(), RowError> {
        let mut all: BTreeMap<Place, i128> = BTreeMap::new();
        let mut add = |interval, point, side: Side, quantity: i64| {
            let sum = all.entry((interval, point, side == Side::Buy));
            *sum.or_default() += i128::from(quantity);
        };
        for ((interval, point), position) in self.orders.positions.iter() {
            add(interval, point, Side::Sell, position.forward.sold.0);
            add(interval, point, Side::Buy, position.forward.bought.0);
        }
        for ((interval, _), order) in self.orders.open.iter() {
            let item = &order.item;
            add(interval, item.point, item.side, item.quantity.0);
        }
        for (_, bundle) in self.joint.bundles().iter() {
            for leg in &bundle.legs {
                add(leg.interval, bundle.point, leg.side, leg.quantity.0);
            }
        }
        let holds = all.values().all(|sum| *sum <= i128::from(POSITION_MAX_WH));
        let what = "leads beyond what a point may trade in an interval";
        require(table_number::POSITIONS, holds, what)
    }
}

/// Whether the cash of a position is that of some prices.
fn has_price(position: &Position) -> bool {
    let forward = &position.forward;
    let bounds = 0..=POSITION_MAX_WH;
    let most = |energy: i64| i128::from(energy) * i128::from(PRICE_MAX);
    bounds.contains(&forward.sold.0)
        && bounds.contains(&forward.bought.0)
        && (-most(forward.bought.0)..=most(forward.sold.0)).contains(&i128::from(forward.cash.0))
}
