//! The ledger: a state and the log it is a function of.
//!
//! [`Ledger::apply`] is the only way anything changes, on every node and at the regulator's.

mod trading;

use crate::batch::{Batch, BatchError, SignedHeader, events_hash};
use crate::derived::Fact;
use crate::entry::{Dropped, Entry};
use crate::event::{Action, EventBody, SignedEvent, event_hash, rotation_message};
use crate::genesis::{Genesis, NodeRecord};
use crate::hash::Hash;
use crate::keys::{PublicKey, Signature};
use crate::limits::{DUE_PER_BATCH_MAX, EVENTS_PER_KEY_AND_HOUR_MAX, ITEMS_MAX, SEAL_INTERVAL_MS};
use crate::log::checkpoint::Checkpoint;
use crate::log::tree::{Tree, leaf_hash};
use crate::registration::{NodeId, ParticipantId, Role};
use crate::rejection::Rejection;
use crate::state::clock::{Due, TIME_MAX};
use crate::state::outcomes::RecordedOutcome;
use crate::state::registry::StandingInstruction;
use crate::state::{Facts, State};
use wattle_market::interval::Timestamp;
use wattle_market::units::Money;

/// A sequence this far past the next one may still be waiting for the ones before it.
pub const SEQUENCES_AHEAD_MAX: u64 = 64;

/// The state of a park and the log that it follows from.
#[derive(Debug, Clone)]
pub struct Ledger {
    genesis: Genesis,
    state: State,
    tree: Tree,
    signatures: SignatureCheck,
}

/// Whether [`Ledger::apply`] checks signatures itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureCheck {
    /// It does: the rule on every node.
    Verify,
    /// The caller has checked every signature of the bytes it applies.
    AlreadyVerified,
}

/// Why a committed batch leaves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchRefusal {
    /// Its bytes are not a batch.
    #[error("{0}")]
    Malformed(#[from] BatchError),
    /// Its version is not known.
    #[error("the batch has version {0}, this program knows version 0")]
    UnknownVersion(u8),
    /// It is for another park.
    #[error("the batch is for park {0}")]
    OtherPark(Hash),
    /// Its term is not that of the Raft entry.
    #[error("the batch was signed for term {signed}, its entry is of term {entry}")]
    OtherTerm {
        /// The header's term.
        signed: u64,
        /// The entry's term.
        entry: u64,
    },
    /// Its term is below the last batch's.
    #[error("the batch's term {term} is below the last one's, {least}")]
    TermFalls {
        /// The header's term.
        term: u64,
        /// The last batch's term.
        least: u64,
    },
    /// Its leader is not a node of the park.
    #[error("no node has id {0}")]
    UnknownNode(NodeId),
    /// The leader's signature does not verify.
    #[error("the signature of node {0} over the batch does not verify")]
    BadSignature(NodeId),
    /// Its time is before the last batch's, or beyond all reason.
    #[error("the batch's time {time} is not between {least} and the greatest there is")]
    BadTime {
        /// The header's time, in milliseconds.
        time: u64,
        /// The last batch's time.
        least: u64,
    },
}

/// What became of one event of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOutcome {
    /// SHA-256 of its bytes.
    pub event: Hash,
    /// Where it is recorded (for a repeated event: its first outcome), or why it left no leaf.
    pub result: Result<RecordedOutcome, Rejection>,
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Index of the first of the leaves.
    pub first: u64,
    /// The leaves in order; none if the batch was refused.
    pub leaves: Vec<Vec<u8>>,
    /// Why the batch left nothing.
    pub refused: Option<BatchRefusal>,
    /// One for each event, in order.
    pub outcomes: Vec<EventOutcome>,
    /// The checkpoint that ends with this batch's seal, where it sealed.
    pub sealed: Option<Checkpoint>,
}

/// One event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot<'a> {
    /// Its bytes.
    Event(&'a [u8]),
    /// Only its hash: the log says that it left no leaf.
    Dropped(Hash),
}

