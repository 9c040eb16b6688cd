//! `wattle invoice`: what a closed month costs a participant.

mod html;

use std::io::{self, Write};

use serde::Serialize;
use wattle_client::api::{ChargeKind, Extent, Invoice};
use wattle_ledger::registration::ParticipantId;
use wattle_market::units::{Money, WattHours};

use super::statement::kind_name;
use crate::args::{InvoiceArgs, InvoiceFormat};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table, printable};
use crate::park::Park;
use crate::settings::Settings;

/// An invoice with whom it is for.
#[derive(Debug, Serialize)]
struct Addressed {
    park: String,
    participant: ParticipantId,
    name: String,
    utc_offset_minutes: i16,
    #[serde(flatten)]
    invoice: Invoice,
    /// The log that it was read from.
    log: Extent,
}

/// One item: above zero is paid.
struct Item {
    entry: u64,
    name: String,
    /// In one word, for a spreadsheet.
    kind: String,
    point: Option<u32>,
    /// A quarter-hour's import that the item is charged by.
    need: Option<WattHours>,
    amount: i128,
}

pub(super) fn run(
    args: &InvoiceArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if output.is_json() && args.format != InvoiceFormat::Text {
        return Err(Failure::usage(
            "--json and --format exclude each other",
            "leave one of them out",
        ));
    }
    let park = Park::open(settings)?;
    let (client, participant) = park.private_of(&args.who)?;
    let answer = client.invoices(participant)?;
    let (invoices, log) = (answer.invoices, answer.log);
    let wanted = |invoice: &Invoice| args.month.is_none_or(|month| invoice.month == month);
    let invoice = invoices.into_iter().rev().find(wanted).ok_or_else(|| {
        let month = args
            .month
            .map_or_else(String::new, |month| format!(" {month}"));
        Failure::new(
            Exit::Failure,
            format!("there is no invoice of participant {participant} for the month{month}"),
            "a month is closed at 00:00 on the 8th of the next, where the registrar put month \
             closes in force; until then: wattle statement --month",
        )
    })?;
    let name = park.client.registry()?.participants;
    let name = name.into_iter().find(|known| known.id == participant);
    let body = park.genesis.body();
    let addressed = Addressed {
        park: body.name.clone(),
        participant,
        name: name.map(|known| known.name).unwrap_or_default(),
        utc_offset_minutes: body.utc_offset_minutes,
        invoice,
        log,
    };
    let items = addressed.items().ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            "the items of the node's invoice do not sum to its total",
            "ask another node with --url, and take an export: wattle log export",
        )
    })?;
    output.print(&addressed, |writer| match args.format {
        InvoiceFormat::Text => write(writer, &addressed, &items),
        InvoiceFormat::Csv => write_csv(writer, &addressed, &items),
        InvoiceFormat::Html => html::write(writer, &addressed, &items),
    })
}

impl Addressed {
    /// All items; none if they do not sum to the total.
    fn items(&self) -> Option<Vec<Item>> {
        let invoice = &self.invoice;
        let energy = invoice.postings.iter().map(|posting| Item {
            entry: invoice.leaf,
            name: format!("energy: {}", kind_name(posting.kind)),
            kind: format!("{:?}", posting.kind).to_lowercase(),
            point: None,
            need: None,
            amount: -i128::from(posting.amount.0),
        });
        let points = invoice.points.iter().flat_map(|point| {
            let item = |name: String, kind: &str, need, amount: Money| Item {
                entry: point.leaf,
                name,
                kind: kind.to_owned(),
                point: Some(point.point.0),
                need,
                amount: i128::from(amount.0),
            };
            let at = moment::interval_text(point.at, self.utc_offset_minutes).replace('T', " ");
            let watts = i128::from(point.need.0) * 4;
            let power = format!("{}.{:03} kW", watts / 1_000, watts % 1_000);
            let demand = format!("demand of {}: {power} on {at}", point.point);
            let fee = format!("fixed fee of {}", point.point);
            [
                item(demand, "demand", Some(point.need), point.demand),
                item(fee, "fee", None, point.fee),
            ]
        });
        let items: Vec<Item> = energy.chain(points).collect();
        let sum: i128 = items.iter().map(|item| item.amount).sum();
        (sum == i128::from(invoice.gross.0)).then_some(items)
    }

