//! The names of the promises that a settlement can break.

use thiserror::Error;

use crate::point::PointId;
use crate::settlement::PostingKind;
use crate::units::{Price, WattHours};

/// Which promise a settlement breaks. Money is in nano-yuan, in `i128`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvariantError {
    /// The settlement is about other points than the inputs.
    #[error("the settlement holds other points than its inputs")]
    PointsDiffer,
    /// A quantity of a point does not follow from its inputs.
    #[error("{quantity} of {point} does not follow from its inputs")]
    QuantityDiffers {
        /// The point.
        point: PointId,
        /// Which quantity.
        quantity: &'static str,
    },
    /// More transfers of certificates than their pairing can leave.
    #[error("{count} transfers of certificates are more than two for each point")]
    TooManyTransfers {
        /// How many.
        count: usize,
    },
    /// A price that the park's and the points' prices decide is another.
    #[error("the {price} is {found} and should be {expected}")]
    PriceDiffers {
        /// Which price.
        price: &'static str,
        /// What the settlement says.
        found: Price,
        /// What it must be.
        expected: Price,
    },
    /// 1: ΣK is not zero.
    #[error("contracts sum to {sum} and not to zero")]
    ContractsUnbalanced {
        /// ΣK.
        sum: WattHours,
    },
    /// 1: the pool sold another quantity than it bought.
    #[error("the pool sold {sold} and bought {bought}")]
    PoolUnbalanced {
        /// What asks were filled.
        sold: WattHours,
        /// What bids were filled.
        bought: WattHours,
    },
    /// 1: out − in is not DL − DS, or ΣN is not what is unmatched.
    #[error("{flow} is {found} and should be {expected}")]
    FlowUnbalanced {
        /// Which balance.
        flow: &'static str,
        /// What the settlement says.
        found: WattHours,
        /// What it must be.
        expected: WattHours,
    },
    /// 2: the postings of a kind do not sum to zero.
    #[error("postings of kind {kind:?} sum to {sum_ncny} nCNY and not to zero")]
    PostingsUnbalanced {
        /// The kind.
        kind: PostingKind,
        /// Their sum.
        sum_ncny: i128,
    },
    /// 2: a point's credit is not the sum of its postings.
    #[error("the credit of {point} is not the sum of its postings, {postings_ncny} nCNY")]
    CreditDiffers {
        /// The point.
        point: PointId,
        /// The sum of its postings.
        postings_ncny: i128,
    },
    /// 3: a point without forward trades is worse off than with the grid alone, or an unenrolled
    /// one is not exactly as well off.
    #[error(
        "{point} traded nothing forward and gets {credit_ncny} nCNY; \
         the grid alone brings {alone_ncny} nCNY"
    )]
    WorseThanGridAlone {
        /// The point.
        point: PointId,
        /// Its credit.
        credit_ncny: i128,
        /// What the grid alone brings.
        alone_ncny: i128,
    },
    /// 4: a point gets less than its trades and the grid-alone price of its tranches.
    #[error("{point} gets {credit_ncny} nCNY and is promised at least {floor_ncny} nCNY")]
    BelowFloor {
        /// The point.
        point: PointId,
        /// Its credit.
        credit_ncny: i128,
        /// The least that it is promised.
        floor_ncny: i128,
    },
    /// 5: balancing does not change by what the rule says.
    #[error("balancing changes by {found_ncny} nCNY and should change by {expected_ncny} nCNY")]
    BalancingDiffers {
        /// The sum of its postings.
        found_ncny: i128,
        /// What the rule says, never below zero.
        expected_ncny: i128,
    },
    /// 6: certificates sent and cancelled differ, in total or between postings and pairing.
    #[error("{sent} of certificates were sent, {cancelled} cancelled and {paired} paired")]
    CertificatesUnbalanced {
        /// Σ sent.
        sent: WattHours,
        /// Σ cancelled against need.
        cancelled: WattHours,
        /// Σ of the transfers.
        paired: WattHours,
    },
    /// 6: a point's certificates exceed what it delivered or received, or its transfers differ
    /// from them, or they come from substitutes.
    #[error("certificates of {point} break the rule: {rule}")]
    CertificatesWrong {
        /// The point.
        point: PointId,
        /// Which rule.
        rule: &'static str,
    },
}
