//! Energy, price and money as integers, chosen so that a product never needs rounding.
//!
//! `Wh × µCNY/kWh = nCNY` exactly (SETTLEMENT.md, "Units"): the thousandth in kWh and the
//! thousandth between micro and nano cancel.

use std::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Energy in whole watt-hours. Signed, because a net position may be either.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct WattHours(pub i64);

/// A price in micro-yuan per kilowatt-hour, VAT included.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Price(pub i64);

/// Money in nano-yuan (10⁻⁹ CNY). Positive is a credit to whoever the amount belongs to.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub i64);

impl WattHours {
    /// No energy.
    pub const ZERO: WattHours = WattHours(0);

    /// The sum, or `None` where it leaves the range of `i64`.
    pub const fn checked_add(self, other: WattHours) -> Option<WattHours> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(WattHours(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where it leaves the range of `i64`.
    pub const fn checked_sub(self, other: WattHours) -> Option<WattHours> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(WattHours(difference)),
            None => None,
        }
    }

    /// `max(self, 0)`, the `pos` of SETTLEMENT.md.
    pub const fn positive_part(self) -> WattHours {
        if self.0 > 0 { self } else { WattHours(0) }
    }

    /// What this energy costs at `price`: the exact product in nano-yuan, or `None` where it
    /// does not fit. Within the bounds of [`crate::limits`] it always fits.
    pub fn cost(self, price: Price) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(price.0);
        i64::try_from(product).ok().map(Money)
    }
}

impl Price {
    /// Nothing per kilowatt-hour.
    pub const ZERO: Price = Price(0);

    /// The sum, or `None` where it leaves the range of `i64`.
    pub const fn checked_add(self, other: Price) -> Option<Price> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Price(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where it leaves the range of `i64`.
    pub const fn checked_sub(self, other: Price) -> Option<Price> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Price(difference)),
            None => None,
        }
    }
}

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);
    /// One yuan.
    pub const YUAN: Money = Money(1_000_000_000);
    /// One fen, the hundredth of a yuan and the smallest sum that a bank pays out.
    pub const FEN: Money = Money(10_000_000);

    /// The sum, or `None` where it leaves the range of `i64`.
    pub const fn checked_add(self, other: Money) -> Option<Money> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Money(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where it leaves the range of `i64`.
    pub const fn checked_sub(self, other: Money) -> Option<Money> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Money(difference)),
            None => None,
        }
    }

    /// The opposite amount, or `None` for `i64::MIN`, which has none.
    pub const fn checked_neg(self) -> Option<Money> {
        match self.0.checked_neg() {
            Some(opposite) => Some(Money(opposite)),
            None => None,
        }
    }
}

/// Writes `value / 10^decimals` with all its decimals.
fn write_decimal(f: &mut fmt::Formatter<'_>, value: i64, decimals: u32) -> fmt::Result {
    let scale = 10u64.pow(decimals);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let width = decimals as usize;
    write!(
        f,
        "{sign}{}.{:0width$}",
        magnitude / scale,
        magnitude % scale
    )
}

/// Kilowatt-hours with three decimals: `12.500 kWh`.
impl fmt::Display for WattHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 3)?;
        f.write_str(" kWh")
    }
}

/// Yuan per kilowatt-hour with six decimals: `0.650000 CNY/kWh`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 6)?;
        f.write_str(" CNY/kWh")
    }
}

/// Yuan with nine decimals: `12.345678901 CNY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, 9)?;
        f.write_str(" CNY")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watt_hours_times_price_is_exact_nano_yuan() {
        // 12.5 kWh at 0.65 CNY/kWh is 8.125 CNY.
        let cost = WattHours(12_500).cost(Price(650_000)).unwrap();
        assert_eq!(cost, Money(8_125_000_000));
        // The smallest product is one nano-yuan, with nothing lost.
        assert_eq!(WattHours(1).cost(Price(1)), Some(Money(1)));
        assert_eq!(WattHours(-3).cost(Price(7)), Some(Money(-21)));
    }

    #[test]
    fn cost_that_does_not_fit_is_none() {
        assert_eq!(WattHours(i64::MAX).cost(Price(2)), None);
        assert_eq!(WattHours(i64::MIN).cost(Price(-1)), None);
        assert_eq!(WattHours(i64::MIN).cost(Price(1)), Some(Money(i64::MIN)));
    }

    #[test]
    fn sums_that_do_not_fit_are_none() {
        assert_eq!(WattHours(i64::MAX).checked_add(WattHours(1)), None);
        assert_eq!(Price(i64::MIN).checked_sub(Price(1)), None);
        assert_eq!(Money(i64::MIN).checked_neg(), None);
        assert_eq!(Money(5).checked_sub(Money(7)), Some(Money(-2)));
    }

    #[test]
    fn amounts_print_with_all_decimals_and_their_sign() {
        assert_eq!(WattHours(12_500).to_string(), "12.500 kWh");
        assert_eq!(WattHours(-1).to_string(), "-0.001 kWh");
        assert_eq!(Price(650_000).to_string(), "0.650000 CNY/kWh");
        assert_eq!(Money(12_345_678_901).to_string(), "12.345678901 CNY");
        assert_eq!(Money(-1).to_string(), "-0.000000001 CNY");
        assert_eq!(Money(i64::MIN).to_string(), "-9223372036.854775808 CNY");
    }

    #[test]
    fn units_are_bare_numbers_in_json() {
        assert_eq!(serde_json::to_string(&WattHours(-5)).unwrap(), "-5");
        assert_eq!(serde_json::from_str::<Money>("7").unwrap(), Money(7));
    }
}
