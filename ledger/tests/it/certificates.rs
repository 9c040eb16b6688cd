//! Certificates after their issue: moved, used, withdrawn, expired, rolled up and linked.

use crate::it::park::{ALICE, BOB, FIRST, METERS, Park, REGISTRAR, TREASURER};
use crate::it::runs;
use crate::it::trading::{facts, refused, verifies};
use wattle_ledger::certificate::{
    CancelItem, CancelPurpose, CertificateFact, CertificateId, CertificatePolicy, ExternalLink,
    LocalMonth, RollUp, TransferItem, Withdrawal,
};
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::registration::{ParticipantId, RuleSet};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::certificates::life::Life;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

const ROOF: PointId = PointId(1);
const SHOP: PointId = PointId(2);

pub(crate) fn activate(park: &mut Park, from: DeliveryInterval) -> Vec<u16> {
    let rules = RuleSet::Certificates;
    park.submit(REGISTRAR, Action::ActivateRules { rules, from })
}

/// Everyone trades with the grid alone, so that surplus is exported and its certificates held.
pub(crate) fn leave_pool(park: &mut Park) {
    for (seed, point) in [(ALICE, ROOF), (BOB, SHOP)] {
        let leave = Action::SetStandingInstruction {
            point,
            enrolled: false,
            ask_limit: Price(0),
            bid_limit: None,
        };
        assert_eq!(park.submit(seed, leave), [0]);
    }
}

/// Alice exported 5 kWh in the first interval and used 1 at once, Bob took 3 from the grid.
fn exported() -> Park {
    let mut park = Park::peopled();
    leave_pool(&mut park);
    assert_eq!(activate(&mut park, FIRST), [0]);
    park.read_all(FIRST, [1_000, 6_000, 3_000, 0]);
    park.advance_to(FIRST.settlement_due());
    park
}

pub(crate) fn direct(interval: DeliveryInterval) -> CertificateId {
    CertificateId::direct(interval, ROOF)
}

pub(crate) fn transfer(to: u32, certificate: CertificateId, quantity: i64) -> Action {
    Action::TransferCertificates(vec![TransferItem {
        certificate,
        to: ParticipantId(to),
        quantity: WattHours(quantity),
    }])
}

pub(crate) fn cancel(certificate: CertificateId, quantity: i64, purpose: CancelPurpose) -> Action {
    Action::CancelCertificates(vec![CancelItem {
        certificate,
        quantity: WattHours(quantity),
        purpose,
    }])
}

fn withdraw(certificate: CertificateId, holder: u32, quantity: i64, reason: &str) -> Action {
    Action::WithdrawCertificate(Withdrawal {
        certificate,
        holder: ParticipantId(holder),
        quantity: WattHours(quantity),
        reason: reason.to_owned(),
    })
}

fn declared(beneficiary: &str) -> CancelPurpose {
    CancelPurpose::Declared(beneficiary.to_owned())
}

fn holding(park: &Park, certificate: CertificateId, holder: u32) -> i64 {
    let holdings = &park.ledger.state().certificates.holdings;
    let row = holdings.rows().get(&(certificate, ParticipantId(holder)));
    row.map_or(0, |quantity| quantity.0)
}

fn life(park: &Park, certificate: CertificateId) -> Life {
    let holdings = &park.ledger.state().certificates.holdings;
    *holdings.life(&certificate).unwrap()
}

fn whats(park: &Park) -> Vec<CertificateFact> {
    let of = |fact| match fact {
        Fact::Certificate(what) => Some(what),
        _ => None,
    };
    facts(park).into_iter().filter_map(of).collect()
}

