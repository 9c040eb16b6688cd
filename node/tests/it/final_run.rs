use crate::market::{BUYER, SELLER, meter_key, read_until_accepted, register, tenant};
use crate::park::{Park, submit, wait_for};
use wattle_client::api::{SettledLine, Standing};
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::registration::{ParticipantId, RuleSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};
use wattle_node::clock::wall_ms;

/// 2026-07-31 23:30 in Shanghai: the interval after it is the last but one of its month.
const FIRST: DeliveryInterval = DeliveryInterval(1_980_928 + 31 * 96 - 2);

fn reading(interval: DeliveryInterval, register: i64) -> Reading {
    Reading {
        interval,
        register: WattHours(register),
    }
}

fn line(park: &Park, node: &crate::park::Node, of: ParticipantId) -> Option<SettledLine> {
    let client = park
        .client(&[node])
        .with_credentials(park.credentials(&tenant(of)));
    let interval = FIRST.plus(1);
    let mut statement = client.statement(of, interval, interval).unwrap();
    statement.lines.pop()
}

/// The node lives through the first hours fast, and wakes up a minute before the final run.
#[test]
fn statement_shows_what_the_final_run_adjusted() {
    let mut park = Park::fast_from(1, 240, FIRST);
    let interval = FIRST.plus(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let rules = RuleSet::FinalRuns;
    let from = interval;
    submit(
        &client,
        &mut registrar,
        Action::ActivateRules { rules, from },
    );
    register(&park, &client, interval);
    let mut registrar = park.author(&client, &park.registrar);
    for point in [SELLER, BUYER].map(|id| PointId(id.0)) {
        let from = interval.next();
        submit(&client, &mut registrar, Action::EndPoint { point, from });
    }
    wait_for("the end of the interval", || {
        (client.status().unwrap().log_time_ms >= interval.end()
            || client.status().unwrap().park_time_ms >= interval.end().plus_millis(60_000))
        .then_some(())
    });
    for (id, register) in [(1, 15_000), (2, 3_000)] {
        let mut author = park.author(&client, &meter_key(id));
        read_until_accepted(&client, &mut author, reading(interval, register));
    }
    let provisional = wait_for("the settlement", || line(&park, &node, BUYER));
    assert_eq!(provisional.standing, Standing::Provisional);
    assert_eq!(provisional.adjusted, None);
    let initial = provisional.initial.unwrap();
    // Nobody read the buyer's meter, so its rating counts: 100 kW for a quarter of an hour.
    assert_eq!(initial.line.need, WattHours(25_000));
    let mut author = park.author(&client, &meter_key(3));
    read_until_accepted(&client, &mut author, reading(interval, 12_000));
    assert!(node.terminate().success());

    let due = interval.final_run_due(480);
    let mut config = park.configs[0].clone();
    config.clock.wall_base_ms = wall_ms();
    config.clock.base_ms = due.minus_millis(60_000).0;
    park.write_config(&config);
    park.configs[0] = config;
    let node = park.start(1);
    let settled = wait_for("the final run", || {
        line(&park, &node, BUYER).filter(|line| line.standing == Standing::Final)
    });
    assert_eq!(
        settled.initial.as_ref(),
        Some(&initial),
        "what was posted stays"
    );
    let adjusted = settled.adjusted.as_ref().unwrap();
    assert_eq!(adjusted.line.need, WattHours(12_000));
    assert_eq!(adjusted.substituted, []);
    assert!(adjusted.leaf > initial.leaf);
    let posted: i64 = settled.postings().map(|posting| posting.amount.0).sum();
    assert_eq!(posted, adjusted.line.credit.0);
    assert!(posted > initial.line.credit.0, "less was used than assumed");
    let client = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(BUYER)));
    let (from, to) = (interval, interval.plus(96));
    let statement = client.statement(BUYER, from, to).unwrap();
    let balance = client.balance(BUYER).unwrap();
    let lines = statement.lines.iter().flat_map(SettledLine::postings);
    let sum: i64 = lines.map(|posting| posting.amount.0).sum();
    assert_eq!(statement.credit, Money(sum));
    let seller = line(&park, &node, SELLER).unwrap();
    assert_eq!(seller.standing, Standing::Final);
    assert!(balance.balance.0 < 100 * Money::YUAN.0);
    assert!(node.terminate().success());
}
