//! Events that this node has promised its clients to carry.
//!
//! A promise is durable before the event leaves for the leader, and is carried again to each new
//! leader until the event is applied or can never be.

use crate::input::ClientId;
use crate::kept::Kept;
use crate::limits::{
    CLIENTS_PER_EVENT_MAX, FORWARD_BYTES_MAX, FORWARD_EVENTS_MAX, PENDING_BYTES_MAX,
    PENDING_EVENTS_MAX, RESEND_BYTES_MAX,
};
use std::collections::BTreeMap;
use std::ops::Bound;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::receipt::{RECEIPTS_MAX, Receipt};
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;

/// Promised events and who waits for them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    events: BTreeMap<Hash, Promise>,
    clients: BTreeMap<ClientId, Hash>,
    bytes: usize,
    /// Where the last round of sending ended; the next goes on behind it.
    sent: Option<Hash>,
    /// Where the last round of judging ended.
    judged: Option<Hash>,
    kept: Kept,
}

#[derive(Debug)]
struct Promise {
    event: SignedEvent,
    clients: Vec<ClientId>,
    /// This node's first, then those of leaders in the order in which they came.
    receipts: Vec<Receipt>,
}

impl Pending {
    /// Takes a promise over that was durable, or makes one.
    pub(crate) fn insert(&mut self, event: SignedEvent) {
        let hash = event.hash();
        let bytes = event.bytes().len();
        if self
            .events
            .insert(
                hash,
                Promise {
                    event,
                    clients: Vec::new(),
                    receipts: Vec::new(),
                },
            )
            .is_none()
        {
            self.bytes += bytes;
        }
    }

    /// Whether another event of `bytes` bytes may be promised.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.events.len() < PENDING_EVENTS_MAX && self.bytes + bytes <= PENDING_BYTES_MAX
    }

    /// Whether the event is promised.
    pub(crate) fn contains(&self, hash: &Hash) -> bool {
        self.events.contains_key(hash)
    }

    /// A promised event, also one that is applied and not sealed yet.
    pub(crate) fn event(&self, hash: &Hash) -> Option<&SignedEvent> {
        let promise = self.events.get(hash).map(|promise| &promise.event);
        promise.or_else(|| self.kept.event(hash))
    }

    /// The receipts for a promised event, also for one that is applied and not sealed yet: this
    /// node's first.
    pub(crate) fn receipts(&self, hash: &Hash) -> &[Receipt] {
        self.events
            .get(hash)
            .map_or(self.kept.receipts(hash), |promise| {
                promise.receipts.as_slice()
            })
    }

    /// Keeps a receipt for a promised event: `own` ones stand first, and of each node the first
    /// one stays. Whether it was kept.
    pub(crate) fn keep(&mut self, receipt: Receipt, own: NodeId) -> bool {
        let body = *receipt.body();
        let promised = self.events.get_mut(&body.event);
        let promised = promised.map(|promise| &mut promise.receipts);
        let Some(receipts) = promised.or_else(|| self.kept.receipts_mut(&body.event)) else {
            return false;
        };
        let is_known = receipts.iter().any(|known| known.body().node == body.node);
        if is_known || receipts.len() >= RECEIPTS_MAX {
            return false;
        }
        let place = if body.node == own { 0 } else { receipts.len() };
        receipts.insert(place, receipt);
        true
    }

    /// How many promises are open.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Lets a client wait for a promised event; `false` if too many wait for it already.
    pub(crate) fn wait(&mut self, hash: &Hash, client: ClientId) -> bool {
        let promise = self
            .events
            .get_mut(hash)
            .expect("clients wait for promised events");
        if promise.clients.len() >= CLIENTS_PER_EVENT_MAX {
            return false;
        }
        promise.clients.push(client);
        self.clients.insert(client, *hash);
        true
    }

    /// A client waits no longer; the promise stays.
    pub(crate) fn leave(&mut self, client: ClientId) {
        let Some(hash) = self.clients.remove(&client) else {
            return;
        };
        let promise = self
            .events
            .get_mut(&hash)
            .expect("clients wait for promised events");
        promise.clients.retain(|waiting| *waiting != client);
    }

    /// Ends a promise; those who wait for it, if it was one. Of an event that is applied the
    /// receipts are kept, under its leaf.
    pub(crate) fn remove(&mut self, hash: &Hash, leaf: Option<u64>) -> Option<Vec<ClientId>> {
        let promise = self.events.remove(hash)?;
        self.bytes -= promise.event.bytes().len();
        for client in &promise.clients {
            self.clients.remove(client);
        }
        if let Some(leaf) = leaf {
            self.kept.insert(leaf, promise.event, promise.receipts);
        }
        Some(promise.clients)
    }

    /// Applied events whose receipts need not be kept any longer: a seal of this size covers them,
    /// or there are too many.
    pub(crate) fn take_outdated(&mut self, sealed: u64) -> Vec<Hash> {
        self.kept.take_outdated(sealed)
    }

    /// All promised events.
    pub(crate) fn events(&self) -> impl Iterator<Item = &SignedEvent> {
        self.events.values().map(|promise| &promise.event)
    }

    /// The next events to be sent again, in messages that fit.
    pub(crate) fn next_round(&mut self) -> Vec<Vec<Vec<u8>>> {
        let mut messages: Vec<Vec<Vec<u8>>> = Vec::new();
        let (mut round_bytes, mut message_bytes) = (0, 0);
        let mut last = self.sent;
        for (hash, promise) in self.behind(self.sent) {
            let bytes = promise.event.bytes();
            round_bytes += bytes.len();
            if round_bytes > RESEND_BYTES_MAX {
                break;
            }
            let fits = messages.last().is_some_and(|message| {
                message.len() < FORWARD_EVENTS_MAX
                    && message_bytes + bytes.len() <= FORWARD_BYTES_MAX
            });
            if !fits {
                messages.push(Vec::new());
                message_bytes = 0;
            }
            message_bytes += bytes.len();
            messages
                .last_mut()
                .expect("one was just made")
                .push(bytes.to_vec());
            last = Some(*hash);
        }
        self.sent = last;
        messages
    }

    /// The next few promised events, to be judged again.
    pub(crate) fn next_judged(&mut self, count: usize) -> Vec<SignedEvent> {
        let some: Vec<(Hash, SignedEvent)> = self
            .behind(self.judged)
            .take(count)
            .map(|(hash, promise)| (*hash, promise.event.clone()))
            .collect();
        self.judged = some.last().map(|(hash, _)| *hash).or(self.judged);
        some.into_iter().map(|(_, event)| event).collect()
    }

    /// All promises once, beginning behind a hash.
    fn behind(&self, hash: Option<Hash>) -> impl Iterator<Item = (&Hash, &Promise)> {
        let after = hash.map_or(Bound::Unbounded, Bound::Excluded);
        let until = hash.map_or(Bound::Excluded(Hash::ZERO), Bound::Included);
        let behind = self.events.range((after, Bound::Unbounded));
        behind.chain(self.events.range((Bound::Unbounded, until)))
    }
}

