//! The book of one continuous interval: an index of its open orders that is never committed,
//! because it follows from their rows.

use crate::event::{OrderId, OrderItem};
use crate::limits::BOOK_ORDERS_MAX;
use crate::registration::ParticipantId;
use crate::state::bounds::PriceBounds;
use crate::state::orders::{OpenOrder, Orders};
use std::collections::BTreeMap;
use wattle_market::book::{self, Book, Event, Lifetime, NewOrder, Refusal, SelfTrade};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// A trade with an order that rested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) maker: OrderId,
    pub(super) quantity: WattHours,
    pub(super) price: Price,
}

/// An order as it comes to a book.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming<'a> {
    pub(super) participant: ParticipantId,
    pub(super) item: &'a OrderItem,
    pub(super) minimum: WattHours,
    pub(super) lifetime: Lifetime,
}

/// The engine's book knows orders by short numbers; these are theirs.
#[derive(Debug, Clone)]
pub(super) struct IntervalBook {
    book: Book,
    names: BTreeMap<u32, OrderId>,
    numbers: BTreeMap<OrderId, u32>,
    /// The number of the next order.
    next: u32,
}

impl IntervalBook {
    fn new() -> IntervalBook {
        IntervalBook {
            // Wide enough for all open orders: the ledger has a bound of its own.
            book: Book::new(SelfTrade::Refused),
            names: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
        }
    }

    /// Whether its numbers are used up; whoever builds it again gives them out anew.
    fn is_spent(&self) -> bool {
        self.next == u32::MAX
    }

    fn name(&mut self, order: &OrderId) -> u32 {
        let number = self.next;
        self.next += 1;
        self.names.insert(number, *order);
        self.numbers.insert(*order, number);
        number
    }

    fn restore(&mut self, order: &OrderId, open: &OpenOrder) {
        let id = self.name(order);
        let resting = book::OpenOrder {
            id,
            account: open.participant.0,
            side: open.item.side,
            price: open.item.limit,
            quantity: open.item.quantity,
        };
        self.book
            .restore(&resting)
            .expect("an order that rested fits the book that it rested in");
    }

    fn new_order(&self, coming: &Coming<'_>) -> NewOrder {
        NewOrder {
            id: self.next,
            account: coming.participant.0,
            side: coming.item.side,
            price: coming.item.limit,
            quantity: coming.item.quantity,
            lifetime: coming.lifetime,
            minimum: coming.minimum,
        }
    }

    /// Whether an order would be taken in.
    pub(super) fn judge(&self, coming: &Coming<'_>) -> Result<(), Refusal> {
        self.book.judge(&self.new_order(coming))
    }

    /// Takes in an order that was judged.
    pub(super) fn submit(&mut self, order: &OrderId, coming: &Coming<'_>) -> Vec<Match> {
        let new = self.new_order(coming);
        let number = self.name(order);
        let mut events = Vec::new();
        self.book.submit(&new, &mut |event| events.push(event));
        if self.book.order(number).is_none() {
            self.forget(order);
        }
        self.matches(&events)
    }

    /// Whether a resting order could be changed; none if it does not rest here.
    pub(super) fn judge_change(
        &self,
        order: &OrderId,
        item: &OrderItem,
    ) -> Option<Result<(), Refusal>> {
        let number = self.numbers.get(order)?;
        let judged = self.book.judge_change(*number, item.limit, item.quantity);
        Some(judged)
    }

    /// Changes a resting order; whether it kept its place, and what it traded. None if it does
    /// not rest here.
    pub(super) fn change(
        &mut self,
        order: &OrderId,
        item: &OrderItem,
    ) -> Option<(bool, Vec<Match>)> {
        let number = *self.numbers.get(order)?;
        let mut events = Vec::new();
        let mut sink = |event| events.push(event);
        self.book
            .change(number, item.limit, item.quantity, &mut sink);
        if self.book.order(number).is_none() {
            self.forget(order);
        }
        let kept = |event: &Event| {
            matches!(
                event,
                Event::Changed {
                    kept_priority: true,
                    ..
                }
            )
        };
        Some((events.iter().any(kept), self.matches(&events)))
    }

    /// Takes out an order, if it still rests here.
    pub(super) fn remove(&mut self, order: &OrderId) {
        if let Some(number) = self.forget(order) {
            // An order that was just filled is gone already.
            self.book.cancel(number, &mut |_| {});
        }
    }

    fn forget(&mut self, order: &OrderId) -> Option<u32> {
        let number = self.numbers.remove(order)?;
        self.names.remove(&number);
        Some(number)
    }

