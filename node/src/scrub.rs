//! Reads the history in the background, so that a file that the disk has changed is found before
//! somebody needs it. A start reads only the end of the log.
//!
//! A thread of its own checks one bundle after the other, with the tiles above it, against the open
//! tiles of the node's own log, and then the files of the index; slowly, and again and again. A
//! damaged file of the history is named and set aside under another name, so that nobody is given
//! it; once the file of another node is in its place it is served again.

use crate::event_loop::{Handle, View};
use crate::folder;
use crate::history::{FullFiles, HistoryError};
use crate::index::{IndexError, IndexFile};
use anyhow::Context as _;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two bundles: a year of a park of a hundred tenants is read in an hour and a half.
const PACE: Duration = Duration::from_millis(100);
/// Between two passes.
const REST: Duration = Duration::from_secs(3_600);
/// What is added to the name of a damaged file.
const SET_ASIDE: &str = ".damaged";

/// What the scrub has found; shared with whoever tells it.
#[derive(Debug, Default)]
pub struct Scrub {
    checked: AtomicU64,
    damaged: AtomicU64,
}

impl Scrub {
    /// Bundles that were checked since the start.
    pub fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Files of the history that are damaged or missing, as far as is known.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }
}

/// Starts the thread. It ends with the process, or with the loop that it asks.
///
/// # Errors
/// Where it cannot be started.
pub fn start(handle: Handle, history: &Path) -> anyhow::Result<Arc<Scrub>> {
    let scrub = Arc::new(Scrub::default());
    let runtime = tokio::runtime::Handle::current();
    let mut pass = Pass {
        folder: history.to_owned(),
        scrub: Arc::clone(&scrub),
        damaged: BTreeSet::new(),
    };
    std::thread::Builder::new()
        .name("scrub".to_owned())
        .spawn(move || {
            let question = |view: &View| (view.history.full_files(), view.index.files());
            while let Ok((files, index)) = runtime.block_on(handle.ask(question)) {
                pass.history(files, PACE);
                index.iter().for_each(check_index);
                std::thread::sleep(REST);
            }
        })
        .context("cannot start the thread that checks the history")?;
    Ok(scrub)
}

struct Pass {
    folder: PathBuf,
    scrub: Arc<Scrub>,
    /// Files that were named already.
    damaged: BTreeSet<PathBuf>,
}

impl Pass {
    /// Checks every full bundle and the tiles above it.
    fn history(&mut self, mut files: FullFiles, pace: Duration) {
        let mut still = BTreeSet::new();
        for index in 0..files.bundles() {
            // A second look, since it need not have been the disk.
            let checked = files.check(index).or_else(|_| files.check(index));
            match checked {
                Ok(()) => {
                    self.scrub.checked.fetch_add(1, Ordering::Relaxed);
                }
                Err(HistoryError::Damaged { path }) => {
                    self.set_aside(&path);
                    still.insert(path);
                }
                Err(error) => tracing::error!(%error, "a bundle of the history was not checked"),
            }
            std::thread::sleep(pace);
        }
        for path in self.damaged.difference(&still) {
            tracing::info!(file = %path.display(), "the file of the history is whole again");
        }
        self.damaged = still;
        self.count();
    }

    fn set_aside(&mut self, path: &Path) {
        if !self.damaged.insert(path.to_owned()) {
            return;
        }
        self.count();
        tracing::error!(
            file = %path.display(),
            "a file of the history is damaged or missing and is not served; check the disk, and \
             copy the file from another node or from an export of the same log"
        );
        if let Err(error) = rename_aside(&self.folder, path) {
            tracing::error!(file = %path.display(), %error, "the file cannot be set aside");
        }
    }

    fn count(&self) {
        let damaged = self.damaged.len() as u64;
        self.scrub.damaged.store(damaged, Ordering::Relaxed);
    }
}

fn rename_aside(history: &Path, path: &Path) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(SET_ASIDE);
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => folder::sync(path.parent().unwrap_or(history)),
    }
}

fn check_index(file: &IndexFile) {
    match file.check() {
        Ok(()) => {}
        Err(error @ IndexError::Damaged { .. }) => tracing::error!(%error, "the index is damaged"),
        // Runs that were merged meanwhile are gone.
        Err(error) => tracing::debug!(%error, "a file of the index was not checked"),
    }
    std::thread::sleep(PACE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use wattle_ledger::log::tiles::TilePath;

    #[test]
    fn a_damaged_file_is_named_once_set_aside_and_served_again_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let leaves: Vec<Vec<u8>> = (0..1_000u64)
            .map(|leaf| leaf.to_be_bytes().to_vec())
            .collect();
        history.append(0, &leaves).unwrap();
        let mut pass = Pass {
            folder: folder.path().to_owned(),
            scrub: Arc::new(Scrub::default()),
            damaged: BTreeSet::new(),
        };
        let go = |pass: &mut Pass| {
            pass.history(history.full_files(), Duration::ZERO);
            (pass.scrub.checked(), pass.scrub.damaged())
        };
        assert_eq!(go(&mut pass), (3, 0));
        for name in ["tile/entries/001", "tile/0/002"] {
            let (path, before) = (folder.path().join(name), pass.scrub.checked());
            let good = fs::read(&path).unwrap();
            let mut bytes = good.clone();
            bytes[70] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(go(&mut pass), (before + 2, 1), "{name}");
            assert_eq!(pass.damaged.first(), Some(&path));
            let aside = folder.path().join(format!("{name}.damaged"));
            assert_eq!(fs::read(aside).unwrap(), bytes);
            let asked: TilePath = name.parse().unwrap();
            assert_eq!(history.reader().tile(&asked).unwrap(), None);
            // It stays what it is until somebody puts the right file there.
            assert_eq!(go(&mut pass), (before + 4, 1));
            fs::write(&path, &good).unwrap();
            assert_eq!(go(&mut pass), (before + 7, 0));
            assert_eq!(history.reader().tile(&asked).unwrap(), Some(good));
        }
    }
}
