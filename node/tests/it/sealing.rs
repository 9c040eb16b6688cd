//! Committed, sealed, final: what a park says of itself above and below the quorum of a seal.

use crate::park::{Node, PATIENCE, Park, participant, submit, wait_for};
use wattle_client::api::{EventOutcome, EventState, Extent};
use wattle_client::{Client, Outcome};
use wattle_ledger::event::Action;
use wattle_ledger::receipt::{Promise, Receipt};
use wattle_ledger::registration::{NodeId, ParticipantId};
use wattle_market::interval::Timestamp;
use wattle_market::units::Money;

fn recorded(client: &Client, event: &wattle_ledger::hash::Hash) -> EventOutcome {
    match client.event(event).unwrap() {
        EventState::Committed(outcome) => outcome,
        EventState::Pending(_) => panic!("it is recorded"),
    }
}

fn extent(park: &Park, node: &Node) -> Extent {
    let client = node
        .client()
        .with_credentials(park.credentials(&park.treasurer));
    client.balance(ParticipantId(1)).unwrap().log
}

#[test]
fn below_the_quorum_of_a_seal_the_park_commits_and_says_that_nothing_seals() {
    // A minute of park time, after which something recorded is sealed, is a third of a second.
    let park = Park::fast(3, 180);
    let (first, second, third) = (park.start(1), park.start(2), park.start(3));
    let client = park.client(&[&first, &second]);
    let mut registrar = park.author(&client, &park.registrar);
    let outcome = submit(&client, &mut registrar, participant(1));
    let sealed = wait_for("a seal", || {
        let outcome = recorded(&first.client(), &outcome.event);
        outcome.sealed
    });
    assert!(sealed > outcome.leaf);
    let sealing = first.status().sealing;
    assert_eq!((sealing.needed, sealing.voters), (3, 3));

    // Two of three commit and do not seal.
    third.kill();
    let mut treasurer = park.author(&client, &park.treasurer);
    let deposit = |reference: &str| Action::Deposit {
        participant: ParticipantId(1),
        amount: Money::YUAN,
        reference: reference.to_owned(),
    };
    let event = treasurer.sign(deposit("B-1"), Timestamp(0));
    let taken = first.client().submit(&event, PATIENCE).unwrap();
    let Outcome::Committed(taken) = taken else {
        panic!("{taken:?}");
    };
    assert_eq!(taken.sealed, None);
    let status = wait_for("a seal that waits", || {
        let status = first.status();
        let waits = status.sealing.waiting_since_ms.is_some();
        (waits && status.sealing.cosigners.len() == 2).then_some(status)
    });
    assert_eq!(status.sealing.cosigners, [NodeId(1), NodeId(2)]);
    assert!(status.sealing.waiting_since_ms.unwrap() <= status.log_time_ms);
    let last = status.sealed.unwrap().size;
    assert!(last <= taken.leaf && status.sealing.unsealed >= taken.leaf - last);
    assert_eq!(recorded(&first.client(), &event.hash()).sealed, None);
    let log = extent(&park, &first);
    assert!(log.sealed <= taken.leaf && log.committed > taken.leaf);

    // What was promised can still be asked for, of the node that took the event.
    let receipts = first.client().receipts(&event.hash()).unwrap().receipts;
    let receipts = receipts.iter().map(|text| {
        let bytes = wattle_ledger::hex::decode(text).unwrap();
        Receipt::parse(&bytes).unwrap()
    });
    let event_again = event.clone();
    let promise = Promise {
        event: event_again,
        receipts: receipts.collect(),
    };
    assert_eq!(promise.receipts[0].body().node, NodeId(1));

    // The third comes back, and everything is sealed.
    let third = park.start(3);
    let sealed = wait_for("the seal", || {
        recorded(&first.client(), &event.hash()).sealed
    });
    assert!(sealed > taken.leaf);
    wait_for("all seals", || {
        first
            .status()
            .sealing
            .waiting_since_ms
            .is_none()
            .then_some(())
    });
    assert!(extent(&park, &first).sealed > taken.leaf);
    assert!(
        first.client().receipts(&event.hash()).is_err(),
        "the seal is the better proof"
    );

    // What was sealed stays so through a restart, before its cosigners are heard again.
    let before = extent(&park, &first).sealed;
    first.kill();
    second.kill();
    let first = park.start(1);
    wait_for("the log", || {
        (extent(&park, &first).sealed >= before).then_some(())
    });
    assert_eq!(
        first.status().sealed,
        None,
        "two of three have not signed anew"
    );
    drop(third);
}
