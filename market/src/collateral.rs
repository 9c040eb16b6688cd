//! What an order must be covered with before it may rest or trade.

use crate::order::Side;
use crate::units::{Money, Price, WattHours};

/// The collateral of an order: the most that its trade can still cost whoever placed it.
///
/// A buyer pays his limit and the wheeling of what he takes: `q · max(0, limit + w)`. A seller
/// who delivers nothing receives at least his limit and buys back at the shortfall price `h`:
/// `q · max(0, h − limit)`. `None` where the numbers leave [`crate::limits`] so far that the
/// amount does not fit.
pub fn collateral(
    side: Side,
    quantity: WattHours,
    limit: Price,
    shortfall: Price,
    wheeling: Price,
) -> Option<Money> {
    let price = match side {
        Side::Buy => limit.checked_add(wheeling)?,
        Side::Sell => shortfall.checked_sub(limit)?,
    };
    quantity.cost(price.max(Price::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORTFALL: Price = Price(1_200_000);
    const WHEELING: Price = Price(50_000);

    fn required(side: Side, limit: i64) -> Option<i64> {
        collateral(side, WattHours(2_000), Price(limit), SHORTFALL, WHEELING).map(|money| money.0)
    }

    #[test]
    fn a_buyer_covers_limit_and_wheeling() {
        // 2 kWh · (0.60 + 0.05) = 1.30 CNY.
        assert_eq!(required(Side::Buy, 600_000), Some(1_300_000_000));
        assert_eq!(required(Side::Buy, -600_000), Some(0));
    }

    #[test]
    fn a_seller_covers_what_buying_back_costs_more_than_his_limit() {
        // 2 kWh · (1.20 − 0.60) = 1.20 CNY.
        assert_eq!(required(Side::Sell, 600_000), Some(1_200_000_000));
        assert_eq!(required(Side::Sell, 1_500_000), Some(0));
    }

    #[test]
    fn numbers_beyond_all_limits_have_no_collateral() {
        assert_eq!(required(Side::Buy, i64::MAX), None);
        assert_eq!(required(Side::Sell, i64::MIN), None);
    }
}
