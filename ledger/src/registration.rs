//! What the registry holds: participants, points, meters, keys' roles, tariffs and factors.

use crate::keys::PublicKey;
use crate::limits::NAME_BYTES_MAX;
use std::fmt;
use wattle_market::interval::DeliveryInterval;
use wattle_market::limits::PRICE_MAX;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::units::{Money, WattHours};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default,
            bincode::Encode, bincode::Decode, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

id!(
    /// A tenant, or anyone else who has an account in the park.
    ParticipantId(u32)
);
id!(
    /// A meter: one register that counts one direction of energy.
    MeterId(u32)
);
id!(
    /// A node's Raft id; never 0 and never reused.
    NodeId(u64)
);
id!(
    /// A retail tariff.
    TariffId(u16)
);
id!(
    /// A group of affiliates.
    AffiliateGroupId(u16)
);

/// Someone with an account.
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
pub struct Participant {
    /// Chosen by the registrar, unused so far.
    pub id: ParticipantId,
    /// Unique in the park: 1 to 64 bytes without control characters.
    pub name: String,
}

/// How a point's energy is measured: SETTLEMENT.md allows one of the two, never both added.
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
#[serde(rename_all = "snake_case")]
pub enum Metering {
    /// A complete load meter, with sub-meters for generation and storage.
    LoadMeter,
    /// A meter at the building connection; the load is what remains.
    ConnectionMeter,
}

/// One participant at one building connection: what every meter and order names.
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
pub struct Point {
    /// Chosen by the registrar, unused so far.
    pub id: PointId,
    /// Whose point it is.
    pub participant: ParticipantId,
    /// The building connection.
    pub building: BuildingId,
    /// The retail tariff that prices what the grid delivers here.
    pub tariff: TariffId,
    /// Rated generation and discharge together, in watts: bounds what may be sold.
    pub generation_w: u32,
    /// Rated connection, in watts: bounds what may be bought.
    pub connection_w: u32,
    /// How the point is measured.
    pub metering: Metering,
    /// The first interval the point takes part in; its gate must still be open.
    pub from: DeliveryInterval,
}

/// What a meter's register counts.
pub use wattle_market::substitute::Register as MeterKind;

/// A cumulative register and the key that signs it.
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
pub struct Meter {
    /// Chosen by the registrar, unused so far.
    pub id: MeterId,
    /// The point it measures.
    pub point: PointId,
    /// What it counts.
    pub kind: MeterKind,
    /// Signs the readings; must be unused so far.
    pub key: PublicKey,
    /// The first interval it measures; its gate must still be open.
    pub from: DeliveryInterval,
    /// The register at the start of that interval.
    pub register: WattHours,
    /// The most it can measure, in watts: bounds a step of the register.
    pub rated_w: u32,
}

/// A meter at one of the park's connections to the utility. It measures no point, and nothing of
/// it is ever added to one.
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
pub struct BoundaryMeter {
    /// Chosen by the registrar, unused so far by any meter.
    pub id: MeterId,
    /// Import or export, as the park sees it.
    pub kind: MeterKind,
    /// Signs the readings; must be unused so far.
    pub key: PublicKey,
    /// The first interval it measures; its gate must still be open.
    pub from: DeliveryInterval,
    /// The register at the start of that interval.
    pub register: WattHours,
    /// The most it can measure, in watts: bounds a step of the register.
    pub rated_w: u32,
}

/// What a key may sign.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The registry: participants, points, meters, keys, tariffs, terms, factors.
    Registrar,
    /// Deposits, withdrawals and credit limits.
    Treasurer,
    /// Nothing in the ledger; reads what is private to the park.
    Regulator,
    /// Readings of one meter.
    Meter(MeterId),
    /// Orders and standing instructions of one participant.
    Tenant(ParticipantId),
    /// Orders of one participant within limits that he signed.
    Delegate(ParticipantId),
    /// What a node finds out by itself: checkpoints of other logs.
    Node(NodeId),
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Registrar => formatter.write_str("registrar"),
            Role::Treasurer => formatter.write_str("treasurer"),
            Role::Regulator => formatter.write_str("regulator"),
            Role::Meter(meter) => write!(formatter, "meter {meter}"),
            Role::Tenant(participant) => write!(formatter, "tenant {participant}"),
            Role::Delegate(participant) => write!(formatter, "delegate of tenant {participant}"),
            Role::Node(node) => write!(formatter, "node {node}"),
        }
    }
}

/// Rules that a registrar puts in force; until then a park keeps those that it was founded with.
/// Variants are only ever appended.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum RuleSet {
    /// RULES.md, section 9: the final run, readings refused after it, and meter keys that freeze
    /// when they contradict themselves.
    FinalRuns,
    /// RULES.md, section 13: the price index of each local day that begins in force.
    PriceIndex,
    /// RULES.md, section 17: certificates that move and end.
    Certificates,
    /// RULES.md, section 18: invoices, demand charges and fees when a month closes.
    MonthClose,
    /// RULES.md, section 16: a joint auction at noon for each local day from one on.
    JointAuction,
}

/// How an interval's orders meet.
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
#[serde(rename_all = "snake_case")]
pub enum MarketMode {
    /// All at once at the gate, at one price: the rule where nothing else is set.
    #[default]
    CallAuction,
    /// Each as it is recorded, at the price of the order that rested (RULES.md, section 15).
    Continuous,
}

/// What a delegated key may do.
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
pub struct DelegationLimits {
    /// Points it may order for: 1 to 64, ids ascending.
    pub points: Vec<PointId>,
    /// The most that one order may have.
    pub order_energy: WattHours,
    /// The most that its orders for one local delivery day may come to.
    pub day_energy: WattHours,
    /// The most that these orders may come to at their limits, in nano-yuan.
    pub day_money: Money,
    /// The first delivery interval it may order for.
    pub from: DeliveryInterval,
    /// The first delivery interval after those.
    pub until: DeliveryInterval,
}

/// Grams of CO2 a kilowatt-hour from the grid is counted with, and where the figure comes from.
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
pub struct CarbonFactor {
    /// What the factor is called.
    pub name: String,
    /// The year it stands for.
    pub year: u16,
    /// Milligrams of CO2 per kWh.
    pub milligrams_per_kwh: u32,
    /// The document it is taken from.
    pub source: String,
}

impl CarbonFactor {
    /// A named factor of at most 10 kg per kWh.
    pub fn check(&self) -> Result<(), String> {
        if !is_name(&self.name) || !is_name(&self.source) {
            return Err("a factor's name and source have 1 to 64 bytes each".to_owned());
        }
        if self.milligrams_per_kwh > 10_000_000 {
            return Err("a factor is at most 10 kg of CO2 per kWh".to_owned());
        }
        Ok(())
    }
}

/// 1 to 64 bytes without control characters.
pub fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Prices of the park within the market's bounds, and export no dearer than feed-in.
pub fn check_terms(terms: &ParkTerms) -> Result<(), String> {
    for (name, price) in [
        ("feed-in", terms.feed_in),
        ("export", terms.export),
        ("wheeling", terms.wheeling),
    ] {
        if !(0..=PRICE_MAX).contains(&price.0) {
            return Err(format!(
                "the {name} price {price} is not between 0 and 100 CNY/kWh"
            ));
        }
    }
    if terms.export > terms.feed_in {
        return Err("the export price must not be above the feed-in price".to_owned());
    }
    Ok(())
}
