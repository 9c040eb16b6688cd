//! What happened in a park over some intervals, and what it came to: a sum of settlements, and
//! nothing else.
//!
//! A report is built from inputs and settlements of the market alone, one interval at a time, so
//! that it comes out the same whether they were made in this process or read from a verified
//! export.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{Account, PointInput, Settlement};
use wattle_market::units::{Money, Price, WattHours};

mod render;

/// Grid electricity's emission factor for companies in Shanghai's emission trading.
pub const CARBON_FACTOR: CarbonFactor = CarbonFactor {
    grams_per_kwh: 420,
    name: "Shanghai ETS electricity factor, 2022 notice 沪环气〔2022〕34号",
};

/// How much carbon dioxide a kilowatt-hour from the grid stands for, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CarbonFactor {
    /// Grams of CO₂ per kWh.
    pub grams_per_kwh: i64,
    /// Name, source and year.
    pub name: &'static str,
}

/// What one point did and paid. Energies are sums of SETTLEMENT.md's quantities; all are zero or
/// more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PointFigures {
    /// Σ G.
    pub generated: WattHours,
    /// Σ L.
    pub used: WattHours,
    /// Σ g1: own generation used as it was generated.
    pub self_used: WattHours,
    /// Σ g2: own generation put into own storage.
    pub stored: WattHours,
    /// Σ C.
    pub charged: WattHours,
    /// Σ D.
    pub discharged: WattHours,
    /// Σ S.
    pub sold_forward: WattHours,
    /// Σ B.
    pub bought_forward: WattHours,
    /// Σ what the pool took of green, other and long.
    pub sold_pool: WattHours,
    /// Σ what the pool gave of need and short.
    pub bought_pool: WattHours,
    /// Σ need that the grid covered.
    pub grid_import: WattHours,
    /// Σ surplus (green and other) that the grid took.
    pub grid_export: WattHours,
    /// Σ bought forward, not used and not taken by the pool.
    pub long: WattHours,
    /// Σ sold forward, not delivered and not covered by the pool.
    pub short: WattHours,
    /// Σ need that came from within the park.
    pub received: WattHours,
    /// Σ certificates of neighbors' generation cancelled against the need.
    pub green_received: WattHours,
    /// What the point paid: minus the sum of its postings. Negative is earned.
    pub paid: Money,
    /// What the same meters would have cost with the grid alone.
    pub grid_alone: Money,
}

impl PointFigures {
    /// What the park saved the point. Negative if firm trades cost it more than they brought.
    #[must_use]
    pub fn saved(&self) -> Money {
        self.grid_alone
            .checked_sub(self.paid)
            .expect("the costs of a park's days are far below what 64 bits hold")
    }
}

/// Trades of one kind over all intervals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TradeFigures {
    /// Intervals in which anything traded.
    pub intervals: u64,
    /// Energy that changed hands.
    pub volume: WattHours,
    /// Lowest clearing price.
    pub price_min: Option<Price>,
    /// Highest clearing price.
    pub price_max: Option<Price>,
    /// Σ volume × price.
    pub value: Money,
}

impl TradeFigures {
    fn add(&mut self, price: Option<Price>, volume: WattHours) -> Option<()> {
        let Some(price) = price else { return Some(()) };
        self.intervals += 1;
        add_energy(&mut self.volume, volume)?;
        add_money(&mut self.value, volume.cost(price)?)?;
        self.price_min = Some(self.price_min.map_or(price, |lowest| lowest.min(price)));
        self.price_max = Some(self.price_max.map_or(price, |highest| highest.max(price)));
        Some(())
    }

    /// Average price by volume, rounded down; `None` if nothing traded.
    #[must_use]
    pub fn price_mean(&self) -> Option<Price> {
        (self.volume.0 > 0).then(|| Price(self.value.0.div_euclid(self.volume.0)))
    }
}

