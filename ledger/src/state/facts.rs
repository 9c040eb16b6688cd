//! What changes derive, on its way to the leaves.

use crate::derived::Fact;
use crate::registration::ParticipantId;

/// What a change derives, each fact with whom it concerns; none: the park.
///
/// Who replays leaves that he has already needs only their number: there, [`Facts::push_with`]
/// makes no fact.
#[derive(Debug)]
pub(crate) struct Facts {
    count: u64,
    /// None: they are only counted.
    kept: Option<Vec<(Option<ParticipantId>, Fact)>>,
}

impl Facts {
    /// None yet, and each will be kept.
    pub(crate) const fn kept() -> Facts {
        Facts {
            count: 0,
            kept: Some(Vec::new()),
        }
    }

    /// None yet, and each will only be counted.
    pub(crate) const fn counted() -> Facts {
        Facts {
            count: 0,
            kept: None,
        }
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn push(&mut self, fact: (Option<ParticipantId>, Fact)) {
        self.push_with(|| fact);
    }

    /// Adds a fact that is made only where facts are kept.
    pub(crate) fn push_with(&mut self, fact: impl FnOnce() -> (Option<ParticipantId>, Fact)) {
        self.count += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(fact());
        }
    }

    /// Adds so many facts that are made only where facts are kept.
    pub(crate) fn push_all_with(
        &mut self,
        count: usize,
        facts: impl FnOnce() -> Vec<(Option<ParticipantId>, Fact)>,
    ) {
        self.count += count as u64;
        if let Some(kept) = &mut self.kept {
            let before = kept.len();
            kept.extend(facts());
            assert_eq!(
                kept.len() - before,
                count,
                "as many facts are made as counted"
            );
        }
    }

    /// Adds facts that were kept apart until it was clear that they hold.
    pub(crate) fn append(&mut self, others: Facts) {
        self.count += others.count;
        if let (Some(kept), Some(others)) = (&mut self.kept, others.kept) {
            kept.extend(others);
        }
    }

    /// The facts in order; empty where they were only counted.
    pub(crate) fn into_kept(self) -> Vec<(Option<ParticipantId>, Fact)> {
        self.kept.unwrap_or_default()
    }
}
