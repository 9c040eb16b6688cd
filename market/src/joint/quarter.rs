//! One interval of the joint auction: its simple orders, and the legs that go before them.

use crate::auction::{Quote, best_first, fill, midway};
use crate::joint::{IntervalClearing, IntervalOrders};
use crate::order::Side;
use crate::units::{Price, WattHours};

/// An interval whose orders are sorted once, to be cleared again as bundles go.
pub(super) struct Quarter<'a, K> {
    orders: &'a IntervalOrders<K>,
    asks: Vec<(Price, i64)>,
    bids: Vec<(Price, i64)>,
    /// What the legs of the bundles that are left sell.
    pub(super) selling: i128,
    /// What they buy.
    pub(super) buying: i128,
}

/// What a round found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// The price; none where nothing trades.
    price: Option<Price>,
    /// That, or the neutral price.
    pub(super) reckoned: Price,
    /// What each leg of a side must be worth its while at: the price, or the limit of the best
    /// order that the legs of the side leave unfilled, if that is harder.
    pub(super) sale: Price,
    pub(super) purchase: Price,
    /// The side whose legs cannot all be filled.
    pub(super) stuck: Option<Side>,
    volume: i128,
    last_ask: Option<Price>,
    last_bid: Option<Price>,
}

/// One side's sorted orders, taken from the best on.
struct Queue<'a> {
    left: std::slice::Iter<'a, (Price, i64)>,
    /// The order in front and what is left of it.
    front: Option<(Price, i128)>,
    /// The limit of the last order that was taken from.
    last: Option<Price>,
}

impl<'a> Queue<'a> {
    fn new(sorted: &'a [(Price, i64)]) -> Queue<'a> {
        let mut queue = Queue {
            left: sorted.iter(),
            front: None,
            last: None,
        };
        queue.step();
        queue
    }

    fn step(&mut self) {
        self.front = self
            .left
            .next()
            .map(|(limit, quantity)| (*limit, i128::from(*quantity)));
    }

    /// Takes from the order in front, at most what is left of it.
    fn take(&mut self, wanted: i128) -> i128 {
        let Some((limit, left)) = &mut self.front else {
            return 0;
        };
        let taken = wanted.min(*left);
        *left -= taken;
        self.last = Some(*limit);
        if *left == 0 {
            self.step();
        }
        taken
    }

    /// Takes at any limit; how much of what was wanted there was not.
    fn take_at_any_limit(&mut self, mut wanted: i128) -> i128 {
        while wanted > 0 && self.front.is_some() {
            wanted -= self.take(wanted);
        }
        wanted
    }

    fn best_left(&self) -> Option<Price> {
        self.front.map(|(limit, _)| limit)
    }
}

impl<'a, K: Ord + Clone> Quarter<'a, K> {
    pub(super) fn new(orders: &'a IntervalOrders<K>) -> Quarter<'a, K> {
        Quarter {
            orders,
            asks: best_first(&orders.asks, Side::Sell),
            bids: best_first(&orders.bids, Side::Buy),
            selling: 0,
            buying: 0,
        }
    }

    /// Legs meet legs, then what is left of them meets the other side's orders at any limit, then
    /// orders meet orders as in the plain auction.
    pub(super) fn clear(&self) -> Found {
        let (mut asks, mut bids) = (Queue::new(&self.asks), Queue::new(&self.bids));
        let excess = self.selling - self.buying;
        let unsold = bids.take_at_any_limit(excess.max(0));
        let unbought = asks.take_at_any_limit((-excess).max(0));
        let mut volume = self.selling.max(self.buying) - unsold - unbought;
        while let (Some((ask, offered)), Some((bid, wanted))) = (asks.front, bids.front) {
            if ask > bid {
                break;
            }
            let paired = offered.min(wanted);
            asks.take(paired);
            bids.take(paired);
            volume += paired;
        }
        let stuck = match (unsold > 0, unbought > 0) {
            (true, _) => Some(Side::Sell),
            (_, true) => Some(Side::Buy),
            (false, false) => None,
        };
        self.found((&asks, &bids), volume, stuck)
    }

    fn found(&self, (asks, bids): (&Queue, &Queue), volume: i128, stuck: Option<Side>) -> Found {
        let neutral = self.orders.neutral;
        let has_legs = self.selling + self.buying > 0;
        let limits = match (asks.last, bids.last) {
            (Some(ask), Some(bid)) => Some((ask, bid)),
            (Some(ask), None) => Some((ask, neutral.max(ask))),
            (None, Some(bid)) => Some((neutral.min(bid), bid)),
            (None, None) => has_legs.then_some((neutral, neutral)),
        };
        let price = limits.map(|(ask, bid)| midway(ask, bid));
        let reckoned = price.unwrap_or(neutral);
        Found {
            price,
            reckoned,
            sale: asks.best_left().map_or(reckoned, |left| left.min(reckoned)),
            purchase: bids.best_left().map_or(reckoned, |left| left.max(reckoned)),
            stuck,
            volume,
            last_ask: asks.last,
            last_bid: bids.last,
        }
    }

    /// What a round that leaves no bundle stuck comes to.
    pub(super) fn settle(&self, found: &Found) -> IntervalClearing<K> {
        assert!(found.stuck.is_none(), "no bundle that is left is stuck");
        let energy = |value: i128| {
            WattHours(i64::try_from(value).expect("limits bound the energy of all orders"))
        };
        let side = |quotes: &[Quote<K>], legs: i128, last: Option<Price>, side: Side| {
            last.map_or_else(Vec::new, |last| {
                fill(energy(found.volume - legs), quotes, last, side)
            })
        };
        let (selling, buying) = (self.selling, self.buying);
        IntervalClearing {
            interval: self.orders.interval,
            price: found.price,
            reckoned: found.reckoned,
            volume: energy(found.volume),
            sold_in_bundles: energy(selling),
            bought_in_bundles: energy(buying),
            asks: side(&self.orders.asks, selling, found.last_ask, Side::Sell),
            bids: side(&self.orders.bids, buying, found.last_bid, Side::Buy),
        }
    }
}
