//! Fills: what was traded of an order becomes a part of its point's position.

use crate::event::{OrderId, OrderItem};
use crate::state::State;
use crate::state::orders::OrderKey;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

impl State {
    /// Fills a part of an open order, or all of it, before its gate. What is left stays open
    /// under the same name; an order that nothing is left of is closed. Gives what was open
    /// before.
    ///
    /// What a delegated key has used does not move: what is filled counted while it was open.
    ///
    /// # Panics
    /// If the order is not open, the quantity is not within what is open of it, or the price is
    /// worse than its limit: whoever matches orders knows them.
    pub fn fill_order(
        &mut self,
        key: &(DeliveryInterval, OrderId),
        filled: WattHours,
        price: Price,
    ) -> OrderItem {
        // The interval's book did not make this trade.
        self.orders.books.remove(&key.0);
        self.fill(key, filled, price)
    }

    /// The same for a trade that the interval's book, if there is one, knows already.
    pub(super) fn fill(&mut self, key: &OrderKey, filled: WattHours, price: Price) -> OrderItem {
        let order = self.orders.open.get(key).expect("only open orders trade");
        let (participant, item, held) = (order.participant, order.item, order.reserved);
        let is_within = match item.side {
            Side::Sell => price >= item.limit,
            Side::Buy => price <= item.limit,
        };
        assert!(is_within, "an order trades within its limit");
        assert!(
            filled > WattHours::ZERO && filled <= item.quantity,
            "an order trades what is open of it"
        );
        let left = WattHours(item.quantity.0 - filled.0);
        let freed = part_of(held, filled, item.quantity);
        if left == WattHours::ZERO {
            self.orders.remove(key);
        } else {
            self.orders.reduce(key, left, freed);
        }
        let held = self.take_position(&item, (filled, price), freed);
        self.accounts.reserve_instead(participant, freed, held);
        item
    }

    /// Adds a fill of an order to its point's position, with its collateral at the price of the
    /// trade, at most what is `freed` of the order's own. Gives what the position holds of it; who
    /// calls reserves just that on the account.
    pub(crate) fn take_position(
        &mut self,
        item: &OrderItem,
        (filled, price): (WattHours, Price),
        freed: Money,
    ) -> Money {
        let at_price = OrderItem {
            quantity: filled,
            limit: price,
            ..*item
        };
        let needed = self.collateral_of(&at_price).unwrap_or(freed);
        // The price is no worse than the limit, so this is within what was released unless
        // prices rose after the order; then what was held stays held.
        let reserved = needed.min(freed);
        let position = self.orders.positions.entry((item.interval, item.point));
        let cash = filled
            .cost(price)
            .expect("an order's bounds keep its cost in range");
        let forward = &mut position.forward;
        match item.side {
            Side::Sell => {
                forward.sold = sum(forward.sold, filled);
                forward.cash = forward.cash.checked_add(cash).expect("cash stays in range");
            }
            Side::Buy => {
                forward.bought = sum(forward.bought, filled);
                forward.cash = forward.cash.checked_sub(cash).expect("cash stays in range");
            }
        }
        position.reserved = position
            .reserved
            .checked_add(reserved)
            .expect("collateral stays in range");
        reserved
    }
}

/// What is held for a part of an order: collateral is so much for each watt-hour, so a part of
/// the quantity has just its part of it.
fn part_of(held: Money, part: WattHours, whole: WattHours) -> Money {
    let product = i128::from(held.0) * i128::from(part.0);
    assert_eq!(
        product % i128::from(whole.0),
        0,
        "collateral is so much for each watt-hour"
    );
    let freed = product / i128::from(whole.0);
    Money(i64::try_from(freed).expect("a part is no more than the whole"))
}

/// Exposure bounds what a point sells and what it buys in one interval.
fn sum(a: WattHours, b: WattHours) -> WattHours {
    a.checked_add(b)
        .expect("a point's sales and purchases stay within their bound")
}
