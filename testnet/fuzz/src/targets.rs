//! One target for each parser of foreign bytes.

use crate::park;
use crate::state;
use std::io::{self, Read, Write};
use std::time::Duration;
use wattle_ledger::batch::{Batch, SignedHeader};
use wattle_ledger::codec;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{OrderId, SignedEvent};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::ledger::SignatureCheck;
use wattle_ledger::log::tiles::{TilePath, encode_bundle, parse_bundle, parse_hash_tile};
use wattle_ledger::log::witness::{AddCheckpoint, Head, REQUEST_BYTES_MAX, judge};
use wattle_ledger::log::{Checkpoint, Note, Policy, TlogProof};
use wattle_ledger::membership::ChangeBatch;
use wattle_ledger::receipt::Promise;
use wattle_ledger::snapshot::Restoring;
use wattle_ledger::verify::resume::Reading;
use wattle_ledger::verify::start::StartProof;
use wattle_ledger::view::{Header, PartWriter, parse_part};
use wattle_replica::message::PeerMessage;
use wattle_witness::request::{Connection, Reader};

/// A parser with what must hold of it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its corpus.
    pub name: &'static str,
    /// Panics where a property does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "entry",
        run: entry,
    },
    Target {
        name: "event",
        run: event,
    },
    Target {
        name: "header",
        run: header,
    },
    Target {
        name: "batch",
        run: batch,
    },
    Target {
        name: "change",
        run: change,
    },
    Target {
        name: "genesis",
        run: genesis,
    },
    Target {
        name: "note",
        run: note,
    },
    Target {
        name: "policy",
        run: policy,
    },
    Target {
        name: "tlog_proof",
        run: tlog_proof,
    },
    Target {
        name: "add_checkpoint",
        run: add_checkpoint,
    },
    Target {
        name: "witness_http",
        run: witness_http,
    },
    Target {
        name: "bundle",
        run: bundle,
    },
    Target {
        name: "path",
        run: path,
    },
    Target {
        name: "promise",
        run: promise,
    },
    Target {
        name: "evidence",
        run: evidence,
    },
    Target {
        name: "peer_message",
        run: peer_message,
    },
    Target {
        name: "snapshot",
        run: snapshot,
    },
    Target {
        name: "view",
        run: view,
    },
    Target {
        name: "start",
        run: start,
    },
    Target {
        name: "actions",
        run: park::act,
    },
    Target {
        name: "state",
        run: state::run,
    },
];

/// A leaf has exactly one encoding.
fn entry(bytes: &[u8]) {
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode(), bytes, "one encoding for each entry");
    }
}

/// An event keeps its bytes, and a park's check of its signature gives an answer.
fn event(bytes: &[u8]) {
    if let Ok(event) = SignedEvent::parse(bytes) {
        assert_eq!(event.bytes(), bytes, "signed bytes stay as they came");
        let again = wattle_ledger::codec::encode(event.body());
        assert_eq!(again, bytes[..bytes.len() - 64], "one encoding");
        let _ = event.verify(&Hash::ZERO);
    }
}

fn header(bytes: &[u8]) {
    if let Ok(header) = SignedHeader::parse(bytes) {
        assert_eq!(header.bytes(), bytes, "signed bytes stay as they came");
        assert!(header.message().ends_with(&bytes[..bytes.len() - 64]));
    }
}

fn batch(bytes: &[u8]) {
    if let Ok(batch) = Batch::decode(bytes) {
        assert_eq!(batch.encode(), bytes, "one encoding for each batch");
    }
}

/// A step of the membership has one encoding and is never a batch as well.
fn change(bytes: &[u8]) {
    if let Ok(step) = ChangeBatch::decode(bytes) {
        assert_eq!(step.encode(), bytes, "one encoding for each step");
        assert!(Batch::decode(bytes).is_err(), "a step is no batch");
    }
}

/// A genesis that is accepted founds a park whose policy can be read again.
fn genesis(bytes: &[u8]) {
    if let Ok(genesis) = Genesis::parse(bytes) {
        let text = genesis.policy().to_string();
        let policy = Policy::parse(&text).expect("a park's own policy is one");
        assert_eq!(policy.to_string(), text);
    }
}

/// A note, and the checkpoint in it, are printed as they were read.
fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else {
        return;
    };
    assert_eq!(note.to_string().as_bytes(), bytes, "one text for each note");
    if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
        let again = Checkpoint::parse(&checkpoint.text()).expect("a checkpoint's text is one");
        assert_eq!(again, checkpoint);
    }
}

fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(policy) = Policy::parse(text) {
        let again = Policy::parse(&policy.to_string()).expect("a policy's text is one");
        assert_eq!(again.to_string(), policy.to_string());
        let _ = policy.is_quorum(|_| true);
    }
}

