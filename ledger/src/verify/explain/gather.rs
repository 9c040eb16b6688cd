//! What one point's interval follows from, gathered in one pass.

mod orders;
mod registers;

use crate::batch::SignedHeader;
use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, EventBody, OrderId, ScheduleEntry, SignedEvent};
use crate::genesis::Genesis;
use crate::keys::PublicKey;
use crate::limits::DUE_PER_BATCH_MAX;
use crate::registration::{
    Meter, MeterId, Participant, ParticipantId, Point, Role, RuleSet, TariffId,
};
use crate::state::registers::Breaks;
use crate::verify::entries::{
    AdjustedInterval, Entries, EntriesError, IndexedEntry, IntervalLeaves, SettledInterval,
    SettledIntervals,
};
use crate::verify::explain::metered::metered;
use crate::verify::explain::{
    Auction, Continuous, Delivery, ExplainError, Issued, MeterUsed, OrderUsed, RegisterRead,
    Restart,
};
use crate::verify::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::settlement::{MeteredEnergy, ParkTerms};
use wattle_market::tariff::Tariff;
use wattle_market::units::{Price, WattHours};

/// A standing instruction of the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instruction {
    pub(super) entry: u64,
    pub(super) enrolled: bool,
    pub(super) ask_limit: Price,
    pub(super) bid_limit: Option<Price>,
}

/// The point's energy, and what of it comes from which meter, as one run saw them.
pub(super) type Seen = (MeteredEnergy, Vec<MeterUsed>);

/// All that was found. Everything but the registry is of the one point and interval.
pub(super) struct Gathered {
    pub(super) of: PointId,
    pub(super) interval: DeliveryInterval,
    /// The meters that measure the point in the interval.
    wanted: BTreeSet<MeterId>,
    pub(super) genesis: Option<Genesis>,
    pub(super) participants: BTreeMap<ParticipantId, Participant>,
    pub(super) point: Option<Point>,
    roles: BTreeMap<PublicKey, Role>,
    /// The latest in force at the interval, by tariff.
    pub(super) tariffs: BTreeMap<TariffId, (DeliveryInterval, u64, Tariff)>,
    /// The latest in force at the interval.
    pub(super) terms: Option<(DeliveryInterval, u64, ParkTerms)>,
    pub(super) meters: Vec<(u64, Meter)>,
    pub(super) registers: BTreeMap<(MeterId, DeliveryInterval), RegisterRead>,
    pub(super) breaks: Breaks,
    pub(super) restarts: BTreeMap<(MeterId, DeliveryInterval), Restart>,
    /// The next interval whose gate closes, the next that is settled, and the next that becomes
    /// final.
    due: (DeliveryInterval, DeliveryInterval, Option<DeliveryInterval>),
    now: Timestamp,
    /// From where on there are final runs.
    final_from: Option<DeliveryInterval>,
    pub(super) instruction: Option<Instruction>,
    /// The point's schedule and the entry that set it.
    pub(super) schedule: Option<(u64, Vec<ScheduleEntry>)>,
    pub(super) auction: Option<Auction>,
    pub(super) continuous: Option<Continuous>,
    pub(super) orders: BTreeMap<OrderId, OrderUsed>,
    intervals: SettledIntervals,
    /// What the initial run saw.
    pub(super) initial: Option<Seen>,
    pub(super) settled: Option<SettledInterval>,
    held: Option<(u64, String)>,
    /// What the final run saw, where it adjusted anything.
    pub(super) last: Option<Seen>,
    pub(super) adjusted: Option<AdjustedInterval>,
    /// The rules held the final run up.
    pub(super) run_held: Option<(u64, String)>,
    pub(super) is_final: bool,
    pub(super) issued: Option<Issued>,
    pub(super) deliveries: BTreeMap<(PointId, PointId), Delivery>,
}

