//! What is typed about witnesses and the logs of other parks.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Subcommand;
use wattle_ledger::log::note::VerifierKey;

/// `wattle witness …`.
#[derive(Debug, Subcommand)]
pub(crate) enum WitnessCommand {
    /// Make a witness's key and configuration in the data folder
    ///
    /// Writes witness.pem (private; encrypted only with --passphrase-file, since a witness must
    /// start without a person), witness.toml, and logs/, a folder of policies: one file *.policy
    /// for each log that it cosigns. Prints the verifier key, which belongs into the node
    /// configurations of those parks and into their regulators' policies.
    Init {
        /// The witness's name in signed notes, like witness.example/w1
        #[arg(long)]
        name: String,
        /// Policy of a log (C2SP tlog-policy), as its park's founder has it; once for each
        #[arg(long = "policy", value_name = "FILE")]
        policies: Vec<PathBuf>,
        /// Where it listens
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
        listen: SocketAddr,
    },
    /// Cosign what continues the last checkpoint of each log, until the process is ended
    ///
    /// It may be ended at any moment: what it has signed is on disk before anybody sees it.
    Run {
        /// The configuration that `wattle witness init` made
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// What a witness says of itself and its logs
    Status {
        /// The witness's address, like http://127.0.0.1:7070
        #[arg(long, value_name = "URL")]
        witness_url: String,
    },
    /// Fetch a witness's view of a park's log for `wattle log verify --witness`
    ///
    /// It is the witness's last note of the log of --url. With --from, the consistency proof from
    /// that size is put before it, made of the node's tiles: then an export that ends there can be
    /// checked against a view that is newer.
    Fetch {
        /// The witness's address, like http://127.0.0.1:7070
        #[arg(long, value_name = "URL")]
        witness_url: String,
        /// Size of the export that is to be checked
        #[arg(long, value_name = "ENTRIES")]
        from: Option<u64>,
        /// The file to be written
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// `wattle checkpoint …`.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Logs of other parks that this one follows, and what is recorded of them
    List,
    /// Record a checkpoint of a followed log, with the key of a node (--key)
    ///
    /// The other park's node is asked for its checkpoint and for the tiles that the consistency
    /// proof is made of. A node whose configuration has `event_key` and `[[follow]]` does this by
    /// itself, once an hour.
    Record {
        /// A node of the other park, like http://10.1.0.2:8080
        #[arg(long, value_name = "URL")]
        from: String,
    },
}

/// What a regulator knows of the log from witnesses.
#[derive(Debug, clap::Args)]
pub(crate) struct WitnessViewArgs {
    /// A witness's view of this log, as `wattle witness fetch` wrote it; several are compared
    #[arg(long = "witness", value_name = "FILE")]
    pub(crate) views: Vec<PathBuf>,

    /// Verifier key of a witness that is trusted beside those of the policy
    #[arg(long = "witness-key", value_name = "VKEY", requires = "views")]
    pub(crate) keys: Vec<VerifierKey>,
}
