//! The leader's batches: when one is proposed and with what time.

use crate::replica::Replica;
use wattle_ledger::batch::Batch;
use wattle_market::interval::Timestamp;

impl Replica {
    /// Whether whatever is in the log is applied, the entry that opened this term included:
    /// sequences, time and members then stand as the next batch will find them.
    pub(crate) fn may_propose(&self) -> bool {
        let is_caught_up = self.applied == self.consensus.last_index() && self.catch_up.is_none();
        self.consensus.is_leader() && is_caught_up && !self.is_window_full()
    }

    /// Proposes the next batch if this node leads, nothing is in flight and there is a reason to:
    /// events that wait, or something that the clock makes due. Whether it did.
    pub(crate) fn propose_if_due(&mut self, now: Timestamp) -> bool {
        if !self.may_propose() {
            return false;
        }
        let ledger = &self.ledger;
        let events = self.queue.pack(|author| ledger.next_sequence(author));
        let is_due = self.may_propose_empty && ledger.next_due() <= now;
        if events.is_empty() && !is_due {
            return false;
        }
        if events.is_empty() {
            // Once a tick at most, so that a long backlog of settlements leaves room for the rest.
            self.may_propose_empty = false;
        }
        let time = ledger.state().clock().time.max(now);
        let term = self.consensus.term();
        let leader = (self.node, &self.batch_key);
        let batch = Batch::sign(ledger.genesis().park(), leader, term, time, events);
        self.consensus.propose(batch.encode())
    }
}
