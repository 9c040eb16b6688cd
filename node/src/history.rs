//! What never changes: the leaves as C2SP tile files, and the published checkpoint.
//!
//! `DATA/history` is at every moment a log that the regulator can copy as it is: full tiles and
//! bundles are written once and durably, each seal then writes the partial files of its size, and
//! the checkpoint by rename after them. Who takes `checkpoint` first and everything else after it
//! has whole files of that size, however many seals come meanwhile, up to a bound: partial files
//! of older checkpoints stay for a while (`partials`). Partial files and the checkpoint are made
//! again when the node starts, so they are not waited for; nothing acknowledged depends on them.

mod leaf;
mod partials;
mod piece;
mod reader;
mod replay;

pub use reader::HistoryReader;
pub use replay::FullFiles;

use crate::folder;
use partials::KeptPartials;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_ledger::hash::Hash;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::note::Note;
use wattle_ledger::log::tiles::{
    TILE_WIDTH, TileBuilder, TileFile, TileKind, TilePath, beginning, partials_of,
};

/// Published checkpoints that are kept by their size: about three days of a park that seals each
/// minute. Older ones go, one for each new one; whoever needs an older one has his own copy.
pub(crate) const CHECKPOINTS_KEPT_MAX: usize = 4_096;

/// The history of one node, open for appending.
#[derive(Debug)]
pub struct History {
    folder: PathBuf,
    builder: TileBuilder,
    partials: KeptPartials,
    published: u64,
    /// Sizes of the checkpoints that are kept.
    kept: BTreeSet<u64>,
}

/// Why the history cannot go on; the node stops.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file cannot be read or written.
    #[error("cannot use {path} of the history; check the folder, its permissions and free space")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A full tile is there already with another content: this node's history and its log are not
    /// of one piece.
    #[error(
        "{path} exists with another content than the log yields; do not start this node again \
         before it is known why: compare the file with another node's"
    )]
    Differs {
        /// The file.
        path: PathBuf,
    },
    /// A snapshot's open tiles are not those of its log.
    #[error(
        "the snapshot of {size} leaves does not fit its history: {reason}; move its file out of \
         the snapshots folder and start again"
    )]
    Snapshot {
        /// Leaves.
        size: u64,
        /// What does not fit.
        reason: String,
    },
    /// A file that should be in the history is not, or is not what its path says.
    #[error(
        "{path} of the history is missing or damaged, or the tile of its hashes is; copy both from \
         another node"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

