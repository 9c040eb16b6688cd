//! A park's readings from a CSV file.
//!
//! # The file
//! UTF-8, with or without a byte order mark, lines ended by LF or CRLF. The first line is exactly
//! [`HEADER`]; every other one is a reading, in any order:
//!
//! * `participant` and `building`: 1 to 64 letters, digits, spaces, `-`, `_` or `.`. A participant
//!   in two buildings has two points.
//! * `meter`: `load`, `pv`, `charge` or `discharge`.
//! * `interval_start`: RFC 3339 with an offset, on a quarter hour.
//! * `watt_hours`: a whole number, the energy of that quarter hour.
//!
//! # What is refused, and what runs
//! A line that does not have this form is an [`ImportError::Line`] with its number and the reason,
//! before anything starts. What real feeds do all the time runs, by these rules, and is flagged:
//!
//! * **Repeated interval** of one meter, with the same or another value: the one on the earlier
//!   line is kept.
//! * **Negative generation** (an inverter draws power at night): taken as 0. Any other meter below
//!   zero is refused.
//! * **Gap**: the interval stays without a value, and settlement substitutes one by its own rules.
//!
//! # Days
//! A day is 96 intervals, counted from the midnight before the earliest reading on the clock that
//! reading is written in. The first day serves the forecasts alone if another follows. A last day
//! with readings in fewer than 48 of its intervals is cut off (many feeds end with the first
//! reading of the next day) and counted in [`Imported::readings_cut_off`].
//!
//! # Rated power
//! The file has none. Rated is a meter's greatest quarter hour times four, rounded up to a whole
//! kilowatt, at least one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::WattHours;

use crate::profile::{
    BuildingProfile, MeterFlag, MeterKind, MeterProfile, ParkProfile, ParticipantProfile,
    PointProfile, RatedPower, park_time,
};
use crate::strategy::Strategy;

mod row;

pub use row::LineReason;
use row::{Row, parse_row};

/// The first line of a data file.
pub const HEADER: [&str; 5] = [
    "participant",
    "building",
    "meter",
    "interval_start",
    "watt_hours",
];

/// The most bytes a data file may have: it is read into memory whole.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// The most meters a data file may name.
pub const METERS_MAX: usize = 300;

/// The most days between a file's first reading and its last.
pub const DAYS_MAX: u64 = 400;

/// Why a data file cannot be used.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be opened or read.
    #[error("cannot read the data file {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("the data file is larger than {} MiB; split it by time", FILE_BYTES_MAX >> 20)]
    TooLarge,
    /// A line is malformed. Lines are counted from 1, the header included.
    #[error("line {line}: {reason}")]
    Line {
        /// Which line.
        line: u64,
        /// What is wrong with it.
        reason: LineReason,
    },
    /// There is a header, or not even that, but no reading.
    #[error("the data file holds no readings; add lines under the header {}", HEADER.join(","))]
    Empty,
    /// More days were asked for than the file holds.
    #[error("the data file can settle {available} day(s), not {wanted}; choose --days {available}")]
    TooFewDays {
        /// How many days could be settled.
        available: u64,
        /// How many were asked for.
        wanted: u64,
    },
    /// Nobody can settle no days.
    #[error("the number of days must be at least 1")]
    NoDays,
}

/// A rule that was applied to a meter's data, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFlag {
    /// The line concerned; `None` for a gap, which is on no line.
    pub line: Option<u64>,
    /// Whose meter.
    pub participant: String,
    /// Where.
    pub building: String,
    /// Which meter.
    pub meter: MeterKind,
    /// What was done.
    pub kind: MeterFlag,
}

impl fmt::Display for ImportFlag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        write!(
            formatter,
            "{} of {} in {}: ",
            self.meter, self.participant, self.building
        )?;
        match self.kind {
            MeterFlag::Gap { first, intervals } => {
                write!(
                    formatter,
                    "no reading for {intervals} interval(s) from {}",
                    park_time(first)
                )
            }
            MeterFlag::NegativeTakenAsZero { interval, found } => {
                write!(
                    formatter,
                    "{found} Wh at {} taken as 0",
                    park_time(interval)
                )
            }
            MeterFlag::Repeated { interval, differs } => {
                let how = if differs {
                    "with another value"
                } else {
                    "with the same value"
                };
                write!(
                    formatter,
                    "{} repeated {how}, the first kept",
                    park_time(interval)
                )
            }
        }
    }
}

/// A park read from a file, and what was put right on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The park.
    pub profile: ParkProfile,
    /// What was put right or left open: by line, then gaps by meter. Intervals in flags are in park
    /// time when shown.
    pub flags: Vec<ImportFlag>,
    /// Readings of a last day that had hardly begun.
    pub readings_cut_off: u64,
}

