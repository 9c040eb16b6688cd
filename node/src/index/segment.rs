//! Rows of the leaves that are not in a run yet.

use super::row::{Key, Span, leaf_of};
use std::collections::{BTreeMap, BTreeSet};

/// A stretch of the log: its rows, sorted.
#[derive(Debug, Default, Clone)]
pub(super) struct Segment {
    /// Index of its first leaf.
    pub(super) first: u64,
    /// Rows that are places alone.
    pub(super) places: BTreeSet<Key>,
    /// Rows with a value.
    pub(super) results: BTreeMap<Key, Vec<u8>>,
}

impl Segment {
    pub(super) fn from(first: u64) -> Segment {
        Segment {
            first,
            ..Segment::default()
        }
    }

    /// Leaves below `limit` whose rows are within a span.
    pub(super) fn places(&self, span: &Span, limit: u64, take: &mut Vec<Key>) {
        if span.is_empty() {
            return;
        }
        let within = self.places.range(span.low..=span.high);
        take.extend(within.filter(|key| leaf_of(key) < limit));
    }

    /// Results of leaves below `limit` within a span.
    pub(super) fn results(&self, span: &Span, limit: u64, take: &mut Vec<(Key, Vec<u8>)>) {
        if span.is_empty() {
            return;
        }
        let within = self.results.range(span.low..=span.high);
        let known = within.filter(|(key, _)| leaf_of(key) < limit);
        take.extend(known.map(|(key, value)| (*key, value.clone())));
    }
}
