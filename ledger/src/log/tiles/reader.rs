//! Subtree hashes out of tiles, for making proofs.

use std::collections::BTreeMap;

use super::path::{TileKind, TilePath, path_in};
use super::{HASH_BYTES, TILE_WIDTH, TileError, parse_hash_tile};
use crate::hash::Hash;
use crate::log::MAX_SIZE;
use crate::log::proof::HashReader;
use crate::log::tree::Tree;

/// A [`HashReader`] over the hash tiles of a log of a given size. Each tile is read once and kept,
/// so make one reader for each request and drop it after.
#[derive(Clone, Debug)]
pub struct TileHashes<F> {
    size: u64,
    read: F,
    tiles: BTreeMap<TilePath, Vec<Hash>>,
}

/// Why a subtree's hash could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileReadError<E> {
    /// The subtree is not wholly inside the tree.
    #[error("subtree {index} of level {level} is outside a tree of {size} leaves")]
    Outside {
        /// Base-2 logarithm of the subtree's leaves.
        level: u8,
        /// Position of the subtree on its level.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tile has not the content that its path says.
    #[error("{path}: {error}")]
    Content {
        /// The tile.
        path: TilePath,
        /// What is wrong.
        error: TileError,
    },
    /// A tile could not be fetched.
    #[error("cannot read {path}")]
    Read {
        /// The tile.
        path: TilePath,
        /// Why.
        #[source]
        error: E,
    },
}

impl<E, F: FnMut(&TilePath) -> Result<Vec<u8>, E>> TileHashes<F> {
    /// A reader of the log of `size` leaves. `read` yields a tile's bytes; where it is asked for a
    /// partial tile it may answer with a wider one at the same place, such as the full tile that
    /// has replaced it.
    pub const fn new(size: u64, read: F) -> Self {
        Self {
            size,
            read,
            tiles: BTreeMap::new(),
        }
    }

    fn tile(&mut self, path: TilePath) -> Result<&[Hash], TileReadError<E>> {
        if !self.tiles.contains_key(&path) {
            let bytes = (self.read)(&path).map_err(|error| TileReadError::Read { path, error })?;
            let wanted = bytes.len().min(usize::from(path.width()) * HASH_BYTES);
            let hashes = parse_hash_tile(&bytes[..wanted], path.width())
                .map_err(|error| TileReadError::Content { path, error })?;
            self.tiles.insert(path, hashes);
        }
        Ok(&self.tiles[&path])
    }
}

impl<E, F: FnMut(&TilePath) -> Result<Vec<u8>, E>> HashReader for TileHashes<F> {
    type Error = TileReadError<E>;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let inside = self.size <= MAX_SIZE
            && level < 64
            && index
                .checked_add(1)
                .is_some_and(|end| end <= self.size >> level);
        if !inside {
            return Err(TileReadError::Outside {
                level,
                index,
                size: self.size,
            });
        }
        // The subtree is `count` neighboring hashes of one tile.
        let (tile_level, within) = (level / 8, level % 8);
        let count = 1usize << within;
        let first = index << within;
        let tile_index = first / u64::from(TILE_WIDTH);
        let total = self.size >> (8 * tile_level);
        let width = (total - tile_index * u64::from(TILE_WIDTH)).min(u64::from(TILE_WIDTH));
        let width = u16::try_from(width).expect("the width is at most 256");
        let start = usize::try_from(first % u64::from(TILE_WIDTH)).expect("a remainder of 256");

        let tile = self.tile(path_in(TileKind::Hashes(tile_level), tile_index, width))?;
        let mut tree = Tree::new();
        tile[start..start + count]
            .iter()
            .for_each(|hash| tree.push(*hash));
        Ok(tree.root())
    }
}
