//! Registers that start anew: resets, replaced meters, transformer ratios.

use crate::it::park::{ALICE, METERS, Park, REGISTRAR, key};
use crate::it::runs::{LAST_HOUR, catch_up, closed, due, facts, park, read, refused};
use proptest::prelude::*;
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::MeterId;
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::registers::Ratio;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// Alice's load meter, which `METERS[0]` signs for.
const METER: MeterId = MeterId(1);

fn ratio(numerator: u32, denominator: u32) -> Ratio {
    Ratio {
        numerator,
        denominator,
    }
}

fn reset(interval: DeliveryInterval, last: i64, start: i64) -> Action {
    Action::ResetRegister {
        meter: METER,
        interval,
        last: WattHours(last),
        start: WattHours(start),
    }
}

fn set_ratio(from: DeliveryInterval, register: i64, ratio: Ratio) -> Action {
    Action::SetRatio {
        meter: METER,
        from,
        register: WattHours(register),
        ratio,
    }
}

fn replace(interval: DeliveryInterval, last: i64, start: i64, seed: u8) -> Action {
    Action::ReplaceMeter {
        meter: METER,
        interval,
        last: WattHours(last),
        start: WattHours(start),
        ratio: Ratio::ONE,
        key: key(seed).public(),
    }
}

/// The energy of the meter, and whether both registers were read.
fn energy(park: &Park, interval: DeliveryInterval) -> (i64, bool) {
    let state = park.ledger.state();
    let meter = state.registry.meters().get(&METER).unwrap();
    let metered = state.readings.energy(meter, interval);
    (metered.energy.0, metered.actual)
}

fn at(step: u64) -> DeliveryInterval {
    LAST_HOUR.plus(step)
}

/// A park after its last hour of July, with Alice's load read at the end of its first interval.
fn read_once() -> Park {
    let mut park = park();
    park.advance_to(at(3).end());
    assert_eq!(read(&mut park, 0, at(0), 5_000), [0]);
    park
}

