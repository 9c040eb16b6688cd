//! `wattle months`: closed months of the park, for its offices.

use std::io::{self, Write};

use wattle_client::api::{ClosedMonth, Months};
use wattle_market::units::WattHours;

use crate::failure::Failure;
use crate::moment;
use crate::output::{Output, Table};
use crate::park::{Park, TREASURER_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let client = park.private_client(park.key(TREASURER_KEY)?)?;
    let months = client.months()?;
    let names = park.client.registry()?.participants;
    let name = |id| {
        let known = names.iter().find(|known| known.id == id);
        known.map_or_else(|| id.to_string(), |known| known.name.clone())
    };
    output.print(&months, |writer| {
        write(writer, &months)?;
        writeln!(writer, "{}", extent_text(&months.log))?;
        for one in &months.in_default {
            let since = moment::time_text(one.since_ms, park.offset());
            let name = name(one.participant);
            writeln!(
                writer,
                "in default since {since}: {name}, who orders nothing"
            )?;
        }
        Ok(())
    })
}

fn known(energy: Option<WattHours>) -> String {
    energy.map_or_else(|| "unknown".to_owned(), |energy| energy.to_string())
}

/// What lacks, where the losses are not known.
fn lacking(month: &ClosedMonth) -> String {
    let mut lacking = Vec::new();
    if month.imported.is_none() || month.exported.is_none() {
        lacking.push("boundary registers".to_owned());
    }
    if month.substituted > 0 {
        lacking.push(format!("{} readings", month.substituted));
    }
    if month.held > 0 {
        lacking.push(format!("{} held intervals", month.held));
    }
    lacking.join(", ")
}

fn write(writer: &mut dyn Write, months: &Months) -> io::Result<()> {
    let mut table = Table::new(&[
        "month",
        ">imported",
        ">exported",
        ">points",
        ">losses",
        "lacking",
        ">collected",
        ">billed",
        ">residue",
    ]);
    for month in &months.months {
        let bill = month.bill.as_ref();
        table.row(vec![
            month.month.to_string(),
            known(month.imported),
            known(month.exported),
            WattHours(month.net.0.saturating_neg()).to_string(),
            known(month.losses),
            lacking(month),
            month.collected.to_string(),
            bill.map_or_else(|| "not yet".to_owned(), |bill| bill.amount.to_string()),
            month
                .residue
                .map_or_else(String::new, |sum| sum.to_string()),
        ]);
    }
    table.write(
        writer,
        "no month is closed yet; closes follow the final run, at 00:00 on the 8th",
    )?;
    let mut accounts = Table::new(&["account", ">balance"]);
    for (name, balance) in [
        ("grid, not billed yet", months.grid),
        ("balancing", months.balancing),
        ("fees", months.fees),
        ("residue", months.residue),
    ] {
        accounts.row(vec![name.to_owned(), balance.to_string()]);
    }
    writeln!(writer)?;
    accounts.write(writer, "")
}
