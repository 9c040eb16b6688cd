//! A witness as a log meets it: over HTTP, across restarts, and against forks.
#![allow(clippy::unwrap_used)] // A failed unwrap in a test is its failure.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use wattle_client::witness::{WitnessClient, WitnessError as ClientError};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::log::note::{Note, SignatureType, VerifierKey};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::witness::{AddCheckpoint, log_id};
use wattle_ledger::log::{Checkpoint, Cosignature, Tree};
use wattle_witness::server::Server;
use wattle_witness::store::{Store, StoreError};
use wattle_witness::witness::{Witness, WitnessError};

const ORIGIN: &str = "wattle/park/0123";
const NAME: &str = "witness.example/w1";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn vkey() -> VerifierKey {
    VerifierKey::new(NAME, SignatureType::Cosignature, key(99).public()).unwrap()
}

/// Three nodes, of which two must have cosigned.
fn policy() -> Policy {
    let cosigner = |n: u8| (format!("{ORIGIN}/node/{n}"), key(10 + n).public());
    let logs = [1, 2, 3].map(|n| key(n).public());
    Policy::for_park(ORIGIN, &logs, &[1, 2, 3].map(cosigner), 2).unwrap()
}

fn leaves(branch: u8, size: u64) -> Vec<Hash> {
    let leaf = |index: u64| leaf_hash(&[if index < 5 { 0 } else { branch }, index as u8]);
    (0..size).map(leaf).collect()
}

fn note(branch: u8, size: u64, cosigners: &[u8]) -> Note {
    let mut tree = Tree::new();
    for leaf in leaves(branch, size) {
        tree.push(leaf);
    }
    let checkpoint = Checkpoint::new(ORIGIN, size, tree.root()).unwrap();
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&key(1))).unwrap();
    for n in cosigners {
        let key = key(10 + n);
        let line = Cosignature::sign(&checkpoint.text(), 1_800_000_000, &key).unwrap();
        let name = format!("{ORIGIN}/node/{n}");
        note.add(line.to_note_signature(&name, &key.public()).unwrap())
            .unwrap();
    }
    note
}

fn prove(branch: u8, old: u64, new: u64) -> Result<Vec<Hash>, String> {
    let leaves = leaves(branch, new);
    prove_consistency(&mut LeafHashes(&leaves), old, new).map_err(|error| error.to_string())
}

fn body(branch: u8, old: u64, size: u64, cosigners: &[u8]) -> Vec<u8> {
    let proof = prove(branch, old.min(size), size).unwrap();
    let request = AddCheckpoint::new(old, proof, note(branch, size, cosigners)).unwrap();
    request.to_string().into_bytes()
}

fn witness(folder: &Path) -> Witness {
    let store = Store::open(folder).unwrap();
    Witness::new(NAME, key(99), vec![policy()], store).unwrap()
}

/// A witness in this process, which serves until the tests end.
fn serve(folder: &TempDir) -> SocketAddr {
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), witness(folder.path())).unwrap();
    let address = server.address().unwrap();
    std::thread::spawn(move || server.run());
    address
}

fn client(address: SocketAddr) -> WitnessClient {
    WitnessClient::new(&format!("http://{address}"), Duration::from_secs(10)).unwrap()
}

/// Sends bytes as they are and gives status, content type and body of the answer.
fn post(address: SocketAddr, path: &str, body: &[u8]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: w\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut lines = head.lines();
    let kind = lines.find_map(|line| line.strip_prefix("Content-Type: "));
    (status, kind.unwrap().to_owned(), body.to_owned())
}

