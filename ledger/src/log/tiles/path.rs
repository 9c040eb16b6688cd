//! Where the files of a log are: `tile/<level>/<index>[.p/<width>]` and `tile/entries/…`.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use bincode::de::{BorrowDecode, BorrowDecoder, Decoder};
use bincode::error::DecodeError;
use bincode::{Decode, Encode};

use super::TILE_WIDTH;
use crate::log::MAX_SIZE;
use crate::log::text::parse_decimal;

/// The highest level that a log of [`MAX_SIZE`] leaves has a tile on.
const MAX_LEVEL: u8 = 5;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub enum TileKind {
    /// Hashes of this level: each covers 256 to the power of the level leaves.
    Hashes(u8),
    /// The leaves themselves.
    Entries,
}

/// The path of a file of the log. Every value lies within a log of [`MAX_SIZE`] leaves, and has
/// exactly one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// Why a text is not the path of a file of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TilePathError {
    /// Another form, or a second spelling of a path.
    #[error("not of the form tile/<level>/<index>[.p/<width>] or tile/entries/<index>[.p/<width>]")]
    Form,
    /// The width is not between 1 and 256 (in a text: 255, since full files do not say it).
    #[error("a tile is 1 to 256 wide; fetch the full tile, whose path has no width")]
    Width,
    /// The file would begin after or reach beyond [`MAX_SIZE`] leaves.
    #[error("the path is beyond the 2^40 leaves that a log may have")]
    TooLarge,
}

impl TilePath {
    /// The path of a file that is `width` hashes or leaves wide; 256 is the full file.
    ///
    /// # Errors
    /// [`TilePathError::Width`] and [`TilePathError::TooLarge`].
    pub fn new(kind: TileKind, index: u64, width: u16) -> Result<Self, TilePathError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(TilePathError::Width);
        }
        let path = Self { kind, index, width };
        let in_bounds = path.level() <= MAX_LEVEL
            && index <= MAX_SIZE
            && index * u64::from(TILE_WIDTH) + u64::from(width) <= MAX_SIZE >> path.shift();
        if in_bounds {
            Ok(path)
        } else {
            Err(TilePathError::TooLarge)
        }
    }

    /// The full file at the same place.
    ///
    /// A partial file may be gone once the full one exists; the full one begins with its content.
    /// `None` where the full file would not fit into a log of [`MAX_SIZE`] leaves.
    pub fn full(&self) -> Option<Self> {
        Self::new(self.kind, self.index, TILE_WIDTH).ok()
    }

    /// What the file holds.
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Position among the files of its kind.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or leaves in the file, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether the file is full and so never changes.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Indices of the leaves that the file holds or covers.
    pub fn leaves(&self) -> Range<u64> {
        let first = self.index * u64::from(TILE_WIDTH);
        first << self.shift()..(first + u64::from(self.width)) << self.shift()
    }

    const fn level(&self) -> u8 {
        match self.kind {
            TileKind::Hashes(level) => level,
            TileKind::Entries => 0,
        }
    }

    /// Base-2 logarithm of the number of leaves under one hash.
    fn shift(&self) -> u32 {
        u32::from(self.level()) * 8
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes(level) => write!(f, "tile/{level}")?,
            TileKind::Entries => write!(f, "tile/entries")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (place, group) in groups.iter().enumerate().rev() {
            let mark = if place > 0 { "x" } else { "" };
            write!(f, "/{mark}{group:03}")?;
        }
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let rest = text.strip_prefix("tile/").ok_or(TilePathError::Form)?;
        let (kind, rest) = rest.split_once('/').ok_or(TilePathError::Form)?;
        let kind = if kind == "entries" {
            TileKind::Entries
        } else {
            match parse_decimal(kind) {
                Some(level @ 0..=63) => {
                    TileKind::Hashes(u8::try_from(level).expect("the level is at most 63"))
                }
                _ => return Err(TilePathError::Form),
            }
        };
        let (index, width) = match rest.split_once(".p/") {
            None => (rest, TILE_WIDTH),
            Some((index, width)) => {
                let width = parse_decimal(width).ok_or(TilePathError::Form)?;
                let width = u16::try_from(width)
                    .ok()
                    .filter(|width| *width < TILE_WIDTH);
                (index, width.ok_or(TilePathError::Width)?)
            }
        };
        let path = Self::new(kind, parse_index(index)?, width)?;
        // Leading groups of zeros are the one second spelling that is left at this point.
        if path.to_string() == text {
            Ok(path)
        } else {
            Err(TilePathError::Form)
        }
    }
}

