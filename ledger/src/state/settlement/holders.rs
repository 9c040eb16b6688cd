//! Whose the points of an interval are.

use crate::journal::{AccountId, JournalEntry};
use crate::registration::ParticipantId;
use crate::state::State;
use crate::state::settlement::in_step;
use wattle_market::point::PointId;
use wattle_market::points::Points;
use wattle_market::settlement::{Account, PointInput, Posting};

/// The participant of each point of an interval: looked up once for all that its run posts,
/// counts and says.
#[derive(Debug)]
pub(crate) struct Holders(Points<ParticipantId>);

impl Holders {
    /// Whose a point is.
    ///
    /// # Panics
    /// If the point takes no part in the interval.
    pub(crate) fn of(&self, point: PointId) -> ParticipantId {
        self.0[&point]
    }

    /// By point.
    pub(crate) fn points(&self) -> &Points<ParticipantId> {
        &self.0
    }

    /// The place of a point of the interval, as [`Points::place`] finds it.
    pub(crate) fn place(&self, point: PointId, near: &mut usize) -> usize {
        let place = self.0.place(point, near);
        place.expect("only points of the interval are posted to")
    }

    /// The journal entry that an interval's postings make.
    ///
    /// # Errors
    /// A sentence where they do not sum to zero.
    pub(crate) fn journal_entry(&self, postings: &[Posting]) -> Result<JournalEntry, String> {
        let mut of_points: Vec<Option<i128>> = vec![None; self.0.len()];
        let mut of_the_park = Vec::new();
        let mut near = 0;
        for posting in postings {
            let amount = i128::from(posting.amount.0);
            let account = match posting.account {
                Account::Point(point) => {
                    let place = self.place(point, &mut near);
                    *of_points[place].get_or_insert(0) += amount;
                    continue;
                }
                Account::Clearing => AccountId::Clearing,
                Account::Grid => AccountId::Grid,
                Account::Balancing => AccountId::Balancing,
                Account::Network => AccountId::Network,
            };
            of_the_park.push((account, amount));
        }
        let of_points = self.0.values().zip(of_points);
        let of_points = of_points.filter_map(|(holder, sum)| Some((holder, sum?)));
        let of_points = of_points.map(|(holder, sum)| (AccountId::Participant(*holder), sum));
        JournalEntry::of_sums(of_points.chain(of_the_park))
            .ok_or_else(|| "the postings do not sum to zero".to_owned())
    }
}

impl State {
    /// Whose the points of an interval are.
    pub(crate) fn holders(&self, inputs: &Points<PointInput>) -> Holders {
        let registered = self.registry.points().iter();
        let registered = registered.map(|(point, row)| (*point, row.participant));
        let mut registered = registered.peekable();
        let holder = |point: &PointId| {
            let holder = in_step(&mut registered, *point);
            (*point, holder.expect("a pinned point stays registered"))
        };
        Holders(inputs.keys().map(holder).collect())
    }
}
