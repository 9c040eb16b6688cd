//! Certificates of origin by name, and what is signed about them and follows from that.
//!
//! The rules are RULES.md, section 17. A park certificate is an instrument of the park: it is no
//! Chinese GEC, and links to one by its number.

use crate::registration::ParticipantId;
use std::fmt;
use std::str::FromStr;
use wattle_market::interval::DeliveryInterval;
pub use wattle_market::interval::LocalMonth;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// A certificate's name: where and when its energy was generated, and when it can be used.
///
/// The two intervals differ only where a storage gave the energy back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bincode::Encode, bincode::Decode)]
pub struct CertificateId {
    /// When it was generated; it expires by this.
    pub origin: DeliveryInterval,
    /// The generating point.
    pub point: PointId,
    /// When it was delivered: it covers use in this interval and no other.
    pub interval: DeliveryInterval,
}

impl CertificateId {
    /// Energy that was delivered as it was generated.
    pub fn direct(interval: DeliveryInterval, point: PointId) -> CertificateId {
        CertificateId {
            origin: interval,
            point,
            interval,
        }
    }

    /// Whether no storage came in between.
    pub fn is_direct(&self) -> bool {
        self.origin == self.interval
    }
}

/// `3-1980928`, or `3-1980928-1980960` for energy that a storage gave back.
impl fmt::Display for CertificateId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.point.0, self.origin.0)?;
        if !self.is_direct() {
            write!(formatter, "-{}", self.interval.0)?;
        }
        Ok(())
    }
}

impl FromStr for CertificateId {
    type Err = String;

    fn from_str(text: &str) -> Result<CertificateId, String> {
        let wrong =
            || format!("{text:?} is not a certificate (POINT-INTERVAL or POINT-ORIGIN-INTERVAL)");
        let mut parts = text.split('-');
        let (Some(point), Some(origin)) = (parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let point = PointId(point.parse().map_err(|_| wrong())?);
        let origin = DeliveryInterval(origin.parse().map_err(|_| wrong())?);
        let interval = match parts.next() {
            Some(interval) => DeliveryInterval(interval.parse().map_err(|_| wrong())?),
            None => origin,
        };
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(CertificateId {
            origin,
            point,
            interval,
        })
    }
}

impl serde::Serialize for CertificateId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for CertificateId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What becomes of generation that is charged into a storage.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case", tag = "policy")]
pub enum CertificatePolicy {
    /// It is retired, and discharge has no certificate: China's rule for GECs.
    Cn,
    /// Discharge carries on the origin, first in, first out, less losses: EnergyTag's rule.
    EnergyTag {
        /// What a storage gives back of 10,000 Wh: 1 to 10,000.
        yield_bp: u16,
    },
}

/// What a certificate is cancelled for.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CancelPurpose {
    /// A point's metered use in the certificate's interval.
    Use(PointId),
    /// Somebody who is named and of whose use the park knows nothing.
    Declared(String),
}

/// Tenant: a certificate, or a part of one, becomes another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct TransferItem {
    /// Which.
    pub certificate: CertificateId,
    /// Whose it becomes.
    pub to: ParticipantId,
    /// How much of it.
    pub quantity: WattHours,
}

/// Tenant: a certificate, or a part of one, is used up.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct CancelItem {
    /// Which.
    pub certificate: CertificateId,
    /// How much of it.
    pub quantity: WattHours,
    /// What for.
    pub purpose: CancelPurpose,
}

/// Registrar: a certificate should not have been there.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Withdrawal {
    /// Which.
    pub certificate: CertificateId,
    /// Whose it is.
    pub holder: ParticipantId,
    /// How much of it.
    pub quantity: WattHours,
    /// Why: 1 to 64 bytes.
    pub reason: String,
}

/// Registrar: units of a month are registered elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ExternalLink {
    /// The generating point.
    pub point: PointId,
    /// Whose roll-up.
    pub month: LocalMonth,
    /// Units of 1,000 kWh.
    pub units: u32,
    /// Whether the other registry lets them be traded: exported energy is, self-use is not.
    pub tradable: bool,
    /// The other registry's number: 1 to 64 bytes.
    pub number: String,
}

/// A month's certificates in units of 1,000 kWh: carried + month = units + left.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct RollUp {
    /// Left over from the months before.
    pub carried: WattHours,
    /// The month's own.
    pub month: WattHours,
    /// Whole units.
    pub units: u32,
    /// Left over for the month after.
    pub left: WattHours,
}

