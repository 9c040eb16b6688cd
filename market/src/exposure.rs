//! How much a point may be exposed to in one interval: what its capacity can move.

use crate::limits::POSITION_MAX_WH;
use crate::order::Side;
use crate::settlement::ForwardPosition;
use crate::units::WattHours;

/// The energy that `capacity_watts` moves in one delivery interval, rounded down to whole
/// watt-hours. A point's net forward sale stays within that of its generation and storage, its
/// net purchase within that of its connection.
pub const fn energy_per_interval(capacity_watts: u32) -> WattHours {
    WattHours(capacity_watts as i64 / 4)
}

/// What stands against a point's trading more of one side in one interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// All of it traded, the point would be short (or long) of more than its capacity moves.
    Capacity,
    /// All of it traded, the sales (or the purchases) alone would leave [`POSITION_MAX_WH`].
    Position,
}

/// Whether a point that has `traded` may have `open` more of one side to be traded, in orders and
/// whatever else may fill.
///
/// What was bought makes room for sales of as much, and the other way round; open orders of the
/// other side do not, since they may stay unfilled. Nor does a position on the other side make
/// room beyond itself: it could be closed before the order is filled.
pub fn check(
    traded: &ForwardPosition,
    side: Side,
    open: WattHours,
    capacity_watts: u32,
) -> Result<(), Excess> {
    let (same, other) = match side {
        Side::Sell => (traded.sold, traded.bought),
        Side::Buy => (traded.bought, traded.sold),
    };
    let (same, other, open) = (i128::from(same.0), i128::from(other.0), i128::from(open.0));
    if (same - other).max(0) + open > i128::from(energy_per_interval(capacity_watts).0) {
        return Err(Excess::Capacity);
    }
    if same + open > i128::from(POSITION_MAX_WH) {
        return Err(Excess::Position);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::units::Money;

    fn traded(sold: i64, bought: i64) -> ForwardPosition {
        ForwardPosition {
            sold: WattHours(sold),
            bought: WattHours(bought),
            cash: Money(0),
        }
    }

    #[track_caller]
    fn greatest(position: (i64, i64), side: Side, expected: i64) {
        let traded = traded(position.0, position.1);
        let check = |open| check(&traded, side, WattHours(open), 100_000);
        assert_eq!(check(expected), Ok(()));
        assert!(check(expected + 1).is_err());
    }

    #[test]
    fn what_was_traded_takes_room_and_its_opposite_gives_it_back() {
        greatest((0, 0), Side::Sell, 25_000);
        greatest((20_000, 0), Side::Sell, 5_000);
        greatest((20_000, 15_000), Side::Sell, 20_000);
        greatest((0, 15_000), Side::Sell, 25_000);
        greatest((0, 15_000), Side::Buy, 10_000);
        greatest((20_000, 15_000), Side::Buy, 25_000);
    }

    #[test]
    fn sales_and_purchases_alone_have_a_bound_too() {
        let traded = traded(POSITION_MAX_WH - 10, POSITION_MAX_WH - 10);
        for side in [Side::Sell, Side::Buy] {
            let check = |open| check(&traded, side, WattHours(open), 100_000);
            assert_eq!(check(10), Ok(()));
            assert_eq!(check(11), Err(Excess::Position));
            assert_eq!(check(25_001), Err(Excess::Capacity));
        }
    }

    #[test]
    fn a_quarter_of_an_hour_is_a_quarter_of_the_watts_rounded_down() {
        assert_eq!(energy_per_interval(100_000), WattHours(25_000));
        assert_eq!(energy_per_interval(7), WattHours(1));
        assert_eq!(energy_per_interval(3), WattHours(0));
        assert!(energy_per_interval(u32::MAX).0 <= limits::ENERGY_MAX_WH);
    }
}
