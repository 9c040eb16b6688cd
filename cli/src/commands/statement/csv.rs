//! A statement for a spreadsheet: one line for each point and interval, in integers
//! (docs/STATEMENTS.md has the columns).

use std::io::{self, Write};

use wattle_client::api::{Posting, RunLine, SettledLine};
use wattle_market::settlement::{GreenSplit, PostingKind};
use wattle_market::units::WattHours;

use super::account::Account;
use super::{meter_name, standing_name};
use crate::moment;

/// Names of the columns, in order.
pub(super) const COLUMNS: [&str; 42] = [
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
    "run",
    "adjusted_entry",
    "initial_credit_ncny",
    "adjusted_forward_ncny",
    "adjusted_pool_ncny",
    "adjusted_grid_ncny",
    "adjusted_balancing_ncny",
    "adjusted_wheeling_ncny",
    "adjusted_replacement_ncny",
    "adjusted_credit_ncny",
    "stage",
];

pub(super) fn write(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    writeln!(writer, "{}", COLUMNS.join(","))?;
    for settled in &account.statement.lines {
        if let Some(run) = settled.last() {
            let fields = fields(account, settled, run);
            assert_eq!(fields.len(), COLUMNS.len(), "one field for each column");
            writeln!(writer, "{}", fields.join(","))?;
        }
    }
    Ok(())
}

fn sum(parts: &[WattHours]) -> i128 {
    parts.iter().map(|part| i128::from(part.0)).sum()
}

fn green(split: GreenSplit) -> i128 {
    sum(&[split.self_used, split.stored, split.surplus, split.lost])
}

fn posted<'a>(postings: impl Iterator<Item = &'a Posting>, kind: PostingKind) -> i128 {
    let of_kind = postings.filter(|posting| posting.kind == kind);
    of_kind.map(|posting| i128::from(posting.amount.0)).sum()
}

/// No field can hold a comma or a quote: numbers, times, and names of registers and runs.
fn fields(account: &Account, settled: &SettledLine, run: &RunLine) -> Vec<String> {
    let line = &run.line;
    let (pool, rest) = (&line.pool, &line.unmatched);
    let kinds = run.substituted.iter();
    let kinds: Vec<&str> = kinds.map(|kind| meter_name(*kind)).collect();
    let first = settled.initial.as_ref().unwrap_or(run);
    let mut fields = vec![
        first.leaf.to_string(),
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
    numbers.extend(PostingKind::ALL.map(|kind| posted(settled.postings(), kind)));
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
    fields.extend(runs(settled));
    // The last run's leaf is the later one: what seals it seals the initial run's too.
    fields.push(account.statement.log.stage(run.leaf).name().to_owned());
    fields
}

/// What each run posted.
fn runs(settled: &SettledLine) -> Vec<String> {
    let adjusted = || settled.adjusted.iter();
    let of_initial = settled.initial.as_ref();
    let initial = of_initial.map_or(0, |run| i128::from(run.line.credit.0));
    let differences =
        PostingKind::ALL.map(|kind| posted(adjusted().flat_map(|run| &run.postings), kind));
    let entry = adjusted().map(|run| run.leaf.to_string()).next();
    let mut fields = vec![
        standing_name(settled.standing).to_owned(),
        entry.unwrap_or_default(),
        initial.to_string(),
    ];
    fields.extend(differences.iter().map(ToString::to_string));
    fields.push(differences.iter().sum::<i128>().to_string());
    fields
}
