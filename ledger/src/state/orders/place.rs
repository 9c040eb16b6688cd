//! Placing, changing and cancelling: what an order is checked against before it may rest.

use crate::derived::Fact;
use crate::event::{OrderChange, OrderId, OrderItem};
use crate::journal::AccountId;
use crate::keys::PublicKey;
use crate::limits::{
    MINIMUM_ORDERS_PER_INTERVAL_MAX, OPEN_ORDERS_PER_PARTICIPANT_MAX, ORDER_HORIZON_INTERVALS,
};
use crate::registration::{ParticipantId, Point};
use crate::rejection::Rejection;
use crate::state::orders::{Arrival, OpenOrder, OrderKey};
use crate::state::{Facts, State};
use wattle_market::book::Lifetime;
use wattle_market::collateral::collateral;
use wattle_market::exposure::{self, Excess};
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::{ENERGY_MAX_WH, PRICE_MAX};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

/// An order that is to rest: a new one, or an open one with other figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Whose order.
    pub(crate) participant: ParticipantId,
    /// Whose signature asks for it.
    pub(crate) author: PublicKey,
    /// What is ordered.
    pub(crate) item: OrderItem,
    /// The least it accepts.
    pub(crate) minimum: WattHours,
    /// The open order that it takes the place of.
    pub(crate) replaced: Option<OrderKey>,
    /// What becomes of what does not trade at once, where orders trade at once.
    pub(crate) lifetime: Lifetime,
}

/// A new order as it is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    /// Its name.
    pub(crate) id: OrderId,
    /// What is ordered.
    pub(crate) item: OrderItem,
    /// The least it accepts.
    pub(crate) minimum: WattHours,
    /// What becomes of what does not trade at once.
    pub(crate) lifetime: Lifetime,
    /// The event's leaf.
    pub(crate) leaf: u64,
}

/// Whether an order would meet an open one.
fn crosses(item: &OrderItem, other: &OrderItem) -> bool {
    match item.side {
        Side::Buy => other.side == Side::Sell && other.limit <= item.limit,
        Side::Sell => other.side == Side::Buy && other.limit >= item.limit,
    }
}

/// Whether a change takes back something that others may have relied on.
fn worsens(old: &OrderItem, new: &OrderItem) -> bool {
    let limit = match old.side {
        Side::Buy => new.limit < old.limit,
        Side::Sell => new.limit > old.limit,
    };
    limit || new.quantity < old.quantity
}

fn check_figures(item: &OrderItem, minimum: WattHours) -> Result<(), Rejection> {
    if item.quantity.0 <= 0 {
        return Err(Rejection::QuantityZero);
    }
    if item.quantity.0 > ENERGY_MAX_WH {
        return Err(Rejection::QuantityTooLarge);
    }
    if !(0..=PRICE_MAX).contains(&item.limit.0) {
        return Err(Rejection::PriceOutOfBounds);
    }
    if minimum < WattHours::ZERO || minimum > item.quantity {
        return Err(Rejection::MinimumInvalid);
    }
    Ok(())
}

impl State {
    /// Takes one order in. Where the market is continuous it trades at once what it can.
    pub(crate) fn place_order(
        &mut self,
        participant: ParticipantId,
        placement: &Placement,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let Placement { id, item, .. } = *placement;
        let candidate = Candidate {
            participant,
            author: id.key,
            item,
            minimum: placement.minimum,
            replaced: None,
            lifetime: placement.lifetime,
        };
        self.check_order(&candidate)?;
        let reserved = self.collateral_of(&item);
        let reserved = reserved.ok_or(Rejection::QuantityTooLarge)?;
        self.judge_by_book(&candidate)?;
        self.accounts.reserve(participant, reserved)?;
        // Nothing below can be refused.
        let offset = self.registry.utc_offset_minutes();
        let placed = Some((&item, item.quantity));
        self.trading.delegations.count(&id, None, placed, offset);
        let order = OpenOrder {
            participant,
            item,
            reserved,
        };
        if !self.is_continuous(item.interval) {
            self.orders.insert(id, order, placement.minimum);
            return Ok(());
        }
        // Its minimum is met as it comes in, or it is refused.
        self.orders.insert(id, order, WattHours::ZERO);
        let arrival = Arrival {
            leaf: placement.leaf,
            item: id.item,
        };
        self.meet(&id, &candidate, arrival, facts);
        Ok(())
    }

