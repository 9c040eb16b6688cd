//! What each role may sign, and who performs it.

use crate::derived::Fact;
use crate::event::{Action, EventBody, OrderId, rotation_message};
use crate::keys::{PublicKey, Signature};
use crate::ledger::Ledger;
use crate::limits::ITEMS_MAX;
use crate::registration::{ParticipantId, Role};
use crate::rejection::Rejection;
use crate::state::accounts::check_amount;
use crate::state::joint::BundleFigures;
use crate::state::registry::StandingInstruction;
use crate::state::{Facts, State};
use wattle_market::units::Money;

impl Ledger {
    /// Performs an action for the role of its author; codes by item, or a refusal of the whole.
    pub(super) fn perform(
        &mut self,
        role: Role,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if self.state.is_frozen(&body.author) {
            return Err(Rejection::KeyFrozen);
        }
        if let Role::Delegate(participant) = role {
            return self.trade_delegated(participant, body, leaf, facts);
        }
        if let Action::RotateKey { new, proof } = &body.action {
            return self.rotate(&body.author, new, proof, leaf);
        }
        match role {
            Role::Registrar => self.perform_registrar(&body.action, leaf, facts),
            Role::Treasurer => self.perform_treasurer(&body.action, facts),
            Role::Meter(meter) => {
                let Action::SubmitReadings(readings) = &body.action else {
                    return Err(Rejection::NotAllowed);
                };
                let key = &body.author;
                self.state.with_recorder(meter, key, |mut recorder| {
                    by_item(readings, |_, reading| recorder.record(reading, facts))
                })
            }
            Role::Tenant(participant) => self.perform_tenant(participant, body, leaf, facts),
            Role::Node(node) => self.perform_node(node, &body.action, leaf, facts),
            Role::Regulator | Role::Delegate(_) => Err(Rejection::NotAllowed),
        }
    }

    fn rotate(
        &mut self,
        old: &PublicKey,
        new: &PublicKey,
        proof: &Signature,
        leaf: u64,
    ) -> Result<Vec<u16>, Rejection> {
        new.check().map_err(|_| Rejection::KeyRefused)?;
        let message = rotation_message(&self.genesis.park(), old, new);
        new.verify(&message, proof)
            .map_err(|_| Rejection::BadRotationProof)?;
        self.state.registry.rotate_key(*old, *new, leaf)?;
        self.state.trading.delegations.hand_over(old, *new);
        Ok(vec![0])
    }

    fn perform_registrar(
        &mut self,
        action: &Action,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if let Some(performed) = self.state.perform_delivery(action, leaf, facts) {
            return performed.map(|()| vec![0]);
        }
        if let Some(performed) = self.state.perform_trading_rule(action, leaf) {
            return performed.map(|()| vec![0]);
        }
        if let Some(performed) = self.state.perform_certificates(action, facts) {
            return performed.map(|()| vec![0]);
        }
        if let Action::FollowLog { policy } = action {
            return self.follow_log(policy).map(|()| vec![0]);
        }
        let State {
            clock,
            registry,
            accounts,
            readings,
            trading,
            ..
        } = &mut self.state;
        let clock = clock
            .get(&())
            .expect("the clock has had its row since the genesis");
        match action {
            Action::RegisterParticipant(participant) => {
                registry.register_participant(participant)?;
                accounts.open(participant.id);
            }
            Action::RegisterPoint(point) => registry.register_point(clock, point)?,
            Action::RegisterMeter(meter) => {
                registry.register_meter(clock, meter, leaf)?;
                readings.start(meter);
            }
            Action::AddKey { key, role } => registry.add_key(*key, *role, leaf)?,
            Action::RevokeKey { key } => {
                registry.revoke_key(*key, leaf)?;
                trading.delegations.remove(key);
                // What the key answered for ends with it: it may have been stolen.
                for delegated in trading.delegations.answered_by(key) {
                    registry
                        .revoke_key(delegated, leaf)
                        .expect("a delegation in force has a key in force");
                    trading.delegations.remove(&delegated);
                }
            }
            Action::SetTariff {
                tariff,
                from,
                prices,
            } => {
                registry.set_tariff(clock, *tariff, *from, prices)?;
            }
            Action::SetTerms { from, terms } => registry.set_terms(clock, *from, terms)?,
            Action::SetFactor { from, factor } => registry.set_factor(clock, *from, factor)?,
            Action::RegisterNode(record) => registry.register_node(record, leaf)?,
            Action::SetNodeStanding { node, standing } => {
                registry.members_mut().set_standing(*node, *standing)?;
            }
            _ => return Err(Rejection::NotAllowed),
        }
        Ok(vec![0])
    }

