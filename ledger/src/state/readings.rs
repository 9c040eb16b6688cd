//! Registers, and the energy of an interval as their difference.

mod gap;
mod record;
mod sound;

use crate::derived::Fact;
use crate::keys::PublicKey;
use crate::limits::READING_AGE_INTERVALS_MAX;
use crate::registration::{Meter, MeterId, is_name};
use crate::rejection::Rejection;
use crate::state::groups::{Groups, Place, Walk};
use crate::state::registers::{Break, Breaks, OfMeter, Read};
use crate::state::registry::REGISTER_MAX;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use gap::Gap;
use std::collections::BTreeMap;
use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::substitute;
use wattle_market::units::WattHours;

/// A register may rise this much faster than the meter's rating, in percent: ratings are rounded.
const RATING_MARGIN_PERCENT: i64 = 105;

/// A meter, and the interval at whose end it was read.
type RegisterKey = (MeterId, DeliveryInterval);

/// Registers at the ends of intervals.
#[derive(Debug, Clone)]
pub struct Readings {
    registers: Groups<RegisterKey, WattHours>,
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
        Some(self.breaks.of(meter).rise(low, high))
    }

    /// The latest register of a meter.
    pub fn latest(&self, meter: MeterId) -> Option<(DeliveryInterval, WattHours)> {
        self.before(meter, DeliveryInterval(u64::MAX))
    }

    /// Where registers start anew.
    pub fn breaks(&self) -> &Breaks {
        &self.breaks
    }

    fn before(&self, meter: MeterId, interval: DeliveryInterval) -> Option<Read> {
        before(&self.place(meter, interval))
    }

    fn place(&self, meter: MeterId, interval: DeliveryInterval) -> Registers<'_> {
        self.registers.place((meter, interval))
    }

    /// The energy of an interval where both its registers were read.
    pub fn actual(&self, meter: MeterId, interval: DeliveryInterval) -> Option<WattHours> {
        let (low, high) = ends(&self.place(meter, interval))?;
        Some(rise(self.breaks.of(meter), low, high))
    }

    /// The energy of an interval, by SETTLEMENT.md's rule for substitutes where a register lacks.
    pub fn energy(&self, meter: &Meter, interval: DeliveryInterval) -> Metered {
        self.energy_at(meter, &self.place(meter.id, interval))
    }

    /// The energies of many meters in an interval; cheapest in the order of their ids.
    pub fn energies(&self, interval: DeliveryInterval) -> Energies<'_> {
        Energies {
            readings: self,
            registers: self.registers.walk(),
            interval,
        }
    }

    fn energy_at(&self, meter: &Meter, place: &Registers<'_>) -> Metered {
        if let Some((low, high)) = ends(place) {
            return Metered {
                energy: rise(self.breaks.of(meter.id), low, high),
                actual: true,
            };
        }
        let (_, interval) = place.key();
        let energy = match gap(place) {
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
        self.registers.forget_all_but_latest(day);
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
            breaks.of(meter.id).check(*at, *register)?;
        }
        let steps = rows.windows(2).map(|pair| (pair[0], pair[1]));
        check_steps(breaks.of(meter.id), meter, steps)?;
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

/// Energies of an interval, one meter after the other.
pub struct Energies<'a> {
    readings: &'a Readings,
    registers: Walk<'a, RegisterKey, WattHours>,
    interval: DeliveryInterval,
}

impl Energies<'_> {
    /// What [`Readings::energy`] says of a meter.
    pub fn of(&mut self, meter: &Meter) -> Metered {
        let place = self.registers.place((meter.id, self.interval));
        self.readings.energy_at(meter, &place)
    }
}

/// What was read of a meter at the end of an interval, before it and after it.
type Registers<'a> = Place<'a, RegisterKey, WattHours>;

fn read(((_, interval), register): (RegisterKey, &WattHours)) -> Read {
    (interval, *register)
}

/// The last register before the end of an interval.
fn before(place: &Registers<'_>) -> Option<Read> {
    place.before().map(read)
}

