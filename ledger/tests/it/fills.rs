//! Orders that are filled in parts before their gate.

use crate::it::delegation::{AGENT, delegated};
use crate::it::park::{ALICE, BOB, FIRST, Park, key, order};
use crate::it::trading::{open_of, place};
use wattle_ledger::event::{Action, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::state::State;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::ForwardPosition;
use wattle_market::units::{Money, Price, WattHours};

/// The state after a participant's one order, and where that order stands.
fn resting(author: u8, action: Action) -> (State, (DeliveryInterval, OrderId)) {
    let mut park = if author == AGENT {
        delegated()
    } else {
        Park::peopled()
    };
    assert_eq!(park.submit(author, action), [0]);
    let participant = if author == BOB { 2 } else { 1 };
    let order = open_of(&park, participant)[0].0;
    (park.ledger.state().clone(), (FIRST, order))
}

fn open(state: &State, participant: u32) -> Vec<(OrderItem, Money)> {
    let orders = state.orders.of_participant(ParticipantId(participant));
    orders
        .map(|(_, order)| (order.item, order.reserved))
        .collect()
}

fn reserved(state: &State, participant: u32) -> Money {
    let id = AccountId::Participant(ParticipantId(participant));
    state.accounts.get(id).reserved
}

fn with_minimum(order: OrderItem, minimum: i64) -> Action {
    Action::PlaceOrdersWith(vec![OrderWithMinimum {
        order,
        minimum: WattHours(minimum),
    }])
}

#[test]
fn a_part_of_an_order_becomes_a_position_and_the_rest_stays_open() {
    let (mut state, key) = resting(ALICE, place(order(1, Side::Sell, 3_000, 500_000)));
    assert_eq!(reserved(&state, 1), Money(3_000 * 300_000));
    let before = state.fill_order(&key, WattHours(1_000), Price(600_000));
    assert_eq!(before, order(1, Side::Sell, 3_000, 500_000));
    let rest = order(1, Side::Sell, 2_000, 500_000);
    assert_eq!(open(&state, 1), [(rest, Money(2_000 * 300_000))]);
    let position = state.orders.position(FIRST, PointId(1));
    let traded = ForwardPosition {
        sold: WattHours(1_000),
        bought: WattHours(0),
        cash: Money(1_000 * 600_000),
    };
    assert_eq!(position.forward, traded);
    assert_eq!(position.reserved, Money(1_000 * 200_000));
    assert_eq!(
        reserved(&state, 1),
        Money(2_000 * 300_000 + 1_000 * 200_000)
    );
    state.fill_order(&key, WattHours(2_000), Price(500_000));
    assert_eq!(open(&state, 1), []);
    let position = state.orders.position(FIRST, PointId(1));
    assert_eq!(position.forward.sold, WattHours(3_000));
    assert_eq!(position.reserved, reserved(&state, 1));
}

#[test]
fn a_purchase_pays_and_keeps_what_wheeling_will_cost() {
    let (mut state, key) = resting(BOB, place(order(2, Side::Buy, 1_000, 500_000)));
    state.fill_order(&key, WattHours(400), Price(450_000));
    let position = state.orders.position(FIRST, PointId(2));
    assert_eq!(position.forward.cash, Money(-400 * 450_000));
    assert_eq!(position.reserved, Money(400 * 500_000));
    assert_eq!(reserved(&state, 2), Money(600 * 550_000 + 400 * 500_000));
}

#[test]
fn what_was_filled_counts_toward_the_minimum() {
    let (mut state, key) = resting(ALICE, with_minimum(order(1, Side::Sell, 1_000, 1), 700));
    state.fill_order(&key, WattHours(300), Price(2));
    assert_eq!(state.orders.minimum(FIRST, &key.1), WattHours(400));
    state.fill_order(&key, WattHours(400), Price(2));
    assert_eq!(state.orders.minimum(FIRST, &key.1), WattHours(0));
    assert_eq!(open(&state, 1)[0].0.quantity, WattHours(300));
}

#[test]
fn a_delegated_keys_use_does_not_move_with_a_fill() {
    let (mut state, order) = resting(AGENT, place(order(1, Side::Sell, 4_000, 500_000)));
    let used = |state: &State| {
        let delegations = &state.trading.delegations;
        delegations.used(FIRST, key(AGENT).public())
    };
    let before = used(&state);
    state.fill_order(&order, WattHours(1_500), Price(600_000));
    assert_eq!(used(&state), before);
    assert_eq!(before.energy, 4_000);
}

#[test]
#[should_panic(expected = "an order trades within its limit")]
fn an_order_never_trades_beyond_its_limit() {
    let (mut state, key) = resting(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    state.fill_order(&key, WattHours(1), Price(499_999));
}

#[test]
#[should_panic(expected = "an order trades what is open of it")]
fn an_order_never_trades_more_than_is_open() {
    let (mut state, key) = resting(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    state.fill_order(&key, WattHours(1_001), Price(500_000));
}
