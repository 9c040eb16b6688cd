//! Who signed what: signatures, sequences and the validity of keys, read from the leaves alone.
//!
//! This is a second and much smaller reading of the registry than the state machine's, so that a
//! mistake in one shows against the other.

use crate::batch::SignedHeader;
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::genesis::Genesis;
use crate::keys::{DecodedKey, PublicKey};
use crate::registration::{MeterId, NodeId, Role};
use crate::state::State;
use crate::verify::claim::{Claim, Findings};
use crate::verify::parallel::Job;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
struct Author {
    sequence: u64,
    ended: Option<u64>,
    /// Decoded when the first event comes.
    decoded: Option<DecodedKey>,
}

/// The keys of a park as the leaves so far tell them.
#[derive(Debug)]
pub(crate) struct Authors {
    genesis: Genesis,
    authors: BTreeMap<PublicKey, Author>,
    /// The nodes' batch keys.
    leaders: BTreeMap<NodeId, DecodedKey>,
    /// Who votes, as the last leaf on voters says.
    voters: BTreeSet<NodeId>,
    /// Delegated keys, each with the tenant's key that answers for it.
    delegated: BTreeMap<PublicKey, PublicKey>,
    /// The keys that ever signed for each meter.
    meters: BTreeMap<MeterId, BTreeSet<PublicKey>>,
}

impl Authors {
    pub(crate) fn found(genesis: &Genesis) -> Authors {
        let body = genesis.body();
        let founders = [body.registrar, body.treasurer, body.regulator];
        Authors {
            genesis: genesis.clone(),
            authors: founders
                .into_iter()
                .map(|key| (key, Author::default()))
                .collect(),
            leaders: body
                .nodes
                .iter()
                .map(|node| (node.id, node.batch.decoded()))
                .collect(),
            voters: body.nodes.iter().map(|node| node.id).collect(),
            delegated: BTreeMap::new(),
            meters: BTreeMap::new(),
        }
    }

    /// Takes the events of a key before a sequence as there, where not all leaves are. One that
    /// goes back is still found.
    pub(crate) fn skip_to(&mut self, key: &PublicKey, sequence: u64) {
        if let Some(author) = self.authors.get_mut(key) {
            author.sequence = author.sequence.max(sequence.saturating_sub(1));
        }
    }

    /// The keys as a state has them: what this reading goes on from where it did not see how they
    /// came about.
    pub(crate) fn continued(genesis: &Genesis, state: &State) -> Authors {
        let mut authors = Authors::found(genesis);
        for (key, record) in state.registry.keys().iter() {
            let author = Author {
                sequence: record.sequence,
                ended: record.revoked,
                decoded: None,
            };
            authors.authors.insert(*key, author);
            if let Role::Meter(meter) = record.role {
                authors.meters.entry(meter).or_default().insert(*key);
            }
        }
        let members = state.registry.members();
        let leaders = members
            .records()
            .map(|node| (node.id, node.batch.decoded()));
        authors.leaders = leaders.collect();
        authors.voters = members.membership().voters.into_iter().collect();
        let delegations = state.trading.delegations.rows().iter();
        authors.delegated = delegations.map(|(key, row)| (*key, row.by)).collect();
        authors
    }

    /// Takes in one leaf. Its signature is to be checked; a malformed one fails `form`.
    pub(crate) fn leaf(
        &mut self,
        index: u64,
        entry: &Entry,
        findings: &mut Findings,
    ) -> Option<Job> {
        match entry {
            Entry::Batch { header, .. } => self.header(index, header, findings),
            Entry::Event { signed, outcome } => self.event(index, signed, outcome, findings),
            Entry::Voters { voters, .. } => {
                self.voters = voters.iter().copied().collect();
                None
            }
            Entry::Genesis(_) | Entry::Derived { .. } | Entry::Seal { .. } => None,
        }
    }

