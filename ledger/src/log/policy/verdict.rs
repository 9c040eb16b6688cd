//! What a policy says about a note.

use std::collections::BTreeMap;

use super::Policy;
use crate::log::note::{Note, NoteSignature, NoteVerifyError, VerifierKey};

/// The signature lines of a note, sorted by what a policy knows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyVerdict {
    /// The trusted log keys whose signatures hold, each once.
    pub log_signatures: Vec<VerifierKey>,
    /// The trusted cosigners whose cosignatures hold, by their names in the policy, each with the
    /// latest time that he cosigned at, in seconds since 1970.
    pub cosigned: BTreeMap<String, u64>,
    /// Lines of keys that the policy does not know. They count for nothing and against nothing.
    pub unknown: Vec<NoteSignature>,
    /// Lines that name a trusted key and do not hold. One of these spoils the note, as
    /// signed-note advises: an honest export has none.
    pub bad: Vec<BadLine>,
    /// Whether the note is acceptable: a log signature, a quorum of cosigners, no bad line. A
    /// policy without log lines accepts nothing.
    pub satisfied: bool,
}

/// A signature line that names a trusted key and does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line.
    pub signature: NoteSignature,
    /// Why it does not hold.
    pub reason: BadLineReason,
}

/// Why a line of a trusted key does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLineReason {
    /// The signature itself.
    #[error(transparent)]
    Signature(#[from] NoteVerifyError),
    /// A log key signed a text whose first line is not its name: another log's checkpoint.
    #[error("the log key's name is not the origin on the note's first line")]
    OtherOrigin,
}

impl Policy {
    /// Judges every signature line of a note.
    pub fn evaluate(&self, note: &Note) -> PolicyVerdict {
        let mut verdict = PolicyVerdict {
            log_signatures: Vec::new(),
            cosigned: BTreeMap::new(),
            unknown: Vec::new(),
            bad: Vec::new(),
            satisfied: false,
        };
        for signature in note.signatures() {
            let judged = self
                .judge_log(note, signature, &mut verdict)
                .or_else(|| self.judge_witness(note, signature, &mut verdict));
            match judged {
                None => verdict.unknown.push(signature.clone()),
                Some(Ok(())) => {}
                Some(Err(reason)) => {
                    verdict.bad.push(BadLine {
                        signature: signature.clone(),
                        reason,
                    });
                }
            }
        }
        verdict.satisfied = verdict.bad.is_empty()
            && !verdict.log_signatures.is_empty()
            && self.is_quorum(|name| verdict.cosigned.contains_key(name));
        verdict
    }

    /// `None` where no log key of the policy is named by the line.
    fn judge_log(
        &self,
        note: &Note,
        signature: &NoteSignature,
        verdict: &mut PolicyVerdict,
    ) -> Option<Result<(), BadLineReason>> {
        let key = &self
            .logs
            .iter()
            .find(|log| log.key.is_named_by(signature))?
            .key;
        let origin = note.text().split('\n').next();
        Some(match key.verify(note.text(), signature) {
            Err(error) => Err(error.into()),
            Ok(_) if origin != Some(key.name()) => Err(BadLineReason::OtherOrigin),
            Ok(_) => {
                if !verdict.log_signatures.contains(key) {
                    verdict.log_signatures.push(key.clone());
                }
                Ok(())
            }
        })
    }

    /// `None` where no cosigner of the policy is named by the line.
    fn judge_witness(
        &self,
        note: &Note,
        signature: &NoteSignature,
        verdict: &mut PolicyVerdict,
    ) -> Option<Result<(), BadLineReason>> {
        let witness = self
            .witnesses
            .iter()
            .find(|one| one.key.is_named_by(signature))?;
        Some(match witness.key.verify(note.text(), signature) {
            Err(error) => Err(error.into()),
            Ok(time) => {
                let time = time.expect("a witness's key is of the type that signs a time");
                let latest = verdict.cosigned.entry(witness.name.clone()).or_insert(time);
                *latest = time.max(*latest);
                Ok(())
            }
        })
    }
}
