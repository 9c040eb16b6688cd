//! `wattle what-if`: an export settled again under other prices or rules.

mod tariff_file;

use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::verify::what_if::{Change, Compared, Retail, WhatIf, what_if};

use crate::args::WhatIfArgs;
use crate::commands::log_verify::progress;
use crate::export::{self, Export};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table, printable};

/// What no rerun can tell, in every output.
const UNKNOWN: &str = "\
Readings and trades are those that were. At other prices people would have ordered, used and
stored otherwise; that is not known and not guessed. Collateral, credit limits and which orders
would have been accepted are not looked at again.";

/// The answer and what it is worth.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    /// Whether every claim of a verification held before.
    verified: bool,
    /// What it cannot tell.
    unknown: &'static str,
    #[serde(flatten)]
    answer: &'a WhatIf,
}

pub(super) fn run(args: &WhatIfArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let retail = match (&args.retail_flat, &args.retail_tariff) {
        (Some(price), _) => Retail::Flat(*price),
        (None, Some(path)) => Retail::Tariff(tariff_file::read(path)?),
        (None, None) => Retail::Pinned,
    };
    let change = Change {
        retail,
        feed_in: args.feed_in,
        export: args.export_price,
        wheeling: args.wheeling,
        no_pool: args.no_pool,
        no_forward: args.no_forward,
    };
    let export = Export::open(&args.export)?;
    let period = export.period(args.month, [args.from, args.to])?;
    let answer = what_if(
        &export.directory,
        &change,
        period,
        &mut progress("settled again"),
    )
    .map_err(|error| Failure::of(Exit::Failure, &error, "choose other prices"))?;
    if answer.intervals == 0 {
        return Err(Failure::new(
            Exit::Failure,
            "the export has no settled interval in this period",
            "choose another period with --from and --to, or --month",
        ));
    }
    let shown = Shown {
        verified: export.is_verified,
        unknown: UNKNOWN,
        answer: &answer,
    };
    output.print(&shown, |writer| {
        write(writer, &answer, &change, export.is_verified)
    })
}

/// What is different, in words.
fn changes(change: &Change) -> Vec<String> {
    let mut words = Vec::new();
    match &change.retail {
        Retail::Pinned => {}
        Retail::Flat(price) => words.push(format!("retail {price} for everyone at all times")),
        Retail::Tariff(_) => words.push("the retail tariff of the file for everyone".to_owned()),
    }
    for (name, price) in [
        ("feed-in", change.feed_in),
        ("export", change.export),
        ("wheeling", change.wheeling),
    ] {
        if let Some(price) = price {
            words.push(format!("{name} {price}"));
        }
    }
    if change.no_pool {
        words.push("no surplus pool".to_owned());
    }
    if change.no_forward {
        words.push("no trades ahead".to_owned());
    }
    if words.is_empty() {
        words.push("nothing: this is the ledger once more".to_owned());
    }
    words
}

fn write(
    writer: &mut dyn Write,
    answer: &WhatIf,
    change: &Change,
    is_verified: bool,
) -> io::Result<()> {
    let offset = answer.utc_offset_minutes;
    let text = |interval: Option<_>| {
        interval.map_or(String::new(), |interval| {
            moment::interval_text(interval, offset)
        })
    };
    writeln!(
        writer,
        "park {}: {} settled intervals, {} to {} (starts)",
        printable(&answer.park),
        answer.intervals,
        text(answer.first),
        text(answer.last)
    )?;
    writeln!(writer, "{}", export::worth(is_verified))?;
    writeln!(writer, "changed: {}\n", changes(change).join("; "))?;
    participants(writer, answer)?;
    writeln!(writer)?;
    let mut table = Table::new(&["park account", ">as settled", ">what if", ">difference"]);
    for (name, row) in &answer.park_accounts {
        table.row(vec![
            (*name).to_owned(),
            yuan(row.settled),
            yuan(row.what_if),
            yuan(row.what_if - row.settled),
        ]);
    }
    table.write(writer, "")?;
    writeln!(
        writer,
        "\nin the pool            {} kWh, {} kWh as settled\n\
         covered within the park {} kWh, {} kWh as settled",
        kilowatt_hours(answer.pool_what_if),
        kilowatt_hours(answer.pool_settled),
        kilowatt_hours(answer.received_what_if),
        kilowatt_hours(answer.received_settled)
    )?;
    if answer.adjusted > 0 {
        writeln!(
            writer,
            "{} intervals are settled on the figures of their final run",
            answer.adjusted
        )?;
    }
    if !answer.held.is_empty() {
        writeln!(
            writer,
            "{} intervals are held for the registrar and left out",
            answer.held.len()
        )?;
    }
    writeln!(writer, "\nAmounts are CNY; below zero is paid.\n{UNKNOWN}")
}

fn participants(writer: &mut dyn Write, answer: &WhatIf) -> io::Result<()> {
    let header = [
        "participant",
        ">as settled",
        ">what if",
        ">difference",
        ">grid alone",
        ">grid alone, what if",
    ];
    let mut table = Table::new(&header);
    let mut sum = Compared::default();
    let cells = |name: String, row: &Compared| {
        vec![
            name,
            yuan(row.settled),
            yuan(row.what_if),
            yuan(row.what_if - row.settled),
            yuan(row.grid_alone_settled),
            yuan(row.grid_alone_what_if),
        ]
    };
    for (id, row) in &answer.participants {
        sum.settled += row.settled;
        sum.what_if += row.what_if;
        sum.grid_alone_settled += row.grid_alone_settled;
        sum.grid_alone_what_if += row.grid_alone_what_if;
        table.row(cells(format!("{id} {}", row.name), row));
    }
    table.row(cells("all".to_owned(), &sum));
    table.write(writer, "")
}

/// Yuan with nine decimals.
fn yuan(amount: i128) -> String {
    decimal(amount, 1_000_000_000, 9)
}

fn kilowatt_hours(energy: i128) -> String {
    decimal(energy, 1_000, 3)
}

fn decimal(value: i128, scale: u128, decimals: usize) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    format!(
        "{sign}{}.{:0decimals$}",
        magnitude / scale,
        magnitude % scale
    )
}
