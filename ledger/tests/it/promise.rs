//! Receipts, and what an export shows of a promise.

use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, key, node_record, order};
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::receipt::{Promise, PromiseError, Receipt, ReceiptError, deadline};
use wattle_ledger::registration::NodeId;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::promise::{Recorded, Verdict, Void, judge};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;

fn place_order() -> Action {
    Action::PlaceOrders(vec![order(1, Side::Sell, 1_000, 500_000)])
}

/// The receipt key of the park's one node, as the park's own tests make it.
fn receipt_key() -> SigningKey {
    let mut seed = [5; 32];
    seed[0] = 0xee;
    seed[1] = 1;
    let key = SigningKey::from_seed(&seed);
    assert_eq!(key.public(), node_record(1).receipt);
    key
}

fn promise(park: &Park, event: &[u8], until: u64) -> Promise {
    let event = SignedEvent::parse(event).unwrap();
    let id = park.ledger.genesis().park();
    let times = (park.now, park.now.plus_millis(until));
    let receipt = Receipt::sign(id, (NodeId(1), &receipt_key()), &event, times);
    Promise {
        event,
        receipts: vec![receipt],
    }
}

fn verdict(park: &Park, promise: &Promise) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    park.export(folder.path());
    let promise = Promise::parse(&promise.encode()).unwrap();
    judge(&Directory::new(folder.path()), &promise).unwrap()
}

/// A minute passes, and a seal ends the log, because someone else did something.
fn pass(park: &mut Park) {
    park.now = park.now.plus_millis(61_000);
    let (point, interval) = (None, None);
    park.submit(BOB, Action::CancelAll { point, interval });
}

#[test]
fn event_in_time_keeps_the_promise_and_says_where_it_stands() {
    let mut park = Park::peopled();
    let event = park.event(ALICE, place_order());
    let promise = promise(&park, &event, 60_000);
    let applied = park.batch(vec![event]);
    let recorded = Recorded {
        leaf: applied.first + 1,
        time: park.now,
        outcome: vec![0],
    };
    pass(&mut park);
    assert_eq!(verdict(&park, &promise), Verdict::Kept(recorded));
}

#[test]
fn event_that_is_left_out_breaks_the_promise_of_the_node() {
    let mut park = Park::peopled();
    let event = park.event(ALICE, place_order());
    let promise = promise(&park, &event, 60_000);
    let entry = park.ledger.size();
    pass(&mut park);
    let late = None;
    let by = NodeId(1);
    let broken = Verdict::Broken { by, entry, late };
    assert_eq!(verdict(&park, &promise), broken);

    let applied = park.batch(vec![event]);
    let late = Some(Recorded {
        leaf: applied.first + 1,
        time: park.now,
        outcome: vec![0],
    });
    pass(&mut park);
    let broken = Verdict::Broken { by, entry, late };
    assert_eq!(verdict(&park, &promise), broken);
}

#[test]
fn promise_is_open_until_the_log_is_past_its_deadline() {
    let mut park = Park::peopled();
    let event = park.event(ALICE, place_order());
    let promise = promise(&park, &event, 61_000);
    pass(&mut park);
    let log_ends = park.now;
    assert_eq!(verdict(&park, &promise), Verdict::Open { log_ends });
}

#[test]
fn who_stands_in_his_own_way_has_nothing_to_claim() {
    let mut park = Park::peopled();
    let skipped = park.event(ALICE, place_order());
    let event = park.event(ALICE, place_order());
    let early = promise(&park, &event, 60_000);
    pass(&mut park);
    let missing = Verdict::Void(Void::EarlierMissing);
    assert_eq!(verdict(&park, &early), missing);

    park.batch(vec![skipped]);
    let other = park.event_with_sequence(ALICE, 3, Action::CancelOrders(Vec::new()));
    let second = promise(&park, &event, 60_000);
    park.batch(vec![other]);
    pass(&mut park);
    let used = Verdict::Void(Void::SequenceUsed);
    assert_eq!(verdict(&park, &second), used);

    let last = park.event_with_sequence(ALICE, 4, place_order());
    let third = promise(&park, &last, 60_000);
    let leaf = park.ledger.size() + 1;
    let key = key(ALICE).public();
    park.submit(REGISTRAR, Action::RevokeKey { key });
    pass(&mut park);
    let ended = Verdict::Void(Void::KeyEnded(leaf));
    assert_eq!(verdict(&park, &third), ended);
}

#[test]
fn receipts_of_others_promise_nothing() {
    let mut park = Park::peopled();
    let event = park.event(ALICE, place_order());
    let other = park.event(ALICE, place_order());
    let honest = promise(&park, &event, 60_000);
    let id = park.ledger.genesis().park();
    let nodes = &park.ledger.genesis().body().nodes;
    assert_eq!(honest.verify(id, nodes), Ok(()));

    let mut swapped = honest.clone();
    swapped.event = SignedEvent::parse(&other).unwrap();
    let refusal = swapped.verify(id, nodes);
    assert!(matches!(refusal, Err(ReceiptError::OtherEvent(_))));

    let mut bytes = honest.receipts[0].bytes().to_vec();
    let end = bytes.len() - 65;
    bytes[end] ^= 1;
    let later = Receipt::parse(&bytes).unwrap();
    let refusal = later.verify(id, nodes, &honest.event);
    assert_eq!(refusal, Err(ReceiptError::BadSignature(NodeId(1))));

    let elsewhere = Park::founded_at(DeliveryInterval(FIRST.0 + 96));
    let refusal = honest.verify(elsewhere.ledger.genesis().park(), nodes);
    assert!(refusal.is_err());

    let stranger = SigningKey::from_seed(&[99; 32]);
    let times = (park.now, park.now);
    let node = NodeId(9);
    let receipt = Receipt::sign(id, (node, &stranger), &honest.event, times);
    let refusal = receipt.verify(id, nodes, &honest.event);
    assert_eq!(refusal, Err(ReceiptError::UnknownNode(node)));
}

#[test]
fn files_without_receipts_or_with_other_versions_are_refused() {
    let mut park = Park::peopled();
    let event = park.event(ALICE, place_order());
    let mut promise = promise(&park, &event, 1);
    let mut bytes = promise.receipts[0].bytes().to_vec();
    bytes[0] = 1;
    assert!(Receipt::parse(&bytes).is_err());
    promise.receipts.clear();
    let refusal = Promise::parse(&promise.encode());
    assert_eq!(refusal, Err(PromiseError::Receipts(0)));
    assert!(Promise::parse(b"").is_err());
}

#[test]
fn deadline_is_not_after_the_first_gate_that_is_open() {
    let now = Timestamp(FIRST.gate_closure().0 - 10_000);
    assert_eq!(deadline(&place_order(), now, 5_000), now.plus_millis(5_000));
    let gate = FIRST.gate_closure();
    assert_eq!(deadline(&place_order(), now, 60_000), gate);
    assert_eq!(
        deadline(&place_order(), gate, 60_000),
        gate.plus_millis(60_000)
    );
    let key = PublicKey([1; 32]);
    let other = Action::RevokeKey { key };
    assert_eq!(deadline(&other, now, 60_000), now.plus_millis(60_000));
    let mut far = order(1, Side::Buy, 1, 1);
    far.interval = DeliveryInterval(u64::MAX);
    let far = Action::PlaceOrders(vec![far]);
    assert_eq!(deadline(&far, now, 60_000), now.plus_millis(60_000));
}
