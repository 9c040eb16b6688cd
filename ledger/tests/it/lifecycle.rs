//! From a signed order to money and certificates.

use crate::it::park::{ALICE, BOB, FIRST, Park, order};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::Action;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::journal::AccountId;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::registration::ParticipantId;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

fn facts(park: &Park) -> Vec<Fact> {
    let decoded = park.leaves.iter().map(|leaf| Entry::decode(leaf).unwrap());
    decoded
        .filter_map(|entry| match entry {
            Entry::Derived { fact, .. } => Some(fact),
            _ => None,
        })
        .collect()
}

fn balance(park: &Park, participant: u32) -> Money {
    let id = AccountId::Participant(ParticipantId(participant));
    park.ledger.state().accounts.get(id).balance
}

/// Alice sells Bob 4 kWh forward at the midpoint of 0.50 and 0.60, delivers 5 and Bob needs 6:
/// the pool takes the fifth, the grid gives the sixth.
fn traded_and_settled() -> Park {
    let mut park = Park::peopled();
    let sell = Action::PlaceOrders(vec![order(1, Side::Sell, 4_000, 500_000)]);
    assert_eq!(park.submit(ALICE, sell), [0]);
    let buy = Action::PlaceOrders(vec![order(2, Side::Buy, 4_000, 600_000)]);
    assert_eq!(park.submit(BOB, buy), [0]);
    park.advance_to(FIRST.gate_closure());
    // Alice uses 1 kWh and generates 6; Bob uses 6.
    park.read_all(FIRST, [1_000, 6_000, 6_000, 0]);
    park.advance_to(FIRST.settlement_due());
    park
}

#[test]
fn a_traded_interval_settles_to_the_nano_yuan() {
    let park = traded_and_settled();
    // Forward 4 kWh at 0.55; pool 1 kWh at the midpoint of 0.40 and 0.75 = 0.575; Bob's last kWh
    // from the grid at 0.80; Bob pays 0.05 wheeling on 5 kWh. Opening balances are 1,000.
    let opening = 1_000_000_000_000;
    assert_eq!(
        balance(&park, 1),
        Money(opening + 2_200_000_000 + 575_000_000)
    );
    let bob = 2_200_000_000 + 575_000_000 + 800_000_000 + 250_000_000;
    assert_eq!(balance(&park, 2), Money(opening - bob));
    let total: i128 = park
        .ledger
        .state()
        .accounts
        .iter()
        .map(|(_, account)| i128::from(account.balance.0))
        .sum();
    assert_eq!(total, 0, "all accounts sum to zero");
}

#[test]
fn collateral_is_held_until_settlement_and_then_released() {
    let mut park = Park::peopled();
    let buy = Action::PlaceOrders(vec![order(2, Side::Buy, 4_000, 600_000)]);
    assert_eq!(park.submit(BOB, buy), [0]);
    let bob = AccountId::Participant(ParticipantId(2));
    // 4 kWh at the limit of 0.60 plus 0.05 wheeling.
    assert_eq!(
        park.ledger.state().accounts.get(bob).reserved,
        Money(2_600_000_000)
    );
    park.advance_to(FIRST.gate_closure());
    assert_eq!(
        park.ledger.state().accounts.get(bob).reserved,
        Money(0),
        "nothing was sold"
    );
    let park = traded_and_settled();
    assert_eq!(park.ledger.state().accounts.get(bob).reserved, Money(0));
}

#[test]
fn generation_is_certified_delivered_and_cancelled() {
    let park = traded_and_settled();
    let bundle = park
        .ledger
        .state()
        .certificates
        .get(FIRST, PointId(1))
        .unwrap();
    assert_eq!(bundle.issued, WattHours(6_000));
    assert_eq!(bundle.self_used, WattHours(1_000));
    assert_eq!(bundle.sent, WattHours(5_000));
    assert_eq!(bundle.held, WattHours(0));
    let legs = facts(&park).into_iter().filter(|fact| {
        matches!(
            fact,
            Fact::CertificateDelivered {
                quantity: WattHours(5_000),
                ..
            }
        )
    });
    assert_eq!(legs.count(), 2, "one leg each for sender and receiver");
}

#[test]
fn a_missing_reading_is_substituted_and_gives_no_certificate() {
    let mut park = Park::peopled();
    park.advance_to(FIRST.settlement_due());
    let settled: Vec<Fact> = facts(&park)
        .into_iter()
        .filter(|fact| matches!(fact, Fact::PointSettled { .. }))
        .collect();
    assert_eq!(settled.len(), 2);
    let Fact::PointSettled {
        substituted, line, ..
    } = &settled[0]
    else {
        unreachable!()
    };
    assert_eq!(substituted.len(), 2);
    // Rated 200 kW for a quarter of an hour; generation counts as nothing.
    assert_eq!(line.need, WattHours(50_000));
    assert!(
        park.ledger
            .state()
            .certificates
            .get(FIRST, PointId(1))
            .is_none()
    );
}

#[test]
fn a_settled_interval_seals_and_the_seal_is_the_last_leaf() {
    let park = traded_and_settled();
    assert_eq!(park.seals.last(), Some(&park.ledger.size()));
    let last = Entry::decode(park.leaves.last().unwrap()).unwrap();
    assert!(matches!(last, Entry::Seal { .. }));
}

#[test]
fn a_replay_of_the_same_batches_makes_the_same_leaves_and_roots() {
    let (first, second) = (traded_and_settled(), traded_and_settled());
    assert_eq!(first.leaves, second.leaves);
    assert_eq!(first.ledger.root(), second.ledger.root());
}

#[test]
fn a_repeated_event_leaves_no_leaf_and_gets_its_first_outcome() {
    let mut park = Park::peopled();
    let sell = Action::PlaceOrders(vec![order(1, Side::Sell, 4_000, 500_000)]);
    let event = park.event(ALICE, sell);
    let first = park.batch(vec![event.clone()]).outcomes[0]
        .result
        .clone()
        .unwrap();
    let size = park.ledger.size();
    let again = park.batch(vec![event]).outcomes[0].result.clone().unwrap();
    assert_eq!(first, again);
    assert_eq!(park.ledger.size(), size + 1, "only the batch's header");
    let open = park.ledger.state().orders.of_interval(FIRST).count();
    assert_eq!(open, 1, "the order stands once");
}

#[test]
fn a_park_that_slept_catches_up_within_bounded_batches() {
    let mut park = Park::peopled();
    let applied = park.advance_to(FIRST.plus(200).start());
    assert!(applied.leaves.len() < 200);
    let mut batches = 1;
    while park.ledger.next_due() <= park.now {
        park.advance_to(park.now);
        batches += 1;
        assert!(batches < 50, "catching up ends");
    }
    assert_eq!(park.ledger.state().clock().next_gate, FIRST.plus(201));
}

#[test]
fn an_event_of_another_park_is_refused() {
    let mut body = crate::it::park::genesis_body(1);
    body.name = "other-park".to_owned();
    let other = Genesis::sign(&body, &crate::it::park::key(1)).unwrap();
    let other = Ledger::found(&other);
    let mut park = Park::founded();
    let event = park.event(
        1,
        Action::RevokeKey {
            key: crate::it::park::key(2).public(),
        },
    );
    assert!(park.ledger.judge(&event).is_ok());
    assert!(other.judge(&event).is_err());
}
