//! The ledger: a state and the log it is a function of.
//!
//! [`Ledger::apply`] is the only way anything changes, on every node and at the regulator's.

mod change;
mod leaves;
mod nodes;
mod own;
mod perform;
mod trading;

pub use leaves::{LeavesError, begins_batch};
pub(crate) use leaves::{events, slots, step};
pub use own::{OwnError, OwnHead};

use crate::batch::{Batch, BatchError, SignedHeader, events_hash};
use crate::entry::{Dropped, Entry};
use crate::event::{EventBody, ReadEvent, SignedEvent, event_hash};
use crate::genesis::{Genesis, NodeRecord};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::{DUE_PER_BATCH_MAX, EVENTS_PER_KEY_AND_HOUR_MAX, SEAL_INTERVAL_MS};
use crate::log::checkpoint::Checkpoint;
use crate::log::tree::{Tree, leaf_hash};
use crate::membership::{ChangeBatch, MemberChange};
use crate::registration::{NodeId, Role};
use crate::rejection::Rejection;
use crate::state::clock::{Clock, Due, TIME_MAX};
use crate::state::members::Members;
use crate::state::outcomes::RecordedOutcome;
use crate::state::{Facts, State};
use wattle_market::interval::Timestamp;

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
    /// Its leader does not vote at this place of the log.
    #[error("node {0} does not vote and cannot lead")]
    NotAVoter(NodeId),
    /// The registry does not want the step of the membership, or not yet.
    #[error(
        "the registry does not want node {} to become {:?} now", .0.node, .0.standing
    )]
    StepNotWanted(MemberChange),
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
    /// The step of the membership that was taken, where the batch was one.
    pub changed: Option<MemberChange>,
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
    count: u64,
    /// None: they are in the log already, and only counted.
    bytes: Option<Vec<Vec<u8>>>,
}

impl Leaves {
    fn new(first: u64) -> Leaves {
        Leaves {
            first,
            count: 0,
            bytes: Some(Vec::new()),
        }
    }

    /// Leaves that their log has already.
    fn counted(first: u64) -> Leaves {
        Leaves {
            first,
            count: 0,
            bytes: None,
        }
    }

    fn next_index(&self) -> u64 {
        self.first + self.count
    }

    fn push(&mut self, entry: impl FnOnce() -> Entry) {
        self.count += 1;
        if let Some(leaves) = &mut self.bytes {
            leaves.push(encoded(&entry()));
        }
    }

    fn are_kept(&self) -> bool {
        self.bytes.is_some()
    }

    /// Where the next change puts what it derives.
    fn facts(&self) -> Facts {
        match self.bytes {
            Some(_) => Facts::kept(),
            None => Facts::counted(),
        }
    }

    fn push_facts(&mut self, facts: Facts, clock: &Clock) {
        let Some(leaves) = &mut self.bytes else {
            self.count += facts.count();
            return;
        };
        for (participant, fact) in facts.into_kept() {
            let blind = clock.blind(self.first + self.count);
            self.count += 1;
            leaves.push(encoded(&Entry::Derived {
                participant,
                blind,
                fact,
            }));
        }
    }

    /// Takes the place of a leaf that [`Leaves::fill`] brings later.
    fn reserve(&mut self) {
        self.count += 1;
        if let Some(leaves) = &mut self.bytes {
            leaves.push(Vec::new());
        }
    }

    /// The first leaf, whose place was reserved.
    fn fill(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(leaf) = self.bytes.as_mut().and_then(|leaves| leaves.first_mut()) {
            *leaf = encoded(&entry());
        }
    }
}

