//! Minimums, changes, affiliates, halts and price bounds, each through whole batches.

use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, TREASURER, genesis_body, order, point};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, OrderChange, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::{AffiliateGroupId, ParticipantId, Point, TariffId};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::claim::Status;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

pub(crate) fn facts(park: &Park) -> Vec<Fact> {
    let decoded = park.leaves.iter().map(|leaf| Entry::decode(leaf).unwrap());
    decoded
        .filter_map(|entry| match entry {
            Entry::Derived { fact, .. } => Some(fact),
            _ => None,
        })
        .collect()
}

/// The export of a park holds every claim.
#[track_caller]
pub(crate) fn verifies(park: &mut Park) {
    let last = Entry::decode(park.leaves.last().unwrap()).unwrap();
    if !matches!(last, Entry::Seal { .. }) {
        park.advance_to(park.now.plus_millis(60_000));
    }
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(&park.export(folder.path())).unwrap();
    let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
    let failed: Vec<_> = report
        .claims
        .iter()
        .filter(|finding| finding.status != Status::Ok)
        .collect();
    assert!(report.is_ok(), "{failed:#?}");
}

pub(crate) fn refused(rejection: Rejection) -> Vec<u16> {
    vec![rejection.code()]
}

pub(crate) fn place(item: OrderItem) -> Action {
    Action::PlaceOrders(vec![item])
}

fn with_minimum(order: OrderItem, minimum: i64) -> Action {
    Action::PlaceOrdersWith(vec![OrderWithMinimum {
        order,
        minimum: WattHours(minimum),
    }])
}

fn reserved(park: &Park, participant: u32) -> i64 {
    let id = AccountId::Participant(ParticipantId(participant));
    park.ledger.state().accounts.get(id).reserved.0
}

pub(crate) fn open_of(park: &Park, participant: u32) -> Vec<(OrderId, OrderItem)> {
    let orders = &park.ledger.state().orders;
    orders
        .of_participant(ParticipantId(participant))
        .map(|(id, order)| (*id, order.item))
        .collect()
}

fn fills(park: &Park) -> Vec<(PointId, i64)> {
    facts(park)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::OrderClosed { item, filled, .. } => Some((item.point, filled.0)),
            _ => None,
        })
        .collect()
}

fn change(park: &Park, participant: u32, quantity: i64, limit: i64) -> Action {
    Action::ChangeOrders(vec![OrderChange {
        order: open_of(park, participant)[0].0,
        quantity: WattHours(quantity),
        limit: Price(limit),
    }])
}

#[test]
fn a_fill_or_kill_order_that_cannot_be_filled_is_left_out_and_told() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(ALICE, place(order(1, Side::Sell, 3_000, 500_000))),
        [0]
    );
    let buy = with_minimum(order(2, Side::Buy, 4_000, 600_000), 4_000);
    assert_eq!(park.submit(BOB, buy), [0]);
    park.advance_to(FIRST.gate_closure());
    assert!(fills(&park).iter().all(|(_, filled)| *filled == 0));
    let missed = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::MinimumMissed {
            minimum, offered, ..
        } => Some((minimum, offered)),
        _ => None,
    });
    assert_eq!(missed, Some((WattHours(4_000), WattHours(3_000))));
    assert_eq!((reserved(&park, 1), reserved(&park, 2)), (0, 0));
    verifies(&mut park);
}

#[test]
fn a_minimum_that_is_met_changes_nothing() {
    let trade = |buy: Action| {
        let mut park = Park::peopled();
        park.submit(ALICE, place(order(1, Side::Sell, 3_000, 500_000)));
        assert_eq!(park.submit(BOB, buy), [0]);
        park.advance_to(FIRST.gate_closure());
        park
    };
    let item = order(2, Side::Buy, 4_000, 600_000);
    let mut with = trade(with_minimum(item, 3_000));
    assert_eq!(fills(&with), fills(&trade(place(item))));
    assert!(fills(&with).contains(&(PointId(2), 3_000)));
    verifies(&mut with);
}

#[test]
fn minimums_have_bounds() {
    let mut park = Park::peopled();
    for minimum in [-1, 11] {
        let action = with_minimum(order(1, Side::Sell, 10, 1), minimum);
        assert_eq!(
            park.submit(ALICE, action),
            refused(Rejection::MinimumInvalid)
        );
    }
    for _ in 0..8 {
        let action = with_minimum(order(1, Side::Sell, 10, 1), 10);
        assert_eq!(park.submit(ALICE, action), [0]);
    }
    let ninth = with_minimum(order(1, Side::Sell, 10, 1), 1);
    assert_eq!(
        park.submit(ALICE, ninth),
        refused(Rejection::TooManyMinimums)
    );
    let plain = with_minimum(order(1, Side::Sell, 10, 1), 0);
    assert_eq!(park.submit(ALICE, plain), [0], "zero is no minimum");
}

