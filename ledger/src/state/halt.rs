//! Market halts: intervals for which no order is taken and no auction held.

use crate::limits::HALTS_MAX;
use crate::rejection::Rejection;
use crate::state::clock::Clock;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;

/// Halts by their first interval; each with the first interval after it, if it has an end.
#[derive(Debug, Clone)]
pub struct Halts {
    rows: Table<DeliveryInterval, Option<DeliveryInterval>>,
}

parts!(Halts { rows });

impl Default for Halts {
    fn default() -> Halts {
        Halts {
            rows: Table::new(table_number::HALTS),
        }
    }
}

impl Halts {
    /// Halts that cover an interval whose gate is still to close.
    pub fn rows(&self) -> &Table<DeliveryInterval, Option<DeliveryInterval>> {
        &self.rows
    }

    /// Whether the market is halted for an interval.
    pub fn is_halted(&self, interval: DeliveryInterval) -> bool {
        let mut begun = self.rows.range(..=interval);
        begun.any(|(_, until)| until.is_none_or(|until| interval < until))
    }

    /// Halts the market from an interval on, until another or until it is resumed.
    pub(crate) fn halt(
        &mut self,
        clock: &Clock,
        from: DeliveryInterval,
        until: Option<DeliveryInterval>,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let full = self.rows.len() >= HALTS_MAX && !self.rows.contains(&from);
        if full || until.is_some_and(|until| until <= from) {
            return Err(Rejection::HaltInvalid);
        }
        self.rows.insert(from, until);
        Ok(())
    }

    /// Ends every halt from an interval on.
    pub(crate) fn resume(
        &mut self,
        clock: &Clock,
        from: DeliveryInterval,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let lasting: Vec<DeliveryInterval> = self
            .rows
            .iter()
            .filter(|(_, until)| until.is_none_or(|until| until > from))
            .map(|(begun, _)| *begun)
            .collect();
        if lasting.is_empty() {
            return Err(Rejection::NotHalted);
        }
        for begun in lasting {
            if begun < from {
                self.rows.insert(begun, Some(from));
            } else {
                self.rows.remove(&begun);
            }
        }
        Ok(())
    }

    /// Drops halts that are over before `next`.
    pub(crate) fn forget_before(&mut self, next: DeliveryInterval) {
        let over: Vec<DeliveryInterval> = self
            .rows
            .iter()
            .filter(|(_, until)| until.is_some_and(|until| until <= next))
            .map(|(from, _)| *from)
            .collect();
        for from in over {
            self.rows.remove(&from);
        }
    }
}
