//! Single replicas, and small parks whose network loses nothing; faults are the simulator's.

mod membership;
mod receipts;
mod snapshots;

use super::*;
use crate::election::timeout_ticks;
use crate::fixture::{config, event, genesis, named_event, node_keys, start};
use crate::input::ClientId;
use crate::output::{Finding, PendingEvent, Response, StoredHardState};
use crate::snapshot::Snapshot;
use snapshots::history_piece;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::rejection::Rejection;

/// A replica with its disk, and what it had performed.
struct Node {
    replica: Replica,
    durable: Durable,
    leaves: Vec<Vec<u8>>,
    promises: Vec<(ClientId, Vec<u8>)>,
    replies: Vec<(ClientId, Response)>,
    published: Vec<u64>,
    peers: Vec<NodeId>,
    alarms: Vec<Alarm>,
    found: Vec<Finding>,
    stopped: Option<String>,
    snapshots: Vec<Snapshot>,
}

impl Node {
    fn start(nodes: u64, id: u64, durable: Durable) -> Node {
        Node::start_with(config(nodes, id), durable)
    }

    fn start_with(config: Config, durable: Durable) -> Node {
        Node::start_from(config, durable, Vec::new())
    }

    /// With the leaves that its history has up to its snapshot.
    fn start_from(config: Config, durable: Durable, leaves: Vec<Vec<u8>>) -> Node {
        let replica = Replica::new(config, durable.clone()).unwrap();
        let mut node = Node {
            replica,
            durable,
            leaves,
            promises: Vec::new(),
            replies: Vec::new(),
            published: Vec::new(),
            peers: Vec::new(),
            alarms: Vec::new(),
            found: Vec::new(),
            stopped: None,
            snapshots: Vec::new(),
        };
        assert!(node.perform().is_empty());
        node
    }

    fn restart(self, nodes: u64) -> Node {
        let id = self.replica.node().0;
        self.restart_with(config(nodes, id))
    }

    fn restart_with(mut self, config: Config) -> Node {
        let size = self
            .durable
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.head.size);
        self.leaves.truncate(size as usize);
        Node::start_from(config, self.durable, self.leaves)
    }

    fn handle(&mut self, now: Timestamp, input: Input) -> Vec<(NodeId, Vec<u8>)> {
        self.replica.handle(now, input);
        let mut sent = self.perform();
        while let Some(snapshot) = self.snapshots.pop() {
            let index = snapshot.head.entry.index;
            self.durable.snapshot = Some(Box::new(snapshot));
            self.replica.handle(now, Input::SnapshotStored { index });
            sent.extend(self.perform());
        }
        sent
    }

    fn perform(&mut self) -> Vec<(NodeId, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some(output) = self.replica.poll_output() {
            match output {
                Output::Persist(write) => self.durable.store(write),
                Output::Send { to, bytes } => sent.push((to, bytes)),
                Output::Append { first, leaves } => {
                    assert_eq!(first, self.leaves.len() as u64);
                    self.leaves.extend(leaves);
                }
                Output::Publish { size, .. } => self.published.push(size),
                Output::Promise { client, receipt } => self.promises.push((client, receipt)),
                Output::Reply { client, response } => self.replies.push((client, response)),
                Output::Peers(peers) => self.peers = peers.iter().map(|peer| peer.id).collect(),
                Output::Alarm(alarm) => self.alarms.push(alarm),
                Output::Found(finding) => self.found.push(finding),
                Output::Stop { reason } => self.stopped = Some(reason),
                Output::Snapshot(snapshot) => self.snapshots.push(*snapshot),
                Output::SendLeaves { to, first, size } => {
                    let piece = history_piece(&self.leaves, first, size);
                    sent.push((to, PeerMessage::Leaves(piece).encode()));
                }
            }
        }
        sent
    }

    fn submit(
        &mut self,
        now: Timestamp,
        client: u64,
        event: &SignedEvent,
    ) -> Vec<(NodeId, Vec<u8>)> {
        let input = Input::Submit {
            client: ClientId(client),
            event: event.bytes().to_vec(),
        };
        self.handle(now, input)
    }

    fn answer(&self, client: u64) -> Option<&Response> {
        let mut replies = self
            .replies
            .iter()
            .filter(|(to, _)| *to == ClientId(client));
        let (_, response) = replies.next()?;
        assert!(replies.next().is_none(), "a client is answered once");
        Some(response)
    }
}

