//! Receipts of the node that takes an event, and of the leader that it is carried to.

use super::*;
use wattle_ledger::receipt::Receipt;

/// A park in which a follower has promised an event that waits for the one before it.
fn waiting() -> (Park, usize, SignedEvent) {
    let mut park = Park::new(3);
    park.tick(40);
    let follower = (1..=3).find(|node| *node != park.leader()).unwrap();
    let event = event(3, 2);
    park.submit(follower, 1, &event);
    (park, follower as usize - 1, event)
}

#[test]
fn a_client_gets_a_receipt_first_and_the_same_again_while_the_event_waits() {
    let (mut park, at, event) = waiting();
    let (client, bytes) = park.nodes[at].promises[0].clone();
    assert_eq!(client, ClientId(1));
    assert_eq!(park.nodes[at].answer(1), None);
    let receipt = Receipt::parse(&bytes).unwrap();
    let follower = NodeId(at as u64 + 1);
    assert_eq!(
        receipt.verify(genesis(3).park(), &genesis(3).body().nodes, &event),
        Ok(())
    );
    assert_eq!(receipt.body().node, follower);
    assert_eq!(receipt.body().promised_at, park.now);
    assert_eq!(receipt.body().deadline, park.now.plus_millis(60_000));

    park.tick(1);
    park.submit(at as u64 + 1, 2, &event);
    assert_eq!(park.nodes[at].promises[1], (ClientId(2), bytes));
}

#[test]
fn the_leaders_receipt_stands_behind_the_nodes_and_survives_a_restart() {
    let (mut park, at, event) = waiting();
    park.tick(25);
    let genesis = genesis(3);
    let chain = |node: &Node| {
        let promise = node.replica.promised(&event.hash()).unwrap();
        assert_eq!(
            promise.verify(genesis.park(), &genesis.body().nodes),
            Ok(())
        );
        let nodes = promise.receipts.iter().map(|receipt| receipt.body().node);
        nodes.collect::<Vec<_>>()
    };
    let expected = [NodeId(at as u64 + 1), NodeId(park.leader())];
    assert_eq!(chain(&park.nodes[at]), expected);
    let node = park.nodes.remove(at).restart(3);
    assert_eq!(chain(&node), expected);
    park.nodes.insert(at, node);

    // Once both are recorded, nothing waits any more; the receipts are there until a seal.
    park.tick(40);
    let leader = park.leader();
    park.seals = false;
    park.submit(leader, 3, &named_event(3, 1, "first"));
    park.tick(30);
    assert_eq!(park.nodes[at].replica.pending_len(), 0);
    assert_eq!(chain(&park.nodes[at]), expected);
    let node = park.nodes.remove(at).restart(3);
    park.nodes.insert(at, node);
    park.tick(60);
    assert_eq!(chain(&park.nodes[at]), expected);
    park.seals = true;
    park.tick(120);
    park.assert_agree();
    let node = &park.nodes[at];
    assert_eq!(node.replica.promised(&event.hash()), None);
    assert!(node.durable.pending.is_empty() && node.durable.receipts.is_empty());
}

#[test]
fn a_receipt_in_another_nodes_name_is_refused() {
    let (mut park, at, event) = waiting();
    let leader = park.leader();
    let third = (1..=3).find(|id| *id != leader && *id != at as u64 + 1);
    let (third, node) = (third.unwrap(), &mut park.nodes[at]);
    let forged = Receipt::sign(
        genesis(3).park(),
        (NodeId(third), &node_keys(1).log),
        &event,
        (park.now, park.now),
    );
    // Neither the leader nor the third node itself brings a receipt that the third did not sign.
    for from in [leader, third] {
        let receipts = vec![forged.bytes().to_vec()];
        let bytes = PeerMessage::Receipts { receipts }.encode();
        let before = node.alarms.len();
        let from = NodeId(from);
        node.handle(park.now, Input::PeerMessage { from, bytes });
        assert_eq!(node.alarms.len(), before + 1);
    }
    let promise = node.replica.promised(&event.hash()).unwrap();
    assert!(
        promise
            .receipts
            .iter()
            .all(|receipt| receipt.body().node != NodeId(third))
    );
}
