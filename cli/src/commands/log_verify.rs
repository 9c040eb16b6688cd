//! `wattle log verify`: a copy of the log against a policy, offline.

mod view;

use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::tiles::TilePath;
use wattle_ledger::log::{Checkpoint, Note};
use wattle_ledger::registration::NodeId;
use wattle_ledger::verify::claim::{Claim, Finding, Report, Status};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::summary::{Convicted, ConvictionSummary, ParticipantSummary, Summary};
use wattle_ledger::verify::view::is_view;
use wattle_ledger::verify::voters::VoterReport;
use wattle_ledger::verify::witnessed::{self, Seen, compare};
use wattle_ledger::verify::{Options, Progress, verify_with};
use wattle_market::units::{Money, WattHours};

use crate::args::{VerifyArgs, WitnessViewArgs};
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment;
use crate::output::{Output, Table, printable};
use crate::verified;

/// How many of the files that are not covered are shown one by one.
const NOT_COVERED_SHOWN_MAX: usize = 20;
/// How many pieces of recorded evidence are shown one by one.
const CONVICTIONS_SHOWN_MAX: usize = 20;

pub(super) fn run(args: &VerifyArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let policy = read_policy(&args.policy)?;
    std::fs::read_dir(&args.folder)
        .map_err(|error| Failure::file("read the export in", &args.folder, &error))?;
    let source = Directory::new(&args.folder);
    let seen = read_views(&args.witnesses)?;
    if args.view || is_view(&source) {
        if !seen.is_empty() {
            let what = "one participant's view is not compared with what a witness saw";
            return Err(Failure::usage(
                what,
                "give the whole export, or no --witness",
            ));
        }
        return view::run(args, (&source, &policy), output);
    }
    let earlier = match &args.earlier {
        Some(path) => Some(read_checkpoint(path, &policy)?),
        None => None,
    };
    let resumed = match &args.resume {
        Some(path) => verified::read(path)?,
        None => None,
    };
    let options = Options {
        earlier: earlier.as_ref(),
        resumed,
        at: None,
    };
    let mut verified = verify_with(&source, &policy, options, &mut progress("verified"));
    let report = &mut verified.report;
    let views = match seen.is_empty() {
        true => Vec::new(),
        false => compare(&source, &policy, &args.witnesses.keys, &seen, report),
    };
    output.print(&report.claims, |writer| {
        write(writer, report)?;
        views.iter().try_for_each(|view| write_view(writer, view))
    })?;
    if !report.is_ok() {
        return Err(verdict(report));
    }
    if let Some(path) = &args.resume {
        verified::keep(path, verified)?;
        eprintln!("{} says where the next one begins", path.display());
    }
    Ok(())
}

/// A checkpoint that was kept: it must have been good when it was.
fn read_checkpoint(path: &Path, policy: &Policy) -> Result<Checkpoint, Failure> {
    let useless = |reason: String| {
        let what = format!("{}: {reason}", path.display());
        let next = "give --earlier a file `checkpoint` of an export that you verified";
        Failure::new(Exit::Failure, what, next)
    };
    let note = Note::parse(&folder::read(path)?).map_err(|error| useless(error.to_string()))?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| useless(error.to_string()))?;
    if !policy.evaluate(&note).satisfied {
        return Err(useless(
            "the policy's quorum has not signed this checkpoint".to_owned(),
        ));
    }
    Ok(checkpoint)
}

fn read_views(args: &WitnessViewArgs) -> Result<Vec<Seen>, Failure> {
    let read = |path: &PathBuf| {
        Seen::parse(&folder::read(path)?).map_err(|reason| {
            let what = format!("{} is no witness's view: {reason}", path.display());
            Failure::new(Exit::Failure, what, "fetch it again: wattle witness fetch")
        })
    };
    args.views.iter().map(read).collect()
}

/// How new the export is beside what a witness has seen.
fn write_view(writer: &mut dyn Write, view: &witnessed::View) -> io::Result<()> {
    let times = view.cosigned.iter();
    for (name, seconds) in times {
        let time = moment::seconds_text(*seconds);
        writeln!(
            writer,
            "witnessed {} entries at {time} by {}",
            view.size,
            printable(name)
        )?;
    }
    let seconds = view.seconds_behind;
    match view.entries_ahead {
        0 => writeln!(writer, "  the export ends where that view does"),
        ahead @ 1.. => writeln!(writer, "  the export is newer by {ahead} entries"),
        behind => writeln!(
            writer,
            "  the export is BEHIND by {} entries, and its cosignatures by {seconds} s",
            -behind
        ),
    }
}

pub(crate) fn verdict(report: &Report) -> Failure {
    let of = |status| {
        report
            .claims
            .iter()
            .filter(move |claim| claim.status == status)
    };
    let failed: Vec<&str> = of(Status::Failed).map(|claim| claim.claim).collect();
    let is_open = |claim: &&Finding| claim.claim != Claim::History.name();
    if failed.is_empty() {
        return unchecked_verdict(of(Status::NotChecked).filter(is_open));
    }
    let unchecked = match of(Status::NotChecked).filter(is_open).count() {
        0 => String::new(),
        count => format!(" ({count} more could not be checked)"),
    };
    let what = format!(
        "the export does not verify: {} failed{unchecked}",
        failed.join(", ")
    );
    let next = "take another export from another node; if that fails alike, ask the park's \
                operator for an explanation";
    let mut failure = Failure::new(Exit::Verification, what, next);
    if let (Failure::Told(told), Some(first)) = (&mut failure, of(Status::Failed).next()) {
        told.chain
            .push(format!("{}: {}", first.claim, finding_text(first)));
    }
    failure
}

