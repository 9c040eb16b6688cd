//! An audit as a person reads it.

use std::fmt::Write as _;

use wattle_market::units::{Money, WattHours};

use super::{Audit, Tenant};
use crate::profile::park_time;
use crate::table::{Align, Table, decimal, kilowatt_hours, per_cent, yuan, yuan_per_kwh};

impl Audit {
    /// Energy, money, totals and the verdict, claim by claim.
    #[must_use]
    pub fn render(&self) -> String {
        format!(
            "Energy, kWh\n{}\nMoney, CNY\n{}\n{}\n{}",
            self.energy_table(),
            self.money_table(),
            self.totals(),
            self.verdict()
        )
    }

    fn energy_table(&self) -> Table {
        let mut table = Table::new(&[
            ("Tenant", Align::Left),
            ("Generated", Align::Right),
            ("Used", Align::Right),
            ("Self-used", Align::Right),
            ("Sold fwd", Align::Right),
            ("Bought fwd", Align::Right),
            ("Sold pool", Align::Right),
            ("Bought pool", Align::Right),
            ("Grid in", Align::Right),
            ("Grid out", Align::Right),
        ]);
        let columns: [fn(&Tenant) -> WattHours; 9] = [
            |tenant| tenant.generated_wh,
            |tenant| tenant.used_wh,
            |tenant| tenant.self_used_wh,
            |tenant| tenant.sold_forward_wh,
            |tenant| tenant.bought_forward_wh,
            |tenant| tenant.sold_pool_wh,
            |tenant| tenant.bought_pool_wh,
            |tenant| tenant.imported_wh,
            |tenant| tenant.exported_wh,
        ];
        for tenant in &self.tenants {
            let cells = columns.iter().map(|column| kilowatt_hours(column(tenant)));
            table.row(std::iter::once(tenant.name.clone()).chain(cells).collect());
        }
        table.rule();
        let cells = columns
            .iter()
            .map(|column| kilowatt_hours(self.total(column)));
        table.row(std::iter::once("Park".to_owned()).chain(cells).collect());
        table
    }

    fn money_table(&self) -> Table {
        let mut table = Table::new(&[
            ("Tenant", Align::Left),
            ("Paid", Align::Right),
            ("Grid alone", Align::Right),
            ("Saved", Align::Right),
        ]);
        let cells =
            |paid: Money, alone: Money| [yuan(paid), yuan(alone), yuan(Money(alone.0 - paid.0))];
        for tenant in &self.tenants {
            let cells = cells(tenant.paid_ncny, tenant.grid_alone_ncny);
            table.row(std::iter::once(tenant.name.clone()).chain(cells).collect());
        }
        table.rule();
        let (paid, alone) = self.paid_and_alone();
        let cells = cells(paid, alone);
        table.row(std::iter::once("Park".to_owned()).chain(cells).collect());
        table
    }

    fn paid_and_alone(&self) -> (Money, Money) {
        let paid = self.total_money(|tenant| tenant.paid_ncny);
        (paid, self.total_money(|tenant| tenant.grid_alone_ncny))
    }

    fn totals(&self) -> String {
        let mut lines: Vec<(&str, String)> = Vec::new();
        let used = self.total(|tenant| tenant.used_wh);
        let received = self.total(|tenant| tenant.received_wh);
        let exported = self.total(|tenant| tenant.exported_wh);
        if let Some(first) = self.first() {
            let settled = format!("{} intervals from {}", self.intervals, park_time(first));
            lines.push(("Settled", settled));
        }
        let generated = self.total(|tenant| tenant.generated_wh);
        lines.push(("Generated", format!("{} kWh", kilowatt_hours(generated))));
        lines.push(("Used", format!("{} kWh", kilowatt_hours(used))));
        let share = per_cent(received.0, used.0);
        let traded = format!(
            "{} kWh within the park ({share} of use)",
            kilowatt_hours(received)
        );
        lines.push(("Traded and delivered", traded));
        lines.push(("Sold at gate closure", self.auctions_line()));
        if self.continuous > 0 {
            let volume = kilowatt_hours(WattHours(self.continuous_volume_wh));
            let sold = format!("{volume} kWh in {} intervals", self.continuous);
            lines.push(("Sold continuously", sold));
        }
        let pool = format!("{} kWh", kilowatt_hours(WattHours(self.pool_volume_wh)));
        lines.push(("Sold in surplus pool", pool));
        lines.push((
            "Exported to the grid",
            format!("{} kWh", kilowatt_hours(exported)),
        ));
        let (paid, alone) = self.paid_and_alone();
        let saved = Money(alone.0 - paid.0);
        let share = per_cent(saved.0, alone.0);
        let money = format!(
            "{} CNY; {} with the grid alone; {} saved ({share})",
            yuan(paid),
            yuan(alone),
            yuan(saved)
        );
        lines.push(("Tenants paid", money));
        let carbon = decimal(i128::from(self.carbon_avoided_g), 1_000, 1);
        lines.push((
            "Carbon avoided",
            format!("{carbon} kg CO2 ({})", self.carbon_factor),
        ));
        let substituted: u64 = self.tenants.iter().map(|tenant| tenant.substituted).sum();
        if substituted > 0 || self.held > 0 {
            let flagged = format!(
                "{substituted} point-intervals on substitutes, {} intervals held",
                self.held
            );
            lines.push(("Flagged", flagged));
        }
        lines.push(("Ledger", self.ledger_line()));
        let mut text = String::new();
        for (name, value) in lines {
            writeln!(text, "{name:<22}{value}").expect("writing to a String cannot fail");
        }
        text
    }

    fn auctions_line(&self) -> String {
        let volume = kilowatt_hours(WattHours(self.auction_volume_wh));
        match (self.price_range(), self.price_mean) {
            (Some((least, most)), Some(mean)) => format!(
                "{volume} kWh in {} intervals, clearing price {} to {} CNY/kWh, mean {}",
                self.auctions,
                yuan_per_kwh(least),
                yuan_per_kwh(most),
                yuan_per_kwh(wattle_market::units::Price(mean)),
            ),
            _ => "nothing".to_owned(),
        }
    }

    fn ledger_line(&self) -> String {
        let mean = self.leaf_bytes.checked_div(self.entries).unwrap_or(0);
        let grouped = |value: u64| decimal(i128::from(value), 1, 0);
        format!(
            "{} entries, {} bytes ({mean} an entry), {} signatures, {} seals, {} cosigners",
            grouped(self.entries),
            grouped(self.leaf_bytes),
            grouped(self.signatures),
            grouped(self.seals),
            self.cosigners,
        )
    }

    /// The verifier's findings, a line each.
    #[must_use]
    pub fn verdict(&self) -> String {
        let mut text = String::from("Offline verification\n");
        for claim in &self.claims {
            let entry = claim
                .entry
                .map(|entry| format!(" (entry {entry})"))
                .unwrap_or_default();
            let reason = if claim.reason.is_empty() { "" } else { ": " };
            let line = format!(
                "  {:<20}{}{entry}{reason}{}",
                claim.claim, claim.status, claim.reason
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}
