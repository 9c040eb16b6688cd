//! `wattle-testnet audit`: an export verified and summed up.

use std::io::{self, Write};

use anyhow::anyhow;
use wattle_testnet::audit::audit;

use super::Failure;
use crate::args::AuditArgs;

pub(crate) fn run(args: &AuditArgs) -> Result<(), Failure> {
    let audit = audit(&args.export, &args.policy, &mut |_| {}).map_err(Failure::Usage)?;
    let mut output = io::stdout().lock();
    if args.json {
        let json = serde_json::to_string_pretty(&audit).map_err(|e| Failure::Failed(e.into()))?;
        writeln!(output, "{json}")?;
    } else {
        writeln!(output, "{}", audit.render())?;
    }
    output.flush()?;
    if audit.verified {
        Ok(())
    } else {
        Err(Failure::Failed(anyhow!(
            "the export does not verify; see the claims"
        )))
    }
}
