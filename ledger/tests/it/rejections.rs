//! Every refusal that an author can meet, each through a whole batch.

use crate::it::park::{ALICE, BOB, FIRST, METERS, Park, REGISTRAR, TREASURER, key, order, point};
use wattle_ledger::event::{Action, OrderId, Reading};
use wattle_ledger::registration::{Participant, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

fn refused(rejection: Rejection) -> Vec<u16> {
    vec![rejection.code()]
}

#[track_caller]
fn check(seed: u8, action: Action, expected: Rejection) {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(seed, action),
        refused(expected),
        "{}",
        expected.name()
    );
}

fn place(item: wattle_ledger::event::OrderItem) -> Action {
    Action::PlaceOrders(vec![item])
}

#[test]
fn orders_out_of_bounds_are_refused() {
    check(
        ALICE,
        place(order(1, Side::Sell, 0, 1)),
        Rejection::QuantityZero,
    );
    check(
        ALICE,
        place(order(1, Side::Sell, i64::MAX, 1)),
        Rejection::QuantityTooLarge,
    );
    check(
        ALICE,
        place(order(1, Side::Sell, 1, -1)),
        Rejection::PriceOutOfBounds,
    );
    check(
        ALICE,
        place(order(1, Side::Sell, 1, i64::MAX)),
        Rejection::PriceOutOfBounds,
    );
    check(
        ALICE,
        place(order(9, Side::Sell, 1, 1)),
        Rejection::UnknownPoint,
    );
    check(
        ALICE,
        place(order(2, Side::Sell, 1, 1)),
        Rejection::NotYourPoint,
    );
    check(
        ALICE,
        place(order(1, Side::Sell, 25_001, 1)),
        Rejection::ExceedsCapacity,
    );
    check(ALICE, Action::PlaceOrders(Vec::new()), Rejection::ListEmpty);
}

#[test]
fn orders_outside_their_time_are_refused() {
    let at = |interval| {
        let mut item = order(1, Side::Sell, 1, 1);
        item.interval = interval;
        place(item)
    };
    check(ALICE, at(FIRST.minus(1)), Rejection::BeforeFirstInterval);
    check(ALICE, at(FIRST.plus(9 * 96)), Rejection::TooFarAhead);
    check(
        ALICE,
        at(DeliveryInterval(u64::MAX)),
        Rejection::TooFarAhead,
    );
    let mut park = Park::peopled();
    park.now = FIRST.gate_closure();
    assert_eq!(
        park.submit(ALICE, at(FIRST)),
        refused(Rejection::GateClosed)
    );
}

#[test]
fn an_order_without_cover_is_refused() {
    // 1,000 yuan cover less than 50 kWh at 100 yuan.
    check(
        BOB,
        place(order(2, Side::Buy, 50_000, 100_000_000)),
        Rejection::InsufficientCollateral,
    );
}

#[test]
fn two_orders_that_exceed_the_capacity_together_are_refused_one_by_one() {
    let mut park = Park::peopled();
    let items = vec![
        order(1, Side::Sell, 20_000, 500_000),
        order(1, Side::Sell, 5_001, 500_000),
    ];
    let codes = park.submit(ALICE, Action::PlaceOrders(items));
    assert_eq!(codes, [0, Rejection::ExceedsCapacity.code()]);
}

#[test]
fn an_order_that_crosses_an_own_one_is_refused() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(ALICE, place(order(1, Side::Sell, 100, 500_000))),
        [0]
    );
    let codes = park.submit(ALICE, place(order(1, Side::Buy, 100, 500_000)));
    assert_eq!(codes, refused(Rejection::CrossesOwnOrder));
    assert_eq!(
        park.submit(ALICE, place(order(1, Side::Buy, 100, 499_999))),
        [0]
    );
}

#[test]
fn orders_are_cancelled_once_in_time_and_by_their_holder() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(ALICE, place(order(1, Side::Sell, 100, 500_000))),
        [0]
    );
    // Alice's first event was her standing instruction.
    let id = OrderId {
        key: key(ALICE).public(),
        sequence: 2,
        item: 0,
    };
    let cancel = || Action::CancelOrders(vec![id]);
    assert_eq!(park.submit(BOB, cancel()), refused(Rejection::UnknownOrder));
    let mut firm = Park::peopled();
    assert_eq!(
        firm.submit(ALICE, place(order(1, Side::Sell, 100, 500_000))),
        [0]
    );
    firm.now = FIRST.firm_from();
    assert_eq!(
        firm.submit(ALICE, cancel()),
        refused(Rejection::TooLateToCancel)
    );
    park.now = FIRST.firm_from().minus_millis(1);
    assert_eq!(park.submit(ALICE, cancel()), [0]);
    assert_eq!(
        park.submit(ALICE, cancel()),
        refused(Rejection::UnknownOrder)
    );
}