fn encoded(entry: &Entry) -> Vec<u8> {
    let bytes = entry.encode();
    assert!(
        bytes.len() <= crate::limits::LEAF_BYTES_MAX,
        "a leaf fits the tile format"
    );
    bytes
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

    /// A ledger whose parts were read back from a snapshot.
    pub(crate) fn from_parts(
        genesis: Genesis,
        state: State,
        tree: Tree,
        signatures: SignatureCheck,
    ) -> Ledger {
        Ledger {
            genesis,
            state,
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

    pub(crate) fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The log's tree, as its right edge.
    pub fn tree(&self) -> &Tree {
        &self.tree
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

    /// The park's nodes.
    pub fn members(&self) -> &Members {
        self.state.registry.members()
    }

    /// The node with an id, also one that was removed.
    pub fn node(&self, id: NodeId) -> Option<&NodeRecord> {
        self.members().node(id)
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
        match self.admit(body, self.state.clock().time) {
            Ok(_) => {}
            Err(Rejection::WrongSequence) => {
                let next = self.next_sequence(&body.author).unwrap_or(1);
                if body.sequence > next + SEQUENCES_AHEAD_MAX {
                    return Err(Rejection::WrongSequence);
                }
            }
            Err(Rejection::SequenceUsed) => {
                self.first_outcome(body, &event.hash())?;
            }
            Err(other) => return Err(other),
        }
        event.verify(&self.genesis.park())?;
        Ok(event)
    }

    /// The checks that decide whether an event leaves a leaf, its signature aside; the role that
    /// its key signs in.
    fn admit(&self, body: &EventBody, time: Timestamp) -> Result<Role, Rejection> {
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
        Ok(record.role)
    }

    /// The outcome of an event whose sequence is used: its own first one, or a refusal.
    fn first_outcome(&self, body: &EventBody, event: &Hash) -> Result<RecordedOutcome, Rejection> {
        match self.outcome(&body.author, body.sequence) {
            Some(recorded) if recorded.event == *event => Ok(recorded.clone()),
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
        if self.members().voter(header.node).is_none() {
            return Err(BatchRefusal::NotAVoter(header.node));
        }
        let verify = self.signatures == SignatureCheck::Verify;
        if verify && !signed.is_signed_by(&node.batch) {
            return Err(BatchRefusal::BadSignature(header.node));
        }
        Ok(())
    }

    /// Applies the data of a committed Raft entry of `term`.
    pub fn apply(&mut self, term: u64, data: &[u8]) -> Applied {
        if ChangeBatch::is_marked(data) {
            return self.apply_change(term, data);
        }
        let batch = match Batch::decode(data) {
            Ok(batch) => batch,
            Err(error) => return self.refused(error.into()),
        };
        if let Err(refusal) = self.check_header(term, &batch.header) {
            return self.refused(refusal);
        }
        let slots: Vec<Slot> = batch
            .events
            .iter()
            .map(|event| Slot::Event(event))
            .collect();
        self.apply_checked(&batch.header, &slots)
    }

    fn refused(&self, refusal: BatchRefusal) -> Applied {
        Applied {
            first: self.size(),
            leaves: Vec::new(),
            refused: Some(refusal),
            outcomes: Vec::new(),
            sealed: None,
            changed: None,
        }
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
        let mut leaves = Leaves::new(self.size());
        let (outcomes, sealed) = self.apply_onto(header, slots, &mut leaves);
        self.close(leaves, outcomes, sealed)
    }

    /// Applies a batch; what became of its events, and whether it sealed.
    fn apply_onto(
        &mut self,
        header: &SignedHeader,
        slots: &[Slot],
        leaves: &mut Leaves,
    ) -> (Vec<EventOutcome>, bool) {
        let clock = self.state.clock_mut();
        clock.time = header.body().time;
        clock.term = header.body().term;
        clock.record_signature(header.signature());
        // The header's leaf lists what was dropped, so it is filled in last; its place is taken.
        leaves.reserve();
        let settled = self.perform_due(leaves);
        let mut dropped = Vec::new();
        let mut outcomes = Vec::new();
        for (place, slot) in slots.iter().enumerate() {
            let left_leaf = match slot {
                Slot::Event(bytes) => {
                    let (outcome, left_leaf) = self.apply_event(bytes, leaves);
                    outcomes.extend(outcome);
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
        leaves.fill(|| Entry::Batch {
            header: header.bytes().to_vec(),
            dropped,
        });
        let sealed = self.seal_if_due(settled, leaves);
        (outcomes, sealed)
    }

    /// Appends a batch's leaves to the log.
    fn close(&mut self, leaves: Leaves, outcomes: Vec<EventOutcome>, sealed: bool) -> Applied {
        let (first, leaves) = (leaves.first, leaves.bytes.unwrap_or_default());
        for leaf in &leaves {
            self.tree.push(leaf_hash(leaf));
        }
        self.state.clock_mut().leaves = self.tree.size();
        Applied {
            first,
            leaves,
            refused: None,
            outcomes,
            sealed: sealed.then(|| self.checkpoint()),
            changed: None,
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
            let mut facts = leaves.facts();
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
                Due::Joint(day) => self.state.clear_joint(day, &mut facts),
                Due::Final(interval) => settled |= self.state.run_final(interval, &mut facts),
                Due::Expiry(interval) => self.state.expire_certificates(interval, &mut facts),
            }
            self.push_facts(facts, leaves);
        }
        settled
    }

    fn push_facts(&mut self, facts: Facts, leaves: &mut Leaves) {
        if facts.count() == 0 {
            return;
        }
        let clock = self.state.clock_mut();
        clock.unsealed = true;
        leaves.push_facts(facts, clock);
    }

    /// Applies one event: what became of it, where leaves are kept, and whether it left one.
    fn apply_event(&mut self, bytes: &[u8], leaves: &mut Leaves) -> (Option<EventOutcome>, bool) {
        let without_leaf = |event, result| (Some(EventOutcome { event, result }), false);
        let event = match ReadEvent::parse(bytes) {
            Ok(event) => event,
            Err(refusal) => return without_leaf(event_hash(bytes), Err(refusal)),
        };
        let body = &event.body;
        let role = match self.admit_signed(&event) {
            Ok(role) => role,
            Err(Rejection::SequenceUsed) => {
                return without_leaf(event.hash, self.first_outcome(body, &event.hash));
            }
            Err(refusal) => return without_leaf(event.hash, Err(refusal)),
        };
        // From here on the event is recorded, whatever its action comes to.
        let leaf = leaves.next_index();
        let clock = self.state.clock_mut();
        clock.record_signature(&event.signature);
        clock.unsealed = true;
        self.advance_sequence(body);
        let mut facts = leaves.facts();
        let outcome = match self.perform(role, body, leaf, &mut facts) {
            Ok(outcome) => outcome,
            Err(refusal) => vec![refusal.code()],
        };
        leaves.push(|| Entry::Event {
            signed: bytes.to_vec(),
            outcome: outcome.clone(),
        });
        self.push_facts(facts, leaves);
        let recorded = RecordedOutcome {
            event: event.hash,
            leaf,
            outcome,
        };
        let outcome = leaves.are_kept().then(|| EventOutcome {
            event: event.hash,
            result: Ok(recorded.clone()),
        });
        let outcomes = &mut self.state.outcomes;
        outcomes.record(body.author, body.sequence, recorded);
        (outcome, true)
    }

    fn admit_signed(&self, event: &ReadEvent<'_>) -> Result<Role, Rejection> {
        let role = self.admit(&event.body, self.state.clock().time)?;
        if self.signatures == SignatureCheck::Verify {
            event.verify(&self.genesis.park())?;
        }
        Ok(role)
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

    /// Seals if the batch settled an interval, or if something was recorded and a minute has
    /// passed since the last seal. A rule and not a proposal, so that nobody can withhold it.
    fn seal_if_due(&mut self, settled: bool, leaves: &mut Leaves) -> bool {
        let clock = self.state.clock();
        let waited = clock.time >= clock.sealed_at.plus_millis(SEAL_INTERVAL_MS);
        let due = settled || (clock.unsealed && waited);
        if due {
            self.seal(leaves);
        }
        due
    }

    fn seal(&mut self, leaves: &mut Leaves) {
        let clock = self.state.clock_mut();
        clock.sealed_at = clock.time;
        clock.unsealed = false;
        clock.leaves = leaves.next_index();
        leaves.push(|| Entry::Seal {
            state_root: self.state.root(),
        });
    }
}

fn hour_of(time: Timestamp) -> u64 {
    time.0 / 3_600_000
}
