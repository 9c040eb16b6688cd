//! What the rules rely on of a state that was read back.
//!
//! A state that a log leads to has all of it, by the checks before each change. Rows that were read
//! back need not: a quorum that colludes can sign the root of any rows, and a verifier begins with
//! them (`docs/decisions/0029`). So each part says here what its rules look up without asking, sum
//! up without room or divide by. It is no proof that the state is true: it may hold anybody's
//! money, and be followed without a panic.

use crate::limits::RESTORED_LEAVES_MAX;
use crate::registration::ParticipantId;
use crate::state::rows::{RowError, require};
use crate::state::{State, table_number};
use std::collections::BTreeMap;
use wattle_market::units::{Money, WattHours};

/// Energy that sums of a restored row stay below: 2^50 Wh, so that thousands of them fit 64 bits.
pub(crate) const ENERGY_BOUND: i64 = 1 << 50;
/// What is summed up in 128 bits stays below this in a restored row.
pub(crate) const WIDE_BOUND: i128 = 1 << 100;
/// What a row counts one by one: no month or day has so much.
pub(crate) const COUNT_MAX: u32 = 1 << 30;

/// Whether an amount lies within a bound, either way.
pub(crate) trait Within<T> {
    fn is_within(&self, bound: T) -> bool;
}

impl Within<i64> for WattHours {
    fn is_within(&self, bound: i64) -> bool {
        (-bound..=bound).contains(&self.0)
    }
}

impl Within<i128> for i128 {
    fn is_within(&self, bound: i128) -> bool {
        (-bound..=bound).contains(self)
    }
}

/// What is held of each participant's money for what is open.
pub(crate) type Held = BTreeMap<ParticipantId, i128>;

/// Counts what a row holds, which is not below zero.
pub(crate) fn hold(
    held: &mut Held,
    table: u8,
    participant: ParticipantId,
    reserved: Money,
) -> Result<(), RowError> {
    require(table, reserved >= Money::ZERO, "holds less than nothing")?;
    *held.entry(participant).or_default() += i128::from(reserved.0);
    Ok(())
}

impl State {
    /// Whether rows that were read back have what every rule relies on.
    ///
    /// # Errors
    /// [`RowError::Missing`] and [`RowError::Unsound`], of the first thing that is not so.
    pub(super) fn check_sound(&self) -> Result<(), RowError> {
        let leaves = self.clock().leaves;
        let has_room = leaves <= RESTORED_LEAVES_MAX;
        require(table_number::CLOCK, has_room, "counts too many leaves")?;
        let registry = &self.registry;
        registry.check()?;
        self.trading.check(registry)?;
        self.readings.check(registry)?;
        self.pins.check(registry)?;
        self.runs.check(registry)?;
        self.certificates.check(registry)?;
        self.months.check(registry)?;
        let mut held = Held::new();
        self.check_orders(&mut held)?;
        self.check_bundles(&mut held)?;
        self.check_traded()?;
        self.accounts.check(&held)
    }
}
