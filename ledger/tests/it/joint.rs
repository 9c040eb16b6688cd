//! The day-ahead joint auction through whole batches.

use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, TREASURER, order};
use crate::it::trading::{facts, open_of, place, refused, verifies};
use wattle_ledger::derived::{BundleState, Fact};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::{
    AffiliateGroupId, MarketMode, Participant, ParticipantId, Role, RuleSet,
};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::joint::joint_auction_due;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::explain::explain;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

/// 2026-07-02 00:00 in Shanghai; its joint auction is due at noon of the park's first day.
pub(crate) const DAY: DeliveryInterval = DeliveryInterval(FIRST.0 + 96);
const NOON: DeliveryInterval = DeliveryInterval(DAY.0 + 48);
const EVENING: DeliveryInterval = DeliveryInterval(DAY.0 + 76);

fn activate(from: DeliveryInterval) -> Action {
    Action::ActivateRules {
        rules: RuleSet::JointAuction,
        from,
    }
}

/// A park that holds joint auctions from [`DAY`] on.
pub(crate) fn joint_park() -> Park {
    let mut park = Park::peopled();
    assert_eq!(park.submit(REGISTRAR, activate(DAY)), [0]);
    park
}

pub(crate) fn leg(interval: DeliveryInterval, side: Side, quantity: i64) -> Leg {
    Leg {
        interval,
        side,
        quantity: WattHours(quantity),
    }
}

pub(crate) fn bundle(point: u32, limit: i64, legs: &[Leg]) -> Action {
    Action::PlaceBundle {
        point: PointId(point),
        legs: legs.to_vec(),
        limit: Money(limit),
    }
}

pub(crate) fn at(
    interval: DeliveryInterval,
    (point, side, quantity, limit): (u32, Side, i64, i64),
) -> OrderItem {
    OrderItem {
        interval,
        ..order(point, side, quantity, limit)
    }
}

/// Alice's battery: 10 kWh bought at noon, 8 sold in the evening.
fn battery(limit: i64) -> Action {
    let legs = [
        leg(NOON, Side::Buy, 10_000),
        leg(EVENING, Side::Sell, 8_000),
    ];
    bundle(1, limit, &legs)
}

/// Bob sells at noon and buys in the evening.
fn neighbor(park: &mut Park) {
    for item in [
        at(NOON, (2, Side::Sell, 15_000, 300_000)),
        at(EVENING, (2, Side::Buy, 9_000, 900_000)),
    ] {
        assert_eq!(park.submit(BOB, place(item)), [0]);
    }
}

/// Lets all pass that is due at or before a time.
fn pass(park: &mut Park, until: Timestamp) {
    park.now = until;
    while park.ledger.next_due() <= until {
        park.advance_to(until);
    }
}

pub(crate) fn hold(park: &mut Park) {
    pass(park, joint_auction_due(DAY));
}

/// A day without readings costs the substitute's energy; this covers it.
fn deposit(park: &mut Park, participant: u32) {
    let deposit = Action::Deposit {
        participant: ParticipantId(participant),
        amount: Money(1_000_000_000_000_000),
        reference: "for the day".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, deposit), [0]);
}

fn reserved(park: &Park, participant: u32) -> i64 {
    let id = AccountId::Participant(ParticipantId(participant));
    park.ledger.state().accounts.get(id).reserved.0
}

fn bundles_of(park: &Park) -> Vec<OrderId> {
    let rows = park.ledger.state().joint.bundles().iter();
    rows.map(|((_, id), _)| *id).collect()
}

fn states(park: &Park) -> Vec<BundleState> {
    facts(park)
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::BundleClosed { state, .. } => Some(state),
            _ => None,
        })
        .collect()
}

fn cleared(park: &Park) -> Vec<Fact> {
    let mut facts = facts(park);
    facts.retain(|fact| matches!(fact, Fact::JointCleared { .. }));
    facts
}

