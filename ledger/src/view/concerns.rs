//! Whom an entry concerns: everyone, some participants, or the park's offices alone.
//!
//! The rule is FORMATS.md, section 14. It needs to know who holds which key and meter, at any time
//! of the log: the answer for a leaf does not depend on how far one has read. A view holds all
//! that is needed to give the same answer for each of its own leaves.

use crate::entry::Entry;
use crate::event::{Action, Reading, SignedEvent};
use crate::evidence::{Evidence, Subject};
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::EVIDENCE_RECORDED_BYTES_MAX;
use crate::registration::{MeterId, ParticipantId, Role};
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

/// Whom an entry concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// It is in every view.
    Everyone,
    /// It is in the views of these.
    Participants(BTreeSet<ParticipantId>),
}

impl Whose {
    /// The park's offices alone.
    fn offices() -> Whose {
        Whose::Participants(BTreeSet::new())
    }

    fn one(participant: ParticipantId) -> Whose {
        Whose::Participants(BTreeSet::from([participant]))
    }

    /// Whether the entry belongs into a participant's view.
    pub fn includes(&self, participant: ParticipantId) -> bool {
        match self {
            Whose::Everyone => true,
            Whose::Participants(participants) => participants.contains(&participant),
        }
    }
}

/// A point with the time in which it takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PointTime {
    pub(crate) participant: ParticipantId,
    pub(crate) from: DeliveryInterval,
    /// The first interval without it.
    pub(crate) end: Option<DeliveryInterval>,
}

/// Who holds which key, point and meter, gathered from all leaves of a log or of a view.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    park: Option<Hash>,
    keys: BTreeMap<PublicKey, Role>,
    participants: BTreeMap<ParticipantId, String>,
    pub(crate) points: BTreeMap<PointId, PointTime>,
    /// Where a meter measures, each from its interval on, ascending. A boundary meter: nowhere.
    meters: BTreeMap<MeterId, Vec<(DeliveryInterval, PointId)>>,
}

impl Registry {
    /// The registry of a genesis, without participants.
    pub fn found(genesis: &Genesis) -> Registry {
        let body = genesis.body();
        let keys = [
            (body.registrar, Role::Registrar),
            (body.treasurer, Role::Treasurer),
            (body.regulator, Role::Regulator),
        ];
        Registry {
            park: Some(genesis.park()),
            keys: keys.into(),
            ..Registry::default()
        }
    }

    /// A participant's name.
    pub fn name(&self, participant: ParticipantId) -> Option<&str> {
        self.participants.get(&participant).map(String::as_str)
    }

    /// The participants with their names, ids ascending.
    pub fn participants(&self) -> impl Iterator<Item = (ParticipantId, &str)> {
        self.participants
            .iter()
            .map(|(id, name)| (*id, name.as_str()))
    }

    /// Whose point it is.
    pub fn participant_of(&self, point: PointId) -> Option<ParticipantId> {
        Some(self.points.get(&point)?.participant)
    }

    /// What a registered key may sign.
    pub fn role(&self, key: &PublicKey) -> Option<Role> {
        self.keys.get(key).copied()
    }

    /// Takes in the next leaf of the log.
    pub fn gather(&mut self, entry: &Entry) {
        let Entry::Event { signed, outcome } = entry else {
            return;
        };
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        if *outcome == [0] {
            self.follow(event.body().author, &event.body().action);
        }
    }

