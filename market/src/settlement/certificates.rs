//! Step 8: certificates follow the green energy that stayed within the park.
//!
//! A point with a substitute among its inputs stands aside at both ends: it gives no certificates,
//! since nobody read what it generated, and none are cancelled against its need, since a claim of
//! green consumption must rest on metered consumption. Its energy and its money are settled all
//! the same. Certificates that find no certified need stay with their producers, and a later run
//! with readings moves them.

use super::{CertificateTransfer, PointInput, PointSettlement, Settlement};
use crate::point::{BuildingId, PointId};
use crate::points::Points;
use crate::share::share;
use crate::units::WattHours;

/// Assigns certificates and their pairing to a settlement that steps 1 to 5 have filled in.
pub(super) fn assign(points: &Points<PointInput>, settlement: &mut Settlement) {
    let lines = &mut settlement.points;
    for settled in lines.values_mut().filter(|settled| settled.actual) {
        settled.delivered_green = WattHours(settled.green.surplus.0 - settled.unmatched.green.0);
    }
    let delivered = quantities(lines, |settled| settled.delivered_green);
    let forward = quantities(lines, |settled| settled.forward_intake);
    let pool = quantities(lines, |settled| settled.pool_intake);
    let moving = sum(&delivered).min(sum(&forward) + sum(&pool));
    // Forward intake comes first: it was bought by name before anyone saw the meters.
    let moving_forward = moving.min(sum(&forward));

    for (place, sent) in share(WattHours(moving), &delivered) {
        lines.at_mut(place).sent = sent;
    }
    let parts = [(moving_forward, forward), (moving - moving_forward, pool)];
    for (total, intake) in parts {
        for (place, cancelled) in share(WattHours(total), &intake) {
            lines.at_mut(place).cancelled.0 += cancelled.0;
        }
    }
    for settled in lines.values_mut().filter(|settled| settled.actual) {
        settled.kept = WattHours(settled.green.surplus.0 - settled.sent.0);
    }
    settlement.totals.certificates = WattHours(moving);
    settlement.transfers = pair(points, &settlement.points);
}

/// A quantity of the certified points, only above zero, by the points' places.
fn quantities(
    lines: &Points<PointSettlement>,
    quantity: impl Fn(&PointSettlement) -> WattHours,
) -> Vec<(usize, WattHours)> {
    let certified = lines.values().enumerate().filter(|(_, line)| line.actual);
    certified
        .map(|(place, settled)| (place, quantity(settled)))
        .filter(|(_, quantity)| quantity.0 > 0)
        .collect()
}

fn sum(quantities: &[(usize, WattHours)]) -> i64 {
    quantities.iter().map(|(_, quantity)| quantity.0).sum()
}

/// What of a point's certificates is still to be paired, at one end.
struct End {
    building: BuildingId,
    point: PointId,
    left: i64,
}

/// The ends of one side that move anything, building by building.
fn ends(
    points: &Points<PointInput>,
    lines: &Points<PointSettlement>,
    quantity: impl Fn(&PointSettlement) -> WattHours,
) -> Vec<End> {
    let lines = points.iter().zip(lines.values());
    let end = |((point, input), line): ((&PointId, &PointInput), &PointSettlement)| End {
        building: input.terms.building,
        point: *point,
        left: quantity(line).0,
    };
    let mut ends: Vec<End> = lines.map(end).filter(|end| end.left > 0).collect();
    ends.sort_unstable_by_key(|end| (end.building, end.point));
    ends
}

/// What is left of one side, in the order of the points.
fn rest(mut ends: Vec<End>) -> Vec<End> {
    ends.retain(|end| end.left > 0);
    ends.sort_unstable_by_key(|end| end.point);
    ends
}

/// Pairs as much of two ends as both have.
fn meet(from: &mut End, to: &mut End) -> CertificateTransfer {
    let quantity = from.left.min(to.left);
    from.left -= quantity;
    to.left -= quantity;
    CertificateTransfer {
        from: from.point,
        to: to.point,
        quantity: WattHours(quantity),
    }
}

/// Lays the ranges of senders and of receivers side by side, each in the order of its list, and
/// pairs what lies opposite: only within a building, or without regard to it.
fn lay(
    senders: &mut [End],
    receivers: &mut [End],
    within_buildings: bool,
    transfers: &mut Vec<CertificateTransfer>,
) {
    let (mut senders, mut receivers) = (senders.iter_mut(), receivers.iter_mut());
    let (mut sender, mut receiver) = (senders.next(), receivers.next());
    while let (Some(from), Some(to)) = (&mut sender, &mut receiver) {
        let buildings = (from.building, to.building);
        if within_buildings && buildings.0 != buildings.1 {
            // Whoever's building comes first has nobody left in it.
            match buildings.0 < buildings.1 {
                true => sender = senders.next(),
                false => receiver = receivers.next(),
            }
            continue;
        }
        transfers.push(meet(from, to));
        let is_used_up = (from.left == 0, to.left == 0);
        if is_used_up.0 {
            sender = senders.next();
        }
        if is_used_up.1 {
            receiver = receivers.next();
        }
    }
}

/// Pairs senders with receivers: within each building first, then what is left of all buildings.
/// A pair cannot come up twice, since one side of its building is used up by the first pass.
fn pair(points: &Points<PointInput>, lines: &Points<PointSettlement>) -> Vec<CertificateTransfer> {
    let mut senders = ends(points, lines, |line| line.sent);
    let mut receivers = ends(points, lines, |line| line.cancelled);
    let mut transfers = Vec::with_capacity(senders.len() + receivers.len());
    lay(&mut senders, &mut receivers, true, &mut transfers);
    let (mut senders, mut receivers) = (rest(senders), rest(receivers));
    lay(&mut senders, &mut receivers, false, &mut transfers);
    let mut ends = senders.iter().chain(&receivers);
    assert!(ends.all(|end| end.left == 0), "both ends sum to the same");
    transfers.sort_unstable_by_key(|transfer| (transfer.from, transfer.to));
    transfers
}
