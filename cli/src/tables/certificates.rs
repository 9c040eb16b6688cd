//! `certificates`: their issue, and everything that became of them.

use wattle_ledger::certificate::{CancelPurpose, CertificateFact, CertificateId};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

use super::{
    Cell, Column, Reader, Row, Table, energy, integer, kwh, label, number, text, utc, words,
};

const COLUMNS: [Column; 20] = [
    integer("entry"),
    utc("recorded_utc"),
    label("what"),
    label("certificate"),
    integer("interval"),
    label("start_local"),
    utc("start_utc"),
    integer("participant"),
    text("participant_name"),
    integer("point"),
    integer("from_point"),
    integer("to_point"),
    integer("from_participant"),
    integer("to_participant"),
    kwh("quantity_kwh"),
    kwh("self_used_kwh"),
    kwh("stored_kwh"),
    kwh("lost_kwh"),
    label("month"),
    text("purpose"),
];

pub(super) const TABLE: Table = Table {
    name: "certificates",
    columns: &COLUMNS,
    rows,
};

/// What one leaf says, as far as it says it.
#[derive(Default)]
struct Said {
    certificate: Option<CertificateId>,
    interval: Option<DeliveryInterval>,
    point: Option<PointId>,
    points: [Option<PointId>; 2],
    participants: [Option<ParticipantId>; 2],
    quantity: Option<WattHours>,
    self_used: Option<WattHours>,
    stored: Option<WattHours>,
    lost: Option<WattHours>,
    month: Cell,
    purpose: Cell,
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Entry::Derived {
        participant, fact, ..
    } = &entry.entry
    else {
        return Vec::new();
    };
    let said = match fact {
        Fact::CertificateIssued {
            interval,
            point,
            quantity,
            self_used,
            stored,
            lost,
            ..
        } => Said {
            self_used: Some(*self_used),
            stored: Some(*stored),
            lost: Some(*lost),
            ..issued(*interval, *point, *quantity)
        },
        Fact::CertificateAdjusted {
            interval,
            point,
            after,
            ..
        } => Said {
            self_used: Some(after.self_used),
            stored: Some(after.stored),
            lost: Some(after.lost),
            ..issued(*interval, *point, after.issued)
        },
        Fact::CertificateDelivered {
            interval,
            from,
            to,
            quantity,
        } => delivered(*interval, [*from, *to], *quantity),
        Fact::DeliveryAdjusted {
            interval,
            from,
            to,
            after,
            ..
        } => delivered(*interval, [*from, *to], *after),
        Fact::Certificate(fact) => later(fact),
        _ => return Vec::new(),
    };
    vec![row(reader, entry, *participant, (fact.name(), said))]
}

fn issued(interval: DeliveryInterval, point: PointId, quantity: WattHours) -> Said {
    Said {
        certificate: Some(CertificateId::direct(interval, point)),
        interval: Some(interval),
        point: Some(point),
        quantity: Some(quantity),
        ..Said::default()
    }
}

fn delivered(interval: DeliveryInterval, [from, to]: [PointId; 2], quantity: WattHours) -> Said {
    Said {
        points: [Some(from), Some(to)],
        ..issued(interval, from, quantity)
    }
}

fn named(certificate: &CertificateId, quantity: WattHours) -> Said {
    Said {
        certificate: Some(*certificate),
        interval: Some(certificate.interval),
        point: Some(certificate.point),
        quantity: Some(quantity),
        ..Said::default()
    }
}

/// What became of certificates after their issue.
fn later(fact: &CertificateFact) -> Said {
    match fact {
        CertificateFact::Released {
            certificate,
            quantity,
        }
        | CertificateFact::Withdrawn {
            certificate,
            quantity,
        }
        | CertificateFact::Expired {
            certificate,
            quantity,
        } => named(certificate, *quantity),
        CertificateFact::Transferred {
            certificate,
            from,
            to,
            quantity,
        } => Said {
            participants: [Some(*from), Some(*to)],
            ..named(certificate, *quantity)
        },
        CertificateFact::Cancelled {
            certificate,
            quantity,
            purpose,
        } => {
            let mut said = named(certificate, *quantity);
            match purpose {
                CancelPurpose::Use(point) => said.points[1] = Some(*point),
                CancelPurpose::Declared(purpose) => said.purpose = words(purpose),
            }
            said
        }
        CertificateFact::StorageCharged {
            interval,
            point,
            green,
            ..
        } => Said {
            certificate: None,
            ..issued(*interval, *point, *green)
        },
        CertificateFact::StorageDischarged {
            certificate,
            taken,
            lost,
            ..
        } => Said {
            lost: Some(*lost),
            ..named(certificate, *taken)
        },
        CertificateFact::StorageLost {
            origin,
            point,
            quantity,
        } => Said {
            certificate: None,
            lost: Some(*quantity),
            ..issued(*origin, *point, *quantity)
        },
        CertificateFact::RolledUp {
            point,
            month,
            tradable,
            self_use,
        } => Said {
            point: Some(*point),
            quantity: Some(tradable.month),
            self_used: Some(self_use.month),
            month: words(month.to_string()),
            ..Said::default()
        },
        CertificateFact::Linked {
            point,
            month,
            units,
            number,
            ..
        } => Said {
            point: Some(*point),
            quantity: Some(WattHours(i64::from(*units) * 1_000_000)),
            month: words(month.to_string()),
            purpose: words(number),
            ..Said::default()
        },
    }
}

fn row(
    reader: &Reader,
    entry: &IndexedEntry,
    participant: Option<ParticipantId>,
    (what, said): (&'static str, Said),
) -> Row {
    let certificate = said.certificate.and_then(|it| words(it.to_string()));
    let interval = said.interval.map(|interval| reader.interval(interval));
    let point = |point: Option<PointId>| point.and_then(|point| number(point.0));
    let mut row = vec![
        number(entry.index),
        reader.recorded(),
        words(what),
        certificate,
    ];
    row.extend(interval.unwrap_or_default());
    row.extend(reader.participant(participant));
    row.push(point(said.point));
    row.extend(said.points.map(point));
    row.extend(
        said.participants
            .map(|one| one.and_then(|one| number(one.0))),
    );
    let energies = [said.quantity, said.self_used, said.stored, said.lost];
    row.extend(energies.map(|one| one.and_then(energy)));
    row.extend([said.month, said.purpose]);
    row
}
