//! `wattle-testnet bench record`: an export of a large park, made in this process.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::civil::date;
use wattle_testnet::crowd::crowd;
use wattle_testnet::datasets;
use wattle_testnet::keyring::Keyring;
use wattle_testnet::record::record;
use wattle_testnet::replay::ParkPrices;
use wattle_testnet::script::Lists;

use crate::commands::Failure;

/// Days of the bundled park that come again and again: two weeks of July but for their first day.
const BASE_DAYS: u64 = 13;
/// Keys of a recording are nobody's.
pub(super) const SEED: [u8; 32] = [9; 32];

#[derive(Debug, ClapArgs)]
pub(super) struct RecordArgs {
    /// Where to: DIR/export and DIR/policy
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many tenants
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000))]
    tenants: u32,

    /// How many days
    #[arg(long, value_name = "N", default_value_t = 7,
        value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,

    /// Orders under one signature, each for an interval of its own
    #[arg(long, value_name = "N", default_value_t = 96,
        value_parser = clap::value_parser!(u32).range(1..=192))]
    orders_together: u32,

    /// Readings under one signature
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=4))]
    readings_together: u32,
}

/// Records the park.
pub(super) fn run(args: &RecordArgs) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::Failed(error);
    let base = datasets::bundled(date(2016, 7, 2), BASE_DAYS).map_err(|e| failed(e.into()))?;
    let profile = crowd(&base, args.tenants as usize, u64::from(args.days));
    let lists = Lists {
        orders: u64::from(args.orders_together),
        readings: u64::from(args.readings_together),
    };
    let prices = ParkPrices::bundled();
    let keyring = Keyring::from_seed(SEED);
    let entries =
        record(&profile, &prices, &keyring, lists, &args.out).map_err(|e| failed(e.into()))?;
    writeln!(
        io::stdout(),
        "{entries} entries of {} tenants with {} meters in {} days; left in {}",
        profile.participants.len(),
        profile.meters.len(),
        args.days,
        args.out.display()
    )?;
    Ok(())
}