    fn matches(&self, events: &[Event]) -> Vec<Match> {
        let matches = events.iter().filter_map(|event| match event {
            Event::Filled {
                maker,
                price,
                quantity,
                ..
            } => Some(Match {
                maker: *self.names.get(maker).expect("a resting order has a name"),
                quantity: *quantity,
                price: *price,
            }),
            Event::Refused { .. } => unreachable!("the book was asked before"),
            Event::Accepted { .. } | Event::Changed { .. } | Event::Cancelled { .. } => None,
        });
        matches.collect()
    }

    /// The orders of a side with what is open of them, first to be served first.
    fn queue(&self, side: Side) -> Vec<(OrderId, WattHours)> {
        let orders = self.book.orders(side);
        orders
            .map(|order| (self.names[&order.id], order.quantity))
            .collect()
    }
}

impl Orders {
    /// The book of a continuous interval.
    pub(super) fn book(
        &mut self,
        interval: DeliveryInterval,
        bounds: &PriceBounds,
    ) -> &mut IntervalBook {
        let kept = self.books.get(&interval);
        if kept.is_none_or(IntervalBook::is_spent) {
            let built = self.build(interval, bounds);
            self.books.insert(interval, built);
        }
        let book = self.books.get_mut(&interval);
        book.expect("the book was just built")
    }

    fn build(&self, interval: DeliveryInterval, bounds: &PriceBounds) -> IntervalBook {
        let mut resting: Vec<_> = self
            .of_interval(interval)
            .filter(|(_, order)| bounds.allow(&order.item))
            .collect();
        resting.sort_by_key(|(id, _)| self.arrival(interval, id));
        let mut built = IntervalBook::new();
        for (id, order) in resting {
            built.restore(id, order);
        }
        built
    }

    /// Whether no further order of a continuous interval may rest. Orders outside the price bounds
    /// count too, since they are in the book again once the bounds are widened.
    pub(super) fn is_full(&self, interval: DeliveryInterval) -> bool {
        is_full_with(self.open.count_of(interval))
    }

    /// Drops the books of all intervals from one on. They are built again when they are needed.
    pub(crate) fn forget_books(&mut self, from: DeliveryInterval) {
        self.books.split_off(&from);
    }

    /// In which order the resting orders of a continuous interval are served, with what is open of
    /// each, as it follows from their rows. Orders outside the bounds are not served.
    pub fn queue(
        &self,
        interval: DeliveryInterval,
        side: Side,
        bounds: &PriceBounds,
    ) -> Vec<(OrderId, WattHours)> {
        self.build(interval, bounds).queue(side)
    }

    /// The same as the running book has it, if there is one.
    pub fn running_queue(
        &self,
        interval: DeliveryInterval,
        side: Side,
    ) -> Option<Vec<(OrderId, WattHours)>> {
        let book = self.books.get(&interval)?;
        Some(book.queue(side))
    }
}

fn is_full_with(orders: usize) -> bool {
    orders >= BOOK_ORDERS_MAX as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_full_by_its_open_orders_wherever_their_limits_lie() {
        use crate::keys::PublicKey;
        use wattle_market::point::PointId;
        use wattle_market::units::Money;
        let interval = DeliveryInterval(7);
        let mut orders = Orders::default();
        let name = |item| OrderId {
            key: PublicKey([1; 32]),
            sequence: 1,
            item,
        };
        let open = OpenOrder {
            participant: ParticipantId(1),
            item: OrderItem {
                point: PointId(1),
                interval,
                side: Side::Sell,
                quantity: WattHours(1),
                limit: Price(1),
            },
            reserved: Money(0),
        };
        for item in 0..3 {
            orders.insert(name(item), open.clone(), WattHours::ZERO);
        }
        assert_eq!(orders.open.count_of(interval), 3);
        for item in [1, 1, 0] {
            orders.remove(&(interval, name(item)));
        }
        assert_eq!(orders.open.count_of(interval), 1);
        assert!(!orders.is_full(interval));
        // A million orders more; one goes, and there is room.
        let most = BOOK_ORDERS_MAX as usize;
        assert!(is_full_with(most) && is_full_with(most + 1) && !is_full_with(most - 1));
    }

    #[test]
    fn a_book_that_has_given_out_its_numbers_is_built_again() {
        let interval = DeliveryInterval(7);
        let mut orders = Orders::default();
        let bounds = PriceBounds::default();
        orders.book(interval, &bounds).next = u32::MAX - 1;
        assert_eq!(orders.book(interval, &bounds).next, u32::MAX - 1);
        orders.book(interval, &bounds).next = u32::MAX;
        assert_eq!(orders.book(interval, &bounds).next, 0);
    }
}
