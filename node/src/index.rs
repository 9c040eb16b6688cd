//! Where in the log a participant finds his own: an index in memory, rebuilt at each start.
//!
//! It holds places, not contents; whoever asks reads the leaves from the history.

use std::collections::{BTreeMap, HashMap};
use wattle_client::api::{ClearedInterval, IndexedDay, JointPrice};
use wattle_ledger::batch::SignedHeader;
use wattle_ledger::derived::{BundleState, Fact, JointInterval};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::{MarketMode, ParticipantId};
use wattle_market::interval::{DeliveryInterval, LocalMonth, Timestamp};
use wattle_market::units::WattHours;

/// Places of leaves by what they are asked for.
#[derive(Debug, Default)]
pub struct Index {
    participants: BTreeMap<ParticipantId, Places>,
    events: HashMap<Hash, u64>,
    cleared: BTreeMap<DeliveryInterval, ClearedInterval>,
    /// The price index, by the first interval of the day.
    days: BTreeMap<DeliveryInterval, IndexedDay>,
    /// The last interval of each closed month.
    last_of: BTreeMap<LocalMonth, DeliveryInterval>,
    /// The park's leaves on closed months.
    months: Vec<u64>,
    time: Timestamp,
    state_root: Option<Hash>,
    /// Sizes that end with a seal, with the time of their batch: those that are not sealed yet,
    /// and the last.
    seals: BTreeMap<u64, Timestamp>,
    leaves: u64,
}

/// Leaves that concern one participant.
#[derive(Debug, Default, Clone)]
pub struct Places {
    /// Orders that were filled, at their gate or before it.
    pub trades: Vec<(DeliveryInterval, u64)>,
    /// Bundles whose auction was held, by the first interval of their day.
    pub bundles: Vec<(DeliveryInterval, u64)>,
    /// Settled intervals: leaves of the initial and of the final run.
    pub settled: Vec<(DeliveryInterval, u64)>,
    /// Deposits and withdrawals, by the time of their batch.
    pub funds: Vec<(Timestamp, u64)>,
    /// What closed months brought, by the last interval of the month; residue by the time of its
    /// batch.
    pub months: Vec<(DeliveryInterval, u64)>,
}

impl Index {
    /// Takes in leaves, of which the first has the given index.
    ///
    /// # Panics
    /// If a leaf does not decode: the replica has just encoded it.
    pub fn append(&mut self, first: u64, leaves: &[Vec<u8>]) {
        assert_eq!(first, self.leaves, "leaves are indexed without a gap");
        for (leaf, place) in leaves.iter().zip(first..) {
            let entry = Entry::decode(leaf).expect("the ledger's own leaves decode");
            self.take(entry, place);
            self.leaves += 1;
        }
    }

    /// A participant's leaves; none if nothing concerned him yet.
    pub fn of(&self, participant: ParticipantId) -> Places {
        self.participants
            .get(&participant)
            .cloned()
            .unwrap_or_default()
    }

    /// The leaf of an event.
    pub fn event(&self, hash: &Hash) -> Option<u64> {
        self.events.get(hash).copied()
    }