#[test]
fn a_change_keeps_the_orders_name_and_reserves_what_it_needs() {
    let mut park = Park::peopled();
    park.submit(BOB, place(order(2, Side::Buy, 4_000, 600_000)));
    let before = open_of(&park, 2);
    let action = change(&park, 2, 2_000, 700_000);
    assert_eq!(park.submit(BOB, action), [0]);
    let after = open_of(&park, 2);
    assert_eq!(after[0].0, before[0].0);
    assert_eq!(after[0].1, order(2, Side::Buy, 2_000, 700_000));
    assert_eq!(reserved(&park, 2), 2_000 * 750_000);
    verifies(&mut park);
}

#[test]
fn a_refused_change_leaves_the_order_as_it_is() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 20_000, 700_000)));
    park.submit(
        ALICE,
        with_minimum(order(1, Side::Sell, 4_000, 700_000), 4_000),
    );
    let before = open_of(&park, 1);
    let held = reserved(&park, 1);
    let cases = [
        (0, 700_000, Rejection::QuantityZero),
        (21_001, 700_000, Rejection::ExceedsCapacity),
        (20_000, -1, Rejection::PriceOutOfBounds),
    ];
    for (quantity, limit, expected) in cases {
        let action = change(&park, 1, quantity, limit);
        assert_eq!(park.submit(ALICE, action), refused(expected));
    }
    let exact = change(&park, 1, 21_000, 700_000);
    assert_eq!(
        park.submit(ALICE, exact),
        [0],
        "the old quantity is taken out"
    );
    let back = change(&park, 1, 20_000, 700_000);
    assert_eq!(park.submit(ALICE, back), [0]);
    let below = Action::ChangeOrders(vec![OrderChange {
        order: before[1].0,
        quantity: WattHours(3_999),
        limit: Price(700_000),
    }]);
    assert_eq!(
        park.submit(ALICE, below),
        refused(Rejection::MinimumInvalid)
    );
    assert_eq!(open_of(&park, 1), before);
    assert_eq!(reserved(&park, 1), held);
    let others = change(&park, 1, 1, 1);
    assert_eq!(park.submit(BOB, others), refused(Rejection::UnknownOrder));
}

#[test]
fn a_change_must_be_covered_by_what_it_frees_and_what_is_free() {
    let mut park = Park::peopled();
    park.submit(BOB, place(order(2, Side::Buy, 50_000, 1_000_000)));
    // All but what the order holds goes out; the order may then shrink, not grow.
    let id = AccountId::Participant(ParticipantId(2));
    let account = park.ledger.state().accounts.get(id);
    let amount = Money(account.balance.0 - account.reserved.0);
    let withdraw = Action::Withdraw {
        participant: ParticipantId(2),
        amount,
        reference: "all".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, withdraw), [0]);
    let dearer = change(&park, 2, 50_000, 1_000_001);
    assert_eq!(
        park.submit(BOB, dearer),
        refused(Rejection::InsufficientCollateral)
    );
    let less = change(&park, 2, 49_999, 1_000_000);
    assert_eq!(park.submit(BOB, less), [0]);
}

#[test]
fn a_change_must_not_cross_an_own_order() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    park.submit(ALICE, place(order(1, Side::Buy, 1_000, 400_000)));
    let action = Action::ChangeOrders(vec![OrderChange {
        order: open_of(&park, 1)[1].0,
        quantity: WattHours(1_000),
        limit: Price(500_000),
    }]);
    assert_eq!(
        park.submit(ALICE, action),
        refused(Rejection::CrossesOwnOrder)
    );
}

#[test]
fn an_order_may_only_be_bettered_in_the_last_five_minutes() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    park.now = FIRST.firm_from();
    for (quantity, limit) in [(999, 500_000), (1_000, 500_001), (2_000, 500_001)] {
        let action = change(&park, 1, quantity, limit);
        assert_eq!(
            park.submit(ALICE, action),
            refused(Rejection::TooLateToWorsen)
        );
    }
    let better = change(&park, 1, 1_001, 499_999);
    assert_eq!(park.submit(ALICE, better), [0]);
}

