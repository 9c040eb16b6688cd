//! What happens in a park and what must come of it, in a small text language that a market operator
//! can read and write (docs/SCENARIOS.md).
//!
//! One statement a line. Some say what people sign, with the expected outcome as the last column;
//! some let time pass; some say what the ledger must hold. All goes through the real ledger: signed
//! events in batches, in park time. At the end the park's export is verified.

mod actions;
mod checks;
mod names;
mod passing;
mod words;

use std::fmt;

use wattle_ledger::verify::claim::Status;
use wattle_market::units::{Money, Price, WattHours};

use names::Stage;
use words::Words;

use crate::solo::SoloPark;

/// What a scenario that passed consisted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// Statements.
    pub statements: usize,
    /// Outcomes and figures that were compared.
    pub checks: usize,
    /// Entries of the log that came of it, and were verified.
    pub entries: u64,
}

/// Where and why a scenario did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The line, from 1; the last one where the whole did not verify.
    pub line: usize,
    /// What stands there.
    pub statement: String,
    /// What is wrong.
    pub wrong: Wrong,
}

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It cannot be read.
    Unreadable(String),
    /// Something else came of it.
    Unexpected {
        /// What the scenario says.
        expected: String,
        /// What the ledger says.
        found: String,
    },
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Unreadable(reason)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: ", self.line, self.statement.trim())?;
        match &self.wrong {
            Wrong::Unreadable(reason) => write!(formatter, "cannot be read: {reason}"),
            Wrong::Unexpected { expected, found } => {
                write!(formatter, "expected {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for Failed {}

/// Something that a scenario expects and that can be compared with what is there.
fn compare<T: PartialEq + fmt::Display>(expected: T, found: T) -> Result<(), Wrong> {
    if expected == found {
        return Ok(());
    }
    Err(Wrong::Unexpected {
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// `10.000 kWh at 0.575 CNY/kWh`.
fn at_price(quantity: WattHours, price: Option<Price>) -> String {
    match price {
        Some(price) => format!("{quantity} at {price}"),
        None => "nothing".to_owned(),
    }
}

/// Runs a scenario.
///
/// # Errors
/// [`Failed`]: the first statement that cannot be read or comes out otherwise.
pub fn run(text: &str) -> Result<Passed, Failed> {
    play(text).map(|(passed, _)| passed)
}

/// Runs a scenario, and gives the park in which it happened too.
///
/// # Errors
/// As [`run`].
pub fn play(text: &str) -> Result<(Passed, SoloPark), Failed> {
    let mut stage = Stage::default();
    let mut statements = 0;
    let mut last = (1, String::new());
    for (place, line) in text.lines().enumerate() {
        let mut words = Words::of(line);
        if words.is_empty() {
            continue;
        }
        statements += 1;
        last = (place + 1, line.to_owned());
        stage.statement(&mut words).map_err(|wrong| Failed {
            line: place + 1,
            statement: line.to_owned(),
            wrong,
        })?;
    }
    let whole = |wrong| Failed {
        line: last.0,
        statement: last.1.clone(),
        wrong,
    };
    let entries = stage.verify().map_err(whole)?;
    let passed = Passed {
        statements,
        checks: stage.checks,
        entries,
    };
    Ok((passed, stage.into_park().map_err(whole)?))
}

impl Stage {
    fn statement(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let verb = words.word("a statement")?;
        if verb == "park" {
            return self.settings(words);
        }
        let known = self.acts(&verb, words)? || self.passes(&verb, words)?;
        if known || self.checks(&verb, words)? {
            return Ok(());
        }
        Err(Wrong::Unreadable(format!(
            "{verb:?} is no statement; docs/SCENARIOS.md lists them"
        )))
    }

    /// Every claim of the verifier must hold, and all accounts must sum to zero. How many entries
    /// the log has.
    fn verify(&mut self) -> Result<u64, Wrong> {
        let accounts = self.park()?.ledger().state().accounts.iter();
        let sum: i128 = accounts
            .map(|(_, account)| i128::from(account.balance.0))
            .sum();
        let zero = Money::ZERO.to_string();
        if sum != 0 {
            return Err(Wrong::Unexpected {
                expected: format!("accounts that sum to {zero}"),
                found: format!("{sum} nano-yuan"),
            });
        }
        let report = self.park()?.verified();
        let failed = report
            .claims
            .iter()
            .find(|claim| claim.status != Status::Ok);
        match failed {
            None => Ok(report.size),
            Some(claim) => Err(Wrong::Unexpected {
                expected: "an export that verifies".to_owned(),
                found: format!("{}: {}", claim.claim, claim.reason),
            }),
        }
    }
}
