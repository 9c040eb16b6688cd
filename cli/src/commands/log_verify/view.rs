//! `wattle log verify --view`: one participant's view, as far as it goes, with his own sums.

use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::hex;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::claim::Finding;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::summary::ParticipantSummary;
use wattle_ledger::verify::view::{ViewReport, verify_view};
use wattle_market::units::Money;

use super::{progress, verdict, write_claims, write_convictions, write_not_covered};
use crate::args::VerifyArgs;
use crate::failure::{Exit, Failure};
use crate::output::{Output, Table, printable};

/// What is printed with `--json`.
#[derive(Serialize)]
struct Found<'a> {
    claims: &'a [Finding],
    participant: Option<ParticipantId>,
    /// Leaves in the view.
    leaves: u64,
    /// Leaves of the log.
    size: u64,
    keys: Vec<Key>,
    trades: u64,
    sums: Option<&'a ParticipantSummary>,
}

#[derive(Serialize)]
struct Key {
    key: String,
    role: String,
    sequence: u64,
}

pub(super) fn run(
    args: &VerifyArgs,
    (directory, policy): (&Directory, &Policy),
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let view = verify_view(directory, policy, &mut progress("verified"));
    let own = view.header.map(|header| header.participant);
    let key = |key: &wattle_ledger::verify::view::OwnKey| Key {
        key: hex::encode(&key.key.0),
        role: key.role.to_string(),
        sequence: key.sequence,
    };
    let found = Found {
        claims: &view.report.claims,
        participant: own,
        leaves: view.header.map_or(0, |header| header.leaves),
        size: view.report.size,
        keys: view.keys.iter().map(key).collect(),
        trades: view.trades,
        sums: own.and_then(|own| view.report.summary.participants.get(&own)),
    };
    output.print(&found, |writer| write(writer, &view, &found))?;
    if !view.holds() {
        return Err(verdict(&view.report));
    }
    match args.view {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Verification,
            "the folder is one participant's view: what it can show holds, and the rest is not \
             checked",
            "get the whole export, or add --view if a view is what you expect",
        )),
    }
}

fn write(writer: &mut dyn Write, view: &ViewReport, found: &Found<'_>) -> io::Result<()> {
    write_claims(writer, &view.report)?;
    let Some(participant) = found.participant else {
        return Ok(());
    };
    let name = found.sums.map_or("", |sums| sums.name.as_str());
    writeln!(
        writer,
        "view of {} (participant {participant}): {} of {} entries\n",
        printable(name),
        found.leaves,
        found.size
    )?;
    if let Some(sums) = found.sums {
        write_sums(writer, sums, found.trades)?;
    }
    let mut keys = Table::new(&["own key", "role", ">last sequence"]);
    for key in &found.keys {
        keys.row(vec![
            key.key.clone(),
            key.role.clone(),
            key.sequence.to_string(),
        ]);
    }
    writeln!(writer)?;
    keys.write(writer, "no key of his has signed anything in it")?;
    writeln!(
        writer,
        "\nNothing lacks between these sequences. That nothing comes after them only their owner \
         knows: wattle key show"
    )?;
    write_convictions(writer, &view.report.summary.convictions)?;
    write_not_covered(writer, &view.report.not_covered)
}

fn write_sums(writer: &mut dyn Write, sums: &ParticipantSummary, trades: u64) -> io::Result<()> {
    let mut table = Table::new(&["own entries", ">sum"]);
    let posted = [
        sums.credit,
        sums.funds,
        Money(sums.charges.0.saturating_neg()),
        Money(sums.cut.0.saturating_neg()),
        sums.covered,
        sums.residue,
    ];
    let balance: i128 = posted.iter().map(|money| i128::from(money.0)).sum();
    let rows = [
        ("trades' legs", trades.to_string()),
        ("sold forward", sums.sold_forward.to_string()),
        ("bought forward", sums.bought_forward.to_string()),
        ("sold in the pool", sums.pool_sold.to_string()),
        ("bought in the pool", sums.pool_bought.to_string()),
        ("generated", sums.generated.to_string()),
        ("used", sums.used.to_string()),
        ("settled", sums.credit.to_string()),
        ("with the grid alone", sums.grid_alone.to_string()),
        ("deposits and withdrawals", sums.funds.to_string()),
        (
            "all postings: the balance",
            crate::commands::statement::money(balance),
        ),
    ];
    for (name, value) in rows {
        table.row(vec![name.to_owned(), value]);
    }
    table.write(writer, "")
}
