//! How orders meet: at the gate all at once, or each as it is recorded.

use crate::limits::MARKET_MODES_MAX;
use crate::registration::MarketMode;
use crate::rejection::Rejection;
use crate::state::clock::Clock;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;

/// Modes of the market by their first interval.
#[derive(Debug, Clone)]
pub struct Modes {
    rows: Table<DeliveryInterval, MarketMode>,
}

parts!(Modes { rows });

impl Default for Modes {
    fn default() -> Modes {
        Modes {
            rows: Table::new(table_number::MARKET_MODES),
        }
    }
}

impl Modes {
    /// What is in force at an interval; without a row the call auction.
    pub fn at(&self, interval: DeliveryInterval) -> MarketMode {
        let row = self.rows.range(..=interval).next_back();
        row.map_or(MarketMode::CallAuction, |(_, mode)| *mode)
    }

    /// Sets the mode from an interval on. `in_use` says whether anybody has orders or trades there
    /// or later: they rely on how they meet.
    pub(crate) fn set(
        &mut self,
        clock: &Clock,
        in_use: bool,
        (from, mode): (DeliveryInterval, MarketMode),
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if in_use {
            return Err(Rejection::MarketInUse);
        }
        if self.rows.len() >= MARKET_MODES_MAX && !self.rows.contains(&from) {
            return Err(Rejection::TooManyModes);
        }
        self.rows.insert(from, mode);
        Ok(())
    }

    /// Drops rows that a later one has replaced by `next`.
    pub(crate) fn forget_before(&mut self, next: DeliveryInterval) {
        let begun = self.rows.range(..=next).map(|(from, _)| *from);
        let mut begun: Vec<DeliveryInterval> = begun.collect();
        // The last one is in force.
        begun.pop();
        for from in begun {
            self.rows.remove(&from);
        }
    }
}
