//! The order book that anyone would write first: sorted maps of queues. A peer of the engine, and
//! the judge of its results.

use std::collections::{BTreeMap, HashMap, VecDeque};

use wattle_market::order::Side;

use super::workload::{Kind, Operation};

/// One side: queues of (id, quantity) by price.
type Levels = BTreeMap<u32, VecDeque<(u32, u32)>>;

/// An order book for operations of a workload.
#[derive(Debug, Default)]
pub(super) struct Naive {
    bids: Levels,
    offers: Levels,
    places: HashMap<u32, (Side, u32)>,
}

/// A fill: maker, price, quantity.
pub(super) type Fill = (u32, u32, u32);

impl Naive {
    /// Performs one operation and adds its fills to `fills`.
    pub(super) fn perform(&mut self, operation: &Operation, fills: &mut Vec<Fill>) {
        match operation.kind {
            Kind::Add | Kind::AddImmediateOrCancel => {
                if !self.places.contains_key(&operation.id) && operation.quantity > 0 {
                    self.add(operation, fills);
                }
            }
            Kind::Cancel => {
                self.remove(operation.id);
            }
            Kind::Move => {
                if let Some((side, open)) = self.remove(operation.id) {
                    let quantity = match operation.quantity {
                        0 => open,
                        quantity => quantity,
                    };
                    let order = Operation {
                        kind: Kind::Add,
                        side,
                        quantity,
                        ..*operation
                    };
                    self.add(&order, fills);
                }
            }
        }
    }

    fn add(&mut self, order: &Operation, fills: &mut Vec<Fill>) {
        let mut left = order.quantity;
        while left > 0 {
            let best = match order.side {
                Side::Buy => self.offers.first_entry(),
                Side::Sell => self.bids.last_entry(),
            };
            let Some(mut level) = best else { break };
            let price = *level.key();
            let is_beyond = match order.side {
                Side::Buy => price > order.price,
                Side::Sell => price < order.price,
            };
            if is_beyond {
                break;
            }
            let Some((maker, open)) = level.get_mut().front_mut() else {
                level.remove();
                continue;
            };
            let quantity = left.min(*open);
            fills.push((*maker, price, quantity));
            left -= quantity;
            *open -= quantity;
            if *open == 0 {
                self.places.remove(maker);
                level.get_mut().pop_front();
            }
            if level.get().is_empty() {
                level.remove();
            }
        }
        if left > 0 && order.kind == Kind::Add {
            let side = self.side(order.side);
            side.entry(order.price)
                .or_default()
                .push_back((order.id, left));
            self.places.insert(order.id, (order.side, order.price));
        }
    }

    /// Takes an order out, and says what was open of it.
    fn remove(&mut self, id: u32) -> Option<(Side, u32)> {
        let (side, price) = self.places.remove(&id)?;
        let levels = self.side(side);
        let level = levels.get_mut(&price)?;
        let at = level.iter().position(|(other, _)| *other == id)?;
        let (_, open) = level.remove(at)?;
        if level.is_empty() {
            levels.remove(&price);
        }
        Some((side, open))
    }

    fn side(&mut self, side: Side) -> &mut Levels {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.offers,
        }
    }

    /// Whether an order is open.
    pub(super) fn is_open(&self, id: u32) -> bool {
        self.places.contains_key(&id)
    }

    /// How many orders rest.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The best price of a side.
    pub(super) fn best(&self, side: Side) -> Option<u32> {
        match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.offers.first_key_value(),
        }
        .map(|(price, _)| *price)
    }
}
