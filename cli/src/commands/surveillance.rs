//! `wattle surveillance`: what a supervisor of the market wants to see.

use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::surveillance::{
    Concentration, Influence, REPEATED_MIN, SelfDealing, Share, Surveillance, surveillance,
};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

use crate::args::SurveillanceArgs;
use crate::commands::log_verify::progress;
use crate::export::{self, Export};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table, printable};

/// Days in the table of concentration; a longer period has them in `--json` only.
const DAYS_SHOWN_MAX: usize = 31;
/// Lines of each list; all are in `--json`.
const LINES_SHOWN_MAX: usize = 50;

/// The report and what it is worth.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    /// Whether every claim of a verification held before.
    verified: bool,
    #[serde(flatten)]
    report: &'a Surveillance,
}

pub(super) fn run(args: &SurveillanceArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let export = Export::open(&args.export)?;
    let period = export.period(args.month, [args.from, args.to])?;
    let report = surveillance(&export.directory, period, &mut progress("watched"))
        .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))?;
    let shown = Shown {
        verified: export.is_verified,
        report: &report,
    };
    output.print(&shown, |writer| {
        Page {
            writer,
            of: &report,
        }
        .write(export.is_verified)
    })?;
    if report.differences.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Verification,
        report.differences.join("; "),
        "verify the export with: wattle log verify; then tell the park's operator",
    ))
}

/// The text for people.
struct Page<'a, 'w> {
    writer: &'w mut dyn Write,
    of: &'a Surveillance,
}

/// Wh as kWh.
fn energy(quantity: i128) -> String {
    i64::try_from(quantity).map_or_else(
        |_| format!("{quantity} Wh"),
        |sum| WattHours(sum).to_string(),
    )
}

/// Ten-thousandths as percent.
fn percent(basis_points: i128) -> String {
    format!("{}.{:02}%", basis_points / 100, basis_points % 100)
}

fn price(price: Option<Price>) -> String {
    price.map_or_else(|| "none".to_owned(), |price| price.to_string())
}

impl Page<'_, '_> {
    fn write(mut self, is_verified: bool) -> io::Result<()> {
        let of = self.of;
        let at = |interval: Option<DeliveryInterval>| {
            let text = interval.map(|one| moment::interval_text(one, of.utc_offset_minutes));
            text.unwrap_or_default()
        };
        if of.first.is_none() {
            writeln!(
                self.writer,
                "park {}: no order in this period",
                printable(&of.park)
            )?;
        } else {
            writeln!(
                self.writer,
                "park {}: orders for {} to {} (starts), {} auctions held again",
                printable(&of.park),
                at(of.first),
                at(of.last),
                of.auctions
            )?;
        }
        writeln!(self.writer, "{}", export::worth(is_verified))?;
        self.shares()?;
        self.days()?;
        self.conduct()?;
        self.repeated()?;
        self.self_dealing()?;
        self.influences()?;
        self.stopped()
    }

    fn name(&self, participant: ParticipantId) -> String {
        let name = self.of.names.get(&participant);
        format!(
            "{participant} {}",
            name.map(|name| printable(name)).unwrap_or_default()
        )
    }

    fn at(&self, interval: DeliveryInterval) -> String {
        moment::interval_text(interval, self.of.utc_offset_minutes)
    }

    fn shares(&mut self) -> io::Result<()> {
        let Concentration {
            volume,
            sellers,
            buyers,
            ..
        } = &self.of.traded;
        writeln!(self.writer, "\nTraded ahead: {}", energy(*volume))?;
        let mut table = Table::new(&["participant", ">sold", ">share", ">bought", ">share"]);
        let none = Share::default();
        for participant in self.of.names.keys() {
            let sold = sellers.get(participant).unwrap_or(&none);
            let bought = buyers.get(participant).unwrap_or(&none);
            if sold.quantity + bought.quantity > 0 {
                table.row(vec![
                    self.name(*participant),
                    energy(sold.quantity),
                    percent(sold.basis_points),
                    energy(bought.quantity),
                    percent(bought.basis_points),
                ]);
            }
        }
        table.write(self.writer, "nothing was traded")
    }

    fn days(&mut self) -> io::Result<()> {
        writeln!(self.writer, "\nConcentration (index of 10,000: one alone)")?;
        let header = ["day", ">volume", ">sellers", ">index", ">buyers", ">index"];
        let mut table = Table::new(&header);
        let row = |name: String, one: &Concentration| {
            vec![
                name,
                energy(one.volume),
                one.sellers.len().to_string(),
                one.sellers_hhi.to_string(),
                one.buyers.len().to_string(),
                one.buyers_hhi.to_string(),
            ]
        };
        for (day, one) in self.of.days.iter().take(DAYS_SHOWN_MAX) {
            let (day, _) = moment::day_and_time(*day, self.of.utc_offset_minutes);
            table.row(row(day, one));
        }
        table.row(row("whole period".to_owned(), &self.of.traded));
        table.write(self.writer, "")?;
        self.rest(self.of.days.len(), DAYS_SHOWN_MAX, "days")
    }

