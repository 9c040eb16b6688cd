//! `wattle receipt …`: what nodes promised, and proofs of what the log holds.

mod verify;

use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_client::ClientError;
use wattle_client::api::{EventOutcome, EventState};
use wattle_ledger::entry::Entry;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hash::Hash;
use wattle_ledger::hex;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::prove_inclusion;
use wattle_ledger::log::tiles::TileHashes;
use wattle_ledger::log::{Checkpoint, Note, TlogProof};
use wattle_ledger::membership::{NodeStanding, seal_quorum};
use wattle_ledger::receipt::{Promise, Receipt};
use wattle_ledger::registration::NodeId;

use crate::args::ReceiptCommand;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment;
use crate::output::{Output, Table};
use crate::park::{self, GENESIS_FILE, Park};
use crate::promises;
use crate::settings::Settings;

pub(super) fn run(
    command: &ReceiptCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match command {
        ReceiptCommand::List => list(settings, output),
        ReceiptCommand::Fetch { file } => fetch(file, settings, output),
        ReceiptCommand::Prove { file, out } => prove(file, out, settings, output),
        ReceiptCommand::Verify(args) => verify::run(args, settings, output),
    }
}

/// One event with who has promised it.
#[derive(Debug, Serialize)]
struct Promised {
    action: &'static str,
    sequence: u64,
    event: Hash,
    nodes: Vec<NodeId>,
    /// The deadline of the node that took it, in milliseconds of park time.
    deadline_ms: u64,
    file: PathBuf,
}

impl Promised {
    fn of(file: PathBuf, promise: &Promise) -> Promised {
        let body = promise.event.body();
        let of = |receipt: &Receipt| receipt.body().node;
        Promised {
            action: body.action.name(),
            sequence: body.sequence,
            event: promise.event.hash(),
            nodes: promise.receipts.iter().map(of).collect(),
            deadline_ms: promise.receipts[0].body().deadline.0,
            file,
        }
    }
}

fn list(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let promises = promises::all(settings)?;
    let offset = match promises.is_empty() {
        true => 0,
        false => {
            let path = settings.data_dir()?.join(GENESIS_FILE);
            park::read_genesis(&path)?.body().utc_offset_minutes
        }
    };
    let mut table = Table::new(&["action", ">sequence", "promised by", "until", "file"]);
    let mut rows = Vec::new();
    for (file, promise) in promises {
        let row = Promised::of(file, &promise);
        table.row(vec![
            row.action.to_owned(),
            row.sequence.to_string(),
            nodes_text(&row.nodes),
            moment::time_text(promise.receipts[0].body().deadline, offset),
            row.file.display().to_string(),
        ]);
        rows.push(row);
    }
    output.print(&rows, |writer| table.write(writer, "no receipts are kept"))
}

fn nodes_text(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("node {node}")).collect();
    names.join(", then ")
}

fn fetch(file: &Path, settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut promise = promises::read(file)?;
    let park = Park::open(settings)?;
    let event = promise.event.hash();
    let found = park.client.receipts(&event).map_err(|error| match error {
        ClientError::Problem(problem) if problem.status == 404 => Failure::new(
            Exit::Failure,
            problem.detail,
            "ask the node that gave the receipt (--url), before a seal covers the event",
        ),
        other => other.into(),
    })?;
    let nodes = nodes(&park)?;
    let id = park.genesis.park();
    for text in &found.receipts {
        let receipt = hex::decode(text).ok();
        let receipt = receipt.and_then(|bytes| Receipt::parse(&bytes).ok());
        let Some(receipt) = receipt.filter(|it| it.verify(id, &nodes, &promise.event).is_ok())
        else {
            eprintln!("the node sent something that is no receipt for this event; not kept");
            continue;
        };
        let node = receipt.body().node;
        if promise
            .receipts
            .iter()
            .all(|known| known.body().node != node)
        {
            promise.receipts.push(receipt);
        }
    }
    promises::replace(file, &promise)?;
    let row = Promised::of(file.to_owned(), &promise);
    output.print(&row, |writer| {
        writeln!(writer, "promised by {}", nodes_text(&row.nodes))
    })
}

