//! Auctions held again, as they were and without somebody's late orders.

use crate::event::{OrderId, OrderItem};
use crate::registration::ParticipantId;
use crate::verify::surveillance::Influence;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::auction::Quote;
use wattle_market::interval::DeliveryInterval;
use wattle_market::minimum::{MinimumQuote, clear_with_minimums};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// An order that was open when its gate closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    pub(super) participant: ParticipantId,
    pub(super) item: OrderItem,
    pub(super) filled: WattHours,
    pub(super) minimum: WattHours,
    pub(super) is_late: bool,
}

/// A call auction as the log has it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) interval: DeliveryInterval,
    pub(super) entry: u64,
    pub(super) price: Option<Price>,
    pub(super) volume: WattHours,
    pub(super) orders: BTreeMap<OrderId, Closed>,
}

impl Gate {
    fn quotes(
        &self,
        side: Side,
        takes_part: &impl Fn(&Closed) -> bool,
    ) -> Vec<MinimumQuote<OrderId>> {
        let orders = self.orders.iter();
        let orders = orders.filter(|(_, order)| order.item.side == side && takes_part(order));
        orders
            .map(|(id, order)| MinimumQuote {
                quote: Quote {
                    key: *id,
                    quantity: order.item.quantity,
                    limit: order.item.limit,
                },
                minimum: order.minimum,
            })
            .collect()
    }

    fn clear(&self, takes_part: &impl Fn(&Closed) -> bool) -> (Option<Price>, WattHours) {
        let (asks, bids) = (
            self.quotes(Side::Sell, takes_part),
            self.quotes(Side::Buy, takes_part),
        );
        let clearing = clear_with_minimums(&asks, &bids).clearing;
        (clearing.price, clearing.volume)
    }

    /// Each participant whose late orders made another price or volume.
    ///
    /// # Errors
    /// A sentence where the auction with all orders is not the log's.
    pub(super) fn influences(
        &self,
        is_allowed: impl Fn(&OrderItem) -> bool,
    ) -> Result<Vec<Influence>, String> {
        let allowed = |order: &Closed| is_allowed(&order.item);
        let (price, volume) = (self.price, self.volume);
        if self.clear(&allowed) != (price, volume) {
            return Err(format!(
                "the auction of entry {} comes out otherwise when it is held again",
                self.entry
            ));
        }
        let late = self.orders.values().filter(|order| order.is_late);
        let late: BTreeSet<ParticipantId> = late.map(|order| order.participant).collect();
        let mut influences = Vec::new();
        for participant in late {
            let his = |order: &&Closed| order.participant == participant;
            let without = |order: &Closed| allowed(order) && !(order.is_late && his(&order));
            let (price_without, volume_without) = self.clear(&without);
            if (price_without, volume_without) == (price, volume) {
                continue;
            }
            let filled = |side: Side| {
                let orders = self.orders.values().filter(his);
                let of_side = orders.filter(|order| order.item.side == side);
                WattHours(of_side.map(|order| order.filled.0).sum())
            };
            let late_orders = self
                .orders
                .values()
                .filter(his)
                .filter(|order| order.is_late);
            influences.push(Influence {
                interval: self.interval,
                participant,
                late_orders: late_orders.count() as u64,
                sold: filled(Side::Sell),
                bought: filled(Side::Buy),
                price,
                volume,
                price_without,
                volume_without,
            });
        }
        Ok(influences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::PublicKey;
    use wattle_market::point::PointId;

    fn order(participant: u32, side: Side, limit: i64, is_late: bool) -> (OrderId, Closed) {
        let id = OrderId {
            key: PublicKey([u8::try_from(participant).unwrap(); 32]),
            sequence: 1,
            item: 0,
        };
        let item = OrderItem {
            point: PointId(participant),
            interval: DeliveryInterval(9),
            side,
            quantity: WattHours(1_000),
            limit: Price(limit),
        };
        let closed = Closed {
            participant: ParticipantId(participant),
            item,
            filled: WattHours::ZERO,
            minimum: WattHours::ZERO,
            is_late,
        };
        (id, closed)
    }

    fn gate(price: i64) -> Gate {
        let orders = [
            order(1, Side::Sell, 400, false),
            order(2, Side::Buy, 500, false),
            order(3, Side::Buy, 600, true),
        ];
        Gate {
            interval: DeliveryInterval(9),
            entry: 7,
            price: Some(Price(price)),
            volume: WattHours(1_000),
            orders: BTreeMap::from(orders),
        }
    }

    #[test]
    fn late_order_that_displaced_another_is_seen() {
        let [one] = gate(500).influences(|_| true).unwrap()[..] else {
            panic!("one participant was late")
        };
        assert_eq!(one.participant, ParticipantId(3));
        assert_eq!(one.price_without, Some(Price(450)));
        assert_eq!(one.volume_without, WattHours(1_000));
    }

    #[test]
    fn auction_that_is_not_the_log_s_is_no_ground_to_judge_on() {
        let difference = gate(499).influences(|_| true).unwrap_err();
        assert!(difference.contains("entry 7"), "{difference}");
        // The late bid lies outside the bounds, so the log's price cannot have come of it.
        let bounded = gate(500).influences(|item| item.limit < Price(600));
        assert!(bounded.is_err());
    }
}
