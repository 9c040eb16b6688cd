//! An interval's settlement as its leaves tell it, and inputs that lead to it again.

use crate::derived::{Fact, Run};
use crate::entry::Entry;
use crate::registration::{MeterKind, ParticipantId};
use crate::verify::entries::{AdjustedInterval, AdjustedPoint, IndexedEntry};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{
    Account, ConnectionEnergy, ForwardPosition, MeteredEnergy, ParkTerms, PointInput,
    PointSettlement, PointTerms, PostingKind, Settlement,
};
use wattle_market::units::{Money, Price, WattHours};

/// One point's leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledPoint {
    /// Index of the leaf.
    pub entry: u64,
    /// Whose account the postings belong to.
    pub participant: Option<ParticipantId>,
    /// Which run.
    pub run: Run,
    /// The pinned terms.
    pub terms: PointTerms,
    /// Meters whose energy is a substitute.
    pub substituted: Vec<MeterKind>,
    /// Quantities and sums.
    pub line: PointSettlement,
    /// Postings to the participant's account.
    pub postings: Vec<(PostingKind, Money)>,
}

/// The leaves of one interval's settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledInterval {
    /// Index of the park's leaf.
    pub entry: u64,
    /// Index of the interval's first leaf.
    pub first_entry: u64,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The park's pinned prices.
    pub terms: ParkTerms,
    /// The pool's price.
    pub pool_price: Option<Price>,
    /// Watt-hours matched in the pool.
    pub pool_volume: WattHours,
    /// Postings to the park's own accounts.
    pub postings: Vec<(Account, PostingKind, Money)>,
    /// What was settled for each point.
    pub points: BTreeMap<PointId, SettledPoint>,
}

/// The leaves of one run of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntervalLeaves {
    /// The initial run.
    Settled(SettledInterval),
    /// The final run, where it found anything else.
    Adjusted(AdjustedInterval),
}

/// Gathers leaves until an interval is complete: its points, then the park.
#[derive(Debug, Default)]
pub struct SettledIntervals {
    points: BTreeMap<PointId, SettledPoint>,
    adjusted: BTreeMap<PointId, AdjustedPoint>,
    of: DeliveryInterval,
}

impl SettledIntervals {
    /// Takes in the next entry; gives the interval that it completes.
    pub fn entry(&mut self, entry: &IndexedEntry) -> Option<IntervalLeaves> {
        let Entry::Derived {
            participant, fact, ..
        } = &entry.entry
        else {
            return None;
        };
        match fact {
            Fact::PointSettled { interval, .. } | Fact::PointAdjusted { interval, .. } => {
                if self.of != *interval {
                    self.points.clear();
                    self.adjusted.clear();
                    self.of = *interval;
                }
                self.point(entry.index, *participant, fact);
                None
            }
            Fact::IntervalSettled {
                interval,
                terms,
                pool_price,
                pool_volume,
                postings,
                ..
            } => {
                let points = std::mem::take(&mut self.points);
                let points = self.theirs(*interval, points);
                let first = points.values().map(|point| point.entry).min();
                Some(IntervalLeaves::Settled(SettledInterval {
                    entry: entry.index,
                    first_entry: first.unwrap_or(entry.index),
                    interval: *interval,
                    terms: *terms,
                    pool_price: *pool_price,
                    pool_volume: *pool_volume,
                    postings: postings.clone(),
                    points,
                }))
            }
            Fact::IntervalAdjusted {
                interval,
                terms,
                pool_price,
                pool_volume,
                postings,
                ..
            } => {
                let points = std::mem::take(&mut self.adjusted);
                Some(IntervalLeaves::Adjusted(AdjustedInterval {
                    entry: entry.index,
                    interval: *interval,
                    terms: *terms,
                    pool_price: *pool_price,
                    pool_volume: *pool_volume,
                    postings: postings.clone(),
                    points: self.theirs(*interval, points),
                }))
            }
            _ => None,
        }
    }

    fn theirs<T>(
        &self,
        interval: DeliveryInterval,
        points: BTreeMap<PointId, T>,
    ) -> BTreeMap<PointId, T> {
        if self.of == interval {
            points
        } else {
            BTreeMap::new()
        }
    }

    fn point(&mut self, entry: u64, participant: Option<ParticipantId>, fact: &Fact) {
        let (Fact::PointSettled {
            point,
            run,
            terms,
            substituted,
            line,
            postings,
            ..
        }
        | Fact::PointAdjusted {
            point,
            run,
            terms,
            substituted,
            line,
            postings,
            ..
        }) = fact
        else {
            return;
        };
        let settled = SettledPoint {
            entry,
            participant,
            run: *run,
            terms: *terms,
            substituted: substituted.clone(),
            line: **line,
            postings: postings.clone(),
        };
        if let Fact::PointAdjusted { before, .. } = fact {
            let before = before.as_deref().copied();
            let adjusted = AdjustedPoint {
                before,
                found: settled,
            };
            self.adjusted.insert(*point, adjusted);
        } else {
            self.points.insert(*point, settled);
        }
    }
}