#[test]
fn readings_that_cannot_be_are_refused() {
    let read = |interval: DeliveryInterval, register: i64| {
        Action::SubmitReadings(vec![Reading {
            interval,
            register: WattHours(register),
        }])
    };
    let mut park = Park::peopled();
    let meter = METERS[0];
    let mut submit = |action| park.submit(meter, action);
    assert_eq!(
        submit(read(FIRST, 1_000)),
        refused(Rejection::ReadingFromFuture)
    );
    park.now = FIRST.plus(3).end();
    let mut submit = |action| park.submit(meter, action);
    assert_eq!(
        submit(read(FIRST.minus(2), 0)),
        refused(Rejection::ReadingTooOld)
    );
    assert_eq!(submit(read(FIRST, -1)), refused(Rejection::RegisterInvalid));
    // Rated 200 kW: 50 kWh a quarter of an hour and 5 % on top.
    assert_eq!(
        submit(read(FIRST, 52_502)),
        refused(Rejection::RegisterJumps)
    );
    assert_eq!(submit(read(FIRST, 40_000)), [0]);
    assert_eq!(
        submit(read(FIRST, 40_000)),
        [0],
        "the same again changes nothing"
    );
    assert_eq!(
        submit(read(FIRST, 40_001)),
        refused(Rejection::ReadingContradicts)
    );
    assert_eq!(
        submit(read(FIRST.plus(1), 39_999)),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(submit(read(FIRST.plus(2), 60_000)), [0]);
    assert_eq!(
        submit(read(FIRST.plus(1), 60_001)),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(
        submit(read(DeliveryInterval(u64::MAX), 0)),
        refused(Rejection::ReadingFromFuture)
    );
}

#[test]
fn roles_may_sign_only_what_is_theirs() {
    let deposit = || Action::Deposit {
        participant: ParticipantId(1),
        amount: Money(1),
        reference: String::new(),
    };
    check(ALICE, deposit(), Rejection::NotAllowed);
    check(REGISTRAR, deposit(), Rejection::NotAllowed);
    check(
        METERS[0],
        place(order(1, Side::Sell, 1, 1)),
        Rejection::NotAllowed,
    );
    check(3, deposit(), Rejection::NotAllowed);
}

#[test]
fn the_treasury_moves_only_what_there_is() {
    let withdraw = |amount| Action::Withdraw {
        participant: ParticipantId(1),
        amount: Money(amount),
        reference: "out".to_owned(),
    };
    check(
        TREASURER,
        withdraw(1_000_000_000_001),
        Rejection::InsufficientFunds,
    );
    check(TREASURER, withdraw(0), Rejection::AmountInvalid);
    check(TREASURER, withdraw(-5), Rejection::AmountInvalid);
    check(TREASURER, withdraw(i64::MIN), Rejection::AmountInvalid);
    let nobody = Action::SetCreditLimit {
        participant: ParticipantId(9),
        limit: Money(1),
    };
    check(TREASURER, nobody, Rejection::UnknownParticipant);
    let mut park = Park::peopled();
    assert_eq!(park.submit(TREASURER, withdraw(1_000_000_000_000)), [0]);
}

#[test]
fn registrations_that_contradict_the_registry_are_refused() {
    let named = |id, name: &str| {
        let participant = Participant {
            id: ParticipantId(id),
            name: name.to_owned(),
        };
        Action::RegisterParticipant(participant)
    };
    check(REGISTRAR, named(1, "carol"), Rejection::IdTaken);
    check(REGISTRAR, named(3, "alice"), Rejection::NameTaken);
    check(REGISTRAR, named(3, "a\nb"), Rejection::BadName);
    check(
        REGISTRAR,
        Action::RegisterPoint(point(1)),
        Rejection::IdTaken,
    );
    check(
        REGISTRAR,
        Action::RegisterPoint(point(7)),
        Rejection::UnknownParticipant,
    );
    let role = Role::Tenant(ParticipantId(1));
    let add = |key| Action::AddKey { key, role };
    check(REGISTRAR, add(key(ALICE).public()), Rejection::KeyTaken);
    check(
        REGISTRAR,
        add(wattle_ledger::keys::PublicKey([0; 32])),
        Rejection::KeyRefused,
    );
    check(
        REGISTRAR,
        Action::RevokeKey {
            key: key(99).public(),
        },
        Rejection::KeyUnknown,
    );
    let last = Action::RevokeKey {
        key: key(REGISTRAR).public(),
    };
    check(REGISTRAR, last, Rejection::LastRegistrar);
}

#[test]
fn events_that_nobody_in_good_standing_signed_leave_no_leaf() {
    let mut park = Park::peopled();
    let action = || place(order(1, Side::Sell, 1, 1));
    let unknown = park.event_with_sequence(99, 1, action());
    let ahead = park.event_with_sequence(ALICE, 9, action());
    let used = park.event_with_sequence(ALICE, 1, action());
    let mut forged = park.event_with_sequence(ALICE, 2, action());
    *forged.last_mut().unwrap() ^= 1;
    let events = vec![unknown, ahead, used, forged, b"not an event".to_vec()];
    let before = park.ledger.state().clone();
    let applied = park.batch(events);
    let results: Vec<Rejection> = applied
        .outcomes
        .iter()
        .map(|outcome| outcome.result.clone().unwrap_err())
        .collect();
    let expected = [
        Rejection::UnknownKey,
        Rejection::WrongSequence,
        Rejection::SequenceUsed,
        Rejection::BadSignature,
        Rejection::MalformedEvent,
    ];
    assert_eq!(results, expected);
    assert_eq!(
        applied.leaves.len(),
        1,
        "only the header, which lists all five"
    );
    let (mut before, mut after) = (before, park.ledger.state().clone());
    before.clock.insert((), after.clock().clone());
    assert_eq!(
        before.root(),
        after.root(),
        "nothing but the clock has changed"
    );
}

#[test]
fn a_revoked_key_signs_nothing_more() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(
            REGISTRAR,
            Action::RevokeKey {
                key: key(ALICE).public()
            }
        ),
        [0]
    );
    let event = park.event(ALICE, place(order(1, Side::Sell, 1, 1)));
    let result = park.batch(vec![event]).outcomes[0].result.clone();
    assert_eq!(result, Err(Rejection::KeyRevoked));
}

