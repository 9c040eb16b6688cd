//! The final run: what changed since an interval was settled is settled once more, and the
//! difference is posted.
//!
//! A registrar event starts it from an interval on (`RuleSet::FinalRuns`). From there on the
//! initial run keeps the inputs of each point. At 00:00 park time on the 8th of the next month the
//! intervals of a month are gone through in order: one whose inputs are what they were is final as
//! it stands, another runs steps 1 to 8 whole on the pinned terms and the same forward trades.
//! Settlement is a function, so what the initial run posted follows from the inputs it kept.

use crate::derived::{Fact, Run};
use crate::registration::MeterKind;
use crate::rejection::Rejection;
use crate::state::certificates::{Bundle, LastRun};
use crate::state::clock::Due;
use crate::state::groups::Groups;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, parts, require};
use crate::state::settlement::{Holders, by_point};
use crate::state::sound::{COUNT_MAX, ENERGY_BOUND, Within as _};
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use std::collections::BTreeMap;
use wattle_market::interval::{DeliveryInterval, LocalMonth, LocalQuarter, Timestamp};
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{
    self, Account, CertificateTransfer, ForwardPosition, MeteredEnergy, ParkTerms, PointInput,
    PointSettlement, Posting, Settlement,
};
use wattle_market::units::WattHours;

/// How far the final run has come: the one row of its table, there from the activation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Course {
    /// The first interval with a final run.
    pub from: DeliveryInterval,
    /// The next interval to become final.
    pub next: DeliveryInterval,
    /// The first interval of the month that is being gone through.
    pub month: DeliveryInterval,
    /// Its intervals with points, so far.
    pub intervals: u32,
    /// Those of them that were adjusted, so far.
    pub adjusted: u32,
}

/// What the initial run of an interval was computed from for one point, beside its pinned terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SettledInput {
    /// The forward trades.
    pub position: ForwardPosition,
    /// The energy, with substitutes where a reading lacked.
    pub energy: MeteredEnergy,
}

/// Whether what was settled for an interval can still change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The interval has no final run: the initial run is its last.
    Only,
    /// The final run is still to come.
    Provisional,
    /// The final run is over.
    Final,
    /// The final run could not be held; what the initial run posted stands until the registrar
    /// has settled the matter.
    Held,
}

/// The course of the final run, and what it compares with.
#[derive(Debug, Clone)]
pub struct Runs {
    course: Table<(), Course>,
    settled: Groups<(DeliveryInterval, PointId), SettledInput>,
}

parts!(Runs { course, settled });

impl Default for Runs {
    fn default() -> Runs {
        Runs {
            course: Table::new(table_number::FINAL_RUN),
            settled: Groups::new(table_number::SETTLED_INPUTS),
        }
    }
}

/// All keys of an interval's points.
fn points_of(interval: DeliveryInterval) -> std::ops::RangeInclusive<(DeliveryInterval, PointId)> {
    (interval, PointId(0))..=(interval, PointId(u32::MAX))
}

impl Runs {
    /// How far the final run has come; none before its activation.
    pub fn course(&self) -> Option<&Course> {
        self.course.get(&())
    }

    /// What the initial run was computed from for a point, until the interval is final.
    pub fn settled(&self, interval: DeliveryInterval, point: PointId) -> Option<&SettledInput> {
        self.settled.get(&(interval, point))
    }

