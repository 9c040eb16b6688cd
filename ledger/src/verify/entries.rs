//! The entries of an export in order, one bundle in memory at a time.
//!
//! Nothing is verified but the form: whoever must not trust an export calls
//! [`crate::verify::verify`] on it before, and reads the same files.

mod adjusted;
mod settled;

use crate::codec::CodecError;
use crate::entry::Entry;
use crate::genesis::{Genesis, GenesisError};
use crate::log::checkpoint::Checkpoint;
use crate::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};
use crate::verify::claim::{Claim, Findings};
use crate::verify::source::Source;
use crate::verify::start::is_cut;
use crate::verify::{read_checkpoint, tile_bytes};
use thiserror::Error;

pub use adjusted::{AdjustedInterval, AdjustedPoint};
pub use settled::{IntervalLeaves, SettledInterval, SettledIntervals, SettledPoint};

/// An entry with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedEntry {
    /// Index of the leaf.
    pub index: u64,
    /// What the leaf says.
    pub entry: Entry,
}

/// Why an export cannot be read to its end.
#[derive(Debug, Error)]
pub enum EntriesError {
    /// There is no usable checkpoint.
    #[error("the export has no usable checkpoint: {reason}; copy the log again")]
    Checkpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// A bundle is missing, cannot be read or has not its form.
    #[error("the entries from {first} on cannot be read: {reason}; copy the log again")]
    Bundle {
        /// Its first entry.
        first: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The leaves of a view cannot be read.
    #[error("the view cannot be read: {reason}; ask for it again")]
    View {
        /// What is wrong with it.
        reason: String,
    },
    /// A leaf does not decode.
    #[error("entry {index} is none; copy the log again")]
    Leaf {
        /// Index of the leaf.
        index: u64,
        /// Why.
        #[source]
        source: CodecError,
    },
    /// The export begins later than its log.
    #[error(
        "the export begins later than its log, and this needs all of it; copy the whole log, or ask \
         who cut it"
    )]
    Cut,
    /// Leaf 0 is no genesis.
    #[error("entry 0 is no genesis; copy the log again")]
    NoGenesis,
    /// Leaf 0 holds a genesis that cannot be used.
    #[error("the genesis in entry 0 cannot be used; copy the log again")]
    Genesis(#[source] GenesisError),
}

/// The entries that an export's checkpoint covers, in order. After an error there are no more.
pub struct Entries<'a> {
    source: &'a dyn Source,
    checkpoint: Checkpoint,
    bundle: std::vec::IntoIter<Vec<u8>>,
    next: u64,
    is_broken: bool,
}

impl<'a> Entries<'a> {
    /// Reads the checkpoint; the entries are read as they are asked for.
    ///
    /// # Errors
    /// [`EntriesError::Checkpoint`] and [`EntriesError::Cut`].
    pub fn open(source: &'a dyn Source) -> Result<Entries<'a>, EntriesError> {
        if is_cut(source).unwrap_or(false) {
            return Err(EntriesError::Cut);
        }
        let mut findings = Findings::default();
        let Some((_, checkpoint)) = read_checkpoint(source, &mut findings) else {
            let claims = findings.into_claims();
            let form = claims
                .into_iter()
                .find(|finding| finding.claim == Claim::Form.name());
            let reason = form.map(|finding| finding.reason).unwrap_or_default();
            return Err(EntriesError::Checkpoint { reason });
        };
        Ok(Entries {
            source,
            checkpoint,
            bundle: Vec::new().into_iter(),
            next: 0,
            is_broken: false,
        })
    }

    /// What the export says of its own size and root.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Goes on with the entry of an index, as if those before it had been read.
    pub fn starting_at(
        mut self,
        index: u64,
    ) -> impl Iterator<Item = Result<IndexedEntry, EntriesError>> + use<'a> {
        self.next = index - index % u64::from(TILE_WIDTH);
        self.bundle = Vec::new().into_iter();
        self.filter(move |entry| entry.as_ref().map_or(true, |entry| entry.index >= index))
    }

    fn read_bundle(&mut self) -> Result<(), EntriesError> {
        let first = self.next;
        let failed = |reason: String| EntriesError::Bundle { first, reason };
        let width = u64::from(TILE_WIDTH);
        let wanted = u16::try_from((self.checkpoint.size() - first).min(width))
            .expect("a bundle is at most 256 leaves wide");
        let path = TilePath::new(TileKind::Entries, first / width, wanted)
            .map_err(|error| failed(error.to_string()))?;
        let (path, bytes) = tile_bytes(self.source, path).map_err(failed)?;
        let leaves = parse_bundle(&bytes, path.width())
            .map_err(|error| failed(format!("{path}: {error}")))?;
        let leaves: Vec<Vec<u8>> = leaves
            .into_iter()
            .take(usize::from(wanted))
            .map(<[u8]>::to_vec)
            .collect();
        self.bundle = leaves.into_iter();
        Ok(())
    }

    fn read_next(&mut self) -> Result<IndexedEntry, EntriesError> {
        if self.bundle.len() == 0 {
            self.read_bundle()?;
        }
        let index = self.next;
        let bytes = self
            .bundle
            .next()
            .expect("a bundle that was read has leaves");
        let entry = Entry::decode(&bytes).map_err(|source| EntriesError::Leaf { index, source })?;
        self.next += 1;
        Ok(IndexedEntry { index, entry })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<IndexedEntry, EntriesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken || self.next >= self.checkpoint.size() {
            return None;
        }
        let read = self.read_next();
        self.is_broken = read.is_err();
        Some(read)
    }
}

/// The genesis that an export begins with.
///
/// # Errors
/// [`EntriesError`].
pub fn genesis(source: &dyn Source) -> Result<Genesis, EntriesError> {
    let first = Entries::open(source)?.next();
    let first = first.transpose()?.map(|first| first.entry);
    let Some(Entry::Genesis(signed)) = first else {
        return Err(EntriesError::NoGenesis);
    };
    Genesis::parse(&signed).map_err(EntriesError::Genesis)
}

/// The initial run of an interval, read again from its first leaf on.
///
/// # Errors
/// [`EntriesError`]; none where the log ends before it is complete.
pub fn settled_interval(
    source: &dyn Source,
    first_entry: u64,
) -> Result<Option<SettledInterval>, EntriesError> {
    let mut intervals = SettledIntervals::default();
    for entry in Entries::open(source)?.starting_at(first_entry) {
        if let Some(IntervalLeaves::Settled(settled)) = intervals.entry(&entry?) {
            return Ok(Some(settled));
        }
    }
    Ok(None)
}
