//! What changes: Raft entries, hard state, the last signed checkpoint, promised events.
//!
//! The only file that knows sled. sled 0.34 has pitfalls that this file exists to keep away:
//!
//! * Its `flush` does not fsync on Linux (it calls `sync_file_range`). After each flush its own
//!   file, `db`, is synced through a handle of ours; the folder is synced when it is made.
//! * A page of more than 128 KiB goes to a file of its own, in `blobs`, that no sync reaches. A
//!   page holds up to sixteen records before it is split, so that values of 64 KiB already do it.
//!   Ours are cut into records of at most [`VALUE_BYTES_MAX`]; a test watches the folder.
//! * A kill while it opens leaves `snap.*.generating` behind, which it then cannot read. They are
//!   removed before it opens, under a lock of our own.
//!
//! One tree holds everything, so that one batch is atomic; the first byte of a key is its kind.

mod block;
mod chunk;
mod error;

pub use error::StorageError;

use crate::folder;
use block::Blocks;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use wattle_ledger::codec;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::registration::NodeId;
use wattle_replica::output::{Durable, PendingEvent, StoredEntry, StoredReceipt, WriteBatch};

/// A record's value is at most this long: sixteen and one of them, with their keys, are half of
/// what sled writes into its own file as one page.
pub const VALUE_BYTES_MAX: usize = 4 * 1024;
/// The version of what is written here. Another one is refused.
const FORMAT: u32 = 0;
/// sled's page cache; what it needs is read once at start.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// How long sled's threads may take to let go of a folder that was closed.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);

const FORMAT_KEY: &[u8] = b"f";
const IDENTITY_KEY: &[u8] = b"i";
const HARD_STATE_KEY: &[u8] = b"h";
const SIGNED_KEY: &[u8] = b"s";
/// The entry before the first one that is kept; without it the log begins with entry 1.
const START_KEY: &[u8] = b"c";
const ENTRY_PREFIX: u8 = b'e';
const PENDING_PREFIX: u8 = b'p';
const RECEIPT_PREFIX: u8 = b'r';

/// The open store of one node.
#[derive(Debug)]
pub struct Storage {
    folder: PathBuf,
    database: sled::Db,
    /// sled's own file, to be synced after it.
    file: File,
    blocks: Blocks,
    /// Promised events with the number of their records.
    pending: BTreeMap<Hash, usize>,
    /// Who has promised each of them.
    receipts: BTreeMap<Hash, BTreeSet<NodeId>>,
    unsynced: bool,
    syncs: u64,
    /// Held while the store is open; closing the file releases it.
    _lock: File,
}

/// Whose data a folder holds: a park's id and a node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Identity {
    /// The park.
    pub park: Hash,
    /// The node.
    pub node: NodeId,
}

impl Storage {
    /// Opens the store in a folder, making it if the folder is empty, and reads what is durable.
    ///
    /// # Errors
    /// Any [`StorageError`]; each says what to do.
    pub fn open(folder: &Path, identity: Identity) -> Result<(Storage, Durable), StorageError> {
        Storage::open_with(folder, identity, true)
    }

    /// Opens the store of a node that has run before: one that is empty now has forgotten its
    /// votes, and is refused without a trace.
    ///
    /// # Errors
    /// Any [`StorageError`]; each says what to do.
    pub fn reopen(folder: &Path, identity: Identity) -> Result<(Storage, Durable), StorageError> {
        Storage::open_with(folder, identity, false)
    }

    fn open_with(
        folder: &Path,
        identity: Identity,
        may_be_new: bool,
    ) -> Result<(Storage, Durable), StorageError> {
        let failed = |source| StorageError::Folder {
            path: folder.to_owned(),
            source,
        };
        folder::create(folder).map_err(failed)?;
        let lock = lock(folder)?;
        remove_half_written_snapshots(folder).map_err(failed)?;
        let database = open_sled(folder).map_err(|error| StorageError::open(folder, error))?;
        let file = File::options()
            .write(true)
            .open(folder.join("db"))
            .map_err(failed)?;
        let mut storage = Storage {
            folder: folder.to_owned(),
            database,
            file,
            blocks: Blocks::new(folder),
            pending: BTreeMap::new(),
            receipts: BTreeMap::new(),
            unsynced: true,
            syncs: 0,
            _lock: lock,
        };
        storage.check_identity(identity, may_be_new)?;
        // What sled recovered may never have been synced: it must be before anything is said.
        storage.sync()?;
        folder::sync(folder).map_err(failed)?;
        let durable = storage.load()?;
        Ok((storage, durable))
    }

