//! One point's amount of one interval, taken apart down to signed readings and orders.
//!
//! The export is read once. What the point's meters and orders say is gathered from the signed
//! events, the interval is settled again from that and from the other points' leaves, and every
//! figure is compared with the ledger's: what does not agree is in
//! [`Explanation::differences`].

mod adjustment;
mod amounts;
mod gather;
mod metered;

use crate::derived::{Run, TradeRole};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::registration::{MeterId, MeterKind, ParticipantId, TariffId};
use crate::state::registers::Ratio;
use crate::state::runs::Standing;
use crate::verify::entries::{Entries, EntriesError};
use crate::verify::source::Source;
use gather::Gathered;
use thiserror::Error;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{
    ForwardPosition, ParkTerms, PointSettlement, PointTerms, PostingKind,
};
use wattle_market::units::{Money, Price, WattHours};

/// All that one amount follows from. Energies in Wh, prices in micro-yuan per kWh, money in
/// nano-yuan, entries by their index in the log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Explanation {
    /// The log.
    pub origin: String,
    /// Entries of the export.
    pub size: u64,
    /// What the export's entries hash to.
    pub root: Hash,
    /// The park's name.
    pub park: String,
    /// The park's local clock, minutes ahead of UTC.
    pub utc_offset_minutes: i16,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The point.
    pub point: PointId,
    /// Whose it is.
    pub participant: ParticipantId,
    /// His name.
    pub name: String,
    /// The leaf that is explained.
    pub entry: u64,
    /// The park's leaf of the interval.
    pub interval_entry: u64,
    /// Which run.
    pub run: Run,
    /// Whether a later run can still change it.
    pub standing: Standing,
    /// What the final run made of what the initial run had posted, where that differs. All other
    /// figures here are then those of both runs together.
    pub adjustment: Option<Adjustment>,
    /// Prices and limits.
    pub terms: TermsUsed,
    /// The point's meters.
    pub meters: Vec<MeterUsed>,
    /// The gate auction, where the interval had orders.
    pub auction: Option<Auction>,
    /// The gate of a continuous market, where the interval had orders or trades.
    pub continuous: Option<Continuous>,
    /// The point's orders for the interval, as far as they left an entry.
    pub orders: Vec<OrderUsed>,
    /// Sums of the filled orders.
    pub position: ForwardPosition,
    /// Steps 1 to 8 as the ledger has them, which are those recomputed unless a difference is
    /// listed.
    pub line: PointSettlement,
    /// The pool's price.
    pub pool_price: Option<Price>,
    /// Watt-hours matched in the pool by all points.
    pub pool_volume: WattHours,
    /// Quantity × price = amount, by kind of posting.
    pub amounts: Vec<Amount>,
    /// The ledger's postings to the participant's account.
    pub postings: Vec<(PostingKind, Money)>,
    /// The ledger's sum of these.
    pub credit: Money,
    /// What the grid alone would have brought, likewise taken apart.
    pub grid_alone_amounts: Vec<Amount>,
    /// The ledger's sum of these.
    pub grid_alone: Money,
    /// Certificates issued to the point.
    pub issued: Option<Issued>,
    /// Certificates that came or went.
    pub deliveries: Vec<Delivery>,
    /// What was recomputed and does not agree with the ledger; empty where all does.
    pub differences: Vec<String>,
}

/// What a final run changed for the point.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Adjustment {
    /// The leaf of the final run.
    pub entry: u64,
    /// What the initial run had found; none where it was held.
    pub before: Option<Before>,
    /// Differences that were posted to the participant's account.
    pub postings: Vec<(PostingKind, Money)>,
    /// The point's meters that the final run saw otherwise. None of them: other points' figures
    /// changed, and with them the pool, the price of deviations or the certificates.
    pub meters: Vec<MeterChange>,
    /// Other points whose own energy changed, with their leaves.
    pub others: Vec<(PointId, u64)>,
}

/// What the initial run had found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Before {
    /// Its leaf.
    pub entry: u64,
    /// Quantities and sums.
    pub line: PointSettlement,
    /// The pool's price.
    pub pool_price: Option<Price>,
    /// Quantity × price = amount, by kind of posting.
    pub amounts: Vec<Amount>,
    /// What the grid alone would have brought on these figures.
    pub grid_alone: Money,
    /// Sum of the amounts.
    pub credit: Money,
}

/// One meter as both runs saw it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MeterChange {
    /// In the initial run; none where that was held.
    pub before: Option<MeterUsed>,
    /// In the final run.
    pub after: MeterUsed,
}

