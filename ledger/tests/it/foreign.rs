//! Logs that a park follows: what its nodes record of them, and what every replica checks.

use crate::it::park::{ALICE, FIRST, Park, REGISTRAR, key};
use crate::it::trading::{refused, verifies};
use wattle_ledger::event::Action;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::limits::{FOLLOWED_LOGS_MAX, FOLLOWED_POLICY_BYTES_MAX};
use wattle_ledger::log::note::{Note, VerifierKey};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::{Checkpoint, Cosignature, Tree};
use wattle_ledger::registration::{NodeId, Role};
use wattle_ledger::rejection::Rejection;

const ORIGIN: &str = "wattle/other/park";
/// Signs for node 1 of the park what it finds out.
const NODE: u8 = 30;

fn policy_of(origin: &str, seed: u8) -> String {
    let cosigners: Vec<_> = (1..=3)
        .map(|node| (format!("{origin}/node/{node}"), key(seed + node).public()))
        .collect();
    let logs = [key(seed + 4).public(), key(seed + 5).public()];
    Policy::for_park(origin, &logs, &cosigners, 2)
        .unwrap()
        .to_string()
}

fn policy() -> String {
    policy_of(ORIGIN, 100)
}

fn hashes(branch: u8, size: u64) -> Vec<Hash> {
    let leaf = |index: u64| leaf_hash(&[if index < 4 { 0 } else { branch }, index as u8]);
    (0..size).map(leaf).collect()
}

/// A checkpoint of a branch, cosigned by some of the three nodes, node n at 1,000,000 + n seconds.
fn note(branch: u8, size: u64, cosigners: &[u8]) -> Note {
    let mut tree = Tree::new();
    for hash in hashes(branch, size) {
        tree.push(hash);
    }
    let checkpoint = Checkpoint::new(ORIGIN, size, tree.root()).unwrap();
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&key(104))).unwrap();
    for node in cosigners {
        let cosigner = key(100 + node);
        let time = 1_000_000 + u64::from(*node);
        let line = Cosignature::sign(&checkpoint.text(), time, &cosigner).unwrap();
        let name = format!("{ORIGIN}/node/{node}");
        note.add(line.to_note_signature(&name, &cosigner.public()).unwrap())
            .unwrap();
    }
    note
}

fn record_note(note: &Note, proof: Vec<Hash>) -> Action {
    Action::RecordCheckpoint {
        note: note.to_string().into_bytes(),
        proof,
    }
}

fn record(branch: u8, old: u64, size: u64) -> Action {
    let proof = match old {
        0 => Vec::new(),
        _ => prove_consistency(&mut LeafHashes(&hashes(branch, size)), old, size).unwrap(),
    };
    record_note(&note(branch, size, &[2, 3]), proof)
}

fn follow(policy: String) -> Action {
    Action::FollowLog { policy }
}

fn node_key(park: &mut Park) -> Vec<u16> {
    let role = Role::Node(NodeId(1));
    let key = key(NODE).public();
    park.submit(REGISTRAR, Action::AddKey { key, role })
}

/// A park whose node records what it finds of the other.
fn following() -> Park {
    let mut park = Park::peopled();
    assert_eq!(node_key(&mut park), [0]);
    assert_eq!(park.submit(REGISTRAR, follow(policy())), [0]);
    park
}

fn size(park: &Park) -> Option<u64> {
    let latest = park.ledger.state().foreign.latest();
    latest.get(&ORIGIN.to_owned()).map(|row| row.size)
}

#[test]
fn a_node_key_is_of_a_node_of_the_park_and_signs_what_nodes_sign() {
    let mut park = Park::peopled();
    let role = Role::Node(NodeId(2));
    let stranger = Action::AddKey {
        key: key(31).public(),
        role,
    };
    assert_eq!(
        park.submit(REGISTRAR, stranger),
        refused(Rejection::UnknownNode)
    );
    assert_eq!(node_key(&mut park), [0]);
    for action in [
        follow(policy()),
        Action::PlaceOrders(Vec::new()),
        Action::SubmitReadings(Vec::new()),
        Action::RevokeKey {
            key: key(ALICE).public(),
        },
    ] {
        assert_eq!(park.submit(NODE, action), refused(Rejection::NotAllowed));
    }
    for seed in [ALICE, REGISTRAR] {
        let other = park.submit(seed, record(0, 0, 5));
        assert_eq!(other, refused(Rejection::NotAllowed));
    }
    assert_eq!(
        park.submit(ALICE, follow(policy())),
        refused(Rejection::NotAllowed)
    );
}

#[test]
fn recorded_checkpoints_continue_each_other() {
    let mut park = following();
    assert_eq!(size(&park), None);
    assert_eq!(park.submit(NODE, record(0, 0, 5)), [0]);
    assert_eq!(park.submit(NODE, record(0, 5, 6)), [0]);
    assert_eq!(park.submit(NODE, record(0, 6, 300)), [0]);
    let row = park.ledger.state().foreign.latest().get(&ORIGIN.to_owned());
    let row = row.unwrap().clone();
    let recorded = note(0, 300, &[2, 3]);
    assert_eq!(
        (row.size, row.node, row.cosigned_at),
        (300, NodeId(1), 1_000_002)
    );
    assert_eq!(row.note, sha256(&[recorded.to_string().as_bytes()]));
    assert_eq!(row.recorded_at, park.now);

    // Smaller, or the same again.
    for action in [record(0, 0, 6), record(0, 300, 300), record(1, 0, 200)] {
        let codes = park.submit(NODE, action);
        assert_eq!(codes, refused(Rejection::CheckpointNotNewer));
    }
    // Without the right proof from the recorded size, and on another branch.
    for action in [record(0, 0, 301), record(0, 6, 301), record(1, 300, 301)] {
        let codes = park.submit(NODE, action);
        assert_eq!(codes, refused(Rejection::CheckpointInconsistent));
    }
    let long = record_note(&note(0, 301, &[2, 3]), vec![Hash::ZERO; 200]);
    assert_eq!(
        park.submit(NODE, long),
        refused(Rejection::CheckpointInconsistent)
    );
    assert_eq!(size(&park), Some(300));
    verifies(&mut park);
}