    /// Gives an open order another quantity and limit. It keeps its id and its minimum; where the
    /// market is continuous it may trade at once.
    pub(crate) fn change_order(
        &mut self,
        (participant, author): (ParticipantId, PublicKey),
        change: &OrderChange,
        arrival: Arrival,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let key = self.open_order_of(participant, author, &change.order)?;
        let old = self.orders.open.get(&key).expect("a held order is open");
        let (old_item, freed) = (old.item, old.reserved);
        let item = OrderItem {
            quantity: change.quantity,
            limit: change.limit,
            ..old_item
        };
        // A continuous order is never firm while its gate is open, and then that is what is said.
        if worsens(&old_item, &item) && self.is_firm(key.0) && !self.is_continuous(key.0) {
            return Err(Rejection::TooLateToWorsen);
        }
        let minimum = self.orders.minimum(key.0, &key.1);
        let candidate = Candidate {
            participant,
            author,
            item,
            minimum,
            replaced: Some(key),
            lifetime: Lifetime::Resting,
        };
        self.check_order(&candidate)?;
        let reserved = self.collateral_of(&item);
        let reserved = reserved.ok_or(Rejection::QuantityTooLarge)?;
        self.judge_by_book(&candidate)?;
        self.check_cover_instead(participant, freed, reserved)?;
        // Nothing below can be refused.
        let offset = self.registry.utc_offset_minutes();
        let changed = Some((&item, item.quantity));
        let delegations = &mut self.trading.delegations;
        delegations.count(&key.1, Some(&old_item), changed, offset);
        self.accounts.release(participant, freed);
        self.accounts.reserve_again(participant, reserved);
        let order = self
            .orders
            .open
            .get_mut(&key)
            .expect("a held order is open");
        (order.item, order.reserved) = (item, reserved);
        if self.is_continuous(key.0) {
            self.meet(&key.1, &candidate, arrival, facts);
        }
        Ok(())
    }

    fn open_order_of(
        &self,
        participant: ParticipantId,
        author: PublicKey,
        order: &OrderId,
    ) -> Result<OrderKey, Rejection> {
        // A delegated key touches no orders but its own.
        if self.trading.delegations.is_delegated(&author) && order.key != author {
            return Err(Rejection::UnknownOrder);
        }
        self.orders
            .key_of(participant, order)
            .ok_or(Rejection::UnknownOrder)
    }

    /// Whether the account covers `needed` once `freed` is released.
    fn check_cover_instead(
        &self,
        participant: ParticipantId,
        freed: Money,
        needed: Money,
    ) -> Result<(), Rejection> {
        let account = self.accounts.get(AccountId::Participant(participant));
        if account.available() + i128::from(freed.0) < i128::from(needed.0) {
            return Err(Rejection::InsufficientCollateral);
        }
        let reserved = i128::from(account.reserved.0) - i128::from(freed.0) + i128::from(needed.0);
        i64::try_from(reserved).map_err(|_| Rejection::AccountOverflow)?;
        Ok(())
    }

    /// Every check but those of the collateral, in the order of RULES.md.
    fn check_order(&self, candidate: &Candidate) -> Result<(), Rejection> {
        let Candidate {
            participant, item, ..
        } = candidate;
        check_figures(item, candidate.minimum)?;
        let point = self
            .registry
            .points()
            .get(&item.point)
            .ok_or(Rejection::UnknownPoint)?;
        if point.participant != *participant {
            return Err(Rejection::NotYourPoint);
        }
        self.check_interval(point, item.interval)?;
        self.check_solvent(*participant)?;
        let is_continuous = self.is_continuous(item.interval);
        if candidate.lifetime != Lifetime::Resting && !is_continuous {
            return Err(Rejection::NotContinuous);
        }
        self.trading.admit(item)?;
        self.check_counts(candidate)?;
        let own: Vec<&OrderItem> = self.others_of(*participant, candidate).collect();
        self.check_exposed(point, (item.interval, item.side), item.quantity, &own)?;
        self.check_crossing(candidate, &own)?;
        let replaced = candidate
            .replaced
            .and_then(|key| self.orders.open.get(&key));
        let replaced = replaced.map(|order| &order.item);
        let offset = self.registry.utc_offset_minutes();
        self.trading.delegations.check(candidate, replaced, offset)
    }

