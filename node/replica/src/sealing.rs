//! Cosigned checkpoints: which this node signs, whose signatures it holds, and when a size is
//! sealed.
//!
//! A seal is a leaf by rule of the ledger, so every node arrives at the same sizes. A node signs a
//! size only after it has applied every entry up to it, and after the signed head is durable. It
//! never signs a smaller size than the last, nor, after a restart, goes on from a log that does
//! not have the root which it signed.

use crate::limits::{EARLY_PER_PEER_MAX, EVIDENCE_MAX, SEALS_KEPT_MAX};
use crate::message::{PeerMessage, SignedCheckpoint};
use crate::outbox::Outbox;
use crate::output::{Alarm, Finding, Output, SignedHead, WriteBatch};
use std::collections::BTreeMap;
use std::sync::Arc;
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::{Genesis, NodeRecord};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::note::{Note, NoteSignature, SignatureType, key_id};
use wattle_ledger::membership::{policy, seal_quorum};
use wattle_ledger::registration::NodeId;
use wattle_ledger::state::members::Members;
use wattle_market::interval::Timestamp;

/// A checkpoint with its quorum of cosignatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Origin, size and root.
    pub checkpoint: Checkpoint,
    /// The signed note, as it is published.
    pub note: String,
    /// Who has cosigned.
    pub cosigners: Vec<NodeId>,
}

/// One size at which this node's log has a seal.
#[derive(Debug)]
struct Seal {
    checkpoint: Checkpoint,
    /// Who votes at it: their signatures count and nobody else's.
    voters: Arc<[NodeRecord]>,
    signatures: BTreeMap<NodeId, SignedCheckpoint>,
}

/// This node's part in sealing.
pub(crate) struct Sealing {
    node: NodeId,
    genesis: Genesis,
    log_key: SigningKey,
    cosigner_key: SigningKey,
    /// Who votes now.
    voters: Arc<[NodeRecord]>,
    /// Seals beyond this size are of these voters.
    voters_since: u64,
    /// The other members, who are sent signatures.
    peers: Vec<NodeId>,
    /// The last checkpoint signed, or published by a node that does not vote, as it is durable.
    /// Only [`Self::sign`] and [`Self::vouch`] change it.
    signed: Option<SignedHead>,
    /// Whether the log was seen to have the root of `signed`.
    confirmed: bool,
    /// Seconds of park time in the last cosignature; never falls.
    cosigned_at: u64,
    seals: BTreeMap<u64, Seal>,
    early: BTreeMap<NodeId, BTreeMap<u64, SignedCheckpoint>>,
    evidence: BTreeMap<(u64, NodeId), SignedCheckpoint>,
    sealed: Option<Sealed>,
}

impl Sealing {
    pub(crate) fn new(
        genesis: &Genesis,
        node: NodeId,
        (log_key, cosigner_key): (SigningKey, SigningKey),
        signed: Option<SignedHead>,
    ) -> Sealing {
        Sealing {
            node,
            genesis: genesis.clone(),
            log_key,
            cosigner_key,
            voters: genesis.body().nodes.as_slice().into(),
            voters_since: 0,
            peers: others(genesis.body().nodes.iter().map(|record| record.id), node),
            signed,
            confirmed: signed.is_none(),
            cosigned_at: 0,
            seals: BTreeMap::new(),
            early: BTreeMap::new(),
            evidence: BTreeMap::new(),
            sealed: None,
        }
    }

    /// Who votes and who learns from here on.
    pub(crate) fn set_members(&mut self, members: &Members) {
        let membership = members.membership();
        self.voters = members.voters().into();
        self.voters_since = membership.since;
        self.peers = others(membership.members(), self.node);
        let peers = &self.peers;
        self.early.retain(|peer, _| peers.contains(peer));
    }

    /// The last checkpoint with a quorum.
    pub(crate) fn sealed(&self) -> Option<&Sealed> {
        self.sealed.as_ref()
    }

