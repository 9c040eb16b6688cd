//! The root and the upper tiles, rebuilt from the hashes of the leaves.

use crate::hash::Hash;
use crate::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_hash_tile};
use crate::log::tree::Tree;
use crate::verify::claim::{Claim, Findings};
use crate::verify::source::Source;
use crate::verify::tile_bytes;

/// A tree on its way, with the open tile of each level above the lowest.
pub(super) struct Hashes<'a> {
    source: &'a dyn Source,
    size: u64,
    tree: Tree,
    /// The tile of level 1 first.
    levels: Vec<Level>,
}

#[derive(Default)]
struct Level {
    hashes: Vec<Hash>,
    done: u64,
}

impl<'a> Hashes<'a> {
    pub(super) fn new(source: &'a dyn Source, size: u64) -> Hashes<'a> {
        Hashes {
            source,
            size,
            tree: Tree::new(),
            levels: Vec::new(),
        }
    }

    /// Leaves whose hashes were read.
    pub(super) fn done(&self) -> u64 {
        self.tree.size()
    }

    /// Reads the next tile of the lowest level: the index of its first leaf and its hashes. None
    /// after the last; an error where it cannot be read.
    pub(super) fn next(
        &mut self,
        findings: &mut Findings,
    ) -> Result<Option<(u64, Vec<Hash>)>, String> {
        let first = self.done();
        let left = self.size - first;
        if left == 0 {
            return Ok(None);
        }
        let width = left.min(u64::from(TILE_WIDTH));
        let width = u16::try_from(width).expect("a tile is at most 256 wide");
        let path = TilePath::new(TileKind::Hashes(0), first / u64::from(TILE_WIDTH), width)
            .map_err(|error| error.to_string())?;
        let (found, bytes) = tile_bytes(self.source, path)?;
        let wanted = usize::from(width) * 32;
        let hashes = parse_hash_tile(&bytes[..wanted], width)
            .map_err(|error| format!("{found}: {error}"))?;
        for hash in &hashes {
            self.tree.push(*hash);
        }
        if width == TILE_WIDTH {
            self.push(0, root_of(&hashes), findings);
        }
        Ok(Some((first, hashes)))
    }

    /// Adds the root of a full tile to the level above it.
    fn push(&mut self, place: usize, hash: Hash, findings: &mut Findings) {
        if self.levels.len() == place {
            self.levels.push(Level::default());
        }
        let level = &mut self.levels[place];
        level.hashes.push(hash);
        if level.hashes.len() < usize::from(TILE_WIDTH) {
            return;
        }
        let hashes = std::mem::take(&mut level.hashes);
        let index = level.done;
        level.done += 1;
        self.compare(place, index, &hashes, findings);
        self.push(place + 1, root_of(&hashes), findings);
    }

    /// The root, once every tile was read; the open tiles are compared.
    pub(super) fn finish(mut self, findings: &mut Findings) -> Hash {
        for (place, level) in std::mem::take(&mut self.levels).into_iter().enumerate() {
            if !level.hashes.is_empty() {
                self.compare(place, level.done, &level.hashes, findings);
            }
        }
        self.tree.root()
    }

    fn compare(&self, place: usize, index: u64, hashes: &[Hash], findings: &mut Findings) {
        let number = u8::try_from(place + 1).expect("a log has five levels of tiles");
        let width = u16::try_from(hashes.len()).expect("a tile is at most 256 wide");
        let path = TilePath::new(TileKind::Hashes(number), index, width)
            .expect("the tiles of a log within its bounds are within theirs");
        let first = Some(path.leaves().start);
        match tile_bytes(self.source, path) {
            Ok((_, bytes)) => {
                let expected = hashes.iter().flat_map(|hash| hash.0);
                if !expected.eq(bytes.into_iter().take(hashes.len() * 32)) {
                    let reason = format!("{path} does not hold the hashes of the tiles below it");
                    findings.fail(Claim::Tiles, first, reason);
                }
            }
            Err(reason) => findings.fail(Claim::Form, first, reason),
        }
    }
}

fn root_of(hashes: &[Hash]) -> Hash {
    let mut tree = Tree::new();
    hashes.iter().for_each(|hash| tree.push(*hash));
    tree.root()
}
