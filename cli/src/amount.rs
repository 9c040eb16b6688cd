//! Energy, power, prices and money as people write them, read exactly into integers.
//!
//! A number with more decimals than its unit has is refused and never rounded: a price of
//! 0.6500001 CNY/kWh does not exist in the ledger.

use wattle_market::units::{Money, Price, WattHours};

/// `12.5kWh`, `12500Wh` or `0.0125 MWh`.
pub(crate) fn energy(text: &str) -> Result<WattHours, String> {
    let scales = [("kWh", 3), ("MWh", 6), ("Wh", 0)];
    let value = with_unit(text, &scales)
        .ok_or_else(|| format!("{text:?} has no unit; write it like 12.5kWh or 12500Wh"))??;
    if value < 0 {
        return Err("energy is not below zero; the side or the kind says the direction".to_owned());
    }
    Ok(WattHours(value))
}

/// `100kW`, `0.1MW` or `100000W`, in watts.
pub(crate) fn power(text: &str) -> Result<u32, String> {
    let scales = [("kW", 3), ("MW", 6), ("W", 0)];
    let value = with_unit(text, &scales)
        .ok_or_else(|| format!("{text:?} has no unit; write it like 100kW or 100000W"))??;
    u32::try_from(value).map_err(|_| format!("{text:?} is not between 0 W and 4.29 GW"))
}

/// `0.65` or `0.65 CNY/kWh`, with at most six decimals.
pub(crate) fn price(text: &str) -> Result<Price, String> {
    let scales = [("CNY/kWh", 6), ("", 6)];
    let value = with_unit(text, &scales).expect("the empty unit ends every text")?;
    Ok(Price(value))
}

/// `1000` or `1000.50CNY`, with at most nine decimals.
pub(crate) fn money(text: &str) -> Result<Money, String> {
    let scales = [("CNY", 9), ("", 9)];
    let value = with_unit(text, &scales).expect("the empty unit ends every text")?;
    Ok(Money(value))
}

/// Kilograms of CO2 per kWh with at most six decimals, in milligrams.
pub(crate) fn carbon(text: &str) -> Result<u32, String> {
    let scales = [("kg/kWh", 6), ("", 6)];
    let value = with_unit(text, &scales).expect("the empty unit ends every text")?;
    u32::try_from(value).map_err(|_| format!("{text:?} is not between 0 and 4,294 kg/kWh"))
}

/// A share of one with at most four decimals, in ten-thousandths.
pub(crate) fn share(text: &str) -> Result<u16, String> {
    let value = with_unit(text, &[("", 4)]).expect("the empty unit ends every text")?;
    let share = u16::try_from(value).ok().filter(|share| *share <= 10_000);
    share.ok_or_else(|| format!("{text:?} is not between 0 and 1"))
}

/// The number before the first unit that ends the text, scaled by the unit's decimals; none where
/// no unit does.
fn with_unit(text: &str, scales: &[(&str, u32)]) -> Option<Result<i64, String>> {
    let text = text.trim();
    scales.iter().find_map(|(unit, decimals)| {
        let number = text.strip_suffix(unit)?.trim_end();
        Some(decimal(number, *decimals))
    })
}

/// A decimal number as an integer of its `decimals`-th parts.
fn decimal(text: &str, decimals: u32) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a number; write it like 12.5");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    let missing = (decimals as usize).checked_sub(fraction.len());
    let missing = missing.ok_or_else(|| match decimals {
        0 => format!("{text:?} has decimals, and this unit has no parts; leave them out"),
        _ => format!("{text:?} has too many decimals; at most {decimals} are kept"),
    })?;
    let joined = format!("{whole}{fraction}{}", "0".repeat(missing));
    let too_large = || format!("{text:?} is too large; check the unit");
    let value: i64 = joined.parse().map_err(|_| too_large())?;
    Ok(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energies_are_read_exactly() {
        let rows = [
            ("12.5kWh", 12_500),
            ("12.5 kWh", 12_500),
            ("12500Wh", 12_500),
            ("0.0125MWh", 12_500),
            ("0.001kWh", 1),
            ("1.5000kWh", 1_500),
            ("7.0Wh", 7),
            ("0Wh", 0),
            ("9223372036854775807Wh", i64::MAX),
        ];
        for (text, expected) in rows {
            assert_eq!(energy(text), Ok(WattHours(expected)), "{text}");
        }
    }

    #[test]
    fn energies_that_are_none_are_refused_with_the_reason() {
        let rows = [
            ("12.5", "no unit"),
            ("", "no unit"),
            ("kWh", "not a number"),
            ("1.kWh", "not a number"),
            (".5kWh", "not a number"),
            ("1e3kWh", "not a number"),
            ("+1kWh", "not a number"),
            ("--1kWh", "not a number"),
            ("1,5kWh", "not a number"),
            ("NaNkWh", "not a number"),
            ("１kWh", "not a number"),
            ("12.3456kWh", "too many decimals"),
            ("12.5Wh", "has decimals"),
            ("-1kWh", "below zero"),
            ("9223372036854775808Wh", "too large"),
            ("9223372036854775807kWh", "too large"),
        ];
        for (text, reason) in rows {
            let error = energy(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn prices_have_six_decimals_and_money_nine() {
        assert_eq!(price("0.65"), Ok(Price(650_000)));
        assert_eq!(price("0.650001 CNY/kWh"), Ok(Price(650_001)));
        assert_eq!(price("-0.1"), Ok(Price(-100_000)));
        assert!(price("0.6500001").unwrap_err().contains("at most 6"));
        assert_eq!(money("1000"), Ok(Money(1_000_000_000_000)));
        assert_eq!(money("0.000000001CNY"), Ok(Money(1)));
        assert!(money("0.0000000001").unwrap_err().contains("at most 9"));
        assert!(money("10000000000").unwrap_err().contains("too large"));
    }

    #[test]
    fn shares_are_parts_of_one() {
        assert_eq!(share("0.9"), Ok(9_000));
        assert_eq!(share("1"), Ok(10_000));
        for text in ["1.0001", "-0.1", "90%", "0.90001", "7"] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ratings_and_factors_fit_their_fields() {
        assert_eq!(power("100kW"), Ok(100_000));
        assert_eq!(power("0.1 MW"), Ok(100_000));
        assert!(power("5000MW").is_err());
        assert!(power("-1W").is_err());
        assert_eq!(carbon("0.42"), Ok(420_000));
        assert_eq!(carbon("0.42 kg/kWh"), Ok(420_000));
    }
}
