//! The replay of a log that the replayer has checked before: the way to the same state without
//! what a check costs.
//!
//! Signatures are not verified, leaves not hashed, encoded and compared, blinds not drawn, and the
//! state's root is computed once, for the last seal. Keys are not checked again where they are
//! registered: an event's leaf says whether its key was refused.
//!
//! What makes this safe is where it ends: the last seal lies under a head that a log key in hand
//! has signed ([`OwnHead`]), a node signs no head before it has applied everything under it, and
//! the state that comes out must have the root that this seal says. It commits to every row, and
//! to the signature of every event; so whatever the disk, or anybody, made of a leaf in between,
//! either it led to the same state or it is found. Only then are the files checked one by one, to
//! name the one that is damaged.

use super::{Leaves, LeavesError, Ledger, SignatureCheck, Slot};
use crate::batch::SignedHeader;
use crate::codec::CodecError;
use crate::entry::{Dropped, Entry};
use crate::genesis::{Genesis, GenesisError};
use crate::hash::Hash;
use crate::keys::SigningKey;
use crate::ledger::{begins_batch, slots};
use crate::log::checkpoint::{Checkpoint, SignedCheckpointError};
use crate::log::note::{Note, SignatureType, VerifierKey, VerifierKeyError};
use crate::log::tiles::{
    BoundError, BoundTiles, TILE_WIDTH, TileBuilder, TileFile, TileKind, TilePath, parse_bundle,
};
use crate::membership::MemberChange;
use crate::rejection::Rejection;

/// A head of the log that the holder of a log key has signed himself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnHead(Checkpoint);

