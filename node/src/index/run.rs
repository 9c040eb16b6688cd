//! A run: the sorted rows of a stretch of the log, in a file that is written once.
//!
//! ```text
//! "wattle/index/v0\n" ‖ first u64 ‖ end u64 ‖ places u64 ‖ results u64 ‖ SHA-256 of these
//! ‖ places, 32 bytes each ‖ results, 96 bytes each ‖ SHA-256 of both        little-endian
//! ```
//!
//! A result is its key, the length of its value in a byte, the value, and zeros.

use super::row::{KEY_BYTES, Key, Span, VALUE_BYTES, leaf_of};
use super::segment::Segment;
use crate::folder;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wattle_ledger::hash::{Hash, RunningHash, sha256};

const DOMAIN: &[u8; 16] = b"wattle/index/v0\n";
const HEAD_BYTES: usize = 16 + 4 * 8;
const DIGEST_BYTES: u64 = 32;
const RESULT_BYTES: usize = KEY_BYTES + VALUE_BYTES;
/// Rows that are read at a time where several follow each other.
const ROWS_TOGETHER: u64 = 64;
/// What the names of runs end with.
const EXTENSION: &str = "run";

/// An open run.
#[derive(Debug)]
pub(super) struct Run {
    path: PathBuf,
    file: File,
    /// Index of its first leaf.
    pub(super) first: u64,
    /// Index after its last leaf.
    pub(super) end: u64,
    places: u64,
    results: u64,
}

/// A row as it is stored: a key, with a value or without.
type Row<const N: usize> = [u8; N];

impl Run {
    /// Opens the run in a file; none where the file is no whole run. Its rows are not read.
    pub(super) fn open(path: &Path) -> io::Result<Option<Run>> {
        let file = File::open(path)?;
        let mut head = [0; HEAD_BYTES + 32];
        if file.metadata()?.len() < head.len() as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut head, 0)?;
        let (head, digest) = head.split_at(HEAD_BYTES);
        let number = |place: usize| {
            let at = DOMAIN.len() + 8 * place;
            u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"))
        };
        if !head.starts_with(DOMAIN) || sha256(&[head]).0 != digest {
            return Ok(None);
        }
        let run = Run {
            path: path.to_owned(),
            first: number(0),
            end: number(1),
            places: number(2),
            results: number(3),
            file,
        };
        let is_whole = run.file.metadata()?.len() == run.digest_at() + DIGEST_BYTES;
        Ok(is_whole.then_some(run))
    }

    /// Writes a segment's run, durably.
    pub(super) fn write(folder: &Path, segment: &Segment, end: u64) -> io::Result<Run> {
        let counts = (segment.places.len() as u64, segment.results.len() as u64);
        let mut writing = Writing::begin(folder, (segment.first, end), counts)?;
        for key in &segment.places {
            writing.push(key)?;
        }
        for (key, value) in &segment.results {
            writing.push(&result_row(key, value))?;
        }
        writing.end()
    }

    /// Writes the run of several that follow each other, durably. An error of the kind
    /// `InvalidData` means that one of them is damaged.
    pub(super) fn merge(folder: &Path, runs: &[Arc<Run>]) -> io::Result<Run> {
        let (first, last) = (&runs[0], &runs[runs.len() - 1]);
        let sum = |count: fn(&Run) -> u64| runs.iter().map(|run| count(run)).sum();
        let counts = (sum(|run| run.places), sum(|run| run.results));
        for run in runs {
            run.check()?;
        }
        let mut writing = Writing::begin(folder, (first.first, last.end), counts)?;
        merge_rows::<KEY_BYTES>(runs, Run::places_at, |run| run.places, &mut writing)?;
        merge_rows::<RESULT_BYTES>(runs, Run::results_at, |run| run.results, &mut writing)?;
        writing.end()
    }

    /// Reads all of it and compares its digest.
    ///
    /// # Errors
    /// `InvalidData` where the file is damaged.
    pub(super) fn check(&self) -> io::Result<()> {
        let mut reader = self
            .reader(Run::places_at(self))?
            .take(self.digest_at() - Run::places_at(self));
        let (mut hash, mut piece) = (RunningHash::default(), vec![0; 64 * 1024]);
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
        }
        let mut digest = [0; 32];
        self.file.read_exact_at(&mut digest, self.digest_at())?;
        if hash.finish() == Hash(digest) {
            return Ok(());
        }
        let reason = format!("{} is damaged", self.path.display());
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keys within a span, of leaves below `limit`.
    pub(super) fn places(&self, span: &Span, limit: u64, take: &mut Vec<Key>) -> io::Result<()> {
        let at = (Run::places_at(self), self.places);
        self.scan::<KEY_BYTES>(at, span, &mut |key, _| {
            if leaf_of(key) < limit {
                take.push(*key);
            }
            true
        })
    }

    /// The first key within a span.
    pub(super) fn first_place(&self, span: &Span) -> io::Result<Option<Key>> {
        let mut first = None;
        let at = (Run::places_at(self), self.places);
        self.scan::<KEY_BYTES>(at, span, &mut |key, _| {
            first = Some(*key);
            false
        })?;
        Ok(first)
    }

    /// Rows with values within a span, of leaves below `limit`.
    pub(super) fn results(
        &self,
        span: &Span,
        limit: u64,
        take: &mut Vec<(Key, Vec<u8>)>,
    ) -> io::Result<()> {
        let at = (Run::results_at(self), self.results);
        self.scan::<RESULT_BYTES>(at, span, &mut |key, rest| {
            if leaf_of(key) < limit {
                let value = rest.split_first().map_or(&[][..], |(length, value)| {
                    &value[..usize::from(*length).min(value.len())]
                });
                take.push((*key, value.to_vec()));
            }
            true
        })
    }

    /// Hands out rows within a span until it is enough.
    fn scan<const N: usize>(
        &self,
        (at, count): (u64, u64),
        span: &Span,
        take: &mut dyn FnMut(&Key, &[u8]) -> bool,
    ) -> io::Result<()> {
        if span.is_empty() {
            return Ok(());
        }
        let mut place = self.lower_bound::<N>((at, count), &span.low)?;
        while place < count {
            let rows = ROWS_TOGETHER.min(count - place);
            let mut bytes = vec![0; usize::try_from(rows).expect("few rows") * N];
            self.file.read_exact_at(&mut bytes, at + place * N as u64)?;
            for row in bytes.as_chunks::<N>().0 {
                let (key, rest) = split(row);
                if *key > span.high || !take(key, rest) {
                    return Ok(());
                }
            }
            place += rows;
        }
        Ok(())
    }

    /// The place of the first row that is not below a key.
    fn lower_bound<const N: usize>(&self, (at, count): (u64, u64), low: &Key) -> io::Result<u64> {
        let (mut from, mut to) = (0, count);
        let mut key = [0; KEY_BYTES];
        while from < to {
            let middle = from + (to - from) / 2;
            self.file.read_exact_at(&mut key, at + middle * N as u64)?;
            match key < *low {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        Ok(from)
    }

    fn places_at(&self) -> u64 {
        HEAD_BYTES as u64 + DIGEST_BYTES
    }

    fn results_at(&self) -> u64 {
        self.places_at() + self.places * KEY_BYTES as u64
    }

    fn digest_at(&self) -> u64 {
        self.results_at() + self.results * RESULT_BYTES as u64
    }

    fn reader(&self, at: u64) -> io::Result<BufReader<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(BufReader::new(file))
    }
}