    /// What cleared in a range of intervals, both ends included.
    pub fn cleared(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> impl Iterator<Item = &ClearedInterval> {
        // A range whose end lies before its start is empty, where a map would panic.
        let to = to.max(from);
        self.cleared.range(from..=to).map(|(_, cleared)| cleared)
    }

    /// Days of the price index that begin in a range of intervals, both ends included.
    pub fn days(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> impl Iterator<Item = &IndexedDay> {
        let to = to.max(from);
        self.days.range(from..=to).map(|(_, day)| day)
    }

    /// The park's leaves on closed months, in the order of the log.
    pub fn months(&self) -> &[u64] {
        &self.months
    }

    /// The state root in the last seal leaf.
    pub fn state_root(&self) -> Option<Hash> {
        self.state_root
    }

    /// The size that ends with the log's last seal.
    pub fn last_seal(&self) -> Option<u64> {
        self.seals.last_key_value().map(|(size, _)| *size)
    }

    /// The time of the first seal beyond a size.
    pub fn seal_after(&self, size: u64) -> Option<Timestamp> {
        let mut beyond = self.seals.range(size + 1..);
        beyond.next().map(|(_, time)| *time)
    }

    /// A checkpoint of this size is sealed: older seals are not asked for any more.
    pub fn sealed(&mut self, size: u64) {
        self.seals = self.seals.split_off(&size);
    }

    fn take(&mut self, entry: Entry, place: u64) {
        match entry {
            Entry::Genesis(_) | Entry::Voters { .. } => {}
            Entry::Batch { header, .. } => {
                let header = SignedHeader::parse(&header).expect("a recorded header decodes");
                self.time = header.body().time;
            }
            Entry::Event { signed, .. } => {
                self.events.insert(event_hash(&signed), place);
            }
            Entry::Derived {
                participant, fact, ..
            } => self.take_fact(participant, &fact, place),
            Entry::Seal { state_root } => {
                self.state_root = Some(state_root);
                self.seals.insert(place + 1, self.time);
            }
        }
    }

    fn take_fact(&mut self, participant: Option<ParticipantId>, fact: &Fact, place: u64) {
        let time = self.time;
        let mut own = participant.map(|id| self.participants.entry(id).or_default());
        match (fact, &mut own) {
            (Fact::OrderClosed { item, filled, .. }, Some(places)) if *filled > WattHours::ZERO => {
                places.trades.push((item.interval, place));
            }
            (Fact::OrderMatched { item, .. } | Fact::JointFilled { item, .. }, Some(places)) => {
                places.trades.push((item.interval, place));
            }
            (
                Fact::PointSettled { interval, .. } | Fact::PointAdjusted { interval, .. },
                Some(places),
            ) => {
                places.settled.push((*interval, place));
            }
            (
                Fact::DayPriced {
                    day,
                    auction,
                    pool,
                    together,
                },
                _,
            ) => {
                let indexed = IndexedDay {
                    day: *day,
                    auction: *auction,
                    pool: *pool,
                    together: *together,
                    leaf: place,
                };
                self.days.insert(*day, indexed);
            }
            (Fact::FundsMoved { .. }, Some(places)) => places.funds.push((time, place)),
            (Fact::ResidueMoved { .. }, Some(places)) => {
                places
                    .months
                    .push((DeliveryInterval::containing(time), place));
            }
            (
                Fact::PointCharged { month, .. }
                | Fact::MonthInvoiced { month, .. }
                | Fact::DefaultCovered { month, .. }
                | Fact::GainCut { month, .. },
                Some(places),
            ) => {
                let last = self.last_of.get(month).copied().unwrap_or_default();
                places.months.push((last, place));
            }
            (
                Fact::MonthClosed {
                    year, month, last, ..
                },
                _,
            ) => {
                let year = u32::try_from(*year).unwrap_or_default();
                if let Some(month) = LocalMonth::new(year, *month) {
                    self.last_of.insert(month, *last);
                }
            }
            (
                Fact::MonthBalanced { .. }
                | Fact::UtilityBilled { .. }
                | Fact::UtilityBillReversed { .. },
                _,
            ) => self.months.push(place),
            (
                Fact::IntervalCleared {
                    interval,
                    price,
                    volume,
                    bids,
                    offers,
                },
                _,
            ) => {
                let cleared = self.cleared_mut(*interval);
                (cleared.price, cleared.volume) = (*price, *volume);
                (cleared.bids, cleared.offers) = (*bids, *offers);
            }
            (
                Fact::ContinuousClosed {
                    interval,
                    traded,
                    bids,
                    offers,
                    ..
                },
                _,
            ) => {
                let cleared = self.cleared_mut(*interval);
                cleared.mode = MarketMode::Continuous;
                (cleared.price, cleared.volume) = (traded.price, traded.volume);
                (cleared.bids, cleared.offers) = (*bids, *offers);
            }
            (
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
                },
                _,
            ) => {
                let cleared = self.cleared_mut(*interval);
                cleared.settled = true;
                (cleared.pool_price, cleared.pool_volume) = (*pool_price, *pool_volume);
            }
            (
                Fact::BundleClosed {
                    day, legs, state, ..
                },
                Some(places),
            ) => {
                places.bundles.push((*day, place));
                if *state == BundleState::Accepted {
                    let trades = legs.iter().map(|leg| (leg.interval, place));
                    places.trades.extend(trades);
                }
            }
            (Fact::JointCleared { intervals, .. }, _) => self.take_joint(intervals),
            _ => {}
        }
    }

    fn take_joint(&mut self, intervals: &[JointInterval]) {
        for one in intervals {
            self.cleared_mut(one.interval).joint = Some(JointPrice {
                price: one.price,
                volume: one.volume,
                sold_in_bundles: one.sold_in_bundles,
                bought_in_bundles: one.bought_in_bundles,
            });
        }
    }

    fn cleared_mut(&mut self, interval: DeliveryInterval) -> &mut ClearedInterval {
        let leaf = self.leaves;
        let cleared = self
            .cleared
            .entry(interval)
            .or_insert_with(|| ClearedInterval {
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
            });
        cleared.leaf = leaf;
        cleared
    }
}
