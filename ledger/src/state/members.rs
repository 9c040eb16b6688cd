//! The park's nodes: who was registered, what each shall be, and what each is.
//!
//! The founding nodes have rows only once something of theirs has changed, so that a park which
//! never changes its voters has no row here.

use crate::genesis::{Genesis, NodeRecord};
use crate::keys::PublicKey;
use crate::limits::{MEMBERS_MAX, NODES_MAX, VOTERS_MAX};
use crate::membership::{MemberChange, Membership, NodeStanding};
use crate::registration::NodeId;
use crate::rejection::Rejection;
use crate::state::rows::{RowError, parts, require};
use crate::state::table::Table;
use crate::state::table_number;
use std::collections::BTreeSet;

/// A node that was registered after the founding.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct RegisteredNode {
    /// The node and its keys.
    pub record: NodeRecord,
    /// Index of the leaf that registered it.
    pub leaf: u64,
}

/// The registry's part on nodes.
#[derive(Debug, Clone)]
pub struct Members {
    founding: Vec<NodeRecord>,
    registered: Table<NodeId, RegisteredNode>,
    wanted: Table<NodeId, NodeStanding>,
    present: Table<(), Membership>,
}

parts!(Members { registered, wanted, present } beside { founding });

impl Members {
    pub(crate) fn found(genesis: &Genesis) -> Members {
        Members {
            founding: genesis.body().nodes.clone(),
            registered: Table::new(table_number::REGISTERED_NODES),
            wanted: Table::new(table_number::NODE_STANDINGS),
            present: Table::new(table_number::MEMBERSHIP),
        }
    }

    /// Whether what every rule relies on is so: one to seven nodes vote, each member is a node.
    pub(crate) fn check(&self) -> Result<(), RowError> {
        let Membership {
            voters, learners, ..
        } = self.membership();
        let are_nodes = |ids: &[NodeId]| {
            ids.is_sorted_by(|a, b| a < b) && ids.iter().all(|id| self.node(*id).is_some())
        };
        let in_bounds = (1..=VOTERS_MAX).contains(&voters.len());
        if !in_bounds || !are_nodes(&voters) || !are_nodes(&learners) {
            return Err(RowError::Missing("one to seven voters that are registered"));
        }
        let few = learners.len() <= MEMBERS_MAX && self.registered.len() <= NODES_MAX;
        require(table_number::MEMBERSHIP, few, "has too many members")?;
        let mut ids: BTreeSet<NodeId> = self.founding.iter().map(|record| record.id).collect();
        let mut keys: BTreeSet<PublicKey> = BTreeSet::new();
        let mut is_new = |record: &NodeRecord| {
            let own = record.keys();
            own.iter().all(|(_, key)| keys.insert(*key))
        };
        let founded = self.founding.iter().all(&mut is_new);
        let table = table_number::REGISTERED_NODES;
        require(table, founded, "follows a founding node with another's key")?;
        for (id, row) in self.registered.iter() {
            let own = row.record.keys();
            let holds = row.record.id == *id
                && ids.insert(*id)
                && own.iter().all(|(_, key)| key.check().is_ok())
                && is_new(&row.record);
            require(table, holds, "has an id or a key that is not its own")?;
        }
        Ok(())
    }

    /// Every node that ever was one of the park's, removed ones included.
    pub fn records(&self) -> impl Iterator<Item = &NodeRecord> {
        let registered = self.registered.iter().map(|(_, row)| &row.record);
        self.founding.iter().chain(registered)
    }

    /// The node with an id, also a removed one.
    pub fn node(&self, id: NodeId) -> Option<&NodeRecord> {
        self.records().find(|record| record.id == id)
    }

    /// Nodes that were registered after the founding.
    pub fn registered(&self) -> &Table<NodeId, RegisteredNode> {
        &self.registered
    }

    /// What the registrar wants a node to be; none for an id that no node has.
    pub fn wanted(&self, id: NodeId) -> Option<NodeStanding> {
        let unchanged = || {
            if self.registered.contains(&id) {
                return Some(NodeStanding::Learner);
            }
            let is_founding = self.founding.iter().any(|record| record.id == id);
            is_founding.then_some(NodeStanding::Voter)
        };
        self.wanted.get(&id).copied().or_else(unchanged)
    }

    /// Who votes and who learns at this place of the log.
    pub fn membership(&self) -> Membership {
        let founding = || Membership {
            voters: self.founding.iter().map(|record| record.id).collect(),
            learners: Vec::new(),
            since: 0,
        };
        self.present.get(&()).cloned().unwrap_or_else(founding)
    }

    /// The records of the voters at this place of the log, ids ascending.
    pub fn voters(&self) -> Vec<NodeRecord> {
        let voters = self.membership().voters;
        let record = |id: &NodeId| self.node(*id).expect("a voter was registered").clone();
        voters.iter().map(record).collect()
    }

