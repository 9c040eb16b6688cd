//! The continuous market: orders meet as they are recorded, at the price of the one that rested.

use crate::derived::{Fact, TradeRole};
use crate::event::OrderId;
use crate::registration::MarketMode;
use crate::rejection::Rejection;
use crate::state::index::{Turnover, Venue};
use crate::state::orders::book::{Coming, Match};
use crate::state::orders::gate::count;
use crate::state::orders::{Candidate, Due, OrderKey, Orders};
use crate::state::{Facts, State};
use wattle_market::book::{Lifetime, Refusal};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// When an order came to its place: the leaf of the event that brought it there, and the item of
/// that event. Of two orders at one price the one with the smaller arrival trades first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bincode::Encode, bincode::Decode)]
pub struct Arrival {
    /// Index of the event's leaf.
    pub leaf: u64,
    /// Place of the item in its list, from 0.
    pub item: u16,
}

/// What was traded continuously for an interval so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Session {
    /// Trades, each of two legs.
    pub trades: u64,
    /// Their energy and value.
    pub turnover: Turnover,
    /// The price of the latest.
    pub last: Price,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Rejection {
        match refusal {
            Refusal::PriceOutOfRange => Rejection::PriceOutOfBounds,
            Refusal::QuantityOutOfRange => Rejection::QuantityTooLarge,
            Refusal::MinimumOutOfRange => Rejection::MinimumInvalid,
            Refusal::DuplicateId | Refusal::UnknownOrder => Rejection::UnknownOrder,
            Refusal::BookFull => Rejection::BookFull,
            Refusal::SelfTrade => Rejection::CrossesOwnOrder,
            Refusal::MinimumNotMet => Rejection::MinimumNotMet,
        }
    }
}

impl Orders {
    /// When an open order of a continuous interval came to its place.
    pub fn arrival(&self, interval: DeliveryInterval, order: &OrderId) -> Option<Arrival> {
        self.arrivals.get(&(interval, *order)).copied()
    }

    /// What was traded continuously so far, by the intervals whose gates are open.
    pub fn sessions(&self) -> impl Iterator<Item = (&DeliveryInterval, &Session)> {
        self.sessions.iter()
    }

    /// What was traded continuously for an interval whose gate is open; none: nothing yet.
    pub fn session(&self, interval: DeliveryInterval) -> Option<Session> {
        self.sessions.get(&interval).copied()
    }
}

impl State {
    pub(super) fn is_continuous(&self, interval: DeliveryInterval) -> bool {
        self.trading.modes.at(interval) == MarketMode::Continuous
    }

    /// Whether an order can no longer be taken back or made worse.
    pub(super) fn is_firm(&self, interval: DeliveryInterval) -> bool {
        match self.trading.modes.at(interval) {
            MarketMode::CallAuction => self.clock().time >= interval.firm_from(),
            MarketMode::Continuous => !self.clock().is_gate_open(interval),
        }
    }

    /// What the book of a continuous interval refuses; of a call auction it refuses nothing.
    pub(super) fn judge_by_book(&mut self, candidate: &Candidate) -> Result<(), Rejection> {
        let interval = candidate.item.interval;
        if !self.is_continuous(interval) {
            return Ok(());
        }
        let rests = candidate.lifetime == Lifetime::Resting && candidate.replaced.is_none();
        if rests && self.orders.is_full(interval) {
            return Err(Rejection::BookFull);
        }
        let book = self.orders.book(interval, &self.trading.bounds);
        let coming = coming(candidate);
        let change = candidate
            .replaced
            .and_then(|key| book.judge_change(&key.1, &candidate.item));
        Ok(change.unwrap_or_else(|| book.judge(&coming))?)
    }

    /// Lets an order that has its row meet the others, and gives what is left of it its place, or
    /// cancels it.
    pub(super) fn meet(
        &mut self,
        order: &OrderId,
        candidate: &Candidate,
        arrival: Arrival,
        facts: &mut Facts,
    ) {
        let interval = candidate.item.interval;
        let key = (interval, *order);
        let book = self.orders.book(interval, &self.trading.bounds);
        let changed = book.change(order, &candidate.item);
        let (kept, matches) =
            changed.unwrap_or_else(|| (false, book.submit(order, &coming(candidate))));
        for one in &matches {
            self.trade(&key, one, facts);
        }
        let Some(left) = self.orders.open.get(&key).map(|order| order.item) else {
            return;
        };
        if candidate.lifetime == Lifetime::Resting {
            if !kept {
                self.orders.arrivals.insert(key, arrival);
            }
            return;
        }
        self.withdraw_order(&key);
        let fact = Fact::RemainderCancelled {
            order: *order,
            item: left,
        };
        facts.push((Some(candidate.participant), fact));
    }

    fn trade(&mut self, taker: &OrderKey, one: &Match, facts: &mut Facts) {
        let (interval, price, quantity) = (taker.0, one.price, one.quantity);
        let parties = [
            ((interval, one.maker), TradeRole::Maker),
            (*taker, TradeRole::Taker),
        ];
        for (key, role) in parties {
            let order = self.orders.open.get(&key).expect("only open orders meet");
            let participant = order.participant;
            let item = self.fill(&key, quantity, price);
            let fact = Fact::OrderMatched {
                order: key.1,
                item,
                filled: quantity,
                price,
                role,
            };
            facts.push((Some(participant), fact));
        }
        let session = self.orders.sessions.entry(interval);
        session.trades += 1;
        session.turnover = session.turnover.add(Turnover::of(quantity, price));
        session.last = price;
        self.count_turnover(Venue::Auction, interval, Some(price), quantity);
    }

    /// The gate of a continuous interval: what still rests is released.
    pub(super) fn close_session(
        &mut self,
        interval: DeliveryInterval,
        resting: &[Due],
        facts: &mut Facts,
    ) {
        let session = self.orders.sessions.remove(&interval);
        if session.is_none() && resting.is_empty() {
            return;
        }
        let session = session.unwrap_or_default();
        let fact = Fact::ContinuousClosed {
            interval,
            trades: session.trades,
            traded: session.turnover.average(),
            bids: count(resting, Side::Buy),
            offers: count(resting, Side::Sell),
        };
        facts.push((None, fact));
        for due in resting {
            self.close_order(due, WattHours::ZERO, None, facts);
        }
    }
}

fn coming(candidate: &Candidate) -> Coming<'_> {
    Coming {
        participant: candidate.participant,
        item: &candidate.item,
        minimum: candidate.minimum,
        lifetime: candidate.lifetime,
    }
}
