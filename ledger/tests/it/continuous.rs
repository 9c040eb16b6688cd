//! The continuous market, through whole batches.

use crate::it::delegation::{AGENT, delegated};
use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, TREASURER, key, order, point};
use crate::it::trading::{facts, open_of, place, refused, verifies};
use wattle_ledger::derived::{AveragePrice, Fact, TradeRole};
use wattle_ledger::event::{Action, OrderChange, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::{
    AffiliateGroupId, MarketMode, Participant, ParticipantId, Role, RuleSet,
};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

pub(crate) const CAROL: u8 = 12;

pub(crate) fn set_mode(from: DeliveryInterval, mode: MarketMode) -> Action {
    Action::SetMarketMode { from, mode }
}

/// Carol, with point 3, without meters.
pub(crate) fn add_carol(park: &mut Park) {
    let participant = Participant {
        id: ParticipantId(3),
        name: "carol".to_owned(),
    };
    let actions = [
        Action::RegisterParticipant(participant),
        Action::AddKey {
            key: key(CAROL).public(),
            role: Role::Tenant(ParticipantId(3)),
        },
        Action::RegisterPoint(point(3)),
    ];
    for action in actions {
        assert_eq!(park.submit(REGISTRAR, action), [0]);
    }
    let deposit = Action::Deposit {
        participant: ParticipantId(3),
        amount: Money(1_000_000_000_000),
        reference: "opening".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, deposit), [0]);
}

/// Alice, Bob and Carol in a park whose first interval is continuous.
fn continuous() -> Park {
    let mut park = Park::peopled();
    add_carol(&mut park);
    let action = set_mode(FIRST, MarketMode::Continuous);
    assert_eq!(park.submit(REGISTRAR, action), [0]);
    park
}

pub(crate) fn sell(point: u32, quantity: i64, limit: i64) -> OrderItem {
    order(point, Side::Sell, quantity, limit)
}

pub(crate) fn buy(point: u32, quantity: i64, limit: i64) -> OrderItem {
    order(point, Side::Buy, quantity, limit)
}

pub(crate) fn immediate(order: OrderItem, minimum: i64) -> Action {
    let minimum = WattHours(minimum);
    Action::PlaceImmediate(vec![OrderWithMinimum { order, minimum }])
}

fn with_minimum(order: OrderItem, minimum: i64) -> Action {
    let minimum = WattHours(minimum);
    Action::PlaceOrdersWith(vec![OrderWithMinimum { order, minimum }])
}

pub(crate) fn change(order: OrderId, quantity: i64, limit: i64) -> Action {
    Action::ChangeOrders(vec![OrderChange {
        order,
        quantity: WattHours(quantity),
        limit: Price(limit),
    }])
}

fn cancel(order: OrderId) -> Action {
    Action::CancelOrders(vec![order])
}

/// Point, energy, price and part of each leg.
fn legs(park: &Park) -> Vec<(u32, i64, i64, TradeRole)> {
    let all = facts(park).into_iter().filter_map(|fact| match fact {
        Fact::OrderMatched {
            item,
            filled,
            price,
            role,
            ..
        } => Some((item.point.0, filled.0, price.0, role)),
        _ => None,
    });
    all.collect()
}

fn reserved(park: &Park, participant: u32) -> i64 {
    let id = AccountId::Participant(ParticipantId(participant));
    park.ledger.state().accounts.get(id).reserved.0
}

/// Net energy, cash and collateral of a point's position.
fn position(park: &Park, point: u32) -> (i64, i64, i64) {
    let position = park.ledger.state().orders.position(FIRST, PointId(point));
    let forward = position.forward;
    let net = forward.sold.0 - forward.bought.0;
    (net, forward.cash.0, position.reserved.0)
}

fn closed(park: &Park) -> Vec<(u32, i64)> {
    let all = facts(park).into_iter().filter_map(|fact| match fact {
        Fact::OrderClosed {
            item,
            filled,
            price,
            ..
        } => {
            assert_eq!((filled.0, price), (0, None));
            Some((item.point.0, item.quantity.0))
        }
        _ => None,
    });
    all.collect()
}

use TradeRole::{Maker, Taker};

