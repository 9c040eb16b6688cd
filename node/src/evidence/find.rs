//! From what the replica found to a file that stands alone.

use super::EvidenceStore;
use crate::history::History;
use std::io;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::evidence::{Evidence, Subject};
use wattle_ledger::ledger::Ledger;
use wattle_ledger::limits::EVIDENCE_REGISTRATIONS_MAX;
use wattle_replica::output::Finding;

impl EvidenceStore {
    /// The evidence that a finding comes to, if it is worth keeping. The first event of a sequence
    /// is read from the log, and so are the registrations that name the key.
    ///
    /// # Errors
    /// If the history cannot be read.
    pub fn of_finding(
        &self,
        finding: Finding,
        ledger: &Ledger,
        history: &History,
    ) -> io::Result<Option<Evidence>> {
        let (leaf, event) = match finding {
            Finding::Heads(evidence) => return Ok(Some(*evidence)),
            Finding::SequenceUsed { leaf, event } => (leaf, *event),
        };
        let (key, sequence) = (event.body().author, event.body().sequence);
        if !self.wants(&Subject::Events { key, sequence }) {
            return Ok(None);
        }
        let Some(first) = event_at(history, leaf)? else {
            return Ok(None);
        };
        let registrations = registrations(ledger, history, &event)?;
        let genesis = ledger.genesis();
        // Two signatures over one body are no contradiction, and nothing else fails here.
        Ok(Evidence::two_events(genesis, registrations, first, event).ok())
    }
}

fn event_at(history: &History, leaf: u64) -> io::Result<Option<SignedEvent>> {
    let bytes = history.leaf(leaf)?;
    Ok(bytes.and_then(|bytes| match Entry::decode(&bytes) {
        Ok(Entry::Event { signed, .. }) => SignedEvent::parse(&signed).ok(),
        _ => None,
    }))
}

/// The events that registered an event's author, from a key of the genesis on. Where they cannot
/// be told there are none: the evidence then convicts a key without a name.
fn registrations(
    ledger: &Ledger,
    history: &History,
    event: &SignedEvent,
) -> io::Result<Vec<SignedEvent>> {
    let body = ledger.genesis().body();
    let founding = [body.registrar, body.treasurer, body.regulator];
    let mut chain = Vec::new();
    let mut author = event.body().author;
    while !founding.contains(&author) {
        let record = ledger.state().registry.keys().get(&author);
        let added = match record {
            Some(record) if chain.len() < EVIDENCE_REGISTRATIONS_MAX => record.added,
            _ => return Ok(Vec::new()),
        };
        let Some(registration) = event_at(history, added)? else {
            return Ok(Vec::new());
        };
        author = registration.body().author;
        chain.push(registration);
    }
    chain.reverse();
    Ok(chain)
}
