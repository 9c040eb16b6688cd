//! The binary trie whose root commits to the whole state.
//!
//! A key's path is SHA-256 of its bytes, read from the most significant bit. An empty subtree's
//! hash is 32 zero bytes; a subtree with one leaf has the leaf's hash, however deep it lies; any
//! other is `SHA-256(0x03 ‖ left ‖ right)`. A leaf is `SHA-256(0x02 ‖ path ‖ SHA-256(value))`. The
//! root therefore depends on the content alone and not on the order it came about in, and a change
//! costs the hashes along its path.

use crate::hash::{Hash, sha256};

/// The trie, with hashes computed when they are asked for.
#[derive(Debug, Clone, Default)]
pub struct Trie {
    root: Node,
}

#[derive(Debug, Clone, Default)]
enum Node {
    #[default]
    Empty,
    Leaf {
        path: Hash,
        hash: Hash,
    },
    /// `hash` is none while something below has changed since it was computed.
    Branch {
        hash: Option<Hash>,
        children: Box<[Node; 2]>,
    },
}

impl Trie {
    /// Sets a key to a value.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        let path = sha256(&[key]);
        let hash = sha256(&[&[0x02], &path.0, &sha256(&[value]).0]);
        self.root.insert(path, hash, 0);
    }

    /// Removes a key; one that is not there is no change.
    pub fn remove(&mut self, key: &[u8]) {
        let path = sha256(&[key]);
        self.root.remove(&path, 0);
    }

    /// The hash that commits to the content.
    pub fn root(&mut self) -> Hash {
        self.root.hash()
    }
}

fn bit(path: &Hash, depth: usize) -> usize {
    usize::from(path.0[depth / 8] >> (7 - depth % 8) & 1)
}

impl Node {
    fn hash(&mut self) -> Hash {
        match self {
            Node::Empty => Hash::ZERO,
            Node::Leaf { hash, .. } => *hash,
            Node::Branch {
                hash: Some(hash), ..
            } => *hash,
            Node::Branch { hash, children } => {
                let [left, right] = &mut **children;
                let computed = sha256(&[&[0x03], &left.hash().0, &right.hash().0]);
                *hash = Some(computed);
                computed
            }
        }
    }

    fn insert(&mut self, path: Hash, hash: Hash, depth: usize) {
        match self {
            Node::Empty => *self = Node::Leaf { path, hash },
            Node::Leaf {
                path: other,
                hash: other_hash,
            } if *other == path => *other_hash = hash,
            Node::Leaf { path: other, .. } => {
                // Two leaves share the path down to here: push the old one a level deeper.
                let side = bit(other, depth);
                let mut children = Box::new([Node::Empty, Node::Empty]);
                children[side] = std::mem::take(self);
                children[bit(&path, depth)].insert(path, hash, depth + 1);
                *self = Node::Branch {
                    hash: None,
                    children,
                };
            }
            Node::Branch {
                hash: cached,
                children,
            } => {
                *cached = None;
                children[bit(&path, depth)].insert(path, hash, depth + 1);
            }
        }
    }

    fn remove(&mut self, path: &Hash, depth: usize) {
        match self {
            Node::Empty => {}
            Node::Leaf { path: other, .. } => {
                if other == path {
                    *self = Node::Empty;
                }
            }
            Node::Branch { hash, children } => {
                *hash = None;
                children[bit(path, depth)].remove(path, depth + 1);
                // A subtree with at most one leaf is that leaf.
                let only = match &**children {
                    [Node::Empty, Node::Empty] => Some(Node::Empty),
                    [leaf @ Node::Leaf { .. }, Node::Empty]
                    | [Node::Empty, leaf @ Node::Leaf { .. }] => Some(leaf.clone()),
                    _ => None,
                };
                if let Some(only) = only {
                    *self = only;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// The definition, word for word, without any caching.
    fn reference(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
        match leaves {
            [] => Hash::ZERO,
            [(_, hash)] => *hash,
            _ => {
                let (left, right): (Vec<_>, Vec<_>) =
                    leaves.iter().partition(|(path, _)| bit(path, depth) == 0);
                sha256(&[
                    &[0x03],
                    &reference(&left, depth + 1).0,
                    &reference(&right, depth + 1).0,
                ])
            }
        }
    }

    proptest! {
        #[test]
        fn incremental_root_is_that_of_the_content(
            changes in prop::collection::vec((0u8..40, prop::option::of(any::<u16>())), 0..200)
        ) {
            let mut trie = Trie::default();
            let mut content = BTreeMap::new();
            for (key, value) in changes {
                match value {
                    Some(value) => {
                        trie.insert(&[key], &value.to_le_bytes());
                        content.insert(key, value);
                    }
                    None => {
                        trie.remove(&[key]);
                        content.remove(&key);
                    }
                }
                let leaves: Vec<(Hash, Hash)> = content
                    .iter()
                    .map(|(key, value)| {
                        let path = sha256(&[&[*key]]);
                        let value = sha256(&[&value.to_le_bytes()]);
                        (path, sha256(&[&[0x02], &path.0, &value.0]))
                    })
                    .collect();
                prop_assert_eq!(trie.root(), reference(&leaves, 0));
            }
        }
    }

    #[test]
    fn an_empty_trie_has_the_zero_root() {
        assert_eq!(Trie::default().root(), Hash::ZERO);
    }
}
