//! The bundled park: what its description promises.

use std::collections::BTreeSet;

use jiff::civil::date;
use wattle_market::units::WattHours;
use wattle_testnet::datasets::{BundledError, DEFAULT_FIRST_DAY, bundled, park, simbench};
use wattle_testnet::profile::{MeterKind, ParkProfile, quarter_of_day};

fn default_day() -> ParkProfile {
    bundled(DEFAULT_FIRST_DAY, 1).unwrap()
}

/// Points in surplus and in need in a quarter hour of the settled day.
fn sides(profile: &ParkProfile, quarter: u64) -> (usize, usize) {
    let interval = profile.first_interval.plus(quarter);
    let net = |point| profile.net_energy(point, interval).unwrap().0;
    let surplus = profile
        .points
        .iter()
        .filter(|point| net(point.point) > 0)
        .count();
    let need = profile
        .points
        .iter()
        .filter(|point| net(point.point) < 0)
        .count();
    (surplus, need)
}

#[test]
fn five_buildings_have_ten_tenants_and_some_share_one() {
    let profile = default_day();
    assert_eq!(profile.buildings.len(), 5);
    assert_eq!(profile.points.len(), 10);
    let names: BTreeSet<_> = profile
        .participants
        .iter()
        .map(|tenant| &tenant.name)
        .collect();
    assert_eq!(names.len(), 10);
    for building in &profile.buildings {
        let tenants = profile
            .points
            .iter()
            .filter(|point| point.building == building.id)
            .count();
        assert!((1..=3).contains(&tenants), "{}", building.name);
    }
}

#[test]
fn the_day_has_the_energy_of_the_source_to_the_watt_hour() {
    // Computed from the database as it was downloaded, with decimal arithmetic, by another program.
    let profile = default_day();
    let sum = |kind| -> i64 {
        let meters = profile.meters.iter().filter(|meter| meter.meter == kind);
        let settled = profile.first_interval..;
        meters
            .flat_map(|meter| meter.energy.range(settled.clone()))
            .map(|(_, wh)| wh.0)
            .sum()
    };
    assert_eq!(sum(MeterKind::Pv), 23_431_800);
    assert_eq!(sum(MeterKind::Load), 58_843_730);
}

#[test]
fn at_noon_some_have_a_surplus_while_others_need_and_in_the_evening_nearly_all_need() {
    let profile = default_day();
    let (surplus, need) = sides(&profile, 48);
    assert!(
        surplus >= 3 && need >= 3,
        "{surplus} in surplus and {need} in need at noon"
    );
    for quarter in [26, 86] {
        let (surplus, need) = sides(&profile, quarter);
        assert!(
            surplus <= 2 && need >= 8,
            "{surplus} and {need} in quarter {quarter}"
        );
    }
}

#[test]
fn every_meter_has_every_interval_of_the_day_and_of_the_day_before() {
    let profile = bundled(DEFAULT_FIRST_DAY, 3).unwrap();
    for meter in &profile.meters {
        assert_eq!(meter.energy.len(), 4 * 96);
        let first = *meter.energy.keys().next().unwrap();
        assert_eq!(first.plus(96), profile.first_interval);
        assert_eq!(meter.flags, []);
    }
}

#[test]
fn no_meter_exceeds_its_rated_power() {
    let profile = bundled(date(2016, 7, 2), 13).unwrap();
    for meter in &profile.meters {
        let point = profile
            .points
            .iter()
            .find(|point| point.point == meter.point)
            .unwrap();
        let most = WattHours(i64::from(point.rated.of(meter.meter)) / 4);
        assert!(
            meter.energy.values().all(|energy| *energy <= most),
            "{}",
            meter.participant
        );
    }
}

#[test]
fn batteries_charge_from_own_sun_and_discharge_in_the_evening_only() {
    let profile = bundled(date(2016, 7, 2), 13).unwrap();
    let with_battery: Vec<_> = park::TENANTS
        .iter()
        .filter(|tenant| tenant.battery.is_some())
        .collect();
    assert!(!with_battery.is_empty());
    for tenant in with_battery {
        let battery = tenant.battery.unwrap();
        let energies = |kind| &profile.meter(tenant.point, kind).unwrap().energy;
        let (charge, discharge) = (energies(MeterKind::Charge), energies(MeterKind::Discharge));
        for (interval, charged) in charge {
            let surplus =
                energies(MeterKind::Pv)[interval].0 - energies(MeterKind::Load)[interval].0;
            assert!(charged.0 <= surplus.max(0));
            let quarter = quarter_of_day(*interval);
            let window = battery.window_first_quarter..battery.window_end_quarter;
            assert!(discharge[interval].0 == 0 || window.contains(&quarter));
        }
        let sum = |energies: &std::collections::BTreeMap<_, WattHours>| -> i64 {
            energies.values().map(|energy| energy.0).sum()
        };
        assert!(sum(discharge) > 0, "{} never discharges", tenant.name);
        assert!(sum(discharge) * 1_000 <= sum(charge) * battery.charge_efficiency_per_mille);
    }
}

#[test]
fn days_that_are_not_bundled_are_refused_with_those_that_are() {
    for (day, days) in [
        (date(2016, 7, 1), 1), // has no day before it
        (date(2016, 7, 14), 2),
        (date(2016, 7, 15), 1),
        (date(2026, 1, 1), 1),
        (date(2016, 7, 8), u64::MAX),
    ] {
        let error = bundled(day, days).unwrap_err().to_string();
        let available = "it can settle 2016-01-12 to 2016-01-17 and 2016-07-02 to 2016-07-14";
        assert!(error.contains(available), "{error}");
    }
    assert_eq!(bundled(DEFAULT_FIRST_DAY, 0), Err(BundledError::NoDays));
}

#[test]
fn the_notice_names_the_licence_and_what_was_changed() {
    for words in ["SimBench", "ODbL", "1.0", "Share-alike", "What was changed"] {
        assert!(simbench::NOTICE.contains(words), "{words}");
    }
}
