//! One line of a data file.

use csv::ByteRecord;
use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use thiserror::Error;
use wattle_market::interval::DeliveryInterval;

use super::{DAYS_MAX, HEADER, METERS_MAX, Stamps};
use crate::profile::MeterKind;

/// The most characters of a participant's or a building's name.
const NAME_CHARS_MAX: usize = 64;

/// The most energy of one quarter hour: one gigawatt, far above any park.
const WATT_HOURS_MAX: i64 = 250_000_000;

/// The years in which a reading may lie. Whatever is outside is a clock that was never set.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// What is wrong with a line, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineReason {
    /// The first line is not the header.
    #[error("expected the header \"{}\"", HEADER.join(","))]
    NotHeader,
    /// Too few or too many fields.
    #[error("{found} field(s) instead of {}: {}", HEADER.len(), HEADER.join(","))]
    FieldCount {
        /// How many there are.
        found: usize,
    },
    /// The bytes are no text.
    #[error("not UTF-8; save the file in that encoding")]
    NotUtf8,
    /// A name is empty, too long, or holds other characters than it may.
    #[error(
        "{field} {found:?} is not a name of 1 to {NAME_CHARS_MAX} letters, digits, spaces, \
         '-', '_' or '.'"
    )]
    Name {
        /// `participant` or `building`.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// No such meter.
    #[error("unknown meter {found:?}; use load, pv, charge or discharge")]
    Meter {
        /// What stands there.
        found: String,
    },
    /// No instant with an offset.
    #[error(
        "interval_start {found:?} is not an RFC 3339 time with an offset, \
         such as 2016-07-08T12:15:00+08:00"
    )]
    Time {
        /// What stands there.
        found: String,
    },
    /// Between two quarter hours.
    #[error("interval_start {found:?} is not on a quarter hour")]
    NotQuarterHour {
        /// What stands there.
        found: String,
    },
    /// Before 2000 or after 2100.
    #[error("interval_start {found:?} is not within the years 2000 to 2100")]
    Era {
        /// What stands there.
        found: String,
    },
    /// Not an integer.
    #[error("watt_hours {found:?} is not a whole number of watt-hours, such as 1250")]
    Energy {
        /// What stands there.
        found: String,
    },
    /// More than any park.
    #[error("watt_hours {found} is above {WATT_HOURS_MAX} in either direction; is the unit right?")]
    EnergyTooLarge {
        /// What stands there.
        found: String,
    },
    /// Only a photovoltaic meter may be read below zero.
    #[error(
        "watt_hours {found} of a {meter} meter is negative; only pv may be, and counts as 0 then"
    )]
    Negative {
        /// What stands there.
        found: i64,
        /// Which meter.
        meter: MeterKind,
    },
    /// One meter too many.
    #[error("names meter number {}, but a file may have {METERS_MAX}", METERS_MAX + 1)]
    TooManyMeters,
    /// The file covers too long a time.
    #[error(
        "lies more than {DAYS_MAX} days after the file's first reading; split the file by time"
    )]
    SpanTooLong,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) participant: String,
    pub(super) building: String,
    pub(super) meter: MeterKind,
    pub(super) interval: DeliveryInterval,
    /// Midnight before the interval, on the clock the line is written in.
    pub(super) midnight: DeliveryInterval,
    /// Negative for a photovoltaic meter only.
    pub(super) watt_hours: i64,
}

/// Accepts the header as it is documented and nothing else.
pub(super) fn check_header(record: &ByteRecord) -> Result<(), LineReason> {
    let is_header = record
        .iter()
        .map(<[u8]>::trim_ascii)
        .eq(HEADER.map(str::as_bytes));
    if is_header {
        Ok(())
    } else {
        Err(LineReason::NotHeader)
    }
}

/// Reads a line of five fields, each with or without blanks around it.
pub(super) fn parse_row(record: &ByteRecord, stamps: Stamps) -> Result<Row, LineReason> {
    if record.len() != HEADER.len() {
        return Err(LineReason::FieldCount {
            found: record.len(),
        });
    }
    let field = |position: usize| -> Result<&str, LineReason> {
        let text = std::str::from_utf8(&record[position]).map_err(|_| LineReason::NotUtf8)?;
        Ok(text.trim_matches([' ', '\t']))
    };
    let participant = name("participant", field(0)?)?;
    let building = name("building", field(1)?)?;
    let word = field(2)?;
    let meter =
        MeterKind::from_name(word).ok_or_else(|| LineReason::Meter { found: shown(word) })?;
    let (interval, midnight) = interval(field(3)?, stamps)?;
    let watt_hours = energy(field(4)?)?;
    if watt_hours < 0 && meter != MeterKind::Pv {
        return Err(LineReason::Negative {
            found: watt_hours,
            meter,
        });
    }
    Ok(Row {
        participant,
        building,
        meter,
        interval,
        midnight,
        watt_hours,
    })
}

/// What an error repeats of a field: enough to find it, never a whole file behind a forgotten
/// quotation mark.
fn shown(text: &str) -> String {
    text.chars().take(NAME_CHARS_MAX).collect()
}

fn name(field: &'static str, text: &str) -> Result<String, LineReason> {
    let allowed = |character: char| character.is_alphanumeric() || " -_.".contains(character);
    let length = text.chars().count();
    if (1..=NAME_CHARS_MAX).contains(&length) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(LineReason::Name {
            field,
            found: shown(text),
        })
    }
}

/// The interval that starts or ends at a time, and the one that starts at the midnight before it on
/// the same clock.
fn interval(
    text: &str,
    stamps: Stamps,
) -> Result<(DeliveryInterval, DeliveryInterval), LineReason> {
    let malformed = || LineReason::Time { found: shown(text) };
    let pieces = Pieces::parse(text).map_err(|_| malformed())?;
    let (Some(time), Some(offset), None) = (
        pieces.time(),
        pieces.to_numeric_offset(),
        pieces.time_zone_annotation(),
    ) else {
        return Err(malformed());
    };
    if !YEARS.contains(&pieces.date().year()) {
        return Err(LineReason::Era { found: shown(text) });
    }
    let index = |time: Time| {
        let instant = offset.to_timestamp(pieces.date().to_datetime(time)).ok()?;
        let seconds = u64::try_from(instant.as_second()).ok()?;
        let whole = instant.subsec_nanosecond() == 0 && seconds.is_multiple_of(900);
        whole.then_some(DeliveryInterval(seconds / 900))
    };
    // Where midnight is not on a quarter hour, the offset itself is to blame.
    match (index(time), index(Time::midnight())) {
        (Some(start), Some(midnight)) if stamps == Stamps::Start => Ok((start, midnight)),
        // What ends at midnight is the last of the day before.
        (Some(end), Some(midnight)) if end == midnight => {
            Ok((end.minus(1), midnight.minus(DeliveryInterval::PER_DAY)))
        }
        (Some(end), Some(midnight)) => Ok((end.minus(1), midnight)),
        _ => Err(LineReason::NotQuarterHour { found: shown(text) }),
    }
}

/// An integer in plain digits: no sign but a minus, no exponent, no point, no "nan".
fn energy(text: &str) -> Result<i64, LineReason> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(LineReason::Energy { found: shown(text) });
    }
    let too_large = || LineReason::EnergyTooLarge { found: shown(text) };
    // Digits alone fail to parse only by being too many.
    let value: i64 = text.parse().map_err(|_| too_large())?;
    if value.abs() > WATT_HOURS_MAX {
        Err(too_large())
    } else {
        Ok(value)
    }
}
