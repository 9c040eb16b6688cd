//! Which days a data file covers, and which of them are settled.

use std::collections::BTreeSet;

use wattle_market::interval::DeliveryInterval;

use super::readings::Readings;
use super::{DAYS_MAX, ImportError, LineReason};

/// Which days a file covers.
pub(super) struct Calendar {
    pub(super) start: DeliveryInterval,
    pub(super) end: DeliveryInterval,
    pub(super) days: u64,
}

impl Calendar {
    pub(super) fn of(readings: &Readings) -> Result<Self, ImportError> {
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
    pub(super) fn settled_days(&self) -> u64 {
        if self.days > 1 { self.days - 1 } else { 1 }
    }

    pub(super) fn first_settled(&self) -> DeliveryInterval {
        DeliveryInterval(self.end.0 - self.settled_days() * DeliveryInterval::PER_DAY)
    }
}
