//! Steps of the membership: how one is judged, and what it leaves.

use crate::batch::{BatchError, SignedHeader};
use crate::entry::Entry;
use crate::ledger::{Applied, BatchRefusal, Leaves, Ledger};
use crate::membership::{ChangeBatch, MemberChange, change_hash};

impl Ledger {
    /// Applies the data of a committed Raft entry that says it is a step.
    pub(super) fn apply_change(&mut self, term: u64, data: &[u8]) -> Applied {
        let taken = match ChangeBatch::decode(data) {
            Ok(batch) => self
                .check_header(term, &batch.header)
                .and_then(|()| self.take_step(&batch.header, &batch.change)),
            Err(error) => Err(error.into()),
        };
        taken.unwrap_or_else(|refusal| self.refused(refusal))
    }

    /// Applies a step as its leaves tell it: the regulator's way in.
    ///
    /// # Errors
    /// Why the step leaves nothing.
    pub fn replay_change(
        &mut self,
        header: &SignedHeader,
        change: &MemberChange,
    ) -> Result<Applied, BatchRefusal> {
        if change_hash(change) != header.body().events {
            return Err(BatchError::EventsDiffer.into());
        }
        self.check_header(header.body().term, header)?;
        self.take_step(header, change)
    }

    /// The step is the registry's to allow; if it does, nothing below can be refused.
    fn take_step(
        &mut self,
        header: &SignedHeader,
        change: &MemberChange,
    ) -> Result<Applied, BatchRefusal> {
        let mut leaves = Leaves::new(self.size());
        self.step_onto(header, change, &mut leaves)?;
        Ok(Applied {
            changed: Some(*change),
            ..self.close(leaves, Vec::new(), true)
        })
    }

    /// Takes a step, where the registry allows it.
    pub(super) fn step_onto(
        &mut self,
        header: &SignedHeader,
        change: &MemberChange,
        leaves: &mut Leaves,
    ) -> Result<(), BatchRefusal> {
        let members = self.state.registry.members_mut();
        let membership = members
            .take_step(change, leaves.first + 1)
            .ok_or(BatchRefusal::StepNotWanted(*change))?;
        let clock = self.state.clock_mut();
        clock.time = header.body().time;
        clock.term = header.body().term;
        clock.record_signature(header.signature());
        leaves.push(|| Entry::Batch {
            header: header.bytes().to_vec(),
            dropped: Vec::new(),
        });
        leaves.push(|| Entry::Voters {
            change: *change,
            voters: membership.voters,
            learners: membership.learners,
        });
        self.seal(leaves);
        Ok(())
    }
}
