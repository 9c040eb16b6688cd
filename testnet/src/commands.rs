//! One file for each command, and how a command ends.

use std::io;

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod doctor;
pub(crate) mod load;
pub(crate) mod nightly;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod scenario;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked cannot be done; nothing was started. Exit code 2.
    Usage(anyhow::Error),
    /// It went wrong on the way. Exit code 1.
    Failed(anyhow::Error),
    /// It went wrong, and the command has said so. Exit code 1.
    Told,
    /// Nobody reads the output any more.
    BrokenPipe,
}

impl From<io::Error> for Failure {
    /// An error of writing the output.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Failed(anyhow::Error::new(error).context("cannot write the output"))
        }
    }
}
