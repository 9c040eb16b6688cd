//! What authors sign.
//!
//! `SignedEvent = body ‖ Ed25519 signature` over `"wattle/event/v0\n" ‖ park id (32) ‖ body`, so
//! that no event can be replayed into another park. The bytes are stored and hashed exactly as
//! they came and are never encoded again.

use crate::billing::{MonthCloseTerms, UtilityBill};
use crate::certificate::{CancelItem, CertificatePolicy, ExternalLink, TransferItem, Withdrawal};
use crate::codec;
use crate::genesis::NodeRecord;
use crate::hash::{Hash, sha256};
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::limits::EVENT_BYTES_MAX;
use crate::membership::NodeStanding;
use crate::registration::{
    AffiliateGroupId, BoundaryMeter, CarbonFactor, DelegationLimits, MarketMode, Meter, MeterId,
    NodeId, Participant, ParticipantId, Point, Role, RuleSet, TariffId,
};
use crate::rejection::Rejection;
use crate::state::registers::Ratio;
use std::fmt;
use std::str::FromStr;
use wattle_market::interval::{DeliveryInterval, LocalMonth, Timestamp};
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

/// Prefix of every event's signed message.
pub const EVENT_DOMAIN: &[u8] = b"wattle/event/v0\n";
/// Prefix of the message that a new key signs when it takes over from an old one.
pub const ROTATION_DOMAIN: &[u8] = b"wattle/rotation/v0\n";
/// Prefix of the message that a delegated key signs when a tenant's key gives it limits.
pub const DELEGATION_DOMAIN: &[u8] = b"wattle/delegation/v0\n";
/// The version of events this program reads and writes.
pub const EVENT_VERSION: u8 = 0;

/// What an author says.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct EventBody {
    /// [`EVENT_VERSION`].
    pub version: u8,
    /// Whose signature follows.
    pub author: PublicKey,
    /// The key's last recorded sequence plus 1; the first is 1.
    pub sequence: u64,
    /// When the author says it was signed; no rule reads it.
    pub issued_at: Timestamp,
    /// What is to be done.
    pub action: Action,
}

