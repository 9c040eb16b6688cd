//! Whatever tenants send to a continuous market, it trades as a plain list of orders says that is
//! searched from end to end.

use crate::it::continuous::{CAROL, add_carol, set_mode};
use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR, key, order};
use crate::it::trading::{facts, verifies};
use proptest::prelude::*;
use wattle_ledger::derived::{Fact, TradeRole};
use wattle_ledger::event::{Action, OrderChange, OrderId, OrderItem, OrderWithMinimum};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::{MarketMode, ParticipantId};
use wattle_ledger::rejection::Rejection;
use wattle_market::collateral::collateral;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

const AUTHORS: [u8; 3] = [ALICE, BOB, CAROL];

#[derive(Debug, Clone)]
enum Step {
    /// Author, side, quantity, limit, quarters of it as the minimum, immediate.
    Place(usize, Side, i64, i64, i64, bool),
    Change(usize, usize, i64, i64),
    Cancel(usize, usize),
    CancelAll(usize),
    Bounds(i64, i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (author, place) = (0..3usize, 0..6usize);
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let quantity = 0..4_000i64;
    let limit = || (44..56i64).prop_map(|cents| cents * 10_000);
    let quarters = prop_oneof![4 => Just(0), 1 => 1..=4i64];
    let new = (author.clone(), side, quantity.clone(), limit(), quarters);
    let new = (new, prop::bool::weighted(0.25))
        .prop_map(|((a, s, q, l, quarters), now)| Step::Place(a, s, q, l, quarters, now));
    let change = (author.clone(), place.clone(), quantity, limit())
        .prop_map(|(a, place, q, l)| Step::Change(a, place, q, l));
    let bounds = prop_oneof![
        Just(Step::Bounds(0, 100_000_000)),
        Just(Step::Bounds(480_000, 520_000)),
    ];
    prop_oneof![
        24 => new,
        8 => change,
        4 => (author.clone(), place).prop_map(|(a, place)| Step::Cancel(a, place)),
        1 => author.prop_map(Step::CancelAll),
        2 => bounds,
    ]
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    participant: u32,
    order: OrderId,
    item: OrderItem,
    arrival: usize,
}

/// A trade: maker, taker, energy, price.
type Trade = (OrderId, OrderId, i64, i64);

/// The orders in no order, and the bounds.
struct Reference {
    resting: Vec<Resting>,
    bounds: (i64, i64),
    arrivals: usize,
}

impl Reference {
    fn may_trade(&self, item: &OrderItem) -> bool {
        self.bounds.0 <= item.limit.0 && item.limit.0 <= self.bounds.1
    }

    /// The orders that one of `side` with `limit` may meet, the first to be served first.
    fn served(&self, side: Side, limit: Option<Price>) -> Vec<Resting> {
        let meets = |other: &OrderItem| {
            limit.is_none_or(|limit| match side {
                Side::Buy => other.limit <= limit,
                Side::Sell => other.limit >= limit,
            })
        };
        let mut served = self.resting.clone();
        served.retain(|one| one.item.side != side && self.may_trade(&one.item) && meets(&one.item));
        served.sort_by_key(|one| match side {
            Side::Buy => (one.item.limit.0, one.arrival),
            Side::Sell => (-one.item.limit.0, one.arrival),
        });
        served
    }

    fn reach(&self, item: &OrderItem) -> i64 {
        let served = self.served(item.side, Some(item.limit));
        let sum: i64 = served.iter().map(|one| one.item.quantity.0).sum();
        sum.min(item.quantity.0)
    }

    /// Lets an order come in; what is left of it rests, if it may.
    fn come(&mut self, mut new: Resting, rests: bool) -> Vec<Trade> {
        let mut trades = Vec::new();
        for maker in self.served(new.item.side, Some(new.item.limit)) {
            let quantity = maker.item.quantity.0.min(new.item.quantity.0);
            if quantity > 0 {
                trades.push((maker.order, new.order, quantity, maker.item.limit.0));
                new.item.quantity.0 -= quantity;
                let kept = self.resting.iter_mut();
                let mut kept = kept.filter(|one| one.order == maker.order);
                kept.next().unwrap().item.quantity.0 -= quantity;
            }
        }
        if rests {
            self.arrivals += 1;
            new.arrival = self.arrivals;
            self.resting.push(new);
        }
        self.resting.retain(|one| one.item.quantity.0 > 0);
        trades
    }

