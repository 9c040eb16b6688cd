//! Steps 1 and 2: what a point's meters say, and how that stands to its contracts.
//!
//! Plain `i64` arithmetic: the inputs are within bounds, and [`crate::limits`] proves from these
//! that every quantity here is below 2³⁴.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::{MeteredEnergy, PointInput, PointSettlement, Tranches};
use crate::units::{Money, WattHours};

/// Where a point's own generation went (step 1). The parts sum to the generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct GreenSplit {
    /// g1: consumed by the point itself as it was generated.
    pub self_used: WattHours,
    /// g2: put into the point's own storage.
    pub stored: WattHours,
    /// g: left the point.
    pub surplus: WattHours,
    /// Generated and seen nowhere else. Both meter forms place every watt-hour, so this is zero
    /// by arithmetic; it is kept so that the books say so.
    pub lost: WattHours,
}

/// `max(value, 0)`.
fn pos(value: i64) -> i64 {
    value.max(0)
}

/// N and L of step 1.
fn net_and_load(energy: &MeteredEnergy) -> (i64, i64) {
    let behind = energy.generation.0 + energy.discharge.0 - energy.charge.0;
    match energy.connection {
        Some(connection) => {
            let net = connection.export.0 - connection.import.0;
            (net, pos(behind - net))
        }
        None => (behind - energy.load.0, energy.load.0),
    }
}

impl MeteredEnergy {
    /// N of step 1: positive where the point gave more than it took.
    pub fn net(&self) -> WattHours {
        WattHours(net_and_load(self).0)
    }
}

/// The green split of step 1: own load first, then own storage, then the surplus.
fn green_split(generation: i64, load: i64, charge: i64, surplus: i64) -> GreenSplit {
    let self_used = generation.min(load);
    let stored = (generation - self_used).min(charge);
    let left = generation - self_used - stored;
    let green = left.min(surplus);
    GreenSplit {
        self_used: WattHours(self_used),
        stored: WattHours(stored),
        surplus: WattHours(green),
        lost: WattHours(left - green),
    }
}

/// Steps 1 and 2 for one point. What later steps find is zero.
pub(super) fn measure(input: &PointInput) -> PointSettlement {
    let (net, load) = net_and_load(&input.energy);
    let (surplus, need) = (pos(net), pos(-net));
    let green = green_split(
        input.energy.generation.0,
        load,
        input.energy.charge.0,
        surplus,
    );

    let contracted = input.position.sold.0 - input.position.bought.0;
    let delta = net - contracted;
    let physical = delta.clamp(-need, surplus);
    let deviation = delta - physical;
    let tranche_green = pos(green.surplus.0 - pos(contracted));
    assert!(
        tranche_green <= pos(physical),
        "green surplus is part of the surplus"
    );
    let tranches = Tranches {
        green: WattHours(tranche_green),
        other: WattHours(pos(physical) - tranche_green),
        long: WattHours(pos(deviation)),
        need: WattHours(pos(-physical)),
        short: WattHours(pos(-deviation)),
    };
    PointSettlement {
        net: WattHours(net),
        load: WattHours(load),
        surplus: WattHours(surplus),
        need: WattHours(need),
        green,
        contracted: WattHours(contracted),
        delta: WattHours(delta),
        physical: WattHours(physical),
        deviation: WattHours(deviation),
        tranches,
        pool: Tranches::default(),
        unmatched: tranches,
        received: WattHours::ZERO,
        wheeling: Money::ZERO,
        forward_intake: WattHours(need.min(pos(-contracted))),
        pool_intake: WattHours::ZERO,
        actual: input.energy.actual,
        delivered_green: WattHours::ZERO,
        sent: WattHours::ZERO,
        kept: WattHours::ZERO,
        cancelled: WattHours::ZERO,
        credit: Money::ZERO,
        grid_alone: Money::ZERO,
    }
}
