//! A month of the park's clock, by its name.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{DeliveryInterval, LocalQuarter};

/// A month of the Gregorian calendar on the park's clock. Prints and parses as `2026-07`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct LocalMonth {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
}

impl LocalMonth {
    /// The month in which an interval starts, where clocks are `utc_offset_minutes` ahead of UTC.
    pub fn of(interval: DeliveryInterval, utc_offset_minutes: i16) -> LocalMonth {
        let LocalQuarter { year, month, .. } = LocalQuarter::of(interval, utc_offset_minutes);
        LocalMonth { year, month }
    }

    /// The same month of the year before.
    pub const fn year_before(self) -> LocalMonth {
        LocalMonth {
            year: self.year.saturating_sub(1),
            month: self.month,
        }
    }
}

impl fmt::Display for LocalMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for LocalMonth {
    type Err = String;

    fn from_str(text: &str) -> Result<LocalMonth, String> {
        let wrong = || format!("{text:?} is not a month; write it like 2026-07");
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let month = LocalMonth {
            year: year.parse().map_err(|_| wrong())?,
            month: month.parse().map_err(|_| wrong())?,
        };
        if month.year < 1970 || !(1..=12).contains(&month.month) {
            return Err(wrong());
        }
        Ok(month)
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
    }

    #[test]
    fn months_are_ordered_by_time_and_read_as_they_print() {
        let month = |text: &str| text.parse::<LocalMonth>().unwrap();
        assert!(month("2025-12") < month("2026-01"));
        assert_eq!(month("2026-07").year_before(), month("2025-07"));
        assert_eq!(month("2026-07").to_string(), "2026-07");
        for text in ["", "2026", "2026-13", "2026-0", "-1-07", "July"] {
            assert!(text.parse::<LocalMonth>().is_err(), "{text}");
        }
    }
}
