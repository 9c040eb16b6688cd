use crate::market::{BUYER, SELLER, order, register, tenant};
use crate::park::{Park, submit, wait_for};
use wattle_ledger::derived::AveragePrice;
use wattle_ledger::event::Action;
use wattle_ledger::registration::RuleSet;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};
use wattle_node::clock::wall_ms;

/// 2026-07-02 00:00 in Shanghai: a local day begins.
const FIRST: DeliveryInterval = DeliveryInterval(1_980_928 + 96);

/// The node lives through the first minutes fast, and wakes up after the day is over.
#[test]
fn the_index_of_a_day_is_published_once_its_last_interval_is_settled() {
    let mut park = Park::fast_from(1, 240, FIRST);
    let interval = FIRST.plus(8);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let (rules, from) = (RuleSet::PriceIndex, FIRST);
    let activate = Action::ActivateRules { rules, from };
    submit(&client, &mut registrar, activate);
    register(&park, &client, interval);
    for (id, side, limit) in [(SELLER, Side::Sell, 450_000), (BUYER, Side::Buy, 550_000)] {
        let mut author = park.author(&client, &tenant(id));
        submit(&client, &mut author, order(id, interval, side, limit));
    }
    assert_eq!(client.price_index(FIRST, interval).unwrap().days, []);
    assert!(node.terminate().success());

    let mut config = park.configs[0].clone();
    config.clock.wall_base_ms = wall_ms();
    config.clock.base_ms = FIRST.plus(95).settlement_due().0;
    park.write_config(&config);
    park.configs[0] = config;
    let node = park.start(1);
    let client = park.client(&[&node]);
    let day = wait_for("the day's index", || {
        client
            .price_index(FIRST, FIRST.plus(95))
            .unwrap()
            .days
            .pop()
    });
    assert_eq!(day.day, FIRST);
    let traded = AveragePrice {
        volume: WattHours(10_000),
        price: Some(Price(500_000)),
    };
    assert_eq!(day.auction, traded);
    assert_eq!(day.together.volume.0, 10_000 + day.pool.volume.0);
    // The next day has not ended.
    let later = client.price_index(FIRST.plus(1), FIRST.plus(200)).unwrap();
    assert_eq!(later.days, []);
    assert!(node.terminate().success());
}
