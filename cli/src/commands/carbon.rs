//! `wattle carbon report`: what each participant's electricity weighs, and by which factor.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::registration::{CarbonFactor, ParticipantId};
use wattle_ledger::verify::green_use::{Elsewhere, GreenUse, Use};
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

use crate::args::CarbonCommand;
use crate::export::{self, Export};
use crate::failure::{Exit, Failure};
use crate::moment::{self, Month};
use crate::output::{Output, Table, printable};

/// What is counted, in every output.
const SCOPE: &str = "\
Scope 2: electricity taken from outside each point, by the factor of its interval. Own solar that is
used at once, and what a storage of one's own gives back, is not taken. `Uncovered` leaves out what
park certificates of the same quarter of an hour cover: received with energy from a neighbor, or
claimed. Whoever sends, sells, declares or registers a certificate elsewhere has nothing of it here,
so no watt-hour is counted twice. Charging counts when it is taken, losses included.";

/// What the figures are not, in every output.
const LIMITS: &str = "\
Power bought within a park is not zero by the text of the Shanghai ETS: that asks for power bought
between provinces through the Beijing exchange and settled, with contracts, settlement, certificates
and bills as evidence. There `taken` counts and not `uncovered`. A park certificate is no Chinese
GEC.";

/// The report.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// Whether every claim of a verification held before.
    verified: bool,
    scope: &'static str,
    limits: &'static str,
    factors: Vec<FactorSince<'a>>,
    participants: Vec<Row>,
    park: Use,
}

/// A factor and the first interval of its use.
#[derive(Debug, Serialize)]
struct FactorSince<'a> {
    from: DeliveryInterval,
    #[serde(flatten)]
    factor: &'a CarbonFactor,
}

/// One participant.
#[derive(Debug, Serialize)]
struct Row {
    participant: ParticipantId,
    name: String,
    #[serde(rename = "use")]
    sums: Use,
    /// Certificates of his that cover use of others, or none here.
    elsewhere: Elsewhere,
}

pub(super) fn run(command: &CarbonCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    let CarbonCommand::Report(args) = command;
    let export = Export::open(&args.export)?;
    let (from, to) = period(args.month, export.offset())?;
    let uses = GreenUse::read(&export.directory, from, to)
        .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))?;
    let mut sums: BTreeMap<ParticipantId, Use> = BTreeMap::new();
    let mut park = Use::default();
    for (point, _, of) in uses.rows() {
        let owner = uses.owners.get(&point).copied().unwrap_or_default();
        *sums.entry(owner).or_default() += of;
        park += of;
    }
    if sums.is_empty() {
        return Err(Failure::new(
            Exit::Failure,
            "the export has no settled interval in this period",
            "choose another --month",
        ));
    }
    let row = |(participant, sums): (ParticipantId, Use)| Row {
        participant,
        name: uses.names.get(&participant).cloned().unwrap_or_default(),
        sums,
        elsewhere: uses
            .elsewhere
            .get(&participant)
            .copied()
            .unwrap_or_default(),
    };
    let report = Report {
        verified: export.is_verified,
        scope: SCOPE,
        limits: LIMITS,
        factors: uses
            .factors()
            .into_iter()
            .map(|(from, factor)| FactorSince { from, factor })
            .collect(),
        participants: sums.into_iter().map(row).collect(),
        park,
    };
    let offset = export.offset();
    output.print(&report, |writer| write(writer, &report, offset))
}

/// The month that was named, or all there is.
pub(super) fn period(
    month: Option<Month>,
    offset: i16,
) -> Result<(DeliveryInterval, DeliveryInterval), Failure> {
    let all = (DeliveryInterval(0), DeliveryInterval(u64::MAX));
    month.map_or(Ok(all), |month| month.intervals(offset))
}

/// A part of a whole in ten-thousandths, rounded down; none of nothing.
pub(super) fn share(part: i128, whole: i128) -> Option<i128> {
    (whole > 0).then(|| part * 10_000 / whole)
}

/// A sum of watt-hours as it is printed.
pub(super) fn energy(sum: i128) -> String {
    let held = sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    WattHours(i64::try_from(held).unwrap_or_default()).to_string()
}

/// Micrograms as kilograms, rounded down to the gram.
fn kilograms(micrograms: i128) -> String {
    let grams = micrograms / 1_000_000;
    format!("{}.{:03}", grams / 1_000, grams % 1_000)
}

fn write(writer: &mut dyn Write, report: &Report<'_>, offset: i16) -> io::Result<()> {
    writeln!(writer, "{}\n", export::worth(report.verified))?;
    let header = [
        "participant",
        ">used",
        ">own solar",
        ">taken",
        ">received",
        ">claimed",
        ">uncovered",
        ">kg CO2 taken",
        ">kg CO2 uncovered",
    ];
    let mut table = Table::new(&header);
    let rows = report
        .participants
        .iter()
        .map(|row| (row.name.as_str(), &row.sums));
    for (name, sums) in rows.chain([("park", &report.park)]) {
        let own = sums.own + sums.stored;
        let mut cells = vec![name.to_owned()];
        let energies = [
            sums.used,
            own,
            sums.taken,
            sums.received,
            sums.claimed,
            sums.rest,
        ];
        cells.extend(energies.map(energy));
        cells.extend([sums.taken_ug, sums.rest_ug].map(kilograms));
        table.row(cells);
    }
    table.write(writer, "")?;
    writeln!(writer)?;
    for FactorSince { from, factor } in &report.factors {
        writeln!(
            writer,
            "factor {} {}: {}.{:06} kg/kWh, from {} ({})",
            printable(&factor.name),
            factor.year,
            factor.milligrams_per_kwh / 1_000_000,
            factor.milligrams_per_kwh % 1_000_000,
            moment::interval_text(*from, offset),
            printable(&factor.source)
        )?;
    }
    if report.park.substituted > 0 {
        let count = report.park.substituted;
        writeln!(
            writer,
            "{count} intervals of points were settled on substitutes"
        )?;
    }
    writeln!(writer, "\n{SCOPE}\n\n{LIMITS}")
}
