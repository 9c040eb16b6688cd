//! Readings that are missing at a run, and what stands in for them (SETTLEMENT.md, "Runs").
//!
//! A substitute never favors whoever's reading is missing: nothing generated or exported, the
//! most consumed. It is replaced by the actual reading at the next run.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::exposure::energy_per_interval;
use crate::interval::DeliveryInterval;
use crate::share::proportion;
use crate::units::WattHours;

/// What a register counts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Register {
    /// G, what the point's own plant generates.
    Generation,
    /// L, what the point consumes.
    Load,
    /// C, what goes into its storage.
    Charge,
    /// D, what comes out of its storage.
    Discharge,
    /// X_in, what the connection takes from the park's network.
    Import,
    /// X_out, what the connection gives to it.
    Export,
}

impl Register {
    /// Whether more on this register is better for the point, so that an open gap counts as
    /// nothing: generation, discharge and export.
    pub const fn is_credit(self) -> bool {
        match self {
            Register::Generation | Register::Discharge | Register::Export => true,
            Register::Load | Register::Charge | Register::Import => false,
        }
    }
}

/// The intervals that an open gap looks back to: the same time of day on the seven days before,
/// latest first.
pub fn lookback(interval: DeliveryInterval) -> [DeliveryInterval; 7] {
    [1, 2, 3, 4, 5, 6, 7].map(|days| interval.minus(days * DeliveryInterval::PER_DAY))
}

/// A gap with both its registers known: spreads the known `total` over its intervals in
/// proportion to `week_earlier`, the energy of the same intervals seven days before (zero where
/// there was none), or evenly if all of these are zero. One answer for each, in order; odd
/// watt-hours go to the largest remainders, ties to the earlier interval.
///
/// # Panics
/// If `total` or an energy is negative; a register difference that is negative is no known gap.
pub fn known_gap(total: WattHours, week_earlier: &[WattHours]) -> Vec<WattHours> {
    let is_blank = week_earlier.iter().all(|energy| energy.0 == 0);
    let weights: Vec<(usize, WattHours)> = week_earlier
        .iter()
        .map(|energy| if is_blank { WattHours(1) } else { *energy })
        .enumerate()
        .collect();
    proportion(total, &weights)
        .into_iter()
        .map(|(_, part)| part)
        .collect()
}

/// An open gap, whose later register is not known yet: nothing for generation, discharge and
/// export; for load, charge and import the most of `actual_history`, which are the actual
/// readings of the intervals of [`lookback`], or else `rated_watts` over a quarter of an hour.
pub fn open_gap(register: Register, actual_history: &[WattHours], rated_watts: u32) -> WattHours {
    if register.is_credit() {
        return WattHours::ZERO;
    }
    let most = actual_history.iter().copied().max();
    most.unwrap_or_else(|| energy_per_interval(rated_watts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(total: i64, week_earlier: &[i64]) -> Vec<i64> {
        let earlier: Vec<_> = week_earlier
            .iter()
            .map(|energy| WattHours(*energy))
            .collect();
        known_gap(WattHours(total), &earlier)
            .into_iter()
            .map(|energy| energy.0)
            .collect()
    }

    #[test]
    fn a_known_gap_follows_the_week_before_also_beyond_its_sum() {
        assert_eq!(spread(100, &[10, 30, 0, 10]), [20, 60, 0, 20]);
        assert_eq!(spread(10, &[1, 2, 4]), [1, 3, 6]);
    }

    #[test]
    fn a_known_gap_after_a_blank_week_is_spread_evenly_with_the_odd_units_first() {
        assert_eq!(spread(11, &[0, 0, 0, 0]), [3, 3, 3, 2]);
        assert_eq!(spread(5, &[0]), [5]);
    }

    #[test]
    fn an_open_gap_never_favors_the_point() {
        let history = [WattHours(4_000), WattHours(9_000), WattHours(100)];
        for register in [Register::Generation, Register::Discharge, Register::Export] {
            assert_eq!(open_gap(register, &history, 50_000), WattHours(0));
        }
        for register in [Register::Load, Register::Charge, Register::Import] {
            assert_eq!(open_gap(register, &history, 50_000), WattHours(9_000));
            assert_eq!(open_gap(register, &[], 50_001), WattHours(12_500));
        }
    }

    #[test]
    fn the_lookback_is_the_same_time_of_day_on_seven_days() {
        let days = lookback(DeliveryInterval(1_000));
        assert_eq!(days[0], DeliveryInterval(904));
        assert_eq!(days[6], DeliveryInterval(1_000 - 672));
    }
}
