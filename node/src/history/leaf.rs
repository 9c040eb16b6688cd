//! Single leaves, out of the bundle that is open or one that is full.

use super::History;
use crate::folder;
use std::io;
use wattle_ledger::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};

impl History {
    /// A leaf's bytes; none where the history does not reach it.
    ///
    /// # Errors
    /// If its bundle cannot be read or is damaged.
    pub fn leaf(&self, index: u64) -> io::Result<Option<Vec<u8>>> {
        if index >= self.size() {
            return Ok(None);
        }
        let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidData, error);
        let width = u64::from(TILE_WIDTH);
        let (first, open) = self.open_bundle();
        let (bytes, leaves) = if index >= first {
            (open, self.size() - first)
        } else {
            let path = TilePath::new(TileKind::Entries, index / width, TILE_WIDTH)
                .map_err(|error| invalid(error.to_string()))?;
            let path = self.folder.join(path.to_string());
            let bytes = folder::read_if_there(&path)?;
            let bytes = bytes.ok_or_else(|| invalid(format!("{} is missing", path.display())))?;
            (bytes, width)
        };
        let leaves = u16::try_from(leaves).expect("a bundle has at most 256 leaves");
        let leaves = parse_bundle(&bytes, leaves).map_err(|error| invalid(error.to_string()))?;
        let place = usize::try_from(index % width).expect("a place in a bundle is below 256");
        Ok(leaves.get(place).map(|leaf| leaf.to_vec()))
    }
}
