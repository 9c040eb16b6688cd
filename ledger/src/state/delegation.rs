//! Delegated keys: what a tenant lets a machine or an agent trade for him, within limits.

use crate::event::{OrderId, OrderItem};
use crate::keys::PublicKey;
use crate::limits::DELEGATED_POINTS_MAX;
use crate::registration::{DelegationLimits, ParticipantId, Role};
use crate::rejection::Rejection;
use crate::state::orders::Candidate;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, parts, require};
use crate::state::sound::{WIDE_BOUND, Within as _};
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::{DeliveryInterval, LocalQuarter};
use wattle_market::units::WattHours;

/// A delegated key that is in force.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Delegation {
    /// For whom it trades.
    pub participant: ParticipantId,
    /// The tenant's key that answers for it.
    pub by: PublicKey,
    /// What it may do.
    pub limits: DelegationLimits,
}

/// What the orders of a delegated key come to on one delivery day: open ones whole, closed ones
/// with what was filled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct DayUse {
    /// Watt-hours.
    pub energy: i128,
    /// Watt-hours times their orders' limits, in nano-yuan.
    pub money: i128,
}

impl DayUse {
    fn of(item: &OrderItem, quantity: WattHours) -> DayUse {
        DayUse {
            energy: i128::from(quantity.0),
            money: i128::from(quantity.0) * i128::from(item.limit.0),
        }
    }

    fn change(self, old: DayUse, new: DayUse) -> DayUse {
        DayUse {
            energy: self.energy - old.energy + new.energy,
            money: self.money - old.money + new.money,
        }
    }
}

/// Delegated keys, and what they have used.
#[derive(Debug, Clone)]
pub struct Delegations {
    rows: Table<PublicKey, Delegation>,
    /// By the first interval of the local day.
    uses: Table<(DeliveryInterval, PublicKey), DayUse>,
}

parts!(Delegations { rows, uses });

impl Default for Delegations {
    fn default() -> Delegations {
        Delegations {
            rows: Table::new(table_number::DELEGATIONS),
            uses: Table::new(table_number::DELEGATION_USES),
        }
    }
}

/// The first interval of the local day that an interval lies in.
pub(crate) fn day_of(interval: DeliveryInterval, utc_offset_minutes: i16) -> DeliveryInterval {
    let quarter = LocalQuarter::of(interval, utc_offset_minutes).quarter_of_day;
    interval.minus(u64::from(quarter))
}

impl Delegations {
    /// Delegated keys in force.
    pub fn rows(&self) -> &Table<PublicKey, Delegation> {
        &self.rows
    }

    /// Whether delegated keys are registered as such and in force, and what they used can be
    /// counted on.
    pub(crate) fn check_keys(&self, registry: &Registry) -> Result<(), RowError> {
        for (key, row) in self.rows.iter() {
            let role = Role::Delegate(row.participant);
            let record = registry.keys().get(key);
            let holds = record.is_some_and(|it| it.role == role && it.revoked.is_none());
            let what = "names a key that is not registered as delegated, or has ended";
            require(table_number::DELEGATIONS, holds, what)?;
        }
        for (_, used) in self.uses.iter() {
            let holds = used.energy.is_within(WIDE_BOUND) && used.money.is_within(WIDE_BOUND);
            require(table_number::DELEGATION_USES, holds, "counts too much")?;
        }
        Ok(())
    }

    /// What a key has used of the local day that begins with `day`.
    pub fn used(&self, day: DeliveryInterval, key: PublicKey) -> DayUse {
        self.uses.get(&(day, key)).copied().unwrap_or_default()
    }

    /// Whether a key signs for another.
    pub(crate) fn is_delegated(&self, key: &PublicKey) -> bool {
        self.rows.contains(key)
    }

    /// Gives a key limits; the registry has it as a delegated key already.
    pub(crate) fn insert(&mut self, key: PublicKey, delegation: Delegation) {
        self.rows.insert(key, delegation);
    }

    /// Ends a delegated key; whether it was one.
    pub(crate) fn remove(&mut self, key: &PublicKey) -> bool {
        self.rows.remove(key).is_some()
    }

