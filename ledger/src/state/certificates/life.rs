//! What becomes of certificates after their issue: who holds them, and how they end.
//!
//! All of it begins with a registrar's event; a park without has no row here. Only what is final
//! has a life, so no later run takes back what has moved.

use crate::certificate::{
    CancelItem, CancelPurpose, CertificateFact, CertificateId, TransferItem, Withdrawal,
};
use crate::derived::Fact;
use crate::limits::HOLDERS_PER_CERTIFICATE_MAX;
use crate::registration::{ParticipantId, is_name};
use crate::rejection::Rejection;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::{Facts, State};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// How far certificates have come: the one row of its table, there from the activation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct CertificateCourse {
    /// The first interval whose certificates have a life.
    pub from: DeliveryInterval,
    /// The next interval to become final.
    pub next: DeliveryInterval,
    /// The next interval whose certificates expire.
    pub next_expiry: DeliveryInterval,
}

/// One certificate's account: held = what its holders have + the four ends.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize,
)]
pub struct Life {
    /// What became final.
    pub held: WattHours,
    /// Used up.
    pub cancelled: WattHours,
    /// Beyond its time.
    pub expired: WattHours,
    /// Taken out by the registrar.
    pub withdrawn: WattHours,
    /// Registered elsewhere.
    pub linked: WattHours,
}

impl Life {
    /// What its holders still have.
    pub fn active(&self) -> WattHours {
        let gone = self.cancelled.0 + self.expired.0 + self.withdrawn.0 + self.linked.0;
        WattHours(self.held.0 - gone)
    }
}

/// Certificates by holder.
#[derive(Debug, Clone)]
pub struct Holdings {
    pub(super) course: Table<(), CertificateCourse>,
    lives: Table<CertificateId, Life>,
    rows: Table<(CertificateId, ParticipantId), WattHours>,
    /// Metered use that no certificate covers yet.
    unclaimed: Table<(DeliveryInterval, PointId), WattHours>,
}

parts!(Holdings {
    course,
    lives,
    rows,
    unclaimed
});

impl Default for Holdings {
    fn default() -> Holdings {
        Holdings {
            course: Table::new(table_number::CERTIFICATE_COURSE),
            lives: Table::new(table_number::CERTIFICATE_LIVES),
            rows: Table::new(table_number::CERTIFICATE_HOLDINGS),
            unclaimed: Table::new(table_number::UNCLAIMED_USE),
        }
    }
}

/// How a holding ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Cancelled,
    Expired,
    Withdrawn,
    Linked,
}

impl Holdings {
    /// How far certificates have come; none before their activation.
    pub fn course(&self) -> Option<&CertificateCourse> {
        self.course.get(&())
    }

    /// Whether certificates of an interval have a life.
    pub fn covers(&self, interval: DeliveryInterval) -> bool {
        self.course().is_some_and(|course| interval >= course.from)
    }

    /// A certificate's account, once it is final.
    pub fn life(&self, certificate: &CertificateId) -> Option<&Life> {
        self.lives.get(certificate)
    }

    /// The accounts of all certificates that became final.
    pub fn lives(&self) -> impl Iterator<Item = (&CertificateId, &Life)> {
        self.lives.iter()
    }

    /// All holdings in order.
    pub fn rows(&self) -> &Table<(CertificateId, ParticipantId), WattHours> {
        &self.rows
    }

    /// Who holds how much of a certificate.
    pub fn of(
        &self,
        certificate: CertificateId,
    ) -> impl Iterator<Item = (ParticipantId, WattHours)> {
        let all = (certificate, ParticipantId(0))..=(certificate, ParticipantId(u32::MAX));
        let rows = self.rows.range(all);
        rows.map(|((_, holder), quantity)| (*holder, *quantity))
    }

