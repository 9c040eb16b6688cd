//! An honest auction holds, and each forged figure of it is found.

use super::*;
use crate::event::OrderId;
use crate::hash::Hash;
use crate::registration::ParticipantId;
use crate::verify::claim::Status;
use wattle_market::point::PointId;

const DAY: DeliveryInterval = DeliveryInterval(96);

fn id(sequence: u64) -> OrderId {
    OrderId {
        sequence,
        ..OrderId::LEAST
    }
}

fn cleared(volume: i64, bought_in_bundles: i64, accepted: u32, profitable: u32) -> Fact {
    Fact::JointCleared {
        day: DAY,
        intervals: vec![JointInterval {
            interval: DAY,
            price: Price(500),
            volume: WattHours(volume),
            sold_in_bundles: WattHours(0),
            bought_in_bundles: WattHours(bought_in_bundles),
        }],
        bids: 1,
        offers: 1,
        accepted,
        rejected: 1,
        profitable,
        left_out: 0,
        rounds: 2,
    }
}

fn bundle(state: BundleState, limit: i64, cash: i64, surplus: i64) -> Fact {
    Fact::BundleClosed {
        bundle: id(3),
        day: DAY,
        point: PointId(1),
        legs: vec![Leg {
            interval: DAY,
            side: Side::Buy,
            quantity: WattHours(20),
        }],
        prices: vec![Price(500)],
        limit: Money(limit),
        state,
        cash: Some(Money(cash)),
        surplus: Some(Money(surplus)),
    }
}

fn filled(side: Side, limit: i64, filled: i64, price: i64) -> Fact {
    Fact::JointFilled {
        order: id(4),
        item: OrderItem {
            point: PointId(2),
            interval: DAY,
            side,
            quantity: WattHours(60),
            limit: Price(limit),
        },
        filled: WattHours(filled),
        price: Price(price),
    }
}

/// 50 Wh at 500: 20 to a bundle, 30 to an order; another bundle was rejected though profitable.
fn honest() -> Vec<Fact> {
    vec![
        cleared(50, 20, 1, 1),
        bundle(BundleState::Accepted, -11_000, -10_000, 1_000),
        bundle(BundleState::Rejected, -10_500, -10_000, 500),
        filled(Side::Sell, 400, 50, 500),
        filled(Side::Buy, 600, 30, 500),
    ]
}

/// The first entry that fails the claim on trades.
fn at_fault(facts: &[Fact]) -> Option<u64> {
    let leaves: Vec<Leaf> = facts
        .iter()
        .zip(0..)
        .map(|(fact, index)| Leaf {
            index,
            bytes: Vec::new(),
            entry: Entry::Derived {
                participant: Some(ParticipantId(1)),
                blind: Hash::ZERO,
                fact: fact.clone(),
            },
        })
        .collect();
    let mut findings = Findings::default();
    check_batch(&leaves, &mut findings);
    let claims = findings.into_claims();
    let trades = claims
        .into_iter()
        .find(|one| one.claim == Claim::Trades.name());
    trades
        .filter(|one| one.status == Status::Failed)
        .and_then(|one| one.entry)
}

#[test]
fn an_honest_auction_holds() {
    assert_eq!(at_fault(&honest()), None);
    assert_eq!(at_fault(&[]), None);
}

#[test]
fn each_forged_figure_is_found() {
    let forged = [
        // Sums, in bundles or not; counts of bundles.
        (0, cleared(49, 20, 1, 1), 0),
        (0, cleared(50, 21, 1, 1), 0),
        (0, cleared(50, 20, 2, 1), 0),
        (0, cleared(50, 20, 1, 0), 0),
        // A bundle below its limit, with another cash, with another surplus.
        (1, bundle(BundleState::Accepted, -9_000, -10_000, -1_000), 1),
        (1, bundle(BundleState::Accepted, -11_000, -9_000, 2_000), 1),
        (1, bundle(BundleState::Accepted, -11_000, -10_000, 999), 1),
        (2, bundle(BundleState::Rejected, -10_500, -9_999, 501), 2),
        (2, bundle(BundleState::LeftOut, -10_500, -10_000, 500), 2),
        (2, bundle(BundleState::Accepted, -10_500, -10_000, 500), 0),
        // An order beyond its limit, at another price, beyond its quantity, of nothing.
        (3, filled(Side::Sell, 501, 50, 500), 3),
        (3, filled(Side::Sell, 400, 50, 501), 3),
        (3, filled(Side::Sell, 400, 61, 500), 3),
        (4, filled(Side::Buy, 600, 0, 500), 4),
        (4, filled(Side::Buy, 499, 30, 500), 4),
        (4, filled(Side::Sell, 400, 30, 500), 0),
    ];
    for (place, fact, expected) in forged {
        let mut facts = honest();
        facts[place] = fact.clone();
        assert_eq!(at_fault(&facts), Some(expected), "{fact:?}");
    }
}

#[test]
fn what_belongs_to_no_auction_is_found() {
    assert_eq!(at_fault(&honest()[1..2]), Some(0));
    assert_eq!(at_fault(&honest()[3..4]), Some(0));
    let mut twice = honest();
    twice.push(cleared(50, 20, 1, 1));
    assert_eq!(at_fault(&twice), Some(5));
}

#[test]
fn a_leg_at_another_price_than_that_of_its_interval_is_found() {
    let mut facts = honest();
    let Fact::BundleClosed {
        prices,
        cash,
        surplus,
        ..
    } = &mut facts[2]
    else {
        unreachable!()
    };
    prices[0] = Price(499);
    (*cash, *surplus) = (Some(Money(-9_980)), Some(Money(520)));
    assert_eq!(at_fault(&facts), Some(2));
}
