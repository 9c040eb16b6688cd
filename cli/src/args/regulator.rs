//! What regulators type.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

/// `wattle log …`.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Copy the whole log from a node into a folder (C2SP tlog-tiles)
    ///
    /// Entries are private: the key of a regulator, registrar or treasurer signs the requests.
    /// Without --key that is regulator.pem of the data folder.
    Export {
        /// The folder; it must not hold an export yet
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Verify a copy offline: from raw bytes to the last nano-yuan
    ///
    /// Keys come from the policy alone, which you had before you had the export; nothing that the
    /// export says of itself is trusted. Exit code 5 where a claim fails or cannot be checked.
    Verify(VerifyArgs),
    /// Print the policy that trusts a genesis' founding nodes, to be pinned
    Policy {
        /// The genesis file
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
    },
}

/// `wattle log verify`.
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// The folder with `checkpoint` and `tile/`
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The policy (C2SP tlog-policy) that was pinned when the park was founded
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
}
