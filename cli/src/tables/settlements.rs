//! `settlements`: what each run found for each point and interval.

use wattle_ledger::derived::{Fact, Run};
use wattle_ledger::entry::Entry;
use wattle_ledger::registration::{MeterKind, ParticipantId};
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{GreenSplit, PointSettlement, PointTerms};
use wattle_market::units::{Money, WattHours};

use super::readings::kind_name;
use super::{
    Cell, Column, Reader, Row, Table, cny, energy, integer, kwh, label, money, number, price, text,
    unit_price, utc, words,
};

const COLUMNS: [Column; 28] = [
    integer("entry"),
    utc("recorded_utc"),
    label("run"),
    integer("interval"),
    label("start_local"),
    utc("start_utc"),
    integer("participant"),
    text("participant_name"),
    integer("point"),
    integer("building"),
    label("substituted"),
    kwh("used_kwh"),
    kwh("generated_kwh"),
    kwh("surplus_kwh"),
    kwh("need_kwh"),
    kwh("contracted_kwh"),
    kwh("deviation_kwh"),
    kwh("pool_sold_kwh"),
    kwh("pool_bought_kwh"),
    kwh("received_kwh"),
    kwh("from_grid_kwh"),
    kwh("to_grid_kwh"),
    price("retail_cny_per_kwh"),
    cny("wheeling_cny"),
    cny("credit_cny"),
    cny("grid_alone_cny"),
    cny("gain_cny"),
    cny("credit_before_cny"),
];

pub(super) const TABLE: Table = Table {
    name: "settlements",
    columns: &COLUMNS,
    rows,
};

/// One point's settlement.
struct Found<'a> {
    participant: Option<ParticipantId>,
    interval: DeliveryInterval,
    point: PointId,
    run: Run,
    terms: &'a PointTerms,
    substituted: &'a [MeterKind],
    line: &'a PointSettlement,
    /// The credit of the run before.
    before: Option<Money>,
}

/// A run in a word.
pub(super) fn run_name(run: Run) -> &'static str {
    match run {
        Run::Initial => "initial",
        Run::Final => "final",
    }
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Entry::Derived {
        participant, fact, ..
    } = &entry.entry
    else {
        return Vec::new();
    };
    let found = match fact {
        Fact::PointSettled {
            interval,
            point,
            run,
            terms,
            substituted,
            line,
            ..
        } => Found {
            participant: *participant,
            interval: *interval,
            point: *point,
            run: *run,
            terms,
            substituted,
            line,
            before: None,
        },
        Fact::PointAdjusted {
            interval,
            point,
            run,
            terms,
            substituted,
            before,
            line,
            ..
        } => Found {
            participant: *participant,
            interval: *interval,
            point: *point,
            run: *run,
            terms,
            substituted,
            line,
            before: before.as_ref().map(|line| line.credit),
        },
        _ => return Vec::new(),
    };
    vec![row(reader, entry, &found)]
}

fn sum(parts: &[WattHours]) -> Cell {
    number(parts.iter().map(|part| i128::from(part.0)).sum::<i128>())
}

fn row(reader: &Reader, entry: &IndexedEntry, found: &Found<'_>) -> Row {
    let line = found.line;
    let (pool, rest) = (&line.pool, &line.unmatched);
    let GreenSplit {
        self_used,
        stored,
        surplus,
        lost,
    } = line.green;
    let substituted: Vec<&str> = found
        .substituted
        .iter()
        .map(|kind| kind_name(*kind))
        .collect();
    let gain = line.credit.checked_sub(line.grid_alone);
    let mut row = vec![
        number(entry.index),
        reader.recorded(),
        words(run_name(found.run)),
    ];
    row.extend(reader.interval(found.interval));
    row.extend(reader.participant(found.participant));
    row.extend([
        number(found.point.0),
        number(found.terms.building.0),
        words(substituted.join("+")),
        energy(line.load),
        sum(&[self_used, stored, surplus, lost]),
        energy(line.surplus),
        energy(line.need),
        energy(line.contracted),
        energy(line.deviation),
        sum(&[pool.green, pool.other, pool.long]),
        sum(&[pool.need, pool.short]),
        energy(line.received),
        energy(rest.need),
        sum(&[rest.green, rest.other]),
        unit_price(found.terms.retail),
        money(line.wheeling),
        money(line.credit),
        money(line.grid_alone),
        gain.and_then(money),
        found.before.and_then(money),
    ]);
    row
}
