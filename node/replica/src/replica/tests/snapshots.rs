//! Snapshots, what goes after them, and who catches up.

use super::*;
use crate::config::SnapshotRule;
use crate::election::timeout_ticks;
use crate::limits::PIECE_LEAVES_MAX;
use crate::message::{Piece, RaftKind, RaftMessage};
use crate::output::EntryId;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::leaf_hash;

/// What a node answers who has these leaves.
pub(super) fn history_piece(leaves: &[Vec<u8>], first: u64, size: u64) -> Piece {
    // Few at a time, so that batches are cut.
    let end = size.min(first + 3).min(first + PIECE_LEAVES_MAX as u64);
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    Piece {
        first,
        leaves: leaves[first as usize..end as usize].to_vec(),
        size,
        proof: prove_consistency(&mut LeafHashes(&hashes), end, size).unwrap(),
    }
}

pub(super) fn often(nodes: u64, node: u64) -> Config {
    Config {
        snapshots: SnapshotRule {
            bytes: u64::MAX,
            entries: 5,
        },
        ..config(nodes, node)
    }
}

pub(super) fn park(nodes: u64) -> Park {
    let starting = (1..=nodes).map(|id| Node::start_with(often(nodes, id), Durable::default()));
    let mut park = Park {
        nodes: starting.collect(),
        now: start(),
        seals: true,
    };
    park.tick(40);
    park
}

/// A park in which one follower has heard nothing of `events` events, its own place and the park.
fn park_with_one_behind(events: u64) -> (Park, usize) {
    let mut park = park(3);
    let away = (park.leader() % 3) as usize;
    let leader = park.leader();
    for sequence in 1..=events {
        let sent = park.nodes[leader as usize - 1].submit(park.now, sequence, &event(3, sequence));
        deliver_without(&mut park, away, NodeId(leader), sent);
        park.now = park.now.plus_millis(1_000);
    }
    (park, away)
}

fn deliver_without(park: &mut Park, away: usize, from: NodeId, sent: Vec<(NodeId, Vec<u8>)>) {
    let mut queue: std::collections::VecDeque<_> = sent
        .into_iter()
        .map(|(to, bytes)| (from, to, bytes))
        .collect();
    while let Some((from, to, bytes)) = queue.pop_front() {
        let at = to.0 as usize - 1;
        if at == away {
            continue;
        }
        let answers = park.nodes[at].handle(park.now, Input::PeerMessage { from, bytes });
        queue.extend(answers.into_iter().map(|(next, bytes)| (to, next, bytes)));
    }
}

fn is_catching_up(alarm: &Alarm) -> bool {
    matches!(alarm, Alarm::CatchingUp { .. } | Alarm::CaughtUp { .. })
}

pub(super) fn assert_agree(park: &mut Park) {
    for node in &mut park.nodes {
        node.alarms.retain(|alarm| !is_catching_up(alarm));
    }
    park.assert_agree();
    let mut roots = park.nodes.iter().map(|node| {
        let ledger = node.replica.ledger();
        (ledger.root(), ledger.state().clone().root())
    });
    let first = roots.next().unwrap();
    assert!(roots.all(|root| root == first));
}

#[test]
fn the_log_holds_no_more_than_two_snapshots_worth() {
    let mut park = park(1);
    for sequence in 1..=60 {
        park.submit(1, sequence, &event(1, sequence));
        let node = &park.nodes[0];
        assert!(
            node.durable.entries.len() <= 12,
            "{}",
            node.durable.entries.len()
        );
    }
    let node = &park.nodes[0];
    let head = node.replica.snapshot().unwrap();
    assert!(head.entry.index > 50 && head.size > 100);
    assert!(node.durable.start.index < head.entry.index);
    assert!(node.replica.window_bytes() < 20 * 400);
}

