//! Proofs over the tree: that a leaf is in it, and that a later tree only appended.
//!
//! Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, and never panics, whatever
//! numbers and hashes it is given. Proving reads hashes of complete subtrees from a
//! [`HashReader`], so that it needs no more of the log than the proof's own length.

#[cfg(test)]
mod tests;

use super::MAX_SIZE;
use super::tree::{EMPTY_ROOT, fold_edge, node_hash};
use crate::hash::Hash;

/// Why a proof does not show what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf's index is not below the tree's size.
    #[error(
        "leaf {index} is outside a tree of {size} leaves; fetch a proof for a later checkpoint"
    )]
    IndexOutside {
        /// Index of the leaf, from zero.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("the older tree has {old} leaves, the newer one only {new}; exchange the two")]
    Shrunk {
        /// Leaves in the older tree.
        old: u64,
        /// Leaves in the newer tree.
        new: u64,
    },
    /// The path has more or fewer hashes than a proof for these sizes has.
    #[error("the proof has a wrong number of hashes ({found}); fetch it again")]
    Length {
        /// Hashes in the path.
        found: usize,
    },
    /// The path does not lead to the root.
    #[error(
        "the proof does not lead to the checkpoint's root; the leaf, proof or root is another's"
    )]
    Root,
    /// The path does not lead to the older tree's root: the newer tree is no continuation.
    #[error("the newer tree does not continue the older one; keep both checkpoints as evidence")]
    OldRoot,
}

/// Checks that the leaf with this [hash](super::tree::leaf_hash) is at `index` in the tree of
/// `size` leaves with this `root`. `path` goes from the leaf's sibling to a child of the root.
///
/// # Errors
/// Any [`ProofError`] but [`Shrunk`](ProofError::Shrunk) and [`OldRoot`](ProofError::OldRoot).
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: &Hash,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutside { index, size });
    }
    let length = ProofError::Length { found: path.len() };
    let mut node = *leaf;
    let (mut position, mut last) = (index, size - 1);
    for sibling in path {
        if last == 0 {
            return Err(length);
        }
        node = climb(&mut position, &mut last, sibling, &node).0;
    }
    if last != 0 {
        return Err(length);
    }
    if node == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `new` leaves begins with the `old` leaves of the older one. The path
/// is empty where the older tree is empty or both have one size.
///
/// # Errors
/// Any [`ProofError`] but [`IndexOutside`](ProofError::IndexOutside).
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    let length = ProofError::Length { found: path.len() };
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        if !path.is_empty() {
            return Err(length);
        }
        if old == 0 && *old_root != EMPTY_ROOT || old == new && old_root != new_root {
            return Err(ProofError::OldRoot);
        }
        return Ok(());
    }

    // A complete older tree is itself a node of the newer one, so the path leaves it out.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, path)
    } else {
        path.split_first().ok_or(length)?
    };
    let (old_node, new_node) = fold_prefix(old, new, first, rest).ok_or(length)?;
    if old_node != *old_root {
        return Err(ProofError::OldRoot);
    }
    if new_node == *new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// The root of the first `old` leaves of the tree of `new` leaves with this root, as the path
/// shows it. Whoever signed both roots has signed that root too: another one for `old` leaves is
/// a contradiction. The path is [`verify_consistency`]'s, but where `old` is a power of two it
/// begins with the root of those leaves, which here is not known already.
///
/// # Errors
/// [`ProofError::Shrunk`], unless `0 < old < new`; [`ProofError::Length`]; [`ProofError::Root`].
pub fn prefix_root(old: u64, new: u64, new_root: &Hash, path: &[Hash]) -> Result<Hash, ProofError> {
    let length = ProofError::Length { found: path.len() };
    if old == 0 || old >= new {
        return Err(ProofError::Shrunk { old, new });
    }
    let (first, rest) = path.split_first().ok_or(length)?;
    let (old_node, new_node) = fold_prefix(old, new, first, rest).ok_or(length)?;
    if new_node == *new_root {
        Ok(old_node)
    } else {
        Err(ProofError::Root)
    }
}

/// The roots of `old` and of `new` leaves, from the largest subtree that both share at the older
/// one's right end on; `None` where the path has a wrong length.
fn fold_prefix(old: u64, new: u64, first: &Hash, rest: &[Hash]) -> Option<(Hash, Hash)> {
    let (mut position, mut last) = (old - 1, new - 1);
    let shared = position.trailing_ones();
    position >>= shared;
    last >>= shared;
    let (mut old_node, mut new_node) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return None;
        }
        let (above, is_left) = climb(&mut position, &mut last, sibling, &new_node);
        new_node = above;
        if is_left {
            old_node = node_hash(sibling, &old_node);
        }
    }
    (last == 0).then_some((old_node, new_node))
}

/// One step towards the root: joins `node`, which is at `position` in a row that ends at `last`,
/// with the next sibling of the path. Returns the parent, and whether the sibling was the left
/// one. A node without a right neighbor rises until it has a left one.
fn climb(position: &mut u64, last: &mut u64, sibling: &Hash, node: &Hash) -> (Hash, bool) {
    let is_left = *position & 1 == 1 || position == last;
    let parent = if is_left {
        node_hash(sibling, node)
    } else {
        node_hash(node, sibling)
    };
    if is_left {
        // The callers stop at `last == 0`, so the position is not zero here, and the shift is less
        // than 64. After an odd position it is none.
        let rise = position.trailing_zeros();
        *position >>= rise;
        *last >>= rise;
    }
    *position >>= 1;
    *last >>= 1;
    (parent, is_left)
}