    /// What a table had no room for.
    fn rest(&mut self, lines: usize, most: usize, what: &str) -> io::Result<()> {
        if lines > most {
            writeln!(self.writer, "{} more {what}: --json", lines - most)?;
        }
        Ok(())
    }

    fn conduct(&mut self) -> io::Result<()> {
        writeln!(self.writer, "\nOrders")?;
        let header = [
            "participant",
            ">placed",
            ">energy",
            ">changed",
            ">withdrawn",
            ">energy",
            ">late",
            ">energy",
            ">traded",
            ">refused",
            ">own",
            ">affiliate",
        ];
        let mut table = Table::new(&header);
        for (participant, one) in &self.of.conduct {
            table.row(vec![
                self.name(*participant),
                one.placed.to_string(),
                energy(one.placed_wh),
                one.changed.to_string(),
                one.withdrawn.to_string(),
                energy(one.withdrawn_wh),
                one.withdrawn_late.to_string(),
                energy(one.withdrawn_late_wh),
                energy(one.traded_wh),
                one.refused.to_string(),
                one.refused_own.to_string(),
                one.refused_affiliate.to_string(),
            ]);
        }
        table.write(self.writer, "nobody ordered anything")
    }

    fn repeated(&mut self) -> io::Result<()> {
        writeln!(
            self.writer,
            "\nTaken back {REPEATED_MIN} times or more, at one point for one interval"
        )?;
        let header = [
            "interval",
            "participant",
            ">point",
            "side",
            ">withdrawn",
            ">traded",
        ];
        let mut table = Table::new(&header);
        for one in self.of.repeated.iter().take(LINES_SHOWN_MAX) {
            let side = match one.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            };
            table.row(vec![
                self.at(one.interval),
                self.name(one.participant),
                one.point.0.to_string(),
                side.to_owned(),
                one.withdrawn.to_string(),
                one.traded.to_string(),
            ]);
        }
        table.write(self.writer, "none")?;
        self.rest(self.of.repeated.len(), LINES_SHOWN_MAX, "lines")
    }

    fn self_dealing(&mut self) -> io::Result<()> {
        writeln!(self.writer, "\nAffiliates on both sides of an interval")?;
        let header = [
            "interval", ">group", "matching", ">sold", ">bought", ">between", "who",
        ];
        let mut table = Table::new(&header);
        let each = |who: &std::collections::BTreeSet<ParticipantId>| -> String {
            let ids: Vec<String> = who.iter().map(ToString::to_string).collect();
            ids.join(", ")
        };
        for one in self.of.self_dealing.iter().take(LINES_SHOWN_MAX) {
            let SelfDealing {
                interval,
                group,
                sold,
                bought,
                between,
                sellers,
                buyers,
                is_continuous,
            } = one;
            let (matching, amount) = if *is_continuous {
                ("continuous", between.to_string())
            } else {
                ("auction", format!("up to {between}"))
            };
            table.row(vec![
                self.at(*interval),
                group.0.to_string(),
                matching.to_owned(),
                sold.to_string(),
                bought.to_string(),
                amount,
                format!("{} to {}", each(sellers), each(buyers)),
            ]);
        }
        table.write(self.writer, "none")?;
        self.rest(self.of.self_dealing.len(), LINES_SHOWN_MAX, "lines")
    }

    fn influences(&mut self) -> io::Result<()> {
        writeln!(
            self.writer,
            "\nAuctions that late orders of one participant changed"
        )?;
        let header = [
            "interval",
            "participant",
            ">late orders",
            ">sold",
            ">bought",
            ">price",
            ">without",
            ">volume",
            ">without",
        ];
        let mut table = Table::new(&header);
        for one in self.of.influences.iter().take(LINES_SHOWN_MAX) {
            let Influence {
                interval,
                participant,
                late_orders,
                sold,
                bought,
                ..
            } = one;
            table.row(vec![
                self.at(*interval),
                self.name(*participant),
                late_orders.to_string(),
                sold.to_string(),
                bought.to_string(),
                price(one.price),
                price(one.price_without),
                one.volume.to_string(),
                one.volume_without.to_string(),
            ]);
        }
        table.write(self.writer, "none")?;
        self.rest(self.of.influences.len(), LINES_SHOWN_MAX, "lines")
    }

    fn stopped(&mut self) -> io::Result<()> {
        for (name, intervals) in [
            ("Settlement held", &self.of.held),
            ("Market halted at the gate", &self.of.halted),
        ] {
            let starts: Vec<String> = intervals
                .iter()
                .take(LINES_SHOWN_MAX)
                .map(|interval| self.at(*interval))
                .collect();
            let text = if starts.is_empty() {
                "never".to_owned()
            } else {
                starts.join(", ")
            };
            writeln!(self.writer, "\n{name}: {text}")?;
            self.rest(intervals.len(), LINES_SHOWN_MAX, "intervals")?;
        }
        writeln!(
            self.writer,
            "\nA figure says where to look; what it means is for people to find out."
        )
    }
}
