//! A month's close: demand charges and fees are posted, and everyone gets his invoice.
//!
//! It follows the final run of the month's last interval and is one item of its batch, as the
//! settlement of an interval is: its work grows with the points, not with the intervals.

use super::{ClosedMonth, Invoiced, MonthAccount, PARTICIPANTS, POINTS, of_month};
use crate::billing::MonthCloseTerms;
use crate::derived::Fact;
use crate::journal::{AccountId, JournalEntry};
use crate::registration::ParticipantId;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::settlement::PostingKind;
use wattle_market::units::{Money, WattHours};

/// What a participant is charged at the close, and what for.
#[derive(Debug, Clone, Copy, Default)]
struct Charges {
    demand: i128,
    fees: i128,
}

/// The park's sums over all invoices.
struct Totals {
    invoices: u32,
    demand: Money,
    fees: Money,
    collected: Money,
}

/// A close that can be posted.
struct Close {
    facts: Facts,
    entry: JournalEntry,
    invoices: BTreeMap<ParticipantId, Invoiced>,
    closed: ClosedMonth,
}

impl State {
    /// Closes a month whose intervals, of which these are the first and last, are final.
    pub(crate) fn close_month(
        &mut self,
        month: LocalMonth,
        (first, last): (DeliveryInterval, DeliveryInterval),
        facts: &mut Facts,
    ) {
        let Some(from) = self.months.from().filter(|from| *from <= last) else {
            return;
        };
        let first = first.max(from);
        let posted = self.prepare_close(month, (first, last)).and_then(|close| {
            let posted = self.accounts.post(&close.entry);
            posted.map_err(|refusal| refusal.sentence().to_owned())?;
            Ok(close)
        });
        match posted {
            Ok(close) => {
                facts.append(close.facts);
                self.take_close(month, close.invoices, close.closed);
            }
            // Nothing is posted, and what the close was to be made from stays.
            Err(reason) => {
                let held = Fact::MonthHeld { month, reason };
                facts.push((None, held));
            }
        }
    }

    fn prepare_close(
        &self,
        month: LocalMonth,
        range: (DeliveryInterval, DeliveryInterval),
    ) -> Result<Close, String> {
        let terms = self.months.terms_at(range.0);
        let terms = *terms.expect("month closes are put in force after their terms");
        let mut facts = Facts::kept();
        let charges = self.charge_points(month, &terms, &mut facts)?;
        let mut postings = Vec::new();
        let mut invoices = BTreeMap::new();
        let (mut demand, mut fees) = (0, 0);
        for (participant, account) in of_month(&self.months.accounts, month, PARTICIPANTS) {
            let charged = charges.get(&participant).copied().unwrap_or_default();
            let invoiced = invoice(month, participant, account, charged, &terms, &mut facts)?;
            let due = money(-charged.demand - charged.fees, participant)?;
            postings.push((AccountId::Participant(participant), due));
            invoices.insert(participant, invoiced);
            demand += charged.demand;
            fees += charged.fees;
        }
        let (demand, fees) = (park_money(demand)?, park_money(fees)?);
        postings.push((AccountId::Grid, demand));
        postings.push((AccountId::Fees, fees));
        // Whoever has a point that is counted has an account that is; were that ever wrong, the
        // month would wait, and no node would stop.
        let entry = JournalEntry::new(postings)
            .ok_or_else(|| "the postings do not sum to zero".to_owned())?;
        let sums = self.months.park.get(&month).copied().unwrap_or_default();
        let totals = Totals {
            invoices: u32::try_from(invoices.len()).expect("a park has 10,000 participants"),
            demand,
            fees,
            collected: park_money(sums.grid + i128::from(demand.0))?,
        };
        facts.push((None, self.month_balanced(month, range, &terms, &totals)?));
        let closed = ClosedMonth {
            collected: totals.collected,
            residue_owner: terms.residue_owner,
            bill: None,
        };
        Ok(Close {
            facts,
            entry,
            invoices,
            closed,
        })
    }

    /// One leaf for each point that took part, and the sums by participant.
    fn charge_points(
        &self,
        month: LocalMonth,
        terms: &MonthCloseTerms,
        facts: &mut Facts,
    ) -> Result<BTreeMap<ParticipantId, Charges>, String> {
        let mut charges: BTreeMap<ParticipantId, Charges> = BTreeMap::new();
        for (point, demand) in of_month(&self.months.demands, month, POINTS) {
            let participant = self.point(point).participant;
            let charge = money(terms.prices.demand_charge(demand.need), participant)?;
            let sum = charges.entry(participant).or_default();
            sum.demand += i128::from(charge.0);
            sum.fees += i128::from(terms.prices.fee.0);
            let fact = Fact::PointCharged {
                month,
                point,
                need: demand.need,
                at: demand.at,
                demand: charge,
                fee: terms.prices.fee,
            };
            facts.push((Some(participant), fact));
        }
        Ok(charges)
    }