/// Nothing failed, but not everything could be checked.
fn unchecked_verdict<'a>(claims: impl Iterator<Item = &'a Finding>) -> Failure {
    let claims: Vec<&Finding> = claims.collect();
    let names: Vec<&str> = claims.iter().map(|claim| claim.claim).collect();
    let what = format!(
        "the export is not verified: {} not checked",
        names.join(", ")
    );
    let next = "give what the reason asks for, or take a newer export";
    let mut failure = Failure::new(Exit::Verification, what, next);
    if let (Failure::Told(told), Some(first)) = (&mut failure, claims.first()) {
        told.chain
            .push(format!("{}: {}", first.claim, finding_text(first)));
    }
    failure
}

pub(crate) fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let text = folder::read_text(path)?;
    Policy::parse(&text).map_err(|error| {
        let mut failure = Failure::of(Exit::Failure, &error, "pin the policy again");
        if let Failure::Told(told) = &mut failure {
            told.chain
                .insert(0, format!("{} is not a policy", path.display()));
        }
        failure
    })
}

/// Counts on a terminal, one line that is written over.
pub(crate) fn progress(done: &str) -> impl FnMut(Progress) {
    let is_terminal = io::stderr().is_terminal();
    let mut shown = u64::MAX;
    let done = done.to_owned();
    move |progress| {
        let percent = progress.done.saturating_mul(100) / progress.of.max(1);
        if is_terminal && percent != shown {
            shown = percent;
            let end = if progress.done == progress.of {
                "\n"
            } else {
                ""
            };
            let _ = write!(io::stderr(), "\r{done} {percent} %{end}");
        }
    }
}

fn finding_text(finding: &Finding) -> String {
    let status = match (finding.status, finding.entry) {
        (Status::Ok, _) if finding.reason.is_empty() => return "ok".to_owned(),
        (Status::Ok, _) => "ok".to_owned(),
        (Status::Failed, Some(entry)) => format!("FAILED (entry {entry})"),
        (Status::Failed, None) => "FAILED".to_owned(),
        (Status::NotChecked, _) => "not checked".to_owned(),
    };
    format!("{status}: {}", finding.reason)
}

fn write(writer: &mut dyn Write, report: &Report) -> io::Result<()> {
    write_claims(writer, report)?;
    if let Some(voters) = &report.voters {
        write_voters(writer, voters)?;
    }
    write_summary(writer, &report.summary)?;
    write_not_covered(writer, &report.not_covered)
}

/// The findings, and what was checked.
fn write_claims(writer: &mut dyn Write, report: &Report) -> io::Result<()> {
    let widest = report
        .claims
        .iter()
        .map(|finding| finding.claim.len())
        .max();
    let width = widest.unwrap_or(0);
    for finding in &report.claims {
        let text = printable(&finding_text(finding));
        writeln!(writer, "{:width$}  {text}", finding.claim)?;
    }
    if let (Some(origin), Some(root)) = (&report.origin, &report.root) {
        writeln!(
            writer,
            "\nlog {}\n{} entries, root {root}",
            printable(origin),
            report.size
        )?;
        if report.from > 0 {
            writeln!(
                writer,
                "verified from entry {} on, and so are all sums",
                report.from
            )?;
        }
    }
    for (name, seconds) in &report.cosigners {
        let offset = report.summary.utc_offset_minutes;
        let time = wattle_market::interval::Timestamp(seconds.saturating_mul(1_000));
        let time = moment::time_text(time, offset);
        writeln!(writer, "cosigned {time} by {}", printable(name))?;
    }
    Ok(())
}

/// Who votes by the log, beside whom the policy trusts.
fn write_voters(writer: &mut dyn Write, voters: &VoterReport) -> io::Result<()> {
    let list = |nodes: &[NodeId]| {
        let nodes: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
        nodes.join(", ")
    };
    let often = match voters.steps {
        0 => "before these entries".to_owned(),
        steps => format!("{steps} times"),
    };
    writeln!(
        writer,
        "\nvoters changed {often}, last with entry {}; they are nodes {}",
        voters.since,
        list(&voters.voters)
    )?;
    let seal = if voters.is_sealed {
        "sealed by the log's own voters"
    } else {
        "NOT sealed by the log's own voters"
    };
    writeln!(
        writer,
        "{seal}: {} of {} cosigned, {} needed",
        voters.cosigned.len(),
        voters.voters.len(),
        voters.quorum
    )?;
    match voters.vouched {
        Some(size) => writeln!(writer, "the policy's quorum vouches for {size} entries"),
        None => writeln!(
            writer,
            "no checkpoint in the export has the policy's quorum; ask another node for one"
        ),
    }
}

