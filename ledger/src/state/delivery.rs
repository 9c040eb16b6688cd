//! What the registrar says about delivery: rules, corrections and frozen keys.

use crate::event::Action;
use crate::registration::RuleSet;
use crate::rejection::Rejection;
use crate::state::{Facts, State};

impl State {
    /// Performs an action on delivery; none if the action is another.
    pub(crate) fn perform_delivery(
        &mut self,
        action: &Action,
        _leaf: u64,
        facts: &mut Facts,
    ) -> Option<Result<(), Rejection>> {
        let performed = match action {
            Action::ActivateRules { rules, from } => match rules {
                RuleSet::FinalRuns => self.activate_final_runs(*from),
            },
            Action::CorrectReading {
                meter,
                interval,
                register,
                reason,
            } => self.correct_reading((*meter, *interval), *register, reason, facts),
            Action::LiftFreeze { key } => self.lift_freeze(key),
            _ => return None,
        };
        Some(performed)
    }
}
