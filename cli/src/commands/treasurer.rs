//! `wattle treasurer …`: money that came and went.

use wattle_ledger::event::Action;

use super::treasurer_month;
use crate::args::TreasurerCommand;
use crate::failure::Failure;
use crate::output::Output;
use crate::park::{self, Park, TREASURER_KEY};
use crate::settings::Settings;

pub(super) fn run(
    command: &TreasurerCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let registry = park.client.registry()?;
    let whose = |text: &str| park::participant(&registry, text);
    let action = match command {
        TreasurerCommand::Deposit {
            participant,
            amount,
            reference,
        } => Action::Deposit {
            participant: whose(participant)?,
            amount: *amount,
            reference: reference.clone(),
        },
        TreasurerCommand::Withdraw {
            participant,
            amount,
            reference,
        } => Action::Withdraw {
            participant: whose(participant)?,
            amount: *amount,
            reference: reference.clone(),
        },
        TreasurerCommand::Credit { participant, limit } => Action::SetCreditLimit {
            participant: whose(participant)?,
            limit: *limit,
        },
        TreasurerCommand::Month(command) => treasurer_month::action(command, &registry)?,
    };
    let declared = match &action {
        Action::DeclareDefault { participant, month } => Some((*participant, *month)),
        _ => None,
    };
    let key = park.key(TREASURER_KEY)?;
    let recorded = park.submit(&key, action)?;
    if let (Some((participant, month)), true) = (declared, recorded.check().is_ok()) {
        // Who declares it should hear what it came to; the order is recorded in any case.
        let client = park.private_client(key)?;
        eprintln!("{}", treasurer_month::covered(&client, participant, month)?);
    }
    recorded.print(output)
}