/// Sums over the entries; what they are worth is said by the claims above them.
fn write_summary(writer: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    if summary.park.is_empty() {
        return Ok(());
    }
    let energy = |of: fn(&_) -> WattHours| WattHours(summary.total(|row| of(row).0));
    let money = |of: fn(&_) -> Money| Money(summary.total(|row| of(row).0));
    let credit = money(|row| row.credit);
    let grid_alone = money(|row| row.grid_alone);
    let mut table = Table::new(&[&format!("park {}", summary.park), ">sum"]);
    let rows: [(&str, String); 11] = [
        ("participants", summary.participants.len().to_string()),
        ("settled intervals", summary.intervals.len().to_string()),
        ("signatures", summary.signatures.to_string()),
        ("generated", energy(|row| row.generated).to_string()),
        ("used", energy(|row| row.used).to_string()),
        ("traded forward", energy(|row| row.sold_forward).to_string()),
        ("matched in the pool", summary.pool_volume.to_string()),
        ("exported", energy(|row| row.exported).to_string()),
        (
            "taken from the grid",
            energy(|row| row.imported).to_string(),
        ),
        ("paid by participants", Money(-credit.0).to_string()),
        ("with the grid alone", Money(-grid_alone.0).to_string()),
    ];
    for (name, value) in rows {
        table.row(vec![name.to_owned(), value]);
    }
    // Only of parks that close months, or in which somebody could not pay.
    let money = |of: fn(&ParticipantSummary) -> Money| {
        let all = summary.participants.values();
        all.map(|row| i128::from(of(row).0)).sum::<i128>()
    };
    for (name, sum) in [
        ("demand charges and fees", money(|row| row.charges)),
        ("borne for defaults", money(|row| row.covered)),
    ] {
        if sum != 0 {
            table.row(vec![name.to_owned(), super::statement::money(sum)]);
        }
    }
    writeln!(writer)?;
    table.write(writer, "")?;
    let kilograms = summary.carbon_avoided_ug / 1_000_000_000;
    let grams = summary.carbon_avoided_ug / 1_000_000 % 1_000;
    for factor in &summary.factors {
        writeln!(
            writer,
            "carbon avoided {kilograms}.{grams:03} kg CO2, by {} {}: {}.{:06} kg/kWh ({})",
            printable(&factor.name),
            factor.year,
            factor.milligrams_per_kwh / 1_000_000,
            factor.milligrams_per_kwh % 1_000_000,
            printable(&factor.source)
        )?;
    }
    if !summary.held.is_empty() {
        let held = summary.held.len();
        writeln!(writer, "{held} intervals are held for the registrar")?;
    }
    write_convictions(writer, &summary.convictions)
}

/// Recorded evidence.
fn write_convictions(writer: &mut dyn Write, all: &[ConvictionSummary]) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    writeln!(writer, "\nrecorded evidence:")?;
    for one in all.iter().take(CONVICTIONS_SHOWN_MAX) {
        match &one.whom {
            Convicted::Key {
                key,
                role,
                sequence,
                frozen,
            } => {
                let frozen = if *frozen { ", and was frozen" } else { "" };
                writeln!(
                    writer,
                    "  entry {}: key {key} ({role}) used its sequence {sequence} twice{frozen}",
                    one.entry
                )?;
            }
            Convicted::Nodes { nodes, sizes } => {
                let nodes: Vec<String> = nodes.iter().map(NodeId::to_string).collect();
                writeln!(
                    writer,
                    "  entry {}: of two heads of {} and {} entries that contradict each other both \
                     were signed by nodes {}",
                    one.entry,
                    sizes[0],
                    sizes[1],
                    nodes.join(", ")
                )?;
            }
        }
    }
    match all.len().saturating_sub(CONVICTIONS_SHOWN_MAX) {
        0 => Ok(()),
        more => writeln!(writer, "  and {more} more"),
    }
}

fn write_not_covered(writer: &mut dyn Write, paths: &[String]) -> io::Result<()> {
    let (older, paths): (Vec<&String>, Vec<&String>) =
        paths.iter().partition(|path| is_of_the_log(path));
    if !older.is_empty() {
        let count = older.len();
        writeln!(
            writer,
            "\n{count} files are of other sizes of the log and were not read"
        )?;
    }
    if paths.is_empty() {
        return Ok(());
    }
    let count = paths.len();
    writeln!(
        writer,
        "\n{count} files lie outside the checkpoint's size and were not read:"
    )?;
    for path in paths.into_iter().take(NOT_COVERED_SHOWN_MAX) {
        writeln!(writer, "  {}", printable(path))?;
    }
    if count > NOT_COVERED_SHOWN_MAX {
        writeln!(writer, "  and {} more", count - NOT_COVERED_SHOWN_MAX)?;
    }
    Ok(())
}

/// Whether a file has its place in a node's folder: tiles, and checkpoints by their sizes.
fn is_of_the_log(path: &str) -> bool {
    let size = path.strip_prefix("checkpoints/");
    path.parse::<TilePath>().is_ok() || size.is_some_and(|size| size.parse::<u64>().is_ok())
}