#[test]
fn a_rotated_key_hands_its_role_over() {
    let mut park = Park::peopled();
    let new = key(77);
    let message = wattle_ledger::event::rotation_message(
        &park.ledger.genesis().park(),
        &key(ALICE).public(),
        &new.public(),
    );
    let forged = Action::RotateKey {
        new: new.public(),
        proof: key(78).sign(&message),
    };
    assert_eq!(
        park.submit(ALICE, forged),
        refused(Rejection::BadRotationProof)
    );
    let rotate = Action::RotateKey {
        new: new.public(),
        proof: new.sign(&message),
    };
    assert_eq!(park.submit(ALICE, rotate), [0]);
    assert_eq!(park.submit(77, place(order(1, Side::Sell, 1, 1))), [0]);
    let old = park.event(ALICE, place(order(1, Side::Sell, 1, 1)));
    let result = park.batch(vec![old]).outcomes[0].result.clone();
    assert_eq!(result, Err(Rejection::KeyRevoked));
}

#[test]
fn a_quota_of_events_is_kept() {
    let mut park = Park::peopled();
    let action = || Action::SetStandingInstruction {
        point: PointId(1),
        enrolled: true,
        ask_limit: wattle_market::units::Price(0),
        bid_limit: None,
    };
    // Alice has sent one event already.
    let most = wattle_ledger::limits::EVENTS_PER_KEY_AND_HOUR_MAX - 1;
    let mut left = most;
    while left > 0 {
        let some = left.min(300);
        let events: Vec<_> = (0..some).map(|_| park.event(ALICE, action())).collect();
        let applied = park.batch(events);
        assert!(
            applied
                .outcomes
                .iter()
                .all(|outcome| outcome.result.is_ok())
        );
        left -= some;
    }
    let event = park.event(ALICE, action());
    let result = park.batch(vec![event.clone()]).outcomes[0].result.clone();
    assert_eq!(result, Err(Rejection::QuotaExceeded));
    park.now = park.now.plus_millis(3_600_000);
    assert!(
        park.batch(vec![event]).outcomes[0].result.is_ok(),
        "the next hour takes it"
    );
}