    pub(crate) fn check_interval(
        &self,
        point: &Point,
        interval: DeliveryInterval,
    ) -> Result<(), Rejection> {
        if interval < self.registry.first_interval() {
            return Err(Rejection::BeforeFirstInterval);
        }
        if point.from > interval {
            return Err(Rejection::PointNotActive);
        }
        if self.registry.tenancy().has_ended(point.id, interval) {
            return Err(Rejection::PointEnded);
        }
        if !self.clock().is_gate_open(interval) {
            return Err(Rejection::GateClosed);
        }
        let today = DeliveryInterval::containing(self.clock().time);
        if interval.0 > today.0 + ORDER_HORIZON_INTERVALS {
            return Err(Rejection::TooFarAhead);
        }
        Ok(())
    }

    fn check_counts(&self, candidate: &Candidate) -> Result<(), Rejection> {
        // What does not rest takes no place.
        if candidate.replaced.is_some() || candidate.lifetime != Lifetime::Resting {
            return Ok(());
        }
        if self.orders.held_by(candidate.participant) >= OPEN_ORDERS_PER_PARTICIPANT_MAX {
            return Err(Rejection::TooManyOrders);
        }
        let interval = candidate.item.interval;
        if candidate.minimum == WattHours::ZERO || self.is_continuous(interval) {
            return Ok(());
        }
        let own = self.orders.own_in(candidate.participant, interval);
        let with_minimum = own.filter(|(key, _)| self.orders.minimums.contains(key));
        if with_minimum.count() >= MINIMUM_ORDERS_PER_INTERVAL_MAX {
            return Err(Rejection::TooManyMinimums);
        }
        Ok(())
    }

    pub(super) fn collateral_of(&mut self, item: &OrderItem) -> Option<Money> {
        let prices = self.registry.cover_prices(item.interval);
        let (shortfall, wheeling) = (prices.shortfall, prices.wheeling);
        collateral(item.side, item.quantity, item.limit, shortfall, wheeling)
    }

    /// The open orders of a participant for the candidate's interval, what it replaces left out.
    fn others_of(
        &self,
        participant: ParticipantId,
        candidate: &Candidate,
    ) -> impl Iterator<Item = &OrderItem> {
        let replaced = candidate.replaced;
        self.orders
            .own_in(participant, candidate.item.interval)
            .filter(move |(key, _)| Some(**key) != replaced)
            .map(|(_, order)| &order.item)
    }

    /// All that a point could end up selling (or buying) in an interval, with what it has traded
    /// already, stays within what it can move: `quantity` more, beside the holder's `own` orders
    /// that stay open for the interval, and his bundles.
    pub(crate) fn check_exposed(
        &self,
        point: &Point,
        (interval, side): (DeliveryInterval, Side),
        quantity: WattHours,
        own: &[&OrderItem],
    ) -> Result<(), Rejection> {
        let open = own
            .iter()
            .filter(|item| item.point == point.id && item.side == side)
            .map(|item| i128::from(item.quantity.0))
            .sum::<i128>();
        let bundled = self.bundled(point.participant, (point.id, interval, side));
        let open = open + bundled + i128::from(quantity.0);
        let open = i64::try_from(open).map_err(|_| Rejection::ExceedsCapacity)?;
        let capacity = match side {
            Side::Sell => point.generation_w,
            Side::Buy => point.connection_w,
        };
        let traded = self.orders.position(interval, point.id).forward;
        exposure::check(&traded, side, WattHours(open), capacity).map_err(|excess| match excess {
            Excess::Capacity => Rejection::ExceedsCapacity,
            Excess::Position => Rejection::PositionTooLarge,
        })
    }

