//! Open orders, the auction or the continuous market in which they meet, and the forward positions
//! that their trades leave.

mod book;
mod continuous;
mod fill;
mod gate;
mod place;
mod sound;

use crate::event::{OrderId, OrderItem};
use crate::registration::ParticipantId;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use book::IntervalBook;
pub use continuous::{Arrival, Session};
pub(crate) use place::{Candidate, Placement};
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::ForwardPosition;
use wattle_market::units::{Money, WattHours};

/// An order's row: the interval, then the order.
pub(crate) type OrderKey = (DeliveryInterval, OrderId);

/// An order that waits for its gate.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct OpenOrder {
    /// Whose order.
    pub participant: ParticipantId,
    /// What was ordered; its quantity is what is still open.
    pub item: OrderItem,
    /// Collateral held for it.
    pub reserved: Money,
}

/// What a point has traded forward for an interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Position {
    /// Sold, bought and the cash of both.
    pub forward: ForwardPosition,
    /// Collateral held until settlement.
    pub reserved: Money,
}

/// Orders and positions.
#[derive(Debug, Clone)]
pub struct Orders {
    open: Table<(DeliveryInterval, OrderId), OpenOrder>,
    /// Minimum quantities of open orders that have one.
    minimums: Table<(DeliveryInterval, OrderId), WattHours>,
    positions: Table<(DeliveryInterval, PointId), Position>,
    /// When the resting orders of continuous intervals came to their places.
    arrivals: Table<(DeliveryInterval, OrderId), Arrival>,
    /// What was traded continuously, until the gate.
    sessions: Table<DeliveryInterval, Session>,
    /// Books of continuous intervals; each follows from `open`, `arrivals` and the price bounds,
    /// and is built when it is first asked for.
    books: BTreeMap<DeliveryInterval, IntervalBook>,
    /// How many orders of an interval are open; follows from `open`.
    counts: BTreeMap<DeliveryInterval, u32>,
    /// Open orders by holder; follows from `open`.
    held: BTreeMap<ParticipantId, BTreeSet<(DeliveryInterval, OrderId)>>,
}

parts!(Orders { open, minimums, positions, arrivals, sessions } beside { books, counts, held });

