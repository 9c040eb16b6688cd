//! The promises that every settlement must keep (SETTLEMENT.md, "Invariants" 1 to 6).
//!
//! [`settle`](super::settle) checks its own result, so that a break is an error with a name and
//! never a posting. A verifier checks them again as claims about a settlement from the ledger.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Account, ParkTerms, PointInput, PointSettlement, PostingKind, Settlement, Tranches};
use crate::point::PointId;
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
        "{point} traded nothing forward and gets {credit_ncny} nCNY; the grid alone brings {alone_ncny} nCNY"
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

/// Checks invariants 1 to 6 of a settlement against its inputs, which must be within
/// [`crate::limits`]. The seventh compares runs and cannot be seen in one.
///
/// # Errors
/// The first promise that does not hold.
pub fn check(
    park: &ParkTerms,
    points: &BTreeMap<PointId, PointInput>,
    settlement: &Settlement,
) -> Result<(), InvariantError> {
    if !points.keys().eq(settlement.points.keys()) {
        return Err(InvariantError::PointsDiffer);
    }
    for ((point, input), settled) in points.iter().zip(settlement.points.values()) {
        check_quantities(*point, input, settled)?;
    }
    check_energy(settlement)?;
    let postings = PostingSums::of(settlement)?;
    for ((point, input), settled) in points.iter().zip(settlement.points.values()) {
        let credit = postings.of_points.get(point).copied().unwrap_or(0);
        if credit != i128::from(settled.credit.0) {
            return Err(InvariantError::CreditDiffers {
                point: *point,
                postings_ncny: credit,
            });
        }
        check_credit(park, settlement, *point, input, settled)?;
    }
    check_balancing(park, settlement, postings.of_balancing)?;
    check_certificates(settlement)
}

fn product(energy: WattHours, price: Price) -> i128 {
    i128::from(energy.0) * i128::from(price.0)
}

