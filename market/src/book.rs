//! The continuous market of one delivery interval: a price-time order book.
//!
//! An incoming order trades at once with the best orders of the other side, the oldest first
//! among those of one price, each time at the price of the order that rested; what is left of it
//! rests. A [`Book`] is a pure state machine: the same calls give the same events, and everything
//! is checked before anything changes.
//!
//! # Priority
//! A change that only lowers the quantity keeps an order's place. Any other change of price or
//! quantity is a cancel and a new order under the same id, which may trade at once. A change to
//! what the order already is does nothing and keeps its place.
//!
//! # Example
//! ```
//! use wattle_market::book::{Book, Event, Lifetime, NewOrder, SelfTrade};
//! use wattle_market::order::Side;
//! use wattle_market::units::{Price, WattHours};
//!
//! let mut book = Book::new(SelfTrade::Refused);
//! let offer = NewOrder {
//!     id: 1,
//!     account: 7,
//!     side: Side::Sell,
//!     price: Price(480_000),
//!     quantity: WattHours(2_000),
//!     lifetime: Lifetime::Resting,
//!     minimum: WattHours::ZERO,
//! };
//! book.submit(&offer, &mut |_| {});
//!
//! let bid = NewOrder { id: 2, account: 8, side: Side::Buy, price: Price(500_000), ..offer };
//! let mut events = Vec::new();
//! book.submit(&bid, &mut |event| events.push(event));
//! let (price, quantity) = (Price(480_000), WattHours(2_000));
//! let filled = Event::Filled { maker: 1, taker: 2, price, quantity };
//! assert_eq!(events, [Event::Accepted { id: 2 }, filled]);
//! assert!(book.is_empty());
//! ```

mod event;
mod ids;
mod keeper;
mod ladder;
mod orders;

pub use event::{Event, Lifetime, NewOrder, Refusal};

use crate::limits;
use crate::order::Side;
use crate::units::{Price, WattHours};
use ids::Ids;
use ladder::Ladder;
use orders::{NONE, Orders, Resting};

/// Greatest number of orders that may rest in one book: 2²². An order that might have to rest is
/// refused beyond it, with [`Refusal::BookFull`]; all others are served.
///
/// It takes in every order of the largest auction four times over
/// ([`limits::AUCTION_ORDERS_MAX`]), at 64 bytes each in a quarter of a gibibyte.
pub const ORDERS_MAX: u32 = 1 << 22;

// Prices and quantities fit in 32 bits, and offers and bids do not share a rank.
const _: () = assert!(limits::PRICE_MAX < 1 << 31 && limits::ENERGY_MAX_WH < 1 << 31);
// A place in a slab is never taken for `NONE`, and id cells have a power of two above the count.
const _: () = assert!((ORDERS_MAX as usize) < NONE as usize / 4);
// The energy on one side of a full book fits in u64.
const _: () = assert!((ORDERS_MAX as u128) * (limits::ENERGY_MAX_WH as u128) < 1 << 64);

/// What happens to an order that would trade with one of its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTrade {
    /// It is refused. An order that is used up before it gets to its own account's is not.
    Refused,
    /// It trades. For comparisons with engines that know no accounts.
    Allowed,
}

/// An order as it stands in a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Its id.
    pub id: u32,
    /// Its account.
    pub account: u32,
    /// Its side.
    pub side: Side,
    /// Its limit.
    pub price: Price,
    /// What is still open of it.
    pub quantity: WattHours,
}

/// The order book of one delivery interval.
#[derive(Clone, Debug)]
pub struct Book {
    self_trade: SelfTrade,
    orders_max: u32,
    ids: Ids,
    orders: Orders,
    /// Bids, then offers.
    ladders: [Ladder; 2],
}

/// Side and price as one number, greater for whoever is served first. Bids have the lower half,
/// offers the upper one, so that the rank tells the side.
#[inline]
fn rank(side: Side, price: u32) -> u32 {
    match side {
        Side::Buy => price,
        Side::Sell => !price,
    }
}

