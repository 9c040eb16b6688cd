//! What the history has already, read again: full files checked against the open tiles, whose root
//! the node knows.

use super::{History, HistoryError, TILE_WIDTH, TileKind, TilePath};
use crate::folder;
use std::path::{Path, PathBuf};
use wattle_ledger::entry::Entry;
use wattle_ledger::log::tiles::{BoundError, BoundTiles, TileFile, parse_bundle};

impl History {
    /// Hands out the leaves from `from` on, bundle by bundle, each with the index of its first
    /// leaf. They are hashed on the way and must lie under the history's root, so that a bundle
    /// that the disk has changed is found before anybody is given it.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`], and what `take` gives.
    ///
    /// # Panics
    /// If `from` is not the first leaf of a bundle.
    pub fn read_again<E: From<HistoryError>>(
        &self,
        from: u64,
        mut take: impl FnMut(u64, &[Vec<u8>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let width = u64::from(TILE_WIDTH);
        assert!(from.is_multiple_of(width), "bundles are read whole");
        let mut tiles = bound(&self.folder, self.size(), self.open_files());
        for index in from / width..tiles.full_bundles() {
            let bundle = tiles.bundle(index);
            let bundle = bundle.map_err(|error| damaged(&self.folder, error))?;
            let leaves: Vec<Vec<u8>> = bundle.leaves().map(<[u8]>::to_vec).collect();
            take(bundle.first(), &leaves)?;
        }
        let first = self.size() / width * width;
        if from <= first && first < self.size() {
            take(first, &self.bundle(first)?)?;
        }
        Ok(())
    }

    /// The first leaf of the bundle from which on to read so that a batch's header and a seal come
    /// before the leaf `before`: what follows then has a time, and a seal to follow. The beginning
    /// of the log where there is none.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    pub fn seal_before(&self, before: u64) -> Result<u64, HistoryError> {
        let width = u64::from(TILE_WIDTH);
        let mut tiles = bound(&self.folder, self.size(), self.open_files());
        let (mut has_header, mut has_seal) = (false, false);
        for index in (0..before.div_ceil(width)).rev() {
            let first = index * width;
            let leaves = match index < tiles.full_bundles() {
                true => {
                    let bundle = tiles.bundle(index);
                    let bundle = bundle.map_err(|error| damaged(&self.folder, error))?;
                    bundle.leaves().map(<[u8]>::to_vec).collect()
                }
                false => self.bundle(first)?,
            };
            for (_, leaf) in (first..before).zip(&leaves) {
                let entry = Entry::decode(leaf);
                has_header |= matches!(entry, Ok(Entry::Batch { .. }));
                has_seal |= matches!(entry, Ok(Entry::Seal { .. }));
            }
            if has_header && has_seal {
                return Ok(first);
            }
        }
        Ok(0)
    }

    /// The full files as they are now.
    pub fn full_files(&self) -> FullFiles {
        let folder = self.folder.clone();
        let read = move |path: &TilePath| read(&folder, path);
        FullFiles {
            folder: self.folder.clone(),
            tiles: Box::new(BoundTiles::new(self.size(), self.open_files(), read)),
        }
    }

    /// The leaves of the bundle that begins with a leaf, as far as there are any. Those of a full
    /// one are as the file has them.
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
        read(&self.folder, path)
    }
}

/// The full files of a history at some time, to be checked by whoever has time for it.
pub struct FullFiles {
    folder: PathBuf,
    tiles: Box<dyn Bundles + Send>,
}

/// A [`BoundTiles`] of the history's files.
trait Bundles {
    fn count(&self) -> u64;
    fn check(&mut self, index: u64) -> Result<(), BoundError<HistoryError>>;
}

impl<F: FnMut(&TilePath) -> Result<Option<Vec<u8>>, HistoryError>> Bundles for BoundTiles<F> {
    fn count(&self) -> u64 {
        self.full_bundles()
    }

    fn check(&mut self, index: u64) -> Result<(), BoundError<HistoryError>> {
        BoundTiles::check(self, index)
    }
}

impl FullFiles {
    /// How many full bundles there are.
    pub fn bundles(&self) -> u64 {
        self.tiles.count()
    }

    /// Checks a bundle, and the tiles above it.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    ///
    /// # Panics
    /// If there is no such bundle.
    pub fn check(&mut self, index: u64) -> Result<(), HistoryError> {
        self.tiles
            .check(index)
            .map_err(|error| damaged(&self.folder, error))
    }
}

/// A reader of a history's full files that hands out only what lies under its open tiles.
pub(super) fn bound(
    folder: &Path,
    size: u64,
    open: Vec<TileFile>,
) -> BoundTiles<impl FnMut(&TilePath) -> Result<Option<Vec<u8>>, HistoryError>> {
    BoundTiles::new(size, open, |path: &TilePath| read(folder, path))
}

/// What a file that is not handed out means to the history.
pub(super) fn damaged(folder: &Path, error: BoundError<HistoryError>) -> HistoryError {
    match error {
        BoundError::Damaged { path } => HistoryError::Damaged {
            path: folder.join(path.to_string()),
        },
        BoundError::Read { error, .. } => error,
    }
}

fn read(folder: &Path, path: &TilePath) -> Result<Option<Vec<u8>>, HistoryError> {
    let file = folder.join(path.to_string());
    folder::read_if_there(&file).map_err(|source| HistoryError::File { path: file, source })
}
