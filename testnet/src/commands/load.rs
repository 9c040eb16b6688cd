//! `wattle-testnet load`: events a second that a park commits.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use wattle_testnet::load::{LoadSettings, load};

use super::Failure;
use super::run::{park_folder, this_program};
use crate::args::LoadArgs;

pub(crate) fn run(args: &LoadArgs) -> Result<(), Failure> {
    let folder = park_folder()?;
    let settings = LoadSettings {
        program: this_program()?,
        nodes: args.nodes,
        clients: usize::from(args.clients),
        duration: Duration::from_secs(args.seconds),
    };
    let figures = load(&folder, &settings).map_err(Failure::Failed)?;
    // What cannot be removed lies in the system's folder for temporary files.
    let _ = fs::remove_dir_all(&folder);
    let mut output = io::stdout().lock();
    if args.json {
        let json = serde_json::to_string(&figures).map_err(|e| Failure::Failed(e.into()))?;
        writeln!(output, "{json}")?;
    } else {
        writeln!(
            output,
            "{} nodes, {} clients: {} events in {} s, {} a second; outcome p50 {} us, p99 {} us; \
             {} bytes an event; one node at most {} MB",
            figures.nodes,
            figures.clients,
            figures.events,
            args.seconds,
            figures.events_per_second,
            figures.p50_us,
            figures.p99_us,
            figures.event_bytes,
            figures.peak_memory_kb / 1_024,
        )?;
    }
    output.flush()?;
    Ok(())
}
