//! An export's intervals settled once more under other terms, without touching anything.
//!
//! Readings, trades and certificates' rules stay; prices, the pool or the trades change. The inputs
//! are restored from the leaves ([`crate::verify::entries::SettledPoint::restored_input`]), and
//! every interval is first settled unchanged and compared with its leaves, so that a figure never
//! stands on inputs that do not reproduce the ledger. Where a final run adjusted an interval, its
//! figures take the place of the initial run's.

use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::genesis::Genesis;
use crate::registration::ParticipantId;
use crate::verify::Progress;
use crate::verify::entries::{
    Entries, EntriesError, IndexedEntry, IntervalLeaves, SettledInterval, SettledIntervals,
    settled_interval,
};
use crate::verify::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{
    Account, ForwardPosition, ParkTerms, PointInput, Settlement, SettlementError, settle,
};
use wattle_market::tariff::Tariff;
use wattle_market::units::{Price, WattHours};

/// Retail prices of the other world.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Retail {
    /// Each point's own, as pinned.
    #[default]
    Pinned,
    /// One price for every point at all times.
    Flat(Price),
    /// One tariff for every point.
    Tariff(Tariff),
}

/// What is different.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// Retail prices.
    pub retail: Retail,
    /// Another f.
    pub feed_in: Option<Price>,
    /// Another f0.
    pub export: Option<Price>,
    /// Another w.
    pub wheeling: Option<Price>,
    /// Nobody takes part in the pool.
    pub no_pool: bool,
    /// Nobody has traded forward.
    pub no_forward: bool,
}

/// Which intervals are settled again, both ends included; none: no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Period {
    /// The first.
    pub from: Option<DeliveryInterval>,
    /// The last.
    pub to: Option<DeliveryInterval>,
}

/// Sums of one account in both worlds, in nano-yuan.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Compared {
    /// The participant's name; empty for the park's accounts.
    pub name: String,
    /// As the ledger settled.
    pub settled: i128,
    /// As it would have been settled.
    pub what_if: i128,
    /// The same readings with the grid alone, at the prices that were.
    pub grid_alone_settled: i128,
    /// The same readings with the grid alone, at the prices of the other world.
    pub grid_alone_what_if: i128,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct WhatIf {
    /// The park's name.
    pub park: String,
    /// The park's local clock, minutes ahead of UTC.
    pub utc_offset_minutes: i16,
    /// The first interval that was settled again.
    pub first: Option<DeliveryInterval>,
    /// The last one.
    pub last: Option<DeliveryInterval>,
    /// How many there were.
    pub intervals: u64,
    /// How many of them a final run had adjusted, and are settled again on its figures.
    pub adjusted: u64,
    /// Intervals of the period that the ledger holds and that have no settlement to change.
    pub held: BTreeSet<DeliveryInterval>,
    /// By participant.
    pub participants: BTreeMap<ParticipantId, Compared>,
    /// The park's own accounts.
    pub park_accounts: BTreeMap<&'static str, Compared>,
    /// Matched in the pool, as settled.
    pub pool_settled: i128,
    /// Matched in the pool, as it would have been.
    pub pool_what_if: i128,
    /// Need covered from within the park, as settled.
    pub received_settled: i128,
    /// Need covered from within the park, as it would have been.
    pub received_what_if: i128,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum WhatIfError {
    /// The export cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// The genesis does not decode.
    #[error("entry 0 is no genesis that can be used; copy the log again")]
    Genesis,
    /// A settlement's leaves are not reproduced by settling again.
    #[error("interval {interval} does not settle to its leaves again: {reason}; verify the export")]
    NotReproduced {
        /// Which interval.
        interval: DeliveryInterval,
        /// The first difference.
        reason: String,
    },
    /// The changed interval cannot be settled.
    #[error("interval {interval} cannot be settled under these terms; change the prices")]
    Terms {
        /// Which interval.
        interval: DeliveryInterval,
        /// Why.
        #[source]
        source: SettlementError,
    },
}

/// Settles an export's intervals again under other terms.
///
/// # Errors
/// [`WhatIfError`].
pub fn what_if(
    source: &dyn Source,
    change: &Change,
    period: Period,
    progress: &mut dyn FnMut(Progress),
) -> Result<WhatIf, WhatIfError> {
    let entries = Entries::open(source)?;
    let of = entries.checkpoint().size();
    let mut answer = WhatIf::default();
    let mut intervals = SettledIntervals::default();
    // Where the interval's initial run stands, in case that it is adjusted later.
    let mut first_entries: BTreeMap<DeliveryInterval, u64> = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        answer.entry(&entry, period)?;
        match intervals.entry(&entry) {
            Some(IntervalLeaves::Settled(settled)) if period.contains(settled.interval) => {
                first_entries.insert(settled.interval, settled.first_entry);
                answer.interval(&settled, change, 1)?;
            }
            Some(IntervalLeaves::Adjusted(adjusted)) if period.contains(adjusted.interval) => {
                let interval = adjusted.interval;
                let earlier = match first_entries.remove(&interval) {
                    Some(first) => settled_interval(source, first)?,
                    None => None,
                };
                let whole = adjusted.on(earlier.as_ref());
                let whole =
                    whole.map_err(|reason| WhatIfError::NotReproduced { interval, reason })?;
                // The earlier figures are taken off again.
                if let Some(earlier) = &earlier {
                    answer.interval(earlier, change, -1)?;
                }
                answer.interval(&whole, change, 1)?;
                answer.held.remove(&interval);
                answer.adjusted += 1;
            }
            _ => {}
        }
        progress(Progress {
            done: entry.index + 1,
            of,
        });
    }
    Ok(answer)
}

