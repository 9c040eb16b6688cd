//! What bounds trading beside the orders themselves: affiliates, halts, price bounds, the mode of
//! the market, delegations.

use crate::event::{Action, OrderItem};
use crate::rejection::Rejection;
use crate::state::State;
use crate::state::affiliates::Affiliates;
use crate::state::bounds::PriceBounds;
use crate::state::delegation::Delegations;
use crate::state::halt::Halts;
use crate::state::index::PriceIndex;
use crate::state::modes::Modes;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, parts};
use crate::state::schedule::Schedules;
use wattle_market::interval::DeliveryInterval;

/// What bounds trading.
#[derive(Debug, Clone, Default)]
pub struct Trading {
    /// Participants that count as one where orders cross.
    pub affiliates: Affiliates,
    /// Intervals in which the market is halted.
    pub halts: Halts,
    /// The least and the greatest limit of an order.
    pub bounds: PriceBounds,
    /// Keys that trade for a tenant.
    pub delegations: Delegations,
    /// What a day's energy came to.
    pub index: PriceIndex,
    /// Standing instructions by weekday and time of day.
    pub schedules: Schedules,
    /// How orders meet.
    pub modes: Modes,
}

parts!(Trading {
    affiliates,
    halts,
    bounds,
    delegations,
    index,
    schedules,
    modes
});

impl Trading {
    /// Whether rows that were read back bound what they may.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        self.bounds.check()?;
        self.index.check()?;
        self.delegations.check_keys(registry)
    }

    /// Whether the market takes this order at all.
    pub(crate) fn admit(&self, item: &OrderItem) -> Result<(), Rejection> {
        if self.halts.is_halted(item.interval) {
            return Err(Rejection::MarketHalted);
        }
        if !self.bounds.allow(item) {
            return Err(Rejection::OutsidePriceBounds);
        }
        Ok(())
    }

    /// Drops what no interval from `next` on can need.
    pub(crate) fn forget_before(&mut self, next: DeliveryInterval, utc_offset_minutes: i16) {
        self.halts.forget_before(next);
        self.bounds.forget_before(next);
        self.modes.forget_before(next);
        self.delegations.forget_before(next, utc_offset_minutes);
    }
}

impl State {
    /// Performs a registrar's action on trading; none if the action is another.
    pub(crate) fn perform_trading_rule(
        &mut self,
        action: &Action,
        leaf: u64,
    ) -> Option<Result<(), Rejection>> {
        let in_use =
            matches!(action, Action::SetMarketMode { from, .. } if self.is_used_from(*from));
        let State {
            clock,
            registry,
            trading,
            orders,
            ..
        } = self;
        let clock = clock
            .get(&())
            .expect("the clock has had its row since the genesis");
        let performed = match action {
            Action::SetAffiliates { group, members } => {
                trading.affiliates.set(registry, *group, members)
            }
            Action::HaltMarket { from, until } => trading.halts.halt(clock, *from, *until),
            Action::ResumeMarket { from } => trading.halts.resume(clock, *from),
            Action::SetPriceBounds { from, floor, cap } => {
                let set = trading.bounds.set(clock, *from, *floor, *cap);
                // Which resting orders may trade follows from the bounds.
                orders.forget_books(*from);
                set
            }
            Action::SetMarketMode { from, mode } => {
                orders.forget_books(*from);
                trading.modes.set(clock, in_use, (*from, *mode))
            }
            Action::RevokeDelegate { key } if trading.delegations.is_delegated(key) => {
                trading.delegations.remove(key);
                registry.revoke_key(*key, leaf)
            }
            Action::RevokeDelegate { .. } => Err(Rejection::KeyUnknown),
            _ => return None,
        };
        Some(performed)
    }
}
