//! The book as anyone would write it first: a sorted map of queues on each side, searched from
//! end to end. Slow, and obviously right.

use std::collections::{BTreeMap, VecDeque};

use wattle_market::book::{Event, Lifetime, NewOrder, OpenOrder, Refusal, SelfTrade};
use wattle_market::limits::{ENERGY_MAX_WH, PRICE_MAX};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

pub(crate) struct Reference {
    pub(crate) self_trade: SelfTrade,
    pub(crate) orders_max: usize,
    pub(crate) bids: BTreeMap<Price, VecDeque<OpenOrder>>,
    pub(crate) offers: BTreeMap<Price, VecDeque<OpenOrder>>,
}

impl Reference {
    pub(crate) fn new(self_trade: SelfTrade, orders_max: usize) -> Reference {
        Reference {
            self_trade,
            orders_max,
            bids: BTreeMap::new(),
            offers: BTreeMap::new(),
        }
    }

    /// A side's orders, first to be served first.
    pub(crate) fn orders(&self, side: Side) -> Vec<OpenOrder> {
        match side {
            Side::Buy => self.bids.values().rev().flatten().copied().collect(),
            Side::Sell => self.offers.values().flatten().copied().collect(),
        }
    }

    fn find(&self, id: u32) -> Option<OpenOrder> {
        let all = [self.orders(Side::Buy), self.orders(Side::Sell)].concat();
        all.into_iter().find(|order| order.id == id)
    }

    fn len(&self) -> usize {
        self.orders(Side::Buy).len() + self.orders(Side::Sell).len()
    }

    /// The orders that one would meet, as far as its quantity goes, with what each gives.
    fn met(&self, order: &OpenOrder) -> Vec<(OpenOrder, i64)> {
        let mut left = order.quantity.0;
        let mut met = Vec::new();
        for maker in self.orders(order.side.opposite()) {
            let is_within = match order.side {
                Side::Buy => maker.price <= order.price,
                Side::Sell => maker.price >= order.price,
            };
            let quantity = left.min(maker.quantity.0);
            if is_within && quantity > 0 {
                met.push((maker, quantity));
                left -= quantity;
            }
        }
        met
    }

    fn check_trades(&self, order: &OpenOrder, minimum: i64) -> Result<(), Refusal> {
        let met = self.met(order);
        let meets_own = met.iter().any(|(maker, _)| maker.account == order.account);
        if meets_own && self.self_trade == SelfTrade::Refused {
            return Err(Refusal::SelfTrade);
        }
        if met.iter().map(|(_, quantity)| quantity).sum::<i64>() < minimum {
            return Err(Refusal::MinimumNotMet);
        }
        Ok(())
    }

    fn check(&self, order: &NewOrder) -> Result<OpenOrder, Refusal> {
        if order.price.0 < 0 || order.price.0 > PRICE_MAX {
            return Err(Refusal::PriceOutOfRange);
        }
        if order.quantity.0 < 1 || order.quantity.0 > ENERGY_MAX_WH {
            return Err(Refusal::QuantityOutOfRange);
        }
        if order.minimum.0 < 0 || order.minimum > order.quantity {
            return Err(Refusal::MinimumOutOfRange);
        }
        if self.find(order.id).is_some() {
            return Err(Refusal::DuplicateId);
        }
        if order.lifetime == Lifetime::Resting && self.len() >= self.orders_max {
            return Err(Refusal::BookFull);
        }
        let open = OpenOrder {
            id: order.id,
            account: order.account,
            side: order.side,
            price: order.price,
            quantity: order.quantity,
        };
        let is_whole = order.lifetime == Lifetime::FillOrKill;
        let minimum = if is_whole {
            order.quantity
        } else {
            order.minimum
        };
        self.check_trades(&open, minimum.0)?;
        Ok(open)
    }

