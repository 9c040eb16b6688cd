//! Postings: who is credited with what, and why.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{ParkTerms, ParkTotals, PointInput, PointSettlement, Settlement, SettlementError};
use crate::point::PointId;
use crate::units::{Money, Price, WattHours};

/// Whose account a posting belongs to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// A point's.
    Point(PointId),
    /// Stands between the parties of forward trades; empty after every settlement.
    Clearing,
    /// The grid company's.
    Grid,
    /// Takes over deviations, and never loses by them.
    Balancing,
    /// Earns the wheeling stamp.
    Network,
}

/// Why money moves: one kind for each group of steps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum PostingKind {
    /// Cash of forward trades, through clearing.
    Forward,
    /// Step 3: the surplus pool, from point to point.
    Pool,
    /// Step 4: what the grid takes and gives at its own prices.
    Grid,
    /// Step 4: deviations that the pool left.
    Balancing,
    /// Step 5: the wheeling stamp.
    Wheeling,
    /// Step 6: what balancing settles with the grid.
    Replacement,
}

/// One line of a journal. The lines of each kind sum to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Posting {
    /// Whose account.
    pub account: Account,
    /// Positive is a credit to the account. Never zero.
    pub amount: Money,
    /// Why.
    pub kind: PostingKind,
}

/// What must still be posted so that an interval that was posted as `earlier` stands as `later`
/// (SETTLEMENT.md, "Runs": a rerun posts the differences). One line for each kind and account
/// that changes, sorted by these; empty where the runs agree. `None` if a difference does not
/// fit, which the bounds of [`crate::limits`] exclude for a park of ordinary size.
pub fn differences(earlier: &[Posting], later: &[Posting]) -> Option<Vec<Posting>> {
    let mut sums: BTreeMap<(PostingKind, Account), i128> = BTreeMap::new();
    for posting in later {
        *sums.entry((posting.kind, posting.account)).or_default() += i128::from(posting.amount.0);
    }
    for posting in earlier {
        *sums.entry((posting.kind, posting.account)).or_default() -= i128::from(posting.amount.0);
    }
    sums.into_iter()
        .filter(|(_, amount)| *amount != 0)
        .map(|((kind, account), amount)| {
            let amount = Money(i64::try_from(amount).ok()?);
            Some(Posting {
                account,
                amount,
                kind,
            })
        })
        .collect()
}

/// The lines of one journal while it is written. Sums are formed in `i128`.
#[derive(Default)]
struct Journal {
    postings: Vec<Posting>,
}

impl Journal {
    /// Adds a line, unless its amount is zero.
    fn post(
        &mut self,
        account: Account,
        amount: i128,
        kind: PostingKind,
    ) -> Result<(), SettlementError> {
        let Ok(amount) = i64::try_from(amount) else {
            return Err(SettlementError::AmountOutOfRange { account });
        };
        if amount != 0 {
            self.postings.push(Posting {
                account,
                amount: Money(amount),
                kind,
            });
        }
        Ok(())
    }

    /// Posts each point's amount, and the sum of all with the opposite sign to `counterparty`.
    fn post_points(
        &mut self,
        settlement: &Settlement,
        counterparty: Account,
        kind: PostingKind,
        amount: impl Fn(PointId, &PointSettlement) -> i128,
    ) -> Result<(), SettlementError> {
        let mut sum = 0;
        for (point, settled) in &settlement.points {
            let amount = amount(*point, settled);
            sum += amount;
            self.post(Account::Point(*point), amount, kind)?;
        }
        self.post(counterparty, -sum, kind)
    }

    /// Step 5: whoever received pays the stamp; the network earns it on what was carried within
    /// the park, balancing on what the grid had to replace.
    fn post_wheeling(
        &mut self,
        stamp: Price,
        settlement: &Settlement,
    ) -> Result<(), SettlementError> {
        for (point, settled) in &settlement.points {
            let due = i128::from(settled.wheeling.0);
            self.post(Account::Point(*point), -due, PostingKind::Wheeling)?;
        }
        let totals = &settlement.totals;
        let carried = totals.received.min(totals.delivered);
        let surcharge = WattHours(totals.received.0 - carried.0);
        self.post(
            Account::Network,
            product(carried, stamp),
            PostingKind::Wheeling,
        )?;
        self.post(
            Account::Balancing,
            product(surcharge, stamp),
            PostingKind::Wheeling,
        )?;
        Ok(())
    }

