//! Months on their way to an invoice: what settlements posted and meters showed, summed up as the
//! runs pass.
//!
//! A park has none of this until its registrar puts month closes in force. A month is named by the
//! park's clock; what of it lies before the rules, its invoices leave out.

mod bill;
mod close;
mod default;
mod sound;

use crate::billing::{MonthCloseTerms, UtilityBill};
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::rows::parts;
use crate::state::settlement::Holders;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::{DeliveryInterval, LocalMonth, Timestamp};
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, MeteredEnergy, Posting};
use wattle_market::units::{Money, WattHours};

/// The greatest import of a point in a quarter of an hour, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Demand {
    /// n of step 1: all that the point took, whoever gave it.
    pub need: WattHours,
    /// The first interval with it.
    pub at: DeliveryInterval,
}

/// A participant's month, so far. In 128 bits: no month can overflow them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct MonthAccount {
    /// What was posted to him, in the order of all kinds of postings.
    pub postings: [i128; 6],
    /// What the grid alone would have brought.
    pub grid_alone: i128,
}

/// The park's month, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ParkMonth {
    /// Posted to the grid's account.
    pub grid: i128,
    /// ΣN of all points in the last run: below zero where they took more than they gave.
    pub net: i128,
    /// Points' intervals that rest on a substitute in the last run.
    pub substituted: u32,
    /// Intervals that the final run could not settle.
    pub held: u32,
}

/// A closed month.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ClosedMonth {
    /// What was collected for the grid: the month's postings and the demand charges.
    pub collected: Money,
    /// To whom the residue belongs.
    pub residue_owner: ParticipantId,
    /// The utility's bill, once it is recorded.
    pub bill: Option<UtilityBill>,
}

/// What stays of an invoice for the case of a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Invoiced {
    /// What the month cost him; below zero: what it brought him.
    pub gross: Money,
    /// His energy's credit.
    pub credit: Money,
    /// What the grid alone would have brought.
    pub grid_alone: Money,
    /// What others' defaults have taken of his gain.
    pub cut: Money,
}

/// Who bore what a participant did not pay for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct DefaultCover {
    /// What he owed for it.
    pub debt: Money,
    /// Taken from the balancing account.
    pub from_balancing: Money,
    /// Taken from others' gains.
    pub from_gains: Money,
}

/// Open and closed months.
#[derive(Debug, Clone)]
pub struct Months {
    terms: Table<DeliveryInterval, MonthCloseTerms>,
    from: Table<(), DeliveryInterval>,
    demands: Table<(LocalMonth, PointId), Demand>,
    accounts: Table<(LocalMonth, ParticipantId), MonthAccount>,
    park: Table<LocalMonth, ParkMonth>,
    closed: Table<LocalMonth, ClosedMonth>,
    invoices: Table<(LocalMonth, ParticipantId), Invoiced>,
    /// Participants in default, and since when.
    defaulters: Table<ParticipantId, Timestamp>,
    covers: Table<(LocalMonth, ParticipantId), DefaultCover>,
}

parts!(Months {
    terms,
    from,
    demands,
    accounts,
    park,
    closed,
    invoices,
    defaulters,
    covers
});

impl Default for Months {
    fn default() -> Months {
        Months {
            terms: Table::new(table_number::MONTH_TERMS),
            from: Table::new(table_number::MONTH_CLOSE),
            demands: Table::new(table_number::DEMANDS),
            accounts: Table::new(table_number::MONTH_ACCOUNTS),
            park: Table::new(table_number::PARK_MONTHS),
            closed: Table::new(table_number::CLOSED_MONTHS),
            invoices: Table::new(table_number::INVOICES),
            defaulters: Table::new(table_number::DEFAULTERS),
            covers: Table::new(table_number::DEFAULT_COVERS),
        }
    }
}

impl Months {
    /// The terms in force for a month whose first interval with a close this is.
    pub fn terms_at(&self, interval: DeliveryInterval) -> Option<&MonthCloseTerms> {
        let rows = self.terms.range(..=interval);
        rows.into_iter().next_back().map(|(_, terms)| terms)
    }

    /// Terms by the interval that they were given from.
    pub fn terms(&self) -> impl DoubleEndedIterator<Item = (&DeliveryInterval, &MonthCloseTerms)> {
        self.terms.iter()
    }

    /// The first interval that invoices count.
    pub fn from(&self) -> Option<DeliveryInterval> {
        self.from.get(&()).copied()
    }

    /// A point's greatest import so far in a month that is not closed.
    pub fn demand(&self, month: LocalMonth, point: PointId) -> Option<&Demand> {
        self.demands.get(&(month, point))
    }

    /// What was posted to each participant in months that are not closed.
    pub fn accounts(&self) -> impl Iterator<Item = (&(LocalMonth, ParticipantId), &MonthAccount)> {
        self.accounts.iter()
    }

    /// The park's sums of months that are not closed.
    pub fn park(&self) -> impl Iterator<Item = (&LocalMonth, &ParkMonth)> {
        self.park.iter()
    }

    /// Months that were closed at most a year before the latest.
    pub fn all_closed(&self) -> impl Iterator<Item = (&LocalMonth, &ClosedMonth)> {
        self.closed.iter()
    }

    /// What stays of a closed month's invoices.
    pub fn invoices_of(
        &self,
        month: LocalMonth,
    ) -> impl Iterator<Item = (ParticipantId, &Invoiced)> {
        of_month(&self.invoices, month, PARTICIPANTS)
    }

    /// A month that was closed at most a year before the latest.
    pub fn closed(&self, month: LocalMonth) -> Option<&ClosedMonth> {
        self.closed.get(&month)
    }

