//! What a run of an interval is computed from.

use crate::registration::{Meter, MeterKind};
use crate::state::State;
use crate::state::readings::Energies;
use crate::state::settlement::in_step;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{ConnectionEnergy, MeteredEnergy, PointInput};
use wattle_market::units::WattHours;

/// The meters of an interval's points: by point, and of a point by id.
struct Meters<'a> {
    rows: Vec<(PointId, &'a Meter)>,
    /// How many are given.
    given: usize,
}

impl<'a> Meters<'a> {
    fn of(state: &'a State, interval: DeliveryInterval) -> Meters<'a> {
        let (meters, tenancy) = (state.registry.meters(), state.registry.tenancy());
        let meters = meters.iter().map(|(_, meter)| meter);
        let meters = meters.filter(|meter| meter.from <= interval);
        let mut rows: Vec<(PointId, &Meter)> = meters
            .map(|meter| (tenancy.point_of(meter, interval), meter))
            .collect();
        rows.sort_by_key(|(point, _)| *point);
        Meters { rows, given: 0 }
    }

    /// The meters of a point; points are asked for in their order.
    fn next_of(&mut self, point: PointId) -> &[(PointId, &'a Meter)] {
        let left = &self.rows[self.given..];
        let before = left.iter().take_while(|(at, _)| *at < point).count();
        let its = left[before..].iter().take_while(|(at, _)| *at == point);
        let first = self.given + before;
        self.given = first + its.count();
        &self.rows[first..self.given]
    }
}

impl State {
    /// What a run of an interval is computed from at this moment, and of which meters it has
    /// substitutes.
    pub(crate) fn settlement_inputs(
        &self,
        interval: DeliveryInterval,
    ) -> (Points<PointInput>, Points<Vec<MeterKind>>) {
        let mut meters = Meters::of(self, interval);
        // An earlier run has taken the positions out and kept them.
        let mut settled = self.runs.of_interval(interval).peekable();
        let mut traded = self.orders.positions_of(interval).peekable();
        let mut energies = self.readings.energies(interval);
        let mut inputs = Points::new();
        let mut substituted = Points::new();
        for (point, terms) in self.pins.of_interval(interval) {
            let settled = in_step(&mut settled, point).map(|settled| settled.position);
            let traded = in_step(&mut traded, point).map(|position| position.forward);
            let mut lacking = Vec::new();
            let input = PointInput {
                terms: *terms,
                position: settled.or(traded).unwrap_or_default(),
                energy: metered(meters.next_of(point), &mut energies, &mut lacking),
            };
            inputs.insert(point, input);
            if !lacking.is_empty() {
                substituted.insert(point, lacking);
            }
        }
        (inputs, substituted)
    }
}

/// What a point's meters say; notes which of it are substitutes.
fn metered(
    meters: &[(PointId, &Meter)],
    energies: &mut Energies<'_>,
    substituted: &mut Vec<MeterKind>,
) -> MeteredEnergy {
    let mut energy = MeteredEnergy {
        actual: true,
        ..MeteredEnergy::default()
    };
    for (_, meter) in meters {
        let metered = energies.of(meter);
        if !metered.actual {
            energy.actual = false;
            substituted.push(meter.kind);
        }
        *register_of(&mut energy, meter.kind) = metered.energy;
    }
    energy
}

/// Where a meter's energy goes; a connection meter makes room for itself.
fn register_of(energy: &mut MeteredEnergy, kind: MeterKind) -> &mut WattHours {
    match kind {
        MeterKind::Generation => &mut energy.generation,
        MeterKind::Load => &mut energy.load,
        MeterKind::Charge => &mut energy.charge,
        MeterKind::Discharge => &mut energy.discharge,
        MeterKind::Import => {
            &mut energy
                .connection
                .get_or_insert_with(ConnectionEnergy::default)
                .import
        }
        MeterKind::Export => {
            &mut energy
                .connection
                .get_or_insert_with(ConnectionEnergy::default)
                .export
        }
    }
}
