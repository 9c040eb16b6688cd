//! The transparency log: an append-only Merkle tree, its files, and its signed checkpoints.
//!
//! Everything here is a published format, byte for byte, so that tools that nobody here wrote can
//! check a park's log: RFC 6962 and RFC 9162 for the tree and its proofs, and C2SP's signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof and tlog-policy for the rest. Parsers
//! are strict: each value has one spelling, and what parses is formatted back to the same bytes.
//!
//! * [`tree`]: leaf and node hashes, and the tree as its right edge
//! * [`proof`]: inclusion and consistency
//! * [`difference`]: where two logs part
//! * [`tiles`]: the files that a log consists of: their paths and contents, the incremental
//!   builder, and the reader that proofs are made with
//! * [`note`]: signed text, signature lines and verifier keys
//! * [`checkpoint`]: origin, size and root, as the text of a note
//! * [`cosignature`]: a timestamped statement that a checkpoint was seen
//! * [`policy`]: which logs and how many cosigners a verifier trusts
//! * [`witness`]: what a log asks of a witness, and when he may agree
//! * [`tlog_proof`]: one leaf's inclusion proof and checkpoint in one file

pub mod checkpoint;
pub mod cosignature;
pub mod difference;
pub mod note;
pub mod policy;
pub mod proof;
pub mod tiles;
pub mod tlog_proof;
pub mod tree;
pub mod witness;

#[cfg(test)]
mod golden;
pub(crate) mod text;

pub use checkpoint::Checkpoint;
pub use cosignature::Cosignature;
pub use note::{Note, NoteSignature, VerifierKey};
pub use policy::{Policy, PolicyVerdict};
pub use tiles::{TileBuilder, TileFile, TileHashes, TilePath};
pub use tlog_proof::TlogProof;
pub use tree::{EMPTY_ROOT, Tree, leaf_hash, node_hash};

/// The most leaves that a log may have, 2^40. A larger number in a file is an error in that file;
/// the bound keeps all arithmetic on sizes far from overflow.
pub const MAX_SIZE: u64 = 1 << 40;

/// The most bytes that a leaf may have: the length prefix of an entry bundle is 16 bits.
pub const MAX_LEAF_BYTES: usize = 65_535;
