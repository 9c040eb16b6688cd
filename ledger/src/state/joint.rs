//! The day-ahead joint auction: bundles, and when their day is cleared.
//!
//! At noon the day before, the intervals of a local day are cleared together
//! ([`wattle_market::joint`]), so that what only makes sense over several of them can be traded.
//! The gate auctions follow as ever, with what is left open.

mod auction;
mod place;
mod sound;

use crate::event::OrderId;
use crate::registration::ParticipantId;
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::delegation::day_of;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
pub(crate) use place::BundleFigures;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::Money;

/// How long before a local day begins its joint auction is due: 12 hours.
pub const BEFORE_DAY_MS: u64 = 12 * 60 * 60 * 1000;

/// A bundle that waits for its auction.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct OpenBundle {
    /// Whose bundle.
    pub participant: ParticipantId,
    /// The point that all legs are for.
    pub point: PointId,
    /// Its legs, intervals ascending.
    pub legs: Vec<Leg>,
    /// The least net cash.
    pub limit: Money,
    /// Collateral held for it.
    pub reserved: Money,
}

impl OpenBundle {
    fn leg_at(&self, interval: DeliveryInterval) -> Option<&Leg> {
        let found = self
            .legs
            .binary_search_by(|leg| leg.interval.cmp(&interval));
        found.ok().map(|place| &self.legs[place])
    }
}

/// From when on joint auctions are held, and which is the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct JointCourse {
    /// The first interval of the first day.
    pub from: DeliveryInterval,
    /// The first interval of the next day to be cleared.
    pub next: DeliveryInterval,
}

/// Open bundles and the course of the auctions.
#[derive(Debug, Clone)]
pub struct Joint {
    course: Table<(), JointCourse>,
    /// By the first interval of the local day.
    bundles: Table<(DeliveryInterval, OrderId), OpenBundle>,
}

parts!(Joint { course, bundles });

impl Default for Joint {
    fn default() -> Joint {
        Joint {
            course: Table::new(table_number::JOINT_COURSE),
            bundles: Table::new(table_number::BUNDLES),
        }
    }
}

impl Joint {
    /// The course, if joint auctions are held.
    pub fn course(&self) -> Option<&JointCourse> {
        self.course.get(&())
    }

    /// Open bundles by day and id.
    pub fn bundles(&self) -> &Table<(DeliveryInterval, OrderId), OpenBundle> {
        &self.bundles
    }

    /// The open bundles of a day.
    pub fn of_day(&self, day: DeliveryInterval) -> impl Iterator<Item = (&OrderId, &OpenBundle)> {
        let least = OrderId::LEAST;
        self.bundles
            .range((day, least)..(day.next(), least))
            .map(|((_, id), bundle)| (id, bundle))
    }

    /// The legs of a participant's open bundles in an interval of the day.
    fn legs_at(
        &self,
        participant: ParticipantId,
        (day, interval): (DeliveryInterval, DeliveryInterval),
    ) -> impl Iterator<Item = (PointId, &Leg)> {
        self.of_day(day)
            .filter(move |(_, bundle)| bundle.participant == participant)
            .filter_map(move |(_, bundle)| Some((bundle.point, bundle.leg_at(interval)?)))
    }

    fn is_committed(&self, point: PointId, from: DeliveryInterval) -> bool {
        let mut bundles = self.bundles.iter().map(|(_, bundle)| bundle);
        bundles.any(|bundle| bundle.point == point && bundle.reaches(from))
    }
}

impl OpenBundle {
    fn reaches(&self, from: DeliveryInterval) -> bool {
        self.legs.last().is_some_and(|leg| leg.interval >= from)
    }
}

/// When the joint auction of the day that begins with `day` is due: noon of the day before.
pub fn joint_auction_due(day: DeliveryInterval) -> Timestamp {
    day.start().minus_millis(BEFORE_DAY_MS)
}

impl State {
    /// Holds a joint auction for every local day from one on.
    pub(crate) fn activate_joint(&mut self, from: DeliveryInterval) -> Result<(), Rejection> {
        let clock = self.clock();
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let is_begun = |course: &JointCourse| course.next > course.from;
        if self.joint.course().is_some_and(is_begun) || !self.joint.bundles.is_empty() {
            return Err(Rejection::RulesActive);
        }
        if day_of(from, self.registry.utc_offset_minutes()) != from {
            return Err(Rejection::NotStartOfDay);
        }
        if clock.time >= joint_auction_due(from) {
            return Err(Rejection::JointAuctionOver);
        }
        let course = JointCourse { from, next: from };
        self.joint.course.insert((), course);
        Ok(())
    }

    /// The next joint auction and when it is due.
    pub(crate) fn next_joint(&self) -> Option<(Timestamp, DeliveryInterval)> {
        let next = self.joint.course()?.next;
        Some((joint_auction_due(next), next))
    }

    /// Whether a point has open orders, forward trades or bundles at or after an interval.
    pub(crate) fn is_committed(
        &self,
        participant: ParticipantId,
        point: PointId,
        from: DeliveryInterval,
    ) -> bool {
        self.orders.is_committed(participant, point, from) || self.joint.is_committed(point, from)
    }

    /// Whether anybody has open orders, unsettled trades or bundles at or after an interval.
    pub(crate) fn is_used_from(&self, from: DeliveryInterval) -> bool {
        let mut bundles = self.joint.bundles.iter();
        self.orders.is_used_from(from) || bundles.any(|(_, bundle)| bundle.reaches(from))
    }

    /// What a participant's open bundles trade in an interval on one side, at one point.
    pub(crate) fn bundled(
        &self,
        participant: ParticipantId,
        (point, interval, side): (PointId, DeliveryInterval, Side),
    ) -> i128 {
        self.bundle_legs(participant, interval)
            .filter(|(at, leg)| *at == point && leg.side == side)
            .map(|(_, leg)| i128::from(leg.quantity.0))
            .sum()
    }

    /// Whether a participant has a bundle that trades on one side in an interval.
    pub(crate) fn has_leg(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
        side: Side,
    ) -> bool {
        self.bundle_legs(participant, interval)
            .any(|(_, leg)| leg.side == side)
    }

    fn bundle_legs(
        &self,
        participant: ParticipantId,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (PointId, &Leg)> {
        let offset = self.registry.utc_offset_minutes();
        let joint = (!self.joint.bundles.is_empty()).then_some(&self.joint);
        joint.into_iter().flat_map(move |joint| {
            let day = day_of(interval, offset);
            joint.legs_at(participant, (day, interval))
        })
    }
}
