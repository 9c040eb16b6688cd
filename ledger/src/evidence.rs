//! Portable evidence: a file that shows, to whoever trusts only the park's keys, that somebody
//! signed two things of which at most one can be true.
//!
//! There are two kinds. *Two events* of one key with one sequence and different bodies: a key
//! numbers its events, so that it can sign each number once. *Two heads* of one log: checkpoints
//! of one size with different roots, or a larger one that does not continue the smaller. What a
//! file proves, whom it names and what it leaves open is [`Evidence::judge`]'s to say. The format
//! is that of `docs/FORMATS.md`, section 15.
//!
//! A node that finds some lets the ledger record it ([`crate::state::convictions`]), so that it
//! stands where nobody can lose it. A promise that was broken is evidence too, with a file of its
//! own: [`crate::receipt`].
//!
//! ```
//! use wattle_ledger::evidence::{Evidence, EvidenceError};
//!
//! assert_eq!(Evidence::parse(b"something"), Err(EvidenceError::OtherFile));
//! ```

mod registrations;
mod verdict;

pub use registrations::RegistrationError;
pub use verdict::{Contradiction, Head, Signer, Verdict};

use crate::codec::{self, CodecError};
use crate::event::SignedEvent;
use crate::genesis::{Genesis, GenesisError};
use crate::hash::{Hash, sha256};
use crate::keys::{KeyError, PublicKey};
use crate::limits::{EVIDENCE_BYTES_MAX, EVIDENCE_REGISTRATIONS_MAX};
use crate::log::checkpoint::{Checkpoint, CheckpointError};
use crate::log::note::{Note, NoteError};
use crate::log::policy::Policy;
use crate::log::proof::ProofError;
use crate::rejection::Rejection;

/// The first bytes of every evidence file.
pub const EVIDENCE_MAGIC: &[u8] = b"wattle/evidence/v0\n";

/// Hashes that a proof between two heads has at most: a tree of 2^40 leaves has no more levels.
const PATH_MAX: usize = 64;

/// What an evidence file holds. Its parts are read, but nothing of it is checked before
/// [`Evidence::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    genesis: Genesis,
    registrations: Vec<SignedEvent>,
    statement: Statement,
    bytes: Vec<u8>,
}

/// The two things that were signed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Statement {
    Events(Box<[SignedEvent; 2]>),
    Heads(Box<Heads>),
}

/// Two checkpoints: the smaller first, of one size that with the smaller root.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Heads {
    notes: [Note; 2],
    checkpoints: [Checkpoint; 2],
    /// Leads from the older size to the newer root; empty for one size.
    path: Vec<Hash>,
}

/// The file behind its first bytes.
#[derive(bincode::Encode, bincode::Decode)]
struct File {
    genesis: Vec<u8>,
    registrations: Vec<Vec<u8>>,
    statement: Bytes,
}

/// A statement as it is written. Variants are only ever appended.
#[derive(bincode::Encode, bincode::Decode)]
enum Bytes {
    Events([Vec<u8>; 2]),
    Heads([Vec<u8>; 2], Vec<Hash>),
}

/// What a piece of evidence is about: two files about one subject tell the same story, perhaps
/// with other signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A key that signed a sequence twice.
    Events {
        /// The key.
        key: PublicKey,
        /// The sequence.
        sequence: u64,
    },
    /// Two heads of the log.
    Heads {
        /// Size and root of the smaller.
        first: (u64, Hash),
        /// Size and root of the larger.
        second: (u64, Hash),
    },
}

