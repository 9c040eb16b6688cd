//! Raft entries in blocks of several, named by the first one's index.
//!
//! A record for each entry would cost several times as much. A block is never extended: each
//! write makes blocks of its own, so that nothing is written twice unless Raft replaces it.

use super::{ENTRY_PREFIX, StorageError, chunk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use wattle_ledger::codec;
use wattle_ledger::limits::{BATCH_BYTES_MAX, DECODE_BYTES_MAX};
use wattle_replica::output::StoredEntry;

/// A block is closed when it has this many bytes. The last entry may reach beyond; a batch has at
/// most 64 KiB, so that the block can always be decoded.
const BLOCK_BYTES: usize = 16 * 1024;
/// What an entry takes up beside its data.
const ENTRY_BYTES: usize = 24;

const _: () = assert!(2 * (BLOCK_BYTES + ENTRY_BYTES) + BATCH_BYTES_MAX <= DECODE_BYTES_MAX);

/// Which blocks there are, by the index of the first entry of each.
#[derive(Debug)]
pub(super) struct Blocks {
    folder: PathBuf,
    bounds: BTreeMap<u64, Bound>,
    /// Entries up to this one are gone or not read any more.
    start: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bound {
    /// Index of the block's last entry.
    last: u64,
    /// Records that the block is cut into.
    records: usize,
}

/// A block's key: the index is big-endian, so that blocks lie in order.
pub(super) fn key(first: u64) -> Vec<u8> {
    [&[ENTRY_PREFIX][..], &first.to_be_bytes()].concat()
}

impl Blocks {
    /// No blocks; the folder is named in errors.
    pub(super) fn new(folder: &Path) -> Blocks {
        Blocks {
            folder: folder.to_owned(),
            bounds: BTreeMap::new(),
            start: 0,
        }
    }

    /// Where the log begins, before blocks are read.
    pub(super) fn begin_after(&mut self, start: u64) {
        self.start = start;
    }

    /// Adds to `changes` what removes all entries; the log goes on after `start`.
    pub(super) fn restart(&mut self, start: u64, changes: &mut sled::Batch) {
        for (first, bound) in std::mem::take(&mut self.bounds) {
            chunk::remove(&key(first), bound.records, changes);
        }
        self.start = start;
    }

    /// Adds to `changes` what removes blocks of which every entry is one up to `start`. A block
    /// that reaches beyond stays whole, and what is read from it begins after `start`.
    pub(super) fn compact(&mut self, start: u64, changes: &mut sled::Batch) {
        self.start = start;
        while let Some(block) = self.bounds.first_entry() {
            if block.get().last > start {
                break;
            }
            let (first, bound) = block.remove_entry();
            chunk::remove(&key(first), bound.records, changes);
        }
    }

    /// A block that was read.
    pub(super) fn note(&mut self, entries: &[StoredEntry], records: usize) {
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            self.bounds.insert(
                first.index,
                Bound {
                    last: last.index,
                    records,
                },
            );
        }
    }

    /// Index of the last entry, or of the one that the log begins after.
    pub(super) fn last(&self) -> u64 {
        self.bounds
            .last_key_value()
            .map_or(self.start, |(_, bound)| bound.last)
    }

    /// Adds to `changes` what replaces everything from the first of `entries` on by them.
    pub(super) fn replace(
        &mut self,
        database: &sled::Db,
        entries: &[StoredEntry],
        changes: &mut sled::Batch,
    ) -> Result<(), StorageError> {
        let Some(first) = entries.first() else {
            return Ok(());
        };
        let last = self.last();
        assert!(
            first.index <= last + 1,
            "Raft never leaves a gap between entries"
        );
        self.cut(database, first.index, changes)?;
        let mut block = Vec::new();
        let mut bytes = 0;
        for entry in entries {
            bytes += entry.data.len() + ENTRY_BYTES;
            block.push(entry);
            if bytes >= BLOCK_BYTES {
                self.insert(&std::mem::take(&mut block), changes);
                bytes = 0;
            }
        }
        if !block.is_empty() {
            self.insert(&block, changes);
        }
        Ok(())
    }

    /// Removes everything from `index` on.
    fn cut(
        &mut self,
        database: &sled::Db,
        index: u64,
        changes: &mut sled::Batch,
    ) -> Result<(), StorageError> {
        let removed = self.bounds.split_off(&index);
        for (first, bound) in removed {
            chunk::remove(&key(first), bound.records, changes);
        }
        let Some((&first, &bound)) = self.bounds.last_key_value() else {
            return Ok(());
        };
        if bound.last < index {
            return Ok(());
        }
        let corrupt = |reason: &str| StorageError::Corrupt {
            path: self.folder.clone(),
            reason: reason.to_owned(),
        };
        let value = chunk::read(&key(first), bound.records, database)
            .map_err(|error| StorageError::sled(&self.folder, error))?
            .ok_or_else(|| corrupt("a block of entries has vanished"))?;
        let entries: Vec<StoredEntry> =
            codec::decode(&value).map_err(|error| corrupt(&error.to_string()))?;
        let kept: Vec<&StoredEntry> = entries.iter().filter(|entry| entry.index < index).collect();
        chunk::remove(&key(first), bound.records, changes);
        self.insert(&kept, changes);
        Ok(())
    }

    fn insert(&mut self, entries: &[&StoredEntry], changes: &mut sled::Batch) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let records = chunk::insert(&key(first.index), &encode(entries), changes);
        self.bounds.insert(
            first.index,
            Bound {
                last: last.index,
                records,
            },
        );
    }
}

/// The encoding of a list of entries, which [`codec::decode`] reads as `Vec<StoredEntry>`.
fn encode(entries: &[&StoredEntry]) -> Vec<u8> {
    let mut bytes = codec::encode(&(entries.len() as u64));
    for entry in entries {
        bytes.extend(codec::encode(*entry));
    }
    bytes
}
