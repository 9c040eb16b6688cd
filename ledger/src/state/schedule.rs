//! Schedules: a standing instruction that changes with the weekday and the time of day.

use crate::event::ScheduleEntry;
use crate::limits::SCHEDULE_ENTRIES_MAX;
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::registry::Registry;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::{DeliveryInterval, LocalQuarter};
use wattle_market::limits::PRICE_MAX;
use wattle_market::point::PointId;
use wattle_market::settlement::PointTerms;

/// Schedules by point.
#[derive(Debug, Clone)]
pub struct Schedules {
    rows: Table<PointId, Vec<ScheduleEntry>>,
}

parts!(Schedules { rows });

impl Default for Schedules {
    fn default() -> Schedules {
        Schedules {
            rows: Table::new(table_number::SCHEDULES),
        }
    }
}

/// The local weekday that an interval starts on: 0 is Monday.
fn weekday(interval: DeliveryInterval, utc_offset_minutes: i16) -> u8 {
    let minutes = i128::from(interval.0) * 15 + i128::from(utc_offset_minutes);
    // 1970-01-01 was a Thursday.
    let weekday = (minutes.div_euclid(24 * 60) + 3).rem_euclid(7);
    u8::try_from(weekday).expect("a remainder of seven fits")
}

impl ScheduleEntry {
    /// Whether the entry is for an interval's weekday and time of day.
    pub fn fits(&self, interval: DeliveryInterval, utc_offset_minutes: i16) -> bool {
        let quarter = LocalQuarter::of(interval, utc_offset_minutes).quarter_of_day;
        let day = 1u8 << weekday(interval, utc_offset_minutes);
        self.weekdays & day != 0 && (self.from_quarter..self.until_quarter).contains(&quarter)
    }
}

impl Schedules {
    /// The entry of a point's schedule that holds for an interval: the first that fits.
    pub fn entry(
        &self,
        point: PointId,
        interval: DeliveryInterval,
        utc_offset_minutes: i16,
    ) -> Option<&ScheduleEntry> {
        let entries = self.rows.get(&point)?;
        entries
            .iter()
            .find(|entry| entry.fits(interval, utc_offset_minutes))
    }

    /// A point's terms as its schedule has them; without a fitting entry as they are.
    pub(crate) fn apply(
        &self,
        point: PointId,
        interval: DeliveryInterval,
        utc_offset_minutes: i16,
        terms: PointTerms,
    ) -> PointTerms {
        match self.entry(point, interval, utc_offset_minutes) {
            Some(entry) => PointTerms {
                enrolled: entry.enrolled,
                ask_limit: entry.ask_limit,
                bid_limit: entry.bid_limit,
                ..terms
            },
            None => terms,
        }
    }

    /// Sets a tenant's schedule for a point of his; no entries: he has none.
    pub(crate) fn set(
        &mut self,
        registry: &Registry,
        participant: ParticipantId,
        point: PointId,
        entries: &[ScheduleEntry],
    ) -> Result<(), Rejection> {
        let row = registry.points().get(&point);
        if row.ok_or(Rejection::UnknownPoint)?.participant != participant {
            return Err(Rejection::NotYourPoint);
        }
        let has_time = |entry: &ScheduleEntry| {
            (1..1 << 7).contains(&entry.weekdays)
                && entry.from_quarter < entry.until_quarter
                && u64::from(entry.until_quarter) <= DeliveryInterval::PER_DAY
        };
        if entries.len() > SCHEDULE_ENTRIES_MAX || !entries.iter().all(has_time) {
            return Err(Rejection::ScheduleInvalid);
        }
        let limits = |entry: &ScheduleEntry| [Some(entry.ask_limit), entry.bid_limit];
        let mut limits = entries.iter().flat_map(limits).flatten();
        if !limits.all(|limit| (0..=PRICE_MAX).contains(&limit.0)) {
            return Err(Rejection::PriceOutOfBounds);
        }
        // Nothing below can be refused.
        if entries.is_empty() {
            self.rows.remove(&point);
        } else {
            self.rows.insert(point, entries.to_vec());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_follow_the_local_calendar() {
        // 2026-07-01 is a Wednesday; its first quarter in Shanghai is still Tuesday in UTC.
        let first = DeliveryInterval(1_980_928);
        assert_eq!(weekday(first, 480), 2);
        assert_eq!(weekday(first, 0), 1);
        assert_eq!(weekday(first.plus(95), 480), 2);
        assert_eq!(weekday(first.plus(96), 480), 3);
        assert_eq!(weekday(DeliveryInterval(0), -480), 2);
    }
}
