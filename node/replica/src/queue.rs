//! What waits at the leader, and what of it goes into the next batch.

use crate::limits::{QUEUE_BYTES_MAX, QUEUE_EVENTS_MAX};
use std::collections::BTreeMap;
use std::ops::Bound;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX};

/// Judged events that wait at the leader, each in its key's sequence.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    by_key: BTreeMap<PublicKey, BTreeMap<u64, Waiting>>,
    places: BTreeMap<Hash, (PublicKey, u64)>,
    bytes: usize,
    /// The last key served, so that the next batch begins behind it and no key starves.
    served: Option<PublicKey>,
}

#[derive(Debug)]
struct Waiting {
    hash: Hash,
    event: Vec<u8>,
}

impl Queue {
    /// Takes an event in. Nothing happens if it waits already, if another event waits in its
    /// place (only one of the two can be recorded), or if the queue is full: who promised the
    /// event sends it again.
    pub(crate) fn insert(&mut self, event: &SignedEvent) {
        let (author, sequence) = (event.body().author, event.body().sequence);
        let is_full = self.places.len() >= QUEUE_EVENTS_MAX
            || self.bytes + event.bytes().len() > QUEUE_BYTES_MAX;
        let sequences = self.by_key.entry(author).or_default();
        if !is_full && !sequences.contains_key(&sequence) {
            let waiting = Waiting {
                hash: event.hash(),
                event: event.bytes().to_vec(),
            };
            self.bytes += waiting.event.len();
            self.places.insert(waiting.hash, (author, sequence));
            sequences.insert(sequence, waiting);
        }
        self.tidy(&author);
    }

    /// Takes an event out that was applied or refused.
    pub(crate) fn remove(&mut self, hash: &Hash) {
        let Some((author, sequence)) = self.places.remove(hash) else {
            return;
        };
        let sequences = self
            .by_key
            .get_mut(&author)
            .expect("each place is in both maps");
        let waiting = sequences
            .remove(&sequence)
            .expect("each place is in both maps");
        self.bytes -= waiting.event.len();
        self.tidy(&author);
    }

