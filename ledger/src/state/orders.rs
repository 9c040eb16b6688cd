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
use crate::state::by_interval::ByInterval;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use book::IntervalBook;
pub use continuous::{Arrival, Session};
pub(crate) use place::{Candidate, Placement};
use std::collections::{BTreeMap, VecDeque};
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
    open: ByInterval<OrderId, OpenOrder>,
    /// Minimum quantities of open orders that have one.
    minimums: ByInterval<OrderId, WattHours>,
    positions: ByInterval<PointId, Position>,
    /// When the resting orders of continuous intervals came to their places.
    arrivals: ByInterval<OrderId, Arrival>,
    /// What was traded continuously, until the gate.
    sessions: Table<DeliveryInterval, Session>,
    /// Books of continuous intervals; each follows from `open`, `arrivals` and the price bounds,
    /// and is built when it is first asked for.
    books: BTreeMap<DeliveryInterval, IntervalBook>,
    /// Open orders by holder, in the order of their keys; follows from `open`.
    held: BTreeMap<ParticipantId, VecDeque<OrderKey>>,
}

parts!(Orders { open, minimums, positions, arrivals, sessions } beside { books, held });

/// An order that has come to its gate.
#[derive(Debug, Clone)]
struct Due {
    id: OrderId,
    order: OpenOrder,
    minimum: WattHours,
}

