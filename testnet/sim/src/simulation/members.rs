//! Nodes that come, vote, go, and die for good.

use super::{Happening, Node, Simulation};
use crate::disk::Disk;
use crate::failure::Failure;
use crate::network::Letter;
use crate::options::{Plant, TICK_MS};
use crate::random::Stream;
use std::collections::{BTreeSet, VecDeque};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::Action;
use wattle_ledger::log::{Checkpoint, Cosignature, Note};
use wattle_ledger::membership::NodeStanding;
use wattle_ledger::registration::NodeId;
use wattle_replica::Replica;
use wattle_replica::input::Input;

impl Simulation {
    /// Draws what the registrar will say of nodes, and who dies first where one is replaced.
    pub(super) fn schedule_death(&mut self) {
        if !self.options.members_change {
            return;
        }
        let mut stream = Stream::new(self.options.seed, "registrar on nodes");
        let founders = self.options.nodes;
        let victim = NodeId(stream.between(1, founders));
        let dies = founders > 1 && stream.chance(500);
        let spare = |place: usize| Action::RegisterNode(self.park.spares[place].clone());
        let set = |node: NodeId, standing| Action::SetNodeStanding { node, standing };
        let (first, second) = (self.park.spares[0].id, self.park.spares[1].id);
        let (voter, removed) = (NodeStanding::Voter, NodeStanding::Removed);
        let mut says = Vec::new();
        if dies {
            says.extend([set(victim, removed), spare(0), set(first, voter)]);
        } else {
            says.extend([spare(0), set(first, voter), set(victim, removed)]);
        }
        match stream.below(3) {
            0 => says.extend([spare(1), set(second, voter)]),
            1 => says.extend([spare(1), set(second, voter), set(first, removed)]),
            // Down to a learner and up again, where another votes meanwhile.
            _ => says.extend([
                spare(1),
                set(second, voter),
                set(first, NodeStanding::Learner),
                set(first, voter),
            ]),
        }
        let phase_ms = self.options.ticks * TICK_MS;
        let mut at_ms = stream.between(phase_ms / 20, phase_ms / 4);
        if dies {
            let node = self.place(victim);
            self.after(at_ms, Happening::Die { node });
        }
        let mut script = VecDeque::new();
        for action in says {
            at_ms += stream.below(phase_ms / 8 + 1);
            script.push_back((at_ms, action));
        }
        self.clients.workload.say_of_nodes(script);
    }

    /// What a node would publish if it counted who was removed: his cosignature stands in the place
    /// of a voter's.
    pub(super) fn plant_in_note(&self, size: u64, note: String) -> String {
        if self.options.plant != Some(Plant::RemovedVoterCounted) {
            return note;
        }
        let is_in = |id: &NodeId| self.log.voters_at(size).is_none_or(|all| all.contains(id));
        let founders = (1..=self.options.nodes).map(NodeId);
        let Some(removed) = founders.into_iter().find(|id| !is_in(id)) else {
            return note;
        };
        let parsed = Note::parse(note.as_bytes()).expect("a replica publishes notes");
        let checkpoint = Checkpoint::parse(parsed.text()).expect("a note holds a checkpoint");
        let key = &self.park.nodes[self.place(removed)].cosigner;
        let seconds = self.park_time(0).0 / 1_000;
        let cosignature = Cosignature::sign(&checkpoint.text(), seconds, key)
            .expect("a node cosigns within park time");
        let name = self.park.genesis.cosigner_name(removed);
        let line = cosignature.to_note_signature(&name, &key.public());
        let mut lines = parsed.signatures().to_vec();
        // The last line is a voter's: the log's own comes first.
        lines.pop();
        lines.push(line.expect("a cosigner's name is a name"));
        let mut planted = checkpoint.to_note();
        for line in lines {
            planted.add(line).expect("a note takes as many lines");
        }
        planted.to_string()
    }

    pub(super) fn die(&mut self, node: usize) {
        self.tell(node, || "dies for good".to_owned());
        self.nodes[node].is_dead = true;
        self.nodes[node].replica = None;
    }

    /// Nodes whose registration was signed are started, though it may not be recorded yet.
    pub(super) fn take_registered(&mut self) {
        for (id, registration) in self.clients.workload.take_registered() {
            self.network.add(id);
            self.nodes.push(Node {
                id,
                replica: None,
                disk: Disk::default(),
                life: 0,
                clock_off_ms: 0,
                is_dead: false,
                registration: Some(registration),
                peers: BTreeSet::new(),
                met: BTreeSet::new(),
                writing: VecDeque::new(),
            });
            let node = self.nodes.len() - 1;
            self.after(1, Happening::Start { node });
            self.schedule_crash(node);
        }
    }

    /// A letter arrives as the network of its receiver lets it: from nobody that is not let in. Who
    /// is not known shows his registration first.
    pub(super) fn arrive(&mut self, letter: Letter) -> Result<(), Failure> {
        let node = self.place(letter.to);
        let sender = self.nodes.iter().find(|other| other.id == letter.from);
        if let Some(sender) = sender {
            let registration = sender.registration.clone();
            let is_new = self.nodes[node].met.insert(letter.from);
            if let Some(registration) = registration.filter(|_| is_new) {
                self.handle(node, Input::Introduced { registration })?;
            }
            if !self.nodes[node].peers.contains(&letter.from) {
                return Ok(());
            }
        }
        let input = Input::PeerMessage {
            from: letter.from,
            bytes: letter.bytes,
        };
        self.handle(node, input)
    }

    /// Voters and learners, by the node that is furthest.
    pub(super) fn members(&self) -> BTreeSet<NodeId> {
        let furthest = self.furthest();
        let founders = || (1..=self.options.nodes).map(NodeId).collect();
        furthest.map_or_else(founders, |replica| {
            replica.ledger().members().membership().members().collect()
        })
    }

    pub(super) fn member_replicas(&self) -> Vec<&Replica> {
        let members = self.members();
        let mut replicas = self.replicas();
        replicas.retain(|replica| members.contains(&replica.node()));
        replicas
    }

    fn furthest(&self) -> Option<&Replica> {
        let replicas = self.replicas().into_iter();
        replicas.max_by_key(|replica| replica.ledger().size())
    }

    /// Whether all that was said of nodes has come to pass.
    pub(super) fn is_membership_settled(&self) -> Result<(), String> {
        if !self.clients.workload.has_said_all() {
            return Err("the registrar has not said all of the nodes".to_owned());
        }
        let steps = self
            .furthest()
            .map(|replica| replica.ledger().members().steps());
        match steps.as_deref() {
            Some([step, ..]) => Err(format!("node {} is not yet {:?}", step.node, step.standing)),
            _ => Ok(()),
        }
    }
}

/// A leaf on the voters without the last of them, where another is left.
pub(super) fn take_a_voter(leaf: &mut Vec<u8>) {
    if let Ok(Entry::Voters {
        change,
        mut voters,
        learners,
    }) = Entry::decode(leaf)
        && voters.len() > 1
    {
        voters.pop();
        let changed = Entry::Voters {
            change,
            voters,
            learners,
        };
        *leaf = changed.encode();
    }
}
