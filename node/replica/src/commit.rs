//! What is committed becomes true here: leaves, answers and seals.

use crate::output::{Alarm, Output, Response, StoredEntry};
use crate::pending::is_final;
use crate::replica::Replica;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::ledger::{Applied, EventOutcome};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;

impl Replica {
    /// Applies committed entries in order. The same code runs when the log is replayed at start.
    pub(crate) fn apply_committed(&mut self, now: Timestamp, entries: Vec<StoredEntry>) {
        for entry in entries {
            assert_eq!(
                entry.index,
                self.applied + 1,
                "entries are applied in order"
            );
            self.applied = entry.index;
            self.snapshots.on_applied(&entry);
            if !entry.data.is_empty() {
                self.apply_batch(now, &entry);
            }
            if self.outbox.is_stopped() {
                return;
            }
        }
    }

    fn apply_batch(&mut self, now: Timestamp, entry: &StoredEntry) {
        let first = self.ledger.size();
        let mut applied = self.ledger.apply(entry.term, &entry.data);
        assert_eq!(applied.first, first, "leaves follow those that are there");
        if let Some(refusal) = applied.refused.take().filter(|_| self.is_resumed) {
            let alarm = Alarm::BatchRefused {
                index: entry.index,
                reason: refusal.to_string(),
            };
            self.outbox.alarm(alarm);
        }
        let changed = applied.changed;
        let used = |outcome: &EventOutcome| outcome.result == Err(Rejection::SequenceUsed);
        let is_used_again = applied.outcomes.iter().any(used);
        let sealed = self.take_applied(applied);
        if let Some(step) = changed {
            self.on_step(&step);
        }
        if is_used_again {
            self.tell_second_uses(&entry.data);
        }
        if let Some(size) = sealed.filter(|_| self.is_resumed) {
            self.sealing.sign(size, now, &mut self.outbox);
        }
    }

    /// What a batch did becomes leaves and answers; the size that it sealed, which is not signed
    /// yet.
    pub(crate) fn take_applied(&mut self, applied: Applied) -> Option<u64> {
        if !applied.leaves.is_empty() {
            self.outbox.push(Output::Append {
                first: applied.first,
                leaves: applied.leaves,
            });
        }
        for outcome in applied.outcomes {
            self.on_outcome(outcome);
        }
        if applied.changed.is_some() {
            self.sealing.set_members(self.ledger.members());
        }
        let checkpoint = applied.sealed?;
        let size = checkpoint.size();
        self.sealing.on_seal(checkpoint, &mut self.outbox);
        Some(size)
    }

    /// A committed batch had an event whose sequence was used: whoever led took it before he knew.
    fn tell_second_uses(&mut self, data: &[u8]) {
        let batch = Batch::decode(data).expect("events of a batch that decodes have outcomes");
        for bytes in &batch.events {
            if let Ok(event) = SignedEvent::parse(bytes) {
                self.tell_second_use(&event);
            }
        }
    }

    /// The ledger's word on an event ends its wait and answers those who wait for it here.
    fn on_outcome(&mut self, outcome: EventOutcome) {
        self.queue.remove(&outcome.event);
        let response = match outcome.result {
            Ok(recorded) => Response::Committed {
                event: outcome.event,
                leaf: recorded.leaf,
                outcome: recorded.outcome,
            },
            Err(rejection) if is_final(rejection) => Response::Refused(rejection),
            Err(_) => return,
        };
        self.keep_promise(&outcome.event, &response);
    }
}
