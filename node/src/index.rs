//! Where in the log a participant finds his own.
//!
//! It holds places, and of prices the figures; whoever asks reads the leaves from the history.
//! Rows of the latest leaves are in memory, all others in `DATA/index`, in sorted files that are
//! written once (`run`) and searched where they lie, so that neither memory nor the time of a start
//! grows with the log. All of it follows from the history and is made again where it is missing.

mod found;
mod result;
mod row;
mod run;
mod runs;
mod segment;

pub use found::{Days, Found, FoundIntervals};

use crate::history::{History, HistoryError};
use result::Outcome;
use row::{Kind, Span, event_key, key, seal_key, time_of_seal, when_of, whose_of};
use run::Run;
use runs::{Runs, SEGMENT_LEAVES};
use segment::Segment;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wattle_ledger::batch::SignedHeader;
use wattle_ledger::derived::{BundleState, Fact};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::{DeliveryInterval, LocalMonth, Timestamp};
use wattle_market::units::WattHours;

/// Places of leaves by what they are asked for.
#[derive(Debug)]
pub struct Index {
    runs: Runs,
    /// Rows of leaves that no run has.
    open: Segment,
    /// The last interval of each closed month.
    last_of: BTreeMap<LocalMonth, DeliveryInterval>,
    time: Timestamp,
    state_root: Option<Hash>,
    last_seal: Option<u64>,
    leaves: u64,
}

/// Why the index cannot go on; the node stops.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A file cannot be read or written.
    #[error("cannot use {path} of the index; check the folder, its permissions and free space")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what was written. It was removed.
    #[error(
        "{path} of the index was damaged and is removed; check the disk and start the node again, \
         which makes the file again from the history"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The history that it follows from cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The thread that writes it could not be started, or has ended.
    #[error("the thread that writes the index does not run; start the node again")]
    Thread,
}

impl IndexError {
    fn file(path: &Path, source: io::Error) -> IndexError {
        IndexError::File {
            path: path.to_owned(),
            source,
        }
    }
}

impl Index {
    /// Opens the index of a history in a folder, and makes what it lacks from the history's leaves.
    ///
    /// # Errors
    /// Any [`IndexError`].
    pub fn open(folder: &Path, history: &History) -> Result<Index, IndexError> {
        let runs = Runs::open(folder)?;
        let mut index = Index {
            open: Segment::from(runs.end()),
            runs,
            last_of: BTreeMap::new(),
            time: Timestamp(0),
            state_root: None,
            last_seal: None,
            leaves: 0,
        };
        index
            .load_months()
            .map_err(|source| IndexError::file(folder, source))?;
        let lacking = index.runs.end().min(history.size());
        index.leaves = history.seal_before(lacking)?;
        let size = history.size();
        history.read_again(index.leaves, |first, leaves| index.append(first, leaves))?;
        assert_eq!(index.leaves, size, "the history was read to its end");
        Ok(index)
    }

    fn load_months(&mut self) -> io::Result<()> {
        let span = Span::all(Kind::MonthEnd);
        let mut found = Vec::new();
        for run in self.runs.files() {
            run.places(&span, u64::MAX, &mut found)?;
        }
        let months = found.iter().map(|key| {
            let last = DeliveryInterval(when_of(key));
            (LocalMonth(whose_of(key)), last)
        });
        self.last_of = months.collect();
        Ok(())
    }

    /// Takes in leaves, of which the first has the given index.
    ///
    /// # Errors
    /// Any [`IndexError`].
    ///
    /// # Panics
    /// If a leaf does not decode: the replica has just encoded it.
    pub fn append(&mut self, first: u64, leaves: &[Vec<u8>]) -> Result<(), IndexError> {
        assert_eq!(first, self.leaves, "leaves are indexed without a gap");
        self.runs.poll()?;
        for (leaf, place) in leaves.iter().zip(first..) {
            let entry = Entry::decode(leaf).expect("the ledger's own leaves decode");
            self.take(entry, place);
            self.leaves += 1;
            if self.leaves.is_multiple_of(SEGMENT_LEAVES) && self.leaves > self.open.first {
                let next = Segment::from(self.leaves);
                let full = std::mem::replace(&mut self.open, next);
                self.runs.push(full, self.leaves)?;
            }
        }
        Ok(())
    }

