//! The utility's bill for a closed month, and the residue.
//!
//! What points paid for the grid and what the utility asks for are never the same: cables lose
//! energy, points do not peak together, prices differ. The difference stands on an account of its
//! own, whose owner the month's terms name. A wrong bill is taken back by an event and recorded
//! anew; no posting is ever edited.

use crate::billing::UtilityBill;
use crate::derived::Fact;
use crate::event::Action;
use crate::journal::{AccountId, JournalEntry};
use crate::registration::is_name;
use crate::rejection::Rejection;
use crate::state::accounts::check_amount;
use crate::state::{Facts, State};
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::units::Money;

impl State {
    /// Performs a treasurer's action on closed months; none if the action is another.
    pub(crate) fn perform_month(
        &mut self,
        action: &Action,
        facts: &mut Facts,
    ) -> Option<Result<(), Rejection>> {
        let performed = match action {
            Action::RecordUtilityBill { month, bill } => self.record_bill(*month, bill, facts),
            Action::ReverseUtilityBill { month, reason } => {
                self.reverse_bill(*month, reason, facts)
            }
            Action::MoveResidue { amount, .. } => self.move_residue(*amount, facts),
            Action::DeclareDefault { participant, month } => {
                self.declare_default(*participant, *month, facts)
            }
            Action::ClearDefault { participant } => self.clear_default(*participant, facts),
            _ => return None,
        };
        Some(performed)
    }

    /// The park pays the bill: the grid's account is what it collected less what was paid, and the
    /// rest of the month goes to the residue.
    fn record_bill(
        &mut self,
        month: LocalMonth,
        bill: &UtilityBill,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let row = self.months.closed(month).ok_or(Rejection::MonthNotClosed)?;
        if row.bill.is_some() {
            return Err(Rejection::MonthBilled);
        }
        bill.check()?;
        let (collected, residue_owner) = (row.collected, row.residue_owner);
        let residue = self.post_bill(collected, bill.amount, 1)?;
        // Nothing below can be refused.
        if let Some(row) = self.months.closed.get_mut(&month) {
            row.bill = Some(bill.clone());
        }
        let fact = Fact::UtilityBilled {
            month,
            bill: bill.clone(),
            collected,
            residue,
            residue_owner,
        };
        facts.push((None, fact));
        Ok(())
    }

    /// The opposite of what the bill's record posted.
    fn reverse_bill(
        &mut self,
        month: LocalMonth,
        reason: &str,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if !is_name(reason) {
            return Err(Rejection::BadName);
        }
        let row = self.months.closed(month).ok_or(Rejection::MonthNotClosed)?;
        let bill = row.bill.as_ref().ok_or(Rejection::MonthNotBilled)?;
        let (collected, amount) = (row.collected, bill.amount);
        let residue = self.post_bill(collected, amount, -1)?;
        // Nothing below can be refused.
        if let Some(row) = self.months.closed.get_mut(&month) {
            row.bill = None;
        }
        let fact = Fact::UtilityBillReversed {
            month,
            amount,
            residue,
        };
        facts.push((None, fact));
        Ok(())
    }

    /// Posts a bill, or with sign −1 its opposite; gives the residue that it leaves.
    fn post_bill(
        &mut self,
        collected: Money,
        amount: Money,
        sign: i64,
    ) -> Result<Money, Rejection> {
        let residue = collected.checked_sub(amount);
        let residue = residue.ok_or(Rejection::AccountOverflow)?;
        let signed = |amount: Money| {
            let amount = amount.0.checked_mul(sign).map(Money);
            amount.ok_or(Rejection::AccountOverflow)
        };
        let (paid, left) = (signed(amount)?, signed(residue)?);
        let opposite = |amount: Money| amount.checked_neg().ok_or(Rejection::AccountOverflow);
        let entry = JournalEntry::new(vec![
            (AccountId::Grid, opposite(paid)?),
            (AccountId::Cash, paid),
            (AccountId::Grid, opposite(left)?),
            (AccountId::Residue, left),
        ]);
        let entry = entry.expect("both pairs sum to zero");
        self.accounts.post(&entry)?;
        Ok(residue)
    }

    /// Pays the residue to its owner (above zero), or lets him make it good (below zero).
    fn move_residue(&mut self, amount: Money, facts: &mut Facts) -> Result<(), Rejection> {
        let now = DeliveryInterval::containing(self.clock().time);
        let terms = self.months.terms_at(now);
        let owner = terms.ok_or(Rejection::MonthNotClosed)?.residue_owner;
        check_amount(amount)?;
        let size = i128::from(amount.0).abs();
        let own = AccountId::Participant(owner);
        let payer = if amount.0 > 0 {
            AccountId::Residue
        } else {
            own
        };
        let account = self.accounts.get(payer);
        if i128::from(account.balance.0) - i128::from(account.reserved.0) < size {
            return Err(Rejection::InsufficientFunds);
        }
        let entry = JournalEntry::transfer(AccountId::Residue, own, amount);
        self.accounts.post(&entry)?;
        facts.push((Some(owner), Fact::ResidueMoved { amount }));
        Ok(())
    }

    /// Whether only whole fen may be paid out, because month closes are in force.
    pub(crate) fn check_payout(&self, amount: Money) -> Result<(), Rejection> {
        let from = self.months.from();
        let in_force = from.is_some_and(|from| !self.clock().is_gate_open(from));
        if in_force && amount.0 % Money::FEN.0 != 0 {
            return Err(Rejection::NotWholeFen);
        }
        Ok(())
    }
}
