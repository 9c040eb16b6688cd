//! Whole days through the market's rules: what must come out.

use jiff::civil::date;
use wattle_market::units::{Money, Price, WattHours};
use wattle_testnet::datasets::{DEFAULT_FIRST_DAY, bundled};
use wattle_testnet::import::{HEADER, read};
use wattle_testnet::profile::{MeterKind, ParkProfile, park_time};
use wattle_testnet::replay::{ParkPrices, metered_energy, replay};
use wattle_testnet::report::{Report, ReportError};

fn settle(profile: &ParkProfile) -> Report {
    replay(profile, &ParkPrices::bundled()).unwrap()
}

/// What the settled day's meters of a kind add up to.
fn metered(profile: &ParkProfile, kind: MeterKind) -> WattHours {
    let meters = profile.meters.iter().filter(|meter| meter.meter == kind);
    let energies = meters.flat_map(|meter| meter.energy.range(profile.first_interval..));
    WattHours(energies.map(|(_, energy)| energy.0).sum())
}

#[test]
fn every_bundled_day_settles_and_adds_up() {
    for (first_day, days) in [(date(2016, 1, 12), 6), (date(2016, 7, 2), 13)] {
        let profile = bundled(first_day, days).unwrap();
        let report = settle(&profile);
        assert_eq!(report.intervals, days * 96);
        assert_eq!(report.substituted, 0);
        assert_eq!(
            report.total(|point| point.generated),
            metered(&profile, MeterKind::Pv)
        );
        assert_eq!(
            report.total(|point| point.used),
            metered(&profile, MeterKind::Load)
        );
        assert_eq!(
            report.total(|point| point.charged),
            metered(&profile, MeterKind::Charge)
        );
        assert_eq!(
            report.total(|point| point.discharged),
            metered(&profile, MeterKind::Discharge)
        );
    }
}

#[test]
fn the_default_day_is_a_market_in_both_directions() {
    let report = settle(&bundled(DEFAULT_FIRST_DAY, 1).unwrap());
    assert!(report.forward.intervals >= 40 && report.pool.intervals >= 40);
    assert!(report.forward.price_min < report.forward.price_max);
    let sold = |point: &&_| {
        let point: &wattle_testnet::report::PointFigures = point;
        point.sold_forward.0 + point.sold_pool.0 > 0
    };
    let sellers = report.points.values().filter(sold).count();
    let buyers = report
        .points
        .values()
        .filter(|point| point.received.0 > 0)
        .count();
    let both = report
        .points
        .values()
        .filter(|p| sold(p) && p.received.0 > 0)
        .count();
    assert!(
        sellers >= 5 && buyers >= 8 && both >= 3,
        "{sellers} {buyers} {both}"
    );
    assert!(report.total(|point| point.grid_export).0 > 0);
    assert!(report.carbon_avoided_grams() > 0);
}

#[test]
fn who_trades_nothing_forward_is_never_worse_off_than_with_the_grid() {
    let mut profile = bundled(date(2016, 7, 2), 13).unwrap();
    for point in &mut profile.points {
        point.strategy.sell_share_per_mille = 0;
        point.strategy.buy_share_per_mille = 0;
    }
    let report = settle(&profile);
    assert_eq!(report.forward.volume, WattHours(0));
    for (point, figures) in &report.points {
        assert!(figures.saved().0 >= 0, "{point}");
    }
    assert!(report.total_money(|point| point.saved()).0 > 0);
}

#[test]
fn grid_alone_is_what_the_meters_cost_at_tariff_and_feed_in() {
    let profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let prices = ParkPrices::bundled();
    let report = settle(&profile);
    // The workshop: a roof and no battery, so that all of a surplus is its own generation.
    let workshop = &profile.points[5];
    let cost: i64 = profile
        .settled_intervals()
        .map(|interval| {
            let net = profile.net_energy(workshop.point, interval).unwrap().0;
            let Price(price) = if net > 0 {
                prices.terms.feed_in
            } else {
                prices.retail(interval)
            };
            -net * price
        })
        .sum();
    assert_eq!(report.points[&workshop.point].grid_alone, Money(cost));
}

#[test]
fn a_gap_is_settled_with_a_substitute_that_does_not_favor_the_point() {
    let whole = bundled(DEFAULT_FIRST_DAY, 2).unwrap();
    let mut profile = whole.clone();
    let (mill, noon) = (
        profile.points[0].clone(),
        profile.first_interval.plus(96 + 48),
    );
    for meter in profile
        .meters
        .iter_mut()
        .filter(|meter| meter.point == mill.point)
    {
        assert!(meter.energy.remove(&noon).is_some());
    }
    let energy = metered_energy(&profile, &mill, noon);
    assert!(!energy.actual);
    assert_eq!(energy.generation, WattHours(0));
    let load = profile.meter(mill.point, MeterKind::Load).unwrap();
    let days_before = [96, 192].map(|back| load.energy[&noon.minus(back)]);
    assert_eq!(energy.load, days_before.into_iter().max().unwrap());

    let report = settle(&profile);
    assert_eq!(report.substituted, 1);
    let expected = settle(&whole);
    assert!(
        report.green_used() < expected.green_used(),
        "a substitute carries no certificate"
    );
}

