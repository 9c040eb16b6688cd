//! Rows of the index: what is asked for, and the leaf that has it, in one sortable key.
//!
//! ```text
//! kind u8 ‖ whose u32 ‖ when u64 ‖ more (11 bytes) ‖ leaf u64        big-endian
//! kind u8 ‖ the first 23 bytes of an event's hash ‖ leaf u64
//! ```

use wattle_ledger::hash::Hash;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a value with its length before it; only results have one.
pub(super) const VALUE_BYTES: usize = 64;
/// Bytes of an event's hash that are kept. Whoever finds a leaf by them compares the whole hash.
const HASH_BYTES: usize = 23;

/// A row without a value.
pub(super) type Key = [u8; KEY_BYTES];

/// What a row is about. Numbers are never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// An event, by its hash.
    Event = 1,
    /// A participant's order that was filled, by interval.
    Trade = 2,
    /// A participant's bundle, by the first interval of its day.
    Bundle = 3,
    /// A participant's settled interval.
    Settled = 4,
    /// A participant's deposit or withdrawal, by the time of its batch.
    Funds = 5,
    /// What a closed month brought a participant, by its last interval.
    Month = 6,
    /// What cleared in an interval; has a value.
    Cleared = 7,
    /// A day of the price index, by its first interval; has a value.
    Day = 8,
    /// The park's leaves on closed months.
    ParkMonth = 9,
    /// A seal, by the size that ends with it; `more` begins with the time of its batch.
    Seal = 10,
    /// The last interval of a closed month, whose number is in the place of `whose`.
    MonthEnd = 11,
}

/// A key by its parts.
pub(super) fn key(kind: Kind, whose: u32, when: u64, leaf: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = kind as u8;
    key[1..5].copy_from_slice(&whose.to_be_bytes());
    key[5..13].copy_from_slice(&when.to_be_bytes());
    key[24..].copy_from_slice(&leaf.to_be_bytes());
    key
}

/// A seal's key.
pub(super) fn seal_key(size: u64, time: u64, leaf: u64) -> Key {
    let mut key = key(Kind::Seal, 0, size, leaf);
    key[13..21].copy_from_slice(&time.to_be_bytes());
    key
}

/// An event's key.
pub(super) fn event_key(hash: &Hash, leaf: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = Kind::Event as u8;
    key[1..=HASH_BYTES].copy_from_slice(&hash.0[..HASH_BYTES]);
    key[24..].copy_from_slice(&leaf.to_be_bytes());
    key
}

fn number(key: &Key, at: usize) -> u64 {
    let bytes = key[at..at + 8].try_into();
    u64::from_be_bytes(bytes.expect("eight bytes are eight bytes"))
}

/// The leaf that a key leads to.
pub(super) fn leaf_of(key: &Key) -> u64 {
    number(key, 24)
}

/// Interval, time or size that a key is sorted by.
pub(super) fn when_of(key: &Key) -> u64 {
    number(key, 5)
}

/// The time of a seal.
pub(super) fn time_of_seal(key: &Key) -> u64 {
    number(key, 13)
}

/// The month of a month's end.
pub(super) fn whose_of(key: &Key) -> u32 {
    let bytes = key[1..5].try_into();
    u32::from_be_bytes(bytes.expect("four bytes are four bytes"))
}

/// The keys between two, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) low: Key,
    pub(super) high: Key,
}

impl Span {
    /// Everything of a kind about one subject in a range, both ends included.
    pub(super) fn new(kind: Kind, whose: u32, from: u64, to: u64) -> Span {
        let mut high = key(kind, whose, to, u64::MAX);
        high[13..24].fill(u8::MAX);
        Span {
            low: key(kind, whose, from, 0),
            high,
        }
    }

    /// Everything of a kind.
    pub(super) fn all(kind: Kind) -> Span {
        Span {
            high: Span::new(kind, u32::MAX, u64::MAX, 0).high,
            ..Span::new(kind, 0, 0, 0)
        }
    }

    /// Events whose hash begins as this one does.
    pub(super) fn event(hash: &Hash) -> Span {
        Span {
            low: event_key(hash, 0),
            high: event_key(hash, u64::MAX),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.low > self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_subject_then_range_then_leaf() {
        let span = Span::new(Kind::Settled, 7, 10, 12);
        let inside = |kind, whose, when, leaf| {
            let key = key(kind, whose, when, leaf);
            (span.low..=span.high).contains(&key)
        };
        assert!(inside(Kind::Settled, 7, 10, 0) && inside(Kind::Settled, 7, 12, u64::MAX));
        assert!(!inside(Kind::Settled, 7, 9, 5) && !inside(Kind::Settled, 7, 13, 0));
        assert!(!inside(Kind::Settled, 8, 11, 0) && !inside(Kind::Trade, 7, 11, 0));
        let seal = seal_key(300, 77, 299);
        let all = Span::all(Kind::Seal);
        assert!((all.low..=all.high).contains(&seal));
        assert_eq!(
            (when_of(&seal), time_of_seal(&seal), leaf_of(&seal)),
            (300, 77, 299)
        );
        let hash = Hash([9; 32]);
        let span = Span::event(&hash);
        assert!((span.low..=span.high).contains(&event_key(&hash, 12)));
        assert!(!(span.low..=span.high).contains(&event_key(&Hash([8; 32]), 12)));
        assert_eq!(whose_of(&key(Kind::MonthEnd, 24_000, 5, 6)), 24_000);
        assert!(Span::new(Kind::Trade, 1, 5, 4).is_empty());
    }
}
