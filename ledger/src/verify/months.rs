//! A month's books, kept from the leaves alone: what was settled must be what is invoiced.
//!
//! The state machine sums up as runs pass. These sums are formed anew from the leaves of the runs,
//! and every figure of an invoice that follows from others is computed a second time.

mod continued;

use crate::billing::{MonthCloseTerms, UtilityBill};
use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::registration::{ParticipantId, RuleSet};
use crate::verify::certificates::ACTIVATION_BYTES;
use crate::verify::claim::{Claim, Findings};
use crate::verify::replay::Leaf;
use std::collections::BTreeMap;
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::settlement::{Account, PointSettlement, PostingKind};
use wattle_market::units::{Money, WattHours};

/// A participant's sums of a month.
#[derive(Debug, Default)]
struct Own {
    postings: BTreeMap<PostingKind, i128>,
    grid_alone: i128,
    /// Of the points that were charged.
    demand: i128,
    fees: i128,
    invoiced: bool,
}

/// A month that is not closed yet.
#[derive(Debug, Default)]
struct Open {
    participants: BTreeMap<ParticipantId, Own>,
    grid: i128,
    net: i128,
    substituted: i128,
    held: u32,
    demand: i128,
    fees: i128,
    /// Need, demand charge and fee of each point.
    charged: Vec<(u64, WattHours, Money, Money)>,
    rates: Vec<(u64, u32)>,
}

/// A closed month.
#[derive(Debug)]
struct Closed {
    collected: Money,
    bill: Option<(UtilityBill, Money)>,
    /// What each participant gained over the grid, and what was taken of it.
    gains: BTreeMap<ParticipantId, (i128, i128)>,
}

/// All months that can still be heard of.
#[derive(Debug)]
pub(crate) struct MonthBooks {
    utc_offset_minutes: i16,
    finals_from: Option<DeliveryInterval>,
    closes_from: Option<DeliveryInterval>,
    open: BTreeMap<LocalMonth, Open>,
    closed: BTreeMap<LocalMonth, Closed>,
    /// What the last default takes of gains, less the cuts so far, and where it stands.
    to_cut: (u64, i128),
}

/// Sums and their first fault.
type Checked = Result<(), &'static str>;

fn ensure(holds: bool, fault: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(fault) }
}

fn wide(amount: Money) -> i128 {
    i128::from(amount.0)
}

impl MonthBooks {
    pub(crate) fn found(utc_offset_minutes: i16) -> MonthBooks {
        MonthBooks {
            utc_offset_minutes,
            finals_from: None,
            closes_from: None,
            open: BTreeMap::new(),
            closed: BTreeMap::new(),
            to_cut: (0, 0),
        }
    }

    /// Takes in one complete batch.
    pub(crate) fn batch(&mut self, leaves: &[Leaf], findings: &mut Findings) {
        for leaf in leaves {
            match &leaf.entry {
                Entry::Event { signed, outcome } => self.event(signed, outcome),
                Entry::Derived {
                    participant, fact, ..
                } => {
                    if !matches!(fact, Fact::GainCut { .. }) {
                        self.end_cuts(findings);
                    }
                    if let Err(fault) = self.fact(*participant, leaf.index, fact) {
                        findings.fail(Claim::Journal, Some(leaf.index), fault);
                    }
                }
                _ => {}
            }
        }
        self.end_cuts(findings);
    }

    /// Once a default's cuts are over, they are all that it took.
    fn end_cuts(&mut self, findings: &mut Findings) {
        let (place, left) = std::mem::take(&mut self.to_cut);
        if left != 0 {
            let fault = "the cuts of gains are not what the default takes";
            findings.fail(Claim::Journal, Some(place), fault);
        }
    }

    fn event(&mut self, signed: &[u8], outcome: &[u16]) {
        if signed.len() != ACTIVATION_BYTES {
            return;
        }
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        if let (Action::ActivateRules { rules, from }, [0]) = (&event.body().action, outcome) {
            match rules {
                RuleSet::FinalRuns => self.finals_from = Some(*from),
                RuleSet::MonthClose => self.closes_from = Some(*from),
                RuleSet::PriceIndex | RuleSet::Certificates | RuleSet::JointAuction => {}
            }
        }
    }

    /// The month that counts an interval, if one does.
    fn open(&mut self, interval: DeliveryInterval) -> Option<&mut Open> {
        let from = self.finals_from?.max(self.closes_from?);
        if interval < from {
            return None;
        }
        let month = LocalMonth::of(interval, self.utc_offset_minutes);
        Some(self.open.entry(month).or_default())
    }

