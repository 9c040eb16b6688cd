//! Outputs on their way to whoever performs them.

use crate::input::ClientId;
use crate::message::PeerMessage;
use crate::output::{
    Alarm, EntryId, Output, PendingEvent, Response, StoredHardState, StoredReceipt, WriteBatch,
};
use std::collections::VecDeque;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::NodeId;

/// Outputs in order, and what may wait for the next write.
///
/// Every write costs the disk a synchronization. What need not be durable at once (how far entries
/// are committed, which promises are kept) therefore waits for a write that is needed anyway.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Output>,
    waiting: WriteBatch,
    stopped: bool,
}

impl Outbox {
    /// The next output to be performed.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Whether all outputs were taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether [`Output::Stop`] was the last output.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Appends an output; nothing follows a stop.
    pub(crate) fn push(&mut self, output: Output) {
        if !self.stopped {
            self.stopped = matches!(output, Output::Stop { .. });
            self.queue.push_back(output);
        }
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, to: NodeId, message: &PeerMessage) {
        self.push(Output::Send {
            to,
            bytes: message.encode(),
        });
    }

    /// Answers a client.
    pub(crate) fn reply(&mut self, client: ClientId, response: Response) {
        self.push(Output::Reply { client, response });
    }

    /// Tells the operator.
    pub(crate) fn alarm(&mut self, alarm: Alarm) {
        self.push(Output::Alarm(alarm));
    }

    /// Writes, together with what was waiting and with what is to be written in this turn already.
    ///
    /// To write earlier than asked is always safe, since whatever must wait for the write comes
    /// after it all the same; so a turn costs the disk one synchronization at most.
    pub(crate) fn persist(&mut self, write: WriteBatch) {
        let mut whole = std::mem::take(&mut self.waiting);
        merge(&mut whole, write);
        let queued = self.queue.iter_mut().find_map(|output| match output {
            Output::Persist(queued) => Some(queued),
            _ => None,
        });
        match queued {
            Some(queued) if !self.stopped => merge(queued, whole),
            _ => self.push(Output::Persist(whole)),
        }
    }

    /// A hard state of which only the commit index is new; it goes with the next write.
    pub(crate) fn persist_later(&mut self, hard_state: StoredHardState) {
        self.waiting.hard_state = Some(hard_state);
    }

    /// A leader's receipt; it goes with the next write.
    pub(crate) fn keep_later(&mut self, receipt: StoredReceipt) {
        self.waiting.receipts_added.push(receipt);
    }

    /// A promise that is kept or void; it goes with the next write.
    pub(crate) fn forget_later(&mut self, event: Hash) {
        let others = |receipt: &StoredReceipt| receipt.event != event;
        self.waiting.receipts_added.retain(others);
        self.waiting.pending_removed.push(event);
    }

    /// Entries that a durable snapshot stands for; they go with the next write.
    pub(crate) fn compact_later(&mut self, entry: EntryId) {
        self.waiting.compacted = Some(entry);
    }

    /// Writes what is waiting, if anything is.
    pub(crate) fn flush(&mut self) {
        if self.waiting != WriteBatch::default() {
            self.persist(WriteBatch::default());
        }
    }
}

