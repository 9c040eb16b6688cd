//! `wattle receipt verify`: a promise or a proof, offline.

use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::{Checkpoint, TlogProof};
use wattle_ledger::receipt::{Promise, ReceiptError};
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::promise::{Verdict, Void, judge};
use wattle_market::interval::Timestamp;

use crate::args::{ExportArgs, ReceiptVerifyArgs};
use crate::commands::log_verify::read_policy;
use crate::export::Export;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment;
use crate::output::{Output, printable};
use crate::park::{self, GENESIS_FILE};
use crate::promises;
use crate::settings::Settings;

/// How a proof begins (C2SP tlog-proof).
const PROOF: &[u8] = b"c2sp.org/tlog-proof@v1\n";

pub(super) fn run(
    args: &ReceiptVerifyArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let bytes = folder::read(&args.file)?;
    if bytes.starts_with(PROOF) {
        return proof(args, &bytes, settings, output);
    }
    let promise = promises::parse(&args.file, &bytes)?;
    match (&args.export, &args.policy) {
        (Some(export), policy) => {
            let args = ExportArgs {
                export: export.clone(),
                policy: policy.clone(),
                trust: false,
            };
            judged(&promise, &Export::open(&args)?, output)
        }
        (None, Some(_)) => Err(Failure::usage(
            "a policy says nothing of a promise by itself",
            "name the export that shows whether it was kept: --export DIR",
        )),
        (None, None) => promised(&promise, &own_genesis(settings)?, output),
    }
}

fn own_genesis(settings: &Settings) -> Result<Genesis, Failure> {
    park::read_genesis(&settings.data_dir()?.join(GENESIS_FILE))
}

/// What a proof shows.
#[derive(Debug, Serialize)]
struct Shown {
    origin: String,
    size: u64,
    leaf: u64,
    event: Hash,
    action: &'static str,
    outcome: Vec<u16>,
}

fn proof(
    args: &ReceiptVerifyArgs,
    bytes: &[u8],
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let proof = TlogProof::parse(bytes).map_err(|error| {
        let next = "make it again: wattle receipt prove";
        Failure::of(Exit::Verification, &error, next)
    })?;
    let policy = match &args.policy {
        Some(path) => read_policy(path)?,
        None => own_genesis(settings)?.policy(),
    };
    let (checkpoint, leaf) = check(&proof, &policy)?;
    let Ok(Entry::Event { signed, outcome }) = Entry::decode(&leaf) else {
        return Err(Failure::new(
            Exit::Verification,
            format!("entry {} is in the log, but it is no event", proof.index()),
            "ask whoever made the proof what it is to show",
        ));
    };
    let event = SignedEvent::parse(&signed)
        .map_err(|refusal| Failure::refusal(refusal.code(), refusal.name(), refusal.sentence()))?;
    let shown = Shown {
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
        leaf: proof.index(),
        event: event.hash(),
        action: event.body().action.name(),
        outcome,
    };
    output.print(&shown, |writer| {
        let Shown {
            origin,
            size,
            leaf,
            event,
            action,
            outcome,
        } = &shown;
        let origin = printable(origin);
        writeln!(
            writer,
            "ok: entry {leaf} of the sealed log {origin} ({size} entries)"
        )?;
        writeln!(writer, "{action}, event {event}")?;
        write_outcome(writer, outcome)
    })
}

/// Checks a proof whose extra data is the leaf; the leaf is worth what its hash shows.
pub(super) fn check(proof: &TlogProof, policy: &Policy) -> Result<(Checkpoint, Vec<u8>), Failure> {
    let leaf = proof.extra().ok_or_else(|| {
        Failure::new(
            Exit::Verification,
            "the proof does not bring the leaf that it is about",
            "make it again: wattle receipt prove",
        )
    })?;
    let checkpoint = proof
        .verify(&leaf_hash(leaf), policy)
        .map_err(|error| Failure::of(Exit::Verification, &error, "ask for another proof"))?;
    Ok((checkpoint, leaf.to_vec()))
}

fn write_outcome(writer: &mut dyn Write, outcome: &[u16]) -> io::Result<()> {
    for (place, code) in outcome.iter().enumerate() {
        let text = match (code, Rejection::from_code(*code)) {
            (0, _) => "accepted".to_owned(),
            (_, Some(refusal)) => format!("refused, {} ({code})", refusal.name()),
            (_, None) => format!("refused with code {code}"),
        };
        writeln!(writer, "item {place}: {text}")?;
    }
    Ok(())
}

/// What a promise says by itself.
#[derive(Debug, Serialize)]
struct Said {
    event: Hash,
    action: &'static str,
    receipts: Vec<SaidBy>,
}

