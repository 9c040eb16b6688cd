//! What follows from the rules: facts that replay must reproduce byte for byte.

use crate::event::{OrderId, OrderItem};
use crate::registration::{CarbonFactor, MeterKind};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, ParkTerms, PointSettlement, PointTerms, PostingKind};
use wattle_market::units::{Money, Price, WattHours};

/// One derived fact. Variants are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// Park: the call auction of an interval that had orders.
    IntervalCleared {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The one price; none where nothing matched.
        price: Option<Price>,
        /// Watt-hours traded.
        volume: WattHours,
        /// Orders to buy that took part.
        bids: u32,
        /// Orders to sell that took part.
        offers: u32,
    },
    /// Participant: what became of an order at the gate. Filled above zero: this is a trade's leg,
    /// at the price of the interval; the other legs are the orders filled on the other side.
    OrderClosed {
        /// The order.
        #[serde(serialize_with = "as_text")]
        order: OrderId,
        /// What was ordered.
        item: OrderItem,
        /// Watt-hours filled.
        filled: WattHours,
        /// The clearing price; none where nothing was filled.
        price: Option<Price>,
    },
    /// Participant: one point's settlement of one interval, with the postings to his account.
    PointSettled {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The point.
        point: PointId,
        /// Which run.
        run: Run,
        /// Prices and limits of the point, as pinned at gate closure.
        terms: PointTerms,
        /// Meters whose energy is a substitute.
        substituted: Vec<MeterKind>,
        /// Quantities and sums, step by step.
        line: Box<PointSettlement>,
        /// Postings to the participant's account, by kind; their sum is the point's credit.
        postings: Vec<(PostingKind, Money)>,
    },
    /// Park: an interval's settlement with the postings to the park's own accounts.
    IntervalSettled {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// Which run.
        run: Run,
        /// Prices of the park, as pinned at gate closure.
        terms: ParkTerms,
        /// The emission factor in force.
        factor: CarbonFactor,
        /// The pool's price; none where nothing matched.
        pool_price: Option<Price>,
        /// Watt-hours matched in the pool.
        pool_volume: WattHours,
        /// Postings to clearing, grid, balancing and network.
        postings: Vec<(Account, PostingKind, Money)>,
    },
    /// Park: an interval that the rules could not settle; it waits for the registrar.
    SettlementHeld {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The broken invariant or overflow.
        reason: String,
    },
    /// Producer: certificates issued for metered generation; the parts sum to the quantity.
    CertificateIssued {
        /// The delivery interval: with the point, the bundle's name.
        interval: DeliveryInterval,
        /// The generating point.
        point: PointId,
        /// Watt-hours generated.
        quantity: WattHours,
        /// Used at the point itself: cancelled, not tradable.
        self_used: WattHours,
        /// Taken into storage: retired.
        stored: WattHours,
        /// Lost at the point: retired, never claimable.
        lost: WattHours,
        /// Delivered to other points of the park: cancelled there.
        sent: WattHours,
        /// Left with the producer: exported.
        held: WattHours,
    },
    /// One leg each to sender and receiver: certificates moved and cancelled against the
    /// receiver's need of the same interval.
    CertificateDelivered {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The generating point.
        from: PointId,
        /// The consuming point.
        to: PointId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// Participant: a deposit (above zero) or a withdrawal (below zero), against the cash account.
    FundsMoved {
        /// Nano-yuan.
        amount: Money,
    },
}

/// Which settlement run a figure is from.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// An hour after delivery, with substitutes where a reading lacked.
    Initial,
}

impl Fact {
    /// The fact's name in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Fact::IntervalCleared { .. } => "interval_cleared",
            Fact::OrderClosed { .. } => "order_closed",
            Fact::PointSettled { .. } => "point_settled",
            Fact::IntervalSettled { .. } => "interval_settled",
            Fact::SettlementHeld { .. } => "settlement_held",
            Fact::CertificateIssued { .. } => "certificate_issued",
            Fact::CertificateDelivered { .. } => "certificate_delivered",
            Fact::FundsMoved { .. } => "funds_moved",
        }
    }
}

fn as_text<S: serde::Serializer>(order: &OrderId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(order)
}
