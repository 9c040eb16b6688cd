//! What covered each point's use, from the entries of an export: the figures of the carbon report
//! and of the hourly matched share.
//!
//! Every watt-hour is counted where it was used and nowhere else: a producer who sends, sells or
//! loses a certificate has nothing of it here, and what a storage took in is counted when it was
//! taken from outside the point, with its losses.

use crate::certificate::{CancelPurpose, CertificateFact};
use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::registration::{CarbonFactor, ParticipantId};
use crate::verify::entries::{Entries, EntriesError};
use crate::verify::source::Source;
use std::collections::BTreeMap;
use std::ops::AddAssign;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::PointSettlement;

/// Watt-hours of use and of what covered them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Use {
    /// Used at the point, storage aside.
    pub used: i128,
    /// Own generation, used at once.
    pub own: i128,
    /// Own generation that a storage kept (policy `energytag`).
    pub stored: i128,
    /// Taken from outside the point, charging included.
    pub taken: i128,
    /// Certificates that came with energy from within the park.
    pub received: i128,
    /// Certificates that were cancelled for this use.
    pub claimed: i128,
    /// The least of use and all that covers it, interval by interval.
    pub matched: i128,
    /// Taken from outside and covered by no certificate.
    pub rest: i128,
    /// Micrograms of CO2 of all that was taken, by the factor of each interval.
    pub taken_ug: i128,
    /// Micrograms of CO2 of the rest.
    pub rest_ug: i128,
    /// Intervals that were settled on a substitute.
    pub substituted: i128,
}

impl AddAssign for Use {
    fn add_assign(&mut self, other: Use) {
        self.used += other.used;
        self.own += other.own;
        self.stored += other.stored;
        self.taken += other.taken;
        self.received += other.received;
        self.claimed += other.claimed;
        self.matched += other.matched;
        self.rest += other.rest;
        self.taken_ug += other.taken_ug;
        self.rest_ug += other.rest_ug;
        self.substituted += other.substituted;
    }
}

/// One point in one interval, as the latest run has it.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    line: Option<PointSettlement>,
    stored: i128,
    claimed: i128,
}

/// All uses of a period.
#[derive(Debug, Clone, Default)]
pub struct GreenUse {
    cells: BTreeMap<(PointId, DeliveryInterval), Cell>,
    factors: BTreeMap<DeliveryInterval, CarbonFactor>,
    /// Whose each point is.
    pub owners: BTreeMap<PointId, ParticipantId>,
    /// Participants' names.
    pub names: BTreeMap<ParticipantId, String>,
    /// Certificates that left their producers' hands for others or for nobody: in no sum above.
    pub elsewhere: BTreeMap<ParticipantId, Elsewhere>,
}

/// Certificates of one participant that cover none of his use here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Elsewhere {
    /// Sent to neighbors with their energy.
    pub sent: i128,
    /// Handed to other participants.
    pub transferred: i128,
    /// Cancelled for somebody who was named.
    pub declared: i128,
}

