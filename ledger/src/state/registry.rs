//! Who and what is registered, and the prices in force.

mod prices;
mod terms;

use crate::genesis::{Genesis, NodeRecord};
use crate::keys::PublicKey;
use crate::limits::{DELEGATES_PER_PARTICIPANT_MAX, REGISTRATIONS_MAX};
use crate::membership::NodeStanding;
use crate::registration::{
    CarbonFactor, Meter, MeterId, MeterKind, Metering, Participant, ParticipantId, Point, Role,
    TariffId, check_terms, is_name,
};
use crate::rejection::Rejection;
use crate::state::boundary::BoundaryMeters;
use crate::state::clock::Clock;
use crate::state::members::Members;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use crate::state::tenancy::Tenancy;
use prices::KeptPrices;
use std::collections::BTreeSet;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::Price;

/// The greatest register a meter may have: beyond any real one, and exact in every language.
pub const REGISTER_MAX: i64 = 1 << 53;

/// The greatest sequence of a restored key: what follows it has room.
const SEQUENCE_BOUND: u64 = 1 << 62;

/// What a key may sign and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct KeyRecord {
    /// What it may sign.
    pub role: Role,
    /// Sequence of its last recorded event; 0 for none.
    pub sequence: u64,
    /// Index of the leaf that registered it.
    pub added: u64,
    /// Index of the leaf that ended it.
    pub revoked: Option<u64>,
    /// The hour of park time that `hour_events` counts, since the Unix epoch.
    pub hour: u64,
    /// Events recorded in that hour.
    pub hour_events: u32,
}

/// How a point takes part in the surplus pool.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize,
)]
pub struct StandingInstruction {
    /// Whether it takes part; not before its tenant has said so.
    pub enrolled: bool,
    /// The least it wants for surplus.
    pub ask_limit: Price,
    /// The most it pays for need.
    pub bid_limit: Option<Price>,
}

/// The registry.
#[derive(Debug, Clone)]
pub struct Registry {
    participants: Table<ParticipantId, Participant>,
    points: Table<PointId, Point>,
    meters: Table<MeterId, Meter>,
    keys: Table<PublicKey, KeyRecord>,
    tariffs: Table<(TariffId, DeliveryInterval), Tariff>,
    terms: Table<DeliveryInterval, ParkTerms>,
    factors: Table<DeliveryInterval, CarbonFactor>,
    instructions: Table<PointId, StandingInstruction>,
    tenancy: Tenancy,
    boundary: BoundaryMeters,
    /// Nodes, whose keys take no other role.
    members: Members,
    utc_offset_minutes: i16,
    first_interval: DeliveryInterval,
    /// Follows from points and their ends, tariffs and terms.
    prices: KeptPrices,
    /// Whether new keys are known to have passed [`PublicKey::check`].
    takes_keys_as_checked: bool,
}

parts!(Registry {
    participants, points, meters, keys, tariffs, terms, factors, instructions, tenancy, boundary,
    members
} beside {
    utc_offset_minutes, first_interval, prices, takes_keys_as_checked
});

impl Registry {
    pub(crate) fn found(genesis: &Genesis) -> Registry {
        let body = genesis.body();
        let first = body.first_interval;
        let mut registry = Registry {
            participants: Table::new(table_number::PARTICIPANTS),
            points: Table::new(table_number::POINTS),
            meters: Table::new(table_number::METERS),
            keys: Table::new(table_number::KEYS),
            tariffs: Table::new(table_number::TARIFFS),
            terms: Table::new(table_number::TERMS),
            factors: Table::new(table_number::FACTORS),
            instructions: Table::new(table_number::INSTRUCTIONS),
            tenancy: Tenancy::default(),
            boundary: BoundaryMeters::default(),
            members: Members::found(genesis),
            utc_offset_minutes: body.utc_offset_minutes,
            first_interval: first,
            prices: KeptPrices::new(),
            takes_keys_as_checked: false,
        };
        registry.insert_key(body.registrar, Role::Registrar, 0);
        registry.insert_key(body.treasurer, Role::Treasurer, 0);
        registry.insert_key(body.regulator, Role::Regulator, 0);
        for (id, tariff) in &body.tariffs {
            registry.tariffs.insert((*id, first), tariff.clone());
        }
        registry.terms.insert(first, body.terms);
        registry.factors.insert(first, body.factor.clone());
        registry
    }