    /// What the initial runs were computed from, of an interval and all later ones.
    pub fn settled_from(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = ((DeliveryInterval, PointId), &SettledInput)> {
        self.settled.range((interval, PointId(0))..)
    }

    /// Whether an interval has a final run.
    pub fn covers(&self, interval: DeliveryInterval) -> bool {
        self.course().is_some_and(|course| interval >= course.from)
    }

    /// Whether the final run of an interval is over: its certificates are no longer provisional.
    pub fn is_final(&self, interval: DeliveryInterval) -> bool {
        self.course()
            .is_some_and(|course| (course.from..course.next).contains(&interval))
    }

    /// What the initial run of an interval was computed from, in the order of the points.
    pub(crate) fn of_interval(
        &self,
        interval: DeliveryInterval,
    ) -> impl Iterator<Item = (PointId, &SettledInput)> {
        let rows = self.settled.range(points_of(interval));
        rows.map(|((_, point), input)| (point, input))
    }

    /// Keeps what an initial run was computed from.
    pub(crate) fn keep(&mut self, interval: DeliveryInterval, inputs: &Points<PointInput>) {
        if !self.covers(interval) {
            return;
        }
        let row = |(point, input): (&PointId, &PointInput)| {
            let kept = SettledInput {
                position: input.position,
                energy: input.energy,
            };
            ((interval, *point), kept)
        };
        self.settled.insert_all(inputs.iter().map(row));
    }

    /// Whether what is counted and kept lies within what counting bears.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        let counted = self.course().map_or(0, |course| course.intervals);
        let adjusted = self.course().map_or(0, |course| course.adjusted);
        let holds = counted.max(adjusted) <= COUNT_MAX;
        require(table_number::FINAL_RUN, holds, "counts too much")?;
        let table = table_number::SETTLED_INPUTS;
        for ((_, point), kept) in self.settled.iter() {
            let known = registry.points().contains(&point);
            require(table, known, "names a point that is not registered")?;
            let energy = &kept.energy;
            let connection = energy.connection.unwrap_or_default();
            let all = [energy.generation, energy.load, energy.charge];
            let more = [energy.discharge, connection.import, connection.export];
            let mut all = all.into_iter().chain(more);
            let holds = all.all(|one| one.is_within(ENERGY_BOUND));
            require(table, holds, "has an energy beyond all bounds")?;
        }
        Ok(())
    }

    fn forget(&mut self, interval: DeliveryInterval) {
        let all = (interval, 0)..=(interval, u64::MAX);
        self.settled.remove_groups(all);
    }
}

/// What became of an interval in its final run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// No point took part.
    Empty,
    /// It stands as it was settled.
    Unchanged,
    /// Differences were posted.
    Adjusted,
    /// The rules could not settle it; it waits for the registrar.
    Held,
}

/// Both runs of an interval; the earlier is none where the initial run was held.
struct Rerun {
    earlier: Option<Settlement>,
    later: Settlement,
    /// What the later run posts beyond the earlier one.
    differences: Vec<Posting>,
    holders: Holders,
}

impl Rerun {
    /// What the later run says of the grid alone beyond the earlier one.
    fn grid_alone(&self) -> impl Iterator<Item = i128> {
        let earlier = self.earlier.as_ref();
        self.later.points.iter().map(move |(point, line)| {
            let before = earlier.map_or(0, |earlier| earlier.points[point].grid_alone.0);
            i128::from(line.grid_alone.0) - i128::from(before)
        })
    }
}

impl State {
    /// Starts the final run from an interval on, whose gate must still be open.
    pub(crate) fn activate_final_runs(&mut self, from: DeliveryInterval) -> Result<(), Rejection> {
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        if let Some(course) = self.runs.course()
            && !self.clock().is_gate_open(course.from)
        {
            return Err(Rejection::RulesActive);
        }
        let course = Course {
            from,
            next: from,
            month: from,
            intervals: 0,
            adjusted: 0,
        };
        self.runs.course.insert((), course);
        Ok(())
    }

    /// Whether what was settled for an interval can still change.
    pub fn standing(&self, interval: DeliveryInterval) -> Standing {
        if !self.runs.covers(interval) {
            Standing::Only
        } else if !self.runs.is_final(interval) {
            Standing::Provisional
        } else if self.pins.park(interval).is_some() {
            // A final run lets go of the pins, unless the rules hold it up.
            Standing::Held
        } else {
            Standing::Final
        }
    }