/// Reads a data file; see the module's documentation for its form. `days` limits how many days are
/// settled; all if `None`.
///
/// # Errors
/// [`ImportError`], whose text names the line and the reason where one line is at fault.
pub fn read_file(path: &Path, days: Option<u64>) -> Result<Imported, ImportError> {
    let read_error = |source| ImportError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(read_error)?;
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know, whatever the file's size claims to be.
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(read_error)?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    read(&bytes, &format!("data file {name}"), days)
}

/// Reads the content of a data file, as [`read_file`] does. `source` is what the profile says of
/// its origin.
///
/// # Errors
/// As [`read_file`].
pub fn read(bytes: &[u8], source: &str, days: Option<u64>) -> Result<Imported, ImportError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    if days == Some(0) {
        return Err(ImportError::NoDays);
    }
    let mut readings = collect(bytes)?;
    let calendar = Calendar::of(&readings)?;
    if let Some(wanted) = days.filter(|wanted| *wanted > calendar.settled_days()) {
        let available = calendar.settled_days();
        return Err(ImportError::TooFewDays { available, wanted });
    }
    let readings_cut_off = readings.cut_off(calendar.end);
    let settled_days = days.unwrap_or(calendar.settled_days());
    let first_settled = calendar.first_settled().0;
    let end_settled = first_settled + settled_days * DeliveryInterval::PER_DAY;
    readings.flag_gaps(calendar.start.0..end_settled);
    let flags = std::mem::take(&mut readings.flags);
    let mut profile = readings.into_profile(source, &flags);
    profile.first_interval = calendar.first_settled();
    profile.intervals = settled_days * DeliveryInterval::PER_DAY;
    Ok(Imported {
        profile,
        flags,
        readings_cut_off,
    })
}

/// Names one meter: participant, building, kind. Sorted by point, then kind.
type MeterKey = (String, String, MeterKind);

/// All lines of a file, sorted by meter and interval, each value with the line it stood on.
struct Readings {
    meters: BTreeMap<MeterKey, BTreeMap<DeliveryInterval, i64>>,
    flags: Vec<ImportFlag>,
    /// The earliest reading's interval, and midnight before it on its own clock.
    earliest: Option<(DeliveryInterval, DeliveryInterval)>,
    /// The latest reading's interval and line.
    latest: Option<(DeliveryInterval, u64)>,
}

/// Reads every line, keeping the first value of each interval.
fn collect(bytes: &[u8]) -> Result<Readings, ImportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    let mut readings = Readings {
        meters: BTreeMap::new(),
        flags: Vec::new(),
        earliest: None,
        latest: None,
    };
    let mut header_seen = false;
    loop {
        let more = reader
            .read_byte_record(&mut record)
            .expect("bytes in memory have no I/O error, and flexible records no other");
        if !more {
            break;
        }
        let line = record.position().map_or(0, csv::Position::line);
        let refuse = |reason| ImportError::Line { line, reason };
        if header_seen {
            let row = parse_row(&record).map_err(refuse)?;
            readings.add(line, row).map_err(refuse)?;
        } else {
            row::check_header(&record).map_err(refuse)?;
            header_seen = true;
        }
    }
    Ok(readings)
}

impl Readings {
    /// Adds one reading; refuses it if it names one meter too many.
    fn add(&mut self, line: u64, row: Row) -> Result<(), LineReason> {
        let Row {
            participant,
            building,
            meter,
            interval,
            midnight,
            watt_hours,
        } = row;
        let key = (participant, building, meter);
        if !self.meters.contains_key(&key) && self.meters.len() == METERS_MAX {
            return Err(LineReason::TooManyMeters);
        }
        if self
            .earliest
            .is_none_or(|(earliest, _)| interval < earliest)
        {
            self.earliest = Some((interval, midnight));
        }
        if self.latest.is_none_or(|(latest, _)| interval > latest) {
            self.latest = Some((interval, line));
        }
        let mut flag = |kind| {
            let (participant, building, meter) = key.clone();
            self.flags.push(ImportFlag {
                line: Some(line),
                participant,
                building,
                meter,
                kind,
            });
        };
        let energy = if watt_hours < 0 {
            flag(MeterFlag::NegativeTakenAsZero {
                interval,
                found: watt_hours,
            });
            0
        } else {
            watt_hours
        };
        let first = self
            .meters
            .get(&key)
            .and_then(|values| values.get(&interval))
            .copied();
        if let Some(first) = first {
            flag(MeterFlag::Repeated {
                interval,
                differs: first != energy,
            });
        } else {
            self.meters.entry(key).or_default().insert(interval, energy);
        }
        Ok(())
    }

