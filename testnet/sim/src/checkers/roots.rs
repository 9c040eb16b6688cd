//! Equal sizes have equal roots, and equal logs have equal states.

use crate::checkers::log::Log;
use crate::failure::Failure;
use std::collections::BTreeMap;
use wattle_ledger::registration::NodeId;
use wattle_replica::Replica;

/// The size at which each replica was last looked at.
#[derive(Debug, Default)]
pub struct Roots {
    last_sizes: BTreeMap<NodeId, u64>,
}

impl Roots {
    /// Looks at a replica all of whose outputs are performed.
    ///
    /// # Errors
    /// If its root is not that of the leaves that were appended.
    pub fn observe(&mut self, replica: &Replica, log: &Log) -> Result<(), Failure> {
        let (node, size) = (replica.node(), replica.ledger().size());
        if self.last_sizes.insert(node, size) == Some(size) {
            return Ok(());
        }
        let root = replica.ledger().root();
        if log.size_of(node) != size || log.root_at(size) != Some(root) {
            let what = format!(
                "node {node} has size {size} and root {root}; it appended {} leaves with root {:?}",
                log.size_of(node),
                log.root_at(size)
            );
            return Err(Failure::Correctness {
                checker: "roots",
                what,
            });
        }
        Ok(())
    }

    /// Compares the states of replicas with equal logs.
    ///
    /// # Errors
    /// If two of them differ.
    pub fn compare_states(replicas: &[&Replica]) -> Result<(), Failure> {
        let mut first = None;
        for replica in replicas {
            let root = replica.ledger().state().clone().root();
            let expected = *first.get_or_insert(root);
            if expected != root {
                let what = format!("node {} has another state than the first", replica.node());
                return Err(Failure::Correctness {
                    checker: "roots",
                    what,
                });
            }
        }
        Ok(())
    }
}
