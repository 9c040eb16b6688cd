//! What follows from the rules: facts that replay must reproduce byte for byte.

use crate::billing::{MonthCloseTerms, UtilityBill};
use crate::certificate::CertificateFact;
use crate::event::{OrderId, OrderItem};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::registration::{CarbonFactor, MeterId, MeterKind, NodeId, ParticipantId, Role};
use crate::state::certificates::Bundle;
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::joint::Leg;
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
    /// Participant: a later run found other figures for one point and interval; the postings are
    /// the differences.
    PointAdjusted {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The point.
        point: PointId,
        /// Which run.
        run: Run,
        /// Prices and limits of the point, as pinned at gate closure.
        terms: PointTerms,
        /// Meters whose energy is a substitute in this run.
        substituted: Vec<MeterKind>,
        /// What the run before found; none where it was held.
        before: Option<Box<PointSettlement>>,
        /// What this run found.
        line: Box<PointSettlement>,
        /// Differences to the participant's account, by kind; their sum is that of the credits.
        postings: Vec<(PostingKind, Money)>,
    },
    /// Park: an interval that a later run adjusted, with the differences of the park's accounts.
    IntervalAdjusted {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// Which run.
        run: Run,
        /// Prices of the park, as pinned at gate closure.
        terms: ParkTerms,
        /// The emission factor in force.
        factor: CarbonFactor,
        /// The pool's price in the run before.
        pool_price_before: Option<Price>,
        /// Watt-hours matched in the pool in the run before.
        pool_volume_before: WattHours,
        /// The pool's price in this run.
        pool_price: Option<Price>,
        /// Watt-hours matched in the pool in this run.
        pool_volume: WattHours,
        /// Differences to clearing, grid, balancing and network.
        postings: Vec<(Account, PostingKind, Money)>,
    },
    /// Producer: a bundle as it was and as a later run leaves it; all zero: there is none.
    CertificateAdjusted {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The generating point.
        point: PointId,
        /// The bundle before this run.
        before: Bundle,
        /// The bundle after it.
        after: Bundle,
    },
    /// One leg each to sender and receiver: what moved between the two before and after a later
    /// run.
    DeliveryAdjusted {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The generating point.
        from: PointId,
        /// The consuming point.
        to: PointId,
        /// Watt-hours before this run.
        before: WattHours,
        /// Watt-hours after it.
        after: WattHours,
    },
    /// Park: an interval that a later run could not settle; what was posted stands, and the
    /// interval waits for the registrar.
    RunHeld {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// Which run.
        run: Run,
        /// The broken invariant or overflow.
        reason: String,
    },
    /// Park: all intervals of a local month are final.
    MonthClosed {
        /// Year of the Gregorian calendar.
        year: i64,
        /// Month, 1 to 12.
        month: u8,
        /// The first of its intervals that had a final run.
        first: DeliveryInterval,
        /// Its last interval.
        last: DeliveryInterval,
        /// Intervals in which a point took part.
        intervals: u32,
        /// Those of them that were adjusted.
        adjusted: u32,
    },
    /// Participant: the registrar replaced a register of one of his meters.
    ReadingCorrected {
        /// The meter.
        meter: MeterId,
        /// The interval at whose end the register stood.
        interval: DeliveryInterval,
        /// What was recorded before.
        before: WattHours,
        /// What is recorded now.
        after: WattHours,
    },
    /// Park: a meter's key signed two registers for one interval, and is frozen.
    KeyFrozen {
        /// The meter.
        meter: MeterId,
        /// The key; the event before this leaf bears its signature.
        key: PublicKey,
        /// The interval.
        interval: DeliveryInterval,
        /// The register that was recorded first.
        recorded: WattHours,
        /// The register that the key signed later.
        claimed: WattHours,
    },
    /// Participant: an auction left an order out, because it would have filled less than the
    /// order's minimum.
    MinimumMissed {
        /// The order.
        #[serde(serialize_with = "as_text")]
        order: OrderId,
        /// The delivery interval.
        interval: DeliveryInterval,
        /// The least that the order accepts.
        minimum: WattHours,
        /// What the round that left it out would have filled.
        offered: WattHours,
    },
    /// Park: an interval's orders were released without an auction, because the market is halted.
    AuctionHalted {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// Orders to buy that were released.
        bids: u32,
        /// Orders to sell that were released.
        offers: u32,
    },
    /// Participant: he took back all orders that he could.
    OrdersCancelled {
        /// Orders taken back.
        cancelled: u32,
        /// Orders that stay because they are firm.
        firm: u32,
    },
    /// Participant: a register of one of his meters started anew, or at another ratio.
    RegisterRestarted {
        /// The meter.
        meter: MeterId,
        /// The interval.
        interval: DeliveryInterval,
        /// The register at the end of the old segment.
        last: WattHours,
        /// The register at the start of the new one.
        start: WattHours,
        /// Watt-hours of the register are multiplied with this from there on
        numerator: u32,
        /// and divided by this.
        denominator: u32,
    },
    /// Park: the price index of a local day whose last interval was settled.
    DayPriced {
        /// The first interval of the day.
        day: DeliveryInterval,
        /// The day's call auctions.
        auction: AveragePrice,
        /// The day's surplus pools, as the initial runs found them.
        pool: AveragePrice,
        /// Both.
        together: AveragePrice,
    },
    /// What follows about certificates after their issue.
    Certificate(CertificateFact),
    /// Participant: one leg of a continuous trade. The leaf of the order that rested comes first,
    /// and right after it that of the order that met it, at the same price and quantity.
    OrderMatched {
        /// The order.
        #[serde(serialize_with = "as_text")]
        order: OrderId,
        /// What was ordered; its quantity is what was open of it just before.
        item: OrderItem,
        /// Watt-hours traded.
        filled: WattHours,
        /// The limit of the order that rested.
        price: Price,
        /// Which of the two it was.
        role: TradeRole,
    },
    /// Participant: what an immediate order could not trade at once was cancelled.
    RemainderCancelled {
        /// The order.
        #[serde(serialize_with = "as_text")]
        order: OrderId,
        /// What was ordered; its quantity is what was left.
        item: OrderItem,
    },
    /// Park: the gate of a continuous interval that had orders or trades.
    ContinuousClosed {
        /// The delivery interval.
        interval: DeliveryInterval,
        /// Trades, each of two legs.
        trades: u64,
        /// What was traded, and its volume-weighted price.
        traded: AveragePrice,
        /// Orders to buy that still rested.
        bids: u32,
        /// Orders to sell that still rested.
        offers: u32,
    },
    /// Participant: what a closed month costs one of his points beside its energy.
    PointCharged {
        /// Which month.
        month: LocalMonth,
        /// The point.
        point: PointId,
        /// Its greatest import of a quarter of an hour, whoever gave it.
        need: WattHours,
        /// The first interval with that import.
        at: DeliveryInterval,
        /// The demand charge: four times the import, times the price.
        demand: Money,
        /// The fixed fee.
        fee: Money,
    },
    /// Participant: his invoice for a closed month. Demand charges and fees are posted with it;
    /// the energy was posted as it was settled.
    MonthInvoiced {
        /// Which month.
        month: LocalMonth,
        /// What was posted for the month's intervals by all runs, by kind, zeros left out.
        postings: Vec<(PostingKind, Money)>,
        /// Demand charges of all his points.
        demand: Money,
        /// Fixed fees of all his points.
        fees: Money,
        /// What the month costs him; below zero: what it brings him.
        gross: Money,
        /// The VAT rate, in hundredths of a percent.
        vat_basis_points: u32,
        /// The VAT that the gross sum contains, with its sign.
        vat: Money,
        /// What the same energy would have brought with the grid alone.
        grid_alone: Money,
    },
    /// Park: the sums of a closed month, and the park's energy against its boundary meters.
    MonthBalanced {
        /// Which month.
        month: LocalMonth,
        /// The first interval that the month counts.
        first: DeliveryInterval,
        /// The last.
        last: DeliveryInterval,
        /// What it was closed with.
        terms: MonthCloseTerms,
        /// What the boundary meters took from the utility; none: a register lacks, or there is no
        /// boundary meter.
        imported: Option<WattHours>,
        /// What they gave to it.
        exported: Option<WattHours>,
        /// What all points together gave; below zero: took.
        net: WattHours,
        /// Imported less exported plus net; none where any of it is not known.
        losses: Option<WattHours>,
        /// Points' intervals that rest on a substitute.
        substituted: u32,
        /// Intervals that the final run could not settle.
        held: u32,
        /// Invoices of the month.
        invoices: u32,
        /// All demand charges, which the grid's account gets.
        demand: Money,
        /// All fixed fees, which the fees' account gets.
        fees: Money,
        /// What was collected for the grid: the postings of the month and the demand charges.
        collected: Money,
    },
    /// Park: a month could not be closed; nothing was posted, and it waits for the registrar.
    MonthHeld {
        /// Which month.
        month: LocalMonth,
        /// What does not fit.
        reason: String,
    },
    /// Park: the utility's bill for a month was paid, and what was collected beyond it became
    /// residue.
    UtilityBilled {
        /// Which month.
        month: LocalMonth,
        /// The bill.
        bill: UtilityBill,
        /// What was collected for the grid.
        collected: Money,
        /// Collected less the bill's amount.
        residue: Money,
        /// To whom it belongs.
        residue_owner: ParticipantId,
    },
    /// Park: the postings of a bill were taken back.
    UtilityBillReversed {
        /// Which month.
        month: LocalMonth,
        /// The bill's amount.
        amount: Money,
        /// The residue that it had left.
        residue: Money,
    },
    /// The residue's owner: money from the residue's account (above zero) or to it.
    ResidueMoved {
        /// Nano-yuan.
        amount: Money,
    },
    /// The defaulter: who bears what he owes for a month.
    DefaultCovered {
        /// Which month.
        month: LocalMonth,
        /// What he owed; the sum of the three below.
        debt: Money,
        /// Taken from the balancing account, for him.
        from_balancing: Money,
        /// Taken from others' gains over the grid, for him.
        from_gains: Money,
        /// Still owed.
        uncovered: Money,
    },
    /// Participant: a part of what he gained over the grid in a month covers another's default.
    GainCut {
        /// Which month.
        month: LocalMonth,
        /// His gain of the month, before any cut.
        gain: Money,
        /// Taken now.
        cut: Money,
        /// Taken by all defaults of the month so far; never more than the gain.
        cut_in_all: Money,
    },
    /// Participant: he may trade again.
    DefaultCleared,
    /// Park: the joint auction of a day for which there were orders or bundles.
    JointCleared {
        /// The first interval of the day.
        day: DeliveryInterval,
        /// The intervals in which something was traded, in order.
        intervals: Vec<JointInterval>,
        /// Orders to buy that took part.
        bids: u32,
        /// Orders to sell that took part.
        offers: u32,
        /// Bundles that were accepted.
        accepted: u32,
        /// Bundles that were rejected.
        rejected: u32,
        /// Those of them that the final prices would have given more than their limits.
        profitable: u32,
        /// Bundles that took no part, because the market is halted in one of their intervals.
        left_out: u32,
        /// How often intervals were cleared.
        rounds: u32,
    },
    /// Participant: what became of a bundle. Accepted: each leg is a trade's leg at the price of
    /// its interval.
    BundleClosed {
        /// The bundle.
        #[serde(serialize_with = "as_text")]
        bundle: OrderId,
        /// The first interval of its day.
        day: DeliveryInterval,
        /// The point.
        point: PointId,
        /// Its legs.
        legs: Vec<Leg>,
        /// What each leg is reckoned at: the price of its interval, or the neutral price where
        /// nothing was traded. None at all if the bundle was left out.
        prices: Vec<Price>,
        /// The least net cash.
        limit: Money,
        /// What became of it.
        state: BundleState,
        /// Its net cash at these prices; none if it was left out.
        cash: Option<Money>,
        /// That less its limit. Above zero and rejected: rejected though profitable.
        surplus: Option<Money>,
    },
    /// Participant: what a joint auction filled of an order. The rest stays open until its gate.
    JointFilled {
        /// The order.
        #[serde(serialize_with = "as_text")]
        order: OrderId,
        /// What was ordered; its quantity is what was open of it just before.
        item: OrderItem,
        /// Watt-hours filled.
        filled: WattHours,
        /// The price of the interval.
        price: Price,
    },
    /// Whose key it was, or the park: a key signed two events with one sequence. The event before
    /// this leaf brings both.
    KeyConvicted {
        /// The key.
        key: PublicKey,
        /// What it is registered for.
        role: Role,
        /// The sequence.
        sequence: u64,
        /// SHA-256 of the evidence file.
        evidence: Hash,
        /// Whether it is a meter's key in force, which signs nothing until the registrar lifts it.
        frozen: bool,
    },
    /// Park: nodes signed two heads of the log of which at most one can be true. The event before
    /// this leaf brings both.
    NodesConvicted {
        /// Those that were not convicted before, ids ascending.
        nodes: Vec<NodeId>,
        /// Leaves of the smaller head.
        first_size: u64,
        /// Its root.
        first_root: Hash,
        /// Leaves of the larger head.
        second_size: u64,
        /// Its root.
        second_root: Hash,
        /// SHA-256 of the evidence file.
        evidence: Hash,
    },
}

