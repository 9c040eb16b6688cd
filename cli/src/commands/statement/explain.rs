//! `wattle statement explain`: one amount taken apart down to signed readings and orders.

mod adjusted;
mod meters;

use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::explain::{Amount, Explanation, Fate, OrderUsed, explain};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};

use super::kind_name;
use crate::args::ExplainArgs;
use crate::export::{Export, NOT_VERIFIED};
use crate::failure::{Exit, Failure};
use crate::moment;
use crate::output::{Output, Table, printable};

/// The explanation and what it is worth.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    /// Whether every claim of a verification held before it was explained.
    verified: bool,
    #[serde(flatten)]
    explanation: &'a Explanation,
}

pub(super) fn run(args: &ExplainArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let export = Export::open(&args.export)?;
    let interval = args.interval.interval(export.offset())?;
    let explanation = explain(&export.directory, PointId(args.point), interval)
        .map_err(|error| Failure::of(Exit::Failure, &error, "choose another interval"))?;
    let shown = Shown {
        verified: export.is_verified,
        explanation: &explanation,
    };
    output.print(&shown, |writer| {
        Page {
            writer,
            of: &explanation,
        }
        .write(export.is_verified)
    })?;
    if explanation.differences.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the recomputation does not agree with the ledger: {}",
        explanation.differences.join(", ")
    );
    let next = "verify the export with: wattle log verify; then tell the park's operator";
    Err(Failure::new(Exit::Verification, what, next))
}

/// The text for people.
struct Page<'a, 'w> {
    writer: &'w mut dyn Write,
    of: &'a Explanation,
}

/// `a is b` for amounts: below zero, the point pays.
fn received(amount: Money) -> String {
    if amount.0 < 0 {
        format!("pays {}", Money(amount.0.saturating_neg()))
    } else {
        format!("receives {amount}")
    }
}

/// Enough of a key to tell it from others; `--json` has all of it.
fn short(key: &PublicKey) -> String {
    let text = key.to_string();
    format!("{}…", &text[..16.min(text.len())])
}

impl Page<'_, '_> {
    fn write(mut self, is_verified: bool) -> io::Result<()> {
        self.head(is_verified)?;
        self.adjustment()?;
        self.step_1()?;
        self.step_2()?;
        self.steps_3_to_6()?;
        self.step_7()?;
        self.step_8()?;
        self.verdict()
    }

    /// The time of day at which an interval starts, or date and time where it is another day.
    fn at(&self, interval: DeliveryInterval) -> String {
        let offset = self.of.utc_offset_minutes;
        let (day, time) = moment::day_and_time(interval, offset);
        let (today, _) = moment::day_and_time(self.of.interval, offset);
        if day == today {
            time
        } else {
            format!("{day} {time}")
        }
    }

    fn head(&mut self, is_verified: bool) -> io::Result<()> {
        let of = self.of;
        let offset = of.utc_offset_minutes;
        writeln!(
            self.writer,
            "{} (participant {}), {}, the quarter of an hour from {} on (interval {})",
            printable(&of.name),
            of.participant,
            of.point,
            moment::interval_text(of.interval, offset),
            of.interval
        )?;
        writeln!(
            self.writer,
            "The point {}; with the grid alone it {}. This is entry {} of the log.",
            received(of.credit),
            match of.grid_alone.0 {
                ..0 => received(of.grid_alone).replacen("pays", "would pay", 1),
                _ => received(of.grid_alone).replacen("receives", "would receive", 1),
            },
            of.entry
        )?;
        if is_verified {
            writeln!(
                self.writer,
                "Verified: log {}, {} entries, all sealed, root {}",
                printable(&of.origin),
                of.size,
                of.root
            )
        } else {
            writeln!(self.writer, "{NOT_VERIFIED}")
        }
    }

    fn step_1(&mut self) -> io::Result<()> {
        let of = self.of;
        let line = &of.line;
        writeln!(self.writer, "\nStep 1. What the meters say")?;
        if of.meters.is_empty() {
            writeln!(self.writer, "  The point had no meter in this interval.")?;
        }
        for meter in &of.meters {
            self.meter(meter)?;
        }
        let direction = if line.net.0 < 0 { "takes" } else { "gives" };
        writeln!(
            self.writer,
            "  Used {}; the point {direction} {}.",
            line.load,
            WattHours(line.net.0.saturating_abs())
        )?;
        let green = &line.green;
        let parts = [green.self_used, green.stored, green.surplus, green.lost];
        if parts.iter().any(|part| part.0 != 0) {
            writeln!(
                self.writer,
                "  Own generation: {} used at once, {} stored, {} left over, {} lost.",
                green.self_used, green.stored, green.surplus, green.lost
            )?;
        }
        Ok(())
    }

