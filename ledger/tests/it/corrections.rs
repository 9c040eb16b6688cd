//! Corrections, contradictions and intervals that are held until a correction frees them.

use crate::it::park::{ALICE, METERS, Park, REGISTRAR, key};
use crate::it::runs::{
    LAST_HOUR, catch_up, closed, correction, due, facts, park, read, refused, total, trade,
};
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::{Meter, MeterId, MeterKind, ParticipantId};
use wattle_ledger::rejection::Rejection;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// A park in which one meter's rating lets a reading pass that no settlement takes.
fn park_with_a_giant_meter() -> Park {
    let mut park = park();
    let mut point = crate::it::park::point(3);
    point.participant = ParticipantId(1);
    point.from = LAST_HOUR;
    assert_eq!(park.submit(REGISTRAR, Action::RegisterPoint(point)), [0]);
    let meter = Meter {
        id: MeterId(9),
        point: PointId(3),
        kind: MeterKind::Load,
        key: key(99).public(),
        from: LAST_HOUR,
        register: WattHours(0),
        rated_w: u32::MAX,
    };
    assert_eq!(park.submit(REGISTRAR, Action::RegisterMeter(meter)), [0]);
    park
}

#[test]
fn a_held_interval_settles_whole_in_the_final_run_once_its_reading_is_corrected() {
    let mut park = park_with_a_giant_meter();
    trade(&mut park, LAST_HOUR, 4_000);
    park.advance_to(LAST_HOUR.end());
    let register = WattHours((1 << 30) + 1);
    let reading = Reading {
        interval: LAST_HOUR,
        register,
    };
    assert_eq!(park.submit(99, Action::SubmitReadings(vec![reading])), [0]);
    catch_up(&mut park, LAST_HOUR.plus(8).settlement_due());
    let held = |fact: &Fact| matches!(fact, Fact::SettlementHeld { .. });
    assert!(facts(&park).iter().any(held));
    let reserved = |park: &Park| {
        let bob = AccountId::Participant(ParticipantId(2));
        park.ledger.state().accounts.get(bob).reserved.0
    };
    assert!(reserved(&park) > 0, "collateral stays with a held interval");
    let correct = Action::CorrectReading {
        meter: MeterId(9),
        interval: LAST_HOUR,
        register: WattHours(1_000),
        reason: "a wrong unit".to_owned(),
    };
    assert_eq!(park.submit(REGISTRAR, correct), [0]);
    catch_up(&mut park, due());
    assert_eq!(reserved(&park), 0);
    assert_eq!(total(&park), 0);
    let whole = facts(&park).into_iter().filter(|fact| {
        matches!(
            fact,
            Fact::PointAdjusted {
                interval: LAST_HOUR,
                before: None,
                ..
            }
        )
    });
    assert_eq!(whole.count(), 3);
}

#[test]
fn a_held_interval_that_cannot_be_settled_is_held_again_and_keeps_what_it_needs() {
    let mut park = park_with_a_giant_meter();
    park.advance_to(LAST_HOUR.end());
    let register = WattHours((1 << 30) + 1);
    let reading = Reading {
        interval: LAST_HOUR,
        register,
    };
    assert_eq!(park.submit(99, Action::SubmitReadings(vec![reading])), [0]);
    catch_up(&mut park, due());
    let held = facts(&park)
        .into_iter()
        .filter(|fact| matches!(fact, Fact::RunHeld { .. }));
    assert_eq!(held.count(), 1);
    assert!(park.ledger.state().pins.park(LAST_HOUR).is_some());
    assert_eq!(closed(&park), [(4, 0)]);
}

