//! What the registrar says about delivery: rules, corrections, frozen keys, registers, tenants.

use crate::event::Action;
use crate::registration::RuleSet;
use crate::rejection::Rejection;
use crate::state::registers::Break;
use crate::state::{Facts, State};

impl State {
    /// Performs an action on delivery; none if the action is another.
    pub(crate) fn perform_delivery(
        &mut self,
        action: &Action,
        leaf: u64,
        facts: &mut Facts,
    ) -> Option<Result<(), Rejection>> {
        let performed = match action {
            Action::ActivateRules { rules, from } => match rules {
                RuleSet::FinalRuns => self.activate_final_runs(*from),
                RuleSet::PriceIndex => self.activate_index(*from),
                RuleSet::Certificates => self.activate_certificates(*from),
                RuleSet::MonthClose => self.activate_month_close(*from),
                RuleSet::JointAuction => self.activate_joint(*from),
            },
            Action::CorrectReading {
                meter,
                interval,
                register,
                reason,
            } => self.correct_reading((*meter, *interval), *register, reason, facts),
            Action::LiftFreeze { key } => self.lift_freeze(key),
            Action::ResetRegister {
                meter,
                interval,
                last,
                start,
            } => self.reset_register((*meter, *interval), *last, *start, facts),
            Action::ReplaceMeter {
                meter,
                interval,
                last,
                start,
                ratio,
                key,
            } => {
                let row = Break {
                    last: *last,
                    start: *start,
                    ratio: *ratio,
                };
                self.replace_meter((*meter, *interval), row, *key, leaf, facts)
            }
            Action::SetRatio {
                meter,
                from,
                register,
                ratio,
            } => self.set_ratio((*meter, *from), *register, *ratio, facts),
            Action::SetMonthClose { from, terms } => self.set_month_terms(*from, terms),
            Action::RegisterBoundaryMeter(meter) => self.register_boundary_meter(meter, leaf),
            Action::EndPoint { point, from } => self.end_point(*point, *from),
            Action::AssignMeter { meter, point, from } => self.assign_meter(*meter, *point, *from),
            _ => return None,
        };
        Some(performed)
    }
}