    fn change(&mut self, order: OrderId, item: OrderItem) -> Vec<Trade> {
        let at = self.resting.iter().position(|one| one.order == order);
        let at = at.unwrap();
        let old = self.resting[at];
        let keeps = old.item.limit == item.limit
            && item.quantity <= old.item.quantity
            && self.may_trade(&old.item);
        if keeps {
            self.resting[at].item = item;
            return Vec::new();
        }
        self.resting.remove(at);
        self.come(Resting { item, ..old }, true)
    }
}

/// The park beside its reference.
struct Pair {
    park: Park,
    reference: Reference,
    told: usize,
    sequences: [u64; 3],
}

impl Pair {
    fn founded() -> Pair {
        let mut park = Park::peopled();
        add_carol(&mut park);
        let mode = set_mode(FIRST, MarketMode::Continuous);
        assert_eq!(park.submit(REGISTRAR, mode), [0]);
        Pair {
            told: facts(&park).len(),
            park,
            reference: Reference {
                resting: Vec::new(),
                bounds: (0, 100_000_000),
                arrivals: 0,
            },
            // Alice and Bob have signed their standing instructions.
            sequences: [1, 1, 0],
        }
    }

    fn submit(&mut self, author: usize, action: Action) -> (u64, u16) {
        self.sequences[author] += 1;
        let code = self.park.submit(AUTHORS[author], action)[0];
        (self.sequences[author], code)
    }

    /// The trades since the last step, put together from their legs.
    fn trades(&mut self) -> Vec<Trade> {
        let all = facts(&self.park);
        let mut trades = Vec::new();
        let mut maker = None;
        for fact in &all[self.told..] {
            if let Fact::OrderMatched {
                order,
                filled,
                price,
                role,
                ..
            } = fact
            {
                match role {
                    TradeRole::Maker => maker = Some(*order),
                    TradeRole::Taker => {
                        trades.push((maker.take().unwrap(), *order, filled.0, price.0));
                    }
                }
            }
        }
        self.told = all.len();
        trades
    }

    fn pick(&self, author: usize, place: usize) -> Option<Resting> {
        let id = u32::try_from(author).unwrap() + 1;
        let resting = self.reference.resting.iter();
        let own: Vec<_> = resting.filter(|one| one.participant == id).collect();
        (!own.is_empty()).then(|| *own[place % own.len()])
    }

    fn perform(&mut self, step: &Step) -> Vec<Trade> {
        match *step {
            Step::Place(author, side, quantity, limit, quarters, now) => {
                self.place(author, (side, quantity, limit), quarters, now)
            }
            Step::Change(author, place, quantity, limit) => {
                let Some(own) = self.pick(author, place) else {
                    return Vec::new();
                };
                let (quantity, limit) = (WattHours(quantity), Price(limit));
                let order = own.order;
                let change = OrderChange {
                    order,
                    quantity,
                    limit,
                };
                let (_, code) = self.submit(author, Action::ChangeOrders(vec![change]));
                let item = OrderItem {
                    quantity,
                    limit,
                    ..own.item
                };
                match code {
                    0 => self.reference.change(order, item),
                    _ => Vec::new(),
                }
            }
            Step::Cancel(author, place) => {
                if let Some(own) = self.pick(author, place) {
                    let (_, code) = self.submit(author, Action::CancelOrders(vec![own.order]));
                    assert_eq!(code, 0);
                    let resting = &mut self.reference.resting;
                    resting.retain(|one| one.order != own.order);
                }
                Vec::new()
            }
            Step::CancelAll(author) => {
                let (point, interval) = (None, None);
                self.submit(author, Action::CancelAll { point, interval });
                let id = u32::try_from(author).unwrap() + 1;
                self.reference.resting.retain(|one| one.participant != id);
                Vec::new()
            }
            Step::Bounds(floor, cap) => {
                let bounds = Action::SetPriceBounds {
                    from: FIRST,
                    floor: Price(floor),
                    cap: Price(cap),
                };
                assert_eq!(self.park.submit(REGISTRAR, bounds), [0]);
                self.reference.bounds = (floor, cap);
                Vec::new()
            }
        }
    }

