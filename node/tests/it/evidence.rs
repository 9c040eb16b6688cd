//! What real nodes do with what was signed twice.

use crate::park::{Node, PATIENCE, Park, participant, submit, wait_for};
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use wattle_client::api::{EvidenceItem, EvidencePlace, EvidenceSubject, GivenOutcome};
use wattle_client::{Author, Client, ClientError, Outcome, keyfile};
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::evidence::{Contradiction, Evidence, Verdict};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::log::{Checkpoint, Cosignature};
use wattle_ledger::registration::{BoundaryMeter, MeterId, MeterKind, NodeId, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;
use wattle_market::units::WattHours;
use wattle_node::config::Config;
use wattle_node::network::{self, NetworkEvent, Outbound};
use wattle_replica::message::{PeerMessage, SignedCheckpoint};

fn kept(park: &Park, node: &Node, key: &SigningKey) -> Vec<EvidenceItem> {
    let client = node.client().with_credentials(park.credentials(key));
    client.evidence_list().unwrap().evidence
}

fn verdict(park: &Park, client: &Client, id: &Hash) -> Verdict {
    let evidence = Evidence::parse(&client.evidence(id).unwrap()).unwrap();
    assert_eq!(evidence.id(), *id);
    evidence.judge(Some(&park.genesis.policy())).unwrap()
}

#[test]
fn a_sequence_that_was_used_twice_is_kept_as_a_file_that_names_the_tenant() {
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let [alice, bob] = [101, 102].map(|seed| SigningKey::from_seed(&[seed; 32]));
    for (number, key) in [(1, &alice), (2, &bob)] {
        submit(&client, &mut registrar, participant(number));
        let (key, role) = (key.public(), Role::Tenant(ParticipantId(number)));
        submit(&client, &mut registrar, Action::AddKey { key, role });
    }
    let sign = |sequence, action| {
        Author::new(park.id(), alice.clone(), sequence).sign(action, Timestamp(0))
    };
    let (point, interval) = (None, None);
    let first = sign(1, Action::CancelAll { point, interval });
    client.submit(&first, PATIENCE).unwrap();
    assert!(kept(&park, &node, &park.regulator).is_empty());

    // The same bytes again are no contradiction, and nor is what somebody else made up.
    client.submit(&first, PATIENCE).unwrap();
    let second = sign(1, Action::CancelOrders(Vec::new()));
    let mut forged = second.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = wattle_ledger::event::SignedEvent::parse(&forged).unwrap();
    for event in [&forged, &second, &second] {
        let error = client.submit(event, PATIENCE).unwrap_err();
        assert!(matches!(error, ClientError::Refused(_)), "{error}");
    }
    let all = kept(&park, &node, &park.regulator);
    let [item] = &all[..] else {
        panic!("{all:?}");
    };
    let (key, sequence) = (alice.public(), 1);
    assert_eq!(item.about, EvidenceSubject::Events { key, sequence });
    assert_eq!(kept(&park, &node, &alice), all, "it is about her own key");
    assert!(kept(&park, &node, &bob).is_empty());
    let bobs = node.client().with_credentials(park.credentials(&bob));
    match bobs.evidence(&item.id).unwrap_err() {
        ClientError::Problem(problem) => assert_eq!(problem.status, 404),
        other => panic!("{other}"),
    }

    let regulator = node
        .client()
        .with_credentials(park.credentials(&park.regulator));
    let Contradiction::Events { role, events, .. } =
        verdict(&park, &regulator, &item.id).contradiction
    else {
        panic!("two events");
    };
    assert_eq!(role, Some(Role::Tenant(ParticipantId(1))));
    let hashes = events.map(|(hash, _)| hash);
    assert!(hashes.contains(&first.hash()) && hashes.contains(&second.hash()));

    // It is there after a restart, under its name.
    let id = item.id;
    node.kill();
    let folder = park.path("node-1/evidence");
    assert!(folder.join(id.to_string()).exists());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let node = park.start(1);
    assert_eq!(kept(&park, &node, &park.regulator), all);
}

/// Nodes get keys for what they find out, and the registrar adds these.
fn with_event_keys(park: &mut Park, nodes: u64) -> Vec<Action> {
    let add = |node: u64| {
        let file = format!("node-{node}/keys/events.pem");
        let key = keyfile::generate(&park.path(&file), None).unwrap();
        let at = usize::try_from(node).unwrap() - 1;
        park.configs[at].event_key = Some(file.into());
        park.write_config(&park.configs[at]);
        let role = Role::Node(NodeId(node));
        let key = key.public();
        Action::AddKey { key, role }
    };
    (1..=nodes).map(add).collect()
}

/// The evidence about this that a node keeps, once it says that it is recorded.
fn recorded(park: &Park, node: &Node) -> (EvidenceItem, EvidencePlace) {
    wait_for("recorded evidence", || {
        let item = kept(park, node, &park.regulator).pop()?;
        let place = item.recorded.clone()?;
        Some((item, place))
    })
}

#[test]
fn a_meters_key_that_signs_two_bodies_at_two_nodes_is_frozen_by_the_park() {
    let mut park = Park::new(3);
    let keys = with_event_keys(&mut park, 3);
    let nodes = [park.start(1), park.start(2), park.start(3)];
    let all = park.client(&[&nodes[0], &nodes[1], &nodes[2]]);
    let mut registrar = park.author(&all, &park.registrar);
    let mut events = Vec::new();
    for action in keys {
        if let Action::AddKey { key, .. } = &action {
            events.push(*key);
        }
        submit(&all, &mut registrar, action);
    }
    let meter = SigningKey::from_seed(&[103; 32]);
    let register = BoundaryMeter {
        id: MeterId(7),
        kind: MeterKind::Import,
        key: meter.public(),
        from: park.genesis.body().first_interval,
        register: WattHours(0),
        rated_w: 1_000,
    };
    submit(
        &all,
        &mut registrar,
        Action::RegisterBoundaryMeter(register),
    );
    let list = |sequence, register| {
        let reading = Reading {
            interval: park.genesis.body().first_interval,
            register: WattHours(register),
        };
        let mut author = Author::new(park.id(), meter.clone(), sequence);
        author.sign(Action::SubmitReadings(vec![reading]), Timestamp(0))
    };

    // One body at one node, another at another; the interval is to come, so both are refused,
    // and the sequence is used all the same.
    let first = nodes[0].client().submit(&list(1, 5), PATIENCE).unwrap();
    let Outcome::Committed(first) = first else {
        panic!("the event stayed pending");
    };
    wait_for("the other node to have it", || {
        (nodes[1].status().tree_size > first.leaf).then_some(())
    });
    let error = nodes[1].client().submit(&list(1, 6), PATIENCE).unwrap_err();
    assert!(matches!(error, ClientError::Refused(_)), "{error}");
    let (item, place) = recorded(&park, &nodes[1]);
    let (key, sequence) = (meter.public(), 1);
    assert_eq!(item.about, EvidenceSubject::Events { key, sequence });
    assert_eq!((place.node, place.evidence), (NodeId(2), item.id));

    // Every node knows it, the meter signs nothing any more, and the log has the file.
    for node in &nodes {
        let counts = wait_for("the conviction", || {
            let counts = node.status().evidence;
            (counts.convicted_sequences == 1).then_some(counts)
        });
        assert_eq!(counts.frozen_keys, 1);
    }
    let frozen = all.submit(&list(2, 5), PATIENCE).unwrap();
    assert_eq!(refusal(&frozen), Some(Rejection::KeyFrozen.code()));

    // What the registrar lifts stays lifted, however often the node starts and the meter lies.
    submit(&all, &mut registrar, Action::LiftFreeze { key });
    let [one, two, three] = nodes;
    two.kill();
    let two = park.start(2);
    let error = three.client().submit(&list(1, 7), PATIENCE).unwrap_err();
    assert!(matches!(error, ClientError::Refused(_)), "{error}");
    wait_for("the third node's file", || {
        kept(&park, &three, &park.regulator).pop()
    });
    let heard = submit(&all, &mut registrar, participant(1));
    assert!(heard.leaf > place.leaf);
    assert!(
        kept(&park, &three, &park.regulator)[0].recorded.is_some(),
        "another file, about what is recorded"
    );
    // Neither node signs anything more about it: it would be refused, and stays a file.
    for node in [2, 3] {
        wait_for("the file to be judged", || {
            let log = fs::read_to_string(park.path(&format!("node-{node}/stderr.log"))).unwrap();
            log.contains("evidence stays a file").then_some(())
        });
    }
    for node in [&one, &two, &three] {
        assert_eq!(node.status().evidence.frozen_keys, 0);
        assert_eq!(node.status().evidence.convicted_sequences, 1);
    }
    let next = |key: &PublicKey| all.key(key).unwrap().next_sequence;
    assert_eq!([next(&events[1]), next(&events[2])], [2, 1]);
    let lifted = all.submit(&list(3, 5), PATIENCE).unwrap();
    assert_eq!(
        refusal(&lifted),
        Some(Rejection::ReadingFromFuture.code()),
        "a reading like any other"
    );
    let (_, again) = recorded(&park, &two);
    assert_eq!(again, place);
}

#[test]
fn a_node_keeps_and_records_the_evidence_that_is_brought_to_it() {
    let mut park = Park::new(1);
    let keys = with_event_keys(&mut park, 1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    for action in keys {
        submit(&client, &mut registrar, action);
    }
    let alice = SigningKey::from_seed(&[101; 32]);
    let twice = |key: &SigningKey| {
        let event = |action| Author::new(park.id(), key.clone(), 9).sign(action, Timestamp(0));
        let (one, other) = (
            event(Action::CancelOrders(Vec::new())),
            event(Action::SubmitReadings(Vec::new())),
        );
        Evidence::two_events(&park.genesis, Vec::new(), one, other).unwrap()
    };
    let evidence = twice(&alice);
    let regulator = client.with_credentials(park.credentials(&park.regulator));
    let stranger = node.client().with_credentials(park.credentials(&alice));
    match stranger.give_evidence(evidence.bytes()).unwrap_err() {
        ClientError::Problem(problem) => assert_eq!(problem.status, 403),
        other => panic!("{other}"),
    }
    // A key that nobody registered is nobody's here.
    let refused = regulator.give_evidence(evidence.bytes()).unwrap_err();
    assert!(
        refused.to_string().contains("never registered"),
        "{refused}"
    );
    let garbage = regulator.give_evidence(b"nothing").unwrap_err();
    match garbage {
        ClientError::Problem(problem) => assert_eq!(problem.status, 400),
        other => panic!("{other}"),
    }
    assert!(kept(&park, &node, &park.regulator).is_empty());

    let evidence = twice(&park.treasurer);
    let given = regulator.give_evidence(evidence.bytes()).unwrap();
    assert_eq!(
        (given.id, given.outcome),
        (evidence.id(), GivenOutcome::Kept)
    );
    let again = regulator.give_evidence(evidence.bytes()).unwrap();
    assert_eq!(again.outcome, GivenOutcome::Known);
    let (item, place) = recorded(&park, &node);
    assert_eq!((item.id, place.evidence), (evidence.id(), evidence.id()));
    let counts = node.status().evidence;
    assert_eq!((counts.convicted_sequences, counts.frozen_keys), (1, 0));
}

/// Why the first item was refused.
fn refusal(outcome: &Outcome) -> Option<u16> {
    match outcome {
        Outcome::Committed(outcome) => outcome.first_refusal().map(|(_, item)| item.code),
        Outcome::Pending(_) => panic!("the event stayed pending"),
    }
}

/// Node 3's keys in the hands of a liar, who speaks to the others but runs no replica.
struct Liar {
    outbound: Outbound,
    heard: Arc<Mutex<Vec<SignedCheckpoint>>>,
    config: Config,
    _stop: watch::Sender<bool>,
    _runtime: tokio::runtime::Runtime,
}

impl Liar {
    fn start(park: &Park) -> Liar {
        let config = Config::load(&park.config_path(3)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let deliver = {
            let heard = Arc::clone(&heard);
            move |event| {
                if let NetworkEvent::Message { bytes, .. } = event
                    && let Ok(PeerMessage::Cosignature(signed)) = PeerMessage::decode(&bytes)
                {
                    heard.lock().unwrap().push(signed);
                }
            }
        };
        let (stop, stopped) = watch::channel(false);
        let started = runtime.block_on(network::start(&config, deliver, stopped));
        let (outbound, _) = started.unwrap();
        let others = &park.genesis.body().nodes[..2];
        outbound.set_peers(others.to_vec());
        Liar {
            outbound,
            heard,
            config,
            _stop: stop,
            _runtime: runtime,
        }
    }

    /// What an honest node has signed last.
    fn last(&self) -> Option<SignedCheckpoint> {
        self.heard.lock().unwrap().last().copied()
    }

    fn say(&self, park: &Park, size: u64, root: Hash) {
        let text = Checkpoint::new(park.genesis.origin(), size, root)
            .unwrap()
            .text();
        let secrets = &self.config.secrets;
        let signed = SignedCheckpoint {
            size,
            root,
            log_signature: secrets.log.sign(text.as_bytes()),
            cosignature: Cosignature::sign(&text, 1_800_000_000, &secrets.cosigner).unwrap(),
            wants_answer: false,
        };
        let bytes = PeerMessage::Cosignature(signed).encode();
        for node in [1, 2] {
            self.outbound.send(NodeId(node), bytes.clone());
        }
    }
}

#[test]
fn a_node_that_signs_two_heads_is_convicted_by_a_file_that_every_other_node_keeps() {
    let mut park = Park::new(3);
    let keys = with_event_keys(&mut park, 2);
    let nodes = [park.start(1), park.start(2)];
    let liar = Liar::start(&park);
    let client = park.client(&[&nodes[0], &nodes[1]]);
    let mut registrar = park.author(&client, &park.registrar);
    for action in keys {
        submit(&client, &mut registrar, action);
    }
    submit(&client, &mut registrar, participant(1));
    let honest = wait_for("a signed head", || liar.last());
    assert_eq!(nodes[0].status().sealed, None, "two of three do not seal");

    // Another root: the log has two heads, and nobody signed both yet.
    let item = |node: &Node, liar: &Liar, root: Hash, lines: usize| {
        wait_for("evidence", || {
            liar.say(&park, honest.size, root);
            let all = kept(&park, node, &park.regulator);
            let client = node
                .client()
                .with_credentials(park.credentials(&park.regulator));
            let file = Evidence::parse(&client.evidence(&all.first()?.id).ok()?).unwrap();
            (file.lines() >= lines).then(|| all[0].clone())
        })
    };
    let other = Hash([7; 32]);
    for node in &nodes {
        let found = item(node, &liar, other, 6);
        let client = node
            .client()
            .with_credentials(park.credentials(&park.regulator));
        let Contradiction::Heads {
            first,
            second,
            convicted,
            ..
        } = verdict(&park, &client, &found.id).contradiction
        else {
            panic!("two heads");
        };
        assert!(convicted.is_empty(), "{convicted:?}");
        assert!(first.root == other || second.root == other);
    }

    // And then the true one: the file is replaced by one that convicts him.
    for node in &nodes {
        let found = item(node, &liar, honest.root, 8);
        let client = node
            .client()
            .with_credentials(park.credentials(&park.regulator));
        let verdict = verdict(&park, &client, &found.id);
        let Contradiction::Heads { convicted, .. } = verdict.contradiction else {
            panic!("two heads");
        };
        let by: Vec<Option<NodeId>> = convicted.iter().map(|signer| signer.node).collect();
        assert_eq!(by, [Some(NodeId(3)); 2], "his log key and his cosigner key");
        assert_eq!(kept(&park, node, &park.regulator).len(), 1);
        assert!(metrics(node).contains("\nwattle_evidence 1\n"));
    }
    // One of them has it recorded, once there is something that convicts.
    for node in &nodes {
        let convicted = wait_for("the conviction", || {
            let convicted = node.status().evidence.convicted_nodes;
            (!convicted.is_empty()).then_some(convicted)
        });
        assert_eq!(convicted, [NodeId(3)]);
    }
    // Neither node stops, and the head has its seal.
    let sealed = wait_for("the seal", || nodes[0].status().sealed);
    assert_eq!(sealed.cosigners.len(), 3);
}

fn metrics(node: &Node) -> String {
    let mut answer = ureq::get(format!("{}/metrics", node.url()))
        .config()
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .call()
        .unwrap();
    answer.body_mut().read_to_string().unwrap()
}
