//! What a book is asked, and what it answers.

use crate::order::Side;
use crate::units::{Price, WattHours};

/// An order as it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Names the order in this book; chosen by the caller, free again once the order is closed.
    pub id: u32,
    /// Whose order it is. Orders of one account never trade with each other, unless the book
    /// was told to let them: whoever acts for several names, or is affiliated, gets one account.
    pub account: u32,
    /// Whether it buys or sells.
    pub side: Side,
    /// The worst price that its author accepts.
    pub price: Price,
    /// How much is wanted or offered.
    pub quantity: WattHours,
    /// What becomes of the part that does not trade at once.
    pub lifetime: Lifetime,
    /// The least that must trade at once, or else the order is refused; zero for none.
    pub minimum: WattHours,
}

/// What becomes of the part of an order that does not trade at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It rests until it is cancelled; the caller cancels what is left at gate closure.
    Resting,
    /// It is cancelled.
    ImmediateOrCancel,
    /// There is none: an order that cannot trade whole is refused.
    FillOrKill,
}

/// Something that happened in a book, in the order in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An order passed every check. Its fills follow.
    Accepted {
        /// Which order.
        id: u32,
    },
    /// An order was changed. Its fills follow.
    Changed {
        /// Which order.
        id: u32,
        /// Its price from now on.
        price: Price,
        /// Its open quantity from now on.
        quantity: WattHours,
        /// Whether it kept its place among the orders at its price.
        kept_priority: bool,
    },
    /// Two orders traded.
    Filled {
        /// The order that rested.
        maker: u32,
        /// The order that came in, or was changed.
        taker: u32,
        /// The resting order's price.
        price: Price,
        /// How much.
        quantity: WattHours,
    },
    /// An order was closed with something left.
    Cancelled {
        /// Which order.
        id: u32,
        /// What was left.
        quantity: WattHours,
    },
    /// Nothing was done.
    Refused {
        /// The order that was sent or named.
        id: u32,
        /// Why.
        refusal: Refusal,
    },
}

/// Why a book refuses. Checks are made in this order, all of them before anything changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// A price below zero or above [`PRICE_MAX`](crate::limits::PRICE_MAX).
    PriceOutOfRange,
    /// A quantity not above zero, or above [`ENERGY_MAX_WH`](crate::limits::ENERGY_MAX_WH).
    QuantityOutOfRange,
    /// A minimum below zero or above the quantity.
    MinimumOutOfRange,
    /// An open order has this id.
    DuplicateId,
    /// No open order has this id: there never was one, or it is filled or cancelled.
    UnknownOrder,
    /// The book holds as many orders as it may, and this one might have to rest.
    BookFull,
    /// The order would trade with one of its own account.
    SelfTrade,
    /// Less than the minimum, or less than all of a fill-or-kill order, would trade.
    MinimumNotMet,
}
