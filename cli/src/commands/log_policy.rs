//! `wattle log policy` and `next-policy`: the policy that trusts a genesis' founding nodes, or
//! those who vote later.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use wattle_ledger::log::note::VerifierKey;
use wattle_ledger::log::policy::{PARK_GROUP, Policy};
use wattle_ledger::verify::claim::{Report, Status};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;

use crate::args::NextPolicyArgs;
use crate::commands::log_verify::{progress, read_policy, verdict};
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

/// Follows the registrar's signed events from the voters that a policy trusts to those of the end.
pub(super) fn next(args: &NextPolicyArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let policy = read_policy(&args.policy)?;
    let source = Directory::new(&args.folder);
    let report = verify(&source, &policy, &mut progress("verified"));
    if !report.is_ok() && !is_but_for_its_quorum(&report) {
        return Err(verdict(&report));
    }
    let voters = report.voters.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            "the voters of this log never changed",
            "keep the policy that you have",
        )
    })?;
    if !voters.is_sealed {
        return Err(Failure::new(
            Exit::Verification,
            "the log's own voters have not sealed this export with their quorum",
            "take another export from another node",
        ));
    }
    if voters.vouched.is_none() {
        return Err(Failure::new(
            Exit::Verification,
            "nothing in this export has the quorum of the policy",
            "take an export from a node that was there before the voters changed, or begin with an \
             older export of your own: copy its `checkpoint` into `checkpoints/SIZE` of this one",
        ));
    }
    let origin = report.origin.unwrap_or_default();
    let shown = Shown {
        policy: with_witnesses(&voters.policy, &witnesses_of(&policy, &origin))?,
        origin,
    };
    output.print(&shown, |writer| write!(writer, "{}", shown.policy))
}

/// Whom a policy trusts beside the park's own nodes.
fn witnesses_of(policy: &Policy, origin: &str) -> Vec<VerifierKey> {
    let of_park = format!("{origin}/node/");
    let keys = policy.witnesses().iter().map(|witness| &witness.key);
    let foreign = keys.filter(|key| !key.name().starts_with(&of_park));
    foreign.cloned().collect()
}

/// Whether nothing is wrong but that the policy does not know who signed.
fn is_but_for_its_quorum(report: &Report) -> bool {
    let is_of_keys = |claim: &str| matches!(claim, "log signatures" | "quorum");
    let mut claims = report.claims.iter();
    claims.all(|claim| claim.status == Status::Ok || is_of_keys(claim.claim))
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