    /// The total's name: a month may bring more than it costs.
    fn total_name(&self) -> &'static str {
        if self.invoice.gross.0 < 0 {
            "total, to be received"
        } else {
            "total, to be paid"
        }
    }

    /// What holds of the invoice, and of what a default changed later.
    fn stage_text(&self) -> String {
        let invoice = &self.invoice;
        let stage = |entry| self.log.stage(entry).name();
        let mut text = format!(
            "entry {} is {}; the month is closed after its final run, and no run changes it",
            invoice.leaf,
            stage(invoice.leaf)
        );
        for cover in &invoice.covers {
            text += &format!("; entry {} is {}", cover.leaf, stage(cover.leaf));
        }
        text
    }

    fn vat_name(&self) -> String {
        let rate = self.invoice.vat_basis_points;
        format!("of which VAT at {}.{:02} %", rate / 100, rate % 100)
    }
}

/// What a default did, in words.
fn cover_name(kind: ChargeKind) -> &'static str {
    match kind {
        ChargeKind::Covered => "borne by others, because it was not paid",
        ChargeKind::Cut => "taken of the gain over the grid, for a default",
        ChargeKind::Demand | ChargeKind::Fees | ChargeKind::Residue => "",
    }
}

fn money(sum: i128) -> String {
    i64::try_from(sum).map_or_else(|_| format!("{sum} nCNY"), |sum| Money(sum).to_string())
}

/// What the same energy would have cost, and by how much the park is better.
fn gain(invoice: &Invoice) -> i128 {
    let credit = invoice
        .postings
        .iter()
        .map(|posting| i128::from(posting.amount.0));
    credit.sum::<i128>() - i128::from(invoice.grid_alone.0)
}

fn write(writer: &mut dyn Write, addressed: &Addressed, items: &[Item]) -> io::Result<()> {
    let invoice = &addressed.invoice;
    writeln!(
        writer,
        "Invoice {} of the park {} to {} (participant {}), entry {}\n",
        invoice.month,
        printable(&addressed.park),
        printable(&addressed.name),
        addressed.participant,
        invoice.leaf
    )?;
    let mut table = Table::new(&["item", ">amount"]);
    for item in items {
        table.row(vec![item.name.clone(), money(item.amount)]);
    }
    table.row(vec![
        addressed.total_name().to_owned(),
        invoice.gross.to_string(),
    ]);
    table.row(vec![addressed.vat_name(), invoice.vat.to_string()]);
    table.write(writer, "")?;
    writeln!(writer)?;
    let alone = -i128::from(invoice.grid_alone.0);
    writeln!(writer, "this energy with the grid alone  {}", money(alone))?;
    writeln!(
        writer,
        "gained by the park               {}",
        money(gain(invoice))
    )?;
    for cover in &invoice.covers {
        writeln!(
            writer,
            "{}: {} (entry {})",
            cover_name(cover.kind),
            cover.amount,
            cover.leaf
        )?;
    }
    writeln!(writer, "{}", addressed.stage_text())
}

