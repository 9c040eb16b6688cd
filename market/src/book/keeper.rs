//! For callers that keep the orders themselves and have the book as an index of them: they ask
//! before they change anything of their own, and build the book again from what they keep.

use super::{Book, NewOrder, OpenOrder, Refusal, price_in_range, quantity_in_range, rank};
use super::{NONE, Resting};
use crate::units::{Price, WattHours};

impl Book {
    /// Whether [`submit`](Book::submit) would refuse an order, without taking it in.
    ///
    /// # Errors
    /// What it would refuse it with.
    pub fn judge(&self, order: &NewOrder) -> Result<(), Refusal> {
        self.check(order).map(|_| ())
    }

    /// Whether [`change`](Book::change) would refuse, without changing anything.
    ///
    /// # Errors
    /// What it would refuse with.
    pub fn judge_change(&self, id: u32, price: Price, quantity: WattHours) -> Result<(), Refusal> {
        self.check_change(id, price, quantity).map(|_| ())
    }

    /// Lets an order rest behind those of its price, without trading. Orders that rested, given
    /// the oldest first, make the book that they rested in.
    ///
    /// Whoever restores orders that cross gets a book in which they wait side by side: only an
    /// order that comes in trades.
    ///
    /// # Errors
    /// A price or quantity out of range, an id that an open order has, or a full book.
    pub fn restore(&mut self, order: &OpenOrder) -> Result<(), Refusal> {
        let price = price_in_range(order.price)?;
        let quantity = quantity_in_range(order.quantity)?;
        if self.ids.contains(order.id, &self.orders) {
            return Err(Refusal::DuplicateId);
        }
        if self.orders.count() >= self.orders_max {
            return Err(Refusal::BookFull);
        }
        // Nothing below can be refused.
        self.rest(Resting {
            id: order.id,
            account: order.account,
            rank: rank(order.side, price),
            quantity,
            next: NONE,
            previous: NONE,
        });
        Ok(())
    }
}
