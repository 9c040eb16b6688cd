//! The price index of a delivery day.

use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, order};
use crate::it::trading::{facts, place, refused, verifies};
use wattle_ledger::derived::{AveragePrice, Fact};
use wattle_ledger::event::{Action, OrderItem};
use wattle_ledger::registration::RuleSet;
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

fn activate(from: DeliveryInterval) -> Action {
    Action::ActivateRules {
        rules: RuleSet::PriceIndex,
        from,
    }
}

/// Two trades of different size and price, and a pool, in a day that is then settled.
fn day(from: Option<DeliveryInterval>) -> Park {
    let mut park = Park::peopled();
    if let Some(from) = from {
        assert_eq!(park.submit(REGISTRAR, activate(from)), [0]);
    }
    for (step, quantity, limit) in [(0, 1_000, 500_000), (1, 2_001, 600_000)] {
        for (author, point, side) in [(ALICE, 1, Side::Sell), (BOB, 2, Side::Buy)] {
            let item = OrderItem {
                interval: FIRST.plus(step),
                ..order(point, side, quantity, limit)
            };
            assert_eq!(park.submit(author, place(item)), [0]);
        }
    }
    // Alice sends 4 kWh more than she sold, Bob needs 5: 4 kWh in the pool at 0.575.
    park.read_all(FIRST, [0, 5_000, 6_000, 0]);
    park.now = FIRST.plus(95).settlement_due();
    while park.ledger.state().clock().next_settlement <= FIRST.plus(95) {
        park.advance_to(park.now);
    }
    park
}

fn published(park: &Park) -> Vec<Fact> {
    let mut facts = facts(park);
    facts.retain(|fact| matches!(fact, Fact::DayPriced { .. }));
    facts
}

#[test]
fn a_day_has_the_volume_weighted_price_of_auction_and_pool() {
    let mut park = day(Some(FIRST));
    let average = |volume: i64, value: i64| AveragePrice {
        volume: WattHours(volume),
        price: Some(Price(value / volume)),
    };
    let auction = 1_000 * 500_000 + 2_001 * 600_000;
    let pool: Vec<(i64, i64)> = facts(&park)
        .iter()
        .filter_map(|fact| match fact {
            Fact::IntervalSettled {
                pool_price: Some(price),
                pool_volume,
                ..
            } => Some((pool_volume.0, pool_volume.0 * price.0)),
            _ => None,
        })
        .collect();
    assert!(pool.contains(&(4_000, 4_000 * 575_000)), "{pool:?}");
    let volume: i64 = pool.iter().map(|part| part.0).sum();
    let value: i64 = pool.iter().map(|part| part.1).sum();
    let expected = Fact::DayPriced {
        day: FIRST,
        auction: average(3_001, auction),
        pool: average(volume, value),
        together: average(3_001 + volume, auction + value),
    };
    assert_eq!(published(&park), [expected]);
    let left = park.ledger.state().trading.index.day(FIRST);
    assert_eq!(left, Default::default(), "a published day is not kept");
    verifies(&mut park);
}

#[test]
fn only_whole_days_are_published_and_none_without_the_rule() {
    assert_eq!(published(&day(None)), []);
    assert_eq!(published(&day(Some(FIRST.plus(1)))), []);
}

#[test]
fn an_index_that_has_begun_cannot_be_moved() {
    let mut park = Park::peopled();
    assert_eq!(park.submit(REGISTRAR, activate(FIRST)), [0]);
    assert_eq!(park.submit(REGISTRAR, activate(FIRST)), [0]);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(
        park.submit(REGISTRAR, activate(FIRST)),
        refused(Rejection::GateClosed)
    );
    assert_eq!(
        park.submit(REGISTRAR, activate(FIRST.plus(1))),
        refused(Rejection::RulesActive)
    );
}