    /// Removes everything from `end` on and says how many readings that were.
    fn cut_off(&mut self, end: DeliveryInterval) -> u64 {
        let mut count = 0;
        for values in self.meters.values_mut() {
            count += values.split_off(&end).len() as u64;
        }
        // A meter that only ever read after the end has nothing to say.
        self.meters.retain(|_, values| !values.is_empty());
        count
    }

    /// Flags each run of intervals of `range` in which a meter has no value.
    fn flag_gaps(&mut self, range: std::ops::Range<u64>) {
        for ((participant, building, meter), values) in &self.meters {
            let mut expected = range.start;
            let present = values.keys().map(|interval| interval.0);
            let end = std::iter::once(range.end);
            for found in present
                .filter(|interval| range.contains(interval))
                .chain(end)
            {
                if found > expected {
                    let first = DeliveryInterval(expected);
                    self.flags.push(ImportFlag {
                        line: None,
                        participant: participant.clone(),
                        building: building.clone(),
                        meter: *meter,
                        kind: MeterFlag::Gap {
                            first,
                            intervals: found - expected,
                        },
                    });
                }
                expected = found + 1;
            }
        }
    }

    /// Numbers buildings, points and meters in the order of their names. The settled days are the
    /// caller's to set.
    fn into_profile(self, source: &str, flags: &[ImportFlag]) -> ParkProfile {
        let mut flags_of: BTreeMap<MeterKey, Vec<MeterFlag>> = BTreeMap::new();
        for flag in flags {
            let key = (flag.participant.clone(), flag.building.clone(), flag.meter);
            flags_of.entry(key).or_default().push(flag.kind);
        }
        let names: BTreeSet<&String> = self
            .meters
            .keys()
            .map(|(_, building, _)| building)
            .collect();
        let buildings: Vec<BuildingProfile> = names
            .into_iter()
            .zip(1..)
            .map(|(name, id)| BuildingProfile {
                id: BuildingId(id),
                name: name.clone(),
            })
            .collect();
        let building_id = |name: &str| {
            let building = buildings.iter().find(|building| building.name == name);
            building.expect("the list was made from these names").id
        };
        let mut participants: Vec<ParticipantProfile> = Vec::new();
        let mut points: Vec<PointProfile> = Vec::new();
        let mut meters = Vec::new();
        for (key, values) in &self.meters {
            let (participant, building, meter) = key;
            let building = building_id(building);
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
            let is_new = points
                .last()
                .is_none_or(|last| last.participant != *participant || last.building != building);
            if is_new {
                let position = u32::try_from(points.len()).expect("there are at most 300 meters");
                points.push(PointProfile {
                    point: PointId(position + 1),
                    participant: participant.clone(),
                    building,
                    rated: RatedPower::default(),
                    strategy: strategy_of(position),
                });
            }
            let point = points
                .last_mut()
                .expect("one was just put there if none was");
            point.rated.set(
                *meter,
                rated_watts(values.values().copied().max().unwrap_or(0)),
            );
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
}

/// Which days a file covers.
struct Calendar {
    start: DeliveryInterval,
    end: DeliveryInterval,
    days: u64,
}

impl Calendar {
    fn of(readings: &Readings) -> Result<Self, ImportError> {
        let (Some((_, start)), Some((latest, line))) = (readings.earliest, readings.latest) else {
            return Err(ImportError::Empty);
        };
        let begun = (latest.0 - start.0) / DeliveryInterval::PER_DAY + 1;
        if begun > DAYS_MAX {
            return Err(ImportError::Line {
                line,
                reason: LineReason::SpanTooLong,
            });
        }
        let last_day = DeliveryInterval(start.0 + (begun - 1) * DeliveryInterval::PER_DAY);
        let in_last_day: BTreeSet<DeliveryInterval> = readings
            .meters
            .values()
            .flat_map(|values| values.range(last_day..).map(|(interval, _)| *interval))
            .collect();
        let cut = begun > 1 && (in_last_day.len() as u64) < DeliveryInterval::PER_DAY / 2;
        let days = if cut { begun - 1 } else { begun };
        Ok(Self {
            start,
            end: DeliveryInterval(start.0 + days * DeliveryInterval::PER_DAY),
            days,
        })
    }

    /// The first day serves the forecasts if there is a second.
    fn settled_days(&self) -> u64 {
        if self.days > 1 { self.days - 1 } else { 1 }
    }

    fn first_settled(&self) -> DeliveryInterval {
        DeliveryInterval(self.end.0 - self.settled_days() * DeliveryInterval::PER_DAY)
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
