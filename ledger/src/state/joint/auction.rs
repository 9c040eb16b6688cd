//! The joint auction of a day, and what its orders and bundles become.

use crate::derived::{BundleState, Fact, JointInterval};
use crate::event::{OrderId, OrderItem};
use crate::registration::MarketMode;
use crate::state::index::Venue;
use crate::state::joint::OpenBundle;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::auction::Quote;
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::{
    Bundle, BundleClearing, IntervalOrders, JointClearing, Leg, clear_jointly,
};
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

type OpenBundles = BTreeMap<OrderId, OpenBundle>;
type Cleared = JointClearing<OrderId, OrderId>;

impl State {
    /// Clears the local day that begins with `day`. A day without orders and bundles that could
    /// take part leaves nothing.
    pub(crate) fn clear_joint(&mut self, day: DeliveryInterval, facts: &mut Facts) {
        let course = self.joint.course.get_mut(&());
        let course = course.expect("a joint auction is due only after its activation");
        course.next = day.plus(DeliveryInterval::PER_DAY);
        let orders = self.joint_orders(day);
        let bundles: OpenBundles = self
            .joint
            .of_day(day)
            .map(|(id, bundle)| (*id, bundle.clone()))
            .collect();
        let count = |side: fn(&IntervalOrders<OrderId>) -> usize| {
            u32::try_from(orders.iter().map(side).sum::<usize>())
                .expect("a day has fewer than 2^32 orders")
        };
        let (bids, offers) = (count(|one| one.bids.len()), count(|one| one.asks.len()));
        if bundles.is_empty() && bids + offers == 0 {
            return;
        }
        // A market that was halted after a bundle came in leaves the bundle out.
        let takes_part = |leg: &Leg| orders.iter().any(|one| one.interval == leg.interval);
        let taking_part: Vec<Bundle<OrderId>> = bundles
            .iter()
            .filter(|(_, bundle)| bundle.legs.iter().all(takes_part))
            .map(|(id, bundle)| Bundle {
                id: *id,
                legs: bundle.legs.clone(),
                limit: bundle.limit,
            })
            .collect();
        let cleared = clear_jointly(&orders, &taking_part);
        let left_out = bundles.len() - taking_part.len();
        facts.push((None, summary(day, &cleared, (bids, offers), left_out)));
        self.close_bundles(day, &bundles, &cleared, facts);
        self.fill_jointly(&cleared, facts);
    }

    /// The orders of every interval that takes part: those without a minimum and within the price
    /// bounds, where the market is neither halted nor continuous.
    fn joint_orders(&self, day: DeliveryInterval) -> Vec<IntervalOrders<OrderId>> {
        let intervals = (0..DeliveryInterval::PER_DAY).map(|count| day.plus(count));
        let trading = &self.trading;
        let intervals = intervals.filter(|interval| {
            !trading.halts.is_halted(*interval)
                && trading.modes.at(*interval) == MarketMode::CallAuction
        });
        intervals
            .map(|interval| {
                let quotes = |side: Side| -> Vec<Quote<OrderId>> {
                    let orders = self.orders.of_interval(interval).filter(|(id, order)| {
                        order.item.side == side
                            && self.orders.minimum(interval, id) == WattHours::ZERO
                            && trading.bounds.allow(&order.item)
                    });
                    orders
                        .map(|(id, order)| Quote {
                            key: *id,
                            quantity: order.item.quantity,
                            limit: order.item.limit,
                        })
                        .collect()
                };
                IntervalOrders {
                    interval,
                    neutral: self.neutral_price(interval),
                    asks: quotes(Side::Sell),
                    bids: quotes(Side::Buy),
                }
            })
            .collect()
    }

    /// Midway between what surplus is worth at the least and what a need costs at the most, held
    /// within the price bounds.
    fn neutral_price(&self, interval: DeliveryInterval) -> Price {
        let feed_in = self.registry.terms_at(interval).feed_in;
        let shortfall = self.registry.shortfall_price(interval);
        let (floor, cap) = self.trading.bounds.at(interval);
        Price(feed_in.0 + (shortfall.0 - feed_in.0) / 2).clamp(floor, cap)
    }

