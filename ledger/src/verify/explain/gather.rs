//! What one point's interval follows from, gathered in one pass.

use crate::batch::SignedHeader;
use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, OrderId, SignedEvent};
use crate::genesis::Genesis;
use crate::keys::PublicKey;
use crate::limits::DUE_PER_BATCH_MAX;
use crate::registration::{Meter, MeterId, Participant, ParticipantId, Point, Role, TariffId};
use crate::verify::entries::{
    EntriesError, IndexedEntry, IntervalLeaves, SettledInterval, SettledIntervals,
};
use crate::verify::explain::{
    Auction, Delivery, ExplainError, Fate, Issued, OrderUsed, RegisterRead,
};
use std::collections::BTreeMap;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::settlement::ParkTerms;
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

/// All that was found. Everything but the registry is of the one point and interval.
pub(super) struct Gathered {
    pub(super) of: PointId,
    pub(super) interval: DeliveryInterval,
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
    /// The next interval whose gate closes, and the next that is settled.
    due: (DeliveryInterval, DeliveryInterval),
    pub(super) instruction: Option<Instruction>,
    pub(super) auction: Option<Auction>,
    pub(super) orders: BTreeMap<OrderId, OrderUsed>,
    intervals: SettledIntervals,
    is_settled: bool,
    pub(super) settled: Option<SettledInterval>,
    pub(super) issued: Option<Issued>,
    pub(super) deliveries: BTreeMap<(PointId, PointId), Delivery>,
}

impl Gathered {
    pub(super) fn new(of: PointId, interval: DeliveryInterval) -> Gathered {
        Gathered {
            of,
            interval,
            genesis: None,
            participants: BTreeMap::new(),
            point: None,
            roles: BTreeMap::new(),
            tariffs: BTreeMap::new(),
            terms: None,
            meters: Vec::new(),
            registers: BTreeMap::new(),
            due: Default::default(),
            instruction: None,
            auction: None,
            orders: BTreeMap::new(),
            intervals: SettledIntervals::default(),
            is_settled: false,
            settled: None,
            issued: None,
            deliveries: BTreeMap::new(),
        }
    }

    /// Takes in the next entry; whether nothing that matters can follow.
    pub(super) fn entry(&mut self, entry: &IndexedEntry) -> Result<bool, ExplainError> {
        match &entry.entry {
            Entry::Genesis(signed) => self.found(signed)?,
            Entry::Batch { header, .. } => {
                if self.settled.is_some() {
                    return Ok(true);
                }
                let header = SignedHeader::parse(header)
                    .map_err(|_| ExplainError::Malformed(entry.index))?;
                self.pass_time(header.body().time);
            }
            Entry::Event { signed, outcome } => {
                let event =
                    SignedEvent::parse(signed).map_err(|_| ExplainError::Malformed(entry.index))?;
                // What is recorded after the settlement did not go into it.
                if !self.is_settled {
                    self.event(entry.index, &event, outcome);
                }
            }
            Entry::Derived { fact, .. } => self.fact(entry, fact)?,
            Entry::Seal { .. } => {}
        }
        Ok(false)
    }

    fn found(&mut self, signed: &[u8]) -> Result<(), ExplainError> {
        let genesis = Genesis::parse(signed).map_err(EntriesError::Genesis)?;
        let body = genesis.body();
        let first = body.first_interval;
        self.due = (first, first);
        self.terms = Some((first, 0, body.terms));
        for (id, tariff) in &body.tariffs {
            self.tariffs.insert(*id, (first, 0, tariff.clone()));
        }
        self.genesis = Some(genesis);
        Ok(())
    }

    /// What is due before a batch's events (RULES.md, section 2): only the gates matter here, but
    /// settlements share their number of items.
    fn pass_time(&mut self, now: Timestamp) {
        for _ in 0..DUE_PER_BATCH_MAX {
            let (gate, settlement) = &mut self.due;
            let (closes, settles) = (gate.gate_closure(), settlement.settlement_due());
            if closes.min(settles) > now {
                return;
            }
            let next = if closes <= settles { gate } else { settlement };
            *next = next.next();
        }
    }

