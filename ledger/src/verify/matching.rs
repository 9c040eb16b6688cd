//! Continuous trades, checked on their legs with nothing but comparisons and sums.
//!
//! Other sums end with their batch; a continuous market's run from an interval's first trade to
//! its gate.

use crate::derived::{AveragePrice, Fact, TradeRole};
use crate::entry::Entry;
use crate::event::{OrderId, OrderItem};
use crate::registration::ParticipantId;
use crate::state::State;
use crate::state::orders::Session;
use crate::verify::claim::{Claim, Findings};
use crate::verify::replay::Leaf;
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// One leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    index: u64,
    participant: Option<ParticipantId>,
    order: OrderId,
    item: OrderItem,
    filled: WattHours,
    price: Price,
}

impl Leg {
    fn is_within_limit(&self, role: TradeRole) -> bool {
        let limit = self.item.limit;
        match (role, self.item.side) {
            (TradeRole::Maker, _) => self.price == limit,
            (TradeRole::Taker, Side::Sell) => self.price >= limit,
            (TradeRole::Taker, Side::Buy) => self.price <= limit,
        }
    }

    /// Whether the next leaf is this one's other side.
    fn pairs_with(&self, taker: &Leg) -> bool {
        taker.index == self.index + 1
            && taker.item.interval == self.item.interval
            && taker.item.side == self.item.side.opposite()
            && (taker.filled, taker.price) == (self.filled, self.price)
            && taker.order != self.order
            && taker.participant != self.participant
    }
}

/// Sums of an interval whose gate is open.
#[derive(Debug, Clone, Copy, Default)]
struct Traded {
    trades: u64,
    volume: i128,
    value: i128,
}

/// All that is not yet closed.
#[derive(Debug, Default)]
pub(crate) struct Matching {
    /// A maker's leg whose taker's must follow.
    waiting: Option<Leg>,
    traded: BTreeMap<DeliveryInterval, Traded>,
}

impl Matching {
    /// What is not yet closed, as a state has it.
    pub(crate) fn continued(state: &State) -> Matching {
        let traded = |(interval, session): (&DeliveryInterval, &Session)| {
            let sums = Traded {
                trades: session.trades,
                volume: session.turnover.volume.0.into(),
                value: session.turnover.value,
            };
            (*interval, sums)
        };
        Matching {
            waiting: None,
            traded: state.orders.sessions().map(traded).collect(),
        }
    }

    /// Takes in the next leaf of the log.
    pub(crate) fn leaf(&mut self, leaf: &Leaf, findings: &mut Findings) {
        let mut fail = |reason: &str| findings.fail(Claim::Trades, Some(leaf.index), reason);
        let waiting = self.waiting.take();
        let Entry::Derived {
            participant, fact, ..
        } = &leaf.entry
        else {
            if waiting.is_some() {
                fail("a trade has one leg");
            }
            return;
        };
        if let Fact::OrderMatched {
            order,
            item,
            filled,
            price,
            role,
        } = fact
        {
            let leg = Leg {
                index: leaf.index,
                participant: *participant,
                order: *order,
                item: *item,
                filled: *filled,
                price: *price,
            };
            if filled.0 <= 0 || *filled > item.quantity || !leg.is_within_limit(*role) {
                fail("an order traded beyond its quantity or its limit");
            }
            match (role, waiting) {
                (TradeRole::Maker, None) => self.waiting = Some(leg),
                (TradeRole::Taker, Some(maker)) if maker.pairs_with(&leg) => self.count(&leg),
                _ => fail("the legs of a trade do not pair"),
            }
            return;
        }
        if waiting.is_some() {
            fail("a trade has one leg");
        }
        if let Fact::ContinuousClosed {
            interval,
            trades,
            traded,
            ..
        } = fact
        {
            let sums = self.traded.remove(interval).unwrap_or_default();
            if sums.trades != *trades || !sums.is_averaged_by(traded) {
                fail("the interval's trades do not sum to what its gate says");
            }
        }
    }

    fn count(&mut self, leg: &Leg) {
        let filled = i128::from(leg.filled.0);
        let sums = self.traded.entry(leg.item.interval).or_default();
        sums.trades += 1;
        sums.volume += filled;
        sums.value += filled * i128::from(leg.price.0);
    }
}