    fn step_2(&mut self) -> io::Result<()> {
        let of = self.of;
        let line = &of.line;
        writeln!(self.writer, "\nStep 2. What was traded ahead")?;
        if let Some(auction) = &of.auction {
            let price = match auction.price {
                Some(price) => format!("{} at {price}", auction.volume),
                None if auction.is_halted => "the market was halted".to_owned(),
                None => "nothing matched".to_owned(),
            };
            writeln!(
                self.writer,
                "  Auction of {} bids and {} offers of the whole park: {price} (entry {}).",
                auction.bids, auction.offers, auction.entry
            )?;
        }
        if let Some(continuous) = &of.continuous {
            let average = match continuous.average {
                Some(price) => format!(", on average at {price}"),
                None => String::new(),
            };
            writeln!(
                self.writer,
                "  Continuous market of the whole park: {} in {} trades{average} (entry {}).",
                continuous.volume, continuous.trades, continuous.entry
            )?;
        }
        if of.orders.is_empty() {
            writeln!(self.writer, "  The point had no order for this interval.")?;
        }
        for order in &of.orders {
            self.order(order)?;
        }
        writeln!(
            self.writer,
            "  Contract: sold {} − bought {} = {}. The meters say {} (below zero: taken).",
            of.position.sold, of.position.bought, line.contracted, line.net
        )?;
        writeln!(
            self.writer,
            "  Meters − contract = {}, of which {} stands behind the point's own meters and {} \
             deviates from the contract.",
            line.delta, line.physical, line.deviation
        )
    }

    fn order(&mut self, order: &OrderUsed) -> io::Result<()> {
        let (verb, done) = match order.side {
            Side::Buy => ("buy", "bought"),
            Side::Sell => ("sell", "sold"),
        };
        let fate = match order.fate {
            Fate::Refused { code } => {
                let known = Rejection::ALL.iter().find(|known| known.code() == code);
                let name = known.map_or("unknown code", |known| known.name());
                format!("refused, {name} ({code})")
            }
            Fate::Cancelled { by_entry } => format!("cancelled (entry {by_entry})"),
            Fate::Traded { by_entry } => format!("used up (entry {by_entry})"),
            Fate::Closed {
                by_entry,
                filled,
                price: Some(price),
            } => format!("{done} {filled} at {price} (entry {by_entry})"),
            Fate::Closed { by_entry, .. } => format!("nothing filled (entry {by_entry})"),
            Fate::Unknown => "the log does not say what became of it".to_owned(),
        };
        let (key, place) = order.order.split_once('-').unwrap_or((&order.order, ""));
        let mut said = String::new();
        if let Some(minimum) = order.minimum {
            said.push_str(&format!(", at least {minimum}"));
        }
        for entry in &order.changed_by {
            said.push_str(&format!(", changed by entry {entry}"));
        }
        for fill in &order.fills {
            let by = match fill.role {
                Some(role) => format!("as {}", role.name()),
                None => "in the joint auction".to_owned(),
            };
            said.push_str(&format!(
                "; {done} {} at {} {by} (entry {})",
                fill.filled, fill.price, fill.entry
            ));
        }
        if let Some(entry) = order.missed {
            said.push_str(&format!("; left out for its minimum (entry {entry})"));
        }
        let limit = match order.bundle {
            Some(least) => format!("in a bundle for net cash of {least} or more"),
            None => format!("at {} or better", order.limit),
        };
        writeln!(
            self.writer,
            "  Order {}…-{place} (entry {}): {verb} {} {limit}{said}; {fate}",
            &key[..16.min(key.len())],
            order.entry,
            order.quantity
        )
    }