#[test]
fn a_reset_counts_what_the_register_had_before_it_and_has_after_it() {
    let mut park = read_once();
    assert_eq!(
        read(&mut park, 0, at(1), 300),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(park.submit(REGISTRAR, reset(at(1), 5_700, 100)), [0]);
    assert_eq!(
        read(&mut park, 0, at(1), 99),
        refused(Rejection::RegisterRunsBackwards)
    );
    assert_eq!(read(&mut park, 0, at(1), 300), [0]);
    assert_eq!(read(&mut park, 0, at(2), 450), [0]);
    assert_eq!(energy(&park, at(0)), (5_000, true));
    assert_eq!(energy(&park, at(1)), (5_700 - 5_000 + 300 - 100, true));
    assert_eq!(energy(&park, at(2)), (150, true));
    let told = |fact: &Fact| matches!(fact, Fact::RegisterRestarted { meter: METER, .. });
    assert_eq!(facts(&park).iter().filter(|fact| told(fact)).count(), 1);
}

#[test]
fn a_gap_over_a_reset_is_known_whole() {
    let mut park = read_once();
    assert_eq!(park.submit(REGISTRAR, reset(at(2), 5_600, 0)), [0]);
    assert_eq!(read(&mut park, 0, at(3), 300), [0]);
    let parts: Vec<(i64, bool)> = (1..4).map(|step| energy(&park, at(step))).collect();
    assert_eq!(parts, [(300, false), (300, false), (300, false)]);
}

#[test]
fn a_break_is_said_again_to_correct_it_but_not_before_a_later_one() {
    let mut park = read_once();
    assert_eq!(park.submit(REGISTRAR, reset(at(1), 5_700, 100)), [0]);
    assert_eq!(read(&mut park, 0, at(1), 300), [0]);
    assert_eq!(park.submit(REGISTRAR, reset(at(1), 5_800, 0)), [0]);
    assert_eq!(energy(&park, at(1)), (800 + 300, true));
    assert_eq!(park.submit(REGISTRAR, reset(at(2), 310, 0)), [0]);
    assert_eq!(
        park.submit(REGISTRAR, reset(at(1), 5_700, 100)),
        refused(Rejection::LaterBreak)
    );
}

#[test]
fn a_replaced_meter_signs_with_its_new_key_alone() {
    let mut park = read_once();
    assert_eq!(park.submit(REGISTRAR, replace(at(1), 5_500, 70, 97)), [0]);
    let reading = |step, register| {
        let interval = at(step);
        let register = WattHours(register);
        Action::SubmitReadings(vec![Reading { interval, register }])
    };
    assert_eq!(park.submit(97, reading(1, 170)), [0]);
    assert_eq!(energy(&park, at(1)), (600, true));
    let old = park.event(METERS[0], reading(2, 9_000));
    assert!(park.ledger.judge(&old).is_err(), "the old key has ended");
    assert_eq!(
        park.submit(REGISTRAR, replace(at(2), 200, 0, 97)),
        refused(Rejection::KeyTaken)
    );
    let row = park.ledger.state().registry.meters().get(&METER).unwrap();
    assert_eq!(row.key, key(97).public());
    catch_up(&mut park, at(12).settlement_due());
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(&park.export(folder.path())).unwrap();
    let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
    assert!(report.is_ok(), "{:#?}", report.claims);
}

#[test]
fn a_ratio_multiplies_from_its_interval_on_and_loses_nothing() {
    let mut park = read_once();
    assert_eq!(
        park.submit(REGISTRAR, set_ratio(at(1), 5_000, ratio(10, 3))),
        [0]
    );
    for (step, register) in [(1, 5_001), (2, 5_002), (3, 5_003)] {
        assert_eq!(read(&mut park, 0, at(step), register), [0]);
    }
    // 5,000 · 10/3 = 16,666.67; then 16,670, 16,673.33 and 16,676.67: 10 Wh in three intervals.
    let parts: Vec<i64> = (1..4).map(|step| energy(&park, at(step)).0).collect();
    assert_eq!(parts, [4, 3, 3]);
    assert_eq!(energy(&park, at(0)), (5_000, true), "at the old ratio");
}

#[test]
fn a_ratio_holds_the_rise_against_the_rating() {
    let mut park = read_once();
    assert_eq!(read(&mut park, 0, at(1), 6_000), [0]);
    // 1,000 Wh at 60/1 are 60 kWh in a quarter of an hour; the rating allows 52.5.
    assert_eq!(
        park.submit(REGISTRAR, set_ratio(at(1), 5_000, ratio(60, 1))),
        refused(Rejection::RegisterJumps)
    );
    assert_eq!(
        park.submit(REGISTRAR, set_ratio(at(1), 5_000, ratio(50, 1))),
        [0]
    );
    assert_eq!(energy(&park, at(1)).0, 50_000);
    assert_eq!(
        read(&mut park, 0, at(2), 7_100),
        refused(Rejection::RegisterJumps)
    );
}

#[test]
fn breaks_that_do_not_fit_are_refused() {
    let mut park = read_once();
    assert_eq!(read(&mut park, 0, at(1), 6_000), [0]);
    let unknown = Action::ResetRegister {
        meter: MeterId(99),
        interval: at(1),
        last: WattHours(0),
        start: WattHours(0),
    };
    let cases = [
        (unknown, Rejection::UnknownMeter),
        (reset(LAST_HOUR.minus(1), 0, 0), Rejection::ReadingTooOld),
        (reset(LAST_HOUR.plus(900), 0, 0), Rejection::TooFarAhead),
        (
            reset(DeliveryInterval(u64::MAX), 0, 0),
            Rejection::TooFarAhead,
        ),
        (reset(at(1), -1, 0), Rejection::RegisterInvalid),
        (reset(at(1), 5_500, 1 << 53), Rejection::RegisterInvalid),
        (
            set_ratio(at(1), 5_500, ratio(0, 1)),
            Rejection::RatioInvalid,
        ),
        (
            set_ratio(at(1), 5_500, ratio(1, 0)),
            Rejection::RatioInvalid,
        ),
        (
            set_ratio(at(1), 5_500, ratio(100_001, 1)),
            Rejection::RatioInvalid,
        ),
        (reset(at(1), 4_999, 0), Rejection::RegisterRunsBackwards),
        (reset(at(1), 5_500, 6_001), Rejection::RegisterRunsBackwards),
        (
            reset(at(1), 5_500, 6_000 - 52_001),
            Rejection::RegisterInvalid,
        ),
        (reset(at(1), 57_000, 5_000), Rejection::RegisterJumps),
        (replace(at(1), 5_500, 5_000, ALICE), Rejection::KeyTaken),
    ];
    for (action, expected) in cases {
        assert_eq!(
            park.submit(REGISTRAR, action.clone()),
            refused(expected),
            "{action:?}"
        );
    }
    let not_allowed = refused(Rejection::NotAllowed);
    assert_eq!(park.submit(ALICE, reset(at(1), 5_500, 5_500)), not_allowed);
    assert_eq!(
        park.submit(METERS[0], reset(at(1), 5_500, 5_500)),
        not_allowed
    );
    assert_eq!(
        energy(&park, at(1)),
        (1_000, true),
        "nothing of it changed anything"
    );
    park.now = due();
    assert_eq!(
        park.submit(REGISTRAR, reset(at(1), 5_500, 5_500)),
        refused(Rejection::AfterFinal)
    );
}

#[test]
fn a_break_that_is_told_after_the_initial_run_counts_in_the_final_run() {
    let mut park = read_once();
    assert_eq!(read(&mut park, 0, at(1), 6_000), [0]);
    catch_up(&mut park, at(12).settlement_due());
    assert_eq!(
        park.submit(REGISTRAR, set_ratio(at(1), 5_000, ratio(2, 1))),
        [0]
    );
    catch_up(&mut park, due());
    let found = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::PointAdjusted {
            interval,
            point: PointId(1),
            before,
            line,
            ..
        } if interval == at(1) => Some((before.unwrap().load.0, line.load.0)),
        _ => None,
    });
    assert_eq!(found, Some((1_000, 2_000)));
    assert_eq!(closed(&park), [(4, 1)]);
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    None,
    Reset(i64),
    Replace(i64, u32, u32),
    Ratio(u32, u32),
}