/// Where the ladder of a rank's side stands.
#[inline]
fn ladder_of(rank: u32) -> usize {
    (rank >> 31) as usize
}

#[inline]
fn side_of(rank: u32) -> Side {
    if rank >> 31 == 0 {
        Side::Buy
    } else {
        Side::Sell
    }
}

#[inline]
fn price_of(rank: u32) -> Price {
    Price(i64::from(rank.min(!rank)))
}

#[inline]
fn price_in_range(price: Price) -> Result<u32, Refusal> {
    match (0..=limits::PRICE_MAX).contains(&price.0) {
        true => Ok(price.0 as u32),
        false => Err(Refusal::PriceOutOfRange),
    }
}

#[inline]
fn quantity_in_range(quantity: WattHours) -> Result<u32, Refusal> {
    match (1..=limits::ENERGY_MAX_WH).contains(&quantity.0) {
        true => Ok(quantity.0 as u32),
        false => Err(Refusal::QuantityOutOfRange),
    }
}

/// What may trade, and with whom.
#[derive(Clone, Copy)]
struct Taker {
    id: u32,
    account: u32,
    rank: u32,
    quantity: u32,
}

impl Book {
    /// An empty book for at most [`ORDERS_MAX`] orders.
    pub const fn new(self_trade: SelfTrade) -> Self {
        Book::with_orders_max(self_trade, ORDERS_MAX)
    }

    /// An empty book for fewer orders.
    ///
    /// # Panics
    /// If `orders_max` is above [`ORDERS_MAX`].
    pub const fn with_orders_max(self_trade: SelfTrade, orders_max: u32) -> Self {
        assert!(
            orders_max <= ORDERS_MAX,
            "a book holds ORDERS_MAX orders at most"
        );
        Book {
            self_trade,
            orders_max,
            ids: Ids::new(),
            orders: Orders::new(),
            ladders: [Ladder::new(), Ladder::new()],
        }
    }

    /// Takes an order in. Answers through `sink`: refused; or accepted, then its fills, then
    /// cancelled where something is left that may not rest.
    pub fn submit(&mut self, order: &NewOrder, sink: &mut impl FnMut(Event)) {
        let id = order.id;
        let taker = match self.check(order) {
            Ok(taker) => taker,
            Err(refusal) => return sink(Event::Refused { id, refusal }),
        };

        // Nothing below can be refused.
        sink(Event::Accepted { id });
        let left = self.trade(taker, sink);
        if left == 0 {
            return;
        }
        if order.lifetime != Lifetime::Resting {
            let quantity = WattHours(i64::from(left));
            return sink(Event::Cancelled { id, quantity });
        }
        self.rest(Resting {
            id,
            account: order.account,
            rank: taker.rank,
            quantity: left,
            next: NONE,
            previous: NONE,
        });
    }

    /// Takes in what rests from now on, behind the others of its rank.
    #[inline]
    fn rest(&mut self, order: Resting) {
        let slot = self.orders.add(order);
        self.ids.insert(order.id, slot, &self.orders);
        self.push(slot);
    }

    /// Every reason to refuse an order, in the order of [`Refusal`].
    #[inline(always)]
    fn check(&self, order: &NewOrder) -> Result<Taker, Refusal> {
        let price = price_in_range(order.price)?;
        let quantity = quantity_in_range(order.quantity)?;
        if !(0..=order.quantity.0).contains(&order.minimum.0) {
            return Err(Refusal::MinimumOutOfRange);
        }
        if self.ids.contains(order.id, &self.orders) {
            return Err(Refusal::DuplicateId);
        }
        let is_full = self.orders.count() >= self.orders_max;
        if is_full && order.lifetime == Lifetime::Resting {
            return Err(Refusal::BookFull);
        }
        let taker = Taker {
            id: order.id,
            account: order.account,
            rank: rank(order.side, price),
            quantity,
        };
        let minimum = match order.lifetime {
            Lifetime::FillOrKill => quantity,
            // It was found to be no more than the quantity.
            _ => order.minimum.0 as u32,
        };
        self.check_trades(taker, minimum)?;
        Ok(taker)
    }