    fn steps_3_to_6(&mut self) -> io::Result<()> {
        let of = self.of;
        let (line, terms) = (&of.line, &of.terms);
        let h = terms.shortfall_price;
        writeln!(
            self.writer,
            "\nSteps 3 to 6. Pool, grid, balancing, wheeling"
        )?;
        let mut table = Table::new(&[
            "  energy",
            ">in all",
            ">pool",
            ">rest",
            ">price of the rest",
        ]);
        let (all, pool, rest) = (&line.tranches, &line.pool, &line.unmatched);
        let rows: [(&str, WattHours, WattHours, WattHours, Price); 5] = [
            (
                "  own solar, given",
                all.green,
                pool.green,
                rest.green,
                terms.park.feed_in,
            ),
            (
                "  other surplus, given",
                all.other,
                pool.other,
                rest.other,
                terms.park.export,
            ),
            (
                "  bought ahead, unused",
                all.long,
                pool.long,
                rest.long,
                terms.excess_price,
            ),
            ("  need", all.need, pool.need, rest.need, terms.point.retail),
            (
                "  sold ahead, not delivered",
                all.short,
                pool.short,
                rest.short,
                h,
            ),
        ];
        for (name, all, pool, rest, price) in rows {
            if all.0 != 0 {
                table.row(vec![
                    name.to_owned(),
                    all.to_string(),
                    pool.to_string(),
                    rest.to_string(),
                    price.to_string(),
                ]);
            }
        }
        table.write(self.writer, "  Nothing was left beside the contract.")?;
        let entry = terms.schedule_entry.or(terms.instruction_entry);
        let enrolled = match entry {
            Some(entry) if terms.point.enrolled => format!("enrolled by entry {entry}"),
            Some(entry) => format!("taken out by entry {entry}"),
            None => "never enrolled".to_owned(),
        };
        let pool_price = match of.pool_price {
            Some(price) => format!("{} of all points met at {price}", of.pool_volume),
            None => "nothing met in it".to_owned(),
        };
        writeln!(
            self.writer,
            "  Pool: the point is {enrolled}; {pool_price}."
        )?;
        writeln!(
            self.writer,
            "  Prices pinned at the gate: retail {} (tariff {}, entry {}); feed-in {}, export {}, \
             wheeling {} (entry {}).",
            terms.point.retail,
            terms.tariff,
            terms.tariff_entry,
            terms.park.feed_in,
            terms.park.export,
            terms.park.wheeling,
            terms.park_entry
        )?;
        writeln!(
            self.writer,
            "  Carried to the point within the park: {}.",
            line.received
        )
    }

    fn products(&mut self, amounts: &[Amount], sum: Money) -> io::Result<()> {
        let mut table = Table::new(&["  posting", "for", ">quantity", ">price", ">amount"]);
        for amount in amounts {
            table.row(vec![
                format!("  {}", kind_name(amount.kind)),
                amount.what.to_owned(),
                amount.quantity.to_string(),
                amount.price.to_string(),
                amount.amount.to_string(),
            ]);
        }
        table.row(vec![
            "  sum".to_owned(),
            String::new(),
            String::new(),
            String::new(),
            sum.to_string(),
        ]);
        table.write(self.writer, "")
    }

    fn step_7(&mut self) -> io::Result<()> {
        let of = self.of;
        writeln!(
            self.writer,
            "\nStep 7. Quantity × price = amount (below zero: the point pays)"
        )?;
        self.products(&of.amounts, of.credit)?;
        writeln!(self.writer, "\nWith the grid alone, from the same readings")?;
        self.products(&of.grid_alone_amounts, of.grid_alone)?;
        match of.credit.checked_sub(of.grid_alone) {
            Some(gain) if gain.0 < 0 => writeln!(
                self.writer,
                "  The grid alone would have been better by {}: trades made ahead bind, also \
                 where the day turns out otherwise.",
                Money(-gain.0)
            ),
            Some(gain) => writeln!(self.writer, "  The park is better by {gain}."),
            None => Ok(()),
        }
    }

    fn step_8(&mut self) -> io::Result<()> {
        let of = self.of;
        writeln!(self.writer, "\nStep 8. Certificates")?;
        if !of.line.actual {
            writeln!(
                self.writer,
                "  A reading lacks, so the point neither gives nor gets certificates."
            )?;
        }
        if let Some(issued) = &of.issued {
            writeln!(
                self.writer,
                "  Issued for {}: {} used at the point, {} stored, {} lost, {} sent, {} kept \
                 (entry {}).",
                issued.quantity,
                issued.self_used,
                issued.stored,
                issued.lost,
                issued.sent,
                issued.held,
                issued.entry
            )?;
        }
        for delivery in &of.deliveries {
            let text = if delivery.from == of.point {
                format!("Sent {} to {}", delivery.quantity, delivery.to)
            } else {
                format!("Received {} from {}", delivery.quantity, delivery.from)
            };
            writeln!(self.writer, "  {text} (entry {}).", delivery.entry)?;
        }
        if of.issued.is_none() && of.deliveries.is_empty() {
            writeln!(self.writer, "  None were issued, sent or received.")?;
        }
        Ok(())
    }

    fn verdict(&mut self) -> io::Result<()> {
        let of = self.of;
        if of.differences.is_empty() {
            return writeln!(
                self.writer,
                "\nRecomputed from the signed readings and orders: every figure is the ledger's, \
                 to the last nano-yuan."
            );
        }
        writeln!(self.writer, "\nRECOMPUTED AND NOT THE SAME:")?;
        for difference in &of.differences {
            writeln!(self.writer, "  {}", printable(difference))?;
        }
        Ok(())
    }
}
