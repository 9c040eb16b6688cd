//! The binary trie whose root commits to the whole state.
//!
//! A key's path is SHA-256 of its bytes, read from the most significant bit. An empty subtree's
//! hash is 32 zero bytes; a subtree with one leaf has the leaf's hash, however deep it lies; any
//! other is `SHA-256(0x03 ‖ left ‖ right)`. A leaf is `SHA-256(0x02 ‖ path ‖ SHA-256(value))`. The
//! root therefore depends on the content alone and not on the order it came about in, and a change
//! costs the hashes along its path.

use crate::hash::{Hash, sha256, sha256_pair};

/// The trie. Changes are taken down as they come, and carried into it together when the root is
/// asked for: each subtree that changed is then gone through once, and hashed once.
#[derive(Debug, Clone, Default)]
pub struct Trie {
    root: Node,
    /// What a path's leaf becomes; of several changes of one path the last one holds.
    changes: Vec<Change>,
}

/// A path, and its leaf's hash from now on; none: no leaf.
type Change = (Hash, Option<Hash>);

#[derive(Debug, Clone, Default)]
enum Node {
    #[default]
    Empty,
    Leaf {
        path: Hash,
        hash: Hash,
    },
    /// At least two leaves lie below.
    Branch {
        hash: Hash,
        children: Box<[Node; 2]>,
    },
}

impl Trie {
    /// Sets a key to a value.
    pub fn insert(&mut self, key: &[u8], value: &[u8]) {
        let path = sha256(&[key]);
        let hash = sha256_pair(0x02, &path, &sha256(&[value]));
        self.changes.push((path, Some(hash)));
    }

    /// Removes a key; one that is not there is no change.
    pub fn remove(&mut self, key: &[u8]) {
        self.changes.push((sha256(&[key]), None));
    }

    /// The hash that commits to the content.
    pub fn root(&mut self) -> Hash {
        let mut changes = std::mem::take(&mut self.changes);
        // Newest first, so that of each path the last change stays.
        changes.reverse();
        changes.sort_by_key(|(path, _)| *path);
        changes.dedup_by_key(|(path, _)| *path);
        self.root.apply(&changes, 0);
        self.root.hash()
    }
}

fn bit(path: &Hash, depth: usize) -> usize {
    usize::from(path.0[depth / 8] >> (7 - depth % 8) & 1)
}

/// Paths that share their first `depth` bits, in order: those that go left, then the others.
fn split<T>(sorted: &[(Hash, T)], depth: usize) -> [&[(Hash, T)]; 2] {
    let left = match sorted {
        [(path, _)] => 1 - bit(path, depth),
        _ => sorted.partition_point(|(path, _)| bit(path, depth) == 0),
    };
    sorted.split_at(left).into()
}

impl Node {
    fn hash(&self) -> Hash {
        match self {
            Node::Empty => Hash::ZERO,
            Node::Leaf { hash, .. } | Node::Branch { hash, .. } => *hash,
        }
    }

    /// The subtree of leaves that share their first `depth` bits, in the order of their paths.
    fn build(leaves: &[(Hash, Hash)], depth: usize) -> Node {
        match leaves {
            [] => Node::Empty,
            [(path, hash)] => Node::Leaf {
                path: *path,
                hash: *hash,
            },
            _ => {
                let [left, right] = split(leaves, depth);
                let children = [Node::build(left, depth + 1), Node::build(right, depth + 1)];
                Node::branch(Box::new(children))
            }
        }
    }

    fn branch(children: Box<[Node; 2]>) -> Node {
        let hash = Hash::ZERO;
        let mut node = Node::Branch { hash, children };
        node.settle();
        node
    }

    /// Hashes a branch whose children have changed; with at most one leaf below it is that leaf.
    fn settle(&mut self) {
        let Node::Branch { hash, children } = self else {
            return;
        };
        match &mut **children {
            [Node::Empty, only @ (Node::Empty | Node::Leaf { .. })]
            | [only @ Node::Leaf { .. }, Node::Empty] => *self = std::mem::take(only),
            [left, right] => *hash = sha256_pair(0x03, &left.hash(), &right.hash()),
        }
    }

    /// Carries changes into the subtree: sorted, one for each path, with the subtree's own first
    /// `depth` bits.
    fn apply(&mut self, changes: &[Change], depth: usize) {
        match self {
            Node::Branch { children, .. } => {
                let [left, right] = split(changes, depth);
                if !left.is_empty() {
                    children[0].apply(left, depth + 1);
                }
                if !right.is_empty() {
                    children[1].apply(right, depth + 1);
                }
                self.settle();
            }
            Node::Leaf { path, hash } => {
                let leaves = beside((*path, *hash), changes);
                *self = Node::build(&leaves, depth);
            }
            Node::Empty => {
                let leaves: Vec<(Hash, Hash)> = changes.iter().filter_map(leaf).collect();
                *self = Node::build(&leaves, depth);
            }
        }
    }
}

fn leaf((path, hash): &Change) -> Option<(Hash, Hash)> {
    hash.map(|hash| (*path, hash))
}

/// The leaves after changes where there was one: in the order of their paths.
fn beside(old: (Hash, Hash), changes: &[Change]) -> Vec<(Hash, Hash)> {
    let place = changes.partition_point(|(path, _)| *path < old.0);
    let is_changed = changes.get(place).is_some_and(|(path, _)| *path == old.0);
    let (before, after) = changes.split_at(place);
    let kept = (!is_changed).then_some(old);
    let before = before.iter().filter_map(leaf);
    before
        .chain(kept)
        .chain(after.iter().filter_map(leaf))
        .collect()
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
            rounds in prop::collection::vec(
                prop::collection::vec((0u8..40, prop::option::of(any::<u16>())), 0..12),
                0..40,
            )
        ) {
            let mut trie = Trie::default();
            let mut content = BTreeMap::new();
            for round in rounds {
                for (key, value) in round {
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
