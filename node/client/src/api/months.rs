//! Closed months: invoices, what a close posted to an account, and the park's own figures.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::billing::{MonthCloseTerms, UtilityBill};
use wattle_ledger::derived::Fact;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::{DeliveryInterval, LocalMonth, Timestamp};
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

use super::Posting;

/// `GET /v1/invoices?participant=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoices {
    /// Whose.
    pub participant: ParticipantId,
    /// One for each closed month, oldest first.
    pub invoices: Vec<Invoice>,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// A participant's invoice for a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Index of its leaf.
    pub leaf: u64,
    /// The month.
    pub month: LocalMonth,
    /// What was posted for the month's intervals by all runs, by kind.
    pub postings: Vec<Posting>,
    /// What each of his points is charged.
    pub points: Vec<PointCharge>,
    /// All demand charges.
    pub demand: Money,
    /// All fixed fees.
    pub fees: Money,
    /// What the month costs him; below zero: what it brings him.
    pub gross: Money,
    /// The VAT rate, in hundredths of a percent.
    pub vat_basis_points: u32,
    /// The VAT that the gross sum contains.
    pub vat: Money,
    /// What the same energy would have brought with the grid alone.
    pub grid_alone: Money,
    /// What defaults of the month took from him (below zero) or covered for him.
    pub covers: Vec<Charge>,
}

/// What a point is charged for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointCharge {
    /// Index of its leaf.
    pub leaf: u64,
    /// The point.
    pub point: PointId,
    /// Its greatest import of a quarter of an hour.
    pub need: WattHours,
    /// The first interval with it.
    pub at: DeliveryInterval,
    /// The demand charge.
    pub demand: Money,
    /// The fixed fee.
    pub fee: Money,
}

/// Why money of a closed month moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeKind {
    /// Demand charges of an invoice.
    Demand,
    /// Fixed fees of an invoice.
    Fees,
    /// Others bear a part of what he did not pay.
    Covered,
    /// He bears a part of what another did not pay.
    Cut,
    /// Residue that belongs to him.
    Residue,
}

/// Money of a closed month, beside its energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Index of its leaf.
    pub leaf: u64,
    /// Why.
    pub kind: ChargeKind,
    /// Above zero where the participant receives it.
    pub amount: Money,
}

impl Charge {
    /// What a leaf moves on its participant's account for a closed month.
    pub fn of(leaf: u64, fact: &Fact) -> Vec<Charge> {
        let charge = |kind, amount| Charge { leaf, kind, amount };
        let paid = |amount: &Money| Money(amount.0.saturating_neg());
        let all = match fact {
            Fact::MonthInvoiced { demand, fees, .. } => vec![
                charge(ChargeKind::Demand, paid(demand)),
                charge(ChargeKind::Fees, paid(fees)),
            ],
            Fact::DefaultCovered {
                from_balancing,
                from_gains,
                ..
            } => {
                let covered = from_balancing.0.saturating_add(from_gains.0);
                vec![charge(ChargeKind::Covered, Money(covered))]
            }
            Fact::GainCut { cut, .. } => vec![charge(ChargeKind::Cut, paid(cut))],
            Fact::ResidueMoved { amount } => vec![charge(ChargeKind::Residue, *amount)],
            _ => Vec::new(),
        };
        let moved = all.into_iter();
        moved
            .filter(|charge| charge.amount != Money::ZERO)
            .collect()
    }
}

impl Invoices {
    /// Takes one leaf of the participant in.
    pub fn take(&mut self, leaf: u64, fact: &Fact, points: &mut Vec<PointCharge>) {
        match fact {
            Fact::PointCharged {
                point,
                need,
                at,
                demand,
                fee,
                ..
            } => points.push(PointCharge {
                leaf,
                point: *point,
                need: *need,
                at: *at,
                demand: *demand,
                fee: *fee,
            }),
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
                let posting = |(kind, amount): &(_, _)| Posting {
                    kind: *kind,
                    amount: *amount,
                };
                self.invoices.push(Invoice {
                    leaf,
                    month: *month,
                    postings: postings.iter().map(posting).collect(),
                    // A close charges a participant's points before it invoices him.
                    points: std::mem::take(points),
                    demand: *demand,
                    fees: *fees,
                    gross: *gross,
                    vat_basis_points: *vat_basis_points,
                    vat: *vat,
                    grid_alone: *grid_alone,
                    covers: Vec::new(),
                });
            }
            Fact::DefaultCovered { month, .. } | Fact::GainCut { month, .. } => {
                let own = self.invoices.iter_mut().find(|own| own.month == *month);
                if let Some(invoice) = own {
                    invoice.covers.extend(Charge::of(leaf, fact));
                }
            }
            _ => {}
        }
    }
}

/// `GET /v1/months`: for the park's offices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Months {
    /// Closed months, oldest first.
    pub months: Vec<ClosedMonth>,
    /// Participants in default.
    pub in_default: Vec<InDefault>,
    /// Collected for the grid and not billed yet.
    pub grid: Money,
    /// The balancing account, which pays for defaults first.
    pub balancing: Money,
    /// Fixed fees.
    pub fees: Money,
    /// The residue.
    pub residue: Money,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// A participant who may not order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InDefault {
    /// Who.
    pub participant: ParticipantId,
    /// Since when.
    pub since_ms: Timestamp,
}

/// A closed month of the park.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedMonth {
    /// Index of its leaf.
    pub leaf: u64,
    /// The month.
    pub month: LocalMonth,
    /// The first interval that it counts.
    pub first: DeliveryInterval,
    /// The last.
    pub last: DeliveryInterval,
    /// What it was closed with.
    pub terms: MonthCloseTerms,
    /// What the boundary meters took from the utility.
    pub imported: Option<WattHours>,
    /// What they gave to it.
    pub exported: Option<WattHours>,
    /// What all points together gave.
    pub net: WattHours,
    /// Boundary less points; none where anything of it is not known.
    pub losses: Option<WattHours>,
    /// Points' intervals that rest on a substitute.
    pub substituted: u32,
    /// Intervals that the final run could not settle.
    pub held: u32,
    /// Invoices of the month.
    pub invoices: u32,
    /// All demand charges.
    pub demand: Money,
    /// All fixed fees.
    pub fees: Money,
    /// What was collected for the grid.
    pub collected: Money,
    /// The utility's bill in force.
    pub bill: Option<UtilityBill>,
    /// What it left of what was collected.
    pub residue: Option<Money>,
}

impl ClosedMonth {
    /// Takes one of the park's leaves in.
    pub fn take(months: &mut Vec<ClosedMonth>, leaf: u64, fact: &Fact) {
        match fact {
            Fact::MonthBalanced {
                month,
                first,
                last,
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
            } => months.push(ClosedMonth {
                leaf,
                month: *month,
                first: *first,
                last: *last,
                terms: *terms,
                imported: *imported,
                exported: *exported,
                net: *net,
                losses: *losses,
                substituted: *substituted,
                held: *held,
                invoices: *invoices,
                demand: *demand,
                fees: *fees,
                collected: *collected,
                bill: None,
                residue: None,
            }),
            Fact::UtilityBilled {
                month,
                bill,
                residue,
                ..
            } => {
                if let Some(own) = months.iter_mut().find(|own| own.month == *month) {
                    (own.bill, own.residue) = (Some(bill.clone()), Some(*residue));
                }
            }
            Fact::UtilityBillReversed { month, .. } => {
                if let Some(own) = months.iter_mut().find(|own| own.month == *month) {
                    (own.bill, own.residue) = (None, None);
                }
            }
            _ => {}
        }
    }
}
