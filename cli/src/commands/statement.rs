//! `wattle statement`: one's settled intervals, in energy and money.

mod account;
mod csv;
mod explain;
pub(in crate::commands) mod html;

use std::io::{self, Write};

use wattle_client::api::{ChargeKind, SettledLine, Stage, Standing};
use wattle_ledger::registration::MeterKind;
use wattle_market::settlement::PostingKind;
use wattle_market::units::{Money, WattHours};

use account::{Account, Sums};

use crate::args::{StatementArgs, StatementCommand, StatementFormat};
use crate::failure::Failure;
use crate::moment;
use crate::output::{Output, Table, printable};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;

/// A longer period is shown by day; every interval is in the CSV.
const DAYS_SHOWN_BY_INTERVAL_MAX: usize = 7;

pub(super) fn run(
    args: &StatementArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if let Some(StatementCommand::Explain(args)) = &args.command {
        return explain::run(args, output);
    }
    if output.is_json() && args.format != StatementFormat::Text {
        return Err(Failure::usage(
            "--json and --format exclude each other",
            "leave one of them out",
        ));
    }
    let park = Park::open(settings)?;
    let period = match args.month {
        Some(month) => month.intervals(park.offset())?,
        None => park.period(&args.range.period)?,
    };
    let (client, participant) = park.private_of(&args.range.who)?;
    let name = park.client.registry()?.participants;
    let name = name.into_iter().find(|known| known.id == participant);
    let name = name.map(|known| known.name).unwrap_or_default();
    let account = Account::fetch(&park, &client, (participant, name), period)?;
    output.print(&account, |writer| match args.format {
        StatementFormat::Text => write(writer, &account),
        StatementFormat::Csv => csv::write(writer, &account),
        StatementFormat::Html => html::write(writer, &account),
    })
}

/// What a posting is for, in a word.
pub(super) fn kind_name(kind: PostingKind) -> &'static str {
    match kind {
        PostingKind::Forward => "trades ahead",
        PostingKind::Pool => "surplus pool",
        PostingKind::Grid => "grid",
        PostingKind::Balancing => "balancing",
        PostingKind::Wheeling => "wheeling",
        PostingKind::Replacement => "replacement",
    }
}

/// What a meter counts, in a word.
fn meter_name(kind: MeterKind) -> &'static str {
    match kind {
        MeterKind::Generation => "generation",
        MeterKind::Load => "load",
        MeterKind::Charge => "charge",
        MeterKind::Discharge => "discharge",
        MeterKind::Import => "import",
        MeterKind::Export => "export",
    }
}

/// A sum as the ledger's units print; sums of months fit them.
fn energy(sum: i128) -> String {
    i64::try_from(sum).map_or_else(|_| format!("{sum} Wh"), |sum| WattHours(sum).to_string())
}

pub(super) fn money(sum: i128) -> String {
    i64::try_from(sum).map_or_else(|_| format!("{sum} nCNY"), |sum| Money(sum).to_string())
}

/// How a line stands, in a word.
pub(super) fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Only => "initial",
        Standing::Provisional => "provisional",
        Standing::Final => "final",
        Standing::Held => "held",
    }
}

/// Names of the columns behind day and point; a right one begins with `>`.
fn columns(account: &Account) -> Vec<&'static str> {
    let mut columns = vec![">used", ">surplus", ">from the park", ">from the grid"];
    let with_runs = account.has_final_runs();
    if with_runs {
        columns.extend([">initial run", ">final run"]);
    }
    columns.extend([">credit", ">grid alone", "readings"]);
    if with_runs {
        columns.push("run");
    }
    columns
}

/// The cells of these columns.
fn cells(account: &Account, sums: &Sums) -> Vec<String> {
    let energies = [sums.used, sums.surplus, sums.received, sums.from_grid];
    let mut cells: Vec<String> = energies.map(energy).into();
    let with_runs = account.has_final_runs();
    if with_runs {
        cells.push(money(sums.initial));
        // Nothing is posted where nothing differs.
        cells.push(if sums.adjusted == 0 {
            String::new()
        } else {
            money(sums.adjusted)
        });
    }
    cells.extend([money(sums.credit), money(sums.grid_alone), readings(sums)]);
    if with_runs {
        cells.push(standings(sums));
    }
    cells
}

