//! The pure rules of a park's electricity market: what an order costs, how a price is found, and
//! what one interval's readings mean in money and certificates.
//!
//! Everything is integers and ordered maps, and time is an argument, so that two people who never
//! met compute the same bytes from the same inputs.
//!
//! # Layout
//! - [`units`]: watt-hours, prices and money, whose product needs no rounding
//! - [`interval`]: the delivery interval, its deadlines, and local calendar arithmetic
//! - [`point`], [`order`]: who trades, and on which side; [`points`]: what there is for each of a
//!   park's points
//! - [`share`](mod@share): whole watt-hours in proportion, by the largest remainder
//! - [`auction`]: the call auction at one price; [`minimum`]: with minimum quantities;
//!   [`joint`]: over a day's intervals, with bundles
//! - [`book`]: continuous matching by price and time
//! - [`tariff`]: time-of-use retail prices as data, Shanghai's among them
//! - [`collateral`](mod@collateral), [`exposure`]: what must stand behind an order
//! - [`settlement`]: one interval of a park, with its invariants
//! - [`storage`]: where discharged energy came from
//! - [`invoice`]: what a month adds to it; [`waterfall`]: who bears what cannot be paid
//! - [`substitute`]: what stands in for a missing reading
//! - [`limits`]: the bounds, and why nothing within them overflows
//!
//! # Example
//! ```
//! use wattle_market::auction::{Quote, clear};
//! use wattle_market::units::{Price, WattHours};
//!
//! let ask = Quote { key: "roof", quantity: WattHours(9_000), limit: Price(400_000) };
//! let bid = Quote { key: "shop", quantity: WattHours(5_000), limit: Price(650_000) };
//! let clearing = clear(&[ask], &[bid]);
//!
//! let price = clearing.price.expect("the two meet");
//! assert_eq!(price.to_string(), "0.525000 CNY/kWh");
//! assert_eq!(clearing.volume.cost(price).expect("it fits").to_string(), "2.625000000 CNY");
//! ```
//!
//! # What this crate does not do
//! It holds no state, reads no clock, checks no signature, and knows neither accounts' balances nor
//! the log: that is the ledger's.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod auction;
pub mod book;
pub mod collateral;
pub mod exposure;
pub mod interval;
pub mod invoice;
pub mod joint;
pub mod limits;
pub mod minimum;
pub mod order;
pub mod point;
pub mod points;
pub mod settlement;
pub mod share;
pub mod storage;
pub mod substitute;
pub mod tariff;
pub mod units;
pub mod waterfall;

pub use auction::{Clearing, Quote, clear};
pub use collateral::collateral;
pub use interval::{DeliveryInterval, LocalMonth, LocalQuarter, Timestamp};
pub use order::Side;
pub use point::{BuildingId, PointId};
pub use points::Points;
pub use settlement::{Settlement, SettlementError, settle};
pub use share::share;
pub use tariff::{Tariff, TariffError};
pub use units::{Money, Price, WattHours};