#[test]
fn what_the_policy_does_not_accept_is_not_recorded() {
    let mut park = following();
    let mut with_other_line = note(0, 5, &[1, 2]);
    let other = note(0, 6, &[3]);
    with_other_line.add(other.signatures()[1].clone()).unwrap();
    let huge = Action::RecordCheckpoint {
        note: vec![b'x'; 8_193],
        proof: Vec::new(),
    };
    let no_note = Action::RecordCheckpoint {
        note: b"wattle/other/park\n5\n".to_vec(),
        proof: Vec::new(),
    };
    for action in [
        record_note(&note(0, 5, &[]), Vec::new()),
        record_note(&note(0, 5, &[1]), Vec::new()),
        record_note(&with_other_line, Vec::new()),
        huge,
        no_note,
    ] {
        let codes = park.submit(NODE, action);
        assert_eq!(codes, refused(Rejection::CheckpointRefused));
    }
    // A line of a key that the policy does not know is no hindrance.
    let mut witnessed = note(0, 5, &[1, 2]);
    let stranger = Cosignature::sign(witnessed.text(), 1, &key(77)).unwrap();
    let line = stranger.to_note_signature("witness.example", &key(77).public());
    witnessed.add(line.unwrap()).unwrap();
    assert_eq!(park.submit(NODE, record_note(&witnessed, Vec::new())), [0]);

    let mut unfollowed = Park::peopled();
    assert_eq!(node_key(&mut unfollowed), [0]);
    assert_eq!(
        unfollowed.submit(NODE, record(0, 0, 5)),
        refused(Rejection::CheckpointRefused)
    );
}

#[test]
fn a_log_that_contradicts_itself_is_recorded_as_such_once() {
    let mut park = following();
    assert_eq!(park.submit(NODE, record(0, 0, 8)), [0]);
    let first = park.leaves.len() as u64 - 1;
    assert_eq!(park.submit(NODE, record(1, 0, 8)), [0]);
    let row = park.ledger.state().foreign.contradictions();
    let row = row.get(&ORIGIN.to_owned()).unwrap().clone();
    assert_eq!((row.size, row.leaf), (8, first));
    assert_eq!(row.other_leaf, park.leaves.len() as u64 - 1);
    assert_ne!(row.root, row.other_root);
    // What was recorded first goes on; a second contradiction proves no more.
    assert_eq!(size(&park), Some(8));
    assert_eq!(
        park.submit(NODE, record(2, 0, 8)),
        refused(Rejection::CheckpointNotNewer)
    );
    assert_eq!(park.submit(NODE, record(0, 8, 9)), [0]);
    verifies(&mut park);
}

#[test]
fn a_followed_log_has_a_policy_with_a_quorum() {
    let mut park = Park::peopled();
    let own = park.ledger.genesis().policy().to_string();
    let logs_only = policy().lines().next().unwrap().to_owned() + "\nquorum none\n";
    let other_log = VerifierKey::new(
        "wattle/third/park",
        wattle_ledger::log::note::SignatureType::Ed25519,
        key(99).public(),
    );
    let of_two = format!("log {}\n{}", other_log.unwrap(), policy());
    let long = format!("{}#{}\n", policy(), "x".repeat(FOLLOWED_POLICY_BYTES_MAX));
    for text in [
        own,
        logs_only,
        of_two,
        long,
        String::new(),
        "log\n".to_owned(),
    ] {
        let codes = park.submit(REGISTRAR, follow(text));
        assert_eq!(codes, refused(Rejection::LogPolicyInvalid));
    }
    for number in 0..FOLLOWED_LOGS_MAX {
        let origin = format!("wattle/p{number}/x");
        assert_eq!(
            park.submit(REGISTRAR, follow(policy_of(&origin, 100))),
            [0],
            "{number}"
        );
    }
    assert_eq!(
        park.submit(REGISTRAR, follow(policy())),
        refused(Rejection::LogPolicyInvalid)
    );
    // Another policy for a log that is followed takes the place of the first.
    let replaced = follow(policy_of("wattle/p0/x", 120));
    assert_eq!(park.submit(REGISTRAR, replaced), [0]);
    let policies = park.ledger.state().foreign.policies();
    assert_eq!(policies.len(), FOLLOWED_LOGS_MAX);
    let text = policies.get(&"wattle/p0/x".to_owned()).unwrap();
    assert_eq!(*text, policy_of("wattle/p0/x", 120));
}

/// Golden: docs/FORMATS.md, section 11.
#[test]
fn a_park_that_follows_a_log_has_this_root() {
    let mut park = following();
    assert_eq!(park.submit(NODE, record(0, 0, 5)), [0]);
    assert_eq!(park.submit(NODE, record(0, 5, 8)), [0]);
    assert_eq!(park.submit(NODE, record(1, 0, 8)), [0]);
    park.advance_to(FIRST.start());
    let last = sha256(&[park.leaves.last().unwrap()]);
    assert_eq!(
        (
            park.leaves.len(),
            park.ledger.root().to_string(),
            last.to_string()
        ),
        (
            31,
            "ea4276cb790c3955d3c3ba99961574292bf14601dabaad73c7334d04401daca7".to_owned(),
            "504423c5dcc4afd709e5728303b20ab50fc298954eedca964a6d288599e0ed50".to_owned()
        )
    );
}
