//! Discharge against a reference that goes through the charge one watt-hour after the other.

use proptest::prelude::*;
use wattle_market::storage::{LOTS_DRAWN_MAX, Lot, YIELD_WHOLE, draw};
use wattle_market::units::WattHours;

fn lots_of(parts: &[(i64, i64)]) -> Vec<(usize, Lot)> {
    let lot = |(green, grey): &(i64, i64)| Lot {
        green: WattHours(*green),
        grey: WattHours(*grey),
    };
    parts.iter().map(lot).enumerate().collect()
}

/// Green taken and given by lot: each watt-hour is weighed as it is taken, and given back whenever
/// the weights so far have filled another whole one.
fn reference(lots: &[(usize, Lot)], discharged: i64, yield_bp: u16) -> Vec<(i64, i64)> {
    let mut result = vec![(0, 0); lots.len()];
    let (mut weight, mut given) = (0_i64, 0_i64);
    for (key, lot) in lots {
        for place in 0..lot.green.0 + lot.grey.0 {
            if given == discharged {
                return result;
            }
            weight += i64::from(yield_bp);
            let comes_out = weight / i64::from(YIELD_WHOLE) > given;
            given += i64::from(comes_out);
            if place < lot.green.0 {
                result[*key].0 += 1;
                result[*key].1 += i64::from(comes_out);
            }
        }
    }
    result
}

proptest! {
    #[test]
    fn a_discharge_is_what_going_watt_hour_by_watt_hour_finds(
        parts in prop::collection::vec((0..60_i64, 0..60_i64), 0..12),
        discharged in 0..900_i64,
        yield_bp in 1..=YIELD_WHOLE,
    ) {
        let lots = lots_of(&parts);
        let drawn = draw(lots.clone(), WattHours(discharged), yield_bp);
        let mut found = vec![(0, 0); lots.len()];
        for part in &drawn {
            found[part.key] = (part.taken.green.0, part.given.0);
        }
        prop_assert_eq!(found, reference(&lots, discharged, yield_bp));
    }

    #[test]
    fn what_comes_out_went_in_and_never_more(
        parts in prop::collection::vec((0..=1_i64 << 30, 0..=1_i64 << 30), 0..400),
        discharged in 0..=1_i64 << 30,
        yield_bp in 1..=YIELD_WHOLE,
    ) {
        let lots = lots_of(&parts);
        let drawn = draw(lots.clone(), WattHours(discharged), yield_bp);
        prop_assert!(drawn.len() <= LOTS_DRAWN_MAX);
        let mut given = 0;
        for part in &drawn {
            let lot = lots[part.key].1;
            prop_assert!((0..=lot.green.0).contains(&part.taken.green.0));
            prop_assert!((0..=lot.grey.0).contains(&part.taken.grey.0));
            prop_assert!((0..=part.taken.green.0).contains(&part.given.0));
            given += part.given.0;
        }
        prop_assert!(given <= discharged);
        // All but the last are drawn whole: that is what first in, first out says.
        for part in drawn.iter().rev().skip(1) {
            prop_assert_eq!(part.taken, lots[part.key].1);
        }
    }
}