    /// Whether an order's trades would be allowed and enough, found without trading.
    #[inline(always)]
    fn check_trades(&self, taker: Taker, minimum: u32) -> Result<(), Refusal> {
        // Most orders reach nobody, and then there is nothing to be found.
        let reaches = self.ladders[ladder_of(!taker.rank)].may_reach(!taker.rank);
        let matters = minimum > 0 || reaches && self.self_trade == SelfTrade::Refused;
        if matters {
            self.foresee(taker, minimum)
        } else {
            Ok(())
        }
    }

    /// Walks along the orders that one would trade with, without trading.
    #[inline(never)]
    fn foresee(&self, taker: Taker, minimum: u32) -> Result<(), Refusal> {
        let reach = !taker.rank;
        let mut left = taker.quantity;
        let levels = self.ladders[ladder_of(reach)].levels();
        for (_, head) in levels.take_while(|(rank, _)| *rank >= reach) {
            for maker in self.orders.starting_at(head) {
                if maker.account == taker.account && self.self_trade == SelfTrade::Refused {
                    return Err(Refusal::SelfTrade);
                }
                left = left.saturating_sub(maker.quantity);
                if left == 0 {
                    return Ok(());
                }
            }
        }
        match taker.quantity - left >= minimum {
            true => Ok(()),
            false => Err(Refusal::MinimumNotMet),
        }
    }

    /// Trades with the other side as far as the limit allows, and says what is left.
    #[inline(always)]
    fn trade(&mut self, taker: Taker, sink: &mut impl FnMut(Event)) -> u32 {
        let reach = !taker.rank;
        let opposite = &mut self.ladders[ladder_of(reach)];
        let mut left = taker.quantity;
        while left > 0 && opposite.may_reach(reach) {
            let Some(place) = opposite.best() else {
                break;
            };
            let (rank, head) = opposite.level(place);
            if rank < reach {
                break;
            }
            let mut slot = head;
            while slot != NONE && left > 0 {
                let maker = self.orders.get_mut(slot);
                let quantity = left.min(maker.quantity);
                left -= quantity;
                maker.quantity -= quantity;
                let (open, next) = (maker.quantity, maker.next);
                sink(Event::Filled {
                    maker: maker.id,
                    taker: taker.id,
                    price: price_of(rank),
                    quantity: WattHours(i64::from(quantity)),
                });
                if open > 0 {
                    break;
                }
                self.orders.remove(slot);
                slot = next;
            }
            if slot != head {
                opposite.set_head(place, slot, &mut self.orders);
            }
        }
        left
    }

    /// Lets an order wait behind the others of its rank.
    #[inline]
    fn push(&mut self, slot: u32) {
        let ladder = ladder_of(self.orders.get(slot).rank);
        self.ladders[ladder].push(slot, &mut self.orders);
    }

    /// Takes an order from its place among those of its rank.
    #[inline]
    fn unlink(&mut self, slot: u32) {
        let ladder = ladder_of(self.orders.get(slot).rank);
        self.ladders[ladder].unlink(slot, &mut self.orders);
    }

    /// Closes an open order. Answers cancelled or refused.
    pub fn cancel(&mut self, id: u32, sink: &mut impl FnMut(Event)) {
        let Some(slot) = self.ids.get(id, &self.orders) else {
            let refusal = Refusal::UnknownOrder;
            return sink(Event::Refused { id, refusal });
        };
        let quantity = WattHours(i64::from(self.orders.get(slot).quantity));
        self.unlink(slot);
        self.orders.remove(slot);
        sink(Event::Cancelled { id, quantity });
    }

    /// Closes every open order of an account, in ascending order of their ids. Looks at all
    /// orders of the book.
    pub fn cancel_all(&mut self, account: u32, sink: &mut impl FnMut(Event)) {
        let own = self.orders.iter().map(|(_, order)| order);
        let own = own.filter(|order| order.account == account);
        let mut ids: Vec<u32> = own.map(|order| order.id).collect();
        ids.sort_unstable();
        for id in ids {
            self.cancel(id, sink);
        }
    }

