//! Registers, and the energy of an interval as their difference.

use crate::event::Reading;
use crate::limits::READING_AGE_INTERVALS_MAX;
use crate::registration::{Meter, MeterId};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::registry::REGISTER_MAX;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::trie::Trie;
use wattle_market::exposure::energy_per_interval;
use wattle_market::interval::DeliveryInterval;
use wattle_market::substitute;
use wattle_market::units::WattHours;

/// A register may rise this much faster than the meter's rating, in percent: ratings are rounded.
const RATING_MARGIN_PERCENT: i64 = 105;

/// Registers at the ends of intervals.
#[derive(Debug, Clone)]
pub struct Readings {
    registers: Table<(MeterId, DeliveryInterval), WattHours>,
}

impl Default for Readings {
    fn default() -> Readings {
        Readings {
            registers: Table::new(table_number::READINGS),
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

    /// The latest register of a meter.
    pub fn latest(&self, meter: MeterId) -> Option<(DeliveryInterval, WattHours)> {
        self.before(meter, DeliveryInterval(u64::MAX))
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
            .map(|((_, at), register)| (*at, *register))
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
            .map(|((_, at), register)| (*at, *register))
    }

    /// The energy of an interval where both its registers were read.
    pub fn actual(&self, meter: MeterId, interval: DeliveryInterval) -> Option<WattHours> {
        let end = self.register(meter, interval)?;
        let start = self.register(meter, interval.minus(1))?;
        Some(difference(start, end))
    }

    /// The energy of an interval, by SETTLEMENT.md's rule for substitutes where a register lacks.
    pub fn energy(&self, meter: &Meter, interval: DeliveryInterval) -> Metered {
        if let Some(energy) = self.actual(meter.id, interval) {
            return Metered {
                energy,
                actual: true,
            };
        }
        let start = self.before(meter.id, interval);
        let end = self.from(meter.id, interval);
        let energy = match (start, end) {
            (Some((from, low)), Some((to, high))) => {
                self.share_of_gap(meter.id, (from, to), difference(low, high), interval)
            }
            _ => {
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

    /// The part of a known gap's total that falls to one of its intervals.
    fn share_of_gap(
        &self,
        meter: MeterId,
        (from, to): (DeliveryInterval, DeliveryInterval),
        total: WattHours,
        interval: DeliveryInterval,
    ) -> WattHours {
        let gap: Vec<DeliveryInterval> = (from.0 + 1..=to.0).map(DeliveryInterval).collect();
        let week_earlier: Vec<WattHours> = gap
            .iter()
            .map(|at| {
                let earlier = at.minus(DeliveryInterval::PER_WEEK);
                self.actual(meter, earlier).unwrap_or_default()
            })
            .collect();
        let shares = substitute::known_gap(total, &week_earlier);
        let place = gap.iter().position(|at| *at == interval);
        place.map_or(WattHours::ZERO, |place| shares[place])
    }

    /// Sets the register a meter starts with.
    pub(crate) fn start(&mut self, meter: &Meter) {
        self.registers
            .insert((meter.id, meter.from.minus(1)), meter.register);
    }

    pub(crate) fn commit(&mut self, trie: &mut Trie) {
        self.registers.commit(trie);
    }
}

/// What a register rose by; registers are checked not to fall when they are recorded.
fn difference(start: WattHours, end: WattHours) -> WattHours {
    end.checked_sub(start).expect("registers are below 2^53")
}

/// Whether a register rose more between two readings than the meter's rating allows.
fn is_jump(
    meter: &Meter,
    low: (DeliveryInterval, WattHours),
    high: (DeliveryInterval, WattHours),
) -> bool {
    let rated = i128::from(energy_per_interval(meter.rated_w).0.max(1));
    let intervals = i128::from(high.0.0 - low.0.0);
    let most = rated * intervals * i128::from(RATING_MARGIN_PERCENT) / 100 + 1;
    i128::from(difference(low.1, high.1).0) > most
}

impl State {
    /// Records one register.
    pub(crate) fn record_reading(
        &mut self,
        meter: MeterId,
        reading: &Reading,
    ) -> Result<(), Rejection> {
        let meter = self
            .registry
            .meters()
            .get(&meter)
            .ok_or(Rejection::UnknownMeter)?;
        let interval = reading.interval;
        let now = self.clock().time;
        if interval.0 >= u64::MAX / DeliveryInterval::LENGTH_MS / 2 || interval.end() > now {
            return Err(Rejection::ReadingFromFuture);
        }
        let today = DeliveryInterval::containing(now);
        if interval < meter.from || interval.0 + READING_AGE_INTERVALS_MAX < today.0 {
            return Err(Rejection::ReadingTooOld);
        }
        if !(0..REGISTER_MAX).contains(&reading.register.0) {
            return Err(Rejection::RegisterInvalid);
        }
        if let Some(register) = self.readings.register(meter.id, interval) {
            let same = register == reading.register;
            return if same {
                Ok(())
            } else {
                Err(Rejection::ReadingContradicts)
            };
        }
        let before = self.readings.before(meter.id, interval);
        let after = self.readings.from(meter.id, interval);
        if before.is_some_and(|(_, register)| reading.register < register)
            || after.is_some_and(|(_, register)| reading.register > register)
        {
            return Err(Rejection::RegisterRunsBackwards);
        }
        let this = (interval, reading.register);
        let steps = [
            before.map(|before| (before, this)),
            after.map(|after| (this, after)),
        ];
        if steps
            .into_iter()
            .flatten()
            .any(|(low, high)| is_jump(meter, low, high))
        {
            return Err(Rejection::RegisterJumps);
        }
        // Nothing below can be refused.
        self.readings
            .registers
            .insert((meter.id, interval), reading.register);
        Ok(())
    }
}