/// The sums of a park's settled intervals. Built with [`Report::add`], one interval after the
/// other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The first interval.
    pub first_interval: Option<DeliveryInterval>,
    /// How many there are.
    pub intervals: u64,
    /// Each point's figures.
    pub points: BTreeMap<PointId, PointFigures>,
    /// Trades at gate closure.
    pub forward: TradeFigures,
    /// Trades in the surplus pool.
    pub pool: TradeFigures,
    /// What the grid company received, less what it paid.
    pub grid_account: Money,
    /// What wheeling brought.
    pub network_account: Money,
    /// What deviations left behind.
    pub balancing_account: Money,
    /// Inputs in which a substitute stood in for a reading, counted by point and interval.
    pub substituted: u64,
}

/// Why figures cannot be added up, or do not agree. Either is an error in the program that made
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// Intervals must be added in order, once each.
    #[error("interval {found} was added out of order; expected {expected}")]
    OutOfOrder {
        /// What was expected.
        expected: DeliveryInterval,
        /// What came.
        found: DeliveryInterval,
    },
    /// The input has no settlement, or the other way round.
    #[error("interval {interval}: inputs and settlement name different points")]
    OtherPoints {
        /// Which interval.
        interval: DeliveryInterval,
    },
    /// A sum does not fit in 64 bits.
    #[error("interval {interval}: a sum does not fit in 64 bits")]
    Overflow {
        /// Which interval.
        interval: DeliveryInterval,
    },
    /// Two ways to the same figure disagree.
    #[error("the sums do not agree: {claim}: {left} is not {right}")]
    Disagree {
        /// What ought to hold.
        claim: &'static str,
        /// Its left side, in the smallest unit.
        left: i128,
        /// Its right side.
        right: i128,
    },
}

/// What one settled interval brings to a report.
#[derive(Debug, Clone, Copy)]
pub struct SettledInterval<'a> {
    /// Which one.
    pub interval: DeliveryInterval,
    /// The price at gate closure, `None` if nothing traded.
    pub forward_price: Option<Price>,
    /// What went into the settlement.
    pub inputs: &'a Points<PointInput>,
    /// What came out.
    pub settlement: &'a Settlement,
}

impl Report {
    /// Adds the next interval.
    ///
    /// # Errors
    /// [`ReportError`] if it is not the next one, if inputs and settlement do not belong together,
    /// or a sum overflows. The report is of no use after that.
    pub fn add(&mut self, settled: SettledInterval<'_>) -> Result<(), ReportError> {
        let interval = settled.interval;
        let first = *self.first_interval.get_or_insert(interval);
        let expected = first.plus(self.intervals);
        if interval != expected {
            return Err(ReportError::OutOfOrder {
                expected,
                found: interval,
            });
        }
        if !settled.inputs.keys().eq(settled.settlement.points.keys()) {
            return Err(ReportError::OtherPoints { interval });
        }
        self.intervals += 1;
        self.add_sums(settled)
            .ok_or(ReportError::Overflow { interval })
    }

    fn add_sums(&mut self, settled: SettledInterval<'_>) -> Option<()> {
        let mut forward_volume = WattHours::ZERO;
        for (point, input) in settled.inputs {
            let found = &settled.settlement.points[point];
            let sums = self.points.entry(*point).or_default();
            let (pool, left) = (&found.pool, &found.unmatched);
            for (sum, terms) in [
                (&mut sums.generated, [input.energy.generation].as_slice()),
                (&mut sums.used, &[found.load]),
                (&mut sums.self_used, &[found.green.self_used]),
                (&mut sums.stored, &[found.green.stored]),
                (&mut sums.charged, &[input.energy.charge]),
                (&mut sums.discharged, &[input.energy.discharge]),
                (&mut sums.sold_forward, &[input.position.sold]),
                (&mut sums.bought_forward, &[input.position.bought]),
                (&mut sums.sold_pool, &[pool.green, pool.other, pool.long]),
                (&mut sums.bought_pool, &[pool.need, pool.short]),
                (&mut sums.grid_import, &[left.need]),
                (&mut sums.grid_export, &[left.green, left.other]),
                (&mut sums.long, &[left.long]),
                (&mut sums.short, &[left.short]),
                (&mut sums.received, &[found.received]),
                (&mut sums.green_received, &[found.cancelled]),
            ] {
                for term in terms {
                    add_energy(sum, *term)?;
                }
            }
            sums.paid = sums.paid.checked_sub(found.credit)?;
            sums.grid_alone = sums.grid_alone.checked_sub(found.grid_alone)?;
            self.substituted += u64::from(!input.energy.actual);
            add_energy(&mut forward_volume, input.position.sold)?;
        }
        for posting in &settled.settlement.postings {
            let account = match posting.account {
                Account::Grid => &mut self.grid_account,
                Account::Network => &mut self.network_account,
                Account::Balancing => &mut self.balancing_account,
                Account::Point(_) | Account::Clearing => continue,
            };
            add_money(account, posting.amount)?;
        }
        self.forward.add(settled.forward_price, forward_volume)?;
        self.pool.add(
            settled.settlement.pool_price,
            settled.settlement.pool_volume,
        )
    }