#[test]
fn certificates_move_in_parts_and_cover_the_use_of_their_interval_once() {
    let mut park = exported();
    let id = direct(FIRST);
    assert_eq!(holding(&park, id, 1), 5_000);
    assert_eq!(park.submit(ALICE, transfer(2, id, 4_000)), [0]);
    assert_eq!(
        (holding(&park, id, 1), holding(&park, id, 2)),
        (1_000, 4_000)
    );

    let used = CancelPurpose::Use(SHOP);
    assert_eq!(park.submit(BOB, cancel(id, 2_000, used.clone())), [0]);
    // Bob took 3 kWh, and 2 of them are covered.
    let codes = park.submit(BOB, cancel(id, 1_001, used.clone()));
    assert_eq!(codes, refused(Rejection::UseExceeded));
    assert_eq!(park.submit(BOB, cancel(id, 1_000, used.clone())), [0]);
    let codes = park.submit(BOB, cancel(id, 1, used));
    assert_eq!(codes, refused(Rejection::UseExceeded));
    assert_eq!(
        park.submit(BOB, cancel(id, 1_000, declared("the fair"))),
        [0]
    );
    assert_eq!(park.submit(REGISTRAR, withdraw(id, 1, 400, "misread")), [0]);
    let expected = Life {
        held: WattHours(5_000),
        cancelled: WattHours(4_000),
        withdrawn: WattHours(400),
        ..Life::default()
    };
    assert_eq!(life(&park, id), expected);
    assert_eq!(holding(&park, id, 1), 600);
    let told = whats(&park);
    // Two legs of one transfer.
    assert!(matches!(told[1], CertificateFact::Transferred { .. }));
    assert_eq!(told[1], told[2]);
    verifies(&mut park);
}

#[test]
fn every_refusal_leaves_certificates_as_they_were() {
    let mut park = exported();
    let id = direct(FIRST);
    let root = |park: &Park| park.ledger.state().certificates.clone();
    let before = format!("{:?}", root(&park));
    let shop = CancelPurpose::Use(SHOP);
    let nobody = ParticipantId(9);
    let rows: Vec<(u8, Action, Rejection)> = vec![
        (
            ALICE,
            transfer(2, direct(FIRST.minus(1)), 1),
            Rejection::CertificatesInactive,
        ),
        (
            ALICE,
            transfer(2, id, 0),
            Rejection::CertificateQuantityInvalid,
        ),
        (
            ALICE,
            transfer(2, id, -5),
            Rejection::CertificateQuantityInvalid,
        ),
        (
            ALICE,
            transfer(2, direct(FIRST.plus(1)), 1),
            Rejection::CertificateProvisional,
        ),
        (BOB, transfer(1, id, 1), Rejection::CertificateUnknown),
        (ALICE, transfer(2, id, 5_001), Rejection::CertificateShort),
        (
            ALICE,
            transfer(nobody.0, id, 1),
            Rejection::UnknownParticipant,
        ),
        (ALICE, transfer(1, id, 1), Rejection::TransferToSelf),
        (ALICE, cancel(id, 1, shop), Rejection::NotYourPoint),
        (
            ALICE,
            cancel(id, 1, CancelPurpose::Use(PointId(9))),
            Rejection::UnknownPoint,
        ),
        (
            ALICE,
            cancel(id, 1, CancelPurpose::Use(ROOF)),
            Rejection::UseExceeded,
        ),
        (ALICE, cancel(id, 1, declared("")), Rejection::BadName),
        (REGISTRAR, withdraw(id, 1, 1, ""), Rejection::BadName),
        (
            REGISTRAR,
            withdraw(id, 2, 1, "misread"),
            Rejection::CertificateUnknown,
        ),
        (REGISTRAR, transfer(2, id, 1), Rejection::NotAllowed),
        (
            TREASURER,
            withdraw(id, 1, 1, "misread"),
            Rejection::NotAllowed,
        ),
        (ALICE, withdraw(id, 1, 1, "misread"), Rejection::NotAllowed),
    ];
    for (seed, action, rejection) in rows {
        let name = format!("{action:?}");
        assert_eq!(park.submit(seed, action), refused(rejection), "{name}");
    }
    assert_eq!(format!("{:?}", root(&park)), before);
    let none = Action::TransferCertificates(Vec::new());
    assert_eq!(park.submit(ALICE, none), refused(Rejection::ListEmpty));
    verifies(&mut park);
}

