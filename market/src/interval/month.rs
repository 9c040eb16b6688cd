//! A month of the park's clock.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DeliveryInterval, LocalQuarter};

/// A month of the Gregorian calendar on the park's clock: 12 × year + month − 1. Prints and parses
/// as `2026-07`, in JSON too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct LocalMonth(pub u32);

impl LocalMonth {
    /// The month in which an interval starts, where clocks are `utc_offset_minutes` ahead of UTC;
    /// held at the last that has a number.
    pub fn of(interval: DeliveryInterval, utc_offset_minutes: i16) -> LocalMonth {
        let local = LocalQuarter::of(interval, utc_offset_minutes);
        let months = i128::from(local.year) * 12 + i128::from(local.month) - 1;
        LocalMonth(u32::try_from(months.max(0)).unwrap_or(u32::MAX))
    }

    /// A month by its year and its place in it, 1 to 12.
    pub fn new(year: u32, month: u8) -> Option<LocalMonth> {
        let place = u32::from(month)
            .checked_sub(1)
            .filter(|place| *place < 12)?;
        Some(LocalMonth(year.checked_mul(12)?.checked_add(place)?))
    }

    /// The same month of the year before.
    pub const fn year_before(self) -> LocalMonth {
        LocalMonth(self.0.saturating_sub(12))
    }
}

impl fmt::Display for LocalMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

impl FromStr for LocalMonth {
    type Err = String;

    fn from_str(text: &str) -> Result<LocalMonth, String> {
        let month = text.split_once('-').and_then(|(year, month)| {
            let (year, month) = (year.parse().ok()?, month.parse().ok()?);
            LocalMonth::new(year, month)
        });
        month.ok_or_else(|| format!("{text:?} is not a month; write it like 2026-07"))
    }
}

impl Serialize for LocalMonth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalMonth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_the_park_s_clock() {
        // 2026-06-30 16:00 UTC is July in Shanghai.
        let july = DeliveryInterval(1_980_928);
        let name = |interval, offset| LocalMonth::of(interval, offset).to_string();
        assert_eq!(name(july, 480), "2026-07");
        assert_eq!(name(july.minus(1), 480), "2026-06");
        assert_eq!(name(july, 0), "2026-06");
        assert_eq!(
            LocalMonth::of(DeliveryInterval(u64::MAX), 0),
            LocalMonth(u32::MAX)
        );
    }

    #[test]
    fn months_are_ordered_by_time_and_read_as_they_print() {
        let month = |text: &str| text.parse::<LocalMonth>().unwrap();
        assert!(month("2025-12") < month("2026-01"));
        assert_eq!(month("2026-07"), LocalMonth::new(2026, 7).unwrap());
        assert_eq!(month("2026-07").year_before(), month("2025-07"));
        assert_eq!(month("2026-07").to_string(), "2026-07");
        let json = serde_json::to_string(&month("2026-07")).unwrap();
        assert_eq!(json, "\"2026-07\"");
        assert_eq!(
            serde_json::from_str::<LocalMonth>(&json).unwrap(),
            month("2026-07")
        );
        for text in ["", "2026", "2026-13", "2026-0", "-1-07", "July"] {
            assert!(text.parse::<LocalMonth>().is_err(), "{text}");
        }
    }
}
