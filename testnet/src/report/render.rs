//! A report as plain text.

use std::fmt::Write;

use super::{CARBON_FACTOR, PointFigures, Report, TradeFigures};
use crate::profile::{ParkProfile, park_time};
use crate::table::{Align, Table, decimal, kilowatt_hours, per_cent, yuan, yuan_per_kwh};

impl Report {
    /// The report for people: energy and money by tenant, then the park's totals. Names come from
    /// the profile.
    #[must_use]
    pub fn render(&self, profile: &ParkProfile) -> String {
        let energy = self.energy_table(profile);
        let money = self.money_table(profile);
        let totals = self.totals();
        format!("Energy, kWh\n{energy}\nMoney, CNY\n{money}\n{totals}")
    }

    /// What each tenant generated, used and traded, in kWh.
    #[must_use]
    pub fn energy_table(&self, profile: &ParkProfile) -> Table {
        let mut table = Table::new(&[
            ("Tenant", Align::Left),
            ("Generated", Align::Right),
            ("Used", Align::Right),
            ("Self-used", Align::Right),
            ("Stored", Align::Right),
            ("Sold fwd", Align::Right),
            ("Bought fwd", Align::Right),
            ("Sold pool", Align::Right),
            ("Bought pool", Align::Right),
            ("Grid in", Align::Right),
            ("Grid out", Align::Right),
        ]);
        let cells = |figures: &PointFigures| {
            [
                figures.generated,
                figures.used,
                figures.self_used,
                figures.stored,
                figures.sold_forward,
                figures.bought_forward,
                figures.sold_pool,
                figures.bought_pool,
                figures.grid_import,
                figures.grid_export,
            ]
            .map(kilowatt_hours)
        };
        for (names, figures) in self.named(profile) {
            let [tenant, _building] = names;
            table.row(std::iter::once(tenant).chain(cells(figures)).collect());
        }
        table.rule();
        let park = std::iter::once("Park".to_owned());
        table.row(park.chain(cells(&self.park())).collect());
        table
    }

    /// What each tenant paid and saved, in yuan.
    #[must_use]
    pub fn money_table(&self, profile: &ParkProfile) -> Table {
        let mut table = Table::new(&[
            ("Tenant", Align::Left),
            ("Building", Align::Left),
            ("Paid", Align::Right),
            ("Grid alone", Align::Right),
            ("Saved", Align::Right),
        ]);
        let cells =
            |figures: &PointFigures| [figures.paid, figures.grid_alone, figures.saved()].map(yuan);
        for (names, figures) in self.named(profile) {
            table.row(names.into_iter().chain(cells(figures)).collect());
        }
        table.rule();
        let park = ["Park".to_owned(), String::new()];
        table.row(park.into_iter().chain(cells(&self.park())).collect());
        table
    }