    fn fact(&mut self, participant: Option<ParticipantId>, index: u64, fact: &Fact) -> Checked {
        match fact {
            Fact::PointSettled {
                interval,
                line,
                postings,
                ..
            } => self.line(*interval, participant, (None, line), postings),
            Fact::PointAdjusted {
                interval,
                before,
                line,
                postings,
                ..
            } => self.line(*interval, participant, (before.as_deref(), line), postings),
            Fact::IntervalSettled {
                interval, postings, ..
            }
            | Fact::IntervalAdjusted {
                interval, postings, ..
            } => {
                if let Some(open) = self.open(*interval) {
                    let grid = postings.iter().filter(|line| line.0 == Account::Grid);
                    open.grid += grid.map(|line| wide(line.2)).sum::<i128>();
                }
            }
            Fact::RunHeld { interval, .. } => {
                if let Some(open) = self.open(*interval) {
                    open.held += 1;
                }
            }
            Fact::PointCharged { .. } | Fact::MonthInvoiced { .. } => {
                let participant = participant.ok_or("an invoice is nobody's")?;
                return self.invoice(participant, index, fact);
            }
            Fact::MonthBalanced { .. } => return self.balanced(fact),
            Fact::UtilityBilled { .. } | Fact::UtilityBillReversed { .. } => {
                return self.billed(fact);
            }
            Fact::DefaultCovered { .. } | Fact::GainCut { .. } => {
                return self.default(participant, index, fact);
            }
            _ => {}
        }
        Ok(())
    }

    fn line(
        &mut self,
        interval: DeliveryInterval,
        participant: Option<ParticipantId>,
        (before, line): (Option<&PointSettlement>, &PointSettlement),
        postings: &[(PostingKind, Money)],
    ) {
        let Some(open) = self.open(interval) else {
            return;
        };
        for (line, sign) in [(Some(line), 1), (before, -1)] {
            let Some(line) = line else {
                continue;
            };
            open.net += sign * i128::from(line.net.0);
            open.substituted += sign * i128::from(!line.actual);
            if let Some(participant) = participant {
                let own = open.participants.entry(participant).or_default();
                own.grid_alone += sign * wide(line.grid_alone);
            }
        }
        if let Some(participant) = participant {
            let own = open.participants.entry(participant).or_default();
            for (kind, amount) in postings {
                *own.postings.entry(*kind).or_default() += wide(*amount);
            }
        }
    }

    fn invoice(&mut self, participant: ParticipantId, index: u64, fact: &Fact) -> Checked {
        match fact {
            Fact::PointCharged {
                month,
                need,
                demand,
                fee,
                ..
            } => {
                let open = self.month(*month)?;
                open.charged.push((index, *need, *demand, *fee));
                let own = open.participants.entry(participant).or_default();
                own.demand += wide(*demand);
                own.fees += wide(*fee);
                Ok(())
            }
            Fact::MonthInvoiced {
                month,
                postings,
                demand,
                fees,
                gross,
                vat_basis_points,
                vat,
                grid_alone,
            } => {
                let open = self.month(*month)?;
                open.rates.push((index, *vat_basis_points));
                open.demand += wide(*demand);
                open.fees += wide(*fees);
                let own = open.participants.entry(participant).or_default();
                ensure(!own.invoiced, "the month is invoiced twice")?;
                own.invoiced = true;
                own.postings.retain(|_, amount| *amount != 0);
                let posted = postings.iter().map(|(kind, amount)| (*kind, wide(*amount)));
                let posted: Vec<_> = posted.collect();
                let settled: Vec<_> = own.postings.clone().into_iter().collect();
                ensure(posted == settled, "the invoice is not what was settled")?;
                let charged = (wide(*demand), wide(*fees)) == (own.demand, own.fees);
                ensure(charged, "the invoice is not what its points are charged")?;
                let credit: i128 = posted.iter().map(|(_, amount)| amount).sum();
                let sum = own.demand + own.fees - credit;
                ensure(wide(*gross) == sum, "the invoice does not sum up")?;
                let alone = wide(*grid_alone) == own.grid_alone;
                ensure(alone, "the grid alone is not what the lines say")?;
                ensure(
                    is_contained(*vat, *gross, *vat_basis_points),
                    "the tax is not what the sum contains",
                )
            }
            _ => Ok(()),
        }
    }