impl SettledPoint {
    /// The cash of the point's forward trades.
    pub fn forward_cash(&self) -> Money {
        let forward = self
            .postings
            .iter()
            .find(|(kind, _)| *kind == PostingKind::Forward);
        forward.map_or(Money::ZERO, |(_, amount)| *amount)
    }

    /// Inputs that settle to this line. A line keeps what its amounts follow from and not every
    /// register: where a battery was charged and discharged within the interval, the restored
    /// charge and discharge may both be smaller by the same energy, which changes no figure of the
    /// line. None where the figures of the line exclude each other.
    pub fn restored_input(&self) -> Option<PointInput> {
        let line = &self.line;
        let green = &line.green;
        let parts = [green.self_used, green.stored, green.surplus, green.lost];
        let generation = parts
            .iter()
            .try_fold(WattHours::ZERO, |sum, part| sum.checked_add(*part))?;
        let taken = generation.checked_sub(line.net)?.checked_sub(line.load)?;
        let is_all_stored = green.self_used.checked_add(green.stored)? == generation;
        let charge = if is_all_stored {
            green.stored.max(taken)
        } else {
            green.stored
        };
        let discharge = if line.load == WattHours::ZERO {
            WattHours::ZERO
        } else {
            charge.checked_sub(taken)?
        };
        let contracted = line.contracted;
        Some(PointInput {
            terms: self.terms,
            position: ForwardPosition {
                sold: contracted.positive_part(),
                bought: WattHours::ZERO.checked_sub(contracted)?.positive_part(),
                cash: self.forward_cash(),
            },
            energy: MeteredEnergy {
                generation,
                load: line.load,
                charge,
                discharge,
                connection: Some(ConnectionEnergy {
                    import: line.need,
                    export: line.surplus,
                }),
                actual: line.actual,
            },
        })
    }
}

impl SettledInterval {
    /// Inputs that settle to these leaves; none where a line contradicts itself.
    pub fn restored_inputs(&self) -> Option<Points<PointInput>> {
        let restored =
            |(point, settled): (&PointId, &SettledPoint)| Some((*point, settled.restored_input()?));
        self.points.iter().map(restored).collect()
    }

    /// In which points and park figures the leaves differ from a settlement, in sentences.
    pub fn differences(&self, settlement: &Settlement) -> Vec<String> {
        let mut found = Vec::new();
        let mut of_points: BTreeMap<PointId, Vec<(PostingKind, Money)>> = BTreeMap::new();
        let mut of_park = Vec::new();
        for posting in &settlement.postings {
            match posting.account {
                Account::Point(point) => of_points
                    .entry(point)
                    .or_default()
                    .push((posting.kind, posting.amount)),
                account => of_park.push((account, posting.kind, posting.amount)),
            }
        }
        for (point, line) in &settlement.points {
            let Some(leaf) = self.points.get(point) else {
                found.push(format!("{point} has no leaf"));
                continue;
            };
            if leaf.line != *line {
                found.push(format!(
                    "entry {} has other quantities or sums for {point}: credit {} in the leaf, \
                     {} recomputed",
                    leaf.entry, leaf.line.credit, line.credit
                ));
            }
            let recomputed = of_points.remove(point).unwrap_or_default();
            if sums(&leaf.postings) != sums(&recomputed) {
                let entry = leaf.entry;
                found.push(format!("entry {entry} has other postings for {point}"));
            }
        }
        if self.pool_price != settlement.pool_price || self.pool_volume != settlement.pool_volume {
            let entry = self.entry;
            found.push(format!("entry {entry} has another pool price or volume"));
        }
        if park_sums(&self.postings) != park_sums(&of_park) {
            let entry = self.entry;
            found.push(format!("entry {entry} has other postings of the park"));
        }
        found
    }
}

/// Postings by kind, none of zero.
pub(super) fn sums<'a>(
    postings: impl IntoIterator<Item = &'a (PostingKind, Money)>,
) -> BTreeMap<PostingKind, i128> {
    let mut sums: BTreeMap<PostingKind, i128> = BTreeMap::new();
    for (kind, amount) in postings {
        *sums.entry(*kind).or_default() += i128::from(amount.0);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// The park's postings by kind and account, none of zero.
pub(super) fn park_sums<'a>(
    postings: impl IntoIterator<Item = &'a (Account, PostingKind, Money)>,
) -> BTreeMap<(PostingKind, Account), i128> {
    let mut sums: BTreeMap<(PostingKind, Account), i128> = BTreeMap::new();
    for (account, kind, amount) in postings {
        *sums.entry((*kind, *account)).or_default() += i128::from(amount.0);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}
