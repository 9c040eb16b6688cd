//! The books of certificates, kept a second time from the leaves alone.
//!
//! A replay shows that the leaves follow from the events. These books know nothing of the state
//! machine: they add up what was released, moved, used and ended, and fail where a watt-hour would
//! be in two places or in none. They begin with the activation, so other logs cost nothing.

mod continued;

use crate::certificate::{CancelPurpose, CertificateFact as What, CertificateId, RollUp};
use crate::derived::Fact;
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::registration::{ParticipantId, RuleSet};
use crate::verify::claim::{Claim, Findings};
use crate::verify::replay::Leaf;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::PointSettlement;
use wattle_market::units::WattHours;

/// One certificate: what was held, who holds it, and how much has ended.
#[derive(Debug, Default)]
struct Shares {
    held: i128,
    holders: BTreeMap<ParticipantId, i128>,
    gone: i128,
}

/// What certificates may still cover of a point's use.
#[derive(Debug, Clone, Copy, Default)]
struct Uses {
    /// Own use beyond own generation.
    own: i128,
    /// What was taken from outside the point and no delivery covers.
    taken: i128,
}

/// A place of metering in time.
type Place = (DeliveryInterval, PointId);

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    is_open: bool,
    /// Held and stored, as issued or last adjusted.
    bundles: BTreeMap<Place, (i128, i128)>,
    uses: BTreeMap<Place, Uses>,
    shares: BTreeMap<CertificateId, Shares>,
    /// Green that is still in a storage.
    lots: BTreeMap<Place, i128>,
    /// Released since the point's last roll-up, and left over from it.
    months: BTreeMap<PointId, (i128, i128)>,
    /// Certificates that this batch touched.
    touched: BTreeSet<CertificateId>,
}

impl Books {
    /// Takes in one complete batch.
    pub(crate) fn batch(&mut self, leaves: &[Leaf], findings: &mut Findings) {
        for leaf in leaves {
            match &leaf.entry {
                Entry::Event { signed, outcome } if !self.is_open && *outcome == [0] => {
                    self.is_open = activates(signed);
                }
                Entry::Derived {
                    participant, fact, ..
                } if self.is_open => {
                    let whom = participant.unwrap_or_default();
                    if let Err(reason) = self.fact(whom, fact) {
                        findings.fail(Claim::Certificates, Some(leaf.index), reason);
                    }
                }
                _ => {}
            }
        }
        let first = leaves.first().map(|leaf| leaf.index);
        for certificate in std::mem::take(&mut self.touched) {
            let shares = &self.shares[&certificate];
            let sum: i128 = shares.holders.values().sum();
            if sum + shares.gone != shares.held {
                let reason = format!("certificate {certificate} is not in one place as a whole");
                findings.fail(Claim::Certificates, first, reason);
            }
        }
        self.forget();
    }

    /// Drops what is too old to be named again: certificates are valid for 24 months.
    fn forget(&mut self) {
        let Some(((newest, _), _)) = self.uses.last_key_value() else {
            return;
        };
        let oldest = newest.minus(REMEMBERED_INTERVALS);
        while self
            .uses
            .first_key_value()
            .is_some_and(|row| row.0.0 < oldest)
        {
            self.uses.pop_first();
        }
        while self
            .bundles
            .first_key_value()
            .is_some_and(|row| row.0.0 < oldest)
        {
            self.bundles.pop_first();
        }
        let is_over = |(id, shares): (&CertificateId, &Shares)| {
            id.origin < oldest && shares.holders.is_empty()
        };
        while self.shares.first_key_value().is_some_and(is_over) {
            self.shares.pop_first();
        }
    }

