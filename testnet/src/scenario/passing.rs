//! Time that passes, and what the ledger did when it was due.

use wattle_ledger::derived::Fact;

use super::names::Stage;
use super::words::Words;
use super::{Wrong, compare};
use crate::profile::PARK_UTC_OFFSET_MINUTES;

impl Stage {
    /// Lets time pass, if a statement is one of these.
    pub(super) fn passes(&mut self, verb: &str, words: &mut Words) -> Result<bool, Wrong> {
        let interval = self.interval;
        match verb {
            "interval" => self.interval = words.interval(interval)?,
            "time" => {
                let time = words.moment(interval)?;
                if time < self.park()?.now() {
                    return Err("park time does not go back".to_owned().into());
                }
                self.park()?.advance_to(time);
            }
            "gate" => {
                if words.take("firm") {
                    self.park()?.advance_to(interval.firm_from());
                } else {
                    words.must("closes")?;
                    self.park()?.advance_to(interval.gate_closure());
                }
            }
            "delivery" => {
                words.must("ends")?;
                self.park()?.advance_to(interval.end());
            }
            "settle" => self.settles(words)?,
            "final" => self.becomes_final(words)?,
            _ => return Ok(false),
        }
        words.end()?;
        Ok(true)
    }

    /// `settle`, `settle held`, `settle nothing`.
    fn settles(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let interval = self.interval;
        let expected = match words.word("held or nothing") {
            Ok(word) if ["held", "nothing"].contains(&word.as_str()) => word,
            Ok(word) => return Err(format!("{word:?} is neither held nor nothing").into()),
            Err(_) => "settled".to_owned(),
        };
        let park = self.park()?;
        park.advance_to(interval.settlement_due());
        let found = park.facts().iter().find_map(|told| match &told.fact {
            Fact::IntervalSettled { interval: of, .. } if *of == interval => Some("settled"),
            Fact::SettlementHeld { interval: of, .. } if *of == interval => Some("held"),
            _ => None,
        });
        let found = found.unwrap_or("nothing").to_owned();
        self.checks += 1;
        compare(expected, found)
    }

    /// `final`, `final unchanged`, `final adjusted`, `final held`.
    fn becomes_final(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let interval = self.interval;
        let expected = words.word("unchanged, adjusted or held")?;
        if !["unchanged", "adjusted", "held"].contains(&expected.as_str()) {
            return Err(format!("{expected:?} is neither unchanged, adjusted nor held").into());
        }
        let park = self.park()?;
        park.skip_to(interval.final_run_due(PARK_UTC_OFFSET_MINUTES));
        let is_final = park.ledger().state().runs.is_final(interval);
        let found = park.facts().iter().find_map(|told| match &told.fact {
            Fact::IntervalAdjusted { interval: of, .. } if *of == interval => Some("adjusted"),
            Fact::RunHeld { interval: of, .. } if *of == interval => Some("held"),
            _ => None,
        });
        let otherwise = if is_final {
            "unchanged"
        } else {
            "no final run"
        };
        self.checks += 1;
        compare(expected, found.unwrap_or(otherwise).to_owned())
    }
}
