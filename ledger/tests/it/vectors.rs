//! Golden vectors of the formats that are signed or hashed; docs/FORMATS.md names them.
//!
//! A failure here is a change of format: every ledger that exists would become unreadable.

use crate::it::park::{ALICE, FIRST, Park, REGISTRAR, genesis_body, key, order};
use wattle_ledger::batch::Batch;
use wattle_ledger::event::{Action, EventBody, SignedEvent};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::hex;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;
use wattle_market::order::Side;

fn digest(bytes: &[u8]) -> String {
    sha256(&[bytes]).to_string()
}

#[test]
fn a_genesis_has_these_bytes() {
    let genesis = Genesis::sign(&genesis_body(1), &key(REGISTRAR)).unwrap();
    assert_eq!(genesis.signed().len(), 493);
    assert_eq!(
        digest(genesis.signed()),
        "427cc1243f79917f376c706b20deb86a799f8dc026f63771d5ceddf9f0e90626"
    );
    assert_eq!(
        genesis.park().to_string(),
        "39fa4dd3f2d9c03b734f39480e7d2a81045b6892e708f1206858463aa0d472d8"
    );
}

#[test]
fn an_event_has_these_bytes() {
    let author = key(ALICE);
    let body = EventBody {
        version: 0,
        author: author.public(),
        sequence: 2,
        issued_at: Timestamp(1_782_835_200_000),
        action: Action::PlaceOrders(vec![order(1, Side::Sell, 4_000, 500_000)]),
    };
    let event = SignedEvent::sign(&Hash([7; 32]), &body, &author);
    assert_eq!(
        hex::encode(event.bytes()),
        "0043a72e714401762df66b68c26dfbdf2682aaec9f2474eca4613e424a0fbafd3c0200000000000000004042199f0100000d000000010000000000000001000000003a1e000000000001000000a00f00000000000020a1070000000000ff3451f93d4de710d2e3cf129c592ba3d3498cf3088ef8bef024759663b950163aba8969cecf6b445bfcbf62827168277670e03623befa430de223ed961f7e09"
    );
}

#[test]
fn a_batch_header_has_these_bytes() {
    let event = vec![1, 2, 3];
    let time = Timestamp(1_782_835_200_000);
    let batch = Batch::sign(Hash([7; 32]), (NodeId(3), &key(50)), 9, time, vec![event]);
    assert_eq!(
        hex::encode(batch.header.bytes()),
        "00070707070707070707070707070707070707070707070707070707070707070703000000000000000900000000000000004042199f010000b03e2c5759806c9a6def21e8559d08c3a9c51ad4283118e1dd35610bf758ceec0175dcb3b94c92ed14d7fab738bed303806519b8f6abf1aea32b5446b522435c084d127950ddbfe90da933dc17e037b9fe71aaaf4ea62a7769e4c14ff089fb08"
    );
    assert_eq!(
        digest(&batch.encode()),
        "9e90222b04e59b6188f8b010a4fd504ce518a8394767cb68280f416af732ca10"
    );
}

#[test]
fn a_park_with_a_settled_interval_has_this_root() {
    let mut park = Park::peopled();
    let sell = Action::PlaceOrders(vec![order(1, Side::Sell, 4_000, 500_000)]);
    park.submit(ALICE, sell);
    park.read_all(FIRST, [1_000, 6_000, 6_000, 0]);
    park.advance_to(FIRST.settlement_due());
    assert_eq!(park.ledger.size(), 37);
    assert_eq!(
        park.ledger.root().to_string(),
        "1d39a4f91f5c3d6828704c36bdb3173da36862cca81059e6cff6926be67d9dc4"
    );
    assert_eq!(
        digest(park.leaves.last().unwrap()),
        "61e2c8b5b7470bdc99eb21e3212cadd54e80bea49b3429ae3d7351ac56cb43f7"
    );
}