    /// The lines of an interval's initial run while its final run is to come. Settlement is a
    /// function, so they follow from the inputs that were kept; nothing where there are none.
    pub fn provisional_lines(&self, interval: DeliveryInterval) -> Points<PointSettlement> {
        let Some(park) = self.pins.park(interval) else {
            return Points::new();
        };
        let kept = self.runs.of_interval(interval);
        let input = |(point, kept): (PointId, &SettledInput)| {
            let input = PointInput {
                terms: self.pins.point(interval, point)?,
                position: kept.position,
                energy: kept.energy,
            };
            Some((point, input))
        };
        let inputs = kept.filter_map(input).collect();
        let settled = settlement::settle(&park, &inputs);
        settled.map_or_else(|_| Points::new(), |settled| settled.points)
    }

    /// When the final run of an interval is due.
    pub fn final_due(&self, interval: DeliveryInterval) -> Timestamp {
        interval.final_run_due(self.registry.utc_offset_minutes())
    }

    /// Whether nothing that is said about an interval's energy can have an effect any more: its
    /// last run, the final one where it has one, is due or over.
    pub(crate) fn is_past_last_run(&self, interval: DeliveryInterval) -> bool {
        if self.runs.covers(interval) {
            self.clock().time >= self.final_due(interval)
        } else {
            interval < self.clock().next_settlement
        }
    }

    /// The earliest thing due: by due time; at equal times gates, settlements, joint
    /// auctions, final runs, expiry.
    pub(crate) fn due(&self) -> Option<Due> {
        let clock = self.clock();
        let joint = self.next_joint().map(|(at, day)| (at, Due::Joint(day)));
        let last = self.runs.course();
        let last = last.map(|course| (self.final_due(course.next), Due::Final(course.next)));
        let expiry = self.next_expiry();
        let expiry = expiry.map(|(at, interval)| (at, Due::Expiry(interval)));
        let later = [joint, last, expiry].into_iter().flatten();
        let later = later.filter(|(at, _)| *at <= clock.time);
        // Of equal times the first stays.
        let due = clock.due(clock.time).into_iter().chain(later);
        due.min_by_key(|(at, _)| *at).map(|(_, due)| due)
    }

    /// When the clock next makes something due, a seal included.
    pub fn next_due(&self) -> Timestamp {
        let joint = self.next_joint().map(|(at, _)| at);
        let last = self.runs.course();
        let last = last.map(|course| self.final_due(course.next));
        let expiry = self.next_expiry().map(|(at, _)| at);
        let later = [joint, last, expiry].into_iter().flatten();
        later.fold(self.clock().next_due(), Timestamp::min)
    }

    /// The final run of the next interval. Whether a month became final with it.
    pub(crate) fn run_final(&mut self, interval: DeliveryInterval, facts: &mut Facts) -> bool {
        let (outcome, run) = self.adjust(interval, facts);
        if self.certificates.holdings.covers(interval) {
            self.finish_certificates(interval, run.as_ref(), facts);
        }
        if outcome != Outcome::Held {
            self.pins.forget(interval);
            self.runs.forget(interval);
            self.readings.forget_corrections(interval);
        }
        let offset = self.registry.utc_offset_minutes();
        let course = self
            .runs
            .course
            .get_mut(&())
            .expect("a final run is due only after its activation");
        course.next = interval.next();
        course.intervals += u32::from(outcome != Outcome::Empty);
        course.adjusted += u32::from(outcome == Outcome::Adjusted);
        let day = LocalQuarter::of(interval, offset);
        if LocalQuarter::of(course.next, offset).month == day.month {
            return false;
        }
        let fact = Fact::MonthClosed {
            year: day.year,
            month: day.month,
            first: course.month,
            last: interval,
            intervals: course.intervals,
            adjusted: course.adjusted,
        };
        let range = (course.month, interval);
        (course.month, course.intervals, course.adjusted) = (course.next, 0, 0);
        facts.push((None, fact));
        self.close_month(LocalMonth::of(interval, offset), range, facts);
        true
    }

