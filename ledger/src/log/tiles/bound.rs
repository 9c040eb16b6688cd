//! Full tiles and bundles, which can be checked one by one against a right edge that is trusted.
//!
//! A full tile's root is one hash of the tile above it, and so on up to a tile that is still open.
//! Whoever trusts the open tiles, as one trusts what has a root that he knows, can thus check any
//! file of the log by itself, without the leaves before it.

use std::collections::BTreeMap;

use super::path::{TileKind, TilePath, path_in};
use super::{TILE_WIDTH, TileFile, parse_bundle, parse_hash_tile};
use crate::hash::Hash;
use crate::log::tree::{complete_root, leaf_hash};

/// Bytes of a leaf's length before it in a bundle.
const LENGTH_BYTES: usize = 2;

/// Reads full files of a log of `size` leaves and hands out what belongs to its open tiles, or
/// says by the type ([`UncheckedBundle`]) that nobody looked. The last tile of each level is kept,
/// so that files in order are read once each.
#[derive(Debug)]
pub struct BoundTiles<F> {
    size: u64,
    open: Vec<TileFile>,
    read: F,
    /// By level: the last full tile that was checked.
    checked: BTreeMap<u8, (u64, Vec<Hash>)>,
}

/// Leaves of a full bundle, every one of them under the root that is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundBundle {
    first: u64,
    leaves: UncheckedBundle,
}

/// Leaves of a full bundle as its file has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedBundle {
    /// The file.
    bytes: Vec<u8>,
    /// Where each leaf begins and ends in it.
    places: Vec<(usize, usize)>,
}

/// Why a file is not handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundError<E> {
    /// A file is missing, or does not belong to the log's open tiles.
    #[error("{path} is missing or damaged; copy it from another node")]
    Damaged {
        /// The file.
        path: TilePath,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: TilePath,
        /// Why.
        #[source]
        error: E,
    },
}

impl BoundBundle {
    /// Index of the first leaf.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The leaves, 256 of them.
    pub fn leaves(&self) -> impl Iterator<Item = &[u8]> {
        self.leaves.leaves()
    }
}

impl UncheckedBundle {
    /// The leaves, 256 of them.
    pub fn leaves(&self) -> impl Iterator<Item = &[u8]> {
        let places = self.places.iter();
        places.map(|(begin, end)| &self.bytes[*begin..*end])
    }
}

impl<E, F: FnMut(&TilePath) -> Result<Option<Vec<u8>>, E>> BoundTiles<F> {
    /// A reader of the full files of a log of `size` leaves. `open` are its partial files, as a
    /// [`TileBuilder`](super::TileBuilder) of a root that is trusted gives them; `read` gives a
    /// full file's bytes, or nothing where it is missing.
    pub const fn new(size: u64, open: Vec<TileFile>, read: F) -> Self {
        Self {
            size,
            open,
            read,
            checked: BTreeMap::new(),
        }
    }

    /// How many full bundles the log has.
    pub const fn full_bundles(&self) -> u64 {
        self.size / TILE_WIDTH as u64
    }

    /// A full bundle, by its number. Its leaves are hashed up to the tile above the one of their
    /// own hashes, which is not read.
    ///
    /// # Errors
    /// [`BoundError`]: it, or a tile above it, is not what the log holds.
    ///
    /// # Panics
    /// If the log has no such full bundle.
    pub fn bundle(&mut self, index: u64) -> Result<BoundBundle, BoundError<E>> {
        let leaves = self.unchecked(index)?;
        let expected = self.hash(1, index)?;
        let mut hashes: Vec<Hash> = leaves.leaves().map(leaf_hash).collect();
        if complete_root(&mut hashes) != expected {
            let path = path_in(TileKind::Entries, index, TILE_WIDTH);
            return Err(BoundError::Damaged { path });
        }
        let first = index * u64::from(TILE_WIDTH);
        Ok(BoundBundle { first, leaves })
    }

    /// A full bundle, by its number, as its file has it: for who sees otherwise whether the leaves
    /// were the log's.
    ///
    /// # Errors
    /// [`BoundError`]: it is missing, or no bundle.
    ///
    /// # Panics
    /// If the log has no such full bundle.
    pub fn unchecked(&mut self, index: u64) -> Result<UncheckedBundle, BoundError<E>> {
        assert!(index < self.full_bundles(), "only full bundles are read");
        let path = path_in(TileKind::Entries, index, TILE_WIDTH);
        let bytes = self.bytes(path)?;
        let leaves = parse_bundle(&bytes, TILE_WIDTH);
        let leaves = leaves.map_err(|_| BoundError::Damaged { path })?;
        let mut end = 0;
        let places = leaves.iter().map(|leaf| {
            let begin = end + LENGTH_BYTES;
            end = begin + leaf.len();
            (begin, end)
        });
        let places = places.collect();
        Ok(UncheckedBundle { bytes, places })
    }

