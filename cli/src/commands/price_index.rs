//! `wattle price-index`: what a kilowatt-hour cost within the park, day by day.

use wattle_ledger::derived::AveragePrice;

use crate::args::PeriodArgs;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    args: &PeriodArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let (from, to) = park.period(args)?;
    let index = park.client.price_index(from, to)?;
    let mut table = Table::new(&[
        "day that begins",
        ">traded ahead",
        ">at",
        ">surplus pool",
        ">at",
        ">together",
        ">at",
        "state",
    ]);
    for day in &index.days {
        let mut row = vec![park.interval_text(day.day)];
        for AveragePrice { volume, price } in [day.auction, day.pool, day.together] {
            row.push(volume.to_string());
            row.push(price.map_or_else(|| "-".to_owned(), |price| price.to_string()));
        }
        row.push(index.log.stage(day.leaf).name().to_owned());
        table.row(row);
    }
    output.print(&index, |writer| {
        table.write(
            writer,
            "no day of the index begins in this period: it starts when the registrar puts it in \
             force (wattle registrar rules activate price-index), and a day is priced once its \
             last interval is settled",
        )?;
        writeln!(writer, "{}", extent_text(&index.log))
    })
}
