//! Open orders, the call auction that closes them, and the forward positions it leaves.

use crate::derived::Fact;
use crate::event::{OrderId, OrderItem};
use crate::limits::{OPEN_ORDERS_PER_PARTICIPANT_MAX, ORDER_HORIZON_INTERVALS};
use crate::registration::{ParticipantId, Point};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::trie::Trie;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::auction::{self, Quote};
use wattle_market::collateral::collateral;
use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::{ENERGY_MAX_WH, PRICE_MAX};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::ForwardPosition;
use wattle_market::units::{Money, Price, WattHours};

/// An order that waits for its gate.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct OpenOrder {
    /// Whose order.
    pub participant: ParticipantId,
    /// What was ordered.
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
    positions: Table<(DeliveryInterval, PointId), Position>,
    /// Open orders by holder; follows from `open`.
    held: BTreeMap<ParticipantId, BTreeSet<(DeliveryInterval, OrderId)>>,
}

impl Default for Orders {
    fn default() -> Orders {
        Orders {
            open: Table::new(table_number::ORDERS),
            positions: Table::new(table_number::POSITIONS),
            held: BTreeMap::new(),
        }
    }
}

/// The first key of an interval's orders.
fn first_of(interval: DeliveryInterval) -> (DeliveryInterval, OrderId) {
    let least = OrderId {
        key: crate::keys::PublicKey([0; 32]),
        sequence: 0,
        item: 0,
    };
    (interval, least)
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

    /// What a point has traded forward for an interval and not yet settled.
    pub fn position(&self, interval: DeliveryInterval, point: PointId) -> Position {
        self.positions
            .get(&(interval, point))
            .copied()
            .unwrap_or_default()
    }

    fn own_in(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = &OpenOrder> {
        let keys = self.held.get(&participant).into_iter();
        keys.flat_map(move |keys| keys.range(first_of(interval)..first_of(interval.next())))
            .filter_map(|key| self.open.get(key))
    }

    fn insert(&mut self, id: OrderId, order: OpenOrder) {
        let key = (order.item.interval, id);
        self.held.entry(order.participant).or_default().insert(key);
        self.open.insert(key, order);
    }

    fn remove(&mut self, key: &(DeliveryInterval, OrderId)) -> Option<OpenOrder> {
        let order = self.open.remove(key)?;
        if let Some(held) = self.held.get_mut(&order.participant) {
            held.remove(key);
            if held.is_empty() {
                self.held.remove(&order.participant);
            }
        }
        Some(order)
    }

    /// Takes a point's position out, at settlement.
    pub(crate) fn take_position(
        &mut self,
        interval: DeliveryInterval,
        point: PointId,
    ) -> Option<Position> {
        self.positions.remove(&(interval, point))
    }

    pub(crate) fn commit(&mut self, trie: &mut Trie) {
        self.open.commit(trie);
        self.positions.commit(trie);
    }
}

impl State {
    /// Takes one order into the book.
    pub(crate) fn place_order(
        &mut self,
        participant: ParticipantId,
        id: OrderId,
        item: &OrderItem,
    ) -> Result<(), Rejection> {
        if item.quantity.0 <= 0 {
            return Err(Rejection::QuantityZero);
        }
        if item.quantity.0 > ENERGY_MAX_WH {
            return Err(Rejection::QuantityTooLarge);
        }
        if !(0..=PRICE_MAX).contains(&item.limit.0) {
            return Err(Rejection::PriceOutOfBounds);
        }
        let point = self
            .registry
            .points()
            .get(&item.point)
            .ok_or(Rejection::UnknownPoint)?;
        if point.participant != participant {
            return Err(Rejection::NotYourPoint);
        }
        if item.interval < self.registry.first_interval() {
            return Err(Rejection::BeforeFirstInterval);
        }
        if point.from > item.interval {
            return Err(Rejection::PointNotActive);
        }
        if !self.clock().is_gate_open(item.interval) {
            return Err(Rejection::GateClosed);
        }
        let today = DeliveryInterval::containing(self.clock().time);
        if item.interval.0 > today.0 + ORDER_HORIZON_INTERVALS {
            return Err(Rejection::TooFarAhead);
        }
        let held = self.orders.held.get(&participant).map_or(0, BTreeSet::len);
        if held >= OPEN_ORDERS_PER_PARTICIPANT_MAX {
            return Err(Rejection::TooManyOrders);
        }
        self.check_exposure(point, item)?;
        self.check_own_orders(participant, item)?;
        let reserved = self
            .collateral_of(item)
            .ok_or(Rejection::QuantityTooLarge)?;
        self.accounts.reserve(participant, reserved)?;
        // Nothing below can be refused.
        self.orders.insert(
            id,
            OpenOrder {
                participant,
                item: *item,
                reserved,
            },
        );
        Ok(())
    }

    fn collateral_of(&self, item: &OrderItem) -> Option<Money> {
        let shortfall = self.registry.shortfall_price(item.interval);
        let wheeling = self.registry.terms_at(item.interval).wheeling;
        collateral(item.side, item.quantity, item.limit, shortfall, wheeling)
    }

    /// All that a point could end up selling (or buying) stays within what it can move.
    fn check_exposure(&self, point: &Point, item: &OrderItem) -> Result<(), Rejection> {
        let open = self
            .orders
            .own_in(point.participant, item.interval)
            .filter(|order| order.item.point == item.point && order.item.side == item.side)
            .try_fold(item.quantity, |sum, order| {
                sum.checked_add(order.item.quantity)
            });
        let capacity = match item.side {
            Side::Sell => point.generation_w,
            Side::Buy => point.connection_w,
        };
        match open {
            Some(open) if open <= energy_per_interval(capacity) => Ok(()),
            _ => Err(Rejection::ExceedsCapacity),
        }
    }

    fn check_own_orders(
        &self,
        participant: ParticipantId,
        item: &OrderItem,
    ) -> Result<(), Rejection> {
        let crosses = |other: &OpenOrder| match item.side {
            Side::Buy => other.item.side == Side::Sell && other.item.limit <= item.limit,
            Side::Sell => other.item.side == Side::Buy && other.item.limit >= item.limit,
        };
        if self.orders.own_in(participant, item.interval).any(crosses) {
            return Err(Rejection::CrossesOwnOrder);
        }
        Ok(())
    }

    /// Takes an order back out of the book.
    pub(crate) fn cancel_order(
        &mut self,
        participant: ParticipantId,
        id: &OrderId,
    ) -> Result<(), Rejection> {
        let held = self
            .orders
            .held
            .get(&participant)
            .ok_or(Rejection::UnknownOrder)?;
        let key = *held
            .iter()
            .find(|(_, held)| held == id)
            .ok_or(Rejection::UnknownOrder)?;
        if self.clock().time >= key.0.firm_from() {
            return Err(Rejection::TooLateToCancel);
        }
        let order = self.orders.remove(&key).expect("a held order is open");
        self.accounts.release(participant, order.reserved);
        Ok(())
    }

    /// Gate closure: clears the interval's orders at one price. An interval without orders leaves
    /// nothing.
    pub(crate) fn clear(
        &mut self,
        interval: DeliveryInterval,
        facts: &mut Vec<(Option<ParticipantId>, Fact)>,
    ) {
        let orders: Vec<(OrderId, OpenOrder)> = self
            .orders
            .of_interval(interval)
            .map(|(id, order)| (*id, order.clone()))
            .collect();
        if orders.is_empty() {
            return;
        }
        let quotes = |side: Side| -> Vec<Quote<OrderId>> {
            let of_side = orders.iter().filter(|(_, order)| order.item.side == side);
            of_side
                .map(|(id, order)| Quote {
                    key: *id,
                    quantity: order.item.quantity,
                    limit: order.item.limit,
                })
                .collect()
        };
        let (offers, bids) = (quotes(Side::Sell), quotes(Side::Buy));
        let clearing = auction::clear(&offers, &bids);
        facts.push((
            None,
            Fact::IntervalCleared {
                interval,
                price: clearing.price,
                volume: clearing.volume,
                bids: u32::try_from(bids.len()).expect("an auction has at most 2^20 orders"),
                offers: u32::try_from(offers.len()).expect("an auction has at most 2^20 orders"),
            },
        ));
        let fills: BTreeMap<OrderId, WattHours> = clearing
            .asks
            .iter()
            .chain(&clearing.bids)
            .copied()
            .collect();
        for (id, order) in orders {
            let filled = fills.get(&id).copied().unwrap_or_default();
            self.close_order(&id, &order, filled, clearing.price);
            let price = clearing.price.filter(|_| filled.0 > 0);
            let fact = Fact::OrderClosed {
                order: id,
                item: order.item,
                filled,
                price,
            };
            facts.push((Some(order.participant), fact));
        }
    }

    /// Moves what was filled into the position, with its collateral at the clearing price.
    fn close_order(
        &mut self,
        id: &OrderId,
        order: &OpenOrder,
        filled: WattHours,
        price: Option<Price>,
    ) {
        let item = &order.item;
        self.orders.remove(&(item.interval, *id));
        self.accounts.release(order.participant, order.reserved);
        let Some(price) = price.filter(|_| filled.0 > 0) else {
            return;
        };
        let at_price = OrderItem {
            quantity: filled,
            limit: price,
            ..*item
        };
        let needed = self.collateral_of(&at_price).unwrap_or(order.reserved);
        // The clearing price is no worse than the limit, so this is within what was released
        // unless prices rose after the order; then what was held stays held.
        let reserved = needed.min(order.reserved);
        self.accounts.reserve_again(order.participant, reserved);
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
    }
}

/// Exposure keeps a point's fills of one interval within its rated power.
fn sum(a: WattHours, b: WattHours) -> WattHours {
    a.checked_add(b)
        .expect("a point's fills stay within its rated power")
}