    /// The sum of one figure over all points.
    #[must_use]
    pub fn total(&self, figure: impl Fn(&PointFigures) -> WattHours) -> WattHours {
        let sum: i128 = self
            .points
            .values()
            .map(|figures| i128::from(figure(figures).0))
            .sum();
        WattHours(i64::try_from(sum).expect("a park's energy is far below what 64 bits hold"))
    }

    /// The sum of one amount over all points.
    #[must_use]
    pub fn total_money(&self, figure: impl Fn(&PointFigures) -> Money) -> Money {
        let sum: i128 = self
            .points
            .values()
            .map(|figures| i128::from(figure(figures).0))
            .sum();
        Money(i64::try_from(sum).expect("a park's money is far below what 64 bits hold"))
    }

    /// Generation that was used in the park as it was generated: by its producer, or by a neighbor
    /// who cancelled its certificates. What was stored is left out: its discharge carries no
    /// certificate under the Chinese rules.
    #[must_use]
    pub fn green_used(&self) -> WattHours {
        self.total(|point| WattHours(point.self_used.0 + point.green_received.0))
    }

    /// Grams of CO₂ that [`Report::green_used`] would have caused from the grid, by
    /// [`CARBON_FACTOR`].
    #[must_use]
    pub fn carbon_avoided_grams(&self) -> i128 {
        i128::from(self.green_used().0) * i128::from(CARBON_FACTOR.grams_per_kwh) / 1_000
    }

    /// Checks what must hold of the sums, whoever settled: SETTLEMENT.md, invariants 1, 2, 5 and 6,
    /// over all intervals together. (The market checks all of them at each single interval.)
    ///
    /// # Errors
    /// [`ReportError::Disagree`] with the first that does not hold.
    pub fn check(&self) -> Result<(), ReportError> {
        let energy = |figure: fn(&PointFigures) -> WattHours| i128::from(self.total(figure).0);
        let money = |figure: fn(&PointFigures) -> Money| i128::from(self.total_money(figure).0);
        let accounts = [
            self.grid_account,
            self.network_account,
            self.balancing_account,
        ];
        let accounts: i128 = accounts.iter().map(|account| i128::from(account.0)).sum();
        let net = energy(|p| p.generated) + energy(|p| p.discharged)
            - energy(|p| p.used)
            - energy(|p| p.charged);
        let outside = energy(|p| p.grid_export) + energy(|p| p.long)
            - energy(|p| p.grid_import)
            - energy(|p| p.short);
        for (claim, left, right) in [
            (
                "sold forward = bought forward",
                energy(|p| p.sold_forward),
                energy(|p| p.bought_forward),
            ),
            (
                "sold in the pool = bought in it",
                energy(|p| p.sold_pool),
                energy(|p| p.bought_pool),
            ),
            ("metered = exported + long - imported - short", net, outside),
            (
                "paid by points = received by grid, network, balancing",
                money(|p| p.paid),
                accounts,
            ),
            (
                "balancing never loses",
                i128::from(self.balancing_account.0.min(0)),
                0,
            ),
        ] {
            if left != right {
                return Err(ReportError::Disagree { claim, left, right });
            }
        }
        Ok(())
    }
}

fn add_energy(sum: &mut WattHours, term: WattHours) -> Option<()> {
    *sum = sum.checked_add(term)?;
    Some(())
}

fn add_money(sum: &mut Money, term: Money) -> Option<()> {
    *sum = sum.checked_add(term)?;
    Some(())
}
