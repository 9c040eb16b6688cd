//! Where discharged energy came from: charge lots, drawn in the order in which they were charged.
//!
//! A storage gives back less than it took. Which watt-hours were lost nobody can meter, so a fixed
//! rule says it: each watt-hour of charge, in the order of the lots, is either given back or lost,
//! evenly spread by the storage's yield. The order and the yield are all that it depends on, so
//! that two people who never met assign the same losses.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::units::WattHours;

/// A yield of one: nothing is lost. Yields are counted in ten-thousandths.
pub const YIELD_WHOLE: u16 = 10_000;

/// Lots that one discharge draws from at most; what lies beyond stays where it is.
pub const LOTS_DRAWN_MAX: usize = 256;

/// What was charged in one interval and has not been drawn yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Lot {
    /// Own generation that a certificate was issued for.
    pub green: WattHours,
    /// Anything else.
    pub grey: WattHours,
}

impl Lot {
    /// Whether nothing is left in it.
    pub fn is_empty(&self) -> bool {
        self.green.0 == 0 && self.grey.0 == 0
    }
}

/// What a discharge drew from one lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn<K> {
    /// The lot.
    pub key: K,
    /// What it drew.
    pub taken: Lot,
    /// The part of the green that came out again; the rest of it is lost.
    pub given: WattHours,
}

impl<K> Drawn<K> {
    /// The part of the green that is lost.
    pub fn lost(&self) -> WattHours {
        WattHours(self.taken.green.0 - self.given.0)
    }
}

/// Draws a discharge from lots, oldest first, within a lot the green before the grey.
///
/// A discharge of D takes `X = ⌈D × 10,000 ÷ yield⌉` watt-hours of charge, or all there are. The
/// first `n` of them give back `⌊n × yield ÷ 10,000⌋`; what a part gives back is the difference
/// between the sums before and after it.
///
/// `discharged` is at most [`crate::limits::ENERGY_MAX_WH`], `yield_bp` 1 to [`YIELD_WHOLE`].
pub fn draw<K>(
    lots: impl IntoIterator<Item = (K, Lot)>,
    discharged: WattHours,
    yield_bp: u16,
) -> Vec<Drawn<K>> {
    let (whole, part) = (i64::from(YIELD_WHOLE), i64::from(yield_bp));
    let wanted = (discharged.0 * whole + part - 1) / part;
    let given_by = |charge: i64| charge * part / whole;
    let mut taken = 0;
    let mut drawn = Vec::new();
    for (key, lot) in lots.into_iter().take(LOTS_DRAWN_MAX) {
        if taken == wanted {
            break;
        }
        let green = lot.green.0.min(wanted - taken);
        let given = given_by(taken + green) - given_by(taken);
        taken += green;
        let grey = lot.grey.0.min(wanted - taken);
        taken += grey;
        drawn.push(Drawn {
            key,
            taken: Lot {
                green: WattHours(green),
                grey: WattHours(grey),
            },
            given: WattHours(given),
        });
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(green: i64, grey: i64) -> Lot {
        Lot {
            green: WattHours(green),
            grey: WattHours(grey),
        }
    }

    #[test]
    fn the_oldest_lot_goes_first_and_its_green_before_its_grey() {
        let drawn = draw(
            [("old", lot(60, 40)), ("new", lot(50, 0))],
            WattHours(99),
            9_000,
        );
        // 110 Wh of charge give 99: of the first 60 they are 54; of the 10 of the new lot, which
        // are the 101st to the 110th, 99 − 90.
        let parts: Vec<_> = drawn.iter().map(|part| (part.key, part.given.0)).collect();
        assert_eq!(parts, [("old", 54), ("new", 9)]);
        assert_eq!(drawn[0].taken, lot(60, 40));
        assert_eq!(drawn[1].taken, lot(10, 0));
        assert_eq!((drawn[0].lost().0, drawn[1].lost().0), (6, 1));
    }

    #[test]
    fn more_than_was_charged_is_not_given() {
        let drawn = draw([(1, lot(10, 0))], WattHours(1_000), YIELD_WHOLE);
        assert_eq!(drawn[0].given, WattHours(10));
        assert_eq!(draw([(1, lot(10, 0))], WattHours::ZERO, YIELD_WHOLE), []);
    }
}
