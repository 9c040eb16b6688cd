//! The surveillance report on a park in which everything that it looks for has happened, figures
//! worked out by hand (`scenarios/misconduct.txt`).

use std::collections::BTreeSet;

use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::surveillance::{Conduct, Surveillance, surveillance};
use wattle_ledger::verify::what_if::Period;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::{Price, WattHours};
use wattle_testnet::doctor::Files;
use wattle_testnet::scenario::play;

const FIRST: DeliveryInterval = DeliveryInterval(1_980_928);
const ALICE: ParticipantId = ParticipantId(1);
const BOB: ParticipantId = ParticipantId(2);
const CAROL: ParticipantId = ParticipantId(3);

fn watched(text: &str, period: Period) -> Surveillance {
    let (_, mut park) = play(text).unwrap();
    let files = Files(park.recording().files());
    surveillance(&files, period, &mut |_| {}).unwrap()
}

fn misconduct(period: Period) -> Surveillance {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/misconduct.txt");
    watched(&std::fs::read_to_string(path).unwrap(), period)
}

#[test]
fn shares_and_indices_are_those_of_what_was_traded() {
    let report = misconduct(Period::default());
    assert_eq!(report.differences, Vec::<String>::new());
    let traded = &report.traded;
    // 10 + 1 + 4 + 2 kWh: alice sold 13, carol 4; bob bought 10, carol 7.
    assert_eq!(traded.volume, 17_000);
    assert_eq!(traded.sellers[&ALICE].quantity, 13_000);
    assert_eq!(traded.sellers[&ALICE].basis_points, 7_647);
    assert_eq!(traded.sellers[&CAROL].basis_points, 2_352);
    assert_eq!(traded.buyers[&BOB].basis_points, 5_882);
    // (13² + 4²) / 17² and (10² + 7²) / 17².
    assert_eq!((traded.sellers_hhi, traded.buyers_hhi), (6_401, 5_155));
    assert_eq!(report.days.len(), 1);
    assert_eq!(report.days[&FIRST], *traded);
}

#[test]
fn withdrawn_and_refused_orders_are_counted() {
    let report = misconduct(Period::default());
    let carol = Conduct {
        placed: 7,
        placed_wh: 4_000 + 24_000 + 1_000 + 4_000 + 2_000,
        withdrawn: 3,
        withdrawn_wh: 24_000,
        // Orders for 02:00 are firm from 01:50 on, and 01:42 is eight minutes before.
        withdrawn_late: 1,
        withdrawn_late_wh: 8_000,
        traded_wh: 4_000 + 1_000 + 4_000 + 2_000,
        ..Conduct::default()
    };
    assert_eq!(report.conduct[&CAROL], carol);
    let bob = report.conduct[&BOB];
    assert_eq!(
        (bob.refused, bob.refused_affiliate, bob.refused_own),
        (2, 2, 0)
    );
    let alice = report.conduct[&ALICE];
    assert_eq!((alice.refused, alice.refused_own), (1, 1));
    assert_eq!((alice.withdrawn, alice.withdrawn_late_wh), (1, 1_000));
    let [again] = report.repeated[..] else {
        panic!("{:?}", report.repeated)
    };
    assert_eq!((again.participant, again.withdrawn), (CAROL, 3));
    assert_eq!(again.interval, FIRST.plus(8));
    assert_eq!(again.traded, WattHours(1_000));
}

#[test]
fn affiliates_on_both_sides_of_an_auction_are_found() {
    let report = misconduct(Period::default());
    let [dealing] = &report.self_dealing[..] else {
        panic!("{:?}", report.self_dealing)
    };
    assert_eq!(dealing.interval, FIRST);
    assert_eq!(
        (dealing.sold, dealing.bought),
        (WattHours(10_000), WattHours(6_000))
    );
    assert_eq!(dealing.between, WattHours(6_000));
    assert_eq!(dealing.sellers, BTreeSet::from([ALICE]));
    assert_eq!(dealing.buyers, BTreeSet::from([BOB]));
    assert!(!dealing.is_continuous);
    // Nobody's affiliates deal with each other as they like.
    let text = "tenant alice\ntenant bob\npoint a1 alice\npoint b1 bob\n\
                order s1 a1 sell 2kWh @ 0.4\norder p1 b1 buy 2kWh @ 0.6\ngate closes\n";
    assert_eq!(watched(text, Period::default()).self_dealing, []);
}

#[test]
fn affiliates_that_met_continuously_are_paired() {
    let text = "tenant alice\ntenant bob\ntenant carol\n\
                point a1 alice\npoint b1 bob\npoint c1 carol\nmode continuous 00:00\n\
                order s1 c1 sell 1kWh @ 0.39\norder s2 a1 sell 3kWh @ 0.40\n\
                order p1 b1 buy 2kWh @ 0.60\naffiliates 1 alice bob\ngate closes\n";
    let report = watched(text, Period::default());
    // bob bought 1 kWh of carol and 1 of alice.
    let [dealing] = &report.self_dealing[..] else {
        panic!("{:?}", report.self_dealing)
    };
    assert!(dealing.is_continuous);
    assert_eq!(
        (dealing.sold, dealing.between),
        (WattHours(1_000), WattHours(1_000))
    );
    assert_eq!(dealing.buyers, BTreeSet::from([BOB]));
    let others = text.replace("affiliates 1 alice bob", "affiliates 1 alice carol");
    assert_eq!(watched(&others, Period::default()).self_dealing, []);
}

#[test]
fn price_without_the_late_orders_is_that_of_the_auction_held_again() {
    let report = misconduct(Period::default());
    assert_eq!(report.auctions, 4);
    let at = |interval: u64| {
        let all = report.influences.iter();
        all.filter(|one| one.interval == FIRST.plus(interval))
            .copied()
            .collect::<Vec<_>>()
    };
    // At 03:00 bob's late order alone is filled; without it alice's two kilowatt-hours would be.
    let [bob] = at(12)[..] else {
        panic!("{:?}", report.influences)
    };
    assert_eq!((bob.participant, bob.late_orders), (BOB, 1));
    assert_eq!(
        (bob.price, bob.volume),
        (Some(Price(550_000)), WattHours(4_000))
    );
    let without = (bob.price_without, bob.volume_without);
    assert_eq!(without, (Some(Price(450_000)), WattHours(2_000)));
    assert_eq!(bob.bought, WattHours(4_000));
    // At 00:00 everything was there two hours before.
    assert_eq!(at(0), []);
}

#[test]
fn halted_intervals_and_the_period_are_kept_to() {
    let report = misconduct(Period::default());
    assert_eq!(report.halted, BTreeSet::from([FIRST.plus(16)]));
    assert_eq!(report.held, BTreeSet::new());
    let part = misconduct(Period {
        from: Some(FIRST.plus(8)),
        to: Some(FIRST.plus(8)),
    });
    assert_eq!(part.traded.volume, 1_000);
    assert_eq!(
        (part.first, part.last),
        (Some(FIRST.plus(8)), Some(FIRST.plus(8)))
    );
    assert_eq!((part.auctions, part.self_dealing.len()), (1, 0));
    assert_eq!(part.halted, BTreeSet::new());
    assert_eq!(part.conduct[&CAROL].placed, 4);
}
