//! What tenants may know when they trade, on the bundled park.

use wattle_market::order::Side;
use wattle_market::units::WattHours;
use wattle_testnet::datasets::{DEFAULT_FIRST_DAY, bundled};
use wattle_testnet::profile::ParkProfile;
use wattle_testnet::replay::ParkPrices;
use wattle_testnet::strategy::{Knowledge, PlannedOrder, order};

/// Every order of the settled day, by interval and point.
fn orders(profile: &ParkProfile) -> Vec<Option<PlannedOrder>> {
    let prices = ParkPrices::bundled();
    profile
        .settled_intervals()
        .flat_map(|interval| profile.points.iter().map(move |point| (interval, point)))
        .map(|(interval, point)| {
            let knowledge = Knowledge::of(profile, point, interval, prices.public(interval));
            order(point, &knowledge)
        })
        .collect()
}

#[test]
fn nothing_of_the_traded_day_changes_an_order() {
    let mut profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let expected = orders(&profile);
    for meter in &mut profile.meters {
        for energy in meter
            .energy
            .range_mut(profile.first_interval..)
            .map(|(_, energy)| energy)
        {
            *energy = WattHours(energy.0 * 3 + 1_000);
        }
    }
    assert_eq!(orders(&profile), expected);
    for meter in &mut profile.meters {
        meter.energy.split_off(&profile.first_interval);
    }
    assert_eq!(orders(&profile), expected);
}

#[test]
fn nothing_of_other_tenants_changes_an_order() {
    let mut profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let own =
        |orders: Vec<Option<PlannedOrder>>| -> Vec<_> { orders.into_iter().step_by(10).collect() };
    let expected = own(orders(&profile));
    let first_point = profile.points[0].point;
    for meter in profile
        .meters
        .iter_mut()
        .filter(|meter| meter.point != first_point)
    {
        meter.energy.clear();
    }
    assert_eq!(own(orders(&profile)), expected);
}

#[test]
fn every_limit_lies_between_what_the_grid_pays_and_what_it_costs() {
    let prices = ParkPrices::bundled();
    let profile = bundled(DEFAULT_FIRST_DAY, 1).unwrap();
    let intervals = profile
        .settled_intervals()
        .flat_map(|interval| [interval; 10]);
    let placed: Vec<_> = intervals
        .zip(orders(&profile))
        .filter_map(|(interval, order)| Some((interval, order?)))
        .collect();
    for side in [Side::Buy, Side::Sell] {
        assert!(
            placed
                .iter()
                .filter(|(_, order)| order.side == side)
                .count()
                > 50,
            "{side}"
        );
    }
    for (interval, order) in placed {
        assert!(order.quantity.0 > 0);
        assert!(order.limit >= prices.terms.export);
        assert!(order.limit.0 <= prices.retail(interval).0 - prices.terms.wheeling.0);
    }
}
