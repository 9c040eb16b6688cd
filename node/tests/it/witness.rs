//! Witnesses of a park, and parks that record each other's checkpoints.

use crate::park::{Node, Park, free_port, participant, submit, wait_for};
use std::net::SocketAddr;
use std::path::Path;
use wattle_client::api::FollowedLog;
use wattle_client::keyfile;
use wattle_ledger::event::Action;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::log::Checkpoint;
use wattle_ledger::log::note::{Note, SignatureType, VerifierKey};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::{NodeId, Role};
use wattle_node::config::{RawFollow, RawWitness};
use wattle_witness::server::Server;
use wattle_witness::store::Store;
use wattle_witness::witness::Witness;

fn vkey(name: &str, seed: u8) -> VerifierKey {
    let key = SigningKey::from_seed(&[seed; 32]);
    VerifierKey::new(name, SignatureType::Cosignature, key.public()).unwrap()
}

/// A witness in this process, which serves until the tests end.
fn serve(folder: &Path, policy: Policy) -> SocketAddr {
    let store = Store::open(folder).unwrap();
    let key = SigningKey::from_seed(&[91; 32]);
    let witness = Witness::new("witness.example/w1", key, vec![policy], store).unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), witness).unwrap();
    let address = server.address().unwrap();
    std::thread::spawn(move || server.run());
    address
}

fn witnessed(node: &Node) -> Option<Note> {
    let note = node.client().witnessed_checkpoint().ok()?;
    Some(Note::parse(note.as_bytes()).unwrap())
}

fn size(note: &Note) -> u64 {
    Checkpoint::parse(note.text()).unwrap().size()
}

#[test]
fn a_witness_cosigns_what_is_sealed_and_a_dead_one_holds_nothing_up() {
    let mut park = Park::fast(1, 60);
    let folder = tempfile::tempdir().unwrap();
    let address = serve(folder.path(), park.genesis.policy());
    let witness = vkey("witness.example/w1", 91);
    let dead = vkey("witness.example/w2", 92);
    park.configs[0].witness = vec![
        RawWitness {
            url: format!("http://127.0.0.1:{}", free_port()),
            vkey: dead.to_string(),
        },
        RawWitness {
            url: format!("http://{address}"),
            vkey: witness.to_string(),
        },
    ];
    park.write_config(&park.configs[0]);
    let node = park.start(1);
    let first = wait_for("a witness's line", || witnessed(&node));
    assert!(park.genesis.policy().evaluate(&first).satisfied);
    let last = first.signatures().last().unwrap();
    assert!(witness.verify(first.text(), last).unwrap().is_some());
    assert_eq!(first.signatures().len(), 3);

    // A policy that asks for the witness too is satisfied by that note and not by the plain one.
    let text = park.genesis.policy().to_string();
    let both = format!("witness w1 {witness}\ngroup both all park w1\nquorum both\n");
    let strict = Policy::parse(&text.replace("quorum park\n", &both)).unwrap();
    assert!(strict.evaluate(&first).satisfied);
    let plain = Note::parse(node.client().checkpoint().unwrap().as_bytes()).unwrap();
    assert_eq!(plain.signatures().len(), 2);
    assert!(!strict.evaluate(&plain).satisfied);

    let of_size = |node: &Node, size| {
        let note = node.client().checkpoint_of(size).ok()?;
        Some(Note::parse(note.as_bytes()).unwrap())
    };
    let older = of_size(&node, size(&first)).expect("it is kept by its size");
    assert!(strict.evaluate(&older).satisfied, "{older}");

    // The log grows, the witness follows, and the dead one is named.
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    let second = wait_for("a later line", || {
        witnessed(&node).filter(|note| size(note) > size(&first))
    });
    let asked = client.witnesses().unwrap();
    assert_eq!(asked[0].size, None);
    assert!(
        asked[0]
            .error
            .as_deref()
            .unwrap()
            .contains("does not answer")
    );
    assert!(asked[1].size >= Some(size(&second)) && asked[1].error.is_none());
    assert!(asked[1].cosigned_at > Some(1_700_000_000));

    // What was signed is kept across a crash.
    node.kill();
    let node = park.start(1);
    let kept = witnessed(&node).expect("the lines are on disk");
    assert!(size(&kept) >= size(&second));
    // Of what was the newest long ago too: a policy is judged by it when the voters have changed.
    let older = of_size(&node, size(&first)).expect("it is kept by its size");
    assert!(strict.evaluate(&older).satisfied, "{older}");
    assert_eq!(older.signatures().len(), 3);
}

