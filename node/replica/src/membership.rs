//! Who takes part: the registrar's word, brought into Raft one signed step at a time.
//!
//! The registry says what each node shall be. The leader compares that with what is, and proposes
//! the first step that is safe now; every node judges it again when it applies it, and one that the
//! registry does not want changes nothing. Raft's own view always follows the ledger's.

use crate::limits::STRANGERS_MAX;
use crate::output::{Alarm, Output};
use crate::replica::Replica;
use crate::snapshot::Roster;
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::membership::{ChangeBatch, MemberChange, Membership, NodeStanding};
use wattle_ledger::registration::{NodeId, Role};
use wattle_market::interval::Timestamp;

impl Roster {
    /// Who takes part, as the ledger says.
    pub(crate) fn of(membership: &Membership) -> Roster {
        Roster {
            voters: membership.voters.clone(),
            learners: membership.learners.clone(),
        }
    }
}

impl Replica {
    /// Proposes the next step of the membership if this node leads, nothing is in flight and the
    /// registry wants one that is safe now. Whether it did.
    pub(crate) fn propose_step_if_due(&mut self, now: Timestamp) -> bool {
        if !std::mem::take(&mut self.may_propose_step) || !self.may_propose() {
            return false;
        }
        let mut steps = self.ledger.members().steps().into_iter();
        let Some(step) = steps.find(|step| self.is_safe(step)) else {
            return false;
        };
        let time = self.ledger.state().clock().time.max(now);
        let term = self.consensus.term();
        let leader = (self.node, &self.batch_key);
        let park = self.ledger.genesis().park();
        let batch = ChangeBatch::sign(park, leader, term, time, step);
        self.consensus.propose_step(&step, batch.encode())
    }

    /// Whether the park can go on committing after a step: more than half of those that vote then
    /// are heard, and who shall vote has what they have. What only learns decides nothing.
    fn is_safe(&self, step: &MemberChange) -> bool {
        let now = self.ledger.members().membership();
        let after = now.after(step, 0);
        if after.voters == now.voters {
            return true;
        }
        let is_heard = |node: &&NodeId| **node == self.node || self.consensus.is_heard(**node);
        let heard = after.voters.iter().filter(is_heard).count();
        let has_majority = 2 * heard > after.voters.len();
        let is_promoted = step.standing == NodeStanding::Voter;
        has_majority && (!is_promoted || self.consensus.has_log(step.node))
    }

    /// A step is applied: Raft follows. Who is removed learns it here, if he hears of it at all.
    pub(crate) fn on_step(&mut self, step: &MemberChange) {
        let membership = self.ledger.members().membership();
        self.consensus.take_step(step, Roster::of(&membership));
        let is_own = step.node == self.node && self.is_resumed;
        if is_own && step.standing == NodeStanding::Removed {
            self.outbox.alarm(Alarm::Removed);
        }
    }

    /// The ledger has gone on: who takes part, and whom the network lets in.
    pub(crate) fn follow_registry(&mut self) {
        let members = self.ledger.members();
        let Replica { strangers, .. } = self;
        strangers.retain(|id, _| members.node(*id).is_none());
        let is_in = |record: &&NodeRecord| members.is_in(record.id) && record.id != self.node;
        let known = members.records().filter(is_in);
        let peers: Vec<NodeRecord> = known.chain(strangers.values()).cloned().collect();
        if peers != self.peers {
            self.peers.clone_from(&peers);
            self.outbox.push(Output::Peers(peers));
        }
    }

    /// Somebody whom this node does not know shows his registration: he is heard if a registrar
    /// signed it whom this node knows, from its log or from its own registration. This node may
    /// have been away while he was registered, or be new itself.
    pub(crate) fn on_introduced(&mut self, registration: &[u8]) {
        let Ok(event) = SignedEvent::parse(registration) else {
            return;
        };
        let keys = self.ledger.state().registry.keys();
        let is_registrars = keys
            .get(&event.body().author)
            .is_some_and(|key| key.role == Role::Registrar && key.revoked.is_none());
        let Action::RegisterNode(record) = &event.body().action else {
            return;
        };
        let is_known = record.id == self.node || self.ledger.node(record.id).is_some();
        let is_full = self.strangers.len() >= STRANGERS_MAX;
        let is_trusted = is_registrars || self.registrar == Some(event.body().author);
        if !is_trusted || is_known || is_full {
            return;
        }
        if event.verify(&self.ledger.genesis().park()).is_ok() {
            self.strangers.insert(record.id, record.clone());
            self.follow_registry();
        }
    }

    /// From whom this node hears what only voters say, and from whom it does not. A learner is
    /// heard as a leader once the registry wants it to vote, or while no leader is heard: this node
    /// may have been away while it became one.
    pub(crate) fn heard(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let members = self.ledger.members();
        let Membership {
            mut voters,
            learners,
            ..
        } = members.membership();
        let patience = 2 * self.election_ticks as u64;
        let leader = self.consensus.leader();
        let is_leaderless = leader.is_none() || self.silent_ticks > patience;
        let may_lead = |id: &NodeId| {
            let is_promoted = members.wanted(*id) == Some(NodeStanding::Voter);
            is_leaderless || leader == Some(*id) || is_promoted
        };
        let (promoted, learners): (Vec<NodeId>, Vec<NodeId>) =
            learners.into_iter().partition(may_lead);
        voters.extend(promoted);
        voters.extend(self.strangers.keys());
        (voters, learners)
    }
}
