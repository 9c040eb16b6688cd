//! Standing instructions by weekday and time of day.

use crate::it::park::{ALICE, FIRST, Park};
use crate::it::trading::{facts, refused, verifies};
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, ScheduleEntry};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::Price;

const WEDNESDAY: u8 = 1 << 2;

fn entry(weekdays: u8, quarters: std::ops::Range<u8>, ask: i64) -> ScheduleEntry {
    ScheduleEntry {
        weekdays,
        from_quarter: quarters.start,
        until_quarter: quarters.end,
        enrolled: ask > 0,
        ask_limit: Price(ask),
        bid_limit: None,
    }
}

fn set(point: u32, entries: Vec<ScheduleEntry>) -> Action {
    Action::SetSchedule {
        point: PointId(point),
        entries,
    }
}

/// Enrolled and ask limit of Alice's point, by interval.
fn pinned(park: &Park) -> Vec<(DeliveryInterval, bool, i64)> {
    facts(park)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::PointSettled {
                interval,
                point: PointId(1),
                terms,
                ..
            } => Some((interval, terms.enrolled, terms.ask_limit.0)),
            _ => None,
        })
        .collect()
}

#[test]
fn the_first_entry_that_fits_is_pinned_and_else_the_standing_instruction() {
    let mut park = Park::peopled();
    // The first interval is the first quarter of a Wednesday.
    let entries = vec![
        entry(0b111_1111 & !WEDNESDAY, 0..96, 900_000),
        entry(WEDNESDAY, 1..2, 500_000),
        entry(WEDNESDAY, 1..3, 0),
    ];
    assert_eq!(park.submit(ALICE, set(1, entries)), [0]);
    for step in 0..4 {
        park.advance_to(FIRST.plus(step).gate_closure());
    }
    // What is pinned stays, whatever the schedule becomes.
    assert_eq!(park.submit(ALICE, set(1, Vec::new())), [0]);
    park.advance_to(FIRST.plus(3).settlement_due());
    let expected = [
        (FIRST, true, 0),
        (FIRST.plus(1), true, 500_000),
        (FIRST.plus(2), false, 0),
        (FIRST.plus(3), true, 0),
    ];
    assert_eq!(pinned(&park), expected);
    verifies(&mut park);
}

#[test]
fn a_schedule_has_bounds() {
    let mut park = Park::peopled();
    let good = || entry(1, 0..1, 1);
    let cases = [
        (set(9, vec![good()]), Rejection::UnknownPoint),
        (set(2, vec![good()]), Rejection::NotYourPoint),
        (set(1, vec![entry(0, 0..1, 1)]), Rejection::ScheduleInvalid),
        (
            set(1, vec![entry(128, 0..1, 1)]),
            Rejection::ScheduleInvalid,
        ),
        (set(1, vec![entry(1, 5..5, 1)]), Rejection::ScheduleInvalid),
        (set(1, vec![entry(1, 0..97, 1)]), Rejection::ScheduleInvalid),
        (set(1, vec![good(); 33]), Rejection::ScheduleInvalid),
        (
            set(1, vec![entry(1, 0..1, -1)]),
            Rejection::PriceOutOfBounds,
        ),
    ];
    for (action, expected) in cases {
        assert_eq!(park.submit(ALICE, action), refused(expected));
    }
    assert_eq!(park.submit(ALICE, set(1, vec![good(); 32])), [0]);
}