impl GreenUse {
    /// Reads an export from the first interval of a period to its last.
    ///
    /// # Errors
    /// Where the export cannot be read to its end.
    pub fn read(
        source: &dyn Source,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<GreenUse, EntriesError> {
        let mut uses = GreenUse::default();
        for entry in Entries::open(source)? {
            match entry?.entry {
                Entry::Event { signed, outcome } => uses.event(&signed, &outcome),
                Entry::Derived {
                    participant, fact, ..
                } => {
                    let within = |interval: DeliveryInterval| (from..=to).contains(&interval);
                    uses.fact(participant.unwrap_or_default(), fact, within);
                }
                _ => {}
            }
        }
        Ok(uses)
    }

    fn event(&mut self, signed: &[u8], outcome: &[u16]) {
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        match &event.body().action {
            Action::RegisterParticipant(participant) if outcome == [0] => {
                self.names.insert(participant.id, participant.name.clone());
            }
            Action::RegisterPoint(point) if outcome == [0] => {
                self.owners.insert(point.id, point.participant);
            }
            _ => {}
        }
    }

    fn fact(&mut self, whom: ParticipantId, fact: Fact, within: impl Fn(DeliveryInterval) -> bool) {
        match fact {
            Fact::PointSettled {
                interval,
                point,
                line,
                ..
            }
            | Fact::PointAdjusted {
                interval,
                point,
                line,
                ..
            } if within(interval) => {
                let cell = self.cells.entry((point, interval)).or_default();
                let before = cell.line.map_or(0, |line| line.sent.0);
                let sent = i128::from(line.sent.0) - i128::from(before);
                cell.line = Some(*line);
                self.elsewhere.entry(whom).or_default().sent += sent;
            }
            Fact::IntervalSettled {
                interval, factor, ..
            }
            | Fact::IntervalAdjusted {
                interval, factor, ..
            } if within(interval) => {
                self.factors.insert(interval, factor);
            }
            Fact::Certificate(what) => self.certificate(whom, what, within),
            _ => {}
        }
    }

    fn certificate(
        &mut self,
        whom: ParticipantId,
        what: CertificateFact,
        within: impl Fn(DeliveryInterval) -> bool,
    ) {
        match what {
            CertificateFact::Cancelled {
                certificate,
                quantity,
                purpose,
            } if within(certificate.interval) => match purpose {
                CancelPurpose::Use(point) => {
                    let place = (point, certificate.interval);
                    self.cells.entry(place).or_default().claimed += i128::from(quantity.0);
                }
                CancelPurpose::Declared(_) => {
                    let row = self.elsewhere.entry(whom).or_default();
                    row.declared += i128::from(quantity.0);
                }
            },
            CertificateFact::StorageDischarged {
                certificate,
                covered,
                ..
            } if within(certificate.interval) => {
                let place = (certificate.point, certificate.interval);
                self.cells.entry(place).or_default().stored += i128::from(covered.0);
            }
            CertificateFact::Transferred {
                certificate,
                from,
                quantity,
                ..
            } if within(certificate.interval) && from == whom => {
                let row = self.elsewhere.entry(whom).or_default();
                row.transferred += i128::from(quantity.0);
            }
            _ => {}
        }
    }

    /// What each point used in each interval, in the order of points.
    pub fn rows(&self) -> impl Iterator<Item = (PointId, DeliveryInterval, Use)> {
        self.cells.iter().filter_map(|((point, interval), cell)| {
            let factor = self.factors.get(interval)?;
            let line = cell.line.as_ref()?;
            Some((*point, *interval, use_of(line, cell, factor)))
        })
    }

    /// Factors that were in force, each once, with the first interval of its use.
    pub fn factors(&self) -> Vec<(DeliveryInterval, &CarbonFactor)> {
        let mut factors: Vec<(DeliveryInterval, &CarbonFactor)> = Vec::new();
        for (interval, factor) in &self.factors {
            if factors.iter().all(|(_, known)| *known != factor) {
                factors.push((*interval, factor));
            }
        }
        factors
    }
}

fn use_of(line: &PointSettlement, cell: &Cell, factor: &CarbonFactor) -> Use {
    let own = i128::from(line.certified().self_used.0);
    let (used, taken) = (i128::from(line.load.0), i128::from(line.need.0));
    let received = i128::from(line.cancelled.0);
    let covered = own + cell.stored + received + cell.claimed;
    let rest = taken - received - cell.claimed;
    // Milligrams a kilowatt-hour times watt-hours are micrograms.
    let factor = i128::from(factor.milligrams_per_kwh);
    Use {
        used,
        own,
        stored: cell.stored,
        taken,
        received,
        claimed: cell.claimed,
        matched: used.min(covered),
        rest,
        taken_ug: taken * factor,
        rest_ug: rest * factor,
        substituted: i128::from(!line.actual),
    }
}