    /// The node's record, if it votes at this place of the log.
    pub fn voter(&self, id: NodeId) -> Option<&NodeRecord> {
        let votes = self.membership().voters.contains(&id);
        self.node(id).filter(|_| votes)
    }

    /// Whether a node has or ever had this key.
    pub(crate) fn has_key(&self, key: &PublicKey) -> bool {
        self.records()
            .any(|record| record.keys().iter().any(|(_, own)| own == key))
    }

    /// Whether a node is a member or shall be one.
    pub fn is_in(&self, node: NodeId) -> bool {
        let wanted = self.wanted(node);
        let shall_be = wanted.is_some_and(|wanted| wanted != NodeStanding::Removed);
        shall_be || self.membership().standing(node).is_some()
    }

    /// Whether this is a key of a node that is a member or shall be one.
    pub fn is_key_in_force(&self, key: &PublicKey) -> bool {
        self.records()
            .filter(|record| self.is_in(record.id))
            .any(|record| record.keys().iter().any(|(_, own)| own == key))
    }

    /// The steps that lead from what is to what is wanted and may be taken now: removals first, so
    /// that a dead node is gone before another takes its place, then learners, then promotions.
    pub fn steps(&self) -> Vec<MemberChange> {
        let now = self.membership();
        let step = |standing| move |node| MemberChange { node, standing };
        let wants = |id: &NodeId, standing| self.wanted(*id) == Some(standing);
        let ids = || self.records().map(|record| record.id);
        let is = |id: &NodeId, standing: Option<NodeStanding>| now.standing(*id) == standing;
        let removed = ids()
            .filter(|id| wants(id, NodeStanding::Removed) && !is(id, None))
            .map(step(NodeStanding::Removed));
        let learners = ids()
            .filter(|id| match now.standing(*id) {
                None => !wants(id, NodeStanding::Removed),
                Some(NodeStanding::Voter) => wants(id, NodeStanding::Learner),
                Some(_) => false,
            })
            .map(step(NodeStanding::Learner));
        let voters = ids()
            .filter(|id| wants(id, NodeStanding::Voter) && is(id, Some(NodeStanding::Learner)))
            .map(step(NodeStanding::Voter));
        let mut steps: Vec<MemberChange> = removed.chain(learners).chain(voters).collect();
        steps.retain(|step| (1..=VOTERS_MAX).contains(&now.after(step, 0).voters.len()));
        steps
    }

    /// Takes a step; none, and nothing is changed, if the registry does not want it.
    pub(crate) fn take_step(&mut self, change: &MemberChange, leaf: u64) -> Option<Membership> {
        if !self.steps().contains(change) {
            return None;
        }
        let membership = self.membership().after(change, leaf);
        self.present.insert((), membership.clone());
        Some(membership)
    }

    /// Whether a new node may have an id.
    pub(crate) fn check_id(&self, id: NodeId) -> Result<(), Rejection> {
        if id.0 == 0 || id.0 > NODE_ID_MAX {
            return Err(Rejection::NodeIdInvalid);
        }
        if self.node(id).is_some() {
            return Err(Rejection::NodeIdTaken);
        }
        Ok(())
    }

    /// Registers a node as a learner. Its id is new and its keys are unused, which the caller has
    /// checked.
    pub(crate) fn register(&mut self, record: &NodeRecord, leaf: u64) -> Result<(), Rejection> {
        let distinct: std::collections::BTreeSet<PublicKey> =
            record.keys().iter().map(|(_, key)| *key).collect();
        if distinct.len() < record.keys().len() {
            return Err(Rejection::KeyTaken);
        }
        let is_in = |record: &&NodeRecord| self.wanted(record.id) != Some(NodeStanding::Removed);
        let in_all = self.records().count();
        if in_all >= NODES_MAX || self.records().filter(is_in).count() >= MEMBERS_MAX {
            return Err(Rejection::TooManyNodes);
        }
        let record = record.clone();
        self.registered
            .insert(record.id, RegisteredNode { record, leaf });
        Ok(())
    }

    /// Sets what a node shall be.
    pub(crate) fn set_standing(
        &mut self,
        node: NodeId,
        standing: NodeStanding,
    ) -> Result<(), Rejection> {
        let before = self.wanted(node).ok_or(Rejection::UnknownNode)?;
        if before == NodeStanding::Removed {
            return Err(Rejection::NodeRemoved);
        }
        if before == standing {
            return Err(Rejection::StandingUnchanged);
        }
        let others = self.records().filter(|record| {
            record.id != node && self.wanted(record.id) == Some(NodeStanding::Voter)
        });
        let voters = others.count() + usize::from(standing == NodeStanding::Voter);
        if voters == 0 {
            return Err(Rejection::LastVoter);
        }
        if voters > VOTERS_MAX {
            return Err(Rejection::TooManyVoters);
        }
        self.wanted.insert(node, standing);
        Ok(())
    }
}

/// The greatest id of a node: exact in every language, and far below what Raft keeps for itself.
const NODE_ID_MAX: u64 = 1 << 53;
