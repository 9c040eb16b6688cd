//! One participant's view of a log: its hash tiles, and the leaves that are his or everyone's.
//!
//! The view is a folder beside which nothing else is needed: `checkpoint` and the hash tiles as in
//! the whole export, no entry bundles, and instead of them the file [`HEADER_PATH`] and the parts
//! [`part_path`] with the leaves of the view by their index (FORMATS.md, section 14). The root
//! still rebuilds from the hash tiles, and each leaf that is there hashes to its place, so that
//! nobody can put a leaf into a view that the log has not. [`crate::verify::view`] checks it.

mod concerns;
mod make;
mod part;

pub use concerns::{Registry, Whose};
pub use make::{Made, MakeError, gather, make};
pub use part::{PART_BYTES_MAX, PartError, PartWriter, Record, parse_part};

use crate::log::text::parse_decimal;
use crate::registration::ParticipantId;

/// The file that makes a folder a view.
pub const HEADER_PATH: &str = "view";
/// The longest header that is read.
pub const HEADER_BYTES_MAX: usize = 128;

const FIRST_LINE: &str = "wattle/view/v0";

/// The path of a part of the view's leaves, from 0.
pub fn part_path(number: u64) -> String {
    format!("own/{number}")
}

/// What the file `view` says: whose view it is, and how much there is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whose view it is.
    pub participant: ParticipantId,
    /// Leaves in it.
    pub leaves: u64,
    /// Parts that hold them.
    pub parts: u64,
}

/// Why a file is no header of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not the four lines wattle/view/v0, participant, leaves and parts; ask for the view again"
)]
pub struct HeaderError;

impl Header {
    /// Reads the file. Each header has exactly one text.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn parse(bytes: &[u8]) -> Result<Header, HeaderError> {
        let text = std::str::from_utf8(bytes).map_err(|_| HeaderError)?;
        let text = text.strip_suffix('\n').ok_or(HeaderError)?;
        let mut lines = text.split('\n');
        let number = |lines: &mut std::str::Split<'_, char>| {
            let line = lines.next().ok_or(HeaderError)?;
            parse_decimal(line).ok_or(HeaderError)
        };
        if lines.next() != Some(FIRST_LINE) {
            return Err(HeaderError);
        }
        let participant = u32::try_from(number(&mut lines)?).map_err(|_| HeaderError)?;
        let header = Header {
            participant: ParticipantId(participant),
            leaves: number(&mut lines)?,
            parts: number(&mut lines)?,
        };
        match lines.next() {
            None => Ok(header),
            Some(_) => Err(HeaderError),
        }
    }
}

impl std::fmt::Display for Header {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (participant, leaves, parts) = (self.participant.0, self.leaves, self.parts);
        writeln!(formatter, "{FIRST_LINE}\n{participant}\n{leaves}\n{parts}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_one_text() {
        let header = Header {
            participant: ParticipantId(3),
            leaves: 1_200,
            parts: 1,
        };
        let text = "wattle/view/v0\n3\n1200\n1\n";
        assert_eq!(header.to_string(), text);
        assert_eq!(Header::parse(text.as_bytes()), Ok(header));
        for other in [
            "",
            "wattle/view/v0\n3\n1200\n1",
            "wattle/view/v0\n3\n1200\n",
            "wattle/view/v0\n3\n1200\n1\n\n",
            "wattle/view/v0\n03\n1200\n1\n",
            "wattle/view/v0\n3\n1200\n1\n9\n",
            "wattle/view/v0\n4294967296\n1200\n1\n",
            "wattle/view/v0\r\n3\n1200\n1\n",
            "wattle/view/v1\n3\n1200\n1\n",
        ] {
            assert_eq!(
                Header::parse(other.as_bytes()),
                Err(HeaderError),
                "{other:?}"
            );
        }
    }
}
