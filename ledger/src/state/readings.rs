//! Registers, and the energy of an interval as their difference.

mod gap;
mod sound;

use crate::derived::Fact;
use crate::event::Reading;
use crate::keys::PublicKey;
use crate::limits::READING_AGE_INTERVALS_MAX;
use crate::registration::{Meter, MeterId, is_name};
use crate::rejection::Rejection;
use crate::state::groups::Groups;
use crate::state::registers::{Break, Breaks};
use crate::state::registry::REGISTER_MAX;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use gap::Gap;
use std::collections::BTreeMap;
use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::DeliveryInterval;
use wattle_market::substitute;
use wattle_market::units::WattHours;

/// A register may rise this much faster than the meter's rating, in percent: ratings are rounded.
const RATING_MARGIN_PERCENT: i64 = 105;

/// Registers at the ends of intervals.
#[derive(Debug, Clone)]
pub struct Readings {
    registers: Groups<(MeterId, DeliveryInterval), WattHours>,
    /// Where registers start anew.
    breaks: Breaks,
    /// What the meter signed where the registrar corrected it, until the interval is final.
    corrected: Table<(DeliveryInterval, MeterId), WattHours>,
    /// The known gap that each meter was last settled in, so that a long one is shared out once
    /// and not anew for each of its intervals; follows from the rows of the meter.
    gaps: BTreeMap<MeterId, Gap>,
    /// The day before which all registers were let go of that can be, so that it is not tried
    /// again with each interval.
    kept_from: u64,
    /// Keys that contradicted themselves, with the two registers.
    frozen: Table<PublicKey, Frozen>,
}

parts!(Readings { registers, breaks, corrected, frozen } beside { gaps, kept_from });

/// Why a meter's key may sign nothing until the registrar lifts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct Frozen {
    /// The meter it signed for.
    pub meter: MeterId,
    /// The interval for which it signed two registers.
    pub interval: DeliveryInterval,
    /// The register that was recorded.
    pub recorded: WattHours,
    /// The other one.
    pub claimed: WattHours,
}

impl Default for Readings {
    fn default() -> Readings {
        Readings {
            registers: Groups::new(table_number::READINGS),
            breaks: Breaks::default(),
            corrected: Table::new(table_number::CORRECTED),
            gaps: BTreeMap::new(),
            kept_from: 0,
            frozen: Table::new(table_number::FROZEN_KEYS),
        }
    }
}

/// The energy of one meter in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// Watt-hours.
    pub energy: WattHours,
    /// Whether both registers were read; otherwise it is a substitute.
    pub actual: bool,
}

impl Readings {
    /// The register at the end of an interval, where it was read.
    pub fn register(&self, meter: MeterId, interval: DeliveryInterval) -> Option<WattHours> {
        self.registers.get(&(meter, interval)).copied()
    }

    /// The energy from the start of one interval to the end of another, where the registers at both
    /// were read, whatever lacks between them.
    pub fn total(
        &self,
        meter: MeterId,
        (first, last): (DeliveryInterval, DeliveryInterval),
    ) -> Option<i128> {
        let before = first.minus(1);
        let low = (before, self.register(meter, before)?);
        let high = (last, self.register(meter, last)?);
        Some(wide_rise(&self.breaks, meter, low, high))
    }

    /// The latest register of a meter.
    pub fn latest(&self, meter: MeterId) -> Option<(DeliveryInterval, WattHours)> {
        self.before(meter, DeliveryInterval(u64::MAX))
    }

    /// Where registers start anew.
    pub fn breaks(&self) -> &Breaks {
        &self.breaks
    }

    fn before(
        &self,
        meter: MeterId,
        interval: DeliveryInterval,
    ) -> Option<(DeliveryInterval, WattHours)> {
        let rows = self
            .registers
            .range((meter, DeliveryInterval(0))..(meter, interval));
        rows.into_iter()
            .next_back()
            .map(|((_, at), register)| (at, *register))
    }

    fn from(
        &self,
        meter: MeterId,
        interval: DeliveryInterval,
    ) -> Option<(DeliveryInterval, WattHours)> {
        let rows = self
            .registers
            .range((meter, interval)..=(meter, DeliveryInterval(u64::MAX)));
        rows.into_iter()
            .next()
            .map(|((_, at), register)| (at, *register))
    }

    /// The energy of an interval where both its registers were read.
    pub fn actual(&self, meter: MeterId, interval: DeliveryInterval) -> Option<WattHours> {
        let (at, earlier) = (interval, interval.minus(1));
        let end = self.register(meter, at)?;
        let start = self.register(meter, earlier)?;
        Some(rise(&self.breaks, meter, (earlier, start), (at, end)))
    }

