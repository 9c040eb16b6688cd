//! A tenant's orders: placed, changed and taken back.

use crate::event::{Action, EventBody, OrderId};
use crate::ledger::{Ledger, by_item};
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::Facts;
use wattle_market::units::WattHours;

impl Ledger {
    /// Performs an action on orders; none if the action is another.
    pub(super) fn trade(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        facts: &mut Facts,
    ) -> Option<Result<Vec<u16>, Rejection>> {
        let author = body.author;
        let id = |item: u16| OrderId {
            key: author,
            sequence: body.sequence,
            item,
        };
        let state = &mut self.state;
        let performed = match &body.action {
            Action::PlaceOrders(items) => by_item(items, |place, item| {
                state.place_order(participant, id(place), item, WattHours::ZERO)
            }),
            Action::PlaceOrdersWith(items) => by_item(items, |place, item| {
                state.place_order(participant, id(place), &item.order, item.minimum)
            }),
            Action::ChangeOrders(changes) => {
                by_item(changes, |_, change| state.change_order(participant, change))
            }
            Action::CancelOrders(ids) => by_item(ids, |_, id| state.cancel_order(participant, id)),
            Action::CancelAll { point, interval } => state
                .cancel_all(participant, *point, *interval, facts)
                .map(|()| vec![0]),
            _ => return None,
        };
        Some(performed)
    }
}