    /// Whether there are the rows that every park has had since its genesis.
    pub(crate) fn check(&self) -> Result<(), RowError> {
        let first = self.first_interval;
        if self.terms.range(..=first).next().is_none() {
            return Err(RowError::Missing("terms from the first interval on"));
        }
        if self.factors.range(..=first).next().is_none() {
            return Err(RowError::Missing("a factor from the first interval on"));
        }
        self.check_prices()?;
        self.check_places()?;
        self.members.check()
    }

    /// Whether prices, factors and sequences are such as a registrar may set.
    fn check_prices(&self) -> Result<(), RowError> {
        for (_, tariff) in self.tariffs.iter() {
            let holds = tariff.check().is_ok();
            require(table_number::TARIFFS, holds, "is no tariff")?;
        }
        for (_, terms) in self.terms.iter() {
            let holds = check_terms(terms).is_ok();
            require(table_number::TERMS, holds, "has no prices of a park")?;
        }
        for (_, factor) in self.factors.iter() {
            let holds = factor.check().is_ok();
            require(table_number::FACTORS, holds, "is no factor")?;
        }
        for (_, record) in self.keys.iter() {
            let holds = record.sequence <= SEQUENCE_BOUND;
            require(table_number::KEYS, holds, "has signed too much")?;
        }
        Ok(())
    }

    /// Whether points have their participants, and meters their points.
    fn check_places(&self) -> Result<(), RowError> {
        for (id, point) in self.points.iter() {
            let holds = point.id == *id && self.participants.contains(&point.participant);
            let what = "names a participant who is not registered, or another point";
            require(table_number::POINTS, holds, what)?;
        }
        for (id, meter) in self.meters.iter() {
            let holds = meter.id == *id
                && self.points.contains(&meter.point)
                && (0..REGISTER_MAX).contains(&meter.register.0);
            let what = "names a point that is not registered, or has another id or register";
            require(table_number::METERS, holds, what)?;
        }
        self.tenancy.check(&self.points)?;
        self.boundary.check()
    }

    /// Participants by id.
    pub fn participants(&self) -> &Table<ParticipantId, Participant> {
        &self.participants
    }

    /// Points by id.
    pub fn points(&self) -> &Table<PointId, Point> {
        &self.points
    }

    /// Meters by id.
    pub fn meters(&self) -> &Table<MeterId, Meter> {
        &self.meters
    }

    /// Meters at the park's connections to the utility.
    pub fn boundary(&self) -> &BoundaryMeters {
        &self.boundary
    }

    /// The park's nodes.
    pub fn members(&self) -> &Members {
        &self.members
    }

    pub(crate) fn members_mut(&mut self) -> &mut Members {
        &mut self.members
    }

    /// Registers a node, whose keys nobody ever had.
    pub(crate) fn register_node(
        &mut self,
        record: &NodeRecord,
        leaf: u64,
    ) -> Result<(), Rejection> {
        self.members.check_id(record.id)?;
        for (_, key) in record.keys() {
            self.check_new_key(&key)?;
        }
        self.members.register(record, leaf)
    }

    pub(crate) fn boundary_mut(&mut self) -> &mut BoundaryMeters {
        &mut self.boundary
    }

    /// A meter of a point or of the park's boundary, as the rules on readings see it.
    pub(crate) fn device(&self, meter: MeterId) -> Option<Meter> {
        let at_a_point = self.meters.get(&meter).cloned();
        at_a_point.or_else(|| self.boundary.device(meter))
    }

    /// Keys that sign events.
    pub fn keys(&self) -> &Table<PublicKey, KeyRecord> {
        &self.keys
    }

    /// Ends of points and assignments of meters.
    pub fn tenancy(&self) -> &Tenancy {
        &self.tenancy
    }

    /// Ends of points and assignments of meters, to be changed.
    pub(crate) fn tenancy_mut(&mut self) -> &mut Tenancy {
        self.prices.clear();
        &mut self.tenancy
    }

    /// Standing instructions by point.
    pub fn instructions(&self) -> &Table<PointId, StandingInstruction> {
        &self.instructions
    }