/// No field can hold a comma or a quote: numbers, a month, and names of kinds.
fn write_csv(writer: &mut dyn Write, addressed: &Addressed, items: &[Item]) -> io::Result<()> {
    writeln!(
        writer,
        "entry,month,participant,item,point,need_wh,amount_ncny,stage"
    )?;
    let (month, participant) = (addressed.invoice.month, addressed.participant);
    for item in items {
        let point = item.point.map(|point| point.to_string());
        let need = item.need.map(|need| need.0.to_string());
        writeln!(
            writer,
            "{},{month},{participant},{},{},{},{},{}",
            item.entry,
            item.kind,
            point.unwrap_or_default(),
            need.unwrap_or_default(),
            item.amount,
            addressed.log.stage(item.entry).name()
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_client::api::{Charge, PointCharge, Posting};
    use wattle_market::interval::{DeliveryInterval, LocalMonth};
    use wattle_market::point::PointId;
    use wattle_market::settlement::PostingKind;

    fn addressed(name: &str) -> Addressed {
        Addressed {
            park: "testnet".to_owned(),
            participant: ParticipantId(2),
            name: name.to_owned(),
            utc_offset_minutes: 480,
            invoice: Invoice {
                leaf: 77,
                month: LocalMonth::new(2026, 7).unwrap(),
                postings: vec![Posting {
                    kind: PostingKind::Grid,
                    amount: Money(-16_400_000_000),
                }],
                points: vec![PointCharge {
                    leaf: 75,
                    point: PointId(2),
                    need: WattHours(6_001),
                    at: DeliveryInterval(1_980_928),
                    demand: Money(960_160_000_000),
                    fee: Money(100_000_000_000),
                }],
                demand: Money(960_160_000_000),
                fees: Money(100_000_000_000),
                gross: Money(1_076_560_000_000),
                vat_basis_points: 1_300,
                vat: Money(123_852_035_398),
                grid_alone: Money(-19_200_000_000),
                covers: vec![Charge {
                    leaf: 90,
                    kind: ChargeKind::Cut,
                    amount: Money(-1_000),
                }],
            },
            log: Extent {
                committed: 92,
                sealed: 77,
            },
        }
    }

    fn written(format: InvoiceFormat, addressed: &Addressed) -> String {
        let items = addressed.items().unwrap();
        let mut bytes = Vec::new();
        match format {
            InvoiceFormat::Text => write(&mut bytes, addressed, &items),
            InvoiceFormat::Csv => write_csv(&mut bytes, addressed, &items),
            InvoiceFormat::Html => html::write(&mut bytes, addressed, &items),
        }
        .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_names_what_each_item_is_charged_by() {
        let text = written(InvoiceFormat::Text, &addressed("mill"));
        for part in [
            "Invoice 2026-07",
            "energy: grid",
            "24.004 kW on 2026-07-01 00:00",
            "1076.560000000 CNY",
            "VAT at 13.00 %",
            "2.800000000 CNY",
            "entry 90",
            "entry 77 is committed; the month",
            "entry 90 is committed",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }

    #[test]
    fn csv_sums_to_the_total() {
        let csv = written(InvoiceFormat::Csv, &addressed("mill, \"old\""));
        let stages: Vec<&str> = csv
            .lines()
            .map(|line| line.rsplit(',').next().unwrap())
            .collect();
        assert_eq!(stages, ["stage", "committed", "sealed", "sealed"]);
        let amounts = csv
            .lines()
            .skip(1)
            .map(|line| line.rsplit(',').nth(1).unwrap());
        let sum: i64 = amounts.map(|amount| amount.parse::<i64>().unwrap()).sum();
        assert_eq!(sum, 1_076_560_000_000);
        assert!(
            csv.lines().all(|line| line.split(',').count() == 8),
            "{csv}"
        );
    }

    #[test]
    fn items_that_do_not_sum_up_are_no_invoice() {
        let mut addressed = addressed("mill");
        addressed.invoice.gross.0 += 1;
        assert!(addressed.items().is_none());
    }

    #[test]
    fn page_is_self_contained_and_escapes_names() {
        let page = written(InvoiceFormat::Html, &addressed("<b>mill</b>"));
        assert!(page.contains("entry 77 is committed; the month is closed"));
        assert!(page.contains("&lt;b&gt;mill&lt;/b&gt;"));
        for part in ["<b>mill", "<script", "http://", "https://", "src=", "href="] {
            assert!(!page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<tr").count(), page.matches("</tr>").count());
    }
}