#[test]
fn a_growing_log_is_cosigned_and_monitors_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(serve(&folder));
    assert_eq!(client.checkpoint(ORIGIN).unwrap(), None);
    // The client need not know where the witness stands: he is told.
    for (known, size) in [(0, 3), (3, 8), (0, 100), (7, 100), (100, 101)] {
        let note = note(0, size, &[1, 2]);
        let line = client
            .cosign(&vkey(), &note, known, &mut |old, new| prove(0, old, new))
            .unwrap();
        assert!(vkey().verify(note.text(), &line).unwrap() > Some(1_700_000_000));
    }
    let seen = client.checkpoint(ORIGIN).unwrap().unwrap();
    let seen = Note::parse(seen.as_bytes()).unwrap();
    assert_eq!(seen.text(), note(0, 101, &[]).text());
    assert!(policy().evaluate(&seen).satisfied);
    let own = seen.signatures().last().unwrap();
    assert!(vkey().verify(seen.text(), own).is_ok());
    let status = client.status().unwrap();
    assert_eq!(
        (status.name.as_str(), status.vkey),
        (NAME, vkey().to_string())
    );
    assert_eq!(status.logs[0].size, Some(101));
    assert_eq!(status.logs[0].id, log_id(ORIGIN));
}

#[test]
fn statuses_are_those_of_the_specification() {
    let folder = tempfile::tempdir().unwrap();
    let address = serve(&folder);
    let add = |body: &[u8]| post(address, "/add-checkpoint", body);
    let text = "text/plain; charset=utf-8";
    let (status, kind, line) = add(&body(0, 0, 8, &[1, 2, 3]));
    assert_eq!((status, kind.as_str()), (200, text));
    assert!(line.starts_with("— witness.example/w1 ") && line.ends_with('\n'));
    assert_eq!(line.lines().count(), 1);

    // The size that the witness has, for who does not know it.
    let conflict = (409, "text/x.tlog.size".to_owned(), "8\n".to_owned());
    assert_eq!(add(&body(0, 0, 9, &[1, 2])), conflict);
    assert_eq!(add(&body(0, 3, 9, &[1, 2])), conflict);
    assert_eq!(add(&body(0, 3, 7, &[1, 2])), conflict);
    // Another root at the size that was cosigned.
    assert_eq!(add(&body(1, 8, 8, &[1, 2])), conflict);

    let other = String::from_utf8(body(0, 8, 9, &[1, 2])).unwrap();
    let other = other.replace(ORIGIN, "wattle/other/0123");
    let bad_proof = AddCheckpoint::new(8, prove(0, 7, 9).unwrap(), note(0, 9, &[1, 2])).unwrap();
    for (body, expected) in [
        (body(0, 10, 9, &[1, 2]), 400),
        (b"old 8\n".to_vec(), 400),
        (Vec::new(), 400),
        (other.into_bytes(), 404),
        (body(0, 8, 9, &[]), 403),
        (body(0, 8, 9, &[1]), 403),
        (bad_proof.to_string().into_bytes(), 422),
        (body(1, 8, 9, &[1, 2]), 422),
    ] {
        let (status, kind, said) = add(&body);
        assert_eq!((status, kind.as_str()), (expected, text), "{said}");
        assert!(!said.contains('—'), "nothing is signed: {said}");
    }
    assert_eq!(add(&vec![b'x'; 70_000]).0, 413);
    assert_eq!(post(address, "/elsewhere", b"").0, 404);
    assert_eq!(post(address, "/v1/witness", b"").0, 405);
    assert_eq!(add(&body(0, 8, 9, &[1, 2])).0, 200);
}

