use crate::market::{BUYER, SELLER, meter_key, read_until_accepted, register, tenant};
use crate::park::{Park, submit, wait_for};
use wattle_client::Client;
use wattle_client::api::{ChargeKind, Invoice, SettledLine};
use wattle_ledger::billing::{MonthCloseTerms, UtilityBill};
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::registration::{BoundaryMeter, MeterId, MeterKind, RuleSet};
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::invoice::MonthPrices;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};
use wattle_node::clock::wall_ms;

/// 2026-07-31 23:45 in Shanghai: the last interval of its month, and the only one that counts.
const LAST: DeliveryInterval = DeliveryInterval(1_980_928 + 31 * 96 - 1);
const JULY: LocalMonth = LocalMonth(2026 * 12 + 6);
const YUAN: i64 = Money::YUAN.0;

fn rules(park: &Park, client: &Client) {
    let mut registrar = park.author(client, &park.registrar);
    let terms = MonthCloseTerms {
        prices: MonthPrices {
            demand: 40_000_000,
            fee: Money(10 * YUAN),
            vat_basis_points: 1_300,
        },
        residue_owner: SELLER,
    };
    let boundary = BoundaryMeter {
        id: MeterId(9),
        kind: MeterKind::Import,
        key: meter_key(9).public(),
        from: LAST,
        register: WattHours(500),
        rated_w: 400_000,
    };
    let from = LAST;
    for action in [
        Action::SetMonthClose { from, terms },
        Action::ActivateRules {
            rules: RuleSet::MonthClose,
            from,
        },
        Action::RegisterBoundaryMeter(boundary),
    ] {
        submit(client, &mut registrar, action);
    }
    for point in [SELLER, BUYER].map(|id| PointId(id.0)) {
        let from = LAST.next();
        submit(client, &mut registrar, Action::EndPoint { point, from });
    }
}

fn read(park: &Park, client: &Client) {
    wait_for("the end of the interval", || {
        (client.status().unwrap().park_time_ms >= LAST.end().plus_millis(60_000)).then_some(())
    });
    for (meter, register) in [(1, 15_000), (2, 3_000), (3, 14_000), (9, 2_520)] {
        let mut author = park.author(client, &meter_key(meter));
        let reading = Reading {
            interval: LAST,
            register: WattHours(register),
        };
        read_until_accepted(client, &mut author, reading);
    }
}

/// What moved on the buyer's account, by his statement, is what it holds.
fn statement_is_the_balance(client: &Client) {
    let (from, to) = (LAST.minus(96), LAST.plus(10 * 96));
    let statement = client.statement(BUYER, from, to).unwrap();
    let lines = statement.lines.iter().flat_map(SettledLine::postings);
    let lines: i64 = lines.map(|posting| posting.amount.0).sum();
    let funds: i64 = statement.funds.iter().map(|funds| funds.amount.0).sum();
    let charges: i64 = statement.charges.iter().map(|charge| charge.amount.0).sum();
    let balance = client.balance(BUYER).unwrap().balance.0;
    assert_eq!(lines + funds + charges, balance);
    assert_eq!(funds, 100 * YUAN);
    let kinds: Vec<ChargeKind> = statement.charges.iter().map(|one| one.kind).collect();
    let expected = [ChargeKind::Demand, ChargeKind::Fees, ChargeKind::Covered];
    assert_eq!(kinds, expected[..kinds.len()]);
}

#[test]
fn month_closes_with_invoices_losses_a_bill_and_a_default() {
    let mut park = Park::fast_from(1, 240, LAST.minus(1));
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let finals = Action::ActivateRules {
        rules: RuleSet::FinalRuns,
        from: LAST,
    };
    submit(&client, &mut registrar, finals);
    register(&park, &client, LAST);
    rules(&park, &client);
    read(&park, &client);
    let settled = LAST.settlement_due().plus_millis(60_000);
    wait_for("the settlement", || {
        (client.status().unwrap().log_time_ms >= settled).then_some(())
    });
    assert!(node.terminate().success());

    let mut config = park.configs[0].clone();
    config.clock.wall_base_ms = wall_ms();
    config.clock.base_ms = LAST.final_run_due(480).minus_millis(60_000).0;
    park.write_config(&config);
    park.configs[0] = config;
    let node = park.start(1);
    let buyer = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(BUYER)));
    let invoice: Invoice = wait_for("the invoice", || {
        buyer.invoices(BUYER).unwrap().invoices.pop()
    });
    assert_eq!(invoice.month, JULY);
    assert_eq!(invoice.points.len(), 1);
    let point = invoice.points[0];
    assert_eq!((point.need, point.at), (WattHours(14_000), LAST));
    assert_eq!(point.demand, Money(56 * 40 * YUAN));
    let energy: i64 = invoice.postings.iter().map(|one| one.amount.0).sum();
    assert_eq!(invoice.gross.0, 2_250 * YUAN - energy);
    statement_is_the_balance(&buyer);
    assert!(
        buyer.months().is_err(),
        "only offices see the park's months"
    );

    let treasurer_of = |client: &Client| park.author(client, &park.treasurer);
    let office = park
        .client(&[&node])
        .with_credentials(park.credentials(&park.treasurer));
    let bill = UtilityBill {
        imported: WattHours(2_020),
        exported: WattHours(0),
        amount: Money(2_000 * YUAN),
        reference: "2026-07".to_owned(),
    };
    let month = JULY;
    let record = Action::RecordUtilityBill { month, bill };
    submit(&office, &mut treasurer_of(&office), record);
    let participant = BUYER;
    let declare = Action::DeclareDefault { participant, month };
    submit(&office, &mut treasurer_of(&office), declare);
    let months = office.months().unwrap();
    let closed = &months.months[0];
    assert_eq!(months.months.len(), 1);
    // 2,020 Wh came in, and the points took 14,000 less 12,000.
    assert_eq!(closed.imported, Some(WattHours(2_020)));
    assert_eq!(closed.losses, Some(WattHours(20)));
    let residue = closed.collected.0 - 2_000 * YUAN;
    assert_eq!(closed.residue, Some(Money(residue)));
    assert_eq!((months.grid, months.residue), (Money(0), Money(residue)));
    assert_eq!(months.in_default[0].participant, BUYER);
    let covers = buyer.invoices(BUYER).unwrap().invoices.remove(0).covers;
    assert!(covers.iter().all(|one| one.kind == ChargeKind::Covered));
    let seller = park
        .client(&[&node])
        .with_credentials(park.credentials(&tenant(SELLER)));
    let cuts = seller.invoices(SELLER).unwrap().invoices.remove(0).covers;
    let sum = |charges: &[wattle_client::api::Charge]| -> i64 {
        charges.iter().map(|charge| charge.amount.0).sum()
    };
    assert_eq!(sum(&covers), -sum(&cuts), "nothing was in the fund");
    statement_is_the_balance(&buyer);
    assert!(node.terminate().success());
}
