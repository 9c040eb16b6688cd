//! What orders can cost at most: the collateral that the ledger would hold for them.

use serde::Serialize;
use wattle_client::api::{RegisteredTariff, Registry};
use wattle_ledger::event::OrderItem;
use wattle_ledger::genesis::Genesis;
use wattle_market::collateral::collateral;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Money, Price};

use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;

/// One order that was not sent.
#[derive(Debug, Serialize)]
struct Priced<'a> {
    #[serde(flatten)]
    order: &'a OrderItem,
    collateral: Money,
}

/// All of them.
#[derive(Debug, Serialize)]
struct WorstCase<'a> {
    orders: Vec<Priced<'a>>,
    total: Money,
}

/// Prints the worst case; nothing is signed or sent.
pub(super) fn print(
    items: &[OrderItem],
    park: &Park<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let registry = park.client.registry()?;
    let too_large = || {
        Failure::usage(
            "the order's worst case does not fit a money amount",
            "check the units",
        )
    };
    let wheeling = registry.terms.wheeling;
    let mut table = Table::new(&["interval", "side", ">quantity", ">limit", ">at worst"]);
    let (mut orders, mut total) = (Vec::new(), Money::ZERO);
    for order in items {
        let shortfall = shortfall_price(&park.genesis, &registry, order.interval);
        let (quantity, limit) = (order.quantity, order.limit);
        let collateral =
            collateral(order.side, quantity, limit, shortfall, wheeling).ok_or_else(too_large)?;
        total = total.checked_add(collateral).ok_or_else(too_large)?;
        table.row(vec![
            park.interval_text(order.interval),
            order.side.to_string(),
            quantity.to_string(),
            limit.to_string(),
            collateral.to_string(),
        ]);
        orders.push(Priced { order, collateral });
    }
    let why = match items.first().map(|order| order.side) {
        Some(Side::Sell) => {
            "if nothing is delivered and all of it is bought back at the shortfall price"
        }
        _ => "if all of it is bought at the limit, with wheeling",
    };
    let worst = WorstCase { orders, total };
    output.print(&worst, |writer| {
        table.write(writer, "")?;
        writeln!(writer, "at worst {total}: {why}")
    })?;
    eprintln!("Nothing was signed or sent. So much of the free balance would be held until then.");
    Ok(())
}

/// The greatest of feed-in and the retail prices of all points at the interval, as far as they are
/// known now. Of a tariff that was set after the park's founding a node tells the price of the
/// next gate alone; that stands in for it.
pub(in crate::commands) fn shortfall_price(
    genesis: &Genesis,
    registry: &Registry,
    interval: DeliveryInterval,
) -> Price {
    let retail = registry.points.iter().filter_map(|known| {
        let in_force = registry
            .tariffs
            .iter()
            .filter(|tariff| tariff.id == known.point.tariff && tariff.from <= interval)
            .max_by_key(|tariff| tariff.from)?;
        Some(price_at(genesis, in_force, interval))
    });
    retail.fold(registry.terms.feed_in, Price::max)
}

fn price_at(genesis: &Genesis, tariff: &RegisteredTariff, interval: DeliveryInterval) -> Price {
    let body = genesis.body();
    let founding = body.tariffs.iter().find(|(id, _)| *id == tariff.id);
    match founding {
        Some((_, prices)) if tariff.from == body.first_interval => {
            prices.price(interval, body.utc_offset_minutes)
        }
        _ => tariff.price,
    }
}
