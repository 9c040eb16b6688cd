//! A snapshot: everything of a ledger that later batches build on, as one stream of bytes.
//!
//! Who has it goes on where it was taken, without the log before it: the tree as its right edge,
//! the state as its rows. A snapshot proves nothing by itself. Its tree's root is compared with a
//! checkpoint that somebody trusts, and its state root with the seal that the tree ends with
//! ([`Ledger::root_in_seal`]).
//!
//! ```text
//! "wattle/snapshot/v0\n" ‖ bytes head ‖ rows, each bytes key ‖ bytes value ‖ SHA-256 of all before
//! ```
//!
//! Rows come in the order of their tables' numbers, then of their keys, so that one ledger has one
//! snapshot. They are written and read one at a time; beside the ledger nothing grows.

mod restore;

pub use restore::{Restoring, SnapshotError};

use crate::codec;
use crate::hash::{Hash, RunningHash};
use crate::ledger::{Ledger, SignatureCheck};
use crate::log::tree::Tree;
use std::ops::ControlFlow;

/// What a snapshot begins with.
pub const SNAPSHOT_DOMAIN: &[u8] = b"wattle/snapshot/v0\n";
/// Bytes are handed out when so many have come together.
const PIECE_BYTES: usize = 64 * 1024;

/// What a snapshot says of itself before its rows.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct SnapshotHead {
    /// Park id.
    pub park: Hash,
    /// The signed genesis.
    pub genesis: Vec<u8>,
    /// The log's tree, as its right edge.
    pub tree: Tree,
    /// Root of that tree.
    pub root: Hash,
    /// Root of the state.
    pub state_root: Hash,
    /// How many rows follow.
    pub rows: u64,
}

/// A ledger's snapshot, to be written.
#[derive(Debug)]
pub struct Snapshot<'a> {
    head: SnapshotHead,
    ledger: &'a Ledger,
}

impl Ledger {
    /// The snapshot of the present. Writing it is reading: nothing changes meanwhile.
    pub fn snapshot(&mut self) -> Snapshot<'_> {
        let state_root = self.state_mut().root();
        let rows = self.state().by_number();
        let head = SnapshotHead {
            park: self.genesis().park(),
            genesis: self.genesis().signed().to_vec(),
            tree: self.tree().clone(),
            root: self.root(),
            state_root,
            rows: rows.values().map(|table| table.count()).sum(),
        };
        Snapshot { head, ledger: self }
    }

    /// A ledger from a whole snapshot in memory.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn restore(bytes: &[u8], signatures: SignatureCheck) -> Result<Ledger, SnapshotError> {
        let mut restoring = Restoring::new(signatures);
        restoring.push(bytes)?;
        restoring.finish()
    }

    /// The state root as the seal states it that is the last leaf, if it is one.
    pub fn root_in_seal(&mut self) -> Hash {
        self.state_mut().root_in_seal()
    }
}

impl Snapshot<'_> {
    /// What it says before its rows.
    pub fn head(&self) -> &SnapshotHead {
        &self.head
    }

    /// Hands out the snapshot in pieces, in order, until one is refused; its last 32 bytes.
    ///
    /// # Errors
    /// What `sink` gives.
    pub fn write<E>(&self, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<Hash, E> {
        let mut writing = Writing {
            piece: SNAPSHOT_DOMAIN.to_vec(),
            hash: RunningHash::default(),
            sink,
        };
        writing.field(&codec::encode(&self.head))?;
        for table in self.ledger.state().by_number().values() {
            let mut failed = None;
            let written = table.each(&mut |key, value| match writing.row(key, value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            });
            if let (ControlFlow::Break(()), Some(error)) = (written, failed) {
                return Err(error);
            }
        }
        writing.flush()?;
        let hash = writing.hash.finish();
        sink(&hash.0)?;
        Ok(hash)
    }

    /// The whole snapshot in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let take = &mut |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok::<(), std::convert::Infallible>(())
        };
        match self.write(take) {
            Ok(_) => bytes,
            Err(never) => match never {},
        }
    }
}

/// A snapshot that is being written.
struct Writing<'a, E> {
    piece: Vec<u8>,
    hash: RunningHash,
    sink: &'a mut dyn FnMut(&[u8]) -> Result<(), E>,
}

impl<E> Writing<'_, E> {
    fn field(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.piece.extend((bytes.len() as u64).to_le_bytes());
        self.piece.extend_from_slice(bytes);
        if self.piece.len() < PIECE_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), E> {
        self.field(key)?;
        self.field(value)
    }

    fn flush(&mut self) -> Result<(), E> {
        self.hash.update(&self.piece);
        (self.sink)(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}
