//! From readings by name to a park by number.

use std::collections::{BTreeMap, BTreeSet};

use wattle_market::interval::DeliveryInterval;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::WattHours;

use super::ImportFlag;
use super::readings::{MeterKey, Readings};
use crate::profile::{
    BuildingProfile, MeterFlag, MeterProfile, ParkProfile, ParticipantProfile, PointProfile,
    RatedPower,
};
use crate::strategy::Strategy;

/// Numbers buildings, points and meters in the order of their names. The settled days are the
/// caller's to set.
pub(super) fn number(readings: &Readings, source: &str, flags: &[ImportFlag]) -> ParkProfile {
    let buildings = buildings(readings);
    let mut flags_of: BTreeMap<MeterKey, Vec<MeterFlag>> = BTreeMap::new();
    for flag in flags {
        let key = (flag.participant.clone(), flag.building.clone(), flag.meter);
        flags_of.entry(key).or_default().push(flag.kind);
    }
    let mut participants: Vec<ParticipantProfile> = Vec::new();
    let mut points: Vec<PointProfile> = Vec::new();
    let mut meters = Vec::new();
    // The keys are sorted, so that a participant's points and a point's meters come together.
    for (key, values) in &readings.meters {
        let (participant, building, meter) = key;
        let building = buildings.iter().find(|listed| listed.name == *building);
        let building = building.expect("the list was made from these names").id;
        if participants
            .last()
            .is_none_or(|last| last.name != *participant)
        {
            let role = "Tenant of the data file".to_owned();
            participants.push(ParticipantProfile {
                name: participant.clone(),
                role,
            });
        }
        let belongs =
            |last: &PointProfile| last.participant == *participant && last.building == building;
        if !points.last().is_some_and(belongs) {
            points.push(new_point(points.len(), participant, building));
        }
        let point = points
            .last_mut()
            .expect("one was just put there if none was");
        let greatest = values.values().copied().max().unwrap_or(0);
        point.rated.set(*meter, rated_watts(greatest));
        meters.push(MeterProfile {
            point: point.point,
            participant: participant.clone(),
            building,
            meter: *meter,
            energy: values
                .iter()
                .map(|(interval, wh)| (*interval, WattHours(*wh)))
                .collect(),
            flags: flags_of.remove(key).unwrap_or_default(),
        });
    }
    ParkProfile {
        source: source.to_owned(),
        buildings,
        participants,
        points,
        meters,
        first_interval: DeliveryInterval(0),
        intervals: 0,
    }
}

fn buildings(readings: &Readings) -> Vec<BuildingProfile> {
    let names: BTreeSet<&String> = readings
        .meters
        .keys()
        .map(|(_, building, _)| building)
        .collect();
    names
        .into_iter()
        .zip(1..)
        .map(|(name, id)| BuildingProfile {
            id: BuildingId(id),
            name: name.clone(),
        })
        .collect()
}

fn new_point(position: usize, participant: &str, building: BuildingId) -> PointProfile {
    let position = u32::try_from(position).expect("there are at most 300 meters");
    PointProfile {
        point: PointId(position + 1),
        participant: participant.to_owned(),
        building,
        rated: RatedPower::default(),
        strategy: strategy_of(position),
    }
}

/// Greatest quarter hour times four, up to a whole kilowatt, at least one.
fn rated_watts(greatest: i64) -> u32 {
    let watts = ((greatest * 4 + 999) / 1_000 * 1_000).max(1_000);
    u32::try_from(watts).expect("a quarter hour is read up to 250 MWh, which is a gigawatt")
}

/// A file says nothing of how its tenants trade: limits differ from point to point in a fixed cycle
/// of five, so that the book has more than one price.
fn strategy_of(position: u32) -> Strategy {
    let step = i64::from(position % 5);
    Strategy {
        sell_share_per_mille: 700,
        ask_per_mille: 100 + 100 * step,
        buy_share_per_mille: 700,
        bid_per_mille: 950 - 50 * step,
    }
}
