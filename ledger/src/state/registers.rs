//! Registers that start anew: resets, replaced meters and transformer ratios.
//!
//! A meter's register is counted in segments. A break ends one with its last register and starts
//! the next with another register and ratio; both are what the technician read on site. Energy is
//! the difference of *cumulative* primary energy, which runs on across breaks, so that rounding by
//! a ratio loses nothing: what one interval is short of, the next has over.

use crate::derived::Fact;
use crate::keys::PublicKey;
use crate::limits::{ORDER_HORIZON_INTERVALS, READING_AGE_INTERVALS_MAX};
use crate::registration::{Meter, MeterId};
use crate::rejection::Rejection;
use crate::state::readings::check_register;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

/// Greatest numerator and denominator of a transformer ratio.
pub const RATIO_MAX: u32 = 100_000;

/// What a register's watt-hours are multiplied with, for the current and voltage transformers
/// before the meter.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Ratio {
    /// 1 to [`RATIO_MAX`].
    pub numerator: u32,
    /// 1 to [`RATIO_MAX`].
    pub denominator: u32,
}

impl Ratio {
    /// No transformers, or a meter that counts for them.
    pub const ONE: Ratio = Ratio {
        numerator: 1,
        denominator: 1,
    };

    pub(crate) fn is_valid(self) -> bool {
        let parts = [self.numerator, self.denominator];
        parts.iter().all(|part| (1..=RATIO_MAX).contains(part))
    }

    /// Primary energy of a register, rounded down.
    fn primary(self, register: WattHours) -> i128 {
        let product = i128::from(register.0) * i128::from(self.numerator);
        product.div_euclid(i128::from(self.denominator))
    }
}

/// Where a segment ends and the next begins: in the course of an interval, or at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct Break {
    /// The register at the end of the old segment.
    pub last: WattHours,
    /// The register at the start of the new one.
    pub start: WattHours,
    /// The new segment's ratio.
    pub ratio: Ratio,
}

/// All breaks. A register at the end of an interval lies in the segment of the latest break at or
/// before the interval.
#[derive(Debug, Clone)]
pub struct Breaks {
    rows: Table<(MeterId, DeliveryInterval), Break>,
}

parts!(Breaks { rows });

impl Default for Breaks {
    fn default() -> Breaks {
        Breaks {
            rows: Table::new(table_number::REGISTER_BREAKS),
        }
    }
}

/// An interval, and a register at its end.
pub type Read = (DeliveryInterval, WattHours);

/// The first segment of every meter.
const FIRST_SEGMENT: Break = Break {
    last: WattHours::ZERO,
    start: WattHours::ZERO,
    ratio: Ratio::ONE,
};

impl Breaks {
    /// All of them in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&(MeterId, DeliveryInterval), &Break)> {
        self.rows.iter()
    }

    /// One meter's breaks. Most meters have none, which is found out here once for all that is
    /// asked of them.
    pub fn of(&self, meter: MeterId) -> OfMeter<'_> {
        let first = self.rows.range((meter, DeliveryInterval(0))..).next();
        let has_some = first.is_some_and(|((of, _), _)| *of == meter);
        let rows = has_some.then_some(&self.rows);
        OfMeter { meter, rows }
    }

    /// Takes a break in that was checked elsewhere.
    pub(crate) fn set(&mut self, meter: MeterId, interval: DeliveryInterval, row: Break) {
        self.rows.insert((meter, interval), row);
    }
}

/// The breaks of one meter.
#[derive(Debug, Clone, Copy)]
pub struct OfMeter<'a> {
    meter: MeterId,
    /// None: the meter has none.
    rows: Option<&'a Table<(MeterId, DeliveryInterval), Break>>,
}

