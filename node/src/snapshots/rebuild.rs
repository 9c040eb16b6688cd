//! A ledger made again from the node's own history, where no snapshot of it can be read.
//!
//! Up to the last seal before the snapshot's place, which the node has signed, the history is
//! replayed as an own log ([`OwnHead`]); the leaves after it are applied and compared one by one.

use super::{Place, SnapshotFile};
use crate::history::HistoryReader;
use anyhow::{anyhow, ensure};
use std::io;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::ledger::{Ledger, OwnHead, begins_batch};
use wattle_ledger::log::Checkpoint;
use wattle_ledger::log::tiles::{
    BoundTiles, TILE_WIDTH, TileFile, TileKind, TilePath, beginning, parse_bundle, partials_of,
};
use wattle_replica::output::SignedHead;
use wattle_replica::snapshot::Snapshot;

/// Makes the snapshot of a place again. `log` is the node's own log key.
///
/// # Errors
/// Where the history lacks a file or has a damaged one, or the place is not of this log.
pub fn rebuild(
    place: &Place,
    history: &HistoryReader,
    genesis: &Genesis,
    log: &SigningKey,
) -> anyhow::Result<SnapshotFile> {
    let head = &place.head;
    let mut ledger = match head.seals.last() {
        Some(seal) => {
            let own = own_head(seal, genesis, log)?;
            let open = open_files(place, history, seal.size)?;
            own.replay(&open, |path| history.tile(path))?
        }
        None => Ledger::found(genesis),
    };
    apply_rest(&mut ledger, place, history)?;
    let found = (ledger.size(), ledger.root());
    ensure!(
        found == (head.size, head.root),
        "the history has another root at {} leaves than the snapshot had",
        head.size
    );
    Ok(SnapshotFile {
        snapshot: Snapshot {
            head: head.clone(),
            ledger: ledger.snapshot().to_bytes(),
        },
        partials: place.partials.clone(),
    })
}

/// The seal as the node signs it, which it does again at each start.
fn own_head(seal: &SignedHead, genesis: &Genesis, log: &SigningKey) -> anyhow::Result<OwnHead> {
    let checkpoint = Checkpoint::new(genesis.origin(), seal.size, seal.root)?;
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(log))?;
    Ok(OwnHead::check::<io::Error>(&note, log)?)
}

/// The partial files of a size: cut from those of the place, where that is in the same files, or
/// from what the history has there.
fn open_files(place: &Place, history: &HistoryReader, size: u64) -> anyhow::Result<Vec<TileFile>> {
    let file = |path: TilePath| {
        let wider = place.partials.iter().find(|file| {
            let found = file.path;
            (found.kind(), found.index()) == (path.kind(), path.index())
        });
        let bytes = match wider {
            Some(wider) => beginning(wider.bytes.clone(), &path),
            None => history.tile(&path)?,
        };
        let bytes = bytes.ok_or_else(|| anyhow!("the history has no {path}"))?;
        Ok(TileFile { path, bytes })
    };
    partials_of(size).map(file).collect()
}

/// Applies the leaves from the ledger's end up to the place, each of them compared.
fn apply_rest(ledger: &mut Ledger, place: &Place, history: &HistoryReader) -> anyhow::Result<()> {
    let (from, size) = (ledger.size(), place.head.size);
    let width = u64::from(TILE_WIDTH);
    let read = |path: &TilePath| history.tile(path);
    let mut tiles = BoundTiles::new(size, place.partials.clone(), read);
    let mut leaves = Vec::new();
    for index in from / width..tiles.full_bundles() {
        let bundle = tiles.bundle(index)?;
        leaves.extend(bundle.leaves().map(<[u8]>::to_vec));
    }
    let is_bundle = |file: &&TileFile| file.path.kind() == TileKind::Entries;
    if let Some(open) = place.partials.iter().find(is_bundle) {
        let open = parse_bundle(&open.bytes, open.path.width())?;
        leaves.extend(open.into_iter().map(<[u8]>::to_vec));
    }
    let skipped = usize::try_from(from % width).expect("less than 256");
    let rest = leaves.get(skipped..).unwrap_or_default();
    for batch in rest.chunk_by(|_, next| !begins_batch(next)) {
        ledger.apply_leaves(batch)?;
    }
    Ok(())
}
