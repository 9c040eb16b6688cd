//! `wattle statement`: one's settled intervals, in energy and money.

use std::io::{self, Write};

use wattle_client::api::Statement;
use wattle_market::units::WattHours;

use crate::args::RangeArgs;
use crate::failure::Failure;
use crate::moment;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;

pub(super) fn run(
    args: &RangeArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let (from, to) = park.period(&args.period)?;
    let (client, participant) = park.private_of(&args.who)?;
    let statement = client.statement(participant, from, to)?;
    output.print(&statement, |writer| write(writer, &park, &statement))
}

fn write(writer: &mut dyn Write, park: &Park<'_>, statement: &Statement) -> io::Result<()> {
    let header = [
        "interval",
        ">point",
        ">used",
        ">surplus",
        ">from the park",
        ">from the grid",
        ">retail",
        ">credit",
        ">grid alone",
        "readings",
    ];
    let mut table = Table::new(&header);
    for settled in &statement.lines {
        let line = &settled.line;
        let from_grid = WattHours(line.need.0.saturating_sub(line.received.0));
        let readings = if settled.substituted.is_empty() {
            "complete"
        } else {
            "substituted"
        };
        table.row(vec![
            park.interval_text(settled.interval),
            settled.point.0.to_string(),
            line.load.to_string(),
            line.surplus.to_string(),
            line.received.to_string(),
            from_grid.to_string(),
            settled.retail.to_string(),
            line.credit.to_string(),
            line.grid_alone.to_string(),
            readings.to_owned(),
        ]);
    }
    table.write(
        writer,
        "nothing settled in this period; choose another with --from and --to",
    )?;
    for funds in &statement.funds {
        let time = moment::time_text(funds.time_ms, park.offset());
        let kind = if funds.amount.0 < 0 {
            "withdrawal"
        } else {
            "deposit"
        };
        writeln!(
            writer,
            "{kind} {time}  {} (entry {})",
            funds.amount, funds.leaf
        )?;
    }
    writeln!(writer)?;
    writeln!(writer, "settled here          {}", statement.credit)?;
    writeln!(writer, "with the grid alone   {}", statement.grid_alone)?;
    match statement.credit.checked_sub(statement.grid_alone) {
        Some(gain) => writeln!(writer, "better by             {gain}"),
        None => Ok(()),
    }
}