    /// The energy of an interval, by SETTLEMENT.md's rule for substitutes where a register lacks.
    pub fn energy(&self, meter: &Meter, interval: DeliveryInterval) -> Metered {
        if let Some(energy) = self.actual(meter.id, interval) {
            return Metered {
                energy,
                actual: true,
            };
        }
        let energy = match self.known_gap(meter.id, interval) {
            Some((low, high)) => match self.kept_gap(meter.id, low, high) {
                Some(gap) => gap.share(interval),
                None => self.share_out(meter.id, low, high).share(interval),
            },
            None => {
                let history: Vec<WattHours> = substitute::lookback(interval)
                    .into_iter()
                    .filter_map(|earlier| self.actual(meter.id, earlier))
                    .collect();
                substitute::open_gap(meter.kind, &history, meter.rated_w)
            }
        };
        Metered {
            energy,
            actual: false,
        }
    }

    /// Sets a register; what was shared out of the meter's gaps may no longer hold.
    fn set(&mut self, meter: MeterId, interval: DeliveryInterval, register: WattHours) {
        self.registers.insert((meter, interval), register);
        self.gaps.remove(&meter);
    }

    /// Whether a key contradicted itself and was not released since.
    pub fn is_frozen(&self, key: &PublicKey) -> bool {
        self.frozen.contains(key)
    }

    /// Frozen keys, each with what it signed.
    pub fn frozen(&self) -> impl Iterator<Item = (&PublicKey, &Frozen)> {
        self.frozen.iter()
    }

    /// Releases a key that contradicted itself; whether it was frozen.
    pub(super) fn lift_freeze(&mut self, key: &PublicKey) -> bool {
        self.frozen.remove(key).is_some()
    }

    /// What a meter's own key said of an interval, whatever the registrar made of it.
    fn signed(&self, meter: MeterId, interval: DeliveryInterval) -> Option<WattHours> {
        let corrected = self.corrected.get(&(interval, meter)).copied();
        corrected.or_else(|| self.register(meter, interval))
    }

    /// Takes out what meters signed before an interval's corrections.
    pub(crate) fn forget_corrections(&mut self, interval: DeliveryInterval) {
        let keys = (interval, MeterId(0))..=(interval, MeterId(u32::MAX));
        let keys: Vec<_> = self.corrected.range(keys).map(|(key, _)| *key).collect();
        for key in keys {
            self.corrected.remove(&key);
        }
    }

    /// Lets go of the days before one, save for the latest of each meter.
    pub(crate) fn forget_before(&mut self, day: u64) {
        if day <= self.kept_from {
            return;
        }
        self.kept_from = day;
        let past = self.registers.groups().filter(|(_, at)| *at < day);
        let past: Vec<(MeterId, u64)> = past.copied().collect();
        for pair in past.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.registers.remove_group(&pair[0]);
            }
        }
    }

    /// Whether a register fits between its neighbors.
    fn check_neighbors(
        &self,
        meter: &Meter,
        interval: DeliveryInterval,
        register: WattHours,
    ) -> Result<(), Rejection> {
        self.breaks.check(meter.id, interval, register)?;
        let this = (interval, register);
        let before = self.before(meter.id, interval).map(|before| (before, this));
        let after = self.from(meter.id, interval.next());
        let after = after.map(|after| (this, after));
        let steps: Vec<_> = before.into_iter().chain(after).collect();
        check_steps(&self.breaks, meter, &steps)
    }

    /// The breaks of one meter with another one, if its registers fit them.
    pub(crate) fn with_break(
        &self,
        meter: &Meter,
        interval: DeliveryInterval,
        row: Break,
    ) -> Result<Breaks, Rejection> {
        let breaks = self.breaks.of_meter_with(meter, interval, row)?;
        let rows = self
            .registers
            .range((meter.id, interval)..=(meter.id, DeliveryInterval(u64::MAX)));
        let later = rows.map(|((_, at), register)| (at, *register));
        let rows: Vec<_> = self
            .before(meter.id, interval)
            .into_iter()
            .chain(later)
            .collect();
        for (at, register) in &rows {
            breaks.check(meter.id, *at, *register)?;
        }
        let steps: Vec<_> = rows.windows(2).map(|pair| (pair[0], pair[1])).collect();
        check_steps(&breaks, meter, &steps)?;
        Ok(breaks)
    }

    /// Takes a break over that was tried before.
    pub(crate) fn set_breaks(&mut self, tried: Breaks, meter: MeterId, at: DeliveryInterval) {
        self.breaks.take(&tried, meter, at);
        self.gaps.remove(&meter);
    }

    /// Sets the register a meter starts with.
    pub(crate) fn start(&mut self, meter: &Meter) {
        self.set(meter.id, meter.from.minus(1), meter.register);
    }
}

/// An interval, and the register at its end.
type Read = (DeliveryInterval, WattHours);

/// The primary energy between two registers, in 128 bits.
fn wide_rise(breaks: &Breaks, meter: MeterId, low: Read, high: Read) -> i128 {
    breaks.cumulative(meter, high.0, high.1) - breaks.cumulative(meter, low.0, low.1)
}

/// The primary energy between two registers that stand next to each other.
fn rise(breaks: &Breaks, meter: MeterId, low: Read, high: Read) -> WattHours {
    let rise = wide_rise(breaks, meter, low, high);
    WattHours(i64::try_from(rise).expect("a rise was checked against the rating"))
}