#[derive(Debug, Serialize)]
struct SaidBy {
    node: NodeId,
    promised_at_ms: u64,
    deadline_ms: u64,
}

fn promised(promise: &Promise, genesis: &Genesis, output: &mut Output<'_>) -> Result<(), Failure> {
    promise
        .verify(genesis.park(), &genesis.body().nodes)
        .map_err(|error| {
            let next = match error {
                ReceiptError::UnknownNode(_) => {
                    "it may have been registered after the founding, which an export shows: \
                     --export DIR --policy FILE"
                }
                _ => "keep the file as it was received",
            };
            Failure::of(Exit::Verification, &error, next)
        })?;
    let offset = genesis.body().utc_offset_minutes;
    let bodies = promise.receipts.iter().map(|receipt| receipt.body());
    let said = Said {
        event: promise.event.hash(),
        action: promise.event.body().action.name(),
        receipts: bodies
            .map(|body| SaidBy {
                node: body.node,
                promised_at_ms: body.promised_at.0,
                deadline_ms: body.deadline.0,
            })
            .collect(),
    };
    output.print(&said, |writer| {
        writeln!(writer, "{}, event {}", said.action, said.event)?;
        for by in &said.receipts {
            let at = moment::time_text(Timestamp(by.promised_at_ms), offset);
            let until = moment::time_text(Timestamp(by.deadline_ms), offset);
            let node = by.node;
            writeln!(
                writer,
                "ok: node {node} promised at {at} to have it in the log by {until}"
            )?;
        }
        writeln!(
            writer,
            "whether that was kept is shown by an export: --export DIR --policy FILE"
        )
    })
}

/// What an export shows of a promise.
#[derive(Debug, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Shows {
    Kept {
        leaf: u64,
        outcome: Vec<u16>,
    },
    Broken {
        by: NodeId,
        entry: u64,
        recorded_late: Option<u64>,
    },
    Void {
        reason: String,
    },
    Open {
        log_ends_ms: u64,
    },
}

fn judged(promise: &Promise, export: &Export, output: &mut Output<'_>) -> Result<(), Failure> {
    let next = "copy the log again, and keep the promise as it was received";
    let verdict = judge(&export.directory, promise)
        .map_err(|error| Failure::of(Exit::Verification, &error, next))?;
    let deadline = promise.receipts[0].body().deadline;
    let until = moment::time_text(deadline, export.offset());
    let shows = match verdict {
        Verdict::Kept(recorded) => Shows::Kept {
            leaf: recorded.leaf,
            outcome: recorded.outcome,
        },
        Verdict::Broken { by, entry, late } => Shows::Broken {
            by,
            entry,
            recorded_late: late.map(|late| late.leaf),
        },
        Verdict::Void(void) => Shows::Void {
            reason: void_text(void),
        },
        Verdict::Open { log_ends } => Shows::Open {
            log_ends_ms: log_ends.0,
        },
    };
    output.print(&shows, |writer| match &shows {
        Shows::Kept { leaf, outcome } => {
            writeln!(writer, "kept: entry {leaf}, in time for {until}")?;
            write_outcome(writer, outcome)
        }
        Shows::Broken {
            by,
            entry,
            recorded_late,
        } => {
            writeln!(writer, "BROKEN by node {by}")?;
            writeln!(
                writer,
                "{until} had passed with entry {entry}, without the event"
            )?;
            match recorded_late {
                Some(leaf) => writeln!(writer, "it was recorded later, as entry {leaf}"),
                None => writeln!(writer, "it is not in this export at all"),
            }
        }
        Shows::Void { reason } => writeln!(writer, "void: {reason}"),
        Shows::Open { log_ends_ms } => {
            let ends = moment::time_text(Timestamp(*log_ends_ms), export.offset());
            writeln!(
                writer,
                "open: the export ends at {ends}, before {until} has passed"
            )
        }
    })?;
    match shows {
        Shows::Broken { by, .. } => Err(Failure::new(
            Exit::Verification,
            format!("node {by} broke its promise"),
            "show this file and the export to the park's operator or to the regulator",
        )),
        _ => Ok(()),
    }
}

fn void_text(void: Void) -> String {
    match void {
        Void::UnknownKey => "the event's key was not registered".to_owned(),
        Void::KeyEnded(entry) => format!("the event's key had ended with entry {entry}"),
        Void::SequenceUsed => "another event of the key has its sequence".to_owned(),
        Void::EarlierMissing => "an event of the key before it was never recorded".to_owned(),
        Void::QuotaExceeded => "the key had recorded its quota of events for the hour".to_owned(),
    }
}
