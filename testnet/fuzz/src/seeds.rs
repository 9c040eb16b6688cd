//! Honest bytes to begin from. They are made from the types, so that they follow every change of
//! format.

mod actions;
mod life;

use crate::park::{AUTHORS, founding, genesis, key, step};
use crate::targets::TARGETS;
use wattle_ledger::batch::Batch;
use wattle_ledger::codec;
use wattle_ledger::event::{Action, EventBody, OrderId, SignedEvent};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency, prove_inclusion, prove_prefix};
use wattle_ledger::log::tiles::{TileBuilder, TileKind};
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::witness::AddCheckpoint;
use wattle_ledger::log::{Checkpoint, Cosignature, Note, TlogProof};
use wattle_ledger::membership::{ChangeBatch, MemberChange, NodeStanding};
use wattle_ledger::receipt::{Promise, Receipt};
use wattle_ledger::registration::{NodeId, ParticipantId};
use wattle_ledger::verify::resume::VERIFIED_DOMAIN;
use wattle_ledger::verify::start::StartProof;
use wattle_ledger::view::{Header, PartWriter, Record};
use wattle_replica::message::{PeerMessage, Piece};
use wattle_replica::output::EntryId;
use wattle_replica::snapshot::{Manifest, Roster};

/// The leaves of a short log, with the signed events and the header that made them.
struct Log {
    leaves: Vec<Vec<u8>>,
    events: Vec<Vec<u8>>,
    batch: Batch,
    snapshot: Vec<u8>,
}

fn log() -> Log {
    let genesis = genesis();
    let mut ledger = Ledger::found(&genesis);
    let now = crate::park::FIRST.gate_closure().minus_millis(600_000);
    let mut sequences = [0u64; 256];
    let mut sign = |seed: u8, action| {
        let sequence = &mut sequences[usize::from(seed)];
        *sequence += 1;
        let body = EventBody {
            version: 0,
            author: key(seed).public(),
            sequence: *sequence,
            issued_at: now,
            action,
        };
        SignedEvent::sign(&genesis.park(), &body, &key(seed))
            .bytes()
            .to_vec()
    };
    let events: Vec<Vec<u8>> = founding()
        .into_iter()
        .map(|(seed, action)| sign(seed, action))
        .collect();
    let batch = Batch::sign(
        genesis.park(),
        (NodeId(1), &key(44)),
        1,
        now,
        events.clone(),
    );
    let applied = ledger.apply(1, &batch.encode());
    let mut leaves = vec![genesis.leaf()];
    leaves.extend(applied.leaves);
    Log {
        snapshot: ledger.snapshot().to_bytes(),
        leaves,
        events,
        batch,
    }
}

fn tiles(log: &Log) -> TileBuilder {
    let mut builder = TileBuilder::new();
    for leaf in &log.leaves {
        builder.push(leaf);
    }
    builder
}

/// The sealed checkpoint of a log, signed and cosigned.
fn checkpoint(log: &Log) -> Note {
    let genesis = genesis();
    let size = log.leaves.len() as u64;
    let checkpoint = Checkpoint::new(genesis.origin(), size, tiles(log).root())
        .expect("a genesis's origin is a name");
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&key(42)))
        .expect("a note takes a signature");
    let cosignature = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &key(43))
        .expect("the time fits a cosignature");
    let line = cosignature.to_note_signature(&genesis.cosigner_name(NodeId(1)), &key(43).public());
    note.add(line.expect("a cosigner's name is a name"))
        .expect("a note takes a signature");
    note
}

fn proof(log: &Log) -> TlogProof {
    let hashes: Vec<_> = log.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let path = prove_inclusion(&mut LeafHashes(&hashes), 3, hashes.len() as u64)
        .expect("all leaves are there");
    TlogProof::new(3, path, checkpoint(log)).expect("the checkpoint is a note")
}

/// The first request of a log, and one with a proof.
fn add_checkpoints(log: &Log) -> Vec<Vec<u8>> {
    let hashes: Vec<_> = log.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let size = hashes.len() as u64;
    let request = |old: u64| {
        let proof = prove_consistency(&mut LeafHashes(&hashes), old, size);
        let proof = proof.expect("all leaves are there");
        let request = AddCheckpoint::new(old, proof, checkpoint(log));
        request
            .expect("the note holds a checkpoint")
            .to_string()
            .into_bytes()
    };
    vec![request(0), request(3), request(size)]
}

