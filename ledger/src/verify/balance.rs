//! What must hold within every interval, checked on the leaves with nothing but sums.
//!
//! A replay already shows that the leaves follow from the events. These checks are independent of
//! the state machine: were its arithmetic wrong, they would show it.

use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::OrderId;
use crate::state::certificates::Bundle;
use crate::verify::claim::{Claim, Findings};
use crate::verify::joint;
use crate::verify::replay::Leaf;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{PointSettlement, PostingKind};
use wattle_market::units::{Money, WattHours};

/// Sums over one interval's leaves of one batch.
#[derive(Debug, Default)]
struct Sums {
    first: u64,
    sold: i128,
    bought: i128,
    volume: Option<i128>,
    /// Orders that the auction left out for their minimum.
    missed: BTreeSet<OrderId>,
    postings: i128,
    imbalance: i128,
    settled: bool,
    /// Twice what each point sent and cancelled, less each of the two leaves of each delivery.
    sent: BTreeMap<PointId, i128>,
    cancelled: BTreeMap<PointId, i128>,
    /// With the entry that says so.
    issued: BTreeMap<PointId, (u64, i128)>,
    certified: BTreeMap<PointId, i128>,
}

/// Checks one complete batch.
pub(crate) fn check_batch(leaves: &[Leaf], findings: &mut Findings) {
    let mut intervals: BTreeMap<DeliveryInterval, Sums> = BTreeMap::new();
    for leaf in leaves {
        let Entry::Derived { fact, .. } = &leaf.entry else {
            continue;
        };
        if !is_index_sound(fact) {
            let reason = "the price index does not lie between its parts";
            findings.fail(Claim::Trades, Some(leaf.index), reason);
        }
        if let Some(interval) = interval_of(fact) {
            let sums = intervals.entry(interval).or_insert_with(|| Sums {
                first: leaf.index,
                ..Sums::default()
            });
            add(sums, leaf.index, fact, findings);
        }
    }
    for sums in intervals.values() {
        check_sums(sums, findings);
    }
    joint::check_batch(leaves, findings);
}

/// Volumes add up, and the price of both lies between those of auction and pool.
fn is_index_sound(fact: &Fact) -> bool {
    let Fact::DayPriced {
        auction,
        pool,
        together,
        ..
    } = fact
    else {
        return true;
    };
    let parts = [auction.price, pool.price];
    let prices = || parts.iter().flatten();
    wide(together.volume) == wide(auction.volume) + wide(pool.volume)
        && prices().min() <= together.price.as_ref()
        && together.price.as_ref() <= prices().max()
        && [auction, pool, together]
            .iter()
            .all(|average| (average.volume.0 > 0) == average.price.is_some())
}

fn interval_of(fact: &Fact) -> Option<DeliveryInterval> {
    match fact {
        Fact::IntervalCleared { interval, .. }
        | Fact::PointSettled { interval, .. }
        | Fact::MinimumMissed { interval, .. }
        | Fact::AuctionHalted { interval, .. }
        | Fact::IntervalSettled { interval, .. }
        | Fact::SettlementHeld { interval, .. }
        | Fact::CertificateIssued { interval, .. }
        | Fact::CertificateDelivered { interval, .. } => Some(*interval),
        Fact::OrderClosed { item, .. } => Some(item.interval),
        Fact::ContinuousClosed { interval, .. } => Some(*interval),
        Fact::PointAdjusted { interval, .. }
        | Fact::IntervalAdjusted { interval, .. }
        | Fact::CertificateAdjusted { interval, .. }
        | Fact::DeliveryAdjusted { interval, .. } => Some(*interval),
        Fact::FundsMoved { .. }
        | Fact::RunHeld { .. }
        | Fact::MonthClosed { .. }
        | Fact::ReadingCorrected { .. }
        | Fact::OrdersCancelled { .. }
        | Fact::KeyFrozen { .. }
        | Fact::KeyConvicted { .. }
        | Fact::NodesConvicted { .. }
        | Fact::DayPriced { .. }
        | Fact::Certificate(_)
        // Their sums run over many batches: see `matching`.
        | Fact::OrderMatched { .. }
        | Fact::JointCleared { .. }
        | Fact::BundleClosed { .. }
        | Fact::JointFilled { .. }
        | Fact::RemainderCancelled { .. }
        | Fact::RegisterRestarted { .. } => None,
        // Months have books of their own.
        Fact::PointCharged { .. }
        | Fact::MonthInvoiced { .. }
        | Fact::MonthBalanced { .. }
        | Fact::MonthHeld { .. }
        | Fact::UtilityBilled { .. }
        | Fact::UtilityBillReversed { .. }
        | Fact::ResidueMoved { .. }
        | Fact::DefaultCovered { .. }
        | Fact::GainCut { .. }
        | Fact::DefaultCleared => None,
    }
}

