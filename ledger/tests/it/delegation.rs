//! Keys that trade for a tenant, within what he signed.

use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, key, order};
use crate::it::trading::{open_of, place, refused, verifies};
use wattle_ledger::event::{
    Action, OrderChange, OrderId, OrderItem, delegation_message, rotation_message,
};
use wattle_ledger::registration::{DelegationLimits, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

pub(crate) const AGENT: u8 = 90;

fn limits() -> DelegationLimits {
    DelegationLimits {
        points: vec![PointId(1)],
        order_energy: WattHours(5_000),
        day_energy: WattHours(8_000),
        day_money: Money(5_000_000_000),
        from: FIRST,
        until: FIRST.plus(4),
    }
}

fn delegate(park: &Park, tenant: u8, agent: u8, limits: DelegationLimits) -> Action {
    let (tenant, agent) = (key(tenant).public(), key(agent));
    let message = delegation_message(&park.ledger.genesis().park(), &tenant, &agent.public());
    Action::Delegate {
        key: agent.public(),
        limits,
        proof: agent.sign(&message),
    }
}

/// Alice has delegated to the agent.
pub(crate) fn delegated() -> Park {
    let mut park = Park::peopled();
    let action = delegate(&park, ALICE, AGENT, limits());
    assert_eq!(park.submit(ALICE, action), [0]);
    park
}

fn sell(quantity: i64, limit: i64) -> OrderItem {
    order(1, Side::Sell, quantity, limit)
}

fn used(park: &Park) -> (i128, i128) {
    let used = park
        .ledger
        .state()
        .trading
        .delegations
        .used(FIRST, key(AGENT).public());
    (used.energy, used.money)
}

#[test]
fn a_delegated_key_places_changes_and_cancels_its_own_orders() {
    let mut park = delegated();
    park.submit(ALICE, place(sell(1_000, 500_000)));
    assert_eq!(park.submit(AGENT, place(sell(4_000, 500_000))), [0]);
    let own = |park: &Park, of: u8| -> OrderId {
        let orders = open_of(park, 1);
        let own = orders.iter().find(|(id, _)| id.key == key(of).public());
        own.unwrap().0
    };
    let change = |order, quantity| {
        Action::ChangeOrders(vec![OrderChange {
            order,
            quantity: WattHours(quantity),
            limit: Price(400_000),
        }])
    };
    let (of_agent, of_alice) = (own(&park, AGENT), own(&park, ALICE));
    assert_eq!(park.submit(AGENT, change(of_agent, 3_000)), [0]);
    assert_eq!(used(&park), (3_000, 1_200_000_000));
    let unknown = refused(Rejection::UnknownOrder);
    assert_eq!(park.submit(AGENT, change(of_alice, 500)), unknown);
    let cancel = Action::CancelOrders(vec![of_alice]);
    assert_eq!(park.submit(AGENT, cancel), unknown);
    let all = Action::CancelAll {
        point: None,
        interval: None,
    };
    assert_eq!(park.submit(AGENT, all.clone()), [0]);
    assert_eq!(used(&park), (0, 0));
    assert_eq!(open_of(&park, 1).len(), 1, "the tenant's own order stays");
    assert_eq!(park.submit(ALICE, all), [0]);
    assert!(open_of(&park, 1).is_empty());
    verifies(&mut park);
}

#[test]
fn each_limit_of_a_delegation_refuses() {
    let mut park = Park::peopled();
    let mut second = crate::it::park::point(3);
    second.participant = ParticipantId(1);
    assert_eq!(park.submit(REGISTRAR, Action::RegisterPoint(second)), [0]);
    let action = delegate(&park, ALICE, AGENT, limits());
    assert_eq!(park.submit(ALICE, action), [0]);
    let at = |steps: u64| OrderItem {
        interval: FIRST.plus(steps),
        ..sell(1_000, 100_000)
    };
    let other_point = OrderItem {
        point: PointId(3),
        ..sell(1_000, 100_000)
    };
    let cases = [
        (at(4), Rejection::OutsideDelegation),
        (other_point, Rejection::OutsideDelegation),
        (sell(5_001, 100_000), Rejection::DelegateOrderLimit),
        (sell(5_000, 1_000_001), Rejection::DelegateDayLimit),
    ];
    for (item, expected) in cases {
        assert_eq!(park.submit(AGENT, place(item)), refused(expected));
        assert_eq!(park.submit(ALICE, place(item)), [0], "the tenant may");
    }
    let day = [sell(5_000, 100_000), at(1), at(2), at(3), at(3)];
    let outcome = park.submit(AGENT, Action::PlaceOrders(day.to_vec()));
    let last = Rejection::DelegateDayLimit.code();
    assert_eq!(
        outcome,
        [0, 0, 0, 0, last],
        "5 + 1 + 1 + 1 kWh are the day's 8"
    );
    verifies(&mut park);
}

#[test]
fn what_is_not_filled_is_free_again_and_a_day_that_is_over_is_forgotten() {
    let mut park = delegated();
    assert_eq!(park.submit(AGENT, place(sell(5_000, 500_000))), [0]);
    let buy = order(2, Side::Buy, 2_000, 500_000);
    assert_eq!(park.submit(BOB, place(buy)), [0]);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(used(&park), (2_000, 1_000_000_000));
    // A batch does at most 32 things that are due.
    let last = FIRST.plus(95);
    park.now = last.gate_closure();
    while park.ledger.state().clock().next_gate <= last {
        park.advance_to(park.now);
    }
    assert_eq!(used(&park), (0, 0));
    verifies(&mut park);
}

#[test]
fn collateral_exposure_and_crossing_count_over_all_keys_of_a_participant() {
    let mut park = delegated();
    park.submit(ALICE, place(order(1, Side::Buy, 1_000, 450_000)));
    assert_eq!(
        park.submit(AGENT, place(sell(1_000, 450_000))),
        refused(Rejection::CrossesOwnOrder)
    );
    park.submit(ALICE, place(sell(24_000, 500_000)));
    assert_eq!(
        park.submit(AGENT, place(sell(1_001, 500_000))),
        refused(Rejection::ExceedsCapacity)
    );
}

#[test]
fn a_delegated_key_does_nothing_but_trade() {
    let mut park = delegated();
    let new = key(91);
    let message = rotation_message(
        &park.ledger.genesis().park(),
        &key(AGENT).public(),
        &new.public(),
    );
    let further = delegate(&park, AGENT, 92, limits());
    let actions = [
        further,
        Action::RevokeDelegate {
            key: key(AGENT).public(),
        },
        Action::RotateKey {
            new: new.public(),
            proof: new.sign(&message),
        },
        Action::SetStandingInstruction {
            point: PointId(1),
            enrolled: false,
            ask_limit: Price(0),
            bid_limit: None,
        },
    ];
    for action in actions {
        assert_eq!(park.submit(AGENT, action), refused(Rejection::NotAllowed));
    }
    let by_registrar = Action::AddKey {
        key: key(93).public(),
        role: Role::Delegate(ParticipantId(1)),
    };
    assert_eq!(
        park.submit(REGISTRAR, by_registrar),
        refused(Rejection::NotAllowed)
    );
}

#[test]
fn a_delegation_needs_meaning_and_both_signatures() {
    let mut park = Park::peopled();
    let mut check = |change: fn(&mut DelegationLimits), expected| {
        let mut limits = limits();
        change(&mut limits);
        let action = delegate(&park, ALICE, AGENT, limits);
        assert_eq!(park.submit(ALICE, action), refused(expected));
    };
    check(|limits| limits.points.clear(), Rejection::DelegationInvalid);
    check(
        |limits| limits.points = vec![PointId(1); 2],
        Rejection::DelegationInvalid,
    );
    check(
        |limits| limits.points.push(PointId(2)),
        Rejection::NotYourPoint,
    );
    check(
        |limits| limits.points.push(PointId(9)),
        Rejection::UnknownPoint,
    );
    check(
        |limits| limits.order_energy = WattHours(0),
        Rejection::DelegationInvalid,
    );
    check(
        |limits| limits.day_money = Money(-1),
        Rejection::DelegationInvalid,
    );
    check(
        |limits| limits.until = limits.from,
        Rejection::DelegationInvalid,
    );
    let mut forged = delegate(&park, ALICE, AGENT, limits());
    if let Action::Delegate { proof, .. } = &mut forged {
        *proof = key(AGENT).sign(b"something else");
    }
    assert_eq!(
        park.submit(ALICE, forged),
        refused(Rejection::BadDelegationProof)
    );
    let taken = delegate(&park, ALICE, BOB, limits());
    assert_eq!(park.submit(ALICE, taken), refused(Rejection::KeyTaken));
}

#[track_caller]
fn is_revoked(park: &mut Park) {
    let event = park.event(AGENT, place(sell(1, 1)));
    let result = park.batch(vec![event]).outcomes[0].result.clone();
    assert_eq!(result, Err(Rejection::KeyRevoked));
    assert!(park.ledger.state().trading.delegations.rows().is_empty());
    verifies(park);
}

#[test]
fn a_revoked_delegate_places_nothing_more_and_its_orders_stay_for_the_tenant() {
    for author in [ALICE, REGISTRAR] {
        let mut park = delegated();
        assert_eq!(park.submit(AGENT, place(sell(1_000, 500_000))), [0]);
        let revoke = Action::RevokeDelegate {
            key: key(AGENT).public(),
        };
        assert_eq!(
            park.submit(BOB, revoke.clone()),
            refused(Rejection::KeyUnknown)
        );
        assert_eq!(park.submit(author, revoke.clone()), [0]);
        assert_eq!(park.submit(author, revoke), refused(Rejection::KeyUnknown));
        let orders = open_of(&park, 1);
        assert_eq!(orders.len(), 1);
        let cancel = Action::CancelOrders(vec![orders[0].0]);
        assert_eq!(park.submit(ALICE, cancel), [0]);
        is_revoked(&mut park);
    }
}

#[test]
fn what_a_key_delegated_ends_with_its_revocation_and_survives_its_rotation() {
    let mut park = delegated();
    let new = key(77);
    let message = rotation_message(
        &park.ledger.genesis().park(),
        &key(ALICE).public(),
        &new.public(),
    );
    let rotate = Action::RotateKey {
        new: new.public(),
        proof: new.sign(&message),
    };
    assert_eq!(park.submit(ALICE, rotate), [0]);
    assert_eq!(park.submit(AGENT, place(sell(1, 1))), [0]);
    let revoke = Action::RevokeKey { key: new.public() };
    assert_eq!(park.submit(REGISTRAR, revoke), [0]);
    is_revoked(&mut park);
}

#[test]
fn the_registrar_may_revoke_a_delegated_key_like_any_other() {
    let mut park = delegated();
    let revoke = Action::RevokeKey {
        key: key(AGENT).public(),
    };
    assert_eq!(park.submit(REGISTRAR, revoke), [0]);
    is_revoked(&mut park);
}
