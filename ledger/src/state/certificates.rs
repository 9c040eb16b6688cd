//! Certificates of origin: each generated watt-hour is in exactly one state.
//!
//! A bundle is named by its interval and generating point. It is issued from metered generation
//! alone, after delivery; none from substitutes. What becomes of it once it is final stands in
//! the parts, and needs the registrar's activation.

pub mod life;
pub mod month;
mod release;
mod sound;
pub mod storage;

use crate::event::Action;
use crate::rejection::Rejection;
use crate::state::groups::Groups;
use crate::state::rows::parts;
use crate::state::table_number;
use crate::state::{Facts, State};
use life::Holdings;
use month::Months;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::PointSettlement;
use wattle_market::units::WattHours;

pub(crate) use release::LastRun;

/// One bundle; the five parts sum to what was issued.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize,
)]
pub struct Bundle {
    /// Metered generation.
    pub issued: WattHours,
    /// Used at the point itself: cancelled, not tradable.
    pub self_used: WattHours,
    /// Taken into storage: retired (policy `cn`), or the storage charging record's (`energytag`).
    pub stored: WattHours,
    /// Lost at the point: retired, never claimable.
    pub lost: WattHours,
    /// Delivered within the park: cancelled against the receivers' need.
    pub sent: WattHours,
    /// Still with the producer: the energy was exported.
    pub held: WattHours,
}

impl Bundle {
    /// The bundle of a point's settlement: all zero where an input was a substitute.
    pub fn of(line: &PointSettlement) -> Bundle {
        let green = line.certified();
        let parts = [
            green.self_used,
            green.stored,
            green.lost,
            line.sent,
            line.kept,
        ];
        Bundle {
            issued: WattHours(parts.iter().map(|part| part.0).sum()),
            self_used: green.self_used,
            stored: green.stored,
            lost: green.lost,
            sent: line.sent,
            held: line.kept,
        }
    }

    /// Whether every issued watt-hour is in exactly one state.
    pub fn is_conserved(&self) -> bool {
        let parts = [self.self_used, self.stored, self.lost, self.sent, self.held];
        let sum: i128 = parts.iter().map(|part| i128::from(part.0)).sum();
        parts.iter().all(|part| part.0 >= 0) && sum == i128::from(self.issued.0)
    }
}

/// All bundles.
#[derive(Debug, Clone)]
pub struct Certificates {
    bundles: Groups<(DeliveryInterval, PointId), Bundle>,
    /// Who holds what is final, and how it ends.
    pub holdings: Holdings,
    /// What storages took in and have not given back.
    pub storage: storage::Storage,
    /// Months in units of 1,000 kWh.
    pub months: Months,
}

parts!(Certificates {
    bundles,
    holdings,
    storage,
    months
});

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates {
            bundles: Groups::new(table_number::CERTIFICATES),
            holdings: Holdings::default(),
            storage: storage::Storage::default(),
            months: Months::default(),
        }
    }
}

impl Certificates {
    /// A point's bundle of an interval.
    pub fn get(&self, interval: DeliveryInterval, point: PointId) -> Option<&Bundle> {
        self.bundles.get(&(interval, point))
    }

    /// All bundles in order.
    pub fn iter(&self) -> impl Iterator<Item = ((DeliveryInterval, PointId), &Bundle)> {
        self.bundles.iter()
    }

    /// Bundles from one interval to another, both included, which may be none.
    pub fn between(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> impl Iterator<Item = ((DeliveryInterval, PointId), &Bundle)> {
        let until = (to.next().max(from), PointId(0));
        self.bundles.range((from, PointId(0))..until)
    }

    /// Issues a bundle.
    ///
    /// # Panics
    /// If its parts do not sum to what was issued: the settlement's invariants would be broken.
    pub(crate) fn issue(&mut self, interval: DeliveryInterval, point: PointId, bundle: Bundle) {
        assert!(
            bundle.is_conserved(),
            "a certificate's parts must sum to its generation"
        );
        self.bundles.insert((interval, point), bundle);
    }

    /// Issues the bundles of an interval, in the order of their points.
    ///
    /// # Panics
    /// If a bundle's parts do not sum to what was issued.
    pub(crate) fn issue_all(&mut self, interval: DeliveryInterval, bundles: &[(PointId, Bundle)]) {
        assert!(
            bundles.iter().all(|(_, bundle)| bundle.is_conserved()),
            "a certificate's parts must sum to its generation"
        );
        let rows = bundles.iter();
        let rows = rows.map(|(point, bundle)| ((interval, *point), *bundle));
        self.bundles.insert_all(rows);
    }

    /// Lets go of the bundles of all intervals before one.
    pub(crate) fn forget_before(&mut self, interval: DeliveryInterval) {
        self.bundles.remove_groups(..(interval, 0));
    }

    /// Sets a bundle anew after a further run; one that holds nothing goes.
    ///
    /// # Panics
    /// If its parts do not sum to what was issued.
    pub(crate) fn replace(&mut self, interval: DeliveryInterval, point: PointId, bundle: Bundle) {
        if bundle == Bundle::default() {
            self.bundles.remove(&(interval, point));
        } else {
            self.issue(interval, point, bundle);
        }
    }
}

impl State {
    /// Performs a registrar's action on certificates; none if the action is another.
    pub(crate) fn perform_certificates(
        &mut self,
        action: &Action,
        facts: &mut Facts,
    ) -> Option<Result<(), Rejection>> {
        let performed = match action {
            Action::WithdrawCertificate(withdrawal) => self.withdraw_certificate(withdrawal, facts),
            Action::LinkCertificates(link) => self.link_certificates(link, facts),
            Action::SetCertificatePolicy { from, policy } => {
                self.set_certificate_policy(*from, *policy)
            }
            _ => return None,
        };
        Some(performed)
    }
}