    fn perform_treasurer(
        &mut self,
        action: &Action,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if let Some(performed) = self.state.perform_month(action, facts) {
            return performed.map(|()| vec![0]);
        }
        let (participant, amount) = match action {
            Action::Deposit {
                participant,
                amount,
                ..
            } => (*participant, *amount),
            Action::Withdraw {
                participant,
                amount,
                ..
            } => {
                let amount = amount.checked_neg().ok_or(Rejection::AmountInvalid)?;
                (*participant, amount)
            }
            Action::SetCreditLimit { participant, limit } => {
                self.known_participant(*participant)?;
                self.state.accounts.set_credit_limit(*participant, *limit)?;
                return Ok(vec![0]);
            }
            _ => return Err(Rejection::NotAllowed),
        };
        self.known_participant(participant)?;
        check_direction(action, amount)?;
        check_amount(amount)?;
        if amount.0 < 0 {
            self.state.check_payout(amount)?;
        }
        self.state.accounts.move_funds(participant, amount)?;
        facts.push((Some(participant), Fact::FundsMoved { amount }));
        Ok(vec![0])
    }

    fn known_participant(&self, participant: ParticipantId) -> Result<(), Rejection> {
        if !self.state.registry.participants().contains(&participant) {
            return Err(Rejection::UnknownParticipant);
        }
        Ok(())
    }

    fn perform_tenant(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if let Some(performed) = self.trade(participant, body, leaf, facts) {
            return performed;
        }
        if let Some(performed) = self.delegate(participant, body, leaf) {
            return performed.map(|()| vec![0]);
        }
        match &body.action {
            Action::TransferCertificates(items) => by_item(items, |_, item| {
                self.state.transfer_certificate(participant, item, facts)
            }),
            Action::CancelCertificates(items) => by_item(items, |_, item| {
                self.state.cancel_certificate(participant, item, facts)
            }),
            Action::SetSchedule { point, entries } => {
                let State {
                    registry, trading, ..
                } = &mut self.state;
                trading
                    .schedules
                    .set(registry, participant, *point, entries)?;
                Ok(vec![0])
            }
            Action::PlaceBundle { point, legs, limit } => {
                let id = OrderId {
                    key: body.author,
                    sequence: body.sequence,
                    item: 0,
                };
                let bundle = BundleFigures {
                    point: *point,
                    legs,
                    limit: *limit,
                };
                self.state.place_bundle(participant, id, &bundle)?;
                Ok(vec![0])
            }
            Action::CancelBundle { bundle } => {
                self.state.cancel_bundle(participant, bundle)?;
                Ok(vec![0])
            }
            Action::SetStandingInstruction {
                point,
                enrolled,
                ask_limit,
                bid_limit,
            } => {
                let instruction = StandingInstruction {
                    enrolled: *enrolled,
                    ask_limit: *ask_limit,
                    bid_limit: *bid_limit,
                };
                self.state
                    .registry
                    .set_instruction(participant, *point, instruction)?;
                Ok(vec![0])
            }
            _ => Err(Rejection::NotAllowed),
        }
    }
}

/// A deposit is above zero and a withdrawal below it.
fn check_direction(action: &Action, amount: Money) -> Result<(), Rejection> {
    let is_deposit = matches!(action, Action::Deposit { .. });
    if is_deposit != (amount.0 > 0) {
        return Err(Rejection::AmountInvalid);
    }
    Ok(())
}

/// Judges each item of a list by itself.
pub(super) fn by_item<T>(
    items: &[T],
    mut judge: impl FnMut(u16, &T) -> Result<(), Rejection>,
) -> Result<Vec<u16>, Rejection> {
    if items.is_empty() {
        return Err(Rejection::ListEmpty);
    }
    if items.len() > ITEMS_MAX {
        return Err(Rejection::ListTooLong);
    }
    let judged = items.iter().enumerate().map(|(place, item)| {
        let place = u16::try_from(place).expect("a list has at most 1,000 items");
        judge(place, item).err().map_or(0, Rejection::code)
    });
    Ok(judged.collect())
}
