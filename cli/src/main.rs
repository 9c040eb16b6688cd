//! `wattle`: the command of a park's tenants, operators and regulators.
//!
//! # Layout
//! - [`args`]: what was typed; [`settings`]: what it means, with the environment and defaults
//! - [`amount`] and [`moment`]: energy, prices, money and intervals as people write them;
//!   [`schedule`]: entries of a pool schedule
//! - [`park`]: the park behind `--url`, pinned in the data folder; signing and submitting
//! - [`export`]: a copied log that is verified before it is used
//! - [`secret`]: key files and passphrases; [`folder`]: other files that are made
//! - [`stage`]: committed and sealed, in words
//! - [`output`]: tables and JSON on standard output; [`failure`]: errors, next steps, exit codes
//! - [`commands`]: one file per command
//!
//! # Exit codes
//! 0 done, 1 failed, 2 wrong usage, 4 refused by a rule of the ledger, 5 verification failed,
//! 6 no node reachable, 7 the park has no quorum. Data goes to standard output, messages to
//! standard error.
//!
//! # What this program does not do
//! It runs no node (that is `wattled`), opens no network socket but to the HTTP API of a node or
//! witness, listens only as a witness, speaks no TLS (a node's API is on loopback or behind a
//! reverse proxy), and takes a decision on no rule: what a node refuses is the ledger's to say.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use clap::Parser as _;

mod amount;
mod args;
mod commands;
#[cfg(test)]
#[path = "../tests/it/day.rs"]
mod day;
mod export;
mod failure;
mod folder;
mod leaves;
mod leg;
mod moment;
mod output;
mod park;
mod promises;
mod schedule;
mod secret;
mod settings;
mod stage;
mod tables;
mod verified;

use args::Args;
use failure::Failure;
use output::Output;
use settings::Settings;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are data; whoever closed the pipe has seen enough.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let settings = Settings::resolve(&args.global, |name| std::env::var_os(name))?;
    let mut output = Output::new(args.global.json, std::io::stdout().lock());
    commands::run(&args.command, &settings, &mut output)?;
    output.finish()
}