    fn follow(&mut self, author: PublicKey, action: &Action) {
        match action {
            Action::RegisterParticipant(participant) => {
                self.participants
                    .insert(participant.id, participant.name.clone());
            }
            Action::RegisterPoint(point) => {
                let time = PointTime {
                    participant: point.participant,
                    from: point.from,
                    end: None,
                };
                self.points.insert(point.id, time);
            }
            Action::EndPoint { point, from } => {
                if let Some(time) = self.points.get_mut(point) {
                    time.end = Some(*from);
                }
            }
            Action::RegisterMeter(meter) => {
                self.keys.insert(meter.key, Role::Meter(meter.id));
                self.meters
                    .insert(meter.id, vec![(meter.from, meter.point)]);
            }
            Action::RegisterBoundaryMeter(meter) => {
                self.keys.insert(meter.key, Role::Meter(meter.id));
                self.meters.entry(meter.id).or_default();
            }
            Action::AssignMeter { meter, point, from } => {
                let places = self.meters.entry(*meter).or_default();
                // One at the same interval takes the place of the one before.
                places.retain(|(begun, _)| begun != from);
                places.push((*from, *point));
            }
            Action::ReplaceMeter { meter, key, .. } => {
                self.keys.insert(*key, Role::Meter(*meter));
            }
            Action::AddKey { key, role } => {
                self.keys.insert(*key, *role);
            }
            Action::RotateKey { new, .. } => {
                if let Some(role) = self.role(&author) {
                    self.keys.insert(*new, role);
                }
            }
            Action::Delegate { key, .. } => {
                if let Some(Role::Tenant(participant)) = self.role(&author) {
                    self.keys.insert(*key, Role::Delegate(participant));
                }
            }
            _ => {}
        }
    }

    /// Whom an entry concerns. An event that cannot be read concerns the offices alone.
    pub fn whose(&self, entry: &Entry) -> Whose {
        match entry {
            Entry::Genesis(_) | Entry::Batch { .. } | Entry::Seal { .. } | Entry::Voters { .. } => {
                Whose::Everyone
            }
            Entry::Derived { participant, .. } => match participant {
                Some(participant) => Whose::one(*participant),
                None => Whose::Everyone,
            },
            Entry::Event { signed, .. } => match SignedEvent::parse(signed) {
                Ok(event) => self.of_event(event.body().author, &event.body().action),
                Err(_) => Whose::offices(),
            },
        }
    }

    fn of_event(&self, author: PublicKey, action: &Action) -> Whose {
        match (self.role(&author), action) {
            // Whoever is to check a later signature has to know the key; only delegates of others
            // need not be known.
            (Some(Role::Delegate(participant)), _) => Whose::one(participant),
            (_, Action::RotateKey { .. }) => Whose::Everyone,
            (Some(Role::Tenant(participant)), _) => Whose::one(participant),
            (Some(Role::Meter(meter)), Action::SubmitReadings(readings)) => {
                self.of_readings(meter, readings)
            }
            (Some(Role::Meter(meter)), _) => self.ever_of(meter),
            (Some(Role::Registrar | Role::Treasurer | Role::Regulator), action) => {
                self.of_office(action)
            }
            // Checkpoints of other logs are no secret.
            (Some(Role::Node(_)), Action::RecordCheckpoint { .. }) => Whose::Everyone,
            (Some(Role::Node(_)), Action::RecordEvidence { file }) => self.of_evidence(file),
            (Some(Role::Node(_)) | None, _) => Whose::offices(),
        }
    }

