//! The promises that every settlement must keep (SETTLEMENT.md, "Invariants" 1 to 6).
//!
//! [`settle`](super::settle) checks its own result, so that a break is an error with a name and
//! never a posting. A verifier checks them again as claims about a settlement from the ledger.

mod error;

use super::{Account, ParkTerms, PointInput, PointSettlement, PostingKind, Settlement, Tranches};
use crate::limits;
use crate::point::PointId;
use crate::points::Points;
use crate::units::{Price, WattHours};

pub use error::InvariantError;

/// Checks invariants 1 to 6 of a settlement against its inputs, which must be within
/// [`crate::limits`]. The settlement itself may come from anywhere. The seventh invariant compares
/// runs and cannot be seen in one.
///
/// # Errors
/// The first promise that does not hold.
pub fn check(
    park: &ParkTerms,
    points: &Points<PointInput>,
    settlement: &Settlement,
) -> Result<(), InvariantError> {
    if !points.keys().eq(settlement.points.keys()) {
        return Err(InvariantError::PointsDiffer);
    }
    check_bounds(settlement)?;
    check_prices(park, points, settlement)?;
    for ((point, input), settled) in points.iter().zip(settlement.points.values()) {
        check_quantities(park, *point, input, settled)?;
        check_contract(*point, input, settled)?;
    }
    check_energy(settlement)?;
    let postings = PostingSums::of(settlement)?;
    let lines = points.iter().zip(settlement.points.values());
    for (((point, input), settled), credit) in lines.zip(postings.of_points) {
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

/// Claims that are gone through one after the other; the first that does not hold is kept.
#[derive(Default)]
struct Claims {
    broken: Option<&'static str>,
}

impl Claims {
    fn claim(self, what: &'static str, holds: bool) -> Claims {
        match (self.broken, holds) {
            (None, false) => Claims { broken: Some(what) },
            _ => self,
        }
    }

    /// Names the first quantity of a point that does not hold.
    fn check(self, point: PointId) -> Result<(), InvariantError> {
        match self.broken {
            Some(quantity) => Err(InvariantError::QuantityDiffers { point, quantity }),
            None => Ok(()),
        }
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

/// No number is so large that the sums below could overflow, wherever the settlement comes from.
fn check_bounds(settlement: &Settlement) -> Result<(), InvariantError> {
    const BOUND: u64 = limits::TRANCHE_MAX_WH as u64;
    let is_small = |energy: &WattHours| energy.0.unsigned_abs() <= BOUND;
    for (point, settled) in &settlement.points {
        Claims::default()
            .claim(
                "the size of a quantity",
                energies(settled).iter().all(is_small),
            )
            .check(*point)?;
    }
    // Each transfer uses up a sender or a receiver, at most twice over the two passes.
    let transfers = &settlement.transfers;
    if transfers.len() > 2 * settlement.points.len() {
        return Err(InvariantError::TooManyTransfers {
            count: transfers.len(),
        });
    }
    for transfer in transfers {
        let is_sound = transfer.quantity.0 > 0 && is_small(&transfer.quantity);
        Claims::default()
            .claim("the size of a transfer", is_sound)
            .check(transfer.from)?;
    }
    Ok(())
}

/// Every energy that a settlement holds for a point.
fn energies(settled: &PointSettlement) -> [WattHours; 34] {
    let PointSettlement {
        green,
        tranches,
        pool,
        unmatched,
        ..
    } = settled;
    [
        settled.net,
        settled.load,
        settled.surplus,
        settled.need,
        green.self_used,
        green.stored,
        green.surplus,
        green.lost,
        settled.contracted,
        settled.delta,
        settled.physical,
        settled.deviation,
        settled.received,
        settled.forward_intake,
        settled.pool_intake,
        settled.delivered_green,
        settled.sent,
        settled.kept,
        settled.cancelled,
        tranches.green,
        tranches.other,
        tranches.long,
        tranches.need,
        tranches.short,
        pool.green,
        pool.other,
        pool.long,
        pool.need,
        pool.short,
        unmatched.green,
        unmatched.other,
        unmatched.long,
        unmatched.need,
        unmatched.short,
    ]
}

/// h and l follow from the terms.
fn check_prices(
    park: &ParkTerms,
    points: &Points<PointInput>,
    settlement: &Settlement,
) -> Result<(), InvariantError> {
    let retail = || points.values().map(|input| input.terms.retail);
    let totals = &settlement.totals;
    let prices = [
        (
            "shortfall price",
            totals.shortfall_price,
            park.shortfall_price(retail()),
        ),
        (
            "excess price",
            totals.excess_price,
            park.excess_price(retail()),
        ),
    ];
    match prices
        .into_iter()
        .find(|(_, found, expected)| found != expected)
    {
        Some((price, found, expected)) => Err(InvariantError::PriceDiffers {
            price,
            found,
            expected,
        }),
        None => Ok(()),
    }
}

/// What step 2 says of one point follows from its net, its green surplus and its trades.
fn check_contract(
    point: PointId,
    input: &PointInput,
    settled: &PointSettlement,
) -> Result<(), InvariantError> {
    let contracted = input.position.sold.0 - input.position.bought.0;
    let tranches = &settled.tranches;
    // A sale is served from the green surplus first, a need by the purchases first.
    let green = (settled.green.surplus.0 - contracted.max(0)).max(0);
    let physical_surplus = (settled.surplus.0 - contracted.max(0)).clamp(0, settled.surplus.0);
    let need = (settled.need.0 - (-contracted).max(0)).clamp(0, settled.need.0);
    Claims::default()
        .claim("the contract", settled.contracted.0 == contracted)
        .claim(
            "the difference to the contract",
            settled.delta.0 == settled.net.0 - contracted,
        )
        .claim(
            "the physical part",
            settled.physical.0 == physical_surplus - need,
        )
        .claim(
            "the deviation",
            settled.deviation.0 == settled.delta.0 - settled.physical.0,
        )
        .claim("the green tranche", tranches.green.0 == green)
        .claim(
            "the other tranche",
            tranches.other.0 == physical_surplus - green,
        )
        .claim("the needed tranche", tranches.need.0 == need)
        .claim(
            "the long tranche",
            tranches.long == settled.deviation.positive_part(),
        )
        .claim(
            "the short tranche",
            tranches.short.0 == (-settled.deviation.0).max(0),
        )
        .check(point)
}

/// What steps 1, 3 and 5 say of one point hangs together and follows from its inputs.
fn check_quantities(
    park: &ParkTerms,
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
    Claims::default()
        .claim("the net", settled.net.0 == net)
        .claim("the surplus", settled.surplus.0 == net.max(0))
        .claim("the need", settled.need.0 == (-net).max(0))
        // Invariant 6, first part.
        .claim(
            "the green split",
            parts.iter().sum::<i64>() == energy.generation.0,
        )
        .claim("the green split", parts.iter().all(|part| *part >= 0))
        .claim("the green surplus", green.surplus <= settled.surplus)
        .claim("the split of the tranches", split)
        .claim(
            "the pool",
            input.terms.enrolled || settled.pool == Tranches::default(),
        )
        .claim("the received energy", settled.received.0 == received)
        .claim(
            "the wheeling",
            i128::from(settled.wheeling.0) == product(settled.received, park.wheeling),
        )
        .claim(
            "the intake",
            settled.forward_intake.0 + settled.pool_intake.0 == received,
        )
        .claim(
            "the intake",
            settled.forward_intake.0 >= 0 && settled.pool_intake.0 >= 0,
        )
        .claim("the state of its readings", settled.actual == energy.actual)
        .check(point)
}

/// Energies of a park, summed over its points.
#[derive(Default)]
struct EnergySums {
    contracted: i64,
    pool_sold: i64,
    pool_bought: i64,
    received: i64,
    delivered: i64,
    long: i64,
    short: i64,
    net: i64,
    net_unmatched: i64,
}

impl EnergySums {
    fn of(settlement: &Settlement) -> EnergySums {
        let mut sums = EnergySums::default();
        for settled in settlement.points.values() {
            let (pool, unmatched) = (&settled.pool, &settled.unmatched);
            sums.contracted += settled.contracted.0;
            sums.pool_sold += pool.green.0 + pool.other.0 + pool.long.0;
            sums.pool_bought += pool.need.0 + pool.short.0;
            sums.received += settled.received.0;
            sums.delivered += settled.surplus.0 - unmatched.green.0 - unmatched.other.0;
            sums.long += unmatched.long.0;
            sums.short += unmatched.short.0;
            sums.net += settled.net.0;
            sums.net_unmatched += net_of(unmatched);
        }
        sums
    }
}

/// Invariant 1.
fn check_energy(settlement: &Settlement) -> Result<(), InvariantError> {
    let sums = EnergySums::of(settlement);
    if sums.contracted != 0 {
        return Err(InvariantError::ContractsUnbalanced {
            sum: WattHours(sums.contracted),
        });
    }
    let (sold, bought) = (sums.pool_sold, sums.pool_bought);
    if sold != bought || sold != settlement.pool_volume.0 {
        let (sold, bought) = (WattHours(sold), WattHours(bought));
        return Err(InvariantError::PoolUnbalanced { sold, bought });
    }
    let totals = &settlement.totals;
    let flows = [
        ("what was received", totals.received.0, sums.received),
        ("what was delivered", totals.delivered.0, sums.delivered),
        ("what is long", totals.long.0, sums.long),
        ("what is short", totals.short.0, sums.short),
        (
            "delivered less received",
            sums.delivered - sums.received,
            sums.long - sums.short,
        ),
        ("the park's net", sums.net, sums.net_unmatched),
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
    /// By the points' places.
    of_points: Vec<i128>,
    of_balancing: i128,
}

impl PostingSums {
    /// Invariant 2, for each kind by itself.
    fn of(settlement: &Settlement) -> Result<PostingSums, InvariantError> {
        let mut kinds = [0; PostingKind::ALL.len()];
        let mut sums = PostingSums {
            of_points: vec![0; settlement.points.len()],
            of_balancing: 0,
        };
        let mut near = 0;
        for posting in &settlement.postings {
            let amount = i128::from(posting.amount.0);
            kinds[posting.kind.place()] += amount;
            match posting.account {
                Account::Point(point) => {
                    if let Some(place) = settlement.points.place(point, &mut near) {
                        sums.of_points[place] += amount;
                    }
                }
                Account::Balancing => sums.of_balancing += amount,
                Account::Clearing | Account::Grid | Account::Network => {}
            }
        }
        let mut kinds = PostingKind::ALL.into_iter().zip(kinds);
        match kinds.find(|(_, sum)| *sum != 0) {
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
    let lines = &settlement.points;
    // By the points' places: what was sent, and what was cancelled.
    let mut carried = vec![(0, 0); lines.len()];
    let (mut near_from, mut near_to) = (0, 0);
    for transfer in &settlement.transfers {
        if let Some(place) = lines.place(transfer.from, &mut near_from) {
            carried[place].0 += transfer.quantity.0;
        }
        if let Some(place) = lines.place(transfer.to, &mut near_to) {
            carried[place].1 += transfer.quantity.0;
        }
    }
    let (mut sent_sum, mut cancelled_sum) = (0, 0);
    for ((point, settled), (sent, cancelled)) in lines.iter().zip(carried) {
        let certified = settled.certified();
        let rules = Claims::default()
            .claim("transfers carry what was sent", sent == settled.sent.0)
            .claim(
                "transfers carry what was cancelled",
                cancelled == settled.cancelled.0,
            )
            .claim(
                "no more is sent than was delivered",
                settled.sent <= settled.delivered_green,
            )
            .claim(
                "no more is delivered than was read",
                settled.delivered_green <= certified.surplus,
            )
            .claim(
                "what is not sent is kept",
                settled.sent.0 + settled.kept.0 == certified.surplus.0 && settled.kept.0 >= 0,
            )
            .claim(
                "no more is cancelled than was received",
                settled.cancelled <= settled.received,
            )
            .claim(
                "none is cancelled against a substitute",
                settled.actual || settled.cancelled.0 == 0,
            );
        if let Some(rule) = rules.broken {
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
