//! The settings of a park to be founded, as a TOML file instead of flags.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use wattle_market::units::Price;

use crate::amount;
use crate::failure::Failure;
use crate::folder;
use crate::moment::Moment;

/// The flags of `wattle park init` by their names with underscores. Prices and the factor are
/// strings, as on the command line: a TOML number would be a float.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SettingsFile {
    pub(super) name: Option<String>,
    pub(super) utc_offset_minutes: Option<i16>,
    #[serde(deserialize_with = "moment")]
    pub(super) first_interval: Option<Moment>,
    #[serde(deserialize_with = "price")]
    pub(super) retail_flat: Option<Price>,
    #[serde(deserialize_with = "price")]
    pub(super) feed_in: Option<Price>,
    #[serde(deserialize_with = "price")]
    pub(super) export: Option<Price>,
    #[serde(deserialize_with = "price")]
    pub(super) wheeling: Option<Price>,
    pub(super) factor_name: Option<String>,
    pub(super) factor_year: Option<u16>,
    #[serde(deserialize_with = "carbon")]
    pub(super) factor_kg_per_kwh: Option<u32>,
    pub(super) factor_source: Option<String>,
}

impl SettingsFile {
    /// Reads the file; an unknown name is refused, since it is a misspelt one.
    pub(super) fn read(path: &Path) -> Result<SettingsFile, Failure> {
        let text = folder::read_text(path)?;
        toml::from_str(&text).map_err(|error| {
            Failure::usage(
                format!("{} cannot be used: {error}", path.display()),
                "correct the file; names are those of the flags, prices are strings like \"0.65\"",
            )
        })
    }
}

fn read<'de, D: Deserializer<'de>, T, E: Display>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map(Some).map_err(serde::de::Error::custom)
}

fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    read(deserializer, amount::price)
}

fn carbon<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    read(deserializer, amount::carbon)
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    read(deserializer, Moment::from_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_has_the_names_of_the_flags_and_exact_amounts() {
        let text = "name = \"baoshan\"\nfeed_in = \"0.4155\"\nfactor_kg_per_kwh = \"0.42\"\n\
                    first_interval = \"2026-07-01T00:00\"";
        let file: SettingsFile = toml::from_str(text).unwrap();
        assert_eq!(file.name.as_deref(), Some("baoshan"));
        assert_eq!(file.feed_in, Some(Price(415_500)));
        assert_eq!(file.factor_kg_per_kwh, Some(420_000));
        assert!(file.first_interval.is_some());
        for wrong in [
            "feedin = \"0.4\"",
            "feed_in = 0.4",
            "feed_in = \"0.41550001\"",
        ] {
            assert!(toml::from_str::<SettingsFile>(wrong).is_err(), "{wrong}");
        }
    }
}
