//! Nodes that come, vote and go in a park of real processes.

use crate::park::{Node, Park, free_port, participant, submit, wait_for};
use std::fs;
use std::path::PathBuf;
use wattle_client::api::Status;
use wattle_client::{Author, Client, export};
use wattle_ledger::event::Action;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::membership::NodeStanding;
use wattle_ledger::registration::NodeId;
use wattle_ledger::verify::claim::{Report, Status as Finding};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::Timestamp;
use wattle_market::point::BuildingId;
use wattle_node::config::{RawConfig, RawPeer};
use wattle_node::setup;

/// The configuration of a node that is not in the genesis; it knows the addresses of all others.
fn newcomer(park: &Park, node: u64) -> (RawConfig, NodeRecord) {
    let data_dir = park.path(&format!("node-{node}"));
    let building = BuildingId(u16::try_from(node).unwrap());
    let record = setup::create_node_keys(&data_dir, NodeId(node), building, None).unwrap();
    let address = |config: &RawConfig| RawPeer {
        node: config.node,
        address: config.p2p_listen.clone(),
    };
    let config = RawConfig {
        node,
        registration: Some(format!("registration-{node}").into()),
        data_dir: format!("node-{node}").into(),
        p2p_listen: format!("127.0.0.1:{}", free_port()),
        peers: park.configs.iter().map(address).collect(),
        ..park.configs[0].clone()
    };
    (config, record)
}

/// Registers a node, gives it the file, and starts it.
fn join(park: &mut Park, client: &Client, registrar: &mut Author, node: u64) -> Node {
    let (config, record) = newcomer(park, node);
    let event = registrar.sign(Action::RegisterNode(record), Timestamp(0));
    fs::write(park.path(&format!("registration-{node}")), event.bytes()).unwrap();
    client.submit(&event, crate::park::PATIENCE).unwrap();
    park.write_config(&config);
    park.configs.push(config);
    park.start(node)
}

fn set(client: &Client, registrar: &mut Author, node: u64, standing: NodeStanding) {
    let node = NodeId(node);
    submit(
        client,
        registrar,
        Action::SetNodeStanding { node, standing },
    );
}

fn ids(ids: &[u64]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// Waits until all of them have these voters, and a seal that all of those have cosigned.
fn sealed_by(nodes: &[&Node], voters: &[u64]) -> Status {
    let voters = ids(voters);
    let is_there = |status: &Status| {
        let sealed = status.sealed.as_ref();
        status.voters == voters && sealed.is_some_and(|sealed| sealed.cosigners == voters)
    };
    let mut last = None;
    for node in nodes {
        last = Some(wait_for("a seal by the new voters", || {
            Some(node.status()).filter(is_there)
        }));
    }
    last.unwrap()
}

fn exported(park: &Park, node: &Node, name: &str) -> PathBuf {
    let client = node
        .client()
        .with_credentials(park.credentials(&park.regulator));
    let folder = park.path(name);
    export::export(&client, &folder, |_, _| {}).unwrap();
    folder
}

fn verified(folder: &PathBuf, policy: &str) -> Report {
    let policy = Policy::parse(policy).unwrap();
    verify(&Directory::new(folder), &policy, &mut |_| {})
}

#[test]
fn dead_node_is_replaced_by_a_new_one_that_votes_and_seals() {
    let mut park = Park::new(3);
    let nodes: Vec<Node> = (1..=3).map(|node| park.start(node)).collect();
    let client = park.client(&[&nodes[0], &nodes[1]]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    let before = sealed_by(&[&nodes[0], &nodes[1]], &[1, 2, 3])
        .sealed
        .unwrap();

    let mut nodes = nodes;
    nodes.pop().unwrap().kill();
    set(&client, &mut registrar, 3, NodeStanding::Removed);
    sealed_by(&[&nodes[0], &nodes[1]], &[1, 2]);

    let fourth = join(&mut park, &client, &mut registrar, 4);
    wait_for("the newcomer to learn", || {
        let status = fourth.status();
        (status.learners == ids(&[4])).then_some(())
    });
    set(&client, &mut registrar, 4, NodeStanding::Voter);
    let all = [&nodes[0], &nodes[1], &fourth];
    sealed_by(&all, &[1, 2, 4]);

    // Any two of the three go on, the newcomer among them.
    nodes.pop().unwrap().kill();
    let client = park.client(&[&fourth]);
    submit(&client, &mut registrar, participant(2));
    let second = park.start(2);
    let status = sealed_by(&[&nodes[0], &second, &fourth], &[1, 2, 4]);
    let sealed = status.sealed.unwrap();

    // The pinned policy is that of the founding: it vouches up to the change and says so.
    let folder = exported(&park, &nodes[0], "export");
    let report = verified(&folder, &park.genesis.policy().to_string());
    let failed: Vec<&str> = report
        .claims
        .iter()
        .filter(|claim| claim.status != Finding::Ok)
        .map(|claim| claim.claim)
        .collect();
    assert_eq!(failed, ["quorum"], "{:?}", report.claims);
    let voters = report.voters.unwrap();
    assert_eq!((voters.voters, voters.quorum), (ids(&[1, 2, 4]), 3));
    assert!(voters.is_sealed && voters.steps == 3);
    let vouched = voters.vouched.unwrap();
    assert!(vouched >= before.size && vouched < sealed.size, "{vouched}");
    // By the policy of those who vote now, everything holds.
    let report = verified(&folder, &voters.policy);
    assert!(report.is_ok(), "{:?}", report.claims);
}

#[test]
fn node_that_was_away_hears_one_that_came_meanwhile() {
    let mut park = Park::new(3);
    let mut nodes: Vec<Node> = (1..=3).map(|node| park.start(node)).collect();
    let client = park.client(&[&nodes[0], &nodes[1]]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    nodes.pop().unwrap().kill();
    let fourth = join(&mut park, &client, &mut registrar, 4);
    set(&client, &mut registrar, 4, NodeStanding::Voter);
    wait_for("the newcomer to vote", || {
        (fourth.status().voters == ids(&[1, 2, 3, 4])).then_some(())
    });
    // Of those whom the third node knew, only the first is left, and it has no address of the
    // newcomer: he dials and shows his registration.
    set(&client, &mut registrar, 2, NodeStanding::Removed);
    wait_for("the removal", || {
        (fourth.status().voters == ids(&[1, 3, 4])).then_some(())
    });
    nodes.pop().unwrap().kill();
    nodes.pop().unwrap().kill();
    let third = park.start(3);
    let client = park.client(&[&fourth, &third]);
    submit(&client, &mut registrar, participant(2));
    let first = park.start(1);
    sealed_by(&[&first, &third, &fourth], &[1, 3, 4]);
}
