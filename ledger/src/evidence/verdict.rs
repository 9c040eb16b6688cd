//! What evidence proves, and against whom.

use super::{Evidence, EvidenceError, Heads, Statement};
use crate::event::SignedEvent;
use crate::genesis::{Genesis, NodeRecord};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::policy::{Policy, PolicyVerdict};
use crate::log::proof::prefix_root;
use crate::membership;
use crate::registration::{NodeId, Role};
use std::collections::BTreeSet;

/// What a file proves to whoever trusts the keys in it: the policy's, where one was given, and
/// otherwise the genesis' in the file, whose park id he compares himself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The park.
    pub park: Hash,
    /// Its log.
    pub origin: String,
    /// Whether a policy named the log; without one the keys are only the file's own word.
    pub is_pinned: bool,
    /// What cannot be true together.
    pub contradiction: Contradiction,
}

/// Two signed statements that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// A key signed two events with one sequence.
    Events {
        /// The key that is convicted.
        key: PublicKey,
        /// Its role, where the file shows who gave it one.
        role: Option<Role>,
        /// The sequence.
        sequence: u64,
        /// Hash and action of each event.
        events: [(Hash, &'static str); 2],
    },
    /// The log was signed with two heads that no one log has.
    Heads {
        /// The smaller, or of one size that with the smaller root.
        first: Head,
        /// The larger.
        second: Head,
        /// The root that the larger log has at the smaller size: another than the smaller head's.
        /// None for one size, where the roots themselves differ.
        prefix: Option<Hash>,
        /// The keys that signed both, which are convicted. There may be none: then one side
        /// signed what is wrong, and the file does not say which.
        convicted: BTreeSet<Signer>,
    },
}

/// A signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// The known keys that signed it.
    pub signers: BTreeSet<Signer>,
    /// Lines of keys that nobody here knows; they count for nothing.
    pub unknown: usize,
    /// Whether a quorum cosigned it, by the policy, or else by the genesis.
    pub is_sealed: bool,
}

/// A key that signs heads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signer {
    /// The node whose key it is, of the genesis or registered in the file; none for the policy's
    /// other keys.
    pub node: Option<NodeId>,
    /// Whether it is a cosigner's key; otherwise it is a log key.
    pub is_cosigner: bool,
    /// The key's name in the checkpoint's line.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

impl Evidence {
    /// Checks every signature and proof. With a policy, the log must be one that it names, and its
    /// keys are known beside the genesis'.
    ///
    /// # Errors
    /// The first [`EvidenceError`]: then the file proves nothing.
    pub fn judge(&self, policy: Option<&Policy>) -> Result<Verdict, EvidenceError> {
        let origin = self.genesis.origin();
        let names_log = |policy: &Policy| policy.logs().iter().any(|log| log.key.name() == origin);
        if policy.is_some_and(|policy| !names_log(policy)) {
            return Err(EvidenceError::OtherPolicy(origin));
        }
        let contradiction = match &self.statement {
            Statement::Events(events) => self.judge_events(events)?,
            Statement::Heads(heads) => {
                let trust = Trust::of(&self.genesis, self.named()?.nodes, policy);
                judge_heads(&trust, heads)?
            }
        };
        Ok(Verdict {
            park: self.genesis.park(),
            origin,
            is_pinned: policy.is_some(),
            contradiction,
        })
    }

    fn judge_events(&self, events: &[SignedEvent; 2]) -> Result<Contradiction, EvidenceError> {
        let [first, second] = events;
        let (key, sequence) = (first.body().author, first.body().sequence);
        let is_same = (second.body().author, second.body().sequence) == (key, sequence);
        if !is_same || first.body() == second.body() {
            return Err(EvidenceError::NoContradiction);
        }
        key.check()?;
        for event in events {
            event
                .verify(&self.genesis.park())
                .map_err(|_| EvidenceError::EventSignature(event.hash()))?;
        }
        let named = self.named()?.keys;
        let of = |event: &SignedEvent| (event.hash(), event.body().action.name());
        Ok(Contradiction::Events {
            key,
            role: named.get(&key).copied(),
            sequence,
            events: [of(first), of(second)],
        })
    }
}

/// By whose keys heads are judged.
struct Trust<'a> {
    genesis: &'a Genesis,
    /// The genesis' nodes and those that the file registers.
    nodes: Vec<NodeRecord>,
    /// The founding nodes' policy, that of nodes that the file registers, and the reader's.
    policies: Vec<Policy>,
    /// Which of them says whether a head is sealed.
    deciding: usize,
}

