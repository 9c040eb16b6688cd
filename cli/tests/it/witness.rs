//! A witness as a process: it is made, killed and started again, and shown two histories.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use wattle_client::witness::{WitnessClient, WitnessError};
use wattle_ledger::hash::Hash;
use wattle_ledger::log::note::{Note, VerifierKey};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::log::{Checkpoint, Cosignature, Tree};
use wattle_ledger::registration::NodeId;

use super::parks::Park;
use super::program::{Ended, command, wattle};

/// A running witness; it is killed when the test ends.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(folder: &Path) -> Running {
        let config = folder.join("witness.toml");
        let mut child = command(folder)
            .args(["witness", "run", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut line = String::new();
        BufReader::new(stderr).read_line(&mut line).unwrap();
        let (_, url) = line.trim().split_once("listens on ").unwrap();
        Running {
            url: url.to_owned(),
            child,
        }
    }

    fn client(&self) -> WitnessClient {
        WitnessClient::new(&self.url, Duration::from_secs(20)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn note(park: &Park, hashes: &[Hash]) -> Note {
    let mut tree = Tree::new();
    hashes.iter().for_each(|hash| tree.push(*hash));
    let origin = park.genesis.origin();
    let checkpoint = Checkpoint::new(origin, tree.size(), tree.root()).unwrap();
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&park.node_key("log"))).unwrap();
    let cosigner = park.node_key("cosigner");
    let line = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &cosigner).unwrap();
    let name = park.genesis.cosigner_name(NodeId(1));
    note.add(line.to_note_signature(&name, &cosigner.public()).unwrap())
        .unwrap();
    note
}

fn hashes(park: &Park) -> Vec<Hash> {
    park.leaves().iter().map(|leaf| leaf_hash(leaf)).collect()
}

/// Asks for a line over the first leaves.
fn ask(
    running: &Running,
    vkey: &VerifierKey,
    park: &Park,
    hashes: &[Hash],
) -> Result<Note, WitnessError> {
    let mut note = note(park, hashes);
    let mut prove = |old, new| {
        prove_consistency(&mut LeafHashes(hashes), old, new).map_err(|error| error.to_string())
    };
    let line = running.client().cosign(vkey, &note, 0, &mut prove)?;
    note.add(line).unwrap();
    Ok(note)
}

fn init(park: &Park, folder: &Path) -> VerifierKey {
    let policy = park.path("park/policy");
    let words = ["witness", "init", "--name", "witness.example/w1"];
    let words = words.map(str::to_owned).into_iter().chain([
        "--policy".to_owned(),
        policy.to_str().unwrap().to_owned(),
        "--listen".to_owned(),
        "127.0.0.1:0".to_owned(),
    ]);
    let words: Vec<String> = words.collect();
    let made = wattle(folder, &words).succeeded();
    assert!(made.stderr.contains("[[witness]]"), "{made:?}");
    // Nothing is ever made twice.
    wattle(folder, &words).failed(1, "never overwritten");
    made.stdout.trim().parse().unwrap()
}

#[test]
fn a_witness_that_was_killed_goes_on_where_it_was_and_refuses_a_fork() {
    let park = Park::founded();
    let folder = park.path("witness");
    let vkey = init(&park, &folder);
    let hashes = hashes(&park);
    let running = Running::start(&folder);
    ask(&running, &vkey, &park, &hashes[..2]).unwrap();
    ask(&running, &vkey, &park, &hashes[..3]).unwrap();
    drop(running);

    let running = Running::start(&folder);
    // Another process cannot have the same folder.
    let second = ["witness", "run", "--config"].map(str::to_owned);
    let config = folder.join("witness.toml").to_str().unwrap().to_owned();
    let words: Vec<String> = second.into_iter().chain([config]).collect();
    wattle(&folder, &words).failed(1, "in use by another process");

    let mut fork = hashes.clone();
    fork[2] = hashes[1];
    assert!(matches!(
        ask(&running, &vkey, &park, &fork[..3]),
        Err(WitnessError::Contradicted { size: 3 })
    ));
    assert!(matches!(
        ask(&running, &vkey, &park, &fork),
        Err(WitnessError::Refused { status: 422, .. })
    ));
    assert!(matches!(
        ask(&running, &vkey, &park, &hashes[..2]),
        Err(WitnessError::Ahead { size: 3 })
    ));
    ask(&running, &vkey, &park, &hashes).unwrap();
    let words = ["--json", "witness", "status", "--witness-url", &running.url];
    let status = wattle(&folder, &words).succeeded().json();
    assert_eq!(status["logs"][0]["size"], hashes.len());
    assert_eq!(status["logs"][0]["contradictions"], 1);
    assert_eq!(status["vkey"], vkey.to_string());
}

#[test]
fn a_view_of_a_witness_is_compared_offline() {
    let park = Park::founded();
    let folder = park.path("witness");
    let vkey = init(&park, &folder);
    let export = park.export("export");
    let hashes = hashes(&park);
    let running = Running::start(&folder);
    let honest = ask(&running, &vkey, &park, &hashes).unwrap();
    drop(running);
    let verify = |view: &Note, extra: &[&str]| -> Ended {
        let path = park.path("view");
        fs::write(&path, view.to_string()).unwrap();
        let policy = park.path("park/policy");
        let words = [
            "log",
            "verify",
            export.to_str().unwrap(),
            "--policy",
            policy.to_str().unwrap(),
            "--witness",
            path.to_str().unwrap(),
        ];
        let words: Vec<&str> = words.iter().chain(extra).copied().collect();
        wattle(&park.path("unused"), &words)
    };
    let key = vkey.to_string();
    let trusted = ["--witness-key", &key];
    let sound = verify(&honest, &trusted).succeeded();
    let claim = sound
        .stdout
        .lines()
        .find(|line| line.starts_with("witnesses"));
    assert!(claim.unwrap().ends_with("  ok"), "{sound:?}");
    assert!(
        sound.stdout.contains("ends where that view does"),
        "{sound:?}"
    );

    let mut fork = hashes.clone();
    fork[2] = hashes[1];
    verify(&note(&park, &fork), &[]).failed(5, "fork: at size");
    let mut longer = hashes.clone();
    longer.push(hashes[1]);
    verify(&note(&park, &longer), &[]).failed(5, "needs a proof");

    // A policy with the witness in its quorum, as the command makes it.
    let genesis = park.path("park/genesis");
    let words = ["log", "policy", "--genesis", genesis.to_str().unwrap()];
    let words: Vec<&str> = words.iter().chain(&trusted).copied().collect();
    let policy = wattle(&park.path("unused"), &words).succeeded().stdout;
    let policy = Policy::parse(&policy).unwrap();
    assert!(policy.evaluate(&honest).satisfied);
    assert!(!policy.evaluate(&note(&park, &hashes)).satisfied);
}
