//! `wattle certificate …`: what one holds, and how it moves and ends.

mod matched;

use std::io::{self, Write};

use wattle_client::api::{CertificateRecord, Certificates, RolledUpMonth};
use wattle_ledger::certificate::{CancelItem, CancelPurpose, TransferItem};
use wattle_ledger::event::Action;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

use crate::args::{CertificateCommand, CertificateListArgs, WhoArgs};
use crate::failure::Failure;
use crate::moment;
use crate::output::{Output, Table};
use crate::park::{self, Park, TENANT_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    command: &CertificateCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let action = match command {
        CertificateCommand::List(args) => return list(args, settings, output),
        CertificateCommand::Show { certificate, who } => {
            let park = Park::open(settings)?;
            let (client, participant) = park.private_of(who)?;
            let record = client.certificate(participant, *certificate)?;
            return output.print(&record, |writer| write_record(writer, &park, &record));
        }
        CertificateCommand::Match(args) => return matched::run(args, output),
        CertificateCommand::Transfer {
            certificate,
            to,
            quantity,
        } => {
            let registry = Park::open(settings)?.client.registry()?;
            Action::TransferCertificates(vec![TransferItem {
                certificate: *certificate,
                to: park::participant(&registry, to)?,
                quantity: *quantity,
            }])
        }
        CertificateCommand::Cancel {
            certificate,
            quantity,
            point,
            beneficiary,
        } => {
            let declared = || CancelPurpose::Declared(beneficiary.clone().unwrap_or_default());
            Action::CancelCertificates(vec![CancelItem {
                certificate: *certificate,
                quantity: *quantity,
                purpose: point.map_or_else(declared, |point| CancelPurpose::Use(PointId(point))),
            }])
        }
    };
    let park = Park::open(settings)?;
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
}

fn list(
    args: &CertificateListArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let who: &WhoArgs = &args.who;
    let (from, to) = match args.month {
        Some(month) => month.intervals(park.offset())?,
        None => park.period(&args.period)?,
    };
    let (client, participant) = park.private_of(who)?;
    let held = client.certificates(participant, from, to)?;
    output.print(&held, |writer| write_list(writer, &park, &held))
}

fn write_list(writer: &mut dyn Write, park: &Park<'_>, held: &Certificates) -> io::Result<()> {
    let mut table = Table::new(&["certificate", "delivered", ">quantity", "state", "expires"]);
    for row in &held.certificates {
        let state = if row.is_provisional {
            "provisional"
        } else {
            "active"
        };
        table.row(vec![
            row.certificate.to_string(),
            park.interval_text(row.interval),
            row.quantity.to_string(),
            state.to_owned(),
            moment::time_text(row.expires_ms, park.offset()),
        ]);
    }
    table.write(writer, "no certificates of this period; choose another")?;
    writeln!(writer, "{}", extent_text(&held.log))?;
    if held.is_cut {
        writeln!(writer, "there are more; choose a shorter period")?;
    }
    if held.active_from.is_none() {
        writeln!(
            writer,
            "certificates do not move in this park; its registrar may activate them"
        )?;
    }
    if !held.uncovered.is_empty() {
        let mut table = Table::new(&[">point", "interval", ">use not covered"]);
        for row in &held.uncovered {
            table.row(vec![
                row.point.0.to_string(),
                park.interval_text(row.interval),
                row.quantity.to_string(),
            ]);
        }
        writeln!(writer)?;
        table.write(writer, "")?;
    }
    write_months(writer, &held.months)
}

fn write_months(writer: &mut dyn Write, months: &[RolledUpMonth]) -> io::Result<()> {
    if months.is_empty() {
        return Ok(());
    }
    let header = [
        ">point", "month", "kind", ">carried", ">month's", ">units", ">left", "linked",
    ];
    let mut table = Table::new(&header);
    for row in months {
        for (kind, tradable, roll_up) in [
            ("tradable", true, &row.tradable),
            ("self-use", false, &row.self_use),
        ] {
            let links = row.links.iter().filter(|link| link.tradable == tradable);
            let links: Vec<String> = links
                .map(|link| format!("{} as {}", link.units, link.number))
                .collect();
            table.row(vec![
                row.point.0.to_string(),
                row.month.to_string(),
                kind.to_owned(),
                roll_up.carried.to_string(),
                roll_up.month.to_string(),
                roll_up.units.to_string(),
                roll_up.left.to_string(),
                links.join(", "),
            ]);
        }
    }
    writeln!(writer)?;
    table.write(writer, "")
}

fn write_record(
    writer: &mut dyn Write,
    park: &Park<'_>,
    record: &CertificateRecord,
) -> io::Result<()> {
    let interval = |interval: DeliveryInterval| park.interval_text(interval);
    let mut table = Table::new(&["certificate", &record.certificate.to_string()]);
    let expires = moment::time_text(record.expires_ms, park.offset());
    let rows = [
        ("generated", interval(record.origin)),
        ("at point", record.point.0.to_string()),
        ("of participant", record.producer.to_string()),
        ("delivered", interval(record.interval)),
        ("expires", expires),
        ("held when it became final", record.held.to_string()),
        ("cancelled", record.cancelled.to_string()),
        ("expired", record.expired.to_string()),
        ("withdrawn", record.withdrawn.to_string()),
        ("registered elsewhere", record.linked.to_string()),
        ("in your hands", record.holding.to_string()),
    ];
    for (name, value) in rows {
        table.row(vec![name.to_owned(), value]);
    }
    table.write(writer, "")?;
    writeln!(writer, "{}", extent_text(&record.log))?;
    writeln!(
        writer,
        "\nA park certificate is an instrument of this park and no Chinese GEC."
    )
}
