//! `wattle delegate …`: keys that may trade for a tenant within limits.

use serde::Serialize;
use wattle_client::api::EventOutcome;
use wattle_ledger::event::{Action, delegation_message};
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::DelegationLimits;
use wattle_market::point::PointId;

use crate::args::{DelegateAddArgs, DelegateCommand};
use crate::failure::Failure;
use crate::output::Output;
use crate::park::{Park, TENANT_KEY};
use crate::secret;
use crate::settings::Settings;

/// The outcome, and the key that it is about.
#[derive(Debug, Serialize)]
struct Delegated<'a> {
    #[serde(flatten)]
    outcome: &'a EventOutcome,
    key: PublicKey,
}

pub(super) fn run(
    command: &DelegateCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    match command {
        DelegateCommand::Add(args) => add(args, &park, settings, output),
        DelegateCommand::Revoke { public } => {
            let action = Action::RevokeDelegate { key: *public };
            park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
        }
    }
}

fn add(
    args: &DelegateAddArgs,
    park: &Park<'_>,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let tenant = park.key(TENANT_KEY)?;
    let delegated = secret::read_key(settings, &args.key_file)?;
    let key = delegated.public();
    // The ledger wants them ascending; in which order they were typed says nothing.
    let mut points: Vec<PointId> = args.points.iter().copied().map(PointId).collect();
    points.sort_unstable();
    let limits = DelegationLimits {
        points,
        order_energy: args.order_energy,
        day_energy: args.day_energy,
        day_money: args.day_money,
        from: park.next_open(args.from)?,
        until: args.until.interval(park.offset())?,
    };
    let message = delegation_message(&park.genesis.park(), &tenant.public(), &key);
    let action = Action::Delegate {
        key,
        limits,
        proof: delegated.sign(&message),
    };
    let recorded = park.submit(&tenant, action)?;
    let outcome = &recorded.outcome;
    if recorded.check().is_ok() {
        let file = args.key_file.display();
        eprintln!("the key may order now, like: wattle --key {file} order place …");
    }
    output.print(&Delegated { outcome, key }, |writer| {
        writeln!(writer, "{}, key {key}", recorded.staged_text())
    })?;
    recorded.check()
}