/// What follows about certificates after their issue. Variants are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum CertificateFact {
    /// Producer: what he holds of a bundle is final and can move.
    Released {
        /// Its name from now on.
        certificate: CertificateId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// One leg each to who gave and who got.
    Transferred {
        /// Which.
        certificate: CertificateId,
        /// Whose it was.
        from: ParticipantId,
        /// Whose it is.
        to: ParticipantId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// Holder: used up.
    Cancelled {
        /// Which.
        certificate: CertificateId,
        /// Watt-hours.
        quantity: WattHours,
        /// What for.
        purpose: CancelPurpose,
    },
    /// Holder: the registrar took it out.
    Withdrawn {
        /// Which.
        certificate: CertificateId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// Holder: its time is over.
    Expired {
        /// Which.
        certificate: CertificateId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// Producer: a storage charging record, a lot from now on.
    StorageCharged {
        /// The interval.
        interval: DeliveryInterval,
        /// The point.
        point: PointId,
        /// Own generation.
        green: WattHours,
        /// Anything else.
        grey: WattHours,
    },
    /// Producer: a storage discharge record; taken = lost + covered + held.
    StorageDischarged {
        /// Names the lot by its origin; what is held has this name.
        certificate: CertificateId,
        /// Green taken from the lot.
        taken: WattHours,
        /// The part that is lost.
        lost: WattHours,
        /// The part that covered the point's own use: cancelled, not tradable.
        covered: WattHours,
        /// The part that left the point: it stays with the producer and can move.
        held: WattHours,
    },
    /// Producer: green that was never discharged.
    StorageLost {
        /// The lot's interval.
        origin: DeliveryInterval,
        /// The point.
        point: PointId,
        /// Watt-hours.
        quantity: WattHours,
    },
    /// Producer: a month in units of 1,000 kWh.
    RolledUp {
        /// The generating point.
        point: PointId,
        /// The local month.
        month: LocalMonth,
        /// What he held when it became final.
        tradable: RollUp,
        /// What he used himself.
        self_use: RollUp,
    },
    /// Producer: units are registered elsewhere, and move no more.
    Linked {
        /// The generating point.
        point: PointId,
        /// Whose roll-up.
        month: LocalMonth,
        /// Units of 1,000 kWh.
        units: u32,
        /// Whether they were his to sell.
        tradable: bool,
        /// The other registry's number.
        number: String,
    },
}

impl CertificateFact {
    /// The fact's name in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            CertificateFact::Released { .. } => "certificate_released",
            CertificateFact::Transferred { .. } => "certificate_transferred",
            CertificateFact::Cancelled { .. } => "certificate_cancelled",
            CertificateFact::Withdrawn { .. } => "certificate_withdrawn",
            CertificateFact::Expired { .. } => "certificate_expired",
            CertificateFact::StorageCharged { .. } => "storage_charged",
            CertificateFact::StorageDischarged { .. } => "storage_discharged",
            CertificateFact::StorageLost { .. } => "storage_lost",
            CertificateFact::RolledUp { .. } => "certificates_rolled_up",
            CertificateFact::Linked { .. } => "certificates_linked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        let direct = CertificateId::direct(DeliveryInterval(1_980_928), PointId(3));
        let stored = CertificateId {
            interval: DeliveryInterval(1_980_960),
            ..direct
        };
        for (certificate, text) in [(direct, "3-1980928"), (stored, "3-1980928-1980960")] {
            assert_eq!(certificate.to_string(), text);
            assert_eq!(text.parse(), Ok(certificate));
        }
        for text in ["", "3", "3-", "x-1", "3-1-2-3", "-1-2"] {
            let error = text.parse::<CertificateId>().unwrap_err();
            assert!(error.contains("not a certificate"), "{error}");
        }
    }

    #[test]
    fn months_follow_the_local_calendar() {
        // 2026-07-01 00:00 in Shanghai, and a quarter before.
        let july = DeliveryInterval(1_980_928);
        assert_eq!(LocalMonth::of(july, 480).to_string(), "2026-07");
        assert_eq!(LocalMonth::of(july.minus(1), 480).to_string(), "2026-06");
        assert_eq!(LocalMonth::new(2026, 7), Some(LocalMonth::of(july, 480)));
        assert_eq!(LocalMonth::new(2026, 0), None);
        assert_eq!(LocalMonth::new(2026, 13), None);
        let last = LocalMonth::of(DeliveryInterval(u64::MAX), 0);
        assert_eq!(last, LocalMonth(u32::MAX));
    }
}
