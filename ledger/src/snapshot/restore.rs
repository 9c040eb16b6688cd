//! A snapshot read back, piece by piece.

use super::{PIECE_BYTES, SNAPSHOT_DOMAIN, SnapshotHead};
use crate::codec;
use crate::genesis::{Genesis, GenesisError};
use crate::hash::{Hash, RunningHash};
use crate::ledger::{Ledger, SignatureCheck};
use crate::limits::{DECODE_BYTES_MAX, SNAPSHOT_BYTES_MAX};
use crate::state::State;
use crate::state::rows::RowError;

/// Why bytes are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin as a snapshot does.
    #[error("this is no snapshot that this program knows")]
    NoSnapshot,
    /// It ends too early.
    #[error("the snapshot ends before its end")]
    Short,
    /// Bytes follow its end.
    #[error("bytes follow the end of the snapshot")]
    Trailing,
    /// It, or a part of it, is longer than it may be.
    #[error("the snapshot is longer than it may be")]
    TooLong,
    /// Its head has not its form.
    #[error("the head of the snapshot is malformed")]
    Head,
    /// Its genesis cannot be used.
    #[error("the genesis in the snapshot: {0}")]
    Genesis(#[from] GenesisError),
    /// It names another park than its genesis founds.
    #[error("the snapshot names another park than its genesis founds")]
    OtherPark,
    /// Its right edge does not hash to the root it names.
    #[error("the tree of the snapshot has not the root that it names")]
    Root,
    /// A row is none.
    #[error("in the snapshot {0}")]
    Row(#[from] RowError),
    /// Its rows do not hash to the state root it names.
    #[error("the rows of the snapshot have not the state root that it names")]
    StateRoot,
    /// Its clock counts other leaves than its tree has.
    #[error("the clock of the snapshot counts other leaves than its tree has")]
    Leaves,
    /// Its bytes do not hash to its end.
    #[error("the snapshot does not hash to its last 32 bytes; a copy went wrong")]
    Digest,
}

/// How far the reading has come.
#[derive(Debug)]
enum Place {
    /// Before the head is whole.
    Head,
    /// So many rows are still to come.
    Rows { left: u64 },
}

/// A ledger that is being read back. It takes what [`Snapshot::write`](super::Snapshot::write)
/// hands out, in pieces of any length.
#[derive(Debug)]
pub struct Restoring {
    signatures: SignatureCheck,
    place: Place,
    /// Read, and not yet understood: less than one row beside the last piece.
    waiting: Vec<u8>,
    hash: RunningHash,
    bytes: u64,
    head: Option<SnapshotHead>,
    /// With the head.
    begun: Option<(Genesis, State)>,
}

impl Restoring {
    /// Nothing is read yet. The ledger will check signatures as is said here.
    pub fn new(signatures: SignatureCheck) -> Restoring {
        Restoring {
            signatures,
            place: Place::Head,
            waiting: Vec::new(),
            hash: RunningHash::default(),
            bytes: 0,
            head: None,
            begun: None,
        }
    }

    /// What the snapshot says before its rows, once it is read.
    pub fn head(&self) -> Option<&SnapshotHead> {
        self.head.as_ref()
    }

    /// The root of the state so far; none before the head is read.
    pub fn root(&mut self) -> Option<Hash> {
        self.begun.as_mut().map(|(_, state)| state.root())
    }

    /// Takes the next bytes in.
    ///
    /// # Errors
    /// [`SnapshotError`], after which nothing more can be read.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        // In small pieces, so that what waits stays small however many bytes come at once.
        bytes
            .chunks(PIECE_BYTES)
            .try_for_each(|piece| self.take(piece))
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), SnapshotError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::TooLong);
        }
        self.waiting.extend_from_slice(piece);
        if matches!(self.place, Place::Head) {
            self.read_head()?;
        }
        if let Place::Rows { left } = self.place {
            self.read_rows(left)?;
        }
        Ok(())
    }

    /// The first `length` bytes that wait are understood.
    fn drop_read(&mut self, length: usize) {
        self.hash.update(&self.waiting[..length]);
        self.waiting.drain(..length);
    }

    fn read_head(&mut self) -> Result<(), SnapshotError> {
        let known = self.waiting.len().min(SNAPSHOT_DOMAIN.len());
        if self.waiting[..known] != SNAPSHOT_DOMAIN[..known] {
            return Err(SnapshotError::NoSnapshot);
        }
        let after = &self.waiting[known..];
        let Some((bytes, length)) = field(after)? else {
            return Ok(());
        };
        let head: SnapshotHead = codec::decode(bytes).map_err(|_| SnapshotError::Head)?;
        if codec::encode(&head) != bytes {
            return Err(SnapshotError::Head);
        }
        let genesis = Genesis::parse(&head.genesis)?;
        if genesis.park() != head.park {
            return Err(SnapshotError::OtherPark);
        }
        if head.tree.root() != head.root {
            return Err(SnapshotError::Root);
        }
        self.drop_read(known + length);
        self.place = Place::Rows { left: head.rows };
        let state = State::without_rows(&genesis);
        self.begun = Some((genesis, state));
        self.head = Some(head);
        Ok(())
    }

    fn read_rows(&mut self, mut left: u64) -> Result<(), SnapshotError> {
        let Some((_, state)) = &mut self.begun else {
            return Ok(());
        };
        let mut at = 0;
        let mut rows = Vec::new();
        while left > 0 {
            let Some((key, key_length)) = field(&self.waiting[at..])? else {
                break;
            };
            let Some((value, length)) = field(&self.waiting[at + key_length..])? else {
                break;
            };
            rows.push((key, value));
            at += key_length + length;
            left -= 1;
        }
        state.load(rows.into_iter())?;
        self.place = Place::Rows { left };
        self.drop_read(at);
        if left == 0 && self.waiting.len() > Hash::default().0.len() {
            return Err(SnapshotError::Trailing);
        }
        Ok(())
    }

    /// The ledger, once all bytes are in.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn finish(self) -> Result<Ledger, SnapshotError> {
        let (Place::Rows { left: 0 }, Some(head), Some((genesis, mut state))) =
            (self.place, self.head, self.begun)
        else {
            return Err(SnapshotError::Short);
        };
        let digest: [u8; 32] = self.waiting.try_into().map_err(|_| SnapshotError::Short)?;
        if self.hash.finish() != Hash(digest) {
            return Err(SnapshotError::Digest);
        }
        state.complete()?;
        if state.root() != head.state_root {
            return Err(SnapshotError::StateRoot);
        }
        if state.clock().leaves != head.tree.size() {
            return Err(SnapshotError::Leaves);
        }
        Ok(Ledger::from_parts(
            genesis,
            state,
            head.tree,
            self.signatures,
        ))
    }
}

/// A field with its length before it, and how long both are; none: not all of it is there.
fn field(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, SnapshotError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let length = usize::try_from(u64::from_le_bytes(*length))
        .ok()
        .filter(|length| *length <= DECODE_BYTES_MAX)
        .ok_or(SnapshotError::TooLong)?;
    Ok(rest.get(..length).map(|field| (field, 8 + length)))
}
