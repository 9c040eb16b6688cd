//! An interval becomes final: its certificates begin to live.

use crate::certificate::{CertificateFact, CertificateId};
use crate::derived::Fact;
use crate::state::certificates::storage::Metered;
use crate::state::{Facts, State};
use wattle_market::interval::DeliveryInterval;
use wattle_market::points::Points;
use wattle_market::settlement::{PointInput, PointSettlement};
use wattle_market::units::WattHours;

/// The last run of an interval.
#[derive(Debug, Clone)]
pub(crate) struct LastRun {
    pub(crate) inputs: Points<PointInput>,
    pub(crate) lines: Points<PointSettlement>,
}

impl State {
    /// The interval's last run is over; none where it was held or nobody took part. Comes in the
    /// order of the intervals, so storage and months see them one after the other.
    pub(crate) fn finish_certificates(
        &mut self,
        interval: DeliveryInterval,
        run: Option<&LastRun>,
        facts: &mut Facts,
    ) {
        if let Some(LastRun { inputs, lines }) = run {
            for ((point, line), input) in lines.iter().zip(inputs.values()) {
                let metered = Metered {
                    interval,
                    point: *point,
                    holder: self.point(*point).participant,
                    energy: &input.energy,
                    line,
                };
                self.run_storage(&metered, facts);
                self.release(&metered, facts);
            }
        }
        self.roll_up_months(interval, facts);
        let next = interval.next();
        self.certificates.storage.forget_before(next);
        let course = self.certificates.holdings.course.get_mut(&());
        let course = course.expect("certificates become final only after their activation");
        course.next = next;
    }

    fn release(&mut self, metered: &Metered<'_>, facts: &mut Facts) {
        let Metered {
            interval,
            point,
            holder,
            energy,
            line,
        } = *metered;
        let bundle = self.certificates.get(interval, point).copied();
        let bundle = bundle.unwrap_or_default();
        if bundle.held.0 > 0 {
            let certificate = CertificateId::direct(interval, point);
            let holdings = &mut self.certificates.holdings;
            holdings.release(certificate, holder, bundle.held);
            let released = CertificateFact::Released {
                certificate,
                quantity: bundle.held,
            };
            facts.push((Some(holder), Fact::Certificate(released)));
        }
        self.certificates.months.count(point, &bundle);
        if line.actual {
            // What a storage gave, and what goes into one, is nobody's use of the grid's energy.
            let own = (metered.uncovered() - energy.discharge.0).max(0);
            let open = own.min(line.need.0) - line.cancelled.0;
            let holdings = &mut self.certificates.holdings;
            holdings.open_use(interval, point, WattHours(open));
        }
    }
}