#[test]
fn an_order_trades_as_it_is_recorded_at_the_price_of_the_one_that_rested() {
    let mut park = continuous();
    assert_eq!(park.submit(ALICE, place(sell(1, 3_000, 500_000))), [0]);
    assert_eq!(park.submit(CAROL, place(sell(3, 2_000, 450_000))), [0]);
    assert_eq!(park.submit(BOB, place(buy(2, 4_000, 600_000))), [0]);
    let expected = [
        (3, 2_000, 450_000, Maker),
        (2, 2_000, 450_000, Taker),
        (1, 2_000, 500_000, Maker),
        (2, 2_000, 500_000, Taker),
    ];
    assert_eq!(legs(&park), expected);
    assert_eq!(open_of(&park, 1)[0].1, sell(1, 1_000, 500_000));
    assert!(open_of(&park, 2).is_empty());
    // Bob pays each at its price, and holds that and the wheeling, not his limit.
    let paid = 2_000 * 450_000 + 2_000 * 500_000;
    assert_eq!(position(&park, 2), (-4_000, -paid, paid + 4_000 * 50_000));
    assert_eq!(reserved(&park, 2), paid + 4_000 * 50_000);
    // A shortfall costs 0.80: Alice and Carol hold what it costs beyond their price.
    assert_eq!(
        position(&park, 3),
        (2_000, 2_000 * 450_000, 2_000 * 350_000)
    );
    assert_eq!(reserved(&park, 1), 3_000 * 300_000);
    let session = park.ledger.state().orders.session(FIRST).unwrap();
    assert_eq!((session.trades, session.last), (2, Price(500_000)));
    park.advance_to(FIRST.gate_closure());
    assert_eq!(closed(&park), [(1, 1_000)]);
    let told = Fact::ContinuousClosed {
        interval: FIRST,
        trades: 2,
        traded: AveragePrice {
            volume: WattHours(4_000),
            price: Some(Price(475_000)),
        },
        bids: 0,
        offers: 1,
    };
    assert!(facts(&park).contains(&told));
    assert_eq!(park.ledger.state().orders.session(FIRST), None);
    assert_eq!(reserved(&park, 1), 2_000 * 300_000);
    verifies(&mut park);
}

#[test]
fn continuous_trades_are_delivered_and_settled_like_the_auctions() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 5_000, 500_000)));
    park.submit(BOB, place(buy(2, 5_000, 500_000)));
    park.advance_to(FIRST.gate_closure());
    park.read_all(FIRST, [1_000, 6_000, 6_000, 0]);
    park.advance_to(FIRST.settlement_due());
    let forward = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::PointSettled {
            point: PointId(1),
            line,
            ..
        } => Some(line.contracted),
        _ => None,
    });
    assert_eq!(forward, Some(WattHours(5_000)));
    assert_eq!((reserved(&park, 1), reserved(&park, 2)), (0, 0));
    verifies(&mut park);
}

#[test]
fn older_orders_of_one_price_trade_first_whoevers_key_is_smaller() {
    for (first, second) in [((ALICE, 1), (CAROL, 3)), ((CAROL, 3), (ALICE, 1))] {
        let mut park = continuous();
        for (author, point) in [first, second] {
            assert_eq!(park.submit(author, place(sell(point, 1_000, 1))), [0]);
        }
        assert_eq!(park.submit(BOB, place(buy(2, 1_500, 1))), [0]);
        let sold: Vec<(u32, i64)> = legs(&park)
            .iter()
            .filter(|leg| leg.3 == Maker)
            .map(|leg| (leg.0, leg.1))
            .collect();
        assert_eq!(sold, [(first.1, 1_000), (second.1, 500)]);
        verifies(&mut park);
    }
}