/// The meters that measure a point in an interval. Both a meter's registration and its assignment
/// are taken only before the interval's gate.
fn meters_of(
    source: &dyn Source,
    of: PointId,
    interval: DeliveryInterval,
) -> Result<BTreeSet<MeterId>, ExplainError> {
    let mut points: BTreeMap<MeterId, PointId> = BTreeMap::new();
    for entry in Entries::open(source)? {
        let entry = entry?;
        let malformed = || ExplainError::Malformed(entry.index);
        match &entry.entry {
            Entry::Batch { header, .. } => {
                let header = SignedHeader::parse(header).map_err(|_| malformed())?;
                if header.body().time >= interval.gate_closure() {
                    break;
                }
            }
            Entry::Event { signed, outcome } if outcome == &[0] => {
                let event = SignedEvent::parse(signed).map_err(|_| malformed())?;
                match &event.body().action {
                    Action::RegisterMeter(meter) if meter.from <= interval => {
                        points.insert(meter.id, meter.point);
                    }
                    Action::AssignMeter { meter, point, from } if *from <= interval => {
                        points.insert(*meter, *point);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    points.retain(|_, point| *point == of);
    Ok(points.into_keys().collect())
}

impl Gathered {
    /// Reads all that matters; most of a log does not.
    pub(super) fn read_from(
        source: &dyn Source,
        of: PointId,
        interval: DeliveryInterval,
    ) -> Result<Gathered, ExplainError> {
        let mut gathered = Gathered::new(of, interval, meters_of(source, of, interval)?);
        for entry in Entries::open(source)? {
            if gathered.entry(&entry?)? {
                break;
            }
        }
        Ok(gathered)
    }

    fn new(of: PointId, interval: DeliveryInterval, wanted: BTreeSet<MeterId>) -> Gathered {
        Gathered {
            of,
            interval,
            wanted,
            genesis: None,
            participants: BTreeMap::new(),
            point: None,
            roles: BTreeMap::new(),
            tariffs: BTreeMap::new(),
            terms: None,
            meters: Vec::new(),
            registers: BTreeMap::new(),
            breaks: Breaks::default(),
            restarts: BTreeMap::new(),
            due: Default::default(),
            now: Timestamp(0),
            final_from: None,
            instruction: None,
            schedule: None,
            auction: None,
            continuous: None,
            orders: BTreeMap::new(),
            intervals: SettledIntervals::default(),
            initial: None,
            settled: None,
            held: None,
            last: None,
            adjusted: None,
            run_held: None,
            is_final: false,
            issued: None,
            deliveries: BTreeMap::new(),
        }
    }

    /// Whether the interval has a final run.
    pub(super) fn has_final_run(&self) -> bool {
        self.final_from.is_some_and(|from| from <= self.interval)
    }

    /// The ledger's reason, where nothing is settled because the interval is held.
    pub(super) fn held(&mut self) -> Option<ExplainError> {
        let held = self.run_held.take().or_else(|| self.held.take());
        held.map(|(entry, reason)| ExplainError::Held {
            interval: self.interval,
            entry,
            reason,
        })
    }

    /// Whether nothing can follow that matters.
    fn is_over(&self) -> bool {
        if self.has_final_run() {
            self.is_final
        } else {
            self.settled.is_some() || self.held.is_some()
        }
    }

    /// Takes in the next entry; whether nothing that matters can follow.
    fn entry(&mut self, entry: &IndexedEntry) -> Result<bool, ExplainError> {
        let malformed = || ExplainError::Malformed(entry.index);
        match &entry.entry {
            Entry::Genesis(signed) => self.found(signed)?,
            Entry::Batch { header, .. } => {
                if self.is_over() {
                    return Ok(true);
                }
                let header = SignedHeader::parse(header).map_err(|_| malformed())?;
                self.now = header.body().time;
                self.pass_time();
            }
            Entry::Event { signed, outcome } => {
                let event = SignedEvent::parse(signed).map_err(|_| malformed())?;
                // What is recorded after the last run did not go into it.
                if !self.is_over() {
                    self.event(entry.index, event.body(), outcome);
                }
            }
            Entry::Derived { fact, .. } => self.fact(entry, fact)?,
            Entry::Seal { .. } | Entry::Voters { .. } => {}
        }
        Ok(false)
    }

    fn found(&mut self, signed: &[u8]) -> Result<(), ExplainError> {
        let genesis = Genesis::parse(signed).map_err(EntriesError::Genesis)?;
        let body = genesis.body();
        let first = body.first_interval;
        self.due = (first, first, None);
        self.terms = Some((first, 0, body.terms));
        for (id, tariff) in &body.tariffs {
            self.tariffs.insert(*id, (first, 0, tariff.clone()));
        }
        self.genesis = Some(genesis);
        Ok(())
    }

    /// What is due before a batch's events (RULES.md, section 2): only the gates matter here, but
    /// settlements and final runs share their number of items.
    fn pass_time(&mut self) {
        let offset = self.genesis.as_ref();
        let offset = offset.map_or(0, |genesis| genesis.body().utc_offset_minutes);
        for _ in 0..DUE_PER_BATCH_MAX {
            let (gate, settlement, last) = &mut self.due;
            let (closes, settles) = (gate.gate_closure(), settlement.settlement_due());
            let becomes_final = last.map(|last| last.final_run_due(offset));
            let earliest =
                becomes_final.map_or(closes.min(settles), |last| closes.min(settles).min(last));
            if earliest > self.now {
                return;
            }
            if earliest == closes {
                *gate = gate.next();
            } else if earliest == settles {
                *settlement = settlement.next();
            } else if let Some(last) = last {
                *last = last.next();
            }
        }
    }

    fn event(&mut self, entry: u64, body: &EventBody, outcome: &[u16]) {
        self.order_event(entry, body, outcome);
        self.register_event(entry, body, outcome);
        if outcome == [0] {
            self.registry(entry, body.author, &body.action);
        }
    }

    /// Actions on the registry that were accepted.
    fn registry(&mut self, entry: u64, author: PublicKey, action: &Action) {
        match action {
            Action::RegisterParticipant(participant) => {
                self.participants
                    .insert(participant.id, participant.clone());
            }
            Action::RegisterPoint(point) if point.id == self.of => {
                self.point = Some(point.clone());
            }
            Action::RegisterMeter(meter) => {
                self.roles.insert(meter.key, Role::Meter(meter.id));
            }
            Action::AddKey { key, role } => {
                self.roles.insert(*key, *role);
            }
            Action::RotateKey { new, .. } => {
                if let Some(role) = self.roles.get(&author).copied() {
                    self.roles.insert(*new, role);
                }
            }
            Action::Delegate { key, .. } => {
                if let Some(Role::Tenant(participant)) = self.roles.get(&author).copied() {
                    self.roles.insert(*key, Role::Delegate(participant));
                }
            }
            Action::ActivateRules {
                rules: RuleSet::FinalRuns,
                from,
            } => {
                self.final_from = Some(*from);
                self.due.2 = Some(*from);
            }
            action => self.terms(entry, action),
        }
    }

    /// Accepted actions that prices and the pool's limits follow from.
    fn terms(&mut self, entry: u64, action: &Action) {
        match action {
            Action::SetTariff {
                tariff,
                from,
                prices,
            } if *from <= self.interval => {
                let known = self.tariffs.get(tariff);
                if known.is_none_or(|(known, ..)| known <= from) {
                    let row = (*from, entry, prices.clone());
                    self.tariffs.insert(*tariff, row);
                }
            }
            Action::SetTerms { from, terms } if *from <= self.interval => {
                let known = self.terms.as_ref();
                if known.is_none_or(|(known, ..)| known <= from) {
                    self.terms = Some((*from, entry, *terms));
                }
            }
            Action::SetStandingInstruction {
                point,
                enrolled,
                ask_limit,
                bid_limit,
            } if *point == self.of && self.due.0 <= self.interval => {
                self.instruction = Some(Instruction {
                    entry,
                    enrolled: *enrolled,
                    ask_limit: *ask_limit,
                    bid_limit: *bid_limit,
                });
            }
            Action::SetSchedule { point, entries }
                if *point == self.of && self.due.0 <= self.interval =>
            {
                self.schedule = Some((entry, entries.clone()));
            }
            _ => {}
        }
    }

    fn fact(&mut self, leaf: &IndexedEntry, fact: &Fact) -> Result<(), ExplainError> {
        let entry = leaf.index;
        match fact {
            Fact::PointSettled { interval, .. } if *interval == self.interval => {
                if self.initial.is_none() {
                    self.initial = Some(metered(self)?);
                }
                self.intervals.entry(leaf);
            }
            Fact::PointAdjusted { interval, .. } if *interval == self.interval => {
                if self.last.is_none() {
                    self.last = Some(metered(self)?);
                }
                self.intervals.entry(leaf);
            }
            Fact::IntervalSettled { interval, .. } | Fact::IntervalAdjusted { interval, .. }
                if *interval == self.interval =>
            {
                match self.intervals.entry(leaf) {
                    Some(IntervalLeaves::Settled(settled)) => self.settled = Some(settled),
                    Some(IntervalLeaves::Adjusted(adjusted)) => {
                        self.adjusted = Some(adjusted);
                        self.is_final = true;
                    }
                    None => {}
                }
            }
            Fact::SettlementHeld { interval, reason } if *interval == self.interval => {
                self.held = Some((entry, reason.clone()));
            }
            Fact::RunHeld {
                interval, reason, ..
            } if *interval == self.interval => {
                self.run_held = Some((entry, reason.clone()));
                self.is_final = true;
            }
            // The final runs have gone past the interval.
            Fact::IntervalAdjusted { interval, .. } | Fact::RunHeld { interval, .. }
                if *interval > self.interval =>
            {
                self.is_final = true;
            }
            Fact::MonthClosed { last, .. } if *last >= self.interval => self.is_final = true,
            _ => {
                self.gate_fact(entry, fact)?;
                self.certificates(entry, fact);
            }
        }
        Ok(())
    }

    fn certificates(&mut self, entry: u64, fact: &Fact) {
        let (of, at) = (self.of, self.interval);
        match fact {
            Fact::CertificateIssued {
                interval,
                point,
                quantity,
                self_used,
                stored,
                lost,
                sent,
                held,
            } if (*interval, *point) == (at, of) => {
                self.issued = Some(Issued {
                    entry,
                    quantity: *quantity,
                    self_used: *self_used,
                    stored: *stored,
                    lost: *lost,
                    sent: *sent,
                    held: *held,
                });
            }
            Fact::CertificateAdjusted {
                interval,
                point,
                after,
                ..
            } if (*interval, *point) == (at, of) => {
                let issued = Issued {
                    entry,
                    quantity: after.issued,
                    self_used: after.self_used,
                    stored: after.stored,
                    lost: after.lost,
                    sent: after.sent,
                    held: after.held,
                };
                // A bundle of zeros is none.
                self.issued = Some(issued).filter(|issued| issued.quantity != WattHours::ZERO);
            }
            Fact::CertificateDelivered {
                interval,
                from,
                to,
                quantity,
            } if *interval == at && (*from == of || *to == of) => {
                let delivery = Delivery {
                    entry,
                    from: *from,
                    to: *to,
                    quantity: *quantity,
                };
                self.deliveries.entry((*from, *to)).or_insert(delivery);
            }
            Fact::DeliveryAdjusted {
                interval,
                from,
                to,
                after,
                ..
            } if *interval == at && (*from == of || *to == of) => {
                let delivery = Delivery {
                    entry,
                    from: *from,
                    to: *to,
                    quantity: *after,
                };
                self.deliveries.insert((*from, *to), delivery);
                self.deliveries
                    .retain(|_, delivery| delivery.quantity != WattHours::ZERO);
            }
            _ => {}
        }
    }

    /// The register at the end of an interval.
    pub(super) fn register(&self, meter: MeterId, at: DeliveryInterval) -> Option<RegisterRead> {
        self.registers.get(&(meter, at)).copied()
    }

    /// The primary energy between two registers; none where it is below zero or too large.
    pub(super) fn rise(
        &self,
        meter: MeterId,
        low: &RegisterRead,
        high: &RegisterRead,
    ) -> Option<WattHours> {
        let at = |read: &RegisterRead| {
            let (interval, register) = (read.interval, read.register);
            self.breaks.of(meter).cumulative((interval, register))
        };
        let rise = i64::try_from(at(high) - at(low)).ok()?;
        Some(WattHours(rise)).filter(|rise| rise.0 >= 0)
    }

    /// The energy of an interval where both its registers were read.
    pub(super) fn actual(&self, meter: MeterId, at: DeliveryInterval) -> Option<WattHours> {
        let end = self.register(meter, at)?;
        let start = self.register(meter, at.minus(1))?;
        self.rise(meter, &start, &end)
    }
}
