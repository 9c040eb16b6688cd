//! How the park's tenants trade forward: documented rules that know only what a tenant knows before
//! gate closure.
//!
//! # What a tenant knows
//! His own meters of *yesterday*, the tariff, the feed-in and export prices and the wheeling stamp.
//! Never anything of the day that is being traded, and nothing of any other tenant. [`Knowledge`]
//! holds exactly this.
//!
//! # The rule
//! 1. He expects the net energy of the same quarter hour of yesterday. Without yesterday's readings
//!    he places no order: the surplus pool settles what his meters will show.
//! 2. He sells a share of an expected surplus, or buys a share of an expected need, rounded down.
//!    Less than the whole, because a forward trade is firm and a cloud is not his fault but his
//!    cost.
//! 3. What he could get elsewhere is the *floor*: the feed-in price, or the export price as far as
//!    yesterday's surplus came out of a battery. What power costs him elsewhere is the *ceiling*:
//!    his retail price less the wheeling stamp that the receiver pays. If the ceiling is not above
//!    the floor there is nothing to share and he places no order.
//! 4. His limit lies between the two at his own fixed share of the way up, rounded down: low for a
//!    cautious seller or a thrifty buyer, high for a greedy seller or a buyer who wants to be
//!    filled.
//! 5. No order is larger than his connection could carry.

use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

use crate::profile::{MeterKind, ParkProfile, PointProfile};

/// A tenant's way of trading, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strategy {
    /// How much of an expected surplus he sells; 0 for one who never sells forward.
    pub sell_share_per_mille: i64,
    /// How far above the floor he asks.
    pub ask_per_mille: i64,
    /// How much of an expected need he buys; 0 for one who never buys forward.
    pub buy_share_per_mille: i64,
    /// How far above the floor he bids.
    pub bid_per_mille: i64,
}

/// What a tenant knows of one interval before its gate closes. See the module's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Knowledge {
    /// Own net energy in the same quarter hour of yesterday, if all his meters have it.
    pub yesterday_net: Option<WattHours>,
    /// What his battery gave in that quarter hour; 0 without a battery.
    pub yesterday_discharge: WattHours,
    /// His retail price in this interval.
    pub retail: Price,
    /// What the grid pays for his own generation.
    pub feed_in: Price,
    /// What the grid pays for anything else.
    pub export: Price,
    /// The stamp that the receiver of park energy pays.
    pub wheeling: Price,
}

/// Prices that every tenant finds in his contract, for one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicPrices {
    /// Retail price at his point.
    pub retail: Price,
    /// Feed-in price for own generation.
    pub feed_in: Price,
    /// Export price of anything else.
    pub export: Price,
    /// Wheeling stamp.
    pub wheeling: Price,
}

impl Knowledge {
    /// What the tenant of a point knows of an interval: this function alone decides what of a
    /// profile he may see, and it reads the day before, never `interval` itself.
    #[must_use]
    pub fn of(
        profile: &ParkProfile,
        point: &PointProfile,
        interval: DeliveryInterval,
        prices: PublicPrices,
    ) -> Self {
        Self::days_before(1, profile, point, interval, prices)
    }

    /// The same for who orders so early that the day before is still to come: what stands for
    /// yesterday is `days` days ago.
    #[must_use]
    pub fn days_before(
        days: u64,
        profile: &ParkProfile,
        point: &PointProfile,
        interval: DeliveryInterval,
        prices: PublicPrices,
    ) -> Self {
        let yesterday = interval
            .0
            .checked_sub(days * DeliveryInterval::PER_DAY)
            .map(DeliveryInterval);
        let discharge = yesterday.and_then(|yesterday| {
            let meter = profile.meter(point.point, MeterKind::Discharge)?;
            meter.energy.get(&yesterday).copied()
        });
        Self {
            yesterday_net: yesterday
                .and_then(|yesterday| profile.net_energy(point.point, yesterday)),
            yesterday_discharge: discharge.unwrap_or(WattHours(0)),
            retail: prices.retail,
            feed_in: prices.feed_in,
            export: prices.export,
            wheeling: prices.wheeling,
        }
    }
}