/// How the lines stand, with their number where they do not all stand alike.
fn standings(sums: &Sums) -> String {
    let each = sums.standings.iter().map(|(standing, lines)| {
        let name = standing_name(*standing);
        match sums.standings.len() {
            1 => name.to_owned(),
            _ => format!("{lines} {name}"),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// How many of so many lines rest on a substitute.
fn readings(sums: &Sums) -> String {
    match sums.substituted {
        0 => "complete".to_owned(),
        substituted => format!("{substituted} of {} substituted", sums.lines),
    }
}

fn write(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    let statement = &account.statement;
    writeln!(
        writer,
        "{} (participant {}), {} to {}\n",
        printable(&account.name),
        statement.participant,
        moment::interval_text(statement.from, account.utc_offset_minutes),
        moment::interval_text(statement.to.next(), account.utc_offset_minutes)
    )?;
    let header = [vec!["interval", ">point"], columns(account)].concat();
    let mut table = Table::new(&header);
    let row = |first: String, point: String, sums: &Sums| {
        [vec![first, point], cells(account, sums)].concat()
    };
    let by_interval = account.days.len() <= DAYS_SHOWN_BY_INTERVAL_MAX;
    for (day, sums) in &account.days {
        for settled in &statement.lines {
            let offset = account.utc_offset_minutes;
            let (of, time) = moment::day_and_time(settled.interval, offset);
            if by_interval
                && of == *day
                && let Some(one) = Sums::of(settled)
            {
                let point = settled.point.0.to_string();
                table.row(row(format!("{of} {time}"), point, &one));
            }
        }
        table.row(row(format!("{day} day"), String::new(), sums));
    }
    if account.days.len() > 1 {
        table.row(row("all days".to_owned(), String::new(), &account.total));
    }
    table.write(
        writer,
        "nothing settled in this period; choose another with --from and --to, or --month",
    )?;
    if !by_interval {
        writeln!(writer, "every interval: --format csv")?;
    }
    for funds in &statement.funds {
        let time = moment::time_text(funds.time_ms, account.utc_offset_minutes);
        let kind = funds_name(funds.amount);
        writeln!(
            writer,
            "{kind} {time}  {} (entry {})",
            funds.amount, funds.leaf
        )?;
    }
    write_account(writer, account)
}

/// By how much the park is better or worse than the grid alone.
fn gain(total: &Sums) -> (&'static str, i128) {
    match total.credit - total.grid_alone {
        worse @ ..0 => ("Worse by", -worse),
        better => ("Better by", better),
    }
}

/// What a movement of money is, in a word.
fn funds_name(amount: Money) -> &'static str {
    if amount.0 < 0 {
        "withdrawal"
    } else {
        "deposit"
    }
}

/// What money of a closed month is for, in words.
fn charge_name(kind: ChargeKind) -> &'static str {
    match kind {
        ChargeKind::Demand => "month: demand charges",
        ChargeKind::Fees => "month: fixed fees",
        ChargeKind::Covered => "month: borne by others",
        ChargeKind::Cut => "month: borne for a default",
        ChargeKind::Residue => "residue",
    }
}

/// The account's rows: names with amounts, the balances among them marked.
fn account_rows(account: &Account) -> Vec<(String, String, bool)> {
    let mut rows = vec![("opening balance".to_owned(), money(account.opening), true)];
    rows.push((
        "deposits and withdrawals".to_owned(),
        money(account.funds),
        false,
    ));
    for (name, sums) in [
        ("settled", &account.initial_by_kind),
        ("final run", &account.adjusted_by_kind),
    ] {
        for kind in PostingKind::ALL {
            if let Some(sum) = sums.get(&kind) {
                rows.push((format!("{name}: {}", kind_name(kind)), money(*sum), false));
            }
        }
    }
    for (kind, sum) in &account.charges {
        rows.push((charge_name(*kind).to_owned(), money(*sum), false));
    }
    rows.push(("closing balance".to_owned(), money(account.closing), true));
    rows
}

/// What stands behind the closing balance.
const CLOSING: &str = "The closing balance is what the park's ledger keeps, less what was settled \
                       and paid after this period.";

/// What is still to come, where something is.
fn provisional(account: &Account) -> Option<String> {
    let lines = account.total.standings.get(&Standing::Provisional)?;
    Some(format!(
        "{lines} of {} lines are provisional: the final run, at 00:00 on the 8th of the next \
         month, adjusts those whose readings changed.",
        account.total.lines
    ))
}

/// How many lines stand under a seal. Whether a run can still change them is another matter.
fn sealed(account: &Account) -> String {
    let statement = &account.statement;
    let runs = statement.lines.iter().filter_map(SettledLine::last);
    let waiting = runs.filter(|run| statement.log.stage(run.leaf) == Stage::Committed);
    if statement.lines.is_empty() {
        return format!("Nothing is settled here, {}.", extent_text(&statement.log));
    }
    match waiting.count() {
        0 => "All lines are sealed: a quorum of the park's nodes has cosigned them.".to_owned(),
        count => format!(
            "{count} of {} lines are committed and not sealed yet.",
            account.total.lines
        ),
    }
}

fn write_account(writer: &mut dyn Write, account: &Account) -> io::Result<()> {
    let mut table = Table::new(&["account", ">amount"]);
    for (name, amount, _) in account_rows(account) {
        table.row(vec![name, amount]);
    }
    writeln!(writer)?;
    table.write(writer, "")?;
    writeln!(writer, "{CLOSING}")?;
    if let Some(sentence) = provisional(account) {
        writeln!(writer, "{sentence}")?;
    }
    writeln!(writer, "{}", sealed(account))?;
    writeln!(writer)?;
    let total = &account.total;
    writeln!(writer, "settled here          {}", money(total.credit))?;
    writeln!(writer, "with the grid alone   {}", money(total.grid_alone))?;
    let (name, gain) = gain(total);
    writeln!(writer, "{:<22}{}", name.to_lowercase(), money(gain))
}
