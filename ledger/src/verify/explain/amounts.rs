//! The explanation put together, settled again and compared with the ledger.

use crate::derived::Run;
use crate::log::checkpoint::Checkpoint;
use crate::state::runs::Standing;
use crate::verify::entries::{EntriesError, SettledInterval, SettledPoint};
use crate::verify::explain::gather::{Gathered, Seen};
use crate::verify::explain::{
    Amount, Basis, ExplainError, Explanation, Fate, MeterUsed, OrderUsed, TermsUsed,
};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::settlement::{
    ForwardPosition, MeteredEnergy, PointInput, PointSettlement, PostingKind, settle,
};
use wattle_market::units::{Money, Price, WattHours};

/// Puts together what was gathered.
pub(super) fn explanation(
    checkpoint: &Checkpoint,
    mut gathered: Gathered,
) -> Result<Explanation, ExplainError> {
    let (of, interval) = (gathered.of, gathered.interval);
    let genesis = gathered.genesis.take().ok_or(EntriesError::NoGenesis)?;
    let point = gathered.point.take();
    let point = point.ok_or(ExplainError::UnknownPoint(of))?;
    let utc_offset_minutes = genesis.body().utc_offset_minutes;
    let mut differences = Vec::new();
    let (settled, earlier) = match runs(&mut gathered, &mut differences) {
        Some(runs) => runs,
        None => return Err(not_settled(&mut gathered, point.from)),
    };
    let Some(leaf) = settled.points.get(&of).cloned() else {
        return Err(not_settled(&mut gathered, point.from));
    };
    let terms = terms_used(
        &gathered,
        &settled,
        (&leaf, point.tariff, utc_offset_minutes),
        &mut differences,
    )?;
    let orders: Vec<OrderUsed> = gathered.orders.values().cloned().collect();
    let (position, forward) = forward(&orders).ok_or(ExplainError::OutOfRange(of))?;
    let told = Told {
        gathered: &gathered,
        terms: &terms,
        position,
        forward: &forward,
    };
    let seen = gathered.last.as_ref().or(gathered.initial.as_ref());
    let meters = seen.map(|(_, meters)| meters.clone()).unwrap_or_default();
    let amounts = told.amounts(&settled, seen, &mut differences)?;
    let grid_alone_amounts = grid_alone(&leaf.line, &terms).ok_or(ExplainError::OutOfRange(of))?;
    compare_sums(&leaf, &amounts, &grid_alone_amounts, &mut differences);
    compare_certificates(&leaf, &gathered, &mut differences);
    let adjustment = told.adjustment(earlier.as_ref(), &mut differences)?;

    let participant = leaf.participant.unwrap_or(point.participant);
    let name = gathered.participants.get(&participant);
    Ok(Explanation {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        root: *checkpoint.root(),
        park: genesis.body().name.clone(),
        utc_offset_minutes,
        interval,
        point: of,
        participant,
        name: name.map(|known| known.name.clone()).unwrap_or_default(),
        entry: leaf.entry,
        interval_entry: settled.entry,
        run: leaf.run,
        standing: standing(&gathered),
        adjustment,
        terms,
        meters,
        auction: gathered.auction,
        continuous: gathered.continuous,
        orders,
        position,
        line: leaf.line,
        pool_price: settled.pool_price,
        pool_volume: settled.pool_volume,
        amounts,
        credit: leaf.line.credit,
        grid_alone_amounts,
        grid_alone: leaf.line.grid_alone,
        postings: leaf.postings,
        issued: gathered.issued,
        deliveries: gathered.deliveries.into_values().collect(),
        differences,
    })
}

/// The interval as all runs leave it, and as the initial run did where another followed.
fn runs(
    gathered: &mut Gathered,
    differences: &mut Vec<String>,
) -> Option<(SettledInterval, Option<SettledInterval>)> {
    let settled = gathered.settled.take();
    let Some(adjusted) = &gathered.adjusted else {
        return settled.map(|settled| (settled, None));
    };
    match adjusted.on(settled.as_ref()) {
        Ok(whole) => Some((whole, settled)),
        Err(reason) => {
            differences.push(reason);
            settled.map(|settled| (settled, None))
        }
    }
}

