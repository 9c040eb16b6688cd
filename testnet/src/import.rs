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
//! * **Zeros**: a load meter that reads exactly 0 for an hour or more, though not always, is taken
//!   at its word. Many feeds write 0 where they have nothing; only a person can tell.
//!
//! Many feeds stamp a quarter hour with its **end** ([`Stamps::End`]). Nothing in a file proves
//! that, so it must be said. Midnight then belongs to the day before; a feed that writes it with
//! yesterday's date names an interval a day earlier, and both that and the gap are flagged.
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

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wattle_market::interval::DeliveryInterval;

use crate::profile::{MeterFlag, MeterKind, ParkProfile, park_time};

mod calendar;
mod numbering;
mod readings;
mod row;

pub use row::LineReason;

use calendar::Calendar;
use readings::collect;

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

/// Which end of its quarter hour a stamp names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stamps {
    /// The start, as the column's name says.
    #[default]
    Start,
    /// The end.
    End,
}

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
            MeterFlag::Zeros { first, intervals } => {
                let from = park_time(first);
                write!(
                    formatter,
                    "exactly 0 for {intervals} interval(s) from {from}, kept"
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
pub fn read_file(path: &Path, days: Option<u64>, stamps: Stamps) -> Result<Imported, ImportError> {
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
    read_stamped(&bytes, &format!("data file {name}"), days, stamps)
}

/// Reads the content of a data file, as [`read_file`] does. `source` is what the profile says of
/// its origin.
///
/// # Errors
/// As [`read_file`].
pub fn read(bytes: &[u8], source: &str, days: Option<u64>) -> Result<Imported, ImportError> {
    read_stamped(bytes, source, days, Stamps::Start)
}

/// Reads the content of a data file whose stamps say what they are told to.
///
/// # Errors
/// As [`read_file`].
pub fn read_stamped(
    bytes: &[u8],
    source: &str,
    days: Option<u64>,
    stamps: Stamps,
) -> Result<Imported, ImportError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge);
    }
    if days == Some(0) {
        return Err(ImportError::NoDays);
    }
    let mut readings = collect(bytes, stamps)?;
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
    readings.flag_zeros();
    let flags = std::mem::take(&mut readings.flags);
    let mut profile = numbering::number(&readings, source, &flags);
    profile.first_interval = calendar.first_settled();
    profile.intervals = settled_days * DeliveryInterval::PER_DAY;
    Ok(Imported {
        profile,
        flags,
        readings_cut_off,
    })
}