    /// A participant's filled orders, at their gate or before it, by interval.
    pub fn trades(&self, of: ParticipantId, from: DeliveryInterval, to: DeliveryInterval) -> Found {
        self.find(Span::new(Kind::Trade, of.0, from.0, to.0))
    }

    /// A participant's bundles whose auction was held, by the first interval of their day.
    pub fn bundles(
        &self,
        of: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Found {
        self.find(Span::new(Kind::Bundle, of.0, from.0, to.0))
    }

    /// A participant's settled intervals: leaves of the initial and of the final run.
    pub fn settled(
        &self,
        of: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Found {
        self.find(Span::new(Kind::Settled, of.0, from.0, to.0))
    }

    /// A participant's deposits and withdrawals, by the time of their batch.
    pub fn funds(&self, of: ParticipantId, from: Timestamp, to: Timestamp) -> Found {
        self.find(Span::new(Kind::Funds, of.0, from.0, to.0))
    }

    /// What closed months brought a participant, by the last interval of the month; residue by the
    /// time of its batch.
    pub fn months_of(
        &self,
        of: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Found {
        self.find(Span::new(Kind::Month, of.0, from.0, to.0))
    }

    /// Leaves of events whose hash begins as this one does; whoever reads them compares the rest.
    pub fn event(&self, hash: &Hash) -> Found {
        self.find(Span::event(hash))
    }

    /// What cleared in a range of intervals, both ends included.
    pub fn cleared(&self, from: DeliveryInterval, to: DeliveryInterval) -> FoundIntervals {
        FoundIntervals(self.find_results(Span::new(Kind::Cleared, 0, from.0, to.0)))
    }

    /// Days of the price index that begin in a range of intervals, both ends included.
    pub fn days(&self, from: DeliveryInterval, to: DeliveryInterval) -> Days {
        Days(self.find_results(Span::new(Kind::Day, 0, from.0, to.0)))
    }

    /// The park's leaves on closed months.
    pub fn months(&self) -> Found {
        self.find(Span::all(Kind::ParkMonth))
    }

    /// The state root in the last seal leaf.
    pub fn state_root(&self) -> Option<Hash> {
        self.state_root
    }

    /// The size that ends with the log's last seal.
    pub fn last_seal(&self) -> Option<u64> {
        self.last_seal
    }

    /// The time of the first seal beyond a size. It is looked for in files only where nothing has
    /// sealed for long; one that cannot be read is as good as none.
    pub fn seal_after(&self, size: u64) -> Option<Timestamp> {
        self.last_seal.filter(|last| *last > size)?;
        let span = Span::new(Kind::Seal, 0, size + 1, u64::MAX);
        let in_files = self.runs.first_place(&span, size).ok().flatten();
        let first = in_files.or_else(|| {
            let mut waiting = Vec::new();
            for segment in self.runs.writing().chain([&self.open]) {
                segment.places(&span, self.leaves, &mut waiting);
            }
            waiting.first().copied()
        });
        first.map(|key| Timestamp(time_of_seal(&key)))
    }

    /// Files whose digest the scrub compares.
    pub(crate) fn files(&self) -> Vec<IndexFile> {
        self.runs.files().into_iter().map(IndexFile).collect()
    }

    fn find(&self, span: Span) -> Found {
        let mut recent = Vec::new();
        for segment in self.runs.writing().chain([&self.open]) {
            segment.places(&span, self.leaves, &mut recent);
        }
        Found {
            span,
            limit: self.leaves,
            runs: self.runs.files(),
            recent,
        }
    }

    fn find_results(&self, span: Span) -> found::Results {
        let mut recent = Vec::new();
        for segment in self.runs.writing().chain([&self.open]) {
            segment.results(&span, self.leaves, &mut recent);
        }
        found::Results {
            span,
            limit: self.leaves,
            runs: self.runs.files(),
            recent,
        }
    }

    fn put(&mut self, kind: Kind, whose: u32, when: u64, place: u64) {
        self.put_key(key(kind, whose, when, place), place);
    }

    fn put_key(&mut self, key: row::Key, place: u64) {
        // After a start from an older snapshot, runs know leaves that are applied again.
        if place >= self.open.first {
            self.open.places.insert(key);
        }
    }

    fn put_result(&mut self, kind: Kind, when: DeliveryInterval, place: u64, outcome: &Outcome) {
        if place >= self.open.first {
            let key = key(kind, 0, when.0, place);
            self.open.results.insert(key, outcome.encode());
        }
    }

    fn take(&mut self, entry: Entry, place: u64) {
        match entry {
            Entry::Genesis(_) | Entry::Voters { .. } => {}
            Entry::Batch { header, .. } => {
                let header = SignedHeader::parse(&header).expect("a recorded header decodes");
                self.time = header.body().time;
            }
            Entry::Event { signed, .. } => {
                self.put_key(event_key(&event_hash(&signed), place), place);
            }
            Entry::Derived {
                participant, fact, ..
            } => {
                for (interval, outcome) in Outcome::of(&fact) {
                    self.put_result(Kind::Cleared, interval, place, &outcome);
                }
                self.take_of_park(&fact, place);
                if let Some(participant) = participant {
                    self.take_own(participant.0, &fact, place);
                }
            }
            Entry::Seal { state_root } => {
                self.state_root = Some(state_root);
                self.last_seal = Some(place + 1);
                self.put_key(seal_key(place + 1, self.time.0, place), place);
            }
        }
    }

    fn take_of_park(&mut self, fact: &Fact, place: u64) {
        match fact {
            Fact::DayPriced {
                day,
                auction,
                pool,
                together,
            } => {
                let outcome = Outcome::Day {
                    auction: *auction,
                    pool: *pool,
                    together: *together,
                };
                self.put_result(Kind::Day, *day, place, &outcome);
            }
            Fact::MonthClosed {
                year, month, last, ..
            } => {
                let year = u32::try_from(*year).unwrap_or_default();
                if let Some(month) = LocalMonth::new(year, *month) {
                    self.last_of.insert(month, *last);
                    self.put(Kind::MonthEnd, month.0, last.0, place);
                }
            }
            Fact::MonthBalanced { .. }
            | Fact::UtilityBilled { .. }
            | Fact::UtilityBillReversed { .. } => self.put(Kind::ParkMonth, 0, 0, place),
            _ => {}
        }
    }

    fn take_own(&mut self, whose: u32, fact: &Fact, place: u64) {
        match fact {
            Fact::OrderClosed { item, filled, .. } if *filled > WattHours::ZERO => {
                self.put(Kind::Trade, whose, item.interval.0, place);
            }
            Fact::OrderMatched { item, .. } | Fact::JointFilled { item, .. } => {
                self.put(Kind::Trade, whose, item.interval.0, place);
            }
            Fact::PointSettled { interval, .. } | Fact::PointAdjusted { interval, .. } => {
                self.put(Kind::Settled, whose, interval.0, place);
            }
            Fact::FundsMoved { .. } => self.put(Kind::Funds, whose, self.time.0, place),
            Fact::ResidueMoved { .. } => {
                let interval = DeliveryInterval::containing(self.time);
                self.put(Kind::Month, whose, interval.0, place);
            }
            Fact::PointCharged { month, .. }
            | Fact::MonthInvoiced { month, .. }
            | Fact::DefaultCovered { month, .. }
            | Fact::GainCut { month, .. } => {
                let last = self.last_of.get(month).copied().unwrap_or_default();
                self.put(Kind::Month, whose, last.0, place);
            }
            Fact::BundleClosed {
                day, legs, state, ..
            } => {
                self.put(Kind::Bundle, whose, day.0, place);
                if *state == BundleState::Accepted {
                    for leg in legs {
                        self.put(Kind::Trade, whose, leg.interval.0, place);
                    }
                }
            }
            _ => {}
        }
    }
}

/// One file of the index.
#[derive(Debug, Clone)]
pub(crate) struct IndexFile(Arc<Run>);

impl IndexFile {
    /// Reads all of it. A damaged one is removed.
    ///
    /// # Errors
    /// [`IndexError::File`] and [`IndexError::Damaged`].
    pub(crate) fn check(&self) -> Result<(), IndexError> {
        runs::check(&self.0)
    }
}

#[cfg(test)]
mod tests;
