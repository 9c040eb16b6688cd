//! Bundles of the day-ahead joint auction.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::derived::BundleState;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::joint::Leg;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price};

/// `GET /v1/bundles?participant=N&from=N&to=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundles {
    /// Whose.
    pub participant: ParticipantId,
    /// Bundles that wait for their auction, by day.
    pub open: Vec<OpenBundle>,
    /// Bundles of auctions whose days begin in `from` up to and including `to`, in the order of
    /// the log.
    pub closed: Vec<ClosedBundle>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// A bundle that waits for its auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBundle {
    /// `KEY-SEQUENCE-0`.
    pub bundle: String,
    /// The first interval of its day.
    pub day: DeliveryInterval,
    /// When the day's joint auction is due.
    pub auction_due: Timestamp,
    /// The point.
    pub point: PointId,
    /// Its legs.
    pub legs: Vec<Leg>,
    /// The least net cash; below zero: the most to pay.
    pub limit: Money,
    /// Collateral held for it.
    pub reserved: Money,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedBundle {
    /// Index of its leaf.
    pub leaf: u64,
    /// `KEY-SEQUENCE-0`.
    pub bundle: String,
    /// The first interval of its day.
    pub day: DeliveryInterval,
    /// The point.
    pub point: PointId,
    /// Its legs.
    pub legs: Vec<Leg>,
    /// What each leg is reckoned at; none at all if the bundle was left out.
    pub prices: Vec<Price>,
    /// The least net cash.
    pub limit: Money,
    /// What became of it.
    pub state: BundleState,
    /// Its net cash at the prices; none if it was left out.
    pub cash: Option<Money>,
    /// That less its limit. Above zero and rejected: rejected though profitable.
    pub surplus: Option<Money>,
}