    /// Gives an open order this price and this open quantity; see the rule of priority in
    /// [`self`]. Answers refused; or changed, then its fills.
    pub fn change(
        &mut self,
        id: u32,
        price: Price,
        quantity: WattHours,
        sink: &mut impl FnMut(Event),
    ) {
        let (slot, taker) = match self.check_change(id, price, quantity) {
            Ok(change) => change,
            Err(refusal) => return sink(Event::Refused { id, refusal }),
        };

        // Nothing below can be refused.
        let order = self.orders.get_mut(slot);
        if taker.rank == order.rank && taker.quantity <= order.quantity {
            order.quantity = taker.quantity;
            let kept_priority = true;
            return sink(Event::Changed {
                id,
                price,
                quantity,
                kept_priority,
            });
        }
        self.reenter(slot, taker, sink);
    }

    /// A cancel and a new order under the same id in one: a [`change`](Self::change) that never
    /// keeps the order's place.
    pub fn replace(
        &mut self,
        id: u32,
        price: Price,
        quantity: WattHours,
        sink: &mut impl FnMut(Event),
    ) {
        match self.check_change(id, price, quantity) {
            Ok((slot, taker)) => self.reenter(slot, taker, sink),
            Err(refusal) => sink(Event::Refused { id, refusal }),
        }
    }

    /// Takes an order from its place and lets it come in again as `taker`.
    #[inline]
    fn reenter(&mut self, slot: u32, taker: Taker, sink: &mut impl FnMut(Event)) {
        sink(Event::Changed {
            id: taker.id,
            price: price_of(taker.rank),
            quantity: WattHours(i64::from(taker.quantity)),
            kept_priority: false,
        });
        self.unlink(slot);
        let left = self.trade(taker, sink);
        if left == 0 {
            self.orders.remove(slot);
        } else {
            let order = self.orders.get_mut(slot);
            (order.rank, order.quantity) = (taker.rank, left);
            self.push(slot);
        }
    }

    #[inline(always)]
    fn check_change(
        &self,
        id: u32,
        price: Price,
        quantity: WattHours,
    ) -> Result<(u32, Taker), Refusal> {
        let price = price_in_range(price)?;
        let quantity = quantity_in_range(quantity)?;
        let slot = self
            .ids
            .get(id, &self.orders)
            .ok_or(Refusal::UnknownOrder)?;
        let order = self.orders.get(slot);
        let side = side_of(order.rank);
        let taker = Taker {
            id,
            account: order.account,
            rank: rank(side, price),
            quantity,
        };
        self.check_trades(taker, 0)?;
        Ok((slot, taker))
    }

    /// How many orders rest.
    pub fn len(&self) -> usize {
        self.orders.count() as usize
    }

    /// Whether no order rests.
    pub fn is_empty(&self) -> bool {
        self.orders.count() == 0
    }

    /// An open order by its id.
    pub fn order(&self, id: u32) -> Option<OpenOrder> {
        let slot = self.ids.get(id, &self.orders)?;
        Some(self.open_order(self.orders.get(slot)))
    }

    /// The open orders of a side, first to be served first.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = OpenOrder> {
        let ladder = &self.ladders[ladder_of(rank(side, 0))];
        let orders = ladder
            .levels()
            .flat_map(|(_, head)| self.orders.starting_at(head));
        orders.map(|order| self.open_order(order))
    }

    fn open_order(&self, order: &Resting) -> OpenOrder {
        let rank = order.rank;
        OpenOrder {
            id: order.id,
            account: order.account,
            side: side_of(rank),
            price: price_of(rank),
            quantity: WattHours(i64::from(order.quantity)),
        }
    }

    /// The best price of a side, if an order rests there.
    pub fn best(&self, side: Side) -> Option<Price> {
        self.orders(side).next().map(|order| order.price)
    }

    /// Bytes of memory held, in use or not.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.ids.bytes()
            + self.orders.bytes()
            + self.ladders.iter().map(Ladder::bytes).sum::<usize>()
    }
}
