//! What a state lets go of, and that nothing asks for it. That a restored ledger lets go of the
//! same, every test with a [`Park`] shows.

use crate::it::park::{FIRST, METERS, Park};
use crate::it::runs::{activate, catch_up, read, refused};
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::limits::{READING_AGE_INTERVALS_MAX, RETENTION_INTERVALS};
use wattle_ledger::registration::MeterId;
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::table_number;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

const DAY: u64 = DeliveryInterval::PER_DAY;

fn register(park: &Park, meter: u32, interval: DeliveryInterval) -> Option<i64> {
    let readings = &park.ledger.state().readings;
    let register = readings.register(MeterId(meter), interval);
    register.map(|register| register.0)
}

/// Reads a meter at the end of each of some days: 1 kWh a day, in one event.
fn read_days(park: &mut Park, meter: usize, days: std::ops::Range<u64>) {
    let reading = |day: u64| Reading {
        interval: FIRST.plus(day * DAY + DAY - 1),
        register: WattHours(i64::try_from(day + 1).unwrap() * 1_000),
    };
    let readings: Vec<Reading> = days.map(reading).collect();
    let count = readings.len();
    let outcome = park.submit(METERS[meter], Action::SubmitReadings(readings));
    assert_eq!(outcome, vec![0; count]);
}

/// Lives through a number of days, with readings of one meter each five days, before
/// a final run of any of them is due.
fn live(park: &mut Park, meter: usize, days: u64) {
    for from in (0..days).step_by(5) {
        catch_up(park, FIRST.plus((from + 5) * DAY).end());
        read_days(park, meter, from..from + 5);
    }
}

fn records(park: &Park, table: u8) -> u64 {
    park.ledger.state().by_number()[&table].count()
}

#[test]
fn registers_go_when_no_rule_can_ask_for_them_and_the_latest_stays() {
    let mut park = Park::peopled();
    park.advance_to(FIRST.end());
    assert_eq!(read(&mut park, 0, FIRST, 700), [0]);
    live(&mut park, 3, 90);
    let now = DeliveryInterval::containing(park.now);
    let horizon = now.minus(READING_AGE_INTERVALS_MAX + RETENTION_INTERVALS);
    let of_day = |day: u64| FIRST.plus(day * DAY + DAY - 1);
    let kept: Vec<u64> = (0..90)
        .filter(|day| register(&park, 4, of_day(*day)).is_some())
        .collect();
    let oldest = of_day(kept[0]);
    assert_eq!(kept, (kept[0]..90).collect::<Vec<_>>(), "without a gap");
    // One day before the horizon stays for the comparison with what comes next.
    assert!(oldest < horizon && horizon.0 - oldest.0 <= 2 * DAY);
    // Who was silent keeps what he said last, however long ago.
    assert_eq!(register(&park, 1, FIRST), Some(700));
    let lower = read(&mut park, 0, now.minus(2), 699);
    assert_eq!(lower, refused(Rejection::RegisterRunsBackwards));
    assert_eq!(read(&mut park, 0, now.minus(2), 701), [0]);
    assert_eq!(register(&park, 1, FIRST), Some(700), "until the next day");
    let mut later = now.next();
    while register(&park, 1, FIRST).is_some() {
        later = later.next();
        catch_up(&mut park, later.end());
        assert!(later.0 - now.0 < 80 * DAY, "it is never let go of");
    }
    assert_eq!(register(&park, 1, now.minus(2)), Some(701));
}

#[test]
fn with_a_final_run_registers_stay_until_it_is_over() {
    let mut park = Park::peopled();
    assert_eq!(activate(&mut park, FIRST), [0]);
    live(&mut park, 3, 110);
    let course = *park.ledger.state().runs.course().unwrap();
    // The start of the month that comes next, from which its boundary is measured.
    let month = register(&park, 4, course.month.minus(1));
    assert!(month.is_some(), "the month from {} begins", course.month.0);
    assert_eq!(register(&park, 4, FIRST.plus(DAY - 1)), None);
}

#[test]
fn certificates_and_pins_go_too() {
    let mut park = Park::peopled();
    park.advance_to(FIRST.gate_closure());
    park.read_all(FIRST, [5_000, 0, 1_000, 9_000]);
    park.advance_to(FIRST.settlement_due());
    let issued = |park: &Park| {
        let certificates = &park.ledger.state().certificates;
        certificates.get(FIRST, PointId(2)).is_some()
    };
    assert!(issued(&park));
    assert!(park.ledger.state().pins.park(FIRST).is_none(), "settled");
    assert!(park.ledger.state().pins.park(FIRST.plus(2)).is_some());
    let age = READING_AGE_INTERVALS_MAX + RETENTION_INTERVALS;
    catch_up(&mut park, FIRST.plus(age).start());
    assert!(issued(&park), "its horizon is not past it yet");
    catch_up(&mut park, FIRST.plus(age + 8).settlement_due());
    assert!(!issued(&park));
}

/// The state's size depends on how far it looks back and not on how long the park is there.
#[test]
fn the_state_does_not_grow_with_the_log() {
    let mut park = Park::peopled();
    live(&mut park, 3, 80);
    let tables = [
        table_number::READINGS,
        table_number::POINT_PINS,
        table_number::CERTIFICATES,
        table_number::OUTCOMES,
    ];
    let early = tables.map(|table| records(&park, table));
    for from in (80..110).step_by(10) {
        catch_up(&mut park, FIRST.plus((from + 10) * DAY).end());
        read_days(&mut park, 3, from..from + 10);
    }
    let late = tables.map(|table| records(&park, table));
    for (early, late) in early.into_iter().zip(late) {
        assert!(late <= early + 2, "{early} records, then {late}");
    }
}