impl<'a> Trust<'a> {
    fn of(genesis: &'a Genesis, registered: Vec<NodeRecord>, given: Option<&Policy>) -> Trust<'a> {
        let mut policies = vec![genesis.policy()];
        if !registered.is_empty() {
            policies.push(membership::policy(genesis, &registered));
        }
        policies.extend(given.cloned());
        let mut nodes = genesis.body().nodes.clone();
        nodes.extend(registered);
        Trust {
            genesis,
            nodes,
            deciding: given.map_or(0, |_| policies.len() - 1),
            policies,
        }
    }
}

fn judge_heads(trust: &Trust<'_>, heads: &Heads) -> Result<Contradiction, EvidenceError> {
    let [older, newer] = &heads.checkpoints;
    let origin = trust.genesis.origin();
    for checkpoint in [older, newer] {
        if checkpoint.origin() != origin {
            return Err(EvidenceError::OtherOrigin(checkpoint.origin().to_owned()));
        }
        if checkpoint.size() == 0 {
            return Err(EvidenceError::EmptyHead);
        }
    }
    let prefix = contradicted(older, newer, &heads.path)?;
    let first = head(trust, older, &heads.notes[0])?;
    let second = head(trust, newer, &heads.notes[1])?;
    let convicted = first.signers.intersection(&second.signers);
    let convicted = convicted.cloned().collect();
    Ok(Contradiction::Heads {
        first,
        second,
        prefix,
        convicted,
    })
}

/// The root that the newer log has at the older one's size, if that is smaller.
fn contradicted(
    older: &Checkpoint,
    newer: &Checkpoint,
    path: &[Hash],
) -> Result<Option<Hash>, EvidenceError> {
    if older.size() == newer.size() {
        if !path.is_empty() {
            return Err(EvidenceError::TooManyParts);
        }
        return match older.root() == newer.root() {
            true => Err(EvidenceError::Agree),
            false => Ok(None),
        };
    }
    let root =
        prefix_root(older.size(), newer.size(), newer.root(), path).map_err(EvidenceError::Path)?;
    if root == *older.root() {
        return Err(EvidenceError::Agree);
    }
    Ok(Some(root))
}

/// Judges one head's lines. A known key's line that does not hold spoils the file: whoever made it
/// had no reason to keep such a line.
fn head(trust: &Trust<'_>, checkpoint: &Checkpoint, note: &Note) -> Result<Head, EvidenceError> {
    let policies = trust.policies.iter();
    let verdicts: Vec<_> = policies.map(|policy| policy.evaluate(note)).collect();
    let mut signers = BTreeSet::new();
    for (policy, verdict) in trust.policies.iter().zip(&verdicts) {
        if let Some(bad) = verdict.bad.first() {
            return Err(EvidenceError::BadLine(bad.signature.name().to_owned()));
        }
        signers.extend(signers_of(&trust.nodes, policy, verdict));
    }
    if signers.is_empty() {
        return Err(EvidenceError::Unsigned(checkpoint.size()));
    }
    let (one, others) = verdicts
        .split_first()
        .expect("the founding nodes' policy is among them");
    let unknown = one.unknown.iter();
    let unknown = unknown.filter(|line| others.iter().all(|it| it.unknown.contains(line)));
    Ok(Head {
        size: checkpoint.size(),
        root: *checkpoint.root(),
        unknown: unknown.count(),
        is_sealed: verdicts[trust.deciding].satisfied,
        signers,
    })
}

fn signers_of<'a>(
    nodes: &'a [NodeRecord],
    policy: &'a Policy,
    verdict: &'a PolicyVerdict,
) -> impl Iterator<Item = Signer> + 'a {
    let logs = verdict.log_signatures.iter().map(move |key| Signer {
        node: nodes.iter().find(|it| it.log == *key.key()).map(|it| it.id),
        is_cosigner: false,
        name: key.name().to_owned(),
        key: *key.key(),
    });
    let cosigned = policy.witnesses().iter();
    let cosigned = cosigned.filter(|it| verdict.cosigned.contains_key(&it.name));
    let cosigners = cosigned.map(move |it| {
        let own = nodes.iter().find(|node| node.cosigner == *it.key.key());
        Signer {
            node: own.map(|node| node.id),
            is_cosigner: true,
            name: it.key.name().to_owned(),
            key: *it.key.key(),
        }
    });
    logs.chain(cosigners)
}