#[test]
fn a_battery_buys_at_noon_and_sells_in_the_evening() {
    let mut park = joint_park();
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(1_000_000_000)), [0]);
    // Buying back 8 kWh at 0.80 and wheeling for 10 kWh at 0.05, less the limit of 1 yuan.
    assert_eq!(
        reserved(&park, 1),
        6_400_000_000 + 500_000_000 - 1_000_000_000
    );
    pass(&mut park, joint_auction_due(DAY).minus_millis(1));
    assert_eq!(cleared(&park), []);
    assert_eq!(bundles_of(&park).len(), 1);
    hold(&mut park);
    // The neutral price is 0.60, midway from feed-in to retail. Noon: from 0.30 half the way to
    // it. Evening: from it half the way to 0.90.
    let (noon, evening) = (450_000, 750_000);
    let Fact::BundleClosed {
        state,
        cash,
        surplus,
        ..
    } = facts(&park)
        .into_iter()
        .find(|fact| matches!(fact, Fact::BundleClosed { .. }))
        .unwrap()
    else {
        unreachable!()
    };
    assert_eq!(state, BundleState::Accepted);
    let expected = 8_000 * evening - 10_000 * noon;
    assert_eq!(cash, Some(Money(expected)));
    assert_eq!(surplus, Some(Money(expected - 1_000_000_000)));
    let orders = &park.ledger.state().orders;
    let bought = orders.position(NOON, PointId(1));
    assert_eq!(bought.forward.bought, WattHours(10_000));
    assert_eq!(bought.forward.cash, Money(-10_000 * noon));
    assert_eq!(bought.reserved, Money(10_000 * (noon + 50_000)));
    let sold = orders.position(EVENING, PointId(1));
    assert_eq!(sold.forward.cash, Money(8_000 * evening));
    // At most what is left of what was held for the bundle: 5.9 yuan less the 5 of noon.
    assert_eq!(
        sold.reserved,
        Money((8_000 * (800_000 - evening)).min(900_000_000))
    );
    assert_eq!(reserved(&park, 1), bought.reserved.0 + sold.reserved.0);
    // What the battery left of Bob's orders is still open.
    let open: Vec<i64> = open_of(&park, 2)
        .iter()
        .map(|(_, item)| item.quantity.0)
        .collect();
    assert_eq!(open, [5_000, 1_000]);
    assert_eq!(bundles_of(&park), []);
    verifies(&mut park);
}

/// A golden vector: docs/FORMATS.md names it, and a change here is a change of format.
#[test]
fn a_park_with_a_joint_auction_has_this_root() {
    let mut park = joint_park();
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(park.submit(ALICE, battery(500_000_000)), [0]);
    hold(&mut park);
    assert_eq!(
        states(&park),
        [BundleState::Accepted, BundleState::Rejected]
    );
    const LEAVES: usize = 172;
    const ROOT: &str = "5c58d5f2315a9a73777b625d224d48d89175873e0cb7da0e4c1c13828f07e4a8";
    const LAST: &str = "b8498727cee0b26d21f6ea668a997c2d7edf5554c64b66063d97bea47b1d9165";
    let last = Entry::decode(park.leaves.last().unwrap()).unwrap();
    assert!(
        matches!(last, Entry::Seal { .. }),
        "it commits to the state"
    );
    let last = wattle_ledger::hash::sha256(&[park.leaves.last().unwrap()]);
    assert_eq!(
        (
            park.leaves.len(),
            park.ledger.root().to_string(),
            last.to_string()
        ),
        (LEAVES, ROOT.to_owned(), LAST.to_owned())
    );
}

