//! Storage under the policies `cn` and `energytag`: lots, losses, discharge records.

use crate::it::certificates::{activate, cancel, leave_pool, transfer};
use crate::it::park::{ALICE, BOB, FIRST, METERS, Park, REGISTRAR, key};
use crate::it::runs;
use crate::it::trading::{facts, refused, verifies};
use proptest::prelude::*;
use wattle_ledger::certificate::{
    CancelPurpose, CertificateFact, CertificateId, CertificatePolicy,
};
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::registration::{Meter, MeterId, MeterKind, ParticipantId};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::green_use::{GreenUse, Use};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

const ROOF: PointId = PointId(1);
const SHOP: PointId = PointId(2);
/// Alice's battery.
const CHARGE: u8 = 24;
const DISCHARGE: u8 = 25;
/// Alice's load, roof, charge and discharge, and Bob's load.
const SEEDS: [u8; 5] = [METERS[0], METERS[1], CHARGE, DISCHARGE, METERS[2]];

fn set(policy: CertificatePolicy, from: DeliveryInterval) -> Action {
    Action::SetCertificatePolicy { from, policy }
}

fn energytag(yield_bp: u16) -> CertificatePolicy {
    CertificatePolicy::EnergyTag { yield_bp }
}

/// Alice has a battery, and everyone trades with the grid alone.
fn with_battery(first: DeliveryInterval) -> Park {
    let mut park = Park::peopled_at(first);
    leave_pool(&mut park);
    for (place, kind) in [MeterKind::Charge, MeterKind::Discharge]
        .into_iter()
        .enumerate()
    {
        let place = u8::try_from(place).unwrap();
        let meter = Meter {
            id: MeterId(5 + u32::from(place)),
            point: ROOF,
            kind,
            key: key(CHARGE + place).public(),
            from: first,
            register: WattHours(0),
            rated_w: 200_000,
        };
        assert_eq!(park.submit(REGISTRAR, Action::RegisterMeter(meter)), [0]);
    }
    assert_eq!(activate(&mut park, first), [0]);
    park
}

/// Energy of Alice's load, roof, charge and discharge, and of Bob's load, interval by interval.
type Day = Vec<[i64; 5]>;

/// Reads a day, whose readings may be missing, and lets its last settlement pass.
fn live(park: &mut Park, first: DeliveryInterval, day: &Day, missing: Option<(usize, usize)>) {
    let mut registers = [0_i64; 5];
    for (step, energies) in day.iter().enumerate() {
        let interval = first.plus(step as u64);
        park.now = park.now.max(interval.end());
        let mut events = Vec::new();
        for (place, seed) in SEEDS.into_iter().enumerate() {
            registers[place] += energies[place];
            if missing == Some((step, place)) {
                continue;
            }
            let register = WattHours(registers[place]);
            let reading = Reading { interval, register };
            events.push((seed, Action::SubmitReadings(vec![reading])));
        }
        let register = WattHours(0);
        let reading = Reading { interval, register };
        events.push((METERS[3], Action::SubmitReadings(vec![reading])));
        for (seed, action) in events {
            assert_eq!(park.submit(seed, action), [0]);
        }
    }
    let last = first.plus(day.len() as u64 - 1);
    runs::catch_up(park, last.settlement_due());
}

fn discharges(park: &Park) -> Vec<(DeliveryInterval, [i64; 4])> {
    let of = |fact| match fact {
        Fact::Certificate(CertificateFact::StorageDischarged {
            certificate,
            taken,
            lost,
            covered,
            held,
        }) => Some((certificate.origin, [taken.0, lost.0, covered.0, held.0])),
        _ => None,
    };
    facts(park).into_iter().filter_map(of).collect()
}

/// The battery is charged twice and discharged once, under `energytag`.
fn discharged() -> Park {
    let mut park = with_battery(FIRST);
    assert_eq!(park.submit(REGISTRAR, set(energytag(9_000), FIRST)), [0]);
    let day = vec![
        // 6 kWh from the roof into the battery, then 2 from the roof and 2 from the grid.
        [1_000, 7_000, 6_000, 0, 0],
        [0, 2_000, 4_000, 0, 0],
        // 7.2 kWh out: 8 kWh of charge. 2 cover Alice's use, Bob takes 5.2 and 1 more.
        [2_000, 0, 0, 7_200, 6_200],
    ];
    live(&mut park, FIRST, &day, None);
    park
}