    /// The park's totals, a line each.
    #[must_use]
    pub fn totals(&self) -> String {
        let park = self.park();
        let generated = park.generated;
        let within = park.received;
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            writeln!(text, "{name:<22}{value}").expect("writing to a string cannot fail");
        };
        if let Some(first) = self.first_interval {
            let end = park_time(first.plus(self.intervals));
            let span = format!(
                "{} intervals, {} to {end} park time",
                self.intervals,
                park_time(first)
            );
            line("Settled", span);
        }
        line("Generated", format!("{} kWh", kilowatt_hours(generated)));
        line("Used", format!("{} kWh", kilowatt_hours(park.used)));
        let delivered = format!(
            "{} kWh within the park ({} of what was used)",
            kilowatt_hours(within),
            per_cent(within.0, park.used.0)
        );
        line("Traded and delivered", delivered);
        line("Sold at gate closure", trades(&self.forward));
        line("Sold in surplus pool", trades(&self.pool));
        let exported = per_cent(park.grid_export.0, generated.0);
        let exported = format!(
            "{} kWh ({exported} of what was generated)",
            kilowatt_hours(park.grid_export)
        );
        line("Exported to the grid", exported);
        line(
            "Taken from the grid",
            format!("{} kWh", kilowatt_hours(park.grid_import)),
        );
        let saved = per_cent(park.saved().0, park.grid_alone.0);
        let paid = format!(
            "{} CNY; {} with the grid alone; {} saved ({saved})",
            yuan(park.paid),
            yuan(park.grid_alone),
            yuan(park.saved()),
        );
        line("Tenants paid", paid);
        let accounts = format!(
            "{} CNY to the grid, {} wheeling, {} balancing",
            yuan(self.grid_account),
            yuan(self.network_account),
            yuan(self.balancing_account)
        );
        line("Of which", accounts);
        line("Green use", self.green_text());
        line("Carbon avoided", self.carbon_text());
        if self.substituted > 0 {
            let substituted = format!("{} readings of a point and interval", self.substituted);
            line("Substituted", substituted);
        }
        text
    }

    fn green_text(&self) -> String {
        let green = self.green_used();
        let used = self.total(|point| point.used);
        format!(
            "{} kWh of own and neighbors' generation as it was generated ({} of use)",
            kilowatt_hours(green),
            per_cent(green.0, used.0)
        )
    }

    fn carbon_text(&self) -> String {
        format!(
            "{} kg CO2 at {} kg/kWh ({})",
            decimal(self.carbon_avoided_grams(), 1_000, 1),
            decimal(i128::from(CARBON_FACTOR.grams_per_kwh), 1_000, 2),
            CARBON_FACTOR.name
        )
    }

    /// The figures of all points added up, as if the park were one.
    fn park(&self) -> PointFigures {
        PointFigures {
            generated: self.total(|point| point.generated),
            used: self.total(|point| point.used),
            self_used: self.total(|point| point.self_used),
            stored: self.total(|point| point.stored),
            charged: self.total(|point| point.charged),
            discharged: self.total(|point| point.discharged),
            sold_forward: self.total(|point| point.sold_forward),
            bought_forward: self.total(|point| point.bought_forward),
            sold_pool: self.total(|point| point.sold_pool),
            bought_pool: self.total(|point| point.bought_pool),
            grid_import: self.total(|point| point.grid_import),
            grid_export: self.total(|point| point.grid_export),
            long: self.total(|point| point.long),
            short: self.total(|point| point.short),
            received: self.total(|point| point.received),
            green_received: self.total(|point| point.green_received),
            paid: self.total_money(|point| point.paid),
            grid_alone: self.total_money(|point| point.grid_alone),
        }
    }

    /// Each point's figures with the names of its participant and building; bare numbers where the
    /// profile has none.
    fn named<'a>(
        &'a self,
        profile: &ParkProfile,
    ) -> impl Iterator<Item = ([String; 2], &'a PointFigures)> {
        let names = |point| {
            let known = profile.points.iter().find(|known| known.point == point);
            let building = known.and_then(|known| {
                profile
                    .buildings
                    .iter()
                    .find(|building| building.id == known.building)
            });
            [
                known.map_or_else(|| point.to_string(), |known| known.participant.clone()),
                building.map_or_else(String::new, |building| building.name.clone()),
            ]
        };
        let named: Vec<_> = self
            .points
            .iter()
            .map(|(point, figures)| (names(*point), figures))
            .collect();
        named.into_iter()
    }
}

/// Volume, intervals and prices of one kind of trade.
fn trades(figures: &TradeFigures) -> String {
    let (Some(lowest), Some(highest), Some(mean)) =
        (figures.price_min, figures.price_max, figures.price_mean())
    else {
        return "nothing".to_owned();
    };
    format!(
        "{} kWh in {} intervals, clearing price {} to {} CNY/kWh, mean {}",
        kilowatt_hours(figures.volume),
        figures.intervals,
        yuan_per_kwh(lowest),
        yuan_per_kwh(highest),
        yuan_per_kwh(mean)
    )
}