    fn header(&self, index: u64, bytes: &[u8], findings: &mut Findings) -> Option<Job> {
        let header = match SignedHeader::parse(bytes) {
            Ok(header) => header,
            Err(error) => {
                let reason = format!("the batch header is malformed: {error}");
                findings.fail(Claim::Form, Some(index), reason);
                return None;
            }
        };
        let leader = header.body().node;
        let Some(key) = self.leaders.get(&leader) else {
            let reason = format!("no node of the park has id {leader}, which led this batch");
            findings.fail(Claim::KeyValidity, Some(index), reason);
            return None;
        };
        if !self.voters.contains(&leader) {
            let reason = format!("node {leader} led this batch and did not vote");
            findings.fail(Claim::KeyValidity, Some(index), reason);
        }
        let message = header.message();
        Some(Job {
            entry: index,
            key: key.clone(),
            message,
            signature: *header.signature(),
        })
    }

    fn event(
        &mut self,
        index: u64,
        bytes: &[u8],
        outcome: &[u16],
        findings: &mut Findings,
    ) -> Option<Job> {
        let event = match SignedEvent::parse(bytes) {
            Ok(event) => event,
            Err(refusal) => {
                findings.fail(Claim::Form, Some(index), refusal.sentence());
                return None;
            }
        };
        let body = event.body();
        let author = self.authors.entry(body.author).or_insert_with(|| {
            let reason = format!("the key {} was never registered", body.author);
            findings.fail(Claim::KeyValidity, Some(index), reason);
            Author::default()
        });
        if let Some(ended) = author.ended {
            let reason = format!("the key {} ended with entry {ended}", body.author);
            findings.fail(Claim::KeyValidity, Some(index), reason);
        }
        if body.sequence != author.sequence.wrapping_add(1) {
            let reason = format!(
                "the key {} goes from sequence {} to {}",
                body.author, author.sequence, body.sequence
            );
            findings.fail(Claim::Sequences, Some(index), reason);
        }
        author.sequence = body.sequence;
        let key = author.decoded.get_or_insert_with(|| body.author.decoded());
        let key = key.clone();
        if outcome == [0] {
            self.follow(index, body.author, &body.action);
        }
        let message = event.message(&self.genesis.park());
        Some(Job {
            entry: index,
            key,
            message,
            signature: *event.signature(),
        })
    }

    fn follow(&mut self, index: u64, author: PublicKey, action: &Action) {
        let end = |authors: &mut BTreeMap<PublicKey, Author>, key: &PublicKey| {
            if let Some(author) = authors.get_mut(key) {
                author.ended.get_or_insert(index);
            }
        };
        match action {
            Action::RegisterMeter(meter) => {
                self.authors.entry(meter.key).or_default();
                self.meters.entry(meter.id).or_default().insert(meter.key);
            }
            Action::RegisterNode(record) => {
                self.leaders.insert(record.id, record.batch.decoded());
            }
            Action::RegisterBoundaryMeter(meter) => {
                self.authors.entry(meter.key).or_default();
                self.meters.entry(meter.id).or_default().insert(meter.key);
            }
            Action::AddKey { key, role } => {
                self.authors.entry(*key).or_default();
                if let Role::Meter(meter) = role {
                    self.meters.entry(*meter).or_default().insert(*key);
                }
            }
            Action::RotateKey { new, .. } => {
                self.authors.entry(*new).or_default();
                end(&mut self.authors, &author);
                for by in self.delegated.values_mut().filter(|by| **by == author) {
                    *by = *new;
                }
                for keys in self
                    .meters
                    .values_mut()
                    .filter(|keys| keys.contains(&author))
                {
                    keys.insert(*new);
                }
            }
            Action::RevokeKey { key } => {
                end(&mut self.authors, key);
                for (delegated, by) in &self.delegated {
                    if by == key {
                        end(&mut self.authors, delegated);
                    }
                }
            }
            Action::Delegate { key, .. } => {
                self.authors.entry(*key).or_default();
                self.delegated.insert(*key, author);
            }
            Action::RevokeDelegate { key } => end(&mut self.authors, key),
            Action::ReplaceMeter { meter, key, .. } => {
                let keys = self.meters.entry(*meter).or_default();
                for key in keys.iter() {
                    end(&mut self.authors, key);
                }
                self.authors.entry(*key).or_default();
                keys.insert(*key);
            }
            _ => {}
        }
    }
}