impl Default for Orders {
    fn default() -> Orders {
        Orders {
            open: ByInterval::new(table_number::ORDERS),
            minimums: ByInterval::new(table_number::ORDER_MINIMUMS),
            positions: ByInterval::new(table_number::POSITIONS),
            arrivals: ByInterval::new(table_number::ARRIVALS),
            sessions: Table::new(table_number::SESSIONS),
            books: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }
}

impl Orders {
    /// The open orders of an interval.
    pub fn of_interval(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (&OrderId, &OpenOrder)> {
        self.open.of(interval)
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

    /// What the points have traded forward for an interval that is not settled, in their order.
    pub(crate) fn positions_of(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (PointId, &Position)> {
        let rows = self.positions.of(interval);
        rows.map(|(point, position)| (*point, position))
    }

    /// The least that an open order accepts; zero: anything.
    pub fn minimum(&self, interval: DeliveryInterval, order: &OrderId) -> WattHours {
        self.minimums
            .get(&(interval, *order))
            .copied()
            .unwrap_or_default()
    }

    /// The open orders of a participant for an interval.
    fn own_in(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (&OrderKey, &OpenOrder)> {
        let held = self.held.get(&participant).into_iter();
        let keys = held.flat_map(move |held| {
            let from = held.partition_point(|key| key.0 < interval);
            held.range(from..).take_while(move |key| key.0 == interval)
        });
        keys.filter_map(|key| Some((key, self.open.get(key)?)))
    }

    /// How many orders of a participant are open.
    fn held_by(&self, participant: ParticipantId) -> usize {
        self.held.get(&participant).map_or(0, VecDeque::len)
    }

    /// Where a participant's open order stands.
    fn key_of(&self, participant: ParticipantId, order: &OrderId) -> Option<OrderKey> {
        let held = self.held.get(&participant)?;
        held.iter().find(|(_, held)| held == order).copied()
    }

    fn insert(&mut self, id: OrderId, order: OpenOrder, minimum: WattHours) {
        let key = (order.item.interval, id);
        let held = self.held.entry(order.participant).or_default();
        // A day's orders come in their order.
        match held.back() {
            Some(last) if *last > key => {
                let place = held.partition_point(|other| *other < key);
                held.insert(place, key);
            }
            _ => held.push_back(key),
        }
        self.open.insert(key, order);
        if minimum > WattHours::ZERO {
            self.minimums.insert(key, minimum);
        }
    }

    /// Finds the holders of open orders again, after the rows were read back. Books are built when
    /// they are asked for.
    pub(crate) fn index(&mut self) {
        self.books.clear();
        self.held.clear();
        for (key, order) in self.open.iter() {
            self.held
                .entry(order.participant)
                .or_default()
                .push_back(key);
        }
    }

    fn remove(&mut self, key: &OrderKey) -> Option<OpenOrder> {
        let order = self.open.remove(key)?;
        self.minimums.remove(key);
        self.arrivals.remove(key);
        if let Some(book) = self.books.get_mut(&key.0) {
            book.remove(&key.1);
        }
        self.let_go(order.participant, key);
        Some(order)
    }

    /// Takes all orders of an interval out, in the order of their names.
    fn take_interval(&mut self, interval: DeliveryInterval) -> Vec<Due> {
        self.books.remove(&interval);
        self.arrivals.take(interval);
        let minimums: BTreeMap<OrderId, WattHours> =
            self.minimums.take(interval).into_iter().collect();
        let taken = self.open.take(interval).into_iter();
        taken
            .map(|(id, order)| {
                self.let_go(order.participant, &(interval, id));
                let minimum = minimums.get(&id).copied().unwrap_or_default();
                Due { id, order, minimum }
            })
            .collect()
    }

    /// Takes an order out of those that its holder has.
    fn let_go(&mut self, participant: ParticipantId, key: &OrderKey) {
        let held = self.held.get_mut(&participant);
        let held = held.expect("an open order has its holder");
        // The next gate's orders are the first.
        if held.front() == Some(key) {
            held.pop_front();
        } else if let Ok(place) = held.binary_search(key) {
            held.remove(place);
        }
        if held.is_empty() {
            self.held.remove(&participant);
        }
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
            || self.positions.from(from).any(|((_, at), _)| at == point)
    }

    /// Whether anybody has open orders or unsettled trades at or after an interval.
    pub(crate) fn is_used_from(&self, from: DeliveryInterval) -> bool {
        let open = self.open.from(from).next();
        let traded = self.positions.from(from).next();
        open.is_some() || traded.is_some()
    }

    /// Takes an interval's positions out, at settlement.
    pub(crate) fn take_positions(
        &mut self,
        interval: DeliveryInterval,
    ) -> Vec<(PointId, Position)> {
        self.positions.take(interval)
    }

    /// Puts a position back that was not settled.
    pub(crate) fn put_back(
        &mut self,
        interval: DeliveryInterval,
        point: PointId,
        position: Position,
    ) {
        self.positions.insert((interval, point), position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PublicKey;
    use proptest::prelude::*;
    use wattle_market::order::Side;
    use wattle_market::units::Price;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(OrderId, OpenOrder, WattHours),
        Remove(prop::sample::Index),
        Reduce(prop::sample::Index),
        Take(DeliveryInterval),
    }

    fn step() -> impl Strategy<Value = Step> {
        let name = (0u8..3, 0u64..4, 0u16..3);
        let id = name.prop_map(|(key, sequence, item)| OrderId {
            key: PublicKey([key; 32]),
            sequence,
            item,
        });
        let order = (0u32..3, 0u64..4, 2i64..9).prop_map(|(participant, interval, quantity)| {
            let item = OrderItem {
                point: PointId(participant),
                interval: DeliveryInterval(interval),
                side: Side::Buy,
                quantity: WattHours(quantity),
                limit: Price(1),
            };
            let (participant, reserved) = (ParticipantId(participant), Money(0));
            OpenOrder {
                participant,
                item,
                reserved,
            }
        });
        let insert = (id, order, 0i64..9);
        prop_oneof![
            6 => insert.prop_map(|(id, order, least)| Step::Insert(id, order, WattHours(least))),
            2 => any::<prop::sample::Index>().prop_map(Step::Remove),
            1 => any::<prop::sample::Index>().prop_map(Step::Reduce),
            1 => (0u64..4).prop_map(|at| Step::Take(DeliveryInterval(at))),
        ]
    }

    fn any_open(orders: &Orders, index: prop::sample::Index) -> Option<OrderKey> {
        let keys: Vec<OrderKey> = orders.open.iter().map(|(key, _)| key).collect();
        (!keys.is_empty()).then(|| keys[index.index(keys.len())])
    }

    fn perform(orders: &mut Orders, step: Step) {
        match step {
            Step::Insert(id, order, minimum) => {
                let minimum = minimum.min(order.item.quantity);
                // A name is given once.
                if orders.open.iter().all(|((_, open), _)| open != id) {
                    orders.insert(id, order, minimum);
                }
            }
            Step::Remove(index) => {
                if let Some(key) = any_open(orders, index) {
                    assert!(orders.remove(&key).is_some());
                }
            }
            Step::Reduce(index) => {
                let Some(key) = any_open(orders, index) else {
                    return;
                };
                let quantity = orders.open.get(&key).unwrap().item.quantity;
                if quantity.0 > 1 {
                    orders.reduce(&key, WattHours(quantity.0 - 1), Money(0));
                }
            }
            Step::Take(interval) => {
                let open: Vec<(OrderId, OpenOrder)> = orders
                    .of_interval(interval)
                    .map(|(id, order)| (*id, order.clone()))
                    .collect();
                let least = |(id, _): &(OrderId, _)| orders.minimum(interval, id);
                let minimums: Vec<WattHours> = open.iter().map(least).collect();
                let due = orders.take_interval(interval);
                let taken = due.iter().map(|due| (due.id, due.order.clone()));
                assert_eq!(taken.collect::<Vec<_>>(), open);
                let taken = due.iter().map(|due| due.minimum);
                assert_eq!(taken.collect::<Vec<_>>(), minimums);
                assert_eq!(orders.of_interval(interval).count(), 0);
            }
        }
    }

    proptest! {
        /// What is kept beside the rows is what follows from them, whatever became of orders.
        #[test]
        fn holders_are_those_of_the_open_orders(steps in prop::collection::vec(step(), 0..80)) {
            let mut orders = Orders::default();
            for step in steps {
                perform(&mut orders, step);
                let mut again = orders.clone();
                again.index();
                prop_assert_eq!(&orders.held, &again.held);
                for (key, _) in orders.minimums.iter() {
                    prop_assert!(orders.open.contains(&key));
                }
                let pairs = (0..3).flat_map(|one| (0..4).map(move |at| (one, at)));
                for (participant, interval) in pairs {
                    let (participant, interval) =
                        (ParticipantId(participant), DeliveryInterval(interval));
                    let own = orders.own_in(participant, interval);
                    let own = own.map(|(key, order)| (*key, order));
                    let of_interval = orders.open.iter().filter(|((at, _), order)| {
                        *at == interval && order.participant == participant
                    });
                    prop_assert_eq!(own.collect::<Vec<_>>(), of_interval.collect::<Vec<_>>());
                }
            }
        }
    }
}