    /// What an office signs: the registry, the prices and the rules are everyone's.
    fn of_office(&self, action: &Action) -> Whose {
        match action {
            Action::RegisterParticipant(_)
            | Action::RegisterPoint(_)
            | Action::RegisterMeter(_)
            | Action::RegisterBoundaryMeter(_)
            | Action::RegisterNode(_)
            | Action::SetNodeStanding { .. }
            | Action::AddKey { .. }
            | Action::RotateKey { .. }
            | Action::RevokeKey { .. }
            | Action::RevokeDelegate { .. }
            | Action::LiftFreeze { .. }
            | Action::EndPoint { .. }
            | Action::AssignMeter { .. }
            | Action::SetTariff { .. }
            | Action::SetTerms { .. }
            | Action::SetFactor { .. }
            | Action::ActivateRules { .. }
            | Action::HaltMarket { .. }
            | Action::ResumeMarket { .. }
            | Action::SetPriceBounds { .. }
            | Action::SetCertificatePolicy { .. }
            | Action::SetMarketMode { .. }
            | Action::SetMonthClose { .. }
            | Action::FollowLog { .. }
            | Action::RecordUtilityBill { .. }
            | Action::ReverseUtilityBill { .. } => Whose::Everyone,
            Action::Deposit { participant, .. }
            | Action::Withdraw { participant, .. }
            | Action::SetCreditLimit { participant, .. }
            | Action::DeclareDefault { participant, .. }
            | Action::ClearDefault { participant } => Whose::one(*participant),
            Action::CorrectReading { meter, .. }
            | Action::ResetRegister { meter, .. }
            | Action::ReplaceMeter { meter, .. }
            | Action::SetRatio { meter, .. } => self.ever_of(*meter),
            Action::SetAffiliates { members, .. } => {
                Whose::Participants(members.iter().copied().collect())
            }
            Action::WithdrawCertificate(withdrawal) => Whose::one(withdrawal.holder),
            Action::LinkCertificates(link) => self.of_point(link.point),
            // Who receives the residue has a leaf of his own about it.
            Action::MoveResidue { .. } => Whose::offices(),
            // What only tenants, meters and nodes may sign is refused to an office.
            Action::SubmitReadings(_)
            | Action::PlaceOrders(_)
            | Action::CancelOrders(_)
            | Action::SetStandingInstruction { .. }
            | Action::PlaceOrdersWith(_)
            | Action::ChangeOrders(_)
            | Action::CancelAll { .. }
            | Action::Delegate { .. }
            | Action::SetSchedule { .. }
            | Action::TransferCertificates(_)
            | Action::CancelCertificates(_)
            | Action::PlaceImmediate(_)
            | Action::PlaceBundle { .. }
            | Action::CancelBundle { .. }
            | Action::RecordCheckpoint { .. }
            | Action::RecordEvidence { .. } => Whose::offices(),
        }
    }

    /// Heads concern everybody who relies on the log; two events are as private as each of them.
    fn of_evidence(&self, file: &[u8]) -> Whose {
        let evidence = match file.len() > EVIDENCE_RECORDED_BYTES_MAX {
            true => return Whose::offices(),
            false => Evidence::parse(file),
        };
        let own = evidence
            .ok()
            .filter(|it| Some(it.genesis().park()) == self.park);
        match own.map(|evidence| evidence.subject()) {
            Some(Subject::Heads { .. }) => Whose::Everyone,
            Some(Subject::Events { key, .. }) => match self.role(&key) {
                Some(Role::Tenant(participant) | Role::Delegate(participant)) => {
                    Whose::one(participant)
                }
                Some(Role::Meter(meter)) => self.ever_of(meter),
                _ => Whose::offices(),
            },
            None => Whose::offices(),
        }
    }

    fn of_point(&self, point: PointId) -> Whose {
        let time = self.points.get(&point);
        time.map_or_else(Whose::offices, |time| Whose::one(time.participant))
    }

    /// Everybody whose points a meter measures at any time.
    pub(crate) fn owners(&self, meter: MeterId) -> BTreeSet<ParticipantId> {
        let places = self.meters.get(&meter).into_iter().flatten();
        let owners = places.filter_map(|(_, point)| self.points.get(point));
        owners.map(|time| time.participant).collect()
    }

    fn ever_of(&self, meter: MeterId) -> Whose {
        Whose::Participants(self.owners(meter))
    }

    /// Whose points a meter measures in the intervals of a list of readings. A list in which no
    /// interval tells is everybody's whose points it ever measures.
    fn of_readings(&self, meter: MeterId, readings: &[Reading]) -> Whose {
        let all = self.owners(meter);
        let of_list: BTreeSet<ParticipantId> = readings
            .iter()
            .filter_map(|reading| self.owner(meter, reading.interval))
            .collect();
        match all.len() < 2 || of_list.is_empty() {
            true => Whose::Participants(all),
            false => Whose::Participants(of_list),
        }
    }

    /// The participant whose point a meter measures in an interval.
    pub fn owner(&self, meter: MeterId, interval: DeliveryInterval) -> Option<ParticipantId> {
        let point = self.point(meter, interval)?;
        Some(self.points.get(&point)?.participant)
    }

    /// The point that a meter measures in an interval.
    pub fn point(&self, meter: MeterId, interval: DeliveryInterval) -> Option<PointId> {
        let places = self.meters.get(&meter)?;
        let place = places.iter().rfind(|(from, _)| *from <= interval)?;
        Some(place.1)
    }
}