    fn fact(&mut self, whom: ParticipantId, fact: &Fact) -> Result<(), String> {
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
            } => self.line((*interval, *point), line),
            Fact::CertificateIssued {
                interval,
                point,
                held,
                stored,
                ..
            } => self.bundle((*interval, *point), *held, *stored),
            Fact::CertificateAdjusted {
                interval,
                point,
                after,
                ..
            } => self.bundle((*interval, *point), after.held, after.stored),
            Fact::Certificate(what) => return self.what(whom, what),
            _ => {}
        }
        Ok(())
    }

    fn line(&mut self, place: Place, line: &PointSettlement) {
        let uses = Uses {
            own: i128::from(line.load.0) - i128::from(line.green.self_used.0),
            taken: i128::from(line.need.0) - i128::from(line.cancelled.0),
        };
        let uses = if line.actual { uses } else { Uses::default() };
        self.uses.insert(place, uses);
    }

    fn bundle(&mut self, place: Place, held: WattHours, stored: WattHours) {
        let bundle = (i128::from(held.0), i128::from(stored.0));
        self.bundles.insert(place, bundle);
    }

    fn what(&mut self, whom: ParticipantId, what: &What) -> Result<(), String> {
        match what {
            What::Released {
                certificate,
                quantity,
            } => self.released(*certificate, whom, quantity.0.into()),
            What::Transferred {
                certificate,
                from,
                to,
                quantity,
            } => {
                // Two leaves tell one transfer: who gave loses in his, who got gains in his.
                let quantity = i128::from(quantity.0);
                let gained = if whom == *to { quantity } else { -quantity };
                if quantity <= 0 || from == to || (whom != *from && whom != *to) {
                    return Err("the transfer has not two sides".to_owned());
                }
                self.hold(*certificate, whom, gained)
            }
            What::Cancelled {
                certificate,
                quantity,
                purpose,
            } => {
                if let CancelPurpose::Use(point) = purpose {
                    let quantity = i128::from(quantity.0);
                    self.cover((certificate.interval, *point), quantity, quantity)?;
                }
                self.end(*certificate, whom, quantity.0.into())
            }
            What::Withdrawn {
                certificate,
                quantity,
            }
            | What::Expired {
                certificate,
                quantity,
            } => self.end(*certificate, whom, quantity.0.into()),
            What::StorageCharged {
                interval,
                point,
                green,
                ..
            } => self.charged((*interval, *point), green.0.into()),
            What::StorageDischarged {
                certificate,
                taken,
                lost,
                covered,
                held,
            } => {
                let place = (certificate.origin, certificate.point);
                self.draw(place, taken.0.into())?;
                let parts = [lost, covered, held].map(|part| i128::from(part.0));
                let is_sum = parts.iter().sum::<i128>() == i128::from(taken.0);
                if !is_sum || parts.iter().any(|part| *part < 0) || certificate.is_direct() {
                    return Err("the parts of the discharge are not what was taken".to_owned());
                }
                let used = (certificate.interval, certificate.point);
                self.cover(used, covered.0.into(), 0)?;
                if held.0 > 0 {
                    self.add(*certificate, whom, held.0.into())?;
                }
                Ok(())
            }
            What::StorageLost {
                origin,
                point,
                quantity,
            } => self.draw((*origin, *point), quantity.0.into()),
            What::RolledUp {
                point,
                tradable,
                self_use,
                ..
            } => self.rolled_up(*point, tradable, self_use),
            What::Linked {
                point,
                units,
                tradable: true,
                ..
            } => self.linked(*point, whom, i128::from(*units) * UNIT),
            What::Linked { .. } => Ok(()),
        }
    }

    fn released(
        &mut self,
        certificate: CertificateId,
        whom: ParticipantId,
        quantity: i128,
    ) -> Result<(), String> {
        let place = (certificate.origin, certificate.point);
        let held = self.bundles.get(&place).map(|bundle| bundle.0);
        if held != Some(quantity) || !certificate.is_direct() {
            return Err(format!("{quantity} Wh were released, {held:?} were held"));
        }
        self.months.entry(certificate.point).or_default().0 += quantity;
        self.add(certificate, whom, quantity)
    }

    /// A certificate begins; it does so once.
    fn add(
        &mut self,
        certificate: CertificateId,
        whom: ParticipantId,
        quantity: i128,
    ) -> Result<(), String> {
        if self.shares.contains_key(&certificate) {
            return Err(format!("certificate {certificate} began before"));
        }
        self.shares.entry(certificate).or_default().held = quantity;
        self.hold(certificate, whom, quantity)
    }

    fn hold(
        &mut self,
        certificate: CertificateId,
        whom: ParticipantId,
        gained: i128,
    ) -> Result<(), String> {
        let shares = self.shares.get_mut(&certificate);
        let shares = shares.ok_or_else(|| format!("no certificate is called {certificate}"))?;
        self.touched.insert(certificate);
        let holding = shares.holders.entry(whom).or_default();
        *holding += gained;
        match *holding {
            ..0 => Err(format!(
                "more of certificate {certificate} went than was there"
            )),
            0 => {
                shares.holders.remove(&whom);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn end(
        &mut self,
        certificate: CertificateId,
        whom: ParticipantId,
        quantity: i128,
    ) -> Result<(), String> {
        self.hold(certificate, whom, -quantity)?;
        self.shares.entry(certificate).or_default().gone += quantity;
        Ok(())
    }

    fn cover(&mut self, place: Place, own: i128, taken: i128) -> Result<(), String> {
        let uses = self.uses.entry(place).or_default();
        uses.own -= own;
        uses.taken -= taken;
        if uses.own < 0 || uses.taken < 0 && taken > 0 {
            let (interval, point) = place;
            return Err(format!("more is covered than {point} used in {interval}"));
        }
        Ok(())
    }

    fn charged(&mut self, place: Place, green: i128) -> Result<(), String> {
        let stored = self.bundles.get(&place).map(|bundle| bundle.1);
        if stored != Some(green) || self.lots.insert(place, green).is_some() {
            return Err(format!("{green} Wh became a lot, {stored:?} were stored"));
        }
        Ok(())
    }

    fn draw(&mut self, place: Place, quantity: i128) -> Result<(), String> {
        let lot = self.lots.entry(place).or_default();
        *lot -= quantity;
        match *lot {
            ..0 => Err("more came out of the storage than went in".to_owned()),
            0 => {
                self.lots.remove(&place);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn rolled_up(
        &mut self,
        point: PointId,
        tradable: &RollUp,
        self_use: &RollUp,
    ) -> Result<(), String> {
        let (released, left) = self.months.entry(point).or_default();
        let is_whole = i128::from(tradable.month.0) == *released
            && i128::from(tradable.carried.0) == *left
            && [tradable, self_use].iter().all(|row| is_sum(row));
        (*released, *left) = (0, i128::from(tradable.left.0));
        if !is_whole {
            return Err("the units of the month are not what was held".to_owned());
        }
        Ok(())
    }

    /// Units leave with the producer's own certificates of the point, oldest first.
    fn linked(&mut self, point: PointId, whom: ParticipantId, units: i128) -> Result<(), String> {
        let mut left = units;
        let own = |(id, shares): (&CertificateId, &Shares)| {
            let held = shares.holders.get(&whom).copied().unwrap_or(0);
            (id.point == point && id.is_direct() && held > 0).then_some((*id, held))
        };
        let own: Vec<(CertificateId, i128)> = self.shares.iter().filter_map(own).collect();
        for (certificate, held) in own {
            let part = held.min(left);
            if part > 0 {
                self.end(certificate, whom, part)?;
            }
            left -= part;
        }
        if left > 0 {
            return Err("more units are linked than the producer held".to_owned());
        }
        Ok(())
    }
}

/// More than 24 months and the month in which they begin.
const REMEMBERED_INTERVALS: u64 = 800 * DeliveryInterval::PER_DAY;

/// How long a signed ActivateRules is: only those are read, since a log has many events.
pub(super) const ACTIVATION_BYTES: usize = 1 + 32 + 8 + 8 + 4 + 4 + 8 + 64;

/// Watt-hours of one unit.
const UNIT: i128 = 1_000_000;

fn is_sum(row: &RollUp) -> bool {
    let units = i128::from(row.units) * UNIT;
    let sum = i128::from(row.carried.0) + i128::from(row.month.0);
    sum == units + i128::from(row.left.0) && (0..UNIT).contains(&row.left.0.into())
}

fn activates(signed: &[u8]) -> bool {
    signed.len() == ACTIVATION_BYTES
        && SignedEvent::parse(signed).is_ok_and(|event| match event.body().action {
            Action::ActivateRules { rules, .. } => rules == RuleSet::Certificates,
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventBody;
    use crate::hash::Hash;
    use crate::keys::SigningKey;
    use wattle_market::interval::Timestamp;

    const NOON: DeliveryInterval = DeliveryInterval(1_980_976);
    const ROOF: PointId = PointId(1);
    const ALICE: ParticipantId = ParticipantId(1);
    const BOB: ParticipantId = ParticipantId(2);

    fn noon() -> CertificateId {
        CertificateId::direct(NOON, ROOF)
    }

    /// Books in which 5 kWh of the roof are held, 4 stored, and its own use is 3 kWh.
    fn books() -> Books {
        let mut books = Books {
            is_open: true,
            ..Books::default()
        };
        books.bundle((NOON, ROOF), WattHours(5_000), WattHours(4_000));
        let uses = Uses {
            own: 3_000,
            taken: 3_000,
        };
        books.uses.insert((NOON, ROOF), uses);
        books.released(noon(), ALICE, 5_000).unwrap();
        books
    }

    fn transferred(quantity: i64) -> What {
        What::Transferred {
            certificate: noon(),
            from: ALICE,
            to: BOB,
            quantity: WattHours(quantity),
        }
    }

    fn used(quantity: i64) -> What {
        What::Cancelled {
            certificate: noon(),
            quantity: WattHours(quantity),
            purpose: CancelPurpose::Use(ROOF),
        }
    }

    #[track_caller]
    fn fails(result: Result<(), String>, reason: &str) {
        let error = result.unwrap_err();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn books_begin_with_the_activation() {
        let key = SigningKey::from_seed(&[7; 32]);
        let signed = |rules| {
            let body = EventBody {
                version: 0,
                author: key.public(),
                sequence: 1,
                issued_at: Timestamp(0),
                action: Action::ActivateRules { rules, from: NOON },
            };
            SignedEvent::sign(&Hash::ZERO, &body, &key).bytes().to_vec()
        };
        assert!(activates(&signed(RuleSet::Certificates)));
        assert!(!activates(&signed(RuleSet::FinalRuns)));
    }

    #[test]
    fn what_is_over_is_forgotten_and_what_somebody_holds_is_not() {
        let mut books = books();
        let later = (NOON.plus(REMEMBERED_INTERVALS + 1), ROOF);
        books.uses.insert(later, Uses::default());
        books.forget();
        assert_eq!((books.uses.len(), books.bundles.len()), (1, 0));
        assert_eq!(books.shares.len(), 1);
        books.end(noon(), ALICE, 5_000).unwrap();
        books.forget();
        assert_eq!(books.shares.len(), 0);
    }

    #[test]
    fn what_was_not_held_is_not_released_and_nothing_twice() {
        fails(books().released(noon(), ALICE, 5_000), "began before");
        let other = CertificateId::direct(NOON.next(), ROOF);
        fails(books().released(other, ALICE, 5_000), "were held");
        let mut fresh = Books::default();
        fresh.bundle((NOON, ROOF), WattHours(4_999), WattHours::ZERO);
        fails(fresh.released(noon(), ALICE, 5_000), "were held");
    }

    #[test]
    fn nobody_gives_more_than_he_has() {
        fails(books().what(ALICE, &transferred(5_001)), "than was there");
        let mut sound = books();
        sound.what(ALICE, &transferred(5_000)).unwrap();
        sound.what(BOB, &transferred(5_000)).unwrap();
        fails(sound.what(ALICE, &transferred(1)), "than was there");
        fails(books().what(ParticipantId(3), &transferred(1)), "two sides");
    }

    #[test]
    fn a_transfer_with_one_leg_leaves_a_hole() {
        let mut books = books();
        books.what(ALICE, &transferred(1_000)).unwrap();
        let mut findings = Findings::default();
        books.batch(&[], &mut findings);
        let claims = findings.into_claims();
        let certificates = claims.iter().find(|claim| claim.claim == "certificates");
        assert!(certificates.unwrap().reason.contains("in one place"));
    }

    #[test]
    fn use_is_covered_once() {
        let mut books = books();
        books.what(ALICE, &used(2_000)).unwrap();
        fails(books.what(ALICE, &used(1_001)), "more is covered");
    }

    #[test]
    fn a_storage_gives_what_went_in() {
        let mut books = books();
        fails(books.charged((NOON, ROOF), 4_001), "were stored");
        books.charged((NOON, ROOF), 4_000).unwrap();
        fails(books.charged((NOON, ROOF), 4_000), "were stored");
        let discharged = |taken: i64, lost: i64, held: i64| What::StorageDischarged {
            certificate: CertificateId {
                interval: NOON.next(),
                ..noon()
            },
            taken: WattHours(taken),
            lost: WattHours(lost),
            covered: WattHours::ZERO,
            held: WattHours(held),
        };
        fails(books.what(ALICE, &discharged(100, 10, 91)), "the parts");
        books.what(ALICE, &discharged(3_000, 300, 2_700)).unwrap();
        fails(
            books.what(ALICE, &discharged(1_000, 100, 900)),
            "than went in",
        );
    }

    #[test]
    fn units_are_whole_and_backed() {
        let row = |month: i64, units: u32, left: i64| RollUp {
            carried: WattHours::ZERO,
            month: WattHours(month),
            units,
            left: WattHours(left),
        };
        let none = RollUp::default();
        let sound = row(5_000, 0, 5_000);
        books().rolled_up(ROOF, &sound, &none).unwrap();
        for bad in [
            row(5_001, 0, 5_001),
            row(5_000, 1, -995_000),
            row(5_000, 0, 4_999),
        ] {
            fails(books().rolled_up(ROOF, &bad, &none), "not what was held");
        }
        books().linked(ROOF, ALICE, 5_000).unwrap();
        fails(books().linked(ROOF, ALICE, 5_001), "than the producer held");
        fails(books().linked(ROOF, BOB, 1), "than the producer held");
    }
}
