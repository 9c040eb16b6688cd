//! `wattle-testnet doctor`: forgeries that the verifier must find.

use std::io::{self, Write};

use wattle_testnet::doctor::Surgery;

use super::Failure;
use crate::args::DoctorArgs;

/// A view costs as much as an export, and has fewer classes of forgeries: one in so many seeds.
const VIEWS_EVERY: u64 = 4;

pub(crate) fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let surgery = Surgery::prepare().map_err(Failure::Failed)?;
    let mut output = io::stdout().lock();
    let mut undetected = 0u64;
    let mut unchanged = 0u64;
    let mut passed = 0u64;
    for seed in args.seed..args.seed.saturating_add(args.mutations) {
        for (kind, doctored) in [
            ("whole", surgery.doctored(seed)),
            ("part", surgery.doctored_part(seed)),
        ] {
            match doctored {
                None => unchanged += 1,
                Some(doctored) if !surgery.is_found(&doctored) => {
                    undetected += 1;
                    writeln!(output, "UNDETECTED {kind}, seed {seed}: {}", doctored.what)?;
                }
                Some(_) => {}
            }
        }
        // Not each of these can be found, but none may stop the verifier.
        if let Some(doctored) = surgery.doctored_rows(seed) {
            passed += u64::from(surgery.judge(&doctored.files).is_ok());
        }
        if seed % VIEWS_EVERY != 0 {
            continue;
        }
        match surgery.doctored_view(seed) {
            Some(view) if !surgery.is_view_found(&view) => {
                undetected += 1;
                writeln!(
                    output,
                    "UNDETECTED view, seed {seed}: {}",
                    view.doctored.what
                )?;
            }
            _ => {}
        }
    }
    let verdict = if undetected == 0 { "PASS" } else { "FAIL" };
    writeln!(
        output,
        "{verdict} {} mutations of an export of {} leaves, as many of a part of it and of the \
         state that it begins with, and a quarter of that of views of it: \
         {undetected} undetected, {unchanged} changed nothing, {passed} states told nobody that they \
         were made up",
        args.mutations,
        surgery.leaves(),
    )?;
    output.flush()?;
    if undetected == 0 {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}