    /// Runs an interval again if its inputs changed, and posts the differences. The run that
    /// stands is given where certificates wait for it.
    fn adjust(
        &mut self,
        interval: DeliveryInterval,
        facts: &mut Facts,
    ) -> (Outcome, Option<LastRun>) {
        let Some(park) = self.pins.park(interval) else {
            return (Outcome::Empty, None);
        };
        let State {
            registry, readings, ..
        } = self;
        for (meter, _) in registry.meters().iter() {
            readings.keep_gap(*meter, interval);
        }
        let (inputs, substituted) = self.settlement_inputs(interval);
        let kept = self.runs.of_interval(interval);
        let kept: Points<SettledInput> = kept.map(|(point, kept)| (point, *kept)).collect();
        let unchanged = |(point, input): (&PointId, &PointInput)| {
            kept.get(point)
                .is_some_and(|kept| kept.energy == input.energy)
        };
        let energies = inputs.iter().map(|(point, input)| (*point, input.energy));
        let energies: Vec<(PointId, MeteredEnergy)> = energies.collect();
        if inputs.iter().all(unchanged) {
            let run = match self.last_run(interval, &park, inputs) {
                Ok(run) => run,
                Err(reason) => return (self.hold_final(interval, &kept, reason, facts), None),
            };
            self.count_energy(interval, &energies, false);
            return (Outcome::Unchanged, run);
        }
        match self.post_differences(&park, &inputs, &kept) {
            Ok(rerun) => {
                let (holders, grid_alone) = (&rerun.holders, rerun.grid_alone());
                self.count_postings(interval, holders, &rerun.differences, grid_alone);
                self.count_energy(interval, &energies, false);
                if rerun.earlier.is_none() {
                    self.release_collateral(interval, holders);
                }
                self.adjusted_facts(interval, &inputs, &substituted, &rerun, facts);
                self.interval_adjusted(interval, &park, &rerun, facts);
                self.adjust_certificates(interval, &rerun, facts);
                let lines = rerun.later.points;
                (Outcome::Adjusted, Some(LastRun { inputs, lines }))
            }
            Err(reason) => (self.hold_final(interval, &kept, reason, facts), None),
        }
    }

    /// The run that stands where nothing changed, if certificates wait for it. The initial run
    /// settled the same inputs; in a state that no log leads to it may not have.
    fn last_run(
        &self,
        interval: DeliveryInterval,
        park: &ParkTerms,
        inputs: Points<PointInput>,
    ) -> Result<Option<LastRun>, String> {
        if !self.certificates.holdings.covers(interval) {
            return Ok(None);
        }
        let settled = settlement::settle(park, &inputs).map_err(|error| error.to_string())?;
        let lines = settled.points;
        Ok(Some(LastRun { inputs, lines }))
    }

    /// The initial run stands, and what it was computed from stays for the registrar.
    fn hold_final(
        &mut self,
        interval: DeliveryInterval,
        kept: &Points<SettledInput>,
        reason: String,
        facts: &mut Facts,
    ) -> Outcome {
        let kept = kept.iter().map(|(point, kept)| (*point, kept.energy));
        self.count_energy(interval, &kept.collect::<Vec<_>>(), true);
        let run = Run::Final;
        let held = Fact::RunHeld {
            interval,
            run,
            reason,
        };
        facts.push((None, held));
        Outcome::Held
    }

    fn post_differences(
        &mut self,
        park: &ParkTerms,
        inputs: &Points<PointInput>,
        kept: &Points<SettledInput>,
    ) -> Result<Rerun, String> {
        let later = settlement::settle(park, inputs).map_err(|error| error.to_string())?;
        let earlier = earlier_run(park, inputs, kept)?;
        let posted = earlier.as_ref().map_or(&[][..], |run| &run.postings);
        let differences = settlement::differences(posted, &later.postings)
            .ok_or_else(|| "a difference does not fit 64 bits".to_owned())?;
        let holders = self.holders(inputs);
        let entry = holders.journal_entry(&differences)?;
        self.accounts
            .post(&entry)
            .map_err(|refusal| refusal.sentence().to_owned())?;
        Ok(Rerun {
            earlier,
            later,
            differences,
            holders,
        })
    }

