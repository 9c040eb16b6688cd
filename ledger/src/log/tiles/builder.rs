//! Tiles and bundles as leaves arrive.

use super::parse_hash_tile;
use super::path::{TileKind, TilePath, partials_of, path_in};
use super::{HASH_BYTES, TILE_WIDTH, TileError, TileFile, append_entry, parse_bundle};
use crate::hash::Hash;
use crate::log::tree::{Tree, fold_edge, leaf_hash};
use crate::log::{MAX_LEAF_BYTES, MAX_SIZE};

/// Turns leaves into the log's files, and knows the tree's size and root. It holds the open
/// bundle, the open tile of each level, and the full files that were not taken yet; nothing else,
/// however long the log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TileBuilder {
    size: u64,
    bundle: Vec<u8>,
    levels: Vec<Level>,
    full: Vec<TileFile>,
}

/// The open tile of a level: fewer than 256 hashes, and the tree that they are the leaves of.
/// The right edges of these trees, highest level first, are the right edge of the whole tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Level {
    bytes: Vec<u8>,
    tree: Tree,
}

/// Why a builder cannot continue from these files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The size is beyond [`MAX_SIZE`].
    #[error("a size of {size} is beyond the 2^40 leaves that a log may have")]
    TooLarge {
        /// Leaves claimed.
        size: u64,
    },
    /// A partial file of this size is missing.
    #[error("{path} is missing; restore it, or rebuild the log from its entries")]
    Missing {
        /// The file.
        path: TilePath,
    },
    /// A file that is not a partial file of this size.
    #[error("{path} is no partial file of a log of {size} leaves; give only those")]
    Unexpected {
        /// The file.
        path: TilePath,
        /// Leaves of the log.
        size: u64,
    },
    /// A file has not the content that its path says.
    #[error("{path}: {error}")]
    Content {
        /// The file.
        path: TilePath,
        /// What is wrong.
        error: TileError,
    },
    /// The open bundle's leaves do not hash to the open tile of level 0.
    #[error("leaf {leaf} does not hash to its place in the tile; restore both files from a peer")]
    LeafHash {
        /// Index of the leaf in the log.
        leaf: u64,
    },
}

impl TileBuilder {
    /// The builder of an empty log.
    pub const fn new() -> Self {
        Self {
            size: 0,
            bundle: Vec::new(),
            levels: Vec::new(),
            full: Vec::new(),
        }
    }

    /// Continues a log of `size` leaves from its [`partials`](Self::partials), in any order.
    /// Leaves are checked against their hashes; who resumes compares [`root`](Self::root) with
    /// the root that he knows.
    ///
    /// # Errors
    /// Any [`ResumeError`].
    pub fn resume(size: u64, partials: &[TileFile]) -> Result<Self, ResumeError> {
        if size > MAX_SIZE {
            return Err(ResumeError::TooLarge { size });
        }
        let expected = partials_of(size).collect::<Vec<_>>();
        if let Some(file) = partials.iter().find(|file| !expected.contains(&file.path)) {
            return Err(ResumeError::Unexpected {
                path: file.path,
                size,
            });
        }
        let mut builder = Self {
            size,
            ..Self::new()
        };
        for path in expected {
            let bytes = &partials
                .iter()
                .find(|file| file.path == path)
                .ok_or(ResumeError::Missing { path })?
                .bytes;
            builder
                .restore(path, bytes)
                .map_err(|error| ResumeError::Content { path, error })?;
        }
        builder.check_leaves()?;
        Ok(builder)
    }

    fn restore(&mut self, path: TilePath, bytes: &[u8]) -> Result<(), TileError> {
        match path.kind() {
            TileKind::Entries => {
                parse_bundle(bytes, path.width())?;
                self.bundle = bytes.to_vec();
            }
            TileKind::Hashes(number) => {
                let level = self.level(usize::from(number));
                for hash in parse_hash_tile(bytes, path.width())? {
                    level.push(hash);
                }
            }
        }
        Ok(())
    }

