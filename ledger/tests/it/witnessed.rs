//! Exports beside what a witness saw: one history or two, and which of them is newer.

use crate::it::park::{Park, REGISTRAR, key, write_export};
use std::path::Path;
use wattle_ledger::event::Action;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::log::note::{Note, SignatureType, VerifierKey};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::witness::AddCheckpoint;
use wattle_ledger::log::{Checkpoint, Cosignature};
use wattle_ledger::registration::{Participant, ParticipantId};
use wattle_ledger::verify::claim::{Report, Status};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_ledger::verify::witnessed::{CLAIM, Seen, View, compare};

const NAME: &str = "witness.example/w1";

fn vkey() -> VerifierKey {
    VerifierKey::new(NAME, SignatureType::Cosignature, key(90).public()).unwrap()
}

/// A park with more than one bundle of leaves, sealed twice: the sizes of both seals.
fn grown() -> (Park, [usize; 2]) {
    let mut park = Park::founded();
    let mut sizes = Vec::new();
    for part in 0..2u32 {
        for id in part * 150..(part + 1) * 150 {
            let participant = Participant {
                id: ParticipantId(id + 1),
                name: format!("tenant {id}"),
            };
            park.submit(REGISTRAR, Action::RegisterParticipant(participant));
        }
        park.advance_to(park.now.plus_millis(60_000));
        sizes.push(park.leaves.len());
    }
    (park, [sizes[0], sizes[1]])
}

/// The note of these leaves, signed by the park's one node.
fn note(leaves: &[Vec<u8>], genesis: &Genesis) -> Note {
    let folder = tempfile::tempdir().unwrap();
    write_export(leaves, genesis, folder.path());
    let bytes = std::fs::read(folder.path().join("checkpoint")).unwrap();
    Note::parse(&bytes).unwrap()
}

fn witnessed(mut note: Note, time: u64) -> Note {
    let line = Cosignature::sign(note.text(), time, &key(90)).unwrap();
    let line = line.to_note_signature(NAME, &key(90).public()).unwrap();
    note.add(line).unwrap();
    note
}

fn view(export: &Path, genesis: &Genesis, keys: &[VerifierKey], seen: &[u8]) -> (Report, View) {
    let directory = Directory::new(export);
    let policy = genesis.policy();
    let mut report = verify(&directory, &policy, &mut |_| {});
    let seen = Seen::parse(seen).unwrap();
    let views = compare(&directory, &policy, keys, &[seen], &mut report);
    let last = report.claims.last().unwrap();
    assert_eq!((last.claim, last.status), (CLAIM, views[0].status));
    assert_eq!(last.reason, views[0].reason);
    (report, views[0].clone())
}

#[test]
fn one_history_is_found_whichever_of_the_two_is_newer() {
    let (park, [first, second]) = grown();
    let genesis = park.ledger.genesis();
    let folder = tempfile::tempdir().unwrap();
    let keys = [vkey()];
    // The node's cosignatures are of 1,782,000,000 s; the latest line of a view counts.
    let text = |size: usize, time| witnessed(note(&park.leaves[..size], genesis), time).to_string();
    write_export(&park.leaves, genesis, folder.path());
    for (size, time, ahead, behind) in [
        (second, 1_782_000_007, 0, 7),
        (first, 1_781_999_000, (second - first) as i64, 0),
        (1, 1_000, second as i64 - 1, 0),
    ] {
        let seen = text(size, time);
        let (report, view) = view(folder.path(), genesis, &keys, seen.as_bytes());
        assert!(report.is_ok(), "{}", view.reason);
        assert_eq!((view.entries_ahead, view.seconds_behind), (ahead, behind));
        assert!(view.cosigned.contains(&(NAME.to_owned(), time)));
    }

    // An older export: the witness has seen more, and a proof shows that it continues it.
    let older = tempfile::tempdir().unwrap();
    write_export(&park.leaves[..first], genesis, older.path());
    let seen = text(second, 1_782_003_600);
    let (report, found) = view(older.path(), genesis, &keys, seen.as_bytes());
    assert!(!report.is_ok());
    assert_eq!(found.status, Status::NotChecked);
    assert!(
        found
            .reason
            .contains(&format!("needs a proof from {first}"))
    );
    let hashes: Vec<_> = park.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let proof = |old: usize| {
        let (old, new) = (old as u64, second as u64);
        let proof = prove_consistency(&mut LeafHashes(&hashes), old, new).unwrap();
        let note = Note::parse(seen.as_bytes()).unwrap();
        AddCheckpoint::new(old, proof, note).unwrap().to_string()
    };
    let (report, found) = view(older.path(), genesis, &keys, proof(first).as_bytes());
    assert!(report.is_ok(), "{}", found.reason);
    assert_eq!(found.entries_ahead, first as i64 - second as i64);
    assert_eq!(found.seconds_behind, 3_600);
    let (_, found) = view(older.path(), genesis, &keys, proof(first - 1).as_bytes());
    assert_eq!(found.status, Status::NotChecked);
}

