//! `wattle trades`: one's orders that were filled.

use crate::args::RangeArgs;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;
use wattle_client::api::{Extent, JointPart, Trade};
use wattle_ledger::derived::TradeRole;

pub(super) fn run(
    args: &RangeArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let (from, to) = park.period(&args.period)?;
    let (client, participant) = park.private_of(&args.who)?;
    let trades = client.trades(participant, from, to)?;
    let table = table(&park, &trades.trades, Some(&trades.log));
    output.print(&trades, |writer| {
        table.write(
            writer,
            "no trades in this period; choose another with --from and --to",
        )?;
        writeln!(writer, "{}", extent_text(&trades.log))
    })
}

/// One row for each leg; without a log, of what was committed just now.
pub(super) fn table(park: &Park<'_>, trades: &[Trade], log: Option<&Extent>) -> Table {
    let header = [
        "interval", ">point", "side", ">ordered", ">filled", ">price", "by", ">amount", ">entry",
        "state",
    ];
    let mut table = Table::new(&header);
    for trade in trades {
        table.row(vec![
            park.interval_text(trade.interval),
            trade.point.0.to_string(),
            trade.side.to_string(),
            trade.ordered.to_string(),
            trade.filled.to_string(),
            trade.price.to_string(),
            venue(trade).to_owned(),
            trade.amount.to_string(),
            trade.leaf.to_string(),
            log.map_or("committed", |log| log.stage(trade.leaf).name())
                .to_owned(),
        ]);
    }
    table
}

/// What filled it.
fn venue(trade: &Trade) -> &'static str {
    match trade.joint {
        Some(JointPart::Order) => "joint",
        Some(JointPart::Bundle) => "bundle",
        None => trade.role.map_or("auction", TradeRole::name),
    }
}
