//! Who and what is registered in a park, and the prices in force.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::billing::MonthCloseTerms;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::membership::NodeStanding;
use wattle_ledger::registration::{
    BoundaryMeter, CarbonFactor, Meter, NodeId, Participant, Point, TariffId,
};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::BuildingId;
use wattle_market::settlement::ParkTerms;
use wattle_market::units::Price;

/// `GET /v1/registry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The park id.
    pub park: Hash,
    /// Everyone with an account.
    pub participants: Vec<Participant>,
    /// Points with their standing instructions.
    pub points: Vec<RegisteredPoint>,
    /// Meters.
    pub meters: Vec<Meter>,
    /// Meters at the park's connections to the utility.
    #[serde(default)]
    pub boundary: Vec<BoundaryMeter>,
    /// What months are closed with, each from its interval on.
    #[serde(default)]
    pub month_terms: Vec<RegisteredMonthTerms>,
    /// The first interval that invoices count, once month closes are in force.
    #[serde(default)]
    pub month_close_from: Option<DeliveryInterval>,
    /// Nodes.
    pub nodes: Vec<RegisteredNode>,
    /// Tariffs, each from its interval on.
    pub tariffs: Vec<RegisteredTariff>,
    /// The park's prices at the next gate.
    pub terms: ParkTerms,
    /// The emission factor at the next gate.
    pub factor: CarbonFactor,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// A point and how it takes part in the surplus pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredPoint {
    /// The point.
    #[serde(flatten)]
    pub point: Point,
    /// Whether it takes part in the pool.
    pub enrolled: bool,
    /// The least it wants for surplus.
    pub ask_limit: Price,
    /// The most it pays for need; none: whatever saves money.
    pub bid_limit: Option<Price>,
    /// What it pays the grid at the next gate; none before the point's first interval.
    pub retail: Option<Price>,
}

/// A node and its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredNode {
    /// The Raft id.
    pub id: NodeId,
    /// The building it stands in.
    pub building: BuildingId,
    /// Names it on the private network.
    pub transport: PublicKey,
    /// Signs checkpoints as the log.
    pub log: PublicKey,
    /// Cosigns checkpoints.
    pub cosigner: PublicKey,
    /// Signs batch headers.
    pub batch: PublicKey,
    /// Signs promise receipts, and the node's own requests.
    pub receipt: PublicKey,
    /// What it is at present; none if it has no part in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<NodeStanding>,
    /// What the registrar wants it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<NodeStanding>,
}

impl RegisteredNode {
    /// A node's record as it is shown; what it is and shall be is left out.
    pub fn of(record: &NodeRecord) -> RegisteredNode {
        RegisteredNode {
            id: record.id,
            building: record.building,
            transport: record.transport,
            log: record.log,
            cosigner: record.cosigner,
            batch: record.batch,
            receipt: record.receipt,
            standing: None,
            wanted: None,
        }
    }

    /// The record as it is signed.
    pub fn record(&self) -> NodeRecord {
        NodeRecord {
            id: self.id,
            building: self.building,
            transport: self.transport,
            log: self.log,
            cosigner: self.cosigner,
            batch: self.batch,
            receipt: self.receipt,
        }
    }
}

/// A tariff that is in force or will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredTariff {
    /// Which tariff.
    pub id: TariffId,
    /// Its first interval.
    pub from: DeliveryInterval,
    /// Its price at the next gate, or at its first interval if that is later.
    pub price: Price,
}

/// What months are closed with that begin to be counted at or after an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredMonthTerms {
    /// The interval.
    pub from: DeliveryInterval,
    /// Prices, and the residue's owner.
    pub terms: MonthCloseTerms,
}
