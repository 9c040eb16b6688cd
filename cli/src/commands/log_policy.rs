//! `wattle log policy`: the policy that trusts a genesis' founding nodes.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use wattle_ledger::log::note::VerifierKey;
use wattle_ledger::log::policy::{PARK_GROUP, Policy};

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::park;

/// The policy with what it is of.
#[derive(Debug, Serialize)]
struct Shown {
    origin: String,
    policy: String,
}

pub(super) fn run(
    path: &Path,
    witnesses: &[VerifierKey],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let genesis = park::read_genesis(path)?;
    let shown = Shown {
        origin: genesis.origin(),
        policy: with_witnesses(&genesis.policy().to_string(), witnesses)?,
    };
    output.print(&shown, |writer| write!(writer, "{}", shown.policy))
}

/// The park's policy, which asks for one of these witnesses too.
fn with_witnesses(text: &str, witnesses: &[VerifierKey]) -> Result<String, Failure> {
    let park = text.strip_suffix(&format!("quorum {PARK_GROUP}\n"));
    let (Some(park), false) = (park, witnesses.is_empty()) else {
        return Ok(text.to_owned());
    };
    let mut text = park.to_owned();
    let mut names = String::new();
    for (place, key) in witnesses.iter().enumerate() {
        let _ = writeln!(text, "witness witness-{} {key}", place + 1);
        let _ = write!(names, " witness-{}", place + 1);
    }
    let _ = write!(
        text,
        "group witnesses any{names}\ngroup witnessed all {PARK_GROUP} witnesses\nquorum witnessed\n"
    );
    match Policy::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::of(Exit::Usage, &error, "give other keys")),
    }
}
