//! `wattle log policy`: the policy that trusts a genesis' founding nodes.

use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::park;

/// The policy with what it is of.
#[derive(Debug, Serialize)]
struct Shown {
    origin: String,
    policy: String,
}

pub(super) fn run(path: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let genesis = park::read_genesis(path)?;
    let shown = Shown {
        origin: genesis.origin(),
        policy: genesis.policy().to_string(),
    };
    output.print(&shown, |writer| write!(writer, "{}", shown.policy))
}