    fn event(&mut self, entry: u64, event: &SignedEvent, outcome: &[u16]) {
        let body = event.body();
        let (author, sequence) = (body.author, body.sequence);
        match &body.action {
            Action::PlaceOrders(items) => {
                for (place, item) in items.iter().enumerate() {
                    if item.point == self.of && item.interval == self.interval {
                        // A list that was refused whole has one code for all of it.
                        let code = outcome.get(place).or(outcome.first()).copied();
                        let id = OrderId {
                            key: author,
                            sequence,
                            item: u16::try_from(place).unwrap_or(u16::MAX),
                        };
                        let fate = match code {
                            Some(code) if code != 0 => Fate::Refused { code },
                            _ => Fate::Unknown,
                        };
                        let order = OrderUsed {
                            order: id.to_string(),
                            entry,
                            side: item.side,
                            quantity: item.quantity,
                            limit: item.limit,
                            fate,
                        };
                        self.orders.insert(id, order);
                    }
                }
            }
            Action::CancelOrders(ids) => {
                for (place, id) in ids.iter().enumerate() {
                    let is_done = outcome.get(place) == Some(&0);
                    if let (true, Some(order)) = (is_done, self.orders.get_mut(id)) {
                        order.fate = Fate::Cancelled { by_entry: entry };
                    }
                }
            }
            Action::SubmitReadings(readings) => {
                let Some(Role::Meter(meter)) = self.roles.get(&author).copied() else {
                    return;
                };
                if !self.meters.iter().any(|(_, known)| known.id == meter) {
                    return;
                }
                for (place, reading) in readings.iter().enumerate() {
                    if outcome.get(place) == Some(&0) {
                        let read = RegisterRead {
                            interval: reading.interval,
                            register: reading.register,
                            entry,
                            signer: author,
                        };
                        // The same register once more changes nothing.
                        self.registers
                            .entry((meter, reading.interval))
                            .or_insert(read);
                    }
                }
            }
            action if outcome == [0] => self.registry(entry, author, action),
            _ => {}
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
            Action::RegisterMeter(meter) if meter.point == self.of => {
                self.roles.insert(meter.key, Role::Meter(meter.id));
                let start = RegisterRead {
                    interval: meter.from.minus(1),
                    register: meter.register,
                    entry,
                    signer: author,
                };
                self.registers.insert((meter.id, start.interval), start);
                self.meters.push((entry, meter.clone()));
            }
            Action::AddKey {
                key,
                role: role @ Role::Meter(_),
            } => {
                self.roles.insert(*key, *role);
            }
            Action::RotateKey { new, .. } => {
                if let Some(role) = self.roles.get(&author).copied() {
                    self.roles.insert(*new, role);
                }
            }
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
            _ => {}
        }
    }

    fn fact(&mut self, leaf: &IndexedEntry, fact: &Fact) -> Result<(), ExplainError> {
        let entry = leaf.index;
        match fact {
            Fact::IntervalCleared {
                interval,
                price,
                volume,
                bids,
                offers,
            } if *interval == self.interval => {
                self.auction = Some(Auction {
                    entry,
                    price: *price,
                    volume: *volume,
                    bids: *bids,
                    offers: *offers,
                });
            }
            Fact::OrderClosed {
                order,
                item,
                filled,
                price,
            } if item.point == self.of && item.interval == self.interval => {
                let known = self.orders.get_mut(order);
                let known = known.ok_or(ExplainError::Malformed(entry))?;
                known.fate = Fate::Closed {
                    by_entry: entry,
                    filled: *filled,
                    price: *price,
                };
            }
            Fact::PointSettled { interval, .. } if *interval == self.interval => {
                self.is_settled = true;
                self.intervals.entry(leaf);
            }
            Fact::IntervalSettled { interval, .. } if *interval == self.interval => {
                if let Some(IntervalLeaves::Settled(settled)) = self.intervals.entry(leaf) {
                    self.settled = Some(settled);
                }
            }
            Fact::SettlementHeld { interval, reason } if *interval == self.interval => {
                return Err(ExplainError::Held {
                    interval: *interval,
                    entry,
                    reason: reason.clone(),
                });
            }
            _ => self.certificates(entry, fact),
        }
        Ok(())
    }

    fn certificates(&mut self, entry: u64, fact: &Fact) {
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
            } if *interval == self.interval && *point == self.of => {
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
            Fact::CertificateDelivered {
                interval,
                from,
                to,
                quantity,
            } if *interval == self.interval && (*from == self.of || *to == self.of) => {
                let delivery = Delivery {
                    entry,
                    from: *from,
                    to: *to,
                    quantity: *quantity,
                };
                self.deliveries.entry((*from, *to)).or_insert(delivery);
            }
            _ => {}
        }
    }

    /// The register at the end of an interval.
    pub(super) fn register(&self, meter: MeterId, at: DeliveryInterval) -> Option<RegisterRead> {
        self.registers.get(&(meter, at)).copied()
    }

    /// The energy of an interval where both its registers were read.
    pub(super) fn actual(&self, meter: MeterId, at: DeliveryInterval) -> Option<WattHours> {
        let end = self.register(meter, at)?;
        let start = self.register(meter, at.minus(1))?;
        end.register.checked_sub(start.register)
    }
}
