//! Double entry: every journal entry sums to zero.

use crate::registration::ParticipantId;
use wattle_market::units::Money;

/// Whose account.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountId {
    /// A participant.
    Participant(ParticipantId),
    /// The bank: below zero by what participants have deposited.
    Cash,
    /// Forward trades on their way from buyers to sellers.
    Clearing,
    /// The grid company.
    Grid,
    /// The account against which deviations settle; it never loses.
    Balancing,
    /// The owner of the park's network, who receives wheeling.
    Network,
    /// Fixed fees of points.
    Fees,
    /// What was collected for the grid beyond the utility's bills.
    Residue,
}

impl AccountId {
    /// The accounts that a park has from its genesis on.
    pub const OF_THE_PARK: [AccountId; 5] = [
        AccountId::Cash,
        AccountId::Clearing,
        AccountId::Grid,
        AccountId::Balancing,
        AccountId::Network,
    ];
}

/// Postings that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Ascending, each account that anything was posted to once.
    sums: Vec<(AccountId, i128)>,
}

impl JournalEntry {
    /// An entry of postings that sum to zero; none if they do not.
    pub fn new(postings: impl IntoIterator<Item = (AccountId, Money)>) -> Option<JournalEntry> {
        let postings = postings.into_iter();
        JournalEntry::of_sums(postings.map(|(account, amount)| (account, i128::from(amount.0))))
    }

    /// The same of sums of postings, in nano-yuan, where an account may still come more than once.
    pub fn of_sums(sums: impl IntoIterator<Item = (AccountId, i128)>) -> Option<JournalEntry> {
        let mut postings: Vec<(AccountId, i128)> = sums.into_iter().collect();
        postings.sort_by_key(|(account, _)| *account);
        let mut total = 0;
        let mut sums: Vec<(AccountId, i128)> = Vec::with_capacity(postings.len());
        for (account, amount) in postings {
            total += amount;
            match sums.last_mut() {
                Some((last, sum)) if *last == account => *sum += amount,
                _ => sums.push((account, amount)),
            }
        }
        (total == 0).then_some(JournalEntry { sums })
    }

    /// `amount` out of one account and into another.
    pub fn transfer(from: AccountId, to: AccountId, amount: Money) -> JournalEntry {
        let amount = i128::from(amount.0);
        JournalEntry::of_sums([(from, -amount), (to, amount)]).expect("what goes out comes in")
    }

    /// The sum for each account that anything was posted to, in nano-yuan, by account.
    pub fn sums(&self) -> &[(AccountId, i128)] {
        &self.sums
    }
}
