//! `wattle-testnet bench replay`: a node's own log, replayed.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args as ClapArgs;
use wattle_testnet::bench::replay::measure;
use wattle_testnet::keyring::Keyring;

use super::record::SEED;
use super::{PassesArgs, print_json};
use crate::commands::Failure;

#[derive(Debug, ClapArgs)]
pub(super) struct ReplayArgs {
    /// What `bench record --out` wrote
    #[arg(long, value_name = "DIR")]
    recording: PathBuf,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

pub(super) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let keyring = Keyring::from_seed(SEED);
    let figures = measure(&args.recording, &keyring, args.passes.count());
    let figures = figures.map_err(Failure::Failed)?;
    if args.json {
        return print_json(&figures);
    }
    writeln!(
        io::stdout().lock(),
        "{} entries: own replay {:.0} ns an entry, {:.0} a second; each leaf made and compared \
         {:.0} ns, own / compared = {:.2}; read and hashed alone {:.0} ns; a snapshot of {:.1} MB \
         in {:.1} ms",
        figures.entries,
        figures.own_ns,
        figures.own_per_second,
        figures.compared_ns,
        figures.own_ns / figures.compared_ns,
        figures.hashed_ns,
        figures.snapshot_bytes as f64 / 1e6,
        figures.snapshot_ms,
    )?;
    Ok(())
}