    /// The signatures known of a size, by node.
    pub(crate) fn signatures(&self, size: u64) -> Option<&BTreeMap<NodeId, SignedCheckpoint>> {
        self.seals.get(&size).map(|seal| &seal.signatures)
    }

    /// The last seals of the log, smallest first.
    pub(crate) fn heads(&self) -> Vec<SignedHead> {
        let head = |seal: &Seal| SignedHead {
            size: seal.checkpoint.size(),
            root: *seal.checkpoint.root(),
        };
        self.seals.values().map(head).collect()
    }

    /// Cosignatures of other roots than this node's own.
    pub(crate) fn evidence(&self) -> impl Iterator<Item = (NodeId, &SignedCheckpoint)> {
        self.evidence
            .iter()
            .map(|((_, node), signed)| (*node, signed))
    }

    /// Takes over the last seals of the log from a snapshot of this node's own, smallest first.
    ///
    /// The node signs a seal only after it has computed it, so that the head it signed is one of
    /// them, or older than all of them, or comes with the entries after the snapshot.
    pub(crate) fn resume(&mut self, seals: Vec<Checkpoint>, outbox: &mut Outbox) {
        let oldest = seals.first().map_or(0, Checkpoint::size);
        let newest = seals.last().map_or(0, Checkpoint::size);
        if let Some(head) = self.signed {
            let is_here = |seal: &Checkpoint| {
                let found = (seal.size(), *seal.root());
                found == (head.size, head.root)
            };
            self.confirmed = head.size <= newest;
            if (oldest..=newest).contains(&head.size) && !seals.iter().any(is_here) {
                outbox.push(Output::Stop {
                    reason: contradiction(&head),
                });
                return;
            }
        }
        // Who voted at older ones is not known any more, and nothing more is done with them.
        let since = self.voters_since;
        for checkpoint in seals.into_iter().filter(|seal| seal.size() > since) {
            let seal = Seal {
                checkpoint,
                voters: Arc::clone(&self.voters),
                signatures: BTreeMap::new(),
            };
            self.seals.insert(seal.checkpoint.size(), seal);
        }
    }

    /// The log has a seal at this checkpoint's size. It is not signed yet.
    pub(crate) fn on_seal(&mut self, checkpoint: Checkpoint, outbox: &mut Outbox) {
        let size = checkpoint.size();
        if let Some(head) = self.signed.filter(|_| !self.confirmed) {
            let contradicts = size == head.size && *checkpoint.root() != head.root;
            if contradicts || size > head.size {
                outbox.push(Output::Stop {
                    reason: contradiction(&head),
                });
                return;
            }
            self.confirmed = size == head.size;
        }
        self.seals.insert(
            size,
            Seal {
                checkpoint,
                voters: Arc::clone(&self.voters),
                signatures: BTreeMap::new(),
            },
        );
        if self.seals.len() > SEALS_KEPT_MAX {
            self.seals.pop_first();
        }
        for peer in self.peers.clone() {
            let Some(early) = self.early.get_mut(&peer) else {
                continue;
            };
            let signed = early.remove(&size);
            early.retain(|early_size, _| *early_size > size);
            if let Some(signed) = signed.filter(|_| self.voter(size, peer).is_some()) {
                self.compare(peer, signed, outbox);
            }
        }
        self.publish(size, outbox);
    }

