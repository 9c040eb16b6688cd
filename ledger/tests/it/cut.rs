//! Exports that begin later than their log, and verifications that go on where one ended.

use crate::it::park::{FIRST, Park, files_of};
use crate::it::runs;
use std::collections::BTreeMap;
use std::io;
use wattle_ledger::codec;
use wattle_ledger::entry::Entry;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::{Checkpoint, Note};
use wattle_ledger::verify::claim::{Report, Status};
use wattle_ledger::verify::cut::{CutAt, CutError, SealAt, cut, find_seal};
use wattle_ledger::verify::entries::{Entries, EntriesError};
use wattle_ledger::verify::resume::{self, Reading, ResumeFileError, Resumed};
use wattle_ledger::verify::source::Source;
use wattle_ledger::verify::start::StartProof;
use wattle_ledger::verify::{Options, Verified, verify, verify_with};

/// An export in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Source for Files {
    fn read(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        match self.0.get(path) {
            Some(bytes) if bytes.len() > bytes_max => Err(io::ErrorKind::InvalidData.into()),
            found => Ok(found.cloned()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
}

fn policy_of(genesis: &Genesis) -> Policy {
    Policy::parse(&genesis.policy().to_string()).unwrap()
}

fn whole(leaves: &[Vec<u8>], genesis: &Genesis) -> Files {
    Files(files_of(leaves, genesis))
}

fn part(whole: &Files, policy: &Policy, size: u64) -> (SealAt, Files) {
    let seal = find_seal(whole, CutAt::Size(size)).unwrap();
    let mut files = Files::default();
    let sink = &mut |path: &str, bytes: &[u8]| {
        files.0.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    };
    let report = cut(whole, policy, &seal, sink, &mut |_| {}).unwrap();
    assert!(report.is_ok());
    (seal, files)
}

/// A verification that goes on from a ledger, and the ledger that it had at another size.
fn going_on(
    files: &Files,
    policy: &Policy,
    verified: Option<Ledger>,
    size: u64,
) -> (Verified, Option<Ledger>) {
    let mut found = None;
    let mut take = |ledger: &mut Ledger| found = Some(ledger.clone());
    let options = Options {
        resumed: verified.map(|ledger| Resumed {
            ledger: Box::new(ledger),
            unchecked: 0,
        }),
        at: Some((size, &mut take)),
        ..Options::default()
    };
    let verified = verify_with(files, policy, options, &mut |_| {});
    (verified, found)
}

fn seals(leaves: &[Vec<u8>]) -> Vec<u64> {
    let is_seal = |leaf: &Vec<u8>| matches!(Entry::decode(leaf), Ok(Entry::Seal { .. }));
    let sizes = (1..).zip(leaves).filter(|(_, leaf)| is_seal(leaf));
    sizes.map(|(size, _)| size).collect()
}

/// Verifies a log that verifies as a whole once more, in three parts: each goes on from the state
/// in which the one before it ended, and so do the verifier's own books.
pub(crate) fn goes_on_from_seals(leaves: &[Vec<u8>], genesis: &Genesis) {
    let (policy, files) = (policy_of(genesis), whole(leaves, genesis));
    let seals = seals(leaves);
    let Some((first, second)) = seals
        .get(seals.len() / 3)
        .zip(seals.get(seals.len() * 2 / 3))
    else {
        return;
    };
    let (all, mut ledger) = going_on(&files, &policy, None, *first);
    let Some(mut at_the_end) = all.ledger else {
        return;
    };
    for (from, next) in [(*first, *second), (*second, leaves.len() as u64)] {
        let (verified, at_next) = going_on(&files, &policy, ledger, next);
        let report = verified.report;
        assert!(report.is_ok(), "after {from}: {:#?}", report.claims);
        assert_eq!(
            (report.from, report.history().unwrap().status),
            (from, Status::Ok)
        );
        ledger = at_next;
    }
    let again = ledger.unwrap().snapshot().to_bytes();
    assert_eq!(again, at_the_end.snapshot().to_bytes());
}

/// Some intervals, more than one bundle, ending with a seal.
fn lived() -> Park {
    let mut park = Park::peopled();
    let mut registers = [0i64; 4];
    for step in 0..16 {
        runs::trade(&mut park, FIRST.plus(step), 4_000);
    }
    for step in 0..16 {
        let interval = FIRST.plus(step);
        for (register, step) in registers.iter_mut().zip([1_000, 6_000, 6_000, 10]) {
            *register += step;
        }
        park.read_all(interval, registers);
    }
    park.advance_to(FIRST.plus(15).settlement_due());
    assert!(park.leaves.len() > 300, "{} leaves", park.leaves.len());
    park
}

#[test]
fn every_part_of_a_log_verifies_from_its_seal_on() {
    let park = lived();
    let genesis = park.ledger.genesis();
    let (policy, all) = (policy_of(genesis), whole(&park.leaves, genesis));
    let size = park.leaves.len() as u64;
    let sizes = seals(&park.leaves);
    assert!(sizes.len() > 8 && sizes[sizes.len() - 2] > 256);
    for at in sizes {
        let (seal, files) = part(&all, &policy, at);
        assert_eq!(seal.size, at);
        let report = verify(&files, &policy, &mut |_| {});
        assert!(report.is_ok(), "after {at}: {:#?}", report.claims);
        assert_eq!((report.from, report.size), (at, size));
        assert_eq!(report.history().unwrap().status, Status::NotChecked);
        assert_eq!(report.not_covered, Vec::<String>::new());
        let earlier = whole(&park.leaves[..at as usize], genesis);
        let report = with_earlier(&files, &policy, &earlier);
        assert!(report.is_ok(), "{:#?}", report.claims);
        assert_eq!(report.history().unwrap().status, Status::Ok);
        let report = with_earlier(&all, &policy, &earlier);
        assert_eq!(
            report.history().unwrap().status,
            Status::Ok,
            "whole, and continued"
        );
    }
}

fn checkpoint_of(files: &Files) -> Checkpoint {
    let note = Note::parse(&files.0["checkpoint"]).unwrap();
    Checkpoint::parse(note.text()).unwrap()
}

fn with_earlier(files: &Files, policy: &Policy, earlier: &Files) -> Report {
    let checkpoint = checkpoint_of(earlier);
    let options = Options {
        earlier: Some(&checkpoint),
        ..Options::default()
    };
    verify_with(files, policy, options, &mut |_| {}).report
}

/// The log cut after its first bundle, with what a forger needs to make it anew.
struct Forgery {
    park: Park,
    policy: Policy,
    files: Files,
    seal: u64,
}

impl Forgery {
    fn prepare() -> Forgery {
        let park = lived();
        let genesis = park.ledger.genesis();
        let (policy, all) = (policy_of(genesis), whole(&park.leaves, genesis));
        let sizes = seals(&park.leaves);
        let beyond_a_bundle = sizes.iter().find(|size| **size > 256);
        let (seal, files) = part(&all, &policy, *beyond_a_bundle.unwrap());
        let seal = seal.size;
        Forgery {
            park,
            policy,
            files,
            seal,
        }
    }

    fn judge(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Report {
        let mut files = self.files.clone();
        change(&mut files.0);
        assert_ne!(files, self.files, "something was changed");
        let report = verify(&files, &self.policy, &mut |_| {});
        assert!(!report.is_ok());
        report
    }

    /// The ledger at the seal, as the export has it.
    fn ledger(&self) -> Ledger {
        let state = &self.files.0["state/00000"];
        Ledger::restore(state, SignatureCheck::AlreadyVerified).unwrap()
    }

    fn start(&self) -> StartProof {
        codec::decode(&self.files.0["start"]).unwrap()
    }
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.claims.iter();
    let failed = failed.filter(|one| one.status == Status::Failed);
    failed.map(|one| one.claim).collect()
}

/// The snapshot of an export with one row changed, and its head and end made anew around it.
fn with_another_row(ledger: &mut Ledger) -> Vec<u8> {
    let bytes = ledger.snapshot().to_bytes();
    let old_root = ledger.snapshot().head().state_root;
    // The last byte of the last row's value is a digit of no length.
    let mut forged = bytes[..bytes.len() - 32].to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let finished = |mut forged: Vec<u8>| {
        forged.extend(wattle_ledger::hash::sha256(&[&forged]).0);
        forged
    };
    // Whoever forges reads the root that his rows have off a reader that refuses another.
    let at = forged.windows(32).position(|part| part == old_root.0);
    let at = at.unwrap();
    let mut restoring = wattle_ledger::snapshot::Restoring::new(SignatureCheck::Verify);
    restoring.push(&finished(forged.clone())).unwrap();
    let root = restoring.root().unwrap();
    forged[at..at + 32].copy_from_slice(&root.0);
    let forged = finished(forged);
    assert!(Ledger::restore(&forged, SignatureCheck::Verify).is_ok());
    forged
}

#[test]
fn what_a_part_begins_with_fails_at_its_claim_when_it_is_doctored() {
    let forgery = Forgery::prepare();
    let state = "state/00000".to_owned();
    // Bytes of the snapshot, its end missing, or all of it.
    for at in [3, 60, 700, 2_000] {
        let report = forgery.judge(|files| files.get_mut(&state).unwrap()[at] ^= 1);
        assert_eq!(failed(&report), ["form"], "byte {at}");
    }
    let report = forgery.judge(|files| files.get_mut(&state).unwrap().truncate(1_000));
    assert_eq!(failed(&report), ["form"]);
    let report = forgery.judge(|files| drop(files.remove(&state)));
    assert_eq!(failed(&report), ["form"]);
    // A snapshot that is sound in itself, with one row changed.
    let other_row = with_another_row(&mut forgery.ledger());
    let report = forgery.judge(|files| drop(files.insert(state.clone(), other_row)));
    assert_eq!(failed(&report), ["replay"]);
    // Another park's, and the same park's at another seal.
    let mut stranger = Park::founded_at(FIRST.next());
    let strange = stranger.ledger.snapshot().to_bytes();
    let report = forgery.judge(|files| drop(files.insert(state.clone(), strange)));
    assert_eq!(failed(&report), ["form"]);
    let mut later = forgery.park.ledger.clone();
    let later = later.snapshot().to_bytes();
    let report = forgery.judge(|files| drop(files.insert(state.clone(), later)));
    assert_eq!(
        failed(&report),
        ["bytes to root"],
        "the seal is not its last leaf"
    );
    let report = forgery.judge(|files| drop(files.remove("start")));
    assert!(failed(&report).contains(&"form"), "it is no whole export");
}

#[test]
fn the_seal_a_part_begins_with_must_be_the_logs() {
    let forgery = Forgery::prepare();
    let start = |change: fn(&mut StartProof)| {
        let mut start = forgery.start();
        change(&mut start);
        let bytes = codec::encode(&start);
        let report = forgery.judge(|files| drop(files.insert("start".to_owned(), bytes)));
        failed(&report)
    };
    assert_eq!(start(|proof| proof.path[0].0[0] ^= 1), ["bytes to root"]);
    assert_eq!(start(|proof| proof.path.truncate(1)), ["bytes to root"]);
    assert_eq!(start(|proof| proof.seal[10] ^= 1), ["bytes to root"]);
    let report = forgery.judge(|files| files.get_mut("start").unwrap().truncate(9));
    assert_eq!(failed(&report), ["form"]);
}

#[test]
fn a_tree_that_the_log_does_not_begin_with_is_found() {
    // The same park lived otherwise up to its seal: its snapshot, seal and proof are sound.
    let forgery = Forgery::prepare();
    let mut other = Park::peopled();
    let mut now = other.now;
    while other.seals.is_empty() || other.ledger.size() < forgery.seal {
        now = now.plus_millis(60_000);
        other.advance_to(now);
        runs::trade(&mut other, FIRST.plus(90), 10);
    }
    let genesis = other.ledger.genesis();
    let all = whole(
        &other.leaves[..*other.seals.last().unwrap() as usize],
        genesis,
    );
    let (_, forked) = part(&all, &forgery.policy, *other.seals.last().unwrap());
    let report = forgery.judge(|files| {
        for name in ["start", "state/00000"] {
            files.insert(name.to_owned(), forked.0[name].clone());
        }
    });
    assert_eq!(failed(&report), ["bytes to root"]);
    // Without the quorum nothing is even tried.
    let report = forgery.judge(|files| {
        let note = String::from_utf8(files["checkpoint"].clone()).unwrap();
        let lines: Vec<&str> = note
            .lines()
            .filter(|line| !line.contains("/node/"))
            .collect();
        let note = lines.join("\n") + "\n";
        files.insert("checkpoint".to_owned(), note.into_bytes());
    });
    assert_eq!(failed(&report), ["quorum"]);
    assert_eq!(report.history().unwrap().status, Status::NotChecked);
}

#[test]
fn leaves_after_the_cut_are_verified_as_ever() {
    let forgery = Forgery::prepare();
    let genesis = forgery.park.ledger.genesis();
    let mut leaves = forgery.park.leaves.clone();
    let at = leaves.len() - 3;
    let (first, last) = leaves[at].split_at_mut(30);
    last[0] ^= 1;
    assert!(!first.is_empty());
    // All hashes and signatures are made anew around a changed leaf.
    let forged = whole(&leaves, genesis);
    let report = forgery.judge(|files| {
        for (path, bytes) in forged.0 {
            if files.contains_key(&path) {
                files.insert(path, bytes);
            }
        }
    });
    assert!(!failed(&report).is_empty());
    let tile = |path: &String| path.starts_with("tile/");
    let paths: Vec<String> = forgery
        .files
        .0
        .keys()
        .filter(|path| tile(path))
        .cloned()
        .collect();
    assert!(paths.len() >= 2, "{paths:?}");
    for path in paths {
        let report = forgery.judge(|files| drop(files.remove(&path)));
        assert!(!failed(&report).is_empty(), "{path} is missing");
        let report = forgery.judge(|files| *files.get_mut(&path).unwrap().last_mut().unwrap() ^= 1);
        assert!(!failed(&report).is_empty(), "{path} is another");
    }
}

#[test]
fn the_earlier_checkpoint_and_the_earlier_verification_must_be_continued() {
    let forgery = Forgery::prepare();
    let (park, policy) = (&forgery.park, &forgery.policy);
    let genesis = park.ledger.genesis();
    let other_size = whole(&park.leaves[..park.leaves.len() - 20], genesis);
    let report = with_earlier(&forgery.files, policy, &other_size);
    assert_eq!(failed(&report), ["history"]);
    let mut rewritten = park.leaves[..forgery.seal as usize].to_vec();
    rewritten[5].push(0);
    let report = with_earlier(&forgery.files, policy, &whole(&rewritten, genesis));
    assert_eq!(failed(&report), ["history"]);
    let all = whole(&park.leaves, genesis);
    let report = with_earlier(&all, policy, &whole(&rewritten, genesis));
    assert_eq!(
        failed(&report),
        ["history"],
        "also where all of it is there"
    );

    // The log that was verified is not the one that comes later.
    let mut shorter = Park::peopled();
    shorter.advance_to(FIRST.gate_closure());
    runs::trade(&mut shorter, FIRST.plus(9), 100);
    shorter.advance_to(shorter.now.plus_millis(120_000));
    let verified = whole(&shorter.leaves, genesis);
    let ledger = going_on(&verified, policy, None, 0).0.ledger.unwrap();
    let (forked, _) = going_on(&all, policy, Some(ledger.clone()), 0);
    assert_eq!(failed(&forked.report), ["history"]);
    assert!(forked.ledger.is_none());
    let older = whole(&park.leaves[..seals(&park.leaves)[0] as usize], genesis);
    let (older, _) = going_on(&older, policy, Some(park.ledger.clone()), 0);
    assert_eq!(failed(&older.report), ["history"], "an older copy");
}

#[test]
fn what_needs_the_whole_log_says_so_and_nothing_is_cut_that_does_not_verify() {
    let forgery = Forgery::prepare();
    let opened = Entries::open(&forgery.files).map(|_| ());
    assert!(matches!(opened, Err(EntriesError::Cut)));
    let genesis = forgery.park.ledger.genesis();
    let mut all = whole(&forgery.park.leaves, genesis);
    let early = find_seal(&all, CutAt::Size(1));
    assert!(matches!(early, Err(CutError::NoSeal)));
    let before = forgery.park.ledger.state().clock().time;
    let seal = find_seal(&all, CutAt::Before(before)).unwrap();
    assert!(seal.time < before && seal.size < forgery.park.ledger.size());
    all.0.get_mut("tile/entries/000").unwrap()[900] ^= 1;
    let sink = &mut |_: &str, _: &[u8]| Ok(());
    let made = cut(&all, &forgery.policy, &seal, sink, &mut |_| {});
    assert!(matches!(made, Err(CutError::NotVerified(_))));
}

/// The file of a verification.
fn kept(verified: Verified) -> Vec<u8> {
    let (mut ledger, note) = (verified.ledger.unwrap(), verified.note.unwrap());
    let mut bytes = Vec::new();
    let unchecked = verified.report.unchecked;
    let sink = &mut |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok::<(), std::convert::Infallible>(())
    };
    resume::write((&mut ledger, unchecked, &note), sink).unwrap();
    bytes
}

fn read_back(bytes: &[u8], length: usize) -> Result<Resumed, ResumeFileError> {
    let mut reading = Reading::default();
    for piece in bytes.chunks(length) {
        reading.push(piece)?;
    }
    reading.finish()
}

#[test]
fn what_is_kept_of_a_verification_is_read_back_and_says_what_it_never_saw() {
    let forgery = Forgery::prepare();
    let verified = verify_with(
        &forgery.files,
        &forgery.policy,
        Options::default(),
        &mut |_| {},
    );
    let bytes = kept(verified);
    for length in [1_000, 13, bytes.len()] {
        let resumed = read_back(&bytes, length).unwrap();
        assert_eq!(resumed.unchecked, forgery.seal);
    }
    let options = Options {
        resumed: Some(read_back(&bytes, 4_096).unwrap()),
        ..Options::default()
    };
    // The same export once more: nothing is left to be read.
    let again = verify_with(&forgery.files, &forgery.policy, options, &mut |_| {});
    let report = &again.report;
    assert!(report.is_ok(), "{:#?}", report.claims);
    assert_eq!((report.from, report.unchecked), (report.size, forgery.seal));
    assert_eq!(report.history().unwrap().status, Status::NotChecked);
    assert_eq!(kept(again), bytes);

    assert_eq!(
        read_back(b"wattle/verified/v1", 9).unwrap_err(),
        ResumeFileError::NoFile
    );
    assert_eq!(
        read_back(&bytes[..200], 9).unwrap_err(),
        ResumeFileError::NoFile
    );
    let cut_short = read_back(&bytes[..bytes.len() - 1], 4_096).unwrap_err();
    assert!(matches!(cut_short, ResumeFileError::Snapshot(_)));
    let note = forgery.files.0["checkpoint"].clone();
    let at = bytes
        .windows(note.len())
        .position(|part| part == note)
        .unwrap();
    let mut other = bytes[..at + note.len()].to_vec();
    other.extend(forgery.ledger().snapshot().to_bytes());
    assert_eq!(
        read_back(&other, 4_096).unwrap_err(),
        ResumeFileError::Mismatch
    );
}