    /// Step 6: balancing buys what the park is short of from the grid, or sells what it has over.
    fn post_replacement(&mut self, totals: &ParkTotals) -> Result<(), SettlementError> {
        let replaced = WattHours(totals.short.0 - totals.long.0);
        let price = if replaced.0 > 0 {
            totals.shortfall_price
        } else {
            totals.excess_price
        };
        self.post(
            Account::Balancing,
            -product(replaced, price),
            PostingKind::Replacement,
        )?;
        self.post(
            Account::Grid,
            product(replaced, price),
            PostingKind::Replacement,
        )?;
        Ok(())
    }
}

/// The exact product in `i128`, where nothing of these bounds overflows.
fn product(energy: WattHours, price: Price) -> i128 {
    i128::from(energy.0) * i128::from(price.0)
}

/// Step 7: the postings of steps 3 to 6 and of the forward trades.
pub(super) fn journal(
    park: &ParkTerms,
    points: &BTreeMap<PointId, PointInput>,
    settlement: &Settlement,
) -> Result<Vec<Posting>, SettlementError> {
    let totals = &settlement.totals;
    let mut journal = Journal::default();
    for (point, input) in points {
        let cash = i128::from(input.position.cash.0);
        journal.post(Account::Point(*point), cash, PostingKind::Forward)?;
        journal.post(Account::Clearing, -cash, PostingKind::Forward)?;
    }
    if let Some(price) = settlement.pool_price {
        for (point, settled) in &settlement.points {
            let pool = &settled.pool;
            let sold = pool.green.0 + pool.other.0 + pool.long.0;
            let net = WattHours(sold - pool.need.0 - pool.short.0);
            journal.post(
                Account::Point(*point),
                product(net, price),
                PostingKind::Pool,
            )?;
        }
    }
    journal.post_points(
        settlement,
        Account::Grid,
        PostingKind::Grid,
        |point, settled| {
            let unmatched = &settled.unmatched;
            product(unmatched.green, park.feed_in) + product(unmatched.other, park.export)
                - product(unmatched.need, points[&point].terms.retail)
        },
    )?;
    journal.post_points(
        settlement,
        Account::Balancing,
        PostingKind::Balancing,
        |_, settled| {
            product(settled.unmatched.long, totals.excess_price)
                - product(settled.unmatched.short, totals.shortfall_price)
        },
    )?;
    journal.post_wheeling(park.wheeling, settlement)?;
    journal.post_replacement(totals)?;
    Ok(journal.postings)
}

/// Writes each point's credit, the sum of its postings, and what the grid alone would have
/// brought it.
pub(super) fn credit_points(
    park: &ParkTerms,
    points: &BTreeMap<PointId, PointInput>,
    settlement: &mut Settlement,
) -> Result<(), SettlementError> {
    let mut credits: BTreeMap<PointId, i128> = BTreeMap::new();
    for posting in &settlement.postings {
        if let Account::Point(point) = posting.account {
            *credits.entry(point).or_default() += i128::from(posting.amount.0);
        }
    }
    for (point, settled) in &mut settlement.points {
        let money = |amount: i128| match i64::try_from(amount) {
            Ok(amount) => Ok(Money(amount)),
            Err(_) => Err(SettlementError::AmountOutOfRange {
                account: Account::Point(*point),
            }),
        };
        settled.credit = money(credits.get(point).copied().unwrap_or(0))?;
        settled.grid_alone = money(grid_alone(park, points[point].terms.retail, settled))?;
    }
    Ok(())
}

/// f·g + f0·(s−g) − r·n.
fn grid_alone(park: &ParkTerms, retail: Price, settled: &PointSettlement) -> i128 {
    let green = settled.green.surplus;
    product(green, park.feed_in) + product(WattHours(settled.surplus.0 - green.0), park.export)
        - product(settled.need, retail)
}
