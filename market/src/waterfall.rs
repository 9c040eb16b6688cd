//! The default waterfall: who bears what a participant cannot pay for a month.
//!
//! His own money went first, before he owed anything. Then the balancing fund pays as far as it
//! goes, then those who gained over the grid by the park in that month, in proportion to their
//! gains and never more than these. What is still missing stays his debt.

use crate::share::share;
use crate::units::{Money, WattHours};

/// Who bears a debt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover<K> {
    /// Taken from the fund.
    pub from_fund: Money,
    /// Taken from each gain, in the order of the gains; zeros among them.
    pub cuts: Vec<(K, Money)>,
    /// Borne by nobody.
    pub uncovered: Money,
}

impl<K> Cover<K> {
    /// The sum of the cuts.
    pub fn from_gains(&self) -> Money {
        Money(self.cuts.iter().map(|(_, cut)| cut.0).sum())
    }
}

/// Covers a debt from a fund and then from gains. A fund or gain below zero counts as none. The
/// cuts are shared in proportion to the gains by the largest remainder, ties to the smaller key.
///
/// # Panics
/// If the debt is below zero.
pub fn cover<K: Ord + Clone>(debt: Money, fund: Money, gains: &[(K, Money)]) -> Cover<K> {
    assert!(debt.0 >= 0, "a debt is not negative");
    let from_fund = debt.0.min(fund.0.max(0));
    let left = debt.0 - from_fund;
    // Sharing knows whole numbers, of whatever unit.
    let gains: Vec<(K, WattHours)> = gains
        .iter()
        .map(|(key, gain)| (key.clone(), WattHours(gain.0.max(0))))
        .collect();
    let sum: i128 = gains.iter().map(|(_, gain)| i128::from(gain.0)).sum();
    let taken = i64::try_from(sum.min(i128::from(left))).expect("no more is taken than is owed");
    let cuts = share(WattHours(taken), &gains);
    Cover {
        from_fund: Money(from_fund),
        cuts: cuts
            .into_iter()
            .map(|(key, cut)| (key, Money(cut.0)))
            .collect(),
        uncovered: Money(left - taken),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Slow and obviously right: each nano-yuan in turn goes to whoever is furthest below his
    /// proportion; of equal ones the smaller key.
    fn reference(left: i64, gains: &[(u8, Money)]) -> BTreeMap<u8, i64> {
        let sum: i64 = gains.iter().map(|(_, gain)| gain.0.max(0)).sum();
        let total = left.min(sum);
        let mut cuts: BTreeMap<u8, i64> = gains
            .iter()
            .map(|(key, gain)| {
                let whole = if sum == 0 {
                    0
                } else {
                    total * gain.0.max(0) / sum
                };
                (*key, whole)
            })
            .collect();
        while cuts.values().sum::<i64>() < total {
            let behind = |key: &u8, gain: &Money| total * gain.0.max(0) - cuts[key] * sum;
            let (key, _) = gains
                .iter()
                .max_by_key(|(key, gain)| (behind(key, gain), std::cmp::Reverse(*key)))
                .unwrap();
            *cuts.get_mut(key).unwrap() += 1;
        }
        cuts
    }

    #[test]
    fn the_fund_goes_before_gains_and_gains_before_nobody() {
        let gains = [(1, Money(30)), (2, Money(-5)), (3, Money(60))];
        let cuts = |cover: &Cover<i32>| cover.cuts.iter().map(|cut| cut.1.0).collect::<Vec<_>>();
        let small = cover(Money(40), Money(50), &gains);
        assert_eq!((small.from_fund, small.uncovered), (Money(40), Money(0)));
        assert_eq!(cuts(&small), [0, 0, 0]);
        let middle = cover(Money(80), Money(50), &gains);
        assert_eq!((middle.from_fund, middle.uncovered), (Money(50), Money(0)));
        assert_eq!(cuts(&middle), [10, 0, 20]);
        let great = cover(Money(1_000), Money(-7), &gains);
        assert_eq!((great.from_fund, great.uncovered), (Money(0), Money(910)));
        assert_eq!(cuts(&great), [30, 0, 60]);
    }

    #[test]
    fn the_greatest_amounts_do_not_overflow() {
        let gains = [(1, Money(i64::MAX)), (2, Money(i64::MAX))];
        let cover = cover(Money(i64::MAX), Money(i64::MIN), &gains);
        assert_eq!(cover.from_gains(), Money(i64::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn what_is_taken_is_what_is_covered_whatever_the_order(
            debt in 0i64..2_000,
            fund in -100i64..500,
            gains in prop::collection::btree_map(any::<u8>(), -200i64..400, 0..12),
        ) {
            let gains: Vec<(u8, Money)> =
                gains.into_iter().map(|(key, gain)| (key, Money(gain))).collect();
            let covered = cover(Money(debt), Money(fund), &gains);
            let sum = covered.from_fund.0 + covered.from_gains().0 + covered.uncovered.0;
            prop_assert_eq!(sum, debt);
            for ((key, cut), (_, gain)) in covered.cuts.iter().zip(&gains) {
                prop_assert!(cut.0 >= 0 && cut.0 <= gain.0.max(0), "{} is below the grid", key);
            }
            if covered.uncovered.0 > 0 {
                let all: i64 = gains.iter().map(|(_, gain)| gain.0.max(0)).sum();
                prop_assert_eq!(covered.from_gains().0, all, "something was left to take");
            }
            let found: BTreeMap<u8, i64> =
                covered.cuts.iter().map(|(key, cut)| (*key, cut.0)).collect();
            prop_assert_eq!(&found, &reference(debt - covered.from_fund.0, &gains));
            let mut backwards = gains.clone();
            backwards.reverse();
            let turned = cover(Money(debt), Money(fund), &backwards);
            let turned: BTreeMap<u8, i64> =
                turned.cuts.iter().map(|(key, cut)| (*key, cut.0)).collect();
            prop_assert_eq!(found, turned);
        }
    }
}