    /// The park's own leaf of a close.
    fn month_balanced(
        &self,
        month: LocalMonth,
        (first, last): (DeliveryInterval, DeliveryInterval),
        terms: &MonthCloseTerms,
        totals: &Totals,
    ) -> Result<Fact, String> {
        let sums = self.months.park.get(&month).copied().unwrap_or_default();
        let crossed = self.crossed((first, last));
        let net = i64::try_from(sums.net).map_err(|_| "the points' energy does not fit 64 bits")?;
        let known = sums.substituted == 0 && sums.held == 0;
        let losses = match (crossed.imported, crossed.exported) {
            (Some(imported), Some(exported)) if known => {
                let taken = i128::from(imported.0) - i128::from(exported.0);
                let losses = i64::try_from(taken + sums.net);
                Some(WattHours(
                    losses.map_err(|_| "the losses do not fit 64 bits")?,
                ))
            }
            _ => None,
        };
        Ok(Fact::MonthBalanced {
            month,
            first,
            last,
            terms: *terms,
            imported: crossed.imported,
            exported: crossed.exported,
            net: WattHours(net),
            losses,
            substituted: sums.substituted,
            held: sums.held,
            invoices: totals.invoices,
            demand: totals.demand,
            fees: totals.fees,
            collected: totals.collected,
        })
    }

    /// Keeps what defaults and the utility's bill will need, and drops what the close was made
    /// from and what is older than a year.
    fn take_close(
        &mut self,
        month: LocalMonth,
        invoices: BTreeMap<ParticipantId, Invoiced>,
        closed: ClosedMonth,
    ) {
        let months = &mut self.months;
        let points = of_month(&months.demands, month, POINTS);
        let points: Vec<_> = points.map(|(point, _)| (month, point)).collect();
        for key in points {
            months.demands.remove(&key);
        }
        for (participant, invoiced) in invoices {
            months.accounts.remove(&(month, participant));
            months.invoices.insert((month, participant), invoiced);
        }
        months.park.remove(&month);
        months.closed.insert(month, closed);
        let oldest = (month.year_before(), ParticipantId(0));
        let rows = months.invoices.range(..oldest).map(|(key, _)| *key);
        for key in rows.collect::<Vec<_>>() {
            months.invoices.remove(&key);
            months.covers.remove(&key);
        }
        let rows = months.closed.range(..oldest.0).map(|(month, _)| *month);
        for key in rows.collect::<Vec<_>>() {
            months.closed.remove(&key);
        }
    }
}

/// A participant's invoice.
fn invoice(
    month: LocalMonth,
    participant: ParticipantId,
    account: &MonthAccount,
    charged: Charges,
    terms: &MonthCloseTerms,
    facts: &mut Facts,
) -> Result<Invoiced, String> {
    let mut postings = Vec::new();
    for (kind, amount) in PostingKind::ALL.into_iter().zip(account.postings) {
        if amount != 0 {
            postings.push((kind, money(amount, participant)?));
        }
    }
    let credit: i128 = account.postings.iter().sum();
    let gross = money(charged.demand + charged.fees - credit, participant)?;
    let vat_basis_points = terms.prices.vat_basis_points;
    let grid_alone = money(account.grid_alone, participant)?;
    let fact = Fact::MonthInvoiced {
        month,
        postings,
        demand: money(charged.demand, participant)?,
        fees: money(charged.fees, participant)?,
        gross,
        vat_basis_points,
        vat: terms.prices.contained_vat(gross),
        grid_alone,
    };
    facts.push((Some(participant), fact));
    Ok(Invoiced {
        gross,
        credit: money(credit, participant)?,
        grid_alone,
        cut: Money::ZERO,
    })
}

fn money(amount: i128, participant: ParticipantId) -> Result<Money, String> {
    let amount = i64::try_from(amount).map(Money);
    amount.map_err(|_| format!("an amount of participant {participant} does not fit 64 bits"))
}

fn park_money(amount: i128) -> Result<Money, String> {
    let amount = i64::try_from(amount).map(Money);
    amount.map_err(|_| "an amount of the park does not fit 64 bits".to_owned())
}