/// What the meter counts before a break in the interval, the break, and what it counts after it.
fn step() -> impl Strategy<Value = (i64, Kind, i64)> {
    let kind = prop_oneof![
        2 => Just(Kind::None),
        1 => (0i64..1_000).prop_map(Kind::Reset),
        1 => (0i64..1_000, 1u32..40, 1u32..7).prop_map(|(at, n, d)| Kind::Replace(at, n, d)),
        1 => (1u32..40, 1u32..7).prop_map(|(n, d)| Kind::Ratio(n, d)),
    ];
    (0i64..300, kind, 0i64..300)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Against exact fractions: an interval is off by less than 1 Wh for each segment in it, and so
    /// is the sum of any intervals for each segment in all of them.
    #[test]
    fn registers_count_what_the_device_counted(steps in prop::collection::vec(step(), 12)) {
        let mut park = Park::peopled_at(LAST_HOUR);
        let rules = wattle_ledger::registration::RuleSet::FinalRuns;
        let activate = Action::ActivateRules { rules, from: LAST_HOUR };
        prop_assert_eq!(park.submit(REGISTRAR, activate), vec![0]);
        park.advance_to(at(11).end());
        let (mut register, mut signer, mut factor) = (0i64, METERS[0], (1i128, 1i128));
        // Sums over all: exact energy over the common denominator, and segments.
        let whole: i128 = 2 * 2 * 3 * 5;
        let (mut exact_sum, mut found_sum, mut segments) = (0i128, 0i128, 1i128);
        for (place, (before, kind, after)) in steps.into_iter().enumerate() {
            let interval = at(place as u64);
            let mut exact = i128::from(before) * factor.0 * whole / factor.1;
            let last = register + before;
            let (action, start) = match kind {
                Kind::None => (None, last),
                Kind::Reset(start) => (Some(reset(interval, last, start)), start),
                Kind::Replace(start, numerator, denominator) => {
                    signer = 150 + u8::try_from(place).unwrap();
                    factor = (i128::from(numerator), i128::from(denominator));
                    let action = Action::ReplaceMeter {
                        meter: METER,
                        interval,
                        last: WattHours(last),
                        start: WattHours(start),
                        ratio: ratio(numerator, denominator),
                        key: key(signer).public(),
                    };
                    (Some(action), start)
                }
                Kind::Ratio(numerator, denominator) => {
                    factor = (i128::from(numerator), i128::from(denominator));
                    (Some(set_ratio(interval, last, ratio(numerator, denominator))), last)
                }
            };
            let mut here = 1;
            if let Some(action) = action {
                prop_assert_eq!(park.submit(REGISTRAR, action), vec![0]);
                (here, segments) = (2, segments + 1);
            }
            register = start + after;
            exact += i128::from(after) * factor.0 * whole / factor.1;
            let reading = Reading { interval, register: WattHours(register) };
            prop_assert_eq!(park.submit(signer, Action::SubmitReadings(vec![reading])), vec![0]);
            let (found, actual) = energy(&park, interval);
            prop_assert!(actual);
            let found = i128::from(found) * whole;
            prop_assert!((found - exact).abs() < here * whole, "{found} against {exact}");
            (exact_sum, found_sum) = (exact_sum + exact, found_sum + found);
        }
        prop_assert!((found_sum - exact_sum).abs() < segments * whole);
    }
}
