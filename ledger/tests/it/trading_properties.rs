//! Whatever tenants and their delegated keys send, the book's books agree with a plain recount.

use crate::it::delegation::{AGENT, delegated};
use crate::it::park::{ALICE, BOB, FIRST, Park, key, order};
use crate::it::trading::{facts, open_of};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, OrderChange, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::ParticipantId;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

#[derive(Debug, Clone)]
enum Step {
    Place(u8, Side, i64, i64, i64),
    Change(u8, usize, i64, i64),
    Cancel(u8, usize),
    CancelAll(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let author = prop_oneof![Just(ALICE), Just(BOB), Just(AGENT)];
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let (quantity, limit) = (0i64..6_000, (30i64..60).prop_map(|cents| cents * 10_000));
    let place = (
        author.clone(),
        side,
        quantity.clone(),
        limit.clone(),
        0i64..=4,
    )
        .prop_map(|(a, s, q, l, quarters)| Step::Place(a, s, q, l, q * quarters / 4));
    let change = (author.clone(), 0usize..6, quantity, limit)
        .prop_map(|(a, place, q, l)| Step::Change(a, place, q, l));
    let cancel = (author.clone(), 0usize..6).prop_map(|(a, place)| Step::Cancel(a, place));
    prop_oneof![
        6 => place,
        4 => change,
        2 => cancel,
        1 => author.prop_map(Step::CancelAll),
    ]
}

fn perform(park: &mut Park, step: &Step) {
    let participant = |author: u8| if author == BOB { 2 } else { 1 };
    let pick = |park: &Park, author: u8, place: usize| {
        let open = open_of(park, participant(author));
        (!open.is_empty()).then(|| open[place % open.len()].0)
    };
    let (author, action) = match *step {
        Step::Place(author, side, quantity, limit, minimum) => {
            let order = order(participant(author), side, quantity, limit);
            let minimum = WattHours(minimum);
            let item = OrderWithMinimum { order, minimum };
            (author, Action::PlaceOrdersWith(vec![item]))
        }
        Step::Change(author, place, quantity, limit) => {
            let Some(order) = pick(park, author, place) else {
                return;
            };
            let change = OrderChange {
                order,
                quantity: WattHours(quantity),
                limit: Price(limit),
            };
            (author, Action::ChangeOrders(vec![change]))
        }
        Step::Cancel(author, place) => {
            let Some(order) = pick(park, author, place) else {
                return;
            };
            (author, Action::CancelOrders(vec![order]))
        }
        Step::CancelAll(author) => {
            let (point, interval) = (None, Some(FIRST));
            (author, Action::CancelAll { point, interval })
        }
    };
    park.submit(author, action);
}

/// What is reserved is what open orders and positions hold.
fn recount_reserved(park: &Park) {
    let state = park.ledger.state();
    for id in [1, 2] {
        let open = state.orders.of_participant(ParticipantId(id));
        let open: i64 = open.map(|(_, order)| order.reserved.0).sum();
        let position = state.orders.position(FIRST, PointId(id));
        let account = state
            .accounts
            .get(AccountId::Participant(ParticipantId(id)));
        assert_eq!(account.reserved.0, open + position.reserved.0);
    }
}

fn recount_open(park: &Park) {
    let state = park.ledger.state();
    let agent = key(AGENT).public();
    for id in [1, 2] {
        let open = open_of(park, id);
        let of = |side: Side| -> Vec<OrderItem> {
            let items = open.iter().map(|(_, item)| *item);
            items.filter(|item| item.side == side).collect()
        };
        let (sales, purchases) = (of(Side::Sell), of(Side::Buy));
        let sold: i64 = sales.iter().map(|item| item.quantity.0).sum();
        assert!(sold <= 25_000, "the rating for a quarter of an hour");
        let least = sales.iter().map(|item| item.limit).min();
        let greatest = purchases.iter().map(|item| item.limit).max();
        assert!(least.is_none() || greatest < least, "no own orders meet");
    }
    let open = open_of(park, 1);
    let own = open.iter().filter(|(order, _)| order.key == agent);
    let (mut energy, mut money) = (0, 0);
    for (_, item) in own {
        energy += i128::from(item.quantity.0);
        money += i128::from(item.quantity.0) * i128::from(item.limit.0);
    }
    let used = state.trading.delegations.used(FIRST, agent);
    assert_eq!((used.energy, used.money), (energy, money));
}

/// At the gate: no fill below its minimum, and the agent's use is what was filled.
fn check_gate(park: &mut Park) {
    let minimums: BTreeMap<_, _> = [1, 2]
        .iter()
        .flat_map(|id| open_of(park, *id))
        .map(|(id, _)| (id, park.ledger.state().orders.minimum(FIRST, &id)))
        .collect();
    park.advance_to(FIRST.gate_closure());
    let (mut sold, mut bought, mut of_agent) = (0, 0, 0);
    for fact in facts(park) {
        let Fact::OrderClosed {
            order,
            item,
            filled,
            ..
        } = fact
        else {
            continue;
        };
        assert!(filled.0 == 0 || filled >= minimums[&order]);
        if order.key == key(AGENT).public() {
            of_agent += i128::from(filled.0);
        }
        match item.side {
            Side::Sell => sold += filled.0,
            Side::Buy => bought += filled.0,
        }
    }
    assert_eq!(sold, bought);
    let delegations = &park.ledger.state().trading.delegations;
    let used = delegations.used(FIRST, key(AGENT).public());
    assert_eq!(used.energy, of_agent);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_books_of_the_book_agree(steps in prop::collection::vec(step(), 1..40)) {
        let mut park = delegated();
        for step in &steps {
            perform(&mut park, step);
            recount_reserved(&park);
            recount_open(&park);
        }
        check_gate(&mut park);
        recount_reserved(&park);
    }
}
