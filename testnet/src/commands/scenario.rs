//! `wattle-testnet scenario FILE…`: what happens in a park, and whether it comes out as written.

use std::fs;
use std::io::{self, Write};

use anyhow::Context;
use wattle_testnet::scenario;

use super::Failure;
use crate::args::ScenarioArgs;

pub(crate) fn run(args: &ScenarioArgs) -> Result<(), Failure> {
    let mut texts = Vec::new();
    for path in &args.files {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))
            .map_err(Failure::Usage)?;
        texts.push((path.display(), text));
    }
    let mut output = io::stdout().lock();
    let mut failed = 0usize;
    for (path, text) in &texts {
        match scenario::run(text) {
            Ok(passed) => writeln!(
                output,
                "PASS {path}: {} statements, {} compared, {} entries verified",
                passed.statements, passed.checks, passed.entries
            )?,
            Err(wrong) => {
                failed += 1;
                writeln!(output, "FAIL {path}:{wrong}")?;
            }
        }
    }
    output.flush()?;
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::Told)
    }
}
