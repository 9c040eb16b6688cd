//! Legs of a bundle as people write them, like `2026-07-01T12:00=buy:25kWh`, and files of them.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use wattle_market::joint::Leg;
use wattle_market::limits::BUNDLE_LEGS_MAX;
use wattle_market::order::Side;
use wattle_market::units::WattHours;

use crate::amount;
use crate::failure::Failure;
use crate::folder;
use crate::moment::Moment;

/// The same leg in so many intervals in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Legs {
    first: Moment,
    intervals: u64,
    side: Side,
    quantity: WattHours,
}

impl FromStr for Legs {
    type Err = String;

    /// `TIME[/INTERVALS]=buy|sell:ENERGY`.
    fn from_str(text: &str) -> Result<Legs, String> {
        let wrong = || {
            format!(
                "{text:?} is not a leg; write it like 2026-07-01T12:00=buy:25kWh, or \
                 2026-07-01T12:00/8=buy:25kWh for eight intervals in a row"
            )
        };
        let (times, trade) = text.trim().split_once('=').ok_or_else(wrong)?;
        let (side, quantity) = trade.split_once(':').ok_or_else(wrong)?;
        let (first, intervals) = match times.split_once('/') {
            Some((first, count)) => (first, count.parse().map_err(|_| wrong())?),
            None => (times, 1),
        };
        if intervals == 0 || intervals > BUNDLE_LEGS_MAX as u64 {
            return Err(format!(
                "{text:?} has {intervals} intervals; a day has {BUNDLE_LEGS_MAX}"
            ));
        }
        Ok(Legs {
            first: first.parse()?,
            intervals,
            side: match side {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                other => return Err(format!("{other:?} is neither buy nor sell")),
            },
            quantity: amount::energy(quantity)?,
        })
    }
}

/// A file of legs: `legs = ["2026-07-01T12:00=buy:25kWh", …]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LegsFile {
    legs: Vec<String>,
}

/// Reads a file of legs.
pub(crate) fn read(path: &Path) -> Result<Vec<Legs>, Failure> {
    let wrong = |why: String| {
        Failure::usage(
            format!("{} has no legs: {why}", path.display()),
            "correct the file; it is TOML like legs = [\"2026-07-01T12:00=buy:25kWh\"]",
        )
    };
    let file: LegsFile =
        toml::from_str(&folder::read_text(path)?).map_err(|error| wrong(error.to_string()))?;
    let legs = file.legs.iter().map(|text| text.parse().map_err(wrong));
    legs.collect()
}

/// One leg an interval, intervals ascending, as the ledger wants them.
pub(crate) fn spread(legs: &[Legs], utc_offset_minutes: i16) -> Result<Vec<Leg>, Failure> {
    let mut spread = Vec::new();
    for legs in legs {
        let first = legs.first.interval(utc_offset_minutes)?;
        spread.extend((0..legs.intervals).map(|count| Leg {
            interval: first.plus(count),
            side: legs.side,
            quantity: legs.quantity,
        }));
    }
    spread.sort_by_key(|leg| leg.interval);
    Ok(spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_market::interval::DeliveryInterval;

    fn legs(text: &str) -> Legs {
        text.parse().unwrap()
    }

    #[test]
    fn legs_are_spread_over_their_intervals_and_sorted() {
        let typed = [legs("#200/2=sell:8kWh"), legs("#100=buy:25.5kWh")];
        let spread = spread(&typed, 480).unwrap();
        let leg = |interval, side, quantity| Leg {
            interval: DeliveryInterval(interval),
            side,
            quantity: WattHours(quantity),
        };
        let expected = [
            leg(100, Side::Buy, 25_500),
            leg(200, Side::Sell, 8_000),
            leg(201, Side::Sell, 8_000),
        ];
        assert_eq!(spread, expected);
    }

    #[test]
    fn what_is_not_a_leg_is_refused_with_the_reason() {
        for (text, reason) in [
            ("#100", "is not a leg"),
            ("#100=buy", "is not a leg"),
            ("#100/x=buy:1kWh", "is not a leg"),
            ("#100/0=buy:1kWh", "0 intervals"),
            ("#100/97=buy:1kWh", "97 intervals"),
            ("#100=hold:1kWh", "neither buy nor sell"),
            ("#100=buy:1", "no unit"),
            ("noon=buy:1kWh", "no time of day"),
        ] {
            let refusal = text.parse::<Legs>().unwrap_err();
            assert!(refusal.contains(reason), "{text}: {refusal}");
        }
    }
}
