//! What closing a month relies on.

use super::Months;
use crate::state::registry::Registry;
use crate::state::rows::{RowError, require};
use crate::state::sound::{COUNT_MAX, ENERGY_BOUND, WIDE_BOUND, Within as _};
use crate::state::table_number;

impl Months {
    /// Whether a close has its terms, points and participants, and sums with room.
    pub(crate) fn check(&self, registry: &Registry) -> Result<(), RowError> {
        let participants = registry.participants();
        for (_, terms) in self.terms.iter() {
            let owner = participants.contains(&terms.residue_owner);
            let holds = terms.prices.is_valid() && owner;
            let what = "has a price beyond all bounds, or an owner who is not registered";
            require(table_number::MONTH_TERMS, holds, what)?;
        }
        let has_terms = self.from().is_none_or(|from| self.terms_at(from).is_some());
        require(table_number::MONTH_CLOSE, has_terms, "has no terms")?;
        for ((_, point), demand) in self.demands.iter() {
            let holds =
                registry.points().contains(point) && (0..=ENERGY_BOUND).contains(&demand.need.0);
            let what = "names a point that is not registered, or has a need beyond all bounds";
            require(table_number::DEMANDS, holds, what)?;
        }
        for ((_, participant), account) in self.accounts.iter() {
            let mut sums = account.postings.iter().chain([&account.grid_alone]);
            let holds =
                participants.contains(participant) && sums.all(|sum| sum.is_within(WIDE_BOUND));
            let what = "names a participant who is not registered, or sums up too much";
            require(table_number::MONTH_ACCOUNTS, holds, what)?;
        }
        for (_, park) in self.park.iter() {
            let sums = park.grid.is_within(WIDE_BOUND) && park.net.is_within(WIDE_BOUND);
            let holds = sums && park.held <= COUNT_MAX;
            require(table_number::PARK_MONTHS, holds, "sums up too much")?;
        }
        for ((_, participant), invoiced) in self.invoices.iter() {
            let holds = participants.contains(participant) && invoiced.cut.0 >= 0;
            let what = "names a participant who is not registered, or has a cut below zero";
            require(table_number::INVOICES, holds, what)?;
        }
        Ok(())
    }
}