#[test]
fn what_was_signed_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = witness(folder.path());
    assert_eq!(
        first.add_checkpoint(&body(0, 0, 8, &[1, 2]), 1_000).status,
        200
    );
    assert!(matches!(
        Store::open(folder.path()),
        Err(StoreError::InUse { .. })
    ));
    drop(first);
    // A half-written file of a crash is no obstacle.
    let state = folder.path().join(log_id(ORIGIN));
    std::fs::write(state.join("checkpoint.tmp-1"), "half").unwrap();
    let second = witness(folder.path());
    let conflict = second.add_checkpoint(&body(1, 0, 8, &[1, 2]), 2_000);
    assert_eq!((conflict.status, &*conflict.body), (409, &b"8\n"[..]));
    assert_eq!(
        second.add_checkpoint(&body(1, 8, 9, &[1, 2]), 2_000).status,
        422
    );
    assert_eq!(
        second.add_checkpoint(&body(0, 8, 9, &[1, 2]), 2_000).status,
        200
    );
    assert_eq!(second.status().logs[0].cosigned_at, Some(2_000));
    // A clock that was set back does not make the later statement the earlier one.
    assert_eq!(
        second.add_checkpoint(&body(0, 9, 10, &[1, 2]), 500).status,
        200
    );
    assert_eq!(second.status().logs[0].cosigned_at, Some(2_000));
    drop(second);

    // A state that is not this witness's is never begun anew.
    let path = state.join("checkpoint");
    let good = std::fs::read_to_string(&path).unwrap();
    let without_own = good.lines().filter(|line| !line.contains(NAME));
    let without_own: String = without_own.map(|line| format!("{line}\n")).collect();
    for text in [
        "",
        "half a no",
        &without_own,
        &good.replace("\n10\n", "\n9\n"),
    ] {
        std::fs::write(&path, text).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = Witness::new(NAME, key(99), vec![policy()], store).err();
        assert!(
            matches!(error, Some(WitnessError::State { .. })),
            "{text:?}"
        );
    }
}

#[test]
fn both_sides_of_a_contradiction_are_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    assert_eq!(
        witness.add_checkpoint(&body(0, 0, 8, &[1, 2]), 1).status,
        200
    );
    for _ in 0..2 {
        let answer = witness.add_checkpoint(&body(1, 0, 8, &[2, 3]), 2);
        assert_eq!(
            (answer.status, answer.content_type),
            (409, "text/x.tlog.size")
        );
    }
    // One node alone contradicts nothing.
    assert_eq!(witness.add_checkpoint(&body(2, 0, 8, &[3]), 2).status, 403);
    let store = folder.path().join(log_id(ORIGIN));
    let mut kept: Vec<_> = std::fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("contradiction-8-"))
        .collect();
    kept.sort();
    assert_eq!(kept.len(), 2);
    for (path, branch) in kept.iter().zip([0, 1]) {
        let kept = Note::parse(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(kept.text(), note(branch, 8, &[]).text());
        assert!(policy().evaluate(&kept).satisfied);
    }
    assert_eq!(witness.status().logs[0].contradictions, 1);
    // The branch that came first goes on.
    assert_eq!(
        witness.add_checkpoint(&body(0, 8, 9, &[1, 2]), 3).status,
        200
    );
}

#[test]
fn where_the_disk_fails_nothing_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    // A file stands where the log's folder should.
    std::fs::write(folder.path().join(log_id(ORIGIN)), "").unwrap();
    let answer = witness.add_checkpoint(&body(0, 0, 8, &[1, 2]), 1);
    assert_eq!(answer.status, 500);
    assert!(!String::from_utf8(answer.body).unwrap().contains('—'));
    std::fs::remove_file(folder.path().join(log_id(ORIGIN))).unwrap();
    // What is on disk is read again before anything else is signed.
    assert_eq!(
        witness.add_checkpoint(&body(1, 0, 8, &[1, 2]), 1).status,
        500
    );
    assert_eq!(witness.status().logs[0].size, None);
}

