//! What is said of orders until their gate, and what became of them.

use crate::event::{Action, EventBody, OrderId, OrderItem};
use crate::keys::PublicKey;
use crate::registration::{ParticipantId, Role};
use crate::rejection::Rejection;
use crate::verify::surveillance::LATE_MS;
use crate::verify::surveillance::watch::Watch;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// An accepted order.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) participant: ParticipantId,
    /// With what is still open as its quantity.
    pub(super) item: OrderItem,
    pub(super) minimum: WattHours,
    /// When it was placed or last changed.
    pub(super) said_at: Timestamp,
    /// When it was taken back.
    pub(super) withdrawn_at: Option<Timestamp>,
    pub(super) traded: WattHours,
}

impl Placed {
    /// Whether it was brought to its place shortly before the gate.
    pub(super) fn is_late(&self) -> bool {
        self.said_at.plus_millis(LATE_MS) >= self.item.interval.gate_closure()
    }
}

impl Watch {
    /// Whom a key orders for.
    fn owner(&self, key: &PublicKey) -> Option<ParticipantId> {
        match self.roles.get(key) {
            Some(Role::Tenant(participant) | Role::Delegate(participant)) => Some(*participant),
            _ => None,
        }
    }

    pub(super) fn order_event(&mut self, body: &EventBody, outcome: &[u16]) {
        // A list that was refused whole has one code for all of it.
        let code = |place: usize| outcome.get(place).or(outcome.first()).copied();
        let none = WattHours::ZERO;
        match &body.action {
            Action::PlaceOrders(items) => {
                for (place, item) in items.iter().enumerate() {
                    self.placed(body, (place, code(place)), (*item, none));
                }
            }
            Action::PlaceOrdersWith(items) | Action::PlaceImmediate(items) => {
                for (place, with) in items.iter().enumerate() {
                    self.placed(body, (place, code(place)), (with.order, with.minimum));
                }
            }
            Action::ChangeOrders(changes) => {
                for (place, change) in changes.iter().enumerate() {
                    if outcome.get(place) == Some(&0) {
                        self.changed(&change.order, change.quantity, change.limit);
                    }
                }
            }
            Action::CancelOrders(ids) => {
                for (place, id) in ids.iter().enumerate() {
                    let now = self.now;
                    if let (Some(&0), Some(order)) = (outcome.get(place), self.orders.get_mut(id)) {
                        order.withdrawn_at = Some(now);
                    }
                }
            }
            Action::CancelAll { point, interval } if outcome == [0] => {
                self.withdraws_all(body.author, *point, *interval);
            }
            _ => {}
        }
    }

    fn placed(
        &mut self,
        body: &EventBody,
        (place, code): (usize, Option<u16>),
        (item, minimum): (OrderItem, WattHours),
    ) {
        let Some(participant) = self.owner(&body.author) else {
            return;
        };
        if !self.period.contains(item.interval) {
            return;
        }
        self.spoken_of(item.interval);
        let row = self.report.conduct.entry(participant).or_default();
        match code {
            Some(0) => {
                row.placed += 1;
                row.placed_wh += i128::from(item.quantity.0);
            }
            code => {
                let is = |rejection: Rejection| u64::from(code == Some(rejection.code()));
                row.refused += 1;
                row.refused_own += is(Rejection::CrossesOwnOrder);
                row.refused_affiliate += is(Rejection::CrossesAffiliate);
                return;
            }
        }
        let id = OrderId {
            key: body.author,
            sequence: body.sequence,
            item: u16::try_from(place).unwrap_or(u16::MAX),
        };
        let order = Placed {
            participant,
            item,
            minimum,
            said_at: self.now,
            withdrawn_at: None,
            traded: WattHours::ZERO,
        };
        self.orders.insert(id, order);
    }

    fn changed(&mut self, id: &OrderId, quantity: WattHours, limit: wattle_market::units::Price) {
        let now = self.now;
        if let Some(order) = self.orders.get_mut(id) {
            (order.item.quantity, order.item.limit) = (quantity, limit);
            order.said_at = now;
            let row = self.report.conduct.entry(order.participant).or_default();
            row.changed += 1;
        }
    }

    /// Takes back what the rule lets go. Which orders are firm depends on how the interval is
    /// matched; one that stayed shows itself at the gate, and is then not withdrawn.
    fn withdraws_all(
        &mut self,
        author: PublicKey,
        point: Option<PointId>,
        interval: Option<DeliveryInterval>,
    ) {
        let Some(owner) = self.owner(&author) else {
            return;
        };
        let is_delegate = matches!(self.roles.get(&author), Some(Role::Delegate(_)));
        let now = self.now;
        for (id, order) in &mut self.orders {
            let item = &order.item;
            let asked = point.is_none_or(|point| point == item.point)
                && interval.is_none_or(|interval| interval == item.interval);
            let is_his = order.participant == owner && (!is_delegate || id.key == author);
            let is_open = order.withdrawn_at.is_none() && item.quantity > WattHours::ZERO;
            if asked && is_his && is_open && now < item.interval.gate_closure() {
                order.withdrawn_at = Some(now);
            }
        }
    }

    /// A part of an order was traded, or its gate closed on it.
    pub(super) fn met(&mut self, id: &OrderId, filled: WattHours) {
        if let Some(order) = self.orders.get_mut(id) {
            order.withdrawn_at = None;
            order.traded.0 = order.traded.0.saturating_add(filled.0);
            let open = order.item.quantity.0.saturating_sub(filled.0);
            order.item.quantity = WattHours(open.max(0));
        }
    }

    /// What was left of an immediate order is gone: it was never meant to stay, so it is not
    /// withdrawn.
    pub(super) fn remainder_gone(&mut self, id: &OrderId) {
        if let Some(order) = self.orders.get_mut(id) {
            order.item.quantity = WattHours::ZERO;
        }
    }
}
