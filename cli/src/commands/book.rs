//! `wattle book`: open orders of one interval.

use crate::args::BookArgs;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;
use wattle_ledger::registration::MarketMode;

pub(super) fn run(
    args: &BookArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let interval = match args.interval {
        Some(moment) => moment.interval(park.offset())?,
        None => park.status.next_gate,
    };
    let book = park.client.book(interval)?;
    let mut table = Table::new(&["side", ">price", ">quantity", ">orders"]);
    // As a book is read: the dearest offer on top, the best of both sides in the middle.
    let offers = book.offers.iter().rev().map(|level| ("offer", level));
    let bids = book.bids.iter().map(|level| ("bid", level));
    for (side, level) in offers.chain(bids) {
        table.row(vec![
            side.to_owned(),
            level.price.to_string(),
            level.quantity.to_string(),
            level.orders.to_string(),
        ]);
    }
    output.print(&book, |writer| {
        let gate = if book.open { "open" } else { "closed" };
        let mode = match book.mode {
            MarketMode::CallAuction => "call auction",
            MarketMode::Continuous => "continuous",
        };
        let interval = park.interval_text(interval);
        writeln!(writer, "{interval}, {mode}, gate {gate}")?;
        if let Some(traded) = &book.traded {
            let average = traded.average.unwrap_or(traded.last);
            let trades = if traded.trades == 1 {
                "trade"
            } else {
                "trades"
            };
            writeln!(
                writer,
                "traded so far: {} in {} {trades}, on average at {average}, the last at {}",
                traded.volume, traded.trades, traded.last
            )?;
        }
        table.write(writer, "no open orders")?;
        writeln!(writer, "{}", extent_text(&book.log))
    })
}