#[test]
fn without_the_rules_nothing_is_released_and_everything_refused() {
    let mut park = Park::peopled();
    leave_pool(&mut park);
    park.read_all(FIRST, [1_000, 6_000, 3_000, 0]);
    park.advance_to(FIRST.settlement_due());
    assert_eq!(whats(&park), []);
    let inactive = refused(Rejection::CertificatesInactive);
    assert_eq!(park.submit(ALICE, transfer(2, direct(FIRST), 1)), inactive);
    let policy = CertificatePolicy::Cn;
    let from = FIRST.plus(50);
    let set = Action::SetCertificatePolicy { from, policy };
    assert_eq!(park.submit(REGISTRAR, set), inactive);
    assert_eq!(
        park.submit(REGISTRAR, link(FIRST, 1, true, "GEC-1")),
        inactive
    );
}

#[test]
fn rules_that_have_begun_cannot_be_moved() {
    let mut park = Park::peopled();
    assert_eq!(activate(&mut park, FIRST.plus(2)), [0]);
    assert_eq!(activate(&mut park, FIRST), [0]);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(activate(&mut park, FIRST), refused(Rejection::GateClosed));
    let later = activate(&mut park, FIRST.plus(2));
    assert_eq!(later, refused(Rejection::RulesActive));
}

#[test]
fn a_certificate_has_at_most_64_holders() {
    let mut park = exported();
    let id = direct(FIRST);
    for number in 3..=66_u32 {
        let participant = wattle_ledger::registration::Participant {
            id: ParticipantId(number),
            name: format!("tenant {number}"),
        };
        let register = Action::RegisterParticipant(participant);
        assert_eq!(park.submit(REGISTRAR, register), [0]);
        let codes = park.submit(ALICE, transfer(number, id, 1));
        if number <= 65 {
            assert_eq!(codes, [0], "{number}");
        } else {
            assert_eq!(codes, refused(Rejection::TooManyHolders));
        }
    }
    assert_eq!(park.submit(ALICE, transfer(65, id, 1)), [0]);
    verifies(&mut park);
}

/// The park of the final runs, in which the roof's reading of the first interval comes late.
fn with_final_run() -> (Park, DeliveryInterval) {
    let mut park = runs::park();
    leave_pool(&mut park);
    let first = runs::LAST_HOUR;
    assert_eq!(activate(&mut park, first), [0]);
    park.now = first.end();
    for (meter, register) in [(0, 1_000), (2, 3_000), (3, 0)] {
        assert_eq!(runs::read(&mut park, meter, first, register), [0]);
    }
    runs::catch_up(&mut park, first.plus(3).settlement_due());
    (park, first)
}

#[test]
fn what_has_a_final_run_to_come_is_provisional_until_then() {
    let (mut park, first) = with_final_run();
    let id = direct(first);
    let early = park.submit(ALICE, transfer(2, id, 1));
    assert_eq!(early, refused(Rejection::CertificateProvisional));
    assert_eq!(runs::read(&mut park, 1, first, 6_000), [0]);
    let early = park.submit(ALICE, transfer(2, id, 1));
    assert_eq!(early, refused(Rejection::CertificateProvisional));
    runs::catch_up(&mut park, runs::due());
    // The late reading is what became final.
    assert_eq!(holding(&park, id, 1), 5_000);
    assert_eq!(park.submit(ALICE, transfer(2, id, 5_000)), [0]);
    assert_eq!(
        park.submit(BOB, cancel(id, 3_000, CancelPurpose::Use(SHOP))),
        [0]
    );
    let late = runs::read(&mut park, 1, first, 6_000);
    assert_eq!(late, refused(Rejection::AfterFinal));
    verifies(&mut park);
}

#[test]
fn an_interval_that_did_not_change_becomes_final_as_well() {
    let (mut park, first) = with_final_run();
    runs::catch_up(&mut park, runs::due());
    let holdings = &park.ledger.state().certificates.holdings;
    assert_eq!(holdings.rows().len(), 0, "the roof's reading never came");
    // Bob's reading was there, so his use can be covered; Alice's was not.
    assert_eq!(holdings.unclaimed(first, SHOP), WattHours(3_000));
    assert_eq!(holdings.unclaimed(first, ROOF), WattHours::ZERO);
    assert_eq!(holdings.course().unwrap().next, first.plus(4));
    verifies(&mut park);
}