#[test]
fn the_mode_changes_only_where_nobody_has_traded() {
    let mut park = Park::peopled();
    let continuous = |from| set_mode(from, MarketMode::Continuous);
    assert_eq!(
        park.submit(ALICE, continuous(FIRST)),
        refused(Rejection::NotAllowed)
    );
    let later = OrderItem {
        interval: FIRST.plus(3),
        ..sell(1, 1_000, 500_000)
    };
    assert_eq!(park.submit(ALICE, place(later)), [0]);
    for from in [FIRST, FIRST.plus(3)] {
        let codes = park.submit(REGISTRAR, continuous(from));
        assert_eq!(codes, refused(Rejection::MarketInUse));
    }
    assert_eq!(park.submit(REGISTRAR, continuous(FIRST.plus(4))), [0]);
    let order = open_of(&park, 1)[0].0;
    assert_eq!(park.submit(ALICE, cancel(order)), [0]);
    assert_eq!(park.submit(REGISTRAR, continuous(FIRST)), [0]);
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    park.submit(BOB, place(buy(2, 1_000, 500_000)));
    // Nothing is open, but a trade stands.
    let back = set_mode(FIRST, MarketMode::CallAuction);
    assert_eq!(
        park.submit(REGISTRAR, back),
        refused(Rejection::MarketInUse)
    );
    let back = set_mode(FIRST.plus(1), MarketMode::CallAuction);
    assert_eq!(park.submit(REGISTRAR, back), [0]);
    let modes = &park.ledger.state().trading.modes;
    assert_eq!(modes.at(FIRST), MarketMode::Continuous);
    assert_eq!(modes.at(FIRST.plus(1)), MarketMode::CallAuction);
    assert_eq!(modes.at(FIRST.plus(5)), MarketMode::Continuous);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(
        park.submit(REGISTRAR, continuous(FIRST)),
        refused(Rejection::GateClosed)
    );
    verifies(&mut park);
}

#[test]
fn only_so_many_changes_of_the_mode_are_to_come() {
    let mut park = Park::peopled();
    let mode = |step| set_mode(FIRST.plus(step), MarketMode::Continuous);
    for step in 0..64 {
        assert_eq!(park.submit(REGISTRAR, mode(step)), [0]);
    }
    assert_eq!(
        park.submit(REGISTRAR, mode(64)),
        refused(Rejection::TooManyModes)
    );
    assert_eq!(park.submit(REGISTRAR, mode(63)), [0], "it is replaced");
    park.advance_to(FIRST.gate_closure());
    assert_eq!(park.submit(REGISTRAR, mode(64)), [0], "one has passed");
}

#[test]
fn an_immediate_order_trades_what_it_can_and_the_rest_is_cancelled() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    assert_eq!(park.submit(BOB, immediate(buy(2, 2_500, 500_000), 0)), [0]);
    assert!(open_of(&park, 2).is_empty());
    let rest = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::RemainderCancelled { item, .. } => Some(item),
        _ => None,
    });
    assert_eq!(rest, Some(buy(2, 1_500, 500_000)));
    assert_eq!(reserved(&park, 2), 1_000 * 550_000);
    // Nobody is there: nothing trades, all of it is cancelled.
    assert_eq!(park.submit(BOB, immediate(buy(2, 700, 500_000), 0)), [0]);
    assert_eq!(reserved(&park, 2), 1_000 * 550_000);
    verifies(&mut park);
}

#[test]
fn an_order_whose_minimum_cannot_trade_at_once_is_refused_and_changes_nothing() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    let too_much = [
        immediate(buy(2, 1_001, 500_000), 1_001),
        with_minimum(buy(2, 2_000, 500_000), 1_001),
        immediate(buy(2, 1_000, 499_999), 1),
    ];
    for action in too_much {
        assert_eq!(park.submit(BOB, action), refused(Rejection::MinimumNotMet));
        assert_eq!(reserved(&park, 2), 0);
    }
    let enough = with_minimum(buy(2, 1_200, 500_000), 1_000);
    assert_eq!(park.submit(BOB, enough), [0]);
    let rest = open_of(&park, 2)[0];
    assert_eq!(rest.1.quantity, WattHours(200), "the rest has no minimum");
    let minimum = park.ledger.state().orders.minimum(FIRST, &rest.0);
    assert_eq!(minimum, WattHours(0));
    assert_eq!(park.submit(ALICE, immediate(sell(1, 50, 1), 50)), [0]);
    verifies(&mut park);
}

#[test]
fn an_immediate_order_has_no_place_in_a_call_auction() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(BOB, immediate(buy(2, 1_000, 500_000), 0)),
        refused(Rejection::NotContinuous)
    );
}