impl Default for Orders {
    fn default() -> Orders {
        Orders {
            open: Table::new(table_number::ORDERS),
            minimums: Table::new(table_number::ORDER_MINIMUMS),
            positions: Table::new(table_number::POSITIONS),
            arrivals: Table::new(table_number::ARRIVALS),
            sessions: Table::new(table_number::SESSIONS),
            books: BTreeMap::new(),
            counts: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }
}

/// The first key of an interval's orders.
fn first_of(interval: DeliveryInterval) -> (DeliveryInterval, OrderId) {
    (interval, OrderId::LEAST)
}

impl Orders {
    /// The open orders of an interval.
    pub fn of_interval(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (&OrderId, &OpenOrder)> {
        self.open
            .range(first_of(interval)..first_of(interval.next()))
            .map(|((_, id), order)| (id, order))
    }

    /// The open orders of a participant, by interval.
    pub fn of_participant(
        &self,
        participant: ParticipantId,
    ) -> impl Iterator<Item = (&OrderId, &OpenOrder)> {
        let keys = self.held.get(&participant).into_iter().flatten();
        keys.filter_map(|key| self.open.get(key).map(|order| (&key.1, order)))
    }

    /// Whose an open order is.
    pub(crate) fn holder(
        &self,
        interval: DeliveryInterval,
        order: &OrderId,
    ) -> Option<ParticipantId> {
        let order = self.open.get(&(interval, *order));
        order.map(|order| order.participant)
    }

    /// What a point has traded forward for an interval and not yet settled.
    pub fn position(&self, interval: DeliveryInterval, point: PointId) -> Position {
        self.positions
            .get(&(interval, point))
            .copied()
            .unwrap_or_default()
    }

    /// The least that an open order accepts; zero: anything.
    pub fn minimum(&self, interval: DeliveryInterval, order: &OrderId) -> WattHours {
        self.minimums
            .get(&(interval, *order))
            .copied()
            .unwrap_or_default()
    }

    fn own_in(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (&OrderKey, &OpenOrder)> {
        let keys = self.held.get(&participant).into_iter();
        keys.flat_map(move |keys| keys.range(first_of(interval)..first_of(interval.next())))
            .filter_map(|key| Some((key, self.open.get(key)?)))
    }

    /// Where a participant's open order stands.
    fn key_of(&self, participant: ParticipantId, order: &OrderId) -> Option<OrderKey> {
        let held = self.held.get(&participant)?;
        held.iter().find(|(_, held)| held == order).copied()
    }

    fn insert(&mut self, id: OrderId, order: OpenOrder, minimum: WattHours) {
        let key = (order.item.interval, id);
        self.held.entry(order.participant).or_default().insert(key);
        self.open.insert(key, order);
        *self.counts.entry(key.0).or_default() += 1;
        if minimum > WattHours::ZERO {
            self.minimums.insert(key, minimum);
        }
    }

    /// Counts open orders and finds their holders again, after the rows were read back. Books are
    /// built when they are asked for.
    pub(crate) fn index(&mut self) {
        self.books.clear();
        self.counts.clear();
        self.held.clear();
        for (key, order) in self.open.iter() {
            *self.counts.entry(key.0).or_default() += 1;
            self.held.entry(order.participant).or_default().insert(*key);
        }
    }

    fn remove(&mut self, key: &OrderKey) -> Option<OpenOrder> {
        let order = self.open.remove(key)?;
        let count = self
            .counts
            .get_mut(&key.0)
            .expect("an open order is counted");
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&key.0);
        }
        self.minimums.remove(key);
        self.arrivals.remove(key);
        if let Some(book) = self.books.get_mut(&key.0) {
            book.remove(&key.1);
        }
        if let Some(held) = self.held.get_mut(&order.participant) {
            held.remove(key);
            if held.is_empty() {
                self.held.remove(&order.participant);
            }
        }
        Some(order)
    }

    /// Leaves `left` of an open order, with what it holds less `freed`. What was filled counts
    /// toward its minimum.
    fn reduce(&mut self, key: &OrderKey, left: WattHours, freed: Money) {
        let order = self.open.get_mut(key).expect("only open orders trade");
        let filled = WattHours(order.item.quantity.0 - left.0);
        order.item.quantity = left;
        order.reserved = Money(order.reserved.0 - freed.0);
        let Some(minimum) = self.minimums.get(key).copied() else {
            return;
        };
        if filled >= minimum {
            self.minimums.remove(key);
        } else {
            self.minimums.insert(*key, WattHours(minimum.0 - filled.0));
        }
    }

    /// Whether a point has open orders or forward trades at or after an interval.
    pub(crate) fn is_committed(
        &self,
        participant: ParticipantId,
        point: PointId,
        from: DeliveryInterval,
    ) -> bool {
        let mut open = self
            .of_participant(participant)
            .map(|(_, order)| order.item);
        open.any(|item| item.point == point && item.interval >= from)
            || self
                .positions
                .range((from, PointId(0))..)
                .any(|((_, at), _)| *at == point)
    }

    /// Whether anybody has open orders or unsettled trades at or after an interval.
    pub(crate) fn is_used_from(&self, from: DeliveryInterval) -> bool {
        let open = self.open.range(first_of(from)..).next();
        let traded = self.positions.range((from, PointId(0))..).next();
        open.is_some() || traded.is_some()
    }

    /// Takes a point's position out, at settlement.
    pub(crate) fn take_position(
        &mut self,
        interval: DeliveryInterval,
        point: PointId,
    ) -> Option<Position> {
        self.positions.remove(&(interval, point))
    }
}
