//! `wattle certificate match`: how much of a point's use was covered, hour by hour.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::verify::green_use::{GreenUse, Use};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

use crate::args::MatchArgs;
use crate::commands::carbon::{energy, period, share};
use crate::export::{self, Export};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table};

/// What the figures are, in every output.
const MEANING: &str = "\
Matched is counted by the quarter of an hour: energy of one quarter covers no use of another. The
share is matched of used; an hour is wholly matched if all of its use is. Covered by park
certificates and own generation, which is no statement about Chinese GECs.";

/// The report.
#[derive(Debug, Serialize)]
struct Matched {
    /// Whether every claim of a verification held before.
    verified: bool,
    /// What the figures are.
    meaning: &'static str,
    point: PointId,
    hours: Vec<Hour>,
    total: Use,
    /// Matched of used, in ten-thousandths; none without use.
    share_bp: Option<i128>,
    /// Hours with use, and those of them that are wholly matched.
    hours_with_use: usize,
    hours_wholly_matched: usize,
}

/// One hour of the park's clock.
#[derive(Debug, Serialize)]
struct Hour {
    /// Its start in the park's clock.
    start: String,
    #[serde(flatten)]
    sums: Use,
    /// Matched of used, in ten-thousandths; none without use.
    share_bp: Option<i128>,
}

pub(super) fn run(args: &MatchArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let export = Export::open(&args.export)?;
    let offset = export.offset();
    let (from, to) = period(args.month, offset)?;
    let uses = GreenUse::read(&export.directory, from, to)
        .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))?;
    let point = PointId(args.point);
    let mut hours: BTreeMap<String, Use> = BTreeMap::new();
    let mut total = Use::default();
    for (_, interval, of) in uses.rows().filter(|(of, ..)| *of == point) {
        *hours.entry(hour(interval, offset)).or_default() += of;
        total += of;
    }
    if hours.is_empty() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{point} has no settled interval in this period"),
            "choose another --month or --point",
        ));
    }
    let with_use = hours.values().filter(|sums| sums.used > 0);
    let matched = Matched {
        verified: export.is_verified,
        meaning: MEANING,
        point,
        total,
        share_bp: share(total.matched, total.used),
        hours_with_use: with_use.clone().count(),
        hours_wholly_matched: with_use.filter(|sums| sums.matched == sums.used).count(),
        hours: hours
            .into_iter()
            .map(|(start, sums)| Hour {
                start,
                sums,
                share_bp: share(sums.matched, sums.used),
            })
            .collect(),
    };
    output.print(&matched, |writer| write(writer, &matched, args.hourly))
}

/// The start of the hour in the park's clock.
fn hour(interval: DeliveryInterval, offset: i16) -> String {
    let (day, time) = moment::day_and_time(interval, offset);
    let hour = time.split_once(':').map_or("", |(hour, _)| hour);
    format!("{day}T{hour}:00")
}

fn write(writer: &mut dyn Write, matched: &Matched, hourly: bool) -> io::Result<()> {
    writeln!(writer, "{}\n", export::worth(matched.verified))?;
    let mut rows: BTreeMap<&str, Use> = BTreeMap::new();
    for hour in &matched.hours {
        let day = hour.start.split_once('T').map_or("", |(day, _)| day);
        let name = if hourly { hour.start.as_str() } else { day };
        *rows.entry(name).or_default() += hour.sums;
    }
    let first = if hourly { "hour" } else { "day" };
    let header = [
        first,
        ">used",
        ">own solar",
        ">from storage",
        ">received",
        ">claimed",
        ">matched",
        ">share",
    ];
    let mut table = Table::new(&header);
    let all = [("all", matched.total)];
    for (name, sums) in rows.into_iter().chain(all) {
        let mut cells = vec![name.to_owned()];
        let parts = [
            sums.used,
            sums.own,
            sums.stored,
            sums.received,
            sums.claimed,
            sums.matched,
        ];
        cells.extend(parts.map(energy));
        cells.push(percent(share(sums.matched, sums.used)));
        table.row(cells);
    }
    writeln!(writer, "{}: use and what covered it\n", matched.point)?;
    table.write(writer, "")?;
    writeln!(
        writer,
        "\nmatched share {}; {} of {} hours with use are wholly matched",
        percent(matched.share_bp),
        matched.hours_wholly_matched,
        matched.hours_with_use
    )?;
    if matched.total.substituted > 0 {
        let count = matched.total.substituted;
        writeln!(
            writer,
            "{count} quarters were settled on substitutes, which nothing covers"
        )?;
    }
    writeln!(writer, "\n{MEANING}")
}

fn percent(share_bp: Option<i128>) -> String {
    share_bp.map_or_else(
        || "no use".to_owned(),
        |bp| format!("{}.{:02} %", bp / 100, bp % 100),
    )
}