#[test]
fn less_at_the_same_limit_keeps_the_place_and_anything_else_loses_it() {
    // Quantity and limit that Alice's order is changed to, and whether it still comes first.
    let cases = [
        (900, 500_000, true),
        (1_000, 500_000, true),
        (1_001, 500_000, false),
    ];
    for (quantity, limit, is_first) in cases {
        let mut park = continuous();
        park.submit(ALICE, place(sell(1, 1_000, 500_000)));
        park.submit(CAROL, place(sell(3, 1_000, 500_000)));
        let own = open_of(&park, 1)[0].0;
        assert_eq!(park.submit(ALICE, change(own, quantity, limit)), [0]);
        park.submit(BOB, immediate(buy(2, 10, 500_000), 10));
        let maker = if is_first { 1 } else { 3 };
        assert_eq!(legs(&park)[0].0, maker, "{quantity} at {limit}");
        verifies(&mut park);
    }
    // Away and back again is a new arrival too.
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    park.submit(CAROL, place(sell(3, 1_000, 500_000)));
    let own = open_of(&park, 1)[0].0;
    for limit in [500_001, 500_000] {
        assert_eq!(park.submit(ALICE, change(own, 1_000, limit)), [0]);
    }
    park.submit(BOB, immediate(buy(2, 10, 500_000), 10));
    assert_eq!(legs(&park)[0].0, 3);
}

#[test]
fn a_changed_order_may_trade_at_once_with_collateral_at_the_price_it_gets() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    park.submit(BOB, place(buy(2, 1_500, 400_000)));
    let own = open_of(&park, 2)[0].0;
    assert_eq!(park.submit(BOB, change(own, 1_200, 700_000)), [0]);
    assert_eq!(
        legs(&park),
        [(1, 1_000, 500_000, Maker), (2, 1_000, 500_000, Taker)]
    );
    assert_eq!(open_of(&park, 2), [(own, buy(2, 200, 700_000))]);
    assert_eq!(reserved(&park, 2), 1_000 * 550_000 + 200 * 750_000);
    verifies(&mut park);
}

#[test]
fn an_order_is_free_to_go_until_its_gate() {
    let mut park = continuous();
    for quantity in [1_000, 2_000, 3_000] {
        park.submit(ALICE, place(sell(1, quantity, 500_000)));
    }
    park.now = FIRST.gate_closure().minus_millis(1);
    let open = open_of(&park, 1);
    assert_eq!(park.submit(ALICE, cancel(open[0].0)), [0]);
    assert_eq!(park.submit(ALICE, change(open[1].0, 10, 900_000)), [0]);
    let all = Action::CancelAll {
        point: None,
        interval: Some(FIRST),
    };
    assert_eq!(park.submit(ALICE, all), [0]);
    assert!(open_of(&park, 1).is_empty());
    assert_eq!(reserved(&park, 1), 0);
    verifies(&mut park);
}

#[test]
fn an_order_that_waits_for_its_gates_turn_is_no_longer_free() {
    // Of many gates that close at once only so many are done in a batch.
    let mut park = Park::peopled();
    let action = set_mode(FIRST, MarketMode::Continuous);
    assert_eq!(park.submit(REGISTRAR, action), [0]);
    let late = FIRST.plus(40);
    let item = OrderItem {
        interval: late,
        ..sell(1, 1_000, 500_000)
    };
    assert_eq!(park.submit(ALICE, place(item)), [0]);
    park.now = late.gate_closure();
    let order = open_of(&park, 1)[0].0;
    let closed = refused(Rejection::GateClosed);
    assert_eq!(park.submit(ALICE, cancel(order)), closed);
    while !open_of(&park, 1).is_empty() {
        park.advance_to(park.now);
    }
    verifies(&mut park);
}

#[test]
fn a_halted_interval_matches_nothing_and_what_was_traded_stands() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    park.submit(BOB, place(buy(2, 400, 500_000)));
    let halt = Action::HaltMarket {
        from: FIRST,
        until: None,
    };
    assert_eq!(park.submit(REGISTRAR, halt), [0]);
    let halted = refused(Rejection::MarketHalted);
    assert_eq!(park.submit(BOB, place(buy(2, 100, 500_000))), halted);
    assert_eq!(park.submit(BOB, immediate(buy(2, 100, 500_000), 0)), halted);
    let own = open_of(&park, 1)[0].0;
    assert_eq!(park.submit(ALICE, change(own, 600, 400_000)), halted);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(closed(&park), [(1, 600)]);
    assert_eq!(position(&park, 1).0, 400);
    assert!(
        !facts(&park)
            .iter()
            .any(|fact| matches!(fact, Fact::AuctionHalted { .. }))
    );
    verifies(&mut park);
}