    fn month(&mut self, month: LocalMonth) -> Result<&mut Open, &'static str> {
        let open = self.open.get_mut(&month);
        open.ok_or("the month has no settled interval")
    }

    fn balanced(&mut self, fact: &Fact) -> Checked {
        let Fact::MonthBalanced {
            month,
            terms,
            imported,
            exported,
            net,
            losses,
            substituted,
            held,
            invoices,
            demand,
            fees,
            collected,
            ..
        } = fact
        else {
            return Ok(());
        };
        let month = *month;
        // A month of an empty park has no settled interval.
        let open = self.open.remove(&month).unwrap_or_default();
        let closed = Closed {
            collected: *collected,
            bill: None,
            gains: open.gains(),
        };
        self.closed.insert(month, closed);
        let oldest = month.year_before();
        self.closed.retain(|month, _| *month >= oldest);
        open.check_prices(terms)?;
        let own = open.participants.values();
        let all = own.filter(|own| own.invoiced).count() == open.participants.len();
        let counted = u32::try_from(open.participants.len()) == Ok(*invoices);
        ensure(all && counted, "somebody has no invoice")?;
        let charged = (wide(*demand), wide(*fees)) == (open.demand, open.fees);
        ensure(charged, "the invoices do not sum up to the park's leaf")?;
        let sum = open.grid + open.demand;
        ensure(
            wide(*collected) == sum,
            "not what was collected for the grid",
        )?;
        let metered = i128::from(net.0) == open.net
            && i128::from(*substituted) == open.substituted
            && *held == open.held;
        ensure(metered, "the points' energy is not what the lines say")?;
        let known = *substituted == 0 && *held == 0;
        let expected = match (imported, exported) {
            (Some(imported), Some(exported)) if known => {
                Some(i128::from(imported.0) - i128::from(exported.0) + open.net)
            }
            _ => None,
        };
        let stated = losses.map(|losses| i128::from(losses.0));
        ensure(
            stated == expected,
            "the losses are not boundary less points",
        )
    }

    fn billed(&mut self, fact: &Fact) -> Checked {
        let (month, new) = match fact {
            Fact::UtilityBilled {
                month,
                bill,
                collected,
                residue,
                ..
            } => {
                let sum = wide(*collected) - wide(bill.amount);
                ensure(
                    wide(*residue) == sum,
                    "the residue is not what the bill leaves",
                )?;
                (*month, Some((bill, *collected, *residue)))
            }
            Fact::UtilityBillReversed { month, .. } => (*month, None),
            _ => return Ok(()),
        };
        let closed = self.closed.get_mut(&month);
        let closed = closed.ok_or("the month is not closed")?;
        match (new, fact) {
            (Some((bill, collected, residue)), _) => {
                ensure(closed.bill.is_none(), "the month is billed twice")?;
                closed.bill = Some((bill.clone(), residue));
                let same = closed.collected == collected;
                ensure(same, "the bill's month collected something else")
            }
            (
                None,
                Fact::UtilityBillReversed {
                    amount, residue, ..
                },
            ) => {
                let (bill, left) = closed.bill.take().ok_or("no bill is there to reverse")?;
                let same = (bill.amount, left) == (*amount, *residue);
                ensure(same, "the reversal is not the bill's opposite")
            }
            _ => Ok(()),
        }
    }

    fn default(&mut self, participant: Option<ParticipantId>, index: u64, fact: &Fact) -> Checked {
        match fact {
            Fact::DefaultCovered {
                debt,
                from_balancing,
                from_gains,
                uncovered,
                ..
            } => {
                self.to_cut = (index, wide(*from_gains));
                let parts = [from_balancing, from_gains, uncovered];
                let sum: i128 = parts.iter().map(|part| wide(**part)).sum();
                let sound = parts.iter().all(|part| part.0 >= 0) && sum == wide(*debt);
                ensure(sound, "the parts of the default are not the debt")
            }
            Fact::GainCut {
                month,
                gain,
                cut,
                cut_in_all,
            } => {
                self.to_cut.1 -= wide(*cut);
                let closed = self.closed.get_mut(month);
                let closed = closed.ok_or("the month is not closed")?;
                let own = participant.and_then(|own| closed.gains.get_mut(&own));
                let (gained, taken) = own.ok_or("who has no invoice has no gain")?;
                *taken += wide(*cut);
                let sound = wide(*gain) == *gained && wide(*cut_in_all) == *taken && cut.0 > 0;
                ensure(sound, "the cut is not of the gain that the invoice says")?;
                ensure(*taken <= *gained, "the cut leaves less than the grid alone")
            }
            _ => Ok(()),
        }
    }
}

impl Open {
    fn gains(&self) -> BTreeMap<ParticipantId, (i128, i128)> {
        let gain = |own: &Own| own.postings.values().sum::<i128>() - own.grid_alone;
        let own = self.participants.iter();
        own.map(|(id, own)| (*id, (gain(own), 0))).collect()
    }

    fn check_prices(&self, terms: &MonthCloseTerms) -> Checked {
        let prices = &terms.prices;
        let priced = self.charged.iter().all(|(_, need, demand, fee)| {
            // Watts are four times the watt-hours of a quarter of an hour.
            let watts = 4 * i128::from(need.0);
            let charge = watts.checked_mul(i128::from(prices.demand));
            charge == Some(wide(*demand)) && *fee == prices.fee
        });
        ensure(priced, "a point is not charged by the month's terms")?;
        let rate = prices.vat_basis_points;
        let taxed = self.rates.iter().all(|(_, own)| *own == rate);
        ensure(
            taxed,
            "an invoice has another tax rate than the month's terms",
        )
    }
}

/// Whether a tax is the whole number nearest to gross × rate / (10,000 + rate).
fn is_contained(vat: Money, gross: Money, basis_points: u32) -> bool {
    let whole = 10_000 + i128::from(basis_points);
    let exact = wide(gross) * i128::from(basis_points);
    (2 * (wide(vat) * whole - exact)).abs() <= whole
}

#[cfg(test)]
mod tests;