/// One interval of a joint auction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct JointInterval {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The one price.
    pub price: Price,
    /// Watt-hours traded, in bundles or not.
    pub volume: WattHours,
    /// What bundles sold of it.
    pub sold_in_bundles: WattHours,
    /// What bundles bought of it.
    pub bought_in_bundles: WattHours,
}

/// What became of a bundle.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum BundleState {
    /// All its legs are filled.
    Accepted,
    /// None is: a leg could not be filled whole, or the bundle would not have got its limit.
    Rejected,
    /// It took no part: an interval of it takes none.
    LeftOut,
}

/// The part that an order had in a continuous trade.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TradeRole {
    /// It rested, and made the price.
    Maker,
    /// It came in, or was changed, and took it.
    Taker,
}

impl TradeRole {
    /// The part in one word.
    pub fn name(self) -> &'static str {
        match self {
            TradeRole::Maker => "maker",
            TradeRole::Taker => "taker",
        }
    }
}

/// Energy and its volume-weighted price.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct AveragePrice {
    /// Watt-hours.
    pub volume: WattHours,
    /// Rounded down; none where nothing was traded.
    pub price: Option<Price>,
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
    /// On the 8th of the next month, on the readings as they are by then.
    Final,
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
            Fact::PointAdjusted { .. } => "point_adjusted",
            Fact::IntervalAdjusted { .. } => "interval_adjusted",
            Fact::CertificateAdjusted { .. } => "certificate_adjusted",
            Fact::DeliveryAdjusted { .. } => "delivery_adjusted",
            Fact::RunHeld { .. } => "run_held",
            Fact::MonthClosed { .. } => "month_closed",
            Fact::ReadingCorrected { .. } => "reading_corrected",
            Fact::KeyFrozen { .. } => "key_frozen",
            Fact::RegisterRestarted { .. } => "register_restarted",
            Fact::MinimumMissed { .. } => "minimum_missed",
            Fact::AuctionHalted { .. } => "auction_halted",
            Fact::OrdersCancelled { .. } => "orders_cancelled",
            Fact::DayPriced { .. } => "day_priced",
            Fact::Certificate(fact) => fact.name(),
            Fact::OrderMatched { .. } => "order_matched",
            Fact::RemainderCancelled { .. } => "remainder_cancelled",
            Fact::ContinuousClosed { .. } => "continuous_closed",
            Fact::PointCharged { .. } => "point_charged",
            Fact::MonthInvoiced { .. } => "month_invoiced",
            Fact::MonthBalanced { .. } => "month_balanced",
            Fact::MonthHeld { .. } => "month_held",
            Fact::UtilityBilled { .. } => "utility_billed",
            Fact::UtilityBillReversed { .. } => "utility_bill_reversed",
            Fact::ResidueMoved { .. } => "residue_moved",
            Fact::DefaultCovered { .. } => "default_covered",
            Fact::GainCut { .. } => "gain_cut",
            Fact::DefaultCleared => "default_cleared",
            Fact::JointCleared { .. } => "joint_cleared",
            Fact::BundleClosed { .. } => "bundle_closed",
            Fact::JointFilled { .. } => "joint_filled",
            Fact::KeyConvicted { .. } => "key_convicted",
            Fact::NodesConvicted { .. } => "nodes_convicted",
        }
    }
}

fn as_text<S: serde::Serializer>(order: &OrderId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(order)
}
