//! `wattle-testnet replay`: a park's days settled in this process.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use wattle_testnet::import::{self, Imported};
use wattle_testnet::keyring::Keyring;
use wattle_testnet::profile::ParkProfile;
use wattle_testnet::record::record;
use wattle_testnet::replay::{ParkPrices, replay};
use wattle_testnet::script::Lists;
use wattle_testnet::{datasets, table};

use super::Failure;
use crate::args::{ProfileArgs, ReplayArgs};

/// How many flags are shown one by one: a feed with a broken clock has thousands of the same.
const FLAGS_SHOWN_MAX: usize = 20;

/// The keys of a recording: known to everyone, so that it comes out the same twice.
const RECORDING_SEED: [u8; 32] = [0; 32];

pub(crate) fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let profile = load(&args.profile, &mut output)?;
    let prices = ParkPrices::bundled();
    writeln!(
        output,
        "{} tenants at {} points in {} buildings; {}",
        profile.participants.len(),
        profile.points.len(),
        profile.buildings.len(),
        profile.source
    )?;
    writeln!(
        output,
        "Retail: Shanghai two-part time of use, {} CNY/kWh flat; feed-in {}, export {}, \
         wheeling {}\n",
        table::yuan_per_kwh(datasets::park::RETAIL_FLAT),
        table::yuan_per_kwh(prices.terms.feed_in),
        table::yuan_per_kwh(prices.terms.export),
        table::yuan_per_kwh(prices.terms.wheeling),
    )?;
    if let Some(out) = &args.out {
        check_out(out).map_err(Failure::Usage)?;
    }
    let report = replay(&profile, &prices)
        .context("the replay stopped; please report this with the data that led to it")
        .map_err(Failure::Failed)?;
    writeln!(output, "{}", report.render(&profile))?;
    if let Some(out) = &args.out {
        record(
            &profile,
            &prices,
            &Keyring::from_seed(RECORDING_SEED),
            Lists::default(),
            out,
        )
        .context("the recording stopped")
        .map_err(Failure::Failed)?;
        let out = out.display();
        writeln!(
            output,
            "Recorded in {out}/export; verify it with\n  \
            wattle log verify {out}/export --policy {out}/policy\n"
        )?;
    }
    writeln!(
        output,
        "PASS {} intervals settled, every invariant held",
        report.intervals
    )?;
    output.flush()?;
    Ok(())
}

/// A folder to write to is new or empty: what is there is never overwritten.
pub(crate) fn check_out(out: &Path) -> anyhow::Result<()> {
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be used", out.display()));
        }
    };
    if entries.count() > 0 {
        anyhow::bail!(
            "{} is not empty; choose a new folder with --out",
            out.display()
        );
    }
    Ok(())
}

/// The park that was asked for, from a file or bundled.
pub(crate) fn load(args: &ProfileArgs, output: &mut impl Write) -> Result<ParkProfile, Failure> {
    let Some(path) = &args.data else {
        return datasets::bundled(args.from, args.days.unwrap_or(1))
            .map_err(|error| Failure::Usage(error.into()));
    };
    let imported = import::read_file(path, args.days, args.stamps.into())
        .with_context(|| format!("{} cannot be used", path.display()))
        .map_err(Failure::Usage)?;
    show_flags(&imported, output)?;
    Ok(imported.profile)
}

/// What was put right in a data file, the first few one by one.
fn show_flags(imported: &Imported, output: &mut impl Write) -> io::Result<()> {
    for flag in imported.flags.iter().take(FLAGS_SHOWN_MAX) {
        writeln!(output, "flag: {flag}")?;
    }
    if imported.flags.len() > FLAGS_SHOWN_MAX {
        writeln!(
            output,
            "flag: and {} more",
            imported.flags.len() - FLAGS_SHOWN_MAX
        )?;
    }
    if imported.readings_cut_off > 0 {
        let count = imported.readings_cut_off;
        writeln!(
            output,
            "flag: {count} reading(s) of a last day that had hardly begun left out"
        )?;
    }
    Ok(())
}
