//! The parts of a view: leaves with their indices.

use crate::codec;
use crate::log::MAX_LEAF_BYTES;

/// The longest part. A part is only ended by a record that would make it longer, so each view has
/// exactly one division into parts.
pub const PART_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes before a leaf: its index and its length.
const HEAD_BYTES: usize = 16;

/// A leaf with its place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Index of the leaf.
    pub index: u64,
    /// Its bytes.
    pub leaf: &'a [u8],
}

impl Record<'_> {
    /// Bytes of the record in a part.
    pub fn encoded_bytes(&self) -> usize {
        HEAD_BYTES + self.leaf.len()
    }
}

/// Why bytes are no part of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// It ends inside a record.
    #[error("it ends inside the record at byte {at}")]
    CutOff {
        /// Where the record begins.
        at: usize,
    },
    /// A leaf is longer than any can be.
    #[error("the leaf at byte {at} is longer than 65,535 bytes")]
    LongLeaf {
        /// Where its record begins.
        at: usize,
    },
    /// The indices do not ascend.
    #[error("index {index} does not follow the one before it")]
    Order {
        /// The index that is not above the one before.
        index: u64,
    },
    /// It has no record.
    #[error("it is empty")]
    Empty,
    /// It is longer than a part can be.
    #[error("it is longer than 4 MiB")]
    TooLong,
}

/// Reads a part.
///
/// # Errors
/// Any [`PartError`].
pub fn parse_part(bytes: &[u8]) -> Result<Vec<Record<'_>>, PartError> {
    if bytes.is_empty() {
        return Err(PartError::Empty);
    }
    if bytes.len() > PART_BYTES_MAX {
        return Err(PartError::TooLong);
    }
    let mut records: Vec<Record<'_>> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let cut_off = PartError::CutOff { at };
        let (index, after) = rest.split_first_chunk::<8>().ok_or(cut_off)?;
        let (length, after) = after.split_first_chunk::<8>().ok_or(cut_off)?;
        let length = usize::try_from(u64::from_le_bytes(*length))
            .ok()
            .filter(|length| *length <= MAX_LEAF_BYTES)
            .ok_or(PartError::LongLeaf { at })?;
        let (leaf, after) = after.split_at_checked(length).ok_or(cut_off)?;
        let index = u64::from_le_bytes(*index);
        if records.last().is_some_and(|last| last.index >= index) {
            return Err(PartError::Order { index });
        }
        records.push(Record { index, leaf });
        rest = after;
    }
    Ok(records)
}

/// Makes parts of leaves that come in order.
#[derive(Debug, Default)]
pub struct PartWriter {
    part: Vec<u8>,
}

impl PartWriter {
    /// Takes in a leaf; gives the part that it found full.
    pub fn push(&mut self, record: Record<'_>) -> Option<Vec<u8>> {
        let is_full = self.part.len() + record.encoded_bytes() > PART_BYTES_MAX;
        let full = is_full.then(|| std::mem::take(&mut self.part));
        self.part.extend(codec::encode(&record.index));
        self.part.extend(codec::encode(&(record.leaf.len() as u64)));
        self.part.extend_from_slice(record.leaf);
        full
    }

    /// The last part, unless there was no leaf.
    pub fn finish(self) -> Option<Vec<u8>> {
        Some(self.part).filter(|part| !part.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_equals_the_written_out_bytes() {
        let mut writer = PartWriter::default();
        let records = [
            Record {
                index: 0,
                leaf: b"ab",
            },
            Record {
                index: 258,
                leaf: b"",
            },
        ];
        assert!(records.iter().all(|record| writer.push(*record).is_none()));
        let part = writer.finish().unwrap();
        let mut expected = vec![0; 8];
        expected.extend([2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
        expected.extend([2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(part, expected);
        assert_eq!(parse_part(&part).unwrap(), records);
        assert_eq!(PartWriter::default().finish(), None);
    }

    #[test]
    fn a_part_ends_where_the_next_leaf_would_make_it_too_long() {
        let mut writer = PartWriter::default();
        let leaf = vec![7; MAX_LEAF_BYTES];
        let mut parts = Vec::new();
        for index in 0..130 {
            parts.extend(writer.push(Record { index, leaf: &leaf }));
        }
        parts.extend(writer.finish());
        let lengths: Vec<usize> = parts
            .iter()
            .map(|part| parse_part(part).unwrap().len())
            .collect();
        // 64 records of 65,551 bytes do not fit into 4 MiB.
        assert_eq!(lengths, [63, 63, 4]);
    }

    #[test]
    fn bytes_that_are_no_part_are_refused() {
        let mut writer = PartWriter::default();
        writer.push(Record {
            index: 5,
            leaf: b"abc",
        });
        writer.push(Record {
            index: 6,
            leaf: b"d",
        });
        let part = writer.finish().unwrap();
        assert_eq!(parse_part(b""), Err(PartError::Empty));
        assert_eq!(
            parse_part(&vec![0; PART_BYTES_MAX + 1]),
            Err(PartError::TooLong)
        );
        for length in (1..part.len()).filter(|length| *length != 19) {
            let at = if length < 19 { 0 } else { 19 };
            assert_eq!(parse_part(&part[..length]), Err(PartError::CutOff { at }));
        }
        let mut same = part.clone();
        same[19] = 5;
        assert_eq!(parse_part(&same), Err(PartError::Order { index: 5 }));
        let mut long = part;
        long[10] = 1;
        assert_eq!(parse_part(&long), Err(PartError::LongLeaf { at: 0 }));
    }
}
