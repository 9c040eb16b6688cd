//! One log: the same leaf at the same index on all nodes, ever, also across crashes.

use crate::failure::Failure;
use std::collections::BTreeMap;
use wattle_ledger::entry::Entry;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::proof::{LeafHashes, prove_consistency};
use wattle_ledger::log::tree::{Tree, leaf_hash};
use wattle_ledger::registration::NodeId;
use wattle_replica::message::Piece;

/// The leaves that any node has performed, and how far each has come since its last start.
#[derive(Debug)]
pub struct Log {
    leaves: Vec<Vec<u8>>,
    hashes: Vec<Hash>,
    tree: Tree,
    /// The root at each size, from 0 on.
    roots: Vec<Hash>,
    sizes: BTreeMap<NodeId, u64>,
    /// Who votes after a leaf that says so.
    voters: BTreeMap<u64, Vec<NodeId>>,
}

impl Default for Log {
    fn default() -> Log {
        let tree = Tree::default();
        let roots = vec![tree.root()];
        Log {
            leaves: Vec::new(),
            hashes: Vec::new(),
            tree,
            roots,
            sizes: BTreeMap::new(),
            voters: BTreeMap::new(),
        }
    }
}

impl Log {
    /// A node starts from a snapshot of so many leaves, and will repeat those after them.
    ///
    /// # Errors
    /// If no node ever had so many leaves with this root.
    pub fn on_start(&mut self, node: NodeId, size: u64, root: Hash) -> Result<(), Failure> {
        self.sizes.insert(node, size);
        if self.root_at(size) == Some(root) {
            return Ok(());
        }
        let what = format!("node {node} starts from {size} leaves with another root");
        Err(Failure::Correctness {
            checker: "log",
            what,
        })
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
                    if let Ok(Entry::Voters { voters, .. }) = Entry::decode(leaf) {
                        self.voters.insert(index, voters);
                    }
                    let hash = leaf_hash(leaf);
                    self.tree.push(hash);
                    self.hashes.push(hash);
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

    /// A piece of what a node has appended, as it answers a peer that catches up.
    pub fn piece(&self, node: NodeId, first: u64, size: u64, most: u64) -> Option<Piece> {
        if size > self.size_of(node) || first >= size {
            return None;
        }
        let end = size.min(first + most);
        let range = usize::try_from(first).ok()?..usize::try_from(end).ok()?;
        let proof = prove_consistency(&mut LeafHashes(&self.hashes), end, size).ok()?;
        Some(Piece {
            first,
            leaves: self.leaves[range].to_vec(),
            size,
            proof,
        })
    }

    /// Who votes at a size, if a leaf says so; else those of the genesis do.
    pub fn voters_at(&self, size: u64) -> Option<&[NodeId]> {
        let (_, voters) = self.voters.range(..size).next_back()?;
        Some(voters)
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
