//! Shanghai's time-of-use periods for two-part industrial customers, in force since 2023-01-01
//! (沪发改价管〔2022〕50号).

use super::{Band, BandPrice, BandRange, Season, Tariff, TariffError};
use crate::limits;
use crate::units::Price;

/// The hours of July to September: from hour, until hour, band.
const SUMMER_HOURS: &[(u8, u8, Band)] = &[
    (0, 6, Band::Valley),
    (6, 8, Band::Flat),
    (8, 15, Band::Peak),
    (15, 18, Band::Flat),
    (18, 21, Band::Peak),
    (21, 22, Band::Flat),
    (22, 24, Band::Valley),
];

/// The hours of July and August, with the super-peak from 12 to 14.
const HOT_SUMMER_HOURS: &[(u8, u8, Band)] = &[
    (0, 6, Band::Valley),
    (6, 8, Band::Flat),
    (8, 12, Band::Peak),
    (12, 14, Band::SuperPeak),
    (14, 15, Band::Peak),
    (15, 18, Band::Flat),
    (18, 21, Band::Peak),
    (21, 22, Band::Flat),
    (22, 24, Band::Valley),
];

/// The hours of all other months.
const OTHER_HOURS: &[(u8, u8, Band)] = &[
    (0, 6, Band::Valley),
    (6, 8, Band::Flat),
    (8, 11, Band::Peak),
    (11, 18, Band::Flat),
    (18, 21, Band::Peak),
    (21, 22, Band::Flat),
    (22, 24, Band::Valley),
];

/// The hours of January and December, with the super-peak from 19 to 21.
const WINTER_HOURS: &[(u8, u8, Band)] = &[
    (0, 6, Band::Valley),
    (6, 8, Band::Flat),
    (8, 11, Band::Peak),
    (11, 18, Band::Flat),
    (18, 19, Band::Peak),
    (19, 21, Band::SuperPeak),
    (21, 22, Band::Flat),
    (22, 24, Band::Valley),
];

/// Bands as ten-thousandths of the flat price in January, July to September and December:
/// peak +80 %, valley −60 %, super-peak a quarter above the peak (1.80 · 1.25 = 2.25).
const WIDE_SPREAD: &[(Band, i64)] = &[
    (Band::Valley, 4_000),
    (Band::Flat, 10_000),
    (Band::Peak, 18_000),
    (Band::SuperPeak, 22_500),
];

/// Bands as ten-thousandths of the flat price in the other months: peak +60 %, valley −50 %.
const NARROW_SPREAD: &[(Band, i64)] = &[
    (Band::Valley, 5_000),
    (Band::Flat, 10_000),
    (Band::Peak, 16_000),
];

/// January to December as positions in the list of seasons below.
const MONTHS: [u8; 12] = [3, 2, 2, 2, 2, 2, 0, 0, 1, 2, 2, 3];

impl Tariff {
    /// Shanghai's two-part industrial tariff over a flat price of `base`.
    ///
    /// Each band is one product of the flat price, `⌊base · share / 10000⌋` with the super-peak's
    /// share taken whole, so no rounding is built on another. For a base that is a multiple of
    /// 20 µCNY/kWh, as any published price is, nothing is rounded at all. The demand charge of
    /// the two-part tariff is a month-close posting and no part of this.
    ///
    /// # Errors
    /// [`TariffError::PriceOutOfRange`] if the base is negative or its super-peak too high.
    pub fn shanghai_two_part(base: Price) -> Result<Tariff, TariffError> {
        if base.0 < 0 || base.0 > limits::PRICE_MAX {
            return Err(TariffError::PriceOutOfRange { price: base });
        }
        let seasons = vec![
            season(HOT_SUMMER_HOURS, WIDE_SPREAD, base),
            season(SUMMER_HOURS, WIDE_SPREAD, base),
            season(OTHER_HOURS, NARROW_SPREAD, base),
            season(WINTER_HOURS, WIDE_SPREAD, base),
        ];
        let tariff = Tariff {
            months: MONTHS,
            seasons,
        };
        tariff.check()?;
        Ok(tariff)
    }
}

fn season(hours: &[(u8, u8, Band)], spread: &[(Band, i64)], base: Price) -> Season {
    let ranges = hours
        .iter()
        .map(|&(from, until, band)| BandRange {
            from_quarter: from * 4,
            until_quarter: until * 4,
            band,
        })
        .collect();
    let prices = spread
        .iter()
        .filter(|(band, _)| hours.iter().any(|(_, _, used)| used == band))
        // The base is at most 10⁸ and the share at most 22,500: the product fits.
        .map(|&(band, share)| BandPrice {
            band,
            price: Price(base.0 * share / 10_000),
        })
        .collect();
    Season { ranges, prices }
}