    /// The delegated keys that a tenant's key answers for.
    pub(crate) fn answered_by(&self, key: &PublicKey) -> Vec<PublicKey> {
        let rows = self.rows.iter();
        rows.filter(|(_, row)| row.by == *key)
            .map(|(delegated, _)| *delegated)
            .collect()
    }

    /// Lets a tenant's new key answer for what the old one delegated.
    pub(crate) fn hand_over(&mut self, old: &PublicKey, new: PublicKey) {
        for key in self.answered_by(old) {
            let row = self.rows.get_mut(&key).expect("the key was just found");
            row.by = new;
        }
    }

    /// Whether the author of an order may place it; a tenant's own key always may.
    pub(crate) fn check(
        &self,
        candidate: &Candidate,
        replaced: Option<&OrderItem>,
        utc_offset_minutes: i16,
    ) -> Result<(), Rejection> {
        let Some(row) = self.rows.get(&candidate.author) else {
            return Ok(());
        };
        let (item, limits) = (&candidate.item, &row.limits);
        let is_valid = (limits.from..limits.until).contains(&item.interval);
        if !is_valid || limits.points.binary_search(&item.point).is_err() {
            return Err(Rejection::OutsideDelegation);
        }
        if item.quantity > limits.order_energy {
            return Err(Rejection::DelegateOrderLimit);
        }
        let day = day_of(item.interval, utc_offset_minutes);
        let freed = replaced.map_or(DayUse::default(), |old| DayUse::of(old, old.quantity));
        let used = self.used(day, candidate.author);
        let used = used.change(freed, DayUse::of(item, item.quantity));
        let within = used.energy <= i128::from(limits.day_energy.0)
            && used.money <= i128::from(limits.day_money.0);
        if !within {
            return Err(Rejection::DelegateDayLimit);
        }
        Ok(())
    }

    /// Counts what a delegated key's order is instead of what it was. An order that was placed
    /// by a key in force is counted until its day is over, also after the key has ended.
    pub(crate) fn count(
        &mut self,
        order: &OrderId,
        old: Option<&OrderItem>,
        new: Option<(&OrderItem, WattHours)>,
        utc_offset_minutes: i16,
    ) {
        if self.rows.is_empty() && self.uses.is_empty() {
            return;
        }
        let Some(item) = old.or(new.map(|(item, _)| item)) else {
            return;
        };
        let key = (day_of(item.interval, utc_offset_minutes), order.key);
        if !self.uses.contains(&key) && !self.rows.contains(&order.key) {
            return;
        }
        let old = old.map_or(DayUse::default(), |old| DayUse::of(old, old.quantity));
        let new = new.map_or(DayUse::default(), |(item, quantity)| {
            DayUse::of(item, quantity)
        });
        let row = self.uses.entry(key);
        *row = row.change(old, new);
    }

    /// Drops the use of days that end before `next`.
    pub(crate) fn forget_before(&mut self, next: DeliveryInterval, utc_offset_minutes: i16) {
        let day = day_of(next, utc_offset_minutes);
        let least = PublicKey([0; 32]);
        let over: Vec<_> = self
            .uses
            .range(..(day, least))
            .map(|(key, _)| *key)
            .collect();
        for key in over {
            self.uses.remove(&key);
        }
    }
}

/// Limits that mean something, on points of the participant alone.
pub(crate) fn check_limits(
    registry: &Registry,
    participant: ParticipantId,
    limits: &DelegationLimits,
) -> Result<(), Rejection> {
    let points = &limits.points;
    for id in points {
        let point = registry.points().get(id).ok_or(Rejection::UnknownPoint)?;
        if point.participant != participant {
            return Err(Rejection::NotYourPoint);
        }
    }
    let ascending = points.windows(2).all(|pair| pair[0] < pair[1]);
    if points.is_empty()
        || points.len() > DELEGATED_POINTS_MAX
        || !ascending
        || limits.order_energy.0 <= 0
        || limits.day_energy.0 <= 0
        || limits.day_money.0 < 0
        || limits.from >= limits.until
    {
        return Err(Rejection::DelegationInvalid);
    }
    Ok(())
}
