//! A piece of the history for a peer that catches up.

use super::{History, HistoryError, TILE_WIDTH, TilePath};
use wattle_ledger::log::proof::{ProveError, prove_consistency};
use wattle_ledger::log::tiles::{TileHashes, TileReadError};
use wattle_replica::limits::{PIECE_BYTES_MAX, PIECE_LEAVES_MAX};
use wattle_replica::message::Piece;

const _: () = assert!(TILE_WIDTH as usize <= PIECE_LEAVES_MAX);

impl History {
    /// Leaves from `first` on, to the end of their bundle at most, with the proof that the tree of
    /// `size` leaves continues the tree that ends with them.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    ///
    /// # Panics
    /// If the history has not that many leaves: the replica asks only for what was appended.
    pub fn piece(&self, first: u64, size: u64) -> Result<Piece, HistoryError> {
        assert!(
            first < size && size <= self.size(),
            "only leaves that were appended are sent"
        );
        let width = u64::from(TILE_WIDTH);
        let bundle = first / width * width;
        let skipped = usize::try_from(first - bundle).expect("less than 256");
        let most = usize::try_from((size - first).min(width)).expect("at most 256");
        let mut bytes = 0;
        let leaves: Vec<Vec<u8>> = self
            .bundle(bundle)?
            .into_iter()
            .skip(skipped)
            .take(most)
            .take_while(|leaf| {
                let is_first = bytes == 0;
                bytes += leaf.len();
                is_first || bytes <= PIECE_BYTES_MAX
            })
            .collect();
        let end = first + leaves.len() as u64;
        let open = self.builder.partials();
        let mut hashes = TileHashes::new(self.size(), |path: &TilePath| {
            let of_builder = open.iter().find(|file| file.path == *path);
            match of_builder {
                Some(file) => Ok(file.bytes.clone()),
                None => self.read(path)?.ok_or_else(|| HistoryError::Damaged {
                    path: self.folder.join(path.to_string()),
                }),
            }
        });
        let proof = prove_consistency(&mut hashes, end, size).map_err(|error| match error {
            ProveError::Read(TileReadError::Read { error, .. }) => error,
            ProveError::Read(TileReadError::Content { path, .. }) => HistoryError::Damaged {
                path: self.folder.join(path.to_string()),
            },
            other => panic!("sizes that the history has can be proved: {other}"),
        })?;
        Ok(Piece {
            first,
            leaves,
            size,
            proof,
        })
    }
}