#[test]
fn cancel_all_takes_back_what_is_meant_and_leaves_what_is_firm() {
    let mut park = Park::peopled();
    let later = |interval: DeliveryInterval| OrderItem {
        interval,
        ..order(2, Side::Buy, 1_000, 500_000)
    };
    for interval in [FIRST, FIRST.plus(1), FIRST.plus(2)] {
        assert_eq!(park.submit(BOB, place(later(interval))), [0]);
    }
    let all = |point: Option<u32>, interval| Action::CancelAll {
        point: point.map(PointId),
        interval,
    };
    assert_eq!(
        park.submit(BOB, all(Some(1), None)),
        refused(Rejection::NotYourPoint)
    );
    assert_eq!(
        park.submit(BOB, all(Some(9), None)),
        refused(Rejection::UnknownPoint)
    );
    assert_eq!(park.submit(BOB, all(Some(2), Some(FIRST.plus(2)))), [0]);
    assert_eq!(open_of(&park, 2).len(), 2);
    park.now = FIRST.firm_from();
    assert_eq!(park.submit(BOB, all(None, None)), [0]);
    assert_eq!(open_of(&park, 2).len(), 1);
    assert_eq!(reserved(&park, 2), 1_000 * 550_000);
    let told = facts(&park).into_iter().rev().find_map(|fact| match fact {
        Fact::OrdersCancelled { cancelled, firm } => Some((cancelled, firm)),
        _ => None,
    });
    assert_eq!(told, Some((1, 1)));
    verifies(&mut park);
}

#[test]
fn affiliates_do_not_trade_with_each_other() {
    let mut park = Park::peopled();
    let group = |members: &[u32]| Action::SetAffiliates {
        group: AffiliateGroupId(7),
        members: members.iter().map(|id| ParticipantId(*id)).collect(),
    };
    let invalid = [
        (vec![1], Rejection::AffiliatesInvalid),
        (vec![2, 1], Rejection::AffiliatesInvalid),
        (vec![1, 9], Rejection::UnknownParticipant),
    ];
    for (members, expected) in invalid {
        assert_eq!(park.submit(REGISTRAR, group(&members)), refused(expected));
    }
    assert_eq!(
        park.submit(ALICE, group(&[1, 2])),
        refused(Rejection::NotAllowed)
    );
    assert_eq!(park.submit(REGISTRAR, group(&[1, 2])), [0]);
    let other = Action::SetAffiliates {
        group: AffiliateGroupId(8),
        members: vec![ParticipantId(1), ParticipantId(2)],
    };
    assert_eq!(
        park.submit(REGISTRAR, other),
        refused(Rejection::AffiliatesInvalid)
    );
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    let meeting = place(order(2, Side::Buy, 1_000, 500_000));
    assert_eq!(
        park.submit(BOB, meeting.clone()),
        refused(Rejection::CrossesAffiliate)
    );
    let passing = place(order(2, Side::Buy, 1_000, 499_999));
    assert_eq!(park.submit(BOB, passing), [0]);
    assert_eq!(park.submit(REGISTRAR, group(&[])), [0]);
    assert_eq!(park.submit(BOB, meeting), [0], "the group is dissolved");
    verifies(&mut park);
}

#[test]
fn a_halted_market_takes_no_orders_and_releases_what_rests_at_the_gate() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    park.submit(BOB, place(order(2, Side::Buy, 1_000, 600_000)));
    let halt = |from, until| Action::HaltMarket { from, until };
    assert_eq!(
        park.submit(REGISTRAR, halt(FIRST, Some(FIRST))),
        refused(Rejection::HaltInvalid)
    );
    assert_eq!(
        park.submit(REGISTRAR, halt(FIRST, Some(FIRST.plus(2)))),
        [0]
    );
    let action = place(order(1, Side::Sell, 1, 500_000));
    assert_eq!(park.submit(ALICE, action), refused(Rejection::MarketHalted));
    let action = change(&park, 1, 2_000, 500_000);
    assert_eq!(park.submit(ALICE, action), refused(Rejection::MarketHalted));
    let after = OrderItem {
        interval: FIRST.plus(2),
        ..order(1, Side::Sell, 1, 500_000)
    };
    assert_eq!(park.submit(ALICE, place(after)), [0]);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(fills(&park), [(PointId(1), 0), (PointId(2), 0)]);
    assert!(facts(&park).contains(&Fact::AuctionHalted {
        interval: FIRST,
        bids: 1,
        offers: 1
    }));
    assert_eq!(reserved(&park, 2), 0);
    park.read_all(FIRST, [1_000, 6_000, 6_000, 0]);
    park.advance_to(FIRST.settlement_due());
    let settled = |fact: &Fact| matches!(fact, Fact::IntervalSettled { .. });
    assert!(facts(&park).iter().any(settled), "delivery goes on");
    assert!(park.ledger.state().trading.halts.rows().is_empty());
    verifies(&mut park);
}