impl Period {
    /// Whether an interval is one of them.
    pub fn contains(self, interval: DeliveryInterval) -> bool {
        self.from.is_none_or(|from| from <= interval) && self.to.is_none_or(|to| interval <= to)
    }
}

impl Change {
    /// The park's prices in the other world.
    fn park(&self, terms: &ParkTerms) -> ParkTerms {
        ParkTerms {
            feed_in: self.feed_in.unwrap_or(terms.feed_in),
            export: self.export.unwrap_or(terms.export),
            wheeling: self.wheeling.unwrap_or(terms.wheeling),
        }
    }

    fn apply(&self, input: &mut PointInput, interval: DeliveryInterval, utc_offset_minutes: i16) {
        match &self.retail {
            Retail::Pinned => {}
            Retail::Flat(price) => input.terms.retail = *price,
            Retail::Tariff(tariff) => {
                input.terms.retail = tariff.price(interval, utc_offset_minutes);
            }
        }
        if self.no_pool {
            input.terms.enrolled = false;
        }
        if self.no_forward {
            input.position = ForwardPosition::default();
        }
    }
}

impl WhatIf {
    /// Names, clock and held intervals.
    fn entry(&mut self, entry: &IndexedEntry, period: Period) -> Result<(), WhatIfError> {
        match &entry.entry {
            Entry::Genesis(signed) => {
                let genesis = Genesis::parse(signed).map_err(|_| WhatIfError::Genesis)?;
                self.park.clone_from(&genesis.body().name);
                self.utc_offset_minutes = genesis.body().utc_offset_minutes;
            }
            Entry::Event { signed, outcome } if outcome == &[0] => {
                if let Ok(event) = SignedEvent::parse(signed)
                    && let Action::RegisterParticipant(participant) = &event.body().action
                {
                    let row = self.participants.entry(participant.id).or_default();
                    row.name.clone_from(&participant.name);
                }
            }
            Entry::Derived {
                fact: Fact::SettlementHeld { interval, .. },
                ..
            } if period.contains(*interval) => {
                self.held.insert(*interval);
            }
            _ => {}
        }
        Ok(())
    }

    /// Settles an interval in both worlds and counts it, or with a sign of −1 takes it off again.
    fn interval(
        &mut self,
        settled: &SettledInterval,
        change: &Change,
        sign: i8,
    ) -> Result<(), WhatIfError> {
        let interval = settled.interval;
        let not_reproduced = |reason: String| WhatIfError::NotReproduced { interval, reason };
        let mut inputs = settled
            .restored_inputs()
            .ok_or_else(|| not_reproduced("a line contradicts itself".to_owned()))?;
        let before =
            settle(&settled.terms, &inputs).map_err(|error| not_reproduced(error.to_string()))?;
        if let Some(reason) = settled.differences(&before).into_iter().next() {
            return Err(not_reproduced(reason));
        }
        for input in inputs.values_mut() {
            change.apply(input, interval, self.utc_offset_minutes);
        }
        let after = settle(&change.park(&settled.terms), &inputs)
            .map_err(|source| WhatIfError::Terms { interval, source })?;
        self.intervals = self.intervals.saturating_add_signed(sign.into());
        self.first = Some(self.first.map_or(interval, |first| first.min(interval)));
        self.last = Some(self.last.map_or(interval, |last| last.max(interval)));
        self.add(settled, &before, &after, sign.into());
        Ok(())
    }

    fn add(
        &mut self,
        settled: &SettledInterval,
        before: &Settlement,
        after: &Settlement,
        sign: i128,
    ) {
        self.pool_settled += sign * i128::from(before.pool_volume.0);
        self.pool_what_if += sign * i128::from(after.pool_volume.0);
        self.received_settled += sign * received(before);
        self.received_what_if += sign * received(after);
        let owner = |point: &PointId| settled.points[point].participant.unwrap_or_default();
        for (point, line) in &before.points {
            let row = self.participants.entry(owner(point)).or_default();
            row.settled += sign * i128::from(line.credit.0);
            row.grid_alone_settled += sign * i128::from(line.grid_alone.0);
        }
        for (point, line) in &after.points {
            let row = self.participants.entry(owner(point)).or_default();
            row.what_if += sign * i128::from(line.credit.0);
            row.grid_alone_what_if += sign * i128::from(line.grid_alone.0);
        }
        for (settlement, is_after) in [(before, false), (after, true)] {
            for posting in &settlement.postings {
                let Some(name) = account_name(posting.account) else {
                    continue;
                };
                let row = self.park_accounts.entry(name).or_default();
                let sum = if is_after {
                    &mut row.what_if
                } else {
                    &mut row.settled
                };
                *sum += sign * i128::from(posting.amount.0);
            }
        }
    }
}

fn received(settlement: &Settlement) -> i128 {
    let lines = settlement.points.values();
    lines
        .map(|line| line.received)
        .map(|WattHours(received)| i128::from(received))
        .sum()
}

fn account_name(account: Account) -> Option<&'static str> {
    match account {
        Account::Point(_) => None,
        Account::Clearing => Some("clearing"),
        Account::Grid => Some("grid"),
        Account::Balancing => Some("balancing"),
        Account::Network => Some("network"),
    }
}