fn tlog_proof(bytes: &[u8]) {
    if let Ok(proof) = TlogProof::parse(bytes) {
        let again = TlogProof::parse(proof.to_string().as_bytes());
        let again = again.expect("a proof's text is one");
        assert_eq!(again.to_string(), proof.to_string());
    }
}

/// A witness's request has one text, and is judged whatever it says.
fn add_checkpoint(bytes: &[u8]) {
    if let Ok(request) = AddCheckpoint::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes, "one text");
        let policy = park::genesis().policy();
        for known in [None, Some(Head::of(request.checkpoint()))] {
            let _ = judge(&request, &policy, known.as_ref());
        }
    }
}

/// What a witness reads of a connection stays within bounds, and is read to its end.
fn witness_http(bytes: &[u8]) {
    let mut stream = Stream(bytes);
    let mut reader = Reader::default();
    let mut read = 0;
    while let Ok(request) = reader.next(&mut stream) {
        assert!(request.body.len() <= REQUEST_BYTES_MAX, "a body is bounded");
        read += request.body.len();
        assert!(read <= bytes.len(), "no byte is read twice");
    }
}

/// A connection that sends these bytes and takes whatever it is told.
struct Stream<'a>(&'a [u8]);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for Stream<'_> {
    fn wait_at_most(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }
}

/// The first byte is the width; the rest a bundle and a tile.
fn bundle(bytes: &[u8]) {
    let Some((width, rest)) = bytes.split_first() else {
        return;
    };
    let width = u16::from(*width) + 1;
    if let Ok(leaves) = parse_bundle(rest, width) {
        assert_eq!(leaves.len(), usize::from(width));
        assert_eq!(encode_bundle(leaves), rest, "one encoding for each bundle");
    }
    if let Ok(hashes) = parse_hash_tile(rest, width) {
        assert_eq!(hashes.len() * 32, rest.len());
    }
}

fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text, "one path for each tile");
        let outside = text.split('/').any(|part| part == ".." || part.is_empty());
        assert!(!outside, "a path stays in its folder");
    }
    if let Ok(order) = text.parse::<OrderId>() {
        assert_eq!(order.to_string(), text, "one text for each order");
    }
}

/// A promise has one encoding, and its receipts are checked whatever they say.
fn promise(bytes: &[u8]) {
    if let Ok(promise) = Promise::parse(bytes) {
        assert_eq!(promise.encode(), bytes, "one encoding for each promise");
        let genesis = park::genesis();
        let _ = promise.verify(genesis.park(), &genesis.body().nodes);
    }
}

/// The file of an earlier verification, and what a cut export begins with.
fn start(bytes: &[u8]) {
    let mut reading = Reading::default();
    if reading.push(bytes).is_ok() {
        let _ = reading.finish();
    }
    if let Ok(proof) = codec::decode::<StartProof>(bytes) {
        assert_eq!(codec::encode(&proof), bytes, "one encoding for each start");
        let _ = Entry::decode(&proof.seal);
    }
}

/// A snapshot that is accepted is the one that its ledger writes. Its last 32 bytes are made anew:
/// no fuzzer finds them.
fn snapshot(bytes: &[u8]) {
    let end = bytes.len().saturating_sub(32);
    let whole = [&bytes[..end], &sha256(&[&bytes[..end]]).0].concat();
    let mut restoring = Restoring::new(SignatureCheck::Verify);
    let (first, second) = whole.split_at(whole.len() / 2);
    if restoring.push(first).and(restoring.push(second)).is_err() {
        return;
    }
    if let Ok(mut ledger) = restoring.finish() {
        let again = ledger.snapshot().to_bytes();
        assert_eq!(again, whole, "one snapshot for each ledger");
    }
}

/// Evidence keeps its bytes, and is judged whatever it says; what proves something is about this
/// park, since the fuzzer has no key of another.
fn evidence(bytes: &[u8]) {
    let Ok(evidence) = Evidence::parse(bytes) else {
        return;
    };
    assert_eq!(evidence.bytes(), bytes, "evidence stays as it came");
    let genesis = park::genesis();
    if let Ok(verdict) = evidence.judge(Some(&genesis.policy())) {
        assert_eq!(verdict.park, genesis.park());
        assert!(evidence.judge(None).is_ok(), "a policy only asks for more");
    }
}

/// A view's header and parts have one encoding each.
fn view(bytes: &[u8]) {
    if let Ok(header) = Header::parse(bytes) {
        assert_eq!(
            header.to_string().as_bytes(),
            bytes,
            "one text for each header"
        );
    }
    if let Ok(records) = parse_part(bytes) {
        let mut writer = PartWriter::default();
        assert!(records.iter().all(|record| writer.push(*record).is_none()));
        assert_eq!(
            writer.finish().as_deref(),
            Some(bytes),
            "one encoding for each part"
        );
    }
}

fn peer_message(bytes: &[u8]) {
    if let Ok(message) = PeerMessage::decode(bytes) {
        assert_eq!(message.encode(), bytes, "one encoding for each message");
    }
}
