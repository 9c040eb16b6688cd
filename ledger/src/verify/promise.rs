//! Whether a promise was kept, judged from an export alone.
//!
//! The export must have been verified before, by [`crate::verify::verify`]: then every batch in it
//! is sealed, and its times and keys can be relied on.

use crate::batch::SignedHeader;
use crate::entry::Entry;
use crate::event::event_hash;
use crate::ledger::Ledger;
use crate::limits::EVENTS_PER_KEY_AND_HOUR_MAX;
use crate::receipt::{Promise, ReceiptError};
use crate::registration::NodeId;
use crate::verify::claim::Findings;
use crate::verify::entries::{Entries, EntriesError, IndexedEntry, genesis};
use crate::verify::replay::{Leaf, Replay};
use crate::verify::source::Source;
use wattle_market::interval::Timestamp;

/// Where an event stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Index of its leaf.
    pub leaf: u64,
    /// The time of its batch.
    pub time: Timestamp,
    /// 0 or a refusal's number for each item.
    pub outcome: Vec<u16>,
}

/// What an export shows of a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The event was recorded in time.
    Kept(Recorded),
    /// The deadline passed without the event, though nothing stood in its way.
    Broken {
        /// The last in the chain of receipts whose own deadline passed without it.
        by: NodeId,
        /// The first batch after the deadline, in which the log shows it.
        entry: u64,
        /// Where the event was recorded later.
        late: Option<Recorded>,
    },
    /// Nobody had to record it.
    Void(Void),
    /// The export ends before the deadline has passed.
    Open {
        /// The time of its last batch.
        log_ends: Timestamp,
    },
}

/// What stood in an event's way when its deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// Its key was not registered.
    UnknownKey,
    /// Its key had ended with this entry.
    KeyEnded(u64),
    /// Another event of the key has its sequence.
    SequenceUsed,
    /// An event of the key before it was not recorded.
    EarlierMissing,
    /// The key had recorded its quota of the hour.
    QuotaExceeded,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The export cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// The receipts promise nothing.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The export does not replay, and was not verified.
    #[error("the export does not replay; verify it first: wattle log verify")]
    Replay,
}

/// One receipt's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Kept,
    Broken(u64),
    Void(Void),
}

/// The promise on its way through the log.
struct Judge<'a> {
    promise: &'a Promise,
    fates: Vec<Fate>,
    recorded: Option<Recorded>,
    time: Timestamp,
}

/// Judges a promise by an export that was verified.
///
/// # Errors
/// Any [`JudgeError`].
pub fn judge(source: &dyn Source, promise: &Promise) -> Result<Verdict, JudgeError> {
    let genesis = genesis(source)?;
    let mut judge = Judge {
        promise,
        fates: vec![Fate::Open; promise.receipts.len()],
        recorded: None,
        time: Timestamp(0),
    };
    let mut findings = Findings::default();
    let mut replay = Replay::found(&genesis);
    for entry in Entries::open(source)?.skip(1) {
        let IndexedEntry { index, entry } = entry?;
        let leaf = Leaf {
            index,
            bytes: entry.encode(),
            entry: entry.clone(),
        };
        replay.leaf(leaf, &mut findings);
        judge.entry(index, &entry, replay.ledger());
    }
    replay.finish(&mut findings);
    if findings.has_failed() {
        return Err(JudgeError::Replay);
    }
    let nodes: Vec<_> = replay.ledger().members().records().cloned().collect();
    promise.verify(genesis.park(), &nodes)?;
    Ok(judge.verdict())
}

impl Judge<'_> {
    /// Takes in the next entry; the ledger is that of the batches before.
    fn entry(&mut self, index: u64, entry: &Entry, ledger: &Ledger) {
        match entry {
            Entry::Batch { header, .. } => {
                if let Ok(header) = SignedHeader::parse(header) {
                    self.time = header.body().time;
                    self.pass(index, ledger);
                }
            }
            Entry::Event { signed, outcome } if event_hash(signed) == self.promise.event.hash() => {
                self.recorded = Some(Recorded {
                    leaf: index,
                    time: self.time,
                    outcome: outcome.clone(),
                });
                for fate in self.fates.iter_mut().filter(|fate| **fate == Fate::Open) {
                    *fate = Fate::Kept;
                }
            }
            _ => {}
        }
    }

    /// A batch begins: what was promised by a time before its own is decided.
    fn pass(&mut self, index: u64, ledger: &Ledger) {
        let passed = |place: &usize| self.promise.receipts[*place].body().deadline < self.time;
        let due: Vec<usize> = (0..self.fates.len())
            .filter(|place| self.fates[*place] == Fate::Open)
            .filter(passed)
            .collect();
        for place in due {
            let deadline = self.promise.receipts[place].body().deadline;
            self.fates[place] = match self.hindrance(deadline, ledger) {
                Some(void) => Fate::Void(void),
                None => Fate::Broken(index),
            };
        }
    }

    /// What stood in the event's way at its deadline.
    fn hindrance(&self, deadline: Timestamp, ledger: &Ledger) -> Option<Void> {
        let body = self.promise.event.body();
        let keys = ledger.state().registry.keys();
        let Some(record) = keys.get(&body.author) else {
            return Some(Void::UnknownKey);
        };
        if let Some(leaf) = record.revoked {
            return Some(Void::KeyEnded(leaf));
        }
        if record.sequence >= body.sequence {
            return Some(Void::SequenceUsed);
        }
        if record.sequence + 1 < body.sequence {
            return Some(Void::EarlierMissing);
        }
        let counts = record.hour == deadline.0 / 3_600_000;
        let is_full = counts && record.hour_events >= EVENTS_PER_KEY_AND_HOUR_MAX;
        is_full.then_some(Void::QuotaExceeded)
    }

    fn verdict(self) -> Verdict {
        // The tenant's own receipt decides; the chain only says who is named.
        match self.fates[0] {
            Fate::Kept => Verdict::Kept(self.recorded.expect("a kept promise has its leaf")),
            Fate::Void(void) => Verdict::Void(void),
            Fate::Open => Verdict::Open {
                log_ends: self.time,
            },
            Fate::Broken(entry) => {
                let broken = |fate: &Fate| matches!(fate, Fate::Broken(_));
                let last = self.fates.iter().rposition(broken);
                let last = last.expect("the first is broken");
                Verdict::Broken {
                    by: self.promise.receipts[last].body().node,
                    entry,
                    late: self.recorded,
                }
            }
        }
    }
}