    fn check_leaves(&self) -> Result<(), ResumeError> {
        let width = self.open_width();
        let leaves = parse_bundle(&self.bundle, width).expect("the bundle was just parsed");
        let first = self.size - u64::from(width);
        let hashes = self.levels.first().map_or(&[][..], |level| &level.bytes);
        for ((leaf, hash), index) in leaves.iter().zip(hashes.chunks(HASH_BYTES)).zip(first..) {
            if leaf_hash(leaf).as_bytes() != hash {
                return Err(ResumeError::LeafHash { leaf: index });
            }
        }
        Ok(())
    }

    /// Appends a leaf and returns its hash.
    ///
    /// # Panics
    /// Where the leaf is longer than [`MAX_LEAF_BYTES`] or the log has [`MAX_SIZE`] leaves;
    /// intake lets neither happen.
    pub fn push(&mut self, leaf: &[u8]) -> Hash {
        assert!(
            self.size < MAX_SIZE,
            "a log never has more than 2^40 leaves"
        );
        assert!(
            leaf.len() <= MAX_LEAF_BYTES,
            "a leaf is at most 65,535 bytes, as intake ensures"
        );
        append_entry(&mut self.bundle, leaf);
        self.size += 1;
        if self.open_width() == 0 {
            let index = self.size / u64::from(TILE_WIDTH) - 1;
            let path = path_in(TileKind::Entries, index, TILE_WIDTH);
            self.full.push(TileFile {
                path,
                bytes: std::mem::take(&mut self.bundle),
            });
        }
        let hash = leaf_hash(leaf);
        self.push_hash(hash);
        hash
    }

    /// Adds a leaf's hash to the open tile; a tile that is full by it is done, and its root goes
    /// to the level above.
    fn push_hash(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for number in 0u8.. {
            let level = self.level(usize::from(number));
            level.push(hash);
            if level.tree.size() < u64::from(TILE_WIDTH) {
                return;
            }
            let done = std::mem::take(level);
            hash = done.tree.root();
            let index = (self.size >> (8 * (u32::from(number) + 1))) - 1;
            let path = path_in(TileKind::Hashes(number), index, TILE_WIDTH);
            self.full.push(TileFile {
                path,
                bytes: done.bytes,
            });
        }
    }

    fn level(&mut self, number: usize) -> &mut Level {
        if self.levels.len() <= number {
            self.levels.resize_with(number + 1, Level::default);
        }
        &mut self.levels[number]
    }

    /// The full tiles and bundles that were completed since the last call, in order of completion.
    pub fn take_full(&mut self) -> Vec<TileFile> {
        std::mem::take(&mut self.full)
    }

