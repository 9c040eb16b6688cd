//! `wattle-testnet nightly`: random days by the thousand.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use wattle_testnet::nightly::Nights;

use super::Failure;
use crate::args::NightlyArgs;

/// The day that is lived through, for whoever must say where the program stopped.
static SEED: AtomicU64 = AtomicU64::new(0);

pub(crate) fn run(args: &NightlyArgs) -> Result<(), Failure> {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let seed = SEED.load(Ordering::Relaxed);
        eprintln!("FAIL seed {seed}; again with: wattle-testnet nightly --days 1 --seed {seed}");
        told(panic);
    }));
    let start = Instant::now();
    let mut nights = Nights::default();
    let mut broken = 0u64;
    let progress = ProgressBar::new(args.days);
    for seed in args.seed..args.seed.saturating_add(args.days) {
        SEED.store(seed, Ordering::Relaxed);
        if let Err(what) = nights.live(seed) {
            broken += 1;
            progress.suspend(|| writeln!(io::stdout(), "FAIL {what}"))?;
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let _ = std::panic::take_hook();
    let verdict = if broken == 0 { "PASS" } else { "FAIL" };
    let Nights {
        entries,
        settled,
        adjusted,
        traded,
        substituted,
        auctions,
        ..
    } = nights;
    writeln!(
        io::stdout(),
        "{verdict} {} days from seed {} in {} s: {broken} broken; {entries} entries verified, \
         {settled} intervals settled, {substituted} lines on a substitute, {adjusted} adjusted, \
         {traded} gates with trades, {auctions} auctions beside the reference",
        args.days,
        args.seed,
        start.elapsed().as_secs(),
    )?;
    if broken == 0 {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}
