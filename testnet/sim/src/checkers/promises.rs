//! A promised event is recorded in the end, without its author's help: by then every node has
//! carried it to a leader. Only another event of its sequence can have taken its place.

use std::collections::{BTreeMap, BTreeSet};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::NodeId;

/// Promises that nodes have stored, and what the log has recorded of them.
#[derive(Debug, Default)]
pub struct Promises {
    promised: BTreeMap<Hash, (PublicKey, u64)>,
    /// Who has promised each event.
    by: BTreeMap<Hash, BTreeSet<NodeId>>,
    recorded: BTreeMap<PublicKey, u64>,
    read: usize,
}

impl Promises {
    /// A node stores a promise.
    pub fn on_promised(&mut self, node: NodeId, event: &[u8]) {
        let event = SignedEvent::parse(event).expect("only events that decode are promised");
        let body = event.body();
        self.promised
            .insert(event.hash(), (body.author, body.sequence));
        self.by.entry(event.hash()).or_default().insert(node);
    }

    /// Whether some node has promised an event that is not in the log as read so far.
    pub fn is_open(&self, event: &Hash) -> bool {
        self.promised
            .get(event)
            .is_some_and(|place| !self.is_recorded(place))
    }

    /// Reads the leaves that were appended since the last time.
    pub fn read(&mut self, leaves: &[Vec<u8>]) {
        for leaf in &leaves[self.read..] {
            if let Ok(Entry::Event { signed, .. }) = Entry::decode(leaf) {
                let event = SignedEvent::parse(&signed).expect("the log records what decodes");
                self.recorded
                    .insert(event.body().author, event.body().sequence);
            }
        }
        self.read = leaves.len();
    }

    /// An event that one of these nodes has promised, and of which neither itself nor another of
    /// its sequence is in the log. Who is no node of the park any more cannot carry anything.
    pub fn any_open(&self, nodes: &BTreeSet<NodeId>) -> Option<Hash> {
        let mut open = self.promised.iter().filter(|(event, place)| {
            let stays = !self.by[*event].is_disjoint(nodes);
            stays && !self.is_recorded(place)
        });
        open.next().map(|(event, _)| *event)
    }

    fn is_recorded(&self, (author, sequence): &(PublicKey, u64)) -> bool {
        self.recorded
            .get(author)
            .is_some_and(|recorded| recorded >= sequence)
    }
}
