//! A larger park over a longer time, made of the bundled one: for measuring what size costs.
//!
//! The tenants come again and again, each time with their days moved by one, so that no two of a
//! kind have the same day; the days come again when they end. Sums over such a park mean nothing.

use std::collections::BTreeMap;

use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

use crate::profile::{MeterProfile, ParkProfile};

/// A park of `tenants` tenants over `days` days, whose people and days are those of `base`. Meters
/// have values from two days before the first one on.
///
/// # Panics
/// If `base` has no tenant or no day, or `tenants` does not fit a point's number.
#[must_use]
pub fn crowd(base: &ParkProfile, tenants: usize, days: u64) -> ParkProfile {
    let mut crowd = ParkProfile {
        source: format!("{}; tenants and days repeated", base.source),
        participants: Vec::new(),
        points: Vec::new(),
        meters: Vec::new(),
        intervals: days * DeliveryInterval::PER_DAY,
        ..base.clone()
    };
    for place in 0..tenants {
        let round = place / base.participants.len();
        let mut participant = base.participants[place % base.participants.len()].clone();
        let name = participant.name.clone();
        participant.name = format!("{name}-{}", round + 1);
        let points = base.points.iter();
        for point in points.filter(|point| point.participant == name) {
            let number = u32::try_from(crowd.points.len() + 1).expect("a point's number is small");
            let mut copy = point.clone();
            copy.point = PointId(number);
            copy.participant.clone_from(&participant.name);
            crowd.points.push(copy);
            let meters = base.meters.iter();
            for meter in meters.filter(|meter| meter.point == point.point) {
                crowd.meters.push(MeterProfile {
                    point: PointId(number),
                    participant: participant.name.clone(),
                    energy: energy(meter, base, round as u64, days),
                    flags: Vec::new(),
                    ..meter.clone()
                });
            }
        }
        crowd.participants.push(participant);
    }
    crowd
}

/// A meter's days in turn, beginning with another one in each round.
fn energy(
    meter: &MeterProfile,
    base: &ParkProfile,
    round: u64,
    days: u64,
) -> BTreeMap<DeliveryInterval, WattHours> {
    let day = DeliveryInterval::PER_DAY;
    let first = base.first_interval.0;
    let intervals = first - 2 * day..first + days * day;
    let value = |interval: u64| {
        let since = interval + 2 * day - first + round * day;
        let source = DeliveryInterval(first + since % base.intervals);
        Some((DeliveryInterval(interval), *meter.energy.get(&source)?))
    };
    intervals.filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets;

    #[test]
    fn tenants_and_days_come_again() {
        let base = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 3).unwrap();
        let crowd = crowd(&base, 25, 8);
        assert_eq!(crowd.participants.len(), 25);
        assert_eq!((crowd.points.len(), crowd.days()), (25, 8));
        let noon = base.first_interval.plus(48);
        let of = |tenant: usize| {
            let point = &crowd.points[tenant];
            assert_eq!(point.point, PointId(u32::try_from(tenant).unwrap() + 1));
            let mut own = crowd
                .meters
                .iter()
                .filter(|meter| meter.point == point.point);
            own.next().unwrap().energy.clone()
        };
        let day = DeliveryInterval::PER_DAY;
        // The same kind of tenant a round later is a day ahead; after three days all comes again.
        assert_eq!(of(10)[&noon], of(0)[&noon.plus(day)]);
        assert_eq!(of(0)[&noon], of(0)[&noon.plus(3 * day)]);
        assert_eq!(of(0).len() as u64, 10 * day);
    }
}
