//! Postings: who is credited with what, and why.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{ParkTerms, ParkTotals, PointInput, PointSettlement, Settlement, SettlementError};
use crate::point::PointId;
use crate::points::Points;
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

impl PostingKind {
    /// All kinds in their order.
    pub const ALL: [PostingKind; 6] = [
        PostingKind::Forward,
        PostingKind::Pool,
        PostingKind::Grid,
        PostingKind::Balancing,
        PostingKind::Wheeling,
        PostingKind::Replacement,
    ];

    /// The place of the kind in [`PostingKind::ALL`].
    pub const fn place(self) -> usize {
        self as usize
    }
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
struct Journal {
    postings: Vec<Posting>,
    /// What was posted to each point, by its place.
    credits: Vec<i128>,
}

impl Journal {
    /// Room for what a settlement of so many points usually posts.
    fn of(points: usize) -> Journal {
        Journal {
            postings: Vec::with_capacity(4 * points + 8),
            credits: vec![0; points],
        }
    }

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

    /// Posts what follows for each point from its input and its line; the sum of all amounts.
    fn post_points(
        &mut self,
        points: &Points<PointInput>,
        settlement: &Settlement,
        kind: PostingKind,
        amount: impl Fn(&PointInput, &PointSettlement) -> i128,
    ) -> Result<i128, SettlementError> {
        let mut sum = 0;
        let lines = points.iter().zip(settlement.points.values());
        for (place, ((point, input), settled)) in lines.enumerate() {
            let amount = amount(input, settled);
            sum += amount;
            self.credits[place] += amount;
            self.post(Account::Point(*point), amount, kind)?;
        }
        Ok(sum)
    }

    /// The cash of forward trades, each through clearing.
    fn post_forward(&mut self, points: &Points<PointInput>) -> Result<(), SettlementError> {
        for (place, (point, input)) in points.iter().enumerate() {
            let cash = i128::from(input.position.cash.0);
            self.credits[place] += cash;
            self.post(Account::Point(*point), cash, PostingKind::Forward)?;
            self.post(Account::Clearing, -cash, PostingKind::Forward)?;
        }
        Ok(())
    }

    /// Step 5: whoever received pays the stamp; the network earns it on what was carried within
    /// the park, balancing on what the grid had to replace.
    fn post_wheeling(
        &mut self,
        stamp: Price,
        points: &Points<PointInput>,
        settlement: &Settlement,
    ) -> Result<(), SettlementError> {
        let kind = PostingKind::Wheeling;
        self.post_points(points, settlement, kind, |_, settled| {
            -i128::from(settled.wheeling.0)
        })?;
        let totals = &settlement.totals;
        let carried = totals.received.min(totals.delivered);
        let surcharge = WattHours(totals.received.0 - carried.0);
        self.post(Account::Network, product(carried, stamp), kind)?;
        self.post(Account::Balancing, product(surcharge, stamp), kind)
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
fn journal(
    park: &ParkTerms,
    points: &Points<PointInput>,
    settlement: &Settlement,
) -> Result<Journal, SettlementError> {
    let totals = &settlement.totals;
    let mut journal = Journal::of(points.len());
    journal.post_forward(points)?;
    if let Some(price) = settlement.pool_price {
        journal.post_points(points, settlement, PostingKind::Pool, |_, settled| {
            let pool = &settled.pool;
            let sold = pool.green.0 + pool.other.0 + pool.long.0;
            product(WattHours(sold - pool.need.0 - pool.short.0), price)
        })?;
    }
    let to_points =
        journal.post_points(points, settlement, PostingKind::Grid, |input, settled| {
            let unmatched = &settled.unmatched;
            product(unmatched.green, park.feed_in) + product(unmatched.other, park.export)
                - product(unmatched.need, input.terms.retail)
        })?;
    journal.post(Account::Grid, -to_points, PostingKind::Grid)?;
    let to_points =
        journal.post_points(points, settlement, PostingKind::Balancing, |_, settled| {
            product(settled.unmatched.long, totals.excess_price)
                - product(settled.unmatched.short, totals.shortfall_price)
        })?;
    journal.post(Account::Balancing, -to_points, PostingKind::Balancing)?;
    journal.post_wheeling(park.wheeling, points, settlement)?;
    journal.post_replacement(totals)?;
    Ok(journal)
}

/// Step 7, with each point's credit, the sum of its postings, and what the grid alone would have
/// brought it.
pub(super) fn post(
    park: &ParkTerms,
    points: &Points<PointInput>,
    settlement: &mut Settlement,
) -> Result<(), SettlementError> {
    let Journal { postings, credits } = journal(park, points, settlement)?;
    settlement.postings = postings;
    let lines = settlement.points.iter_mut().zip(points.values());
    for (((point, settled), input), credit) in lines.zip(credits) {
        let money = |amount: i128| match i64::try_from(amount) {
            Ok(amount) => Ok(Money(amount)),
            Err(_) => Err(SettlementError::AmountOutOfRange {
                account: Account::Point(*point),
            }),
        };
        settled.credit = money(credit)?;
        settled.grid_alone = money(grid_alone(park, input.terms.retail, settled))?;
    }
    Ok(())
}

/// f·g + f0·(s−g) − r·n.
fn grid_alone(park: &ParkTerms, retail: Price, settled: &PointSettlement) -> i128 {
    let green = settled.green.surplus;
    product(green, park.feed_in) + product(WattHours(settled.surplus.0 - green.0), park.export)
        - product(settled.need, retail)
}
