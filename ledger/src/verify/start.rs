//! Where a verification begins: at the genesis, at the seal that a cut export begins with, or
//! where an earlier verification ended.
//!
//! Whatever later leaves are replayed upon must be bound first. A snapshot's tree must be the
//! beginning of the tree that the quorum has signed, the seal must be its last leaf, and its rows
//! must have the state root that the seal states. Only then is the state used.

use crate::codec;
use crate::entry::Entry;
use crate::hash::Hash;
use crate::ledger::{Ledger, SignatureCheck};
use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::log::checkpoint::Checkpoint;
use crate::log::proof::{
    ProofError, ProveError, prove_consistency, prove_inclusion, verify_consistency,
    verify_inclusion,
};
use crate::log::tiles::{TILE_WIDTH, TileHashes, TileKind, TilePath, TileReadError, files_of};
use crate::log::tree::leaf_hash;
use crate::snapshot::Restoring;
use crate::verify::claim::{Claim, Findings};
use crate::verify::resume::Resumed;
use crate::verify::source::Source;
use crate::verify::tile_bytes;

/// The file by which a cut export is known.
pub const START_FILE: &str = "start";
/// Bytes of each piece of the snapshot but the last, which may be shorter.
pub const STATE_PIECE_BYTES: usize = 1 << 20;
/// The longest start file: a seal and a path of at most 40 hashes.
const START_BYTES_MAX: usize = 4_096;

/// What the start file holds: the seal that is the snapshot's last leaf, and the path from it to
/// the root of the snapshot's tree.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct StartProof {
    /// The seal's leaf.
    pub seal: Vec<u8>,
    /// RFC 6962's audit path.
    pub path: Vec<Hash>,
}

/// The path of a piece of the snapshot.
pub fn state_path(piece: u64) -> String {
    format!("state/{piece:05}")
}

/// Whether an export begins later than its log.
///
/// # Errors
/// If its files cannot be read.
pub fn is_cut(source: &dyn Source) -> std::io::Result<bool> {
    let start = source.read(START_FILE, START_BYTES_MAX);
    Ok(start?.is_some())
}

/// Where the readers of an export begin.
#[derive(Debug)]
pub(super) enum Start {
    Genesis,
    /// After the ledger's last leaf.
    After(Box<Ledger>),
    /// Nowhere: what it would have begun with is not bound.
    Unbound,
}

/// What a verification may go on from beside the export.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// A checkpoint that was verified before.
    pub(super) earlier: Option<&'a Checkpoint>,
    /// Where an earlier verification ended.
    pub(super) resumed: Option<Resumed>,
}

/// What is wrong, and the claim that it fails.
type Fault = (Claim, String);

/// Decides where to begin. Findings say what is not bound, and what was not read.
pub(super) fn find(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    known: Known<'_>,
    findings: &mut Findings,
) -> Start {
    let started = match known.resumed {
        Some(known) => resumed(source, checkpoint, known, findings).map(Start::After),
        None => match is_cut(source) {
            Ok(true) if findings.has_failed() => {
                // Whoever can make a state that no quorum has signed must not have it run.
                let reason = "nothing vouches for the state that the export begins with";
                findings.stop(&[Claim::History], reason);
                return Start::Unbound;
            }
            Ok(true) => cut(source, checkpoint, findings).map(Start::After),
            Ok(false) => Ok(Start::Genesis),
            Err(error) => Err((
                Claim::Form,
                format!("`{START_FILE}` cannot be read: {error}"),
            )),
        },
    };
    let started = started.and_then(|start| {
        if let Some(earlier) = known.earlier {
            continues(source, checkpoint, &start, earlier, findings)?;
        }
        Ok(start)
    });
    started.unwrap_or_else(|(claim, reason)| {
        findings.fail(claim, None, reason);
        Start::Unbound
    })
}

