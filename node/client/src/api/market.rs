//! Orders, trades, prices and money.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::derived::AveragePrice;
use wattle_ledger::derived::TradeRole;
use wattle_ledger::registration::{MarketMode, ParticipantId};
use wattle_ledger::state::runs::Standing;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

/// `GET /v1/book?interval=N`: open orders of one interval, open to everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// Whether its gate is still open.
    pub open: bool,
    /// How its orders meet.
    #[serde(default)]
    pub mode: MarketMode,
    /// What was traded continuously so far, until the gate; none: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traded: Option<TradedSoFar>,
    /// Orders to buy by price, the best (highest) first.
    pub bids: Vec<Level>,
    /// Orders to sell by price, the best (lowest) first.
    pub offers: Vec<Level>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// What was traded for a continuous interval whose gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradedSoFar {
    /// Trades, each of two legs.
    pub trades: u64,
    /// Watt-hours.
    pub volume: WattHours,
    /// Their volume-weighted price, rounded down.
    pub average: Option<Price>,
    /// The price of the latest.
    pub last: Price,
}

/// All orders of one side and price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// The limit.
    pub price: Price,
    /// Together.
    pub quantity: WattHours,
    /// How many.
    pub orders: u32,
}

/// `GET /v1/prices?from=N&to=N`: clearing results of `from` up to and including `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Intervals that had orders or are settled, in order.
    pub intervals: Vec<ClearedInterval>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// `GET /v1/price-index?from=N&to=N`: the days of the price index that begin in the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceIndex {
    /// Local days, in order.
    pub days: Vec<IndexedDay>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// One local day of the price index (`docs/RULES.md`, section 13). It is published once: a final
/// run does not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedDay {
    /// Its first interval.
    pub day: DeliveryInterval,
    /// What was traded forward for it.
    pub auction: AveragePrice,
    /// What its surplus pools matched in the initial runs.
    pub pool: AveragePrice,
    /// Both.
    pub together: AveragePrice,
    /// Index of the leaf that publishes it.
    #[serde(default)]
    pub leaf: u64,
}

/// What cleared for one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedInterval {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// How its orders met.
    #[serde(default)]
    pub mode: MarketMode,
    /// The call auction's price, or the volume-weighted one of continuous trades; none where
    /// nothing matched.
    pub price: Option<Price>,
    /// Watt-hours traded forward.
    pub volume: WattHours,
    /// Orders to buy that took part in the auction, or still rested at the gate.
    pub bids: u32,
    /// Orders to sell that took part in the auction, or still rested at the gate.
    pub offers: u32,
    /// What the joint auction of the day before came to; none where it traded nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointPrice>,
    /// Whether the interval is settled; before, the two below are empty.
    pub settled: bool,
    /// The surplus pool's price in the last run; none where nothing matched.
    pub pool_price: Option<Price>,
    /// Watt-hours matched in the pool in the last run.
    pub pool_volume: WattHours,
    /// Index of the last leaf that says something of this.
    #[serde(default)]
    pub leaf: u64,
    /// Whether a later run can still change what was settled; none before it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// What a joint auction came to in one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointPrice {
    /// The price.
    pub price: Price,
    /// Watt-hours traded, in bundles or not.
    pub volume: WattHours,
    /// What bundles sold of it.
    pub sold_in_bundles: WattHours,
    /// What bundles bought of it.
    pub bought_in_bundles: WattHours,
}

/// `GET /v1/orders?participant=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrders {
    /// Whose.
    pub participant: ParticipantId,
    /// Orders whose gate is open, by interval.
    pub orders: Vec<OpenOrder>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// An order whose gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// `KEY-SEQUENCE-ITEM`.
    pub order: String,
    /// The point.
    pub point: PointId,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// Buy or sell.
    pub side: Side,
    /// Watt-hours that are still open.
    pub quantity: WattHours,
    /// The limit.
    pub limit: Price,
}

/// `GET /v1/trades?participant=N&from=N&to=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trades {
    /// Whose.
    pub participant: ParticipantId,
    /// Orders that were filled, at their gate or before it, in the order of the log.
    pub trades: Vec<Trade>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// What took part in a joint auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JointPart {
    /// An order for the interval.
    Order,
    /// A leg of a bundle, whose id stands for the order's.
    Bundle,
}

/// One leg of what an auction or two orders matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Index of its leaf.
    pub leaf: u64,
    /// `KEY-SEQUENCE-ITEM`.
    pub order: String,
    /// The point.
    pub point: PointId,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// Buy or sell.
    pub side: Side,
    /// Watt-hours ordered, or what was still open of them just before.
    pub ordered: WattHours,
    /// Watt-hours filled.
    pub filled: WattHours,
    /// The clearing price, or that of the order that rested.
    pub price: Price,
    /// The order's part in a continuous trade; none: an auction filled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<TradeRole>,
    /// In a joint auction: as what it was filled; none: at the gate, or continuously.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointPart>,
    /// Filled times price, above zero where the participant receives it.
    pub amount: Money,
}

/// `GET /v1/balance?participant=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Whose.
    pub participant: ParticipantId,
    /// What the account holds.
    pub balance: Money,
    /// Collateral of open orders and of trades not yet settled.
    pub reserved: Money,
    /// How far below zero the participant may trade.
    pub credit_limit: Money,
    /// What is free to cover a new order, held within what a money amount can say.
    pub available: Money,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// `GET /v1/entries?from=N&count=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// Leaves, in the order of the log.
    pub entries: Vec<EntryRecord>,
    /// The log that this was read from.
    pub log: Extent,
}

/// One leaf of [`Entries`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Index of the leaf.
    pub index: u64,
    /// The entry's kind.
    pub kind: String,
    /// Whom it concerns; none: the park.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant: Option<ParticipantId>,
    /// Its content.
    pub value: serde_json::Value,
}
