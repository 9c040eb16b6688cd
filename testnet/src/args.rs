//! What was typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use jiff::civil::Date;

/// A whole zero-carbon park on one machine: its data, its market, its reports.
#[derive(Debug, Parser)]
#[command(version, about)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Settle a park's days in this process, with the market's rules alone, and print the table
    Replay(ReplayArgs),
    /// Verify an export offline and print its figures
    Audit(AuditArgs),
}

/// Which days to settle.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// Readings to use instead of the bundled park: CSV with the header
    /// participant,building,meter,interval_start,watt_hours
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// How many days to settle [default: 1 of the bundled park, all of a data file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=400))]
    pub(crate) days: Option<u64>,

    /// First day to settle of the bundled park, 2016-07-02 to 2016-07-14 or 2016-01-12 to
    /// 2016-01-17
    #[arg(long, value_name = "DATE", conflicts_with = "data",
        default_value_t = wattle_testnet::datasets::DEFAULT_FIRST_DAY)]
    pub(crate) from: Date,

    /// Also record the days as a signed one-node export: DIR/export and DIR/policy
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Which export to verify.
#[derive(Debug, ClapArgs)]
pub(crate) struct AuditArgs {
    /// The export: a folder with `checkpoint` and `tile/`
    pub(crate) export: PathBuf,

    /// The policy to trust (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,

    /// Print the content of report.json
    #[arg(long)]
    pub(crate) json: bool,
}
