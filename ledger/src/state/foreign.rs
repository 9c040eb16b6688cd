//! Logs of other parks that this one follows: whom it trusts for them, and how far they have come.
//!
//! A registrar says which logs, each by its policy; the nodes record checkpoints. Every replica
//! checks a checkpoint against the policy and proves that it continues the one before, so that no
//! node can make anything up, and a log that contradicts itself convicts itself in this one.

use crate::hash::{Hash, sha256};
use crate::limits::{FOLLOWED_LOGS_MAX, FOLLOWED_POLICY_BYTES_MAX, FOREIGN_NOTE_BYTES_MAX};
use crate::log::note::Note;
use crate::log::policy::Policy;
use crate::log::witness::{AddCheckpoint, Head, Refusal, judge, origin_of};
use crate::registration::NodeId;
use crate::rejection::Rejection;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use wattle_market::interval::Timestamp;

/// The last checkpoint recorded of a log.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct ForeignCheckpoint {
    /// Leaves of the other log.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
    /// SHA-256 of the signed note, which stands in the event's leaf.
    pub note: Hash,
    /// The earliest time among the policy's cosignatures, in seconds since 1970.
    pub cosigned_at: u64,
    /// Time of the batch that recorded it.
    pub recorded_at: Timestamp,
    /// Index of the event's leaf.
    pub leaf: u64,
    /// Whose key recorded it.
    pub node: NodeId,
}

/// A second checkpoint of a size, with another root: a proof against those who signed both.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Contradiction {
    /// The size of both.
    pub size: u64,
    /// Root of the one that was recorded first.
    pub root: Hash,
    /// Index of its leaf.
    pub leaf: u64,
    /// Root of the other.
    pub other_root: Hash,
    /// Index of the other's leaf.
    pub other_leaf: u64,
}

/// Where and when something is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording {
    pub(crate) node: NodeId,
    pub(crate) time: Timestamp,
    pub(crate) leaf: u64,
}

/// The logs that a park follows, by origin.
#[derive(Debug, Clone)]
pub struct ForeignLogs {
    policies: Table<String, String>,
    latest: Table<String, ForeignCheckpoint>,
    contradictions: Table<String, Contradiction>,
}

parts!(ForeignLogs {
    policies,
    latest,
    contradictions
});

impl Default for ForeignLogs {
    fn default() -> ForeignLogs {
        ForeignLogs {
            policies: Table::new(table_number::FOLLOWED_LOGS),
            latest: Table::new(table_number::FOREIGN_CHECKPOINTS),
            contradictions: Table::new(table_number::CONTRADICTIONS),
        }
    }
}

impl ForeignLogs {
    /// The policies' texts by origin.
    pub fn policies(&self) -> &Table<String, String> {
        &self.policies
    }

    /// The last checkpoints by origin.
    pub fn latest(&self) -> &Table<String, ForeignCheckpoint> {
        &self.latest
    }

    /// The first contradiction of each log that has one.
    pub fn contradictions(&self) -> &Table<String, Contradiction> {
        &self.contradictions
    }

    /// Follows a log from now on, or another policy for one that is followed.
    pub(crate) fn follow(&mut self, own_origin: &str, text: &str) -> Result<(), Rejection> {
        if text.len() > FOLLOWED_POLICY_BYTES_MAX {
            return Err(Rejection::LogPolicyInvalid);
        }
        let policy = Policy::parse(text).map_err(|_| Rejection::LogPolicyInvalid)?;
        let origin = origin_of(&policy).ok_or(Rejection::LogPolicyInvalid)?;
        if origin == own_origin || policy.quorum().is_none() {
            return Err(Rejection::LogPolicyInvalid);
        }
        let origin = origin.to_owned();
        if !self.policies.contains(&origin) && self.policies.len() >= FOLLOWED_LOGS_MAX {
            return Err(Rejection::LogPolicyInvalid);
        }
        self.policies.insert(origin, text.to_owned());
        Ok(())
    }

    /// Records a checkpoint that continues the last one, or contradicts it.
    pub(crate) fn record(
        &mut self,
        note: &[u8],
        proof: &[Hash],
        recording: Recording,
    ) -> Result<(), Rejection> {
        let (request, policy) = self.read(note, proof)?;
        let checkpoint = request.checkpoint();
        let (origin, new) = (checkpoint.origin().to_owned(), Head::of(checkpoint));
        let last = self.latest.get(&origin).map(|last| Head {
            size: last.size,
            root: last.root,
        });
        let judged = judge(&request, &policy, last.as_ref());
        if matches!(judged, Err(Refusal::Policy { .. })) {
            return Err(Rejection::CheckpointRefused);
        }
        let Some(last) = last else {
            let verdict = judged.map_err(|_| Rejection::CheckpointInconsistent)?;
            self.insert(
                origin,
                &new,
                note,
                verdict.cosigned.into_values(),
                recording,
            );
            return Ok(());
        };
        if new.size < last.size || new == last {
            return Err(Rejection::CheckpointNotNewer);
        }
        match judged {
            Ok(verdict) => {
                self.insert(
                    origin,
                    &new,
                    note,
                    verdict.cosigned.into_values(),
                    recording,
                );
                Ok(())
            }
            Err(Refusal::Contradiction { .. }) => self.contradict(origin, new.root, recording),
            Err(_) => Err(Rejection::CheckpointInconsistent),
        }
    }

    /// A note as a request from what is recorded, and the policy that it is judged by.
    fn read(&self, note: &[u8], proof: &[Hash]) -> Result<(AddCheckpoint, Policy), Rejection> {
        if note.len() > FOREIGN_NOTE_BYTES_MAX {
            return Err(Rejection::CheckpointRefused);
        }
        let note = Note::parse(note).map_err(|_| Rejection::CheckpointRefused)?;
        let origin = note
            .text()
            .split('\n')
            .next()
            .unwrap_or_default()
            .to_owned();
        let old = self.latest.get(&origin).map_or(0, |last| last.size);
        let text = self.policies.get(&origin);
        let policy = text.ok_or(Rejection::CheckpointRefused)?;
        let policy = Policy::parse(policy).map_err(|_| Rejection::CheckpointRefused)?;
        // A proof that is too long proves nothing; nor does one that is cut, whatever its length.
        let proof = proof.iter().take(crate::log::witness::PROOF_HASHES_MAX);
        let request = AddCheckpoint::new(old, proof.copied().collect(), note);
        Ok((request.map_err(|_| Rejection::CheckpointRefused)?, policy))
    }

    fn insert(
        &mut self,
        origin: String,
        head: &Head,
        note: &[u8],
        cosigned: impl Iterator<Item = u64>,
        recording: Recording,
    ) {
        let row = ForeignCheckpoint {
            size: head.size,
            root: head.root,
            note: sha256(&[note]),
            cosigned_at: cosigned.min().unwrap_or_default(),
            recorded_at: recording.time,
            leaf: recording.leaf,
            node: recording.node,
        };
        self.latest.insert(origin, row);
    }

    fn contradict(
        &mut self,
        origin: String,
        other_root: Hash,
        recording: Recording,
    ) -> Result<(), Rejection> {
        if self.contradictions.contains(&origin) {
            return Err(Rejection::CheckpointNotNewer);
        }
        let last = self.latest.get(&origin);
        let last = last.expect("what is contradicted is recorded");
        let row = Contradiction {
            size: last.size,
            root: last.root,
            leaf: last.leaf,
            other_root,
            other_leaf: recording.leaf,
        };
        self.contradictions.insert(origin, row);
        Ok(())
    }
}
