//! The registers of a list that a meter's key signed.

use super::{
    Frozen, Gap, Readings, RegisterKey, check_interval_of, check_neighbors, check_register,
};
use crate::derived::Fact;
use crate::event::Reading;
use crate::keys::PublicKey;
use crate::registration::{Meter, MeterId};
use crate::rejection::Rejection;
use crate::state::groups::Owned;
use crate::state::registers::OfMeter;
use crate::state::runs::Runs;
use crate::state::table::Table;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::units::WattHours;

/// Takes down what a meter's key signed. What is the same for all items of a list is looked up
/// once.
pub(crate) struct Recorder<'a> {
    /// None: nobody registered it.
    meter: Option<Meter>,
    key: PublicKey,
    is_frozen: bool,
    now: Timestamp,
    utc_offset_minutes: i16,
    runs: &'a Runs,
    registers: Owned<'a, RegisterKey, WattHours>,
    breaks: OfMeter<'a>,
    corrected: &'a Table<(DeliveryInterval, MeterId), WattHours>,
    gaps: &'a mut BTreeMap<MeterId, Gap>,
    frozen: &'a mut Table<PublicKey, Frozen>,
}

impl State {
    /// Does something with what takes down the registers that a meter's key signed.
    pub(crate) fn with_recorder<T>(
        &mut self,
        meter: MeterId,
        key: &PublicKey,
        act: impl FnOnce(Recorder<'_>) -> T,
    ) -> T {
        let (now, is_frozen) = (self.clock().time, self.is_frozen(key));
        let State {
            registry,
            runs,
            readings,
            ..
        } = self;
        let Readings {
            registers,
            breaks,
            corrected,
            gaps,
            frozen,
            ..
        } = readings;
        registers.with_owner(meter, |registers| {
            act(Recorder {
                meter: registry.device(meter),
                key: *key,
                is_frozen,
                now,
                utc_offset_minutes: registry.utc_offset_minutes(),
                runs,
                registers,
                breaks: breaks.of(meter),
                corrected,
                gaps,
                frozen,
            })
        })
    }
}

impl Recorder<'_> {
    /// Records one register.
    pub(crate) fn record(&mut self, reading: &Reading, facts: &mut Facts) -> Result<(), Rejection> {
        if self.is_frozen {
            return Err(Rejection::KeyFrozen);
        }
        let meter = self.meter.as_ref().ok_or(Rejection::UnknownMeter)?;
        let (interval, register) = (reading.interval, reading.register);
        check_interval_of(meter, interval, self.now)?;
        let has_final_run = self.runs.covers(interval);
        if has_final_run && self.now >= interval.final_run_due(self.utc_offset_minutes) {
            return Err(Rejection::AfterFinal);
        }
        check_register(register)?;
        let id = meter.id;
        let place = self.registers.place((id, interval));
        // What the key said itself, whatever the registrar made of it.
        let corrected = self.corrected.get(&(interval, id)).copied();
        if let Some(signed) = corrected.or(place.at().copied()) {
            if signed == register {
                return Ok(());
            }
            if has_final_run {
                self.freeze(id, reading, signed, facts);
            }
            return Err(Rejection::ReadingContradicts);
        }
        check_neighbors(self.breaks, meter, &place, register)?;
        // Nothing below can be refused.
        self.registers.insert((id, interval), register);
        // What was shared out of the meter's gaps may no longer hold.
        self.gaps.remove(&id);
        Ok(())
    }

    /// Freezes a key that signed two registers for one interval: one of them is false, and nobody
    /// but the registrar can find out which.
    fn freeze(
        &mut self,
        meter: MeterId,
        reading: &Reading,
        recorded: WattHours,
        facts: &mut Facts,
    ) {
        let (key, interval, claimed) = (self.key, reading.interval, reading.register);
        let frozen = Frozen {
            meter,
            interval,
            recorded,
            claimed,
        };
        self.frozen.insert(key, frozen);
        self.is_frozen = true;
        let fact = Fact::KeyFrozen {
            meter,
            key,
            interval,
            recorded,
            claimed,
        };
        facts.push((None, fact));
    }
}
