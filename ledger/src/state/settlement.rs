//! Settlement of one interval: what was pinned, traded and metered becomes money and
//! certificates. The arithmetic is `wattle_market::settlement`.

mod holders;
mod inputs;

use crate::derived::{Fact, Run};
use crate::registration::{MeterKind, ParticipantId, Point};
use crate::state::certificates::{Bundle, LastRun};
use crate::state::groups::Groups;
use crate::state::index::Venue;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
pub(crate) use holders::Holders;
use std::iter::Peekable;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{
    self, Account, ParkTerms, PointInput, PointTerms, Posting, PostingKind, Settlement,
};
use wattle_market::units::{Money, WattHours};

/// Terms pinned at gate closure: nothing delivered is ever repriced. The last run of an interval
/// takes them out: the initial one, or the final one where there is one, on the same terms.
#[derive(Debug, Clone)]
pub struct Pins {
    park: Table<DeliveryInterval, ParkTerms>,
    points: Groups<(DeliveryInterval, PointId), PointTerms>,
}

parts!(Pins { park, points });

impl Default for Pins {
    fn default() -> Pins {
        Pins {
            park: Table::new(table_number::PARK_PINS),
            points: Groups::new(table_number::POINT_PINS),
        }
    }
}

impl Pins {
    /// Whether each pinned point is registered.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        let points = registry.points();
        let holds = self
            .points
            .iter()
            .all(|((_, point), _)| points.contains(&point));
        let what = "names a point that is not registered";
        require(table_number::POINT_PINS, holds, what)
    }

    fn of_interval(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (PointId, &PointTerms)> {
        let range = (interval, PointId(0))..=(interval, PointId(u32::MAX));
        self.points
            .range(range)
            .map(|((_, point), terms)| (point, terms))
    }

    /// The park's terms of an interval, where a point takes part in it.
    pub fn park(&self, interval: DeliveryInterval) -> Option<ParkTerms> {
        self.park.get(&interval).copied()
    }

    /// A point's terms of an interval, where it takes part in it.
    pub fn point(&self, interval: DeliveryInterval, point: PointId) -> Option<PointTerms> {
        self.points.get(&(interval, point)).copied()
    }

    /// Takes an interval's terms out.
    pub(crate) fn forget(&mut self, interval: DeliveryInterval) {
        let all = (interval, 0)..=(interval, u64::MAX);
        self.points.remove_groups(all);
        self.park.remove(&interval);
    }
}

/// What the initial run of an interval made of what.
struct InitialRun {
    park: ParkTerms,
    inputs: Points<PointInput>,
    substituted: Points<Vec<MeterKind>>,
    holders: Holders,
    settled: Settlement,
}

impl State {
    /// Pins the terms of everyone who takes part in an interval.
    pub(crate) fn pin_terms(&mut self, interval: DeliveryInterval) {
        let offset = self.registry.utc_offset_minutes();
        let mut terms = self.registry.terms_of_points(interval);
        for (id, terms) in &mut terms {
            let schedules = &self.trading.schedules;
            *terms = schedules.apply(*id, interval, offset, *terms);
        }
        if terms.is_empty() {
            return;
        }
        self.pins
            .park
            .insert(interval, self.registry.terms_at(interval));
        let pins = terms.into_iter();
        let pins = pins.map(|(point, terms)| ((interval, point), terms));
        self.pins.points.insert_all(pins);
    }

    /// The initial run of an interval. Whether it left anything: an interval without points does
    /// not.
    pub(crate) fn settle(&mut self, interval: DeliveryInterval, facts: &mut Facts) -> bool {
        let (left_something, run) = self.run_initial(interval, facts);
        let is_last = !self.runs.covers(interval);
        if is_last && self.certificates.holdings.covers(interval) {
            self.finish_certificates(interval, run.as_ref(), facts);
        }
        if is_last && run.is_some() {
            self.pins.forget(interval);
        }
        self.forget_past();
        left_something
    }

    fn run_initial(
        &mut self,
        interval: DeliveryInterval,
        facts: &mut Facts,
    ) -> (bool, Option<LastRun>) {
        let Some(park) = self.pins.park(interval) else {
            return (false, None);
        };
        match self.post_initial(interval, park) {
            Ok(run) => {
                self.runs.keep(interval, &run.inputs);
                let lines = run.settled.points.values();
                let grid_alone = lines.map(|line| i128::from(line.grid_alone.0));
                self.count_postings(interval, &run.holders, &run.settled.postings, grid_alone);
                self.release_collateral(interval, &run.holders);
                self.settled_facts(interval, &run, facts);
                self.issue_certificates(interval, &run, facts);
                let (price, volume) = (run.settled.pool_price, run.settled.pool_volume);
                self.count_turnover(Venue::Pool, interval, price, volume);
                let (inputs, lines) = (run.inputs, run.settled.points);
                (true, Some(LastRun { inputs, lines }))
            }
            // Positions, pins and collateral stay for the registrar to resolve.
            Err(reason) => {
                facts.push((None, Fact::SettlementHeld { interval, reason }));
                (true, None)
            }
        }
    }

