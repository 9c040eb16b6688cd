//! Certificates of origin: private to their holders, producers and the park's offices.

use super::Extent;
use serde::{Deserialize, Serialize};
use wattle_ledger::certificate::{CertificateId, LocalMonth, RollUp};
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

/// `GET /v1/certificates?participant=N&from=N&to=N`: what one holds that was generated from `from`
/// up to and including `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificates {
    /// Whose.
    pub participant: ParticipantId,
    /// The first interval whose certificates move; none: the rules are not in force.
    pub active_from: Option<DeliveryInterval>,
    /// The next interval to become final.
    pub next_final: Option<DeliveryInterval>,
    /// Certificates by origin, provisional ones included.
    pub certificates: Vec<HeldCertificate>,
    /// Use of one's points that no certificate covers yet.
    pub uncovered: Vec<UncoveredUse>,
    /// Months of one's points in units of 1,000 kWh.
    pub months: Vec<RolledUpMonth>,
    /// Whether there is more than one answer holds; ask for a shorter period.
    pub is_cut: bool,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// One certificate in one's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCertificate {
    /// Its name.
    pub certificate: CertificateId,
    /// When it was delivered.
    pub interval: DeliveryInterval,
    /// Watt-hours.
    pub quantity: WattHours,
    /// Whether a run may still change it; it cannot move before.
    pub is_provisional: bool,
    /// When it ends.
    pub expires_ms: Timestamp,
}

/// Metered use that may be covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UncoveredUse {
    /// The point.
    pub point: PointId,
    /// The interval.
    pub interval: DeliveryInterval,
    /// Watt-hours.
    pub quantity: WattHours,
}

/// A point's month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledUpMonth {
    /// The generating point.
    pub point: PointId,
    /// The local month.
    pub month: LocalMonth,
    /// What was held.
    pub tradable: RollUp,
    /// What was used at the point itself.
    pub self_use: RollUp,
    /// Units that are registered elsewhere.
    pub links: Vec<Link>,
}

/// Units that are registered elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other registry's number.
    pub number: String,
    /// Units of 1,000 kWh.
    pub units: u32,
    /// Whether the other registry lets them be traded.
    pub tradable: bool,
}

/// `GET /v1/certificates/ID?participant=N`: one certificate, for its producer, a holder or an
/// office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Its name.
    pub certificate: CertificateId,
    /// When it was generated.
    pub origin: DeliveryInterval,
    /// The generating point.
    pub point: PointId,
    /// Whose point that is.
    pub producer: ParticipantId,
    /// When it was delivered: it covers use of this interval.
    pub interval: DeliveryInterval,
    /// When it ends.
    pub expires_ms: Timestamp,
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
    /// What the participant holds of it.
    pub holding: WattHours,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}