fn not_settled(gathered: &mut Gathered, from: DeliveryInterval) -> ExplainError {
    let (point, interval) = (gathered.of, gathered.interval);
    let held = gathered.held();
    held.unwrap_or(ExplainError::NotSettled {
        point,
        interval,
        from,
    })
}

fn standing(gathered: &Gathered) -> Standing {
    if !gathered.has_final_run() {
        Standing::Only
    } else if gathered.run_held.is_some() {
        Standing::Held
    } else if gathered.is_final {
        Standing::Final
    } else {
        Standing::Provisional
    }
}

/// What both runs share.
pub(super) struct Told<'a> {
    pub(super) gathered: &'a Gathered,
    pub(super) terms: &'a TermsUsed,
    position: ForwardPosition,
    forward: &'a [Amount],
}

impl Told<'_> {
    /// The products of one run, which is settled again on what it saw.
    pub(super) fn amounts(
        &self,
        settled: &SettledInterval,
        seen: Option<&Seen>,
        differences: &mut Vec<String>,
    ) -> Result<Vec<Amount>, ExplainError> {
        let of = self.gathered.of;
        let Some(leaf) = settled.points.get(&of) else {
            return Ok(Vec::new());
        };
        if let Some((energy, meters)) = seen {
            // A run that finds the same line leaves no leaf, also where a reading has taken the
            // place of a substitute of the same energy.
            let initial = self.gathered.initial.as_ref();
            let by = match (leaf.run, initial) {
                (Run::Initial, Some((_, initial))) => initial,
                _ => meters,
            };
            compare_substitutes(leaf, by, differences);
            let input = (leaf, self.position, *energy);
            settle_again(settled, input, self.gathered, differences);
        }
        let rest = of_line(&leaf.line, self.terms, settled.pool_price);
        let rest = rest.ok_or(ExplainError::OutOfRange(of))?;
        Ok(self.forward.iter().cloned().chain(rest).collect())
    }
}

fn terms_used(
    gathered: &Gathered,
    settled: &SettledInterval,
    (leaf, tariff, utc_offset_minutes): (&SettledPoint, crate::registration::TariffId, i16),
    differences: &mut Vec<String>,
) -> Result<TermsUsed, ExplainError> {
    let malformed = || ExplainError::Malformed(leaf.entry);
    let (_, tariff_entry, prices) = gathered.tariffs.get(&tariff).ok_or_else(malformed)?;
    let retail = prices
        .check()
        .map(|()| prices.price(gathered.interval, utc_offset_minutes));
    if retail != Ok(leaf.terms.retail) {
        let entry = leaf.entry;
        let reason = format!(
            "entry {entry} has a retail price that is not tariff {tariff}'s of entry {tariff_entry}"
        );
        differences.push(reason);
    }
    let (_, park_entry, park) = gathered.terms.as_ref().ok_or_else(malformed)?;
    if *park != settled.terms {
        let entry = settled.entry;
        differences.push(format!(
            "entry {entry} has other prices of the park than entry {park_entry} sets"
        ));
    }
    let instruction = gathered.instruction;
    let scheduled = gathered.schedule.as_ref().and_then(|(entry, entries)| {
        let mut entries = entries.iter();
        let fits = entries.find(|one| one.fits(gathered.interval, utc_offset_minutes));
        fits.map(|one| (*entry, (one.enrolled, one.ask_limit, one.bid_limit)))
    });
    let instructed = instruction.map(|one| (one.enrolled, one.ask_limit, one.bid_limit));
    let expected = scheduled.map(|(_, limits)| limits).or(instructed);
    let expected = expected.unwrap_or((false, Price::ZERO, None));
    let pinned = (
        leaf.terms.enrolled,
        leaf.terms.ask_limit,
        leaf.terms.bid_limit,
    );
    if expected != pinned {
        let entry = leaf.entry;
        differences.push(format!(
            "entry {entry} has another standing instruction than the one that stood at the gate"
        ));
    }
    let retails = || settled.points.values().map(|one| one.terms.retail);
    Ok(TermsUsed {
        point: leaf.terms,
        park: settled.terms,
        tariff,
        tariff_entry: *tariff_entry,
        park_entry: *park_entry,
        instruction_entry: instruction.map(|one| one.entry),
        schedule_entry: scheduled.map(|(entry, _)| entry),
        shortfall_price: settled.terms.shortfall_price(retails()),
        excess_price: settled.terms.excess_price(retails()),
    })
}

