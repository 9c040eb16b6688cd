//! Nodes that come, vote and go in a park whose network loses nothing.

use super::snapshots::often;
use super::*;
use crate::fixture::{node_record, registrar};
use crate::snapshot::Roster;
use wattle_ledger::event::{Action, EventBody};
use wattle_ledger::membership::NodeStanding;

/// The registrar's event on nodes.
fn on_nodes(sequence: u64, action: Action) -> SignedEvent {
    let body = EventBody {
        version: 0,
        author: registrar().public(),
        sequence,
        issued_at: start(),
        action,
    };
    SignedEvent::sign(&genesis(3).park(), &body, &registrar())
}

fn registration(sequence: u64, node: u64) -> SignedEvent {
    on_nodes(sequence, Action::RegisterNode(node_record(node)))
}

fn set(sequence: u64, node: u64, standing: NodeStanding) -> SignedEvent {
    let node = NodeId(node);
    on_nodes(sequence, Action::SetNodeStanding { node, standing })
}

fn newcomer(registration: &SignedEvent, node: u64) -> Node {
    Node::start_with(
        registered(registration, config(3, node)),
        Durable::default(),
    )
}

fn registered(registration: &SignedEvent, config: Config) -> Config {
    Config {
        registration: Some(registration.bytes().to_vec()),
        ..config
    }
}

impl Park {
    /// Submits at the leader and lets the park go on for a while.
    fn record(&mut self, client: u64, event: &SignedEvent) {
        let leader = self.leader();
        self.submit(leader, client, event);
        self.tick(30);
        let (_, outcome) = committed(self.nodes[leader as usize - 1].answer(client));
        assert_eq!(outcome, [0]);
    }

    fn voters(&self, node: u64) -> Vec<u64> {
        let ledger = self.nodes[node as usize - 1].replica.ledger();
        let membership = ledger.members().membership();
        membership.voters.iter().map(|id| id.0).collect()
    }
}

/// A park of three to which a fourth node has come as a voter.
fn park_of_four() -> Park {
    let mut park = Park::new(3);
    park.tick(40);
    let registration = registration(1, 4);
    park.nodes.push(newcomer(&registration, 4));
    park.record(1, &registration);
    assert_eq!(park.voters(1), [1, 2, 3]);
    park.record(2, &set(2, 4, NodeStanding::Voter));
    park
}

#[test]
fn newcomer_learns_then_votes_and_cosigns() {
    let mut park = Park::new(3);
    park.tick(40);
    let registration = registration(1, 4);
    park.nodes.push(newcomer(&registration, 4));
    park.tick(10);
    assert!(park.nodes[3].peers.len() == 3 && park.nodes[3].leaves.len() == 1);
    park.record(1, &registration);
    assert_eq!(park.nodes[3].leaves, park.nodes[0].leaves);
    assert_eq!(park.nodes[0].peers.len(), 3);
    let sealed = park.nodes[3].replica.sealed().unwrap();
    assert!(!sealed.cosigners.contains(&NodeId(4)));
    assert_eq!(
        park.nodes[3].published.last(),
        park.nodes[0].published.last()
    );

    park.record(2, &set(2, 4, NodeStanding::Voter));
    for node in 1..=4 {
        assert_eq!(park.voters(node), [1, 2, 3, 4]);
        let sealed = park.nodes[node as usize - 1].replica.sealed().unwrap();
        assert_eq!(sealed.cosigners.len(), 4, "node {node}");
    }
    park.assert_agree();
    for at in 0..4 {
        let node = park.nodes.remove(at);
        let leaves = node.leaves.clone();
        let config = Config {
            registration: Some(registration.bytes().to_vec()),
            ..config(3, at as u64 + 1)
        };
        let node = Node::start_with(config, node.durable);
        assert_eq!(
            node.leaves, leaves,
            "the membership comes back with the log"
        );
        park.nodes.insert(at, node);
    }
    park.tick(60);
    park.record(3, &set(3, 2, NodeStanding::Learner));
    for node in 1..=4 {
        assert_eq!(park.voters(node), [1, 3, 4]);
    }
}

#[test]
fn leader_that_removes_itself_steps_down_and_stays_quiet() {
    let mut park = park_of_four();
    let leader = park.leader();
    let sent = {
        let event = set(3, leader, NodeStanding::Removed);
        park.nodes[leader as usize - 1].submit(park.now, 3, &event)
    };
    park.deliver(NodeId(leader), sent);
    park.tick(60);
    let removed = &park.nodes[leader as usize - 1];
    assert_eq!(removed.alarms, [Alarm::Removed]);
    assert_eq!(removed.replica.role(), Role::Follower);
    assert_eq!(removed.replica.leader(), None);
    let next = park.leader();
    assert_ne!(next, leader);
    assert!(!park.voters(next).contains(&leader));
    let term = park.nodes[next as usize - 1].replica.term();

    // Whatever it says later changes nothing, and it takes no events any more.
    let at = leader as usize - 1;
    for _ in 0..100 {
        let sent = park.nodes[at].handle(park.now, Input::Tick);
        assert_eq!(sent, []);
    }
    park.nodes[at].submit(park.now, 9, &event(3, 4));
    assert_eq!(park.nodes[at].answer(9), Some(&Response::NoLeader));
    park.record(4, &event(3, 4));
    assert_eq!(park.nodes[next as usize - 1].replica.term(), term);
    let sealed = park.nodes[next as usize - 1].replica.sealed().unwrap();
    assert_eq!(sealed.cosigners.len(), 3);
}

