//! What a replica starts from: the newest snapshot, the entries after it, and promises.

use crate::config::{NodeKeys, StartError};
use crate::outbox::Outbox;
use crate::output::{Durable, EntryId, Output, SignedHead, WriteBatch};
use crate::pending::Pending;
use crate::sealing::Sealing;
use crate::snapshot::{Roster, Snapshot};
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::{Genesis, NodeRecord};
use wattle_ledger::keys::PublicKey;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::receipt::Receipt;
use wattle_ledger::registration::NodeId;

/// Where the replay of entries begins.
pub(crate) struct Beginning {
    pub(crate) ledger: Ledger,
    /// The last entry that is applied in it.
    pub(crate) applied: u64,
    pub(crate) roster: Roster,
    /// The stored entries do not reach the snapshot: the node ended between the two writes with
    /// which it caught up.
    is_restarted: bool,
}

impl Beginning {
    /// Reads the snapshot, if there is one, and makes entries and hard state fit it.
    pub(crate) fn read(genesis: &Genesis, durable: &mut Durable) -> Result<Beginning, StartError> {
        check_entries(durable)?;
        let roster = founders(genesis);
        let Some(snapshot) = durable.snapshot.as_deref() else {
            if durable.start.index > 0 {
                return Err(without_snapshot(durable.start));
            }
            check_hard_state(durable)?;
            return Ok(Beginning {
                ledger: Ledger::found(genesis),
                applied: 0,
                roster,
                is_restarted: false,
            });
        };
        let entry = snapshot.head.entry;
        if durable.start.index > entry.index {
            return Err(without_snapshot(durable.start));
        }
        let beginning = Beginning {
            ledger: restore(genesis, snapshot)?,
            applied: entry.index,
            roster: snapshot.head.roster.clone(),
            is_restarted: term_of(durable, entry.index) != Some(entry.term),
        };
        if beginning.is_restarted {
            durable.start = entry;
            durable.entries.clear();
        }
        // A snapshot is of committed entries, and the commit index waits for the next write.
        durable.hard_state.commit = durable.hard_state.commit.max(entry.index);
        check_hard_state(durable)?;
        Ok(beginning)
    }

    /// Tells the node what follows from it: the first leaf or the seals that are signed, and what
    /// the store has to forget.
    pub(crate) fn tell(
        &self,
        genesis: &Genesis,
        durable: &Durable,
        sealing: &mut Sealing,
        outbox: &mut Outbox,
    ) -> Result<(), StartError> {
        sealing.set_members(self.ledger.members());
        let Some(snapshot) = durable.snapshot.as_deref() else {
            outbox.push(Output::Append {
                first: 0,
                leaves: vec![genesis.leaf()],
            });
            return Ok(());
        };
        let checkpoint = |seal: &SignedHead| {
            Checkpoint::new(genesis.origin(), seal.size, seal.root)
                .map_err(|error| invalid_snapshot(snapshot, &error))
        };
        let seals: Result<Vec<_>, _> = snapshot.head.seals.iter().map(checkpoint).collect();
        sealing.resume(seals?, outbox);
        if self.is_restarted {
            outbox.persist(WriteBatch {
                restarted: Some(durable.start),
                hard_state: Some(durable.hard_state),
                ..WriteBatch::default()
            });
        }
        Ok(())
    }
}

/// Who takes part when the park is founded.
pub(crate) fn founders(genesis: &Genesis) -> Roster {
    Roster {
        voters: genesis.body().nodes.iter().map(|node| node.id).collect(),
        learners: Vec::new(),
    }
}

fn restore(genesis: &Genesis, snapshot: &Snapshot) -> Result<Ledger, StartError> {
    let ledger = Ledger::restore(&snapshot.ledger, SignatureCheck::Verify)
        .map_err(|error| invalid_snapshot(snapshot, &error))?;
    if ledger.genesis().park() != genesis.park() {
        return Err(invalid_snapshot(snapshot, &"it is another park's"));
    }
    let (size, root) = (ledger.size(), ledger.root());
    if (size, root) != (snapshot.head.size, snapshot.head.root) {
        let reason = format!("its ledger has size {size} and root {root}");
        return Err(invalid_snapshot(snapshot, &reason));
    }
    if snapshot.head.roster != Roster::of(&ledger.members().membership()) {
        let reason = "its ledger has other members than its head";
        return Err(invalid_snapshot(snapshot, &reason));
    }
    Ok(ledger)
}

