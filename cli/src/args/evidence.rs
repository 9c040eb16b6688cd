//! What is typed about evidence.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wattle_ledger::hash::Hash;

/// `wattle evidence …`.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    /// List the evidence that a node keeps: events with one sequence, heads that contradict
    ///
    /// It says too whether the log has recorded the same, and where.
    ///
    /// Offices see all of it, tenants that about heads and about their own keys. Without --key
    /// requests are signed by regulator.pem of the data folder, or else by key.pem.
    List,
    /// Copy a piece of evidence from a node, to be verified and given to others
    Fetch {
        /// Its name, as `wattle evidence list` prints it
        #[arg(value_name = "ID")]
        id: Hash,

        /// Where it is written; the file must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Bring a piece of evidence to a node, which keeps it and lets the log record it
    ///
    /// The node takes what its ledger would record. Without --key the request is signed by
    /// regulator.pem of the data folder, or else by key.pem.
    Give {
        /// The evidence
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take a recorded piece of evidence out of an export or a view, to be verified by itself
    Extract {
        /// The export's or view's folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// The entry, as `wattle log verify` or `wattle evidence list` prints it
        #[arg(value_name = "ENTRY")]
        entry: u64,

        /// Where it is written; the file must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify a piece of evidence offline: what it proves, against whom, and what it does not
    ///
    /// Exit code 5 where it proves nothing.
    Verify {
        /// The evidence
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// The policy (C2SP tlog-policy) that was pinned when the park was founded
        ///
        /// Without it the park is the one that the file names, and its id is for you to compare.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

/// `wattle log compare`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CompareArgs {
    /// An export's folder, or a signed checkpoint
    #[arg(value_name = "DIR|CHECKPOINT")]
    pub(crate) one: PathBuf,

    /// Another
    #[arg(value_name = "DIR|CHECKPOINT")]
    pub(crate) other: PathBuf,

    /// The policy (C2SP tlog-policy) that was pinned when the park was founded
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// The park's genesis, where both are checkpoints [default: that of the export or data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,

    /// Where evidence is written if the two contradict each other; it must not exist yet
    #[arg(long, value_name = "FILE")]
    pub(crate) evidence: Option<PathBuf>,
}
