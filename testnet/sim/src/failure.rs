//! What a run can end with when it does not end well.

use std::fmt;

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Something wrong was done: a checker's name and what it saw.
    Correctness {
        /// Which checker.
        checker: &'static str,
        /// What it saw.
        what: String,
    },
    /// Nothing wrong was done, but after all faults ended, too little was.
    Liveness {
        /// What had not happened in time.
        what: String,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Correctness { checker, what } => {
                write!(formatter, "correctness ({checker}): {what}")
            }
            Failure::Liveness { what } => write!(formatter, "liveness: {what}"),
        }
    }
}
