//! One leader per term.

use crate::failure::Failure;
use std::collections::BTreeMap;
use wattle_ledger::registration::NodeId;

/// Who led each term.
#[derive(Debug, Default)]
pub struct Leaders {
    by_term: BTreeMap<u64, NodeId>,
}

impl Leaders {
    /// A node leads a term.
    ///
    /// # Errors
    /// If another one has led it.
    pub fn observe(&mut self, term: u64, node: NodeId) -> Result<(), Failure> {
        let leader = *self.by_term.entry(term).or_insert(node);
        if leader != node {
            let what = format!("nodes {leader} and {node} both lead term {term}");
            return Err(Failure::Correctness {
                checker: "leaders",
                what,
            });
        }
        Ok(())
    }

    /// Terms that had a leader.
    pub fn count(&self) -> usize {
        self.by_term.len()
    }
}
