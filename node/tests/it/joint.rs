use crate::market::{BUYER, SELLER, register, tenant};
use crate::park::{Park, submit, wait_for};
use wattle_client::api::JointPart;
use wattle_ledger::derived::BundleState;
use wattle_ledger::event::{Action, OrderItem};
use wattle_ledger::registration::RuleSet;
use wattle_market::interval::DeliveryInterval;
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

/// The first interval of a local day, eight hours ahead of UTC.
const DAY: DeliveryInterval = DeliveryInterval(2_000_032);

#[test]
fn a_bundle_meets_simple_orders_at_noon_of_the_day_before() {
    // The park's time begins at 11:15 and reaches noon eleven seconds later.
    let first = DAY.minus(49);
    let park = Park::fast_from(1, 240, first);
    let node = park.start(1);
    let client = park.client(&[&node]);
    register(&park, &client, DAY);
    let mut registrar = park.author(&client, &park.registrar);
    let rules = RuleSet::JointAuction;
    let activate = Action::ActivateRules { rules, from: DAY };
    submit(&client, &mut registrar, activate);
    let (noon, evening) = (DAY.plus(48), DAY.plus(76));
    let mut seller = park.author(&client, &tenant(SELLER));
    let mut buyer = park.author(&client, &tenant(BUYER));
    let order = |interval, side, limit| OrderItem {
        point: PointId(SELLER.0),
        interval,
        side,
        quantity: WattHours(10_000),
        limit: Price(limit),
    };
    let orders = vec![
        order(noon, Side::Sell, 300_000),
        order(evening, Side::Buy, 900_000),
    ];
    submit(&client, &mut seller, Action::PlaceOrders(orders));
    let leg = |interval, side, quantity| Leg {
        interval,
        side,
        quantity: WattHours(quantity),
    };
    let battery = |limit: i64| Action::PlaceBundle {
        point: PointId(BUYER.0),
        legs: vec![leg(noon, Side::Buy, 8_000), leg(evening, Side::Sell, 6_000)],
        limit: Money(limit),
    };
    submit(&client, &mut buyer, battery(0));
    submit(&client, &mut buyer, battery(400_000_000));
    let as_buyer = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(BUYER)));
    let open = as_buyer.bundles(BUYER, DAY, DAY).unwrap().open;
    assert_eq!((open.len(), open[0].day), (2, DAY));
    assert!(open[0].reserved > Money(0));

    let joint = wait_for("the joint auction", || {
        let prices = client.prices(noon, noon).unwrap();
        prices.intervals.into_iter().next()?.joint
    });
    assert_eq!(
        (joint.volume, joint.bought_in_bundles),
        (WattHours(8_000), WattHours(8_000))
    );
    let bundles = as_buyer.bundles(BUYER, DAY, DAY).unwrap();
    assert_eq!(bundles.open, []);
    let states: Vec<BundleState> = bundles.closed.iter().map(|one| one.state).collect();
    // Ten kilowatt-hours have room for one of them alone; the one that asks for less stays.
    assert_eq!(states, [BundleState::Accepted, BundleState::Rejected]);
    assert!(
        bundles.closed[1].surplus > Some(Money(0)),
        "rejected though profitable"
    );
    let trades = as_buyer.trades(BUYER, noon, evening).unwrap().trades;
    let sum: i64 = trades.iter().map(|trade| trade.amount.0).sum();
    assert_eq!(bundles.closed[0].cash, Some(Money(sum)));
    assert!(
        trades
            .iter()
            .all(|trade| trade.joint == Some(JointPart::Bundle))
    );
    let at_noon = as_buyer.trades(BUYER, noon, noon).unwrap().trades;
    assert_eq!((trades.len(), at_noon.len()), (2, 1));
    assert_eq!(at_noon[0].price, joint.price);
    let as_seller = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(SELLER)));
    let trades = as_seller.trades(SELLER, noon, noon).unwrap().trades;
    assert_eq!(trades[0].joint, Some(JointPart::Order));
    let left = as_seller.orders(SELLER).unwrap().orders;
    let left: Vec<WattHours> = left.iter().map(|order| order.quantity).collect();
    assert_eq!(
        left,
        [WattHours(2_000), WattHours(4_000)],
        "open until their gates"
    );
    assert!(node.terminate().success());
}