/// What a log and a monitor send to a witness, on one connection.
fn witness_requests(log: &Log) -> Vec<Vec<u8>> {
    let body = add_checkpoints(log).remove(1);
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let get = b"GET /v1/witness HTTP/1.1\r\nConnection: close\r\n\r\n";
    vec![[head.as_bytes(), &body, get].concat(), get.to_vec()]
}

fn bundles(log: &Log) -> Vec<Vec<u8>> {
    let files = tiles(log).partials();
    let with_width = |width: u16, bytes: &[u8]| [&[(width - 1) as u8], bytes].concat();
    files
        .iter()
        .map(|file| with_width(file.path.width(), &file.bytes))
        .collect()
}

fn paths(log: &Log) -> Vec<Vec<u8>> {
    let order = OrderId {
        key: key(10).public(),
        sequence: 7,
        item: 3,
    };
    let far = wattle_ledger::log::tiles::TilePath::new(TileKind::Entries, 1_234_067, 256)
        .expect("a bundle of a long log");
    let mut texts = vec![order.to_string(), far.to_string()];
    texts.extend(
        tiles(log)
            .partials()
            .iter()
            .map(|file| file.path.to_string()),
    );
    texts.into_iter().map(String::into_bytes).collect()
}

fn promise(log: &Log) -> Promise {
    let event = SignedEvent::parse(&log.events[0]).expect("an event that was signed here");
    let now = crate::park::FIRST.start();
    let times = (now, now.plus_millis(60_000));
    let receipt = Receipt::sign(genesis().park(), (NodeId(1), &key(45)), &event, times);
    Promise {
        event,
        receipts: vec![receipt],
    }
}

/// One piece of each kind: an event whose sequence was used again, and a head that the log of the
/// checkpoint does not continue.
fn evidence(log: &Log) -> [Vec<u8>; 2] {
    let genesis = genesis();
    let event = SignedEvent::parse(&log.events[1]).expect("an event that was signed here");
    let author = AUTHORS
        .iter()
        .find(|seed| key(**seed).public() == event.body().author);
    let body = EventBody {
        issued_at: event.body().issued_at.plus_millis(1),
        ..event.body().clone()
    };
    let author = key(*author.expect("an author of this park"));
    let second = SignedEvent::sign(&genesis.park(), &body, &author);
    let events = Evidence::two_events(&genesis, Vec::new(), event, second);

    let hashes: Vec<_> = log.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let path = prove_prefix(&mut LeafHashes(&hashes), 6, hashes.len() as u64);
    let forged = Checkpoint::new(genesis.origin(), 6, hashes[0]).expect("a name and a size");
    let mut note = forged.to_note();
    note.add(forged.sign(&key(42)))
        .expect("a note takes a signature");
    let path = path.expect("all leaves are there");
    let heads = Evidence::two_heads(&genesis, Vec::new(), note, checkpoint(log), path);
    [events, heads].map(|made| made.expect("these contradict").bytes().to_vec())
}

/// A header, and a part with leaves that are not neighbors.
fn views(log: &Log) -> Vec<Vec<u8>> {
    let mut part = PartWriter::default();
    let leaves = log.leaves.iter().enumerate().step_by(2);
    let leaves = leaves.map(|(index, leaf)| Record {
        index: index as u64,
        leaf,
    });
    assert!(leaves.clone().all(|record| part.push(record).is_none()));
    let header = Header {
        participant: ParticipantId(1),
        leaves: leaves.count() as u64,
        parts: 1,
    };
    let mut seeds = vec![header.to_string().into_bytes()];
    seeds.extend(part.finish());
    seeds
}

/// The start of a cut export, and the file of a verification.
fn starts(log: &Log) -> Vec<Vec<u8>> {
    let leaf = log.leaves.last().expect("the log has leaves");
    let proof = StartProof {
        seal: leaf.clone(),
        path: vec![leaf_hash(leaf); 3],
    };
    let note = checkpoint(log).to_string().into_bytes();
    let length = (note.len() as u64).to_le_bytes();
    let unchecked = 0u64.to_le_bytes();
    let parts = [VERIFIED_DOMAIN, &unchecked, &length, &note, &log.snapshot];
    vec![codec::encode(&proof), parts.concat()]
}

fn manifest(log: &Log) -> Manifest {
    let tree = tiles(log);
    Manifest {
        to: NodeId(2),
        from: NodeId(1),
        term: 3,
        entry: EntryId { index: 9, term: 2 },
        roster: Roster {
            voters: vec![NodeId(1), NodeId(2)],
            learners: vec![NodeId(3)],
        },
        size: tree.size(),
        root: tree.root(),
    }
}