fn invalid_snapshot(snapshot: &Snapshot, reason: &dyn std::fmt::Display) -> StartError {
    StartError::Snapshot {
        index: snapshot.head.entry.index,
        reason: reason.to_string(),
    }
}

fn without_snapshot(start: EntryId) -> StartError {
    let reason = format!(
        "the entries begin after {}, and no snapshot reaches that far",
        start.index
    );
    StartError::DurableInvalid { reason }
}

fn term_of(durable: &Durable, index: u64) -> Option<u64> {
    match index.checked_sub(durable.start.index + 1) {
        None => (index == durable.start.index).then_some(durable.start.term),
        Some(at) => durable
            .entries
            .get(usize::try_from(at).ok()?)
            .map(|entry| entry.term),
    }
}

/// Takes over what clients were promised.
pub(crate) fn pending(node: NodeId, durable: &Durable) -> Result<Pending, StartError> {
    let mut pending = Pending::default();
    for stored in &durable.pending {
        let event = SignedEvent::parse(&stored.event).map_err(|rejection| {
            let reason = format!("a promised event is {}", rejection.name());
            StartError::DurableInvalid { reason }
        })?;
        pending.insert(event);
    }
    for stored in &durable.receipts {
        let receipt = Receipt::parse(&stored.receipt).map_err(|error| {
            let reason = format!("a receipt: {error}");
            StartError::DurableInvalid { reason }
        })?;
        pending.keep(receipt, node);
    }
    Ok(pending)
}

pub(crate) fn check_keys(
    genesis: &Genesis,
    node: NodeId,
    keys: &NodeKeys,
    registration: Option<&[u8]>,
) -> Result<(), StartError> {
    let nodes = &genesis.body().nodes;
    let founding = nodes.iter().find(|record| record.id == node).cloned();
    let shown = || registered(genesis, registration?).filter(|record| record.id == node);
    let record = founding.or_else(shown);
    let record = record.ok_or(StartError::UnknownNode(node))?;
    for (role, key, expected) in [
        ("batch", &keys.batch, record.batch),
        ("log", &keys.log, record.log),
        ("cosigner", &keys.cosigner, record.cosigner),
        ("receipt", &keys.receipt, record.receipt),
    ] {
        if key.public() != expected {
            return Err(StartError::OtherKey { node, role });
        }
    }
    Ok(())
}

/// The node that a registration is about. Whether the registrar signed it is for those to judge to
/// whom it is shown.
fn registered(genesis: &Genesis, registration: &[u8]) -> Option<NodeRecord> {
    let event = SignedEvent::parse(registration).ok()?;
    event.verify(&genesis.park()).ok()?;
    match &event.body().action {
        Action::RegisterNode(record) => Some(record.clone()),
        _ => None,
    }
}

/// Who signed a registration.
pub(crate) fn registrar(registration: &[u8]) -> Option<PublicKey> {
    let event = SignedEvent::parse(registration).ok()?;
    Some(event.body().author)
}

fn check_entries(durable: &Durable) -> Result<(), StartError> {
    let invalid = |reason: String| Err(StartError::DurableInvalid { reason });
    let mut last_term = durable.start.term.max(1);
    for (expected, entry) in (durable.start.index + 1..).zip(&durable.entries) {
        if entry.index != expected {
            return invalid(format!(
                "entry {} stands where {expected} belongs",
                entry.index
            ));
        }
        if entry.term < last_term {
            return invalid(format!("the term falls at entry {expected}"));
        }
        last_term = entry.term;
    }
    Ok(())
}

fn check_hard_state(durable: &Durable) -> Result<(), StartError> {
    let invalid = |reason: String| Err(StartError::DurableInvalid { reason });
    let hard_state = durable.hard_state;
    let last = durable.entries.last();
    let last = last.map_or(durable.start, |entry| EntryId {
        index: entry.index,
        term: entry.term,
    });
    if hard_state.commit > last.index {
        return invalid(format!(
            "{} is committed, but the entries end at {}",
            hard_state.commit, last.index
        ));
    }
    if hard_state.term < last.term {
        return invalid(format!(
            "term {} is below the last entry's",
            hard_state.term
        ));
    }
    Ok(())
}
