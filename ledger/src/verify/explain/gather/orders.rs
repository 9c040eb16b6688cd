//! A point's orders for the interval, through all that can be said of them until the gate.

use crate::derived::{BundleState, Fact};
use crate::event::{Action, EventBody, OrderId, OrderItem};
use crate::keys::PublicKey;
use crate::registration::{ParticipantId, Role};
use crate::verify::explain::gather::Gathered;
use crate::verify::explain::{Auction, Continuous, ExplainError, Fate, FillUsed, OrderUsed};
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

impl Gathered {
    /// An event that may be about orders of the point.
    pub(super) fn order_event(&mut self, entry: u64, body: &EventBody, outcome: &[u16]) {
        // A list that was refused whole has one code for all of it.
        let code = |place: usize| outcome.get(place).or(outcome.first()).copied();
        let is_done = |place: usize| outcome.get(place) == Some(&0);
        match &body.action {
            Action::PlaceOrders(items) => {
                for (place, item) in items.iter().enumerate() {
                    self.placed(entry, body, (place, code(place)), (item, None));
                }
            }
            Action::PlaceOrdersWith(items) | Action::PlaceImmediate(items) => {
                for (place, with) in items.iter().enumerate() {
                    let minimum = Some(with.minimum).filter(|minimum| minimum.0 != 0);
                    self.placed(entry, body, (place, code(place)), (&with.order, minimum));
                }
            }
            Action::ChangeOrders(changes) => {
                for (place, change) in changes.iter().enumerate() {
                    let known = self.orders.get_mut(&change.order);
                    if let (true, Some(order)) = (is_done(place), known) {
                        (order.quantity, order.limit) = (change.quantity, change.limit);
                        order.changed_by.push(entry);
                    }
                }
            }
            Action::CancelOrders(ids) => {
                for (place, id) in ids.iter().enumerate() {
                    if let (true, Some(order)) = (is_done(place), self.orders.get_mut(id)) {
                        order.fate = Fate::Cancelled { by_entry: entry };
                    }
                }
            }
            Action::PlaceBundle { point, legs, limit } if *point == self.of => {
                let leg = legs.iter().find(|leg| leg.interval == self.interval);
                if let Some(leg) = leg {
                    let item = OrderItem {
                        point: *point,
                        interval: leg.interval,
                        side: leg.side,
                        quantity: leg.quantity,
                        limit: Price::ZERO,
                    };
                    let id = self.placed(entry, body, (0, code(0)), (&item, None));
                    if let Some(order) = id.and_then(|id| self.orders.get_mut(&id)) {
                        order.bundle = Some(*limit);
                    }
                }
            }
            Action::CancelBundle { bundle } if outcome == [0] => {
                if let Some(order) = self.orders.get_mut(bundle) {
                    order.fate = Fate::Cancelled { by_entry: entry };
                }
            }
            Action::CancelAll { point, interval } if outcome == [0] => {
                let asked = point.is_none_or(|point| point == self.of)
                    && interval.is_none_or(|interval| interval == self.interval);
                // An order that was firm, or waits for a gate that is late, is closed by its gate's
                // leaf, which has the last word.
                if asked {
                    self.cancel_all(entry, body.author);
                }
            }
            _ => {}
        }
    }

    fn placed(
        &mut self,
        entry: u64,
        body: &EventBody,
        (place, code): (usize, Option<u16>),
        (item, minimum): (&OrderItem, Option<WattHours>),
    ) -> Option<OrderId> {
        if (item.point, item.interval) != (self.of, self.interval) {
            return None;
        }
        let id = OrderId {
            key: body.author,
            sequence: body.sequence,
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
            minimum,
            changed_by: Vec::new(),
            missed: None,
            fills: Vec::new(),
            bundle: None,
            fate,
        };
        self.orders.insert(id, order);
        Some(id)
    }

    /// Whom a key orders for.
    fn owner(&self, key: &PublicKey) -> Option<ParticipantId> {
        match self.roles.get(key) {
            Some(Role::Tenant(participant) | Role::Delegate(participant)) => Some(*participant),
            _ => None,
        }
    }