#[test]
fn a_resting_order_outside_new_bounds_waits_until_it_is_within_them_again() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 200_000)));
    park.submit(CAROL, place(sell(3, 1_000, 400_000)));
    let bounds = |floor, cap| Action::SetPriceBounds {
        from: FIRST,
        floor: Price(floor),
        cap: Price(cap),
    };
    assert_eq!(park.submit(REGISTRAR, bounds(300_000, 600_000)), [0]);
    assert_eq!(park.submit(BOB, immediate(buy(2, 100, 500_000), 100)), [0]);
    assert_eq!(legs(&park)[0].0, 3, "the better offer is below the floor");
    assert_eq!(park.submit(REGISTRAR, bounds(0, 600_000)), [0]);
    assert_eq!(park.submit(BOB, immediate(buy(2, 100, 500_000), 100)), [0]);
    assert_eq!(legs(&park)[2].0, 1);
    // Narrowed again, it may still be changed to a limit within them, and comes in anew.
    assert_eq!(park.submit(REGISTRAR, bounds(300_000, 600_000)), [0]);
    park.submit(BOB, place(buy(2, 50, 350_000)));
    let own = open_of(&park, 1)[0].0;
    assert_eq!(park.submit(ALICE, change(own, 900, 300_000)), [0]);
    assert_eq!(
        legs(&park)[4..],
        [(2, 50, 350_000, Maker), (1, 50, 350_000, Taker)]
    );
    park.advance_to(FIRST.gate_closure());
    verifies(&mut park);
}

#[test]
fn two_resting_orders_that_wider_bounds_let_cross_wait_for_a_third() {
    let mut park = continuous();
    let bounds = |floor| Action::SetPriceBounds {
        from: FIRST,
        floor: Price(floor),
        cap: Price(600_000),
    };
    park.submit(ALICE, place(sell(1, 1_000, 200_000)));
    assert_eq!(park.submit(REGISTRAR, bounds(300_000)), [0]);
    assert_eq!(park.submit(BOB, place(buy(2, 1_000, 350_000))), [0]);
    assert_eq!(park.submit(REGISTRAR, bounds(0)), [0]);
    assert_eq!(legs(&park), []);
    assert_eq!(park.submit(CAROL, place(buy(3, 300, 250_000))), [0]);
    assert_eq!(legs(&park)[0], (1, 300, 200_000, Maker));
    assert_eq!(park.submit(CAROL, immediate(sell(3, 100, 200_000), 0)), [0]);
    assert_eq!(legs(&park)[2], (2, 100, 350_000, Maker));
    verifies(&mut park);
}

#[test]
fn own_orders_and_affiliates_never_meet() {
    let mut park = continuous();
    park.submit(ALICE, place(sell(1, 1_000, 500_000)));
    assert_eq!(
        park.submit(ALICE, immediate(buy(1, 10, 500_000), 0)),
        refused(Rejection::CrossesOwnOrder)
    );
    let group = Action::SetAffiliates {
        group: AffiliateGroupId(1),
        members: vec![ParticipantId(1), ParticipantId(2)],
    };
    assert_eq!(park.submit(REGISTRAR, group), [0]);
    for action in [
        place(buy(2, 10, 500_000)),
        immediate(buy(2, 10, 500_000), 0),
    ] {
        assert_eq!(
            park.submit(BOB, action),
            refused(Rejection::CrossesAffiliate)
        );
    }
    assert_eq!(park.submit(BOB, place(buy(2, 10, 499_999))), [0]);
    let own = open_of(&park, 2)[0].0;
    assert_eq!(
        park.submit(BOB, change(own, 10, 500_000)),
        refused(Rejection::CrossesAffiliate)
    );
    assert_eq!(legs(&park), []);
}