/// Names the first quantity that does not hold.
fn require(point: PointId, claims: &[(&'static str, bool)]) -> Result<(), InvariantError> {
    match claims.iter().find(|(_, holds)| !holds) {
        Some(&(quantity, _)) => Err(InvariantError::QuantityDiffers { point, quantity }),
        None => Ok(()),
    }
}

/// The sum of a point's tranches as a net quantity: given is positive.
fn net_of(tranches: &Tranches) -> i64 {
    tranches.green.0 + tranches.other.0 + tranches.long.0 - tranches.need.0 - tranches.short.0
}

fn each(tranches: &Tranches) -> [i64; 5] {
    [
        tranches.green,
        tranches.other,
        tranches.long,
        tranches.need,
        tranches.short,
    ]
    .map(|q| q.0)
}

/// What steps 1 to 5 say of one point hangs together and follows from its inputs.
fn check_quantities(
    point: PointId,
    input: &PointInput,
    settled: &PointSettlement,
) -> Result<(), InvariantError> {
    let energy = &input.energy;
    let net = match energy.connection {
        Some(connection) => connection.export.0 - connection.import.0,
        None => energy.generation.0 + energy.discharge.0 - energy.load.0 - energy.charge.0,
    };
    let green = &settled.green;
    let parts = [green.self_used, green.stored, green.surplus, green.lost].map(|part| part.0);
    let (tranches, pool, unmatched) = (
        each(&settled.tranches),
        each(&settled.pool),
        each(&settled.unmatched),
    );
    let split =
        (0..5).all(|i| pool[i] >= 0 && unmatched[i] >= 0 && tranches[i] == pool[i] + unmatched[i]);
    let received = settled.need.0 - settled.unmatched.need.0;
    require(
        point,
        &[
            ("the net", settled.net.0 == net),
            ("the surplus", settled.surplus.0 == net.max(0)),
            ("the need", settled.need.0 == (-net).max(0)),
            // Invariant 6, first part.
            (
                "the green split",
                parts.iter().sum::<i64>() == energy.generation.0,
            ),
            ("the green split", parts.iter().all(|part| *part >= 0)),
            ("the green surplus", green.surplus <= settled.surplus),
            (
                "the contract",
                settled.contracted.0 == input.position.sold.0 - input.position.bought.0,
            ),
            (
                "the tranches",
                net_of(&settled.tranches) == net - settled.contracted.0,
            ),
            ("the split of the tranches", split),
            (
                "the pool",
                input.terms.enrolled || settled.pool == Tranches::default(),
            ),
            ("the received energy", settled.received.0 == received),
            (
                "the intake",
                settled.forward_intake.0 + settled.pool_intake.0 == received,
            ),
            (
                "the intake",
                settled.forward_intake.0 >= 0 && settled.pool_intake.0 >= 0,
            ),
            ("the state of its readings", settled.actual == energy.actual),
        ],
    )
}

/// Invariant 1.
fn check_energy(settlement: &Settlement) -> Result<(), InvariantError> {
    let sum = |quantity: &dyn Fn(&PointSettlement) -> i64| -> i64 {
        settlement.points.values().map(quantity).sum()
    };
    let contracts = sum(&|settled| settled.contracted.0);
    if contracts != 0 {
        return Err(InvariantError::ContractsUnbalanced {
            sum: WattHours(contracts),
        });
    }
    let sold = sum(&|settled| settled.pool.green.0 + settled.pool.other.0 + settled.pool.long.0);
    let bought = sum(&|settled| settled.pool.need.0 + settled.pool.short.0);
    if sold != bought || sold != settlement.pool_volume.0 {
        let (sold, bought) = (WattHours(sold), WattHours(bought));
        return Err(InvariantError::PoolUnbalanced { sold, bought });
    }
    let totals = &settlement.totals;
    let delivered =
        sum(&|settled| settled.surplus.0 - settled.unmatched.green.0 - settled.unmatched.other.0);
    let flows = [
        (
            "what was received",
            totals.received.0,
            sum(&|settled| settled.received.0),
        ),
        ("what was delivered", totals.delivered.0, delivered),
        (
            "what is long",
            totals.long.0,
            sum(&|settled| settled.unmatched.long.0),
        ),
        (
            "what is short",
            totals.short.0,
            sum(&|settled| settled.unmatched.short.0),
        ),
        (
            "delivered less received",
            totals.delivered.0 - totals.received.0,
            totals.long.0 - totals.short.0,
        ),
        (
            "the park's net",
            sum(&|settled| settled.net.0),
            sum(&|settled| net_of(&settled.unmatched)),
        ),
    ];
    for (flow, found, expected) in flows {
        if found != expected {
            let (found, expected) = (WattHours(found), WattHours(expected));
            return Err(InvariantError::FlowUnbalanced {
                flow,
                found,
                expected,
            });
        }
    }
    Ok(())
}

/// The journal by account, found to be balanced.
struct PostingSums {
    of_points: BTreeMap<PointId, i128>,
    of_balancing: i128,
}

impl PostingSums {
    /// Invariant 2, for each kind by itself.
    fn of(settlement: &Settlement) -> Result<PostingSums, InvariantError> {
        let mut kinds: BTreeMap<PostingKind, i128> = BTreeMap::new();
        let mut sums = PostingSums {
            of_points: BTreeMap::new(),
            of_balancing: 0,
        };
        for posting in &settlement.postings {
            let amount = i128::from(posting.amount.0);
            *kinds.entry(posting.kind).or_default() += amount;
            match posting.account {
                Account::Point(point) => *sums.of_points.entry(point).or_default() += amount,
                Account::Balancing => sums.of_balancing += amount,
                Account::Clearing | Account::Grid | Account::Network => {}
            }
        }
        match kinds.into_iter().find(|(_, sum)| *sum != 0) {
            Some((kind, sum_ncny)) => Err(InvariantError::PostingsUnbalanced { kind, sum_ncny }),
            None => Ok(sums),
        }
    }
}

/// Invariants 3 and 4.
fn check_credit(
    park: &ParkTerms,
    settlement: &Settlement,
    point: PointId,
    input: &PointInput,
    settled: &PointSettlement,
) -> Result<(), InvariantError> {
    let credit_ncny = i128::from(settled.credit.0);
    let (retail, totals) = (input.terms.retail, &settlement.totals);
    let green = settled.green.surplus;
    let alone_ncny = product(green, park.feed_in)
        + product(WattHours(settled.surplus.0 - green.0), park.export)
        - product(settled.need, retail);
    if alone_ncny != i128::from(settled.grid_alone.0) {
        return Err(InvariantError::QuantityDiffers {
            point,
            quantity: "the grid-alone amount",
        });
    }
    let position = &input.position;
    let is_idle = position.sold.0 == 0 && position.bought.0 == 0 && position.cash.0 == 0;
    let differs = !input.terms.enrolled && credit_ncny != alone_ncny;
    if is_idle && (credit_ncny < alone_ncny || differs) {
        return Err(InvariantError::WorseThanGridAlone {
            point,
            credit_ncny,
            alone_ncny,
        });
    }
    let tranches = &settled.tranches;
    let floor_ncny = i128::from(position.cash.0)
        + product(tranches.green, park.feed_in)
        + product(tranches.other, park.export)
        + product(tranches.long, totals.excess_price)
        - product(tranches.need, retail)
        - product(tranches.short, totals.shortfall_price)
        - product(settled.forward_intake, park.wheeling);
    if credit_ncny < floor_ncny {
        return Err(InvariantError::BelowFloor {
            point,
            credit_ncny,
            floor_ncny,
        });
    }
    Ok(())
}

/// Invariant 5.
fn check_balancing(
    park: &ParkTerms,
    settlement: &Settlement,
    found_ncny: i128,
) -> Result<(), InvariantError> {
    let totals = &settlement.totals;
    let spread = Price(totals.shortfall_price.0 - totals.excess_price.0);
    let uncovered = WattHours(totals.short.0 - totals.long.0).positive_part();
    let expected_ncny =
        product(totals.long.min(totals.short), spread) + product(uncovered, park.wheeling);
    if found_ncny != expected_ncny || found_ncny < 0 {
        return Err(InvariantError::BalancingDiffers {
            found_ncny,
            expected_ncny,
        });
    }
    Ok(())
}

/// Invariant 6, without the split of generation.
fn check_certificates(settlement: &Settlement) -> Result<(), InvariantError> {
    let mut sent: BTreeMap<PointId, i64> = BTreeMap::new();
    let mut cancelled: BTreeMap<PointId, i64> = BTreeMap::new();
    for transfer in &settlement.transfers {
        *sent.entry(transfer.from).or_default() += transfer.quantity.0;
        *cancelled.entry(transfer.to).or_default() += transfer.quantity.0;
    }
    let (mut sent_sum, mut cancelled_sum) = (0, 0);
    for (point, settled) in &settlement.points {
        let certified = settled.certified();
        let rules = [
            (
                "transfers carry what was sent",
                sent.remove(point).unwrap_or(0) == settled.sent.0,
            ),
            (
                "transfers carry what was cancelled",
                cancelled.remove(point).unwrap_or(0) == settled.cancelled.0,
            ),
            (
                "no more is sent than was delivered",
                settled.sent <= settled.delivered_green,
            ),
            (
                "no more is delivered than was read",
                settled.delivered_green <= certified.surplus,
            ),
            (
                "what is not sent is kept",
                settled.sent.0 + settled.kept.0 == certified.surplus.0 && settled.kept.0 >= 0,
            ),
            (
                "no more is cancelled than was received",
                settled.cancelled <= settled.received,
            ),
            (
                "none is cancelled against a substitute",
                settled.actual || settled.cancelled.0 == 0,
            ),
        ];
        if let Some(&(rule, _)) = rules.iter().find(|(_, holds)| !holds) {
            return Err(InvariantError::CertificatesWrong {
                point: *point,
                rule,
            });
        }
        sent_sum += settled.sent.0;
        cancelled_sum += settled.cancelled.0;
    }
    let paired: i64 = settlement
        .transfers
        .iter()
        .map(|transfer| transfer.quantity.0)
        .sum();
    let is_balanced = sent_sum == cancelled_sum && sent_sum == paired;
    if !is_balanced || sent_sum != settlement.totals.certificates.0 {
        let (sent, cancelled) = (WattHours(sent_sum), WattHours(cancelled_sum));
        let paired = WattHours(paired);
        return Err(InvariantError::CertificatesUnbalanced {
            sent,
            cancelled,
            paired,
        });
    }
    Ok(())
}