#[test]
fn a_first_gap_of_a_load_counts_at_rated_power() {
    let mut profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let canteen = profile.points[4].clone();
    for meter in profile
        .meters
        .iter_mut()
        .filter(|meter| meter.point == canteen.point)
    {
        meter.energy.clear();
    }
    let energy = metered_energy(&profile, &canteen, profile.first_interval);
    assert_eq!(energy.load, canteen.rated.withdrawal_per_interval());
    assert_eq!(settle(&profile).substituted, 96);
}

#[test]
fn the_bundled_park_written_to_a_file_and_read_again_is_the_same_park() {
    let profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let mut text = HEADER.join(",") + "\n";
    for meter in &profile.meters {
        let building = profile
            .buildings
            .iter()
            .find(|building| building.id == meter.building);
        for (interval, energy) in &meter.energy {
            let at = park_time(*interval).replace(' ', "T");
            let (participant, building) = (&meter.participant, &building.unwrap().name);
            let line = format!(
                "{participant},{building},{},{at}:00+08:00,{}",
                meter.meter, energy.0
            );
            text.push_str(&line);
            text.push('\n');
        }
    }
    let imported = read(text.as_bytes(), "test", None).unwrap();
    assert_eq!(imported.flags, []);
    assert_eq!(imported.profile.first_interval, profile.first_interval);
    assert_eq!(imported.profile.meters.len(), profile.meters.len());
    let (expected, report) = (settle(&profile), settle(&imported.profile));
    assert_eq!(
        report.total(|point| point.generated),
        expected.total(|point| point.generated)
    );
    assert_eq!(
        report.total_money(|point| point.grid_alone),
        expected.total_money(|point| point.grid_alone)
    );
}

/// Sums that were tampered with must be found out, whichever they are.
#[test]
fn a_report_that_does_not_add_up_says_so() {
    let report = settle(&bundled(DEFAULT_FIRST_DAY, 1).unwrap());
    assert_eq!(report.check(), Ok(()));
    let tampers: [fn(&mut Report); 6] = [
        |report| {
            report
                .points
                .first_entry()
                .unwrap()
                .get_mut()
                .bought_forward
                .0 += 1
        },
        |report| report.points.first_entry().unwrap().get_mut().sold_pool.0 += 1,
        |report| report.points.first_entry().unwrap().get_mut().used.0 += 1,
        |report| report.points.first_entry().unwrap().get_mut().paid.0 += 1,
        |report| report.grid_account.0 -= 1,
        |report| {
            report.grid_account.0 += report.balancing_account.0 + 1;
            report.balancing_account.0 = -1;
        },
    ];
    for (number, tamper) in tampers.iter().enumerate() {
        let mut tampered = report.clone();
        tamper(&mut tampered);
        let found = tampered.check();
        assert!(
            matches!(found, Err(ReportError::Disagree { .. })),
            "tamper {number}: {found:?}"
        );
    }
}

#[test]
fn the_table_names_every_tenant_and_the_factor() {
    let profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let text = settle(&profile).render(&profile);
    for tenant in &profile.participants {
        assert_eq!(text.matches(&tenant.name).count(), 2, "{}", tenant.name);
    }
    for words in [
        "0.42 kg/kWh",
        "沪环气〔2022〕34号",
        "2016-07-08 00:00 to 2016-07-09 00:00",
    ] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn readme_shows_the_figures_of_the_bundled_day() {
    let readme = include_str!("../../README.md");
    let profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let shown = replay(&profile, &ParkPrices::bundled())
        .unwrap()
        .render(&profile);
    let meters = format!("Ten tenants and their {} meters", profile.meters.len());
    assert_eq!(profile.participants.len(), 10);
    assert!(readme.contains(&meters), "{meters}");
    let figures = [
        "12,377.29",
        "13,524.72",
        "1,147.43",
        "9,948.80",
        "10,966.03",
        "1,017.23",
        "23,866.42",
        "30,637.09",
        "6,770.66",
        "10,046.1 kWh",
        "17.1% of",
        "5,838.3 kWh in 60 intervals",
        "0.5124 to 1.0386 CNY/kWh",
        "9,003.0 kg CO2",
    ];
    for figure in figures {
        assert!(readme.contains(figure), "README no longer shows {figure}");
        assert!(
            shown.contains(figure),
            "the bundled day no longer comes to {figure}"
        );
    }
}
