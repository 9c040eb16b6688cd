//! The delivery interval, a quarter of an hour, and the deadlines that hang on it.

mod local;
mod month;

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

pub use local::LocalQuarter;
pub use month::LocalMonth;

/// A moment of park time: milliseconds since 1970-01-01 00:00 UTC.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment plus `milliseconds`, held at the greatest representable moment.
    pub const fn plus_millis(self, milliseconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(milliseconds))
    }

    /// This moment minus `milliseconds`, held at the epoch.
    pub const fn minus_millis(self, milliseconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub(milliseconds))
    }
}

/// One market time unit: the index of a quarter of an hour since the Unix epoch.
///
/// Deadlines saturate rather than overflow, since an index may come from an author's event with
/// any value in it: an absurd interval then has deadlines at the end of time, and the rules on
/// how far ahead an order may lie refuse it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct DeliveryInterval(pub u64);

/// Milliseconds in one minute.
const MINUTE_MS: u64 = 60 * 1000;

impl DeliveryInterval {
    /// Length of one interval in milliseconds: 15 minutes.
    pub const LENGTH_MS: u64 = 15 * MINUTE_MS;
    /// Length of one interval in minutes.
    pub const LENGTH_MINUTES: u64 = 15;
    /// Intervals in an hour.
    pub const PER_HOUR: u64 = 4;
    /// Intervals in a day. Park time has a fixed offset, so every day has as many.
    pub const PER_DAY: u64 = 96;
    /// Intervals in seven days, the distance at which substitutes look back.
    pub const PER_WEEK: u64 = 7 * Self::PER_DAY;
    /// How long before the start the gate closes: 5 minutes.
    pub const GATE_BEFORE_START_MS: u64 = 5 * MINUTE_MS;
    /// How long before the gate orders become firm: 5 minutes.
    pub const FIRM_BEFORE_GATE_MS: u64 = 5 * MINUTE_MS;
    /// How long after the end the initial settlement runs: 60 minutes.
    pub const SETTLEMENT_AFTER_END_MS: u64 = 60 * MINUTE_MS;
    /// Day of the next local month on which the final run takes place, at 00:00 park time.
    pub const FINAL_RUN_DAY: u8 = 8;
    /// How many years a certificate is valid, counted from its month.
    pub const CERTIFICATE_YEARS: i64 = 2;

    /// The interval that `moment` lies in. Its start belongs to it, its end to the next.
    pub const fn containing(moment: Timestamp) -> DeliveryInterval {
        DeliveryInterval(moment.0 / Self::LENGTH_MS)
    }

    /// The first moment of delivery.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(Self::LENGTH_MS))
    }

    /// The first moment after delivery, which is the start of the next interval.
    pub const fn end(self) -> Timestamp {
        self.start().plus_millis(Self::LENGTH_MS)
    }

    /// From this moment on no order is accepted and the auction is due.
    pub const fn gate_closure(self) -> Timestamp {
        self.start().minus_millis(Self::GATE_BEFORE_START_MS)
    }

    /// From this moment on no order may be cancelled or worsened.
    pub const fn firm_from(self) -> Timestamp {
        self.gate_closure().minus_millis(Self::FIRM_BEFORE_GATE_MS)
    }

    /// When the initial settlement is due; it never runs earlier (SETTLEMENT.md, "Runs").
    pub const fn settlement_due(self) -> Timestamp {
        self.end().plus_millis(Self::SETTLEMENT_AFTER_END_MS)
    }

    /// When the final run is due: 00:00 park time on the 8th of the month after the local month
    /// in which this interval starts (SETTLEMENT.md, "Runs").
    pub fn final_run_due(self, utc_offset_minutes: i16) -> Timestamp {
        let local = LocalQuarter::of(self, utc_offset_minutes);
        let (year, month) = match local.month {
            12 => (local.year + 1, 1),
            month => (local.year, month + 1),
        };
        local::midnight(year, month, Self::FINAL_RUN_DAY, utc_offset_minutes)
    }

    /// When certificates of this interval expire: 00:00 park time on the first day of the month
    /// two years after the local month in which it starts, so that they are valid for 24 months,
    /// the month of production included.
    pub fn certificates_expire(self, utc_offset_minutes: i16) -> Timestamp {
        let local = LocalQuarter::of(self, utc_offset_minutes);
        let year = local.year + Self::CERTIFICATE_YEARS;
        local::midnight(year, local.month, 1, utc_offset_minutes)
    }

    /// The interval that follows.
    pub const fn next(self) -> DeliveryInterval {
        self.plus(1)
    }

    /// The interval `count` later, held at the greatest index.
    pub const fn plus(self, count: u64) -> DeliveryInterval {
        DeliveryInterval(self.0.saturating_add(count))
    }

    /// The interval `count` earlier, held at the first.
    pub const fn minus(self, count: u64) -> DeliveryInterval {
        DeliveryInterval(self.0.saturating_sub(count))
    }
}