#[test]
fn the_rest_of_an_order_meets_the_gate() {
    let mut park = joint_park();
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    hold(&mut park);
    deposit(&mut park, 1);
    // Until now this would have met the battery's own purchase.
    let more = at(NOON, (1, Side::Buy, 4_000, 500_000));
    assert_eq!(park.submit(ALICE, place(more)), [0]);
    pass(&mut park, NOON.gate_closure());
    let orders = &park.ledger.state().orders;
    let position = orders.position(NOON, PointId(1)).forward;
    assert_eq!(position.bought, WattHours(14_000));
    // 10 kWh at 0.45 jointly, 4 kWh at the gate midway from 0.30 to 0.50.
    assert_eq!(position.cash, Money(-10_000 * 450_000 - 4_000 * 400_000));
    let position = orders.position(NOON, PointId(2)).forward;
    assert_eq!(position.sold, WattHours(14_000));
    verifies(&mut park);
}

#[test]
fn a_settled_amount_is_taken_apart_down_to_fills_and_legs() {
    let mut park = joint_park();
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    // It takes back orders, and no bundle.
    let all = Action::CancelAll {
        point: None,
        interval: None,
    };
    assert_eq!(park.submit(ALICE, all), [0]);
    pass(&mut park, NOON.settlement_due());
    let folder = tempfile::tempdir().unwrap();
    park.export(folder.path());
    let export = Directory::new(folder.path());
    let of_battery = explain(&export, PointId(1), NOON).unwrap();
    assert_eq!(of_battery.differences, [""; 0]);
    let leg = &of_battery.orders[0];
    assert_eq!((leg.side, leg.bundle), (Side::Buy, Some(Money(0))));
    let fill = leg.fills[0];
    assert_eq!(
        (fill.filled, fill.price),
        (WattHours(10_000), Price(450_000))
    );
    assert_eq!(of_battery.position.cash, Money(-10_000 * 450_000));
    let of_neighbor = explain(&export, PointId(2), NOON).unwrap();
    assert_eq!(of_neighbor.differences, [""; 0]);
    let fill = of_neighbor.orders[0].fills[0];
    assert_eq!(
        (fill.filled, fill.price),
        (WattHours(10_000), Price(450_000))
    );
    assert_eq!(of_neighbor.position.sold, WattHours(10_000));
}

#[test]
fn a_bundle_that_loses_is_rejected_and_one_that_would_not_have_is_told_apart() {
    let mut park = joint_park();
    neighbor(&mut park);
    // The evening takes 9 kWh: only one of them fits. The second asks for more and goes, though
    // the prices that the first leaves would do for it.
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(park.submit(ALICE, battery(500_000_000)), [0]);
    assert_eq!(park.submit(ALICE, battery(6_000_000_000)), [0]);
    hold(&mut park);
    let states = states(&park);
    assert_eq!(
        states,
        [
            BundleState::Accepted,
            BundleState::Rejected,
            BundleState::Rejected
        ]
    );
    let [
        Fact::JointCleared {
            accepted,
            rejected,
            profitable,
            rounds,
            bids,
            offers,
            intervals,
            ..
        },
    ] = &cleared(&park)[..]
    else {
        unreachable!("one auction was held")
    };
    assert_eq!((accepted, rejected, profitable, rounds), (&1, &2, &1, &3));
    assert_eq!((bids, offers, intervals.len()), (&1, &1, 2));
    verifies(&mut park);
}

#[test]
fn simple_orders_meet_at_noon_without_any_bundle() {
    let mut park = joint_park();
    let items = [
        (ALICE, at(NOON, (1, Side::Sell, 5_000, 400_000))),
        (BOB, at(NOON, (2, Side::Buy, 3_000, 600_000))),
    ];
    for (author, item) in items {
        assert_eq!(park.submit(author, place(item)), [0]);
    }
    // An order with a minimum waits for its gate.
    let with_minimum = OrderWithMinimum {
        order: at(NOON, (2, Side::Buy, 1_000, 700_000)),
        minimum: WattHours(1_000),
    };
    let action = Action::PlaceOrdersWith(vec![with_minimum]);
    assert_eq!(park.submit(BOB, action), [0]);
    hold(&mut park);
    let position = park.ledger.state().orders.position(NOON, PointId(1));
    assert_eq!(position.forward.sold, WattHours(3_000));
    assert_eq!(position.forward.cash, Money(3_000 * 500_000));
    let open: Vec<i64> = open_of(&park, 2)
        .iter()
        .map(|(_, item)| item.quantity.0)
        .collect();
    assert_eq!(open, [1_000]);
    verifies(&mut park);
}