fn add(sums: &mut Sums, index: u64, fact: &Fact, findings: &mut Findings) {
    match fact {
        Fact::IntervalCleared { volume, .. } => sums.volume = Some(i128::from(volume.0)),
        // Without an auction nothing is sold or bought.
        Fact::AuctionHalted { .. } | Fact::ContinuousClosed { .. } => sums.volume = Some(0),
        Fact::MinimumMissed { order, .. } => {
            sums.missed.insert(*order);
        }
        Fact::OrderClosed {
            order,
            item,
            filled,
            price,
        } => {
            let filled_wh = i128::from(filled.0);
            let within = match (item.side, price) {
                (_, None) => filled_wh == 0,
                (Side::Sell, Some(price)) => *price >= item.limit,
                (Side::Buy, Some(price)) => *price <= item.limit,
            };
            if !within || filled.0 < 0 || *filled > item.quantity {
                let reason = "the order is filled beyond its quantity or its limit";
                findings.fail(Claim::Trades, Some(index), reason);
            }
            if filled_wh > 0 && sums.missed.contains(order) {
                let reason = "the order is filled although it was left out of the auction";
                findings.fail(Claim::Trades, Some(index), reason);
            }
            match item.side {
                Side::Sell => sums.sold += filled_wh,
                Side::Buy => sums.bought += filled_wh,
            }
        }
        Fact::PointSettled {
            point,
            line,
            postings,
            ..
        } => {
            sums.settled = true;
            check_line(index, (None, line), postings, findings);
            sums.postings += postings
                .iter()
                .map(|(_, amount)| i128::from(amount.0))
                .sum::<i128>();
            sums.line(*point, line, 1);
        }
        // What a later run changes is checked as what it found less what was found before.
        Fact::PointAdjusted {
            point,
            before,
            line,
            postings,
            ..
        } => {
            sums.settled = true;
            check_line(index, (before.as_deref(), line), postings, findings);
            let amounts = postings.iter().map(|(_, amount)| i128::from(amount.0));
            sums.postings += amounts.sum::<i128>();
            sums.line(*point, line, 1);
            if let Some(before) = before {
                sums.line(*point, before, -1);
            }
        }
        Fact::IntervalSettled { postings, .. } | Fact::IntervalAdjusted { postings, .. } => {
            let amounts = postings.iter().map(|(_, _, amount)| i128::from(amount.0));
            sums.postings += amounts.sum::<i128>();
        }
        Fact::CertificateIssued {
            point,
            quantity,
            self_used,
            stored,
            lost,
            sent,
            held,
            ..
        } => {
            let bundle = Bundle {
                issued: *quantity,
                self_used: *self_used,
                stored: *stored,
                lost: *lost,
                sent: *sent,
                held: *held,
            };
            check_bundle(index, &bundle, findings);
            sums.issued.insert(*point, (index, i128::from(quantity.0)));
        }
        Fact::CertificateAdjusted {
            point,
            before,
            after,
            ..
        } => {
            check_bundle(index, before, findings);
            check_bundle(index, after, findings);
            let issued = i128::from(after.issued.0) - i128::from(before.issued.0);
            sums.issued.insert(*point, (index, issued));
        }
        Fact::DeliveryAdjusted {
            from,
            to,
            before,
            after,
            ..
        } => {
            let moved = i128::from(after.0) - i128::from(before.0);
            *sums.sent.entry(*from).or_default() -= moved;
            *sums.cancelled.entry(*to).or_default() -= moved;
        }
        // Two equal leaves tell one delivery: one to the sender and one to the receiver.
        Fact::CertificateDelivered {
            from, to, quantity, ..
        } => {
            *sums.sent.entry(*from).or_default() -= i128::from(quantity.0);
            *sums.cancelled.entry(*to).or_default() -= i128::from(quantity.0);
        }
        Fact::SettlementHeld { .. }
        | Fact::FundsMoved { .. }
        | Fact::RunHeld { .. }
        | Fact::MonthClosed { .. }
        | Fact::ReadingCorrected { .. }
        | Fact::OrdersCancelled { .. }
        | Fact::KeyFrozen { .. }
        | Fact::KeyConvicted { .. }
        | Fact::NodesConvicted { .. }
        | Fact::DayPriced { .. }
        | Fact::Certificate(_)
        | Fact::JointCleared { .. }
        | Fact::BundleClosed { .. }
        | Fact::JointFilled { .. }
        | Fact::OrderMatched { .. }
        | Fact::RemainderCancelled { .. }
        | Fact::RegisterRestarted { .. }
        | Fact::PointCharged { .. }
        | Fact::MonthInvoiced { .. }
        | Fact::MonthBalanced { .. }
        | Fact::MonthHeld { .. }
        | Fact::UtilityBilled { .. }
        | Fact::UtilityBillReversed { .. }
        | Fact::ResidueMoved { .. }
        | Fact::DefaultCovered { .. }
        | Fact::GainCut { .. }
        | Fact::DefaultCleared => {}
    }
}