#[test]
fn certificates_expire_two_years_after_the_begin_of_their_month() {
    let mut park = exported();
    for point in [ROOF, SHOP] {
        let from = FIRST.plus(10);
        let end = Action::EndPoint { point, from };
        assert_eq!(park.submit(REGISTRAR, end), [0]);
    }
    let id = direct(FIRST);
    assert_eq!(park.submit(ALICE, transfer(2, id, 2_000)), [0]);
    let due = FIRST.certificates_expire(480);
    park.now = due.minus_millis(1);
    while park.ledger.next_due() <= park.now {
        park.batch(Vec::new());
    }
    assert_eq!(holding(&park, id, 2), 2_000);
    assert_eq!(park.submit(BOB, cancel(id, 500, declared("the fair"))), [0]);
    park.advance_to(due);
    assert_eq!(holding(&park, id, 1) + holding(&park, id, 2), 0);
    let expected = Life {
        held: WattHours(5_000),
        cancelled: WattHours(500),
        expired: WattHours(4_500),
        ..Life::default()
    };
    assert_eq!(life(&park, id), expected);
    let holdings = &park.ledger.state().certificates.holdings;
    assert_eq!(holdings.unclaimed(FIRST, SHOP), WattHours::ZERO);
    let codes = park.submit(BOB, cancel(id, 1, declared("the fair")));
    assert_eq!(codes, refused(Rejection::CertificateUnknown));
    let expired = |what: &&CertificateFact| matches!(what, CertificateFact::Expired { .. });
    assert_eq!(whats(&park).iter().filter(expired).count(), 2);
}

fn link(interval: DeliveryInterval, units: u32, tradable: bool, number: &str) -> Action {
    Action::LinkCertificates(ExternalLink {
        point: ROOF,
        month: LocalMonth::of(interval, 480),
        units,
        tradable,
        number: number.to_owned(),
    })
}

/// The last 24 intervals of July, in each of which Alice exports 50 kWh and uses 45.
fn july() -> (Park, DeliveryInterval) {
    let first = DeliveryInterval(FIRST.0 + 31 * 96 - 24);
    let mut park = Park::peopled_at(first);
    leave_pool(&mut park);
    assert_eq!(activate(&mut park, first), [0]);
    for step in 0..24_u64 {
        let sum = i64::try_from(step).unwrap() + 1;
        let interval = first.plus(step);
        let registers = [sum * 2_500, sum * 52_500, 0, 0];
        park.read_all(interval, registers);
    }
    runs::catch_up(&mut park, first.plus(23).settlement_due());
    (park, first)
}

#[test]
fn months_become_units_and_what_is_left_goes_over_to_the_next() {
    let (mut park, first) = july();
    let july = LocalMonth::of(first, 480);
    let tradable = RollUp {
        carried: WattHours::ZERO,
        month: WattHours(1_200_000),
        units: 1,
        left: WattHours(200_000),
    };
    let months = park.ledger.state().certificates.months.clone();
    let row = *months.closed().get(&(ROOF, july)).unwrap();
    assert_eq!(row.tradable, tradable);
    assert_eq!(row.self_use.left, WattHours(60_000));
    assert!(months.closed().get(&(SHOP, july)).is_none());

    // Alice has more than a unit until she gives 201 kWh away; then it is not backed any more.
    let last = direct(first.plus(23));
    let codes = park.submit(REGISTRAR, link(first, 2, true, "GEC-1"));
    assert_eq!(codes, refused(Rejection::UnitsExceeded));
    let codes = park.submit(REGISTRAR, link(first, 1, false, "GEC-1"));
    assert_eq!(codes, refused(Rejection::UnitsExceeded));
    let codes = park.submit(REGISTRAR, link(first.plus(96), 1, true, "GEC-1"));
    assert_eq!(codes, refused(Rejection::MonthNotRolledUp));
    assert_eq!(park.submit(ALICE, transfer(2, last, 50_000)), [0]);
    assert_eq!(park.submit(REGISTRAR, link(first, 1, true, "GEC-1")), [0]);
    let codes = park.submit(REGISTRAR, link(first, 1, true, "GEC-1"));
    assert_eq!(codes, refused(Rejection::ExternalNumberTaken));
    let codes = park.submit(REGISTRAR, link(first, 1, true, "GEC-2"));
    assert_eq!(codes, refused(Rejection::UnitsExceeded));

    // The oldest 20 certificates are registered outside now, and move no more.
    let codes = park.submit(ALICE, transfer(2, direct(first.plus(19)), 1));
    assert_eq!(codes, refused(Rejection::CertificateUnknown));
    assert_eq!(
        park.submit(ALICE, transfer(2, direct(first.plus(20)), 50_000)),
        [0]
    );
    assert_eq!(life(&park, direct(first)).linked, WattHours(50_000));
    verifies(&mut park);
}