/// The ledger at the seal that a cut export begins with.
fn cut(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    findings: &mut Findings,
) -> Result<Box<Ledger>, Fault> {
    let form = |reason: String| (Claim::Form, reason);
    let mut ledger = read_state(source).map_err(form)?;
    let size = ledger.size();
    if ledger.genesis().origin() != checkpoint.origin() {
        let origin = ledger.genesis().origin();
        let reason = format!("its state is of {origin}, which is not the checkpoint's log");
        return Err(form(reason));
    }
    let root = ledger.root();
    is_beginning(source, (size, &root), checkpoint).map_err(|(_, fault)| fault)?;
    let proof = read_proof(source).map_err(form)?;
    let leaf = leaf_hash(&proof.seal);
    let last = size.saturating_sub(1);
    verify_inclusion(last, size, &leaf, &proof.path, &root).map_err(|error| {
        let reason = format!("the seal in `{START_FILE}` is not entry {last}: {error}");
        (Claim::BytesToRoot, reason)
    })?;
    let Ok(Entry::Seal { state_root }) = Entry::decode(&proof.seal) else {
        let reason = format!("entry {last}, with which the export begins, is no seal");
        return Err((Claim::Replay, reason));
    };
    let rows = ledger.root_in_seal();
    if rows != state_root {
        let reason = format!(
            "the state that the export begins with has the root {rows}, the seal in entry {last} \
             says {state_root}"
        );
        return Err((Claim::Replay, reason));
    }
    findings.begin_after(
        (size, size),
        format!(
            "entries 0 to {last} are not in this export; that they lead to this state is only what \
             the quorum has signed"
        ),
    );
    Ok(Box::new(ledger))
}

/// The ledger of an earlier verification, if the export's log continues its tree.
fn resumed(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    Resumed { ledger, unchecked }: Resumed,
    findings: &mut Findings,
) -> Result<Box<Ledger>, Fault> {
    let history = |reason: String| (Claim::History, reason);
    let (size, root) = (ledger.size(), ledger.root());
    let origin = ledger.genesis().origin();
    if origin != checkpoint.origin() {
        let reason = format!("what was verified before is {origin}, which is another log");
        return Err(history(reason));
    }
    if size > checkpoint.size() {
        let reason = format!(
            "{size} entries were verified before, and this export has only {}: an older copy",
            checkpoint.size()
        );
        return Err(history(reason));
    }
    match is_beginning(source, (size, &root), checkpoint) {
        Ok(()) => {}
        Err((true, (_, reason))) => {
            let reason = format!("{reason}: the log was rewritten since; keep both exports");
            return Err(history(reason));
        }
        Err((false, fault)) => return Err(fault),
    }
    if unchecked == 0 {
        let reason = format!("the entries before {size} were verified before and not read again");
        findings.vouch(size, reason);
    } else {
        let reason = format!(
            "the entries from {unchecked} to {size} were verified before and not read again; those \
             before {unchecked} never were"
        );
        findings.begin_after((size, unchecked), reason);
    }
    Ok(ledger)
}

/// Whether the export continues a checkpoint that was verified before.
fn continues(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    start: &Start,
    earlier: &Checkpoint,
    findings: &mut Findings,
) -> Result<(), Fault> {
    let history = |reason: String| Err((Claim::History, reason));
    if earlier.origin() != checkpoint.origin() {
        return history(format!("the earlier checkpoint is of {}", earlier.origin()));
    }
    if let Start::After(ledger) = start {
        if (ledger.size(), ledger.root()) != (earlier.size(), *earlier.root()) {
            return history(format!(
                "the export begins after {} entries with the root {}, the earlier checkpoint has {} \
                 and {}",
                ledger.size(),
                ledger.root(),
                earlier.size(),
                earlier.root()
            ));
        }
    } else {
        match is_beginning(source, (earlier.size(), earlier.root()), checkpoint) {
            Ok(()) => {}
            Err((true, (_, reason))) => return history(reason),
            Err((false, fault)) => return Err(fault),
        }
    }
    let size = earlier.size();
    let reason = format!("the log continues the earlier checkpoint of {size} entries");
    findings.vouch(findings.from, reason);
    Ok(())
}

/// Whether a tree is the beginning of the checkpoint's, by the export's hash tiles, which the
/// checkpoint's root binds. If not, whether the older tree is at fault, and not the tiles.
fn is_beginning(
    source: &dyn Source,
    (size, root): (u64, &Hash),
    checkpoint: &Checkpoint,
) -> Result<(), (bool, Fault)> {
    let of_tiles = |reason: String| (false, (Claim::Form, reason));
    let mut hashes = tile_hashes(source, checkpoint.size());
    let path = match prove_consistency(&mut hashes, size, checkpoint.size()) {
        Ok(path) => path,
        Err(ProveError::Request(error)) => {
            return Err((true, (Claim::BytesToRoot, error.to_string())));
        }
        Err(error) => return Err(of_tiles(reason_of(&error))),
    };
    let (new, new_root) = (checkpoint.size(), checkpoint.root());
    match verify_consistency(size, root, new, new_root, &path) {
        Ok(()) => Ok(()),
        Err(ProofError::OldRoot) => {
            let reason = format!(
                "the checkpoint's log does not begin with the {size} entries of the root {root}"
            );
            Err((true, (Claim::BytesToRoot, reason)))
        }
        Err(_) => {
            let reason = "the hash tiles do not lead to the checkpoint's root".to_owned();
            Err((false, (Claim::Tiles, reason)))
        }
    }
}

