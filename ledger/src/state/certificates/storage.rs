//! Storage that keeps the origin of what it gives back, and the policy that says so.

use crate::certificate::{CertificateFact, CertificateId, CertificatePolicy};
use crate::derived::Fact;
use crate::limits::{CERTIFICATE_POLICIES_MAX, LOT_AGE_INTERVALS_MAX};
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{MeteredEnergy, PointSettlement};
use wattle_market::storage::{LOTS_DRAWN_MAX, Lot, YIELD_WHOLE, draw};
use wattle_market::units::WattHours;

/// Policies by their first interval, and each point's lots by the interval of their charge.
#[derive(Debug, Clone)]
pub struct Storage {
    policies: Table<DeliveryInterval, CertificatePolicy>,
    lots: Table<(PointId, DeliveryInterval), Lot>,
}

parts!(Storage { policies, lots });

impl Default for Storage {
    fn default() -> Storage {
        Storage {
            policies: Table::new(table_number::CERTIFICATE_POLICIES),
            lots: Table::new(table_number::STORAGE_LOTS),
        }
    }
}

impl Storage {
    /// The policy of an interval.
    pub fn policy(&self, interval: DeliveryInterval) -> CertificatePolicy {
        let row = self.policies.range(..=interval).next_back();
        row.map_or(CertificatePolicy::Cn, |(_, policy)| *policy)
    }

    /// A point's lots, oldest first.
    pub fn lots(&self, point: PointId) -> impl Iterator<Item = (DeliveryInterval, Lot)> {
        let all = (point, DeliveryInterval(0))..=(point, DeliveryInterval(u64::MAX));
        let rows = self.lots.range(all);
        rows.map(|((_, origin), lot)| (*origin, *lot))
    }

    /// All policies that are kept.
    pub(super) fn all_policies(
        &self,
    ) -> impl Iterator<Item = (&DeliveryInterval, &CertificatePolicy)> {
        self.policies.iter()
    }

    /// The lots of all points.
    pub fn all_lots(&self) -> impl Iterator<Item = (&(PointId, DeliveryInterval), &Lot)> {
        self.lots.iter()
    }

    /// Drops policies that a later one has replaced by `next`.
    pub(super) fn forget_before(&mut self, next: DeliveryInterval) {
        let begun = self.policies.range(..=next).map(|(from, _)| *from);
        let mut begun: Vec<DeliveryInterval> = begun.collect();
        // The last one is in force.
        begun.pop();
        for from in begun {
            self.policies.remove(&from);
        }
    }

    fn set_lot(&mut self, point: PointId, origin: DeliveryInterval, lot: Lot) {
        if lot.is_empty() {
            self.lots.remove(&(point, origin));
        } else {
            self.lots.insert((point, origin), lot);
        }
    }
}

/// One point's meters in an interval that becomes final.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered<'a> {
    pub(super) interval: DeliveryInterval,
    pub(super) point: PointId,
    pub(super) holder: ParticipantId,
    pub(super) energy: &'a MeteredEnergy,
    pub(super) line: &'a PointSettlement,
}

impl Metered<'_> {
    /// Own use that own generation did not cover at once.
    pub(super) fn uncovered(&self) -> i64 {
        self.line.load.0 - self.line.green.self_used.0
    }
}

impl State {
    /// Sets the policy from an interval on, whose gate must still be open.
    pub(crate) fn set_certificate_policy(
        &mut self,
        from: DeliveryInterval,
        policy: CertificatePolicy,
    ) -> Result<(), Rejection> {
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if !self.certificates.holdings.covers(from) {
            return Err(Rejection::CertificatesInactive);
        }
        let policies = &mut self.certificates.storage.policies;
        let is_bad = match policy {
            CertificatePolicy::Cn => false,
            CertificatePolicy::EnergyTag { yield_bp } => !(1..=YIELD_WHOLE).contains(&yield_bp),
        };
        let full = policies.len() >= CERTIFICATE_POLICIES_MAX && !policies.contains(&from);
        if is_bad || full {
            return Err(Rejection::CertificatePolicyInvalid);
        }
        policies.insert(from, policy);
        Ok(())
    }

