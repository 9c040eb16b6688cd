//! One log: the same leaf at the same index on all nodes, ever, also across crashes.

use crate::failure::Failure;
use std::collections::BTreeMap;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::tree::{Tree, leaf_hash};
use wattle_ledger::registration::NodeId;

/// The leaves that any node has performed, and how far each has come since its last start.
#[derive(Debug)]
pub struct Log {
    leaves: Vec<Vec<u8>>,
    tree: Tree,
    /// The root at each size, from 0 on.
    roots: Vec<Hash>,
    sizes: BTreeMap<NodeId, u64>,
}

impl Default for Log {
    fn default() -> Log {
        let tree = Tree::default();
        let roots = vec![tree.root()];
        Log {
            leaves: Vec::new(),
            tree,
            roots,
            sizes: BTreeMap::new(),
        }
    }
}

impl Log {
    /// A node starts, and will repeat its leaves from the first.
    pub fn on_start(&mut self, node: NodeId) {
        self.sizes.insert(node, 0);
    }

    /// A node appends leaves.
    ///
    /// # Errors
    /// If they leave a gap, or another leaf was ever at an index.
    pub fn on_append(
        &mut self,
        node: NodeId,
        first: u64,
        leaves: &[Vec<u8>],
    ) -> Result<(), Failure> {
        let fail = |what| {
            Err(Failure::Correctness {
                checker: "log",
                what,
            })
        };
        let size = self.sizes.entry(node).or_default();
        if first != *size {
            return fail(format!(
                "node {node} has {size} leaves and appends leaf {first}"
            ));
        }
        for (index, leaf) in (first..).zip(leaves) {
            match self.leaves.get(index as usize) {
                Some(before) if before != leaf => {
                    return fail(format!("node {node} has another leaf {index} than before"));
                }
                Some(_) => {}
                None => {
                    self.tree.push(leaf_hash(leaf));
                    self.roots.push(self.tree.root());
                    self.leaves.push(leaf.clone());
                }
            }
        }
        *size += leaves.len() as u64;
        Ok(())
    }

    /// All leaves that any node ever appended.
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// The root at a size that some node has reached.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.roots.get(usize::try_from(size).ok()?).copied()
    }

    /// How many leaves a node has appended since it was started.
    pub fn size_of(&self, node: NodeId) -> u64 {
        self.sizes.get(&node).copied().unwrap_or(0)
    }
}