#[test]
fn a_correction_is_the_registrars_and_keeps_the_register_in_order() {
    let mut park = park();
    park.advance_to(LAST_HOUR.plus(2).end());
    for (step, register) in [1_000, 2_000, 3_000].into_iter().enumerate() {
        let interval = LAST_HOUR.plus(step as u64);
        assert_eq!(read(&mut park, 0, interval, register), [0]);
    }
    let second = LAST_HOUR.next();
    let by = |park: &mut Park, seed, register| park.submit(seed, correction(0, second, register));
    assert_eq!(
        by(&mut park, METERS[0], 2_500),
        refused(Rejection::NotAllowed)
    );
    assert_eq!(by(&mut park, ALICE, 2_500), refused(Rejection::NotAllowed));
    assert_eq!(
        by(&mut park, REGISTRAR, 999),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(
        by(&mut park, REGISTRAR, 3_001),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(
        by(&mut park, REGISTRAR, -1),
        refused(Rejection::RegisterInvalid)
    );
    assert_eq!(by(&mut park, REGISTRAR, 2_500), [0]);
    let cases = [
        (correction(8, second, 1), Rejection::UnknownMeter),
        (correction(1, second, 1), Rejection::NothingToCorrect),
        (
            correction(0, LAST_HOUR.minus(1), 1),
            Rejection::ReadingTooOld,
        ),
        (
            correction(0, LAST_HOUR.plus(3), 1),
            Rejection::ReadingFromFuture,
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(
            park.submit(REGISTRAR, action),
            refused(expected),
            "{}",
            expected.name()
        );
    }
    let corrected = facts(&park).into_iter().filter(|fact| {
        matches!(
            fact,
            Fact::ReadingCorrected {
                before: WattHours(2_000),
                after: WattHours(2_500),
                ..
            }
        )
    });
    assert_eq!(corrected.count(), 1, "for the tenant to see");
    // What the meter signed stays what it signed: a repetition is no contradiction.
    assert_eq!(read(&mut park, 0, second, 2_000), [0]);
    assert_eq!(
        park.ledger.state().readings.register(MeterId(1), second),
        Some(WattHours(2_500))
    );
    assert_eq!(
        read(&mut park, 0, second, 2_500),
        refused(Rejection::ReadingContradicts)
    );
}

#[test]
fn a_key_that_contradicts_itself_is_frozen_until_the_registrar_lifts_it() {
    let mut park = park();
    park.advance_to(LAST_HOUR.plus(2).end());
    assert_eq!(read(&mut park, 0, LAST_HOUR, 1_000), [0]);
    let reading = |step, register| Reading {
        interval: LAST_HOUR.plus(step),
        register: WattHours(register),
    };
    let items = vec![reading(0, 1_000), reading(0, 1_001), reading(1, 2_000)];
    let expected = [
        0,
        Rejection::ReadingContradicts.code(),
        Rejection::KeyFrozen.code(),
    ];
    assert_eq!(
        park.submit(METERS[0], Action::SubmitReadings(items)),
        expected
    );
    let Some(Fact::KeyFrozen {
        meter,
        key: frozen,
        recorded,
        claimed,
        ..
    }) = facts(&park).pop()
    else {
        panic!("the freeze is recorded")
    };
    assert_eq!((meter, frozen), (MeterId(1), key(METERS[0]).public()));
    assert_eq!((recorded.0, claimed.0), (1_000, 1_001));
    assert_eq!(
        read(&mut park, 0, LAST_HOUR.next(), 2_000),
        refused(Rejection::KeyFrozen)
    );
    let new = key(98).public();
    let park_id = park.ledger.genesis().park();
    let message = wattle_ledger::event::rotation_message(&park_id, &frozen, &new);
    let proof = key(98).sign(&message);
    assert_eq!(
        park.submit(METERS[0], Action::RotateKey { new, proof }),
        refused(Rejection::KeyFrozen),
        "a frozen key does not slip away by rotation"
    );
    assert_eq!(read(&mut park, 1, LAST_HOUR, 0), [0], "other meters go on");
    let lift = Action::LiftFreeze { key: frozen };
    assert_eq!(
        park.submit(ALICE, lift.clone()),
        refused(Rejection::NotAllowed)
    );
    assert_eq!(park.submit(REGISTRAR, lift.clone()), [0]);
    assert_eq!(
        park.submit(REGISTRAR, lift),
        refused(Rejection::KeyNotFrozen)
    );
    assert_eq!(read(&mut park, 0, LAST_HOUR.next(), 2_000), [0]);
}