    /// Whether the event waits.
    pub(crate) fn contains(&self, hash: &Hash) -> bool {
        self.places.contains_key(hash)
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The events of the next batch: of each key those that continue its sequence without a gap,
    /// as many as fit. They stay in the queue until they are applied.
    pub(crate) fn pack(&mut self, next: impl Fn(&PublicKey) -> Option<u64>) -> Vec<Vec<u8>> {
        self.remove_passed(&next);
        let after = self.served.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.by_key.range((after, Bound::Unbounded));
        let until = self
            .served
            .map_or(Bound::Excluded(PublicKey([0; 32])), Bound::Included);
        let before = self.by_key.range((Bound::Unbounded, until));
        let mut events = Vec::new();
        let mut bytes = Batch::OVERHEAD_BYTES;
        let mut served = self.served;
        for (author, sequences) in behind.chain(before) {
            let Some(first) = next(author) else { continue };
            for sequence in first.. {
                let Some(waiting) = sequences.get(&sequence) else {
                    break;
                };
                bytes += Batch::added_bytes(&waiting.event);
                if bytes > BATCH_BYTES_MAX || events.len() == BATCH_EVENTS_MAX {
                    self.served = served;
                    return events;
                }
                events.push(waiting.event.clone());
                served = Some(*author);
            }
        }
        self.served = served;
        events
    }

    /// Takes out what another event of its sequence has come before, in a batch of an earlier
    /// leader.
    fn remove_passed(&mut self, next: impl Fn(&PublicKey) -> Option<u64>) {
        let passed = self.by_key.iter().flat_map(|(author, sequences)| {
            let first = next(author).unwrap_or(0);
            sequences.range(..first).map(|(_, waiting)| waiting.hash)
        });
        for hash in passed.collect::<Vec<Hash>>() {
            self.remove(&hash);
        }
    }

    fn tidy(&mut self, author: &PublicKey) {
        if self.by_key.get(author).is_some_and(BTreeMap::is_empty) {
            self.by_key.remove(author);
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

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&[seed; 32])
    }

    fn event(seed: u8, sequence: u64, reference_bytes: usize) -> SignedEvent {
        let body = EventBody {
            version: 0,
            author: key(seed).public(),
            sequence,
            issued_at: Timestamp(0),
            action: Action::Deposit {
                participant: ParticipantId(1),
                amount: Money(1),
                reference: "x".repeat(reference_bytes),
            },
        };
        SignedEvent::sign(&Hash::ZERO, &body, &key(seed))
    }

    fn packed(queue: &mut Queue, next: u64) -> Vec<(PublicKey, u64)> {
        let events = queue.pack(|_| Some(next));
        let bodies = events
            .iter()
            .map(|event| SignedEvent::parse(event).unwrap());
        bodies
            .map(|event| (event.body().author, event.body().sequence))
            .collect()
    }

    #[test]
    fn each_keys_events_continue_its_sequence_without_a_gap() {
        let mut queue = Queue::default();
        for sequence in [5, 3, 2, 9] {
            queue.insert(&event(1, sequence, 1));
        }
        let author = key(1).public();
        assert_eq!(packed(&mut queue, 2), [(author, 2), (author, 3)]);
        assert_eq!(packed(&mut queue, 4), []);
        assert_eq!(queue.len(), 2, "what was passed waits no longer");
        assert_eq!(packed(&mut queue, 5), [(author, 5)]);
        assert_eq!(queue.len(), 2);
        assert!(queue.pack(|_| None).is_empty());
    }

    #[test]
    fn a_batch_stays_within_its_bounds_and_no_key_starves() {
        let mut queue = Queue::default();
        for seed in 1..=3 {
            for sequence in 1..=4 {
                queue.insert(&event(seed, sequence, 9_000));
            }
        }
        let mut next = BTreeMap::new();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let events = queue.pack(|author| Some(*next.get(author).unwrap_or(&1)));
            let batch = Batch::sign(
                Hash::ZERO,
                (Default::default(), &key(9)),
                1,
                Timestamp(0),
                events,
            );
            assert!(batch.encode().len() <= BATCH_BYTES_MAX);
            assert!(batch.events.len() >= 5);
            for bytes in &batch.events {
                let event = SignedEvent::parse(bytes).unwrap();
                next.insert(event.body().author, event.body().sequence + 1);
                queue.remove(&event.hash());
                seen.push(event.body().author);
            }
        }
        assert_eq!(seen.len(), 12);
        assert_eq!((queue.len(), queue.bytes, queue.by_key.len()), (0, 0, 0));
    }

    #[test]
    fn many_small_events_are_bounded_by_number() {
        let mut queue = Queue::default();
        let body = |sequence| EventBody {
            version: 0,
            author: key(1).public(),
            sequence,
            issued_at: Timestamp(0),
            action: Action::RevokeKey {
                key: key(2).public(),
            },
        };
        for sequence in 1..=600 {
            queue.insert(&SignedEvent::sign(&Hash::ZERO, &body(sequence), &key(1)));
        }
        let events = queue.pack(|_| Some(1));
        let size: usize = events.iter().map(|event| Batch::added_bytes(event)).sum();
        assert!(events.len() < 600 && size + 2 * 160 + Batch::OVERHEAD_BYTES > BATCH_BYTES_MAX);
    }

    #[test]
    fn of_two_events_with_one_sequence_the_first_stays() {
        let mut queue = Queue::default();
        let (first, second) = (event(1, 1, 1), event(1, 1, 2));
        queue.insert(&first);
        queue.insert(&first);
        queue.insert(&second);
        assert!(queue.contains(&first.hash()) && !queue.contains(&second.hash()));
        assert_eq!(queue.len(), 1);
        queue.remove(&second.hash());
        queue.remove(&first.hash());
        assert_eq!((queue.len(), queue.bytes), (0, 0));
    }

    #[test]
    fn a_full_queue_takes_no_more() {
        let mut queue = Queue {
            bytes: QUEUE_BYTES_MAX,
            ..Queue::default()
        };
        queue.insert(&event(1, 1, 1));
        assert_eq!((queue.len(), queue.by_key.len()), (0, 0));
    }
}
