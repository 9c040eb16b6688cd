//! Delivery intervals as people write them: by their start, in the park's clock or with an
//! offset.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use wattle_market::interval::{DeliveryInterval, Timestamp};

use crate::failure::Failure;

/// The start of a delivery interval as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// With an offset or `Z`.
    Absolute(jiff::Timestamp),
    /// In the park's clock.
    Local(DateTime),
    /// By the number that the ledger shows, `#1961568`.
    Index(u64),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        if let Some(index) = text.strip_prefix('#') {
            let index = index
                .parse()
                .map_err(|_| format!("{text:?} is no interval's number"))?;
            return Ok(Moment::Index(index));
        }
        // A local time is told by having nothing behind its clock.
        let clock = text.split_once('T').map_or("", |(_, clock)| clock);
        let has_offset = clock.contains(['Z', 'z', '+', '-']);
        let wrong = |_| {
            format!("{text:?} is not a time like 2026-11-24T10:00 or 2026-11-24T10:00:00+08:00")
        };
        let moment = if has_offset {
            Moment::Absolute(text.parse().map_err(wrong)?)
        } else if clock.is_empty() {
            return Err(format!(
                "{text:?} has no time of day; write it like 2026-11-24T10:00"
            ));
        } else {
            Moment::Local(text.parse().map_err(wrong)?)
        };
        if moment.is_quarter() {
            Ok(moment)
        } else {
            Err(format!(
                "{text:?} is not the start of a delivery interval; they start at :00, :15, :30 \
                 and :45"
            ))
        }
    }
}

impl Moment {
    fn is_quarter(self) -> bool {
        match self {
            Moment::Absolute(time) => {
                time.as_nanosecond() % (i128::from(DeliveryInterval::LENGTH_MS) * 1_000_000) == 0
            }
            Moment::Local(time) => {
                time.minute() % 15 == 0 && time.second() == 0 && time.subsec_nanosecond() == 0
            }
            Moment::Index(_) => true,
        }
    }

    /// The interval that starts then, in a park whose clock is so many minutes ahead of UTC.
    pub(crate) fn interval(self, utc_offset_minutes: i16) -> Result<DeliveryInterval, Failure> {
        let milliseconds = match self {
            Moment::Index(index) => return Ok(DeliveryInterval(index)),
            Moment::Absolute(time) => Some(time.as_millisecond()),
            Moment::Local(time) => offset(utc_offset_minutes)
                .and_then(|offset| offset.to_timestamp(time).ok())
                .map(|time| time.as_millisecond()),
        };
        let start = milliseconds.and_then(|start| u64::try_from(start).ok());
        let aligned = start.filter(|start| start % DeliveryInterval::LENGTH_MS == 0);
        let interval = aligned.map(|start| DeliveryInterval::containing(Timestamp(start)));
        interval.ok_or_else(|| {
            Failure::usage(
                "the time is no start of a delivery interval since 1970",
                "give a quarter of an hour like 2026-11-24T10:00, in the park's clock",
            )
        })
    }
}

/// A month of the park's clock, `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    first_day: DateTime,
}

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Month, String> {
        let wrong = || format!("{text:?} is not a month; write it like 2026-11");
        if text.len() != 7 || !text.is_ascii() {
            return Err(wrong());
        }
        let first_day = format!("{text}-01T00:00").parse().map_err(|_| wrong())?;
        Ok(Month { first_day })
    }
}

impl Month {
    /// Its first and last delivery interval, in a park whose clock is so many minutes ahead of
    /// UTC.
    pub(crate) fn intervals(
        self,
        utc_offset_minutes: i16,
    ) -> Result<(DeliveryInterval, DeliveryInterval), Failure> {
        let next = jiff::Span::new().months(1);
        let next = self.first_day.checked_add(next).map_err(|error| {
            Failure::usage(
                format!("there is no month after it: {error}"),
                "give another --month",
            )
        })?;
        let from = Moment::Local(self.first_day).interval(utc_offset_minutes)?;
        let until = Moment::Local(next).interval(utc_offset_minutes)?;
        Ok((from, until.minus(1)))
    }
}