#[test]
fn discharge_carries_the_oldest_charge_covers_own_use_first_and_can_be_sold() {
    let mut park = discharged();
    assert_eq!(
        discharges(&park),
        [
            (FIRST, [6_000, 600, 2_000, 3_400]),
            (FIRST.plus(1), [2_000, 200, 0, 1_800]),
        ]
    );
    let storage = &park.ledger.state().certificates.storage;
    let left: Vec<_> = storage.lots(ROOF).collect();
    assert_eq!(left.len(), 1, "2 kWh from the grid are left");
    assert_eq!((left[0].1.green.0, left[0].1.grey.0), (0, 2_000));

    let id = CertificateId {
        origin: FIRST,
        point: ROOF,
        interval: FIRST.plus(2),
    };
    assert_eq!(park.submit(ALICE, transfer(2, id, 3_400)), [0]);
    let used = CancelPurpose::Use(SHOP);
    assert_eq!(park.submit(BOB, cancel(id, 3_400, used)), [0]);
    // Alice's own use is covered by what her battery gave.
    let rest = CertificateId {
        origin: FIRST.plus(1),
        ..id
    };
    let codes = park.submit(ALICE, cancel(rest, 1, CancelPurpose::Use(ROOF)));
    assert_eq!(codes, refused(Rejection::UseExceeded));
    verifies(&mut park);
}

#[test]
fn a_park_with_a_discharged_battery_has_this_root() {
    let mut park = discharged();
    let id = CertificateId {
        origin: FIRST,
        point: ROOF,
        interval: FIRST.plus(2),
    };
    assert_eq!(park.submit(ALICE, transfer(2, id, 3_400)), [0]);
    let used = CancelPurpose::Use(SHOP);
    assert_eq!(park.submit(BOB, cancel(id, 3_000, used)), [0]);
    park.advance_to(park.now.plus_millis(60_000));
    let last = wattle_ledger::hash::sha256(&[park.leaves.last().unwrap()]);
    let found = (
        park.ledger.size(),
        park.ledger.root().to_string(),
        last.to_string(),
    );
    const ROOT: &str = "d19dcf6a8eb8703ac42087fda6ba99454a89bc07da9fe4f53c96a870d010a3f3";
    const LAST: &str = "50bb1179e903f47b741b75f4893e36dd72c001268b50badfab169a3f689ae381";
    let expected = (96, ROOT.to_owned(), LAST.to_owned());
    assert_eq!(found, expected);
}

#[test]
fn every_watt_hour_of_use_is_counted_once_and_where_it_was_used() {
    let mut park = discharged();
    let id = CertificateId {
        origin: FIRST,
        point: ROOF,
        interval: FIRST.plus(2),
    };
    assert_eq!(park.submit(ALICE, transfer(2, id, 3_400)), [0]);
    let used = CancelPurpose::Use(SHOP);
    assert_eq!(park.submit(BOB, cancel(id, 3_400, used)), [0]);
    park.advance_to(park.now.plus_millis(60_000));
    let folder = tempfile::tempdir().unwrap();
    park.export(folder.path());
    let source = Directory::new(folder.path());
    let all = GreenUse::read(&source, FIRST, FIRST.plus(2)).unwrap();
    let sum = |wanted: PointId| {
        let mut sum = Use::default();
        for (_, _, row) in all.rows().filter(|(point, ..)| *point == wanted) {
            sum += row;
        }
        sum
    };
    let roof = Use {
        used: 3_000,
        own: 1_000,
        stored: 2_000,
        taken: 2_000,
        matched: 3_000,
        rest: 2_000,
        taken_ug: 2_000 * 420_000,
        rest_ug: 2_000 * 420_000,
        ..Use::default()
    };
    assert_eq!(sum(ROOF), roof);
    let shop = Use {
        used: 6_200,
        taken: 6_200,
        claimed: 3_400,
        matched: 3_400,
        rest: 2_800,
        taken_ug: 6_200 * 420_000,
        rest_ug: 2_800 * 420_000,
        ..Use::default()
    };
    assert_eq!(sum(SHOP), shop);
    assert_eq!(all.elsewhere[&ParticipantId(1)].transferred, 3_400);
    let factors = all.factors();
    assert_eq!((factors.len(), factors[0].1.year), (1, 2022));
    let later = GreenUse::read(&source, FIRST.plus(1), FIRST.plus(1)).unwrap();
    assert_eq!(later.rows().count(), 2);
    assert_eq!(later.elsewhere[&ParticipantId(1)].transferred, 0);
}