    /// What a point's storage did in an interval: the old ends, discharge draws on earlier
    /// intervals' lots, charge becomes a lot.
    pub(super) fn run_storage(&mut self, metered: &Metered<'_>, facts: &mut Facts) {
        let Metered {
            interval,
            point,
            holder,
            ..
        } = *metered;
        let oldest = interval.minus(LOT_AGE_INTERVALS_MAX);
        let lots = self.certificates.storage.lots(point);
        let aged: Vec<_> = lots
            .take_while(|(origin, _)| *origin < oldest)
            .take(LOTS_DRAWN_MAX)
            .collect();
        for (origin, lot) in aged {
            self.lose_lot(point, origin, lot, facts);
        }
        let policy = self.certificates.storage.policy(interval);
        self.discharge(metered, policy, facts);
        let CertificatePolicy::EnergyTag { .. } = policy else {
            return;
        };
        let green = metered.line.certified().stored;
        let grey = WattHours(metered.energy.charge.0 - green.0);
        let storage = &mut self.certificates.storage;
        storage.set_lot(point, interval, Lot { green, grey });
        if green.0 > 0 {
            let charged = CertificateFact::StorageCharged {
                interval,
                point,
                green,
                grey,
            };
            facts.push((Some(holder), Fact::Certificate(charged)));
        }
    }

    fn discharge(&mut self, metered: &Metered<'_>, policy: CertificatePolicy, facts: &mut Facts) {
        let Metered {
            interval,
            point,
            holder,
            energy,
            line,
        } = *metered;
        let (yield_bp, is_certified) = match policy {
            CertificatePolicy::EnergyTag { yield_bp } => (yield_bp, line.actual),
            CertificatePolicy::Cn => (YIELD_WHOLE, false),
        };
        let storage = &mut self.certificates.storage;
        let lots: Vec<_> = storage.lots(point).take(LOTS_DRAWN_MAX).collect();
        let mut own = metered.uncovered().min(energy.discharge.0);
        for (part, (origin, lot)) in draw(lots.iter().copied(), energy.discharge, yield_bp)
            .into_iter()
            .zip(&lots)
        {
            let storage = &mut self.certificates.storage;
            let left = Lot {
                green: WattHours(lot.green.0 - part.taken.green.0),
                grey: WattHours(lot.grey.0 - part.taken.grey.0),
            };
            storage.set_lot(point, *origin, left);
            if part.taken.green.0 == 0 {
                continue;
            }
            let given = if is_certified { part.given.0 } else { 0 };
            let covered = given.min(own);
            own -= covered;
            let certificate = CertificateId {
                origin: *origin,
                point,
                interval,
            };
            let held = WattHours(given - covered);
            if held.0 > 0 {
                let holdings = &mut self.certificates.holdings;
                holdings.release(certificate, holder, held);
            }
            let discharged = CertificateFact::StorageDischarged {
                certificate,
                taken: part.taken.green,
                lost: WattHours(part.taken.green.0 - given),
                covered: WattHours(covered),
                held,
            };
            facts.push((Some(holder), Fact::Certificate(discharged)));
        }
    }

    fn lose_lot(&mut self, point: PointId, origin: DeliveryInterval, lot: Lot, facts: &mut Facts) {
        self.certificates.storage.lots.remove(&(point, origin));
        if lot.green.0 > 0 {
            let lost = CertificateFact::StorageLost {
                origin,
                point,
                quantity: lot.green,
            };
            let holder = self.point(point).participant;
            facts.push((Some(holder), Fact::Certificate(lost)));
        }
    }

    /// Ends lots of an interval whose certificates expire: those of points that take no part any
    /// more.
    pub(super) fn expire_lots(&mut self, origin: DeliveryInterval, facts: &mut Facts) {
        let lots = &self.certificates.storage.lots;
        if lots.is_empty() {
            return;
        }
        let points = self.registry.points().iter().map(|(point, _)| *point);
        let left: Vec<_> = points
            .filter_map(|point| Some((point, *lots.get(&(point, origin))?)))
            .collect();
        for (point, lot) in left {
            self.lose_lot(point, origin, lot, facts);
        }
    }
}