/// One thing to be done. Variants are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum Action {
    /// Registrar: a new participant with an empty account.
    RegisterParticipant(Participant),
    /// Registrar: a new point of a participant.
    RegisterPoint(Point),
    /// Registrar: a new meter at a point, with its key.
    RegisterMeter(Meter),
    /// Registrar: a further key with a role. Meter keys come with their meters.
    AddKey {
        /// The new key.
        key: PublicKey,
        /// What it may sign.
        role: Role,
    },
    /// Any key: a new key takes over the author's role, and the author's key ends.
    RotateKey {
        /// The new key.
        new: PublicKey,
        /// The new key's signature over [`rotation_message`].
        proof: Signature,
    },
    /// Registrar: a key ends.
    RevokeKey {
        /// The key.
        key: PublicKey,
    },
    /// Registrar: a retail tariff from an interval on.
    SetTariff {
        /// Which tariff.
        tariff: TariffId,
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// Its prices.
        prices: Tariff,
    },
    /// Registrar: feed-in, export and wheeling prices from an interval on.
    SetTerms {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// The prices.
        terms: ParkTerms,
    },
    /// Registrar: an emission factor from an interval on.
    SetFactor {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// The factor.
        factor: CarbonFactor,
    },
    /// Treasurer: money that arrived for a participant.
    Deposit {
        /// Whose account.
        participant: ParticipantId,
        /// Nano-yuan, above zero.
        amount: Money,
        /// The bank's reference.
        reference: String,
    },
    /// Treasurer: money paid out to a participant.
    Withdraw {
        /// Whose account.
        participant: ParticipantId,
        /// Nano-yuan, above zero.
        amount: Money,
        /// The bank's reference.
        reference: String,
    },
    /// Treasurer: how far below zero a participant may trade.
    SetCreditLimit {
        /// Whose account.
        participant: ParticipantId,
        /// Nano-yuan, zero or above.
        limit: Money,
    },
    /// Meter: registers at the ends of intervals.
    SubmitReadings(Vec<Reading>),
    /// Tenant: orders for delivery intervals.
    PlaceOrders(Vec<OrderItem>),
    /// Tenant: open orders to be taken back.
    CancelOrders(Vec<OrderId>),
    /// Tenant: how a point takes part in the surplus pool from the next open gate on.
    SetStandingInstruction {
        /// The point.
        point: PointId,
        /// Whether it takes part in the pool.
        enrolled: bool,
        /// The least it wants for surplus.
        ask_limit: Price,
        /// The most it pays for need; none: whatever saves money.
        bid_limit: Option<Price>,
    },
    /// Registrar: a set of rules is in force from an interval on.
    ActivateRules {
        /// Which rules.
        rules: RuleSet,
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
    },
    /// Registrar: a recorded register was wrong, and another takes its place.
    CorrectReading {
        /// The meter.
        meter: MeterId,
        /// The interval at whose end the register stood.
        interval: DeliveryInterval,
        /// The right register.
        register: WattHours,
        /// Why: 1 to 64 bytes.
        reason: String,
    },
    /// Registrar: a frozen meter key may sign again.
    LiftFreeze {
        /// The key.
        key: PublicKey,
    },
    /// Tenant: orders for delivery intervals, each with the least that it accepts.
    PlaceOrdersWith(Vec<OrderWithMinimum>),
    /// Tenant: another quantity and limit for open orders.
    ChangeOrders(Vec<OrderChange>),
    /// Tenant: all open orders to be taken back, of one point or interval if it is named.
    CancelAll {
        /// Only orders of this point.
        point: Option<PointId>,
        /// Only orders for this interval.
        interval: Option<DeliveryInterval>,
    },
    /// Registrar: participants that count as one where orders cross.
    SetAffiliates {
        /// Which group.
        group: AffiliateGroupId,
        /// All its members, ids ascending; none dissolves it.
        members: Vec<ParticipantId>,
    },
    /// Registrar: no orders and no auction from an interval on.
    HaltMarket {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// The first interval that is not halted; none: until the market is resumed.
        until: Option<DeliveryInterval>,
    },
    /// Registrar: every halt ends.
    ResumeMarket {
        /// The first interval that is not halted, whose gate must still be open.
        from: DeliveryInterval,
    },
    /// Registrar: the least and the greatest limit of an order from an interval on.
    SetPriceBounds {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// The least limit.
        floor: Price,
        /// The greatest limit.
        cap: Price,
    },
    /// Registrar: a meter's register started anew in the course of an interval.
    ResetRegister {
        /// The meter.
        meter: MeterId,
        /// The interval.
        interval: DeliveryInterval,
        /// The register just before.
        last: WattHours,
        /// The register just after.
        start: WattHours,
    },
    /// Registrar: another device took a meter's place in the course of an interval.
    ReplaceMeter {
        /// The meter, whose id, point, kind and rating stay.
        meter: MeterId,
        /// The interval.
        interval: DeliveryInterval,
        /// The old device's last register.
        last: WattHours,
        /// The new device's first register.
        start: WattHours,
        /// The transformer ratio from there on.
        ratio: Ratio,
        /// Signs the readings from now on; the meter's keys so far end.
        key: PublicKey,
    },
    /// Registrar: a meter counts behind other transformers from the start of an interval on.
    SetRatio {
        /// The meter.
        meter: MeterId,
        /// The first interval.
        from: DeliveryInterval,
        /// The register at its start.
        register: WattHours,
        /// The ratio from there on.
        ratio: Ratio,
    },
    /// Registrar: a point takes no part from an interval on.
    EndPoint {
        /// The point.
        point: PointId,
        /// The first interval without it, whose gate must still be open.
        from: DeliveryInterval,
    },
    /// Registrar: a meter measures another point from an interval on.
    AssignMeter {
        /// The meter.
        meter: MeterId,
        /// The other point.
        point: PointId,
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
    },
    /// Tenant: a key that may order for him within limits.
    Delegate {
        /// The new key.
        key: PublicKey,
        /// What it may do.
        limits: DelegationLimits,
        /// The new key's signature over [`delegation_message`].
        proof: Signature,
    },
    /// Tenant: a delegated key of his ends. Registrar: any delegated key ends.
    RevokeDelegate {
        /// The key.
        key: PublicKey,
    },
    /// Tenant: how a point takes part in the surplus pool by weekday and time of day.
    SetSchedule {
        /// The point.
        point: PointId,
        /// The first that fits holds; where none does, the standing instruction.
        entries: Vec<ScheduleEntry>,
    },
    /// Tenant: certificates that become another's.
    TransferCertificates(Vec<TransferItem>),
    /// Tenant: certificates that are used up.
    CancelCertificates(Vec<CancelItem>),
    /// Registrar: a certificate that should not have been there.
    WithdrawCertificate(Withdrawal),
    /// Registrar: units of certificates that are registered elsewhere.
    LinkCertificates(ExternalLink),
    /// Registrar: what becomes of stored generation from an interval on.
    SetCertificatePolicy {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// The policy.
        policy: CertificatePolicy,
    },
    /// Registrar: how orders meet from an interval on.
    SetMarketMode {
        /// The first interval, whose gate must still be open and which nobody has traded for.
        from: DeliveryInterval,
        /// The mode.
        mode: MarketMode,
    },
    /// Tenant: orders that trade at once what they can, at least their minimum, and whose rest is
    /// cancelled. For continuous intervals.
    PlaceImmediate(Vec<OrderWithMinimum>),
    /// Registrar: a meter at a connection of the park to the utility, with its key.
    RegisterBoundaryMeter(BoundaryMeter),
    /// Registrar: what months are closed with that begin to be counted at or after an interval.
    SetMonthClose {
        /// The first interval, whose gate must still be open.
        from: DeliveryInterval,
        /// Prices, and the residue's owner.
        terms: MonthCloseTerms,
    },
    /// Treasurer: the utility's bill for a closed month was paid.
    RecordUtilityBill {
        /// Which month.
        month: LocalMonth,
        /// What the bill says.
        bill: UtilityBill,
    },
    /// Treasurer: a bill was recorded wrongly, and its postings are taken back.
    ReverseUtilityBill {
        /// Which month.
        month: LocalMonth,
        /// Why: 1 to 64 bytes.
        reason: String,
    },
    /// Treasurer: money from the residue to its owner, or from him to it.
    MoveResidue {
        /// Nano-yuan; above zero: to the owner.
        amount: Money,
        /// What for.
        reference: String,
    },
    /// Treasurer: a participant cannot pay what he owes for a closed month.
    DeclareDefault {
        /// Who.
        participant: ParticipantId,
        /// For which month.
        month: LocalMonth,
    },
    /// Treasurer: a participant in default may trade again.
    ClearDefault {
        /// Who.
        participant: ParticipantId,
    },
    /// Tenant: legs in several intervals of a day that are filled all or not at all, in the day's
    /// joint auction.
    PlaceBundle {
        /// The author's point.
        point: PointId,
        /// One in an interval, intervals ascending.
        legs: Vec<Leg>,
        /// The least net cash of all legs, sales less purchases; below zero: the most to pay.
        limit: Money,
    },
    /// Tenant: an open bundle to be taken back.
    CancelBundle {
        /// The bundle.
        bundle: OrderId,
    },
    /// Registrar: a node that gets the log as a learner, until it is made a voter.
    RegisterNode(NodeRecord),
    /// Registrar: what a node shall be from now on.
    SetNodeStanding {
        /// Which node.
        node: NodeId,
        /// Voter, learner or removed for good.
        standing: NodeStanding,
    },
    /// Registrar: the park follows another log, whose checkpoints its nodes record.
    FollowLog {
        /// The other log's policy (C2SP tlog-policy), by which its checkpoints are judged.
        policy: String,
    },
    /// Node: a checkpoint of a log that the park follows.
    RecordCheckpoint {
        /// The signed note, as it was found.
        note: Vec<u8>,
        /// Consistency proof from the checkpoint that is recorded; empty for the first.
        proof: Vec<Hash>,
    },
    /// Node: something that was signed twice.
    RecordEvidence {
        /// The evidence file (FORMATS.md, section 15), whole.
        file: Vec<u8>,
    },
}

