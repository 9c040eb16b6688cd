//! What certificates' accounts rely on.

use super::Certificates;
use super::life::Life;
use super::storage::Storage;
use crate::certificate::CertificatePolicy;
use crate::limits::CERTIFICATE_LIFE_INTERVALS_MAX;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, require};
use crate::state::sound::{ENERGY_BOUND, Within as _};
use crate::state::table_number;
use wattle_market::storage::YIELD_WHOLE;

const NO_POINT: &str = "names a point that is not registered";
const TOO_MUCH: &str = "has an energy beyond all bounds";

impl Certificates {
    /// Whether every watt-hour is in one place, storages give back a part of what they took, and
    /// months fit their units.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        let table = table_number::CERTIFICATES;
        for (_, bundle) in self.bundles.iter() {
            let holds = bundle.is_conserved() && bundle.issued.is_within(ENERGY_BOUND);
            require(table, holds, "has parts that do not sum to it")?;
        }
        self.check_holdings()?;
        check_storage(&self.storage, registry)?;
        self.check_months(registry)
    }

    fn check_holdings(&self) -> Result<(), RowError> {
        let holdings = &self.holdings;
        let course = holdings.course().copied();
        let is_near = course.is_none_or(|course| {
            course.next.0.saturating_sub(course.next_expiry.0) <= CERTIFICATE_LIFE_INTERVALS_MAX
        });
        let what = "is further ahead of its expiry than a certificate lives";
        require(table_number::CERTIFICATE_COURSE, is_near, what)?;
        for (certificate, life) in holdings.lives() {
            let rows = holdings.of(*certificate);
            let held: i128 = rows.map(|(_, quantity)| i128::from(quantity.0)).sum();
            let holds = is_life(life) && held == i128::from(life.active().0);
            let what = "has holders and ends that do not sum to what was held";
            require(table_number::CERTIFICATE_LIVES, holds, what)?;
        }
        for ((certificate, _), quantity) in holdings.rows().iter() {
            let holds = quantity.0 > 0 && holdings.life(certificate).is_some();
            let what = "holds nothing, or of no certificate that is final";
            require(table_number::CERTIFICATE_HOLDINGS, holds, what)?;
        }
        let mut uses = holdings.all_uncovered();
        let holds = uses.all(|(_, open)| open.0 > 0 && open.is_within(ENERGY_BOUND));
        require(table_number::UNCLAIMED_USE, holds, TOO_MUCH)
    }

    fn check_months(&self, registry: &Registry) -> Result<(), RowError> {
        let points = registry.points();
        for (point, open) in self.months.open() {
            let table = table_number::OPEN_MONTHS;
            require(table, points.contains(point), NO_POINT)?;
            let ((carried, added), (carried_use, added_use)) = (open.tradable, open.self_use);
            // Less than 2^32 units, with room for a month more.
            let bound = ENERGY_BOUND >> 2;
            let all = [carried, added, carried_use, added_use];
            let holds = all.iter().all(|one| (0..=bound).contains(&one.0));
            require(table, holds, TOO_MUCH)?;
        }
        for ((point, _), closed) in self.months.closed().iter() {
            let table = table_number::ROLLED_UP_MONTHS;
            require(table, points.contains(point), NO_POINT)?;
            let holds = closed.linked_tradable <= closed.tradable.units
                && closed.linked_self_use <= closed.self_use.units;
            require(table, holds, "has more units linked than there are")?;
        }
        Ok(())
    }
}

fn is_life(life: &Life) -> bool {
    let parts = [life.cancelled, life.expired, life.withdrawn, life.linked];
    let bounds = 0..=ENERGY_BOUND;
    bounds.contains(&life.held.0) && parts.iter().all(|part| bounds.contains(&part.0))
}

fn check_storage(storage: &Storage, registry: &Registry) -> Result<(), RowError> {
    let table = table_number::CERTIFICATE_POLICIES;
    let is_policy = |policy: &CertificatePolicy| match policy {
        CertificatePolicy::Cn => true,
        CertificatePolicy::EnergyTag { yield_bp } => (1..=YIELD_WHOLE).contains(yield_bp),
    };
    let holds = storage.all_policies().all(|(_, policy)| is_policy(policy));
    require(table, holds, "is no policy")?;
    let table = table_number::STORAGE_LOTS;
    for ((point, _), lot) in storage.all_lots() {
        require(table, registry.points().contains(point), NO_POINT)?;
        let holds = lot.green.is_within(ENERGY_BOUND) && lot.grey.is_within(ENERGY_BOUND);
        require(table, holds, TOO_MUCH)?;
    }
    Ok(())
}