    /// What a participant has open for an interval.
    pub(crate) fn own_items(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
    ) -> Vec<&OrderItem> {
        let own = self.orders.own_in(participant, interval);
        own.map(|(_, order)| &order.item).collect()
    }

    /// Whether a participant has an open order on one side for an interval.
    pub(crate) fn has_order(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
        side: Side,
    ) -> bool {
        let mut own = self.orders.own_in(participant, interval);
        own.any(|(_, order)| order.item.side == side)
    }

    /// No order meets one of the same participant, nor one of an affiliate; a bundle's leg takes
    /// any price, so that every order of the other side would meet it.
    fn check_crossing(&self, candidate: &Candidate, own: &[&OrderItem]) -> Result<(), Rejection> {
        let item = &candidate.item;
        let has_leg = |participant: ParticipantId| {
            self.has_leg(participant, item.interval, item.side.opposite())
        };
        if own.iter().any(|other| crosses(item, other)) || has_leg(candidate.participant) {
            return Err(Rejection::CrossesOwnOrder);
        }
        let meets = |affiliate: ParticipantId| {
            let mut others = self.others_of(affiliate, candidate);
            others.any(|other| crosses(item, other)) || has_leg(affiliate)
        };
        let affiliates = self.trading.affiliates.of(candidate.participant);
        if affiliates.into_iter().any(meets) {
            return Err(Rejection::CrossesAffiliate);
        }
        Ok(())
    }

    /// Takes an order back out of the book.
    pub(crate) fn cancel_order(
        &mut self,
        participant: ParticipantId,
        author: PublicKey,
        id: &OrderId,
    ) -> Result<(), Rejection> {
        let key = self.open_order_of(participant, author, id)?;
        if self.is_firm(key.0) {
            return Err(match self.is_continuous(key.0) {
                true => Rejection::GateClosed,
                false => Rejection::TooLateToCancel,
            });
        }
        self.withdraw_order(&key);
        Ok(())
    }

    /// Takes an open order out and releases what was held for it.
    pub(super) fn withdraw_order(&mut self, key: &OrderKey) {
        let order = self.orders.remove(key).expect("a held order is open");
        self.accounts.release(order.participant, order.reserved);
        let offset = self.registry.utc_offset_minutes();
        let delegations = &mut self.trading.delegations;
        delegations.count(&key.1, Some(&order.item), None, offset);
    }

    /// Takes back all open orders of a participant, of one point or interval if it is named.
    /// Firm ones stay; the fact says how many.
    pub(crate) fn cancel_all(
        &mut self,
        participant: ParticipantId,
        author: PublicKey,
        point: Option<PointId>,
        interval: Option<DeliveryInterval>,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if let Some(id) = point {
            let point = self.registry.points().get(&id);
            if point.ok_or(Rejection::UnknownPoint)?.participant != participant {
                return Err(Rejection::NotYourPoint);
            }
        }
        let is_delegated = self.trading.delegations.is_delegated(&author);
        let held = self.orders.held.get(&participant).into_iter().flatten();
        let meant = held.filter(|key| {
            let order = self.orders.open.get(key).expect("a held order is open");
            interval.is_none_or(|interval| key.0 == interval)
                && point.is_none_or(|point| order.item.point == point)
                && (!is_delegated || key.1.key == author)
        });
        let (firm, free): (Vec<OrderKey>, Vec<OrderKey>) =
            meant.partition(|key| self.is_firm(key.0));
        for key in &free {
            self.withdraw_order(key);
        }
        let count = |keys: &[OrderKey]| {
            u32::try_from(keys.len()).expect("a participant has at most 4,000 open orders")
        };
        let fact = Fact::OrdersCancelled {
            cancelled: count(&free),
            firm: count(&firm),
        };
        facts.push((Some(participant), fact));
        Ok(())
    }
}