fn parse_index(text: &str) -> Result<u64, TilePathError> {
    let mut index: u64 = 0;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let digits = match groups.peek() {
            Some(_) => group.strip_prefix('x').ok_or(TilePathError::Form)?,
            None => group,
        };
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TilePathError::Form);
        }
        let digits: u64 = digits.parse().map_err(|_| TilePathError::Form)?;
        index = index * 1000 + digits;
        if index > MAX_SIZE {
            return Err(TilePathError::TooLarge);
        }
    }
    Ok(index)
}

impl<Context> Decode<Context> for TilePath {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let kind = TileKind::decode(decoder)?;
        let index = u64::decode(decoder)?;
        let width = u16::decode(decoder)?;
        Self::new(kind, index, width).map_err(|_| DecodeError::Other("no such tile can exist"))
    }
}

impl<'de, Context> BorrowDecode<'de, Context> for TilePath {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Self::decode(decoder)
    }
}

/// All files of a log of `size` leaves: hash tiles level by level, then entry bundles; on each
/// level the full files and then the partial one, if any.
///
/// # Panics
/// Where `size` is beyond [`MAX_SIZE`], which no [`Checkpoint`](crate::log::Checkpoint) is.
pub fn files_of(size: u64) -> impl Iterator<Item = TilePath> {
    kinds().flat_map(move |kind| {
        let width = width_of(kind, size);
        let full = (0..width / u64::from(TILE_WIDTH)).map(move |i| path_in(kind, i, TILE_WIDTH));
        full.chain(partial_of(kind, size))
    })
}

/// The partial files of a log of `size` leaves: at most one for each level, and one bundle.
///
/// # Panics
/// Where `size` is beyond [`MAX_SIZE`].
pub fn partials_of(size: u64) -> impl Iterator<Item = TilePath> {
    kinds().filter_map(move |kind| partial_of(kind, size))
}

fn kinds() -> impl Iterator<Item = TileKind> {
    (0..=MAX_LEVEL)
        .map(TileKind::Hashes)
        .chain([TileKind::Entries])
}

/// Number of hashes (or leaves) that there are of this kind.
fn width_of(kind: TileKind, size: u64) -> u64 {
    assert!(size <= MAX_SIZE, "a log never has more than 2^40 leaves");
    match kind {
        TileKind::Hashes(level) => size >> (8 * level),
        TileKind::Entries => size,
    }
}

fn partial_of(kind: TileKind, size: u64) -> Option<TilePath> {
    let total = width_of(kind, size);
    let width = u16::try_from(total % u64::from(TILE_WIDTH)).expect("a remainder is below 256");
    (width > 0).then(|| path_in(kind, total / u64::from(TILE_WIDTH), width))
}

