//! The leaves of a view, in order, one part in memory at a time.

use crate::entry::Entry;
use crate::log::checkpoint::Checkpoint;
use crate::verify::claim::Findings;
use crate::verify::entries::{EntriesError, IndexedEntry};
use crate::verify::read_checkpoint;
use crate::verify::source::Source;
use crate::view::{
    HEADER_BYTES_MAX, HEADER_PATH, Header, PART_BYTES_MAX, Record, parse_part, part_path,
};

/// A leaf with its index.
pub(super) type Indexed = (u64, Vec<u8>);

/// What is wrong with the form of a view, and the entry where it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) entry: Option<u64>,
    pub(super) reason: String,
}

/// The header of a view; none where the folder is no view.
pub(super) fn header(source: &dyn Source) -> Result<Option<Header>, String> {
    let bytes = match source.read(HEADER_PATH, HEADER_BYTES_MAX) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Err(format!("`{HEADER_PATH}` cannot be read: {error}")),
    };
    let header = Header::parse(&bytes);
    header
        .map(Some)
        .map_err(|error| format!("`{HEADER_PATH}`: {error}"))
}

/// Reads the parts that a header names. After an error there is nothing more.
pub(super) struct Parts<'a> {
    source: &'a dyn Source,
    header: Header,
    part: std::vec::IntoIter<Indexed>,
    /// The next part's number.
    next: u64,
    /// Bytes of the part before.
    bytes: usize,
    last: Option<u64>,
    read: u64,
    is_over: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn new(source: &'a dyn Source, header: Header) -> Parts<'a> {
        Parts {
            source,
            header,
            part: Vec::new().into_iter(),
            next: 0,
            bytes: PART_BYTES_MAX,
            last: None,
            read: 0,
            is_over: false,
        }
    }

    fn read_part(&mut self) -> Result<(), String> {
        let path = part_path(self.next);
        let bytes = match self.source.read(&path, PART_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(format!("{path} is missing")),
            Err(error) => return Err(format!("{path} cannot be read: {error}")),
        };
        let records = parse_part(&bytes).map_err(|error| format!("{path}: {error}"))?;
        let first: &Record<'_> = records.first().expect("a part that is read has a record");
        if self.last.is_some_and(|last| first.index <= last) {
            return Err(format!("{path} begins with an index that was there before"));
        }
        if self.bytes + first.encoded_bytes() <= PART_BYTES_MAX {
            return Err(format!(
                "the first leaf of {path} belongs to the part before it"
            ));
        }
        self.bytes = bytes.len();
        self.next += 1;
        let owned = |record: &Record<'_>| (record.index, record.leaf.to_vec());
        self.part = records.iter().map(owned).collect::<Vec<_>>().into_iter();
        Ok(())
    }

    fn read_next(&mut self) -> Result<Option<Indexed>, String> {
        if self.part.len() == 0 {
            if self.next == self.header.parts {
                let (read, leaves) = (self.read, self.header.leaves);
                return match read == leaves {
                    true => Ok(None),
                    false => Err(format!("the view has {read} leaves, and says {leaves}")),
                };
            }
            self.read_part()?;
        }
        let next = self.part.next().expect("a part that was read has leaves");
        self.last = Some(next.0);
        self.read += 1;
        Ok(Some(next))
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<Indexed, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.read_next().map_err(|reason| Malformed {
            entry: self.last,
            reason,
        });
        self.is_over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// The entries of a view in order. Nothing is verified but the form: whoever must not trust a view
/// calls [`super::verify_view`] on it before.
pub struct ViewEntries<'a> {
    parts: Parts<'a>,
    checkpoint: Checkpoint,
}

impl<'a> ViewEntries<'a> {
    /// Reads the checkpoint and the header; none where the folder is no view.
    ///
    /// # Errors
    /// [`EntriesError::Checkpoint`] and [`EntriesError::View`].
    pub fn open(source: &'a dyn Source) -> Result<Option<ViewEntries<'a>>, EntriesError> {
        let found = header(source).map_err(|reason| EntriesError::View { reason })?;
        let Some(header) = found else {
            return Ok(None);
        };
        let mut findings = Findings::default();
        let Some((_, checkpoint)) = read_checkpoint(source, &mut findings) else {
            let reason = "it has none that can be read".to_owned();
            return Err(EntriesError::Checkpoint { reason });
        };
        let parts = Parts::new(source, header);
        Ok(Some(ViewEntries { parts, checkpoint }))
    }

    /// Whose view it is, and how much there is of it.
    pub fn header(&self) -> Header {
        self.parts.header
    }

    /// What the view says of the log's size and root.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl Iterator for ViewEntries<'_> {
    type Item = Result<IndexedEntry, EntriesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.parts.next()?;
        Some(match next {
            Ok((index, leaf)) => Entry::decode(&leaf)
                .map(|entry| IndexedEntry { index, entry })
                .map_err(|source| EntriesError::Leaf { index, source }),
            Err(Malformed { reason, .. }) => Err(EntriesError::View { reason }),
        })
    }
}