/// Several nodes and the messages between them, delivered in order.
struct Park {
    nodes: Vec<Node>,
    now: Timestamp,
    /// Whether cosignatures are delivered.
    seals: bool,
}

impl Park {
    fn new(nodes: u64) -> Park {
        let starting = (1..=nodes).map(|id| Node::start(nodes, id, Durable::default()));
        Park {
            nodes: starting.collect(),
            now: start(),
            seals: true,
        }
    }

    fn deliver(&mut self, from: NodeId, mut sent: Vec<(NodeId, Vec<u8>)>) {
        let mut queue: std::collections::VecDeque<_> = sent
            .drain(..)
            .map(|(to, bytes)| (from, to, bytes))
            .collect();
        while let Some((from, to, bytes)) = queue.pop_front() {
            let message = PeerMessage::decode(&bytes);
            if !self.seals && matches!(message, Ok(PeerMessage::Cosignature(_))) {
                continue;
            }
            let node = &mut self.nodes[to.0 as usize - 1];
            let answers = node.handle(self.now, Input::PeerMessage { from, bytes });
            queue.extend(answers.into_iter().map(|(next, bytes)| (to, next, bytes)));
        }
    }

    fn tick(&mut self, ticks: usize) {
        for _ in 0..ticks {
            self.now = self.now.plus_millis(1_000);
            for at in 0..self.nodes.len() {
                let sent = self.nodes[at].handle(self.now, Input::Tick);
                self.deliver(NodeId(at as u64 + 1), sent);
            }
        }
    }

    fn submit(&mut self, node: u64, client: u64, event: &SignedEvent) {
        let sent = self.nodes[node as usize - 1].submit(self.now, client, event);
        self.deliver(NodeId(node), sent);
    }

    fn leader(&self) -> u64 {
        let leaders = self
            .nodes
            .iter()
            .filter(|node| node.replica.role() == Role::Leader);
        let ids: Vec<u64> = leaders.map(|node| node.replica.node().0).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids[0]
    }

    fn assert_agree(&self) {
        for node in &self.nodes {
            assert_eq!(node.leaves, self.nodes[0].leaves);
            assert_eq!(node.alarms, []);
            assert_eq!(node.stopped, None);
            assert_eq!(node.replica.pending_len(), 0);
            assert_eq!(node.replica.queue_len(), 0);
        }
    }
}