#[test]
fn voter_is_not_removed_while_too_few_of_the_others_are_heard() {
    let mut park = Park::new(3);
    park.tick(40);
    let leader = park.leader();
    let others: Vec<u64> = (1..=3).filter(|node| *node != leader).collect();
    let (dead, alive) = (others[0], others[1]);
    let event = set(1, alive, NodeStanding::Removed);
    // The dead one's messages are dropped from here on.
    tick_but(&mut park, dead, 25);
    let sent = park.nodes[leader as usize - 1].submit(park.now, 1, &event);
    deliver_but(&mut park, dead, leader, sent);
    tick_but(&mut park, dead, 60);
    let (_, outcome) = committed(park.nodes[leader as usize - 1].answer(1));
    assert_eq!(outcome, [0]);
    // Removed, only the dead one would be left beside the leader, and nothing would be committed.
    assert_eq!(park.voters(leader), [1, 2, 3]);
    park.tick(40);
    assert!(!park.voters(leader).contains(&alive));
}

fn deliver_but(park: &mut Park, dead: u64, from: u64, sent: Vec<(NodeId, Vec<u8>)>) {
    let mut queue: std::collections::VecDeque<_> = sent
        .into_iter()
        .map(|(to, bytes)| (NodeId(from), to, bytes))
        .collect();
    while let Some((from, to, bytes)) = queue.pop_front() {
        if to == NodeId(dead) {
            continue;
        }
        let node = &mut park.nodes[to.0 as usize - 1];
        let answers = node.handle(park.now, Input::PeerMessage { from, bytes });
        queue.extend(answers.into_iter().map(|(next, bytes)| (to, next, bytes)));
    }
}

fn tick_but(park: &mut Park, dead: u64, ticks: usize) {
    for _ in 0..ticks {
        park.now = park.now.plus_millis(1_000);
        for from in (1..=park.nodes.len() as u64).filter(|node| *node != dead) {
            let sent = park.nodes[from as usize - 1].handle(park.now, Input::Tick);
            deliver_but(park, dead, from, sent);
        }
    }
}

/// Submits at the leader and lets the park go on without one of its nodes.
fn record_but(park: &mut Park, dead: u64, (client, event): (u64, &SignedEvent), ticks: usize) {
    let leader = park.leader();
    let sent = park.nodes[leader as usize - 1].submit(park.now, client, event);
    deliver_but(park, dead, leader, sent);
    tick_but(park, dead, ticks);
    let (_, outcome) = committed(park.nodes[leader as usize - 1].answer(client));
    assert_eq!(outcome, [0]);
}

/// Node 4 was registered by `registration`, promoted, and another node demoted, while that one
/// heard nothing and until the others had no entries of it any more; the demoted one.
fn park_that_changed_without_one(registration: &SignedEvent) -> (Park, u64) {
    let mut park = snapshots::park(3);
    let away = park.leader() % 3 + 1;
    let fourth = registered(registration, often(3, 4));
    park.nodes
        .push(Node::start_with(fourth, Durable::default()));
    record_but(&mut park, away, (1, registration), 30);
    let promoted = set(2, 4, NodeStanding::Voter);
    record_but(&mut park, away, (2, &promoted), 30);
    let demoted = set(3, away, NodeStanding::Learner);
    record_but(&mut park, away, (3, &demoted), 30);
    for sequence in 4..=20 {
        record_but(&mut park, away, (sequence, &event(3, sequence)), 1);
    }
    let last = park.nodes[away as usize - 1].durable.entries.last();
    let end = last.unwrap().index;
    assert!(park.nodes[park.leader() as usize - 1].durable.start.index > end);
    assert_eq!(park.voters(away), [1, 2, 3]);
    (park, away)
}

#[test]
fn node_that_catches_up_across_changes_of_the_voters_has_the_present_ones() {
    let registration = registration(1, 4);
    let (mut park, away) = park_that_changed_without_one(&registration);
    park.tick(40);
    let node = &park.nodes[away as usize - 1];
    assert_eq!(node.stopped, None);
    assert!(matches!(
        node.alarms[..],
        [Alarm::CatchingUp { .. }, Alarm::CaughtUp { .. }]
    ));
    let voters: Vec<u64> = (1..=4).filter(|node| *node != away).collect();
    assert_eq!(park.voters(away), voters);
    let membership = node.replica.ledger().members().membership();
    let head = node.replica.snapshot().unwrap();
    assert_eq!(head.roster, Roster::of(&membership));
    assert_eq!(head.roster.learners, [NodeId(away)]);
    let sealed = node.replica.sealed().unwrap();
    assert!(!sealed.cosigners.contains(&NodeId(away)));
    park.tick(70);
    snapshots::assert_agree(&mut park);

    // It votes again, by a snapshot and entries that both know it.
    park.record(50, &set(21, away, NodeStanding::Voter));
    park.tick(70);
    for node in &park.nodes {
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 4);
    }
    snapshots::assert_agree(&mut park);
}

