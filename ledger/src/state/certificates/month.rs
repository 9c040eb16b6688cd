//! A month's certificates in units of 1,000 kWh, and what registries outside know them by.

use crate::certificate::{CertificateFact, CertificateId, ExternalLink, LocalMonth, RollUp};
use crate::derived::Fact;
use crate::registration::{ParticipantId, is_name};
use crate::rejection::Rejection;
use crate::state::certificates::Bundle;
use crate::state::certificates::life::End;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// Watt-hours of one unit.
pub const UNIT_WH: i64 = 1_000_000;

/// What a point has to roll up at the end of the month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct OpenMonth {
    /// What was held: left over from before, and of this month.
    pub tradable: (WattHours, WattHours),
    /// What was used at the point itself, likewise.
    pub self_use: (WattHours, WattHours),
}

/// A point's month, rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct ClosedMonth {
    /// What was held.
    pub tradable: RollUp,
    /// What was used at the point itself.
    pub self_use: RollUp,
    /// Tradable units that are registered elsewhere.
    pub linked_tradable: u32,
    /// Units of self-use that are.
    pub linked_self_use: u32,
}

/// Roll-ups, and links by their numbers.
#[derive(Debug, Clone)]
pub struct Months {
    open: Table<PointId, OpenMonth>,
    closed: Table<(PointId, LocalMonth), ClosedMonth>,
    numbers: Table<String, (PointId, LocalMonth, u32, bool)>,
}

parts!(Months {
    open,
    closed,
    numbers
});

impl Default for Months {
    fn default() -> Months {
        Months {
            open: Table::new(table_number::OPEN_MONTHS),
            closed: Table::new(table_number::ROLLED_UP_MONTHS),
            numbers: Table::new(table_number::EXTERNAL_CERTIFICATES),
        }
    }
}

fn roll_up((carried, month): (WattHours, WattHours)) -> RollUp {
    let sum = carried.0 + month.0;
    RollUp {
        carried,
        month,
        // A point generates at most 2^30 Wh an interval, 2^42 a month.
        units: u32::try_from(sum / UNIT_WH).expect("a month has fewer than 2^32 units"),
        left: WattHours(sum % UNIT_WH),
    }
}

impl Months {
    /// What each point has to roll up.
    pub fn open(&self) -> impl Iterator<Item = (&PointId, &OpenMonth)> {
        self.open.iter()
    }

    /// A point's month, rolled up.
    pub fn closed(&self) -> &Table<(PointId, LocalMonth), ClosedMonth> {
        &self.closed
    }

    /// What an external number stands for: point, month, units, and whether they are tradable.
    pub fn numbers(&self) -> &Table<String, (PointId, LocalMonth, u32, bool)> {
        &self.numbers
    }

    /// Counts a final bundle into its month.
    pub(super) fn count(&mut self, point: PointId, bundle: &Bundle) {
        if bundle.held.0 == 0 && bundle.self_used.0 == 0 {
            return;
        }
        let open = self.open.entry(point);
        open.tradable.1.0 += bundle.held.0;
        open.self_use.1.0 += bundle.self_used.0;
    }

    /// Rolls a month up for every point that it added anything to.
    fn close(&mut self, month: LocalMonth) -> Vec<(PointId, ClosedMonth)> {
        let added = |open: &OpenMonth| open.tradable.1.0 > 0 || open.self_use.1.0 > 0;
        let rows = self.open.iter().filter(|(_, open)| added(open));
        let rows: Vec<(PointId, OpenMonth)> = rows.map(|(point, open)| (*point, *open)).collect();
        let mut closed = Vec::new();
        for (point, open) in rows {
            let row = ClosedMonth {
                tradable: roll_up(open.tradable),
                self_use: roll_up(open.self_use),
                linked_tradable: 0,
                linked_self_use: 0,
            };
            let next = OpenMonth {
                tradable: (row.tradable.left, WattHours::ZERO),
                self_use: (row.self_use.left, WattHours::ZERO),
            };
            if next == OpenMonth::default() {
                self.open.remove(&point);
            } else {
                self.open.insert(point, next);
            }
            self.closed.insert((point, month), row);
            closed.push((point, row));
        }
        closed
    }
}

