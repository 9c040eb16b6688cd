//! A park's day in memory: who is connected where, and what each meter measures in each interval.
//!
//! A profile is all that a driver may know of the physical world. It comes from the bundled data
//! ([`crate::datasets`]) or from a file ([`crate::import`]), and is the same shape either way.

use std::collections::BTreeMap;
use std::fmt;

use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::{DeliveryInterval, LocalQuarter};
use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::WattHours;

use crate::strategy::Strategy;

/// Minutes by which the park's clock is ahead of UTC: China Standard Time, without daylight saving.
pub const PARK_UTC_OFFSET_MINUTES: i16 = 8 * 60;

/// Which way a meter counts, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MeterKind {
    /// Everything the tenant uses, batteries excepted.
    Load,
    /// Own generation.
    Pv,
    /// Energy into a battery.
    Charge,
    /// Energy out of a battery.
    Discharge,
}

impl MeterKind {
    /// Every kind, in the order in which meters are numbered.
    pub const ALL: [Self; 4] = [Self::Load, Self::Pv, Self::Charge, Self::Discharge];

    /// The word that stands for it in a CSV file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Pv => "pv",
            Self::Charge => "charge",
            Self::Discharge => "discharge",
        }
    }

    /// The kind a word stands for.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for MeterKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A building, which runs one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildingProfile {
    /// Numbered from 1 in the order of the list.
    pub id: BuildingId,
    /// Name for people.
    pub name: String,
}

/// A tenant: one legal person with one account, at one or more points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantProfile {
    /// Unique short name, such as `rolling-mill`.
    pub name: String,
    /// What he does, for people. A label: the data behind it was measured elsewhere.
    pub role: String,
}

/// Greatest powers of a point in watts; 0 where it has no such meter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RatedPower {
    /// Of the load meter.
    pub load_watts: u32,
    /// Of the photovoltaic plant.
    pub pv_watts: u32,
    /// Of the battery, charging.
    pub charge_watts: u32,
    /// Of the battery, discharging.
    pub discharge_watts: u32,
}

impl RatedPower {
    /// The rated power behind a meter of this kind.
    #[must_use]
    pub fn of(&self, meter: MeterKind) -> u32 {
        match meter {
            MeterKind::Load => self.load_watts,
            MeterKind::Pv => self.pv_watts,
            MeterKind::Charge => self.charge_watts,
            MeterKind::Discharge => self.discharge_watts,
        }
    }

    /// Sets the rated power behind a meter of this kind.
    pub fn set(&mut self, meter: MeterKind, watts: u32) {
        match meter {
            MeterKind::Load => self.load_watts = watts,
            MeterKind::Pv => self.pv_watts = watts,
            MeterKind::Charge => self.charge_watts = watts,
            MeterKind::Discharge => self.discharge_watts = watts,
        }
    }

    /// The most the point can give in one interval.
    #[must_use]
    pub fn injection_per_interval(&self) -> WattHours {
        energy_per_interval(self.pv_watts + self.discharge_watts)
    }

    /// The most the point can take in one interval.
    #[must_use]
    pub fn withdrawal_per_interval(&self) -> WattHours {
        energy_per_interval(self.load_watts + self.charge_watts)
    }
}

/// One participant at one building connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointProfile {
    /// Numbered from 1 in the order of the list.
    pub point: PointId,
    /// [`ParticipantProfile::name`].
    pub participant: String,
    /// Where it is connected.
    pub building: BuildingId,
    /// What stands behind the connection.
    pub rated: RatedPower,
    /// How the participant trades here.
    pub strategy: Strategy,
}

/// Something about a meter's data that was put right by a rule, or left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeterFlag {
    /// No value for so many intervals from this one on.
    Gap {
        /// First interval without a value.
        first: DeliveryInterval,
        /// How many in a row.
        intervals: u64,
    },
    /// A photovoltaic meter read below zero (its inverter draws power at night); taken as 0.
    NegativeTakenAsZero {
        /// The interval concerned.
        interval: DeliveryInterval,
        /// What the source said.
        found: i64,
    },
    /// A load meter read exactly 0 for an hour or more, though not always: many feeds write 0 where
    /// they have nothing. Taken as it stands.
    Zeros {
        /// First interval of them.
        first: DeliveryInterval,
        /// How many in a row.
        intervals: u64,
    },
    /// The interval came more than once; the value that came first was kept.
    Repeated {
        /// The interval concerned.
        interval: DeliveryInterval,
        /// Whether the repetition said something else than the first.
        differs: bool,
    },
}

