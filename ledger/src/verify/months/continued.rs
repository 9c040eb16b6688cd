//! A month's books where they begin with a state and not with the month.

use super::{Closed, MonthBooks, wide};
use crate::billing::UtilityBill;
use crate::state::State;
use std::collections::BTreeMap;
use wattle_market::interval::LocalMonth;
use wattle_market::settlement::PostingKind;
use wattle_market::units::Money;

impl MonthBooks {
    /// The books as they would stand, as far as a state says. The state counts energy when an
    /// interval becomes final, these books when it is settled: what is between follows from the
    /// inputs that the state keeps for the final run.
    pub(crate) fn continued(state: &State) -> MonthBooks {
        let mut books = MonthBooks::found(state.registry.utc_offset_minutes());
        books.finals_from = state.runs.course().map(|course| course.from);
        books.closes_from = state.months.from();
        for ((month, participant), account) in state.months.accounts() {
            let open = books.open.entry(*month).or_default();
            let own = open.participants.entry(*participant).or_default();
            own.postings = PostingKind::ALL.into_iter().zip(account.postings).collect();
            own.grid_alone = account.grid_alone;
        }
        for (month, park) in state.months.park() {
            let open = books.open.entry(*month).or_default();
            open.grid = park.grid;
            open.net = park.net;
            open.substituted = park.substituted.into();
            open.held = park.held;
        }
        books.count_provisional(state);
        for (month, closed) in state.months.all_closed() {
            let bill = closed.bill.as_ref().map(|bill: &UtilityBill| {
                let residue = wide(closed.collected) - wide(bill.amount);
                // A bill whose residue does not fit was refused.
                let residue = Money(i64::try_from(residue).unwrap_or_default());
                (bill.clone(), residue)
            });
            let closed = Closed {
                collected: closed.collected,
                bill,
                gains: gains(state, *month),
            };
            books.closed.insert(*month, closed);
        }
        books
    }

    fn count_provisional(&mut self, state: &State) {
        let Some(next) = state.runs.course().map(|course| course.next) else {
            return;
        };
        for ((interval, point), input) in state.runs.settled_from(next) {
            let participant = state.registry.points().get(&point);
            let participant = participant.map(|point| point.participant);
            let Some(open) = self.open(interval) else {
                continue;
            };
            open.net += i128::from(input.energy.net().0);
            open.substituted += i128::from(!input.energy.actual);
            if let Some(participant) = participant {
                open.participants.entry(participant).or_default();
            }
        }
    }
}

/// What each participant gained over the grid in a closed month, and what was taken of it.
fn gains(
    state: &State,
    month: LocalMonth,
) -> BTreeMap<crate::registration::ParticipantId, (i128, i128)> {
    let rows = state.months.invoices_of(month);
    rows.map(|(participant, row)| {
        let gain = wide(row.credit) - wide(row.grid_alone);
        (participant, (gain, wide(row.cut)))
    })
    .collect()
}