/// The register at the end of an interval.
fn end(place: &Registers<'_>) -> Option<Read> {
    let (_, interval) = place.key();
    place.at().map(|register| (interval, *register))
}

/// The registers at the start of an interval and at its end, where both were read.
fn ends(place: &Registers<'_>) -> Option<(Read, Read)> {
    let end = end(place)?;
    let start = end.0.minus(1);
    // Nothing lies before the first interval of all.
    let low = before(place).or((start == end.0).then_some(end));
    Some((low.filter(|(at, _)| *at == start)?, end))
}

/// The registers before an interval and not before its end, where there are both.
fn gap(place: &Registers<'_>) -> Option<(Read, Read)> {
    let high = end(place).or_else(|| place.after().map(read));
    Some((before(place)?, high?))
}

/// The primary energy between two registers that stand next to each other.
fn rise(breaks: OfMeter<'_>, low: Read, high: Read) -> WattHours {
    let rise = breaks.rise(low, high);
    WattHours(i64::try_from(rise).expect("a rise was checked against the rating"))
}

/// Whether a register fits between its neighbors.
fn check_neighbors(
    breaks: OfMeter<'_>,
    meter: &Meter,
    place: &Registers<'_>,
    register: WattHours,
) -> Result<(), Rejection> {
    let (_, interval) = place.key();
    breaks.check(interval, register)?;
    let this = (interval, register);
    let before = before(place).map(|before| (before, this));
    let after = place.after().map(|after| (this, read(after)));
    check_steps(breaks, meter, before.into_iter().chain(after))
}

/// Whether each step of a register goes forward, and none further than the rating allows.
fn check_steps(
    breaks: OfMeter<'_>,
    meter: &Meter,
    steps: impl Iterator<Item = (Read, Read)>,
) -> Result<(), Rejection> {
    let mut jumps = false;
    for (low, high) in steps {
        jumps |= does_jump(breaks, meter, low, high)?;
    }
    match jumps {
        true => Err(Rejection::RegisterJumps),
        false => Ok(()),
    }
}

/// Whether a register goes further from one interval's end to another's than the meter's rating
/// allows; backward it must not go at all.
fn does_jump(breaks: OfMeter<'_>, meter: &Meter, low: Read, high: Read) -> Result<bool, Rejection> {
    let rise = breaks.rise(low, high);
    if rise < 0 {
        return Err(Rejection::RegisterRunsBackwards);
    }
    let rated = i128::from(energy_per_interval(meter.rated_w).0.max(1));
    // Nearly every step is within the rating of a single interval.
    if rise <= rated {
        return Ok(false);
    }
    let intervals = i128::from(high.0.0 - low.0.0);
    let most = rated * intervals * i128::from(RATING_MARGIN_PERCENT) / 100 + 1;
    Ok(rise > most)
}

impl State {
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
        check_interval_of(&meter, interval, self.clock().time)?;
        if self.is_past_last_run(interval) {
            return Err(Rejection::AfterFinal);
        }
        check_register(register)?;
        let place = self.readings.place(meter.id, interval);
        let before = *place.at().ok_or(Rejection::NothingToCorrect)?;
        if before == register {
            return Ok(());
        }
        let breaks = self.readings.breaks.of(meter.id);
        check_neighbors(breaks, &meter, &place, register)?;
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

/// A reading is of an interval that has ended, at most 40 days ago, since the meter is there.
fn check_interval_of(
    meter: &Meter,
    interval: DeliveryInterval,
    now: Timestamp,
) -> Result<(), Rejection> {
    if interval.0 >= u64::MAX / DeliveryInterval::LENGTH_MS / 2 || interval.end() > now {
        return Err(Rejection::ReadingFromFuture);
    }
    let today = DeliveryInterval::containing(now);
    if interval < meter.from || interval.0 + READING_AGE_INTERVALS_MAX < today.0 {
        return Err(Rejection::ReadingTooOld);
    }
    Ok(())
}

pub(crate) fn check_register(register: WattHours) -> Result<(), Rejection> {
    if !(0..REGISTER_MAX).contains(&register.0) {
        return Err(Rejection::RegisterInvalid);
    }
    Ok(())
}