fn compare_substitutes(leaf: &SettledPoint, meters: &[MeterUsed], differences: &mut Vec<String>) {
    let substitutes = meters
        .iter()
        .filter(|meter| !matches!(meter.basis, Basis::Readings { .. }));
    if !substitutes
        .map(|meter| meter.kind)
        .eq(leaf.substituted.iter().copied())
    {
        let entry = leaf.entry;
        differences.push(format!("entry {entry} names other substitutes"));
    }
}

/// Settles the interval again: this point from its readings and orders, the others from their
/// leaves.
fn settle_again(
    settled: &SettledInterval,
    (leaf, position, energy): (&SettledPoint, ForwardPosition, MeteredEnergy),
    gathered: &Gathered,
    differences: &mut Vec<String>,
) {
    let Some(mut inputs) = settled.restored_inputs() else {
        differences.push("the interval's lines contradict themselves".to_owned());
        return;
    };
    let input = PointInput {
        terms: leaf.terms,
        position,
        energy,
    };
    inputs.insert(gathered.of, input);
    match settle(&settled.terms, &inputs) {
        Ok(again) => differences.extend(settled.differences(&again)),
        Err(error) => differences.push(error.to_string()),
    }
}

fn product(kind: PostingKind, what: &'static str, quantity: i64, price: Price) -> Option<Amount> {
    let quantity = WattHours(quantity);
    let amount = quantity.cost(price)?;
    Some(Amount {
        kind,
        what,
        quantity,
        price,
        amount,
    })
}

/// S, B and T of the filled orders, and each of these as an amount.
fn forward(orders: &[OrderUsed]) -> Option<(ForwardPosition, Vec<Amount>)> {
    let mut position = ForwardPosition::default();
    let mut amounts = Vec::new();
    for order in orders {
        let before = order.fills.iter().map(|fill| (fill.filled, fill.price));
        let at_gate = match order.fate {
            Fate::Closed {
                filled,
                price: Some(price),
                ..
            } => Some((filled, price)),
            _ => None,
        };
        for (filled, price) in before.chain(at_gate) {
            let amount = match order.side {
                Side::Sell => {
                    position.sold = position.sold.checked_add(filled)?;
                    product(PostingKind::Forward, "sold forward", filled.0, price)?
                }
                Side::Buy => {
                    position.bought = position.bought.checked_add(filled)?;
                    let paid = filled.0.checked_neg()?;
                    product(PostingKind::Forward, "bought forward", paid, price)?
                }
            };
            position.cash = position.cash.checked_add(amount.amount)?;
            amounts.push(amount);
        }
    }
    Some((position, amounts))
}

/// The products of steps 3 to 5; none of zero watt-hours.
fn of_line(
    line: &PointSettlement,
    terms: &TermsUsed,
    pool_price: Option<Price>,
) -> Option<Vec<Amount>> {
    use PostingKind::{Balancing, Grid, Pool, Wheeling};
    let (pool, left, park) = (&line.pool, &line.unmatched, &terms.park);
    let pooled = pool_price.unwrap_or_default();
    let rows = [
        (Pool, "own solar sold in the pool", pool.green.0, pooled),
        (Pool, "other surplus sold in the pool", pool.other.0, pooled),
        (
            Pool,
            "bought forward, unused, sold in the pool",
            pool.long.0,
            pooled,
        ),
        (
            Pool,
            "need bought in the pool",
            pool.need.0.checked_neg()?,
            pooled,
        ),
        (
            Pool,
            "sold forward, not delivered, bought in the pool",
            pool.short.0.checked_neg()?,
            pooled,
        ),
        (
            Grid,
            "own solar fed into the grid",
            left.green.0,
            park.feed_in,
        ),
        (
            Grid,
            "other surplus fed into the grid",
            left.other.0,
            park.export,
        ),
        (
            Grid,
            "need taken from the grid",
            left.need.0.checked_neg()?,
            terms.point.retail,
        ),
        (
            Balancing,
            "bought forward, unused, sold to balancing",
            left.long.0,
            terms.excess_price,
        ),
        (
            Balancing,
            "sold forward, not delivered, bought from balancing",
            left.short.0.checked_neg()?,
            terms.shortfall_price,
        ),
        (
            Wheeling,
            "carried to the point within the park",
            line.received.0.checked_neg()?,
            park.wheeling,
        ),
    ];
    rows.into_iter()
        .filter(|(_, _, quantity, _)| *quantity != 0)
        .map(|(kind, what, quantity, price)| product(kind, what, quantity, price))
        .collect()
}

