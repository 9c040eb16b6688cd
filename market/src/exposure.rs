//! How much a point may be exposed to in one interval: what its capacity can move.

use crate::units::WattHours;

/// The energy that `capacity_watts` moves in one delivery interval, rounded down to whole
/// watt-hours. A point's net forward sale stays within that of its generation and storage, its
/// net purchase within that of its connection.
pub const fn energy_per_interval(capacity_watts: u32) -> WattHours {
    WattHours(capacity_watts as i64 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn a_quarter_of_an_hour_is_a_quarter_of_the_watts_rounded_down() {
        assert_eq!(energy_per_interval(100_000), WattHours(25_000));
        assert_eq!(energy_per_interval(7), WattHours(1));
        assert_eq!(energy_per_interval(3), WattHours(0));
        assert!(energy_per_interval(u32::MAX).0 <= limits::ENERGY_MAX_WH);
    }
}
