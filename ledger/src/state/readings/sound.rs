//! What sharing out and subtracting registers relies on.

use super::{Readings, check_register};
use crate::limits::GAP_INTERVALS_MAX;
use crate::registration::MeterId;
use crate::state::registers::Break;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, require};
use crate::state::sound::ENERGY_BOUND;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

impl Readings {
    /// Whether registers and breaks are of meters that there are, and no register falls or jumps
    /// beyond all reason from one to the next.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        let is_known = |meter: MeterId| registry.device(meter).is_some();
        let table = table_number::REGISTER_BREAKS;
        for ((meter, _), row) in self.breaks.iter() {
            let row: &Break = row;
            require(
                table,
                is_known(*meter),
                "names a meter that is not registered",
            )?;
            let ends = [row.last, row.start];
            let holds = ends.into_iter().all(|end| check_register(end).is_ok());
            let holds = holds && row.ratio.is_valid();
            require(table, holds, "has a register or a ratio beyond all bounds")?;
        }
        let table = table_number::READINGS;
        let mut before: Option<(MeterId, (DeliveryInterval, WattHours))> = None;
        for ((meter, interval), register) in self.registers.iter() {
            let read = (interval, *register);
            let is_sound = check_register(*register).is_ok();
            require(table, is_sound, "has a register beyond all bounds")?;
            match before.filter(|(of, _)| *of == meter) {
                Some((_, low)) => {
                    let rise = self.breaks.of(meter).rise(low, read);
                    let holds = (0..=i128::from(ENERGY_BOUND) << 8).contains(&rise)
                        && interval.0 - low.0.0 <= GAP_INTERVALS_MAX;
                    require(table, holds, "falls, or lies too far behind the last")?;
                }
                None => require(
                    table,
                    is_known(meter),
                    "names a meter that is not registered",
                )?,
            }
            before = Some((meter, read));
        }
        Ok(())
    }
}
