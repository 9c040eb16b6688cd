use crate::park::{Node, PATIENCE, Park, participant, submit, wait_for, wattled};
use std::fs;
use std::time::Duration;
use wattle_client::{Client, ClientError};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::registration::NodeId;

fn leader_of(nodes: &[&Node]) -> usize {
    wait_for("a leader", || {
        let leader = nodes[0].status().leader?;
        let at = nodes.iter().position(|node| node.status().node == leader)?;
        let leads = |node: &&Node| node.status().leader == Some(leader);
        nodes.iter().all(leads).then_some(at)
    })
}

/// Waits until all nodes have the same log of at least `size` leaves.
fn agree(nodes: &[&Node], size: u64) {
    wait_for("all nodes to agree", || {
        let first = nodes[0].status();
        let same = |node: &&Node| {
            let status = node.status();
            (status.tree_size, status.root, status.state_root)
                == (first.tree_size, first.root, first.state_root)
        };
        (first.tree_size >= size && nodes.iter().all(same)).then_some(())
    });
}

#[test]
fn three_nodes_elect_replicate_seal_and_survive_the_leader() {
    let park = Park::new(3);
    let mut nodes: Vec<Option<Node>> = (1..=3).map(|node| Some(park.start(node))).collect();
    let running = |nodes: &[Option<Node>]| -> Vec<usize> {
        (0..3).filter(|at| nodes[*at].is_some()).collect()
    };
    let of = |nodes: &'_ [Option<Node>], at: usize| -> String { nodes[at].as_ref().unwrap().url() };
    let all: Vec<&Node> = nodes.iter().flatten().collect();
    let leader = leader_of(&all);

    // A follower takes a write and carries it to the leader.
    let follower = (leader + 1) % 3;
    let client = all[follower].client();
    let mut registrar = park.author(&client, &park.registrar);
    let outcome = submit(&client, &mut registrar, participant(1));
    agree(&all, outcome.leaf + 1);
    // All three cosign: the quorum of a seal is three of three.
    let sealed = wait_for("a seal", || {
        let sealed = all[follower].status().sealed?;
        (sealed.cosigners.len() == 3).then_some(sealed)
    });
    assert_eq!(sealed.cosigners, [NodeId(1), NodeId(2), NodeId(3)]);

    // The leader dies; the others go on, and a client with several addresses notices nothing.
    let urls: Vec<String> = (0..3).map(|at| of(&nodes, at)).collect();
    let client = Client::new(&urls).unwrap().with_retries(PATIENCE);
    nodes[leader].take().unwrap().kill();
    for number in 2..=6 {
        submit(&client, &mut registrar, participant(number));
    }
    let left: Vec<&Node> = running(&nodes)
        .iter()
        .map(|at| nodes[*at].as_ref().unwrap())
        .collect();
    assert_ne!(leader_of(&left), usize::MAX);
    let size = left[0].status().tree_size;

    // It comes back and catches up.
    nodes[leader] = Some(park.start(u64::try_from(leader).unwrap() + 1));
    let all: Vec<&Node> = nodes.iter().flatten().collect();
    agree(&all, size);
    assert_eq!(
        all[leader].client().registry().unwrap().participants.len(),
        6
    );

    // Without a quorum nothing is taken, and the client is told why.
    for at in [(leader + 1) % 3, (leader + 2) % 3] {
        nodes[at].take().unwrap().kill();
    }
    let alone = nodes[leader].as_ref().unwrap();
    wait_for("the node to notice", || {
        alone.status().leader.is_none().then_some(())
    });
    let client = Client::new(&[alone.url()]).unwrap();
    let event = registrar.sign(participant(7), wattle_market::interval::Timestamp(0));
    let error = client.submit(&event, Duration::from_secs(1)).unwrap_err();
    assert!(matches!(error, ClientError::NoQuorum { .. }), "{error}");
}

#[test]
fn a_node_with_another_network_key_is_not_let_in() {
    let park = Park::new(3);
    let first = park.start(1);
    let second = park.start(2);
    let leader = leader_of(&[&first, &second]);
    assert!(leader < 2);
    let mut config = park.configs[2].clone();
    config.network_key = "other.key".into();
    wattle_node::setup::create_network_key(&park.path("other.key")).unwrap();
    park.write_config(&config);
    let stranger = park.start(3);
    // The others reach a new leader term or not; the stranger never hears of one.
    let client = park.client(&[&first, &second]);
    let mut registrar = park.author(&client, &park.registrar);
    for number in 1..=20 {
        submit(&client, &mut registrar, participant(number));
    }
    std::thread::sleep(Duration::from_millis(1_500));
    let status = stranger.status();
    assert_eq!((status.leader, status.tree_size), (None, 1));
    // With the right key it is let in.
    stranger.kill();
    park.write_config(&park.configs[2]);
    let third = park.start(3);
    agree(&[&first, &second, &third], first.status().tree_size);
}

#[test]
fn a_node_that_the_genesis_does_not_name_is_not_let_in() {
    let park = Park::new(2);
    let mut command = wattled(&park.config_path(1));
    command.env("WATTLE_LOG", "info,wattle_node::network=debug");
    let first = Node::start(command, &park.path("node-1"));

    // Another park whose registrar names the first node's keys, and which got hold of the network
    // key: everything but the first node's consent.
    let mut stranger = Park::new(2);
    let mut body = stranger.genesis.body().clone();
    body.nodes[0] = park.genesis.body().nodes[0].clone();
    let genesis = Genesis::sign(&body, &stranger.registrar).unwrap();
    fs::write(stranger.path("genesis"), genesis.signed()).unwrap();
    fs::copy(park.path("network.key"), stranger.path("network.key")).unwrap();
    stranger.configs[1].peers[0].address = first.ready.p2p_addr.to_string();
    stranger.write_config(&stranger.configs[1]);
    let second = stranger.start(2);

    let log = || fs::read_to_string(park.path("node-1/stderr.log")).unwrap();
    // It may show a registration, and has none.
    wait_for("the stranger to be cut off", || {
        log().contains("a stranger was cut off").then_some(())
    });
    assert_eq!(second.status().leader, None);
    assert!(!log().contains("connected node"), "{}", log());
}