    /// Tariffs by id and first interval.
    pub fn tariffs(&self) -> &Table<(TariffId, DeliveryInterval), Tariff> {
        &self.tariffs
    }

    /// The park's local clock, minutes ahead of UTC.
    pub fn utc_offset_minutes(&self) -> i16 {
        self.utc_offset_minutes
    }

    /// The first interval whose gate the park closes.
    pub fn first_interval(&self) -> DeliveryInterval {
        self.first_interval
    }

    pub(crate) fn key_mut(&mut self, key: &PublicKey) -> Option<&mut KeyRecord> {
        self.keys.get_mut(key)
    }

    /// The park's prices in force at an interval; before the first, those of the first.
    pub fn terms_at(&self, interval: DeliveryInterval) -> ParkTerms {
        let interval = interval.max(self.first_interval);
        let (_, terms) = self
            .terms
            .range(..=interval)
            .next_back()
            .expect("the genesis sets terms from the first interval on");
        *terms
    }

    /// The emission factor in force at an interval.
    pub fn factor_at(&self, interval: DeliveryInterval) -> &CarbonFactor {
        let interval = interval.max(self.first_interval);
        let (_, factor) = self
            .factors
            .range(..=interval)
            .next_back()
            .expect("the genesis sets a factor from the first interval on");
        factor
    }

    /// A tariff's price at an interval; none if it is not in force there.
    pub fn retail_at(&self, tariff: TariffId, interval: DeliveryInterval) -> Option<Price> {
        let range = (tariff, DeliveryInterval(0))..=(tariff, interval);
        let (_, prices) = self.tariffs.range(range).next_back()?;
        Some(prices.price(interval, self.utc_offset_minutes))
    }

    /// `h` of SETTLEMENT.md at an interval: the greatest of feed-in and all retail prices.
    pub fn shortfall_price(&self, interval: DeliveryInterval) -> Price {
        let points = self.points.iter().map(|(_, point)| point);
        let taking_part = points
            .filter(|point| point.from <= interval && !self.tenancy.has_ended(point.id, interval));
        // Many points have few tariffs, and each is priced once.
        let tariffs: BTreeSet<TariffId> = taking_part.map(|point| point.tariff).collect();
        let retail = tariffs
            .into_iter()
            .filter_map(|tariff| self.retail_at(tariff, interval));
        retail.fold(self.terms_at(interval).feed_in, Price::max)
    }

    pub(crate) fn insert_key(&mut self, key: PublicKey, role: Role, leaf: u64) {
        let record = KeyRecord {
            role,
            sequence: 0,
            added: leaf,
            revoked: None,
            hour: 0,
            hour_events: 0,
        };
        self.keys.insert(key, record);
    }

    /// Whether the keys of what comes next need no check, since they had it when it came first.
    pub(crate) fn take_keys_as_checked(&mut self, are_checked: bool) {
        self.takes_keys_as_checked = are_checked;
    }

    pub(crate) fn check_new_key(&self, key: &PublicKey) -> Result<(), Rejection> {
        if !self.takes_keys_as_checked {
            key.check().map_err(|_| Rejection::KeyRefused)?;
        }
        if self.keys.contains(key) || self.members.has_key(key) {
            return Err(Rejection::KeyTaken);
        }
        Ok(())
    }

    pub(crate) fn register_participant(
        &mut self,
        participant: &Participant,
    ) -> Result<(), Rejection> {
        if !is_name(&participant.name) {
            return Err(Rejection::BadName);
        }
        if self.participants.contains(&participant.id) {
            return Err(Rejection::IdTaken);
        }
        if self
            .participants
            .iter()
            .any(|(_, other)| other.name == participant.name)
        {
            return Err(Rejection::NameTaken);
        }
        if self.participants.len() >= REGISTRATIONS_MAX {
            return Err(Rejection::RegistryFull);
        }
        self.participants
            .insert(participant.id, participant.clone());
        Ok(())
    }