    fn place(
        &mut self,
        author: usize,
        (side, quantity, limit): (Side, i64, i64),
        quarters: i64,
        now: bool,
    ) -> Vec<Trade> {
        let participant = u32::try_from(author).unwrap() + 1;
        let item = order(participant, side, quantity, limit);
        let minimum = WattHours(quantity * quarters / 4);
        let list = vec![OrderWithMinimum {
            order: item,
            minimum,
        }];
        let action = match now {
            true => Action::PlaceImmediate(list),
            false => Action::PlaceOrdersWith(list),
        };
        let reach = self.reference.reach(&item);
        let (sequence, code) = self.submit(author, action);
        if code == Rejection::MinimumNotMet.code() {
            assert!(reach < minimum.0, "{reach} of {minimum} were there");
        }
        if code != 0 {
            return Vec::new();
        }
        assert!(reach >= minimum.0);
        let order = OrderId {
            key: key(AUTHORS[author]).public(),
            sequence,
            item: 0,
        };
        let new = Resting {
            participant,
            order,
            item,
            arrival: 0,
        };
        self.reference.come(new, !now)
    }

    /// The rows, the running book and the reference say the same of who is served when.
    fn compare_queues(&self) {
        let state = self.park.ledger.state();
        for side in [Side::Buy, Side::Sell] {
            let served = self.reference.served(side.opposite(), None);
            let expected: Vec<_> = served
                .iter()
                .map(|one| (one.order, one.item.quantity))
                .collect();
            let bounds = &state.trading.bounds;
            assert_eq!(state.orders.queue(FIRST, side, bounds), expected);
            if let Some(running) = state.orders.running_queue(FIRST, side) {
                assert_eq!(running, expected);
            }
        }
        let open = state.orders.of_interval(FIRST).count();
        assert_eq!(open, self.reference.resting.len());
    }

    /// Each open order holds what it needs, and so does each trade; nothing is lost between two
    /// points.
    fn recount(&self) {
        let state = self.park.ledger.state();
        let of = |side, quantity: i64, price: i64| {
            let (shortfall, wheeling) = (Price(800_000), Price(50_000));
            let quantity = WattHours(quantity);
            collateral(side, quantity, Price(price), shortfall, wheeling)
                .unwrap()
                .0
        };
        let (mut net, mut cash) = (0, 0);
        for id in 1..=3u32 {
            let mut needed = 0;
            for (_, order) in state.orders.of_participant(ParticipantId(id)) {
                let item = order.item;
                let own = of(item.side, item.quantity.0, item.limit.0);
                assert_eq!(order.reserved.0, own);
                needed += own;
            }
            let position = state.orders.position(FIRST, PointId(id));
            let forward = position.forward;
            let held = position.reserved.0;
            let account = AccountId::Participant(ParticipantId(id));
            assert_eq!(state.accounts.get(account).reserved.0, needed + held);
            // What a trade can still cost: w for each unit bought beside its price, h less the
            // price for each sold. Their sums follow from the position where no price is above h.
            let worst = -forward.cash.0 + forward.sold.0 * 800_000 + forward.bought.0 * 50_000;
            assert_eq!(held, worst);
            net += forward.sold.0 - forward.bought.0;
            cash += forward.cash.0;
            assert!(forward.sold.0 - forward.bought.0 <= 25_000);
            assert!(forward.bought.0 - forward.sold.0 <= 50_000);
        }
        assert_eq!((net, cash), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_continuous_market_trades_as_the_reference_does(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::founded();
        let mut all = Vec::new();
        for step in &steps {
            let expected = pair.perform(step);
            prop_assert_eq!(&pair.trades(), &expected, "{:?}", step);
            all.extend(expected);
            pair.compare_queues();
            pair.recount();
        }
        pair.park.advance_to(FIRST.gate_closure());
        let open = pair.park.ledger.state().orders.of_interval(FIRST).count();
        prop_assert_eq!(open, 0);
        let closed = facts(&pair.park).into_iter().find_map(|fact| match fact {
            Fact::ContinuousClosed { trades, traded, .. } => Some((trades, traded.volume.0)),
            _ => None,
        });
        let volume: i64 = all.iter().map(|trade| trade.2).sum();
        prop_assert_eq!(closed.unwrap_or_default(), (all.len() as u64, volume));
        // A verifier's replay from the genesis ends with the same state root.
        verifies(&mut pair.park);
    }
}