#[test]
fn a_day_without_orders_leaves_nothing_and_the_next_day_is_cleared_too() {
    let mut park = joint_park();
    hold(&mut park);
    assert_eq!(cleared(&park), []);
    deposit(&mut park, 1);
    let tomorrow = DAY.plus(96);
    let legs = [leg(tomorrow, Side::Buy, 1_000)];
    assert_eq!(park.submit(ALICE, bundle(1, -600_000_000, &legs)), [0]);
    pass(&mut park, joint_auction_due(tomorrow));
    assert_eq!(states(&park), [BundleState::Rejected]);
    verifies(&mut park);
}

#[test]
fn a_park_without_the_rule_takes_no_bundle_and_holds_no_auction() {
    let mut park = Park::peopled();
    assert_eq!(
        park.submit(ALICE, battery(0)),
        refused(Rejection::NoJointAuction)
    );
    neighbor(&mut park);
    hold(&mut park);
    assert_eq!(cleared(&park), []);
    assert_eq!(open_of(&park, 2).len(), 2);
}

#[test]
fn the_rule_begins_with_a_day_whose_auction_is_still_to_come() {
    let mut park = Park::peopled();
    let mut refuses = |from, rejection| {
        assert_eq!(park.submit(REGISTRAR, activate(from)), refused(rejection));
    };
    refuses(FIRST.minus(96), Rejection::GateClosed);
    refuses(DAY.plus(1), Rejection::NotStartOfDay);
    // Its auction would have been at noon yesterday.
    refuses(FIRST, Rejection::JointAuctionOver);
    assert_eq!(park.submit(REGISTRAR, activate(DAY)), [0]);
    let later = activate(DAY.plus(96));
    assert_eq!(
        park.submit(REGISTRAR, later.clone()),
        [0],
        "it can be moved"
    );
    assert_eq!(park.submit(REGISTRAR, activate(DAY)), [0]);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(
        park.submit(REGISTRAR, later.clone()),
        refused(Rejection::RulesActive),
        "somebody relies on it"
    );
    let id = bundles_of(&park)[0];
    assert_eq!(park.submit(ALICE, Action::CancelBundle { bundle: id }), [0]);
    hold(&mut park);
    assert_eq!(
        park.submit(REGISTRAR, later),
        refused(Rejection::RulesActive)
    );
}

