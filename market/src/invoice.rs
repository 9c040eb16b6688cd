//! What a month's invoice adds to the settled energy: demand charge, fixed fee, contained VAT.
//!
//! SETTLEMENT.md, "Runs": these are posted when a month closes, never with an interval.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::units::{Money, WattHours};

/// Greatest demand price: 1,000 CNY for each kW and month.
pub const DEMAND_PRICE_MAX: i64 = 1_000_000_000;
/// Greatest fixed fee of a point and month: a million yuan.
pub const FEE_MAX: Money = Money(1_000_000 * Money::YUAN.0);
/// Greatest VAT rate: 100 percent.
pub const VAT_BASIS_POINTS_MAX: u32 = 10_000;

/// What a month costs beside its energy, VAT included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct MonthPrices {
    /// Micro-yuan for each kW of a point's greatest quarter-hour import.
    pub demand: i64,
    /// The fixed fee of each point.
    pub fee: Money,
    /// The VAT rate that all prices contain, in hundredths of a percent.
    pub vat_basis_points: u32,
}

impl MonthPrices {
    /// Whether all three lie within their bounds.
    pub fn is_valid(&self) -> bool {
        (0..=DEMAND_PRICE_MAX).contains(&self.demand)
            && (Money::ZERO..=FEE_MAX).contains(&self.fee)
            && self.vat_basis_points <= VAT_BASIS_POINTS_MAX
    }

    /// The demand charge, in nano-yuan: energy of a quarter of an hour is a mean power of four
    /// times as many watts, and watts times micro-yuan per kW are nano-yuan exactly.
    pub fn demand_charge(&self, need: WattHours) -> i128 {
        4 * i128::from(need.0) * i128::from(self.demand)
    }

    /// The VAT contained in a gross sum, with the sum's sign.
    pub fn contained_vat(&self, gross: Money) -> Money {
        contained_vat(gross, self.vat_basis_points)
    }
}

/// The VAT contained in a gross sum: `fdiv(2·gross·rate + 10000 + rate, 2·(10000 + rate))`, which
/// is gross × rate / (10,000 + rate) rounded half up. A sum below zero, of a tenant who gave more
/// than he took, contains the opposite of what its size contains.
pub fn contained_vat(gross: Money, basis_points: u32) -> Money {
    let (size, rate) = (i128::from(gross.0).abs(), i128::from(basis_points));
    let vat = (2 * size * rate + 10_000 + rate).div_euclid(2 * (10_000 + rate));
    let vat = if gross.0 < 0 { -vat } else { vat };
    Money(i64::try_from(vat).expect("the contained tax is no more than the sum"))
}

/// The part of an amount that a bank can pay out: whole fen, rounded toward zero.
pub fn whole_fen(amount: Money) -> Money {
    Money(amount.0 - amount.0 % Money::FEN.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn demand_is_charged_by_mean_power_without_rounding() {
        let prices = MonthPrices {
            demand: 40_000_000,
            ..MonthPrices::default()
        };
        // 250 kWh in a quarter of an hour are 1,000 kW, at 40 CNY 40,000 CNY.
        let charge = prices.demand_charge(WattHours(250_000));
        assert_eq!(charge, 40_000 * i128::from(Money::YUAN.0));
        let cheap = MonthPrices {
            demand: 1,
            ..prices
        };
        assert_eq!(cheap.demand_charge(WattHours(1)), 4);
    }

    #[test]
    fn thirteen_percent_contained_in_113_yuan_are_13() {
        let yuan = |sum: i64| Money(sum * Money::YUAN.0);
        assert_eq!(contained_vat(yuan(113), 1_300), yuan(13));
        assert_eq!(contained_vat(yuan(-113), 1_300), yuan(-13));
        assert_eq!(contained_vat(yuan(113), 0), Money(0));
        // 1 × 10,000 / 20,000 is a half, and rounds up.
        assert_eq!(contained_vat(Money(1), 10_000), Money(1));
        assert_eq!(contained_vat(Money(i64::MAX), 10_000).0, 1 << 62);
        assert_eq!(contained_vat(Money(i64::MIN), 10_000).0, -(1 << 62));
    }

    #[test]
    fn prices_have_bounds() {
        let good = MonthPrices {
            demand: DEMAND_PRICE_MAX,
            fee: FEE_MAX,
            vat_basis_points: VAT_BASIS_POINTS_MAX,
        };
        assert!(good.is_valid() && MonthPrices::default().is_valid());
        let beyond = [
            MonthPrices { demand: -1, ..good },
            MonthPrices {
                demand: DEMAND_PRICE_MAX + 1,
                ..good
            },
            MonthPrices {
                fee: Money(-1),
                ..good
            },
            MonthPrices {
                fee: Money(FEE_MAX.0 + 1),
                ..good
            },
            MonthPrices {
                vat_basis_points: VAT_BASIS_POINTS_MAX + 1,
                ..good
            },
        ];
        assert!(beyond.iter().all(|prices| !prices.is_valid()));
    }

    #[test]
    fn payouts_leave_what_no_bank_can_pay() {
        for (amount, paid) in [(0, 0), (9_999_999, 0), (10_000_000, 10_000_000)] {
            assert_eq!(whole_fen(Money(amount)), Money(paid));
            assert_eq!(whole_fen(Money(-amount)), Money(-paid));
        }
    }

    proptest! {
        /// Net and tax are the gross, and the tax is the rate of the net to half a nano-yuan.
        #[test]
        fn contained_tax_is_the_rate_of_the_rest(
            gross in 0i64..=i64::MAX,
            rate in 0u32..=VAT_BASIS_POINTS_MAX,
        ) {
            let vat = i128::from(contained_vat(Money(gross), rate).0);
            let exact = i128::from(gross) * i128::from(rate);
            let whole = 10_000 + i128::from(rate);
            prop_assert!((2 * (vat * whole - exact)).abs() <= whole);
            prop_assert_eq!(contained_vat(Money(-gross), rate).0, -(vat as i64));
        }
    }
}