/// Lets `first` do what it and then `second` would have done.
fn merge(first: &mut WriteBatch, second: WriteBatch) {
    if second.restarted.is_some() {
        first.entries.clear();
        first.compacted = None;
        first.restarted = second.restarted;
    }
    if let Some(from) = second.entries.first() {
        first.entries.retain(|entry| entry.index < from.index);
        first.entries.extend(second.entries);
    }
    first.compacted = second.compacted.or(first.compacted);
    first.hard_state = second.hard_state.or(first.hard_state);
    first.signed = second.signed.or(first.signed);
    // An event that is promised and forgotten in one turn may have been stored before.
    let hash = |pending: &PendingEvent| event_hash(&pending.event);
    first
        .pending_added
        .retain(|pending| !second.pending_removed.contains(&hash(pending)));
    first
        .receipts_added
        .retain(|receipt| !second.pending_removed.contains(&receipt.event));
    first.receipts_added.extend(second.receipts_added);
    first.pending_removed.extend(second.pending_removed);
    // One that was forgotten may be promised again: the promise is what counts.
    let added: Vec<Hash> = second.pending_added.iter().map(hash).collect();
    first.pending_removed.retain(|hash| !added.contains(hash));
    first.pending_added.extend(second.pending_added);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{SignedHead, StoredEntry};

    fn hard_state(commit: u64) -> StoredHardState {
        StoredHardState {
            term: 1,
            vote: 1,
            commit,
        }
    }

    #[test]
    fn what_waits_goes_with_the_next_write_and_never_replaces_newer() {
        let mut outbox = Outbox::default();
        outbox.flush();
        assert!(outbox.is_drained());
        outbox.persist_later(hard_state(1));
        outbox.forget_later(Hash([1; 32]));
        assert!(outbox.is_drained());
        outbox.persist(WriteBatch {
            hard_state: Some(hard_state(2)),
            ..WriteBatch::default()
        });
        let write = WriteBatch {
            hard_state: Some(hard_state(2)),
            pending_removed: vec![Hash([1; 32])],
            ..WriteBatch::default()
        };
        assert_eq!(outbox.poll(), Some(Output::Persist(write)));
        outbox.flush();
        assert!(outbox.is_drained());
    }

    #[test]
    fn an_event_promised_again_is_not_forgotten_by_the_same_write() {
        let mut outbox = Outbox::default();
        let event = b"event".to_vec();
        outbox.forget_later(event_hash(&event));
        let pending_added = vec![PendingEvent { event }];
        let write = WriteBatch {
            pending_added,
            ..WriteBatch::default()
        };
        outbox.persist(write.clone());
        assert_eq!(outbox.poll(), Some(Output::Persist(write)));
    }

    #[test]
    fn the_writes_of_one_turn_become_the_first_of_them() {
        let entries = |indexes: std::ops::RangeInclusive<u64>, term| {
            let entry = |index| StoredEntry {
                index,
                term,
                data: Vec::new(),
            };
            indexes.map(entry).collect::<Vec<_>>()
        };
        let kept = PendingEvent {
            event: b"kept".to_vec(),
        };
        let gone = PendingEvent {
            event: b"gone".to_vec(),
        };
        let mut outbox = Outbox::default();
        outbox.persist(WriteBatch {
            entries: entries(4..=6, 1),
            hard_state: Some(hard_state(1)),
            pending_added: vec![gone.clone(), kept.clone()],
            ..WriteBatch::default()
        });
        outbox.reply(ClientId(1), Response::Busy);
        let signed = Some(SignedHead {
            size: 9,
            root: Hash([1; 32]),
        });
        outbox.persist(WriteBatch {
            entries: entries(6..=7, 2),
            signed,
            pending_removed: vec![event_hash(&gone.event)],
            ..WriteBatch::default()
        });
        let whole = WriteBatch {
            entries: [entries(4..=5, 1), entries(6..=7, 2)].concat(),
            hard_state: Some(hard_state(1)),
            signed,
            pending_added: vec![kept],
            pending_removed: vec![event_hash(&gone.event)],
            ..WriteBatch::default()
        };
        assert_eq!(outbox.poll(), Some(Output::Persist(whole)));
        assert!(matches!(outbox.poll(), Some(Output::Reply { .. })));
        assert!(outbox.is_drained());
        outbox.persist(WriteBatch {
            signed,
            ..WriteBatch::default()
        });
        assert!(
            matches!(outbox.poll(), Some(Output::Persist(_))),
            "another turn, another write"
        );
    }

    #[test]
    fn what_a_new_beginning_removed_does_not_come_back() {
        let entry = |index| StoredEntry {
            index,
            term: 1,
            data: Vec::new(),
        };
        let id = |index| EntryId { index, term: 2 };
        let mut outbox = Outbox::default();
        outbox.compact_later(id(3));
        outbox.persist(WriteBatch {
            entries: vec![entry(4)],
            ..WriteBatch::default()
        });
        outbox.persist(WriteBatch {
            restarted: Some(id(9)),
            entries: vec![entry(10)],
            ..WriteBatch::default()
        });
        outbox.compact_later(id(10));
        outbox.flush();
        let whole = WriteBatch {
            restarted: Some(id(9)),
            entries: vec![entry(10)],
            compacted: Some(id(10)),
            ..WriteBatch::default()
        };
        assert_eq!(outbox.poll(), Some(Output::Persist(whole)));
    }

    #[test]
    fn nothing_follows_a_stop() {
        let mut outbox = Outbox::default();
        outbox.push(Output::Stop {
            reason: String::new(),
        });
        outbox.reply(ClientId(1), Response::Busy);
        assert!(outbox.is_stopped());
        assert!(matches!(outbox.poll(), Some(Output::Stop { .. })));
        assert!(outbox.is_drained());
    }
}