/// Prices that went in, and where they stand.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TermsUsed {
    /// The point's, pinned at gate closure.
    pub point: PointTerms,
    /// The park's, pinned at gate closure.
    pub park: ParkTerms,
    /// The retail tariff.
    pub tariff: TariffId,
    /// The entry that set the tariff.
    pub tariff_entry: u64,
    /// The entry that set the park's prices.
    pub park_entry: u64,
    /// The entry of the standing instruction; none: there was none, so the point is not enrolled.
    pub instruction_entry: Option<u64>,
    /// The entry of the schedule that took its place in this interval.
    pub schedule_entry: Option<u64>,
    /// h, the price of a shortfall: the greatest of f and all points' retail prices.
    pub shortfall_price: Price,
    /// l, the price of an excess: the least of f0 and all points' retail prices.
    pub excess_price: Price,
}

/// One meter's energy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MeterUsed {
    /// The meter.
    pub meter: MeterId,
    /// What it counts.
    pub kind: MeterKind,
    /// The entry that registered it.
    pub registered: u64,
    /// Energy of the interval.
    pub energy: WattHours,
    /// What its register's watt-hours are multiplied with at the interval's end.
    pub ratio: Ratio,
    /// Where the register started anew between the two registers.
    pub restarts: Vec<Restart>,
    /// Where the energy comes from.
    #[serde(flatten)]
    pub basis: Basis,
}

/// Where a meter's energy comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "basis", rename_all = "snake_case")]
pub enum Basis {
    /// Two registers were there.
    Readings {
        /// At the interval's start.
        before: RegisterRead,
        /// At its end.
        after: RegisterRead,
    },
    /// A substitute: the difference of the registers around a gap, distributed over it.
    KnownGap {
        /// The last register before.
        before: RegisterRead,
        /// The first register after.
        after: RegisterRead,
        /// The energy between them.
        total: WattHours,
        /// Intervals of the gap.
        intervals: u64,
        /// This interval's weight: its energy a week earlier, or 1 where the whole gap has none.
        weight: WattHours,
        /// Sum of all weights.
        weights: WattHours,
    },
    /// A substitute where no later register is known and more would favor the point: nothing.
    OpenGapNothing,
    /// A substitute where no later register is known: the most of the seven days before.
    OpenGapMost {
        /// The interval that had the most.
        of: DeliveryInterval,
    },
    /// A substitute without any history: the rating over a quarter of an hour.
    OpenGapRating {
        /// Watts.
        rated_w: u32,
    },
}

/// A register and who signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct RegisterRead {
    /// It was read at the end of this interval.
    pub interval: DeliveryInterval,
    /// What it showed.
    pub register: WattHours,
    /// The entry of the signed event.
    pub entry: u64,
    /// Whose signature that is: the meter's key, or the registrar's for a meter's first register
    /// and for a correction.
    pub signer: PublicKey,
    /// What the meter had signed, where the registrar corrected it.
    pub corrects: Option<Correction>,
}

/// A register that the registrar corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Correction {
    /// What it showed.
    pub register: WattHours,
    /// The entry of the meter's own event.
    pub entry: u64,
    /// The meter's key.
    pub signer: PublicKey,
}

/// A register that started anew in the course of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Restart {
    /// Why.
    pub kind: RestartKind,
    /// In which interval.
    pub interval: DeliveryInterval,
    /// The last register before.
    pub last: WattHours,
    /// The first register after.
    pub start: WattHours,
    /// What the register's watt-hours are multiplied with from there on.
    pub ratio: Ratio,
    /// The registrar's event.
    pub entry: u64,
}

/// Why a register started anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartKind {
    /// It was reset.
    Reset,
    /// Another device took its place.
    Replaced,
    /// Its transformers changed.
    Ratio,
}

/// The gate auction of the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Auction {
    /// Its leaf.
    pub entry: u64,
    /// The one price; none where nothing matched.
    pub price: Option<Price>,
    /// Watt-hours traded.
    pub volume: WattHours,
    /// Orders to buy.
    pub bids: u32,
    /// Orders to sell.
    pub offers: u32,
    /// The market was halted, and the orders were released without an auction.
    pub is_halted: bool,
}

/// The continuous market of the interval, as its gate tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Continuous {
    /// Its leaf.
    pub entry: u64,
    /// Trades of the whole park.
    pub trades: u64,
    /// Watt-hours traded.
    pub volume: WattHours,
    /// Their volume-weighted price; none where nothing traded.
    pub average: Option<Price>,
    /// Orders to buy that still rested.
    pub bids: u32,
    /// Orders to sell that still rested.
    pub offers: u32,
}

