//! Settlement of one interval: what was pinned, traded and metered becomes money and
//! certificates. The arithmetic is `wattle_market::settlement`.

use crate::derived::{Fact, Run};
use crate::journal::{AccountId, JournalEntry};
use crate::registration::{Meter, MeterKind, Point};
use crate::state::certificates::{Bundle, LastRun};
use crate::state::groups::Groups;
use crate::state::index::Venue;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{
    self, Account, ConnectionEnergy, MeteredEnergy, ParkTerms, PointInput, PointTerms, Posting,
    PostingKind, Settlement,
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

/// What the meters of a point say, and which of it are substitutes.
struct PointMetered {
    energy: MeteredEnergy,
    substituted: Vec<MeterKind>,
}

impl State {
    /// Pins the terms of everyone who takes part in an interval.
    pub(crate) fn pin_terms(&mut self, interval: DeliveryInterval) {
        let offset = self.registry.utc_offset_minutes();
        let terms: Vec<(PointId, PointTerms)> = self
            .registry
            .points()
            .iter()
            .filter_map(|(id, point)| {
                let terms = self.registry.point_terms(point, interval)?;
                let schedules = &self.trading.schedules;
                Some((*id, schedules.apply(*id, interval, offset, terms)))
            })
            .collect();
        if terms.is_empty() {
            return;
        }
        self.pins
            .park
            .insert(interval, self.registry.terms_at(interval));
        for (point, terms) in terms {
            self.pins.points.insert((interval, point), terms);
        }
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
        let (inputs, substituted) = self.settlement_inputs(interval);
        let settled = settlement::settle(&park, &inputs).map_err(|error| error.to_string());
        let posted = settled.and_then(|settled| {
            let entry = self.journal_entry(&settled.postings)?;
            self.accounts
                .post(&entry)
                .map_err(|refusal| refusal.sentence().to_owned())?;
            Ok(settled)
        });
        match posted {
            Ok(settled) => {
                self.runs.keep(interval, &inputs);
                let lines = settled.points.iter();
                let grid_alone = lines.map(|(point, line)| (*point, i128::from(line.grid_alone.0)));
                self.count_postings(interval, &settled.postings, grid_alone);
                self.release_collateral(interval, &inputs);
                self.settled_facts(interval, &park, &inputs, substituted, &settled, facts);
                self.issue_certificates(interval, &settled, facts);
                let (price, volume) = (settled.pool_price, settled.pool_volume);
                self.count_turnover(Venue::Pool, interval, price, volume);
                let lines = settled.points;
                (true, Some(LastRun { inputs, lines }))
            }
            // Positions, pins and collateral stay for the registrar to resolve.
            Err(reason) => {
                facts.push((None, Fact::SettlementHeld { interval, reason }));
                (true, None)
            }
        }
    }

    /// What a run of an interval is computed from at this moment.
    pub(crate) fn settlement_inputs(
        &self,
        interval: DeliveryInterval,
    ) -> (
        BTreeMap<PointId, PointInput>,
        BTreeMap<PointId, Vec<MeterKind>>,
    ) {
        let mut meters: BTreeMap<PointId, Vec<&Meter>> = BTreeMap::new();
        for (_, meter) in self.registry.meters().iter() {
            if meter.from <= interval {
                let point = self.registry.tenancy().point_of(meter, interval);
                meters.entry(point).or_default().push(meter);
            }
        }
        let mut inputs = BTreeMap::new();
        let mut substituted = BTreeMap::new();
        for (point, terms) in self.pins.of_interval(interval) {
            let metered = self.metered(meters.get(&point).map_or(&[], Vec::as_slice), interval);
            let position = match self.runs.settled(interval, point) {
                Some(settled) => settled.position,
                None => self.orders.position(interval, point).forward,
            };
            inputs.insert(
                point,
                PointInput {
                    terms: *terms,
                    position,
                    energy: metered.energy,
                },
            );
            substituted.insert(point, metered.substituted);
        }
        (inputs, substituted)
    }

    fn metered(&self, meters: &[&Meter], interval: DeliveryInterval) -> PointMetered {
        let mut energy = MeteredEnergy {
            actual: true,
            ..MeteredEnergy::default()
        };
        let mut substituted = Vec::new();
        for meter in meters {
            let metered = self.readings.energy(meter, interval);
            if !metered.actual {
                energy.actual = false;
                substituted.push(meter.kind);
            }
            *register_of(&mut energy, meter.kind) = metered.energy;
        }
        PointMetered {
            energy,
            substituted,
        }
    }

    pub(crate) fn point(&self, point: PointId) -> &Point {
        self.registry
            .points()
            .get(&point)
            .expect("a pinned point stays registered")
    }

    fn account_of(&self, account: Account) -> AccountId {
        match account {
            Account::Point(point) => AccountId::Participant(self.point(point).participant),
            Account::Clearing => AccountId::Clearing,
            Account::Grid => AccountId::Grid,
            Account::Balancing => AccountId::Balancing,
            Account::Network => AccountId::Network,
        }
    }

    pub(crate) fn journal_entry(&self, postings: &[Posting]) -> Result<JournalEntry, String> {
        let posting = |posting: &Posting| (self.account_of(posting.account), posting.amount);
        JournalEntry::new(postings.iter().map(posting).collect())
            .ok_or_else(|| "the postings do not sum to zero".to_owned())
    }

    pub(crate) fn release_collateral(
        &mut self,
        interval: DeliveryInterval,
        inputs: &BTreeMap<PointId, PointInput>,
    ) {
        for point in inputs.keys() {
            if let Some(position) = self.orders.take_position(interval, *point) {
                let participant = self.point(*point).participant;
                self.accounts.release(participant, position.reserved);
            }
        }
    }

    fn settled_facts(
        &self,
        interval: DeliveryInterval,
        park: &ParkTerms,
        inputs: &BTreeMap<PointId, PointInput>,
        mut substituted: BTreeMap<PointId, Vec<MeterKind>>,
        settled: &Settlement,
        facts: &mut Facts,
    ) {
        let mut by_point: BTreeMap<PointId, Vec<(PostingKind, Money)>> = BTreeMap::new();
        let mut of_the_park = Vec::new();
        for posting in &settled.postings {
            match posting.account {
                Account::Point(point) => {
                    by_point
                        .entry(point)
                        .or_default()
                        .push((posting.kind, posting.amount));
                }
                account => of_the_park.push((account, posting.kind, posting.amount)),
            }
        }
        for (point, line) in &settled.points {
            let fact = Fact::PointSettled {
                interval,
                point: *point,
                run: Run::Initial,
                terms: inputs[point].terms,
                substituted: substituted.remove(point).unwrap_or_default(),
                line: Box::new(*line),
                postings: by_point.remove(point).unwrap_or_default(),
            };
            facts.push((Some(self.point(*point).participant), fact));
        }
        let fact = Fact::IntervalSettled {
            interval,
            run: Run::Initial,
            terms: *park,
            factor: self.registry.factor_at(interval).clone(),
            pool_price: settled.pool_price,
            pool_volume: settled.pool_volume,
            postings: of_the_park,
        };
        facts.push((None, fact));
    }

    fn issue_certificates(
        &mut self,
        interval: DeliveryInterval,
        settled: &Settlement,
        facts: &mut Facts,
    ) {
        for (point, line) in &settled.points {
            let bundle = Bundle::of(line);
            if bundle.issued == WattHours::ZERO {
                continue;
            }
            self.certificates.issue(interval, *point, bundle);
            let fact = Fact::CertificateIssued {
                interval,
                point: *point,
                quantity: bundle.issued,
                self_used: bundle.self_used,
                stored: bundle.stored,
                lost: bundle.lost,
                sent: bundle.sent,
                held: bundle.held,
            };
            facts.push((Some(self.point(*point).participant), fact));
        }
        for transfer in &settled.transfers {
            let fact = Fact::CertificateDelivered {
                interval,
                from: transfer.from,
                to: transfer.to,
                quantity: transfer.quantity,
            };
            for end in [transfer.from, transfer.to] {
                facts.push((Some(self.point(end).participant), fact.clone()));
            }
        }
    }
}

/// Where a meter's energy goes; a connection meter makes room for itself.
fn register_of(energy: &mut MeteredEnergy, kind: MeterKind) -> &mut WattHours {
    match kind {
        MeterKind::Generation => &mut energy.generation,
        MeterKind::Load => &mut energy.load,
        MeterKind::Charge => &mut energy.charge,
        MeterKind::Discharge => &mut energy.discharge,
        MeterKind::Import => {
            &mut energy
                .connection
                .get_or_insert_with(ConnectionEnergy::default)
                .import
        }
        MeterKind::Export => {
            &mut energy
                .connection
                .get_or_insert_with(ConnectionEnergy::default)
                .export
        }
    }
}