#[test]
fn each_figure_of_a_bundle_has_its_refusal() {
    let mut park = joint_park();
    let mut refuses = |action: Action, rejection: Rejection| {
        assert_eq!(park.submit(ALICE, action), refused(rejection));
    };
    let buy = |interval, quantity| leg(interval, Side::Buy, quantity);
    let with = |legs: &[Leg]| bundle(1, 0, legs);
    refuses(with(&[]), Rejection::LegsInvalid);
    refuses(with(&[buy(NOON, 1), buy(NOON, 1)]), Rejection::LegsInvalid);
    refuses(
        with(&[buy(EVENING, 1), buy(NOON, 1)]),
        Rejection::LegsInvalid,
    );
    let tomorrow = NOON.plus(96);
    refuses(
        with(&[buy(NOON, 1), buy(tomorrow, 1)]),
        Rejection::LegsInvalid,
    );
    let many: Vec<Leg> = (0..97).map(|count| buy(DAY.plus(count), 1)).collect();
    refuses(with(&many), Rejection::LegsInvalid);
    refuses(with(&[buy(NOON, 0)]), Rejection::QuantityZero);
    refuses(with(&[buy(NOON, -1)]), Rejection::QuantityZero);
    refuses(with(&[buy(NOON, i64::MAX)]), Rejection::QuantityTooLarge);
    let huge: Vec<Leg> = (0..33).map(|count| buy(DAY.plus(count), 1 << 30)).collect();
    refuses(with(&huge), Rejection::QuantityTooLarge);
    let of_10 = |limit| bundle(1, limit, &[buy(NOON, 10)]);
    refuses(of_10(1_000_000_001), Rejection::BundleLimitInvalid);
    refuses(of_10(i64::MIN), Rejection::BundleLimitInvalid);
    refuses(bundle(9, 0, &[buy(NOON, 1)]), Rejection::UnknownPoint);
    refuses(bundle(2, 0, &[buy(NOON, 1)]), Rejection::NotYourPoint);
    refuses(with(&[buy(FIRST.plus(50), 1)]), Rejection::NoJointAuction);
    refuses(with(&[buy(DAY.plus(8 * 96), 1)]), Rejection::TooFarAhead);
    let endless = DeliveryInterval(u64::MAX);
    refuses(with(&[buy(endless, 1)]), Rejection::TooFarAhead);
    refuses(with(&[buy(NOON, 50_001)]), Rejection::ExceedsCapacity);
    refuses(
        with(&[leg(NOON, Side::Sell, 25_001)]),
        Rejection::ExceedsCapacity,
    );
    // The account has 1,000 yuan.
    let all_day: Vec<Leg> = (0..96).map(|at| buy(DAY.plus(at), 50_000)).collect();
    let dear = bundle(1, -2_000_000_000_000, &all_day);
    refuses(dear, Rejection::InsufficientCollateral);
    let unknown = OrderId {
        key: crate::it::park::key(ALICE).public(),
        sequence: 1,
        item: 0,
    };
    let cancel = Action::CancelBundle { bundle: unknown };
    refuses(cancel, Rejection::UnknownBundle);
    assert_eq!(reserved(&park, 1), 0);
}

#[test]
fn a_bundle_is_its_holders_until_its_auction() {
    let mut park = joint_park();
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    let id = bundles_of(&park)[0];
    let cancel = Action::CancelBundle { bundle: id };
    assert_eq!(
        park.submit(BOB, cancel.clone()),
        refused(Rejection::UnknownBundle)
    );
    assert_eq!(park.submit(ALICE, cancel.clone()), [0]);
    assert_eq!((reserved(&park, 1), bundles_of(&park)), (0, vec![]));
    assert_eq!(
        park.submit(ALICE, cancel.clone()),
        refused(Rejection::UnknownBundle)
    );
    assert_eq!(
        park.submit(REGISTRAR, battery(0)),
        refused(Rejection::NotAllowed)
    );
    hold(&mut park);
    assert_eq!(
        park.submit(ALICE, battery(0)),
        refused(Rejection::JointAuctionOver)
    );
    verifies(&mut park);
}

/// A delegated key has limits by order and day, which a bundle has no place in.
#[test]
fn a_delegated_key_bundles_nothing() {
    let mut park = crate::it::delegation::delegated();
    assert_eq!(park.submit(REGISTRAR, activate(DAY)), [0]);
    let author = crate::it::delegation::AGENT;
    assert_eq!(
        park.submit(author, battery(0)),
        refused(Rejection::NotAllowed)
    );
}

#[test]
fn a_bundle_counts_toward_exposure_on_both_ways_in() {
    let mut park = joint_park();
    let sell = |quantity| at(EVENING, (1, Side::Sell, quantity, 400_000));
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(
        park.submit(ALICE, place(sell(17_001))),
        refused(Rejection::ExceedsCapacity)
    );
    assert_eq!(park.submit(ALICE, place(sell(17_000))), [0]);
    assert_eq!(
        park.submit(ALICE, bundle(1, 0, &[leg(EVENING, Side::Sell, 1)])),
        refused(Rejection::ExceedsCapacity)
    );
}

