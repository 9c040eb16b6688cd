//! `wattle outbox …`: signed events that have no outcome yet.

use serde::Serialize;
use wattle_client::api::EventOutcome;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;

use crate::args::OutboxCommand;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::{self, Park};
use crate::settings::Settings;
use crate::stage::outcome_stage;

/// One waiting event.
#[derive(Debug, Serialize)]
struct Waiting {
    event: Hash,
    key: PublicKey,
    sequence: u64,
    action: &'static str,
}

/// One event that was sent again.
#[derive(Debug, Serialize)]
struct Resent {
    #[serde(flatten)]
    event: Waiting,
    outcome: Option<EventOutcome>,
    error: Option<String>,
}

pub(super) fn run(
    command: &OutboxCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match command {
        OutboxCommand::List => list(settings, output),
        OutboxCommand::Resend => resend(settings, output),
    }
}

fn waiting(event: &SignedEvent) -> Waiting {
    let body = event.body();
    Waiting {
        event: event.hash(),
        key: body.author,
        sequence: body.sequence,
        action: body.action.name(),
    }
}

fn list(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let events = park::open_outbox(settings)?.waiting()?;
    let rows: Vec<Waiting> = events.iter().map(waiting).collect();
    let mut table = Table::new(&["action", ">sequence", "key", "event"]);
    for row in &rows {
        table.row(vec![
            row.action.to_owned(),
            row.sequence.to_string(),
            row.key.to_string(),
            row.event.to_string(),
        ]);
    }
    output.print(&rows, |writer| table.write(writer, "nothing waits"))
}

/// Sends what waits, by key and sequence; the first failure gives the exit code.
fn resend(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let outbox = park.outbox()?;
    let (mut rows, mut first_failure) = (Vec::new(), None);
    for event in outbox.waiting()? {
        let result = park.send(&outbox, &event);
        let (outcome, error) = match result {
            Ok(outcome) => (Some(outcome), None),
            Err(failure) => {
                let text = match &failure {
                    Failure::Told(told) => told.chain.join(": "),
                    Failure::BrokenPipe => return Err(failure),
                };
                first_failure.get_or_insert(failure);
                (None, Some(text))
            }
        };
        let event = waiting(&event);
        rows.push(Resent {
            event,
            outcome,
            error,
        });
    }
    let mut table = Table::new(&["action", ">sequence", "outcome", "state"]);
    for row in &rows {
        let told = match (&row.outcome, &row.error) {
            (Some(outcome), _) => match outcome.first_refusal() {
                Some((_, item)) => format!("entry {}, refused: {}", outcome.leaf, item.name),
                None => format!("entry {}, accepted", outcome.leaf),
            },
            (None, error) => error.clone().unwrap_or_default(),
        };
        let state = row.outcome.as_ref().map(outcome_stage);
        table.row(vec![
            row.event.action.to_owned(),
            row.event.sequence.to_string(),
            told,
            state.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    output.print(&rows, |writer| table.write(writer, "nothing waits"))?;
    match first_failure {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}
