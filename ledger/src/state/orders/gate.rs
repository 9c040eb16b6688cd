//! The gate: the call auction of an interval, and what its orders become.

use crate::derived::Fact;
use crate::event::OrderId;
use crate::state::index::Venue;
use crate::state::orders::OpenOrder;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::auction::Quote;
use wattle_market::interval::DeliveryInterval;
use wattle_market::minimum::{MinimumQuote, clear_with_minimums};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

type Orders = Vec<(OrderId, OpenOrder)>;

pub(super) fn count(orders: &[(OrderId, OpenOrder)], side: Side) -> u32 {
    let of_side = orders.iter().filter(|(_, order)| order.item.side == side);
    u32::try_from(of_side.count()).expect("a gate has fewer than 2^32 orders")
}

impl State {
    /// Gate closure: clears the interval's orders at one price, or releases them where the market
    /// is continuous or halted. An interval without orders leaves nothing.
    pub(crate) fn clear(&mut self, interval: DeliveryInterval, facts: &mut Facts) {
        let orders: Orders = self
            .orders
            .of_interval(interval)
            .map(|(id, order)| (*id, order.clone()))
            .collect();
        if self.is_continuous(interval) {
            self.close_session(interval, &orders, facts);
        } else if !orders.is_empty() {
            if self.trading.halts.is_halted(interval) {
                self.release_orders(interval, &orders, facts);
            } else {
                self.auction(interval, &orders, facts);
            }
        }
        self.orders.books.remove(&interval);
        let offset = self.registry.utc_offset_minutes();
        self.trading.forget_before(interval.next(), offset);
    }

    fn release_orders(&mut self, interval: DeliveryInterval, orders: &Orders, facts: &mut Facts) {
        let fact = Fact::AuctionHalted {
            interval,
            bids: count(orders, Side::Buy),
            offers: count(orders, Side::Sell),
        };
        facts.push((None, fact));
        for (id, order) in orders {
            self.close_order(id, order, WattHours::ZERO, None, facts);
        }
    }

    fn auction(&mut self, interval: DeliveryInterval, orders: &Orders, facts: &mut Facts) {
        let quotes = |side: Side| -> Vec<MinimumQuote<OrderId>> {
            let of_side = orders.iter().filter(|(_, order)| {
                order.item.side == side && self.trading.bounds.allow(&order.item)
            });
            of_side
                .map(|(id, order)| MinimumQuote {
                    quote: Quote {
                        key: *id,
                        quantity: order.item.quantity,
                        limit: order.item.limit,
                    },
                    minimum: self.orders.minimum(interval, id),
                })
                .collect()
        };
        let cleared = clear_with_minimums(&quotes(Side::Sell), &quotes(Side::Buy));
        let clearing = cleared.clearing;
        facts.push((
            None,
            Fact::IntervalCleared {
                interval,
                price: clearing.price,
                volume: clearing.volume,
                bids: count(orders, Side::Buy),
                offers: count(orders, Side::Sell),
            },
        ));
        self.count_turnover(Venue::Auction, interval, clearing.price, clearing.volume);
        let fills: BTreeMap<OrderId, WattHours> = clearing
            .asks
            .iter()
            .chain(&clearing.bids)
            .copied()
            .collect();
        let removed: BTreeMap<OrderId, WattHours> = cleared
            .removed
            .iter()
            .map(|removal| (removal.key, removal.offered))
            .collect();
        for (id, order) in orders {
            if let Some(offered) = removed.get(id) {
                let fact = Fact::MinimumMissed {
                    order: *id,
                    interval,
                    minimum: self.orders.minimum(interval, id),
                    offered: *offered,
                };
                facts.push((Some(order.participant), fact));
            }
            let filled = fills.get(id).copied().unwrap_or_default();
            self.close_order(id, order, filled, clearing.price, facts);
        }
    }

    /// Takes an order out and moves what was filled into the position, with its collateral at the
    /// clearing price.
    pub(super) fn close_order(
        &mut self,
        id: &OrderId,
        order: &OpenOrder,
        filled: WattHours,
        price: Option<Price>,
        facts: &mut Facts,
    ) {
        let item = order.item;
        let price = price.filter(|_| filled.0 > 0);
        self.orders.remove(&(item.interval, *id));
        self.accounts.release(order.participant, order.reserved);
        let offset = self.registry.utc_offset_minutes();
        let closed = Some((&item, filled));
        let delegations = &mut self.trading.delegations;
        delegations.count(id, Some(&item), closed, offset);
        if let Some(price) = price {
            self.take_position(order.participant, &item, (filled, price), order.reserved);
        }
        let fact = Fact::OrderClosed {
            order: *id,
            item,
            filled,
            price,
        };
        facts.push((Some(order.participant), fact));
    }
}
