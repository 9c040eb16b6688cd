//! What was found: rows in memory at the time of the question, and the files that have the others.
//! Files are read by whoever asked, not by the node's loop.

use super::result::{self, Cleared, Outcome};
use super::row::{Key, Span, leaf_of, when_of};
use super::run::Run;
use std::io;
use std::sync::Arc;
use wattle_client::api::{ClearedInterval, IndexedDay};
use wattle_ledger::codec;
use wattle_market::interval::DeliveryInterval;

/// Places that were asked for.
#[derive(Debug)]
pub struct Found {
    pub(super) span: Span,
    pub(super) limit: u64,
    pub(super) runs: Vec<Arc<Run>>,
    pub(super) recent: Vec<Key>,
}

impl Found {
    /// Leaves with the interval or time that each was found by, in the order of the log.
    ///
    /// # Errors
    /// If a file of the index cannot be read.
    pub fn places(self) -> io::Result<Vec<(u64, u64)>> {
        let mut keys = self.recent;
        for run in &self.runs {
            run.places(&self.span, self.limit, &mut keys)?;
        }
        let mut places: Vec<(u64, u64)> = keys
            .iter()
            .map(|key| (when_of(key), leaf_of(key)))
            .collect();
        places.sort_unstable_by_key(|(when, leaf)| (*leaf, *when));
        Ok(places)
    }

    /// The leaves alone, each once, in the order of the log.
    ///
    /// # Errors
    /// If a file of the index cannot be read.
    pub fn leaves(self) -> io::Result<Vec<u64>> {
        let places = self.places()?;
        let mut leaves: Vec<u64> = places.into_iter().map(|(_, leaf)| leaf).collect();
        leaves.dedup();
        Ok(leaves)
    }
}

/// Rows with values that were asked for.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) span: Span,
    pub(super) limit: u64,
    pub(super) runs: Vec<Arc<Run>>,
    pub(super) recent: Vec<(Key, Vec<u8>)>,
}

impl Results {
    /// Intervals, leaves and outcomes, in the order of the log.
    fn rows(self) -> io::Result<Vec<(DeliveryInterval, u64, Outcome)>> {
        let mut rows = self.recent;
        for run in &self.runs {
            run.results(&self.span, self.limit, &mut rows)?;
        }
        rows.sort_unstable_by_key(|(key, _)| (leaf_of(key), when_of(key)));
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        rows.into_iter()
            .map(|(key, value)| {
                let outcome = codec::decode(&value).map_err(invalid)?;
                Ok((DeliveryInterval(when_of(&key)), leaf_of(&key), outcome))
            })
            .collect()
    }
}

/// Cleared intervals that were asked for.
#[derive(Debug)]
pub struct FoundIntervals(pub(super) Results);

impl FoundIntervals {
    /// The intervals in order.
    ///
    /// # Errors
    /// If a file of the index cannot be read.
    pub fn intervals(self) -> io::Result<Vec<ClearedInterval>> {
        let mut cleared = Cleared::default();
        for (interval, leaf, outcome) in self.0.rows()? {
            cleared.take(interval, leaf, outcome);
        }
        Ok(cleared.into_intervals())
    }
}

/// Days of the price index that were asked for.
#[derive(Debug)]
pub struct Days(pub(super) Results);

impl Days {
    /// The days in order.
    ///
    /// # Errors
    /// If a file of the index cannot be read.
    pub fn days(self) -> io::Result<Vec<IndexedDay>> {
        let rows = self.0.rows()?.into_iter();
        let days = rows.filter_map(|(day, leaf, outcome)| result::day(day, leaf, outcome));
        let mut days: Vec<IndexedDay> = days.collect();
        days.sort_by_key(|day| day.day);
        Ok(days)
    }
}