/// Whether each step of a register goes forward, and no further than the meter's rating allows.
fn check_steps(breaks: &Breaks, meter: &Meter, steps: &[(Read, Read)]) -> Result<(), Rejection> {
    let rises: Vec<i128> = steps
        .iter()
        .map(|(low, high)| wide_rise(breaks, meter.id, *low, *high))
        .collect();
    if rises.iter().any(|rise| *rise < 0) {
        return Err(Rejection::RegisterRunsBackwards);
    }
    let rated = i128::from(energy_per_interval(meter.rated_w).0.max(1));
    let most = |(low, high): &(Read, Read)| {
        let intervals = i128::from(high.0.0 - low.0.0);
        rated * intervals * i128::from(RATING_MARGIN_PERCENT) / 100 + 1
    };
    if steps
        .iter()
        .map(most)
        .zip(rises)
        .any(|(most, rise)| rise > most)
    {
        return Err(Rejection::RegisterJumps);
    }
    Ok(())
}

impl State {
    /// Records one register that a meter's key signed.
    pub(crate) fn record_reading(
        &mut self,
        meter: MeterId,
        author: &PublicKey,
        reading: &Reading,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        if self.is_frozen(author) {
            return Err(Rejection::KeyFrozen);
        }
        let meter = self.registry.device(meter).ok_or(Rejection::UnknownMeter)?;
        let interval = reading.interval;
        self.check_interval_of(&meter, interval)?;
        if self.runs.covers(interval) && self.is_past_last_run(interval) {
            return Err(Rejection::AfterFinal);
        }
        check_register(reading.register)?;
        if let Some(signed) = self.readings.signed(meter.id, interval) {
            if signed == reading.register {
                return Ok(());
            }
            if self.runs.covers(interval) {
                let meter = meter.id;
                self.freeze(meter, *author, reading, signed, facts);
            }
            return Err(Rejection::ReadingContradicts);
        }
        self.readings
            .check_neighbors(&meter, interval, reading.register)?;
        // Nothing below can be refused.
        let meter = meter.id;
        self.readings.set(meter, interval, reading.register);
        Ok(())
    }

    /// A reading is of an interval that has ended, at most 40 days ago, since the meter is there.
    fn check_interval_of(
        &self,
        meter: &Meter,
        interval: DeliveryInterval,
    ) -> Result<(), Rejection> {
        let now = self.clock().time;
        if interval.0 >= u64::MAX / DeliveryInterval::LENGTH_MS / 2 || interval.end() > now {
            return Err(Rejection::ReadingFromFuture);
        }
        let today = DeliveryInterval::containing(now);
        if interval < meter.from || interval.0 + READING_AGE_INTERVALS_MAX < today.0 {
            return Err(Rejection::ReadingTooOld);
        }
        Ok(())
    }

    /// Freezes a key that signed two registers for one interval: one of them is false, and nobody
    /// but the registrar can find out which.
    fn freeze(
        &mut self,
        meter: MeterId,
        key: PublicKey,
        reading: &Reading,
        recorded: WattHours,
        facts: &mut Facts,
    ) {
        let (interval, claimed) = (reading.interval, reading.register);
        let frozen = Frozen {
            meter,
            interval,
            recorded,
            claimed,
        };
        self.readings.frozen.insert(key, frozen);
        let fact = Fact::KeyFrozen {
            meter,
            key,
            interval,
            recorded,
            claimed,
        };
        facts.push((None, fact));
    }

    /// Replaces a recorded register before the last run of its interval.
    pub(crate) fn correct_reading(
        &mut self,
        (meter, interval): (MeterId, DeliveryInterval),
        register: WattHours,
        reason: &str,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let meter = self.registry.device(meter).ok_or(Rejection::UnknownMeter)?;
        if !is_name(reason) {
            return Err(Rejection::BadName);
        }
        self.check_interval_of(&meter, interval)?;
        if self.is_past_last_run(interval) {
            return Err(Rejection::AfterFinal);
        }
        check_register(register)?;
        let before = self
            .readings
            .register(meter.id, interval)
            .ok_or(Rejection::NothingToCorrect)?;
        if before == register {
            return Ok(());
        }
        self.readings.check_neighbors(&meter, interval, register)?;
        // Nothing below can be refused.
        let participant = self.participant_of(&meter, interval);
        let meter = meter.id;
        if !self.readings.corrected.contains(&(interval, meter)) {
            self.readings.corrected.insert((interval, meter), before);
        }
        self.readings.set(meter, interval, register);
        let fact = Fact::ReadingCorrected {
            meter,
            interval,
            before,
            after: register,
        };
        facts.push((participant, fact));
        Ok(())
    }
}

pub(crate) fn check_register(register: WattHours) -> Result<(), Rejection> {
    if !(0..REGISTER_MAX).contains(&register.0) {
        return Err(Rejection::RegisterInvalid);
    }
    Ok(())
}
