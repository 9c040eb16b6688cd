//! How a market's volume is spread over its participants, in ten-thousandths.

use crate::registration::ParticipantId;
use std::collections::BTreeMap;
use wattle_market::order::Side;
use wattle_market::units::WattHours;

/// Ten-thousandths of the whole.
const WHOLE: i128 = 10_000;

/// What of a volume was whose.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Concentration {
    /// Watt-hours sold, which is what was bought.
    pub volume: i128,
    /// Sellers.
    pub sellers: BTreeMap<ParticipantId, Share>,
    /// Buyers.
    pub buyers: BTreeMap<ParticipantId, Share>,
    /// The Herfindahl-Hirschman index of the sellers: the sum of the squares of their shares, of
    /// 10,000 (one seller alone); rounded down once.
    pub sellers_hhi: i128,
    /// The same of the buyers.
    pub buyers_hhi: i128,
}

/// One participant's part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Share {
    /// Watt-hours.
    pub quantity: i128,
    /// Of 10,000, rounded down.
    pub basis_points: i128,
}

impl Concentration {
    /// Counts a trade's leg.
    pub(super) fn count(&mut self, participant: ParticipantId, side: Side, quantity: WattHours) {
        let side = match side {
            Side::Sell => &mut self.sellers,
            Side::Buy => &mut self.buyers,
        };
        if quantity.0 > 0 {
            side.entry(participant).or_default().quantity += i128::from(quantity.0);
        }
    }

    /// Works the shares out.
    pub(super) fn finish(&mut self) {
        self.volume = self.sellers.values().map(|share| share.quantity).sum();
        self.sellers_hhi = index(&mut self.sellers);
        self.buyers_hhi = index(&mut self.buyers);
    }
}

fn index(side: &mut BTreeMap<ParticipantId, Share>) -> i128 {
    let whole: i128 = side.values().map(|share| share.quantity).sum();
    if whole == 0 {
        return 0;
    }
    let mut squares = 0;
    for share in side.values_mut() {
        share.basis_points = share.quantity * WHOLE / whole;
        squares += share.quantity * share.quantity;
    }
    squares * WHOLE / (whole * whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(quantities: &[i64]) -> Concentration {
        let mut concentration = Concentration::default();
        for (id, quantity) in (1..).zip(quantities) {
            concentration.count(ParticipantId(id), Side::Sell, WattHours(*quantity));
        }
        concentration.count(
            ParticipantId(9),
            Side::Buy,
            WattHours(quantities.iter().sum()),
        );
        concentration.finish();
        concentration
    }

    #[test]
    fn index_is_10_000_for_one_and_falls_with_the_number_of_equals() {
        assert_eq!(
            (of(&[7]).sellers_hhi, of(&[7]).buyers_hhi),
            (10_000, 10_000)
        );
        assert_eq!(of(&[5, 5]).sellers_hhi, 5_000);
        assert_eq!(of(&[5, 5, 5]).sellers_hhi, 3_333);
        assert_eq!(of(&[]).sellers_hhi, 0);
    }

    #[test]
    fn shares_are_rounded_down_and_the_index_only_once() {
        let three = of(&[1, 1, 1]);
        let shares = three.sellers.values().map(|share| share.basis_points);
        assert_eq!(shares.collect::<Vec<_>>(), [3_333; 3]);
        // 0.6² + 0.3² + 0.1² = 0.46.
        assert_eq!(of(&[60, 30, 10]).sellers_hhi, 4_600);
        let great = of(&[1 << 50, 1]);
        assert_eq!(great.volume, (1 << 50) + 1);
        assert_eq!(great.sellers_hhi, 9_999);
    }
}