    /// Holdings of what was generated from one interval to another, both included.
    pub fn generated_between(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> impl Iterator<Item = (&(CertificateId, ParticipantId), &WattHours)> {
        let id = |origin, point, interval| CertificateId {
            origin,
            point: PointId(point),
            interval: DeliveryInterval(interval),
        };
        let first = (id(from, 0, 0), ParticipantId(0));
        let last = (id(to, u32::MAX, u64::MAX), ParticipantId(u32::MAX));
        self.rows.range(first..=last)
    }

    /// Metered use from one interval to another that no certificate covers yet.
    pub fn uncovered_between(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> impl Iterator<Item = (&(DeliveryInterval, PointId), &WattHours)> {
        let places = (from, PointId(0))..=(to, PointId(u32::MAX));
        self.unclaimed.range(places)
    }

    /// All metered use that no certificate covers yet.
    pub(super) fn all_uncovered(
        &self,
    ) -> impl Iterator<Item = (&(DeliveryInterval, PointId), &WattHours)> {
        self.unclaimed.iter()
    }

    /// A point's metered use in an interval that no certificate covers yet.
    pub fn unclaimed(&self, interval: DeliveryInterval, point: PointId) -> WattHours {
        let row = self.unclaimed.get(&(interval, point));
        row.copied().unwrap_or(WattHours::ZERO)
    }

    /// Whether every watt-hour of a certificate is in exactly one place.
    fn is_conserved(&self, certificate: CertificateId) -> bool {
        let held: i64 = self.of(certificate).map(|(_, quantity)| quantity.0).sum();
        self.life(&certificate).is_some_and(|life| {
            let ends = [life.cancelled, life.expired, life.withdrawn, life.linked];
            life.active().0 == held && ends.iter().all(|end| end.0 >= 0)
        })
    }

    fn assert_conserved(&self, certificate: CertificateId) {
        assert!(
            self.is_conserved(certificate),
            "a certificate's holders and ends must sum to what was held"
        );
    }

    /// What became final, in its producer's hands.
    pub(super) fn release(
        &mut self,
        certificate: CertificateId,
        holder: ParticipantId,
        quantity: WattHours,
    ) {
        self.lives.entry(certificate).held.0 += quantity.0;
        self.rows.entry((certificate, holder)).0 += quantity.0;
        self.assert_conserved(certificate);
    }

    /// Use that certificates may be cancelled for.
    pub(super) fn open_use(
        &mut self,
        interval: DeliveryInterval,
        point: PointId,
        quantity: WattHours,
    ) {
        if quantity.0 > 0 {
            self.unclaimed.insert((interval, point), quantity);
        }
    }

    fn take(&mut self, certificate: CertificateId, holder: ParticipantId, quantity: WattHours) {
        let row = self
            .rows
            .get_mut(&(certificate, holder))
            .expect("a holding was looked up before it is changed");
        row.0 -= quantity.0;
        if row.0 == 0 {
            self.rows.remove(&(certificate, holder));
        }
    }

    /// Ends a holding, or a part of it.
    pub(super) fn end(
        &mut self,
        (certificate, holder): (CertificateId, ParticipantId),
        quantity: WattHours,
        end: End,
    ) {
        self.take(certificate, holder, quantity);
        let life = self.lives.entry(certificate);
        let ended = match end {
            End::Cancelled => &mut life.cancelled,
            End::Expired => &mut life.expired,
            End::Withdrawn => &mut life.withdrawn,
            End::Linked => &mut life.linked,
        };
        ended.0 += quantity.0;
        self.assert_conserved(certificate);
    }

    /// Whether a holder has so much of a certificate that is final.
    fn check(
        &self,
        certificate: CertificateId,
        holder: ParticipantId,
        quantity: WattHours,
    ) -> Result<(), Rejection> {
        let course = self
            .course()
            .filter(|course| certificate.origin >= course.from)
            .ok_or(Rejection::CertificatesInactive)?;
        if quantity.0 <= 0 {
            return Err(Rejection::CertificateQuantityInvalid);
        }
        if certificate.interval >= course.next {
            return Err(Rejection::CertificateProvisional);
        }
        match self.rows.get(&(certificate, holder)) {
            None => Err(Rejection::CertificateUnknown),
            Some(held) if *held < quantity => Err(Rejection::CertificateShort),
            Some(_) => Ok(()),
        }
    }
}

fn fact(fact: CertificateFact) -> Fact {
    Fact::Certificate(fact)
}

impl State {
    /// Gives certificates a life from an interval on, whose gate must still be open.
    pub(crate) fn activate_certificates(
        &mut self,
        from: DeliveryInterval,
    ) -> Result<(), Rejection> {
        if !self.clock().is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        let course = self.certificates.holdings.course();
        if course.is_some_and(|course| !self.clock().is_gate_open(course.from)) {
            return Err(Rejection::RulesActive);
        }
        let course = CertificateCourse {
            from,
            next: from,
            next_expiry: from,
        };
        self.certificates.holdings.course.insert((), course);
        Ok(())
    }

    /// Hands a certificate, or a part of it, to another participant.
    pub(crate) fn transfer_certificate(
        &mut self,
        participant: ParticipantId,
        item: &TransferItem,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let TransferItem {
            certificate,
            to,
            quantity,
        } = *item;
        let holdings = &mut self.certificates.holdings;
        holdings.check(certificate, participant, quantity)?;
        if !self.registry.participants().contains(&to) {
            return Err(Rejection::UnknownParticipant);
        }
        if to == participant {
            return Err(Rejection::TransferToSelf);
        }
        let is_new = !holdings.rows.contains(&(certificate, to));
        if is_new && holdings.of(certificate).count() >= HOLDERS_PER_CERTIFICATE_MAX {
            return Err(Rejection::TooManyHolders);
        }
        holdings.take(certificate, participant, quantity);
        holdings.rows.entry((certificate, to)).0 += quantity.0;
        holdings.assert_conserved(certificate);
        for whom in [participant, to] {
            let transferred = CertificateFact::Transferred {
                certificate,
                from: participant,
                to,
                quantity,
            };
            facts.push((Some(whom), fact(transferred)));
        }
        Ok(())
    }

    /// Uses a certificate up: for a point's use in its interval, or for somebody who is named.
    pub(crate) fn cancel_certificate(
        &mut self,
        participant: ParticipantId,
        item: &CancelItem,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let (certificate, quantity) = (item.certificate, item.quantity);
        let holdings = &mut self.certificates.holdings;
        holdings.check(certificate, participant, quantity)?;
        match &item.purpose {
            CancelPurpose::Use(point) => {
                let known = self.registry.points().get(point);
                let known = known.ok_or(Rejection::UnknownPoint)?;
                if known.participant != participant {
                    return Err(Rejection::NotYourPoint);
                }
                let key = (certificate.interval, *point);
                let left = holdings.unclaimed(key.0, key.1).0 - quantity.0;
                match left {
                    ..0 => return Err(Rejection::UseExceeded),
                    0 => {
                        holdings.unclaimed.remove(&key);
                    }
                    _ => holdings.unclaimed.insert(key, WattHours(left)),
                }
            }
            CancelPurpose::Declared(beneficiary) => {
                if !is_name(beneficiary) {
                    return Err(Rejection::BadName);
                }
            }
        }
        holdings.end((certificate, participant), quantity, End::Cancelled);
        let cancelled = CertificateFact::Cancelled {
            certificate,
            quantity,
            purpose: item.purpose.clone(),
        };
        facts.push((Some(participant), fact(cancelled)));
        Ok(())
    }

    /// Takes a certificate, or a part of it, out for the registrar.
    pub(crate) fn withdraw_certificate(
        &mut self,
        withdrawal: &Withdrawal,
        facts: &mut Facts,
    ) -> Result<(), Rejection> {
        let Withdrawal {
            certificate,
            holder,
            quantity,
            ..
        } = *withdrawal;
        let holdings = &mut self.certificates.holdings;
        if !is_name(&withdrawal.reason) {
            return Err(Rejection::BadName);
        }
        holdings.check(certificate, holder, quantity)?;
        holdings.end((certificate, holder), quantity, End::Withdrawn);
        let withdrawn = CertificateFact::Withdrawn {
            certificate,
            quantity,
        };
        facts.push((Some(holder), fact(withdrawn)));
        Ok(())
    }

    /// The next interval whose certificates expire, and when.
    pub(crate) fn next_expiry(&self) -> Option<(Timestamp, DeliveryInterval)> {
        let course = self.certificates.holdings.course()?;
        let offset = self.registry.utc_offset_minutes();
        Some((
            course.next_expiry.certificates_expire(offset),
            course.next_expiry,
        ))
    }

    /// Ends all that was generated in an interval, and what could be claimed there.
    pub(crate) fn expire_certificates(&mut self, interval: DeliveryInterval, facts: &mut Facts) {
        let holdings = &mut self.certificates.holdings;
        let rows = holdings.generated_between(interval, interval);
        let rows: Vec<_> = rows.map(|(key, quantity)| (*key, *quantity)).collect();
        for ((certificate, holder), quantity) in rows {
            holdings.end((certificate, holder), quantity, End::Expired);
            let expired = CertificateFact::Expired {
                certificate,
                quantity,
            };
            facts.push((Some(holder), fact(expired)));
        }
        let uses: Vec<_> = holdings
            .uncovered_between(interval, interval)
            .map(|(key, _)| *key)
            .collect();
        for key in uses {
            holdings.unclaimed.remove(&key);
        }
        let course = holdings.course.get_mut(&());
        let course = course.expect("certificates expire only after their activation");
        course.next_expiry = interval.next();
        self.expire_lots(interval, facts);
    }
}