#[test]
fn park_whose_voters_changed_starts_from_its_snapshots_as_it_was() {
    let registration = registration(1, 4);
    let (mut park, away) = park_that_changed_without_one(&registration);
    park.tick(110);
    let voters: Vec<u64> = (1..=4).filter(|node| *node != away).collect();
    let restarted = park.nodes.drain(..).map(|node| {
        let id = node.replica.node().0;
        let peers: Vec<NodeId> = (1..=4).map(NodeId).filter(|peer| peer.0 != id).collect();
        let head = &node.durable.snapshot.as_ref().unwrap().head;
        assert_eq!(head.roster.learners, [NodeId(away)]);
        assert!(node.durable.start.index > 0);
        let node = node.restart_with(registered(&registration, often(3, id)));
        assert_eq!(node.peers, peers);
        node
    });
    park.nodes = restarted.collect();
    for node in 1..=4 {
        assert_eq!(park.voters(node), voters);
    }
    park.tick(60);
    assert_ne!(park.leader(), away);
    park.record(60, &event(3, 21));
    park.record(61, &set(22, away, NodeStanding::Voter));
    park.tick(70);
    for node in &park.nodes {
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 4);
    }
    snapshots::assert_agree(&mut park);
}

#[test]
fn snapshot_that_names_other_members_than_its_ledger_is_no_start() {
    let registration = registration(1, 4);
    let (mut park, away) = park_that_changed_without_one(&registration);
    let node = park.nodes.remove(away as usize % 3);
    let id = node.replica.node().0;
    let mut durable = node.durable;
    let start = |durable: &Durable| {
        let config = registered(&registration, often(3, id));
        Replica::new(config, durable.clone()).err()
    };
    assert!(start(&durable).is_none());
    let snapshot = durable.snapshot.as_mut().unwrap();
    snapshot.head.roster = crate::start::founders(&genesis(3));
    let refusal = start(&durable);
    assert!(matches!(refusal, Some(StartError::Snapshot { .. })));
}

#[test]
fn stranger_is_heard_once_the_registrar_vouches_for_him() {
    let mut node = Node::start(3, 1, Durable::default());
    let heartbeat = |from: u64| {
        let message = RaftMessage {
            kind: RaftKind::Heartbeat,
            to: NodeId(1),
            from: NodeId(from),
            term: 3,
            log_term: 0,
            index: 0,
            entries: Vec::new(),
            commit: 0,
            reject: false,
            reject_hint: 0,
        };
        PeerMessage::Raft(message).encode()
    };
    let hear = |node: &mut Node| {
        let (from, bytes) = (NodeId(4), heartbeat(4));
        node.handle(start(), Input::PeerMessage { from, bytes })
    };
    assert!(hear(&mut node).is_empty());
    assert_eq!(node.alarms.len(), 1);
    let introduce = |node: &mut Node, event: &SignedEvent| {
        let registration = event.bytes().to_vec();
        node.handle(start(), Input::Introduced { registration });
    };
    let honest = registration(1, 4);
    let mut forged = honest.bytes().to_vec();
    let end = forged.len() - 1;
    forged[end] ^= 1;
    introduce(&mut node, &SignedEvent::parse(&forged).unwrap());
    introduce(&mut node, &set(1, 4, NodeStanding::Voter));
    assert_eq!(node.peers, [NodeId(2), NodeId(3)]);
    introduce(&mut node, &honest);
    assert_eq!(node.peers, [NodeId(2), NodeId(3), NodeId(4)]);
    assert!(!hear(&mut node).is_empty());
    assert_eq!(node.replica.leader(), Some(NodeId(4)));
    // Who is known needs no introduction, and only so many strangers are let in.
    for other in 2..30 {
        introduce(&mut node, &registration(1, other));
    }
    assert_eq!(node.peers.len(), 2 + crate::limits::STRANGERS_MAX);
}

#[test]
fn node_without_its_registration_or_with_anothers_does_not_start() {
    let start = |registration: Option<Vec<u8>>| {
        let config = Config {
            registration,
            ..config(3, 4)
        };
        Replica::new(config, Durable::default()).err()
    };
    let unknown = |refusal| matches!(refusal, Some(StartError::UnknownNode(NodeId(4))));
    assert!(unknown(start(None)));
    assert!(unknown(start(Some(registration(1, 5).bytes().to_vec()))));
    assert!(unknown(start(Some(event(3, 1).bytes().to_vec()))));
    assert!(start(Some(registration(1, 4).bytes().to_vec())).is_none());
}
