//! What a client was told stays true: each acknowledged event is in the log exactly once, at the
//! leaf and with the outcome that he was told.

use crate::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::rejection::Rejection;
use wattle_replica::output::Response;

/// What clients were told.
#[derive(Debug, Default)]
pub struct Acknowledgements {
    committed: BTreeMap<Hash, (u64, Vec<u16>)>,
    refused: BTreeSet<Hash>,
}

fn fail(what: String) -> Result<(), Failure> {
    Err(Failure::Correctness {
        checker: "acknowledgements",
        what,
    })
}

impl Acknowledgements {
    /// A client is told of an event.
    ///
    /// # Errors
    /// If he or another one was told something else before.
    pub fn observe(&mut self, event: Hash, response: &Response) -> Result<(), Failure> {
        match response {
            Response::Committed { leaf, outcome, .. } => {
                let told = (*leaf, outcome.clone());
                let before = self.committed.entry(event).or_insert_with(|| told.clone());
                if *before != told {
                    return fail(format!("event {event} was {before:?} and is now {told:?}"));
                }
            }
            Response::Refused(Rejection::SequenceUsed | Rejection::KeyRevoked) => {
                self.refused.insert(event);
            }
            _ => {}
        }
        if self.refused.contains(&event) && self.committed.contains_key(&event) {
            return fail(format!(
                "event {event} was refused for good and is committed"
            ));
        }
        Ok(())
    }

    /// How many events were acknowledged.
    pub fn count(&self) -> usize {
        self.committed.len()
    }

    /// Compares with the final log.
    ///
    /// # Errors
    /// If an acknowledged event is not there as it was told, or any event is there twice, or one
    /// that was refused for good.
    pub fn check_log(&self, leaves: &[Vec<u8>]) -> Result<(), Failure> {
        let mut recorded = BTreeMap::new();
        for (index, leaf) in (0u64..).zip(leaves) {
            let Ok(Entry::Event { signed, outcome }) = Entry::decode(leaf) else {
                continue;
            };
            let event = event_hash(&signed);
            if let Some((first, _)) = recorded.insert(event, (index, outcome)) {
                return fail(format!("event {event} is in leaves {first} and {index}"));
            }
            if self.refused.contains(&event) {
                return fail(format!(
                    "event {event} was refused for good and is leaf {index}"
                ));
            }
        }
        for (event, told) in &self.committed {
            let found = recorded.get(event);
            if found != Some(told) {
                return fail(format!(
                    "event {event} was acknowledged as {told:?}, found {found:?}"
                ));
            }
        }
        Ok(())
    }
}
