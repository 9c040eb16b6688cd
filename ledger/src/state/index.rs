//! The price index: what a kilowatt-hour came to on a delivery day, in auction and pool.

use crate::derived::{AveragePrice, Fact};
use crate::rejection::Rejection;
use crate::state::delegation::day_of;
use crate::state::rows::{RowError, parts, require};
use crate::state::sound::ENERGY_BOUND;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::PRICE_MAX;
use wattle_market::units::{Price, WattHours};

/// Energy and what it came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Turnover {
    /// Watt-hours.
    pub volume: WattHours,
    /// Nano-yuan.
    pub value: i128,
}

impl Turnover {
    /// One price for all of it.
    pub(crate) fn of(volume: WattHours, price: Price) -> Turnover {
        Turnover {
            volume,
            value: i128::from(volume.0) * i128::from(price.0),
        }
    }

    pub(crate) fn add(self, other: Turnover) -> Turnover {
        Turnover {
            volume: WattHours(self.volume.0 + other.volume.0),
            value: self.value + other.value,
        }
    }

    /// Whether the value is that of some price, and more can be added.
    pub(crate) fn is_sound(self) -> bool {
        let volume = i128::from(self.volume.0);
        (0..=i128::from(ENERGY_BOUND)).contains(&volume)
            && (0..=volume * i128::from(PRICE_MAX)).contains(&self.value)
    }

    /// All of it at one price.
    pub fn average(self) -> AveragePrice {
        let price = (self.volume.0 > 0).then(|| {
            let price = self.value / i128::from(self.volume.0);
            Price(i64::try_from(price).expect("an average lies between prices"))
        });
        AveragePrice {
            volume: self.volume,
            price,
        }
    }
}

/// The turnover of one local day so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct DayTurnover {
    /// Call auctions and continuous trades.
    pub auction: Turnover,
    /// Pools, as the initial runs found them.
    pub pool: Turnover,
}

/// From when on the index is published, and the days that are not yet.
#[derive(Debug, Clone)]
pub struct PriceIndex {
    from: Table<(), DeliveryInterval>,
    /// By the first interval of the local day.
    days: Table<DeliveryInterval, DayTurnover>,
}

parts!(PriceIndex { from, days });

impl Default for PriceIndex {
    fn default() -> PriceIndex {
        PriceIndex {
            from: Table::new(table_number::PRICE_INDEX),
            days: Table::new(table_number::DAY_TURNOVERS),
        }
    }
}

impl PriceIndex {
    /// Whether each day's turnover has a price.
    pub(crate) fn check(&self) -> Result<(), RowError> {
        let is_sound = |day: &DayTurnover| day.auction.is_sound() && day.pool.is_sound();
        let holds = self.days.iter().all(|(_, day)| is_sound(day));
        require(
            table_number::DAY_TURNOVERS,
            holds,
            "has a value that no price gives",
        )
    }

    /// The turnover so far of a day that is not yet published.
    pub fn day(&self, day: DeliveryInterval) -> DayTurnover {
        self.days.get(&day).copied().unwrap_or_default()
    }

    fn covers(&self, day: DeliveryInterval) -> bool {
        self.from.get(&()).is_some_and(|from| *from <= day)
    }
}

/// Where a turnover belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Venue {
    Auction,
    Pool,
}

impl State {
    /// Publishes the index of every local day that begins at or after an interval.
    pub(crate) fn activate_index(&mut self, from: DeliveryInterval) -> Result<(), Rejection> {
        let clock = self.clock();
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let given = self.trading.index.from.get(&());
        if given.is_some_and(|given| !clock.is_gate_open(*given)) {
            return Err(Rejection::RulesActive);
        }
        self.trading.index.from.insert((), from);
        Ok(())
    }

    /// Counts what was traded for an interval at one price.
    pub(crate) fn count_turnover(
        &mut self,
        venue: Venue,
        interval: DeliveryInterval,
        price: Option<Price>,
        volume: WattHours,
    ) {
        let day = day_of(interval, self.registry.utc_offset_minutes());
        let Some(price) = price.filter(|_| self.trading.index.covers(day)) else {
            return;
        };
        let turnover = Turnover::of(volume, price);
        let row = self.trading.index.days.entry(day);
        match venue {
            Venue::Auction => row.auction = row.auction.add(turnover),
            Venue::Pool => row.pool = row.pool.add(turnover),
        }
    }

    /// Publishes the index of the local day that ends with a settled interval.
    pub(crate) fn publish_index(&mut self, interval: DeliveryInterval, facts: &mut Facts) {
        let offset = self.registry.utc_offset_minutes();
        let day = day_of(interval, offset);
        if day_of(interval.next(), offset) == day || !self.trading.index.covers(day) {
            return;
        }
        let turnover = self.trading.index.days.remove(&day).unwrap_or_default();
        let fact = Fact::DayPriced {
            day,
            auction: turnover.auction.average(),
            pool: turnover.pool.average(),
            together: turnover.auction.add(turnover.pool).average(),
        };
        facts.push((None, fact));
    }
}
