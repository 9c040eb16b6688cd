//! The files that a log consists of (C2SP tlog-tiles): hash tiles and entry bundles.
//!
//! A hash tile holds up to 256 hashes of one level; a level is eight levels of the tree. An entry
//! bundle holds the leaves under one tile of level 0. Full files never change. A partial file
//! belongs to trees of exactly its sizes.

mod bound;
mod builder;
mod path;
mod reader;

pub use bound::{BoundBundle, BoundError, BoundTiles, UncheckedBundle};
pub use builder::{ResumeError, TileBuilder};
pub use path::{TileKind, TilePath, TilePathError, files_of, partials_of};
pub use reader::{TileHashes, TileReadError};

use bincode::{Decode, Encode};

use super::MAX_LEAF_BYTES;
use crate::hash::Hash;

/// Hashes in a full tile, and leaves in a full bundle.
pub const TILE_WIDTH: u16 = 256;

const HASH_BYTES: usize = 32;

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TileFile {
    /// Where it belongs, relative to the log's folder or URL.
    pub path: TilePath,
    /// All of its bytes.
    pub bytes: Vec<u8>,
}

/// Why bytes are not the tile or bundle that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A hash tile of another length than its width makes.
    #[error("the tile has {found} bytes instead of {expected}; copy the file again")]
    TileLength {
        /// Bytes that its width makes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A bundle ends inside an entry.
    #[error("the bundle ends inside entry {entry}; copy the file again")]
    CutOff {
        /// Entry of the bundle, from zero.
        entry: u16,
    },
    /// A bundle goes on after its last entry.
    #[error("the bundle has {bytes} bytes after its last entry; copy the file again")]
    Trailing {
        /// Bytes that are too many.
        bytes: usize,
    },
}

/// Reads a hash tile of `width` hashes.
///
/// # Errors
/// [`TileError::TileLength`].
pub fn parse_hash_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    let expected = usize::from(width) * HASH_BYTES;
    if bytes.len() != expected {
        return Err(TileError::TileLength {
            expected,
            found: bytes.len(),
        });
    }
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// Reads an entry bundle of exactly `width` leaves.
///
/// # Errors
/// [`TileError::CutOff`] and [`TileError::Trailing`].
pub fn parse_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    let mut rest = bytes;
    let mut leaves = Vec::with_capacity(usize::from(width));
    for entry in 0..width {
        let cut_off = TileError::CutOff { entry };
        let (length, after) = rest.split_first_chunk::<2>().ok_or(cut_off)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (leaf, after) = after.split_at_checked(length).ok_or(cut_off)?;
        leaves.push(leaf);
        rest = after;
    }
    if rest.is_empty() {
        Ok(leaves)
    } else {
        Err(TileError::Trailing { bytes: rest.len() })
    }
}

/// The part of a wider file at the same place that a path asks for; `None` where the file is not
/// what it should be.
pub fn beginning(mut bytes: Vec<u8>, path: &TilePath) -> Option<Vec<u8>> {
    let length = match path.kind() {
        TileKind::Hashes(_) => usize::from(path.width()) * HASH_BYTES,
        TileKind::Entries => {
            let mut length = 0;
            for _ in 0..path.width() {
                let prefix = bytes.get(length..)?.first_chunk::<2>()?;
                length += 2 + usize::from(u16::from_be_bytes(*prefix));
            }
            length
        }
    };
    if bytes.len() < length {
        return None;
    }
    bytes.truncate(length);
    Some(bytes)
}

/// Writes an entry bundle: each leaf after its length in 16 bits, big-endian.
///
/// # Panics
/// Where a leaf is longer than [`MAX_LEAF_BYTES`]; nothing that long is ever made a leaf.
pub fn encode_bundle<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bundle = Vec::new();
    for leaf in leaves {
        append_entry(&mut bundle, leaf);
    }
    bundle
}

fn append_entry(bundle: &mut Vec<u8>, leaf: &[u8]) {
    assert!(
        leaf.len() <= MAX_LEAF_BYTES,
        "a leaf is at most 65,535 bytes, as intake ensures"
    );
    let length = u16::try_from(leaf.len()).expect("the length was just compared with u16::MAX");
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(leaf);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bundle_equals_the_written_out_bytes() {
        let bundle = encode_bundle([&b"ab"[..], b"", &[0xff; 258]]);
        assert_eq!(bundle[..8], [0, 2, b'a', b'b', 0, 0, 1, 2]);
        assert_eq!(bundle.len(), 8 + 258);
        assert_eq!(
            parse_bundle(&bundle, 3).unwrap(),
            [&b"ab"[..], b"", &[0xff; 258]]
        );
    }

    #[test]
    fn a_narrower_file_is_the_beginning_of_a_wider_one() {
        let of = |width| TilePath::new(TileKind::Entries, 0, width).unwrap();
        let bundle = encode_bundle([&b"ab"[..], b"c", b""]);
        assert_eq!(
            beginning(bundle.clone(), &of(2)),
            Some(encode_bundle([&b"ab"[..], b"c"]))
        );
        assert_eq!(beginning(bundle.clone(), &of(3)), Some(bundle.clone()));
        assert_eq!(beginning(bundle, &of(4)), None);
        let tile = TilePath::new(TileKind::Hashes(0), 0, 2).unwrap();
        assert_eq!(beginning(vec![7; 96], &tile), Some(vec![7; 64]));
        assert_eq!(beginning(vec![7; 63], &tile), None);
    }

    #[test]
    fn bundles_of_another_width_are_refused() {
        let bundle = encode_bundle([&b"ab"[..], b"c"]);
        assert_eq!(
            parse_bundle(&bundle, 1),
            Err(TileError::Trailing { bytes: 3 })
        );
        assert_eq!(
            parse_bundle(&bundle, 3),
            Err(TileError::CutOff { entry: 2 })
        );
        assert_eq!(
            parse_bundle(&bundle[..6], 2),
            Err(TileError::CutOff { entry: 1 })
        );
        assert_eq!(
            parse_bundle(&bundle[..5], 2),
            Err(TileError::CutOff { entry: 1 })
        );
    }

    #[test]
    fn hash_tiles_of_another_width_are_refused() {
        let bytes = [7; 64];
        assert_eq!(parse_hash_tile(&bytes, 2), Ok(vec![Hash([7; 32]); 2]));
        for (bytes, width) in [(&bytes[..], 1), (&bytes[..63], 2), (&bytes[..32], 2)] {
            assert!(matches!(
                parse_hash_tile(bytes, width),
                Err(TileError::TileLength { .. })
            ));
        }
    }

    #[test]
    #[should_panic(expected = "at most 65,535 bytes")]
    fn longer_leaves_than_the_prefix_can_say_are_our_own_bug() {
        encode_bundle([&vec![0; 65_536][..]]);
    }

    proptest! {
        #[test]
        fn what_parses_is_encoded_to_the_same_bytes(bytes: Vec<u8>, width in 0u16..8) {
            let _ = parse_hash_tile(&bytes, width);
            if let Ok(leaves) = parse_bundle(&bytes, width) {
                prop_assert_eq!(encode_bundle(leaves), bytes);
            }
        }
    }
}
