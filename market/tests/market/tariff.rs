//! Shanghai's tariff hour by hour, and tariffs that cannot be used.

use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::tariff::{Band, BandPrice, Tariff, TariffError};
use wattle_market::units::Price;

/// 2026-01-01 00:00 in Shanghai, which is 2025-12-31 16:00 UTC.
const NEW_YEAR_MS: u64 = 1_767_225_600_000 - 8 * 3_600_000;
const SHANGHAI: i16 = 480;
const FLAT: Price = Price(640_000);

/// Days before the first of each month of 2026.
const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

fn price_at(tariff: &Tariff, month: usize, quarter: u64) -> i64 {
    let days = DAYS_BEFORE[month - 1] + 14;
    let start = Timestamp(NEW_YEAR_MS + days * 86_400_000 + quarter * 900_000);
    tariff
        .price(DeliveryInterval::containing(start), SHANGHAI)
        .0
}

/// One letter for each hour of the day: v 谷, f 平, p 峰, s 尖峰.
fn day_of(month: usize) -> &'static str {
    match month {
        7 | 8 => "vvvvvvffppppsspfffpppfvv",
        9 => "vvvvvvffpppppppfffpppfvv",
        1 | 12 => "vvvvvvffpppfffffffpssfvv",
        _ => "vvvvvvffpppfffffffpppfvv",
    }
}

#[test]
fn shanghai_prices_every_quarter_of_every_month() {
    let tariff = Tariff::shanghai_two_part(FLAT).unwrap();
    for month in 1..=12 {
        let is_wide = matches!(month, 1 | 7 | 8 | 9 | 12);
        for (hour, letter) in day_of(month).chars().enumerate() {
            // Of 0.64: −60 % 0.256, −50 % 0.32, +60 % 1.024, +80 % 1.152, a quarter more 1.44.
            let expected = match (letter, is_wide) {
                ('v', true) => 256_000,
                ('v', false) => 320_000,
                ('f', _) => 640_000,
                ('p', true) => 1_152_000,
                ('p', false) => 1_024_000,
                ('s', true) => 1_440_000,
                other => panic!("no such hour: {other:?}"),
            };
            for quarter in 0..4 {
                let found = price_at(&tariff, month, hour as u64 * 4 + quarter);
                assert_eq!(
                    found, expected,
                    "month {month} hour {hour} quarter {quarter}"
                );
            }
        }
    }
}

#[test]
fn shanghai_prices_are_exact_for_multiples_of_twenty_and_round_down_once_otherwise() {
    let exact = Tariff::shanghai_two_part(Price(20)).unwrap();
    assert_eq!(exact.price_max(), Some(Price(45)));
    // 2.25 · 3 = 6.75, and not 1.25 · ⌊1.8 · 3⌋ = 6.25 before its rounding.
    assert_eq!(
        Tariff::shanghai_two_part(Price(3)).unwrap().price_max(),
        Some(Price(6))
    );
    assert_eq!(
        Tariff::shanghai_two_part(Price(7)).unwrap().price_max(),
        Some(Price(15))
    );
}

#[test]
fn a_base_out_of_range_makes_no_tariff() {
    for base in [-1, 44_444_445, i64::MAX] {
        let refused = Tariff::shanghai_two_part(Price(base));
        assert!(
            matches!(refused, Err(TariffError::PriceOutOfRange { .. })),
            "{base}"
        );
    }
    assert!(Tariff::shanghai_two_part(Price(44_444_444)).is_ok());
}

#[test]
fn a_uniform_tariff_has_one_price() {
    let tariff = Tariff::uniform(FLAT);
    assert_eq!(tariff.check(), Ok(()));
    assert_eq!(tariff.price(DeliveryInterval(0), 0), FLAT);
    assert_eq!(tariff.price(DeliveryInterval(u64::MAX), i16::MIN), FLAT);
}

#[test]
fn a_tariff_survives_its_encodings() {
    let tariff = Tariff::shanghai_two_part(FLAT).unwrap();
    let config = bincode::config::legacy();
    let bytes = bincode::encode_to_vec(&tariff, config).unwrap();
    let (decoded, read): (Tariff, usize) = bincode::decode_from_slice(&bytes, config).unwrap();
    assert_eq!((decoded, read), (tariff.clone(), bytes.len()));
    let json = serde_json::to_string(&tariff).unwrap();
    assert_eq!(serde_json::from_str::<Tariff>(&json).unwrap(), tariff);
}

/// The tariff after `change`, as judged by its check.
fn judged(change: impl FnOnce(&mut Tariff)) -> TariffError {
    let mut tariff = Tariff::shanghai_two_part(FLAT).unwrap();
    change(&mut tariff);
    tariff.check().unwrap_err()
}

#[test]
fn a_tariff_with_a_hole_is_refused() {
    assert_eq!(
        judged(|t| t.seasons.clear()),
        TariffError::SeasonCount { count: 0 }
    );
    let many = judged(|t| t.seasons = vec![t.seasons[0].clone(); 13]);
    assert_eq!(many, TariffError::SeasonCount { count: 13 });
    let month = judged(|t| t.months[1] = 4);
    assert_eq!(
        month,
        TariffError::MonthWithoutSeason {
            month: 2,
            season: 4
        }
    );

    let gap = judged(|t| t.seasons[2].ranges.retain(|range| range.from_quarter != 24));
    assert_eq!(
        gap,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 24
        }
    );
    let overlap = judged(|t| t.seasons[2].ranges[1].from_quarter = 23);
    assert_eq!(
        overlap,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 24
        }
    );
    let empty = judged(|t| t.seasons[2].ranges[0].until_quarter = 0);
    assert_eq!(
        empty,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 0
        }
    );
    let early_end = judged(|t| t.seasons[2].ranges.truncate(6));
    assert_eq!(
        early_end,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 88
        }
    );
    let late_end = judged(|t| t.seasons[2].ranges.last_mut().unwrap().until_quarter = 97);
    assert_eq!(
        late_end,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 96
        }
    );
    let nothing = judged(|t| t.seasons[2].ranges.clear());
    assert_eq!(
        nothing,
        TariffError::DayNotCovered {
            season: 2,
            quarter: 0
        }
    );
}

#[test]
fn a_band_has_exactly_one_price_within_bounds() {
    let missing = judged(|t| {
        t.seasons[1]
            .prices
            .retain(|priced| priced.band != Band::Peak)
    });
    assert_eq!(
        missing,
        TariffError::BandWithoutPrice {
            season: 1,
            band: Band::Peak
        }
    );
    let twice = judged(|t| {
        t.seasons[1].prices.push(BandPrice {
            band: Band::Flat,
            price: FLAT,
        })
    });
    assert_eq!(
        twice,
        TariffError::BandPricedTwice {
            season: 1,
            band: Band::Flat
        }
    );
    for price in [Price(-1), Price(100_000_001)] {
        let beyond = judged(|t| t.seasons[1].prices[0].price = price);
        assert_eq!(beyond, TariffError::PriceOutOfRange { price });
    }
}
