//! The door: events from clients and from peers, and how they get to the leader.
//!
//! The answer to a client is what the ledger says of his event, never what a leader says.

use crate::input::ClientId;
use crate::message::PeerMessage;
use crate::output::{PendingEvent, Response, WriteBatch};
use crate::pending::is_final;
use crate::replica::Replica;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::rejection::Rejection;

/// Promises judged again in one round, so that a key's revocation ends them too. Each costs the
/// check of a signature.
const JUDGED_PER_ROUND: usize = 16;

impl Replica {
    /// A client's event: answered at once, or promised and answered when it is applied.
    pub(crate) fn on_submit(&mut self, client: ClientId, bytes: &[u8]) {
        let event = match SignedEvent::parse(bytes) {
            Ok(event) => event,
            Err(rejection) => return self.outbox.reply(client, Response::Refused(rejection)),
        };
        if let Some(response) = self.first_outcome(&event) {
            return self.outbox.reply(client, response);
        }
        let hash = event.hash();
        if !self.pending.contains(&hash) {
            if let Err(response) = self.judge_at_door(bytes) {
                return self.outbox.reply(client, response);
            }
            self.promise(&event);
        }
        if !self.pending.wait(&hash, client) {
            self.outbox.reply(client, Response::Busy);
        }
    }

    fn judge_at_door(&self, bytes: &[u8]) -> Result<(), Response> {
        if self.is_window_full() {
            return Err(Response::Full);
        }
        if self.leader().is_none() {
            return Err(Response::NoLeader);
        }
        if !self.pending.has_room(bytes.len()) {
            return Err(Response::Busy);
        }
        self.ledger.judge(bytes).map_err(Response::Refused)?;
        Ok(())
    }

    fn promise(&mut self, event: &SignedEvent) {
        let stored = PendingEvent {
            event: event.bytes().to_vec(),
        };
        let write = WriteBatch {
            pending_added: vec![stored],
            ..WriteBatch::default()
        };
        self.outbox.persist(write);
        self.pending.insert(event.clone());
        match self.leader() {
            Some(leader) if leader == self.node => self.queue.insert(event),
            Some(leader) => {
                let events = vec![event.bytes().to_vec()];
                self.outbox.send(leader, &PeerMessage::Forward { events });
            }
            None => panic!("an event is promised only while a leader is known"),
        }
    }

    /// Events that a peer has promised; what cannot be recorded now is dropped, since the peer
    /// sends it again as long as its promise stands.
    pub(crate) fn on_forward(&mut self, events: &[Vec<u8>]) {
        if !self.consensus.is_leader() {
            return;
        }
        for bytes in events {
            let Ok(event) = SignedEvent::parse(bytes) else {
                continue;
            };
            let is_known =
                self.queue.contains(&event.hash()) || self.first_outcome(&event).is_some();
            if !is_known && self.ledger.judge(bytes).is_ok() {
                self.queue.insert(&event);
            }
        }
    }

    /// Carries promised events to the leader: all of them to a new one, in rounds.
    pub(crate) fn carry_pending(&mut self) {
        match self.leader() {
            Some(leader) if leader == self.node => {
                for event in self.pending.events() {
                    self.queue.insert(event);
                }
            }
            Some(leader) => {
                for events in self.pending.next_round() {
                    self.outbox.send(leader, &PeerMessage::Forward { events });
                }
            }
            None => {}
        }
    }

    /// Ends promises that have become void without their own event being applied: its sequence was
    /// used for another event, or its key was revoked.
    pub(crate) fn judge_pending(&mut self) {
        for event in self.pending.next_judged(JUDGED_PER_ROUND) {
            let response = match self.ledger.judge(event.bytes()) {
                Ok(_) => self.first_outcome(&event),
                Err(rejection) => is_final(rejection).then_some(Response::Refused(rejection)),
            };
            if let Some(response) = response {
                self.queue.remove(&event.hash());
                self.keep_promise(&event.hash(), &response);
            }
        }
    }

    /// Answers whoever waits for an event, and forgets the promise.
    pub(crate) fn keep_promise(&mut self, event: &Hash, response: &Response) {
        let Some(clients) = self.pending.remove(event) else {
            return;
        };
        for client in clients {
            self.outbox.reply(client, response.clone());
        }
        self.outbox.forget_later(*event);
    }

    /// What became of an event that is recorded already, or that another one stands in the way of.
    fn first_outcome(&self, event: &SignedEvent) -> Option<Response> {
        let body = event.body();
        let recorded = self.ledger.outcome(&body.author, body.sequence)?;
        if recorded.event != event.hash() {
            return Some(Response::Refused(Rejection::SequenceUsed));
        }
        Some(Response::Committed {
            event: recorded.event,
            leaf: recorded.leaf,
            outcome: recorded.outcome.clone(),
        })
    }
}