    /// The partial tiles and the partial bundle of the present size, as [`partials_of`] lists
    /// them.
    pub fn partials(&self) -> Vec<TileFile> {
        let content = |path: TilePath| match path.kind() {
            TileKind::Hashes(level) => self.levels[usize::from(level)].bytes.clone(),
            TileKind::Entries => self.bundle.clone(),
        };
        partials_of(self.size)
            .map(|path| TileFile {
                path,
                bytes: content(path),
            })
            .collect()
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree over all leaves.
    pub fn root(&self) -> Hash {
        fold_edge(self.edge())
    }

    /// The tree over all leaves, as its right edge.
    pub fn tree(&self) -> Tree {
        Tree::from_edge(self.size, self.edge().copied().collect())
            .expect("the levels' right edges are the tree's")
    }

    fn edge(&self) -> impl DoubleEndedIterator<Item = &Hash> {
        self.levels.iter().rev().flat_map(|level| level.tree.edge())
    }

    fn open_width(&self) -> u16 {
        u16::try_from(self.size % u64::from(TILE_WIDTH)).expect("a remainder is below 256")
    }
}

impl Level {
    fn push(&mut self, hash: Hash) {
        self.bytes.extend_from_slice(&hash.0);
        self.tree.push(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{encode_bundle, files_of};
    use super::*;
    use crate::log::proof::{HashReader as _, LeafHashes};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn leaves(size: u64) -> Vec<Vec<u8>> {
        (0..size)
            .map(|i| {
                vec![b'x'; (i % 7) as usize]
                    .into_iter()
                    .chain(i.to_be_bytes())
                    .collect()
            })
            .collect()
    }

    fn build(leaves: &[Vec<u8>]) -> (TileBuilder, BTreeMap<TilePath, Vec<u8>>) {
        let mut builder = TileBuilder::new();
        let mut files = BTreeMap::new();
        for leaf in leaves {
            assert_eq!(builder.push(leaf), leaf_hash(leaf));
            for file in builder.take_full() {
                assert_eq!(files.insert(file.path, file.bytes), None, "written once");
            }
        }
        (builder, files)
    }

    /// The files by their definition, from all leaves at once.
    fn by_definition(leaves: &[Vec<u8>]) -> BTreeMap<TilePath, Vec<u8>> {
        let hashes = leaves
            .iter()
            .map(|leaf| leaf_hash(leaf))
            .collect::<Vec<_>>();
        let content = |path: TilePath| match path.kind() {
            TileKind::Entries => {
                let range = path.leaves();
                let range = range.start as usize..range.end as usize;
                encode_bundle(leaves[range].iter().map(Vec::as_slice))
            }
            TileKind::Hashes(level) => {
                let first = path.index() * 256;
                (first..first + u64::from(path.width()))
                    .flat_map(|i| LeafHashes(&hashes).subtree(level * 8, i).unwrap().0)
                    .collect()
            }
        };
        files_of(leaves.len() as u64)
            .map(|path| (path, content(path)))
            .collect()
    }

    fn check(size: u64) {
        let leaves = leaves(size);
        let (builder, mut files) = build(&leaves);
        let partials = builder.partials();
        files.extend(partials.iter().cloned().map(|file| (file.path, file.bytes)));
        assert!(files == by_definition(&leaves), "size {size}");

        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf_hash(leaf)));
        assert_eq!((builder.size(), builder.root()), (size, tree.root()));
        assert_eq!(builder.tree(), tree);

        let mut resumed = TileBuilder::resume(size, &partials).unwrap();
        let mut continued = builder;
        for leaf in [&b"one"[..], b"two"] {
            assert_eq!(resumed.push(leaf), continued.push(leaf));
        }
        assert_eq!(resumed.root(), continued.root());
        assert_eq!(resumed.take_full(), continued.take_full());
        assert_eq!(resumed.partials(), continued.partials());
    }

    #[test]
    fn files_at_tile_borders_equal_their_definition() {
        for size in [
            0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000,
        ] {
            check(size);
        }
    }

    #[test]
    fn resuming_from_other_files_is_refused() {
        let (builder, _) = build(&leaves(300));
        let good = builder.partials();
        assert_eq!(good.len(), 3);

        let path = good[0].path;
        assert_eq!(
            TileBuilder::resume(300, &good[1..]),
            Err(ResumeError::Missing { path })
        );
        assert!(matches!(
            TileBuilder::resume(301, &good),
            Err(ResumeError::Unexpected { .. })
        ));
        assert_eq!(
            TileBuilder::resume(MAX_SIZE + 1, &good),
            Err(ResumeError::TooLarge { size: MAX_SIZE + 1 })
        );
        let mut short = good.clone();
        short[0].bytes.pop();
        assert!(matches!(
            TileBuilder::resume(300, &short),
            Err(ResumeError::Content { .. })
        ));
        let mut flipped = good.clone();
        flipped[2].bytes[20] ^= 1;
        assert_eq!(
            TileBuilder::resume(300, &flipped),
            Err(ResumeError::LeafHash { leaf: 257 })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn files_of_any_size_equal_their_definition(size in 0u64..1500) {
            check(size);
        }
    }
}