/// The index, which is what every other page of the ledger shows: `#1961568`.
impl fmt::Display for DeliveryInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 00:00 UTC.
    const NEW_YEAR_2026_MS: u64 = 1_767_225_600_000;

    #[test]
    fn start_belongs_to_the_interval_and_end_to_the_next() {
        let interval = DeliveryInterval::containing(Timestamp(NEW_YEAR_2026_MS));
        assert_eq!(interval.start(), Timestamp(NEW_YEAR_2026_MS));
        assert_eq!(interval.end(), Timestamp(NEW_YEAR_2026_MS + 900_000));
        let last = Timestamp(interval.end().0 - 1);
        assert_eq!(DeliveryInterval::containing(last), interval);
        assert_eq!(
            DeliveryInterval::containing(interval.end()),
            interval.next()
        );
    }

    #[test]
    fn deadlines_stand_at_their_documented_distance() {
        let interval = DeliveryInterval::containing(Timestamp(NEW_YEAR_2026_MS));
        assert_eq!(interval.gate_closure().0, NEW_YEAR_2026_MS - 300_000);
        assert_eq!(interval.firm_from().0, NEW_YEAR_2026_MS - 600_000);
        assert_eq!(
            interval.settlement_due().0,
            NEW_YEAR_2026_MS + 900_000 + 3_600_000
        );
    }

    #[test]
    fn final_run_is_midnight_of_the_eighth_in_park_time() {
        // 2026-01-31 23:45 in Shanghai (UTC+8) belongs to January: due 2026-02-08 00:00 there,
        // which is 2026-02-07 16:00 UTC = new year + 37 days + 16 h.
        let january = DeliveryInterval::containing(Timestamp(
            NEW_YEAR_2026_MS + (30 * 24 + 15) * 3_600_000 + 45 * 60_000,
        ));
        let due = NEW_YEAR_2026_MS + (37 * 24 + 16) * 3_600_000;
        assert_eq!(january.final_run_due(480), Timestamp(due));
        // A quarter later it is February there: due 28 days later.
        assert_eq!(
            january.next().final_run_due(480),
            Timestamp(due + 28 * 86_400_000)
        );
        // December runs over into the next year.
        let december = DeliveryInterval::containing(Timestamp(NEW_YEAR_2026_MS - 86_400_000));
        assert_eq!(
            december.final_run_due(0),
            Timestamp(NEW_YEAR_2026_MS + 7 * 86_400_000)
        );
    }

    #[test]
    fn certificates_are_valid_for_24_months_with_that_of_production() {
        let january = DeliveryInterval::containing(Timestamp(
            NEW_YEAR_2026_MS + (30 * 24 + 15) * 3_600_000 + 45 * 60_000,
        ));
        // 2028-01-01 00:00 in Shanghai is 2027-12-31 16:00 UTC.
        let due = Timestamp(1_830_268_800_000);
        assert_eq!(january.certificates_expire(480), due);
        let february = Timestamp(due.0 + 31 * 86_400_000);
        assert_eq!(january.next().certificates_expire(480), february);
        let last = DeliveryInterval(u64::MAX);
        assert_eq!(last.certificates_expire(840), Timestamp(u64::MAX));
    }

    #[test]
    fn absurd_intervals_saturate_instead_of_overflowing() {
        assert_eq!(DeliveryInterval(u64::MAX).start(), Timestamp(u64::MAX));
        assert_eq!(
            DeliveryInterval(u64::MAX).next(),
            DeliveryInterval(u64::MAX)
        );
        assert_eq!(DeliveryInterval(0).firm_from(), Timestamp(0));
        assert_eq!(DeliveryInterval(3).minus(5), DeliveryInterval(0));
        assert_eq!(
            DeliveryInterval(u64::MAX).final_run_due(840),
            Timestamp(u64::MAX)
        );
    }
}
