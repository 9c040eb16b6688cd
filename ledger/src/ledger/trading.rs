//! A tenant's orders: placed, changed and taken back, by himself or by whom he delegates to.

use crate::event::{Action, EventBody, OrderId, delegation_message};
use crate::keys::{PublicKey, Signature};
use crate::ledger::Ledger;
use crate::ledger::perform::by_item;
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::Facts;
use crate::state::delegation::{Delegation, check_limits};
use crate::state::orders::{Arrival, Placement};
use wattle_market::book::Lifetime;
use wattle_market::units::WattHours;

impl Ledger {
    /// Performs an action on orders; none if the action is another.
    pub(super) fn trade(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Option<Result<Vec<u16>, Rejection>> {
        let author = body.author;
        let id = |item: u16| OrderId {
            key: author,
            sequence: body.sequence,
            item,
        };
        let placement = |place, item, minimum, lifetime| Placement {
            id: id(place),
            item,
            minimum,
            lifetime,
            leaf,
        };
        let state = &mut self.state;
        let performed = match &body.action {
            Action::PlaceOrders(items) => by_item(items, |place, item| {
                let order = placement(place, *item, WattHours::ZERO, Lifetime::Resting);
                state.place_order(participant, &order, facts)
            }),
            Action::PlaceOrdersWith(items) => by_item(items, |place, item| {
                let order = placement(place, item.order, item.minimum, Lifetime::Resting);
                state.place_order(participant, &order, facts)
            }),
            Action::PlaceImmediate(items) => by_item(items, |place, item| {
                let lifetime = Lifetime::ImmediateOrCancel;
                let order = placement(place, item.order, item.minimum, lifetime);
                state.place_order(participant, &order, facts)
            }),
            Action::ChangeOrders(changes) => by_item(changes, |item, change| {
                let arrival = Arrival { leaf, item };
                state.change_order((participant, author), change, arrival, facts)
            }),
            Action::CancelOrders(ids) => {
                by_item(ids, |_, id| state.cancel_order(participant, author, id))
            }
            Action::CancelAll { point, interval } => state
                .cancel_all(participant, author, *point, *interval, facts)
                .map(|()| vec![0]),
            _ => return None,
        };
        Some(performed)
    }

    /// Performs a delegated key's action: orders, and nothing else.
    pub(super) fn trade_delegated(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        self.trade(participant, body, leaf, facts)
            .unwrap_or(Err(Rejection::NotAllowed))
    }

    /// Performs a tenant's action on delegated keys; none if the action is another.
    pub(super) fn delegate(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        leaf: u64,
    ) -> Option<Result<(), Rejection>> {
        match &body.action {
            Action::Delegate { key, limits, proof } => {
                let delegation = Delegation {
                    participant,
                    by: body.author,
                    limits: limits.clone(),
                };
                Some(self.add_delegate(key, delegation, proof, leaf))
            }
            Action::RevokeDelegate { key } => Some(self.revoke_delegate(participant, key, leaf)),
            _ => None,
        }
    }

    fn add_delegate(
        &mut self,
        key: &PublicKey,
        delegation: Delegation,
        proof: &Signature,
        leaf: u64,
    ) -> Result<(), Rejection> {
        let participant = delegation.participant;
        key.check().map_err(|_| Rejection::KeyRefused)?;
        check_limits(&self.state.registry, participant, &delegation.limits)?;
        let message = delegation_message(&self.genesis.park(), &delegation.by, key);
        key.verify(&message, proof)
            .map_err(|_| Rejection::BadDelegationProof)?;
        let registry = &mut self.state.registry;
        registry.add_delegated_key(*key, participant, leaf)?;
        self.state.trading.delegations.insert(*key, delegation);
        Ok(())
    }

    fn revoke_delegate(
        &mut self,
        participant: ParticipantId,
        key: &PublicKey,
        leaf: u64,
    ) -> Result<(), Rejection> {
        let delegations = &mut self.state.trading.delegations;
        let row = delegations.rows().get(key);
        if row.is_none_or(|row| row.participant != participant) {
            return Err(Rejection::KeyUnknown);
        }
        delegations.remove(key);
        self.state.registry.revoke_key(*key, leaf)
    }
}
