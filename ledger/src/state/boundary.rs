//! The park's boundary: meters at its connections to the utility.
//!
//! What they count is the utility's view of the park. It is compared with the sum of all points
//! when a month closes and is never added to any point. Their registers are signed, corrected,
//! reset and replaced by the same rules as any other meter's.

use crate::keys::PublicKey;
use crate::limits::BOUNDARY_METERS_MAX;
use crate::registration::{BoundaryMeter, Meter, MeterId, MeterKind};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::readings::check_register;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// Meters at the boundary, by id.
#[derive(Debug, Clone)]
pub struct BoundaryMeters {
    rows: Table<MeterId, BoundaryMeter>,
}

parts!(BoundaryMeters { rows });

impl Default for BoundaryMeters {
    fn default() -> BoundaryMeters {
        BoundaryMeters {
            rows: Table::new(table_number::BOUNDARY_METERS),
        }
    }
}

impl BoundaryMeters {
    /// Whether each is what may be registered at the boundary.
    pub(crate) fn check(&self) -> Result<(), RowError> {
        let table = table_number::BOUNDARY_METERS;
        for (id, meter) in self.rows.iter() {
            let holds = meter.id == *id && check_register(meter.register).is_ok();
            require(table, holds, "has another id, or no register")?;
        }
        Ok(())
    }

    /// One of them.
    pub fn get(&self, meter: MeterId) -> Option<&BoundaryMeter> {
        self.rows.get(&meter)
    }

    /// All of them in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &BoundaryMeter> {
        self.rows.iter().map(|(_, meter)| meter)
    }

    /// The meter as the rules on readings see it; they never look at its point.
    pub(crate) fn device(&self, meter: MeterId) -> Option<Meter> {
        self.rows.get(&meter).map(|row| Meter {
            id: row.id,
            point: PointId(0),
            kind: row.kind,
            key: row.key,
            from: row.from,
            register: row.register,
            rated_w: row.rated_w,
        })
    }

    /// Another device took the meter's place.
    pub(crate) fn set_key(&mut self, meter: MeterId, key: PublicKey) {
        if let Some(row) = self.rows.get_mut(&meter) {
            row.key = key;
        }
    }
}

/// What the boundary counted, each as far as all its meters were read at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossed {
    /// Taken from the utility.
    pub(crate) imported: Option<WattHours>,
    /// Given to it.
    pub(crate) exported: Option<WattHours>,
}

impl State {
    /// A new meter at the boundary.
    pub(crate) fn register_boundary_meter(
        &mut self,
        meter: &BoundaryMeter,
        leaf: u64,
    ) -> Result<(), Rejection> {
        if self.registry.device(meter.id).is_some() {
            return Err(Rejection::IdTaken);
        }
        self.registry.check_new_key(&meter.key)?;
        if !self.clock().is_gate_open(meter.from) {
            return Err(Rejection::GateClosed);
        }
        check_register(meter.register)?;
        if meter.rated_w == 0 {
            return Err(Rejection::RatingInvalid);
        }
        if !matches!(meter.kind, MeterKind::Import | MeterKind::Export) {
            return Err(Rejection::BoundaryKind);
        }
        if self.registry.boundary().rows.len() >= BOUNDARY_METERS_MAX {
            return Err(Rejection::TooManyBoundaryMeters);
        }
        // Nothing below can be refused.
        let role = crate::registration::Role::Meter(meter.id);
        self.registry.insert_key(meter.key, role, leaf);
        let rows = &mut self.registry.boundary_mut().rows;
        rows.insert(meter.id, meter.clone());
        let device = self.registry.device(meter.id);
        self.readings
            .start(&device.expect("the meter was just registered"));
        Ok(())
    }

    /// What crossed the boundary from the start of one interval to the end of another. Nothing is
    /// guessed: with a register missing at either end the sum of its kind is not known, and
    /// without any meter neither is.
    pub(crate) fn crossed(&self, range: (DeliveryInterval, DeliveryInterval)) -> Crossed {
        let meters: Vec<&BoundaryMeter> = self.registry.boundary().iter().collect();
        let sum = |kind: MeterKind| {
            if meters.is_empty() {
                return None;
            }
            let mut sum = 0;
            for meter in meters.iter().filter(|meter| meter.kind == kind) {
                sum += self.readings.total(meter.id, range)?;
            }
            i64::try_from(sum).ok().map(WattHours)
        };
        Crossed {
            imported: sum(MeterKind::Import),
            exported: sum(MeterKind::Export),
        }
    }
}