    /// Signs the seal of this size and sends the signatures to all, unless a larger one was signed
    /// before.
    pub(crate) fn sign(&mut self, size: u64, now: Timestamp, outbox: &mut Outbox) {
        let votes = self.voter(size, self.node).is_some();
        let Some(seal) = self.seals.get_mut(&size).filter(|_| votes) else {
            return;
        };
        if outbox.is_stopped() || self.signed.is_some_and(|head| size < head.size) {
            return;
        }
        let head = SignedHead {
            size,
            root: *seal.checkpoint.root(),
        };
        match self.signed {
            Some(before) if before.size == size => {
                assert_eq!(
                    before, head,
                    "a contradicting log has stopped the node already"
                );
            }
            _ => {
                // Durable before the signature leaves this node: that is the whole promise.
                let write = WriteBatch {
                    signed: Some(head),
                    ..WriteBatch::default()
                };
                outbox.persist(write);
            }
        }
        self.signed = Some(head);
        self.confirmed = true;
        self.cosigned_at = self.cosigned_at.max(now.0 / 1_000);
        let text = seal.checkpoint.text();
        let signed = SignedCheckpoint {
            size,
            root: head.root,
            log_signature: self.log_key.sign(text.as_bytes()),
            cosignature: Cosignature::sign(&text, self.cosigned_at, &self.cosigner_key)
                .expect("milliseconds of 64 bits are seconds that a cosignature can hold"),
            wants_answer: false,
        };
        seal.signatures.insert(self.node, signed);
        self.tell_evidence(size, outbox);
        self.send_to_peers(size, false, outbox);
        self.publish(size, outbox);
    }

    /// Signs the last seal, as it stands after the log was replayed at start.
    pub(crate) fn sign_last(&mut self, now: Timestamp, outbox: &mut Outbox) {
        if let Some(size) = self.seals.last_key_value().map(|(size, _)| *size) {
            self.sign(size, now, outbox);
        }
    }

    /// Sends the last signatures again to those whose own of that size are not here.
    pub(crate) fn send_again(&mut self, outbox: &mut Outbox) {
        if let Some(size) = self.last_own() {
            self.send_to_peers(size, true, outbox);
        }
    }

    /// A peer's signatures; `size` is that of this node's log.
    pub(crate) fn on_signatures(
        &mut self,
        from: NodeId,
        mut signed: SignedCheckpoint,
        log_size: u64,
        outbox: &mut Outbox,
    ) {
        if std::mem::take(&mut signed.wants_answer) {
            self.answer(from, signed.size, outbox);
        }
        if self.is_known(from, &signed) {
            return;
        }
        let oldest = self.seals.first_key_value().map_or(0, |(size, _)| *size);
        if signed.size <= log_size && signed.size < oldest {
            return;
        }
        if signed.size <= log_size && !self.seals.contains_key(&signed.size) {
            let reason = format!("it signed size {}, where the log has no seal", signed.size);
            outbox.alarm(Alarm::PeerMessageRefused { from, reason });
            return;
        }
        let Some(record) = self.voter(signed.size, from).cloned() else {
            // One of two is behind by a change of the voters; who votes sends it again.
            return;
        };
        if let Err(reason) = self.verify(&record, &signed) {
            outbox.alarm(Alarm::PeerMessageRefused { from, reason });
            return;
        }
        if signed.size > log_size {
            let early = self.early.entry(from).or_default();
            early.insert(signed.size, signed);
            if early.len() > EARLY_PER_PEER_MAX {
                early.pop_first();
            }
            return;
        }
        let size = signed.size;
        self.compare(from, signed, outbox);
        self.publish(size, outbox);
    }

    /// Takes verified signatures of a size that the log has.
    fn compare(&mut self, from: NodeId, signed: SignedCheckpoint, outbox: &mut Outbox) {
        let seal = self
            .seals
            .get_mut(&signed.size)
            .expect("the caller has looked for the seal");
        let size = signed.size;
        if *seal.checkpoint.root() == signed.root {
            seal.signatures.insert(from, signed);
            self.tell_evidence(size, outbox);
            return;
        }
        if self.evidence.len() < EVIDENCE_MAX {
            self.evidence.insert((size, from), signed);
        }
        outbox.alarm(Alarm::RootsDiffer { peer: from, size });
        let voters = seal.voters.len();
        self.tell_evidence(size, outbox);
        let against = self
            .evidence
            .range((size, NodeId(0))..=(size, NodeId(u64::MAX)))
            .filter(|(_, other)| other.root == signed.root)
            .count();
        if against >= seal_quorum(voters) {
            let reason = format!(
                "a quorum of nodes has sealed another root at size {size} than this node computed; \
                 keep this node's data as evidence, and compare versions and logs before a restart"
            );
            outbox.push(Output::Stop { reason });
        }
    }

