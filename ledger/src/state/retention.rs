//! What a state lets go of: rows that no rule can ask for any more (RULES.md, section 7).
//!
//! A state would otherwise grow with its log. What is let go of is in the log as it was, and an
//! export proves it; only the rows go, with the settlement of an interval.

use crate::limits::{READING_AGE_INTERVALS_MAX, RETENTION_INTERVALS};
use crate::state::State;
use crate::state::groups::day_of;
use wattle_market::interval::DeliveryInterval;

impl State {
    /// The earliest interval that a run, a reading, a correction or a month can still ask for:
    /// [`RETENTION_INTERVALS`] before the first of the intervals that can still be read, are not
    /// settled, or have no final run yet.
    fn horizon(&self) -> DeliveryInterval {
        let clock = self.clock();
        let oldest_reading =
            DeliveryInterval::containing(clock.time).minus(READING_AGE_INTERVALS_MAX);
        let open = oldest_reading.min(clock.next_settlement);
        let course = self.runs.course();
        let open = course.map_or(open, |course| open.min(course.next));
        open.minus(RETENTION_INTERVALS)
    }

    /// Lets go of registers and certificates before the horizon. A meter's latest day before it
    /// stays: whatever comes next is compared with it.
    pub(crate) fn forget_past(&mut self) {
        let horizon = self.horizon();
        self.readings.forget_before(day_of(horizon));
        self.certificates.forget_before(horizon);
    }
}
