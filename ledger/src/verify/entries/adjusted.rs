//! What a final run made of an interval, on top of what its initial run had settled.

use crate::verify::entries::settled::{park_sums, sums};
use crate::verify::entries::{SettledInterval, SettledPoint};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, ParkTerms, PointSettlement, PostingKind};
use wattle_market::units::{Money, Price, WattHours};

/// One point's leaf of a final run. Points whose figures stayed have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustedPoint {
    /// What the leaf says was found before; none where the initial run was held.
    pub before: Option<PointSettlement>,
    /// What the final run found; its postings are the differences.
    pub found: SettledPoint,
}

/// The leaves of one interval's final run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustedInterval {
    /// Index of the park's leaf.
    pub entry: u64,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The park's pinned prices.
    pub terms: ParkTerms,
    /// The pool's price in this run.
    pub pool_price: Option<Price>,
    /// Watt-hours matched in the pool in this run.
    pub pool_volume: WattHours,
    /// Differences to the park's own accounts.
    pub postings: Vec<(Account, PostingKind, Money)>,
    /// The points whose figures differ.
    pub points: BTreeMap<PointId, AdjustedPoint>,
}

fn money<K>(sum: (K, i128)) -> Option<(K, Money)> {
    Some((sum.0, Money(i64::try_from(sum.1).ok()?)))
}

impl AdjustedInterval {
    /// The interval as both runs together leave it: the lines of the last run that found any, the
    /// postings of both. `earlier` is none where the initial run was held.
    ///
    /// # Errors
    /// A sentence where the leaves of the two runs do not fit each other.
    pub fn on(&self, earlier: Option<&SettledInterval>) -> Result<SettledInterval, String> {
        let mut whole = SettledInterval {
            entry: self.entry,
            first_entry: earlier.map_or(self.entry, |earlier| earlier.first_entry),
            interval: self.interval,
            terms: self.terms,
            pool_price: self.pool_price,
            pool_volume: self.pool_volume,
            postings: self.postings.clone(),
            points: earlier.map_or_else(BTreeMap::new, |earlier| earlier.points.clone()),
        };
        let overflow = || "a posting lies beyond 64 bits".to_owned();
        if let Some(earlier) = earlier {
            let both = park_sums(earlier.postings.iter().chain(&self.postings));
            let both: Option<Vec<_>> = both.into_iter().map(money).collect();
            let both = both.ok_or_else(overflow)?;
            let posting = |((kind, account), amount)| (account, kind, amount);
            whole.postings = both.into_iter().map(posting).collect();
        }
        for (point, adjusted) in &self.points {
            let found = &adjusted.found;
            let before = whole.points.get(point);
            if before.map(|before| &before.line) != adjusted.before.as_ref() {
                return Err(format!(
                    "entry {} starts from other figures than the initial run's",
                    found.entry
                ));
            }
            let earlier = before.iter().flat_map(|before| &before.postings);
            let both = sums(earlier.chain(&found.postings));
            let both: Option<Vec<_>> = both.into_iter().map(money).collect();
            let settled = SettledPoint {
                postings: both.ok_or_else(overflow)?,
                ..found.clone()
            };
            whole.points.insert(*point, settled);
        }
        Ok(whole)
    }
}
