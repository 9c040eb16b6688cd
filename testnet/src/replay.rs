//! A park's days settled in this process, with the market's rules alone: no keys, no log, no nodes.
//!
//! For each interval: every tenant's strategy places its order, the gate auction clears the book,
//! the meters are read, and the initial run settles. A missing reading is replaced by the open-gap
//! rule of SETTLEMENT.md, "Runs", because a data file holds energies and no registers, so that the
//! total of a gap is not known.

use std::collections::BTreeMap;

use thiserror::Error;
use wattle_market::auction::{Quote, clear};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{
    ForwardPosition, MeteredEnergy, ParkTerms, PointInput, PointTerms, SettlementError, settle,
};
use wattle_market::substitute::{Register, lookback, open_gap};
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

use crate::datasets::park;
use crate::profile::{MeterKind, PARK_UTC_OFFSET_MINUTES, ParkProfile, PointProfile};
use crate::report::{Report, ReportError, SettledInterval};
use crate::strategy::{self, Knowledge, PublicPrices};

/// Why a park's days could not be settled. All of these are errors in the rules or in this program.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The market refused, or an invariant broke.
    #[error("interval {interval} cannot be settled")]
    Settle {
        /// Which interval.
        interval: DeliveryInterval,
        /// What the market says.
        #[source]
        source: SettlementError,
    },
    /// The cash of a trade does not fit in 64 bits.
    #[error("interval {interval}: the cash of a trade does not fit in 64 bits")]
    Overflow {
        /// Which interval.
        interval: DeliveryInterval,
    },
    /// The sums do not agree.
    #[error("the report does not add up")]
    Report(#[from] ReportError),
}

/// The prices a park lives by. Every tenant is on the same tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkPrices {
    /// Retail by time of use.
    pub tariff: Tariff,
    /// Feed-in, export and wheeling.
    pub terms: ParkTerms,
}

impl ParkPrices {
    /// The bundled park's prices, which serve a data file too: a file says nothing of prices.
    ///
    /// # Panics
    /// Never: the bundled prices are within the market's bounds.
    #[must_use]
    pub fn bundled() -> Self {
        let tariff = Tariff::shanghai_two_part(park::RETAIL_FLAT);
        let terms = ParkTerms {
            feed_in: park::FEED_IN,
            export: park::EXPORT,
            wheeling: park::WHEELING,
        };
        Self {
            tariff: tariff.expect("the bundled retail price is within bounds"),
            terms,
        }
    }

    /// Retail price of an interval.
    #[must_use]
    pub fn retail(&self, interval: DeliveryInterval) -> Price {
        self.tariff.price(interval, PARK_UTC_OFFSET_MINUTES)
    }

    /// What every tenant finds in his contract for an interval.
    #[must_use]
    pub fn public(&self, interval: DeliveryInterval) -> PublicPrices {
        PublicPrices {
            retail: self.retail(interval),
            feed_in: self.terms.feed_in,
            export: self.terms.export,
            wheeling: self.terms.wheeling,
        }
    }
}

/// Settles every interval of the profile and checks the sums.
///
/// # Errors
/// [`ReplayError`] if an interval cannot be settled or an invariant does not hold.
pub fn replay(profile: &ParkProfile, prices: &ParkPrices) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for interval in profile.settled_intervals() {
        let gate = close_gate(profile, prices, interval)?;
        let retail = prices.retail(interval);
        let inputs = profile
            .points
            .iter()
            .map(|point| {
                let terms = PointTerms {
                    building: point.building,
                    retail,
                    enrolled: true,
                    ask_limit: Price::ZERO,
                    bid_limit: None,
                };
                let position = gate
                    .positions
                    .get(&point.point)
                    .copied()
                    .unwrap_or_default();
                let energy = metered_energy(profile, point, interval);
                (
                    point.point,
                    PointInput {
                        terms,
                        position,
                        energy,
                    },
                )
            })
            .collect();
        let settlement = settle(&prices.terms, &inputs)
            .map_err(|source| ReplayError::Settle { interval, source })?;
        let forward_price = gate.price;
        let settled = SettledInterval {
            interval,
            forward_price,
            inputs: &inputs,
            settlement: &settlement,
        };
        report.add(settled)?;
    }
    report.check()?;
    Ok(report)
}

/// What the gate auction of one interval decided.
struct Gate {
    price: Option<Price>,
    positions: BTreeMap<PointId, ForwardPosition>,
}

/// Collects every tenant's order and clears the book.
fn close_gate(
    profile: &ParkProfile,
    prices: &ParkPrices,
    interval: DeliveryInterval,
) -> Result<Gate, ReplayError> {
    let (mut asks, mut bids) = (Vec::new(), Vec::new());
    for point in &profile.points {
        let knowledge = Knowledge::of(profile, point, interval, prices.public(interval));
        let Some(order) = strategy::order(point, &knowledge) else {
            continue;
        };
        let quote = Quote {
            key: point.point,
            quantity: order.quantity,
            limit: order.limit,
        };
        match order.side {
            Side::Sell => asks.push(quote),
            Side::Buy => bids.push(quote),
        }
    }
    let clearing = clear(&asks, &bids);
    let mut positions: BTreeMap<PointId, ForwardPosition> = BTreeMap::new();
    if let Some(price) = clearing.price {
        let cost = |quantity: WattHours| {
            quantity
                .cost(price)
                .ok_or(ReplayError::Overflow { interval })
        };
        // A tenant has one order in an interval, hence either sells or buys.
        for (point, sold) in clearing.asks {
            let cash = cost(sold)?;
            positions.insert(
                point,
                ForwardPosition {
                    sold,
                    cash,
                    ..ForwardPosition::default()
                },
            );
        }
        for (point, bought) in clearing.bids {
            let cash = Money(-cost(bought)?.0);
            positions.insert(
                point,
                ForwardPosition {
                    bought,
                    cash,
                    ..ForwardPosition::default()
                },
            );
        }
    }
    Ok(Gate {
        price: clearing.price,
        positions,
    })
}

/// What the meters of a point show, with a substitute where a reading lacks. A meter that a point
/// does not have is no missing reading: it counts as zero.
#[must_use]
pub fn metered_energy(
    profile: &ParkProfile,
    point: &PointProfile,
    interval: DeliveryInterval,
) -> MeteredEnergy {
    let mut energy = MeteredEnergy {
        actual: true,
        ..MeteredEnergy::default()
    };
    for meter in profile
        .meters
        .iter()
        .filter(|meter| meter.point == point.point)
    {
        let (register, value) = match meter.meter {
            MeterKind::Load => (Register::Load, &mut energy.load),
            MeterKind::Pv => (Register::Generation, &mut energy.generation),
            MeterKind::Charge => (Register::Charge, &mut energy.charge),
            MeterKind::Discharge => (Register::Discharge, &mut energy.discharge),
        };
        if let Some(read) = meter.energy.get(&interval) {
            *value = *read;
        } else {
            let history: Vec<WattHours> = lookback(interval)
                .iter()
                .filter_map(|earlier| meter.energy.get(earlier).copied())
                .collect();
            *value = open_gap(register, &history, point.rated.of(meter.meter));
            energy.actual = false;
        }
    }
    energy
}
