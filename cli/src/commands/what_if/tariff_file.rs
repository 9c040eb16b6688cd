//! A retail tariff as a person writes it: times of day and prices as on the command line.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use wattle_market::tariff::{Band, BandPrice, BandRange, Season, Tariff};

use crate::amount;
use crate::failure::{Exit, Failure};
use crate::folder;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TariffFile {
    /// For January to December the position of its season, from 0; all 0 where it lacks.
    #[serde(default)]
    months: Option<[u8; 12]>,
    seasons: Vec<SeasonTable>,
}

/// A day that holds for whole months.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeasonTable {
    ranges: Vec<RangeTable>,
    prices: BTreeMap<Band, String>,
}

/// A stretch of the day.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeTable {
    from: String,
    until: String,
    band: Band,
}

/// Reads a tariff and checks it.
pub(super) fn read(path: &Path) -> Result<Tariff, Failure> {
    let text = folder::read_text(path)?;
    let next = "correct the file; docs/STATEMENTS.md has an example";
    let tariff = parse(&text).map_err(|what| {
        Failure::usage(format!("{} is not a tariff: {what}", path.display()), next)
    })?;
    tariff
        .check()
        .map_err(|error| Failure::of(Exit::Usage, &error, next))?;
    Ok(tariff)
}

fn parse(text: &str) -> Result<Tariff, String> {
    let file: TariffFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let seasons: Result<Vec<Season>, String> = file.seasons.iter().map(season).collect();
    Ok(Tariff {
        months: file.months.unwrap_or([0; 12]),
        seasons: seasons?,
    })
}

fn season(table: &SeasonTable) -> Result<Season, String> {
    let range = |row: &RangeTable| {
        Ok(BandRange {
            from_quarter: quarter(&row.from)?,
            until_quarter: quarter(&row.until)?,
            band: row.band,
        })
    };
    let price = |(band, text): (&Band, &String)| {
        let (band, price) = (*band, amount::price(text)?);
        Ok(BandPrice { band, price })
    };
    Ok(Season {
        ranges: table
            .ranges
            .iter()
            .map(range)
            .collect::<Result<_, String>>()?,
        prices: table
            .prices
            .iter()
            .map(price)
            .collect::<Result<_, String>>()?,
    })
}

/// `00:00` to `24:00` as a quarter of the day, 0 to 96.
fn quarter(text: &str) -> Result<u8, String> {
    let wrong = || format!("{text:?} is not a quarter of an hour between 00:00 and 24:00");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return Err(wrong());
    }
    let hour: u8 = hour.parse().map_err(|_| wrong())?;
    let minute: u8 = minute.parse().map_err(|_| wrong())?;
    if hour > 24 || minute > 45 || !minute.is_multiple_of(15) || (hour == 24 && minute != 0) {
        return Err(wrong());
    }
    Ok(hour * 4 + minute / 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_market::units::Price;

    const DAY_AND_NIGHT: &str = r#"
        [[seasons]]
        ranges = [
          { from = "00:00", until = "06:00", band = "valley" },
          { from = "06:00", until = "24:00", band = "super_peak" },
        ]
        prices = { valley = "0.3", super_peak = "1.25" }
    "#;

    #[test]
    fn times_and_prices_are_read_exactly() {
        let tariff = parse(DAY_AND_NIGHT).unwrap();
        tariff.check().unwrap();
        let season = &tariff.seasons[0];
        assert_eq!(
            (
                season.ranges[1].from_quarter,
                season.ranges[1].until_quarter
            ),
            (24, 96)
        );
        assert_eq!(season.prices[0].price, Price(300_000));
        assert_eq!(season.prices[1].band, Band::SuperPeak);
    }

    #[test]
    fn files_that_are_no_tariff_are_refused() {
        for (from, to) in [
            ("06:00", "06:10"),
            ("24:00", "24:15"),
            ("\"0.3\"", "0.3"),
            ("valley = ", "night = "),
            ("until", "til"),
            ("0.3", "0.3000001"),
        ] {
            let text = DAY_AND_NIGHT.replacen(from, to, 1);
            assert_ne!(text, DAY_AND_NIGHT);
            assert!(parse(&text).is_err(), "{text}");
        }
        let gap = DAY_AND_NIGHT.replacen("until = \"06:00\"", "until = \"05:00\"", 1);
        assert!(parse(&gap).unwrap().check().is_err());
    }
}
