//! A node's own log replayed, beside the same log applied leaf by leaf with each leaf compared, and
//! beside reading and hashing alone. All three on one thread, none with signatures.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use wattle_ledger::ledger::{Ledger, OwnError, OwnHead, SignatureCheck};
use wattle_ledger::log::Note;
use wattle_ledger::log::tiles::{BoundTiles, TileFile, TilePath, partials_of};
use wattle_ledger::registration::NodeId;

use super::clock::{median, timed};
use crate::export::Export;
use crate::keyring::{Keyring, NodeKey};

/// The one node of a recording.
const NODE: NodeId = NodeId(1);

/// What was measured; times are processor time, medians over the passes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Leaves.
    pub entries: u64,
    /// Own replay, nanoseconds an entry.
    pub own_ns: f64,
    /// Every leaf made again and compared, nanoseconds an entry.
    pub compared_ns: f64,
    /// Reading and hashing alone, nanoseconds an entry.
    pub hashed_ns: f64,
    /// Own replay, entries a second.
    pub own_per_second: f64,
    /// The state written into memory as a snapshot does it, in milliseconds.
    pub snapshot_ms: f64,
    /// Its bytes.
    pub snapshot_bytes: usize,
}

/// Replays a recording.
///
/// # Errors
/// If it cannot be read, is not by these keys, or the ways do not come to the same state.
pub fn measure(recording: &Path, keyring: &Keyring, passes: usize) -> anyhow::Result<Figures> {
    let export = Export::open(&recording.join("export"))?;
    let folder = export.folder();
    let open = open_files(folder, export.checkpoint().size())?;
    let (mut own, mut compared, mut hashed, mut written) = (vec![], vec![], vec![], vec![]);
    let mut snapshot_bytes = 0;
    for _ in 0..passes {
        let (ledger, ns) = timed(|| replay_own(&export, keyring, &open));
        own.push(ns);
        let (bytes, ns) = timed(|| ledger.map(|mut ledger| ledger.snapshot().to_bytes()));
        written.push(ns);
        let bytes = bytes?;
        let (ledger, ns) = timed(|| compare(&export));
        compared.push(ns);
        ensure!(
            ledger?.snapshot().to_bytes() == bytes,
            "the two replays come to different states"
        );
        snapshot_bytes = bytes.len();
        let (read, ns) = timed(|| hash(folder, export.checkpoint().size(), &open));
        read?;
        hashed.push(ns);
    }
    let entries = export.checkpoint().size();
    let each = |times| median(times) / entries as f64;
    let own_ns = each(own);
    Ok(Figures {
        entries,
        own_ns,
        compared_ns: each(compared),
        hashed_ns: each(hashed),
        own_per_second: 1e9 / own_ns,
        snapshot_ms: median(written) / 1e6,
        snapshot_bytes,
    })
}

fn open_files(folder: &Path, size: u64) -> anyhow::Result<Vec<TileFile>> {
    let file = |path: TilePath| {
        let bytes = fs::read(folder.join(path.to_string()));
        let bytes = bytes.with_context(|| format!("{path} cannot be read"))?;
        Ok(TileFile { path, bytes })
    };
    partials_of(size).map(file).collect()
}

fn reader(folder: &Path) -> impl FnMut(&TilePath) -> io::Result<Option<Vec<u8>>> {
    |path: &TilePath| match fs::read(folder.join(path.to_string())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}

fn replay_own(export: &Export, keyring: &Keyring, open: &[TileFile]) -> anyhow::Result<Ledger> {
    let note = Note::parse(export.note().as_bytes())?;
    let key = keyring.node_key(NODE, NodeKey::Log);
    let head: Result<OwnHead, OwnError<io::Error>> = OwnHead::check(&note, &key);
    Ok(head?.replay(open, reader(export.folder()))?)
}

fn compare(export: &Export) -> anyhow::Result<Ledger> {
    let mut ledger = Ledger::with_signatures(export.genesis(), SignatureCheck::AlreadyVerified);
    export.batches(&mut |leaves| {
        ledger.apply_leaves(leaves)?;
        Ok(())
    })?;
    if ledger.root() != *export.checkpoint().root() {
        bail!("the recording does not come to its checkpoint");
    }
    Ok(ledger)
}

fn hash(folder: &Path, size: u64, open: &[TileFile]) -> anyhow::Result<()> {
    let mut tiles = BoundTiles::new(size, open.to_vec(), reader(folder));
    for index in 0..tiles.full_bundles() {
        tiles.bundle(index)?;
    }
    Ok(())
}
