//! `wattle checkpoint …`: logs of other parks, as this one records them.

use wattle_client::Client;
use wattle_client::api::FollowedLogs;
use wattle_client::follow::{FollowError, Found, look};

use crate::args::CheckpointCommand;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table};
use crate::park::{Park, TENANT_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    command: &CheckpointCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    match command {
        CheckpointCommand::List => {
            let logs = park.client.logs()?;
            let offset = park.offset();
            output.print(&logs, |writer| {
                table(&logs, offset).write(writer, "the park follows no log")?;
                writeln!(writer, "{}", extent_text(&logs.log))
            })
        }
        CheckpointCommand::Record { from } => record(&park, from, settings, output),
    }
}

fn table(followed: &FollowedLogs, offset: i16) -> Table {
    let header = [
        "log", ">size", "recorded", ">entry", "stage", ">by node", "state",
    ];
    let mut table = Table::new(&header);
    for log in &followed.logs {
        let state = match &log.contradiction {
            None if log.latest.is_none() => "-".to_owned(),
            None => "consistent".to_owned(),
            Some(found) => format!(
                "CONTRADICTED at size {}: entries {} and {}",
                found.size, found.leaf, found.other_leaf
            ),
        };
        let mut row = vec![log.origin.clone()];
        match &log.latest {
            Some(latest) => row.extend([
                latest.size.to_string(),
                moment::time_text(latest.recorded_at_ms, offset),
                latest.leaf.to_string(),
                followed.log.stage(latest.leaf).name().to_owned(),
                latest.node.to_string(),
            ]),
            None => row.extend(["-", "never", "-", "-", "-"].map(str::to_owned)),
        }
        row.push(state);
        table.row(row);
    }
    table
}

fn record(
    park: &Park<'_>,
    from: &str,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let other = Client::new(&[from.to_owned()])?.with_timeout(settings.timeout);
    match look(&other, &park.client.logs()?.logs).map_err(failure)? {
        Found::NothingNew { origin, size } => Err(Failure::new(
            Exit::Failure,
            format!("nothing new of {origin}: size {size} is recorded"),
            "repeat the command when the other park has sealed more",
        )),
        Found::Checkpoint {
            size,
            contradicts,
            action,
            ..
        } => {
            if contradicts {
                eprintln!("The log has contradicted itself at size {size}; that is recorded.");
            }
            park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
        }
    }
}

fn failure(error: FollowError) -> Failure {
    match error {
        FollowError::Fetch { what, source } => {
            let mut failure = Failure::from(source);
            if let Failure::Told(told) = &mut failure {
                told.chain
                    .insert(0, format!("cannot fetch the other log's {what}"));
            }
            failure.with_next("check --from")
        }
        FollowError::Refused { .. } => Failure::of(
            Exit::Verification,
            &error,
            "keep that checkpoint; ask another node of that park, and its operator",
        ),
        other => Failure::of(Exit::Failure, &other, "ask another node of that park"),
    }
}