#[test]
fn a_leg_meets_whatever_its_own_holder_has_on_the_other_side() {
    let mut park = joint_park();
    // A leg takes any price, so it would meet an order at the worst limit too.
    let far = at(NOON, (1, Side::Sell, 100, 100_000_000));
    assert_eq!(park.submit(ALICE, place(far)), [0]);
    assert_eq!(
        park.submit(ALICE, battery(0)),
        refused(Rejection::CrossesOwnOrder)
    );
    let all = Action::CancelAll {
        point: None,
        interval: None,
    };
    assert_eq!(park.submit(ALICE, all), [0]);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(
        park.submit(ALICE, place(far)),
        refused(Rejection::CrossesOwnOrder)
    );
    let back = bundle(1, 0, &[leg(NOON, Side::Sell, 1)]);
    assert_eq!(
        park.submit(ALICE, back),
        refused(Rejection::CrossesOwnOrder)
    );
    let group = Action::SetAffiliates {
        group: AffiliateGroupId(1),
        members: vec![ParticipantId(1), ParticipantId(2)],
    };
    assert_eq!(park.submit(REGISTRAR, group), [0]);
    assert_eq!(
        park.submit(BOB, place(at(NOON, (2, Side::Sell, 1, 400_000)))),
        refused(Rejection::CrossesAffiliate)
    );
    let of_bob = bundle(2, 0, &[leg(NOON, Side::Sell, 1)]);
    assert_eq!(
        park.submit(BOB, of_bob),
        refused(Rejection::CrossesAffiliate)
    );
    // On the same side they do not meet.
    let alike = bundle(2, -1_000_000_000, &[leg(NOON, Side::Buy, 1_000)]);
    assert_eq!(park.submit(BOB, alike), [0]);
}

#[test]
fn a_day_takes_so_many_bundles_of_one_and_of_all() {
    let mut park = joint_park();
    let tiny = |point: u32| bundle(point, -1_000_000, &[leg(NOON, Side::Buy, 1)]);
    for _ in 0..8 {
        assert_eq!(park.submit(ALICE, tiny(1)), [0]);
    }
    assert_eq!(
        park.submit(ALICE, tiny(1)),
        refused(Rejection::TooManyBundles)
    );
    let tomorrow = bundle(1, -1_000_000, &[leg(NOON.plus(96), Side::Buy, 1)]);
    assert_eq!(park.submit(ALICE, tomorrow), [0]);
    // Seven more tenants with eight each fill the day.
    for id in 3..10u32 {
        let seed = 100 + u8::try_from(id).unwrap();
        let participant = Participant {
            id: ParticipantId(id),
            name: format!("tenant {id}"),
        };
        let point = wattle_ledger::registration::Point {
            from: DAY,
            ..crate::it::park::point(id)
        };
        let role = Role::Tenant(ParticipantId(id));
        let key = crate::it::park::key(seed).public();
        let deposit = Action::Deposit {
            participant: ParticipantId(id),
            amount: Money(1_000_000_000),
            reference: "opening".to_owned(),
        };
        let founding = [
            (REGISTRAR, Action::RegisterParticipant(participant)),
            (REGISTRAR, Action::RegisterPoint(point)),
            (REGISTRAR, Action::AddKey { key, role }),
            (TREASURER, deposit),
        ];
        for (author, action) in founding {
            assert_eq!(park.submit(author, action), [0]);
        }
        for _ in 0..8 {
            assert_eq!(park.submit(seed, tiny(id)), [0]);
        }
    }
    assert_eq!(
        park.submit(BOB, tiny(2)),
        refused(Rejection::JointAuctionFull)
    );
    hold(&mut park);
    assert_eq!(states(&park), [BundleState::Rejected; 64]);
    verifies(&mut park);
}