/// An order of the point for the interval.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OrderUsed {
    /// `KEY-SEQUENCE-ITEM`.
    pub order: String,
    /// The entry of the signed event.
    pub entry: u64,
    /// Buy or sell.
    pub side: Side,
    /// Ordered.
    pub quantity: WattHours,
    /// The worst price accepted.
    pub limit: Price,
    /// The least quantity accepted, where it has one.
    pub minimum: Option<WattHours>,
    /// Entries that changed quantity and limit to what they are here.
    pub changed_by: Vec<u64>,
    /// The leaf that says that the auction left it out for its minimum.
    pub missed: Option<u64>,
    /// What of it was traded before the gate, continuously or in a joint auction.
    pub fills: Vec<FillUsed>,
    /// It is a bundle's leg; the bundle's least net cash, which counts instead of the limit.
    pub bundle: Option<Money>,
    /// What became of it.
    #[serde(flatten)]
    pub fate: Fate,
}

/// One trade of an order before its gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct FillUsed {
    /// Its leaf.
    pub entry: u64,
    /// Traded.
    pub filled: WattHours,
    /// At this price.
    pub price: Price,
    /// Whether it rested or came in, in a continuous market; none: a joint auction filled it.
    pub role: Option<TradeRole>,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum Fate {
    /// A rule refused it.
    Refused {
        /// The refusal's number.
        code: u16,
    },
    /// It was taken back, or what was left of an immediate order was.
    Cancelled {
        /// By the event of this entry.
        by_entry: u64,
    },
    /// All of it was traded before the gate.
    Traded {
        /// The leaf of its last trade.
        by_entry: u64,
    },
    /// The gate closed on it.
    Closed {
        /// The leaf that says so.
        by_entry: u64,
        /// Traded.
        filled: WattHours,
        /// The auction's price; none where nothing was filled.
        price: Option<Price>,
    },
    /// Nothing of it is in the log.
    Unknown,
}

/// One product that went into the sum.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Amount {
    /// The posting it is part of.
    pub kind: PostingKind,
    /// What the quantity is.
    pub what: &'static str,
    /// Watt-hours: above zero where the point is paid for them, below where it pays.
    pub quantity: WattHours,
    /// Per kWh.
    pub price: Price,
    /// Their product, exactly.
    pub amount: Money,
}

/// A certificate bundle of the point's own generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Issued {
    /// Its leaf.
    pub entry: u64,
    /// Generated.
    pub quantity: WattHours,
    /// Used at the point itself.
    pub self_used: WattHours,
    /// Taken into storage.
    pub stored: WattHours,
    /// Lost.
    pub lost: WattHours,
    /// Delivered to other points.
    pub sent: WattHours,
    /// Left with the producer.
    pub held: WattHours,
}

/// Certificates between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Delivery {
    /// One of its two leaves.
    pub entry: u64,
    /// The generating point.
    pub from: PointId,
    /// The consuming point.
    pub to: PointId,
    /// Watt-hours.
    pub quantity: WattHours,
}

/// Why nothing is explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The export cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// An entry that the explanation needs has not its form.
    #[error("entry {0} is malformed; verify the export")]
    Malformed(u64),
    /// No such point.
    #[error("{0} is not registered in this export; look at the registry for its number")]
    UnknownPoint(PointId),
    /// The interval is held.
    #[error(
        "interval {interval} is not settled but held (entry {entry}): {reason}; \
         the registrar must resolve it"
    )]
    Held {
        /// Which interval.
        interval: DeliveryInterval,
        /// The leaf that says so.
        entry: u64,
        /// The ledger's reason.
        reason: String,
    },
    /// Nothing is settled there.
    #[error(
        "the export has no settlement of {point} in interval {interval}; \
         choose an interval from {from} on that ended an hour before the log was copied"
    )]
    NotSettled {
        /// The point.
        point: PointId,
        /// Which interval.
        interval: DeliveryInterval,
        /// The point's first interval.
        from: DeliveryInterval,
    },
    /// Figures of the log lie beyond what any settlement can have.
    #[error("an amount of {0} lies beyond 64 bits; verify the export")]
    OutOfRange(PointId),
}

/// Explains one point's settlement of one interval.
///
/// # Errors
/// [`ExplainError`]. Figures that do not agree with the ledger's are no error but
/// [`Explanation::differences`].
pub fn explain(
    source: &dyn Source,
    point: PointId,
    interval: DeliveryInterval,
) -> Result<Explanation, ExplainError> {
    let entries = Entries::open(source)?;
    let checkpoint = entries.checkpoint().clone();
    let gathered = Gathered::read_from(source, point, interval)?;
    amounts::explanation(&checkpoint, gathered)
}