impl OfMeter<'_> {
    /// The break that began the segment of an interval.
    pub fn at(&self, interval: DeliveryInterval) -> Break {
        self.until(interval).next_back().unwrap_or(FIRST_SEGMENT)
    }

    /// The breaks at an interval and before it, in order.
    fn until(&self, interval: DeliveryInterval) -> impl DoubleEndedIterator<Item = Break> {
        let range = (self.meter, DeliveryInterval(0))..=(self.meter, interval);
        let rows = self
            .rows
            .into_iter()
            .flat_map(move |rows| rows.range(range.clone()));
        rows.map(|(_, row)| *row)
    }

    fn next(&self, interval: DeliveryInterval) -> Option<Break> {
        let range = (self.meter, interval.next())..=(self.meter, DeliveryInterval(u64::MAX));
        self.rows?.range(range).next().map(|(_, row)| *row)
    }

    /// Cumulative primary energy at a register read at the end of an interval.
    pub fn cumulative(&self, (interval, register): Read) -> i128 {
        let (mut sum, mut segment) = (0, FIRST_SEGMENT);
        for row in self.until(interval) {
            sum += segment.ratio.primary(row.last) - segment.ratio.primary(segment.start);
            segment = row;
        }
        sum + segment.ratio.primary(register) - segment.ratio.primary(segment.start)
    }

    /// The primary energy between two registers, in watt-hours.
    pub fn rise(&self, low: Read, high: Read) -> i128 {
        match self.rows {
            Some(_) => self.cumulative(high) - self.cumulative(low),
            None => i128::from(high.1.0) - i128::from(low.1.0),
        }
    }

    /// Whether a register lies within its segment.
    pub(crate) fn check(
        &self,
        interval: DeliveryInterval,
        register: WattHours,
    ) -> Result<(), Rejection> {
        let next = self.next(interval);
        if register < self.at(interval).start || next.is_some_and(|next| register > next.last) {
            return Err(Rejection::RegisterRunsBackwards);
        }
        Ok(())
    }
}

/// A meter, the interval in which its register breaks, and how.
type At = (MeterId, DeliveryInterval);

impl State {
    /// A register starts anew, at the same ratio.
    pub(crate) fn reset_register(
        &mut self,
        at: At,
        last: WattHours,
        start: WattHours,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let ratio = self.readings.breaks().of(at.0).at(at.1).ratio;
        self.break_register(at, Break { last, start, ratio }, facts)
    }

    /// A register counts at another ratio from the start of an interval on.
    pub(crate) fn set_ratio(
        &mut self,
        at: At,
        register: WattHours,
        ratio: Ratio,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let (last, start) = (register, register);
        self.break_register(at, Break { last, start, ratio }, facts)
    }

    /// Another device takes a meter's place: its keys end, and a new one signs.
    pub(crate) fn replace_meter(
        &mut self,
        at: At,
        row: Break,
        key: PublicKey,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        self.registry.check_new_key(&key)?;
        self.break_register(at, row, facts)?;
        self.registry.replace_meter_keys(at.0, key, leaf);
        Ok(())
    }

    fn break_register(
        &mut self,
        (meter, interval): At,
        row: Break,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let meter = self.registry.device(meter).ok_or(Rejection::UnknownMeter)?;
        let today = DeliveryInterval::containing(self.clock().time);
        if interval < meter.from || interval.plus(READING_AGE_INTERVALS_MAX) < today {
            return Err(Rejection::ReadingTooOld);
        }
        if interval > today.plus(ORDER_HORIZON_INTERVALS) {
            return Err(Rejection::TooFarAhead);
        }
        if self.is_past_last_run(interval) {
            return Err(Rejection::AfterFinal);
        }
        check_register(row.last)?;
        check_register(row.start)?;
        if !row.ratio.is_valid() {
            return Err(Rejection::RatioInvalid);
        }
        // The change is tried on a copy of this one meter's rows, and made only if all fits.
        let breaks = self.readings.with_break(&meter, interval, row)?;
        // Nothing below can be refused.
        let participant = self.participant_of(&meter, interval);
        let meter = meter.id;
        self.readings.set_breaks(breaks, meter, interval);
        let fact = Fact::RegisterRestarted {
            meter,
            interval,
            last: row.last,
            start: row.start,
            numerator: row.ratio.numerator,
            denominator: row.ratio.denominator,
        };
        facts.push((participant, fact));
        Ok(())
    }
}

impl Breaks {
    /// One meter's breaks with another one; refused if a later one is there.
    pub(crate) fn of_meter_with(
        &self,
        meter: &Meter,
        interval: DeliveryInterval,
        row: Break,
    ) -> Result<Breaks, Rejection> {
        if self.of(meter.id).next(interval).is_some() {
            return Err(Rejection::LaterBreak);
        }
        let mut breaks = Breaks::default();
        let before = (meter.id, DeliveryInterval(0))..(meter.id, interval);
        for (key, row) in self.rows.range(before) {
            breaks.rows.insert(*key, *row);
        }
        if row.last < breaks.of(meter.id).at(interval).start {
            return Err(Rejection::RegisterRunsBackwards);
        }
        breaks.rows.insert((meter.id, interval), row);
        Ok(breaks)
    }

    /// Takes one break over.
    pub(crate) fn take(&mut self, other: &Breaks, meter: MeterId, interval: DeliveryInterval) {
        self.set(meter, interval, other.of(meter).at(interval));
    }
}
