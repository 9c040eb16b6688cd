//! The pass over the entries.

use crate::batch::SignedHeader;
use crate::derived::{BundleState, Fact, TradeRole};
use crate::entry::Entry;
use crate::event::{Action, EventBody, OrderId, OrderItem, SignedEvent};
use crate::genesis::Genesis;
use crate::keys::PublicKey;
use crate::registration::{AffiliateGroupId, ParticipantId, Role};
use crate::state::delegation::day_of;
use crate::verify::entries::IndexedEntry;
use crate::verify::surveillance::conduct::Placed;
use crate::verify::surveillance::influence::{Closed, Gate};
use crate::verify::surveillance::{
    LATE_MS, REPEATED_MIN, Repeated, SelfDealing, Surveillance, SurveillanceError,
};
use crate::verify::what_if::Period;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::limits::PRICE_MAX;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// How long after its gate what was said of an interval is summed up: no gate is that late.
const KEPT_MS: u64 = 86_400_000;
/// How often it is looked for such intervals.
const SUMMED_UP_EVERY_MS: u64 = 3_600_000;

/// A leg of what was traded for an interval.
#[derive(Debug, Clone, Copy)]
struct Leg {
    participant: ParticipantId,
    side: Side,
    quantity: WattHours,
}

/// What is known so far. What belongs to one interval is let go a day after its gate.
pub(super) struct Watch {
    pub(super) report: Surveillance,
    pub(super) period: Period,
    pub(super) now: Timestamp,
    summed_at: Timestamp,
    pub(super) roles: BTreeMap<PublicKey, Role>,
    pub(super) orders: BTreeMap<OrderId, Placed>,
    groups: BTreeMap<AffiliateGroupId, Vec<ParticipantId>>,
    /// Floors and caps by the interval from which on they hold.
    bounds: BTreeMap<DeliveryInterval, (Price, Price)>,
    gates: BTreeMap<DeliveryInterval, Gate>,
    legs: BTreeMap<DeliveryInterval, Vec<Leg>>,
    /// The maker's leg of a continuous trade, until the taker's follows.
    maker: Option<(DeliveryInterval, Leg)>,
    /// Continuous trades, each of two legs.
    pairs: BTreeMap<DeliveryInterval, Vec<[Leg; 2]>>,
}

impl Watch {
    pub(super) fn found(genesis: &Genesis, period: Period) -> Watch {
        let report = Surveillance {
            park: genesis.body().name.clone(),
            utc_offset_minutes: genesis.body().utc_offset_minutes,
            ..Surveillance::default()
        };
        Watch {
            report,
            period,
            now: Timestamp(0),
            summed_at: Timestamp(0),
            roles: BTreeMap::new(),
            orders: BTreeMap::new(),
            groups: BTreeMap::new(),
            bounds: BTreeMap::new(),
            gates: BTreeMap::new(),
            legs: BTreeMap::new(),
            maker: None,
            pairs: BTreeMap::new(),
        }
    }

    /// An interval with an order.
    pub(super) fn spoken_of(&mut self, interval: DeliveryInterval) {
        let report = &mut self.report;
        report.first = Some(report.first.map_or(interval, |first| first.min(interval)));
        report.last = Some(report.last.map_or(interval, |last| last.max(interval)));
    }

    pub(super) fn entry(&mut self, entry: &IndexedEntry) -> Result<(), SurveillanceError> {
        let malformed = |_| SurveillanceError::Malformed(entry.index);
        match &entry.entry {
            Entry::Genesis(_) | Entry::Seal { .. } | Entry::Voters { .. } => {}
            Entry::Batch { header, .. } => {
                self.now = SignedHeader::parse(header).map_err(malformed)?.body().time;
                self.sum_up(self.now);
            }
            Entry::Event { signed, outcome } => {
                let event = SignedEvent::parse(signed);
                let event = event.map_err(|_| SurveillanceError::Malformed(entry.index))?;
                self.order_event(event.body(), outcome);
                if outcome == &[0] {
                    self.registry(event.body());
                }
            }
            Entry::Derived {
                participant, fact, ..
            } => self.fact(entry.index, *participant, fact),
        }
        Ok(())
    }

    fn registry(&mut self, body: &EventBody) {
        match &body.action {
            Action::RegisterParticipant(participant) => {
                let name = participant.name.clone();
                self.report.names.insert(participant.id, name);
            }
            Action::AddKey { key, role } => {
                self.roles.insert(*key, *role);
            }
            Action::RotateKey { new, .. } => {
                if let Some(role) = self.roles.get(&body.author).copied() {
                    self.roles.insert(*new, role);
                }
            }
            Action::Delegate { key, .. } => {
                if let Some(Role::Tenant(participant)) = self.roles.get(&body.author).copied() {
                    self.roles.insert(*key, Role::Delegate(participant));
                }
            }
            Action::SetAffiliates { group, members } => {
                self.groups.insert(*group, members.clone());
            }
            Action::SetPriceBounds { from, floor, cap } => {
                self.bounds.insert(*from, (*floor, *cap));
            }
            _ => {}
        }
    }

