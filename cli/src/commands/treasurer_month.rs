//! `wattle treasurer bill|residue|default …`: what follows a closed month.

use wattle_client::api::Registry;
use wattle_ledger::billing::UtilityBill;
use wattle_ledger::event::Action;
use wattle_market::units::Money;

use crate::args::{BillCommand, DefaultCommand, ResidueCommand, TreasurerMonthCommand};
use crate::failure::Failure;
use crate::park;

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
