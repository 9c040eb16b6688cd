//! The door: events from clients and from peers, and how they get to the leader.
//!
//! The answer to a client is what the ledger says of his event, never what a leader says.

use crate::input::ClientId;
use crate::message::PeerMessage;
use crate::output::{Finding, Output, PendingEvent, Response, StoredReceipt, WriteBatch};
use crate::pending::is_final;
use crate::replica::Replica;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::receipt::{Receipt, deadline};
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;

/// Promises judged again in one round, so that a key's revocation ends them too. Each costs the
/// check of a signature.
const JUDGED_PER_ROUND: usize = 16;

impl Replica {
    /// A client's event: answered at once, or promised and answered when it is applied.
    pub(crate) fn on_submit(&mut self, now: Timestamp, client: ClientId, bytes: &[u8]) {
        let event = match SignedEvent::parse(bytes) {
            Ok(event) => event,
            Err(rejection) => return self.outbox.reply(client, Response::Refused(rejection)),
        };
        if let Some(response) = self.first_outcome(&event) {
            self.tell_second_use(&event);
            return self.outbox.reply(client, response);
        }
        let hash = event.hash();
        if !self.pending.contains(&hash) {
            if let Err(response) = self.judge_at_door(bytes) {
                return self.outbox.reply(client, response);
            }
            self.promise(now, &event);
        }
        if !self.pending.wait(&hash, client) {
            return self.outbox.reply(client, Response::Busy);
        }
        let receipt = self.own_receipt(now, &event);
        self.outbox.push(Output::Promise { client, receipt });
    }

    /// This node's receipt for a promised event. Only a store of an older program has none yet.
    fn own_receipt(&mut self, now: Timestamp, event: &SignedEvent) -> Vec<u8> {
        let first = self.pending.receipts(&event.hash()).first();
        if let Some(own) = first.filter(|receipt| receipt.body().node == self.node) {
            return own.bytes().to_vec();
        }
        let receipt = self.sign_receipt(now, event);
        let bytes = receipt.bytes().to_vec();
        self.pending.keep(receipt, self.node);
        bytes
    }

    fn sign_receipt(&self, now: Timestamp, event: &SignedEvent) -> Receipt {
        let until = deadline(&event.body().action, now, self.promise_ms);
        let park = self.ledger.genesis().park();
        Receipt::sign(park, (self.node, &self.receipt_key), event, (now, until))
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

    fn promise(&mut self, now: Timestamp, event: &SignedEvent) {
        let stored = PendingEvent {
            event: event.bytes().to_vec(),
        };
        let receipt = self.sign_receipt(now, event);
        let write = WriteBatch {
            pending_added: vec![stored],
            receipts_added: vec![stored_receipt(&receipt)],
            ..WriteBatch::default()
        };
        self.outbox.persist(write);
        self.pending.insert(event.clone());
        self.pending.keep(receipt, self.node);
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
    /// sends it again as long as its promise stands. For those that wait here the peer gets
    /// receipts.
    pub(crate) fn on_forward(&mut self, now: Timestamp, from: NodeId, events: &[Vec<u8>]) {
        if !self.consensus.is_leader() {
            return;
        }
        let mut receipts = Vec::new();
        for bytes in events {
            let Ok(event) = SignedEvent::parse(bytes) else {
                continue;
            };
            if self.first_outcome(&event).is_some() {
                self.tell_second_use(&event);
                continue;
            }
            if !self.queue.contains(&event.hash()) {
                if self.ledger.judge(bytes).is_err() {
                    continue;
                }
                self.queue.insert(&event);
            }
            receipts.push(self.sign_receipt(now, &event).bytes().to_vec());
        }
        if !receipts.is_empty() {
            self.outbox.send(from, &PeerMessage::Receipts { receipts });
        }
    }

    /// A leader's receipts for events that this node carried to it. Those for events that are not
    /// promised any more are passed over.
    pub(crate) fn on_receipts(&mut self, from: NodeId, receipts: &[Vec<u8>]) -> Result<(), String> {
        let park = self.ledger.genesis().park();
        for bytes in receipts {
            let receipt = Receipt::parse(bytes).map_err(|error| error.to_string())?;
            if receipt.body().node != from {
                return Err(format!("a receipt of node {}", receipt.body().node));
            }
            let Some(event) = self.pending.event(&receipt.body().event) else {
                continue;
            };
            if self.ledger.node(from).is_none() {
                // It was registered while this node was away; its key is known with the log.
                continue;
            }
            receipt
                .verify(park, self.ledger.members().records(), event)
                .map_err(|error| error.to_string())?;
            let stored = stored_receipt(&receipt);
            if self.pending.keep(receipt, self.node) {
                self.outbox.keep_later(stored);
            }
        }
        Ok(())
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
            self.tell_second_use(&event);
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

    /// Answers whoever waits for an event, and ends the promise. The receipts of an event that is
    /// applied are kept until it is sealed, so that whoever was promised it can still ask for them.
    pub(crate) fn keep_promise(&mut self, event: &Hash, response: &Response) {
        let leaf = match response {
            Response::Committed { leaf, .. } => Some(*leaf),
            _ => None,
        };
        let Some(clients) = self.pending.remove(event, leaf) else {
            return;
        };
        for client in clients {
            self.outbox.reply(client, response.clone());
        }
        if leaf.is_none() {
            self.outbox.forget_later(*event);
        }
    }

    /// Forgets the receipts of applied events that are sealed by now.
    pub(crate) fn forget_sealed(&mut self) {
        let sealed = self.sealing.sealed();
        let sealed = sealed.map_or(0, |sealed| sealed.checkpoint.size());
        for event in self.pending.take_outdated(sealed) {
            self.outbox.forget_later(event);
        }
    }

    /// Tells of an event whose key has used its sequence for another one that is recorded: both
    /// signatures together are a proof against the key, so the second one is checked here.
    pub(crate) fn tell_second_use(&mut self, event: &SignedEvent) {
        let body = event.body();
        let Some(recorded) = self.ledger.outcome(&body.author, body.sequence) else {
            return;
        };
        let is_other = recorded.event != event.hash();
        if is_other && event.verify(&self.ledger.genesis().park()).is_ok() {
            let finding = Finding::SequenceUsed {
                leaf: recorded.leaf,
                event: Box::new(event.clone()),
            };
            self.outbox.push(Output::Found(finding));
        }
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

fn stored_receipt(receipt: &Receipt) -> StoredReceipt {
    StoredReceipt {
        event: receipt.body().event,
        node: receipt.body().node,
        receipt: receipt.bytes().to_vec(),
    }
}