impl Action {
    /// The action's name in snake case, as the API and the audit trail print it.
    pub fn name(&self) -> &'static str {
        match self {
            Action::RegisterParticipant(_) => "register_participant",
            Action::RegisterPoint(_) => "register_point",
            Action::RegisterMeter(_) => "register_meter",
            Action::AddKey { .. } => "add_key",
            Action::RotateKey { .. } => "rotate_key",
            Action::RevokeKey { .. } => "revoke_key",
            Action::SetTariff { .. } => "set_tariff",
            Action::SetTerms { .. } => "set_terms",
            Action::SetFactor { .. } => "set_factor",
            Action::Deposit { .. } => "deposit",
            Action::Withdraw { .. } => "withdraw",
            Action::SetCreditLimit { .. } => "set_credit_limit",
            Action::SubmitReadings(_) => "submit_readings",
            Action::PlaceOrders(_) => "place_orders",
            Action::CancelOrders(_) => "cancel_orders",
            Action::SetStandingInstruction { .. } => "set_standing_instruction",
            Action::ActivateRules { .. } => "activate_rules",
            Action::CorrectReading { .. } => "correct_reading",
            Action::LiftFreeze { .. } => "lift_freeze",
            Action::ResetRegister { .. } => "reset_register",
            Action::ReplaceMeter { .. } => "replace_meter",
            Action::SetRatio { .. } => "set_ratio",
            Action::EndPoint { .. } => "end_point",
            Action::AssignMeter { .. } => "assign_meter",
            Action::PlaceOrdersWith(_) => "place_orders_with",
            Action::ChangeOrders(_) => "change_orders",
            Action::CancelAll { .. } => "cancel_all",
            Action::SetAffiliates { .. } => "set_affiliates",
            Action::HaltMarket { .. } => "halt_market",
            Action::ResumeMarket { .. } => "resume_market",
            Action::SetPriceBounds { .. } => "set_price_bounds",
            Action::Delegate { .. } => "delegate",
            Action::RevokeDelegate { .. } => "revoke_delegate",
            Action::SetSchedule { .. } => "set_schedule",
            Action::TransferCertificates(_) => "transfer_certificates",
            Action::CancelCertificates(_) => "cancel_certificates",
            Action::WithdrawCertificate(_) => "withdraw_certificate",
            Action::LinkCertificates(_) => "link_certificates",
            Action::SetCertificatePolicy { .. } => "set_certificate_policy",
            Action::SetMarketMode { .. } => "set_market_mode",
            Action::PlaceImmediate(_) => "place_immediate",
            Action::RegisterBoundaryMeter(_) => "register_boundary_meter",
            Action::SetMonthClose { .. } => "set_month_close",
            Action::RecordUtilityBill { .. } => "record_utility_bill",
            Action::ReverseUtilityBill { .. } => "reverse_utility_bill",
            Action::MoveResidue { .. } => "move_residue",
            Action::DeclareDefault { .. } => "declare_default",
            Action::ClearDefault { .. } => "clear_default",
            Action::PlaceBundle { .. } => "place_bundle",
            Action::CancelBundle { .. } => "cancel_bundle",
            Action::RegisterNode(_) => "register_node",
            Action::SetNodeStanding { .. } => "set_node_standing",
            Action::FollowLog { .. } => "follow_log",
            Action::RecordCheckpoint { .. } => "record_checkpoint",
            Action::RecordEvidence { .. } => "record_evidence",
        }
    }
}