/// f·g + f0·(s−g) − r·n.
pub(super) fn grid_alone(line: &PointSettlement, terms: &TermsUsed) -> Option<Vec<Amount>> {
    let green = line.green.surplus;
    let other = line.surplus.checked_sub(green)?;
    let need = line.need.0.checked_neg()?;
    let rows = [
        ("own solar fed into the grid", green.0, terms.park.feed_in),
        (
            "other surplus fed into the grid",
            other.0,
            terms.park.export,
        ),
        ("need taken from the grid", need, terms.point.retail),
    ];
    rows.into_iter()
        .filter(|(_, quantity, _)| *quantity != 0)
        .map(|(what, quantity, price)| product(PostingKind::Grid, what, quantity, price))
        .collect()
}

pub(super) fn compare_sums(
    leaf: &SettledPoint,
    amounts: &[Amount],
    grid_alone: &[Amount],
    differences: &mut Vec<String>,
) {
    let mut by_kind: BTreeMap<PostingKind, i128> = BTreeMap::new();
    for amount in amounts {
        *by_kind.entry(amount.kind).or_default() += i128::from(amount.amount.0);
    }
    by_kind.retain(|_, sum| *sum != 0);
    let posted: BTreeMap<PostingKind, i128> = leaf
        .postings
        .iter()
        .map(|(kind, amount)| (*kind, i128::from(amount.0)))
        .collect();
    let entry = leaf.entry;
    if by_kind != posted {
        differences.push(format!(
            "the products do not sum to the postings of entry {entry}"
        ));
    }
    let sum = |amounts: &[Amount]| -> i128 {
        let each = amounts.iter().map(|one| i128::from(one.amount.0));
        each.sum()
    };
    let is_other = |amounts: &[Amount], ledgers: Money| sum(amounts) != i128::from(ledgers.0);
    if is_other(amounts, leaf.line.credit) {
        differences.push(format!(
            "the products do not sum to the credit of entry {entry}"
        ));
    }
    if is_other(grid_alone, leaf.line.grid_alone) {
        differences.push(format!(
            "the products of the grid alone do not sum to that of entry {entry}"
        ));
    }
}

fn compare_certificates(leaf: &SettledPoint, gathered: &Gathered, differences: &mut Vec<String>) {
    let line = &leaf.line;
    let green = line.certified();
    let parts = |issued: &crate::verify::explain::Issued| {
        [
            issued.self_used,
            issued.stored,
            issued.lost,
            issued.sent,
            issued.held,
        ]
    };
    let expected = [
        green.self_used,
        green.stored,
        green.lost,
        line.sent,
        line.kept,
    ];
    let found = gathered.issued.as_ref().map(parts).unwrap_or_default();
    let moved = |is_sender: bool| -> i128 {
        let deliveries = gathered.deliveries.values();
        deliveries
            .filter(|one| is_sender == (one.from == gathered.of))
            .map(|one| i128::from(one.quantity.0))
            .sum()
    };
    if found != expected
        || moved(true) != i128::from(line.sent.0)
        || moved(false) != i128::from(line.cancelled.0)
    {
        let entry = leaf.entry;
        differences.push(format!(
            "the certificates in the log are not those of entry {entry}"
        ));
    }
}
