//! Points' terms at an interval.

use super::{Registry, StandingInstruction};
use crate::registration::{Point, TariffId};
use crate::state::settlement::in_step;
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::PointTerms;
use wattle_market::units::Price;

fn terms_of(point: &Point, retail: Price, instruction: StandingInstruction) -> PointTerms {
    PointTerms {
        building: point.building,
        retail,
        enrolled: instruction.enrolled,
        ask_limit: instruction.ask_limit,
        bid_limit: instruction.bid_limit,
    }
}

impl Registry {
    fn takes_part(&self, point: &Point, interval: DeliveryInterval) -> bool {
        point.from <= interval && !self.tenancy.has_ended(point.id, interval)
    }

    /// A point's terms at an interval, were its gate to close now; none if it takes no part.
    pub fn point_terms(&self, point: &Point, interval: DeliveryInterval) -> Option<PointTerms> {
        if !self.takes_part(point, interval) {
            return None;
        }
        let retail = self.retail_at(point.tariff, interval)?;
        let instruction = self.instructions.get(&point.id).copied();
        Some(terms_of(point, retail, instruction.unwrap_or_default()))
    }

    /// The [terms](Registry::point_terms) of all points that take part in an interval, in their
    /// order. Many points have few tariffs, and each is priced once.
    pub(crate) fn terms_of_points(&self, interval: DeliveryInterval) -> Vec<(PointId, PointTerms)> {
        let mut prices: BTreeMap<TariffId, Option<Price>> = BTreeMap::new();
        let instructions = self.instructions.iter();
        let mut instructions = instructions.map(|(point, row)| (*point, *row)).peekable();
        let points = self.points.iter();
        let points = points.filter(|(_, point)| self.takes_part(point, interval));
        let terms = |(id, point): (&PointId, &Point)| {
            let price = prices.entry(point.tariff);
            let retail = *price.or_insert_with(|| self.retail_at(point.tariff, interval));
            let instruction = in_step(&mut instructions, *id).unwrap_or_default();
            let terms = terms_of(point, retail?, instruction);
            debug_assert_eq!(self.point_terms(point, interval), Some(terms));
            Some((*id, terms))
        };
        points.filter_map(terms).collect()
    }
}