#[test]
fn many_at_once_never_roll_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let sizes = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in 0..4u64 {
            let (witness, sizes) = (&witness, &sizes);
            scope.spawn(move || {
                let mut old = 0;
                for step in 1..=4 {
                    let size = step * 7 + worker;
                    let answer = witness.add_checkpoint(&body(0, old, size.max(old), &[1, 2]), 1);
                    let mut sizes = sizes.lock().unwrap();
                    match answer.status {
                        200 => sizes.push(size.max(old)),
                        409 => {
                            old = String::from_utf8(answer.body)
                                .unwrap()
                                .trim()
                                .parse()
                                .unwrap()
                        }
                        429 => {}
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    let largest = sizes.into_inner().unwrap().into_iter().max().unwrap();
    assert_eq!(witness.status().logs[0].size, Some(largest));
}

#[test]
fn a_log_that_asks_too_often_is_told_so_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let first = body(0, 0, 8, &[1, 2]);
    assert_eq!(witness.add_checkpoint(&first, 1).status, 200);
    let again = body(0, 8, 8, &[1, 2]);
    let statuses: Vec<u16> = (0..60)
        .map(|_| witness.add_checkpoint(&again, 1).status)
        .collect();
    assert!(
        statuses.contains(&200) && statuses.contains(&429),
        "{statuses:?}"
    );
    // What is not signed by the log's quorum uses up nothing of the log's.
    assert_eq!(witness.add_checkpoint(&body(0, 8, 9, &[1]), 1).status, 403);
}

#[test]
fn a_new_policy_is_judged_by_from_the_next_checkpoint_on() {
    let folder = tempfile::tempdir().unwrap();
    let witness = witness(folder.path());
    let status = |body: &[u8]| witness.add_checkpoint(body, 1).status;
    assert_eq!(status(&body(0, 0, 8, &[1, 2])), 200);
    assert_eq!(status(&body(0, 8, 9, &[3])), 403, "one of three");
    // Node 3 is the only cosigner now; what was cosigned stays.
    let cosigner = (format!("{ORIGIN}/node/3"), key(13).public());
    let alone = Policy::for_park(ORIGIN, &[key(1).public()], &[cosigner], 1).unwrap();
    assert_eq!(
        witness.take_policies(vec![alone.clone()]).unwrap(),
        [ORIGIN]
    );
    assert_eq!(status(&body(1, 0, 8, &[3])), 409, "no second history");
    assert_eq!(status(&body(0, 8, 9, &[3])), 200);
    assert_eq!(status(&body(0, 9, 10, &[1, 2])), 403, "they vote no more");
    // The same again is no change, one that misleads takes nothing over, and no log goes.
    assert!(witness.take_policies(vec![alone]).unwrap().is_empty());
    let misled = Policy::parse("quorum none\n").unwrap();
    assert!(witness.take_policies(vec![policy(), misled]).is_err());
    assert_eq!(status(&body(0, 9, 10, &[3])), 200);
    assert!(witness.take_policies(Vec::new()).unwrap().is_empty());
    assert_eq!(witness.status().logs.len(), 1);
}

#[test]
fn policies_that_would_mislead_a_witness_are_refused() {
    let open = |policies: Vec<Policy>| {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        Witness::new(NAME, key(99), policies, store).err().unwrap()
    };
    let text = policy().to_string();
    let parse = |text: &str| Policy::parse(text).unwrap();
    let none = text.replace("quorum park", "quorum none");
    assert!(matches!(
        open(vec![parse(&none)]),
        WitnessError::NoQuorum { .. }
    ));
    let itself = text.replace(
        "quorum park\n",
        &format!("witness w1 {}\ngroup all all park w1\nquorum all\n", vkey()),
    );
    assert!(matches!(
        open(vec![parse(&itself)]),
        WitnessError::Itself { .. }
    ));
    assert!(matches!(
        open(vec![policy(), policy()]),
        WitnessError::Twice { .. }
    ));
    assert!(matches!(
        open(vec![parse("quorum none\n")]),
        WitnessError::NotOneLog { place: 1 }
    ));
    // The client notices another witness's key, and a witness that is not there.
    let folder = tempfile::tempdir().unwrap();
    let client = client(serve(&folder));
    let other = VerifierKey::new(NAME, SignatureType::Cosignature, key(98).public()).unwrap();
    let note = note(0, 8, &[1, 2]);
    let wrong = client.cosign(&other, &note, 0, &mut |old, new| prove(0, old, new));
    assert!(matches!(wrong, Err(ClientError::Malformed { .. })));
}
