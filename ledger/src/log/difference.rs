//! Where two logs part: the first leaf that differs, found from subtree hashes alone.

use super::proof::HashReader;

/// One of two logs cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceError<A, B> {
    /// The first.
    #[error("cannot read the first log")]
    First(#[source] A),
    /// The second.
    #[error("cannot read the second log")]
    Second(#[source] B),
}

/// The index of the first leaf that differs among the first `size` of two logs; none if these are
/// the same. It reads a few hashes for each level of the tree, not the leaves.
///
/// # Errors
/// If a hash cannot be read.
pub fn first_difference<A: HashReader, B: HashReader>(
    first: &mut A,
    second: &mut B,
    size: u64,
) -> Result<Option<u64>, DifferenceError<A::Error, B::Error>> {
    let mut differs = |level: u8, index: u64| {
        let one = first
            .subtree(level, index)
            .map_err(DifferenceError::First)?;
        let other = second
            .subtree(level, index)
            .map_err(DifferenceError::Second)?;
        Ok(one != other)
    };
    // The complete subtrees that the leaves fill, from the largest, which is the leftmost.
    let mut at = 0;
    while at < size {
        let level = u8::try_from((size - at).ilog2()).expect("a logarithm of 64 bits");
        if differs(level, at >> level)? {
            let (mut level, mut index) = (level, at >> level);
            while level > 0 {
                level -= 1;
                index *= 2;
                if !differs(level, index)? {
                    index += 1;
                }
            }
            return Ok(Some(index));
        }
        at += 1 << level;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::log::leaf_hash;
    use crate::log::proof::{LeafHashes, LeafMissing};

    fn leaves(size: u64, changed: &[u64]) -> Vec<Hash> {
        let leaf = |index: u64| [index.to_be_bytes(), [u8::from(changed.contains(&index)); 8]];
        (0..size)
            .map(|index| leaf_hash(&leaf(index).concat()))
            .collect()
    }

    #[test]
    fn the_first_leaf_that_differs_is_found_wherever_it_is() {
        for size in 1..40 {
            let plain = leaves(size, &[]);
            let find = |other: &[Hash], size| {
                first_difference(&mut LeafHashes(&plain), &mut LeafHashes(other), size)
            };
            assert_eq!(find(&plain, size), Ok(None));
            for at in 0..size {
                assert_eq!(find(&leaves(size, &[at, size - 1]), size), Ok(Some(at)));
                assert_eq!(
                    find(&leaves(size, &[at]), at),
                    Ok(None),
                    "it is not reached"
                );
            }
        }
        let (long, short) = (leaves(4, &[]), leaves(3, &[]));
        let found = first_difference(&mut LeafHashes(&long), &mut LeafHashes(&short), 4);
        assert_eq!(
            found,
            Err(DifferenceError::Second(LeafMissing { index: 3 }))
        );
    }
}
