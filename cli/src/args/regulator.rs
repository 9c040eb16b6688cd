//! What regulators type.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wattle_ledger::log::note::VerifierKey;
use wattle_market::units::Price;

use super::evidence::CompareArgs;
use super::witness::WitnessViewArgs;
use crate::amount;
use crate::args::{TablesArgs, ViewArgs};
use crate::moment::{Moment, Month};

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

        /// Copy from a node's history folder, a copy of one, or the http:// address of a file
        /// server that serves one; no node is asked and no key is needed
        #[arg(long, value_name = "PLACE", conflicts_with_all = ["url", "key"])]
        from: Option<String>,
        /// Up to the last checkpoint that a witness has cosigned too, with his line; the policy
        /// that it is verified with must name him
        #[arg(long, conflicts_with = "from")]
        witnessed: bool,
    },
    /// Verify a copy offline: from raw bytes to the last nano-yuan
    ///
    /// Keys come from the policy alone, which you had before you had the export; nothing that the
    /// export says of itself is trusted. Exit code 5 where a claim fails or cannot be checked.
    ///
    /// An export that begins later than its log (`log cut`) is verified from there on, and what
    /// lies before is said to be not checked.
    Verify(VerifyArgs),
    /// Compare two exports or checkpoints of one log, and make evidence where they contradict
    ///
    /// Exit code 5 where they do. For checkpoints of different sizes an export of the larger is
    /// needed.
    Compare(CompareArgs),
    /// Make one participant's view of a whole export: his leaves, and the hashes of all
    ///
    /// The view shows him, offline and without anybody else's leaves, that what concerns him stands
    /// in the sealed log. docs/FORMATS.md, section 14, says what is in it.
    View(ViewArgs),
    /// Write tables of an export or a view: trades, orders, settlements, postings, readings and
    /// certificates
    ///
    /// For spreadsheets and databases such as DuckDB; docs/TABLES.md explains each column.
    Tables(TablesArgs),
    /// Verify a whole copy and pass on the part from a month, or from a number of entries, on
    ///
    /// It begins with the last seal that is not later, with the state at that seal. Whoever gets it
    /// verifies it like any other: everything in it is bound by the same checkpoint.
    Cut(CutArgs),
    /// Print the policy that trusts a genesis' founding nodes, to be pinned
    Policy {
        /// The genesis file
        #[arg(long, value_name = "FILE")]
        genesis: PathBuf,
        /// Verifier key of a witness, of whom at least one must have cosigned too
        #[arg(long = "witness-key", value_name = "VKEY")]
        witnesses: Vec<VerifierKey>,
    },
    /// Print the policy that trusts the voters of a later day, to be pinned instead of an older one
    ///
    /// The export must verify but for its quorum, its own voters must have sealed it, and an older
    /// checkpoint in it must have the quorum of the policy that you have: then the registrar's
    /// signed events lead from the voters that you trust to those that vote now.
    NextPolicy(NextPolicyArgs),
}

/// `wattle log next-policy`.
#[derive(Debug, ClapArgs)]
pub(crate) struct NextPolicyArgs {
    /// The folder with `checkpoint` and `tile/`
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The policy (C2SP tlog-policy) that you have
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
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

    /// The folder is one participant's view, which cannot show everything: check what it can
    #[arg(long, conflicts_with_all = ["earlier", "resume"])]
    pub(crate) view: bool,

    /// A checkpoint of this log that you verified before: the export must continue it, and one
    /// that begins later than its log must begin with it
    #[arg(long, value_name = "FILE")]
    pub(crate) earlier: Option<PathBuf>,

    /// Your own file, in which the verification is kept: the next one begins where this one ended.
    /// It is made if it is not there, and written anew after everything holds
    #[arg(long, value_name = "FILE")]
    pub(crate) resume: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) witnesses: WitnessViewArgs,
}

/// `wattle log cut`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CutArgs {
    /// The folder with the whole copy
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The policy (C2SP tlog-policy) that was pinned when the park was founded
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,

    /// Begin with the last seal at or before so many entries
    #[arg(long, value_name = "ENTRIES")]
    pub(crate) after: Option<u64>,

    /// Begin with the last seal before a month of the park's clock
    #[arg(long, value_name = "YYYY-MM", conflicts_with = "after")]
    pub(crate) month: Option<Month>,

    /// The folder of the new export; it must not exist yet
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// An export that is read offline.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ExportArgs {
    /// The folder with `checkpoint` and `tile/`, as `wattle log export` makes it
    #[arg(long, value_name = "DIR")]
    pub(crate) export: PathBuf,

    /// The policy (C2SP tlog-policy) that was pinned when the park was founded
    #[arg(long, value_name = "FILE", required_unless_present = "trust")]
    pub(crate) policy: Option<PathBuf>,

    /// Do not verify the export; whoever wrote its files may have made up every figure
    #[arg(long, conflicts_with = "policy")]
    pub(crate) trust: bool,
}

/// `wattle what-if`.
#[derive(Debug, ClapArgs)]
pub(crate) struct WhatIfArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// First delivery interval [default: the first that is settled]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// Last delivery interval [default: the last that is settled]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Moment>,

    /// A whole month of the park's clock instead of --from and --to
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    pub(crate) month: Option<Month>,

    /// A retail tariff for every point, from a file (docs/STATEMENTS.md has its form)
    #[arg(long, value_name = "FILE", conflicts_with = "retail_flat")]
    pub(crate) retail_tariff: Option<PathBuf>,

    /// One retail price for every point at all times, in CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) retail_flat: Option<Price>,

    /// What the grid pays for own solar energy, in CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) feed_in: Option<Price>,

    /// What the grid pays for other surplus, in CNY/kWh; not above feed-in
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) export_price: Option<Price>,

    /// What energy within the park costs to carry, in CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) wheeling: Option<Price>,

    /// Nobody takes part in the surplus pool
    #[arg(long)]
    pub(crate) no_pool: bool,

    /// Nobody has traded forward
    #[arg(long)]
    pub(crate) no_forward: bool,
}

/// `wattle surveillance`.
#[derive(Debug, ClapArgs)]
pub(crate) struct SurveillanceArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// First delivery interval [default: the first with an order]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// Last delivery interval [default: the last with an order]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Moment>,

    /// A whole month of the park's clock instead of --from and --to
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    pub(crate) month: Option<Month>,
}
