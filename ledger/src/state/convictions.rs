//! Evidence that stands in the log: whom it convicts, once, and whose key it freezes.
//!
//! The rule is RULES.md, section 22. A node records what it found signed twice; every replica
//! judges the file by the nodes and keys that the log itself knows, so that nobody can be
//! convicted by anything but his own two signatures.

use crate::derived::Fact;
use crate::evidence::{Contradiction, Evidence, Subject};
use crate::genesis::Genesis;
use crate::hash::{Hash, sha256};
use crate::keys::PublicKey;
use crate::limits::{CONVICTIONS_PER_KEY_MAX, EVIDENCE_RECORDED_BYTES_MAX};
use crate::membership;
use crate::registration::{MeterId, NodeId, ParticipantId, Role};
use crate::rejection::Rejection;
use crate::state::foreign::Recording;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::{Facts, State, table_number};
use std::collections::BTreeSet;
use wattle_market::interval::Timestamp;

/// Where a piece of evidence stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct RecordedEvidence {
    /// SHA-256 of the evidence file, which stands in the event's leaf.
    pub evidence: Hash,
    /// Time of the batch that recorded it.
    pub recorded_at: Timestamp,
    /// Index of the event's leaf.
    pub leaf: u64,
    /// Whose key recorded it.
    pub node: NodeId,
}

/// Two heads of the log that a node signed, of which at most one can be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct ConvictedNode {
    /// Leaves of the smaller head.
    pub first_size: u64,
    /// Its root.
    pub first_root: Hash,
    /// Leaves of the larger head.
    pub second_size: u64,
    /// Its root.
    pub second_root: Hash,
    /// The evidence.
    pub recorded: RecordedEvidence,
}

/// A meter's key that signed two events with one sequence, and signs nothing until the registrar
/// lifts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode, serde::Serialize)]
pub struct FrozenByEvidence {
    /// The meter it signed for.
    pub meter: MeterId,
    /// The sequence that it used twice.
    pub sequence: u64,
}

/// Who is convicted by recorded evidence.
#[derive(Debug, Clone)]
pub struct Convictions {
    keys: Table<(PublicKey, u64), RecordedEvidence>,
    nodes: Table<NodeId, ConvictedNode>,
    frozen: Table<PublicKey, FrozenByEvidence>,
}

parts!(Convictions {
    keys,
    nodes,
    frozen
});

impl Default for Convictions {
    fn default() -> Convictions {
        Convictions {
            keys: Table::new(table_number::CONVICTED_KEYS),
            nodes: Table::new(table_number::CONVICTED_NODES),
            frozen: Table::new(table_number::KEYS_FROZEN_BY_EVIDENCE),
        }
    }
}

/// Whom a piece of evidence would convict that is not convicted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    evidence: Hash,
    whom: Whom,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    Key {
        key: PublicKey,
        role: Role,
        sequence: u64,
        is_in_force: bool,
    },
    Nodes {
        nodes: BTreeSet<NodeId>,
        first: (u64, Hash),
        second: (u64, Hash),
    },
}

impl Convictions {
    /// Keys with the sequences that they used twice.
    pub fn keys(&self) -> &Table<(PublicKey, u64), RecordedEvidence> {
        &self.keys
    }

    /// Nodes with the first two heads that convicted each.
    pub fn nodes(&self) -> &Table<NodeId, ConvictedNode> {
        &self.nodes
    }

    /// Meters' keys that are frozen by evidence and were not released since.
    pub fn frozen(&self) -> &Table<PublicKey, FrozenByEvidence> {
        &self.frozen
    }

    /// Where evidence about this stands in the log; none where it is not recorded.
    pub fn recorded(&self, subject: &Subject) -> Option<RecordedEvidence> {
        match subject {
            Subject::Events { key, sequence } => self.keys.get(&(*key, *sequence)).copied(),
            Subject::Heads { first, second } => {
                let mut rows = self.nodes.iter().map(|(_, row)| row);
                let same = rows.find(|row| {
                    (row.first_size, row.first_root) == *first
                        && (row.second_size, row.second_root) == *second
                });
                same.map(|row| row.recorded)
            }
        }
    }

    fn is_full(&self, key: &PublicKey) -> bool {
        let of_key = self.keys.range((*key, 0)..=(*key, u64::MAX));
        of_key.count() >= CONVICTIONS_PER_KEY_MAX
    }
}

impl State {
    /// Whether a key may sign nothing until the registrar lifts its freeze: it signed two
    /// registers for one interval, or two events with one sequence.
    pub fn is_frozen(&self, key: &PublicKey) -> bool {
        self.readings.is_frozen(key) || self.convictions.frozen.contains(key)
    }

    /// Lets a frozen key sign again. What was recorded of it stays.
    pub(crate) fn lift_freeze(&mut self, key: &PublicKey) -> Result<(), Rejection> {
        let of_readings = self.readings.lift_freeze(key);
        let of_evidence = self.convictions.frozen.remove(key).is_some();
        match of_readings || of_evidence {
            true => Ok(()),
            false => Err(Rejection::KeyNotFrozen),
        }
    }

