//! Local calendar arithmetic with a fixed offset: all that tariffs and month closes need.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{DeliveryInterval, Timestamp};

// Days of any interval, and what dates are made of, fit into 64 bits; their milliseconds may not.
const MINUTES_PER_DAY: i64 = 24 * 60;
const MILLIS_PER_MINUTE: i128 = 60_000;
/// Days in the 400 years after which the Gregorian calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT_DAYS: i64 = 719_468;

/// Which quarter of an hour of which local day.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
pub struct LocalQuarter {
    /// Year of the Gregorian calendar.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Quarter of the local day, 0 (00:00) to 95 (23:45).
    pub quarter_of_day: u8,
}

impl LocalQuarter {
    /// The local quarter in which `interval` starts, where clocks are `utc_offset_minutes` ahead
    /// of UTC (480 in Shanghai). Offsets are multiples of 15 minutes everywhere on Earth today;
    /// with any other the quarter is the one that the start falls into.
    pub fn of(interval: DeliveryInterval, utc_offset_minutes: i16) -> LocalQuarter {
        let utc_days = (interval.0 / DeliveryInterval::PER_DAY) as i64;
        let utc_minutes = interval.0 % DeliveryInterval::PER_DAY * DeliveryInterval::LENGTH_MINUTES;
        let local_minutes = utc_minutes as i64 + i64::from(utc_offset_minutes);
        let days = utc_days + local_minutes.div_euclid(MINUTES_PER_DAY);
        let minute_of_day = local_minutes.rem_euclid(MINUTES_PER_DAY);
        let (year, month, day) = civil_from_days(days);
        LocalQuarter {
            year,
            month,
            day,
            quarter_of_day: (minute_of_day / 15) as u8,
        }
    }
}

/// The moment at which the local day begins, held within what a timestamp can say.
pub(super) fn midnight(year: i64, month: u8, day: u8, utc_offset_minutes: i16) -> Timestamp {
    let days = days_from_civil(year, month, day);
    let local_minutes = i128::from(days) * i128::from(MINUTES_PER_DAY);
    let millis = (local_minutes - i128::from(utc_offset_minutes)) * MILLIS_PER_MINUTE;
    Timestamp(u64::try_from(millis.max(0)).unwrap_or(u64::MAX))
}

/// Date of a day number (0 = 1970-01-01).
///
/// Years are counted from March, so that the leap day is the last of its year; then the lengths
/// of the months, 31 30 31 30 31 repeated, are what `(153·m + 2) / 5` sums up.
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + EPOCH_SHIFT_DAYS;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    // A leap day every 4 years (1,461 days), none every 100 (36,524), one every 400.
    let leap_corrected =
        day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / (DAYS_PER_ERA - 1);
    let year_of_era = leap_corrected / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    // A u64 interval reaches year 5 × 10¹⁴ at most, so the year fits.
    (year, month as u8, day as u8)
}

/// Day number (0 = 1970-01-01) of a date; the inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let march_month = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - EPOCH_SHIFT_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(millis: u64, offset: i16) -> (i64, u8, u8, u8) {
        let quarter = LocalQuarter::of(DeliveryInterval::containing(Timestamp(millis)), offset);
        (
            quarter.year,
            quarter.month,
            quarter.day,
            quarter.quarter_of_day,
        )
    }

    #[test]
    fn known_dates_are_found() {
        assert_eq!(local(0, 0), (1970, 1, 1, 0));
        // 2000-02-29 12:00 UTC, a leap day of a 400th year.
        assert_eq!(local(951_825_600_000, 0), (2000, 2, 29, 48));
        // 2024-02-29 16:00 UTC is 2024-03-01 00:00 in Shanghai.
        assert_eq!(local(1_709_222_400_000, 480), (2024, 3, 1, 0));
        assert_eq!(local(1_709_222_400_000 - 1, 480), (2024, 2, 29, 95));
        // 2026-01-01 00:00 UTC.
        assert_eq!(local(1_767_225_600_000, 0), (2026, 1, 1, 0));
        assert_eq!(local(1_767_225_600_000, -300), (2025, 12, 31, 76));
        // 2100 is no leap year: 2100-03-01 follows 2100-02-28.
        assert_eq!(local(4_107_542_400_000, 0), (2100, 3, 1, 0));
        assert_eq!(local(4_107_542_400_000 - 1, 0), (2100, 2, 28, 95));
    }

    #[test]
    fn before_the_epoch_west_of_greenwich_is_1969() {
        assert_eq!(local(0, -15), (1969, 12, 31, 95));
    }

    #[test]
    fn dates_and_day_numbers_are_inverse_over_eight_centuries() {
        let mut previous = civil_from_days(-146_098);
        for days in -146_097..146_097 {
            let date = civil_from_days(days);
            assert!(date > previous, "{date:?} does not follow {previous:?}");
            assert_eq!(days_from_civil(date.0, date.1, date.2), days);
            previous = date;
        }
    }

    #[test]
    fn the_last_interval_of_all_has_a_date() {
        let quarter = LocalQuarter::of(DeliveryInterval(u64::MAX), i16::MAX);
        assert!(quarter.year > 500_000_000_000_000);
        assert!((1..=12).contains(&quarter.month) && (1..=31).contains(&quarter.day));
    }

    proptest::proptest! {
        /// The day of an interval is what its minutes come to, in as many bits as it takes.
        #[test]
        fn any_interval_lies_in_the_day_that_its_minutes_come_to(
            interval in proptest::prelude::any::<u64>(),
            shift in 0u32..64,
            offset in proptest::prelude::any::<i16>(),
        ) {
            let interval = interval >> shift;
            let quarter = LocalQuarter::of(DeliveryInterval(interval), offset);
            let minutes = i128::from(interval) * 15 + i128::from(offset);
            let days = days_from_civil(quarter.year, quarter.month, quarter.day);
            proptest::prop_assert_eq!(i128::from(days), minutes.div_euclid(24 * 60));
            let in_day = i128::from(quarter.quarter_of_day);
            proptest::prop_assert_eq!(in_day, minutes.rem_euclid(24 * 60) / 15);
        }
    }
}