#[test]
fn units_whose_certificates_have_moved_are_not_linked() {
    let (mut park, first) = july();
    for step in 0..5 {
        let id = direct(first.plus(step));
        assert_eq!(park.submit(ALICE, transfer(2, id, 50_000)), [0]);
    }
    let codes = park.submit(REGISTRAR, link(first, 1, true, "GEC-1"));
    assert_eq!(codes, refused(Rejection::UnitsExceeded));
    // In August 50 kWh more are exported: the 200 that were left are carried, no unit is made.
    let august = first.plus(24);
    let reading = Reading {
        interval: august,
        register: WattHours(24 * 52_500 + 50_000),
    };
    let events = [(1, reading.register), (0, WattHours(60_000))];
    park.now = park.now.max(august.end());
    for (meter, register) in events {
        let reading = Reading {
            register,
            ..reading
        };
        let submit = Action::SubmitReadings(vec![reading]);
        assert_eq!(park.submit(METERS[meter], submit), [0]);
    }
    for (meter, register) in [(2, 0), (3, 0)] {
        assert_eq!(runs::read(&mut park, meter, august, register), [0]);
    }
    runs::catch_up(&mut park, august.plus(31 * 96).settlement_due());
    let months = &park.ledger.state().certificates.months;
    let row = months.closed().get(&(ROOF, LocalMonth::of(august, 480)));
    let expected = RollUp {
        carried: WattHours(200_000),
        month: WattHours(50_000),
        units: 0,
        left: WattHours(250_000),
    };
    assert_eq!(row.unwrap().tradable, expected);
    verifies(&mut park);
}

/// A log in which certificates were released, moved, used and withdrawn, ending with a seal.
fn lived() -> Park {
    let mut park = exported();
    let id = direct(FIRST);
    assert_eq!(park.submit(ALICE, transfer(2, id, 4_000)), [0]);
    let used = CancelPurpose::Use(SHOP);
    assert_eq!(park.submit(BOB, cancel(id, 2_000, used)), [0]);
    assert_eq!(park.submit(REGISTRAR, withdraw(id, 1, 400, "misread")), [0]);
    park.advance_to(park.now.plus_millis(60_000));
    park
}

#[test]
fn doctored_certificates_fail_at_their_claim() {
    let park = lived();
    for kind in [
        "certificate_released",
        "certificate_transferred",
        "certificate_cancelled",
        "certificate_withdrawn",
    ] {
        let failed = runs::failing(&park, kind, |fact| {
            let Fact::Certificate(what) = fact else {
                panic!("{kind} is about certificates");
            };
            match what {
                CertificateFact::Released { quantity, .. }
                | CertificateFact::Transferred { quantity, .. }
                | CertificateFact::Cancelled { quantity, .. }
                | CertificateFact::Withdrawn { quantity, .. } => quantity.0 += 1_500,
                other => panic!("{other:?}"),
            }
        });
        assert!(failed.contains(&"certificates"), "{kind}: {failed:?}");
        assert!(failed.contains(&"replay"), "{kind}: {failed:?}");
    }
}
