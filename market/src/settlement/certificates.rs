//! Step 8: certificates follow the green energy that stayed within the park.
//!
//! A point with a substitute among its inputs stands aside at both ends: it gives no certificates,
//! since nobody read what it generated, and none are cancelled against its need, since a claim of
//! green consumption must rest on metered consumption. Its energy and its money are settled all
//! the same. Certificates that find no certified need stay with their producers, and a later run
//! with readings moves them.

use std::collections::BTreeMap;

use super::{CertificateTransfer, PointInput, PointSettlement, Settlement};
use crate::point::{BuildingId, PointId};
use crate::share::share;
use crate::units::WattHours;

/// Assigns certificates and their pairing to a settlement that steps 1 to 5 have filled in.
pub(super) fn assign(points: &BTreeMap<PointId, PointInput>, settlement: &mut Settlement) {
    for settled in settlement
        .points
        .values_mut()
        .filter(|settled| settled.actual)
    {
        settled.delivered_green = WattHours(settled.green.surplus.0 - settled.unmatched.green.0);
    }
    let delivered = quantities(settlement, |settled| settled.delivered_green);
    let forward = quantities(settlement, |settled| settled.forward_intake);
    let pool = quantities(settlement, |settled| settled.pool_intake);
    let moving = sum(&delivered).min(sum(&forward) + sum(&pool));
    // Forward intake comes first: it was bought by name before anyone saw the meters.
    let moving_forward = moving.min(sum(&forward));

    for (point, sent) in share(WattHours(moving), &delivered) {
        settled_mut(settlement, point).sent = sent;
    }
    let parts = [(moving_forward, forward), (moving - moving_forward, pool)];
    for (total, intake) in parts {
        for (point, cancelled) in share(WattHours(total), &intake) {
            settled_mut(settlement, point).cancelled.0 += cancelled.0;
        }
    }
    for settled in settlement
        .points
        .values_mut()
        .filter(|settled| settled.actual)
    {
        settled.kept = WattHours(settled.green.surplus.0 - settled.sent.0);
    }
    settlement.totals.certificates = WattHours(moving);
    settlement.transfers = pair(points, settlement);
}

/// A quantity of the certified points, only above zero, in order of point id.
fn quantities(
    settlement: &Settlement,
    quantity: impl Fn(&PointSettlement) -> WattHours,
) -> Vec<(PointId, WattHours)> {
    let certified = settlement
        .points
        .iter()
        .filter(|(_, settled)| settled.actual);
    certified
        .map(|(point, settled)| (*point, quantity(settled)))
        .filter(|(_, quantity)| quantity.0 > 0)
        .collect()
}

fn sum(quantities: &[(PointId, WattHours)]) -> i64 {
    quantities.iter().map(|(_, quantity)| quantity.0).sum()
}

fn settled_mut(settlement: &mut Settlement, point: PointId) -> &mut PointSettlement {
    settlement
        .points
        .get_mut(&point)
        .expect("only points of the settlement share in it")
}

/// What is still to be paired at one end.
#[derive(Default)]
struct Ends {
    senders: Vec<(PointId, i64)>,
    receivers: Vec<(PointId, i64)>,
}

impl Ends {
    /// Lays the ranges of senders and of receivers side by side, each in the order of the list,
    /// and pairs what lies opposite. Shortens both lists to what is left.
    fn lay(&mut self, transfers: &mut Vec<CertificateTransfer>) {
        let (mut sender, mut receiver) = (0, 0);
        while sender < self.senders.len() && receiver < self.receivers.len() {
            let (from, sending) = &mut self.senders[sender];
            let (to, receiving) = &mut self.receivers[receiver];
            let quantity = (*sending).min(*receiving);
            transfers.push(CertificateTransfer {
                from: *from,
                to: *to,
                quantity: WattHours(quantity),
            });
            *sending -= quantity;
            *receiving -= quantity;
            sender += usize::from(*sending == 0);
            receiver += usize::from(*receiving == 0);
        }
        self.senders.drain(..sender);
        self.receivers.drain(..receiver);
    }
}

/// Pairs senders with receivers: within each building first, then what is left of all buildings.
/// A pair cannot come up twice, since one side of its building is used up by the first pass.
fn pair(
    points: &BTreeMap<PointId, PointInput>,
    settlement: &Settlement,
) -> Vec<CertificateTransfer> {
    let mut buildings: BTreeMap<BuildingId, Ends> = BTreeMap::new();
    for (point, settled) in &settlement.points {
        let ends = buildings.entry(points[point].terms.building).or_default();
        if settled.sent.0 > 0 {
            ends.senders.push((*point, settled.sent.0));
        }
        if settled.cancelled.0 > 0 {
            ends.receivers.push((*point, settled.cancelled.0));
        }
    }
    let mut transfers = Vec::new();
    let mut rest = Ends::default();
    for mut ends in buildings.into_values() {
        ends.lay(&mut transfers);
        rest.senders.append(&mut ends.senders);
        rest.receivers.append(&mut ends.receivers);
    }
    rest.senders.sort();
    rest.receivers.sort();
    rest.lay(&mut transfers);
    assert!(
        rest.senders.is_empty() && rest.receivers.is_empty(),
        "both ends sum to the same"
    );
    transfers.sort_by_key(|transfer| (transfer.from, transfer.to));
    transfers
}
