//! `log compare` and `evidence verify`: what two files prove against each other, offline.

use std::fs;
use std::path::{Path, PathBuf};

use wattle_client::{Author, keyfile};
use wattle_ledger::event::Action;
use wattle_ledger::evidence::Evidence;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{NodeId, ParticipantId, Role};
use wattle_market::interval::Timestamp;
use wattle_market::units::Money;

use super::parks::Park;
use super::program::{Ended, wattle};

fn run(park: &Park, words: &[&str], files: &[&Path]) -> Ended {
    let files = files.iter().map(|path| path.to_str().unwrap());
    let words: Vec<&str> = words.iter().copied().chain(files).collect();
    wattle(&park.path("unused"), &words)
}

fn compare(park: &Park, one: &Path, other: &Path) -> Ended {
    let policy = park.path("park/policy");
    run(
        park,
        &["log", "compare", "--policy"],
        &[&policy, one, other],
    )
}

/// A checkpoint that the park's own node signed, and that is not its log's.
fn forged(park: &Park, size: u64) -> PathBuf {
    let path = park.path(&format!("forged-{size}"));
    fs::write(&path, park.signed(size, Hash([9; 32])).to_string()).unwrap();
    path
}

#[test]
fn copies_of_one_log_agree_and_checkpoints_with_them() {
    let park = Park::founded();
    let (one, other) = (park.export("one"), park.export("other"));
    for other in [&other, &one.join("checkpoint")] {
        let ended = compare(&park, &one, other).succeeded();
        assert!(
            ended.stdout.starts_with("the same: both have 4 entries"),
            "{ended:?}"
        );
    }
    let first = park.checkpoint_of_first(2);
    let smaller = park.path("smaller");
    fs::write(&smaller, first).unwrap();
    let ended = compare(&park, &smaller, &one).succeeded();
    let continues = "the log of 4 entries continues that of 2 with 2 more\n";
    assert_eq!(ended.stdout, continues);
    let words = ["log", "compare", "--json"];
    let json = run(&park, &words, &[&one, &smaller]).succeeded().json();
    assert_eq!(json["agree"], true);

    // Two checkpoints alone do not show whether one continues the other.
    compare(&park, &smaller, &one.join("checkpoint")).failed(1, "cannot be told");
}

#[test]
fn a_contradicting_checkpoint_becomes_evidence_that_names_the_node() {
    let park = Park::founded();
    let export = park.export("export");
    for size in [2, 4] {
        let forged = forged(&park, size);
        let out = park.path(&format!("evidence-{size}"));
        let words = ["log", "compare", "--evidence"];
        let ended = run(&park, &words, &[&out, &export, &forged]);
        let ended = ended.failed(5, "contradict each other");
        assert!(
            ended
                .stdout
                .contains("CONVICTED: node 1 (log key and cosigner key)"),
            "{ended:?}"
        );
        assert!(ended.stdout.contains("compare its id"), "{ended:?}");

        let policy = park.path("park/policy");
        let words = ["evidence", "verify", "--policy"];
        let ended = run(&park, &words, &[&policy, &out]).succeeded();
        assert!(
            ended
                .stdout
                .starts_with("PROVED: the log was signed with two heads"),
            "{ended:?}"
        );
        assert!(ended.stdout.contains("Both are sealed"), "{ended:?}");
        assert!(!ended.stdout.contains("compare its id"), "{ended:?}");
        assert!(ended.stdout.contains("Not proved: "), "{ended:?}");
        let words = ["evidence", "verify", "--json"];
        let json = run(&park, &words, &[&out]).succeeded().json();
        assert_eq!(json["kind"], "heads");
        assert_eq!(json["pinned"], false);
        assert_eq!(json["convicted"][0]["node"], 1);
        assert_eq!(json["prefix"].is_null(), size == 4);

        let mut bytes = fs::read(&out).unwrap();
        let last = bytes.len() - 40;
        bytes[last] ^= 1;
        fs::write(&out, bytes).unwrap();
        run(&park, &["evidence", "verify"], &[&out]).failed(5, "");
    }
    let other = Park::founded();
    let policy = other.path("park/policy");
    let out = park.path("again");
    let words = ["log", "compare", "--evidence"];
    let checkpoint = export.join("checkpoint");
    let ended = run(&park, &words, &[&out, &forged(&park, 4), &checkpoint]);
    ended.failed(1, "genesis");
    let genesis = park.path("park/genesis");
    let words = ["log", "compare", "--evidence"];
    let files = [
        &*out,
        &forged(&park, 4),
        &checkpoint,
        Path::new("--genesis"),
        &genesis,
    ];
    run(&park, &words, &files).failed(5, "contradict each other");
    let words = ["evidence", "verify", "--policy"];
    run(&park, &words, &[&policy, &out]).failed(5, "the policy does not name");
    let unsigned = park.path("park/policy");
    run(&park, &["evidence", "verify"], &[&unsigned]).failed(5, "is no evidence");
}

