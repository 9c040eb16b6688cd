//! A joint auction, checked on its leaves with nothing but comparisons and sums.
//!
//! All leaves of a joint auction stand in one batch: what each interval came to, then the bundles,
//! then the orders that were filled.

use crate::derived::{BundleState, Fact, JointInterval};
use crate::entry::Entry;
use crate::event::OrderItem;
use crate::verify::claim::{Claim, Findings};
use crate::verify::replay::Leaf;
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

/// What an auction says of one interval, and what its bundles and orders sum to.
#[derive(Debug, Clone, Copy)]
struct Told {
    told: JointInterval,
    sold: i128,
    bought: i128,
    sold_in_bundles: i128,
    bought_in_bundles: i128,
}

/// Bundles by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    accepted: u32,
    rejected: u32,
    profitable: u32,
    left_out: u32,
}

/// One auction.
#[derive(Debug)]
struct Day {
    index: u64,
    intervals: BTreeMap<DeliveryInterval, Told>,
    told: Counts,
    counted: Counts,
}

/// The figures of a bundle's leaf.
struct Closed<'a> {
    legs: &'a [Leg],
    prices: &'a [Price],
    limit: Money,
    state: BundleState,
    cash: Option<Money>,
    surplus: Option<Money>,
}

/// Checks the joint auctions of one complete batch.
pub(crate) fn check_batch(leaves: &[Leaf], findings: &mut Findings) {
    let mut days: BTreeMap<DeliveryInterval, Day> = BTreeMap::new();
    let mut is_sound = true;
    for leaf in leaves {
        let Entry::Derived { fact, .. } = &leaf.entry else {
            continue;
        };
        if let Err(reason) = take(&mut days, leaf.index, fact) {
            findings.fail(Claim::Trades, Some(leaf.index), reason);
            is_sound = false;
        }
    }
    // A leaf that cannot be counted would make every sum wrong: it is named, and not they.
    for day in days.values().filter(|_| is_sound) {
        if let Err(reason) = day.check() {
            findings.fail(Claim::Trades, Some(day.index), reason);
        }
    }
}

fn take(
    days: &mut BTreeMap<DeliveryInterval, Day>,
    index: u64,
    fact: &Fact,
) -> Result<(), &'static str> {
    match fact {
        Fact::JointCleared {
            day,
            intervals,
            accepted,
            rejected,
            profitable,
            left_out,
            rounds,
            ..
        } => {
            let told = Counts {
                accepted: *accepted,
                rejected: *rejected,
                profitable: *profitable,
                left_out: *left_out,
            };
            let one = Day::told(index, (*day, intervals), told)?;
            // A round takes out one bundle, and the last one none.
            if rejected.checked_add(1) != Some(*rounds) || days.insert(*day, one).is_some() {
                return Err("the joint auction's rounds or its day cannot be right");
            }
            Ok(())
        }
        Fact::BundleClosed {
            day,
            legs,
            prices,
            limit,
            state,
            cash,
            surplus,
            ..
        } => {
            let day = days.get_mut(day).ok_or("the bundle is of no auction")?;
            day.bundle(&Closed {
                legs,
                prices,
                limit: *limit,
                state: *state,
                cash: *cash,
                surplus: *surplus,
            })
        }
        Fact::JointFilled {
            item,
            filled,
            price,
            ..
        } => {
            let day = days.range_mut(..=item.interval).next_back();
            let (_, day) = day.ok_or("the order is of no auction")?;
            day.order(item, *filled, *price)
        }
        _ => Ok(()),
    }
}

