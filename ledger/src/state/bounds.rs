//! Price bounds: the least and the greatest limit that an order may have.

use crate::event::OrderItem;
use crate::rejection::Rejection;
use crate::state::clock::Clock;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::PRICE_MAX;
use wattle_market::units::Price;

/// Floor and cap, both allowed.
pub type FloorAndCap = (Price, Price);

/// Floors and caps by their first interval.
#[derive(Debug, Clone)]
pub struct PriceBounds {
    rows: Table<DeliveryInterval, FloorAndCap>,
}

parts!(PriceBounds { rows });

impl Default for PriceBounds {
    fn default() -> PriceBounds {
        PriceBounds {
            rows: Table::new(table_number::PRICE_BOUNDS),
        }
    }
}

impl PriceBounds {
    /// Whether each floor is a price and no cap lies below it.
    pub(crate) fn check(&self) -> Result<(), RowError> {
        let is_sound = |(floor, cap): &FloorAndCap| {
            Price::ZERO <= *floor && floor <= cap && cap.0 <= PRICE_MAX
        };
        let holds = self.rows.iter().all(|(_, row)| is_sound(row));
        require(
            table_number::PRICE_BOUNDS,
            holds,
            "has a floor above its cap",
        )
    }

    /// What is in force at an interval; without a row the bounds of every price.
    pub fn at(&self, interval: DeliveryInterval) -> FloorAndCap {
        let row = self.rows.range(..=interval).next_back();
        row.map_or((Price::ZERO, Price(PRICE_MAX)), |(_, bounds)| *bounds)
    }

    /// Whether an order's limit lies within the bounds of its interval.
    pub fn allow(&self, item: &OrderItem) -> bool {
        let (floor, cap) = self.at(item.interval);
        (floor..=cap).contains(&item.limit)
    }

    /// Sets floor and cap from an interval on.
    pub(crate) fn set(
        &mut self,
        clock: &Clock,
        from: DeliveryInterval,
        floor: Price,
        cap: Price,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if floor < Price::ZERO || cap > Price(PRICE_MAX) || floor > cap {
            return Err(Rejection::PriceBoundsInvalid);
        }
        self.rows.insert(from, (floor, cap));
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