#[test]
fn under_cn_what_is_stored_is_retired_and_discharge_gives_nothing() {
    let mut park = with_battery(FIRST);
    let day = vec![[0, 6_000, 6_000, 0, 0], [0, 0, 0, 5_000, 0]];
    live(&mut park, FIRST, &day, None);
    assert_eq!(discharges(&park), []);
    assert_eq!(
        park.ledger.state().certificates.storage.lots(ROOF).count(),
        0
    );
    assert_eq!(park.ledger.state().certificates.holdings.rows().len(), 0);
    verifies(&mut park);
}

#[test]
fn after_a_return_to_cn_what_comes_out_of_old_lots_is_lost() {
    let mut park = with_battery(FIRST);
    assert_eq!(park.submit(REGISTRAR, set(energytag(10_000), FIRST)), [0]);
    let cn = set(CertificatePolicy::Cn, FIRST.plus(1));
    assert_eq!(park.submit(REGISTRAR, cn), [0]);
    let day = vec![[0, 6_000, 6_000, 0, 0], [1_000, 0, 0, 5_000, 0]];
    live(&mut park, FIRST, &day, None);
    assert_eq!(discharges(&park), [(FIRST, [5_000, 5_000, 0, 0])]);
    verifies(&mut park);
}

#[test]
fn substitutes_charge_nothing_green_and_give_nothing() {
    let mut park = with_battery(FIRST);
    assert_eq!(park.submit(REGISTRAR, set(energytag(10_000), FIRST)), [0]);
    let day = vec![
        [0, 6_000, 6_000, 0, 0],
        [0, 6_000, 6_000, 0, 0],
        [0, 0, 0, 5_000, 0],
    ];
    // The roof's second reading is missing: its charge is there, its generation a substitute.
    live(&mut park, FIRST, &day, Some((1, 1)));
    let lots: Vec<_> = park
        .ledger
        .state()
        .certificates
        .storage
        .lots(ROOF)
        .collect();
    let parts: Vec<_> = lots
        .iter()
        .map(|(_, lot)| (lot.green.0, lot.grey.0))
        .collect();
    assert_eq!(parts, [(1_000, 0), (0, 6_000)]);
    verifies(&mut park);
}

#[test]
fn a_policy_is_checked() {
    let mut park = with_battery(FIRST);
    let invalid = refused(Rejection::CertificatePolicyInvalid);
    for yield_bp in [0, 10_001] {
        let action = set(energytag(yield_bp), FIRST);
        assert_eq!(park.submit(REGISTRAR, action), invalid);
    }
    for step in 0..64 {
        let action = set(energytag(9_000), FIRST.plus(step));
        assert_eq!(park.submit(REGISTRAR, action), [0]);
    }
    let one_more = set(energytag(9_000), FIRST.plus(64));
    assert_eq!(park.submit(REGISTRAR, one_more), invalid);
    park.advance_to(FIRST.gate_closure());
    let closed = park.submit(REGISTRAR, set(CertificatePolicy::Cn, FIRST));
    assert_eq!(closed, refused(Rejection::GateClosed));
    // Rows that another has replaced go with each final interval.
    runs::catch_up(&mut park, FIRST.plus(9).settlement_due());
    let one_more = set(energytag(9_000), FIRST.plus(64));
    assert_eq!(park.submit(REGISTRAR, one_more), [0]);
}