#[test]
fn a_start_from_a_snapshot_goes_on_as_if_nothing_had_happened() {
    let mut park = park(3);
    for sequence in 1..=23 {
        park.submit(sequence % 3 + 1, sequence, &event(3, sequence));
    }
    park.tick(130);
    let restarted = park.nodes.drain(..).map(|node| {
        let id = node.replica.node().0;
        let (size, root) = (node.replica.ledger().size(), node.replica.ledger().root());
        let node = node.restart_with(often(3, id));
        let ledger = node.replica.ledger();
        assert_eq!((ledger.size(), ledger.root()), (size, root));
        assert!(node.durable.start.index > 0);
        node
    });
    park.nodes = restarted.collect();
    park.tick(60);
    for node in &park.nodes {
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 3);
    }
    park.submit(1, 1, &event(3, 23));
    committed(park.nodes[0].answer(1));
    park.submit(2, 2, &event(3, 24));
    committed(park.nodes[1].answer(2));
    park.tick(12);
    assert_agree(&mut park);
}

#[test]
fn a_follower_behind_the_log_computes_what_it_lacks() {
    let (mut park, away) = park_with_one_behind(40);
    let leaves = park.nodes[away].leaves.len();
    let end = park.nodes[away].durable.entries.last().unwrap().index;
    assert!(park.nodes[park.leader() as usize - 1].durable.start.index > end);
    park.tick(10);
    let node = &park.nodes[away];
    assert!(node.leaves.len() > leaves + 40);
    assert_eq!(node.replica.catches_up_to(), None);
    let told: Vec<_> = node
        .alarms
        .iter()
        .filter(|alarm| is_catching_up(alarm))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    park.tick(70);
    assert_agree(&mut park);
    for node in &park.nodes {
        assert_eq!(node.replica.sealed().unwrap().cosigners.len(), 3);
    }
    // It votes and leads as before, also from what it has made durable.
    let node = park
        .nodes
        .remove(away)
        .restart_with(often(3, away as u64 + 1));
    park.nodes.insert(away, node);
    park.tick(40);
    park.submit(away as u64 + 1, 100, &event(3, 41));
    committed(park.nodes[away].answer(100));
    park.tick(12);
    assert_agree(&mut park);
}

#[test]
fn a_crash_after_the_snapshot_and_before_the_log_is_told_loses_nothing() {
    let (mut park, away) = park_with_one_behind(40);
    // All but the last step: the snapshot is durable, the store has not been told.
    let old = park.nodes[away].durable.clone();
    park.tick(10);
    let node = park.nodes.remove(away);
    let mut durable = old;
    durable.snapshot = node.durable.snapshot.clone();
    durable.hard_state.term = node.durable.hard_state.term;
    let head = durable.snapshot.as_ref().unwrap().head.clone();
    assert!(durable.entries.last().unwrap().index < head.entry.index);
    let mut leaves = node.leaves;
    leaves.truncate(head.size as usize);
    let node = Node::start_from(often(3, away as u64 + 1), durable, leaves);
    assert_eq!(node.durable.start, head.entry);
    assert!(node.durable.entries.is_empty());
    assert_eq!(node.stopped, None);
    park.nodes.insert(away, node);
    park.tick(80);
    assert_agree(&mut park);
}

