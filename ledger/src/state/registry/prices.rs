//! The prices that collateral is reckoned with, kept for intervals whose orders come and go.

use super::Registry;
use std::collections::BTreeMap;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::Price;

/// What an interval's orders are covered at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoverPrices {
    /// [`Registry::shortfall_price`].
    pub(crate) shortfall: Price,
    /// What whoever receives energy pays the network for it.
    pub(crate) wheeling: Price,
}

/// Prices of intervals that were asked for. They follow from points, tariffs and terms, and are
/// all forgotten when one of these changes.
pub(super) type KeptPrices = BTreeMap<DeliveryInterval, CoverPrices>;

impl Registry {
    /// What an interval's orders are covered at. Kept until [`Registry::forget_prices`], so it is
    /// to be asked for intervals alone that orders may be for.
    pub(crate) fn cover_prices(&mut self, interval: DeliveryInterval) -> CoverPrices {
        if let Some(kept) = self.prices.get(&interval) {
            debug_assert_eq!(*kept, self.reckon_prices(interval), "no change is missed");
            return *kept;
        }
        let prices = self.reckon_prices(interval);
        self.prices.insert(interval, prices);
        prices
    }

    fn reckon_prices(&self, interval: DeliveryInterval) -> CoverPrices {
        CoverPrices {
            shortfall: self.shortfall_price(interval),
            wheeling: self.terms_at(interval).wheeling,
        }
    }

    /// Forgets the prices of intervals before `next`, whose gates have closed.
    pub(crate) fn forget_prices(&mut self, next: DeliveryInterval) {
        while let Some(first) = self.prices.first_entry().filter(|it| *it.key() < next) {
            first.remove();
        }
    }
}
