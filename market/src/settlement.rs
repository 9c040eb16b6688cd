//! Settlement of one interval: steps 1 to 8 of SETTLEMENT.md for all points of a park at once.

mod certificates;
mod energy;
mod input;
pub mod invariants;
mod pool;
mod posting;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits;
use crate::point::PointId;
use crate::points::Points;
use crate::units::{Money, Price, WattHours};

pub use energy::GreenSplit;
pub use input::{
    ConnectionEnergy, ForwardPosition, MeteredEnergy, ParkTerms, PointInput, PointTerms,
};
pub use invariants::InvariantError;
pub use posting::{Account, Posting, PostingKind, differences};

/// Energy by tranche (step 2). Each is zero or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Tranches {
    /// Own generation beyond the contract; alone it would receive f.
    pub green: WattHours,
    /// Other surplus beyond the contract; alone it would receive f0.
    pub other: WattHours,
    /// Bought forward and not used; alone it would receive l.
    pub long: WattHours,
    /// Needed beyond the contract; alone it would pay r.
    pub need: WattHours,
    /// Sold forward and not delivered; alone it would pay h.
    pub short: WattHours,
}

/// What a settlement found for one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PointSettlement {
    /// Step 1, N: positive where the point gave more than it took.
    pub net: WattHours,
    /// Step 1, L: read, or computed from the connection meter.
    pub load: WattHours,
    /// Step 1, s: the positive part of the net.
    pub surplus: WattHours,
    /// Step 1, n: the negative part of the net, as a positive number.
    pub need: WattHours,
    /// Step 1: where the point's own generation went.
    pub green: GreenSplit,
    /// Step 2, K = S − B.
    pub contracted: WattHours,
    /// Step 2, Δ = N − K.
    pub delta: WattHours,
    /// Step 2, P: the part of Δ that stands behind the point's own meters.
    pub physical: WattHours,
    /// Step 2, V = Δ − P.
    pub deviation: WattHours,
    /// Step 2: Δ by tranche.
    pub tranches: Tranches,
    /// Step 3: what of each tranche the pool took or gave.
    pub pool: Tranches,
    /// Step 4: what of each tranche was left to the grid and to balancing.
    pub unmatched: Tranches,
    /// Step 5: the part of the need that came from within the park, by contract or pool.
    pub received: WattHours,
    /// Step 5: w × received, which the point pays.
    pub wheeling: Money,
    /// Step 8, fi: the part of the need that was bought forward.
    pub forward_intake: WattHours,
    /// Step 8, pi = received − fi.
    pub pool_intake: WattHours,
    /// Step 8: whether all inputs of step 1 were readings. Without, the point neither gives nor
    /// gets certificates in this run, and the four fields below are zero.
    pub actual: bool,
    /// Step 8, d: green surplus that stayed within the park.
    pub delivered_green: WattHours,
    /// Step 8: certificates that leave with delivered energy.
    pub sent: WattHours,
    /// Step 8, g − sent: certificates of green surplus that stay with the producer.
    pub kept: WattHours,
    /// Step 8: certificates cancelled against the point's need.
    pub cancelled: WattHours,
    /// The sum of the point's postings of this run.
    pub credit: Money,
    /// What the same readings would have brought with the grid alone: f·g + f0·(s−g) − r·n.
    pub grid_alone: Money,
}

impl PointSettlement {
    /// The generation that certificates are issued for in this run: all of it, or none where an
    /// input of step 1 was a substitute.
    pub fn certified(&self) -> GreenSplit {
        if self.actual {
            self.green
        } else {
            GreenSplit::default()
        }
    }
}

/// Certificates that move with energy from a producer and are cancelled against a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct CertificateTransfer {
    /// Whose generation.
    pub from: PointId,
    /// Whose need.
    pub to: PointId,
    /// How much, above zero.
    pub quantity: WattHours,
}