    pub(crate) fn register_point(&mut self, clock: &Clock, point: &Point) -> Result<(), Rejection> {
        if self.points.contains(&point.id) {
            return Err(Rejection::IdTaken);
        }
        if !self.participants.contains(&point.participant) {
            return Err(Rejection::UnknownParticipant);
        }
        if !clock.is_gate_open(point.from) {
            return Err(Rejection::GateClosed);
        }
        if self.retail_at(point.tariff, point.from).is_none() {
            return Err(Rejection::UnknownTariff);
        }
        if point.connection_w == 0 {
            return Err(Rejection::RatingInvalid);
        }
        if self.points.len() >= REGISTRATIONS_MAX {
            return Err(Rejection::RegistryFull);
        }
        self.prices.clear();
        self.points.insert(point.id, point.clone());
        Ok(())
    }

    pub(crate) fn register_meter(
        &mut self,
        clock: &Clock,
        meter: &Meter,
        leaf: u64,
    ) -> Result<(), Rejection> {
        if self.device(meter.id).is_some() {
            return Err(Rejection::IdTaken);
        }
        let point = self
            .points
            .get(&meter.point)
            .ok_or(Rejection::UnknownPoint)?;
        self.check_new_key(&meter.key)?;
        if !clock.is_gate_open(meter.from) {
            return Err(Rejection::GateClosed);
        }
        if !(0..REGISTER_MAX).contains(&meter.register.0) {
            return Err(Rejection::RegisterInvalid);
        }
        if meter.rated_w == 0 {
            return Err(Rejection::RatingInvalid);
        }
        check_metering(point.metering, meter.kind)?;
        if self.tenancy.has_ended(point.id, meter.from) {
            return Err(Rejection::PointEnded);
        }
        let same_kind = |other: &Meter| {
            let (point, from) = (meter.point, meter.from);
            other.kind == meter.kind && self.tenancy.measures_from(other, point, from)
        };
        if self.meters.iter().any(|(_, other)| same_kind(other)) {
            return Err(Rejection::MeterKindTaken);
        }
        if self.meters.len() >= REGISTRATIONS_MAX {
            return Err(Rejection::RegistryFull);
        }
        // Nothing below can be refused.
        self.insert_key(meter.key, Role::Meter(meter.id), leaf);
        self.meters.insert(meter.id, meter.clone());
        Ok(())
    }

    pub(crate) fn add_key(
        &mut self,
        key: PublicKey,
        role: Role,
        leaf: u64,
    ) -> Result<(), Rejection> {
        self.check_new_key(&key)?;
        match role {
            Role::Registrar | Role::Treasurer | Role::Regulator => {}
            Role::Meter(meter) if self.device(meter).is_some() => {}
            Role::Meter(_) => return Err(Rejection::UnknownMeter),
            Role::Tenant(participant) if self.participants.contains(&participant) => {}
            Role::Tenant(_) => return Err(Rejection::UnknownParticipant),
            // Only the tenant can say what a key may do for him.
            Role::Delegate(_) => return Err(Rejection::NotAllowed),
            Role::Node(node) => match self.members.wanted(node) {
                None => return Err(Rejection::UnknownNode),
                Some(NodeStanding::Removed) => return Err(Rejection::NodeRemoved),
                Some(_) => {}
            },
        }
        if self.keys.len() >= 4 * REGISTRATIONS_MAX {
            return Err(Rejection::RegistryFull);
        }
        self.insert_key(key, role, leaf);
        Ok(())
    }

    /// Registers a key that trades for a participant.
    pub(crate) fn add_delegated_key(
        &mut self,
        key: PublicKey,
        participant: ParticipantId,
        leaf: u64,
    ) -> Result<(), Rejection> {
        self.check_new_key(&key)?;
        let role = Role::Delegate(participant);
        let delegated = self.keys.iter().filter(|(_, record)| record.role == role);
        if delegated.count() >= DELEGATES_PER_PARTICIPANT_MAX {
            return Err(Rejection::TooManyDelegates);
        }
        if self.keys.len() >= 4 * REGISTRATIONS_MAX {
            return Err(Rejection::RegistryFull);
        }
        self.insert_key(key, role, leaf);
        Ok(())
    }