/// Where the hashes of complete subtrees come from.
pub trait HashReader {
    /// Why a hash could not be read.
    type Error;

    /// The root of the complete subtree over the leaves from `index << level` up to, but not
    /// including, `(index + 1) << level`. Level 0 is the leaf hashes. It is asked only for
    /// subtrees that lie wholly inside the tree that is being proved.
    ///
    /// # Errors
    /// Where the hash cannot be read.
    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The plainest [`HashReader`]: all leaf hashes in memory, everything above hashed when asked.
#[derive(Clone, Copy, Debug)]
pub struct LeafHashes<'a>(pub &'a [Hash]);

/// There are fewer leaf hashes in memory than the proof needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leaf {index} is not in memory; read more of the log first")]
pub struct LeafMissing {
    /// Index of the first missing leaf.
    pub index: u64,
}

impl HashReader for LeafHashes<'_> {
    type Error = LeafMissing;

    fn subtree(&mut self, level: u8, index: u64) -> Result<Hash, LeafMissing> {
        if level == 0 {
            let leaf = usize::try_from(index).ok().and_then(|i| self.0.get(i));
            return leaf.copied().ok_or(LeafMissing { index });
        }
        let left = self.subtree(level - 1, index * 2)?;
        Ok(node_hash(&left, &self.subtree(level - 1, index * 2 + 1)?))
    }
}

/// Why a proof could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such proof: the index or sizes do not fit, see [`ProofError`].
    #[error(transparent)]
    Request(ProofError),
    /// The tree is larger than any log may be.
    #[error("a tree of {size} leaves is larger than the 2^40 that a log may have; check the size")]
    TooLarge {
        /// Leaves in the tree.
        size: u64,
    },
    /// The reader failed.
    #[error("cannot read the hashes that the proof consists of")]
    Read(#[source] E),
}

/// The root of the first `size` leaves.
///
/// # Errors
/// [`ProveError::TooLarge`] and [`ProveError::Read`].
pub fn root<R: HashReader>(reader: &mut R, size: u64) -> Result<Hash, ProveError<R::Error>> {
    check_size(size)?;
    range_root(reader, 0, size)
}

/// Makes the path that [`verify_inclusion`] takes.
///
/// # Errors
/// Any [`ProveError`].
pub fn prove_inclusion<R: HashReader>(
    reader: &mut R,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(size)?;
    if index >= size {
        return Err(ProveError::Request(ProofError::IndexOutside {
            index,
            size,
        }));
    }
    // Going down from the root, the half without the leaf is the sibling; the path goes up.
    let mut path = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = split(start, end);
        if index < middle {
            path.push(range_root(reader, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(reader, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Makes the path that [`verify_consistency`] takes.
///
/// # Errors
/// Any [`ProveError`].
pub fn prove_consistency<R: HashReader>(
    reader: &mut R,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    check_size(new)?;
    if old > new {
        return Err(ProveError::Request(ProofError::Shrunk { old, new }));
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut path = Vec::new();
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = split(start, end);
        if old <= middle {
            path.push(range_root(reader, middle, end)?);
            end = middle;
        } else {
            path.push(range_root(reader, start, middle)?);
            start = middle;
        }
    }
    // What is left is the largest subtree that both trees share at the older one's right end. If
    // it is the whole older tree, the verifier knows it already.
    if start != 0 {
        path.push(range_root(reader, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Makes the path that [`prefix_root`] takes.
///
/// # Errors
/// Any [`ProveError`].
pub fn prove_prefix<R: HashReader>(
    reader: &mut R,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProveError<R::Error>> {
    if old == 0 || old >= new {
        return Err(ProveError::Request(ProofError::Shrunk { old, new }));
    }
    let mut path = prove_consistency(reader, old, new)?;
    if old.is_power_of_two() {
        path.insert(0, range_root(reader, 0, old)?);
    }
    Ok(path)
}

fn check_size<E>(size: u64) -> Result<(), ProveError<E>> {
    if size > MAX_SIZE {
        Err(ProveError::TooLarge { size })
    } else {
        Ok(())
    }
}

/// Where RFC 6962 splits the leaves from `start` to `end`: after the largest power of two that
/// is smaller than their number, which must be at least two.
fn split(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}

/// The root over the leaves from `start` to `end`, where `start` is a multiple of the largest
/// subtree that fits: every range that splitting from the root yields.
fn range_root<R: HashReader>(
    reader: &mut R,
    start: u64,
    end: u64,
) -> Result<Hash, ProveError<R::Error>> {
    let mut edge = Vec::new();
    let mut at = start;
    while at < end {
        let level = (end - at).ilog2();
        let level_u8 = u8::try_from(level).expect("the base-2 logarithm of a u64 is below 64");
        edge.push(
            reader
                .subtree(level_u8, at >> level)
                .map_err(ProveError::Read)?,
        );
        at += 1 << level;
    }
    Ok(fold_edge(edge.iter()))
}