    fn close_bundles(
        &mut self,
        day: DeliveryInterval,
        bundles: &OpenBundles,
        cleared: &Cleared,
        facts: &mut Facts,
    ) {
        let reckoned: BTreeMap<DeliveryInterval, Price> = cleared
            .intervals
            .iter()
            .map(|one| (one.interval, one.reckoned))
            .collect();
        let outcomes: BTreeMap<OrderId, &BundleClearing<OrderId>> =
            cleared.bundles.iter().map(|one| (one.id, one)).collect();
        for (id, bundle) in bundles {
            self.joint.bundles.remove(&(day, *id));
            self.accounts.release(bundle.participant, bundle.reserved);
            let outcome = outcomes.get(id);
            let state = match outcome {
                Some(outcome) if outcome.accepted => BundleState::Accepted,
                Some(_) => BundleState::Rejected,
                None => BundleState::LeftOut,
            };
            let prices: Vec<Price> = match outcome {
                Some(_) => bundle
                    .legs
                    .iter()
                    .map(|leg| reckoned[&leg.interval])
                    .collect(),
                None => Vec::new(),
            };
            if state == BundleState::Accepted {
                self.take_bundle(bundle, &prices);
            }
            let fact = Fact::BundleClosed {
                bundle: *id,
                day,
                point: bundle.point,
                legs: bundle.legs.clone(),
                prices,
                limit: bundle.limit,
                state,
                cash: outcome.map(|outcome| outcome.cash),
                surplus: outcome.map(|outcome| outcome.surplus),
            };
            facts.push((Some(bundle.participant), fact));
        }
    }

    /// Adds an accepted bundle's legs to the positions of its point, with the collateral of each
    /// at its price, as far as what was held for the bundle goes.
    fn take_bundle(&mut self, bundle: &OpenBundle, prices: &[Price]) {
        let mut held = bundle.reserved;
        for (leg, price) in bundle.legs.iter().zip(prices.iter().copied()) {
            let item = OrderItem {
                point: bundle.point,
                interval: leg.interval,
                side: leg.side,
                quantity: leg.quantity,
                limit: price,
            };
            let fill = (leg.quantity, price);
            let used = self.take_position(&item, fill, held);
            self.accounts.reserve_again(bundle.participant, used);
            held = Money(held.0 - used.0);
        }
    }

    fn fill_jointly(&mut self, cleared: &Cleared, facts: &mut Facts) {
        for one in &cleared.intervals {
            self.count_turnover(Venue::Auction, one.interval, one.price, one.volume);
            let Some(price) = one.price else {
                continue;
            };
            let mut fills: Vec<(OrderId, WattHours)> =
                one.asks.iter().chain(&one.bids).copied().collect();
            fills.sort_unstable_by_key(|(id, _)| *id);
            for (order, filled) in fills {
                let participant = self.orders.holder(one.interval, &order);
                let participant = participant.expect("only open orders take part");
                let item = self.fill_order(&(one.interval, order), filled, price);
                let fact = Fact::JointFilled {
                    order,
                    item,
                    filled,
                    price,
                };
                facts.push((Some(participant), fact));
            }
        }
    }
}

fn summary(
    day: DeliveryInterval,
    cleared: &Cleared,
    (bids, offers): (u32, u32),
    left_out: usize,
) -> Fact {
    let number = |count: usize| u32::try_from(count).expect("a day has at most 64 bundles");
    let bundles = || cleared.bundles.iter();
    let rejected = || bundles().filter(|bundle| !bundle.accepted);
    let profitable = rejected().filter(|bundle| bundle.surplus > Money::ZERO);
    let intervals = cleared.intervals.iter().filter_map(|one| {
        Some(JointInterval {
            interval: one.interval,
            price: one.price?,
            volume: one.volume,
            sold_in_bundles: one.sold_in_bundles,
            bought_in_bundles: one.bought_in_bundles,
        })
    });
    Fact::JointCleared {
        day,
        intervals: intervals.collect(),
        bids,
        offers,
        accepted: number(bundles().count() - rejected().count()),
        rejected: number(rejected().count()),
        profitable: number(profitable.count()),
        left_out: number(left_out),
        rounds: number(cleared.rounds),
    }
}
