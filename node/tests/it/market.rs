use crate::park::{PATIENCE, Park, participant, submit, wait_for};
use wattle_client::api::Standing;
use wattle_client::{Client, Outcome};
use wattle_ledger::derived::TradeRole;
use wattle_ledger::event::{Action, OrderItem, OrderWithMinimum, Reading};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{
    MarketMode, Meter, MeterId, MeterKind, Metering, ParticipantId, Point, Role, TariffId,
};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::units::{Money, Price, WattHours};

pub const SELLER: ParticipantId = ParticipantId(1);
pub const BUYER: ParticipantId = ParticipantId(2);

pub fn tenant(id: ParticipantId) -> SigningKey {
    SigningKey::from_seed(&[u8::try_from(100 + id.0).unwrap(); 32])
}

pub fn meter_key(id: u32) -> SigningKey {
    SigningKey::from_seed(&[u8::try_from(200 + id).unwrap(); 32])
}

fn point(id: ParticipantId, from: DeliveryInterval) -> Point {
    Point {
        id: PointId(id.0),
        participant: id,
        building: BuildingId(1),
        tariff: TariffId(1),
        generation_w: 100_000,
        connection_w: 100_000,
        metering: Metering::LoadMeter,
        from,
    }
}

/// Meters 1 and 2 are the seller's generation and load, 3 the buyer's load.
fn meter(id: u32, point: ParticipantId, kind: MeterKind, from: DeliveryInterval) -> Meter {
    Meter {
        id: MeterId(id),
        point: PointId(point.0),
        kind,
        key: meter_key(id).public(),
        from,
        register: WattHours(0),
        rated_w: 100_000,
    }
}

pub fn order(id: ParticipantId, interval: DeliveryInterval, side: Side, limit: i64) -> Action {
    let quantity = WattHours(10_000);
    let limit = Price(limit);
    Action::PlaceOrders(vec![OrderItem {
        point: PointId(id.0),
        interval,
        side,
        quantity,
        limit,
    }])
}

pub fn register(park: &Park, client: &Client, interval: DeliveryInterval) {
    let mut registrar = park.author(client, &park.registrar);
    let mut treasurer = park.author(client, &park.treasurer);
    for id in [SELLER, BUYER] {
        submit(client, &mut registrar, participant(id.0));
        let key = tenant(id).public();
        submit(
            client,
            &mut registrar,
            Action::AddKey {
                key,
                role: Role::Tenant(id),
            },
        );
        submit(
            client,
            &mut registrar,
            Action::RegisterPoint(point(id, interval)),
        );
        let amount = Money(100 * Money::YUAN.0);
        let reference = format!("BANK-{id}");
        submit(
            client,
            &mut treasurer,
            Action::Deposit {
                participant: id,
                amount,
                reference,
            },
        );
    }
    for (id, owner, kind) in [
        (1, SELLER, MeterKind::Generation),
        (2, SELLER, MeterKind::Load),
        (3, BUYER, MeterKind::Load),
    ] {
        submit(
            client,
            &mut registrar,
            Action::RegisterMeter(meter(id, owner, kind, interval)),
        );
    }
}

#[test]
fn an_order_is_traded_metered_settled_and_shown() {
    let park = Park::fast(1, 240);
    let node = park.start(1);
    let client = park.client(&[&node]);
    // The gate of this interval closes ten seconds after the park's start.
    let interval = park.genesis.body().first_interval.plus(1);
    register(&park, &client, interval);
    let mut seller = park.author(&client, &tenant(SELLER));
    let mut buyer = park.author(&client, &tenant(BUYER));
    submit(
        &client,
        &mut seller,
        order(SELLER, interval, Side::Sell, 450_000),
    );
    submit(
        &client,
        &mut buyer,
        order(BUYER, interval, Side::Buy, 550_000),
    );

    let book = client.book(interval).unwrap();
    assert!(book.open);
    assert_eq!((book.bids.len(), book.offers.len()), (1, 1));
    assert_eq!(book.offers[0].price, Price(450_000));
    let as_buyer = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(BUYER)));
    let orders = as_buyer.orders(BUYER).unwrap().orders;
    assert_eq!((orders.len(), orders[0].quantity), (1, WattHours(10_000)));

    wait_for("the gate", || {
        client.prices(interval, interval).unwrap().intervals.pop()
    });
    assert!(!client.book(interval).unwrap().open);
    let trades = as_buyer.trades(BUYER, interval, interval).unwrap().trades;
    assert_eq!(trades.len(), 1);
    assert_eq!(
        (trades[0].price, trades[0].filled),
        (Price(500_000), WattHours(10_000))
    );
    assert_eq!(trades[0].amount, Money(-5 * Money::YUAN.0));

    wait_for("the end of delivery", || {
        (client.status().unwrap().log_time_ms >= interval.end()
            || client.status().unwrap().park_time_ms >= interval.end().plus_millis(60_000))
        .then_some(())
    });
    for (id, register) in [(1, 15_000), (2, 3_000), (3, 12_000)] {
        let mut author = park.author(&client, &meter_key(id));
        let reading = Reading {
            interval,
            register: WattHours(register),
        };
        read_until_accepted(&client, &mut author, reading);
    }
    let settled = wait_for("the settlement", || {
        client
            .prices(interval, interval)
            .unwrap()
            .intervals
            .pop()
            .filter(|cleared| cleared.settled)
    });
    assert_eq!(settled.volume, WattHours(10_000));
    let statement = as_buyer.statement(BUYER, interval, interval).unwrap();
    assert_eq!(statement.lines.len(), 1);
    let line = &statement.lines[0];
    assert_eq!((line.standing, &line.adjusted), (Standing::Only, &None));
    let run = line.initial.as_ref().unwrap();
    assert_eq!(run.substituted, []);
    assert_eq!(run.line.need, WattHours(12_000));
    assert_eq!(run.line.contracted, WattHours(-10_000));
    let sum: i64 = line.postings().map(|posting| posting.amount.0).sum();
    assert_eq!(
        (sum, statement.credit),
        (run.line.credit.0, run.line.credit)
    );
    assert!(
        statement.credit > statement.grid_alone,
        "the trade was worth it"
    );
    let balance = as_buyer.balance(BUYER).unwrap();
    assert_eq!(balance.balance.0, 100 * Money::YUAN.0 + statement.credit.0);
    assert_eq!(balance.reserved, Money(0));
    assert!(node.terminate().success());
}