    pub(crate) fn submit(&mut self, order: &NewOrder, events: &mut Vec<Event>) {
        let id = order.id;
        match self.check(order) {
            Err(refusal) => events.push(Event::Refused { id, refusal }),
            Ok(open) => {
                events.push(Event::Accepted { id });
                let left = self.trade(&open, events);
                if left > 0 && order.lifetime == Lifetime::Resting {
                    self.rest(OpenOrder {
                        quantity: WattHours(left),
                        ..open
                    });
                } else if left > 0 {
                    events.push(Event::Cancelled {
                        id,
                        quantity: WattHours(left),
                    });
                }
            }
        }
    }

    fn trade(&mut self, taker: &OpenOrder, events: &mut Vec<Event>) -> i64 {
        let mut left = taker.quantity.0;
        for (maker, quantity) in self.met(taker) {
            events.push(Event::Filled {
                maker: maker.id,
                taker: taker.id,
                price: maker.price,
                quantity: WattHours(quantity),
            });
            left -= quantity;
            let queue = self.side(maker.side).get_mut(&maker.price).unwrap();
            queue[0].quantity.0 -= quantity;
            if queue[0].quantity.0 == 0 {
                self.remove(maker.id);
            }
        }
        left
    }

    fn side(&mut self, side: Side) -> &mut BTreeMap<Price, VecDeque<OpenOrder>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.offers,
        }
    }

    fn rest(&mut self, order: OpenOrder) {
        let queues = self.side(order.side);
        queues.entry(order.price).or_default().push_back(order);
    }

    fn remove(&mut self, id: u32) {
        for side in [&mut self.bids, &mut self.offers] {
            side.values_mut()
                .for_each(|queue| queue.retain(|order| order.id != id));
            side.retain(|_, queue| !queue.is_empty());
        }
    }

    pub(crate) fn cancel(&mut self, id: u32, events: &mut Vec<Event>) {
        let Some(OpenOrder { quantity, .. }) = self.find(id) else {
            let refusal = Refusal::UnknownOrder;
            return events.push(Event::Refused { id, refusal });
        };
        self.remove(id);
        events.push(Event::Cancelled { id, quantity });
    }

    pub(crate) fn cancel_all(&mut self, account: u32, events: &mut Vec<Event>) {
        let all = [self.orders(Side::Buy), self.orders(Side::Sell)].concat();
        let own = all.iter().filter(|order| order.account == account);
        let mut ids: Vec<u32> = own.map(|order| order.id).collect();
        ids.sort();
        for id in ids {
            self.cancel(id, events);
        }
    }

    fn check_change(
        &self,
        id: u32,
        price: Price,
        quantity: WattHours,
    ) -> Result<(OpenOrder, OpenOrder), Refusal> {
        if price.0 < 0 || price.0 > PRICE_MAX {
            return Err(Refusal::PriceOutOfRange);
        }
        if quantity.0 < 1 || quantity.0 > ENERGY_MAX_WH {
            return Err(Refusal::QuantityOutOfRange);
        }
        let old = self.find(id).ok_or(Refusal::UnknownOrder)?;
        let new = OpenOrder {
            price,
            quantity,
            ..old
        };
        self.check_trades(&new, 0)?;
        Ok((old, new))
    }

    /// A change, or a replacement, which never keeps an order's place.
    pub(crate) fn change(
        &mut self,
        new: (u32, Price, WattHours),
        may_keep: bool,
        events: &mut Vec<Event>,
    ) {
        let (id, price, quantity) = new;
        let (old, new) = match self.check_change(id, price, quantity) {
            Ok(change) => change,
            Err(refusal) => return events.push(Event::Refused { id, refusal }),
        };
        let kept_priority = may_keep && old.price == price && quantity <= old.quantity;
        events.push(Event::Changed {
            id,
            price,
            quantity,
            kept_priority,
        });
        if kept_priority {
            let queue = self.side(old.side).get_mut(&price).unwrap();
            queue
                .iter_mut()
                .find(|order| order.id == id)
                .unwrap()
                .quantity = quantity;
            return;
        }
        self.remove(id);
        let left = self.trade(&new, events);
        if left > 0 {
            self.rest(OpenOrder {
                quantity: WattHours(left),
                ..new
            });
        }
    }
}
