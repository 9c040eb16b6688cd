//! The leaves of an export on disk, bundle by bundle, as they are: nothing is verified.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wattle_ledger::entry::Entry;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::ledger::begins_batch;
use wattle_ledger::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};
use wattle_ledger::log::{Checkpoint, Note};

/// A folder with `checkpoint` and `tile/`, opened for reading.
#[derive(Debug)]
pub struct Export {
    folder: PathBuf,
    note: String,
    checkpoint: Checkpoint,
    genesis: Genesis,
}

impl Export {
    /// Opens the export in a folder.
    ///
    /// # Errors
    /// If checkpoint or genesis cannot be read.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("checkpoint");
        let note = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read; name an export", path.display()))?;
        let checkpoint = Checkpoint::parse(Note::parse(note.as_bytes())?.text())?;
        let first = bundle(folder, checkpoint.size(), 0)?;
        let leaf = first.first().context("the log is empty")?;
        let Entry::Genesis(signed) = Entry::decode(leaf)? else {
            bail!("the log does not begin with a genesis");
        };
        let genesis = Genesis::parse(&signed)?;
        Ok(Self {
            folder: folder.to_owned(),
            note,
            checkpoint,
            genesis,
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The signed checkpoint.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Size and root.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What the park was founded with.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Hands out each batch's leaves in order, the genesis aside.
    ///
    /// # Errors
    /// If a bundle cannot be read, and what `take` gives.
    pub fn batches(
        &self,
        take: &mut dyn FnMut(&[Vec<u8>]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let size = self.checkpoint.size();
        let mut batch: Vec<Vec<u8>> = Vec::new();
        for index in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
            let skipped = usize::from(index == 0);
            for leaf in bundle(&self.folder, size, index)?.into_iter().skip(skipped) {
                if begins_batch(&leaf) && !batch.is_empty() {
                    take(&batch)?;
                    batch.clear();
                }
                batch.push(leaf);
            }
        }
        if batch.is_empty() {
            bail!("the log has no batch");
        }
        take(&batch)
    }
}

fn bundle(folder: &Path, size: u64, index: u64) -> anyhow::Result<Vec<Vec<u8>>> {
    let width = u64::from(TILE_WIDTH);
    let leaves = u16::try_from((size - index * width).min(width))?;
    let path = TilePath::new(TileKind::Entries, index, leaves)?.to_string();
    let bytes = std::fs::read(folder.join(&path)).with_context(|| format!("no {path}"))?;
    let leaves = parse_bundle(&bytes, leaves)?;
    Ok(leaves.into_iter().map(<[u8]>::to_vec).collect())
}
