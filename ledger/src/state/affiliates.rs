//! Affiliates: participants that trade as one, so that none may trade with another.

use crate::limits::AFFILIATES_MAX;
use crate::registration::{AffiliateGroupId, ParticipantId};
use crate::rejection::Rejection;
use crate::state::registry::Registry;
use crate::state::rows::parts;
use crate::state::table::Table;
use crate::state::table_number;
use std::collections::BTreeMap;

/// Groups of affiliates.
#[derive(Debug, Clone)]
pub struct Affiliates {
    groups: Table<AffiliateGroupId, Vec<ParticipantId>>,
    /// The group of each member; follows from `groups`.
    group_of: BTreeMap<ParticipantId, AffiliateGroupId>,
}

parts!(Affiliates { groups } beside { group_of });

impl Default for Affiliates {
    fn default() -> Affiliates {
        Affiliates {
            groups: Table::new(table_number::AFFILIATES),
            group_of: BTreeMap::new(),
        }
    }
}

impl Affiliates {
    /// Groups by id, members in the order of their ids.
    pub fn groups(&self) -> &Table<AffiliateGroupId, Vec<ParticipantId>> {
        &self.groups
    }

    /// Finds each member's group again, after the groups were read back.
    pub(crate) fn index(&mut self) {
        let groups = self.groups.iter();
        let members = groups.flat_map(|(group, members)| members.iter().map(|one| (*one, *group)));
        self.group_of = members.collect();
    }

    /// The affiliates of a participant, himself left out.
    pub fn of(&self, participant: ParticipantId) -> Vec<ParticipantId> {
        let group = self.group_of.get(&participant);
        let members = group.and_then(|group| self.groups.get(group));
        members
            .into_iter()
            .flatten()
            .filter(|member| **member != participant)
            .copied()
            .collect()
    }

    /// Sets a group's members; none: the group is dissolved. Orders that are open already stay.
    pub(crate) fn set(
        &mut self,
        registry: &Registry,
        group: AffiliateGroupId,
        members: &[ParticipantId],
    ) -> Result<(), Rejection> {
        let participants = registry.participants();
        if !members.iter().all(|member| participants.contains(member)) {
            return Err(Rejection::UnknownParticipant);
        }
        let ascending = members.windows(2).all(|pair| pair[0] < pair[1]);
        let in_another = |member| self.group_of.get(member).is_some_and(|of| *of != group);
        if members.len() == 1
            || members.len() > AFFILIATES_MAX
            || !ascending
            || members.iter().any(in_another)
        {
            return Err(Rejection::AffiliatesInvalid);
        }
        // Nothing below can be refused.
        for member in self.groups.remove(&group).unwrap_or_default() {
            self.group_of.remove(&member);
        }
        if !members.is_empty() {
            self.groups.insert(group, members.to_vec());
            self.group_of
                .extend(members.iter().map(|member| (*member, group)));
        }
        Ok(())
    }
}
