//! A meter's energy of the interval, with the registers or the substitute's rule behind it
//! (RULES.md, section 7).

use crate::registration::{Meter, MeterId, MeterKind};
use crate::verify::explain::gather::Gathered;
use crate::verify::explain::{Basis, ExplainError, MeterUsed, RegisterRead, Restart};
use wattle_market::interval::DeliveryInterval;
use wattle_market::settlement::{ConnectionEnergy, MeteredEnergy};
use wattle_market::substitute;
use wattle_market::units::WattHours;

/// Longer gaps (29 years) are in no log that keeps the rules, and would be held in memory.
const GAP_INTERVALS_MAX: u64 = 1_000_000;

/// The point's energy and what of it comes from which meter, in order of the meters' ids.
pub(super) fn metered(
    gathered: &Gathered,
) -> Result<(MeteredEnergy, Vec<MeterUsed>), ExplainError> {
    let mut meters: Vec<&(u64, Meter)> = gathered
        .meters
        .iter()
        .filter(|(_, meter)| meter.from <= gathered.interval)
        .collect();
    meters.sort_by_key(|(_, meter)| meter.id);
    let mut energy = MeteredEnergy {
        actual: true,
        ..MeteredEnergy::default()
    };
    let mut used = Vec::new();
    for (registered, meter) in meters {
        let (of_meter, basis) =
            of_meter(gathered, meter).ok_or(ExplainError::OutOfRange(gathered.of))?;
        let restarts = restarts(gathered, meter.id, &basis);
        energy.actual &= matches!(basis, Basis::Readings { .. });
        match meter.kind {
            MeterKind::Generation => energy.generation = of_meter,
            MeterKind::Load => energy.load = of_meter,
            MeterKind::Charge => energy.charge = of_meter,
            MeterKind::Discharge => energy.discharge = of_meter,
            MeterKind::Import => connection(&mut energy).import = of_meter,
            MeterKind::Export => connection(&mut energy).export = of_meter,
        }
        used.push(MeterUsed {
            meter: meter.id,
            kind: meter.kind,
            registered: *registered,
            energy: of_meter,
            ratio: gathered.breaks.of(meter.id).at(gathered.interval).ratio,
            restarts,
            basis,
        });
    }
    Ok((energy, used))
}

fn connection(energy: &mut MeteredEnergy) -> &mut ConnectionEnergy {
    energy
        .connection
        .get_or_insert_with(ConnectionEnergy::default)
}

/// Where the register started anew between the two that the energy follows from.
fn restarts(gathered: &Gathered, meter: MeterId, basis: &Basis) -> Vec<Restart> {
    let (Basis::Readings { before, after } | Basis::KnownGap { before, after, .. }) = basis else {
        return Vec::new();
    };
    let between = (meter, before.interval.next())..=(meter, after.interval);
    let restarts = gathered.restarts.range(between);
    restarts.map(|(_, restart)| *restart).collect()
}

/// None where registers run backwards, which no verified export has.
fn of_meter(gathered: &Gathered, meter: &Meter) -> Option<(WattHours, Basis)> {
    let interval = gathered.interval;
    let after = gathered.register(meter.id, interval);
    let before = gathered.register(meter.id, interval.minus(1));
    if let (Some(before), Some(after)) = (before, after) {
        let energy = gathered.rise(meter.id, &before, &after)?;
        return Some((energy, Basis::Readings { before, after }));
    }
    let lowest = (meter.id, DeliveryInterval(0));
    let highest = (meter.id, DeliveryInterval(u64::MAX));
    let mut earlier = gathered.registers.range(lowest..(meter.id, interval));
    let mut later = gathered.registers.range((meter.id, interval)..=highest);
    match (earlier.next_back(), later.next()) {
        (Some((_, before)), Some((_, after))) => known_gap(gathered, meter, *before, *after),
        _ => Some(open_gap(gathered, meter)),
    }
}

fn known_gap(
    gathered: &Gathered,
    meter: &Meter,
    before: RegisterRead,
    after: RegisterRead,
) -> Option<(WattHours, Basis)> {
    let total = gathered.rise(meter.id, &before, &after)?;
    let gap = before.interval.0 + 1..=after.interval.0;
    if after.interval.0 - before.interval.0 > GAP_INTERVALS_MAX {
        return None;
    }
    let week_earlier: Vec<WattHours> = gap
        .clone()
        .map(|at| {
            let earlier = DeliveryInterval(at).minus(DeliveryInterval::PER_WEEK);
            gathered.actual(meter.id, earlier).unwrap_or_default()
        })
        .collect();
    let place = usize::try_from(gathered.interval.0 - *gap.start()).ok()?;
    let energy = *substitute::known_gap(total, &week_earlier).get(place)?;
    let sum: i64 = week_earlier
        .iter()
        .try_fold(0i64, |sum, energy| sum.checked_add(energy.0))?;
    let intervals = u64::try_from(week_earlier.len()).ok()?;
    let (weight, weights) = if sum == 0 {
        (WattHours(1), WattHours(i64::try_from(intervals).ok()?))
    } else {
        (*week_earlier.get(place)?, WattHours(sum))
    };
    let basis = Basis::KnownGap {
        before,
        after,
        total,
        intervals,
        weight,
        weights,
    };
    Some((energy, basis))
}

fn open_gap(gathered: &Gathered, meter: &Meter) -> (WattHours, Basis) {
    let lookback = substitute::lookback(gathered.interval);
    let history: Vec<(DeliveryInterval, WattHours)> = lookback
        .into_iter()
        .filter_map(|at| Some((at, gathered.actual(meter.id, at)?)))
        .collect();
    let energies: Vec<WattHours> = history.iter().map(|(_, energy)| *energy).collect();
    let energy = substitute::open_gap(meter.kind, &energies, meter.rated_w);
    let of = history.iter().find(|(_, most)| *most == energy);
    let basis = match of {
        _ if meter.kind.is_credit() => Basis::OpenGapNothing,
        Some((of, _)) => Basis::OpenGapMost { of: *of },
        None => Basis::OpenGapRating {
            rated_w: meter.rated_w,
        },
    };
    (energy, basis)
}