/// One meter and what it measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterProfile {
    /// The point it belongs to.
    pub point: PointId,
    /// [`ParticipantProfile::name`].
    pub participant: String,
    /// Where it is installed.
    pub building: BuildingId,
    /// What it counts.
    pub meter: MeterKind,
    /// Energy of each interval in which it has a value, the day before the first settled interval
    /// included.
    pub energy: BTreeMap<DeliveryInterval, WattHours>,
    /// What was put right.
    pub flags: Vec<MeterFlag>,
}

/// A park and what happens in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkProfile {
    /// Where the data comes from, in one line.
    pub source: String,
    /// Buildings by id.
    pub buildings: Vec<BuildingProfile>,
    /// Participants in the order in which they are listed.
    pub participants: Vec<ParticipantProfile>,
    /// Points by id.
    pub points: Vec<PointProfile>,
    /// Meters by point, then kind.
    pub meters: Vec<MeterProfile>,
    /// The first interval to settle. Meters may have values before it, which only forecasts use.
    pub first_interval: DeliveryInterval,
    /// How many intervals to settle: a multiple of [`DeliveryInterval::PER_DAY`].
    pub intervals: u64,
}

impl ParkProfile {
    /// Every interval to settle, in order.
    pub fn settled_intervals(&self) -> impl Iterator<Item = DeliveryInterval> + use<> {
        let first = self.first_interval.0;
        (first..first + self.intervals).map(DeliveryInterval)
    }

    /// Number of days to settle.
    #[must_use]
    pub fn days(&self) -> u64 {
        self.intervals / DeliveryInterval::PER_DAY
    }

    /// The meter of a kind at a point, if there is one.
    #[must_use]
    pub fn meter(&self, point: PointId, meter: MeterKind) -> Option<&MeterProfile> {
        self.meters
            .iter()
            .find(|profile| profile.point == point && profile.meter == meter)
    }

    /// What the meters at a point say together for one interval: generation + discharge − load −
    /// charge, or `None` if one of them has no value for it. A point without meters has no net
    /// energy either.
    #[must_use]
    pub fn net_energy(&self, point: PointId, interval: DeliveryInterval) -> Option<WattHours> {
        let mut net = None;
        for meter in self.meters.iter().filter(|meter| meter.point == point) {
            let energy = meter.energy.get(&interval)?.0;
            let signed = match meter.meter {
                MeterKind::Pv | MeterKind::Discharge => energy,
                MeterKind::Load | MeterKind::Charge => -energy,
            };
            net = Some(net.unwrap_or(0) + signed);
        }
        net.map(WattHours)
    }

    /// How many flags the meters carry together.
    #[must_use]
    pub fn flag_count(&self) -> usize {
        self.meters.iter().map(|meter| meter.flags.len()).sum()
    }
}

/// Start of an interval on the park's clock, such as `2016-07-08 12:15`.
#[must_use]
pub fn park_time(interval: DeliveryInterval) -> String {
    let local = LocalQuarter::of(interval, PARK_UTC_OFFSET_MINUTES);
    let LocalQuarter {
        year,
        month,
        day,
        quarter_of_day,
    } = local;
    let (hour, minute) = (quarter_of_day / 4, quarter_of_day % 4 * 15);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// The interval that starts at midnight of a day on the park's clock, or `None` before 1970.
#[must_use]
pub fn first_interval_of(day: jiff::civil::Date) -> Option<DeliveryInterval> {
    let midnight = jiff::tz::Offset::constant(8)
        .to_timestamp(day.at(0, 0, 0, 0))
        .ok()?;
    u64::try_from(midnight.as_second())
        .ok()
        .map(|seconds| DeliveryInterval(seconds / 900))
}

/// Which quarter hour of the park's day an interval is: 0 for 00:00, 95 for 23:45.
#[must_use]
pub fn quarter_of_day(interval: DeliveryInterval) -> u64 {
    u64::from(LocalQuarter::of(interval, PARK_UTC_OFFSET_MINUTES).quarter_of_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn park_time_is_eight_hours_ahead_of_utc() {
        assert_eq!(park_time(DeliveryInterval(0)), "1970-01-01 08:00");
        let noon = first_interval_of(jiff::civil::date(2016, 7, 8)).unwrap();
        assert_eq!(park_time(noon), "2016-07-08 00:00");
        assert_eq!(quarter_of_day(noon), 0);
        assert_eq!(quarter_of_day(DeliveryInterval(noon.0 + 95)), 95);
        assert_eq!(first_interval_of(jiff::civil::date(1950, 1, 1)), None);
    }

    #[test]
    fn every_meter_kind_has_its_own_name() {
        for kind in MeterKind::ALL {
            assert_eq!(MeterKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(MeterKind::from_name("PV"), None);
    }
}
