//! What a view can show of its participant's own trades and settlements without anybody else's.
//!
//! A replay needs every leaf. But the leaves of one participant hang together: what his trades sum
//! to is what his points were settled by, and whenever an interval was settled, each of his points
//! was. So most leaves of his that a view leaves out are missed.

use crate::derived::{BundleState, Fact, Run};
use crate::event::OrderItem;
use crate::registration::ParticipantId;
use crate::verify::claim::{Claim, Findings};
use crate::view::Registry;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{PointSettlement, PostingKind};
use wattle_market::units::{Money, Price, WattHours};

type Place = (DeliveryInterval, PointId);

/// One participant's trades that are not settled yet, and points settled in the present interval.
#[derive(Debug)]
pub(super) struct Own {
    participant: ParticipantId,
    trades: BTreeMap<Place, Traded>,
    settled: BTreeSet<Place>,
    /// Trades that were found, each leg of a bundle as one.
    pub(super) legs: u64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Traded {
    /// Sold less bought.
    energy: i128,
    cash: i128,
}

impl Own {
    pub(super) fn new(participant: ParticipantId) -> Own {
        Own {
            participant,
            trades: BTreeMap::new(),
            settled: BTreeSet::new(),
            legs: 0,
        }
    }

    /// Takes in a fact of the participant or of the park.
    pub(super) fn fact(
        &mut self,
        index: u64,
        fact: &Fact,
        registry: &Registry,
        findings: &mut Findings,
    ) {
        match fact {
            Fact::OrderClosed {
                item,
                filled,
                price: Some(price),
                ..
            }
            | Fact::OrderMatched {
                item,
                filled,
                price,
                ..
            }
            | Fact::JointFilled {
                item,
                filled,
                price,
                ..
            } => self.fill(item, *filled, *price),
            Fact::BundleClosed {
                point,
                legs,
                prices,
                state: BundleState::Accepted,
                ..
            } => {
                for (leg, price) in legs.iter().zip(prices) {
                    let place = (leg.interval, *point);
                    self.add(place, leg.side, leg.quantity, *price);
                }
            }
            Fact::PointSettled {
                interval,
                point,
                line,
                postings,
                ..
            } => {
                let place = (*interval, *point);
                self.settled.insert(place);
                let traded = self.trades.remove(&place).unwrap_or_default();
                check_line(index, line, postings, traded, findings);
            }
            Fact::IntervalSettled {
                interval,
                run: Run::Initial,
                ..
            } => self.check_complete(index, *interval, registry, findings),
            _ => {}
        }
    }

    fn fill(&mut self, item: &OrderItem, filled: WattHours, price: Price) {
        self.add((item.interval, item.point), item.side, filled, price);
    }

    fn add(&mut self, place: Place, side: Side, quantity: WattHours, price: Price) {
        let sign = match side {
            Side::Sell => 1,
            Side::Buy => -1,
        };
        let energy = sign * i128::from(quantity.0);
        let traded = self.trades.entry(place).or_default();
        traded.energy += energy;
        traded.cash += energy * i128::from(price.0);
        self.legs += 1;
    }

    /// When an interval was settled, every point that takes part in it was.
    fn check_complete(
        &mut self,
        index: u64,
        interval: DeliveryInterval,
        registry: &Registry,
        findings: &mut Findings,
    ) {
        for (point, time) in &registry.points {
            let takes_part = time.participant == self.participant
                && time.from <= interval
                && time.end.is_none_or(|end| interval < end);
            if takes_part && !self.settled.contains(&(interval, *point)) {
                let reason = format!(
                    "{interval} was settled, and the view has no settlement of point {} for it",
                    point.0
                );
                findings.fail(Claim::Settlement, Some(index), reason);
            }
        }
        self.settled.retain(|(settled, _)| *settled > interval);
    }
}

fn check_line(
    index: u64,
    line: &PointSettlement,
    postings: &[(PostingKind, Money)],
    traded: Traded,
    findings: &mut Findings,
) {
    let sum = |wanted: Option<PostingKind>| -> i128 {
        let of_kind = postings
            .iter()
            .filter(|(kind, _)| wanted.is_none_or(|it| it == *kind));
        of_kind.map(|(_, amount)| i128::from(amount.0)).sum()
    };
    if i128::from(line.contracted.0) != traded.energy
        || sum(Some(PostingKind::Forward)) != traded.cash
    {
        let reason = format!(
            "the trades of the view for it sum to {} Wh and {} nCNY, and it was settled by {} Wh and \
             {} nCNY",
            traded.energy,
            traded.cash,
            line.contracted.0,
            sum(Some(PostingKind::Forward))
        );
        findings.fail(Claim::Trades, Some(index), reason);
    }
    if sum(None) != i128::from(line.credit.0) {
        let reason = "its postings do not sum to its credit";
        findings.fail(Claim::Journal, Some(index), reason);
    }
}
