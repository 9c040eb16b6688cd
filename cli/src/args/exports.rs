//! Exports for each reader, as they are typed.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

/// An export or a view that is read offline.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct LeavesArgs {
    /// The folder, as `wattle log export` or `wattle log view` makes it
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// The policy (C2SP tlog-policy) that was pinned when the park was founded
    #[arg(long, value_name = "FILE", required_unless_present = "trust")]
    pub(crate) policy: Option<PathBuf>,

    /// Do not verify it; whoever wrote its files may have made up every figure
    #[arg(long, conflicts_with = "policy")]
    pub(crate) trust: bool,
}

/// `wattle log view`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ViewArgs {
    #[command(flatten)]
    pub(crate) leaves: LeavesArgs,

    /// Whose view, by name or id
    #[arg(long, value_name = "NAME")]
    pub(crate) participant: String,

    /// The folder for the view; it must not be there yet
    #[arg(long, value_name = "NEW_DIR")]
    pub(crate) out: PathBuf,
}

/// `wattle log tables`.
#[derive(Debug, ClapArgs)]
pub(crate) struct TablesArgs {
    #[command(flatten)]
    pub(crate) leaves: LeavesArgs,

    /// The folder for the tables; it must not be there yet
    #[arg(long, value_name = "NEW_DIR")]
    pub(crate) out: PathBuf,

    /// The form of the files
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: TableFormat,
}

/// The form of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    /// Comma-separated values (RFC 4180, UTF-8)
    Csv,
    /// Apache Parquet
    #[cfg(feature = "parquet")]
    Parquet,
}

impl TableFormat {
    /// How its files' names end.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            TableFormat::Csv => "csv",
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => "parquet",
        }
    }
}