#[test]
fn a_resumed_market_clears_the_orders_that_waited() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 500_000)));
    park.submit(BOB, place(order(2, Side::Buy, 1_000, 600_000)));
    let resume = |from| Action::ResumeMarket { from };
    assert_eq!(
        park.submit(REGISTRAR, resume(FIRST)),
        refused(Rejection::NotHalted)
    );
    let halt = Action::HaltMarket {
        from: FIRST,
        until: None,
    };
    assert_eq!(park.submit(REGISTRAR, halt), [0]);
    assert_eq!(park.submit(REGISTRAR, resume(FIRST.plus(1))), [0]);
    let later = OrderItem {
        interval: FIRST.plus(1),
        ..order(1, Side::Sell, 1, 500_000)
    };
    assert_eq!(park.submit(ALICE, place(later)), [0]);
    assert_eq!(park.submit(REGISTRAR, resume(FIRST)), [0]);
    park.advance_to(FIRST.gate_closure());
    assert_eq!(fills(&park), [(PointId(1), 1_000), (PointId(2), 1_000)]);
    assert_eq!(
        park.submit(REGISTRAR, resume(FIRST)),
        refused(Rejection::GateClosed)
    );
    verifies(&mut park);
}

#[test]
fn a_limit_outside_floor_and_cap_is_refused_and_an_earlier_one_stays_out_of_the_auction() {
    let mut park = Park::peopled();
    park.submit(ALICE, place(order(1, Side::Sell, 1_000, 200_000)));
    let bounds = |floor, cap| Action::SetPriceBounds {
        from: FIRST,
        floor: Price(floor),
        cap: Price(cap),
    };
    for (floor, cap) in [(2, 1), (-1, 1), (0, 100_000_001)] {
        assert_eq!(
            park.submit(REGISTRAR, bounds(floor, cap)),
            refused(Rejection::PriceBoundsInvalid)
        );
    }
    assert_eq!(park.submit(REGISTRAR, bounds(300_000, 600_000)), [0]);
    for limit in [299_999, 600_001] {
        let action = place(order(2, Side::Buy, 1_000, limit));
        assert_eq!(
            park.submit(BOB, action),
            refused(Rejection::OutsidePriceBounds)
        );
    }
    assert_eq!(
        park.submit(BOB, place(order(2, Side::Buy, 1_000, 600_000))),
        [0]
    );
    assert_eq!(
        park.submit(ALICE, place(order(1, Side::Sell, 400, 300_000))),
        [0]
    );
    park.advance_to(FIRST.gate_closure());
    let sold: i64 = fills(&park)
        .iter()
        .filter(|(point, _)| *point == PointId(1))
        .map(|(_, filled)| filled)
        .sum();
    assert_eq!(sold, 400, "the order at 0.20 is below the floor");
    verifies(&mut park);
}

/// What is held for each watt-hour of the next order of an interval that a point places.
fn held_by_next(park: &mut Park, id: u32, side: Side, interval: DeliveryInterval) -> i64 {
    let before = reserved(park, id);
    let item = OrderItem {
        interval,
        ..order(id, side, 10, 500_000)
    };
    let author = if id == 1 { ALICE } else { BOB };
    assert_eq!(park.submit(author, place(item)), [0]);
    (reserved(park, id) - before) / 10
}

#[test]
fn collateral_is_that_of_the_prices_in_force_after_each_change_of_them() {
    let mut park = Park::peopled();
    let (near, far) = (FIRST.plus(3), FIRST.plus(9));
    let sold = |park: &mut Park| {
        let mut held = |at| held_by_next(park, 1, Side::Sell, at);
        (held(near), held(far))
    };
    let bought = |park: &mut Park| {
        let mut held = |at| held_by_next(park, 2, Side::Buy, at);
        (held(near), held(far))
    };
    assert_eq!(sold(&mut park), (300_000, 300_000));
    assert_eq!(bought(&mut park), (550_000, 550_000));
    let tariff = |tariff, from, price| Action::SetTariff {
        tariff: TariffId(tariff),
        from,
        prices: Tariff::uniform(Price(price)),
    };
    assert_eq!(park.submit(REGISTRAR, tariff(1, far, 900_000)), [0]);
    assert_eq!(sold(&mut park), (300_000, 400_000));
    let terms = ParkTerms {
        wheeling: Price(70_000),
        ..genesis_body(1).terms
    };
    let from = far;
    assert_eq!(
        park.submit(REGISTRAR, Action::SetTerms { from, terms }),
        [0]
    );
    assert_eq!(bought(&mut park), (550_000, 570_000));
    // A tariff that nobody has sets no price, and one that a new point has does.
    assert_eq!(park.submit(REGISTRAR, tariff(2, FIRST, 2_000_000)), [0]);
    assert_eq!(sold(&mut park), (300_000, 400_000));
    let dear = Point {
        id: PointId(3),
        tariff: TariffId(2),
        ..point(2)
    };
    assert_eq!(park.submit(REGISTRAR, Action::RegisterPoint(dear)), [0]);
    assert_eq!(sold(&mut park), (1_500_000, 1_500_000));
    let point = PointId(3);
    assert_eq!(
        park.submit(REGISTRAR, Action::EndPoint { point, from }),
        [0]
    );
    assert_eq!(sold(&mut park), (1_500_000, 400_000));
}
