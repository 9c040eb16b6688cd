//! Known gaps: both registers are there and what lies between is shared out.

use super::{Read, Readings, ends, gap, rise};
use crate::registration::MeterId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::substitute;
use wattle_market::units::WattHours;

/// A known gap, and what falls to each of its intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// The last interval before the gap.
    from: DeliveryInterval,
    /// Its last interval.
    to: DeliveryInterval,
    shares: Vec<WattHours>,
}

impl Gap {
    pub(super) fn share(&self, interval: DeliveryInterval) -> WattHours {
        let place = interval.0.checked_sub(self.from.0 + 1);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let share = place.and_then(|place| self.shares.get(place));
        share.copied().unwrap_or_default()
    }
}

impl Readings {
    pub(super) fn kept_gap(&self, meter: MeterId, low: Read, high: Read) -> Option<&Gap> {
        let gap = self.gaps.get(&meter)?;
        ((gap.from, gap.to) == (low.0, high.0)).then_some(gap)
    }

    /// Shares the gap around an interval out, where there is one, for the intervals that follow.
    pub(crate) fn keep_gap(&mut self, meter: MeterId, interval: DeliveryInterval) {
        let place = self.place(meter, interval);
        if ends(&place).is_some() {
            return;
        }
        if let Some((low, high)) = gap(&place)
            && self.kept_gap(meter, low, high).is_none()
        {
            let gap = self.share_out(meter, low, high);
            self.gaps.insert(meter, gap);
        }
    }

    /// A known gap with its total shared out over it.
    pub(super) fn share_out(&self, meter: MeterId, low: Read, high: Read) -> Gap {
        let (from, to) = (low.0, high.0);
        let total = rise(self.breaks.of(meter), low, high);
        let week_earlier: Vec<WattHours> = (from.0 + 1..=to.0)
            .map(|at| {
                let earlier = DeliveryInterval(at).minus(DeliveryInterval::PER_WEEK);
                self.actual(meter, earlier).unwrap_or_default()
            })
            .collect();
        let shares = substitute::known_gap(total, &week_earlier);
        Gap { from, to, shares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;
    use crate::registration::Meter;
    use crate::state::readings::Metered;
    use wattle_market::substitute::Register;

    fn meter() -> Meter {
        Meter {
            id: MeterId(1),
            point: wattle_market::point::PointId(1),
            kind: Register::Load,
            key: SigningKey::from_seed(&[1; 32]).public(),
            from: DeliveryInterval(1),
            register: WattHours(0),
            rated_w: 100_000,
        }
    }

    /// Energies of a gap of ten intervals, each asked for anew or after the gap was kept.
    fn energies(readings: &mut Readings, keep: bool) -> Vec<Metered> {
        let energy = |at| {
            if keep {
                readings.keep_gap(MeterId(1), DeliveryInterval(at));
            }
            readings.energy(&meter(), DeliveryInterval(at))
        };
        (1_000..1_010).map(energy).collect()
    }

    #[test]
    fn a_kept_gap_gives_what_sharing_out_gives_whatever_is_read_later() {
        let mut readings = Readings::default();
        readings.start(&meter());
        let week = DeliveryInterval::PER_WEEK;
        readings.set(MeterId(1), DeliveryInterval(999), WattHours(10_000));
        readings.set(MeterId(1), DeliveryInterval(1_009), WattHours(10_107));
        for (at, register) in [
            (1_002 - week, 100),
            (1_003 - week, 130),
            (1_004 - week, 131),
            (1_006, 10_055),
        ] {
            let before = energies(&mut readings.clone(), false);
            assert_eq!(energies(&mut readings, true), before);
            readings.set(MeterId(1), DeliveryInterval(at), WattHours(register));
            let after = energies(&mut readings.clone(), false);
            assert_eq!(energies(&mut readings, true), after);
        }
        let total: i64 = energies(&mut readings, true)
            .iter()
            .map(|one| one.energy.0)
            .sum();
        assert_eq!(total, 107);
        let even: Vec<i64> = energies(&mut readings, true)[7..]
            .iter()
            .map(|one| one.energy.0)
            .collect();
        assert_eq!(even, [18, 17, 17], "nothing is known of a week earlier");
    }
}