/// A register at the end of an interval.
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
pub struct Reading {
    /// The interval at whose end the register was read.
    pub interval: DeliveryInterval,
    /// The cumulative register.
    pub register: WattHours,
}

/// An order for one delivery interval, good until its gate closes.
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
pub struct OrderItem {
    /// The author's point.
    pub point: PointId,
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// Buy or sell.
    pub side: Side,
    /// Watt-hours, above zero.
    pub quantity: WattHours,
    /// The worst price accepted.
    pub limit: Price,
}

/// An order that is filled with at least its minimum or not at all.
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
pub struct OrderWithMinimum {
    /// The order.
    pub order: OrderItem,
    /// The least it accepts: 0 is anything, its quantity is fill or kill.
    pub minimum: WattHours,
}

/// Another quantity and limit for an open order, which keeps its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct OrderChange {
    /// The open order.
    pub order: OrderId,
    /// Watt-hours, above zero.
    pub quantity: WattHours,
    /// The worst price accepted.
    pub limit: Price,
}

/// How a point takes part in the surplus pool at certain times.
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
pub struct ScheduleEntry {
    /// Local weekdays: bit 0 is Monday, bit 6 Sunday.
    pub weekdays: u8,
    /// The first quarter of the local day, 0 to 95.
    pub from_quarter: u8,
    /// The first quarter after those, to 96.
    pub until_quarter: u8,
    /// Whether it takes part in the pool.
    pub enrolled: bool,
    /// The least it wants for surplus.
    pub ask_limit: Price,
    /// The most it pays for need; none: whatever saves money.
    pub bid_limit: Option<Price>,
}

/// An order's name: the author's key, the event's sequence and the item's place in the list. A
/// bundle has one too, with the item 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, bincode::Encode, bincode::Decode)]
pub struct OrderId {
    /// The author.
    pub key: PublicKey,
    /// The event's sequence.
    pub sequence: u64,
    /// The item, counted from 0.
    pub item: u16,
}

impl OrderId {
    /// Before every other.
    pub(crate) const LEAST: OrderId = OrderId {
        key: PublicKey([0; 32]),
        sequence: 0,
        item: 0,
    };
}

impl fmt::Display for OrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.key, self.sequence, self.item)
    }
}

