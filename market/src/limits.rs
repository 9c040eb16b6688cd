//! The bounds of the market's numbers, and why no calculation within them overflows.
//!
//! A number beyond its bound is refused by whoever takes it in: an order with a `Rejection` of
//! the ledger, the inputs of a settlement with a [`crate::settlement::SettlementError`].

/// Greatest energy of one order, and of one register in one interval: 2³⁰ Wh, about 1.07 GWh.
///
/// A `u32` of watts over a quarter of an hour is less, so every capacity that can be registered
/// can be traded and metered whole.
pub const ENERGY_MAX_WH: i64 = 1 << 30;

/// Greatest forward sales, and greatest forward purchases, of one point in one interval: 2³² Wh.
///
/// The exposure rule keeps the *net* position within the capacity; this bounds the two sides.
pub const POSITION_MAX_WH: i64 = 1 << 32;

/// Greatest price: 100 CNY/kWh. The least is zero: a buyer's collateral does not cover what a
/// negative price for his excess would cost him, so negative prices need a rule of their own.
pub const PRICE_MAX: i64 = 100_000_000;

/// Greatest number of points in one settlement.
pub const POINTS_MAX: usize = 1 << 16;

/// Greatest number of orders in one gate auction.
pub const AUCTION_ORDERS_MAX: usize = 1 << 20;

/// Greatest number of bundles in one joint auction, and so of its rounds less one.
pub const BUNDLES_MAX: usize = 64;

/// Greatest number of legs of a bundle: one for each interval of a day.
pub const BUNDLE_LEGS_MAX: usize = 96;

/// Greatest energy of all legs of a bundle: 2³⁵ Wh, about 34 GWh.
pub const BUNDLE_ENERGY_MAX_WH: i64 = 1 << 35;

/// Greatest number of seasons of a tariff: one for each month.
pub const TARIFF_SEASONS_MAX: usize = 12;

/// Greatest number of ranges of one tariff season: one for each quarter of an hour.
pub const TARIFF_RANGES_MAX: usize = 96;

/// Greatest energy in any tranche of a point.
///
/// `|N| ≤ 2·2³⁰` (two registers on either side) and `|K| ≤ 2³²`, so `|Δ| = |N−K|` and with it
/// every tranche, each a part of `|Δ|` or of `|N|`, is below 2³⁴.
pub(crate) const TRANCHE_MAX_WH: i64 = 1 << 34;

// The tranche bound holds.
const _: () = assert!(2 * ENERGY_MAX_WH + POSITION_MAX_WH < TRANCHE_MAX_WH);
// Every capacity in watts becomes an energy within the order's bound.
const _: () = assert!(u32::MAX as i64 / 4 <= ENERGY_MAX_WH);
// The cost of one order, wheeling added to its limit, fits in i64: 2³⁰ · 2·10⁸ < 2⁵⁸.
const _: () = assert!(ENERGY_MAX_WH as i128 * 2 * (PRICE_MAX as i128) < 1 << 58);
// The surplus of a bundle fits in i64: cash and limit are each at most 2³⁵ · 10⁸ < 2⁶².
const _: () = assert!(BUNDLE_ENERGY_MAX_WH as i128 * (PRICE_MAX as i128) < 1 << 62);
// The energy of all orders of an auction fits in i64.
const _: () = assert!(AUCTION_ORDERS_MAX as i128 * (ENERGY_MAX_WH as i128) <= i64::MAX as i128);
// The energy of all points of a settlement, in any tranche, fits in i64.
const _: () = assert!(POINTS_MAX as i128 * (TRANCHE_MAX_WH as i128) <= i64::MAX as i128);
// The amount of any one tranche of a point fits in i64: 2³⁴ · 10⁸ < 2⁶¹. Sums of amounts are
// formed in i128, where 2¹⁶ points of five tranches need 80 bits, and are then checked to i64.
const _: () = assert!(TRANCHE_MAX_WH as i128 * (PRICE_MAX as i128) < 1 << 61);