impl State {
    /// Rolls up the month that ends with an interval.
    pub(super) fn roll_up_months(&mut self, interval: DeliveryInterval, facts: &mut Facts) {
        let offset = self.registry.utc_offset_minutes();
        let month = LocalMonth::of(interval, offset);
        if LocalMonth::of(interval.next(), offset) == month {
            return;
        }
        for (point, row) in self.certificates.months.close(month) {
            let rolled_up = CertificateFact::RolledUp {
                point,
                month,
                tradable: row.tradable,
                self_use: row.self_use,
            };
            let holder = self.point(point).participant;
            facts.push((Some(holder), Fact::Certificate(rolled_up)));
        }
    }

    /// Links units of a month to a registry outside; tradable ones leave the park's with that.
    pub(crate) fn link_certificates(
        &mut self,
        link: &ExternalLink,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let ExternalLink {
            point,
            month,
            units,
            tradable,
            ..
        } = *link;
        if self.certificates.holdings.course().is_none() {
            return Err(Rejection::CertificatesInactive);
        }
        if !is_name(&link.number) {
            return Err(Rejection::BadName);
        }
        let months = &self.certificates.months;
        if months.numbers.contains(&link.number) {
            return Err(Rejection::ExternalNumberTaken);
        }
        let row = months.closed.get(&(point, month));
        let row = *row.ok_or(Rejection::MonthNotRolledUp)?;
        let left = if tradable {
            row.tradable.units - row.linked_tradable
        } else {
            row.self_use.units - row.linked_self_use
        };
        if units == 0 || units > left {
            return Err(Rejection::UnitsExceeded);
        }
        let holder = self.point(point).participant;
        if tradable {
            let parts = self.backing(point, month, i64::from(units) * UNIT_WH);
            for (certificate, quantity) in parts.ok_or(Rejection::UnitsExceeded)? {
                let holdings = &mut self.certificates.holdings;
                holdings.end((certificate, holder), quantity, End::Linked);
            }
        }
        let months = &mut self.certificates.months;
        let row = months.closed.get_mut(&(point, month));
        let row = row.expect("the month was looked up before it is changed");
        if tradable {
            row.linked_tradable += units;
        } else {
            row.linked_self_use += units;
        }
        let value = (point, month, units, tradable);
        months.numbers.insert(link.number.clone(), value);
        let linked = CertificateFact::Linked {
            point,
            month,
            units,
            tradable,
            number: link.number.clone(),
        };
        facts.push((Some(holder), Fact::Certificate(linked)));
        Ok(())
    }

    /// The producer's own certificates of a point up to the end of a month, oldest first, that
    /// come to so many watt-hours; none where he has fewer. At most 24 months are looked through.
    fn backing(
        &self,
        point: PointId,
        month: LocalMonth,
        quantity: i64,
    ) -> Option<Vec<(CertificateId, WattHours)>> {
        let holdings = &self.certificates.holdings;
        let course = holdings.course()?;
        let offset = self.registry.utc_offset_minutes();
        let holder: ParticipantId = self.point(point).participant;
        let (mut missing, mut parts) = (quantity, Vec::new());
        let mut origin = course.next_expiry;
        while missing > 0 {
            if origin >= course.next || LocalMonth::of(origin, offset) > month {
                return None;
            }
            let certificate = CertificateId::direct(origin, point);
            if let Some(held) = holdings.rows().get(&(certificate, holder)) {
                let part = held.0.min(missing);
                missing -= part;
                parts.push((certificate, WattHours(part)));
            }
            origin = origin.next();
        }
        Some(parts)
    }
}
