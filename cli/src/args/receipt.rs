//! What is typed about promises and proofs.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// `wattle receipt …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptCommand {
    /// List the receipts that nodes gave for events sent from this data folder
    List,
    /// Ask the node that promised an event for the receipts of leaders it carried the event to
    ///
    /// They are there until a seal covers the event. With them a broken promise names the leader.
    Fetch {
        /// A promise of the data folder's `receipts/`
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Make the proof that an event of this data folder stands in the sealed log (C2SP tlog-proof)
    ///
    /// The proof can be checked by anyone who has the policy, without this program and without a
    /// node.
    Prove {
        /// A promise of the data folder's `receipts/`, which holds the event
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Where the proof is written; the file must not exist yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Verify a promise or a proof offline
    Verify(ReceiptVerifyArgs),
}

/// `wattle receipt verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReceiptVerifyArgs {
    /// A promise, as it lies in `receipts/`, or a proof, as `wattle receipt prove` makes it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The policy (C2SP tlog-policy) to trust [default for a proof: that of the data folder's park]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

    /// For a promise: the export that shows whether it was kept
    #[arg(long, value_name = "DIR", requires = "policy")]
    pub(crate) export: Option<PathBuf>,
}