#[test]
fn a_halt_leaves_bundles_out_and_their_orders_alone() {
    let mut park = joint_park();
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    let halt = Action::HaltMarket {
        from: EVENING,
        until: Some(EVENING.next()),
    };
    assert_eq!(park.submit(REGISTRAR, halt), [0]);
    assert_eq!(
        park.submit(ALICE, battery(0)),
        refused(Rejection::MarketHalted)
    );
    hold(&mut park);
    assert_eq!(states(&park), [BundleState::LeftOut]);
    assert_eq!((reserved(&park, 1), open_of(&park, 2).len()), (0, 2));
    verifies(&mut park);
}

#[test]
fn continuous_intervals_take_no_part() {
    let mut park = joint_park();
    let mode = |from, mode| Action::SetMarketMode { from, mode };
    let continuous = mode(EVENING, MarketMode::Continuous);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    assert_eq!(
        park.submit(REGISTRAR, continuous.clone()),
        refused(Rejection::MarketInUse),
        "a bundle relies on how its intervals are cleared"
    );
    let id = bundles_of(&park)[0];
    assert_eq!(park.submit(ALICE, Action::CancelBundle { bundle: id }), [0]);
    assert_eq!(park.submit(REGISTRAR, continuous), [0]);
    assert_eq!(park.submit(ALICE, battery(0)), refused(Rejection::NotJoint));
    let resting = at(EVENING, (1, Side::Sell, 100, 400_000));
    assert_eq!(park.submit(ALICE, place(resting)), [0]);
    hold(&mut park);
    assert_eq!(cleared(&park), [], "it rests in the continuous book alone");
    assert_eq!(open_of(&park, 1).len(), 1);
    verifies(&mut park);
}

#[test]
fn a_point_with_a_bundle_cannot_end_before_it() {
    let mut park = joint_park();
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    let end = |from| Action::EndPoint {
        point: PointId(1),
        from,
    };
    assert_eq!(
        park.submit(REGISTRAR, end(EVENING)),
        refused(Rejection::PointCommitted)
    );
    assert_eq!(park.submit(REGISTRAR, end(EVENING.next())), [0]);
    let late = bundle(1, 0, &[leg(EVENING.next(), Side::Sell, 1)]);
    assert_eq!(park.submit(ALICE, late), refused(Rejection::PointEnded));
}

#[test]
fn price_bounds_hold_the_neutral_price_too() {
    let mut park = joint_park();
    let bounds = Action::SetPriceBounds {
        from: DAY,
        floor: Price(0),
        cap: Price(500_000),
    };
    assert_eq!(park.submit(REGISTRAR, bounds), [0]);
    // Two bundles that only meet each other.
    let there = [leg(NOON, Side::Buy, 1_000), leg(EVENING, Side::Sell, 1_000)];
    let back = [leg(NOON, Side::Sell, 1_000), leg(EVENING, Side::Buy, 1_000)];
    assert_eq!(park.submit(ALICE, bundle(1, 0, &there)), [0]);
    assert_eq!(park.submit(BOB, bundle(2, 0, &back)), [0]);
    hold(&mut park);
    let Fact::JointCleared { intervals, .. } = &cleared(&park)[0] else {
        unreachable!()
    };
    let prices: Vec<i64> = intervals.iter().map(|one| one.price.0).collect();
    assert_eq!(prices, [500_000, 500_000]);
    assert_eq!(states(&park), [BundleState::Accepted; 2]);
    verifies(&mut park);
}

#[test]
fn joint_trades_count_in_the_price_index() {
    let mut park = joint_park();
    let index = Action::ActivateRules {
        rules: RuleSet::PriceIndex,
        from: DAY,
    };
    assert_eq!(park.submit(REGISTRAR, index), [0]);
    neighbor(&mut park);
    assert_eq!(park.submit(ALICE, battery(0)), [0]);
    hold(&mut park);
    let turnover = park.ledger.state().trading.index.day(DAY).auction;
    assert_eq!(turnover.volume, WattHours(18_000));
    assert_eq!(turnover.value, 10_000 * 450_000 + 8_000 * 750_000);
}
