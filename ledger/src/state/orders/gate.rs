//! The gate: the call auction of an interval, and what its orders become.

use crate::derived::Fact;
use crate::state::index::Venue;
use crate::state::orders::Due;
use crate::state::{Facts, State};
use wattle_market::auction::{Clearing, Quote};
use wattle_market::interval::DeliveryInterval;
use wattle_market::minimum::{MinimumQuote, clear_with_minimums};
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

pub(super) fn count(orders: &[Due], side: Side) -> u32 {
    let of_side = orders.iter().filter(|due| due.order.item.side == side);
    u32::try_from(of_side.count()).expect("a gate has fewer than 2^32 orders")
}

impl State {
    /// Gate closure: clears the interval's orders at one price, or releases them where the market
    /// is continuous or halted. An interval without orders leaves nothing.
    pub(crate) fn clear(&mut self, interval: DeliveryInterval, facts: &mut Facts) {
        let orders = self.orders.take_interval(interval);
        if self.is_continuous(interval) {
            self.close_session(interval, &orders, facts);
        } else if !orders.is_empty() {
            if self.trading.halts.is_halted(interval) {
                self.release_orders(interval, &orders, facts);
            } else {
                self.auction(interval, &orders, facts);
            }
        }
        let offset = self.registry.utc_offset_minutes();
        self.trading.forget_before(interval.next(), offset);
        self.registry.forget_prices(interval.next());
    }

    fn release_orders(&mut self, interval: DeliveryInterval, orders: &[Due], facts: &mut Facts) {
        facts.push_with(|| {
            let fact = Fact::AuctionHalted {
                interval,
                bids: count(orders, Side::Buy),
                offers: count(orders, Side::Sell),
            };
            (None, fact)
        });
        for due in orders {
            self.close_order(due, WattHours::ZERO, None, facts);
        }
    }

    /// The auction knows orders by their places: the smaller name has the smaller place.
    fn auction(&mut self, interval: DeliveryInterval, orders: &[Due], facts: &mut Facts) {
        let (floor, cap) = self.trading.bounds.at(interval);
        let quotes = |side: Side| -> Vec<MinimumQuote<usize>> {
            let of_side = orders.iter().enumerate().filter(|(_, due)| {
                let item = &due.order.item;
                item.side == side && (floor..=cap).contains(&item.limit)
            });
            of_side.map(|(place, due)| quote(place, due)).collect()
        };
        let cleared = clear_with_minimums(&quotes(Side::Sell), &quotes(Side::Buy));
        let clearing = cleared.clearing;
        facts.push_with(|| {
            let fact = Fact::IntervalCleared {
                interval,
                price: clearing.price,
                volume: clearing.volume,
                bids: count(orders, Side::Buy),
                offers: count(orders, Side::Sell),
            };
            (None, fact)
        });
        self.count_turnover(Venue::Auction, interval, clearing.price, clearing.volume);
        let fills = fills(orders.len(), &clearing);
        let mut offered = vec![None; orders.len()];
        for removal in &cleared.removed {
            offered[removal.key] = Some(removal.offered);
        }
        for (due, (filled, offered)) in orders.iter().zip(fills.into_iter().zip(offered)) {
            if let Some(offered) = offered {
                let fact = Fact::MinimumMissed {
                    order: due.id,
                    interval,
                    minimum: due.minimum,
                    offered,
                };
                facts.push((Some(due.order.participant), fact));
            }
            self.close_order(due, filled, clearing.price, facts);
        }
    }

    /// Moves what was filled of an order that was taken out into the position, with its
    /// collateral at the clearing price, and releases the rest.
    pub(super) fn close_order(
        &mut self,
        due: &Due,
        filled: WattHours,
        price: Option<Price>,
        facts: &mut Facts,
    ) {
        let Due { id, order, .. } = due;
        let item = order.item;
        let price = price.filter(|_| filled.0 > 0);
        let offset = self.registry.utc_offset_minutes();
        let closed = Some((&item, filled));
        let delegations = &mut self.trading.delegations;
        delegations.count(id, Some(&item), closed, offset);
        let held = match price {
            Some(price) => self.take_position(&item, (filled, price), order.reserved),
            None => Money::ZERO,
        };
        self.accounts
            .reserve_instead(order.participant, order.reserved, held);
        facts.push_with(|| {
            let fact = Fact::OrderClosed {
                order: *id,
                item,
                filled,
                price,
            };
            (Some(order.participant), fact)
        });
    }
}

fn quote(place: usize, due: &Due) -> MinimumQuote<usize> {
    MinimumQuote {
        quote: Quote {
            key: place,
            quantity: due.order.item.quantity,
            limit: due.order.item.limit,
        },
        minimum: due.minimum,
    }
}

/// What was filled of each order, by its place.
fn fills(orders: usize, clearing: &Clearing<usize>) -> Vec<WattHours> {
    let mut fills = vec![WattHours::ZERO; orders];
    for (place, filled) in clearing.asks.iter().chain(&clearing.bids) {
        fills[*place] = *filled;
    }
    fills
}