    /// What stays of an invoice, as long as the month's own row does.
    pub fn invoiced(&self, month: LocalMonth, participant: ParticipantId) -> Option<&Invoiced> {
        self.invoices.get(&(month, participant))
    }

    /// Since when a participant is in default.
    pub fn in_default_since(&self, participant: ParticipantId) -> Option<Timestamp> {
        self.defaulters.get(&participant).copied()
    }

    /// Participants in default, and since when.
    pub fn defaulters(&self) -> impl Iterator<Item = (&ParticipantId, &Timestamp)> {
        self.defaulters.iter()
    }

    /// Who bore what a participant did not pay for a month.
    pub fn cover(&self, month: LocalMonth, participant: ParticipantId) -> Option<&DefaultCover> {
        self.covers.get(&(month, participant))
    }

    fn covers_interval(&self, interval: DeliveryInterval) -> bool {
        self.from().is_some_and(|from| from <= interval)
    }
}

/// All rows of a month in a table by month and something smaller.
fn of_month<K: Ord + Copy + bincode::Encode, V: bincode::Encode>(
    table: &Table<(LocalMonth, K), V>,
    month: LocalMonth,
    (least, greatest): (K, K),
) -> impl Iterator<Item = (K, &V)> {
    let rows = table.range((month, least)..=(month, greatest));
    rows.map(|((_, key), value)| (*key, value))
}

/// The least and the greatest id of a point.
const POINTS: (PointId, PointId) = (PointId(0), PointId(u32::MAX));
/// The least and the greatest id of a participant.
const PARTICIPANTS: (ParticipantId, ParticipantId) = (ParticipantId(0), ParticipantId(u32::MAX));

impl State {
    /// Sets what months are closed with that begin to be counted at or after an interval.
    pub(crate) fn set_month_terms(
        &mut self,
        from: DeliveryInterval,
        terms: &MonthCloseTerms,
    ) -> Result<(), Rejection> {
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if !terms.prices.is_valid() {
            return Err(Rejection::MonthTermsInvalid);
        }
        let participants = self.registry.participants();
        if !participants.contains(&terms.residue_owner) {
            return Err(Rejection::UnknownParticipant);
        }
        self.months.terms.insert(from, *terms);
        Ok(())
    }

    /// Closes months with invoices from an interval on, whose gate must still be open.
    pub(crate) fn activate_month_close(&mut self, from: DeliveryInterval) -> Result<(), Rejection> {
        let clock = self.clock();
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let given = self.months.from();
        if given.is_some_and(|given| !clock.is_gate_open(given)) {
            return Err(Rejection::RulesActive);
        }
        if !self.runs.covers(from) {
            return Err(Rejection::FinalRunsMissing);
        }
        if self.months.terms_at(from).is_none() {
            return Err(Rejection::MonthTermsMissing);
        }
        self.months.from.insert((), from);
        Ok(())
    }

    /// Whether the month of an interval counts it. Final runs may have been put off again after
    /// the month closes were put in force.
    fn is_counted(&self, interval: DeliveryInterval) -> bool {
        self.months.covers_interval(interval) && self.runs.covers(interval)
    }

    fn month_of(&self, interval: DeliveryInterval) -> LocalMonth {
        LocalMonth::of(interval, self.registry.utc_offset_minutes())
    }

    /// Adds a run's postings, or the differences that a later one posted, with what changed of each
    /// point's figure for the grid alone.
    pub(crate) fn count_postings(
        &mut self,
        interval: DeliveryInterval,
        holders: &Holders,
        postings: &[Posting],
        grid_alone: impl Iterator<Item = i128>,
    ) {
        if !self.is_counted(interval) {
            return;
        }
        let month = self.month_of(interval);
        let mut sums = vec![MonthAccount::default(); holders.points().len()];
        let (mut grid, mut near) = (0, 0);
        for posting in postings {
            let amount = i128::from(posting.amount.0);
            match posting.account {
                Account::Point(point) => {
                    let place = holders.place(point, &mut near);
                    sums[place].postings[posting.kind.place()] += amount;
                }
                Account::Grid => grid += amount,
                Account::Clearing | Account::Balancing | Account::Network => {}
            }
        }
        for (sum, amount) in sums.iter_mut().zip(grid_alone) {
            sum.grid_alone = amount;
        }
        for (holder, sum) in holders.points().values().zip(sums) {
            let row = self.months.accounts.entry((month, *holder));
            for (total, amount) in row.postings.iter_mut().zip(sum.postings) {
                *total += amount;
            }
            row.grid_alone += sum.grid_alone;
        }
        self.months.park.entry(month).grid += grid;
    }

    /// Counts the energy that an interval ends with, after its final run.
    pub(crate) fn count_energy(
        &mut self,
        interval: DeliveryInterval,
        energies: &[(PointId, MeteredEnergy)],
        held: bool,
    ) {
        if !self.is_counted(interval) {
            return;
        }
        let month = self.month_of(interval);
        let (mut net, mut substituted) = (0, 0);
        for (point, energy) in energies {
            let given = energy.net();
            net += i128::from(given.0);
            substituted += u32::from(!energy.actual);
            let need = WattHours(-given.0).positive_part();
            let row = self.months.demands.get(&(month, *point));
            if row.is_none_or(|row| need > row.need) {
                let demand = Demand { need, at: interval };
                self.months.demands.insert((month, *point), demand);
            }
            let key = (month, self.point(*point).participant);
            if !self.months.accounts.contains(&key) {
                self.months.accounts.insert(key, MonthAccount::default());
            }
        }
        let row = self.months.park.entry(month);
        row.net += net;
        row.substituted = row.substituted.saturating_add(substituted);
        row.held += u32::from(held);
    }
}
