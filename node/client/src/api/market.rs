//! Orders, trades, prices and money.

use serde::{Deserialize, Serialize};
use wattle_ledger::registration::ParticipantId;
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
    /// Orders to buy by price, the best (highest) first.
    pub bids: Vec<Level>,
    /// Orders to sell by price, the best (lowest) first.
    pub offers: Vec<Level>,
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
}

/// What cleared for one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedInterval {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The call auction's price; none where nothing matched.
    pub price: Option<Price>,
    /// Watt-hours traded forward.
    pub volume: WattHours,
    /// Orders to buy that took part.
    pub bids: u32,
    /// Orders to sell that took part.
    pub offers: u32,
    /// Whether the interval is settled; before, the two below are empty.
    pub settled: bool,
    /// The surplus pool's price in the last run; none where nothing matched.
    pub pool_price: Option<Price>,
    /// Watt-hours matched in the pool in the last run.
    pub pool_volume: WattHours,
}

/// `GET /v1/orders?participant=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrders {
    /// Whose.
    pub participant: ParticipantId,
    /// Orders whose gate is open, by interval.
    pub orders: Vec<OpenOrder>,
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
    /// Watt-hours ordered.
    pub quantity: WattHours,
    /// The limit.
    pub limit: Price,
}

/// `GET /v1/trades?participant=N&from=N&to=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trades {
    /// Whose.
    pub participant: ParticipantId,
    /// Orders that were filled at their gate, in the order of the log.
    pub trades: Vec<Trade>,
}

/// One leg of what an auction matched.
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
    /// Watt-hours ordered.
    pub ordered: WattHours,
    /// Watt-hours filled.
    pub filled: WattHours,
    /// The clearing price.
    pub price: Price,
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
}

/// One leaf as `GET /v1/entries?from=N&count=N` shows it: private.
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
