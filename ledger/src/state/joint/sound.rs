//! What a joint auction relies on of open bundles.

use super::OpenBundle;
use super::place::BundleFigures;
use crate::state::rows::{RowError, require};
use crate::state::sound::{Held, hold};
use crate::state::{State, table_number};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::BUNDLES_MAX;

impl State {
    /// Whether open bundles are what bundles may be, for the day that they wait for and at a point
    /// of their holder's.
    pub(crate) fn check_bundles(&self, held: &mut Held) -> Result<(), RowError> {
        let table = table_number::BUNDLES;
        let mut counts: BTreeMap<DeliveryInterval, usize> = BTreeMap::new();
        for ((day, _), bundle) in self.joint.bundles.iter() {
            let holds = self.is_bundle(*day, bundle);
            require(table, holds, "is no bundle of its participant's point")?;
            hold(held, table, bundle.participant, bundle.reserved)?;
            *counts.entry(*day).or_default() += 1;
        }
        let few = counts.values().all(|count| *count <= BUNDLES_MAX);
        require(table, few, "is one bundle too many for a day")
    }

    fn is_bundle(&self, day: DeliveryInterval, bundle: &OpenBundle) -> bool {
        let figures = BundleFigures {
            point: bundle.point,
            legs: &bundle.legs,
            limit: bundle.limit,
        };
        let offset = self.registry.utc_offset_minutes();
        let point = self.registry.points().get(&bundle.point);
        let registered = self.registry.participants();
        figures.check(offset) == Ok(day)
            && registered.contains(&bundle.participant)
            && point.is_some_and(|point| point.participant == bundle.participant)
    }
}
