//! `wattle-sim`: runs seeds and says which broke a rule.

use std::io::Write as _;
use std::process::ExitCode;
use wattle_sim::args::{Args, USAGE};
use wattle_sim::failure::Failure;
use wattle_sim::options::Options;
use wattle_sim::simulation::run;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut worst = 0;
    for seed in args.seeds.clone() {
        worst = worse(worst, run_seed(&args, seed));
    }
    ExitCode::from(worst)
}

/// Runs one seed; its exit code.
fn run_seed(args: &Args, seed: u64) -> u8 {
    let options = Options::draw(seed, args.nodes, args.ticks);
    let trace = args.trace.then_some(print as fn(&str));
    // A panic ends the program, so the seed has to stand there before.
    print_part(&format!("seed {seed}: "));
    let ending = run(&options, trace);
    let (statistics, digest) = (ending.statistics, ending.digest);
    match ending.failure {
        None => {
            print(&format!(
                "ok  digest {digest:016x}  {} nodes, {} s, {} messages, {} crashes, {} terms, \
                 {} strays refused, {} leaves, {} acknowledged, {} published, {} trades, \
                 {} matched, {} settled, {} items refused, {} snapshots, {} caught up, {} steps",
                options.nodes,
                statistics.real_ms / 1_000,
                statistics.messages,
                statistics.crashes,
                statistics.terms,
                statistics.refused,
                statistics.leaves,
                statistics.acknowledged,
                statistics.published,
                statistics.trades,
                statistics.matched,
                statistics.settled,
                statistics.refusals,
                statistics.snapshots,
                statistics.caught_up,
                statistics.steps,
            ));
            0
        }
        Some(failure) => {
            print(&format!(
                "FAILED  digest {digest:016x}\n{failure}\n{options:#?}"
            ));
            match failure {
                Failure::Correctness { .. } => 1,
                Failure::Liveness { .. } => 3,
            }
        }
    }
}

/// Something wrong is worse than too little.
fn worse(a: u8, b: u8) -> u8 {
    match (a, b) {
        (1, _) | (_, 1) => 1,
        _ => a.max(b),
    }
}

fn print(line: &str) {
    print_part(&format!("{line}\n"));
}

/// Whoever closed the output wants no more of it.
fn print_part(text: &str) {
    let mut out = std::io::stdout();
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}
