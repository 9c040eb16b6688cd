//! Double entry: every journal entry sums to zero.

use crate::registration::ParticipantId;
use std::collections::BTreeMap;
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
    postings: Vec<(AccountId, Money)>,
}

impl JournalEntry {
    /// An entry of postings that sum to zero; none if they do not.
    pub fn new(postings: Vec<(AccountId, Money)>) -> Option<JournalEntry> {
        let sum: i128 = postings
            .iter()
            .map(|(_, amount)| i128::from(amount.0))
            .sum();
        (sum == 0).then_some(JournalEntry { postings })
    }

    /// `amount` out of one account and into another.
    pub fn transfer(from: AccountId, to: AccountId, amount: Money) -> JournalEntry {
        let out = Money(-amount.0);
        JournalEntry {
            postings: vec![(from, out), (to, amount)],
        }
    }

    /// The postings in order.
    pub fn postings(&self) -> &[(AccountId, Money)] {
        &self.postings
    }

    /// The sum for each account, in nano-yuan.
    pub fn sums(&self) -> BTreeMap<AccountId, i128> {
        let mut sums = BTreeMap::new();
        for (account, amount) in &self.postings {
            *sums.entry(*account).or_insert(0) += i128::from(amount.0);
        }
        sums
    }
}