fn piece(log: &Log) -> Piece {
    let hashes: Vec<_> = log.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let size = hashes.len() as u64;
    Piece {
        first: 1,
        leaves: log.leaves[1..4].to_vec(),
        size,
        proof: prove_consistency(&mut LeafHashes(&hashes), 4, size)
            .expect("all hashes are in memory"),
    }
}

/// What is carried to a leader and his answer, what passes to a node that catches up, and how
/// messages of Raft and cosignatures begin, of which the fuzzer finds the rest.
fn peer_messages(log: &Log) -> Vec<Vec<u8>> {
    let events = log.events[..3].to_vec();
    let receipts = promise(log).receipts;
    let receipts = receipts.iter().map(|receipt| receipt.bytes().to_vec());
    let receipts = receipts.collect();
    let mut messages = vec![
        PeerMessage::Forward { events }.encode(),
        PeerMessage::Receipts { receipts }.encode(),
        PeerMessage::Manifest(manifest(log)).encode(),
        PeerMessage::LeavesWanted { first: 1, size: 9 }.encode(),
        PeerMessage::Leaves(piece(log)).encode(),
    ];
    for kind in 0..4u32 {
        messages.push([&kind.to_le_bytes()[..], &[0; 217]].concat());
    }
    messages
}

fn change() -> ChangeBatch {
    let change = MemberChange {
        node: NodeId(2),
        standing: NodeStanding::Learner,
    };
    let time = crate::park::FIRST.start();
    ChangeBatch::sign(genesis().park(), (NodeId(1), &key(44)), 1, time, change)
}

/// All actions, each by its author, with an hour between them; and each alone.
fn steps() -> Vec<Vec<u8>> {
    let actions = actions::actions();
    let alone = actions.iter().map(|(seed, action)| step(*seed, action));
    let mut seeds: Vec<Vec<u8>> = alone.collect();
    for chunk in seeds.clone().chunks(12) {
        let hour = [127 + 60];
        seeds.push(chunk.join(&hour[..]));
    }
    assert!(AUTHORS.len() < 128, "an author's place is no time");
    seeds
}

/// Rows of a park as it lives, before its gates and after settlement, each with some actions after
/// them.
fn states() -> Vec<Vec<u8>> {
    let lived = crate::park::lived(&life::life());
    let stories = steps().into_iter().filter(|seed| seed.len() > 600);
    let places = [0, 2];
    let rows = places.into_iter().zip(stories);
    rows.map(|(place, steps)| crate::state::encode(&crate::state::rows_of(&lived[place]), &steps))
        .collect()
}

/// The rows of a park in which everything has happened that the actions tell, then and later: the
/// hours up to settlement, and after the final run of the month.
pub fn lived() -> Vec<Vec<crate::state::Row>> {
    let mut actions = actions::actions();
    // Some stand in each other's way, whatever their order: so also in parts.
    let at_once = |part: &[(u8, Action)]| -> Vec<(u64, u8, Action)> {
        let steps = part.iter().map(|(seed, action)| (0, *seed, action.clone()));
        steps.collect()
    };
    let mut lives: Vec<_> = actions.chunks(18).map(at_once).collect();
    lives.push(at_once(&actions));
    actions.reverse();
    lives.push(at_once(&actions));
    lives.push(life::life());
    let ledgers = lives.iter().flat_map(|life| crate::park::lived(life));
    ledgers
        .map(|ledger| crate::state::rows_of(&ledger))
        .collect()
}

/// The seeds of a target.
///
/// # Panics
/// If there is no such target.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let log = log();
    match target {
        "entry" => log.leaves,
        "event" => log.events,
        "header" => vec![log.batch.header.bytes().to_vec()],
        "batch" => vec![log.batch.encode()],
        "change" => vec![change().encode()],
        "genesis" => vec![genesis().signed().to_vec()],
        "note" => vec![checkpoint(&log).to_string().into_bytes()],
        "policy" => vec![genesis().policy().to_string().into_bytes()],
        "tlog_proof" => vec![proof(&log).to_string().into_bytes()],
        "add_checkpoint" => add_checkpoints(&log),
        "witness_http" => witness_requests(&log),
        "bundle" => bundles(&log),
        "path" => paths(&log),
        "evidence" => evidence(&log).to_vec(),
        "promise" => vec![promise(&log).encode()],
        "snapshot" => vec![log.snapshot],
        "start" => starts(&log),
        "peer_message" => peer_messages(&log),
        "view" => views(&log),
        "actions" => steps(),
        "state" => states(),
        _ => {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            panic!("there is no target {target:?}; choose one of {names:?}")
        }
    }
}
