//! Placing and cancelling bundles.

use crate::event::OrderId;
use crate::limits::BUNDLES_PER_PARTICIPANT_MAX;
use crate::registration::{MarketMode, ParticipantId, Point};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::delegation::day_of;
use crate::state::joint::{OpenBundle, joint_auction_due};
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::Leg;
use wattle_market::limits::{
    BUNDLE_ENERGY_MAX_WH, BUNDLE_LEGS_MAX, BUNDLES_MAX, ENERGY_MAX_WH, PRICE_MAX,
};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

/// A bundle as its author gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BundleFigures<'a> {
    /// The point that all legs are for.
    pub(crate) point: PointId,
    /// The legs.
    pub(crate) legs: &'a [Leg],
    /// The least net cash.
    pub(crate) limit: Money,
}

impl BundleFigures<'_> {
    /// Everything that the figures alone tell; the day they are for.
    pub(super) fn check(&self, utc_offset_minutes: i16) -> Result<DeliveryInterval, Rejection> {
        let legs = self.legs;
        let day = |leg: &Leg| day_of(leg.interval, utc_offset_minutes);
        let first = legs.first().ok_or(Rejection::LegsInvalid)?;
        if legs.len() > BUNDLE_LEGS_MAX
            || legs
                .windows(2)
                .any(|pair| pair[0].interval >= pair[1].interval)
            || legs.iter().any(|leg| day(leg) != day(first))
        {
            return Err(Rejection::LegsInvalid);
        }
        if legs.iter().any(|leg| leg.quantity <= WattHours::ZERO) {
            return Err(Rejection::QuantityZero);
        }
        let energy: i128 = legs.iter().map(|leg| i128::from(leg.quantity.0)).sum();
        if legs.iter().any(|leg| leg.quantity.0 > ENERGY_MAX_WH)
            || energy > i128::from(BUNDLE_ENERGY_MAX_WH)
        {
            return Err(Rejection::QuantityTooLarge);
        }
        if i128::from(self.limit.0).abs() > energy * i128::from(PRICE_MAX) {
            return Err(Rejection::BundleLimitInvalid);
        }
        Ok(day(first))
    }
}

impl State {
    /// Takes a bundle in until its day's joint auction.
    pub(crate) fn place_bundle(
        &mut self,
        participant: ParticipantId,
        id: OrderId,
        bundle: &BundleFigures,
    ) -> Result<(), Rejection> {
        let day = bundle.check(self.registry.utc_offset_minutes())?;
        let point = self
            .registry
            .points()
            .get(&bundle.point)
            .ok_or(Rejection::UnknownPoint)?;
        if point.participant != participant {
            return Err(Rejection::NotYourPoint);
        }
        self.check_day(day)?;
        for leg in bundle.legs {
            self.check_leg(point, leg)?;
        }
        self.check_solvent(participant)?;
        self.check_bundle_counts(participant, day)?;
        for leg in bundle.legs {
            let own = self.own_items(participant, leg.interval);
            self.check_exposed(point, (leg.interval, leg.side), leg.quantity, &own)?;
        }
        self.check_legs_cross(participant, bundle.legs)?;
        let reserved = self.collateral_of_bundle(bundle)?;
        self.accounts.reserve(participant, reserved)?;
        // Nothing below can be refused.
        let open = OpenBundle {
            participant,
            point: bundle.point,
            legs: bundle.legs.to_vec(),
            limit: bundle.limit,
            reserved,
        };
        self.joint.bundles.insert((day, id), open);
        Ok(())
    }

    /// Whether the joint auction of a day is still to come.
    fn check_day(&self, day: DeliveryInterval) -> Result<(), Rejection> {
        let course = self.joint.course().filter(|course| course.from <= day);
        let course = course.ok_or(Rejection::NoJointAuction)?;
        if day < course.next || self.clock().time >= joint_auction_due(day) {
            return Err(Rejection::JointAuctionOver);
        }
        Ok(())
    }

    fn check_leg(&self, point: &Point, leg: &Leg) -> Result<(), Rejection> {
        self.check_interval(point, leg.interval)?;
        if self.trading.modes.at(leg.interval) != MarketMode::CallAuction {
            return Err(Rejection::NotJoint);
        }
        if self.trading.halts.is_halted(leg.interval) {
            return Err(Rejection::MarketHalted);
        }
        Ok(())
    }

    fn check_bundle_counts(
        &self,
        participant: ParticipantId,
        day: DeliveryInterval,
    ) -> Result<(), Rejection> {
        let of_day = || self.joint.of_day(day);
        let own = of_day().filter(|(_, bundle)| bundle.participant == participant);
        if own.count() >= BUNDLES_PER_PARTICIPANT_MAX {
            return Err(Rejection::TooManyBundles);
        }
        if of_day().count() >= BUNDLES_MAX {
            return Err(Rejection::JointAuctionFull);
        }
        Ok(())
    }

    /// Legs take any price, so each meets whatever stands on the other side.
    fn check_legs_cross(&self, participant: ParticipantId, legs: &[Leg]) -> Result<(), Rejection> {
        let meets = |participant: ParticipantId| {
            legs.iter().any(|leg| {
                let side = leg.side.opposite();
                self.has_leg(participant, leg.interval, side)
                    || self.has_order(participant, leg.interval, side)
            })
        };
        if meets(participant) {
            return Err(Rejection::CrossesOwnOrder);
        }
        let affiliates = self.trading.affiliates.of(participant);
        if affiliates.into_iter().any(meets) {
            return Err(Rejection::CrossesAffiliate);
        }
        Ok(())
    }

    /// The most that a bundle can still cost: each sale bought back at the shortfall price, the
    /// wheeling of each purchase, less the cash that its limit promises.
    fn collateral_of_bundle(&self, bundle: &BundleFigures) -> Result<Money, Rejection> {
        let costs = bundle.legs.iter().map(|leg| {
            let price = match leg.side {
                Side::Sell => self.registry.shortfall_price(leg.interval),
                Side::Buy => self.registry.terms_at(leg.interval).wheeling,
            };
            i128::from(leg.quantity.0) * i128::from(price.0)
        });
        let most = costs.sum::<i128>() - i128::from(bundle.limit.0);
        // Within the bounds of prices and energy it fits.
        let most = i64::try_from(most.max(0)).map_err(|_| Rejection::QuantityTooLarge)?;
        Ok(Money(most))
    }

    /// Takes a bundle back before its auction.
    pub(crate) fn cancel_bundle(
        &mut self,
        participant: ParticipantId,
        id: &OrderId,
    ) -> Result<(), Rejection> {
        let is_meant = |of: &OrderId, row: &OpenBundle| of == id && row.participant == participant;
        let found = self
            .joint
            .bundles
            .iter()
            .find(|((_, of), row)| is_meant(of, row))
            .map(|(key, _)| *key);
        let key = found.ok_or(Rejection::UnknownBundle)?;
        if self.clock().time >= joint_auction_due(key.0) {
            return Err(Rejection::JointAuctionOver);
        }
        let row = self.joint.bundles.remove(&key);
        let row = row.expect("the bundle was just found");
        self.accounts.release(participant, row.reserved);
        Ok(())
    }
}