/// A path that is known to lie inside a log that is not too large.
pub(super) fn path_in(kind: TileKind, index: u64, width: u16) -> TilePath {
    TilePath::new(kind, index, width).expect("a file of a log is within the bounds of a log")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::new(TileKind::Hashes(level), index, width).unwrap()
    }

    #[test]
    fn paths_equal_the_written_out_text() {
        let entries = |index, width| TilePath::new(TileKind::Entries, index, width).unwrap();
        for (path, text) in [
            (hashes(0, 0, 256), "tile/0/000"),
            (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
            (hashes(1, 999, 255), "tile/1/999.p/255"),
            (hashes(0, 273, 112), "tile/0/273.p/112"),
            (hashes(2, 0, 1), "tile/2/000.p/1"),
            (hashes(5, 0, 1), "tile/5/000.p/1"),
            (entries(1000, 256), "tile/entries/x001/000"),
            (
                entries(4_294_967_295, 256),
                "tile/entries/x004/x294/x967/295",
            ),
            (entries(0, 7), "tile/entries/000.p/7"),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse(), Ok(path));
        }
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        for text in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/00/000",
            "tile/+1/000",
            "tile/64/000",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0/x000/001",
            "tile/0/x001",
            "tile/0/001/000",
            "tile/0/X001/000",
            "tile/0/000.p",
            "tile/0/000.p/",
            "tile/0/000.p/01",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/8/0/000",
            "tile/0/+01",
            "tile/0/٠٠٠",
            "tile/Entries/000",
            "tile/entries/../000",
            "tile//000",
            "tile/0/000.P/1",
            "tile/0/000 ",
            "tile/data/000",
        ] {
            assert_eq!(
                text.parse::<TilePath>(),
                Err(TilePathError::Form),
                "{text:?}"
            );
        }
        for text in ["tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/99999"] {
            assert_eq!(
                text.parse::<TilePath>(),
                Err(TilePathError::Width),
                "{text:?}"
            );
        }
    }

    #[test]
    fn paths_beyond_the_largest_log_are_refused() {
        for text in [
            "tile/6/000",
            "tile/63/000.p/1",
            "tile/5/000.p/2",
            "tile/4/001.p/1",
            "tile/entries/x004/x294/x967/296.p/1",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(
                text.parse::<TilePath>(),
                Err(TilePathError::TooLarge),
                "{text:?}"
            );
        }
        assert_eq!(hashes(5, 0, 1).full(), None);
        assert_eq!(hashes(4, 0, 9).full(), Some(hashes(4, 0, 256)));
    }

    #[test]
    fn log_of_70_000_leaves_has_the_files_of_the_specification() {
        // tlog-tiles names these tiles for this size as its example.
        let files = files_of(70_000).collect::<Vec<_>>();
        let count = |kind, full| {
            files
                .iter()
                .filter(|path| path.kind() == kind && path.is_full() == full)
                .count()
        };
        assert_eq!(count(TileKind::Hashes(0), true), 273);
        assert_eq!(count(TileKind::Hashes(1), true), 1);
        assert_eq!(count(TileKind::Hashes(2), true), 0);
        assert_eq!(count(TileKind::Entries, true), 273);
        let partials = partials_of(70_000)
            .map(|path| path.to_string())
            .collect::<Vec<_>>();
        assert_eq!(
            partials,
            [
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1",
                "tile/entries/273.p/112"
            ]
        );
        assert_eq!(files.len(), 273 + 1 + 273 + 4);
        assert_eq!(files_of(0).count(), 0);
        let largest = partials_of(MAX_SIZE)
            .map(|path| path.to_string())
            .collect::<Vec<_>>();
        assert_eq!(largest, ["tile/5/000.p/1"]);
    }

    #[test]
    fn covered_leaves_follow_from_the_path() {
        assert_eq!(hashes(0, 2, 3).leaves(), 512..515);
        assert_eq!(hashes(1, 1, 17).leaves(), 65_536..69_888);
        assert_eq!(hashes(4, 0, 256).leaves(), 0..MAX_SIZE);
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_to_the_same_text(
            text in prop_oneof![".*", "tile/[0-6]/(x00[0-9]/){0,4}[0-9]{3}(\\.p/[0-9]{1,3})?"],
        ) {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }

        #[test]
        fn every_path_survives_both_forms(level in 0u8..8, index: u64, width: u16, shift in 0..64) {
            let kind = if level == 7 { TileKind::Entries } else { TileKind::Hashes(level) };
            if let Ok(path) = TilePath::new(kind, index >> shift, width % 300) {
                prop_assert_eq!(path.to_string().parse(), Ok(path));
                prop_assert!(path.leaves().end <= MAX_SIZE);
                let config = bincode::config::legacy();
                let bytes = bincode::encode_to_vec(path, config).unwrap();
                prop_assert_eq!(
                    bincode::decode_from_slice(&bytes, config).unwrap(),
                    (path, bytes.len())
                );
            }
        }

        #[test]
        fn files_cover_each_leaf_once(size in 0u64..200_000) {
            let mut next = 0;
            for path in files_of(size).filter(|path| path.kind() == TileKind::Entries) {
                prop_assert_eq!(path.leaves().start, next);
                next = path.leaves().end;
            }
            prop_assert_eq!(next, size);
        }
    }
}