/// Why bytes are no evidence, or evidence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The first bytes are not [`EVIDENCE_MAGIC`].
    #[error("the file is no evidence: it does not begin with \"wattle/evidence/v0\"")]
    OtherFile,
    /// It is longer than [`EVIDENCE_BYTES_MAX`].
    #[error("the evidence has {0} bytes, at most {EVIDENCE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// The bytes do not decode.
    #[error("the evidence does not decode: {0}")]
    Malformed(#[from] CodecError),
    /// The genesis in it is none.
    #[error("the genesis in the evidence: {0}")]
    Genesis(#[from] GenesisError),
    /// A part that should be an event is none.
    #[error("a part of the evidence is no signed event: {}", .0.sentence())]
    Event(Rejection),
    /// A part that should be a signed checkpoint is no note.
    #[error("a checkpoint in the evidence: {0}")]
    Note(#[from] NoteError),
    /// A note that is no checkpoint.
    #[error("a checkpoint in the evidence: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Too many registrations or too long a path.
    #[error("the evidence has more parts than any needs")]
    TooManyParts,
    /// The two statements are in the wrong order, of which there is one.
    #[error("the two statements are not in their order, so that this is another file than it was")]
    Order,
    /// A registration does not hold.
    #[error("registration {place} in the evidence: {error}")]
    Registration {
        /// Which one, from 1.
        place: usize,
        /// What is wrong.
        error: RegistrationError,
    },
    /// The two events are not of one key and sequence, or are one event.
    #[error(
        "the two events do not contradict each other: their keys or sequences differ, or their bodies do not"
    )]
    NoContradiction,
    /// The author's key is not one that any ledger takes.
    #[error("the events' key: {0}")]
    Key(#[from] KeyError),
    /// A signature of an event does not hold for the genesis' park.
    #[error("the signature of event {0} does not hold for this park")]
    EventSignature(Hash),
    /// A checkpoint is of another log than the genesis'.
    #[error("a checkpoint is of the log {0:?}, the genesis founds another")]
    OtherOrigin(String),
    /// A known key's line does not hold.
    #[error("the line of {0} under a checkpoint does not hold")]
    BadLine(String),
    /// Nobody known signed one of the heads.
    #[error("no key that the genesis or the policy names signed the checkpoint of size {0}")]
    Unsigned(u64),
    /// One of the heads is of an empty log, which says nothing.
    #[error("a checkpoint of size 0 contradicts nothing")]
    EmptyHead,
    /// The proof between the heads does not lead to the newer root.
    #[error("the proof between the two checkpoints: {0}")]
    Path(ProofError),
    /// The newer head continues the older one, or both are the same.
    #[error("the two checkpoints agree: the larger continues the smaller")]
    Agree,
    /// The policy trusts another log.
    #[error("the evidence is about the log {0:?}, which the policy does not name")]
    OtherPolicy(String),
}

impl Evidence {
    /// Two events of one key and sequence, in either order.
    ///
    /// # Errors
    /// Where they prove nothing: what [`Evidence::judge`] says.
    pub fn two_events(
        genesis: &Genesis,
        registrations: Vec<SignedEvent>,
        one: SignedEvent,
        other: SignedEvent,
    ) -> Result<Evidence, EvidenceError> {
        let events = if one.hash() < other.hash() {
            [one, other]
        } else {
            [other, one]
        };
        let statement = Statement::Events(Box::new(events));
        Evidence::new(genesis, registrations, statement, None)
    }

    /// Two signed heads of one log, in either order. `path` is that of
    /// [`prove_prefix`](crate::log::proof::prove_prefix), from the log with the larger head; it is
    /// empty where both have one size.
    ///
    /// # Errors
    /// Where they prove nothing: what [`Evidence::judge`] says.
    pub fn two_heads(
        genesis: &Genesis,
        registrations: Vec<SignedEvent>,
        one: Note,
        other: Note,
        path: Vec<Hash>,
    ) -> Result<Evidence, EvidenceError> {
        Evidence::of_heads(genesis, registrations, [one, other], (path, None))
    }

    /// The same, signed by keys that a policy knows: those of voters that came after the founding
    /// are in no genesis. Whoever verifies the file needs a policy that names them.
    ///
    /// # Errors
    /// Where they prove nothing by this policy: what [`Evidence::judge`] says.
    pub fn two_heads_by(
        policy: &Policy,
        genesis: &Genesis,
        heads: [Note; 2],
        path: Vec<Hash>,
    ) -> Result<Evidence, EvidenceError> {
        Evidence::of_heads(genesis, Vec::new(), heads, (path, Some(policy)))
    }

    /// The same evidence with other registrations, which name nodes or keys that the genesis does
    /// not hold.
    ///
    /// # Errors
    /// Where it proves nothing with them: what [`Evidence::judge`] says.
    pub fn with_registrations(
        self,
        registrations: Vec<SignedEvent>,
        policy: Option<&Policy>,
    ) -> Result<Evidence, EvidenceError> {
        Evidence::new(&self.genesis, registrations, self.statement, policy)
    }

    fn of_heads(
        genesis: &Genesis,
        registrations: Vec<SignedEvent>,
        [one, other]: [Note; 2],
        (path, policy): (Vec<Hash>, Option<&Policy>),
    ) -> Result<Evidence, EvidenceError> {
        let (first, second) = (
            Checkpoint::parse(one.text())?,
            Checkpoint::parse(other.text())?,
        );
        let heads = if place(&first) < place(&second) {
            ([one, other], [first, second])
        } else {
            ([other, one], [second, first])
        };
        let heads = Heads {
            notes: heads.0,
            checkpoints: heads.1,
            path,
        };
        let statement = Statement::Heads(Box::new(heads));
        Evidence::new(genesis, registrations, statement, policy)
    }

    fn new(
        genesis: &Genesis,
        registrations: Vec<SignedEvent>,
        statement: Statement,
        policy: Option<&Policy>,
    ) -> Result<Evidence, EvidenceError> {
        let file = File {
            genesis: genesis.signed().to_vec(),
            registrations: registrations.iter().map(|it| it.bytes().to_vec()).collect(),
            statement: statement.bytes(),
        };
        let bytes = [EVIDENCE_MAGIC, &codec::encode(&file)].concat();
        // What is made is what is read, so that nobody's file is refused elsewhere.
        let evidence = Evidence::parse(&bytes)?;
        evidence.judge(policy)?;
        Ok(evidence)
    }

    /// Reads a file. No signature but the genesis' is checked yet.
    ///
    /// # Errors
    /// Any [`EvidenceError`] on the form of the file.
    pub fn parse(bytes: &[u8]) -> Result<Evidence, EvidenceError> {
        let rest = bytes
            .strip_prefix(EVIDENCE_MAGIC)
            .ok_or(EvidenceError::OtherFile)?;
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(EvidenceError::TooLarge(bytes.len()));
        }
        let file: File = codec::decode_within::<File, EVIDENCE_BYTES_MAX>(rest)?;
        if file.registrations.len() > EVIDENCE_REGISTRATIONS_MAX {
            return Err(EvidenceError::TooManyParts);
        }
        let registrations = file.registrations.iter();
        let registrations = registrations.map(|bytes| parse_event(bytes));
        Ok(Evidence {
            genesis: Genesis::parse(&file.genesis)?,
            registrations: registrations.collect::<Result<_, _>>()?,
            statement: Statement::parse(file.statement)?,
            bytes: bytes.to_vec(),
        })
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The evidence's name: SHA-256 of its bytes.
    pub fn id(&self) -> Hash {
        sha256(&[&self.bytes])
    }

    /// The park that it is about.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// What it is about.
    pub fn subject(&self) -> Subject {
        match &self.statement {
            Statement::Events(events) => Subject::Events {
                key: events[0].body().author,
                sequence: events[0].body().sequence,
            },
            Statement::Heads(heads) => {
                let [first, second] = &heads.checkpoints;
                Subject::Heads {
                    first: (first.size(), *first.root()),
                    second: (second.size(), *second.root()),
                }
            }
        }
    }

    /// Signature lines under its heads; none where it is about events. Of two files about one
    /// subject the one with more says more.
    pub fn lines(&self) -> usize {
        match &self.statement {
            Statement::Events(_) => 0,
            Statement::Heads(heads) => {
                let lines = heads.notes.iter().map(|note| note.signatures().len());
                lines.sum()
            }
        }
    }
}

impl Statement {
    fn parse(bytes: Bytes) -> Result<Statement, EvidenceError> {
        match bytes {
            Bytes::Events([first, second]) => {
                let events = [parse_event(&first)?, parse_event(&second)?];
                if events[0].hash() >= events[1].hash() {
                    return Err(EvidenceError::Order);
                }
                Ok(Statement::Events(Box::new(events)))
            }
            Bytes::Heads([first, second], path) => {
                if path.len() > PATH_MAX {
                    return Err(EvidenceError::TooManyParts);
                }
                let notes = [Note::parse(&first)?, Note::parse(&second)?];
                let checkpoints = [
                    Checkpoint::parse(notes[0].text())?,
                    Checkpoint::parse(notes[1].text())?,
                ];
                if place(&checkpoints[0]) > place(&checkpoints[1]) {
                    return Err(EvidenceError::Order);
                }
                Ok(Statement::Heads(Box::new(Heads {
                    notes,
                    checkpoints,
                    path,
                })))
            }
        }
    }

    fn bytes(&self) -> Bytes {
        match self {
            Statement::Events(events) => {
                Bytes::Events([events[0].bytes().to_vec(), events[1].bytes().to_vec()])
            }
            Statement::Heads(heads) => {
                let note = |at: usize| heads.notes[at].to_string().into_bytes();
                Bytes::Heads([note(0), note(1)], heads.path.clone())
            }
        }
    }
}

fn place(checkpoint: &Checkpoint) -> (u64, Hash) {
    (checkpoint.size(), *checkpoint.root())
}

fn parse_event(bytes: &[u8]) -> Result<SignedEvent, EvidenceError> {
    SignedEvent::parse(bytes).map_err(EvidenceError::Event)
}
