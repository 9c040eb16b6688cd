//! Who votes follows from what the registrar has signed, one step at a time.
//!
//! The ledger decides it by its own rules; here it is read from the leaves alone.

use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::limits::VOTERS_MAX;
use wattle_ledger::membership::{MemberChange, NodeStanding};
use wattle_ledger::registration::NodeId;

/// What the leaves read so far say of the nodes.
#[derive(Debug)]
pub struct Members {
    voters: BTreeSet<NodeId>,
    learners: BTreeSet<NodeId>,
    /// What the registrar said last of each.
    wanted: BTreeMap<NodeId, NodeStanding>,
    read: usize,
}

impl Members {
    /// A checker for a park.
    pub fn new(genesis: &Genesis) -> Members {
        let voters: BTreeSet<NodeId> = genesis.body().nodes.iter().map(|node| node.id).collect();
        Members {
            wanted: voters.iter().map(|id| (*id, NodeStanding::Voter)).collect(),
            voters,
            learners: BTreeSet::new(),
            read: 0,
        }
    }

    /// Reads the leaves that are new.
    ///
    /// # Errors
    /// If a step was taken that the registrar did not ask for, or who votes and learns after it is
    /// not who did before with this one step.
    pub fn read(&mut self, leaves: &[Vec<u8>]) -> Result<(), Failure> {
        for (index, leaf) in leaves.iter().enumerate().skip(self.read) {
            self.read = index + 1;
            match Entry::decode(leaf) {
                Ok(Entry::Event { signed, outcome }) if outcome == [0] => self.event(&signed),
                Ok(Entry::Voters {
                    change,
                    voters,
                    learners,
                }) => {
                    let said = (voters.as_slice(), learners.as_slice());
                    if let Err(what) = self.step(&change, said) {
                        return Err(Failure::Correctness {
                            checker: "members",
                            what: format!("leaf {index}: {what}"),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn event(&mut self, signed: &[u8]) {
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        match &event.body().action {
            Action::RegisterNode(record) => {
                self.wanted.insert(record.id, NodeStanding::Learner);
            }
            Action::SetNodeStanding { node, standing } => {
                self.wanted.insert(*node, *standing);
            }
            _ => {}
        }
    }

    fn step(
        &mut self,
        change: &MemberChange,
        (voters, learners): (&[NodeId], &[NodeId]),
    ) -> Result<(), String> {
        let MemberChange { node, standing } = *change;
        let wanted = self.wanted.get(&node).copied();
        // Who shall vote learns first.
        let is_on_its_way = wanted == Some(NodeStanding::Voter)
            && standing == NodeStanding::Learner
            && !self.voters.contains(&node);
        if wanted != Some(standing) && !is_on_its_way {
            return Err(format!(
                "node {node} becomes {standing:?}, the registrar wants {wanted:?}"
            ));
        }
        self.voters.remove(&node);
        self.learners.remove(&node);
        match standing {
            NodeStanding::Voter => self.voters.insert(node),
            NodeStanding::Learner => self.learners.insert(node),
            NodeStanding::Removed => false,
        };
        let is_said = self.voters.iter().eq(voters) && self.learners.iter().eq(learners);
        if !is_said || !(1..=VOTERS_MAX).contains(&voters.len()) {
            return Err(format!(
                "voters {voters:?} and learners {learners:?}, by the steps they are {:?} and {:?}",
                self.voters, self.learners
            ));
        }
        Ok(())
    }
}