#[test]
fn exposure_counts_what_was_traded_and_what_was_traded_back() {
    let mut park = continuous();
    // 100 kW for a quarter of an hour.
    assert_eq!(park.submit(ALICE, place(sell(1, 20_000, 500_000))), [0]);
    assert_eq!(park.submit(BOB, place(buy(2, 20_000, 500_000))), [0]);
    let exceeds = refused(Rejection::ExceedsCapacity);
    assert_eq!(park.submit(ALICE, place(sell(1, 5_001, 500_000))), exceeds);
    assert_eq!(park.submit(ALICE, place(sell(1, 5_000, 500_000))), [0]);
    // What Alice buys back makes room again.
    assert_eq!(park.submit(CAROL, place(sell(3, 8_000, 450_000))), [0]);
    assert_eq!(
        park.submit(ALICE, immediate(buy(1, 8_000, 450_000), 8_000)),
        [0]
    );
    assert_eq!(position(&park, 1).0, 12_000);
    assert_eq!(park.submit(ALICE, place(sell(1, 8_001, 500_000))), exceeds);
    assert_eq!(park.submit(ALICE, place(sell(1, 8_000, 500_000))), [0]);
    verifies(&mut park);
}

#[test]
fn a_delegated_keys_fills_count_and_what_is_cancelled_does_not() {
    let mut park = delegated();
    add_carol(&mut park);
    let action = set_mode(FIRST, MarketMode::Continuous);
    assert_eq!(park.submit(REGISTRAR, action), [0]);
    let used = |park: &Park| {
        let delegations = &park.ledger.state().trading.delegations;
        let used = delegations.used(FIRST, key(AGENT).public());
        (used.energy, used.money)
    };
    park.submit(BOB, place(buy(2, 1_000, 600_000)));
    assert_eq!(park.submit(AGENT, place(sell(1, 4_000, 500_000))), [0]);
    assert_eq!(used(&park), (4_000, 4_000 * 500_000), "at its own limit");
    let own = open_of(&park, 1)[0].0;
    assert_eq!(park.submit(AGENT, change(own, 2_000, 400_000)), [0]);
    let filled = 1_000 * 500_000;
    assert_eq!(used(&park), (3_000, filled + 2_000 * 400_000));
    assert_eq!(park.submit(AGENT, cancel(own)), [0]);
    assert_eq!(used(&park), (1_000, filled));
    assert_eq!(park.submit(AGENT, immediate(sell(1, 5_000, 1), 0)), [0]);
    assert_eq!(used(&park), (1_000, filled));
    // The day's 8 kWh: 1 kWh is used.
    assert_eq!(park.submit(AGENT, place(sell(1, 5_000, 1))), [0]);
    assert_eq!(
        park.submit(AGENT, place(sell(1, 2_001, 1))),
        refused(Rejection::DelegateDayLimit)
    );
    park.advance_to(FIRST.gate_closure());
    assert_eq!(used(&park), (1_000, filled));
    verifies(&mut park);
}

#[test]
fn continuous_trades_count_in_the_price_index() {
    let mut park = continuous();
    let activate = Action::ActivateRules {
        rules: RuleSet::PriceIndex,
        from: FIRST,
    };
    assert_eq!(park.submit(REGISTRAR, activate), [0]);
    park.submit(ALICE, place(sell(1, 1_000, 400_000)));
    park.submit(CAROL, place(sell(3, 3_000, 500_000)));
    park.submit(BOB, place(buy(2, 4_000, 500_000)));
    let day = park.ledger.state().trading.index.day(FIRST);
    assert_eq!(day.auction.volume, WattHours(4_000));
    assert_eq!(day.auction.value, 1_000 * 400_000 + 3_000 * 500_000);
}

#[test]
fn a_list_trades_item_by_item() {
    let mut park = continuous();
    let items = vec![
        sell(1, 1_000, 500_000),
        sell(1, 500, 400_000),
        buy(1, 1, 400_000),
    ];
    let codes = park.submit(ALICE, Action::PlaceOrders(items));
    assert_eq!(codes, [0, 0, Rejection::CrossesOwnOrder.code()]);
    let items = vec![buy(2, 700, 400_000), buy(2, 300, 500_000)];
    assert_eq!(park.submit(BOB, Action::PlaceOrders(items)), [0, 0]);
    let sizes: Vec<(u32, i64, i64)> = legs(&park)
        .iter()
        .map(|leg| (leg.0, leg.1, leg.2))
        .collect();
    // The first bid rests with 200 Wh at 0.40; the second passes it by.
    let expected = [
        (1, 500, 400_000),
        (2, 500, 400_000),
        (1, 300, 500_000),
        (2, 300, 500_000),
    ];
    assert_eq!(sizes, expected);
    verifies(&mut park);
}