fn split<const N: usize>(row: &Row<N>) -> (&Key, &[u8]) {
    row.split_first_chunk::<KEY_BYTES>()
        .expect("a row begins with its key")
}

fn result_row(key: &Key, value: &[u8]) -> Row<RESULT_BYTES> {
    let mut row = [0; RESULT_BYTES];
    row[..KEY_BYTES].copy_from_slice(key);
    row[KEY_BYTES] = u8::try_from(value.len()).expect("values are far shorter than their place");
    row[KEY_BYTES + 1..KEY_BYTES + 1 + value.len()].copy_from_slice(value);
    row
}

/// Reads the rows of several runs in one order.
fn merge_rows<const N: usize>(
    runs: &[Arc<Run>],
    at: fn(&Run) -> u64,
    count: fn(&Run) -> u64,
    writing: &mut Writing,
) -> io::Result<()> {
    let mut sources = Vec::new();
    for run in runs {
        let mut source = Source::<N> {
            reader: run.reader(at(run))?,
            left: count(run),
            row: None,
        };
        source.advance()?;
        sources.push(source);
    }
    loop {
        let waiting = sources.iter_mut().filter(|source| source.row.is_some());
        let Some(least) = waiting.min_by(|a, b| a.row.cmp(&b.row)) else {
            return Ok(());
        };
        if let Some(row) = least.row {
            writing.push(&row)?;
        }
        least.advance()?;
    }
}

/// The rows of one run in order.
struct Source<const N: usize> {
    reader: BufReader<File>,
    left: u64,
    row: Option<Row<N>>,
}

impl<const N: usize> Source<N> {
    fn advance(&mut self) -> io::Result<()> {
        self.row = None;
        if self.left > 0 {
            self.left -= 1;
            let mut row = [0; N];
            self.reader.read_exact(&mut row)?;
            self.row = Some(row);
        }
        Ok(())
    }
}

/// A run that is being written.
struct Writing {
    target: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    hash: RunningHash,
}

impl Writing {
    fn begin(
        folder: &Path,
        (first, end): (u64, u64),
        (places, results): (u64, u64),
    ) -> io::Result<Writing> {
        let target = folder.join(format!("{first:013}-{end:013}.{EXTENSION}"));
        let temporary = target.with_extension("tmp");
        let mut head = DOMAIN.to_vec();
        for number in [first, end, places, results] {
            head.extend(number.to_le_bytes());
        }
        let digest = sha256(&[&head]);
        let mut file = BufWriter::new(File::create(&temporary)?);
        file.write_all(&head)?;
        file.write_all(&digest.0)?;
        Ok(Writing {
            target,
            temporary,
            file,
            hash: RunningHash::default(),
        })
    }

    fn push(&mut self, row: &[u8]) -> io::Result<()> {
        self.hash.update(row);
        self.file.write_all(row)
    }

    fn end(mut self) -> io::Result<Run> {
        let digest = self.hash.finish();
        self.file.write_all(&digest.0)?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.target)?;
        folder::sync(self.target.parent().unwrap_or(Path::new(".")))?;
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "it was not written whole");
        Run::open(&self.target)?.ok_or_else(invalid)
    }
}

/// Files of a folder that are named as runs are, in the order of their names.
pub(super) fn paths(folder: &Path) -> io::Result<Vec<PathBuf>> {
    folder::with_extension(folder, EXTENSION)
}
