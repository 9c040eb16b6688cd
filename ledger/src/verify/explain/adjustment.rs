//! What the final run changed for the point, and why.

use crate::verify::entries::{SettledInterval, SettledPoint};
use crate::verify::explain::amounts::{Told, compare_sums, grid_alone};
use crate::verify::explain::gather::{Gathered, Seen};
use crate::verify::explain::{Adjustment, Before, ExplainError, MeterChange, MeterUsed};
use wattle_market::settlement::PointSettlement;

impl Told<'_> {
    /// What the final run changed for the point; none where it changed nothing.
    pub(super) fn adjustment(
        &self,
        earlier: Option<&SettledInterval>,
        differences: &mut Vec<String>,
    ) -> Result<Option<Adjustment>, ExplainError> {
        let Gathered { of, adjusted, .. } = self.gathered;
        let points = adjusted.as_ref().map(|adjusted| &adjusted.points);
        let Some((points, adjusted)) = points.and_then(|points| Some((points, points.get(of)?)))
        else {
            return Ok(None);
        };
        let initial = self.gathered.initial.as_ref();
        let earlier = earlier.and_then(|earlier| Some((earlier, earlier.points.get(of)?)));
        let before = match earlier {
            Some((earlier, leaf)) => Some(self.before(earlier, leaf, differences)?),
            None => None,
        };
        let others = points.iter().filter(|(point, other)| {
            *point != of
                && other
                    .before
                    .as_ref()
                    .is_some_and(|before| is_metered_otherwise(before, &other.found.line))
        });
        Ok(Some(Adjustment {
            entry: adjusted.found.entry,
            before,
            postings: adjusted.found.postings.clone(),
            meters: changes(initial, self.gathered.last.as_ref()),
            others: others
                .map(|(point, other)| (*point, other.found.entry))
                .collect(),
        }))
    }

    /// What the initial run had found, likewise settled again.
    fn before(
        &self,
        earlier: &SettledInterval,
        leaf: &SettledPoint,
        differences: &mut Vec<String>,
    ) -> Result<Before, ExplainError> {
        let out_of_range = ExplainError::OutOfRange(self.gathered.of);
        let amounts = self.amounts(earlier, self.gathered.initial.as_ref(), differences)?;
        let grid_alone = grid_alone(&leaf.line, self.terms).ok_or(out_of_range)?;
        compare_sums(leaf, &amounts, &grid_alone, differences);
        Ok(Before {
            entry: leaf.entry,
            line: leaf.line,
            pool_price: earlier.pool_price,
            amounts,
            grid_alone: leaf.line.grid_alone,
            credit: leaf.line.credit,
        })
    }
}

/// Whether the point's own energy is another, whatever others did.
fn is_metered_otherwise(before: &PointSettlement, after: &PointSettlement) -> bool {
    let own = |line: &PointSettlement| (line.net, line.load, line.green, line.actual);
    own(before) != own(after)
}

/// The meters that two runs saw differently.
fn changes(initial: Option<&Seen>, last: Option<&Seen>) -> Vec<MeterChange> {
    let earlier = |meter: &MeterUsed| {
        let (_, meters) = initial?;
        meters.iter().find(|one| one.meter == meter.meter)
    };
    let meters = last.iter().flat_map(|(_, meters)| meters);
    let changed = meters.filter(|meter| earlier(meter) != Some(*meter));
    changed
        .map(|meter| MeterChange {
            before: earlier(meter).cloned(),
            after: meter.clone(),
        })
        .collect()
}
