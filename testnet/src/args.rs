//! What was typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use wattle_testnet::import::Stamps;

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
    /// Run a park of real node processes through its days, then audit an export of its ledger
    Run(RunArgs),
    /// Measure how many signed events a second a park of real node processes commits
    Load(LoadArgs),
    /// Settle a park's days in this process, with the market's rules alone, and print the table
    Replay(ReplayArgs),
    /// Let happen in a park what files say, and compare what comes of it (docs/SCENARIOS.md)
    Scenario(ScenarioArgs),
    /// Live through random days and check everything that must hold of any day
    Nightly(NightlyArgs),
    /// Forge exports by the thousand; the verifier must find each
    Doctor(DoctorArgs),
    /// Verify an export offline and print its figures
    Audit(AuditArgs),
    /// Measure matching, auctions and settlement beside something else
    Bench(crate::commands::bench::BenchArgs),
}

/// Which park and which days.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProfileArgs {
    /// Readings to use instead of the bundled park: CSV with the header
    /// participant,building,meter,interval_start,watt_hours
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// Which end of its quarter hour a time in the data file names; many feeds stamp the end
    #[arg(long, value_enum, default_value_t = StampsArg::Start, requires = "data")]
    pub(crate) stamps: StampsArg,

    /// How many days to settle [default: 1 of the bundled park, all of a data file]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=400))]
    pub(crate) days: Option<u64>,

    /// First day to settle of the bundled park, 2016-07-02 to 2016-07-14 or 2016-01-12 to
    /// 2016-01-17
    #[arg(long, value_name = "DATE", conflicts_with = "data",
        default_value_t = wattle_testnet::datasets::DEFAULT_FIRST_DAY)]
    pub(crate) from: Date,
}

/// Which end of its quarter hour a stamp names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StampsArg {
    /// The start
    Start,
    /// The end
    End,
}

impl From<StampsArg> for Stamps {
    fn from(stamps: StampsArg) -> Self {
        match stamps {
            StampsArg::Start => Self::Start,
            StampsArg::End => Self::End,
        }
    }
}

/// How a park is run.
#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,

    /// Nodes, each a process of its own
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = nodes)]
    pub(crate) nodes: u64,

    /// Seconds of park time in one second
    #[arg(long, value_name = "N", default_value_t = 1_200,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) speed: u32,

    /// Which node is killed with -9 at midday of the first day, and started again an hour later
    #[arg(long, value_enum, default_value_t = Kill::Follower)]
    pub(crate) kill: Kill,

    /// Leave the park running, and say where it is
    #[arg(long)]
    pub(crate) keep: bool,

    /// Leave DIR/export, DIR/policy and DIR/report.json
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// A node to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kill {
    /// The leader
    Leader,
    /// A follower
    Follower,
    /// None
    None,
}

/// A number of voters with which a quorum is clear.
fn nodes(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(nodes @ (1 | 3 | 5 | 7)) => Ok(nodes),
        _ => Err("a park has 1, 3, 5 or 7 nodes".to_owned()),
    }
}

/// What is settled in this process.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,

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

/// What is measured.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoadArgs {
    /// Nodes, each a process of its own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = nodes)]
    pub(crate) nodes: u64,

    /// Clients, each with a key and a closed loop of its own
    #[arg(long, value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..=500))]
    pub(crate) clients: u16,

    /// How long they send
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,

    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which scenarios.
#[derive(Debug, ClapArgs)]
pub(crate) struct ScenarioArgs {
    /// Files with one statement a line
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// How many days.
#[derive(Debug, ClapArgs)]
pub(crate) struct NightlyArgs {
    /// Days to live through, each named by its seed
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) days: u64,

    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub(crate) seed: u64,
}

/// How many forgeries.
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Mutations to try, each named by its seed
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) mutations: u64,

    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}