/// Sums over the park.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct ParkTotals {
    /// `in` of step 5: received within the park.
    pub received: WattHours,
    /// `out` of step 5: given within the park.
    pub delivered: WattHours,
    /// DL of step 5: long that the pool did not take.
    pub long: WattHours,
    /// DS of step 5: short that the pool did not cover.
    pub short: WattHours,
    /// T of step 8: certificates sent, which is as many as were cancelled against need.
    pub certificates: WattHours,
    /// h: the price of a shortfall, max(f, all r).
    pub shortfall_price: Price,
    /// l: the price of an excess, min(f0, all r).
    pub excess_price: Price,
}

/// The settlement of one interval in one run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Settlement {
    /// The price of the surplus pool, `None` if nothing met in it.
    pub pool_price: Option<Price>,
    /// The energy that met in the pool.
    pub pool_volume: WattHours,
    /// What was found for each point.
    pub points: Points<PointSettlement>,
    /// The journal: by kind, within a kind the points in order, then the park's accounts.
    pub postings: Vec<Posting>,
    /// The certificates that moved, sorted by sender and receiver, each pair once.
    pub transfers: Vec<CertificateTransfer>,
    /// Sums over the park.
    pub totals: ParkTotals,
}

/// Why an interval cannot be settled as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettlementError {
    /// More points than the arithmetic is proved for.
    #[error(
        "{count} points are more than the {} that one park may have; split the park",
        limits::POINTS_MAX
    )]
    TooManyPoints {
        /// How many.
        count: usize,
    },
    /// A price of the park lies beyond its bounds.
    #[error("the park's {term} price of {price} is out of range; correct the park's terms")]
    ParkPriceOutOfRange {
        /// Which of its prices.
        term: &'static str,
        /// The price.
        price: Price,
    },
    /// f0 > f.
    #[error("the export price of {export} is above the feed-in price of {feed_in}; lower it")]
    ExportAboveFeedIn {
        /// f0.
        export: Price,
        /// f.
        feed_in: Price,
    },
    /// A price of a point lies beyond its bounds.
    #[error("the {term} price of {price} at {point} is out of range; correct the point's terms")]
    PointPriceOutOfRange {
        /// The point.
        point: PointId,
        /// Which of its prices.
        term: &'static str,
        /// The price.
        price: Price,
    },
    /// An energy is negative or beyond its bound.
    #[error("{energy} of {register} at {point} is out of range; correct the reading or position")]
    EnergyOutOfRange {
        /// The point.
        point: PointId,
        /// What the number counts.
        register: &'static str,
        /// The number.
        energy: WattHours,
    },
    /// ΣK ≠ 0.
    #[error("forward sales exceed purchases by {excess}; every trade needs both its legs")]
    ForwardEnergyUnbalanced {
        /// Σ sold − Σ bought.
        excess: WattHours,
    },
    /// ΣT ≠ 0.
    #[error(
        "the cash of forward trades sums to {excess_ncny} nCNY and not to zero; \
         every trade needs both its legs"
    )]
    ForwardCashUnbalanced {
        /// ΣT in nano-yuan.
        excess_ncny: i128,
    },
    /// An amount does not fit its account.
    #[error(
        "an amount for {account:?} does not fit 64 bits; check prices and energies of the interval"
    )]
    AmountOutOfRange {
        /// Whose amount.
        account: Account,
    },
    /// The result breaks one of the invariants: an error of ours, or in the rules.
    #[error("the settlement breaks an invariant and must be held for the registrar")]
    Invariant(#[from] InvariantError),
}

/// Settles one interval: steps 1 to 8 of SETTLEMENT.md, with all invariants that one run can
/// show checked on the result before it is given out.
///
/// # Errors
/// Where an input is out of bounds or forward trades are one-legged, or an invariant breaks.
pub fn settle(
    park: &ParkTerms,
    points: &Points<PointInput>,
) -> Result<Settlement, SettlementError> {
    input::check(park, points)?;
    let mut settlement = pool::run(park, points);
    certificates::assign(points, &mut settlement);
    posting::post(park, points, &mut settlement)?;
    invariants::check(park, points, &settlement)?;
    Ok(settlement)
}
