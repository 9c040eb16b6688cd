//! Moving out and moving in: points that end, and meters that measure another point from an
//! interval on.
//!
//! A point is one participant at one connection and never changes hands. Who moves out ends his
//! point; who moves in gets a point of his own, and the meters that stay on the wall are assigned
//! to it. Both take effect at an interval whose gate is open, so that settlement never splits one.

use crate::registration::{Meter, MeterId, MeterKind, ParticipantId, Point};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::registry::check_metering;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

/// Ends of points and assignments of meters.
#[derive(Debug, Clone)]
pub struct Tenancy {
    /// The first interval that a point takes no part in.
    ends: Table<PointId, DeliveryInterval>,
    /// The point that a meter measures from an interval on.
    meters: Table<(MeterId, DeliveryInterval), PointId>,
}

parts!(Tenancy { ends, meters });

impl Default for Tenancy {
    fn default() -> Tenancy {
        Tenancy {
            ends: Table::new(table_number::POINT_ENDS),
            meters: Table::new(table_number::METER_POINTS),
        }
    }
}

impl Tenancy {
    /// Whether meters are assigned to points that there are.
    pub(crate) fn check(&self, points: &Table<PointId, Point>) -> Result<(), RowError> {
        let table = table_number::METER_POINTS;
        let mut assigned = self.meters.iter();
        let holds = assigned.all(|(_, point)| points.contains(point));
        require(table, holds, "names a point that is not registered")
    }

    /// The first interval that a point takes no part in, if it ends.
    pub fn end(&self, point: PointId) -> Option<DeliveryInterval> {
        self.ends.get(&point).copied()
    }

    /// Whether a point takes no part in an interval any more.
    pub fn has_ended(&self, point: PointId, interval: DeliveryInterval) -> bool {
        self.end(point).is_some_and(|end| interval >= end)
    }

    /// The point that a meter measures in an interval.
    pub fn point_of(&self, meter: &Meter, interval: DeliveryInterval) -> PointId {
        let rows = self
            .meters
            .range((meter.id, DeliveryInterval(0))..=(meter.id, interval));
        rows.into_iter()
            .next_back()
            .map_or(meter.point, |(_, point)| *point)
    }

    /// Whether a meter measures a point in an interval at or after `from`.
    pub(crate) fn measures_from(
        &self,
        meter: &Meter,
        point: PointId,
        from: DeliveryInterval,
    ) -> bool {
        let first = from.max(meter.from);
        self.point_of(meter, first) == point
            || self.later(meter.id, first).any(|later| later == point)
    }

    /// The points that a meter is assigned to after an interval.
    fn later(&self, meter: MeterId, interval: DeliveryInterval) -> impl Iterator<Item = PointId> {
        self.meters
            .range((meter, interval.next())..=(meter, DeliveryInterval(u64::MAX)))
            .map(|(_, point)| *point)
    }
}

/// Whether a point cannot be metered without this meter: its consumption would be nothing.
fn is_indispensable(kind: MeterKind) -> bool {
    matches!(
        kind,
        MeterKind::Load | MeterKind::Import | MeterKind::Export
    )
}

impl State {
    /// Whose point a meter measures in an interval; none at the park's boundary.
    pub(crate) fn participant_of(
        &self,
        meter: &Meter,
        interval: DeliveryInterval,
    ) -> Option<ParticipantId> {
        if self.registry.boundary().get(meter.id).is_some() {
            return None;
        }
        let point = self.registry.tenancy().point_of(meter, interval);
        Some(self.point(point).participant)
    }

    /// A point takes no part from an interval on.
    pub(crate) fn end_point(
        &mut self,
        point: PointId,
        from: DeliveryInterval,
    ) -> Result<(), Rejection> {
        let row = self
            .registry
            .points()
            .get(&point)
            .ok_or(Rejection::UnknownPoint)?;
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if from < row.from {
            return Err(Rejection::PointNotActive);
        }
        if self.registry.tenancy().has_ended(point, from) {
            return Err(Rejection::PointEnded);
        }
        if self.is_committed(row.participant, point, from) {
            return Err(Rejection::PointCommitted);
        }
        self.registry.tenancy_mut().ends.insert(point, from);
        Ok(())
    }

    /// A meter measures another point from an interval on.
    pub(crate) fn assign_meter(
        &mut self,
        meter: MeterId,
        point: PointId,
        from: DeliveryInterval,
    ) -> Result<(), Rejection> {
        let meters = self.registry.meters();
        let meter = meters.get(&meter).ok_or(Rejection::UnknownMeter)?;
        let row = self
            .registry
            .points()
            .get(&point)
            .ok_or(Rejection::UnknownPoint)?;
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let tenancy = self.registry.tenancy();
        if tenancy.has_ended(point, from) {
            return Err(Rejection::PointEnded);
        }
        check_metering(row.metering, meter.kind)?;
        if tenancy.later(meter.id, from).next().is_some() {
            return Err(Rejection::LaterAssignment);
        }
        let is_rival = |other: &Meter| {
            other.id != meter.id
                && other.kind == meter.kind
                && tenancy.measures_from(other, point, from)
        };
        if meters.iter().any(|(_, other)| is_rival(other)) {
            return Err(Rejection::MeterKindTaken);
        }
        let left = tenancy.point_of(meter, from);
        let leaves_it = left != point && is_indispensable(meter.kind);
        if leaves_it && !tenancy.has_ended(left, from) {
            return Err(Rejection::PointNotEnded);
        }
        let key = (meter.id, from);
        self.registry.tenancy_mut().meters.insert(key, point);
        Ok(())
    }
}