    /// Settles an interval and posts its journal entry, or says in a sentence why not.
    fn post_initial(
        &mut self,
        interval: DeliveryInterval,
        park: ParkTerms,
    ) -> Result<InitialRun, String> {
        let (inputs, substituted) = self.settlement_inputs(interval);
        let settled = settlement::settle(&park, &inputs).map_err(|error| error.to_string())?;
        let holders = self.holders(&inputs);
        let entry = holders.journal_entry(&settled.postings)?;
        self.accounts
            .post(&entry)
            .map_err(|refusal| refusal.sentence().to_owned())?;
        Ok(InitialRun {
            park,
            inputs,
            substituted,
            holders,
            settled,
        })
    }

    pub(crate) fn point(&self, point: PointId) -> &Point {
        self.registry
            .points()
            .get(&point)
            .expect("a pinned point stays registered")
    }

    /// Releases what was held for the trades of an interval's points, which leave with it.
    pub(crate) fn release_collateral(&mut self, interval: DeliveryInterval, holders: &Holders) {
        let mut near = 0;
        for (point, position) in self.orders.take_positions(interval) {
            match holders.points().place(point, &mut near) {
                Some(place) => {
                    let holder = *holders.points().at(place);
                    self.accounts.release(holder, position.reserved);
                }
                // Without pinned terms it was not settled: no log leads here.
                None => self.orders.put_back(interval, point, position),
            }
        }
    }

    fn settled_facts(&self, interval: DeliveryInterval, run: &InitialRun, facts: &mut Facts) {
        facts.push_all_with(run.settled.points.len(), || run.point_facts(interval));
        facts.push_with(|| {
            let postings = run.settled.postings.iter();
            let of_the_park = postings
                .filter(|posting| !matches!(posting.account, Account::Point(_)))
                .map(|posting| (posting.account, posting.kind, posting.amount));
            let fact = Fact::IntervalSettled {
                interval,
                run: Run::Initial,
                terms: run.park,
                factor: self.registry.factor_at(interval).clone(),
                pool_price: run.settled.pool_price,
                pool_volume: run.settled.pool_volume,
                postings: of_the_park.collect(),
            };
            (None, fact)
        });
    }

    fn issue_certificates(
        &mut self,
        interval: DeliveryInterval,
        run: &InitialRun,
        facts: &mut Facts,
    ) {
        let InitialRun {
            settled, holders, ..
        } = run;
        let lines = settled.points.iter();
        let bundles = lines.map(|(point, line)| (*point, Bundle::of(line)));
        let bundles: Vec<(PointId, Bundle)> = bundles
            .filter(|(_, bundle)| bundle.issued != WattHours::ZERO)
            .collect();
        self.certificates.issue_all(interval, &bundles);
        for (point, bundle) in bundles {
            facts.push_with(|| {
                let fact = Fact::CertificateIssued {
                    interval,
                    point,
                    quantity: bundle.issued,
                    self_used: bundle.self_used,
                    stored: bundle.stored,
                    lost: bundle.lost,
                    sent: bundle.sent,
                    held: bundle.held,
                };
                (Some(holders.of(point)), fact)
            });
        }
        for transfer in &settled.transfers {
            for end in [transfer.from, transfer.to] {
                facts.push_with(|| {
                    let fact = Fact::CertificateDelivered {
                        interval,
                        from: transfer.from,
                        to: transfer.to,
                        quantity: transfer.quantity,
                    };
                    (Some(holders.of(end)), fact)
                });
            }
        }
    }
}

/// Postings of one point, in their order.
pub(crate) type OfPoint = Vec<(PostingKind, Money)>;

/// An interval's postings by point, without the park's own.
pub(crate) fn by_point(postings: &[Posting], holders: &Holders) -> Points<OfPoint> {
    let mut by_point = holders.points().map(|_| OfPoint::new());
    let mut near = 0;
    for posting in postings {
        if let Account::Point(point) = posting.account {
            let place = holders.place(point, &mut near);
            by_point.at_mut(place).push((posting.kind, posting.amount));
        }
    }
    by_point
}

impl InitialRun {
    /// One leaf for each point.
    fn point_facts(&self, interval: DeliveryInterval) -> Vec<(Option<ParticipantId>, Fact)> {
        let by_point = by_point(&self.settled.postings, &self.holders).into_iter();
        let lines = self.settled.points.values().zip(self.inputs.values());
        let mut facts = Vec::with_capacity(self.inputs.len());
        for ((point, postings), (line, input)) in by_point.zip(lines) {
            let fact = Fact::PointSettled {
                interval,
                point,
                run: Run::Initial,
                terms: input.terms,
                substituted: self.substituted.get(&point).cloned().unwrap_or_default(),
                line: Box::new(*line),
                postings,
            };
            facts.push((Some(self.holders.of(point)), fact));
        }
        facts
    }
}

/// What rows that come in the order of their points have for a point; points are asked for in
/// their order.
pub(crate) fn in_step<T>(
    rows: &mut Peekable<impl Iterator<Item = (PointId, T)>>,
    point: PointId,
) -> Option<T> {
    while rows.next_if(|(at, _)| *at < point).is_some() {}
    let row = rows.next_if(|(at, _)| *at == point);
    row.map(|(_, row)| row)
}
