//! The runs of an index, and the thread that writes and merges them.
//!
//! A segment of the log becomes a run; eight runs of one length become one of eight times the
//! length. A log of a billion leaves has some thirty files, and no row of them is in memory.

use super::IndexError;
use super::row::{Key, Span};
use super::run::{self, Run};
use super::segment::Segment;
use crate::folder;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};

/// Leaves of the shortest runs; a whole number of bundles, so that a run is never ahead of the
/// history's files.
pub(super) const SEGMENT_LEAVES: u64 = if cfg!(test) { 2_048 } else { 16_384 };
/// Runs of one length that become one.
const MERGED: usize = 8;
/// Segments that may wait for the one that is being written; the loop waits for more.
const WAITING_MAX: usize = 4;

/// The runs, and segments on their way to become some.
#[derive(Debug)]
pub(super) struct Runs {
    /// In the order of the log, without a gap from leaf 0 on.
    runs: Vec<Arc<Run>>,
    writing: VecDeque<Arc<Segment>>,
    segments: SyncSender<(Arc<Segment>, u64)>,
    done: Receiver<Result<Arc<Run>, IndexError>>,
}

impl Runs {
    /// Opens the runs of a folder as far as they reach without a gap. What lies behind a gap is
    /// removed; it is made again.
    pub(super) fn open(folder: &Path) -> Result<Runs, IndexError> {
        let runs = open_all(folder).map_err(|source| IndexError::file(folder, source))?;
        let (segments, to_write) = mpsc::sync_channel::<(Arc<Segment>, u64)>(WAITING_MAX);
        let (report, done) = mpsc::channel();
        let mut writer = Writer {
            folder: folder.to_owned(),
            runs: runs.clone(),
        };
        std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || {
                for (segment, end) in to_write {
                    let written = writer.write(&segment, end, &mut |run| {
                        // Nobody asks any more where the node is ending.
                        let _ = report.send(Ok(run));
                    });
                    if let Err(error) = written {
                        let _ = report.send(Err(error));
                        return;
                    }
                }
            })
            .map_err(|_| IndexError::Thread)?;
        Ok(Runs {
            runs,
            writing: VecDeque::new(),
            segments,
            done,
        })
    }

    /// The leaf after the last one that has its rows in a run or on its way there.
    pub(super) fn end(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// The runs as they are now.
    pub(super) fn files(&self) -> Vec<Arc<Run>> {
        self.runs.clone()
    }

    /// Segments that are not in a run yet, oldest first.
    pub(super) fn writing(&self) -> impl Iterator<Item = &Segment> {
        self.writing.iter().map(|segment| &**segment)
    }

    /// Hands a segment to the thread.
    pub(super) fn push(&mut self, segment: Segment, end: u64) -> Result<(), IndexError> {
        let segment = Arc::new(segment);
        self.writing.push_back(Arc::clone(&segment));
        let sent = self.segments.send((segment, end));
        match (self.poll(), sent) {
            (Err(error), _) => Err(error),
            (Ok(()), sent) => sent.map_err(|_| IndexError::Thread),
        }
    }

    /// Takes over what the thread has done.
    pub(super) fn poll(&mut self) -> Result<(), IndexError> {
        loop {
            match self.done.try_recv() {
                Ok(run) => self.take(run?),
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(IndexError::Thread),
            }
        }
    }

    fn take(&mut self, run: Arc<Run>) {
        let is_new = run.first >= self.end();
        if is_new {
            self.writing.pop_front();
        } else {
            self.runs.retain(|old| old.end <= run.first);
        }
        self.runs.push(run);
    }

    /// The first place within a span, of leaves from `after` on.
    pub(super) fn first_place(&self, span: &Span, after: u64) -> io::Result<Option<Key>> {
        for run in self.runs.iter().filter(|run| run.end > after) {
            if let Some(key) = run.first_place(span)? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

/// What the thread owns.
struct Writer {
    folder: PathBuf,
    runs: Vec<Arc<Run>>,
}

impl Writer {
    fn write(
        &mut self,
        segment: &Segment,
        end: u64,
        report: &mut dyn FnMut(Arc<Run>),
    ) -> Result<(), IndexError> {
        let failed = |source| IndexError::file(&self.folder, source);
        let run = Arc::new(Run::write(&self.folder, segment, end).map_err(failed)?);
        self.runs.push(Arc::clone(&run));
        report(run);
        while let Some(from) = self.mergeable() {
            let merged = self.merge(from)?;
            report(merged);
        }
        Ok(())
    }

    /// Where the last runs begin that are of one length and enough to be merged.
    fn mergeable(&self) -> Option<usize> {
        let from = self.runs.len().checked_sub(MERGED)?;
        let length = |run: &Arc<Run>| run.end - run.first;
        let least = length(&self.runs[from]);
        let is_one = self.runs[from..].iter().all(|run| length(run) == least);
        is_one.then_some(from)
    }

    fn merge(&mut self, from: usize) -> Result<Arc<Run>, IndexError> {
        for run in &self.runs[from..] {
            check(run)?;
        }
        let merged = Run::merge(&self.folder, &self.runs[from..]);
        let merged = Arc::new(merged.map_err(|source| IndexError::file(&self.folder, source))?);
        for old in self.runs.drain(from..) {
            // One that stays is removed at the next start. Whoever reads it has it open.
            let _ = fs::remove_file(old.path());
        }
        self.runs.push(Arc::clone(&merged));
        Ok(merged)
    }
}

/// Reads a run and takes it away where it is damaged, so that the next start makes it again.
pub(super) fn check(run: &Run) -> Result<(), IndexError> {
    let path = run.path().to_owned();
    match run.check() {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            fs::remove_file(&path).map_err(|source| IndexError::file(&path, source))?;
            Err(IndexError::Damaged { path })
        }
        Err(source) => Err(IndexError::file(&path, source)),
    }
}

fn open_all(folder: &Path) -> io::Result<Vec<Arc<Run>>> {
    folder::create(folder)?;
    let mut found = Vec::new();
    for path in run::paths(folder)? {
        match Run::open(&path)? {
            Some(run) => found.push(run),
            None => fs::remove_file(&path)?,
        }
    }
    // Of runs that begin together the longest was merged from the others.
    found.sort_by_key(|run| (run.first, u64::MAX - run.end));
    let mut runs: Vec<Arc<Run>> = Vec::new();
    for run in found {
        let end = runs.last().map_or(0, |last| last.end);
        match run.first == end && run.end > end {
            true => runs.push(Arc::new(run)),
            false => fs::remove_file(run.path())?,
        }
    }
    Ok(runs)
}