/// The founding nodes, and those that the answering node says were registered since: its own word
/// until an export shows it.
fn nodes(park: &Park<'_>) -> Result<Vec<NodeRecord>, Failure> {
    let mut nodes = park.genesis.body().nodes.clone();
    for node in park.client.registry()?.nodes {
        if nodes.iter().all(|known| known.id != node.id) {
            nodes.push(node.record());
        }
    }
    Ok(nodes)
}

/// Whether a proof holds by the founding nodes' policy, or else by that of those who vote now, whom
/// the answering node names. Who is handed the proof judges it by a policy of his own.
fn check(proof: &TlogProof, park: &Park<'_>) -> Result<(), Failure> {
    let Err(refused) = verify::check(proof, &park.genesis.policy()) else {
        return Ok(());
    };
    let mut nodes = park.client.registry()?.nodes;
    nodes.retain(|node| node.standing == Some(NodeStanding::Voter));
    let log_keys: Vec<PublicKey> = nodes.iter().map(|node| node.log).collect();
    let cosigners: Vec<(String, PublicKey)> = nodes
        .iter()
        .map(|node| (park.genesis.cosigner_name(node.id), node.cosigner))
        .collect();
    let (origin, quorum) = (park.genesis.origin(), seal_quorum(nodes.len()) as u64);
    match Policy::for_park(&origin, &log_keys, &cosigners, quorum) {
        Ok(present) => verify::check(proof, &present).map(|_| ()),
        Err(_) => Err(refused),
    }
}

/// A proof that was made.
#[derive(Debug, Serialize)]
struct Proved<'a> {
    event: Hash,
    leaf: u64,
    size: u64,
    file: &'a Path,
}

fn prove(
    file: &Path,
    out: &Path,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let promise = promises::read(file)?;
    let park = Park::open(settings)?;
    let event = promise.event.hash();
    let outcome = match park.client.event(&event)? {
        EventState::Committed(outcome) => outcome,
        EventState::Pending(_) => {
            return Err(Failure::new(
                Exit::Failure,
                "the event is not in the log yet",
                "wait, or send it again: wattle outbox resend",
            ));
        }
    };
    let leaf = leaf_of(&promise, &outcome);
    let (note, checkpoint) = sealed(&park)?;
    if outcome.leaf >= checkpoint.size() {
        return Err(Failure::new(
            Exit::Failure,
            format!(
                "entry {} is committed but not sealed: the last checkpoint has {} entries",
                outcome.leaf,
                checkpoint.size()
            ),
            "try again in a minute; a park without its quorum of cosigners does not seal",
        ));
    }
    let mut hashes = TileHashes::new(checkpoint.size(), |path| park.client.tile(path));
    let path = prove_inclusion(&mut hashes, outcome.leaf, checkpoint.size())
        .map_err(|error| Failure::of(Exit::Failure, &error, "ask another node with --url"))?;
    let proof = TlogProof::new(outcome.leaf, path, note)
        .map_err(|error| Failure::of(Exit::Failure, &error, "ask another node with --url"))?
        .with_extra(leaf);
    check(&proof, &park)?;
    folder::write_new(out, proof.to_string().as_bytes(), false)?;
    let proved = Proved {
        event,
        leaf: outcome.leaf,
        size: checkpoint.size(),
        file: out,
    };
    output.print(&proved, |writer| {
        let (leaf, size) = (proved.leaf, proved.size);
        writeln!(
            writer,
            "entry {leaf} of a sealed log of {size}: {}",
            out.display()
        )
    })
}

/// The event's leaf follows from its bytes and its outcome, so nobody has to be asked for it.
fn leaf_of(promise: &Promise, outcome: &EventOutcome) -> Vec<u8> {
    let entry = Entry::Event {
        signed: promise.event.bytes().to_vec(),
        outcome: outcome.items.iter().map(|item| item.code).collect(),
    };
    entry.encode()
}

fn sealed(park: &Park<'_>) -> Result<(Note, Checkpoint), Failure> {
    let text = park.client.checkpoint()?;
    let wrong = |error: &dyn std::error::Error| {
        Failure::of(Exit::Failure, error, "ask another node with --url")
    };
    let note = Note::parse(text.as_bytes()).map_err(|error| wrong(&error))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(&error))?;
    Ok((note, checkpoint))
}