#[test]
fn a_fork_fails_and_both_roots_are_named() {
    let (park, [first, second]) = grown();
    let genesis = park.ledger.genesis();
    let folder = tempfile::tempdir().unwrap();
    write_export(&park.leaves, genesis, folder.path());
    for size in [first, second] {
        // The park's node has signed another history of this size, and the witness saw that one.
        let mut other = park.leaves[..size].to_vec();
        other[size - 1] = park.leaves[1].clone();
        let seen = witnessed(note(&other, genesis), 1_782_000_000);
        let checkpoint = Checkpoint::parse(seen.text()).unwrap();
        let seen = seen.to_string();
        let (report, view) = view(folder.path(), genesis, &[vkey()], seen.as_bytes());
        assert_eq!(view.status, Status::Failed);
        assert!(!report.is_ok());
        assert!(view.reason.contains(&checkpoint.root().to_string()));
        let own = Checkpoint::parse(note(&park.leaves[..size], genesis).text()).unwrap();
        assert!(
            view.reason.contains(&own.root().to_string()),
            "{}",
            view.reason
        );
    }
    // A larger one on another branch: no proof leads there.
    let mut other = park.leaves.clone();
    other[first] = park.leaves[1].clone();
    other.push(park.leaves[1].clone());
    let hashes: Vec<_> = other.iter().map(|leaf| leaf_hash(leaf)).collect();
    let (old, new) = (second as u64, other.len() as u64);
    let proof = prove_consistency(&mut LeafHashes(&hashes), old, new).unwrap();
    let seen = witnessed(note(&other, genesis), 1_782_000_000);
    let request = AddCheckpoint::new(old, proof, seen).unwrap().to_string();
    let (_, view) = view(folder.path(), genesis, &[vkey()], request.as_bytes());
    assert_eq!(view.status, Status::NotChecked);
    assert!(
        view.reason.contains("does not lead there"),
        "{}",
        view.reason
    );
}

#[test]
fn a_view_that_nobody_trusted_has_signed_says_nothing() {
    let (park, [first, _]) = grown();
    let genesis = park.ledger.genesis();
    let folder = tempfile::tempdir().unwrap();
    write_export(&park.leaves, genesis, folder.path());
    let plain = note(&park.leaves[..first], genesis);
    let by_witness = witnessed(plain.clone(), 1_782_000_000);
    let other_key = VerifierKey::new(NAME, SignatureType::Cosignature, key(91).public()).unwrap();
    // The park's own quorum is a view too: an older or a newer checkpoint that someone kept.
    let (report, _) = view(folder.path(), genesis, &[], plain.to_string().as_bytes());
    assert!(report.is_ok());

    let of_lines = |lines: &[usize]| {
        let mut note = Note::unsigned(by_witness.text()).unwrap();
        for line in lines {
            note.add(by_witness.signatures()[*line].clone()).unwrap();
        }
        note.to_string()
    };
    // Lines: 0 the log's, 1 the node's cosignature, 2 the witness's.
    let spoilt = by_witness
        .to_string()
        .replace(&format!("\n{first}\n"), "\n77\n");
    let other_log = Checkpoint::new("wattle/other/park", 5, wattle_ledger::hash::Hash::ZERO);
    let mut other_log = other_log.unwrap().to_note();
    other_log.add(by_witness.signatures()[0].clone()).unwrap();
    for (text, keys, reason) in [
        (of_lines(&[0, 2]), vec![], "no witness that is trusted"),
        (
            of_lines(&[0, 2]),
            vec![other_key],
            "no witness that is trusted",
        ),
        (of_lines(&[1, 2]), vec![vkey()], "no log key"),
        (spoilt, vec![vkey()], "does not hold"),
        (other_log.to_string(), vec![vkey()], "does not hold"),
    ] {
        let (_, view) = view(folder.path(), genesis, &keys, text.as_bytes());
        assert_eq!(view.status, Status::NotChecked, "{reason}");
        assert!(view.reason.contains(reason), "{}: {reason}", view.reason);
    }
    let alone = of_lines(&[0, 2]);
    let (report, _) = view(folder.path(), genesis, &[vkey()], alone.as_bytes());
    assert!(report.is_ok());
    assert!(Seen::parse(b"old 3\n").is_err() && Seen::parse(b"").is_err());
}

#[test]
fn policies_with_groups_ask_for_a_witness_in_the_checkpoint() {
    let (park, _) = grown();
    let genesis = park.ledger.genesis();
    let text = genesis.policy().to_string();
    let witness = format!("witness w1 {}\nwitness w2 {}\n", vkey(), {
        VerifierKey::new("w2", SignatureType::Cosignature, key(92).public()).unwrap()
    });
    let quorum = |rule: &str| {
        let groups = format!("{witness}group outside {rule} w1 w2\ngroup both all park outside\n");
        let text = text.replace("quorum park\n", &format!("{groups}quorum both\n"));
        Policy::parse(&text).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    write_export(&park.leaves, genesis, folder.path());
    let directory = Directory::new(folder.path());
    let status = |policy: &Policy, claim: &str| {
        let report = verify(&directory, policy, &mut |_| {});
        let mut claims = report.claims.into_iter();
        claims.find(|found| found.claim == claim).unwrap().status
    };
    assert_eq!(status(&quorum("any"), "quorum"), Status::Failed);
    let note = witnessed(note(&park.leaves, genesis), 1_782_000_000).to_string();
    std::fs::write(folder.path().join("checkpoint"), &note).unwrap();
    assert_eq!(status(&quorum("any"), "quorum"), Status::Ok);
    assert_eq!(status(&quorum("all"), "quorum"), Status::Failed);
    assert_eq!(status(&quorum("any"), "form"), Status::Ok);
    // A policy that does not name the witness finds a stranger's line in the export.
    assert_eq!(status(&genesis.policy(), "form"), Status::Failed);
}