impl Slot<'_> {
    fn hash(&self) -> Hash {
        match self {
            Slot::Event(bytes) => event_hash(bytes),
            Slot::Dropped(hash) => *hash,
        }
    }
}

/// The leaves of the batch that is being applied.
struct Leaves {
    first: u64,
    bytes: Vec<Vec<u8>>,
}

impl Leaves {
    fn next_index(&self) -> u64 {
        self.first + self.bytes.len() as u64
    }

    fn push(&mut self, entry: &Entry) {
        let bytes = entry.encode();
        assert!(
            bytes.len() <= crate::limits::LEAF_BYTES_MAX,
            "a leaf fits the tile format"
        );
        self.bytes.push(bytes);
    }
}

impl Ledger {
    /// The ledger with leaf 0.
    pub fn found(genesis: &Genesis) -> Ledger {
        Ledger::with_signatures(genesis, SignatureCheck::Verify)
    }

    /// The ledger with leaf 0, and who checks signatures.
    pub fn with_signatures(genesis: &Genesis, signatures: SignatureCheck) -> Ledger {
        let mut tree = Tree::default();
        tree.push(leaf_hash(&genesis.leaf()));
        Ledger {
            genesis: genesis.clone(),
            state: State::found(genesis),
            tree,
            signatures,
        }
    }