/// The battery in the last hour of July with a final run; one reading may come after its
/// settlement, and before the final run.
fn with_final_run(day: &Day, late: Option<(usize, usize)>) -> Park {
    let first = runs::LAST_HOUR;
    let mut park = with_battery(first);
    assert_eq!(runs::activate(&mut park, first), [0]);
    assert_eq!(park.submit(REGISTRAR, set(energytag(9_000), first)), [0]);
    live(&mut park, first, day, late);
    runs::catch_up(&mut park, first.plus(40).settlement_due());
    if let Some((step, place)) = late.filter(|(step, _)| *step < day.len()) {
        let register = WattHours(day[..=step].iter().map(|row| row[place]).sum());
        let interval = first.plus(step as u64);
        let reading = Reading { interval, register };
        let seed = SEEDS[place];
        let submit = Action::SubmitReadings(vec![reading]);
        assert_eq!(park.submit(seed, submit), [0]);
    }
    runs::catch_up(&mut park, runs::due());
    park
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Certificates begin on the final readings, so a reading that came late leaves no trace in
    /// them: not in what is held, nor in the lots, nor in what may be claimed.
    #[test]
    fn late_readings_lead_to_the_certificates_of_punctual_ones(
        day in prop::collection::vec(prop::array::uniform5(energy()), 4),
        late in (0..4_usize, 0..5_usize),
    ) {
        let certificates = |park: &Park| {
            let certificates = &park.ledger.state().certificates;
            let lots: Vec<_> = certificates.storage.lots(ROOF).collect();
            let held = certificates.holdings.rows().iter();
            let held: Vec<_> = held.map(|(key, held)| (*key, *held)).collect();
            let uses = certificates.holdings.uncovered_between(runs::LAST_HOUR, FIRST.plus(4_000));
            let uses: Vec<_> = uses.map(|(key, left)| (*key, *left)).collect();
            let months = certificates.months.closed().iter();
            let months: Vec<_> = months.map(|(key, row)| (*key, *row)).collect();
            (lots, held, uses, months)
        };
        let mut punctual = with_final_run(&day, None);
        let mut tardy = with_final_run(&day, Some(late));
        prop_assert_eq!(certificates(&punctual), certificates(&tardy));
        verifies(&mut punctual);
        verifies(&mut tardy);
    }
}

/// All watt-hours of a park's certificates, by what the leaves say of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    stored: i64,
    charged: i64,
    given: i64,
    held: i64,
    cancelled: i64,
    lost: i64,
}

fn sums(park: &Park) -> Sums {
    let mut sums = Sums::default();
    for fact in facts(park) {
        match fact {
            Fact::CertificateIssued { stored, .. } => sums.stored += stored.0,
            Fact::Certificate(CertificateFact::StorageCharged { green, .. }) => {
                sums.charged += green.0;
            }
            Fact::Certificate(CertificateFact::StorageDischarged {
                lost,
                covered,
                held,
                ..
            }) => {
                sums.lost += lost.0;
                sums.given += covered.0 + held.0;
                sums.held += held.0;
            }
            Fact::Certificate(CertificateFact::Released { quantity, .. }) => {
                sums.held += quantity.0;
            }
            Fact::Certificate(CertificateFact::Cancelled { quantity, .. }) => {
                sums.cancelled += quantity.0;
            }
            _ => {}
        }
    }
    sums
}

fn energy() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 0..40_i64, 0..20_000_i64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Issued = held + cancelled + in storage + lost, whatever the meters say and whoever tries
    /// to move or use what; and the verifier's own books agree.
    #[test]
    fn no_watt_hour_is_lost_or_counted_twice(
        day in prop::collection::vec(prop::array::uniform5(energy()), 2..9),
        yield_bp in 1_u16..=10_000,
        missing in prop::option::of((0..9_usize, 0..5_usize)),
        moves in prop::collection::vec(
            (any::<bool>(), any::<prop::sample::Index>(), 1..9_000_i64, 0..4_u8),
            0..12,
        ),
    ) {
        let mut park = with_battery(FIRST);
        assert_eq!(park.submit(REGISTRAR, set(energytag(yield_bp), FIRST)), [0]);
        live(&mut park, FIRST, &day, missing);
        for (alice, which, quantity, kind) in moves {
            let rows = park.ledger.state().certificates.holdings.rows();
            let rows: Vec<_> = rows.iter().map(|((id, _), _)| *id).collect();
            if rows.is_empty() {
                continue;
            }
            let id = *which.get(&rows);
            let (seed, other, point) = if alice { (ALICE, 2, ROOF) } else { (BOB, 1, SHOP) };
            let action = match kind {
                0 => transfer(other, id, quantity),
                1 => cancel(id, quantity, CancelPurpose::Declared("the fair".to_owned())),
                _ => cancel(id, quantity, CancelPurpose::Use(point)),
            };
            park.submit(seed, action);
        }
        let certificates = &park.ledger.state().certificates;
        let in_lots: i64 = certificates.storage.lots(ROOF).map(|(_, lot)| lot.green.0).sum();
        let active: i64 = certificates.holdings.rows().iter().map(|(_, held)| held.0).sum();
        let sums = sums(&park);
        prop_assert_eq!(sums.stored, sums.charged);
        prop_assert_eq!(sums.charged, in_lots + sums.given + sums.lost);
        prop_assert_eq!(sums.held, active + sums.cancelled);
        verifies(&mut park);
    }
}
