//! From what the replica found to a file that stands alone.

use super::EvidenceStore;
use crate::history::History;
use std::collections::BTreeSet;
use std::io;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::evidence::{Contradiction, Evidence, Subject};
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::limits::EVIDENCE_REGISTRATIONS_MAX;
use wattle_ledger::membership;
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
            Finding::Heads(evidence) => {
                return Ok(Some(with_newcomers(*evidence, ledger, history)?));
            }
            Finding::SequenceUsed { leaf, event } => (leaf, *event),
        };
        let (key, sequence) = (event.body().author, event.body().sequence);
        if !self.wants(&Subject::Events { key, sequence }) {
            return Ok(None);
        }
        let Some(first) = event_at(history, leaf)? else {
            return Ok(None);
        };
        let registrations = registrations(ledger, history, &event.body().author)?;
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

/// The same heads with the registrations of those nodes under them that are not in the genesis, so
/// that it alone vouches for them. Where that cannot be done, the evidence as it is.
fn with_newcomers(evidence: Evidence, ledger: &Ledger, history: &History) -> io::Result<Evidence> {
    let members = ledger.members();
    let nodes: Vec<NodeRecord> = members.records().cloned().collect();
    let policy = membership::policy(ledger.genesis(), &nodes);
    let Ok(verdict) = evidence.judge(Some(&policy)) else {
        return Ok(evidence);
    };
    let Contradiction::Heads { first, second, .. } = verdict.contradiction else {
        return Ok(evidence);
    };
    let signers = first.signers.union(&second.signers);
    let keys: BTreeSet<PublicKey> = signers.map(|signer| signer.key).collect();
    let mut chain: Vec<SignedEvent> = Vec::new();
    for (_, row) in members.registered().iter() {
        let record = &row.record;
        if !keys.contains(&record.log) && !keys.contains(&record.cosigner) {
            continue;
        }
        let Some(registration) = event_at(history, row.leaf)? else {
            return Ok(evidence);
        };
        let author = registration.body().author;
        let before = registrations(ledger, history, &author)?;
        for event in before.into_iter().chain([registration]) {
            if !chain.contains(&event) {
                chain.push(event);
            }
        }
    }
    if chain.is_empty() {
        return Ok(evidence);
    }
    let whole = evidence.clone().with_registrations(chain, Some(&policy));
    Ok(whole.unwrap_or(evidence))
}

/// The events that registered an author, from a key of the genesis on. Where they cannot
/// be told there are none: the evidence then convicts a key without a name.
fn registrations(
    ledger: &Ledger,
    history: &History,
    author: &PublicKey,
) -> io::Result<Vec<SignedEvent>> {
    let body = ledger.genesis().body();
    let founding = [body.registrar, body.treasurer, body.regulator];
    let mut chain = Vec::new();
    let mut author = *author;
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