/// An interval's start as a date and as a time of day in the park's clock.
pub(crate) fn day_and_time(
    interval: DeliveryInterval,
    utc_offset_minutes: i16,
) -> (String, String) {
    let text = interval_text(interval, utc_offset_minutes);
    match text.split_once('T') {
        Some((day, time)) => (day.to_owned(), time.chars().take(5).collect()),
        None => (text, String::new()),
    }
}

fn offset(minutes: i16) -> Option<Offset> {
    Offset::from_seconds(i32::from(minutes) * 60).ok()
}

/// An interval's start in the park's clock, `2026-11-24T10:00+08:00`.
pub(crate) fn interval_text(interval: DeliveryInterval, utc_offset_minutes: i16) -> String {
    local_text(interval.start(), utc_offset_minutes, "%Y-%m-%dT%H:%M")
        .unwrap_or_else(|| interval.to_string())
}

/// A moment in the park's clock, to the second.
pub(crate) fn time_text(time: Timestamp, utc_offset_minutes: i16) -> String {
    local_text(time, utc_offset_minutes, "%Y-%m-%dT%H:%M:%S")
        .unwrap_or_else(|| format!("{} ms", time.0))
}

/// Seconds since 1970 in UTC: the clock of a witness, who is in no park.
pub(crate) fn seconds_text(seconds: u64) -> String {
    time_text(Timestamp(seconds.saturating_mul(1_000)), 0)
}

fn local_text(time: Timestamp, utc_offset_minutes: i16, form: &str) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(time.0).ok()?).ok()?;
    let local = offset(utc_offset_minutes)?.to_datetime(time).strftime(form);
    let sign = if utc_offset_minutes < 0 { '-' } else { '+' };
    let minutes = utc_offset_minutes.unsigned_abs();
    Some(format!(
        "{local}{sign}{:02}:{:02}",
        minutes / 60,
        minutes % 60
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHANGHAI: i16 = 480;
    /// 2026-07-01 00:00 in Shanghai.
    const JULY: DeliveryInterval = DeliveryInterval(1_980_928);

    #[test]
    fn one_interval_has_several_spellings() {
        for text in [
            "2026-07-01T00:00",
            "2026-07-01T00:00:00",
            "2026-07-01T00:00+08:00",
            "2026-07-01T00:00:00+08:00",
            "2026-06-30T16:00Z",
            "2026-06-30T16:00:00Z",
            "#1980928",
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.interval(SHANGHAI).unwrap(), JULY, "{text}");
        }
        assert_eq!(interval_text(JULY, SHANGHAI), "2026-07-01T00:00+08:00");
        assert_eq!(time_text(JULY.start(), 0), "2026-06-30T16:00:00+00:00");
    }

    #[test]
    fn month_is_that_of_the_park_s_clock() {
        let month: Month = "2026-07".parse().unwrap();
        let (from, to) = month.intervals(SHANGHAI).unwrap();
        assert_eq!(from, JULY);
        assert_eq!(to, JULY.plus(31 * 96 - 1));
        assert_eq!(
            day_and_time(to, SHANGHAI),
            ("2026-07-31".to_owned(), "23:45".to_owned())
        );
        let december: Month = "2026-12".parse().unwrap();
        let (from, to) = december.intervals(0).unwrap();
        assert_eq!(to.0 - from.0 + 1, 31 * 96);
        for text in [
            "2026-13",
            "2026-7",
            "2026",
            "2026-07-01",
            "202607",
            "2026-０7",
        ] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_times_are_refused_with_the_reason() {
        for (text, reason) in [
            ("2026-07-01T00:07", "start of a delivery interval"),
            ("2026-07-01T00:00:01", "start of a delivery interval"),
            ("2026-07-01T00:07+08:00", "start of a delivery interval"),
            ("2026-07-01", "no time of day"),
            ("tomorrow", "no time of day"),
            ("2026-13-01T00:00", "not a time"),
            ("2026-07-01T25:00", "not a time"),
            ("#-1", "no interval's number"),
        ] {
            let error = text.parse::<Moment>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let before_1970: Moment = "1960-01-01T00:00".parse().unwrap();
        assert!(before_1970.interval(SHANGHAI).is_err());
    }
}
