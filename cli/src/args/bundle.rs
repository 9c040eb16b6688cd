//! What tenants type about bundles.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wattle_ledger::event::OrderId;
use wattle_market::units::Money;

use super::tenant::RangeArgs;
use crate::amount;
use crate::leg::Legs;

/// `wattle bundle …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Place a bundle for a local day; its joint auction is at noon of the day before
    ///
    /// All its legs are filled or none is. Its limit is on the net cash of all legs, at the prices
    /// of their intervals: what sales bring less what purchases cost.
    Place(BundlePlaceArgs),
    /// List one's open bundles, and what became of those of days in a period
    List(RangeArgs),
    /// Take a bundle back before its auction
    Cancel {
        /// Id of the bundle (KEY-SEQUENCE-0), as `bundle place` and `bundle list` print it
        #[arg(value_name = "BUNDLE")]
        bundle: OrderId,
    },
}

/// `wattle bundle place`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct BundlePlaceArgs {
    /// The point that gives and takes the energy
    #[arg(long)]
    pub(crate) point: u32,

    /// A leg like 2026-07-01T12:00=buy:25kWh, or 2026-07-01T12:00/8=buy:25kWh for eight intervals
    /// in a row; once for each, all in one local day
    #[arg(long = "leg", value_name = "LEG", group = "what")]
    pub(crate) legs: Vec<Legs>,

    /// TOML file with a list `legs` of such texts
    #[arg(long, value_name = "FILE", group = "what", conflicts_with = "legs")]
    pub(crate) file: Option<PathBuf>,

    /// The least that all legs must bring, in CNY; below zero, like -4.50: the most to pay
    #[arg(long, value_name = "CNY", value_parser = amount::money, allow_hyphen_values = true)]
    pub(crate) limit: Money,

    /// Show what it can cost at most; sign and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
