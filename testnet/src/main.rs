//! `wattle-testnet`: a whole park on one machine.
//!
//! Exit codes: 0 done and all checks held, 1 failed, 2 wrong usage or unusable data, before
//! anything was started.

use std::process::ExitCode;

use clap::Parser;

mod args;
mod commands;

use args::{Args, Command};
use commands::Failure;

fn main() -> ExitCode {
    // `run` starts this program again for each node, so that one binary is a whole park.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "node")
    {
        return wattle_node::daemon::main(std::env::args_os().skip(1));
    }
    let result = match Args::parse().command {
        Command::Run(args) => commands::run::run(&args),
        Command::Load(args) => commands::load::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Nightly(args) => commands::nightly::run(&args),
        Command::Scenario(args) => commands::scenario::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report_failure(&failure),
    }
}

/// Prints the whole chain of causes, once, and chooses the exit code.
fn report_failure(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Usage(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
        Failure::Failed(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
        Failure::Told => ExitCode::FAILURE,
        // Whoever closed the pipe has seen enough.
        Failure::BrokenPipe => ExitCode::SUCCESS,
    }
}