/// Why an own log is not replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OwnError<E> {
    /// The head is not signed by this key.
    #[error("the checkpoint is not this node's own")]
    NotOwn(#[source] SignedCheckpointError),
    /// The log's name is none that a key can have.
    #[error("the checkpoint's origin is no name: {0}")]
    Name(#[source] VerifierKeyError),
    /// The partial files do not come to the head.
    #[error("the open tiles do not come to the head of {size} leaves: {reason}")]
    Open {
        /// Leaves of the head.
        size: u64,
        /// What does not fit.
        reason: String,
    },
    /// A full file is missing, damaged or cannot be read.
    #[error(transparent)]
    File(#[from] BoundError<E>),
    /// Leaf 0 is no genesis, or that of another log.
    #[error("the log does not begin with the genesis of {origin}")]
    Genesis {
        /// The head's origin.
        origin: String,
        /// What is wrong with it, where it is one.
        #[source]
        source: Option<GenesisError>,
    },
    /// The leaves are not what their events come to.
    #[error("the log was not made by these rules")]
    Leaves(#[source] LeavesError),
    /// The log does not end with a seal.
    #[error("the log of {size} leaves does not end with a seal")]
    NoSeal {
        /// Leaves of the head.
        size: u64,
    },
    /// The state is another than the last seal says.
    #[error("the state has root {computed}, and the last seal says {sealed}")]
    StateRoot {
        /// What the replay came to.
        computed: Hash,
        /// What the seal says.
        sealed: Hash,
    },
}

impl OwnHead {
    /// A signed checkpoint whose log line is by this key.
    ///
    /// # Errors
    /// [`OwnError::NotOwn`] and [`OwnError::Name`].
    pub fn check<E>(note: &Note, key: &SigningKey) -> Result<OwnHead, OwnError<E>> {
        let checkpoint = Checkpoint::parse(note.text());
        let checkpoint = checkpoint.map_err(|error| OwnError::NotOwn(error.into()))?;
        let origin = checkpoint.origin();
        let log_key = VerifierKey::new(origin, SignatureType::Ed25519, key.public());
        let log_key = log_key.map_err(OwnError::Name)?;
        let checkpoint = Checkpoint::verify(note, &log_key).map_err(OwnError::NotOwn)?;
        Ok(OwnHead(checkpoint))
    }

    /// Size and root.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.0
    }

    /// Replays the log up to this head, which ends with a seal. `open` are its partial files, and
    /// `read` gives a full one, or nothing where it is missing.
    ///
    /// # Errors
    /// Any [`OwnError`].
    pub fn replay<E>(
        &self,
        open: &[TileFile],
        read: impl FnMut(&TilePath) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Ledger, OwnError<E>> {
        let (size, root) = (self.0.size(), *self.0.root());
        let builder = TileBuilder::resume(size, open)
            .map_err(|error| error.to_string())
            .and_then(|builder| match builder.root() == root {
                true => Ok(builder),
                false => Err(format!("they have root {}", builder.root())),
            })
            .map_err(|reason| OwnError::Open { size, reason })?;
        let mut tiles = BoundTiles::new(size, open.to_vec(), read);
        let replayed = self.replay_unchecked(&mut tiles, open_leaves(open, size), builder);
        if let Err(OwnError::Leaves(_) | OwnError::StateRoot { .. }) = replayed {
            for index in 0..tiles.full_bundles() {
                tiles.bundle(index)?;
            }
        }
        replayed
    }

    /// Replays leaves of which only the first bundle, with the genesis, and the last one, with the
    /// seal, are known to lie under the head.
    fn replay_unchecked<E>(
        &self,
        tiles: &mut BoundTiles<impl FnMut(&TilePath) -> Result<Option<Vec<u8>>, E>>,
        open: Vec<&[u8]>,
        builder: TileBuilder,
    ) -> Result<Ledger, OwnError<E>> {
        let mut replay = Replay::default();
        let bundles = tiles.full_bundles();
        for index in 0..bundles {
            if index == 0 || index + 1 == bundles {
                replay.take(tiles.bundle(index)?.leaves(), &self.0)?;
            } else {
                replay.take(tiles.unchecked(index)?.leaves(), &self.0)?;
            }
        }
        replay.take(open.into_iter(), &self.0)?;
        replay.finish(&self.0, builder)
    }
}

/// The leaves of the open bundle, which the builder has compared with their hashes.
fn open_leaves(open: &[TileFile], size: u64) -> Vec<&[u8]> {
    let is_bundle = |file: &&TileFile| file.path.kind() == TileKind::Entries;
    let width = u16::try_from(size % u64::from(TILE_WIDTH)).expect("a remainder is below 256");
    let bundle = open.iter().find(is_bundle);
    let leaves = bundle.and_then(|file| parse_bundle(&file.bytes, width).ok());
    leaves.unwrap_or_default()
}

/// A replay on its way.
#[derive(Default)]
struct Replay {
    /// None before the genesis.
    ledger: Option<Ledger>,
    /// The batch whose end is not seen yet.
    batch: OwnBatch,
}

impl Replay {
    fn take<'a, E>(
        &mut self,
        leaves: impl Iterator<Item = &'a [u8]>,
        head: &Checkpoint,
    ) -> Result<(), OwnError<E>> {
        for leaf in leaves {
            if self.ledger.is_none() {
                self.ledger = Some(found(leaf, head)?);
                self.batch.follow(1);
                continue;
            }
            if begins_batch(leaf) && self.batch.leaves > 0 {
                self.apply().map_err(OwnError::Leaves)?;
            }
            self.batch.push(leaf).map_err(OwnError::Leaves)?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), LeavesError> {
        let ledger = self.ledger.as_mut();
        let ledger = ledger.expect("a batch is gathered only after the genesis");
        ledger.apply_own(&self.batch)?;
        self.batch.follow(self.batch.first + self.batch.leaves);
        Ok(())
    }

    fn finish<E>(mut self, head: &Checkpoint, builder: TileBuilder) -> Result<Ledger, OwnError<E>> {
        let size = head.size();
        let no_seal = || OwnError::NoSeal { size };
        let state_root = self.batch.seal.ok_or_else(no_seal)?;
        self.apply().map_err(OwnError::Leaves)?;
        let mut ledger = self.ledger.take().ok_or_else(no_seal)?;
        ledger.tree = builder.tree();
        ledger.signatures = SignatureCheck::Verify;
        ledger.state.registry.take_keys_as_checked(false);
        let computed = ledger.root_in_seal();
        if computed != state_root {
            let sealed = state_root;
            return Err(OwnError::StateRoot { computed, sealed });
        }
        Ok(ledger)
    }
}

fn found<E>(leaf: &[u8], head: &Checkpoint) -> Result<Ledger, OwnError<E>> {
    let failed = |source| OwnError::Genesis {
        origin: head.origin().to_owned(),
        source,
    };
    let Ok(Entry::Genesis(signed)) = Entry::decode(leaf) else {
        return Err(failed(None));
    };
    let genesis = Genesis::parse(&signed).map_err(|error| failed(Some(error)))?;
    if genesis.origin() != head.origin() {
        return Err(failed(None));
    }
    let signatures = SignatureCheck::AlreadyVerified;
    let mut ledger = Ledger::with_signatures(&genesis, signatures);
    ledger.state.defer_root();
    Ok(ledger)
}

/// A batch out of its leaves, as far as it has to be read: what follows from it is counted.
#[derive(Default)]
struct OwnBatch {
    /// Index of its first leaf.
    first: u64,
    /// How many there are.
    leaves: u64,
    /// The first of them.
    begin: Vec<u8>,
    /// The events, one after the other.
    events: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Whether a key that one of them registers was refused.
    refuses_key: bool,
    step: Option<MemberChange>,
    /// The last leaf's state root, where that is a seal.
    seal: Option<Hash>,
}

impl OwnBatch {
    /// Begins the next batch, at this index. The space of the last one is used again.
    fn follow(&mut self, first: u64) {
        (self.first, self.leaves) = (first, 0);
        self.begin.clear();
        self.events.clear();
        self.ends.clear();
        self.refuses_key = false;
        (self.step, self.seal) = (None, None);
    }

    fn push(&mut self, leaf: &[u8]) -> Result<(), LeavesError> {
        let index = self.first + self.leaves;
        let malformed = |source| LeavesError::Malformed { index, source };
        if self.leaves == 0 {
            self.begin.extend(leaf);
        }
        self.leaves += 1;
        self.seal = None;
        // The variant's number, as [`Entry`] is encoded.
        match leaf.first_chunk::<4>() {
            Some([2, 0, 0, 0]) => {
                let (signed, outcome) = event_of(leaf).map_err(malformed)?;
                self.events.extend(signed);
                self.ends.push(self.events.len());
                self.refuses_key |= has_code(outcome, Rejection::KeyRefused);
            }
            Some([4 | 5, 0, 0, 0]) => match Entry::decode(leaf).map_err(malformed)? {
                Entry::Seal { state_root } => self.seal = Some(state_root),
                Entry::Voters { change, .. } => self.step = Some(change),
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// The header, and the hashes of the events that left no leaf.
    fn header(&self) -> Result<(SignedHeader, Vec<Dropped>), LeavesError> {
        let index = self.first;
        let malformed = |source| LeavesError::Malformed { index, source };
        match Entry::decode(&self.begin).map_err(malformed)? {
            Entry::Batch { header, dropped } => {
                let header = SignedHeader::parse(&header).map_err(malformed)?;
                Ok((header, dropped))
            }
            _ => Err(LeavesError::NoBatch { index }),
        }
    }

    fn slots(&self, dropped: &[Dropped]) -> Result<Vec<Slot<'_>>, LeavesError> {
        let begins = [0].into_iter().chain(self.ends.iter().copied());
        let places = begins.zip(&self.ends);
        let events = places.map(|(begin, end)| Slot::Event(&self.events[begin..*end]));
        slots(events, dropped).ok_or(LeavesError::Dropped { index: self.first })
    }
}

/// The signed bytes in an event's leaf, where they lie, and those of its outcome.
fn event_of(leaf: &[u8]) -> Result<(&[u8], &[u8]), CodecError> {
    let parts = leaf[4..]
        .split_first_chunk::<8>()
        .and_then(|(length, rest)| {
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
    parts.ok_or_else(|| CodecError::Malformed {
        reason: "an event's leaf ends before the event".to_owned(),
    })
}

/// Whether one of an outcome's codes is a refusal's: they follow their number, two bytes each.
fn has_code(outcome: &[u8], refusal: Rejection) -> bool {
    let codes = outcome.get(8..).unwrap_or_default();
    let code = refusal.code().to_le_bytes();
    codes.chunks_exact(2).any(|one| one == code)
}

impl Ledger {
    /// Applies a batch whose leaves are in the log already. The tree is brought up at the end.
    fn apply_own(&mut self, batch: &OwnBatch) -> Result<(), LeavesError> {
        let first = batch.first;
        let (header, dropped) = batch.header()?;
        let refused = |source| LeavesError::Refused {
            index: first,
            source,
        };
        self.check_header(header.body().term, &header)
            .map_err(refused)?;
        let registry = &mut self.state.registry;
        registry.take_keys_as_checked(!batch.refuses_key);
        let mut counted = Leaves::counted(first);
        match &batch.step {
            Some(change) => {
                let taken = self.step_onto(&header, change, &mut counted);
                taken.map_err(refused)?;
            }
            None => {
                self.apply_onto(&header, &batch.slots(&dropped)?, &mut counted);
            }
        }
        self.state.clock_mut().leaves = counted.next_index();
        match batch.leaves == counted.count {
            true => Ok(()),
            false => Err(LeavesError::Differs {
                index: first + batch.leaves.min(counted.count),
            }),
        }
    }
}