    /// Checks a full bundle, the tile of its leaves' hashes, and the tiles above.
    ///
    /// # Errors
    /// [`BoundError`]: one of them is not what the log holds.
    ///
    /// # Panics
    /// If the log has no such full bundle.
    pub fn check(&mut self, index: u64) -> Result<(), BoundError<E>> {
        self.bundle(index)?;
        self.tile(0, index)?;
        Ok(())
    }

    /// The hashes of a full tile, by its level and number.
    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], BoundError<E>> {
        let is_checked = |(checked, _): &(u64, Vec<Hash>)| *checked == index;
        if !self.checked.get(&level).is_some_and(is_checked) {
            let expected = self.hash(level + 1, index)?;
            let path = path_in(TileKind::Hashes(level), index, TILE_WIDTH);
            let bytes = self.bytes(path)?;
            let damaged = || BoundError::Damaged { path };
            let hashes = parse_hash_tile(&bytes, TILE_WIDTH).map_err(|_| damaged())?;
            if complete_root(&mut hashes.clone()) != expected {
                return Err(damaged());
            }
            self.checked.insert(level, (index, hashes));
        }
        Ok(&self.checked[&level].1)
    }

    /// One hash of a level, by its place in all of the level's tiles.
    fn hash(&mut self, level: u8, place: u64) -> Result<Hash, BoundError<E>> {
        let width = u64::from(TILE_WIDTH);
        let (tile, within) = (place / width, place % width);
        let within = usize::try_from(within).expect("a remainder of 256");
        let kind = TileKind::Hashes(level);
        let open = self
            .open
            .iter()
            .find(|file| file.path.kind() == kind && file.path.index() == tile);
        let Some(open) = open else {
            return Ok(self.tile(level, tile)?[within]);
        };
        let path = open.path;
        let hashes = parse_hash_tile(&open.bytes, path.width());
        let hashes = hashes.map_err(|_| BoundError::Damaged { path })?;
        let hash = hashes.get(within).copied();
        hash.ok_or(BoundError::Damaged { path })
    }

    fn bytes(&mut self, path: TilePath) -> Result<Vec<u8>, BoundError<E>> {
        let bytes = (self.read)(&path).map_err(|error| BoundError::Read { path, error })?;
        bytes.ok_or(BoundError::Damaged { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tiles::TileBuilder;
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    type Files = BTreeMap<TilePath, Vec<u8>>;

    fn log(size: u64) -> (TileBuilder, Files) {
        let (mut builder, mut files) = (TileBuilder::new(), Files::new());
        for leaf in 0..size {
            builder.push(&leaf.to_be_bytes());
            let full = builder.take_full().into_iter();
            files.extend(full.map(|file| (file.path, file.bytes)));
        }
        (builder, files)
    }

    fn read_all(builder: &TileBuilder, files: &Files) -> Result<u64, TilePath> {
        let read = |path: &TilePath| Ok::<_, Infallible>(files.get(path).cloned());
        let mut tiles = BoundTiles::new(builder.size(), builder.partials(), read);
        let mut leaf = 0u64;
        for index in 0..tiles.full_bundles() {
            let path_of = |error| match error {
                BoundError::Damaged { path } => path,
                BoundError::Read { error, .. } => match error {},
            };
            tiles.check(index).map_err(path_of)?;
            let bundle = tiles.bundle(index).map_err(path_of)?;
            assert_eq!(bundle.first(), leaf);
            for bytes in bundle.leaves() {
                assert_eq!(bytes, leaf.to_be_bytes());
                leaf += 1;
            }
        }
        Ok(leaf)
    }

    #[test]
    fn every_full_bundle_is_read_at_any_size() {
        for size in [0, 1, 255, 256, 300, 65_535, 65_536, 65_537, 140_000] {
            let (builder, files) = log(size);
            assert_eq!(read_all(&builder, &files), Ok(size / 256 * 256), "{size}");
        }
    }

    #[test]
    fn every_file_that_is_changed_or_gone_is_named() {
        let (builder, files) = log(66_000);
        let mut seen = BTreeSet::new();
        let highest = path_in(TileKind::Hashes(1), 0, TILE_WIDTH);
        for path in files.keys().step_by(101).chain([&highest]) {
            let mut changed = files.clone();
            let bytes = changed.get_mut(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            assert_eq!(read_all(&builder, &changed), Err(*path));
            changed.remove(path);
            assert_eq!(read_all(&builder, &changed), Err(*path));
            seen.insert(path.kind());
        }
        assert_eq!(seen.len(), 3, "bundles, and tiles of two levels");
    }

    #[test]
    fn another_logs_files_are_refused() {
        let (builder, _) = log(600);
        let (_, mut others) = log(600);
        let first = path_in(TileKind::Entries, 0, TILE_WIDTH);
        let second = path_in(TileKind::Entries, 1, TILE_WIDTH);
        let swapped = others[&second].clone();
        others.insert(first, swapped);
        assert_eq!(read_all(&builder, &others), Err(first));
    }
}