/// The log's time is that of its last batch, so a reading may come a moment too early.
pub fn read_until_accepted(client: &Client, author: &mut wattle_client::Author, reading: Reading) {
    wait_for("the reading to be accepted", || {
        let event = author.sign(Action::SubmitReadings(vec![reading]), Timestamp(0));
        let Outcome::Committed(outcome) = client.submit(&event, PATIENCE).unwrap() else {
            panic!("pending");
        };
        match outcome.first_refusal() {
            None => Some(()),
            Some((_, item)) if item.name == "reading_from_future" => None,
            Some((_, item)) => panic!("{}", item.sentence),
        }
    });
}

#[test]
fn orders_of_a_continuous_interval_trade_before_its_gate() {
    let park = Park::fast(1, 240);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let interval = park.genesis.body().first_interval.plus(4);
    register(&park, &client, interval);
    let mut registrar = park.author(&client, &park.registrar);
    let mode = Action::SetMarketMode {
        from: interval,
        mode: MarketMode::Continuous,
    };
    submit(&client, &mut registrar, mode);
    let book = client.book(interval).unwrap();
    assert_eq!((book.mode, book.traded), (MarketMode::Continuous, None));
    let mut seller = park.author(&client, &tenant(SELLER));
    let mut buyer = park.author(&client, &tenant(BUYER));
    let sell = order(SELLER, interval, Side::Sell, 450_000);
    submit(&client, &mut seller, sell);
    let Action::PlaceOrders(items) = order(BUYER, interval, Side::Buy, 550_000) else {
        unreachable!("it places orders");
    };
    let immediate = OrderWithMinimum {
        order: OrderItem {
            quantity: WattHours(4_000),
            ..items[0]
        },
        minimum: WattHours(4_000),
    };
    let immediate = Action::PlaceImmediate(vec![immediate]);
    submit(&client, &mut buyer, immediate);

    let book = client.book(interval).unwrap();
    assert!(book.open && book.bids.is_empty());
    assert_eq!(book.offers[0].quantity, WattHours(6_000));
    let traded = book.traded.unwrap();
    assert_eq!((traded.trades, traded.volume), (1, WattHours(4_000)));
    assert_eq!(traded.last, Price(450_000));
    for (who, role, amount) in [
        (SELLER, TradeRole::Maker, 1_800_000_000),
        (BUYER, TradeRole::Taker, -1_800_000_000),
    ] {
        let client = park
            .client(&[&node])
            .with_credentials(park.credentials(&tenant(who)));
        let trades = client.trades(who, interval, interval).unwrap().trades;
        assert_eq!(trades.len(), 1);
        assert_eq!(
            (trades[0].role, trades[0].amount),
            (Some(role), Money(amount))
        );
    }
    let prices = wait_for("the gate", || {
        client.prices(interval, interval).unwrap().intervals.pop()
    });
    assert_eq!(prices.mode, MarketMode::Continuous);
    assert_eq!(prices.price, Some(Price(450_000)));
    assert_eq!((prices.bids, prices.offers), (0, 1), "what still rested");
    let book = client.book(interval).unwrap();
    assert!(!book.open && book.offers.is_empty());
}