#[test]
fn a_piece_that_is_not_of_the_log_is_refused_and_another_peer_asked() {
    let (mut park, away) = park_with_one_behind(40);
    let id = NodeId(away as u64 + 1);
    let now = park.now;
    // The leader's manifest, as it would come.
    let leader = NodeId(park.leader());
    let ledger = park.nodes[leader.0 as usize - 1].replica.ledger();
    let replica = &park.nodes[leader.0 as usize - 1].replica;
    let entry = EntryId {
        index: replica.applied_index(),
        term: replica.term(),
    };
    let manifest = crate::snapshot::Manifest {
        to: id,
        from: leader,
        term: replica.term(),
        entry,
        roster: crate::snapshot::Roster {
            voters: (1..=3).map(NodeId).collect(),
            learners: Vec::new(),
        },
        size: ledger.size(),
        root: ledger.root(),
    };
    let tell = |node: &mut Node, from, message: PeerMessage| {
        let bytes = message.encode();
        node.handle(now, Input::PeerMessage { from, bytes })
    };
    let wants = |sent: &[(NodeId, Vec<u8>)]| {
        sent.iter()
            .filter_map(|(to, bytes)| match PeerMessage::decode(bytes) {
                Ok(PeerMessage::LeavesWanted { first, .. }) => Some((*to, first)),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let leaves = park.nodes[leader.0 as usize - 1].leaves.clone();
    let node = &mut park.nodes[away];
    let sent = tell(node, leader, PeerMessage::Manifest(manifest.clone()));
    let first = node.leaves.len() as u64;
    assert_eq!(wants(&sent), [(leader, first)]);

    let good = history_piece(&leaves, first, manifest.size);
    let mut forged = good.clone();
    *forged.leaves[0].last_mut().unwrap() ^= 1;
    let sent = tell(node, leader, PeerMessage::Leaves(forged));
    let other = NodeId(6 - leader.0 - id.0);
    assert_eq!(wants(&sent), [(other, first)]);
    let refused = |alarm: &Alarm| match alarm {
        Alarm::PeerMessageRefused { from, .. } => *from == leader,
        _ => false,
    };
    assert!(node.alarms.last().is_some_and(refused));
    assert_eq!(node.leaves.len() as u64, first);
    // An answer of one that is not asked any more, or to another question, is passed over.
    assert!(tell(node, leader, PeerMessage::Leaves(good.clone())).is_empty());
    let sent = tell(node, other, PeerMessage::Leaves(good));
    assert_eq!(wants(&sent), [(other, first + 3)]);
    // Nobody answers: another is asked after a while.
    let mut asked = Vec::new();
    for _ in 0..12 {
        let sent = node.handle(now, Input::Tick);
        asked.extend(wants(&sent));
    }
    assert_eq!(asked, [(leader, first + 3)]);
    assert!(!node.replica.is_ready());
    assert_eq!(node.replica.catches_up_to(), Some(manifest.size));
}

#[test]
fn a_snapshot_that_says_something_else_than_its_ledger_is_refused() {
    let mut park = park(1);
    for sequence in 1..=20 {
        park.submit(1, sequence, &event(1, sequence));
    }
    let durable = park.nodes.remove(0).durable;
    let refused = |change: &dyn Fn(&mut Snapshot)| {
        let mut durable = durable.clone();
        change(durable.snapshot.as_mut().unwrap());
        let error = Replica::new(often(1, 1), durable).err();
        assert!(
            matches!(error, Some(StartError::Snapshot { .. })),
            "{error:?}"
        );
    };
    refused(&|snapshot| snapshot.head.size += 1);
    refused(&|snapshot| snapshot.head.root = Hash([1; 32]));
    refused(&|snapshot| snapshot.ledger[100] ^= 1);
    refused(&|snapshot| snapshot.ledger.truncate(100));
    let mut without = durable.clone();
    without.snapshot = None;
    let error = Replica::new(often(1, 1), without).err();
    assert!(
        matches!(error, Some(StartError::DurableInvalid { .. })),
        "{error:?}"
    );
    assert!(Replica::new(often(1, 1), durable).is_ok());
}

#[test]
fn no_offer_and_no_piece_of_a_faulty_peer_makes_a_node_panic() {
    let mut stopped = 0;
    let mut caught_up = 0;
    for seed in 0..60 {
        let mut draws =
            (0..).map(|at| timeout_ticks(seed, 1_000_000, NodeId(at), (at, StateRole::Follower)));
        let mut below = move |end: u64| draws.next().unwrap() as u64 % end;
        let mut node = Node::start_with(often(3, 1), Durable::default());
        let mut now = start();
        for _ in 0..200 {
            now = now.plus_millis(below(500));
            if below(4) == 0 {
                node.handle(now, Input::Tick);
            }
            let from = NodeId(2 + below(2));
            let message = any_offer(&node, from, &mut below);
            let bytes = message.encode();
            node.handle(now, Input::PeerMessage { from, bytes });
            let commit = node.replica.commit_index() + below(2);
            let append = RaftMessage {
                kind: RaftKind::Append,
                to: NodeId(1),
                from,
                term: node.replica.term().max(1) + below(2),
                log_term: node.durable.start.term,
                index: node.durable.start.index,
                entries: Vec::new(),
                commit,
                reject: false,
                reject_hint: 0,
            };
            let bytes = PeerMessage::Raft(append).encode();
            node.handle(now, Input::PeerMessage { from, bytes });
        }
        let is_done = |alarm: &Alarm| matches!(alarm, Alarm::CaughtUp { .. });
        caught_up += u64::from(node.alarms.iter().any(is_done));
        stopped += u64::from(node.stopped.is_some());
        let node = node.restart_with(often(3, 1));
        assert!(!node.leaves.is_empty());
    }
    assert!(stopped > 5 && caught_up > 5, "{stopped} and {caught_up}");
}

fn any_offer(node: &Node, from: NodeId, below: &mut impl FnMut(u64) -> u64) -> PeerMessage {
    let ledger = node.replica.ledger();
    let size = ledger.size() + below(3) / 2;
    if below(4) == 0 {
        let leaves = vec![vec![1; 1 + below(3) as usize]; below(3) as usize];
        return PeerMessage::Leaves(Piece {
            first: ledger.size(),
            leaves,
            size,
            proof: vec![Hash([1; 32]); below(2) as usize],
        });
    }
    if below(6) == 0 {
        let first = below(3);
        return PeerMessage::LeavesWanted { first, size };
    }
    let term = node.replica.term().max(1) + below(2);
    let garbage = leaf_hash(&[1]);
    PeerMessage::Manifest(crate::snapshot::Manifest {
        to: NodeId(1 + below(20) / 19),
        from: NodeId(from.0 + below(20) / 19),
        term,
        entry: EntryId {
            index: node.replica.commit_index() + below(5),
            term: below(term + 1) + below(30) / 29,
        },
        roster: crate::snapshot::Roster {
            voters: (1..=3 + below(10) / 9).map(NodeId).collect(),
            learners: Vec::new(),
        },
        size,
        root: match below(6) {
            0 => garbage,
            1 => {
                // One leaf more, which begins no batch.
                let mut tree = ledger.tree().clone();
                tree.push(garbage);
                tree.root()
            }
            _ => ledger.root(),
        },
    })
}

#[test]
fn batches_apply_by_their_leaves_and_any_other_leaf_is_found() {
    use wattle_ledger::ledger::{LeavesError, Ledger, begins_batch};
    let mut park = park(1);
    for sequence in 1..=4 {
        park.submit(1, sequence, &event(1, sequence));
    }
    park.tick(70);
    let leaves = &park.nodes[0].leaves;
    let mut ledger = Ledger::found(&genesis(1));
    let mut batches: Vec<Vec<Vec<u8>>> = Vec::new();
    for leaf in &leaves[1..] {
        if begins_batch(leaf) {
            batches.push(Vec::new());
        }
        batches.last_mut().unwrap().push(leaf.clone());
    }
    for batch in batches {
        let first = ledger.size();
        let mut cut = batch.clone();
        cut.pop();
        let error = ledger.clone().apply_leaves(&cut).unwrap_err();
        let is_found = matches!(
            error,
            LeavesError::Differs { .. } | LeavesError::NoBatch { .. } | LeavesError::Refused { .. }
        );
        assert!(is_found, "{error}");
        for at in 0..batch.len() {
            let mut changed = batch.clone();
            *changed[at].last_mut().unwrap() ^= 1;
            assert!(ledger.clone().apply_leaves(&changed).is_err(), "leaf {at}");
        }
        let mut longer = batch.clone();
        longer.push(batch[0].clone());
        let index = first + batch.len() as u64;
        assert_eq!(
            ledger.clone().apply_leaves(&longer),
            Err(LeavesError::Differs { index })
        );
        ledger.apply_leaves(&batch).unwrap();
    }
    assert_eq!(ledger.root(), park.nodes[0].replica.ledger().root());
}