    /// Writes a batch, all of it or nothing. It is durable only after [`Storage::sync`].
    ///
    /// # Errors
    /// [`StorageError::Sled`]; the process must then end, since what was written is not known.
    pub fn write(&mut self, batch: &WriteBatch) -> Result<(), StorageError> {
        let mut changes = sled::Batch::default();
        if let Some(start) = batch.restarted {
            self.blocks.restart(start.index, &mut changes);
        }
        self.blocks
            .replace(&self.database, &batch.entries, &mut changes)?;
        if let Some(start) = batch.compacted {
            self.blocks.compact(start.index, &mut changes);
        }
        if let Some(start) = batch.compacted.or(batch.restarted) {
            changes.insert(START_KEY, codec::encode(&start));
        }
        if let Some(hard_state) = batch.hard_state {
            changes.insert(HARD_STATE_KEY, codec::encode(&hard_state));
        }
        if let Some(signed) = batch.signed {
            changes.insert(SIGNED_KEY, codec::encode(&signed));
        }
        for pending in &batch.pending_added {
            let event = sha256(&[&pending.event]);
            let records = chunk::insert(&pending_key(&event), &pending.event, &mut changes);
            self.pending.insert(event, records);
        }
        for stored in &batch.receipts_added {
            changes.insert(
                receipt_key(&stored.event, stored.node),
                stored.receipt.as_slice(),
            );
            let nodes = self.receipts.entry(stored.event).or_default();
            nodes.insert(stored.node);
        }
        for event in &batch.pending_removed {
            if let Some(records) = self.pending.remove(event) {
                chunk::remove(&pending_key(event), records, &mut changes);
            }
            for node in self.receipts.remove(event).unwrap_or_default() {
                changes.remove(receipt_key(event, node));
            }
        }
        self.database
            .apply_batch(changes)
            .map_err(|error| self.failed(error))?;
        self.unsynced = true;
        Ok(())
    }

    /// Makes all that was written durable.
    ///
    /// # Errors
    /// [`StorageError::Sled`] and [`StorageError::Sync`]; the process must then end: the system
    /// may have dropped what it could not write, and a second try would say that all is well.
    pub fn sync(&mut self) -> Result<(), StorageError> {
        if !self.unsynced {
            return Ok(());
        }
        self.database.flush().map_err(|error| self.failed(error))?;
        self.file.sync_data().map_err(|source| StorageError::Sync {
            path: self.folder.join("db"),
            source,
        })?;
        self.unsynced = false;
        self.syncs += 1;
        Ok(())
    }

    /// Whether an event is promised to a client and not known to be applied.
    pub fn is_promised(&self, event: &Hash) -> bool {
        self.pending.contains_key(event)
    }

    /// How often the disk was waited for.
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    fn check_identity(&mut self, identity: Identity, may_be_new: bool) -> Result<(), StorageError> {
        let read = |key| self.database.get(key).map_err(|error| self.failed(error));
        let (format, found) = (read(FORMAT_KEY)?, read(IDENTITY_KEY)?);
        let (Some(format), Some(found)) = (format, found) else {
            if !self.database.is_empty() {
                return Err(self.corrupt("it has data but does not say whose"));
            }
            if !may_be_new {
                let path = self.folder.clone();
                return Err(StorageError::Forgotten { path });
            }
            let mut changes = sled::Batch::default();
            changes.insert(FORMAT_KEY, codec::encode(&FORMAT));
            changes.insert(IDENTITY_KEY, codec::encode(&identity));
            return self
                .database
                .apply_batch(changes)
                .map_err(|error| self.failed(error));
        };
        let format: u32 = self.decode("format", &format)?;
        if format != FORMAT {
            return Err(StorageError::OtherFormat {
                path: self.folder.clone(),
                found: format,
            });
        }
        let found: Identity = self.decode("identity", &found)?;
        if found != identity {
            return Err(StorageError::OtherIdentity {
                path: self.folder.clone(),
                found,
                expected: identity,
            });
        }
        Ok(())
    }

