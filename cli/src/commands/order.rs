//! `wattle order …`: place, change, cancel and list orders.

mod change;
mod worst_case;

pub(super) use worst_case::shortfall_price;

use serde::Serialize;
use wattle_client::api::{EventOutcome, ItemOutcome, Trade};
use wattle_ledger::event::{Action, OrderId, OrderItem, OrderWithMinimum};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

use crate::args::{CancelArgs, OrderCommand, PlaceArgs, SideArg, WhoArgs};
use crate::commands::trades;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::{Park, Recorded, TENANT_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    command: &OrderCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    match command {
        OrderCommand::Place(args) => place(args, &park, output),
        OrderCommand::Cancel(args) => cancel(args, &park, output),
        OrderCommand::Change(args) => change::change(args, &park, output),
        OrderCommand::CancelAll(args) => change::cancel_all(args, &park, output),
        OrderCommand::List(args) => list(args, &park, output),
    }
}

/// An event of orders, with the names that its orders have from now on.
#[derive(Debug, Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    outcome: &'a EventOutcome,
    /// In the order of the outcome's items; none where the item was refused.
    orders: Vec<Option<String>>,
    /// What immediate orders traded; none: they are no such orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    trades: Option<Vec<Trade>>,
}

fn place(args: &PlaceArgs, park: &Park<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let items = items(args, park)?;
    if args.dry_run {
        return worst_case::print(&items, park, output);
    }
    let recorded = park.submit(&park.key(TENANT_KEY)?, action(args, &items))?;
    let Recorded { event, outcome } = &recorded;
    let body = event.body();
    let (key, sequence) = (body.author, body.sequence);
    let ids = (0..items.len()).map(|item| OrderId {
        key,
        sequence,
        item: u16::try_from(item).expect("at most 768 orders are typed at once"),
    });
    // An action that was refused whole has one outcome for all its items.
    let told = |place: usize| outcome.items.get(place).or(outcome.items.first());
    let is_accepted = |place| told(place).is_some_and(ItemOutcome::is_accepted);
    let orders: Vec<Option<String>> = ids
        .enumerate()
        .map(|(place, id)| is_accepted(place).then(|| id.to_string()))
        .collect();
    let mut table = Table::new(&[
        "interval",
        "side",
        ">quantity",
        ">limit",
        "outcome",
        "order",
    ]);
    for ((place, item), order) in items.iter().enumerate().zip(&orders) {
        table.row(vec![
            park.interval_text(item.interval),
            item.side.to_string(),
            item.quantity.to_string(),
            item.limit.to_string(),
            told(place).map_or_else(String::new, |told| told.name.clone()),
            order.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    let trades = if args.immediate && orders.iter().any(Option::is_some) {
        Some(traded(&items, &orders, park)?)
    } else {
        None
    };
    let placed = Placed {
        outcome,
        orders,
        trades,
    };
    output.print(&placed, |writer| {
        table.write(writer, "")?;
        writeln!(writer, "{}", recorded.staged_text())?;
        let Some(trades) = &placed.trades else {
            return Ok(());
        };
        trades::table(park, trades, None).write(writer, "nothing traded; all of it was cancelled")
    })?;
    recorded.check()
}

/// The trades of orders that were just placed: they are recorded with the orders' own event.
fn traded(
    items: &[OrderItem],
    orders: &[Option<String>],
    park: &Park<'_>,
) -> Result<Vec<Trade>, Failure> {
    let intervals = || items.iter().map(|item| item.interval);
    let (Some(from), Some(to)) = (intervals().min(), intervals().max()) else {
        return Ok(Vec::new());
    };
    let (client, participant) = park.private_of(&WhoArgs { participant: None })?;
    let mut trades = client.trades(participant, from, to)?.trades;
    trades.retain(|trade| orders.contains(&Some(trade.order.clone())));
    Ok(trades)
}

fn items(args: &PlaceArgs, park: &Park<'_>) -> Result<Vec<OrderItem>, Failure> {
    let first = args.interval.interval(park.offset())?;
    let item = |later: u16| OrderItem {
        point: PointId(args.point),
        interval: first.plus(u64::from(later)),
        side: match args.side {
            SideArg::Buy => Side::Buy,
            SideArg::Sell => Side::Sell,
        },
        quantity: args.quantity,
        limit: args.limit,
    };
    Ok((0..args.intervals).map(item).collect())
}

/// A plain order stays a plain order; only who wants more of it signs another action.
fn action(args: &PlaceArgs, items: &[OrderItem]) -> Action {
    let minimum = match (args.minimum, args.fill_or_kill) {
        (Some(minimum), _) => minimum,
        (None, true) => args.quantity,
        (None, false) if args.immediate => WattHours::ZERO,
        (None, false) => return Action::PlaceOrders(items.to_vec()),
    };
    let with_minimum = |order: &OrderItem| OrderWithMinimum {
        order: *order,
        minimum,
    };
    let items = items.iter().map(with_minimum).collect();
    match args.immediate {
        true => Action::PlaceImmediate(items),
        false => Action::PlaceOrdersWith(items),
    }
}

fn cancel(args: &CancelArgs, park: &Park<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let action = Action::CancelOrders(args.orders.clone());
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
}

fn list(args: &WhoArgs, park: &Park<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let (client, participant) = park.private_of(args)?;
    let open = client.orders(participant)?;
    let mut table = Table::new(&["interval", ">point", "side", ">quantity", ">limit", "order"]);
    for order in &open.orders {
        table.row(vec![
            park.interval_text(order.interval),
            order.point.0.to_string(),
            order.side.to_string(),
            order.quantity.to_string(),
            order.limit.to_string(),
            order.order.clone(),
        ]);
    }
    output.print(&open, |writer| {
        table.write(writer, "no open orders")?;
        writeln!(writer, "{}", extent_text(&open.log))
    })
}