    /// What the park was founded with.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Leaves in the log.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Root of the log's Merkle tree.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The checkpoint of the present size.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(self.genesis.origin(), self.size(), self.root())
            .expect("a genesis's origin is a name and a log stays below 2^40 leaves")
    }

    /// The node with an id.
    pub fn node(&self, id: NodeId) -> Option<&NodeRecord> {
        self.genesis.body().nodes.iter().find(|node| node.id == id)
    }

    /// When the clock next makes something due.
    pub fn next_due(&self) -> Timestamp {
        self.state.next_due()
    }

    /// The sequence that a key's next event must have; none for a key that is not registered.
    pub fn next_sequence(&self, key: &PublicKey) -> Option<u64> {
        self.state
            .registry
            .keys()
            .get(key)
            .map(|record| record.sequence + 1)
    }

    /// What became of a key's event, while it is kept.
    pub fn outcome(&self, key: &PublicKey, sequence: u64) -> Option<&RecordedOutcome> {
        self.state.outcomes.get(key, sequence)
    }

    /// Admission at the door: whether an event could be recorded once those before it are. One
    /// that is recorded already passes, so that its author gets his outcome.
    pub fn judge(&self, bytes: &[u8]) -> Result<SignedEvent, Rejection> {
        let event = SignedEvent::parse(bytes)?;
        let body = event.body();
        match self.admit(&event, self.state.clock().time) {
            Ok(()) => {}
            Err(Rejection::WrongSequence) => {
                let next = self.next_sequence(&body.author).unwrap_or(1);
                if body.sequence > next + SEQUENCES_AHEAD_MAX {
                    return Err(Rejection::WrongSequence);
                }
            }
            Err(Rejection::SequenceUsed) => {
                self.first_outcome(&event)?;
            }
            Err(other) => return Err(other),
        }
        event.verify(&self.genesis.park())?;
        Ok(event)
    }

    /// The checks that decide whether an event leaves a leaf, its signature aside.
    fn admit(&self, event: &SignedEvent, time: Timestamp) -> Result<(), Rejection> {
        let body = event.body();
        let record = self
            .state
            .registry
            .keys()
            .get(&body.author)
            .ok_or(Rejection::UnknownKey)?;
        if body.sequence <= record.sequence {
            return Err(Rejection::SequenceUsed);
        }
        if record.revoked.is_some() {
            return Err(Rejection::KeyRevoked);
        }
        if body.sequence != record.sequence + 1 {
            return Err(Rejection::WrongSequence);
        }
        if record.hour == hour_of(time) && record.hour_events >= EVENTS_PER_KEY_AND_HOUR_MAX {
            return Err(Rejection::QuotaExceeded);
        }
        Ok(())
    }

    /// The outcome of an event whose sequence is used: its own first one, or a refusal.
    fn first_outcome(&self, event: &SignedEvent) -> Result<RecordedOutcome, Rejection> {
        let body = event.body();
        match self.outcome(&body.author, body.sequence) {
            Some(recorded) if recorded.event == event.hash() => Ok(recorded.clone()),
            Some(_) => Err(Rejection::SequenceUsed),
            None => Err(Rejection::OutcomeForgotten),
        }
    }

    fn check_header(&self, term: u64, signed: &SignedHeader) -> Result<(), BatchRefusal> {
        let header = signed.body();
        if header.version != 0 {
            return Err(BatchRefusal::UnknownVersion(header.version));
        }
        if header.park != self.genesis.park() {
            return Err(BatchRefusal::OtherPark(header.park));
        }
        if header.term != term {
            return Err(BatchRefusal::OtherTerm {
                signed: header.term,
                entry: term,
            });
        }
        let least = self.state.clock().term;
        if header.term < least {
            return Err(BatchRefusal::TermFalls {
                term: header.term,
                least,
            });
        }
        let least = self.state.clock().time;
        if header.time < least || header.time >= TIME_MAX {
            return Err(BatchRefusal::BadTime {
                time: header.time.0,
                least: least.0,
            });
        }
        let node = self
            .node(header.node)
            .ok_or(BatchRefusal::UnknownNode(header.node))?;
        let verify = self.signatures == SignatureCheck::Verify;
        if verify && !signed.is_signed_by(&node.batch) {
            return Err(BatchRefusal::BadSignature(header.node));
        }
        Ok(())
    }

    /// Applies the data of a committed Raft entry of `term`.
    pub fn apply(&mut self, term: u64, data: &[u8]) -> Applied {
        let refused = |refusal| Applied {
            first: self.size(),
            leaves: Vec::new(),
            refused: Some(refusal),
            outcomes: Vec::new(),
            sealed: None,
        };
        let batch = match Batch::decode(data) {
            Ok(batch) => batch,
            Err(error) => return refused(error.into()),
        };
        if let Err(refusal) = self.check_header(term, &batch.header) {
            return refused(refusal);
        }
        let slots: Vec<Slot> = batch
            .events
            .iter()
            .map(|event| Slot::Event(event))
            .collect();
        self.apply_checked(&batch.header, &slots)
    }

    /// Applies a batch as its leaves tell it: the header, the recorded events' bytes, and the
    /// hashes of those that left no leaf. The regulator's way in; he cannot judge whether an
    /// event whose bytes are not in the log was rightly dropped, only that the leader signed its
    /// hash into the batch.
    pub fn replay(
        &mut self,
        header: &SignedHeader,
        slots: &[Slot],
    ) -> Result<Applied, BatchRefusal> {
        let hashes: Vec<Hash> = slots.iter().map(Slot::hash).collect();
        if events_hash(&hashes) != header.body().events {
            return Err(BatchError::EventsDiffer.into());
        }
        self.check_header(header.body().term, header)?;
        Ok(self.apply_checked(header, slots))
    }

    /// Nothing below can be refused as a whole.
    fn apply_checked(&mut self, header: &SignedHeader, slots: &[Slot]) -> Applied {
        let first = self.size();
        let clock = self.state.clock_mut();
        clock.time = header.body().time;
        clock.term = header.body().term;
        clock.record_signature(header.signature());
        // The header's leaf lists what was dropped, so it is filled in last; its place is taken.
        let mut leaves = Leaves {
            first,
            bytes: vec![Vec::new()],
        };
        let settled = self.perform_due(&mut leaves);
        let mut dropped = Vec::new();
        let mut outcomes = Vec::new();
        for (place, slot) in slots.iter().enumerate() {
            let left_leaf = match slot {
                Slot::Event(bytes) => {
                    let (outcome, left_leaf) = self.apply_event(bytes, &mut leaves);
                    outcomes.push(outcome);
                    left_leaf
                }
                Slot::Dropped(_) => false,
            };
            if !left_leaf {
                let place = u16::try_from(place).expect("a batch has at most 1,024 events");
                dropped.push(Dropped {
                    place,
                    event: slot.hash(),
                });
            }
        }
        leaves.bytes[0] = Entry::Batch {
            header: header.bytes().to_vec(),
            dropped,
        }
        .encode();
        let sealed = self.seal_if_due(settled, &mut leaves);
        for leaf in &leaves.bytes {
            self.tree.push(leaf_hash(leaf));
        }
        self.state.clock_mut().leaves = self.tree.size();
        Applied {
            first,
            leaves: leaves.bytes,
            refused: None,
            outcomes,
            sealed: sealed.then(|| self.checkpoint()),
        }
    }

    /// What the clock made due, in order of due time. Whether an interval was settled or a month
    /// became final.
    fn perform_due(&mut self, leaves: &mut Leaves) -> bool {
        let mut settled = false;
        for _ in 0..DUE_PER_BATCH_MAX {
            let Some(due) = self.state.due() else {
                break;
            };
            let mut facts = Vec::new();
            match due {
                Due::Gate(interval) => {
                    self.state.clock_mut().next_gate = interval.next();
                    self.state.pin_terms(interval);
                    self.state.clear(interval, &mut facts);
                }
                Due::Settlement(interval) => {
                    self.state.clock_mut().next_settlement = interval.next();
                    settled |= self.state.settle(interval, &mut facts);
                    self.state.publish_index(interval, &mut facts);
                }
                Due::Final(interval) => settled |= self.state.run_final(interval, &mut facts),
            }
            self.push_facts(facts, leaves);
        }
        settled
    }

    fn push_facts(&mut self, facts: Facts, leaves: &mut Leaves) {
        for (participant, fact) in facts {
            let blind = self.state.clock().blind(leaves.next_index());
            leaves.push(&Entry::Derived {
                participant,
                blind,
                fact,
            });
            self.state.clock_mut().unsealed = true;
        }
    }

    /// Applies one event: what became of it, and whether it left a leaf.
    fn apply_event(&mut self, bytes: &[u8], leaves: &mut Leaves) -> (EventOutcome, bool) {
        let event = match SignedEvent::parse(bytes) {
            Ok(event) => event,
            Err(refusal) => {
                let event = event_hash(bytes);
                return (
                    EventOutcome {
                        event,
                        result: Err(refusal),
                    },
                    false,
                );
            }
        };
        if let Err(refusal) = self.admit_signed(&event) {
            let repeated = refusal == Rejection::SequenceUsed;
            let result = if repeated {
                self.first_outcome(&event)
            } else {
                Err(refusal)
            };
            return (
                EventOutcome {
                    event: event.hash(),
                    result,
                },
                false,
            );
        }
        // From here on the event is recorded, whatever its action comes to.
        let leaf = leaves.next_index();
        let body = event.body();
        self.state.clock_mut().record_signature(event.signature());
        self.state.clock_mut().unsealed = true;
        self.advance_sequence(body);
        let mut facts = Vec::new();
        let outcome = match self.perform(body, leaf, &mut facts) {
            Ok(outcome) => outcome,
            Err(refusal) => vec![refusal.code()],
        };
        leaves.push(&Entry::Event {
            signed: bytes.to_vec(),
            outcome: outcome.clone(),
        });
        self.push_facts(facts, leaves);
        let recorded = RecordedOutcome {
            event: event.hash(),
            leaf,
            outcome,
        };
        self.state
            .outcomes
            .record(body.author, body.sequence, recorded.clone());
        (
            EventOutcome {
                event: event.hash(),
                result: Ok(recorded),
            },
            true,
        )
    }

    fn admit_signed(&self, event: &SignedEvent) -> Result<(), Rejection> {
        self.admit(event, self.state.clock().time)?;
        match self.signatures {
            SignatureCheck::Verify => event.verify(&self.genesis.park()),
            SignatureCheck::AlreadyVerified => Ok(()),
        }
    }

    fn advance_sequence(&mut self, body: &EventBody) {
        let hour = hour_of(self.state.clock().time);
        let record = self
            .state
            .registry
            .key_mut(&body.author)
            .expect("an admitted key is registered");
        record.sequence = body.sequence;
        if record.hour != hour {
            record.hour = hour;
            record.hour_events = 0;
        }
        record.hour_events += 1;
    }

    /// Performs an action for the role of its author; codes by item, or a refusal of the whole.
    fn perform(
        &mut self,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        let role = self
            .state
            .registry
            .keys()
            .get(&body.author)
            .map(|record| record.role);
        let role = role.expect("an admitted key is registered");
        if self.state.readings.is_frozen(&body.author) {
            return Err(Rejection::KeyFrozen);
        }
        if let Role::Delegate(participant) = role {
            return self.trade_delegated(participant, body, facts);
        }
        if let Action::RotateKey { new, proof } = &body.action {
            return self.rotate(&body.author, new, proof, leaf);
        }
        match role {
            Role::Registrar => self.perform_registrar(&body.action, leaf, facts),
            Role::Treasurer => self.perform_treasurer(&body.action, facts),
            Role::Meter(meter) => {
                let Action::SubmitReadings(readings) = &body.action else {
                    return Err(Rejection::NotAllowed);
                };
                by_item(readings, |_, reading| {
                    self.state
                        .record_reading(meter, &body.author, reading, facts)
                })
            }
            Role::Tenant(participant) => self.perform_tenant(participant, body, leaf, facts),
            Role::Regulator | Role::Delegate(_) => Err(Rejection::NotAllowed),
        }
    }

    fn rotate(
        &mut self,
        old: &PublicKey,
        new: &PublicKey,
        proof: &Signature,
        leaf: u64,
    ) -> Result<Vec<u16>, Rejection> {
        new.check().map_err(|_| Rejection::KeyRefused)?;
        let message = rotation_message(&self.genesis.park(), old, new);
        new.verify(&message, proof)
            .map_err(|_| Rejection::BadRotationProof)?;
        self.state.registry.rotate_key(*old, *new, leaf)?;
        self.state.trading.delegations.hand_over(old, *new);
        Ok(vec![0])
    }

    fn perform_registrar(
        &mut self,
        action: &Action,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if let Some(performed) = self.state.perform_delivery(action, leaf, facts) {
            return performed.map(|()| vec![0]);
        }
        if let Some(performed) = self.state.perform_trading_rule(action, leaf) {
            return performed.map(|()| vec![0]);
        }
        let State {
            clock,
            registry,
            accounts,
            readings,
            trading,
            ..
        } = &mut self.state;
        let clock = clock
            .get(&())
            .expect("the clock has had its row since the genesis");
        match action {
            Action::RegisterParticipant(participant) => {
                registry.register_participant(participant)?;
                accounts.open(participant.id);
            }
            Action::RegisterPoint(point) => registry.register_point(clock, point)?,
            Action::RegisterMeter(meter) => {
                registry.register_meter(clock, meter, leaf)?;
                readings.start(meter);
            }
            Action::AddKey { key, role } => registry.add_key(*key, *role, leaf)?,
            Action::RevokeKey { key } => {
                registry.revoke_key(*key, leaf)?;
                trading.delegations.remove(key);
                // What the key answered for ends with it: it may have been stolen.
                for delegated in trading.delegations.answered_by(key) {
                    registry
                        .revoke_key(delegated, leaf)
                        .expect("a delegation in force has a key in force");
                    trading.delegations.remove(&delegated);
                }
            }
            Action::SetTariff {
                tariff,
                from,
                prices,
            } => {
                registry.set_tariff(clock, *tariff, *from, prices)?;
            }
            Action::SetTerms { from, terms } => registry.set_terms(clock, *from, terms)?,
            Action::SetFactor { from, factor } => registry.set_factor(clock, *from, factor)?,
            _ => return Err(Rejection::NotAllowed),
        }
        Ok(vec![0])
    }

    fn perform_treasurer(
        &mut self,
        action: &Action,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        let (participant, amount) = match action {
            Action::Deposit {
                participant,
                amount,
                ..
            } => (*participant, *amount),
            Action::Withdraw {
                participant,
                amount,
                ..
            } => {
                let amount = amount.checked_neg().ok_or(Rejection::AmountInvalid)?;
                (*participant, amount)
            }
            Action::SetCreditLimit { participant, limit } => {
                self.known_participant(*participant)?;
                self.state.accounts.set_credit_limit(*participant, *limit)?;
                return Ok(vec![0]);
            }
            _ => return Err(Rejection::NotAllowed),
        };
        self.known_participant(participant)?;
        check_direction(action, amount)?;
        self.state.accounts.move_funds(participant, amount)?;
        facts.push((Some(participant), Fact::FundsMoved { amount }));
        Ok(vec![0])
    }

    fn known_participant(&self, participant: ParticipantId) -> Result<(), Rejection> {
        if !self.state.registry.participants().contains(&participant) {
            return Err(Rejection::UnknownParticipant);
        }
        Ok(())
    }

    fn perform_tenant(
        &mut self,
        participant: ParticipantId,
        body: &EventBody,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        if let Some(performed) = self.trade(participant, body, facts) {
            return performed;
        }
        if let Some(performed) = self.delegate(participant, body, leaf) {
            return performed.map(|()| vec![0]);
        }
        match &body.action {
            Action::SetSchedule { point, entries } => {
                let State {
                    registry, trading, ..
                } = &mut self.state;
                trading
                    .schedules
                    .set(registry, participant, *point, entries)?;
                Ok(vec![0])
            }
            Action::SetStandingInstruction {
                point,
                enrolled,
                ask_limit,
                bid_limit,
            } => {
                let instruction = StandingInstruction {
                    enrolled: *enrolled,
                    ask_limit: *ask_limit,
                    bid_limit: *bid_limit,
                };
                self.state
                    .registry
                    .set_instruction(participant, *point, instruction)?;
                Ok(vec![0])
            }
            _ => Err(Rejection::NotAllowed),
        }
    }

    /// Seals if the batch settled an interval, or if something was recorded and a minute has
    /// passed since the last seal. A rule and not a proposal, so that nobody can withhold it.
    fn seal_if_due(&mut self, settled: bool, leaves: &mut Leaves) -> bool {
        let clock = self.state.clock();
        let waited = clock.time >= clock.sealed_at.plus_millis(SEAL_INTERVAL_MS);
        let due = settled || (clock.unsealed && waited);
        if !due {
            return false;
        }
        let clock = self.state.clock_mut();
        clock.sealed_at = clock.time;
        clock.unsealed = false;
        clock.leaves = leaves.next_index();
        let state_root = self.state.root();
        leaves.push(&Entry::Seal { state_root });
        true
    }
}

fn hour_of(time: Timestamp) -> u64 {
    time.0 / 3_600_000
}

/// A deposit is above zero and a withdrawal below it.
fn check_direction(action: &Action, amount: Money) -> Result<(), Rejection> {
    let is_deposit = matches!(action, Action::Deposit { .. });
    if is_deposit != (amount.0 > 0) {
        return Err(Rejection::AmountInvalid);
    }
    Ok(())
}

/// Judges each item of a list by itself.
fn by_item<T>(
    items: &[T],
    mut judge: impl FnMut(u16, &T) -> Result<(), Rejection>,
) -> Result<Vec<u16>, Rejection> {
    if items.is_empty() {
        return Err(Rejection::ListEmpty);
    }
    if items.len() > ITEMS_MAX {
        return Err(Rejection::ListTooLong);
    }
    let judged = items.iter().enumerate().map(|(place, item)| {
        let place = u16::try_from(place).expect("a list has at most 1,000 items");
        judge(place, item).err().map_or(0, Rejection::code)
    });
    Ok(judged.collect())
}