    fn load(&mut self) -> Result<Durable, StorageError> {
        let mut durable = Durable::default();
        let mut chunks = chunk::Joined::default();
        for row in self.database.iter() {
            let (key, value) = row.map_err(|error| self.failed(error))?;
            match (key.first(), &key[..]) {
                (_, FORMAT_KEY | IDENTITY_KEY) => {}
                (_, HARD_STATE_KEY) => durable.hard_state = self.decode("hard state", &value)?,
                (_, START_KEY) => durable.start = self.decode("start of the log", &value)?,
                (_, SIGNED_KEY) => durable.signed = Some(self.decode("signed head", &value)?),
                (Some(&(ENTRY_PREFIX | PENDING_PREFIX)), _) => {
                    chunks
                        .add(&key, &value)
                        .map_err(|reason| self.corrupt(reason))?;
                }
                (Some(&RECEIPT_PREFIX), key) => {
                    let stored = self.load_receipt(key, &value)?;
                    durable.receipts.push(stored);
                }
                _ => return Err(self.corrupt("it has a record of unknown kind")),
            }
        }
        self.blocks.begin_after(durable.start.index);
        for joined in chunks.finish() {
            match joined.key.split_first() {
                Some((&ENTRY_PREFIX, _)) => self.load_block(&joined, &mut durable)?,
                Some((_, hash)) => {
                    let event = sha256(&[&joined.value]);
                    if event.0 != *hash {
                        return Err(self.corrupt("a promised event is not the one it should be"));
                    }
                    self.pending.insert(event, joined.records);
                    durable.pending.push(PendingEvent {
                        event: joined.value,
                    });
                }
                None => return Err(self.corrupt("it has a record without a key")),
            }
        }
        let last = durable.entries.last();
        let last = last.map_or(durable.start.index, |entry| entry.index);
        if durable.hard_state.commit > last {
            return Err(self.corrupt(&format!(
                "entry {} was committed, but the entries end at {last}",
                durable.hard_state.commit
            )));
        }
        Ok(durable)
    }

    fn load_receipt(&mut self, key: &[u8], value: &[u8]) -> Result<StoredReceipt, StorageError> {
        let place = key[1..]
            .split_first_chunk::<32>()
            .and_then(|(event, node)| {
                let node = node.try_into().ok().map(u64::from_be_bytes)?;
                Some((Hash(*event), NodeId(node)))
            });
        let Some((event, node)) = place else {
            return Err(self.corrupt("a receipt is not where it belongs"));
        };
        self.receipts.entry(event).or_default().insert(node);
        let receipt = value.to_vec();
        Ok(StoredReceipt {
            event,
            node,
            receipt,
        })
    }

    fn load_block(
        &mut self,
        joined: &chunk::Value,
        durable: &mut Durable,
    ) -> Result<(), StorageError> {
        let entries: Vec<StoredEntry> = self.decode("block of entries", &joined.value)?;
        self.check_block(&joined.key, &entries, durable)?;
        self.blocks.note(&entries, joined.records);
        let start = durable.start.index;
        let kept = entries.into_iter().filter(|entry| entry.index > start);
        durable.entries.extend(kept);
        Ok(())
    }

    fn check_block(
        &self,
        key: &[u8],
        entries: &[StoredEntry],
        durable: &Durable,
    ) -> Result<(), StorageError> {
        let Some(first) = entries.first() else {
            return Err(self.corrupt("a block of entries is empty"));
        };
        let before = durable.entries.last();
        // The first block may begin before the start, whose term says nothing of it then.
        let (mut index, mut term) = match before {
            Some(entry) => (entry.index, entry.term),
            None if first.index <= durable.start.index => (first.index - 1, 0),
            None => (durable.start.index, durable.start.term),
        };
        if key != block::key(first.index) {
            return Err(self.corrupt("a block of entries is not where it belongs"));
        }
        for entry in entries {
            if entry.index != index + 1 {
                let reason = format!("entry {} follows entry {index}", entry.index);
                return Err(self.corrupt(&reason));
            }
            if entry.term < term {
                return Err(self.corrupt(&format!("the term falls at entry {}", entry.index)));
            }
            (index, term) = (entry.index, entry.term);
        }
        Ok(())
    }

    fn decode<T: bincode::Decode<()>>(&self, what: &str, bytes: &[u8]) -> Result<T, StorageError> {
        codec::decode(bytes).map_err(|error| self.corrupt(&format!("the {what}: {error}")))
    }

    fn corrupt(&self, reason: &str) -> StorageError {
        StorageError::Corrupt {
            path: self.folder.clone(),
            reason: reason.to_owned(),
        }
    }

    fn failed(&self, error: sled::Error) -> StorageError {
        StorageError::sled(&self.folder, error)
    }
}

fn pending_key(event: &Hash) -> Vec<u8> {
    [&[PENDING_PREFIX][..], &event.0].concat()
}

fn receipt_key(event: &Hash, node: NodeId) -> Vec<u8> {
    [&[RECEIPT_PREFIX][..], &event.0, &node.0.to_be_bytes()].concat()
}

fn lock(folder: &Path) -> Result<File, StorageError> {
    let path = folder.join("lock");
    let failed = |source| StorageError::Folder {
        path: path.clone(),
        source,
    };
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Opens sled under our lock. Where the same process has just closed this folder, sled's own
/// threads may hold it a moment longer.
fn open_sled(folder: &Path) -> Result<sled::Db, sled::Error> {
    let start = Instant::now();
    loop {
        let opened = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open();
        match opened {
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock")
                    && start.elapsed() < LOCK_PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

fn remove_half_written_snapshots(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::warn!(file = %path.display(), "removing a half-written snapshot of the store");
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