    fn fact(&mut self, entry: u64, participant: Option<ParticipantId>, fact: &Fact) {
        match fact {
            Fact::IntervalCleared {
                interval,
                price,
                volume,
                ..
            } if self.period.contains(*interval) => {
                let gate = Gate {
                    interval: *interval,
                    entry,
                    price: *price,
                    volume: *volume,
                    orders: BTreeMap::new(),
                };
                self.gates.insert(*interval, gate);
            }
            Fact::OrderClosed {
                order,
                item,
                filled,
                ..
            } => self.closed(participant, order, (item, *filled)),
            Fact::OrderMatched {
                order,
                item,
                filled,
                role,
                ..
            } => self.matched(participant, order, (item, *filled, *role)),
            Fact::JointFilled {
                order,
                item,
                filled,
                ..
            } => {
                self.met(order, *filled);
                if let Some(participant) = participant {
                    self.leg(participant, item, *filled);
                }
            }
            Fact::BundleClosed {
                point,
                legs,
                state: BundleState::Accepted,
                ..
            } => {
                let Some(participant) = participant else {
                    return;
                };
                for leg in legs {
                    let item = OrderItem {
                        point: *point,
                        interval: leg.interval,
                        side: leg.side,
                        quantity: leg.quantity,
                        limit: Price::ZERO,
                    };
                    self.leg(participant, &item, leg.quantity);
                }
            }
            Fact::RemainderCancelled { order, .. } => self.remainder_gone(order),
            Fact::AuctionHalted { interval, .. } if self.period.contains(*interval) => {
                self.report.halted.insert(*interval);
            }
            Fact::SettlementHeld { interval, .. } | Fact::RunHeld { interval, .. }
                if self.period.contains(*interval) =>
            {
                self.report.held.insert(*interval);
            }
            Fact::IntervalAdjusted { interval, .. } => {
                self.report.held.remove(interval);
            }
            _ => {}
        }
    }

    fn closed(
        &mut self,
        participant: Option<ParticipantId>,
        order: &OrderId,
        (item, filled): (&OrderItem, WattHours),
    ) {
        let Some(participant) = participant else {
            return;
        };
        let placed = self.orders.get(order);
        let closed = Closed {
            participant,
            item: *item,
            filled,
            minimum: placed.map_or(WattHours::ZERO, |placed| placed.minimum),
            is_late: placed.is_some_and(Placed::is_late),
        };
        if let Some(gate) = self.gates.get_mut(&item.interval) {
            gate.orders.insert(*order, closed);
        }
        self.met(order, filled);
        self.leg(participant, item, filled);
    }

    fn leg(&mut self, participant: ParticipantId, item: &OrderItem, filled: WattHours) {
        if filled > WattHours::ZERO && self.period.contains(item.interval) {
            let leg = Leg {
                participant,
                side: item.side,
                quantity: filled,
            };
            self.legs.entry(item.interval).or_default().push(leg);
            let row = self.report.conduct.entry(participant).or_default();
            row.traded_wh += i128::from(filled.0);
        }
    }

    fn matched(
        &mut self,
        participant: Option<ParticipantId>,
        order: &OrderId,
        (item, filled, role): (&OrderItem, WattHours, TradeRole),
    ) {
        let Some(participant) = participant else {
            return;
        };
        self.met(order, filled);
        self.leg(participant, item, filled);
        let leg = Leg {
            participant,
            side: item.side,
            quantity: filled,
        };
        match (role, self.maker.take()) {
            (TradeRole::Maker, _) => self.maker = Some((item.interval, leg)),
            (TradeRole::Taker, Some((interval, maker))) if interval == item.interval => {
                if self.period.contains(interval) {
                    self.pairs.entry(interval).or_default().push([maker, leg]);
                }
            }
            (TradeRole::Taker, _) => {}
        }
    }

