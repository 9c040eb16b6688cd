//! Money: balances, what is reserved of them, and how far they may fall.

use crate::journal::{AccountId, JournalEntry};
use crate::limits::TREASURY_AMOUNT_MAX;
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::rows::{RowError, parts, require};
use crate::state::sound::Held;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::units::Money;

/// One account, in nano-yuan.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize,
)]
pub struct Account {
    /// What the account holds.
    pub balance: Money,
    /// Collateral of open orders and of trades not yet settled.
    pub reserved: Money,
    /// How far below zero the holder may trade.
    pub credit_limit: Money,
}

impl Account {
    /// What is free to cover a new order; below zero if settlement took more than there was.
    pub fn available(&self) -> i128 {
        i128::from(self.balance.0) + i128::from(self.credit_limit.0) - i128::from(self.reserved.0)
    }
}

/// All accounts.
#[derive(Debug, Clone)]
pub struct Accounts {
    rows: Table<AccountId, Account>,
}

parts!(Accounts { rows });

impl Accounts {
    pub(crate) fn found() -> Accounts {
        let mut rows = Table::new(table_number::ACCOUNTS);
        for id in AccountId::OF_THE_PARK {
            rows.insert(id, Account::default());
        }
        Accounts { rows }
    }

    /// Whether there are the accounts that every park has had since its genesis, and each has
    /// reserved at least what is held of it for what is open.
    pub(crate) fn check(&self, held: &Held) -> Result<(), RowError> {
        let mut founded = AccountId::OF_THE_PARK.iter();
        if founded.any(|id| !self.rows.contains(id)) {
            return Err(RowError::Missing("the park's own accounts"));
        }
        let table = table_number::ACCOUNTS;
        for (participant, held) in held {
            let account = self.get(AccountId::Participant(*participant));
            let covers = i128::from(account.reserved.0) >= *held;
            require(table, covers, "has reserved less than is held of it")?;
        }
        for (_, account) in self.rows.iter() {
            let limit = (0..=TREASURY_AMOUNT_MAX).contains(&account.credit_limit.0);
            require(table, limit, "has a credit limit beyond all bounds")?;
            require(
                table,
                account.reserved.0 >= 0,
                "has reserved less than nothing",
            )?;
        }
        Ok(())
    }

    /// An account; one that nothing was posted to is empty.
    pub fn get(&self, id: AccountId) -> Account {
        self.rows.get(&id).copied().unwrap_or_default()
    }

    /// All accounts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Account)> {
        self.rows.iter()
    }

    /// Opens a participant's account.
    pub(crate) fn open(&mut self, participant: ParticipantId) {
        self.rows
            .insert(AccountId::Participant(participant), Account::default());
    }

    /// Posts an entry whole or not at all.
    pub(crate) fn post(&mut self, entry: &JournalEntry) -> Result<(), Rejection> {
        let balance = |(id, sum): &(AccountId, i128)| {
            let balance = i128::from(self.get(*id).balance.0) + sum;
            let balance = i64::try_from(balance).map_err(|_| Rejection::AccountOverflow);
            balance.map(|balance| (*id, Money(balance)))
        };
        let balances = entry.sums().iter().map(balance);
        let balances: Vec<(AccountId, Money)> = balances.collect::<Result<_, Rejection>>()?;
        // Nothing below can be refused.
        for (id, balance) in balances {
            self.rows.entry(id).balance = balance;
        }
        Ok(())
    }

    /// Reserves collateral if the account covers it.
    pub(crate) fn reserve(
        &mut self,
        participant: ParticipantId,
        amount: Money,
    ) -> Result<(), Rejection> {
        let id = AccountId::Participant(participant);
        let account = self.get(id);
        let reserved = account.reserved.checked_add(amount);
        if account.available() < i128::from(amount.0) {
            return Err(Rejection::InsufficientCollateral);
        }
        self.rows.entry(id).reserved = reserved.ok_or(Rejection::AccountOverflow)?;
        Ok(())
    }

    /// Reserves anew, at gate closure, at most what was just released: it needs no cover, since
    /// settlement may meanwhile have taken what covered it.
    pub(crate) fn reserve_again(&mut self, participant: ParticipantId, amount: Money) {
        let row = self.rows.entry(AccountId::Participant(participant));
        row.reserved = row
            .reserved
            .checked_add(amount)
            .expect("as much was reserved just before");
    }

    /// Releases what was reserved and reserves at most as much anew, at once.
    ///
    /// # Panics
    /// As [`Accounts::release`] does.
    pub(crate) fn reserve_instead(
        &mut self,
        participant: ParticipantId,
        released: Money,
        reserved: Money,
    ) {
        let row = self.rows.entry(AccountId::Participant(participant));
        let left = without(row.reserved, released);
        let again = left.checked_add(reserved);
        row.reserved = again.expect("as much was reserved just before");
    }

    /// Releases collateral that was reserved.
    ///
    /// # Panics
    /// If more is released than was reserved: the books would be wrong.
    pub(crate) fn release(&mut self, participant: ParticipantId, amount: Money) {
        let row = self.rows.entry(AccountId::Participant(participant));
        row.reserved = without(row.reserved, amount);
    }

    /// Sets how far below zero a participant may trade.
    pub(crate) fn set_credit_limit(
        &mut self,
        participant: ParticipantId,
        limit: Money,
    ) -> Result<(), Rejection> {
        if !(0..=TREASURY_AMOUNT_MAX).contains(&limit.0) {
            return Err(Rejection::AmountInvalid);
        }
        self.rows
            .entry(AccountId::Participant(participant))
            .credit_limit = limit;
        Ok(())
    }

    /// Moves money in (above zero) or out (below zero) of a participant's account.
    pub(crate) fn move_funds(
        &mut self,
        participant: ParticipantId,
        amount: Money,
    ) -> Result<(), Rejection> {
        check_amount(amount)?;
        let size = i128::from(amount.0).abs();
        let id = AccountId::Participant(participant);
        let account = self.get(id);
        let free = i128::from(account.balance.0) - i128::from(account.reserved.0);
        if amount.0 < 0 && free < size {
            return Err(Rejection::InsufficientFunds);
        }
        self.post(&JournalEntry::transfer(AccountId::Cash, id, amount))
    }
}

/// What stays reserved once `released` of it is not.
fn without(reserved: Money, released: Money) -> Money {
    let left = reserved.checked_sub(released);
    let left = left.expect("no overflow below what is reserved");
    assert!(left.0 >= 0, "more collateral was released than reserved");
    left
}

/// An amount of money, either way, that one event may move.
pub(crate) fn check_amount(amount: Money) -> Result<(), Rejection> {
    let size = i128::from(amount.0).abs();
    if size == 0 || size > i128::from(TREASURY_AMOUNT_MAX) {
        return Err(Rejection::AmountInvalid);
    }
    Ok(())
}
