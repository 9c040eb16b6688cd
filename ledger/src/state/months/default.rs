//! A participant who cannot pay: who bears the debt of one month, and what he may do meanwhile.

use super::{DefaultCover, PARTICIPANTS, of_month};
use crate::derived::Fact;
use crate::journal::{AccountId, JournalEntry};
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::{Facts, State};
use wattle_market::interval::LocalMonth;
use wattle_market::units::Money;
use wattle_market::waterfall::cover;

impl State {
    /// Declares a participant in default for a closed month and covers what he owes for it.
    pub(super) fn declare_default(
        &mut self,
        participant: ParticipantId,
        month: LocalMonth,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if !self.registry.participants().contains(&participant) {
            return Err(Rejection::UnknownParticipant);
        }
        let invoiced = self.months.invoiced(month, participant);
        let invoiced = invoiced.ok_or(Rejection::MonthNotClosed)?;
        if self.months.cover(month, participant).is_some() {
            return Err(Rejection::DefaultCovered);
        }
        let own = AccountId::Participant(participant);
        let account = self.accounts.get(own);
        let beyond = i128::from(account.balance.0) + i128::from(account.credit_limit.0) < 0;
        if !beyond || invoiced.gross.0 <= 0 {
            return Err(Rejection::NotInDefault);
        }
        // What he owes from other months is theirs to cover.
        let missing = account.balance.checked_neg().unwrap_or(Money(i64::MAX));
        let debt = missing.min(invoiced.gross);
        let gains = self.gains(month, participant);
        let fund = self.accounts.get(AccountId::Balancing).balance;
        let covered = cover(debt, fund, &gains);
        let from_gains = covered.from_gains();
        let mut postings = vec![
            (own, Money(covered.from_fund.0 + from_gains.0)),
            (AccountId::Balancing, Money(-covered.from_fund.0)),
        ];
        let cuts = covered.cuts.iter().filter(|(_, cut)| cut.0 > 0);
        let cuts: Vec<(ParticipantId, Money)> = cuts.copied().collect();
        for (other, cut) in &cuts {
            postings.push((AccountId::Participant(*other), Money(-cut.0)));
        }
        let entry = JournalEntry::new(postings).expect("what is taken is what is covered");
        self.accounts.post(&entry)?;
        // Nothing below can be refused.
        let row = DefaultCover {
            debt,
            from_balancing: covered.from_fund,
            from_gains,
        };
        self.months.covers.insert((month, participant), row);
        if self.months.in_default_since(participant).is_none() {
            let time = self.clock().time;
            self.months.defaulters.insert(participant, time);
        }
        let fact = Fact::DefaultCovered {
            month,
            debt,
            from_balancing: covered.from_fund,
            from_gains,
            uncovered: covered.uncovered,
        };
        facts.push((Some(participant), fact));
        self.cut_gains(month, &cuts, facts);
        Ok(())
    }

    /// What everyone else gained over the grid in a month, as far as no default has taken it.
    /// Who is in default himself gives nothing: it could only be added to his debt.
    fn gains(&self, month: LocalMonth, defaulter: ParticipantId) -> Vec<(ParticipantId, Money)> {
        of_month(&self.months.invoices, month, PARTICIPANTS)
            .filter(|(other, _)| {
                *other != defaulter && self.months.in_default_since(*other).is_none()
            })
            .map(|(other, row)| {
                let gain = i128::from(row.credit.0) - i128::from(row.grid_alone.0);
                let gain = gain.clamp(0, i128::from(i64::MAX));
                let gain = i64::try_from(gain).expect("it was just clamped");
                (other, Money((gain - row.cut.0).max(0)))
            })
            .collect()
    }

    fn cut_gains(&mut self, month: LocalMonth, cuts: &[(ParticipantId, Money)], facts: &mut Facts) {
        for (other, cut) in cuts {
            let row = self.months.invoices.get_mut(&(month, *other));
            let row = row.expect("a gain is that of an invoice");
            row.cut.0 += cut.0;
            let fact = Fact::GainCut {
                month,
                gain: Money(row.credit.0.saturating_sub(row.grid_alone.0)),
                cut: *cut,
                cut_in_all: row.cut,
            };
            facts.push((Some(*other), fact));
        }
    }

    /// Lets a participant trade again.
    pub(super) fn clear_default(
        &mut self,
        participant: ParticipantId,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let cleared = self.months.defaulters.remove(&participant);
        cleared.ok_or(Rejection::DefaultNotDeclared)?;
        facts.push((Some(participant), Fact::DefaultCleared));
        Ok(())
    }

    /// Who is in default places and changes no orders.
    pub(crate) fn check_solvent(&self, participant: ParticipantId) -> Result<(), Rejection> {
        match self.months.in_default_since(participant) {
            Some(_) => Err(Rejection::ParticipantInDefault),
            None => Ok(()),
        }
    }
}
