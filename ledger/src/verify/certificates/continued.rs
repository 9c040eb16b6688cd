//! The books of certificates where they begin with a state and not with the activation.

use super::{Books, REMEMBERED_INTERVALS, Shares, Uses};
use crate::certificate::CertificateId;
use crate::registration::ParticipantId;
use crate::state::State;
use wattle_market::interval::DeliveryInterval;
use wattle_market::settlement::PointSettlement;

impl Books {
    /// The books as they would stand, as far as a state says. What certificates may still cover of
    /// a final interval is what the state has open; of a settled one that is not final yet it
    /// follows from the inputs that the state keeps for the final run.
    pub(crate) fn continued(state: &State) -> Books {
        let Some(course) = state.certificates.holdings.course() else {
            return Books::default();
        };
        let (next, settled) = (course.next, state.clock().next_settlement);
        let oldest = settled.minus(REMEMBERED_INTERVALS);
        let mut books = Books {
            is_open: true,
            ..Books::default()
        };
        let all = DeliveryInterval(u64::MAX - 1);
        for (place, bundle) in state.certificates.between(oldest, all) {
            books.bundle(place, bundle.held, bundle.stored);
        }
        let uncovered = state.certificates.holdings.uncovered_between(oldest, all);
        for (place, open) in uncovered {
            let open = i128::from(open.0);
            let uses = Uses {
                own: open,
                taken: open,
            };
            books.uses.insert(*place, uses);
        }
        let mut interval = next.max(oldest);
        while interval < settled {
            for (point, line) in state.provisional_lines(interval) {
                let line: &PointSettlement = &line;
                books.line((interval, point), line);
            }
            interval = interval.next();
        }
        books.hold_all(state);
        books
    }

    /// Certificates with their holders, lots, and what months have to roll up.
    fn hold_all(&mut self, state: &State) {
        let certificates = &state.certificates;
        for (id, life) in certificates.holdings.lives() {
            let shares = Shares {
                held: life.held.0.into(),
                holders: Default::default(),
                gone: i128::from(life.held.0) - i128::from(life.active().0),
            };
            self.shares.insert(*id, shares);
        }
        let rows = certificates.holdings.rows().iter();
        for ((id, holder), quantity) in rows {
            let (id, holder): (&CertificateId, &ParticipantId) = (id, holder);
            let shares = self.shares.entry(*id).or_default();
            shares.holders.insert(*holder, quantity.0.into());
        }
        for ((point, origin), lot) in certificates.storage.all_lots() {
            if lot.green.0 > 0 {
                self.lots.insert((*origin, *point), lot.green.0.into());
            }
        }
        for (point, open) in certificates.months.open() {
            let (left, added) = open.tradable;
            self.months.insert(*point, (added.0.into(), left.0.into()));
        }
    }
}