/// An order that a tenant means to place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedOrder {
    /// Buy or sell.
    pub side: Side,
    /// Never zero.
    pub quantity: WattHours,
    /// The market price he would just accept.
    pub limit: Price,
}

/// The order the tenant of `point` places for an interval of which he knows `knowledge`, if any.
#[must_use]
pub fn order(point: &PointProfile, knowledge: &Knowledge) -> Option<PlannedOrder> {
    let net = knowledge.yesterday_net?.0;
    let strategy = &point.strategy;
    let selling = net > 0;
    let (side, expected, share, capacity) = if selling {
        (
            Side::Sell,
            net,
            strategy.sell_share_per_mille,
            point.rated.injection_per_interval(),
        )
    } else {
        (
            Side::Buy,
            -net,
            strategy.buy_share_per_mille,
            point.rated.withdrawal_per_interval(),
        )
    };
    let quantity = (expected * share / 1_000).min(capacity.0);
    if quantity <= 0 {
        return None;
    }
    let from_battery = selling && knowledge.yesterday_discharge.0 > 0;
    let floor = if from_battery {
        knowledge.export.0
    } else {
        knowledge.feed_in.0
    };
    let ceiling = knowledge.retail.0 - knowledge.wheeling.0;
    if ceiling <= floor {
        return None;
    }
    let way_up = if selling {
        strategy.ask_per_mille
    } else {
        strategy.bid_per_mille
    };
    let limit = floor + (ceiling - floor) * way_up / 1_000;
    Some(PlannedOrder {
        side,
        quantity: WattHours(quantity),
        limit: Price(limit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::RatedPower;
    use wattle_market::point::{BuildingId, PointId};

    fn tenant() -> PointProfile {
        PointProfile {
            point: PointId(1),
            participant: "workshop".to_owned(),
            building: BuildingId(1),
            rated: RatedPower {
                load_watts: 80_000,
                pv_watts: 40_000,
                ..RatedPower::default()
            },
            strategy: Strategy {
                sell_share_per_mille: 800,
                ask_per_mille: 250,
                buy_share_per_mille: 500,
                bid_per_mille: 900,
            },
        }
    }

    /// What the tenant orders for a net energy of yesterday, a discharge in it and a retail price.
    fn check(net: Option<i64>, discharge: i64, retail: i64, expect: Option<(Side, i64, i64)>) {
        let knowledge = Knowledge {
            yesterday_net: net.map(WattHours),
            yesterday_discharge: WattHours(discharge),
            retail: Price(retail),
            feed_in: Price(400_000),
            export: Price(300_000),
            wheeling: Price(50_000),
        };
        let got = order(&tenant(), &knowledge);
        let got = got.map(|order| (order.side, order.quantity.0, order.limit.0));
        assert_eq!(got, expect);
    }

    #[test]
    fn an_expected_surplus_is_sold_in_part_above_feed_in() {
        check(Some(5_001), 0, 850_000, Some((Side::Sell, 4_000, 500_000)));
    }

    #[test]
    fn an_expected_need_is_bought_in_part_below_retail_less_wheeling() {
        check(Some(-5_001), 0, 850_000, Some((Side::Buy, 2_500, 760_000)));
    }

    #[test]
    fn energy_out_of_a_battery_is_asked_from_the_export_price_on() {
        check(
            Some(5_001),
            5_001,
            850_000,
            Some((Side::Sell, 4_000, 425_000)),
        );
    }

    #[test]
    fn without_yesterday_or_without_a_spread_there_is_no_order() {
        check(None, 0, 850_000, None);
        check(Some(0), 0, 850_000, None);
        check(Some(1), 0, 850_000, None);
        check(Some(5_000), 0, 450_000, None);
        check(Some(-5_000), 0, 450_000, None);
    }

    #[test]
    fn no_order_is_larger_than_the_connection() {
        check(
            Some(500_000),
            0,
            850_000,
            Some((Side::Sell, 10_000, 500_000)),
        );
        check(
            Some(-500_000),
            0,
            850_000,
            Some((Side::Buy, 20_000, 760_000)),
        );
    }
}
