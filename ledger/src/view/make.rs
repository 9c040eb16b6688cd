//! A view made out of a whole export.

use crate::entry::Entry;
use crate::log::tiles::{TileKind, files_of};
use crate::registration::ParticipantId;
use crate::verify::entries::{Entries, EntriesError, genesis};
use crate::verify::source::Source;
use crate::verify::{Progress, checkpoint_bytes, tile_bytes};
use crate::view::{HEADER_PATH, Header, PartWriter, Record, Registry, part_path};
use std::io;

/// What a view came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Its header.
    pub header: Header,
    /// Leaves of the log.
    pub size: u64,
    /// Files written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why there is no view.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The export cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// Nobody has that id.
    #[error("no participant has the id {0} in this log; look at the registry")]
    UnknownParticipant(ParticipantId),
    /// A file of the export is missing or not what it should be.
    #[error("{0}; copy the log again")]
    File(String),
    /// A file of the view cannot be written.
    #[error("cannot write {path} of the view; check the folder and the free space")]
    Write {
        /// Its path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Makes a participant's view of an export that was verified before, and hands its files to
/// `write`: `checkpoint` comes last. The leaves are read twice, first for who holds what.
///
/// # Errors
/// Any [`MakeError`].
pub fn make(
    source: &dyn Source,
    participant: ParticipantId,
    progress: &mut dyn FnMut(Progress),
    write: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>,
) -> Result<Made, MakeError> {
    let checkpoint = checkpoint_bytes(source).map_err(MakeError::File)?;
    let registry = gather(source)?;
    if registry.name(participant).is_none() {
        return Err(MakeError::UnknownParticipant(participant));
    }
    let mut files = Files {
        write,
        files: 0,
        bytes: 0,
    };
    let entries = Entries::open(source)?;
    let size = entries.checkpoint().size();
    let mut header = Header {
        participant,
        leaves: 0,
        parts: 0,
    };
    let mut parts = PartWriter::default();
    for entry in entries {
        let entry = entry?;
        if entry.index % 4_096 == 0 || entry.index + 1 == size {
            progress(Progress {
                done: entry.index + 1,
                of: size,
            });
        }
        if registry.whose(&entry.entry).includes(participant) {
            header.leaves += 1;
            let leaf = entry.entry.encode();
            let (index, leaf) = (entry.index, leaf.as_slice());
            if let Some(part) = parts.push(Record { index, leaf }) {
                files.part(&mut header, &part)?;
            }
        }
    }
    if let Some(part) = parts.finish() {
        files.part(&mut header, &part)?;
    }
    files.hashes(source, size)?;
    files.put(HEADER_PATH, header.to_string().as_bytes())?;
    if checkpoint_bytes(source).as_ref() != Ok(&checkpoint) {
        let reason = "the export grew while it was read: copy it, and make the view of the copy";
        return Err(MakeError::File(reason.to_owned()));
    }
    files.put("checkpoint", &checkpoint)?;
    Ok(Made {
        header,
        size,
        files: files.files,
        bytes: files.bytes,
    })
}

/// Who holds what in an export.
///
/// # Errors
/// [`EntriesError`].
pub fn gather(source: &dyn Source) -> Result<Registry, EntriesError> {
    let mut registry = Registry::found(&genesis(source)?);
    for entry in Entries::open(source)? {
        let entry = entry?.entry;
        if matches!(entry, Entry::Event { .. }) {
            registry.gather(&entry);
        }
    }
    Ok(registry)
}

/// Where the view's files go.
struct Files<'a> {
    write: &'a mut dyn FnMut(&str, &[u8]) -> io::Result<()>,
    files: u64,
    bytes: u64,
}

impl Files<'_> {
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), MakeError> {
        (self.write)(path, bytes).map_err(|source| MakeError::Write {
            path: path.to_owned(),
            source,
        })?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn part(&mut self, header: &mut Header, part: &[u8]) -> Result<(), MakeError> {
        self.put(&part_path(header.parts), part)?;
        header.parts += 1;
        Ok(())
    }

    fn hashes(&mut self, source: &dyn Source, size: u64) -> Result<(), MakeError> {
        for path in files_of(size) {
            if path.kind() == TileKind::Entries {
                continue;
            }
            let (_, mut bytes) = tile_bytes(source, path).map_err(MakeError::File)?;
            bytes.truncate(usize::from(path.width()) * 32);
            self.put(&path.to_string(), &bytes)?;
        }
        Ok(())
    }
}