/// The hashes of a log of a size, out of an export's tiles.
fn tile_hashes(
    source: &dyn Source,
    size: u64,
) -> TileHashes<impl FnMut(&TilePath) -> Result<Vec<u8>, String>> {
    TileHashes::new(size, move |path: &TilePath| {
        tile_bytes(source, *path).map(|(_, bytes)| bytes)
    })
}

fn reason_of(error: &ProveError<TileReadError<String>>) -> String {
    match error {
        ProveError::Read(TileReadError::Read { error, .. }) => error.clone(),
        ProveError::Read(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn read_proof(source: &dyn Source) -> Result<StartProof, String> {
    let bytes = source.read(START_FILE, START_BYTES_MAX);
    let bytes = bytes.map_err(|error| format!("`{START_FILE}` cannot be read: {error}"))?;
    let bytes = bytes.ok_or_else(|| format!("there is no file `{START_FILE}`"))?;
    codec::decode(&bytes).map_err(|error| format!("`{START_FILE}`: {error}"))
}

/// The snapshot, piece by piece.
fn read_state(source: &dyn Source) -> Result<Ledger, String> {
    // Author signatures are a claim of their own.
    let mut restoring = Restoring::new(SignatureCheck::AlreadyVerified);
    for piece in 0..SNAPSHOT_BYTES_MAX / STATE_PIECE_BYTES as u64 {
        let path = state_path(piece);
        let bytes = source.read(&path, STATE_PIECE_BYTES);
        let bytes = bytes.map_err(|error| format!("`{path}` cannot be read: {error}"))?;
        let Some(bytes) = bytes else {
            break;
        };
        let pushed = restoring.push(&bytes);
        pushed.map_err(|error| format!("`{path}`: {error}"))?;
        if bytes.len() < STATE_PIECE_BYTES {
            break;
        }
    }
    let finished = restoring.finish();
    finished.map_err(|error| format!("`state/`: {error}"))
}

/// The proof that the last of `size` leaves stands in the tree of that size, from the tiles of an
/// export of a longer log.
///
/// # Errors
/// What is wrong with the tiles, in words.
pub fn prove_last(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    seal: Vec<u8>,
    size: u64,
) -> Result<StartProof, String> {
    // Every complete subtree of the shorter tree is one of the longer.
    let mut hashes = tile_hashes(source, checkpoint.size());
    let path = prove_inclusion(&mut hashes, size.saturating_sub(1), size);
    let path = path.map_err(|error| reason_of(&error))?;
    Ok(StartProof { seal, path })
}

/// The files of an export that begins after `size` leaves: bundles from the one that the next leaf
/// stands in, and the hash tiles from there on, whose earlier neighbors in a tile lead to the root.
pub fn files_from(size: u64, checkpoint: &Checkpoint) -> impl Iterator<Item = TilePath> {
    let aligned = aligned(size);
    files_of(checkpoint.size()).filter(move |path| is_needed(*path, aligned))
}

/// The file at a place in a log of a size, partial or full.
pub(super) fn path_in_log(kind: TileKind, index: u64, size: u64) -> Result<TilePath, String> {
    let shift = match kind {
        TileKind::Entries => 0,
        TileKind::Hashes(level) => 8 * u32::from(level),
    };
    let width = u64::from(TILE_WIDTH);
    let left = (size >> shift).saturating_sub(index.saturating_mul(width));
    let wide = u16::try_from(left.min(width)).expect("a tile is at most 256 wide");
    TilePath::new(kind, index, wide).map_err(|error| error.to_string())
}

/// The first leaf of the bundle that the next leaf stands in.
pub(super) fn aligned(size: u64) -> u64 {
    size - size % u64::from(TILE_WIDTH)
}

pub(super) fn is_needed(path: TilePath, aligned: u64) -> bool {
    let level = match path.kind() {
        TileKind::Entries => 0,
        TileKind::Hashes(level) => level,
    };
    path.index() >= aligned >> (8 * (u32::from(level) + 1))
}
