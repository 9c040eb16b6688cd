//! The Merkle tree of RFC 6962, section 2.1, kept as its right edge.

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::MAX_SIZE;
use crate::hash::{Hash, sha256, sha256_pair};

/// The root of a log without leaves: SHA-256 of nothing.
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of a leaf: SHA-256 of `0x00` and the leaf's bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&[0], leaf])
}

/// The hash of an inner node: SHA-256 of `0x01` and the hashes of its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256_pair(1, left, right)
}

/// The root of a complete tree, whose leaves are a power of two and at least one. Their hashes are
/// overwritten.
pub(super) fn complete_root(hashes: &mut [Hash]) -> Hash {
    assert!(
        hashes.len().is_power_of_two(),
        "only such trees are complete"
    );
    let mut width = hashes.len();
    while width > 1 {
        width /= 2;
        for node in 0..width {
            hashes[node] = node_hash(&hashes[2 * node], &hashes[2 * node + 1]);
        }
    }
    hashes[0]
}

/// A tree of any size in at most 40 hashes: the roots of the complete subtrees that its leaves
/// fill, from the largest (leftmost) to the smallest. Leaves can be added and the root computed;
/// the leaves themselves are elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode)]
pub struct Tree {
    size: u64,
    edge: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    pub const fn new() -> Self {
        Self {
            size: 0,
            edge: Vec::new(),
        }
    }

    /// A tree from its parts, or `None` where `edge` cannot belong to a tree of `size` leaves.
    pub fn from_edge(size: u64, edge: Vec<Hash>) -> Option<Self> {
        let fits = size <= MAX_SIZE && edge.len() as u64 == u64::from(size.count_ones());
        fits.then_some(Self { size, edge })
    }

    /// Appends a leaf by its [`leaf_hash`].
    ///
    /// # Panics
    /// At [`MAX_SIZE`] leaves, which is a thousand billion and means that `size` is corrupt.
    pub fn push(&mut self, leaf: Hash) {
        assert!(
            self.size < MAX_SIZE,
            "a log never has more than 2^40 leaves"
        );
        let mut node = leaf;
        // Each trailing one bit of the size is a complete subtree as large as the node in hand.
        for _ in 0..self.size.trailing_ones() {
            let left = self
                .edge
                .pop()
                .expect("the edge has one hash for each one bit of the size");
            node = node_hash(&left, &node);
        }
        self.edge.push(node);
        self.size += 1;
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's Merkle Tree Hash.
    pub fn root(&self) -> Hash {
        fold_edge(self.edge.iter())
    }

    /// Roots of the complete subtrees, the largest first: one for each one bit of the size.
    pub fn edge(&self) -> &[Hash] {
        &self.edge
    }
}

/// The root over a right edge whose largest subtree comes first.
pub(super) fn fold_edge<'a>(edge: impl DoubleEndedIterator<Item = &'a Hash>) -> Hash {
    edge.rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or(EMPTY_ROOT)
}

impl<Context> Decode<Context> for Tree {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let size = u64::decode(decoder)?;
        let edge = Vec::<Hash>::decode(decoder)?;
        Self::from_edge(size, edge).ok_or(DecodeError::Other(
            "the tree's right edge does not fit its size",
        ))
    }
}

impl<'de, Context> BorrowDecode<'de, Context> for Tree {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    /// Leaves and roots of the reference log of RFC 6962's authors, for sizes 0 to 8.
    const REFERENCE: [(&str, &str); 9] = [
        (
            "",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        ),
        (
            "00",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        ),
        (
            "10",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ),
        (
            "2021",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
        (
            "3031",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        ),
        (
            "40414243",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        ),
        (
            "5051525354555657",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        ),
        (
            "606162636465666768696a6b6c6d6e6f",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ),
    ];

    #[test]
    fn roots_equal_the_reference_vectors() {
        let mut tree = Tree::new();
        assert_eq!(tree.root(), EMPTY_ROOT);
        assert_eq!(tree.root(), sha256(&[]));
        for (size, (leaf, root)) in REFERENCE.iter().enumerate() {
            if size > 0 {
                tree.push(leaf_hash(&crate::hex::decode(leaf).unwrap()));
            }
            assert_eq!(tree.size(), size as u64);
            assert_eq!(tree.root().to_string(), *root, "size {size}");
        }
    }

    #[test]
    fn binary_form_survives_and_is_checked() {
        let config = bincode::config::legacy();
        let mut tree = Tree::new();
        for i in 0..11u8 {
            tree.push(leaf_hash(&[i]));
            let bytes = bincode::encode_to_vec(&tree, config).unwrap();
            let (back, length) = bincode::decode_from_slice::<Tree, _>(&bytes, config).unwrap();
            assert_eq!((&back, length), (&tree, bytes.len()));
        }
        let mut bytes = bincode::encode_to_vec(&tree, config).unwrap();
        bytes[0] = 10; // 11 leaves have three subtrees, 10 have two.
        assert!(bincode::decode_from_slice::<Tree, _>(&bytes, config).is_err());
        assert_eq!(Tree::from_edge(MAX_SIZE + 1, vec![Hash::ZERO; 2]), None);
    }

    #[test]
    fn a_complete_tree_has_the_root_of_its_leaves() {
        for width in [1, 2, 4, 256] {
            let mut tree = Tree::new();
            let mut hashes: Vec<Hash> = (0..width)
                .map(|i: u64| leaf_hash(&i.to_be_bytes()))
                .collect();
            hashes.iter().for_each(|hash| tree.push(*hash));
            assert_eq!(complete_root(&mut hashes), tree.root());
        }
    }

    proptest! {
        #[test]
        fn roots_equal_those_of_ct_merkle(leaves: Vec<Vec<u8>>) {
            let mut tree = Tree::new();
            let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            for leaf in leaves {
                tree.push(leaf_hash(&leaf));
                oracle.push(leaf);
                prop_assert_eq!(tree.root().0.to_vec(), oracle.root().as_bytes().to_vec());
            }
        }

        #[test]
        fn any_bytes_decode_without_panic(bytes: Vec<u8>) {
            let config = bincode::config::legacy().with_limit::<4096>();
            if let Ok((tree, _)) = bincode::decode_from_slice::<Tree, _>(&bytes, config) {
                tree.root();
            }
        }
    }
}