    fn cancel_all(&mut self, entry: u64, author: PublicKey) {
        let owner = self.owner(&author);
        // A delegated key sees only what it placed itself.
        let is_delegate = matches!(self.roles.get(&author), Some(Role::Delegate(_)));
        let open: Vec<OrderId> = self
            .orders
            .iter()
            // A bundle is taken back by its own action alone.
            .filter(|(_, order)| order.fate == Fate::Unknown && order.bundle.is_none())
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            let is_his = owner.is_some() && self.owner(&id.key) == owner;
            if is_his
                && (!is_delegate || id.key == author)
                && let Some(order) = self.orders.get_mut(&id)
            {
                order.fate = Fate::Cancelled { by_entry: entry };
            }
        }
    }

    /// A fact about the gate, if it is one.
    pub(super) fn gate_fact(&mut self, entry: u64, fact: &Fact) -> Result<(), ExplainError> {
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
                    is_halted: false,
                });
            }
            Fact::AuctionHalted {
                interval,
                bids,
                offers,
            } if *interval == self.interval => {
                self.auction = Some(Auction {
                    entry,
                    price: None,
                    volume: WattHours::ZERO,
                    bids: *bids,
                    offers: *offers,
                    is_halted: true,
                });
            }
            Fact::ContinuousClosed {
                interval,
                trades,
                traded,
                bids,
                offers,
            } if *interval == self.interval => {
                self.continuous = Some(Continuous {
                    entry,
                    trades: *trades,
                    volume: traded.volume,
                    average: traded.price,
                    bids: *bids,
                    offers: *offers,
                });
            }
            Fact::OrderMatched {
                order,
                item,
                filled,
                price,
                role,
            } => {
                let fill = FillUsed {
                    entry,
                    filled: *filled,
                    price: *price,
                    role: Some(*role),
                };
                self.filled(order, fill, item.quantity);
            }
            Fact::JointFilled {
                order,
                item,
                filled,
                price,
            } => {
                let fill = FillUsed {
                    entry,
                    filled: *filled,
                    price: *price,
                    role: None,
                };
                self.filled(order, fill, item.quantity);
            }
            Fact::BundleClosed {
                bundle,
                legs,
                prices,
                state,
                ..
            } => {
                let mut legs = legs.iter().zip(prices);
                let leg = legs.find(|(leg, _)| leg.interval == self.interval);
                match (state, leg) {
                    (BundleState::Accepted, Some((leg, price))) => {
                        let fill = FillUsed {
                            entry,
                            filled: leg.quantity,
                            price: *price,
                            role: None,
                        };
                        self.filled(bundle, fill, leg.quantity);
                    }
                    _ => {
                        if let Some(known) = self.orders.get_mut(bundle) {
                            known.fate = Fate::Closed {
                                by_entry: entry,
                                filled: WattHours::ZERO,
                                price: None,
                            };
                        }
                    }
                }
            }
            Fact::RemainderCancelled { order, .. } => {
                if let Some(known) = self.orders.get_mut(order) {
                    known.fate = Fate::Cancelled { by_entry: entry };
                }
            }
            Fact::MinimumMissed { order, .. } => {
                if let Some(known) = self.orders.get_mut(order) {
                    known.missed = Some(entry);
                }
            }
            Fact::OrderClosed {
                order,
                item,
                filled,
                price,
            } if is_of(item, self.of) && item.interval == self.interval => {
                let known = self.orders.get_mut(order);
                let known = known.ok_or(ExplainError::Malformed(entry))?;
                known.fate = Fate::Closed {
                    by_entry: entry,
                    filled: *filled,
                    price: *price,
                };
            }
            _ => {}
        }
        Ok(())
    }
}

impl Gathered {
    /// A part of an order, or a bundle's leg, was traded before the gate.
    /// A trade of an order of which so much was open just before.
    fn filled(&mut self, order: &OrderId, fill: FillUsed, open: WattHours) {
        if let Some(known) = self.orders.get_mut(order) {
            known.fills.push(fill);
            // What is used up leaves no other leaf.
            if fill.filled == open {
                known.fate = Fate::Traded {
                    by_entry: fill.entry,
                };
            }
        }
    }
}

fn is_of(item: &OrderItem, point: PointId) -> bool {
    item.point == point
}