    /// Judges an evidence file as the ledger would record it now.
    ///
    /// # Errors
    /// Why it would be refused.
    pub fn judge_evidence(&self, genesis: &Genesis, file: &[u8]) -> Result<News, Rejection> {
        if file.len() > EVIDENCE_RECORDED_BYTES_MAX {
            return Err(Rejection::EvidenceTooLarge);
        }
        let evidence = Evidence::parse(file).map_err(|_| Rejection::EvidenceProvesNothing)?;
        if evidence.genesis().park() != genesis.park() {
            return Err(Rejection::EvidenceProvesNothing);
        }
        let members = self.registry.members();
        let nodes: Vec<_> = members.records().cloned().collect();
        let policy = membership::policy(genesis, &nodes);
        let verdict = evidence.judge(Some(&policy));
        let verdict = verdict.map_err(|_| Rejection::EvidenceProvesNothing)?;
        let whom = match (verdict.contradiction, evidence.subject()) {
            (Contradiction::Events { key, sequence, .. }, _) => self.convict_key(key, sequence)?,
            (Contradiction::Heads { convicted, .. }, Subject::Heads { first, second }) => {
                let signed = |key: &PublicKey| {
                    let mut nodes = nodes.iter();
                    nodes.find(|node| node.log == *key || node.cosigner == *key)
                };
                let nodes = convicted.iter().filter_map(|signer| signed(&signer.key));
                let nodes = self.convict_nodes(nodes.map(|node| node.id).collect())?;
                Whom::Nodes {
                    nodes,
                    first,
                    second,
                }
            }
            (Contradiction::Heads { .. }, Subject::Events { .. }) => {
                unreachable!("evidence about heads has heads for its subject")
            }
        };
        Ok(News {
            evidence: sha256(&[file]),
            whom,
        })
    }

    fn convict_key(&self, key: PublicKey, sequence: u64) -> Result<Whom, Rejection> {
        let record = self.registry.keys().get(&key);
        let record = record.ok_or(Rejection::EvidenceAboutStranger)?;
        let is_known = self.convictions.keys.contains(&(key, sequence));
        if is_known || self.convictions.is_full(&key) {
            return Err(Rejection::EvidenceKnown);
        }
        Ok(Whom::Key {
            key,
            role: record.role,
            sequence,
            is_in_force: record.revoked.is_none(),
        })
    }

    fn convict_nodes(&self, signed: BTreeSet<NodeId>) -> Result<BTreeSet<NodeId>, Rejection> {
        if signed.is_empty() {
            return Err(Rejection::EvidenceConvictsNobody);
        }
        let known = |node: &NodeId| self.convictions.nodes.contains(node);
        let news: BTreeSet<NodeId> = signed.into_iter().filter(|node| !known(node)).collect();
        match news.is_empty() {
            true => Err(Rejection::EvidenceKnown),
            false => Ok(news),
        }
    }

    /// Records what [`State::judge_evidence`] found; nothing of it can be refused.
    pub(crate) fn record_evidence(&mut self, news: News, recording: Recording, facts: &mut Facts) {
        let evidence = news.evidence;
        let recorded = RecordedEvidence {
            evidence,
            recorded_at: recording.time,
            leaf: recording.leaf,
            node: recording.node,
        };
        match news.whom {
            Whom::Key {
                key,
                role,
                sequence,
                is_in_force,
            } => {
                self.convictions.keys.insert((key, sequence), recorded);
                let mut frozen = false;
                if let (Role::Meter(meter), true) = (role, is_in_force) {
                    let row = FrozenByEvidence { meter, sequence };
                    self.convictions.frozen.insert(key, row);
                    frozen = true;
                }
                let fact = Fact::KeyConvicted {
                    key,
                    role,
                    sequence,
                    evidence,
                    frozen,
                };
                facts.push((concerned(role), fact));
            }
            Whom::Nodes {
                nodes,
                first,
                second,
            } => {
                let row = ConvictedNode {
                    first_size: first.0,
                    first_root: first.1,
                    second_size: second.0,
                    second_root: second.1,
                    recorded,
                };
                for node in &nodes {
                    self.convictions.nodes.insert(*node, row);
                }
                let fact = Fact::NodesConvicted {
                    nodes: nodes.into_iter().collect(),
                    first_size: first.0,
                    first_root: first.1,
                    second_size: second.0,
                    second_root: second.1,
                    evidence,
                };
                facts.push((None, fact));
            }
        }
    }
}

/// Whom the conviction of a key concerns: whose it was; none: the park.
fn concerned(role: Role) -> Option<ParticipantId> {
    match role {
        Role::Tenant(participant) | Role::Delegate(participant) => Some(participant),
        Role::Registrar | Role::Treasurer | Role::Regulator | Role::Meter(_) | Role::Node(_) => {
            None
        }
    }
}