fn committed(response: Option<&Response>) -> (u64, Vec<u16>) {
    match response {
        Some(Response::Committed { leaf, outcome, .. }) => (*leaf, outcome.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_single_node_elects_itself_records_and_seals_alone() {
    let mut park = Park::new(1);
    park.submit(1, 1, &event(1, 1));
    assert_eq!(park.nodes[0].answer(1), Some(&Response::NoLeader));
    park.tick(25);
    assert_eq!(park.leader(), 1);
    park.submit(1, 2, &event(1, 1));
    let (leaf, outcome) = committed(park.nodes[0].answer(2));
    assert_eq!(outcome, [0]);
    assert!(leaf > 0 && leaf < park.nodes[0].leaves.len() as u64);
    park.tick(120);
    let node = &park.nodes[0];
    assert!(
        node.published.len() >= 2,
        "the genesis and the event are sealed"
    );
    let sealed = node.replica.sealed().unwrap();
    assert_eq!(sealed.cosigners, [NodeId(1)]);
    assert!(sealed.checkpoint.size() > leaf);
    assert_eq!(node.durable.signed.unwrap().size, sealed.checkpoint.size());
    assert!(node.replica.is_ready());
}

#[test]
fn three_nodes_agree_and_answer_wherever_an_event_came_in() {
    let mut park = Park::new(3);
    park.tick(40);
    let leader = park.leader();
    for (sequence, node) in [(1, leader), (2, leader % 3 + 1), (3, (leader + 1) % 3 + 1)] {
        park.submit(node, sequence, &event(3, sequence));
        let (_, outcome) = committed(park.nodes[node as usize - 1].answer(sequence));
        assert_eq!(outcome, [0]);
    }
    park.tick(120);
    park.assert_agree();
    for node in &park.nodes {
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 3);
        assert_eq!(node.published, park.nodes[0].published);
    }
}

#[test]
fn a_repeated_event_gets_its_first_outcome_and_another_of_its_sequence_is_refused() {
    let mut park = Park::new(3);
    park.tick(40);
    park.submit(1, 1, &event(3, 1));
    let first = park.nodes[0].answer(1).cloned();
    committed(first.as_ref());
    for node in 1..=3 {
        park.submit(node, 2, &event(3, 1));
        assert_eq!(park.nodes[node as usize - 1].answer(2), first.as_ref());
        park.submit(node, 3, &named_event(3, 1, "another"));
        let refused = Response::Refused(Rejection::SequenceUsed);
        assert_eq!(park.nodes[node as usize - 1].answer(3), Some(&refused));
        let finding = Finding::SequenceUsed {
            leaf: committed(first.as_ref()).0,
            event: Box::new(named_event(3, 1, "another")),
        };
        assert_eq!(park.nodes[node as usize - 1].found, [finding]);
    }
    park.tick(12);
    park.assert_agree();
}

#[test]
fn of_two_promised_events_with_one_sequence_both_clients_hear() {
    let mut park = Park::new(3);
    park.tick(40);
    let (a, b) = (event(3, 1), named_event(3, 1, "another"));
    let follower = (1..=3).find(|node| *node != park.leader()).unwrap();
    let first = park.nodes[follower as usize - 1].submit(park.now, 1, &a);
    let second = park.nodes[follower as usize - 1].submit(park.now, 2, &b);
    park.deliver(NodeId(follower), first);
    park.deliver(NodeId(follower), second);
    park.tick(30);
    let node = &park.nodes[follower as usize - 1];
    committed(node.answer(1));
    assert_eq!(
        node.answer(2),
        Some(&Response::Refused(Rejection::SequenceUsed))
    );
    // Who promised both, and the leader, hold a proof against the key; a forged event is none.
    let leaf = committed(node.answer(1)).0;
    let event = Box::new(b.clone());
    let finding = Finding::SequenceUsed { leaf, event };
    assert!(node.found.contains(&finding), "{:?}", node.found);
    park.assert_agree();
    let before = park.nodes[0].found.len();
    let mut forged = named_event(3, 1, "a third").bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    park.submit(1, 9, &SignedEvent::parse(&forged).unwrap());
    assert_eq!(park.nodes[0].found.len(), before);
}

#[test]
fn events_that_come_out_of_order_wait_for_those_before() {
    let mut park = Park::new(3);
    park.tick(40);
    for sequence in [3, 2] {
        park.submit(1, sequence, &event(3, sequence));
        assert_eq!(park.nodes[0].answer(sequence), None);
    }
    park.submit(2, 1, &event(3, 1));
    park.tick(12);
    let leaf =
        |sequence| committed(park.nodes[if sequence == 1 { 1 } else { 0 }].answer(sequence)).0;
    assert!(leaf(1) < leaf(2) && leaf(2) < leaf(3));
    park.assert_agree();
}

#[test]
fn a_promise_survives_a_restart_and_reaches_the_next_leader() {
    let mut park = Park::new(3);
    park.tick(40);
    let follower = (1..=3).find(|node| *node != park.leader()).unwrap();
    // What the follower sends is lost, and then it restarts.
    park.nodes[follower as usize - 1].submit(park.now, 1, &event(3, 1));
    let at = follower as usize - 1;
    let node = park.nodes.remove(at).restart(3);
    assert_eq!(node.replica.pending_len(), 1);
    park.nodes.insert(at, node);
    park.tick(40);
    park.assert_agree();
    // Until a seal covers the event, its receipts can be asked for.
    park.tick(120);
    park.assert_agree();
    assert!(
        park.nodes
            .iter()
            .all(|node| node.durable.pending.is_empty())
    );
    park.submit(1, 2, &event(3, 1));
    committed(park.nodes[0].answer(2));
}

#[test]
fn a_restart_repeats_the_leaves_and_signs_the_same_head() {
    let mut park = Park::new(3);
    park.tick(40);
    park.submit(1, 1, &event(3, 1));
    park.tick(150);
    let before: Vec<_> = park
        .nodes
        .iter()
        .map(|node| (node.leaves.clone(), node.durable.signed))
        .collect();
    let restarted = park.nodes.drain(..).map(|node| node.restart(3)).collect();
    park.nodes = restarted;
    for node in &park.nodes {
        assert!(node.published.is_empty() && node.replica.sealed().is_none());
    }
    park.tick(60);
    park.assert_agree();
    for (node, (leaves, signed)) in park.nodes.iter().zip(before) {
        assert!(node.leaves.starts_with(&leaves));
        assert!(node.durable.signed.unwrap().size >= signed.unwrap().size);
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 3);
    }
}

#[test]
fn a_full_window_takes_no_more_and_says_so() {
    let full = Config {
        window_bytes_max: 600,
        ..config(1, 1)
    };
    let mut park = Park {
        nodes: vec![Node::start_with(full, Durable::default())],
        now: start(),
        seals: true,
    };
    park.tick(30);
    assert!(park.nodes[0].replica.window_bytes() < 600);
    for sequence in 1..=4 {
        park.submit(1, sequence, &event(1, sequence));
    }
    let last = park.nodes[0].replica.window_bytes();
    assert_eq!(park.nodes[0].answer(4), Some(&Response::Full));
    park.tick(300);
    assert_eq!(park.nodes[0].replica.window_bytes(), last);
}

#[test]
fn a_leader_whose_clock_is_ahead_is_not_heard_for_a_while() {
    let mut node = Node::start(3, 1, Durable::default());
    let append = |time: Timestamp| {
        let keys = node_keys(2);
        let batch = Batch::sign(
            genesis(3).park(),
            (NodeId(2), &keys.batch),
            1,
            time,
            Vec::new(),
        );
        PeerMessage::Raft(RaftMessage {
            kind: RaftKind::Append,
            to: NodeId(1),
            from: NodeId(2),
            term: 1,
            log_term: 0,
            index: 0,
            entries: vec![StoredEntry {
                index: 1,
                term: 1,
                data: batch.encode(),
            }],
            commit: 0,
            reject: false,
            reject_hint: 0,
        })
    };
    let input = |time| Input::PeerMessage {
        from: NodeId(2),
        bytes: append(time).encode(),
    };
    let now = start();
    assert!(node.handle(now, input(now.plus_millis(10_001))).is_empty());
    assert_eq!(
        node.alarms,
        [Alarm::LeaderClockAhead {
            leader: NodeId(2),
            ahead_ms: 10_001
        }]
    );
    assert!(node.handle(now, input(now)).is_empty(), "not heard");
    for _ in 0..20 {
        node.handle(now, Input::Tick);
    }
    node.handle(now, input(now.plus_millis(10_000)));
    assert_eq!(node.durable.entries.len(), 1);
}

#[test]
fn a_strangers_and_a_forged_message_change_nothing() {
    let mut node = Node::start(3, 1, Durable::default());
    let heartbeat = |from| {
        let message = RaftMessage {
            kind: RaftKind::Heartbeat,
            to: NodeId(1),
            from: NodeId(from),
            term: 5,
            log_term: 0,
            index: 0,
            entries: Vec::new(),
            commit: 0,
            reject: false,
            reject_hint: 0,
        };
        PeerMessage::Raft(message).encode()
    };
    for (from, bytes) in [
        (9, heartbeat(9)),
        (3, heartbeat(2)),
        (2, vec![1, 2, 3]),
        (1, heartbeat(1)),
    ] {
        let sent = node.handle(
            start(),
            Input::PeerMessage {
                from: NodeId(from),
                bytes,
            },
        );
        assert!(sent.is_empty());
    }
    assert_eq!(node.alarms.len(), 4);
    assert_eq!((node.replica.term(), node.replica.leader()), (0, None));
}

/// A peer that says anything at all, with numbers near those that matter, must not make the node
/// panic: every message that the guard lets through is one that Raft can take.
#[test]
fn no_message_of_a_faulty_peer_makes_a_node_panic() {
    let mut passed = 0;
    let park = genesis(3).park();
    for seed in 0..30 {
        let mut draws =
            (0..).map(|at| timeout_ticks(seed, 1_000_000, NodeId(at), (at, StateRole::Leader)));
        let mut below = move |end: u64| draws.next().unwrap() as u64 % end;
        let mut node = Node::start(3, 1, Durable::default());
        let mut now = start();
        for _ in 0..400 {
            now = now.plus_millis(below(500));
            if below(4) == 0 {
                node.handle(now, Input::Tick);
            }
            let from = NodeId(2 + below(2));
            let message = any_message(&node, (from, park), now, &mut below);
            let alarms = node.alarms.len();
            let bytes = PeerMessage::Raft(message).encode();
            node.handle(now, Input::PeerMessage { from, bytes });
            passed += u64::from(node.alarms.len() == alarms);
        }
        assert_eq!(node.stopped, None);
        let node = node.restart(3);
        assert!(!node.leaves.is_empty());
    }
    assert!(passed > 2_500, "only {passed} messages passed the guard");
}

fn any_message(
    node: &Node,
    (from, park): (NodeId, Hash),
    now: Timestamp,
    below: &mut impl FnMut(u64) -> u64,
) -> RaftMessage {
    const KINDS: [RaftKind; 8] = [
        RaftKind::Append,
        RaftKind::AppendResponse,
        RaftKind::RequestVote,
        RaftKind::RequestVoteResponse,
        RaftKind::RequestPreVote,
        RaftKind::RequestPreVoteResponse,
        RaftKind::Heartbeat,
        RaftKind::HeartbeatResponse,
    ];
    let last = node.durable.entries.len() as u64;
    let kind = if below(3) == 0 {
        RaftKind::Append
    } else {
        KINDS[below(8) as usize]
    };
    let term = (node.replica.term() + below(3)).max(1) - below(2).min(node.replica.term());
    let index = (last + below(3)).saturating_sub(below(4));
    let at = (index as usize).checked_sub(1);
    let known = at.and_then(|at| Some(node.durable.entries.get(at)?.term));
    let log_term = if below(5) == 0 {
        below(term + 2)
    } else {
        known.unwrap_or(0)
    };
    let mut entries = Vec::new();
    if kind == RaftKind::Append {
        for next in 1..=below(4) {
            let entry_term = term - below(2).min(term.saturating_sub(1));
            let keys = node_keys(from.0);
            let time = now.plus_millis(below(11_000));
            let batch = Batch::sign(park, (from, &keys.batch), entry_term, time, Vec::new());
            let data = if below(3) == 0 {
                Vec::new()
            } else {
                batch.encode()
            };
            entries.push(StoredEntry {
                index: index + next + u64::from(below(40) == 0),
                term: entry_term,
                data,
            });
        }
    }
    let is_answer = matches!(
        kind,
        RaftKind::AppendResponse
            | RaftKind::HeartbeatResponse
            | RaftKind::RequestVoteResponse
            | RaftKind::RequestPreVoteResponse
    );
    RaftMessage {
        kind,
        to: NodeId(1),
        from,
        term: if below(200) == 0 {
            u64::MAX - below(3)
        } else {
            term
        },
        log_term,
        index: if below(200) == 0 {
            u64::MAX - below(3)
        } else {
            index
        },
        entries,
        commit: (last + below(3)).saturating_sub(below(3)),
        reject: is_answer && below(2) == 0,
        reject_hint: if is_answer { below(last + 3) } else { 0 },
    }
}

#[test]
fn data_that_contradicts_itself_is_not_started_with() {
    let entry = |index, term| StoredEntry {
        index,
        term,
        data: Vec::new(),
    };
    let hard_state = |term, commit| StoredHardState {
        term,
        vote: 0,
        commit,
    };
    let durable = |entries, hard_state| Durable {
        entries,
        hard_state,
        ..Durable::default()
    };
    let cases = [
        durable(vec![entry(2, 1)], hard_state(1, 0)),
        durable(vec![entry(1, 2), entry(2, 1)], hard_state(2, 0)),
        durable(vec![entry(1, 0)], hard_state(1, 0)),
        durable(vec![entry(1, 1)], hard_state(1, 2)),
        durable(vec![entry(1, 3)], hard_state(2, 1)),
        Durable {
            pending: vec![PendingEvent { event: vec![1] }],
            ..Durable::default()
        },
    ];
    for durable in cases {
        let error = Replica::new(config(3, 1), durable).err();
        assert!(
            matches!(error, Some(StartError::DurableInvalid { .. })),
            "{error:?}"
        );
    }
    let other_keys = Config {
        keys: node_keys(2),
        ..config(3, 1)
    };
    assert!(matches!(
        Replica::new(other_keys, Durable::default()),
        Err(StartError::OtherKey { .. })
    ));
    let stranger = Config {
        node: NodeId(9),
        ..config(3, 1)
    };
    assert!(matches!(
        Replica::new(stranger, Durable::default()),
        Err(StartError::UnknownNode(_))
    ));
    let ticks = Config {
        election_ticks: 2,
        ..config(3, 1)
    };
    assert!(matches!(
        Replica::new(ticks, Durable::default()),
        Err(StartError::Ticks)
    ));
}

#[test]
#[should_panic(expected = "all outputs are taken")]
fn an_input_before_the_outputs_are_taken_is_the_callers_mistake() {
    let mut replica = Replica::new(config(1, 1), Durable::default()).unwrap();
    replica.handle(start(), Input::Tick);
}