impl Traded {
    fn is_averaged_by(&self, average: &AveragePrice) -> bool {
        let price = (self.volume > 0).then(|| self.value / self.volume);
        i128::from(average.volume.0) == self.volume
            && average.price.map(|price| i128::from(price.0)) == price
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::keys::PublicKey;
    use crate::verify::claim::Status;
    use wattle_market::point::PointId;

    fn leaf(index: u64, participant: Option<u32>, fact: Fact) -> Leaf {
        Leaf {
            index,
            bytes: Vec::new(),
            entry: Entry::Derived {
                participant: participant.map(ParticipantId),
                blind: Hash::ZERO,
                fact,
            },
        }
    }

    fn leg(participant: u32, side: Side, price: i64, role: TradeRole) -> Fact {
        Fact::OrderMatched {
            order: OrderId {
                key: PublicKey([7; 32]),
                sequence: u64::from(participant),
                item: 0,
            },
            item: OrderItem {
                point: PointId(participant),
                interval: DeliveryInterval(9),
                side,
                quantity: WattHours(50),
                limit: Price(500),
            },
            filled: WattHours(20),
            price: Price(price),
            role,
        }
    }

    fn gate(trades: u64, volume: i64, price: Option<i64>) -> Fact {
        Fact::ContinuousClosed {
            interval: DeliveryInterval(9),
            trades,
            traded: AveragePrice {
                volume: WattHours(volume),
                price: price.map(Price),
            },
            bids: 0,
            offers: 0,
        }
    }

    /// A trade of 20 Wh at 500, and the gate.
    fn honest() -> [(Option<u32>, Fact); 3] {
        [
            (Some(1), leg(1, Side::Sell, 500, TradeRole::Maker)),
            (Some(2), leg(2, Side::Buy, 500, TradeRole::Taker)),
            (None, gate(1, 20, Some(500))),
        ]
    }

    /// The first entry that fails the claim on trades.
    fn at_fault(facts: &[(Option<u32>, Fact)]) -> Option<u64> {
        let mut findings = Findings::default();
        let mut matching = Matching::default();
        for ((participant, fact), index) in facts.iter().zip(0..) {
            matching.leaf(&leaf(index, *participant, fact.clone()), &mut findings);
        }
        let claims = findings.into_claims();
        let trades = claims
            .into_iter()
            .find(|one| one.claim == Claim::Trades.name());
        trades
            .filter(|one| one.status == Status::Failed)
            .and_then(|one| one.entry)
    }

    #[test]
    fn two_legs_and_their_sum_at_the_gate_hold() {
        assert_eq!(at_fault(&honest()), None);
        assert_eq!(at_fault(&[(None, gate(0, 0, None))]), None);
    }

    #[test]
    fn each_forged_leg_is_found() {
        type Forge = fn(&mut [(Option<u32>, Fact); 3]);
        let forged: [(Forge, u64); 9] = [
            (
                |all| all[1].1 = leg(2, Side::Sell, 500, TradeRole::Taker),
                1,
            ),
            (|all| all[1].1 = leg(2, Side::Buy, 499, TradeRole::Taker), 1),
            (|all| all[1].1 = leg(2, Side::Buy, 501, TradeRole::Taker), 1),
            (|all| all[1].1 = leg(1, Side::Buy, 500, TradeRole::Taker), 1),
            (|all| all[1].0 = Some(1), 1),
            // A maker's price is its limit, also where another were better for it.
            (
                |all| all[0].1 = leg(1, Side::Sell, 501, TradeRole::Maker),
                0,
            ),
            (|all| all[0].1 = gate(0, 0, None), 1),
            (|all| all[1].1 = gate(0, 0, None), 1),
            (|all| all.swap(0, 1), 0),
        ];
        for (place, (forge, expected)) in forged.into_iter().enumerate() {
            let mut facts = honest();
            forge(&mut facts);
            assert_eq!(at_fault(&facts), Some(expected), "forgery {place}");
        }
        let more_than_is_open = |filled: i64| {
            let mut facts = honest();
            for (_, fact) in &mut facts[..2] {
                if let Fact::OrderMatched { filled: of, .. } = fact {
                    *of = WattHours(filled);
                }
            }
            facts
        };
        assert_eq!(at_fault(&more_than_is_open(51)), Some(0));
        assert_eq!(at_fault(&more_than_is_open(0)), Some(0));
    }

    #[test]
    fn a_gate_that_tells_another_sum_is_found() {
        for forged in [
            gate(2, 20, Some(500)),
            gate(1, 21, Some(500)),
            gate(1, 20, Some(501)),
            gate(1, 20, None),
        ] {
            let mut facts = honest();
            facts[2].1 = forged;
            assert_eq!(at_fault(&facts), Some(2));
        }
    }
}