    fn publish(&mut self, size: u64, outbox: &mut Outbox) {
        let Some(seal) = self.seals.get(&size) else {
            return;
        };
        let count = seal.signatures.len();
        // Without its own signature a node could publish, after a restart, a smaller checkpoint
        // than before; what it has signed is durable and never shrinks.
        let votes = seal.voters.iter().any(|record| record.id == self.node);
        let is_own = seal.signatures.contains_key(&self.node);
        if (votes && !is_own) || count < seal_quorum(seal.voters.len()) {
            return;
        }
        let is_news = self.sealed.as_ref().is_none_or(|sealed| {
            let before = (sealed.checkpoint.size(), sealed.cosigners.len());
            (size, count) > before
        });
        if !is_news {
            return;
        }
        if !votes && !self.vouch(size, outbox) {
            return;
        }
        let seal = &self.seals[&size];
        let note = self
            .note(&seal.checkpoint, &seal.voters, &seal.signatures)
            .to_string();
        let cosigners = seal.signatures.keys().copied().collect();
        let checkpoint = seal.checkpoint.clone();
        self.sealed = Some(Sealed {
            checkpoint,
            note: note.clone(),
            cosigners,
        });
        outbox.push(Output::Publish { size, note });
    }

    /// A node that does not vote publishes no smaller checkpoint than before either: what it
    /// publishes is durable first, as a signed head is. Whether it may.
    fn vouch(&mut self, size: u64, outbox: &mut Outbox) -> bool {
        let head = SignedHead {
            size,
            root: *self.seals[&size].checkpoint.root(),
        };
        match self.signed {
            Some(before) if before.size > size => return false,
            Some(before) if before.size == size => {}
            _ => outbox.persist(WriteBatch {
                signed: Some(head),
                ..WriteBatch::default()
            }),
        }
        self.signed = Some(head);
        self.confirmed = true;
        true
    }

    /// Tells of each other root that was signed for a size, with all signatures known so far.
    /// Before anybody has signed this node's own root, there is nothing that could contradict.
    fn tell_evidence(&self, size: u64, outbox: &mut Outbox) {
        let all = (size, NodeId(0))..=(size, NodeId(u64::MAX));
        let mut others: BTreeMap<Hash, BTreeMap<NodeId, SignedCheckpoint>> = BTreeMap::new();
        for ((_, node), signed) in self.evidence.range(all) {
            others
                .entry(signed.root)
                .or_default()
                .insert(*node, *signed);
        }
        let Some(seal) = self.seals.get(&size).filter(|_| !others.is_empty()) else {
            return;
        };
        let own = self.note(&seal.checkpoint, &seal.voters, &seal.signatures);
        let known = policy(&self.genesis, &seal.voters);
        for (root, signatures) in others {
            let checkpoint = Checkpoint::new(self.genesis.origin(), size, root)
                .expect("the signatures over it were verified");
            let other = self.note(&checkpoint, &seal.voters, &signatures);
            let notes = [own.clone(), other];
            let heads = Evidence::two_heads_by(&known, &self.genesis, notes, Vec::new());
            if let Ok(evidence) = heads {
                outbox.push(Output::Found(Finding::Heads(Box::new(evidence))));
            }
        }
    }

