//! A leader's offer of a log, before anybody acts on it.

use super::{GuardError, View};
use crate::limits::{LEARNERS_MAX, NUMBER_MAX};
use crate::snapshot::Manifest;
use wattle_ledger::limits::VOTERS_MAX;
use wattle_ledger::log::MAX_SIZE;
use wattle_ledger::registration::NodeId;

impl View<'_> {
    /// Whether a manifest may be looked at.
    pub(crate) fn check_manifest(
        &self,
        from: NodeId,
        manifest: &Manifest,
    ) -> Result<(), GuardError> {
        self.check_sender(from)?;
        if !self.voters.contains(&from) {
            return Err(GuardError::NotAVoter(from));
        }
        if manifest.from != from {
            return Err(GuardError::ForgedSender {
                claimed: manifest.from,
            });
        }
        if manifest.to != self.node {
            return Err(GuardError::OtherReceiver(manifest.to));
        }
        self.check_term(manifest.term)?;
        self.check_leader(from, manifest.term)?;
        let entry = manifest.entry;
        if entry.index == 0 || entry.index >= NUMBER_MAX {
            return Err(GuardError::Number);
        }
        if entry.term == 0 || entry.term > manifest.term {
            return Err(GuardError::EntryTerm {
                index: entry.index,
                term: entry.term,
            });
        }
        if manifest.size == 0 || manifest.size > MAX_SIZE {
            return Err(GuardError::Manifest("no log has that many leaves"));
        }
        let roster = &manifest.roster;
        if roster.voters.is_empty()
            || roster.voters.len() > VOTERS_MAX
            || roster.learners.len() > LEARNERS_MAX
        {
            return Err(GuardError::Manifest("no park has so many members"));
        }
        let mut all: Vec<NodeId> = roster
            .voters
            .iter()
            .chain(&roster.learners)
            .copied()
            .collect();
        all.sort_unstable();
        if all.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(GuardError::Manifest("a member is named twice"));
        }
        if !roster.voters.contains(&from) || !roster.contains(self.node) {
            return Err(GuardError::Manifest("the leader or this node is no member"));
        }
        Ok(())
    }
}
