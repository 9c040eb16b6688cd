//! `wattle treasurer bill|residue|default …`: what follows a closed month.

use wattle_client::Client;
use wattle_client::api::{ChargeKind, Registry};
use wattle_ledger::billing::UtilityBill;
use wattle_ledger::event::Action;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::LocalMonth;
use wattle_market::units::Money;

use crate::args::{BillCommand, DefaultCommand, ResidueCommand, TreasurerMonthCommand};
use crate::failure::Failure;
use crate::park;

/// What a default came to: what others bear, and what is left of the balance.
pub(super) fn covered(
    client: &Client,
    participant: ParticipantId,
    month: LocalMonth,
) -> Result<String, Failure> {
    let invoices = client.invoices(participant)?.invoices;
    let own = invoices.iter().filter(|invoice| invoice.month == month);
    let covers = own.flat_map(|invoice| &invoice.covers);
    let covers = covers.filter(|charge| charge.kind == ChargeKind::Covered);
    let sum: i128 = covers.map(|charge| i128::from(charge.amount.0)).sum();
    let balance = client.balance(participant)?.balance;
    Ok(format!(
        "{month}: {} borne by others; the balance is now {balance}",
        super::statement::money(sum)
    ))
}

/// The action that the treasurer is to sign.
pub(super) fn action(
    command: &TreasurerMonthCommand,
    registry: &Registry,
) -> Result<Action, Failure> {
    Ok(match command {
        TreasurerMonthCommand::Bill(BillCommand::Record(args)) => Action::RecordUtilityBill {
            month: args.month,
            bill: UtilityBill {
                imported: args.imported,
                exported: args.exported,
                amount: args.amount,
                reference: args.reference.clone(),
            },
        },
        TreasurerMonthCommand::Bill(BillCommand::Reverse { month, reason }) => {
            Action::ReverseUtilityBill {
                month: *month,
                reason: reason.clone(),
            }
        }
        TreasurerMonthCommand::Residue(ResidueCommand::Pay(args)) => Action::MoveResidue {
            amount: args.amount,
            reference: args.reference.clone(),
        },
        TreasurerMonthCommand::Residue(ResidueCommand::Collect(args)) => Action::MoveResidue {
            amount: Money(args.amount.0.saturating_neg()),
            reference: args.reference.clone(),
        },
        TreasurerMonthCommand::Default(DefaultCommand::Declare { participant, month }) => {
            Action::DeclareDefault {
                participant: park::participant(registry, participant)?,
                month: *month,
            }
        }
        TreasurerMonthCommand::Default(DefaultCommand::Clear { participant }) => {
            Action::ClearDefault {
                participant: park::participant(registry, participant)?,
            }
        }
    })
}