    /// A checkpoint as a signed note: first the log's signatures, then the cosignatures.
    fn note(
        &self,
        checkpoint: &Checkpoint,
        voters: &[NodeRecord],
        signatures: &BTreeMap<NodeId, SignedCheckpoint>,
    ) -> Note {
        let origin = self.genesis.origin();
        let mut note = checkpoint.to_note();
        let signers = || {
            let records = voters.iter();
            records.filter_map(|record| Some((record, signatures.get(&record.id)?)))
        };
        let log_lines = signers().map(|(record, signed)| {
            let id = key_id(&origin, SignatureType::Ed25519, &record.log);
            NoteSignature::new(&*origin, id, signed.log_signature.0.to_vec())
                .expect("an origin is a name and a signature is not empty")
        });
        let cosignature_lines = signers().map(|(record, signed)| {
            let name = self.genesis.cosigner_name(record.id);
            let line = signed
                .cosignature
                .to_note_signature(&name, &record.cosigner);
            line.expect("an origin with an id is a name")
        });
        for line in log_lines.chain(cosignature_lines) {
            note.add(line).expect("seven voters have fourteen lines");
        }
        note
    }

    /// The record of a node that votes at a size, where that is known; else if it votes now.
    fn voter(&self, size: u64, node: NodeId) -> Option<&NodeRecord> {
        let seal = self.seals.get(&size);
        let voters = seal.map_or(&self.voters, |seal| &seal.voters);
        voters.iter().find(|record| record.id == node)
    }

    fn verify(&self, record: &NodeRecord, signed: &SignedCheckpoint) -> Result<(), String> {
        let checkpoint = Checkpoint::new(self.genesis.origin(), signed.size, signed.root)
            .map_err(|error| error.to_string())?;
        let text = checkpoint.text();
        record
            .log
            .verify(text.as_bytes(), &signed.log_signature)
            .map_err(|error| format!("its log signature: {error}"))?;
        signed
            .cosignature
            .verify(&text, &record.cosigner)
            .map_err(|error| format!("its cosignature: {error}"))
    }

    /// Whether signatures of this size and root are here already, so that they need no check.
    fn is_known(&self, from: NodeId, signed: &SignedCheckpoint) -> bool {
        let of_log = self
            .seals
            .get(&signed.size)
            .and_then(|seal| seal.signatures.get(&from));
        let early = self
            .early
            .get(&from)
            .and_then(|early| early.get(&signed.size));
        let known = of_log
            .or(early)
            .or_else(|| self.evidence.get(&(signed.size, from)));
        known.is_some_and(|known| known.root == signed.root)
    }

    /// Sends a peer what it lacks: this node's signatures of that size or, where there are none,
    /// the latest ones.
    fn answer(&self, to: NodeId, size: u64, outbox: &mut Outbox) {
        let own = |size: u64| self.seals.get(&size)?.signatures.get(&self.node);
        let latest = || own(self.last_own()?);
        if let Some(signed) = own(size).or_else(latest) {
            outbox.send(to, &PeerMessage::Cosignature(*signed));
        }
    }

    fn last_own(&self) -> Option<u64> {
        let own = |seal: &Seal| seal.signatures.contains_key(&self.node);
        self.seals
            .iter()
            .rev()
            .find(|(_, seal)| own(seal))
            .map(|(size, _)| *size)
    }

    /// Sends the own signatures of a size to all peers, or only to those that have not answered
    /// with theirs; whoever has not is asked for them.
    fn send_to_peers(&self, size: u64, only_missing: bool, outbox: &mut Outbox) {
        let seal = &self.seals[&size];
        let own = seal.signatures[&self.node];
        for peer in self.peers.iter().copied() {
            let missing = !seal.signatures.contains_key(&peer);
            if missing || !only_missing {
                let signed = SignedCheckpoint {
                    wants_answer: only_missing,
                    ..own
                };
                outbox.send(peer, &PeerMessage::Cosignature(signed));
            }
        }
    }
}

fn others(all: impl Iterator<Item = NodeId>, node: NodeId) -> Vec<NodeId> {
    all.filter(|id| *id != node).collect()
}

fn contradiction(head: &SignedHead) -> String {
    format!(
        "this node has signed size {} with root {}, but its log does not have that root there; the \
         data was mixed up or the log rewritten: keep both as evidence and rejoin under a new id",
        head.size, head.root
    )
}

#[cfg(test)]
mod tests;
