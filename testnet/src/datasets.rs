//! What is bundled: an extract of SimBench's profiles and the description of a park that lives by
//! them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use thiserror::Error;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;

use crate::dispatch::Dispatch;
use crate::profile::{
    BuildingProfile, MeterKind, MeterProfile, ParkProfile, ParticipantProfile, PointProfile,
    first_interval_of,
};

pub mod park;
pub mod simbench;

use park::Tenant;

/// The day that is settled if nobody names another: a workday in July with sun and clouds, of which
/// the day before tells something, but not all.
pub const DEFAULT_FIRST_DAY: Date = jiff::civil::date(2016, 7, 8);

/// Why the bundled data cannot serve the days asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundledError {
    /// Nobody can settle no days.
    #[error("the number of days must be at least 1")]
    NoDays,
    /// The days, or the one before the first, are not in the extract.
    #[error(
        "the bundled data does not hold {days} day(s) from {first_day} on; \
         it can settle {available}"
    )]
    NotBundled {
        /// The first day asked for.
        first_day: Date,
        /// The number of days asked for.
        days: u64,
        /// What could be asked for.
        available: Available,
    },
}

/// The days that the bundled data can settle: each span but for its first day, which only forecasts
/// know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available(Vec<(Date, Date)>);

impl fmt::Display for Available {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (first, last)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { " and " };
            write!(formatter, "{separator}{first} to {last}")?;
        }
        Ok(())
    }
}

/// The bundled park for `days` days from `first_day` on, with the meters of the day before for the
/// forecasts.
///
/// The data's German clock is read as the park's own (UTC+8, no daylight saving), so that noon
/// stays noon under Shanghai's tariff. Batteries begin empty at midnight before the day before.
///
/// # Errors
/// [`BundledError`] if the extract does not hold these days and the one before.
pub fn bundled(first_day: Date, days: u64) -> Result<ParkProfile, BundledError> {
    if days == 0 {
        return Err(BundledError::NoDays);
    }
    let spans = simbench::spans();
    let wanted = spans.iter().find_map(|span| {
        let first_row_day = span.day_offset(first_day)?.checked_sub(1)?;
        let row_days = usize::try_from(days).ok()?.checked_add(1)?;
        let end = first_row_day.checked_add(row_days)?;
        (end <= span.days).then_some((span, first_row_day, row_days))
    });
    let Some((span, first_row_day, row_days)) = wanted else {
        let available = spans
            .iter()
            .map(|span| {
                (
                    span.first_day.tomorrow().expect("the extract is of 2016"),
                    span.last_day(),
                )
            })
            .collect();
        let available = Available(available);
        return Err(BundledError::NotBundled {
            first_day,
            days,
            available,
        });
    };
    let first_interval = first_interval_of(first_day).expect("the extract is of 2016");
    let rows = first_row_day * simbench::INTERVALS_PER_DAY
        ..(first_row_day + row_days) * simbench::INTERVALS_PER_DAY;
    let first_row_interval = DeliveryInterval(first_interval.0 - DeliveryInterval::PER_DAY);
    let meters = park::TENANTS
        .iter()
        .flat_map(|tenant| meters_of(tenant, span, rows.clone(), first_row_interval))
        .collect();
    Ok(ParkProfile {
        source: "bundled SimBench profiles 2016 (ODbL 1.0), roles and ratings by assumption".into(),
        buildings: park::BUILDINGS
            .iter()
            .map(|(id, name)| BuildingProfile {
                id: *id,
                name: (*name).to_owned(),
            })
            .collect(),
        participants: park::TENANTS
            .iter()
            .map(|tenant| ParticipantProfile {
                name: tenant.name.to_owned(),
                role: tenant.role.to_owned(),
            })
            .collect(),
        points: park::TENANTS.iter().map(point_of).collect(),
        meters,
        first_interval,
        intervals: days * DeliveryInterval::PER_DAY,
    })
}

fn point_of(tenant: &Tenant) -> PointProfile {
    PointProfile {
        point: tenant.point,
        participant: tenant.name.to_owned(),
        building: tenant.building,
        rated: tenant.rated_power(),
        strategy: tenant.strategy,
    }
}

/// A tenant's meters over some rows of a span, the battery's by the dispatch rule.
fn meters_of(
    tenant: &Tenant,
    span: &simbench::Span,
    rows: std::ops::Range<usize>,
    first: DeliveryInterval,
) -> Vec<MeterProfile> {
    let series = |column: &str, rated_kilowatts: u32| -> Vec<WattHours> {
        let values = span
            .column(column)
            .expect("the park names columns of the extract");
        values[rows.clone()]
            .iter()
            .map(|per_unit| simbench::energy(*per_unit, i64::from(rated_kilowatts) * 1_000))
            .collect()
    };
    let load = series(tenant.load.column, tenant.load.rated_kilowatts);
    let pv = tenant.pv.map(|pv| series(pv.column, pv.rated_kilowatts));
    let interval = |row: usize| {
        DeliveryInterval(first.0 + u64::try_from(row).expect("a span has a few thousand rows"))
    };
    let dispatched = tenant.battery.map(|battery| {
        let mut dispatch = Dispatch::new(battery);
        load.iter()
            .enumerate()
            .map(|(row, load)| {
                let generation = pv.as_ref().map_or(WattHours(0), |pv| pv[row]);
                dispatch.step(interval(row), generation, *load)
            })
            .collect::<Vec<_>>()
    });
    let mut kinds = vec![(MeterKind::Load, load)];
    kinds.extend(pv.map(|pv| (MeterKind::Pv, pv)));
    if let Some(dispatched) = dispatched {
        let charge = dispatched.iter().map(|step| step.charge).collect();
        let discharge = dispatched.iter().map(|step| step.discharge).collect();
        kinds.push((MeterKind::Charge, charge));
        kinds.push((MeterKind::Discharge, discharge));
    }
    kinds
        .into_iter()
        .map(|(meter, values)| MeterProfile {
            point: tenant.point,
            participant: tenant.name.to_owned(),
            building: tenant.building,
            meter,
            energy: values
                .into_iter()
                .enumerate()
                .map(|(row, energy)| (interval(row), energy))
                .collect::<BTreeMap<_, _>>(),
            flags: Vec::new(),
        })
        .collect()
}
