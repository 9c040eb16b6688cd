//! `readings`: registers that meters signed, and what the registrar put right.

use wattle_ledger::event::{Action, Reading};
use wattle_ledger::registration::{MeterId, MeterKind, Role};
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

use super::{
    Cell, Column, Reader, Row, Table, energy, integer, kwh, label, number, text, utc, words,
};

const COLUMNS: [Column; 15] = [
    integer("entry"),
    integer("item"),
    utc("recorded_utc"),
    integer("interval"),
    label("end_local"),
    utc("end_utc"),
    integer("meter"),
    label("meter_kind"),
    integer("point"),
    integer("participant"),
    text("participant_name"),
    kwh("register_kwh"),
    label("by"),
    label("outcome"),
    text("reason"),
];

pub(super) const TABLE: Table = Table {
    name: "readings",
    columns: &COLUMNS,
    rows,
};

/// What a meter counts, in a word.
pub(super) fn kind_name(kind: MeterKind) -> &'static str {
    match kind {
        MeterKind::Generation => "generation",
        MeterKind::Load => "load",
        MeterKind::Charge => "charge",
        MeterKind::Discharge => "discharge",
        MeterKind::Import => "import",
        MeterKind::Export => "export",
    }
}

/// A register, and who says it.
struct Register<'a> {
    item: usize,
    meter: Option<MeterId>,
    interval: DeliveryInterval,
    register: WattHours,
    by: &'static str,
    reason: Option<&'a str>,
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Some(event) = reader.event() else {
        return Vec::new();
    };
    let body = event.body();
    match &body.action {
        Action::SubmitReadings(list) => {
            let meter = match reader.registry.role(&body.author) {
                Some(Role::Meter(meter)) => Some(meter),
                _ => None,
            };
            let one = |(item, reading): (usize, &Reading)| {
                let register = Register {
                    item,
                    meter,
                    interval: reading.interval,
                    register: reading.register,
                    by: "meter",
                    reason: None,
                };
                row(reader, entry, &register)
            };
            list.iter().enumerate().map(one).collect()
        }
        Action::CorrectReading {
            meter,
            interval,
            register,
            reason,
        } => {
            let register = Register {
                item: 0,
                meter: Some(*meter),
                interval: *interval,
                register: *register,
                by: "registrar",
                reason: Some(reason),
            };
            vec![row(reader, entry, &register)]
        }
        _ => Vec::new(),
    }
}

fn row(reader: &Reader, entry: &IndexedEntry, register: &Register<'_>) -> Row {
    let kind = register.meter.and_then(|meter| reader.kinds.get(&meter));
    let interval = register.interval;
    let point = register
        .meter
        .and_then(|meter| reader.registry.point(meter, interval));
    let participant = point.and_then(|point| reader.of_point(point));
    let mut row: Vec<Cell> = vec![
        number(entry.index),
        number(register.item),
        reader.recorded(),
    ];
    row.extend(reader.interval_by_end(interval));
    row.extend([
        register.meter.and_then(|meter| number(meter.0)),
        kind.and_then(|kind| words(kind_name(*kind))),
        point.and_then(|point| number(point.0)),
    ]);
    row.extend(reader.participant(participant));
    row.extend([
        energy(register.register),
        words(register.by),
        reader.outcome(register.item),
        register.reason.and_then(words),
    ]);
    row
}
