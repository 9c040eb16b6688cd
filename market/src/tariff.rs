//! Time-of-use retail tariffs as data: which price holds in which quarter of an hour.

mod shanghai;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::interval::{DeliveryInterval, LocalQuarter};
use crate::limits;
use crate::units::Price;

/// Quarters of an hour in a day, the end of a tariff day's last range.
const QUARTERS_PER_DAY: u8 = 96;

/// A retail tariff: absolute prices, VAT included, by month and time of day.
///
/// It is plain data, so that an author can sign any: whoever takes one in calls
/// [`Tariff::check`] before it is used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Tariff {
    /// For January to December the position of its season in `seasons`.
    pub months: [u8; 12],
    /// The seasons, at most [`limits::TARIFF_SEASONS_MAX`].
    pub seasons: Vec<Season>,
}

/// A day that holds for whole months.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Season {
    /// The day's ranges in order, without gap or overlap, from quarter 0 to quarter 96.
    pub ranges: Vec<BandRange>,
    /// One price for each band that a range names, each band once.
    pub prices: Vec<BandPrice>,
}

/// A stretch of the day within one band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BandRange {
    /// First quarter of the local day in the range, 0 to 95.
    pub from_quarter: u8,
    /// First quarter after the range, 1 to 96.
    pub until_quarter: u8,
    /// The band that holds in it.
    pub band: Band,
}

/// The price of one band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BandPrice {
    /// The band.
    pub band: Band,
    /// What a kilowatt-hour costs in it.
    pub price: Price,
}

/// The bands of Chinese time-of-use tariffs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// 谷, the night.
    Valley,
    /// 平, the base.
    Flat,
    /// 峰, the busy hours.
    Peak,
    /// 尖峰, the busiest hours of summer and winter.
    SuperPeak,
}

/// Why a tariff cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TariffError {
    /// There are no seasons, or more than a tariff may have.
    #[error("a tariff has 1 to 12 seasons, this one has {count}; drop those that no month uses")]
    SeasonCount {
        /// How many there are.
        count: usize,
    },
    /// A month names a season that is not there.
    #[error("month {month} names season {season}, which does not exist; name one of the list")]
    MonthWithoutSeason {
        /// The month, 1 to 12.
        month: u8,
        /// The position that it names.
        season: u8,
    },
    /// The ranges of a season do not cover its day.
    #[error(
        "season {season} does not continue at quarter {quarter} of the day; \
         let the ranges follow each other from 0 to 96 without gap or overlap"
    )]
    DayNotCovered {
        /// Position of the season.
        season: usize,
        /// The first quarter that is not properly covered.
        quarter: u8,
    },
    /// A season prices a band twice.
    #[error("season {season} has two prices for {band:?}; keep one")]
    BandPricedTwice {
        /// Position of the season.
        season: usize,
        /// The band.
        band: Band,
    },
    /// A season uses a band that it does not price.
    #[error("season {season} has no price for {band:?}; add one")]
    BandWithoutPrice {
        /// Position of the season.
        season: usize,
        /// The band.
        band: Band,
    },
    /// A price lies beyond the market's bounds.
    #[error(
        "a price of {price} is not between 0 and 100 CNY/kWh; prices are in millionths of a yuan"
    )]
    PriceOutOfRange {
        /// The price.
        price: Price,
    },
}

impl Tariff {
    /// A tariff with one price at all times.
    pub fn uniform(price: Price) -> Tariff {
        let whole_day = BandRange {
            from_quarter: 0,
            until_quarter: QUARTERS_PER_DAY,
            band: Band::Flat,
        };
        let prices = vec![BandPrice {
            band: Band::Flat,
            price,
        }];
        Tariff {
            months: [0; 12],
            seasons: vec![Season {
                ranges: vec![whole_day],
                prices,
            }],
        }
    }

    /// Whether the tariff has exactly one price within the market's bounds for every quarter of
    /// an hour of every month.
    pub fn check(&self) -> Result<(), TariffError> {
        let count = self.seasons.len();
        if count == 0 || count > limits::TARIFF_SEASONS_MAX {
            return Err(TariffError::SeasonCount { count });
        }
        for (month, season) in (1..).zip(self.months) {
            if usize::from(season) >= count {
                return Err(TariffError::MonthWithoutSeason { month, season });
            }
        }
        for (position, season) in self.seasons.iter().enumerate() {
            season.check(position)?;
        }
        Ok(())
    }

    /// The price in `interval`, where clocks are `utc_offset_minutes` ahead of UTC.
    ///
    /// # Panics
    /// If the tariff does not pass [`Tariff::check`].
    pub fn price(&self, interval: DeliveryInterval, utc_offset_minutes: i16) -> Price {
        let local = LocalQuarter::of(interval, utc_offset_minutes);
        let season = &self.seasons[usize::from(self.months[usize::from(local.month - 1)])];
        season
            .price(local.quarter_of_day)
            .expect("a checked season prices every quarter")
    }

    /// The highest price of all, which bounds the shortfall price from below.
    pub fn price_max(&self) -> Option<Price> {
        self.seasons
            .iter()
            .flat_map(|season| &season.prices)
            .map(|priced| priced.price)
            .max()
    }
}

impl Season {
    fn check(&self, season: usize) -> Result<(), TariffError> {
        let mut quarter = 0;
        for range in &self.ranges {
            if range.from_quarter != quarter || range.until_quarter <= quarter {
                return Err(TariffError::DayNotCovered { season, quarter });
            }
            if range.until_quarter > QUARTERS_PER_DAY {
                return Err(TariffError::DayNotCovered {
                    season,
                    quarter: QUARTERS_PER_DAY,
                });
            }
            quarter = range.until_quarter;
            if self.band_price(range.band).is_none() {
                return Err(TariffError::BandWithoutPrice {
                    season,
                    band: range.band,
                });
            }
        }
        if quarter != QUARTERS_PER_DAY {
            return Err(TariffError::DayNotCovered { season, quarter });
        }
        // Every range is at least a quarter long, so the day bounds their number.
        assert!(
            self.ranges.len() <= limits::TARIFF_RANGES_MAX,
            "96 quarters hold 96 ranges"
        );
        for (position, priced) in self.prices.iter().enumerate() {
            let band = priced.band;
            if self.prices[..position]
                .iter()
                .any(|earlier| earlier.band == band)
            {
                return Err(TariffError::BandPricedTwice { season, band });
            }
            if !(0..=limits::PRICE_MAX).contains(&priced.price.0) {
                return Err(TariffError::PriceOutOfRange {
                    price: priced.price,
                });
            }
        }
        Ok(())
    }

    fn price(&self, quarter: u8) -> Option<Price> {
        let range = self
            .ranges
            .iter()
            .find(|range| quarter < range.until_quarter)?;
        self.band_price(range.band)
    }

    fn band_price(&self, band: Band) -> Option<Price> {
        self.prices
            .iter()
            .find(|priced| priced.band == band)
            .map(|priced| priced.price)
    }
}
