//! What the history has already, read again at a start from a snapshot.

use super::{History, HistoryError, TILE_WIDTH, TileKind, TilePath};
use crate::folder;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::tiles::parse_bundle;
use wattle_ledger::log::tree::{Tree, leaf_hash};

impl History {
    /// Hands out all leaves, bundle by bundle, each with the index of its first leaf. They are
    /// hashed on the way and must have the history's root, so that a bundle that the disk has
    /// changed is found before anybody is given it.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    pub fn read_again(&self, take: &mut dyn FnMut(u64, &[Vec<u8>])) -> Result<(), HistoryError> {
        let mut tree = Tree::new();
        let mut first = 0;
        while first < self.size() {
            let leaves = self.bundle(first)?;
            let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
            self.compare(first, &hashes)?;
            for hash in hashes {
                tree.push(hash);
            }
            take(first, &leaves);
            first += leaves.len() as u64;
        }
        if tree.root() != self.builder.root() {
            return Err(HistoryError::Damaged {
                path: self.folder.join("tile/entries"),
            });
        }
        Ok(())
    }

    /// Compares a full bundle with its tile of leaf hashes, so that damage is found where it is.
    fn compare(&self, first: u64, hashes: &[Hash]) -> Result<(), HistoryError> {
        let width = u64::from(TILE_WIDTH);
        if (hashes.len() as u64) < width {
            return Ok(());
        }
        let path = |kind| TilePath::new(kind, first / width, TILE_WIDTH);
        let path = |kind| path(kind).expect("a full bundle has a tile");
        let tile: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        if self.read(&path(TileKind::Hashes(0)))? == Some(tile) {
            return Ok(());
        }
        Err(HistoryError::Damaged {
            path: self.folder.join(path(TileKind::Entries).to_string()),
        })
    }

    /// The leaves of the bundle that begins with a leaf, as far as there are any.
    pub(super) fn bundle(&self, first: u64) -> Result<Vec<Vec<u8>>, HistoryError> {
        let (open_first, open) = self.open_bundle();
        let width = u64::from(TILE_WIDTH).min(self.size() - first);
        let width = u16::try_from(width).expect("at most 256");
        let path = TilePath::new(TileKind::Entries, first / u64::from(TILE_WIDTH), width);
        let path = path.expect("a leaf that is there has a bundle");
        let bytes = if first == open_first {
            Some(open)
        } else {
            self.read(&path)?
        };
        let damaged = || HistoryError::Damaged {
            path: self.folder.join(path.to_string()),
        };
        let bytes = bytes.ok_or_else(damaged)?;
        let leaves = parse_bundle(&bytes, width).map_err(|_| damaged())?;
        Ok(leaves.into_iter().map(<[u8]>::to_vec).collect())
    }

    pub(super) fn read(&self, path: &TilePath) -> Result<Option<Vec<u8>>, HistoryError> {
        let file = self.folder.join(path.to_string());
        folder::read_if_there(&file).map_err(|source| HistoryError::File { path: file, source })
    }
}
