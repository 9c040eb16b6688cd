//! Whatever tenants bundle and order, a joint auction's books agree with a plain recount, and a
//! regulator who replays the export finds the same.

use crate::it::joint::{DAY, at, bundle, hold, joint_park, leg};
use crate::it::park::{ALICE, BOB, Park};
use crate::it::trading::{facts, open_of, place, verifies};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_ledger::derived::{BundleState, Fact};
use wattle_ledger::event::{Action, OrderItem};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::Money;

const INTERVALS: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Order(u8, u64, Side, i64, i64),
    Bundle(u8, Vec<Option<(Side, i64)>>, i64),
    /// The oldest bundle there is, whoever's it is.
    Cancel(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let author = || prop_oneof![Just(ALICE), Just(BOB)];
    let side = || prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let limit = (20i64..100).prop_map(|cents| cents * 10_000);
    let order = (author(), 0..INTERVALS, side(), 1i64..9_000, limit).prop_map(
        |(author, at, side, quantity, limit)| Step::Order(author, at, side, quantity, limit),
    );
    let legs = prop::collection::vec(prop::option::of((side(), 1i64..6_000)), INTERVALS as usize);
    let limit = (-60i64..40).prop_map(|tenths| tenths * 100_000_000);
    let bundle =
        (author(), legs, limit).prop_map(|(author, legs, limit)| Step::Bundle(author, legs, limit));
    prop_oneof![6 => order, 4 => bundle, 1 => author().prop_map(Step::Cancel)]
}

fn interval(at: u64) -> DeliveryInterval {
    DAY.plus(40 + at)
}

fn perform(park: &mut Park, step: &Step) {
    let point = |author: u8| if author == BOB { 2 } else { 1 };
    let (author, action) = match step {
        Step::Order(author, count, side, quantity, limit) => {
            let item = at(interval(*count), (point(*author), *side, *quantity, *limit));
            (*author, place(item))
        }
        Step::Bundle(author, legs, limit) => {
            let legs: Vec<Leg> = legs
                .iter()
                .zip(0..)
                .filter_map(|(one, at)| {
                    one.map(|(side, quantity)| leg(interval(at), side, quantity))
                })
                .collect();
            (*author, bundle(point(*author), *limit, &legs))
        }
        Step::Cancel(author) => {
            let rows = park.ledger.state().joint.bundles().iter();
            let Some(id) = rows.map(|((_, id), _)| *id).next() else {
                return;
            };
            (*author, Action::CancelBundle { bundle: id })
        }
    };
    park.submit(author, action);
}

/// What is reserved is what orders, bundles and positions hold; nobody meets himself.
fn recount(park: &Park) {
    let state = park.ledger.state();
    let bundles = || state.joint.bundles().iter().map(|(_, bundle)| bundle);
    for id in [1, 2] {
        let participant = ParticipantId(id);
        let open: i64 = state
            .orders
            .of_participant(participant)
            .map(|(_, order)| order.reserved.0)
            .sum();
        let own = || bundles().filter(|bundle| bundle.participant == participant);
        let bundled: i64 = own().map(|bundle| bundle.reserved.0).sum();
        let positions = (0..INTERVALS).map(|at| state.orders.position(interval(at), PointId(id)));
        let positions: i64 = positions.map(|position| position.reserved.0).sum();
        let account = state.accounts.get(AccountId::Participant(participant));
        assert_eq!(account.reserved.0, open + bundled + positions);
        assert!(account.available() >= 0, "nothing has been settled");
        for leg in own().flat_map(|bundle| &bundle.legs) {
            let meets = |item: &OrderItem| item.interval == leg.interval && item.side != leg.side;
            assert!(!open_of(park, id).iter().any(|(_, item)| meets(item)));
            let mut others = own().flat_map(|bundle| &bundle.legs);
            assert!(others.all(|other| other.interval != leg.interval || other.side == leg.side));
        }
    }
}

/// The positions are those of the legs and fills that the leaves tell, and add up.
fn check_positions(park: &Park) {
    let state = park.ledger.state();
    // By interval and point: what was sold, bought and paid.
    let mut told: BTreeMap<(DeliveryInterval, PointId), (i64, i64, i64)> = BTreeMap::new();
    let mut prices = BTreeMap::new();
    for fact in facts(park) {
        let mut trade = |at, point, side, quantity: i64, price: i64| {
            let row: &mut (i64, i64, i64) = told.entry((at, point)).or_default();
            match side {
                Side::Sell => (row.0, row.2) = (row.0 + quantity, row.2 + quantity * price),
                Side::Buy => (row.1, row.2) = (row.1 + quantity, row.2 - quantity * price),
            }
        };
        match fact {
            Fact::JointCleared { intervals, .. } => {
                prices.extend(intervals.iter().map(|one| (one.interval, one.price.0)));
            }
            Fact::JointFilled {
                item,
                filled,
                price,
                ..
            } => {
                let within = match item.side {
                    Side::Sell => price >= item.limit,
                    Side::Buy => price <= item.limit,
                };
                assert!(within && filled <= item.quantity);
                trade(item.interval, item.point, item.side, filled.0, price.0);
            }
            Fact::BundleClosed {
                point,
                legs,
                limit,
                state: BundleState::Accepted,
                cash,
                ..
            } => {
                assert!(cash.unwrap() >= limit);
                for leg in legs {
                    let price = prices[&leg.interval];
                    trade(leg.interval, point, leg.side, leg.quantity.0, price);
                }
            }
            _ => {}
        }
    }
    for at in 0..INTERVALS {
        let (mut net, mut cash) = (0, 0);
        for point in [PointId(1), PointId(2)] {
            let forward = state.orders.position(interval(at), point).forward;
            let row = told
                .get(&(interval(at), point))
                .copied()
                .unwrap_or_default();
            let (sold, bought) = (forward.sold.0, forward.bought.0);
            assert_eq!((sold, bought, forward.cash), (row.0, row.1, Money(row.2)));
            net += sold - bought;
            cash += forward.cash.0;
        }
        assert_eq!((net, cash), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_books_of_a_joint_auction_agree(steps in prop::collection::vec(step(), 1..30)) {
        let mut park = joint_park();
        for step in &steps {
            perform(&mut park, step);
            recount(&park);
        }
        let open: BTreeMap<_, _> = [1, 2].iter().flat_map(|id| open_of(&park, *id)).collect();
        hold(&mut park);
        check_positions(&park);
        prop_assert!(park.ledger.state().joint.bundles().is_empty());
        // What was not filled is still open.
        let mut left = open;
        for fact in facts(&park) {
            if let Fact::JointFilled { order, filled, .. } = fact {
                let item = left.get_mut(&order).unwrap();
                item.quantity.0 -= filled.0;
            }
        }
        left.retain(|_, item| item.quantity.0 > 0);
        let still: BTreeMap<_, _> = [1, 2].iter().flat_map(|id| open_of(&park, *id)).collect();
        prop_assert_eq!(still, left);
        verifies(&mut park);
    }
}