impl History {
    /// The history in a folder, from its first leaf on: all leaves are appended again at start,
    /// and compared with the files that are there.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    pub fn open(folder: &Path) -> Result<History, HistoryError> {
        History::open_with(folder, TileBuilder::new())
    }

    /// The history in a folder, from a snapshot on: it has `size` leaves with this root, and
    /// `partials` are what was open of it then. Leaves after it are appended again and compared.
    ///
    /// # Errors
    /// [`HistoryError::File`], and [`HistoryError::Snapshot`] where the parts do not fit together.
    pub fn resume(
        folder: &Path,
        (size, root): (u64, Hash),
        partials: &[TileFile],
    ) -> Result<History, HistoryError> {
        let builder = TileBuilder::resume(size, partials)
            .map_err(|error| error.to_string())
            .and_then(|builder| match builder.root() {
                found if found == root => Ok(builder),
                found => Err(format!("it has root {found} where its ledger has {root}")),
            })
            .map_err(|reason| HistoryError::Snapshot { size, reason })?;
        History::open_with(folder, builder)
    }

    fn open_with(folder: &Path, builder: TileBuilder) -> Result<History, HistoryError> {
        let failed = |source| HistoryError::File {
            path: folder.to_owned(),
            source,
        };
        folder::create(folder).map_err(failed)?;
        let size = published_size(folder)?;
        let kept = kept_sizes(&folder.join("checkpoints")).map_err(failed)?;
        let with_partials: BTreeSet<u64> = kept.iter().copied().chain(size).collect();
        Ok(History {
            folder: folder.to_owned(),
            builder,
            partials: KeptPartials::of(with_partials.into_iter()),
            published: size.unwrap_or(0),
            kept,
        })
    }

    /// Writes the partial files of checkpoints that were published before the start, once their
    /// leaves are appended again: they need not have survived a power cut.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    pub fn restore_partials(&self) -> Result<(), HistoryError> {
        // What is committed beyond this is only learned from the leader.
        let there = self
            .partials
            .sizes()
            .filter(|size| *size <= self.builder.size());
        for size in there {
            self.write_partials(size)?;
        }
        Ok(())
    }

    /// Appends leaves, of which the first has the given index.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Differs`].
    ///
    /// # Panics
    /// If the leaves do not follow the last one: the replica would have lost count.
    pub fn append(&mut self, first: u64, leaves: &[Vec<u8>]) -> Result<(), HistoryError> {
        assert_eq!(
            first,
            self.builder.size(),
            "leaves are appended without a gap"
        );
        for leaf in leaves {
            self.builder.push(leaf);
            for file in self.builder.take_full() {
                self.write_full(&file)?;
            }
        }
        Ok(())
    }

    /// Writes the partial files of a size, then the signed note as `checkpoint`; partial files that
    /// only checkpoints of long ago need are removed.
    ///
    /// # Errors
    /// [`HistoryError::File`] and [`HistoryError::Damaged`].
    ///
    /// # Panics
    /// If the history has not that many leaves yet: the replica publishes what it has appended.
    pub fn publish(&mut self, size: u64, note: &str) -> Result<(), HistoryError> {
        assert!(
            size <= self.builder.size(),
            "a checkpoint is of leaves that were appended"
        );
        let bytes = match size == self.published {
            true => 0,
            false => self.write_partials(size)?,
        };
        let checkpoints = self.folder.join("checkpoints").join(size.to_string());
        for target in [checkpoints, self.folder.join("checkpoint")] {
            folder::write_whole(&target, note.as_bytes()).map_err(|source| HistoryError::File {
                path: target,
                source,
            })?;
        }
        if size != self.published {
            for path in self.partials.publish(size, bytes) {
                self.remove_partial(&path);
            }
        }
        self.published = size;
        self.kept.insert(size);
        while self.kept.len() > CHECKPOINTS_KEPT_MAX {
            self.forget_oldest();
        }
        Ok(())
    }

    /// Removes the oldest checkpoint that is kept. One that cannot be removed does no harm, and is
    /// found again at the next start.
    fn forget_oldest(&mut self) {
        if let Some(size) = self.kept.pop_first() {
            let _ = fs::remove_file(self.folder.join("checkpoints").join(size.to_string()));
        }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.builder.size()
    }

    /// Size of the last checkpoint published; 0 before the first.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// The open bundle, with the index of its first leaf.
    pub fn open_bundle(&self) -> (u64, Vec<u8>) {
        let width = u64::from(TILE_WIDTH);
        let first = self.builder.size() / width * width;
        let partials = self.builder.partials();
        let bundle = partials
            .into_iter()
            .find(|file| file.path.kind() == TileKind::Entries);
        (first, bundle.map_or_else(Vec::new, |file| file.bytes))
    }

    /// The open tiles and the open bundle: with the full ones, all that the history has.
    pub fn open_files(&self) -> Vec<TileFile> {
        self.builder.partials()
    }

    /// Reads files of the history without asking its writer.
    pub fn reader(&self) -> HistoryReader {
        HistoryReader::new(&self.folder)
    }

    /// Writes the partial files of a size; their bytes.
    fn write_partials(&self, size: u64) -> Result<u64, HistoryError> {
        let mut written = 0;
        for path in partials_of(size) {
            let bytes = self.content(&path)?;
            written += bytes.len() as u64;
            let target = self.folder.join(path.to_string());
            folder::write_whole(&target, &bytes).map_err(|source| HistoryError::File {
                path: target,
                source,
            })?;
        }
        Ok(written)
    }

    /// What a partial file of an earlier size holds: the beginning of what is there now.
    fn content(&self, path: &TilePath) -> Result<Vec<u8>, HistoryError> {
        let same = |file: &TileFile| {
            file.path.kind() == path.kind()
                && file.path.index() == path.index()
                && file.path.width() >= path.width()
        };
        let damaged = |path: PathBuf| HistoryError::Damaged { path };
        if let Some(file) = self.builder.partials().into_iter().find(same) {
            return beginning(file.bytes, path)
                .ok_or_else(|| damaged(self.folder.join(path.to_string())));
        }
        let full = path
            .full()
            .expect("a tile that was filled is within the bounds of a log");
        let source = self.folder.join(full.to_string());
        let bytes = folder::read_if_there(&source).map_err(|error| HistoryError::File {
            path: source.clone(),
            source: error,
        })?;
        bytes
            .and_then(|bytes| beginning(bytes, path))
            .ok_or_else(|| damaged(source))
    }

    fn write_full(&self, file: &TileFile) -> Result<(), HistoryError> {
        let path = self.folder.join(file.path.to_string());
        let failed = |source| HistoryError::File {
            path: path.clone(),
            source,
        };
        match folder::read_if_there(&path).map_err(failed)? {
            None => folder::write_durably(&path, &file.bytes).map_err(failed),
            Some(bytes) if bytes == file.bytes => Ok(()),
            Some(_) => Err(HistoryError::Differs { path }),
        }
    }

    /// Removes an outdated partial file, and its folder with the last one. What is left behind
    /// where this fails is never read, since its width is in no checkpoint that is served.
    fn remove_partial(&self, path: &TilePath) {
        let path = self.folder.join(path.to_string());
        let _ = fs::remove_file(&path);
        if let Some(parent) = path.parent() {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Size of the checkpoint that is in a folder. One that a power cut left behind half is removed:
/// the next seal writes another.
fn published_size(folder: &Path) -> Result<Option<u64>, HistoryError> {
    let path = folder.join("checkpoint");
    let failed = |source| HistoryError::File {
        path: path.clone(),
        source,
    };
    let Some(bytes) = folder::read_if_there(&path).map_err(failed)? else {
        return Ok(None);
    };
    let note = Note::parse(&bytes).ok();
    match note.and_then(|note| Checkpoint::parse(note.text()).ok()) {
        Some(checkpoint) => Ok(Some(checkpoint.size())),
        None => {
            fs::remove_file(&path).map_err(failed)?;
            Ok(None)
        }
    }
}

/// Sizes of the checkpoints in a folder, which need not be there yet.
fn kept_sizes(folder: &Path) -> io::Result<BTreeSet<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(error),
    };
    let mut sizes = BTreeSet::new();
    for entry in entries {
        sizes.extend(
            entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<u64>().ok()),
        );
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::log::tiles::{files_of, parse_bundle};

    fn leaves(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
        range
            .map(|index| format!("leaf {index}").into_bytes())
            .collect()
    }

    fn check_export(folder: &Path, size: u64, note: &str) {
        let mut expected = TileBuilder::new();
        let mut files = Vec::new();
        for leaf in leaves(0..size) {
            expected.push(&leaf);
            files.extend(expected.take_full());
        }
        files.extend(expected.partials());
        assert_eq!(files.len(), files_of(size).count());
        for file in files {
            let path = folder.join(file.path.to_string());
            assert_eq!(fs::read(path).unwrap(), file.bytes, "{}", file.path);
        }
        assert_eq!(fs::read_to_string(folder.join("checkpoint")).unwrap(), note);
    }

    #[test]
    fn checkpoints_beyond_the_bound_go_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..5)).unwrap();
        for size in 1..=3 {
            history.publish(size, "a note\n").unwrap();
        }
        drop(history);
        let mut history = History::open(folder.path()).unwrap();
        assert_eq!(history.kept.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        history.forget_oldest();
        let left = kept_sizes(&folder.path().join("checkpoints")).unwrap();
        assert_eq!(left.into_iter().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn folder_is_an_export_of_every_published_size() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        let mut size = 0;
        // The checkpoint may be behind the leaves, also across the end of a bundle.
        for (appended, published) in [
            (1, 1),
            (300, 200),
            (300, 256),
            (300, 300),
            (700, 520),
            (70_000, 65_537),
        ] {
            history.append(size, &leaves(size..appended)).unwrap();
            size = appended;
            let note = format!("note of {published}");
            history.publish(published, &note).unwrap();
            check_export(folder.path(), published, &note);
            let reader = history.reader();
            let found = reader.checkpoint_of(published).unwrap();
            assert_eq!(found.as_deref(), Some(note.as_bytes()));
        }
        assert_eq!(history.published(), 65_537);
    }

    #[test]
    fn partial_files_of_older_checkpoints_stay_for_a_while_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..500)).unwrap();
        for size in [10, 20, 300] {
            history.publish(size, "note").unwrap();
        }
        let at = |path: &str| folder.path().join(path).exists();
        assert!(at("tile/0/000.p/10") && at("tile/entries/000.p/20") && at("tile/0/001.p/44"));
        let last = 300 + partials::SETS_MAX as u64;
        for size in 301..=last {
            history.publish(size, "note").unwrap();
        }
        assert!(!at("tile/0/000.p") && !at("tile/0/001.p/44") && at("tile/0/001.p/45"));
        // A restart knows them still.
        drop(history);
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..500)).unwrap();
        history.publish(last + 1, "note").unwrap();
        assert!(!at("tile/0/001.p/45") && at("tile/0/001.p/46"));
        // Yet any width that was ever published can still be served, out of a wider file.
        let path: TilePath = "tile/entries/000.p/20".parse().unwrap();
        let bytes = history.reader().tile(&path).unwrap().unwrap();
        assert_eq!(parse_bundle(&bytes, 20).unwrap().len(), 20);
    }

    /// Files of a folder, relative, as a copier's one look at each folder lists them.
    fn listed(folder: &Path) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => paths.push(path.strip_prefix(folder).unwrap().to_owned()),
                }
            }
        }
        paths.sort();
        paths
    }

    /// `checkpoint` is taken first; then everything is listed and copied in orders that differ,
    /// while the node appends and publishes between any two files.
    #[test]
    fn a_copy_that_takes_the_checkpoint_first_is_whole_while_the_node_goes_on() {
        for stride in [1, 7, 31, 101] {
            let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let mut history = History::open(folder.path()).unwrap();
            let mut size = 0;
            let mut go_on = |history: &mut History, by: u64| {
                history.append(size, &leaves(size..size + by)).unwrap();
                size += by;
                history.publish(size, &format!("note of {size}")).unwrap();
                size
            };
            let taken = (0..9).map(|_| go_on(&mut history, 61)).last().unwrap();
            let note = fs::read(folder.path().join("checkpoint")).unwrap();
            fs::write(copy.path().join("checkpoint"), &note).unwrap();
            let mut left: u64 = partials::SETS_MAX as u64 - 1;
            let mut step = |history: &mut History| {
                if left > 0 {
                    left -= 1;
                    go_on(history, 41 + left % 7);
                }
            };
            (0..10).for_each(|_| step(&mut history));
            let files = listed(folder.path());
            let mut files: Vec<_> = files.iter().enumerate().collect();
            files.sort_by_key(|(place, _)| place * stride % 257);
            for (_, path) in files {
                step(&mut history);
                if let Ok(bytes) = fs::read(folder.path().join(path))
                    && path.as_path() != Path::new("checkpoint")
                {
                    fs::create_dir_all(copy.path().join(path).parent().unwrap()).unwrap();
                    fs::write(copy.path().join(path), bytes).unwrap();
                }
            }
            check_export(copy.path(), taken, &format!("note of {taken}"));
        }
    }

    #[test]
    fn a_replay_finds_its_own_files_and_stops_at_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..600)).unwrap();
        let mut again = History::open(folder.path()).unwrap();
        again.append(0, &leaves(0..600)).unwrap();

        let path = folder.path().join("tile/entries/001");
        let mut bytes = fs::read(&path).unwrap();
        bytes[5] ^= 1;
        fs::write(&path, bytes).unwrap();
        let mut third = History::open(folder.path()).unwrap();
        let error = third.append(0, &leaves(0..600)).unwrap_err();
        assert!(
            matches!(&error, HistoryError::Differs { path: p } if *p == path),
            "{error}"
        );
    }

    #[test]
    fn partial_files_that_a_power_cut_took_are_written_again() {
        use wattle_ledger::keys::SigningKey;
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..300)).unwrap();
        let checkpoint = Checkpoint::new("wattle/test", 300, history.builder.root()).unwrap();
        let mut note = checkpoint.to_note();
        note.add(checkpoint.sign(&SigningKey::from_seed(&[1; 32])))
            .unwrap();
        history.publish(300, &note.to_string()).unwrap();
        let partial = folder.path().join("tile/entries/001.p/44");
        fs::write(&partial, b"").unwrap();

        let mut again = History::open(folder.path()).unwrap();
        assert_eq!(again.published(), 300);
        again.append(0, &leaves(0..310)).unwrap();
        again.restore_partials().unwrap();
        check_export(folder.path(), 300, &note.to_string());
        again.publish(310, "next").unwrap();
        assert!(partial.exists(), "a slow copy may still want it");

        fs::write(folder.path().join("checkpoint"), b"").unwrap();
        let third = History::open(folder.path()).unwrap();
        assert_eq!(third.published(), 0);
        assert_eq!(third.reader().checkpoint().unwrap(), None);
    }

    fn resumed(folder: &Path, before: &History) -> Result<History, HistoryError> {
        let place = (before.size(), before.builder.root());
        History::resume(folder, place, &before.open_files())
    }

    #[test]
    fn a_resumed_history_goes_on_and_reads_what_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = History::open(folder.path()).unwrap();
        before.append(0, &leaves(0..700)).unwrap();
        before.publish(600, "note").unwrap();
        let mut history = resumed(folder.path(), &before).unwrap();
        let mut read = Vec::new();
        history
            .read_again(0, |first, leaves| {
                assert_eq!(first, read.len() as u64);
                read.extend_from_slice(leaves);
                Ok::<(), HistoryError>(())
            })
            .unwrap();
        assert_eq!(read, leaves(0..700));
        history.restore_partials().unwrap();
        history.append(700, &leaves(700..900)).unwrap();
        history.publish(900, "later").unwrap();
        check_export(folder.path(), 900, "later");

        let other = (before.size(), wattle_ledger::hash::Hash([1; 32]));
        let error = History::resume(folder.path(), other, &before.open_files()).unwrap_err();
        assert!(matches!(error, HistoryError::Snapshot { .. }), "{error}");
    }

    #[test]
    fn a_bundle_that_the_disk_has_changed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut before = History::open(folder.path()).unwrap();
        before.append(0, &leaves(0..700)).unwrap();
        let path = folder.path().join("tile/entries/001");
        let good = fs::read(&path).unwrap();
        let mut bytes = good.clone();
        bytes[40] ^= 1;
        for damaged in [Some(bytes), Some(good[..100].to_vec()), None] {
            match damaged {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let history = resumed(folder.path(), &before).unwrap();
            let error = history
                .read_again(0, |_, _| Ok::<(), HistoryError>(()))
                .unwrap_err();
            let is_named = matches!(&error, HistoryError::Damaged { path: p } if *p == path);
            assert!(is_named, "{error}");
        }
    }

    #[test]
    fn pieces_prove_that_they_belong_to_the_tree() {
        use wattle_ledger::log::proof::verify_consistency;
        use wattle_ledger::log::tree::{Tree, leaf_hash};
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(folder.path()).unwrap();
        history.append(0, &leaves(0..1_000)).unwrap();
        for size in [1, 255, 256, 700, 1_000] {
            let mut whole = Tree::new();
            for leaf in leaves(0..size) {
                whole.push(leaf_hash(&leaf));
            }
            let mut tree = Tree::new();
            while tree.size() < size {
                let piece = history.piece(tree.size(), size).unwrap();
                assert_eq!((piece.first, piece.size), (tree.size(), size));
                for leaf in &piece.leaves {
                    tree.push(leaf_hash(leaf));
                }
                let (root, end) = (tree.root(), tree.size());
                verify_consistency(end, &root, size, &whole.root(), &piece.proof).unwrap();
            }
            assert_eq!(tree.root(), whole.root());
        }
        // In the middle of a bundle, and one leaf that is as long as any may be.
        history
            .append(1_000, &[vec![7; 65_535], vec![8; 100]])
            .unwrap();
        assert_eq!(history.piece(1_000, 1_002).unwrap().leaves.len(), 1);
        assert_eq!(history.piece(900, 1_000).unwrap().leaves.len(), 100);
    }
}