impl Sums {
    /// Counts a point's line with a sign: what a later run found counts once, and what it
    /// replaces is taken off.
    fn line(&mut self, point: PointId, line: &PointSettlement, sign: i128) {
        self.imbalance += sign * (i128::from(line.net.0) - unmatched(line));
        let green = line.certified();
        let parts = [green.self_used, green.stored, green.surplus, green.lost];
        let certified: i128 = parts.iter().map(|part| i128::from(part.0)).sum();
        *self.certified.entry(point).or_default() += sign * certified;
        *self.sent.entry(point).or_default() += 2 * sign * i128::from(line.sent.0);
        *self.cancelled.entry(point).or_default() += 2 * sign * i128::from(line.cancelled.0);
    }
}

/// In 128 bits: a leaf may hold any numbers.
fn wide(energy: WattHours) -> i128 {
    i128::from(energy.0)
}

fn check_bundle(index: u64, bundle: &Bundle, findings: &mut Findings) {
    if !bundle.is_conserved() {
        let reason = "the parts of the certificate do not sum to its quantity";
        findings.fail(Claim::Certificates, Some(index), reason);
    }
}

fn unmatched(line: &PointSettlement) -> i128 {
    let left = &line.unmatched;
    i128::from(left.green.0) + i128::from(left.other.0) + i128::from(left.long.0)
        - i128::from(left.need.0)
        - i128::from(left.short.0)
}

fn check_line(
    index: u64,
    (before, line): (Option<&PointSettlement>, &PointSettlement),
    postings: &[(PostingKind, Money)],
    findings: &mut Findings,
) {
    let sum: i128 = postings
        .iter()
        .map(|(_, amount)| i128::from(amount.0))
        .sum();
    let posted = before.map_or(0, |before| i128::from(before.credit.0));
    if sum != i128::from(line.credit.0) - posted {
        let reason = "the postings do not sum to the point's credit";
        findings.fail(Claim::Journal, Some(index), reason);
    }
    let balanced = wide(line.net) == wide(line.surplus) - wide(line.need)
        && line.surplus.0 >= 0
        && line.need.0 >= 0
        && (line.surplus.0 == 0 || line.need.0 == 0)
        && wide(line.delta) == wide(line.net) - wide(line.contracted)
        && wide(line.delta) == wide(line.physical) + wide(line.deviation);
    if !balanced {
        let reason = "net, contract and deviation of the point do not add up";
        findings.fail(Claim::EnergyBalance, Some(index), reason);
    }
}

fn check_sums(sums: &Sums, findings: &mut Findings) {
    let entry = Some(sums.first);
    if sums.sold != sums.bought || sums.volume.is_some_and(|volume| volume != sums.sold) {
        let reason = format!("{} Wh were sold and {} Wh bought", sums.sold, sums.bought);
        findings.fail(Claim::Trades, entry, reason);
    }
    if sums.postings != 0 {
        let reason = format!("the interval's postings sum to {} nCNY", sums.postings);
        findings.fail(Claim::Journal, entry, reason);
    }
    if sums.imbalance != 0 {
        let reason = format!("{} Wh of the interval are unaccounted for", sums.imbalance);
        findings.fail(Claim::EnergyBalance, entry, reason);
    }
    if !sums.settled {
        return;
    }
    for (point, metered) in &sums.certified {
        let (index, issued) = sums.issued.get(point).copied().unwrap_or((sums.first, 0));
        if issued != *metered {
            let reason = format!("certificates for {issued} Wh, {metered} Wh were metered");
            findings.fail(Claim::Certificates, Some(index), reason);
        }
    }
    if sums
        .sent
        .values()
        .chain(sums.cancelled.values())
        .any(|left| *left != 0)
    {
        let reason = "certificates sent, delivered and cancelled differ";
        findings.fail(Claim::Certificates, entry, reason);
    }
}
