//! What is kept of results themselves, so that prices are told without reading their leaves.

use super::row::VALUE_BYTES;
use std::collections::BTreeMap;
use wattle_client::api::{ClearedInterval, IndexedDay, JointPrice};
use wattle_ledger::codec;
use wattle_ledger::derived::{AveragePrice, Fact};
use wattle_ledger::registration::MarketMode;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::{Price, WattHours};

/// The value of a row.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(super) enum Outcome {
    /// Orders met before delivery.
    Traded {
        mode: MarketMode,
        price: Option<Price>,
        volume: WattHours,
        bids: u32,
        offers: u32,
    },
    /// A run settled the interval.
    Settled {
        pool_price: Option<Price>,
        pool_volume: WattHours,
    },
    /// The joint auction of the day before.
    Joint {
        price: Price,
        volume: WattHours,
        sold_in_bundles: WattHours,
        bought_in_bundles: WattHours,
    },
    /// A day of the price index.
    Day {
        auction: AveragePrice,
        pool: AveragePrice,
        together: AveragePrice,
    },
}

impl Outcome {
    pub(super) fn encode(&self) -> Vec<u8> {
        let bytes = codec::encode(self);
        assert!(bytes.len() < VALUE_BYTES, "an outcome fits its row");
        bytes
    }

    /// What a fact says of intervals, one by one.
    pub(super) fn of(fact: &Fact) -> Vec<(DeliveryInterval, Outcome)> {
        match fact {
            Fact::IntervalCleared {
                interval,
                price,
                volume,
                bids,
                offers,
            } => {
                let outcome = Outcome::Traded {
                    mode: MarketMode::CallAuction,
                    price: *price,
                    volume: *volume,
                    bids: *bids,
                    offers: *offers,
                };
                vec![(*interval, outcome)]
            }
            Fact::ContinuousClosed {
                interval,
                traded,
                bids,
                offers,
                ..
            } => {
                let outcome = Outcome::Traded {
                    mode: MarketMode::Continuous,
                    price: traded.price,
                    volume: traded.volume,
                    bids: *bids,
                    offers: *offers,
                };
                vec![(*interval, outcome)]
            }
            Fact::IntervalSettled {
                interval,
                pool_price,
                pool_volume,
                ..
            }
            | Fact::IntervalAdjusted {
                interval,
                pool_price,
                pool_volume,
                ..
            } => {
                let outcome = Outcome::Settled {
                    pool_price: *pool_price,
                    pool_volume: *pool_volume,
                };
                vec![(*interval, outcome)]
            }
            Fact::JointCleared { intervals, .. } => intervals
                .iter()
                .map(|one| {
                    let outcome = Outcome::Joint {
                        price: one.price,
                        volume: one.volume,
                        sold_in_bundles: one.sold_in_bundles,
                        bought_in_bundles: one.bought_in_bundles,
                    };
                    (one.interval, outcome)
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Intervals out of outcomes in the order of their leaves: a later run's figures count.
#[derive(Debug, Default)]
pub(super) struct Cleared {
    intervals: BTreeMap<DeliveryInterval, ClearedInterval>,
}

impl Cleared {
    pub(super) fn take(&mut self, interval: DeliveryInterval, leaf: u64, outcome: Outcome) {
        let empty = || ClearedInterval {
            interval,
            mode: MarketMode::CallAuction,
            price: None,
            volume: WattHours::ZERO,
            bids: 0,
            offers: 0,
            joint: None,
            settled: false,
            pool_price: None,
            pool_volume: WattHours::ZERO,
            leaf,
            standing: None,
        };
        let cleared = self.intervals.entry(interval).or_insert_with(empty);
        cleared.leaf = leaf;
        match outcome {
            Outcome::Traded {
                mode,
                price,
                volume,
                bids,
                offers,
            } => {
                (cleared.price, cleared.volume) = (price, volume);
                (cleared.bids, cleared.offers) = (bids, offers);
                if mode == MarketMode::Continuous {
                    cleared.mode = mode;
                }
            }
            Outcome::Settled {
                pool_price,
                pool_volume,
            } => {
                cleared.settled = true;
                (cleared.pool_price, cleared.pool_volume) = (pool_price, pool_volume);
            }
            Outcome::Joint {
                price,
                volume,
                sold_in_bundles,
                bought_in_bundles,
            } => {
                cleared.joint = Some(JointPrice {
                    price,
                    volume,
                    sold_in_bundles,
                    bought_in_bundles,
                });
            }
            Outcome::Day { .. } => {}
        }
    }

    pub(super) fn into_intervals(self) -> Vec<ClearedInterval> {
        self.intervals.into_values().collect()
    }
}

/// A day of the price index out of its row.
pub(super) fn day(day: DeliveryInterval, leaf: u64, outcome: Outcome) -> Option<IndexedDay> {
    match outcome {
        Outcome::Day {
            auction,
            pool,
            together,
        } => Some(IndexedDay {
            day,
            auction,
            pool,
            together,
            leaf,
        }),
        _ => None,
    }
}