/// Whether an event that was refused for this reason when it was applied can never be recorded
/// later, so that its promise ends. The others may still be: a key may yet be registered, the
/// sequences before it may yet arrive, and a quota is new every hour.
pub(crate) fn is_final(rejection: Rejection) -> bool {
    match rejection {
        Rejection::UnknownKey | Rejection::WrongSequence | Rejection::QuotaExceeded => false,
        Rejection::MalformedEvent
        | Rejection::EventTooLarge
        | Rejection::BadSignature
        | Rejection::KeyRevoked
        | Rejection::SequenceUsed
        | Rejection::OutcomeForgotten => true,
        other => {
            panic!(
                "{} is a refusal of a recorded event, which is an outcome",
                other.name()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::event::{Action, EventBody};
    use wattle_ledger::keys::SigningKey;
    use wattle_ledger::registration::ParticipantId;
    use wattle_market::interval::Timestamp;
    use wattle_market::units::Money;

    fn event(sequence: u64, reference_bytes: usize) -> SignedEvent {
        let key = SigningKey::from_seed(&[1; 32]);
        let body = EventBody {
            version: 0,
            author: key.public(),
            sequence,
            issued_at: Timestamp(0),
            action: Action::Deposit {
                participant: ParticipantId(1),
                amount: Money(1),
                reference: "x".repeat(reference_bytes),
            },
        };
        SignedEvent::sign(&Hash::ZERO, &body, &key)
    }

    #[test]
    fn rounds_are_bounded_and_reach_every_promise() {
        let mut pending = Pending::default();
        for sequence in 1..=30 {
            pending.insert(event(sequence, 40_000));
        }
        let mut sent = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let round = pending.next_round();
            let bytes: usize = round.iter().flatten().map(Vec::len).sum();
            assert!(bytes <= RESEND_BYTES_MAX && !round.is_empty());
            assert!(round.iter().all(|message| message.len() == 1));
            sent.extend(round.into_iter().flatten());
        }
        assert_eq!(sent.len(), 30);
        let mut judged = std::collections::BTreeSet::new();
        for _ in 0..5 {
            judged.extend(pending.next_judged(7).iter().map(SignedEvent::hash));
        }
        assert_eq!(judged.len(), 30);
    }

    #[test]
    fn small_events_share_messages() {
        let mut pending = Pending::default();
        assert!(pending.next_round().is_empty());
        for sequence in 1..=300 {
            pending.insert(event(sequence, 10));
        }
        let round = pending.next_round();
        assert_eq!(round.len(), 2);
        assert_eq!(round[0].len(), FORWARD_EVENTS_MAX);
    }

    #[test]
    fn clients_wait_leave_and_are_answered_once() {
        let mut pending = Pending::default();
        let event = event(1, 10);
        pending.insert(event.clone());
        pending.insert(event.clone());
        let room = CLIENTS_PER_EVENT_MAX as u64;
        assert!((0..room).all(|client| pending.wait(&event.hash(), ClientId(client))));
        assert!(!pending.wait(&event.hash(), ClientId(room)));
        pending.leave(ClientId(0));
        pending.leave(ClientId(0));
        pending.leave(ClientId(99));
        assert!(pending.wait(&event.hash(), ClientId(room)));
        let clients = pending.remove(&event.hash(), None).unwrap();
        assert_eq!(clients, (1..=room).map(ClientId).collect::<Vec<_>>());
        assert_eq!(pending.remove(&event.hash(), Some(4)), None);
        assert_eq!(
            (pending.len(), pending.bytes, pending.clients.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn room_is_bounded_by_number_and_bytes() {
        let mut pending = Pending::default();
        assert!(pending.has_room(PENDING_BYTES_MAX));
        pending.insert(event(1, 10));
        assert!(!pending.has_room(PENDING_BYTES_MAX));
        assert!(pending.has_room(60_000));
    }

    #[test]
    fn every_refusal_that_leaves_no_leaf_is_judged_for_finality() {
        let without_leaf = Rejection::ALL
            .iter()
            .filter(|rejection| rejection.code() < 100);
        let open: Vec<_> = without_leaf
            .filter(|rejection| !is_final(**rejection))
            .map(|r| r.name())
            .collect();
        assert_eq!(open, ["unknown_key", "wrong_sequence", "quota_exceeded"]);
    }
}