    /// Sums up the intervals whose gate is long over, once an hour.
    fn sum_up(&mut self, now: Timestamp) {
        if now < self.summed_at.plus_millis(SUMMED_UP_EVERY_MS) {
            return;
        }
        self.summed_at = now;
        let is_over =
            |interval: DeliveryInterval| interval.gate_closure().plus_millis(KEPT_MS) <= now;
        while let Some((interval, _)) = self.legs.first_key_value()
            && is_over(*interval)
        {
            let (interval, legs) = self.legs.pop_first().expect("it was just there");
            self.traded(interval, &legs);
        }
        while let Some((interval, _)) = self.gates.first_key_value()
            && is_over(*interval)
        {
            let (_, gate) = self.gates.pop_first().expect("it was just there");
            self.auction(&gate);
        }
        let over: Vec<OrderId> = self
            .orders
            .iter()
            .filter(|(_, order)| is_over(order.item.interval))
            .map(|(id, _)| *id)
            .collect();
        let over: Vec<Placed> = over
            .iter()
            .filter_map(|id| self.orders.remove(id))
            .collect();
        self.withdrawn(&over);
    }

    fn traded(&mut self, interval: DeliveryInterval, legs: &[Leg]) {
        let day = day_of(interval, self.report.utc_offset_minutes);
        for leg in legs {
            let (participant, side) = (leg.participant, leg.side);
            self.report.traded.count(participant, side, leg.quantity);
            let of_day = self.report.days.entry(day).or_default();
            of_day.count(participant, side, leg.quantity);
        }
        // Continuous trades have counterparties, those of an auction have not.
        let pairs = self.pairs.remove(&interval);
        for (group, members) in &self.groups {
            let is_of = |leg: &&Leg| members.contains(&leg.participant);
            let mut row = dealing(interval, *group, pairs.is_some());
            if let Some(pairs) = &pairs {
                let between = pairs
                    .iter()
                    .filter(|pair| pair.iter().all(|leg| is_of(&leg)));
                between.flatten().for_each(|leg| count(&mut row, leg));
            } else {
                legs.iter()
                    .filter(is_of)
                    .for_each(|leg| count(&mut row, leg));
            }
            row.between = row.sold.min(row.bought);
            if row.between > WattHours::ZERO {
                self.report.self_dealing.push(row);
            }
        }
    }

    fn auction(&mut self, gate: &Gate) {
        let bounds = self.bounds.range(..=gate.interval).next_back();
        let (floor, cap) = bounds.map_or((Price::ZERO, PRICE_MAX_PRICE), |(_, row)| *row);
        self.report.auctions += 1;
        match gate.influences(|item| (floor..=cap).contains(&item.limit)) {
            Ok(influences) => self.report.influences.extend(influences),
            Err(difference) => self.report.differences.push(difference),
        }
    }

    fn withdrawn(&mut self, orders: &[Placed]) {
        let mut again: BTreeMap<_, (u64, WattHours)> = BTreeMap::new();
        for order in orders {
            let item = &order.item;
            let key = (
                item.interval,
                order.participant,
                item.point,
                item.side as u8,
            );
            let row = again.entry(key).or_default();
            row.1.0 = row.1.0.saturating_add(order.traded.0);
            let Some(at) = order.withdrawn_at else {
                continue;
            };
            row.0 += 1;
            let conduct = self.report.conduct.entry(order.participant).or_default();
            conduct.withdrawn += 1;
            conduct.withdrawn_wh += i128::from(item.quantity.0);
            if at.plus_millis(LATE_MS) >= item.interval.firm_from() {
                conduct.withdrawn_late += 1;
                conduct.withdrawn_late_wh += i128::from(item.quantity.0);
            }
        }
        for ((interval, participant, point, side), (withdrawn, traded)) in again {
            if withdrawn >= REPEATED_MIN {
                let sides = [Side::Buy, Side::Sell];
                let side = sides.into_iter().find(|known| *known as u8 == side);
                self.report.repeated.push(Repeated {
                    participant,
                    interval,
                    point,
                    side: side.expect("a side was counted by its number"),
                    withdrawn,
                    traded,
                });
            }
        }
    }

    pub(super) fn report(mut self) -> Surveillance {
        self.sum_up(Timestamp(u64::MAX));
        self.report.traded.finish();
        for day in self.report.days.values_mut() {
            day.finish();
        }
        self.report
    }
}

/// The highest limit that there can be.
const PRICE_MAX_PRICE: Price = Price(PRICE_MAX);

fn dealing(
    interval: DeliveryInterval,
    group: AffiliateGroupId,
    is_continuous: bool,
) -> SelfDealing {
    SelfDealing {
        interval,
        group,
        sold: WattHours::ZERO,
        bought: WattHours::ZERO,
        between: WattHours::ZERO,
        sellers: BTreeSet::new(),
        buyers: BTreeSet::new(),
        is_continuous,
    }
}

fn count(row: &mut SelfDealing, leg: &Leg) {
    let (sum, members) = match leg.side {
        Side::Sell => (&mut row.sold, &mut row.sellers),
        Side::Buy => (&mut row.bought, &mut row.buyers),
    };
    sum.0 = sum.0.saturating_add(leg.quantity.0);
    members.insert(leg.participant);
}