impl Day {
    fn told(
        index: u64,
        (day, intervals): (DeliveryInterval, &[JointInterval]),
        told: Counts,
    ) -> Result<Day, &'static str> {
        let is_within = |one: &JointInterval| {
            one.interval >= day && one.interval < day.plus(DeliveryInterval::PER_DAY)
        };
        let ascending = intervals
            .windows(2)
            .all(|pair| pair[0].interval < pair[1].interval);
        if !ascending || !intervals.iter().all(is_within) {
            return Err("the joint auction's intervals are not those of its day");
        }
        let row = |one: &JointInterval| Told {
            told: *one,
            sold: 0,
            bought: 0,
            sold_in_bundles: 0,
            bought_in_bundles: 0,
        };
        Ok(Day {
            index,
            intervals: intervals
                .iter()
                .map(|one| (one.interval, row(one)))
                .collect(),
            told,
            counted: Counts::default(),
        })
    }

    fn order(
        &mut self,
        item: &OrderItem,
        filled: WattHours,
        price: Price,
    ) -> Result<(), &'static str> {
        let row = self.intervals.get_mut(&item.interval);
        let row = row.ok_or("the order is filled in an interval without trades")?;
        let is_within = match item.side {
            Side::Sell => price >= item.limit,
            Side::Buy => price <= item.limit,
        };
        if price != row.told.price || !is_within {
            return Err("the order is filled at another price, or beyond its limit");
        }
        if filled.0 <= 0 || filled > item.quantity {
            return Err("the order is filled beyond its quantity");
        }
        match item.side {
            Side::Sell => row.sold += i128::from(filled.0),
            Side::Buy => row.bought += i128::from(filled.0),
        }
        Ok(())
    }

    fn bundle(&mut self, closed: &Closed) -> Result<(), &'static str> {
        let count = match closed.state {
            BundleState::Accepted => &mut self.counted.accepted,
            BundleState::Rejected => &mut self.counted.rejected,
            BundleState::LeftOut => &mut self.counted.left_out,
        };
        *count = count.saturating_add(1);
        let (cash, surplus) = match (closed.state, closed.cash, closed.surplus) {
            (BundleState::LeftOut, None, None) if closed.prices.is_empty() => return Ok(()),
            (BundleState::Accepted | BundleState::Rejected, Some(cash), Some(surplus)) => {
                (i128::from(cash.0), i128::from(surplus.0))
            }
            _ => return Err("a bundle has prices, cash and a surplus, unless it was left out"),
        };
        if surplus != cash - i128::from(closed.limit.0) {
            return Err("the bundle's surplus is not its cash less its limit");
        }
        if self.cash(closed) != Some(cash) {
            return Err("the bundle's cash is not that of its legs at their intervals' prices");
        }
        if closed.state == BundleState::Rejected {
            self.counted.profitable += u32::from(surplus > 0);
            return Ok(());
        }
        if surplus < 0 {
            return Err("the bundle is accepted below its limit");
        }
        for leg in closed.legs {
            let row = self.intervals.get_mut(&leg.interval);
            let row = row.ok_or("the bundle is accepted in an interval without trades")?;
            let quantity = i128::from(leg.quantity.0);
            let (sum, in_bundles) = match leg.side {
                Side::Sell => (&mut row.sold, &mut row.sold_in_bundles),
                Side::Buy => (&mut row.bought, &mut row.bought_in_bundles),
            };
            *sum += quantity;
            *in_bundles += quantity;
        }
        Ok(())
    }

    /// The net cash of a bundle's legs; none if one is reckoned at another price than that of its
    /// interval. Where nothing was traded, the neutral price is the replay's to check.
    fn cash(&self, closed: &Closed) -> Option<i128> {
        if closed.legs.len() != closed.prices.len() {
            return None;
        }
        let mut cash = 0;
        for (leg, price) in closed.legs.iter().zip(closed.prices) {
            let told = self.intervals.get(&leg.interval);
            if told.is_some_and(|row| row.told.price != *price) {
                return None;
            }
            let amount = i128::from(leg.quantity.0) * i128::from(price.0);
            cash += match leg.side {
                Side::Sell => amount,
                Side::Buy => -amount,
            };
        }
        Some(cash)
    }

    fn check(&self) -> Result<(), String> {
        for row in self.intervals.values() {
            let told = &row.told;
            let volume = i128::from(told.volume.0);
            if volume <= 0 || (row.sold, row.bought) != (volume, volume) {
                let (sold, bought) = (row.sold, row.bought);
                return Err(format!(
                    "{sold} Wh were sold and {bought} Wh bought jointly in {}, {volume} Wh are told",
                    told.interval
                ));
            }
            let in_bundles = (
                i128::from(told.sold_in_bundles.0),
                i128::from(told.bought_in_bundles.0),
            );
            if (row.sold_in_bundles, row.bought_in_bundles) != in_bundles {
                return Err(format!(
                    "the bundles do not sum to what is told of {}",
                    told.interval
                ));
            }
        }
        if self.told != self.counted {
            return Err("the bundles are not as many as the joint auction tells".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