#[test]
fn witnesses_that_a_checkpoint_has_no_room_for_are_named() {
    let mut park = Park::new(1);
    let entry = |seed: u8| RawWitness {
        url: "http://127.0.0.1:1".to_owned(),
        vkey: vkey("witness.example/w", seed).to_string(),
    };
    let log_key = VerifierKey::new(
        "a",
        SignatureType::Ed25519,
        SigningKey::from_seed(&[1; 32]).public(),
    );
    let of_log = RawWitness {
        vkey: log_key.unwrap().to_string(),
        ..entry(1)
    };
    let no_url = RawWitness {
        url: "https://a".to_owned(),
        ..entry(1)
    };
    for (witnesses, reason) in [
        ((100..115).map(entry).collect(), "has room for 14"),
        (vec![entry(1), entry(1)], "twice"),
        (vec![of_log], "log's key"),
        (vec![no_url], "not a node's address"),
    ] {
        park.configs[0].witness = witnesses;
        park.write_config(&park.configs[0]);
        let (code, text) = park.start_failing(1);
        assert_eq!(code, Some(1));
        assert!(text.contains(reason), "{text}");
    }
    park.configs[0].witness.clear();
    park.configs[0].follow = vec![RawFollow {
        url: "http://127.0.0.1:1".to_owned(),
    }];
    park.write_config(&park.configs[0]);
    let (_, text) = park.start_failing(1);
    assert!(text.contains("registrar key add PUBLIC --node"), "{text}");
}

#[test]
fn a_node_records_the_checkpoints_of_a_followed_log_unattended() {
    let other = Park::fast(1, 60);
    let other_node = other.start(1);
    let mut park = Park::fast_from(
        1,
        1_200,
        wattle_market::interval::DeliveryInterval(2_000_096),
    );
    let key = keyfile::generate(&park.path("node-1/keys/events.pem"), None).unwrap();
    park.configs[0].event_key = Some("node-1/keys/events.pem".into());
    park.configs[0].follow = vec![RawFollow {
        url: other_node.url(),
    }];
    park.write_config(&park.configs[0]);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let add = Action::AddKey {
        key: key.public(),
        role: Role::Node(NodeId(1)),
    };
    submit(&client, &mut registrar, add);
    let policy = other.genesis.policy().to_string();
    submit(&client, &mut registrar, Action::FollowLog { policy });

    let recorded = |least: u64| {
        let log = client.logs().unwrap().logs.pop()?;
        log.latest.as_ref().filter(|latest| latest.size > least)?;
        Some(log)
    };
    let first: FollowedLog = wait_for("a recorded checkpoint", || recorded(0));
    assert_eq!(first.origin, other.genesis.origin());
    let first = first.latest.unwrap();
    assert_eq!(first.node, NodeId(1));

    // The other log grows; an hour of park time later the node records that.
    let other_client = other.client(&[&other_node]);
    let mut other_registrar = other.author(&other_client, &other.registrar);
    submit(&other_client, &mut other_registrar, participant(1));
    let second = wait_for("a later checkpoint", || recorded(first.size));
    let second = second.latest.unwrap();
    assert!(second.recorded_at_ms >= first.recorded_at_ms.plus_millis(3_600_000));
    assert!(second.leaf > first.leaf);
}