    /// One leaf for each point whose line changed.
    fn adjusted_facts(
        &self,
        interval: DeliveryInterval,
        inputs: &Points<PointInput>,
        substituted: &Points<Vec<MeterKind>>,
        rerun: &Rerun,
        facts: &mut Facts,
    ) {
        let by_point = by_point(&rerun.differences, &rerun.holders);
        let lines = rerun.later.points.iter().zip(by_point);
        for (((point, line), (_, postings)), input) in lines.zip(inputs.values()) {
            let before = rerun.earlier.as_ref().map(|earlier| earlier.points[point]);
            if before.as_ref() == Some(line) {
                continue;
            }
            facts.push_with(|| {
                let fact = Fact::PointAdjusted {
                    interval,
                    point: *point,
                    run: Run::Final,
                    terms: input.terms,
                    substituted: substituted.get(point).cloned().unwrap_or_default(),
                    before: before.map(Box::new),
                    line: Box::new(*line),
                    postings,
                };
                (Some(rerun.holders.of(*point)), fact)
            });
        }
    }

    fn interval_adjusted(
        &self,
        interval: DeliveryInterval,
        park: &ParkTerms,
        rerun: &Rerun,
        facts: &mut Facts,
    ) {
        let of_the_park = rerun
            .differences
            .iter()
            .filter(|posting| !matches!(posting.account, Account::Point(_)))
            .map(|posting| (posting.account, posting.kind, posting.amount));
        let (earlier, later) = (rerun.earlier.as_ref(), &rerun.later);
        let fact = Fact::IntervalAdjusted {
            interval,
            run: Run::Final,
            terms: *park,
            factor: self.registry.factor_at(interval).clone(),
            pool_price_before: earlier.and_then(|earlier| earlier.pool_price),
            pool_volume_before: earlier.map_or(WattHours::ZERO, |earlier| earlier.pool_volume),
            pool_price: later.pool_price,
            pool_volume: later.pool_volume,
            postings: of_the_park.collect(),
        };
        facts.push((None, fact));
    }

    /// Brings bundles and deliveries up to date: issued, moved or taken back.
    fn adjust_certificates(
        &mut self,
        interval: DeliveryInterval,
        rerun: &Rerun,
        facts: &mut Facts,
    ) {
        for (point, line) in &rerun.later.points {
            let before = self.certificates.get(interval, *point).copied();
            let before = before.unwrap_or_default();
            let after = Bundle::of(line);
            if before == after {
                continue;
            }
            self.certificates.replace(interval, *point, after);
            let fact = Fact::CertificateAdjusted {
                interval,
                point: *point,
                before,
                after,
            };
            facts.push((Some(self.point(*point).participant), fact));
        }
        let mut pairs: BTreeMap<(PointId, PointId), (WattHours, WattHours)> = BTreeMap::new();
        let earlier = rerun.earlier.iter().flat_map(|run| &run.transfers);
        for CertificateTransfer { from, to, quantity } in earlier {
            pairs.entry((*from, *to)).or_default().0 = *quantity;
        }
        for CertificateTransfer { from, to, quantity } in &rerun.later.transfers {
            pairs.entry((*from, *to)).or_default().1 = *quantity;
        }
        for ((from, to), (before, after)) in pairs {
            if before == after {
                continue;
            }
            let fact = Fact::DeliveryAdjusted {
                interval,
                from,
                to,
                before,
                after,
            };
            for end in [from, to] {
                facts.push((Some(self.point(end).participant), fact.clone()));
            }
        }
    }
}

/// The initial run again; none where it was held, kept no inputs and posted nothing. It settled
/// the same inputs, so this fails only in a state that no log leads to.
fn earlier_run(
    park: &ParkTerms,
    inputs: &Points<PointInput>,
    kept: &Points<SettledInput>,
) -> Result<Option<Settlement>, String> {
    if kept.is_empty() {
        return Ok(None);
    }
    let input = |(point, input): (&PointId, &PointInput)| {
        let energy = kept.get(point).map(|kept| kept.energy);
        let energy = energy.ok_or_else(|| format!("{point} has no inputs of the initial run"))?;
        Ok((*point, PointInput { energy, ..*input }))
    };
    let inputs = inputs.iter().map(input).collect::<Result<_, String>>()?;
    let settled = settlement::settle(park, &inputs).map_err(|error| error.to_string())?;
    Ok(Some(settled))
}