    /// Ends `old` and gives its role to `new`, which has proved that it agrees.
    pub(crate) fn rotate_key(
        &mut self,
        old: PublicKey,
        new: PublicKey,
        leaf: u64,
    ) -> Result<(), Rejection> {
        self.check_new_key(&new)?;
        let record = self.keys.get_mut(&old).ok_or(Rejection::KeyUnknown)?;
        record.revoked = Some(leaf);
        let role = record.role;
        self.insert_key(new, role, leaf);
        Ok(())
    }

    pub(crate) fn revoke_key(&mut self, key: PublicKey, leaf: u64) -> Result<(), Rejection> {
        let record = self.keys.get(&key).ok_or(Rejection::KeyUnknown)?;
        if record.revoked.is_some() {
            return Err(Rejection::KeyAlreadyRevoked);
        }
        let is_live_registrar =
            |record: &KeyRecord| record.role == Role::Registrar && record.revoked.is_none();
        let registrars = self
            .keys
            .iter()
            .filter(|(_, record)| is_live_registrar(record))
            .count();
        if is_live_registrar(record) && registrars == 1 {
            return Err(Rejection::LastRegistrar);
        }
        let record = self.keys.get_mut(&key).expect("the key was found above");
        record.revoked = Some(leaf);
        Ok(())
    }

    /// Ends all keys of a meter and gives its role to a key that was checked.
    pub(crate) fn replace_meter_keys(&mut self, meter: MeterId, key: PublicKey, leaf: u64) {
        let is_old =
            |record: &KeyRecord| record.role == Role::Meter(meter) && record.revoked.is_none();
        let rows = self.keys.iter().filter(|(_, record)| is_old(record));
        let old: Vec<PublicKey> = rows.map(|(key, _)| *key).collect();
        for key in old {
            if let Some(record) = self.keys.get_mut(&key) {
                record.revoked = Some(leaf);
            }
        }
        self.insert_key(key, Role::Meter(meter), leaf);
        if let Some(row) = self.meters.get_mut(&meter) {
            row.key = key;
        }
        self.boundary.set_key(meter, key);
    }

    pub(crate) fn set_tariff(
        &mut self,
        clock: &Clock,
        tariff: TariffId,
        from: DeliveryInterval,
        prices: &Tariff,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        prices.check().map_err(|_| Rejection::TariffInvalid)?;
        self.prices.clear();
        self.tariffs.insert((tariff, from), prices.clone());
        Ok(())
    }

    pub(crate) fn set_terms(
        &mut self,
        clock: &Clock,
        from: DeliveryInterval,
        terms: &ParkTerms,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        check_terms(terms).map_err(|_| Rejection::TermsInvalid)?;
        self.prices.clear();
        self.terms.insert(from, *terms);
        Ok(())
    }

    pub(crate) fn set_factor(
        &mut self,
        clock: &Clock,
        from: DeliveryInterval,
        factor: &CarbonFactor,
    ) -> Result<(), Rejection> {
        if !clock.is_gate_open(from) {
            return Err(Rejection::GateClosed);
        }
        factor.check().map_err(|_| Rejection::FactorInvalid)?;
        self.factors.insert(from, factor.clone());
        Ok(())
    }

    /// Sets how a tenant's point takes part in the pool.
    pub(crate) fn set_instruction(
        &mut self,
        participant: ParticipantId,
        point: PointId,
        instruction: StandingInstruction,
    ) -> Result<(), Rejection> {
        let row = self.points.get(&point).ok_or(Rejection::UnknownPoint)?;
        if row.participant != participant {
            return Err(Rejection::NotYourPoint);
        }
        let limits = [Some(instruction.ask_limit), instruction.bid_limit];
        let in_bounds = |price: &Price| (0..=wattle_market::limits::PRICE_MAX).contains(&price.0);
        if !limits.iter().flatten().all(in_bounds) {
            return Err(Rejection::PriceOutOfBounds);
        }
        self.instructions.insert(point, instruction);
        Ok(())
    }
}

/// Whether a kind of meter fits how a point is metered.
pub(crate) fn check_metering(metering: Metering, kind: MeterKind) -> Result<(), Rejection> {
    let mismatch = match metering {
        Metering::LoadMeter => matches!(kind, MeterKind::Import | MeterKind::Export),
        Metering::ConnectionMeter => kind == MeterKind::Load,
    };
    if mismatch {
        return Err(Rejection::MeteringMismatch);
    }
    Ok(())
}
