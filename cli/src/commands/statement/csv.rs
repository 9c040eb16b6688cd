//! A statement for a spreadsheet: one line for each point and interval, in integers
//! (docs/STATEMENTS.md has the columns).

use std::io::{self, Write};

use wattle_client::api::SettledLine;
use wattle_market::settlement::PostingKind;

use super::account::Account;
use super::{KINDS, meter_name};
use crate::moment;

/// Names of the columns, in order.
pub(super) const COLUMNS: [&str; 31] = [
    "entry",
    "interval",
    "start",
    "participant",
    "point",
    "substituted",
    "used_wh",
    "generated_wh",
    "surplus_wh",
    "need_wh",
    "contracted_wh",
    "deviation_wh",
    "pool_sold_wh",
    "pool_bought_wh",
    "received_wh",
    "from_grid_wh",
    "to_grid_wh",
    "retail_ucny_per_kwh",
    "forward_ncny",
    "pool_ncny",
    "grid_ncny",
    "balancing_ncny",
    "wheeling_ncny",
    "replacement_ncny",
    "credit_ncny",
    "grid_alone_ncny",
    "certificates_issued_wh",
    "certificates_self_used_wh",
    "certificates_sent_wh",
    "certificates_kept_wh",
    "certificates_cancelled_wh",
];

pub(super) fn write(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    writeln!(writer, "{}", COLUMNS.join(","))?;
    for settled in &account.statement.lines {
        let fields = fields(account, settled);
        assert_eq!(fields.len(), COLUMNS.len(), "one field for each column");
        writeln!(writer, "{}", fields.join(","))?;
    }
    Ok(())
}

/// No field can hold a comma or a quote: numbers, times, and names of registers.
fn fields(account: &Account, settled: &SettledLine) -> Vec<String> {
    let line = &settled.line;
    let (pool, rest) = (&line.pool, &line.unmatched);
    let kinds: Vec<&str> = settled
        .substituted
        .iter()
        .map(|kind| meter_name(*kind))
        .collect();
    let green = |split: wattle_market::settlement::GreenSplit| {
        let parts = [split.self_used, split.stored, split.surplus, split.lost];
        parts.iter().map(|part| i128::from(part.0)).sum::<i128>()
    };
    let sum = |parts: &[wattle_market::units::WattHours]| -> i128 {
        parts.iter().map(|part| i128::from(part.0)).sum()
    };
    let posted = |kind: PostingKind| -> i128 {
        let postings = settled
            .postings
            .iter()
            .filter(|posting| posting.kind == kind);
        postings.map(|posting| i128::from(posting.amount.0)).sum()
    };
    let mut fields = vec![
        settled.leaf.to_string(),
        settled.interval.0.to_string(),
        moment::interval_text(settled.interval, account.utc_offset_minutes),
        account.statement.participant.to_string(),
        settled.point.0.to_string(),
        kinds.join("+"),
    ];
    let mut numbers = vec![
        sum(&[line.load]),
        green(line.green),
        sum(&[line.surplus]),
        sum(&[line.need]),
        sum(&[line.contracted]),
        sum(&[line.deviation]),
        sum(&[pool.green, pool.other, pool.long]),
        sum(&[pool.need, pool.short]),
        sum(&[line.received]),
        sum(&[line.need]) - sum(&[line.received]),
        sum(&[rest.green, rest.other]),
        i128::from(settled.retail.0),
    ];
    numbers.extend(KINDS.map(posted));
    numbers.extend([
        i128::from(line.credit.0),
        i128::from(line.grid_alone.0),
        green(line.certified()),
        sum(&[line.certified().self_used]),
        sum(&[line.sent]),
        sum(&[line.kept]),
        sum(&[line.cancelled]),
    ]);
    fields.extend(numbers.iter().map(ToString::to_string));
    fields
}
