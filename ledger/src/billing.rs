//! What is said of a month's bills: by the registrar before it begins, by the treasurer after it
//! closed.

use crate::registration::{ParticipantId, is_name};
use crate::rejection::Rejection;
use crate::state::registry::REGISTER_MAX;
use wattle_market::invoice::MonthPrices;
use wattle_market::units::{Money, WattHours};

/// Greatest amount of a utility's bill, either way: a billion yuan.
pub const BILL_AMOUNT_MAX: Money = Money(1_000_000_000 * Money::YUAN.0);

/// What a month's close is made with.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct MonthCloseTerms {
    /// What points and invoices are charged with.
    pub prices: MonthPrices,
    /// To whom the residue belongs: what was collected for the grid beyond the utility's bill, and
    /// what lacks for it.
    pub residue_owner: ParticipantId,
}

/// The utility's bill for a month.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct UtilityBill {
    /// What the park took, by the utility's own count.
    pub imported: WattHours,
    /// What the park gave, by the utility's own count.
    pub exported: WattHours,
    /// What the park pays; below zero: what it is paid.
    pub amount: Money,
    /// The bill's number: 1 to 64 bytes.
    pub reference: String,
}

impl UtilityBill {
    /// Energies and amount within bounds, under a number.
    pub fn check(&self) -> Result<(), Rejection> {
        if !is_name(&self.reference) {
            return Err(Rejection::BadName);
        }
        let energies = [self.imported, self.exported];
        let in_bounds = energies
            .iter()
            .all(|energy| (0..REGISTER_MAX).contains(&energy.0));
        let most = BILL_AMOUNT_MAX.0;
        if !in_bounds || !(-most..=most).contains(&self.amount.0) {
            return Err(Rejection::BillInvalid);
        }
        Ok(())
    }
}