/// Two exports that part: the first entry is found from their tiles.
#[test]
fn two_exports_that_part_are_told_where() {
    let park = Park::founded();
    let (one, other) = (
        park.export("one"),
        park.export_with("other", 2, b"another leaf"),
    );
    let out = park.path("evidence");
    let words = ["log", "compare", "--evidence"];
    let ended = run(&park, &words, &[&out, &one, &other]).failed(5, "contradict");
    assert!(
        ended.stdout.starts_with("they part at entry 2: before it"),
        "{ended:?}"
    );
    let words = ["log", "compare", "--json"];
    let ended = run(&park, &words, &[&one, &other]).failed(5, "--evidence FILE");
    assert_eq!(ended.json()["first_difference"], 2);

    // A copy whose hashes are not its checkpoint's proves nothing.
    fs::copy(one.join("tile/0/000.p/4"), other.join("tile/0/000.p/4")).unwrap();
    compare(&park, &one, &other).failed(5, "do not lead to its checkpoint");
    let strange = Park::founded();
    compare(&park, &one, &strange.export("strange")).failed(1, "different logs");
    compare(&park, &one, &park.path("park")).failed(1, "is no export");
    compare(&strange, &one, &one).failed(5, "not signed as the policy asks");
}

/// What a node recorded: the verification lists it, and the leaf is evidence by itself.
#[test]
fn recorded_evidence_is_listed_and_can_be_taken_out_of_an_export() {
    let park = Park::founded();
    let registrar = keyfile::read(&park.path("park/registrar.pem"), None).unwrap();
    let treasurer = keyfile::read(&park.path("park/treasurer.pem"), None).unwrap();
    let node = SigningKey::from_seed(&[30; 32]);
    let sign = |key: &SigningKey, sequence, action| {
        Author::new(park.genesis.park(), key.clone(), sequence).sign(action, Timestamp(0))
    };
    let limit = |yuan: i64| Action::SetCreditLimit {
        participant: ParticipantId(1),
        limit: Money(yuan * 1_000_000_000),
    };
    let (one, other) = (sign(&treasurer, 5, limit(1)), sign(&treasurer, 5, limit(2)));
    let evidence = Evidence::two_events(&park.genesis, Vec::new(), one, other).unwrap();
    let add = Action::AddKey {
        key: node.public(),
        role: Role::Node(NodeId(1)),
    };
    let file = evidence.bytes().to_vec();
    let events = [
        sign(&registrar, 1, add),
        sign(&node, 1, Action::RecordEvidence { file }),
    ];
    let events = events.map(|event| event.bytes().to_vec()).to_vec();
    let export = park.export_of("export", &park.leaves_of(events));
    let policy = park.path("park/policy");
    let verified = run(&park, &["log", "verify", "--policy"], &[&policy, &export]).succeeded();
    let line = format!(
        "entry 4: key {} (treasurer) used its sequence 5 twice\n",
        treasurer.public()
    );
    assert!(verified.stdout.contains(&line), "{verified:?}");

    // By the event's entry or by that of the leaf that says whom it convicts.
    for entry in ["3", "4"] {
        let out = park.path(&format!("out-{entry}"));
        let words = ["evidence", "extract", export.to_str().unwrap(), entry];
        run(&park, &[&words[..], &["--out"]].concat(), &[&out]).succeeded();
        assert_eq!(fs::read(&out).unwrap(), evidence.bytes());
        let words = ["evidence", "verify", "--policy"];
        let told = run(&park, &words, &[&policy, &out]).succeeded();
        assert!(told.stdout.starts_with("PROVED: the key"), "{told:?}");
    }
    let words = [
        "evidence",
        "extract",
        export.to_str().unwrap(),
        "2",
        "--out",
    ];
    run(&park, &words, &[&park.path("none")]).failed(2, "records no evidence");
}
