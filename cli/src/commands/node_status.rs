//! `wattle node status`: what each node says of itself.

use std::io::{self, Write};

use serde::Serialize;
use wattle_client::api::{AskedWitness, EvidenceCounts, Status};
use wattle_client::{Client, ClientError};

use crate::commands::node_members::lines;
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table, printable};
use crate::settings::Settings;
use crate::stage::nothing_seals;

/// One node's answer.
#[derive(Debug, Serialize)]
struct Answer {
    url: String,
    status: Option<Status>,
    /// Whom it asks to cosign what the park has sealed.
    witnesses: Vec<AskedWitness>,
    error: Option<String>,
}

pub(super) fn run(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let (mut answers, mut last_error) = (Vec::new(), None);
    let mut members = Vec::new();
    for url in settings.urls()? {
        let client = Client::new(std::slice::from_ref(url))?.with_timeout(settings.timeout);
        if members.is_empty() {
            // Who votes is the same at all nodes, or soon will be.
            members = client.registry().as_ref().map(lines).unwrap_or_default();
        }
        let (status, error) = match client.status() {
            Ok(status) => (Some(status), None),
            Err(error) => {
                let text = error.to_string();
                last_error = Some(error);
                (None, Some(text))
            }
        };
        // A node of an earlier version has none.
        let witnesses = match status {
            Some(_) => client.witnesses().unwrap_or_default(),
            None => Vec::new(),
        };
        answers.push(Answer {
            url: url.clone(),
            status,
            witnesses,
            error,
        });
    }
    output.print(&answers, |writer| {
        table(&answers).write(writer, "no nodes")?;
        for line in &members {
            writeln!(writer, "{line}")?;
        }
        for status in answers.iter().filter_map(|answer| answer.status.as_ref()) {
            if let Some(sentence) = nothing_seals(status) {
                writeln!(writer, "node {}: {sentence}", status.node)?;
            }
        }
        write_evidence(writer, &answers)?;
        write_witnesses(writer, &answers)
    })?;
    judge(&answers, last_error)
}

/// A line for each node that keeps evidence, and one on what the log has recorded.
fn write_evidence(writer: &mut dyn Write, answers: &[Answer]) -> io::Result<()> {
    let mut newest = None;
    for status in answers.iter().filter_map(|answer| answer.status.as_ref()) {
        let EvidenceCounts {
            kept,
            kept_and_recorded: recorded,
            ..
        } = status.evidence;
        if kept > 0 {
            writeln!(
                writer,
                "node {} keeps {kept} pieces of evidence, of which {recorded} are recorded in the \
                 log; look at them with wattle evidence list",
                status.node
            )?;
        }
        newest = newest.max(Some((status.tree_size, status.node)));
    }
    let statuses = answers.iter().filter_map(|answer| answer.status.as_ref());
    let mut newest = statuses.filter(|status| newest == Some((status.tree_size, status.node)));
    let Some(all) = newest.next().map(|status| &status.evidence) else {
        return Ok(());
    };
    if all.convicted_sequences > 0 {
        writeln!(
            writer,
            "by recorded evidence keys have used {} sequences twice; {} meters' keys are frozen \
             for it",
            all.convicted_sequences, all.frozen_keys
        )?;
    }
    for node in &all.convicted_nodes {
        writeln!(
            writer,
            "node {node} has signed two heads of the log that contradict each other"
        )?;
    }
    Ok(())
}

/// A line for each witness of each node: what it has cosigned, or why not.
fn write_witnesses(writer: &mut dyn Write, answers: &[Answer]) -> io::Result<()> {
    for answer in answers {
        let node = answer.status.as_ref().map(|status| status.node);
        for asked in &answer.witnesses {
            let node = node.map_or_else(|| "?".to_owned(), |node| node.to_string());
            let name = printable(&asked.name);
            match (asked.size, asked.cosigned_at) {
                (Some(size), Some(at)) => {
                    let time = moment::seconds_text(at);
                    write!(writer, "node {node}: {name} has cosigned {size} at {time}")?;
                }
                _ => write!(writer, "node {node}: {name} has cosigned nothing")?,
            }
            match &asked.error {
                Some(error) => writeln!(writer, "; now: {}", printable(error))?,
                None => writeln!(writer)?,
            }
        }
    }
    Ok(())
}

fn table(answers: &[Answer]) -> Table {
    let header = [
        "url",
        ">node",
        "role",
        ">leader",
        ">term",
        ">applied",
        ">entries",
        ">sealed",
        ">snapshot",
        ">age",
        "park time",
    ];
    let mut table = Table::new(&header);
    for answer in answers {
        let mut row = vec![answer.url.clone()];
        if let Some(status) = &answer.status {
            let or_none = |number: Option<String>| number.unwrap_or_else(|| "none".to_owned());
            row.extend([
                status.node.to_string(),
                match status.catches_up_to {
                    Some(size) => format!("catches up to {size}"),
                    None => status.role.to_string(),
                },
                or_none(status.leader.map(|leader| leader.to_string())),
                status.term.to_string(),
                status.applied.to_string(),
                status.tree_size.to_string(),
                or_none(status.sealed.as_ref().map(|sealed| sealed.size.to_string())),
                or_none(status.snapshot.map(|snapshot| snapshot.size.to_string())),
                or_none(age(status)),
                moment::time_text(status.park_time_ms, status.utc_offset_minutes),
            ]);
        } else {
            row.extend(
                ["-", "unreachable", "-", "-", "-", "-", "-", "-", "-", "-"].map(str::to_owned),
            );
        }
        table.row(row);
    }
    table
}

/// How old the last snapshot is, in park time.
fn age(status: &Status) -> Option<String> {
    let snapshot = status.snapshot?;
    let ms = status.park_time_ms.0.saturating_sub(snapshot.time_ms.0);
    let minutes = ms / 60_000;
    Some(match (minutes / (24 * 60), minutes / 60) {
        (0, 0) => format!("{minutes} min"),
        (0, hours) => format!("{hours} h"),
        (days, _) => format!("{days} d"),
    })
}

/// A park that cannot commit is a failure, and so is one that does not answer at all.
fn judge(answers: &[Answer], last_error: Option<ClientError>) -> Result<(), Failure> {
    let mut answered = answers
        .iter()
        .filter_map(|answer| answer.status.as_ref())
        .peekable();
    if answered.peek().is_none() {
        return Err(last_error.map_or_else(
            || Failure::usage("no node's address was given", "give --url"),
            Failure::from,
        ));
    }
    if answered.all(|status| status.leader.is_none()) {
        return Err(Failure::new(
            Exit::NoQuorum,
            "no node knows a leader",
            "start more of the park's nodes, or wait for the election to end",
        ));
    }
    Ok(())
}
