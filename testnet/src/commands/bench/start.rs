//! `wattle-testnet bench start`: what a node's start costs after a recorded history.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use wattle_testnet::keyring::Keyring;
use wattle_testnet::node_start::{Source, measure};

use super::print_json;
use super::record::SEED;
use crate::commands::Failure;
use crate::commands::run::{park_folder, this_program};

/// How long a node is left alone before its memory is looked at.
const IDLE: Duration = Duration::from_secs(3);

#[derive(Debug, ClapArgs)]
pub(super) struct StartArgs {
    /// What `bench record --out` wrote
    #[arg(long, value_name = "DIR")]
    recording: PathBuf,

    /// Where the node's state comes from
    #[arg(long, value_enum, default_value_t = From::Snapshot)]
    from: From,

    /// How often the node is started
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..=99))]
    passes: u8,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    /// A snapshot of the last leaf
    Snapshot,
    /// The node's own history, where its snapshots are gone
    History,
    /// Raft's entries from the first on
    Entries,
}

pub(super) fn run(args: &StartArgs) -> Result<(), Failure> {
    let folder = park_folder()?;
    let keyring = Keyring::from_seed(SEED);
    let figures = measure(
        (&args.recording, &keyring),
        &folder,
        &this_program()?,
        match args.from {
            From::Snapshot => Source::Snapshot,
            From::History => Source::History,
            From::Entries => Source::Entries,
        },
        (usize::from(args.passes), IDLE),
    );
    let figures = figures.map_err(Failure::Failed)?;
    // What cannot be removed lies in the system's folder for temporary files.
    let _ = fs::remove_dir_all(&folder);
    if args.json {
        return print_json(&figures);
    }
    let with = match figures.source {
        Source::Snapshot => format!(
            "a snapshot of {} MB, which would keep the loop for {} ms",
            figures.snapshot_bytes / 1_000_000,
            figures.snapshot_stall_us / 1_000
        ),
        Source::History => "from its own history".to_owned(),
        Source::Entries => "from Raft's entries".to_owned(),
    };
    writeln!(
        io::stdout().lock(),
        "{} entries in {} batches, {with}: listening after {} ms, {} ms of processor time; at most \
         {} MB, idle {} MB",
        figures.entries,
        figures.batches,
        figures.listening_ms,
        figures.processor_ms,
        figures.peak_memory_kb / 1_024,
        figures.idle_memory_kb / 1_024,
    )?;
    Ok(())
}