impl FromStr for OrderId {
    type Err = String;

    fn from_str(text: &str) -> Result<OrderId, String> {
        let wrong = || format!("{text:?} is not an order id (KEY-SEQUENCE-ITEM)");
        let mut parts = text.split('-');
        let (Some(key), Some(sequence), Some(item), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        Ok(OrderId {
            key: key.parse().map_err(|_| wrong())?,
            sequence: sequence.parse().map_err(|_| wrong())?,
            item: item.parse().map_err(|_| wrong())?,
        })
    }
}

/// What a new key signs to take over from `old`.
pub fn rotation_message(park: &Hash, old: &PublicKey, new: &PublicKey) -> Vec<u8> {
    [ROTATION_DOMAIN, &park.0, &old.0, &new.0].concat()
}

/// What a key signs to trade for the tenant of another key, so that nobody takes over a key that
/// is not his.
pub fn delegation_message(park: &Hash, tenant: &PublicKey, key: &PublicKey) -> Vec<u8> {
    [DELEGATION_DOMAIN, &park.0, &tenant.0, &key.0].concat()
}

/// An event whose bytes decode; its signature is checked by [`SignedEvent::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEvent {
    body: EventBody,
    signature: Signature,
    bytes: Vec<u8>,
    hash: Hash,
}

impl SignedEvent {
    /// Signs a body for a park.
    ///
    /// # Panics
    /// If the body is longer than an event may be; the caller bounds his lists.
    pub fn sign(park: &Hash, body: &EventBody, key: &SigningKey) -> SignedEvent {
        let mut bytes = codec::encode(body);
        let signature = key.sign(&message(park, &bytes));
        bytes.extend_from_slice(&signature.0);
        SignedEvent::parse(&bytes).expect("an event that was just encoded decodes")
    }

    /// Reads bytes; the signature is not checked yet.
    pub fn parse(bytes: &[u8]) -> Result<SignedEvent, Rejection> {
        let read = ReadEvent::parse(bytes)?;
        Ok(SignedEvent {
            body: read.body,
            signature: read.signature,
            bytes: bytes.to_vec(),
            hash: read.hash,
        })
    }

    /// Checks the author's signature for a park.
    pub fn verify(&self, park: &Hash) -> Result<(), Rejection> {
        verify(&self.body.author, &self.message(park), &self.signature)
    }

    /// What the author signed for a park.
    pub fn message(&self, park: &Hash) -> Vec<u8> {
        message(park, &self.bytes[..self.bytes.len() - 64])
    }

    /// What the author says.
    pub fn body(&self) -> &EventBody {
        &self.body
    }

    /// The author's signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Body and signature, exactly as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the bytes: the event's name outside the log.
    pub fn hash(&self) -> Hash {
        self.hash
    }
}

/// An event read where its bytes lie, which are not copied.
pub(crate) struct ReadEvent<'a> {
    /// What the author says.
    pub(crate) body: EventBody,
    /// The author's signature, not checked yet.
    pub(crate) signature: Signature,
    /// The event's name outside the log.
    pub(crate) hash: Hash,
    signed: &'a [u8],
}

impl<'a> ReadEvent<'a> {
    /// Reads bytes as [`SignedEvent::parse`] does.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<ReadEvent<'a>, Rejection> {
        if bytes.len() > EVENT_BYTES_MAX {
            return Err(Rejection::EventTooLarge);
        }
        let (signed, signature) = bytes
            .split_last_chunk::<64>()
            .ok_or(Rejection::MalformedEvent)?;
        let body: EventBody = codec::decode(signed).map_err(|_| Rejection::MalformedEvent)?;
        if body.version != EVENT_VERSION {
            return Err(Rejection::MalformedEvent);
        }
        Ok(ReadEvent {
            body,
            signature: Signature(*signature),
            hash: event_hash(bytes),
            signed,
        })
    }

    /// Checks the author's signature for a park.
    pub(crate) fn verify(&self, park: &Hash) -> Result<(), Rejection> {
        let message = message(park, self.signed);
        verify(&self.body.author, &message, &self.signature)
    }
}

fn verify(author: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), Rejection> {
    let verified = author.verify(message, signature);
    verified.map_err(|_| Rejection::BadSignature)
}

/// SHA-256 of an event's bytes.
pub fn event_hash(bytes: &[u8]) -> Hash {
    sha256(&[bytes])
}

fn message(park: &Hash, body: &[u8]) -> Vec<u8> {
    [EVENT_DOMAIN, &park.0, body].concat()
}
