//! Signed and published checkpoints never contradict each other, also across restarts.

use crate::checkers::log::Log;
use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
use wattle_ledger::genesis::{Genesis, NodeRecord};
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::note::Note;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::membership;
use wattle_ledger::registration::NodeId;
use wattle_replica::message::SignedCheckpoint;
use wattle_replica::output::SignedHead;

/// What each node has stored, sent and published.
#[derive(Debug)]
pub struct Checkpoints {
    genesis: Genesis,
    /// All nodes that the park may ever have.
    nodes: Vec<NodeRecord>,
    stored: BTreeMap<NodeId, SignedHead>,
    published: BTreeMap<NodeId, u64>,
    verified: BTreeSet<Hash>,
}

fn fail(what: String) -> Result<(), Failure> {
    Err(Failure::Correctness {
        checker: "checkpoints",
        what,
    })
}

impl Checkpoints {
    /// A checker for a park.
    pub fn new(genesis: &Genesis, spares: &[NodeRecord]) -> Checkpoints {
        Checkpoints {
            genesis: genesis.clone(),
            nodes: genesis.body().nodes.iter().chain(spares).cloned().collect(),
            stored: BTreeMap::new(),
            published: BTreeMap::new(),
            verified: BTreeSet::new(),
        }
    }

    /// A node stores the head that it is about to sign.
    ///
    /// # Errors
    /// If it is not larger than all that it ever stored, or another root than the log's. The
    /// leaves may still be about to be appended.
    pub fn on_stored(&mut self, node: NodeId, head: SignedHead, log: &Log) -> Result<(), Failure> {
        if let Some(before) = self
            .stored
            .insert(node, head)
            .filter(|last| head.size <= last.size)
        {
            return fail(format!("node {node} stored {before:?} and now {head:?}"));
        }
        match log.root_at(head.size) {
            Some(_) => check_root(node, head.size, head.root, log),
            None => Ok(()),
        }
    }

    /// A node sends its signatures over a checkpoint.
    ///
    /// # Errors
    /// If it has stored no head as large, or the checkpoint is not of the log.
    pub fn on_sent(
        &self,
        node: NodeId,
        signed: &SignedCheckpoint,
        log: &Log,
    ) -> Result<(), Failure> {
        match self.stored.get(&node) {
            Some(head) if head.size > signed.size => {}
            Some(head) if head.size == signed.size && head.root == signed.root => {}
            stored => {
                let size = signed.size;
                return fail(format!(
                    "node {node} sent size {size} having stored {stored:?}"
                ));
            }
        }
        check_root(node, signed.size, signed.root, log)
    }

    /// A node publishes a note.
    ///
    /// # Errors
    /// If it is smaller than one before, not of the log, or without a quorum of cosignatures that
    /// hold.
    pub fn on_published(
        &mut self,
        node: NodeId,
        size: u64,
        note: &str,
        log: &Log,
    ) -> Result<(), Failure> {
        let before = self.published.insert(node, size).unwrap_or(0);
        if size < before {
            return fail(format!(
                "node {node} published size {before} and now {size}"
            ));
        }
        if !self.verified.insert(sha256(&[note.as_bytes()])) {
            return Ok(());
        }
        let parsed = match Note::parse(note.as_bytes()) {
            Ok(parsed) => parsed,
            Err(error) => return fail(format!("node {node} published no note: {error}")),
        };
        let checkpoint = match Checkpoint::parse(parsed.text()) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return fail(format!("node {node} published no checkpoint: {error}")),
        };
        if checkpoint.size() != size {
            return fail(format!(
                "node {node} published {size} as {}",
                checkpoint.size()
            ));
        }
        let verdict = self.policy_at(size, log).evaluate(&parsed);
        if !verdict.satisfied || !verdict.unknown.is_empty() {
            return fail(format!(
                "node {node} published a note that the policy refuses: {note}"
            ));
        }
        check_root(node, size, *checkpoint.root(), log)
    }

    /// The policy of those who vote at a size.
    fn policy_at(&self, size: u64, log: &Log) -> Policy {
        let Some(voters) = log.voters_at(size) else {
            return self.genesis.policy();
        };
        let nodes = self.nodes.iter().filter(|node| voters.contains(&node.id));
        let nodes: Vec<NodeRecord> = nodes.cloned().collect();
        membership::policy(&self.genesis, &nodes)
    }

    /// The size that a node published last.
    pub fn published_by(&self, node: NodeId) -> u64 {
        self.published.get(&node).copied().unwrap_or(0)
    }
}

fn check_root(node: NodeId, size: u64, root: Hash, log: &Log) -> Result<(), Failure> {
    let expected = log.root_at(size);
    if expected != Some(root) {
        return fail(format!(
            "node {node} has {root} at size {size}, the log has {expected:?}"
        ));
    }
    Ok(())
}
