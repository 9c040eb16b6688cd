//! All accounts of the park sum to zero.

use crate::failure::Failure;
use wattle_ledger::ledger::Ledger;

/// Checks a ledger.
///
/// # Errors
/// If money was made or lost.
pub fn check(ledger: &Ledger) -> Result<(), Failure> {
    let balances = ledger
        .state()
        .accounts
        .iter()
        .map(|(_, account)| i128::from(account.balance.0));
    let sum: i128 = balances.sum();
    if sum != 0 {
        let what = format!("the accounts sum to {sum} nano-yuan");
        return Err(Failure::Correctness {
            checker: "money",
            what,
        });
    }
    Ok(())
}
