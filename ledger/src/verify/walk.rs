//! One pass through all leaves of an export.

use crate::entry::Entry;
use crate::genesis::Genesis;
use crate::log::checkpoint::Checkpoint;
use crate::log::tiles::{TILE_WIDTH, TileBuilder, TileFile, TileKind, TilePath, parse_bundle};
use crate::verify::authors::Authors;
use crate::verify::balance;
use crate::verify::claim::{Claim, Findings};
use crate::verify::parallel::{self, Job};
use crate::verify::replay::{Leaf, Replay};
use crate::verify::source::Source;
use crate::verify::summary::Summary;
use crate::verify::{Progress, tile_bytes};

/// What a pass came to, beside its findings.
pub(crate) struct Walked {
    pub(crate) genesis: Option<Genesis>,
    pub(crate) summary: Summary,
}

/// The readers of a log that has begun with a genesis.
struct Readers {
    genesis: Genesis,
    authors: Authors,
    replay: Replay,
    summary: Summary,
}

/// Reads every leaf that the checkpoint covers.
pub(crate) fn walk(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    progress: &mut dyn FnMut(Progress),
    findings: &mut Findings,
) -> Walked {
    let size = checkpoint.size();
    let mut builder = TileBuilder::new();
    let mut readers: Option<Readers> = None;
    if size == 0 {
        findings.fail(
            Claim::Form,
            None,
            "the log is empty; a park begins with its genesis",
        );
        findings.stop(&Claim::ON_LEAVES, "there are no leaves");
    }
    let width = u64::from(TILE_WIDTH);
    for index in 0..size.div_ceil(width) {
        let wanted = u16::try_from((size - index * width).min(width))
            .expect("a bundle is at most 256 leaves wide");
        let read = read_bundle(source, index, wanted, findings)
            .filter(|bundle| take_bundle(bundle, &mut builder, &mut readers, checkpoint, findings));
        if read.is_none() {
            let reason = format!("the leaves were not read beyond entry {}", builder.size());
            findings.stop(&Claim::ON_LEAVES, &reason);
            break;
        }
        compare_tiles(source, &builder.take_full(), findings);
        progress(Progress {
            done: builder.size(),
            of: size,
        });
    }
    if builder.size() == size {
        compare_tiles(source, &builder.partials(), findings);
        if builder.root() != *checkpoint.root() {
            let reason = format!("the leaves hash to {}", builder.root());
            findings.fail(Claim::BytesToRoot, None, reason);
        }
        if let Some(readers) = &mut readers {
            let last = readers.replay.finish(findings);
            readers.complete(&last, findings);
        }
    }
    match readers {
        Some(readers) => Walked {
            genesis: Some(readers.genesis),
            summary: readers.summary,
        },
        None => Walked {
            genesis: None,
            summary: Summary::default(),
        },
    }
}

fn read_bundle(
    source: &dyn Source,
    index: u64,
    width: u16,
    findings: &mut Findings,
) -> Option<Vec<Vec<u8>>> {
    let first = index * u64::from(TILE_WIDTH);
    let mut fail = |reason: String| findings.fail(Claim::Form, Some(first), reason);
    let path = match TilePath::new(TileKind::Entries, index, width) {
        Ok(path) => path,
        Err(error) => {
            fail(error.to_string());
            return None;
        }
    };
    let (path, bytes) = match tile_bytes(source, path) {
        Ok(found) => found,
        Err(reason) => {
            fail(reason);
            return None;
        }
    };
    match parse_bundle(&bytes, path.width()) {
        Ok(leaves) => {
            let leaves = leaves.into_iter().take(usize::from(width));
            Some(leaves.map(<[u8]>::to_vec).collect())
        }
        Err(error) => {
            fail(format!("{path}: {error}"));
            None
        }
    }
}

/// Hands a bundle's leaves to the readers; whether all of them have their form.
fn take_bundle(
    bundle: &[Vec<u8>],
    builder: &mut TileBuilder,
    readers: &mut Option<Readers>,
    checkpoint: &Checkpoint,
    findings: &mut Findings,
) -> bool {
    let mut jobs = Vec::new();
    for bytes in bundle {
        let index = builder.size();
        let entry = match Entry::decode(bytes) {
            Ok(entry) => entry,
            Err(error) => {
                findings.fail(
                    Claim::Form,
                    Some(index),
                    format!("the leaf is no entry: {error}"),
                );
                return false;
            }
        };
        builder.push(bytes);
        let leaf = Leaf {
            index,
            bytes: bytes.clone(),
            entry,
        };
        match readers {
            None => match found(&leaf, checkpoint) {
                Ok(founded) => *readers = Some(founded),
                Err(reason) => {
                    findings.fail(Claim::Form, Some(index), reason);
                    return false;
                }
            },
            Some(readers) => jobs.extend(readers.leaf(leaf, findings)),
        }
    }
    if let Some(entry) = parallel::first_bad(&jobs) {
        let reason = "the signature in the entry does not verify";
        findings.fail(Claim::AuthorSignatures, Some(entry), reason);
    }
    true
}

fn found(leaf: &Leaf, checkpoint: &Checkpoint) -> Result<Readers, String> {
    let Entry::Genesis(signed) = &leaf.entry else {
        return Err("entry 0 is no genesis".to_owned());
    };
    let genesis = Genesis::parse(signed).map_err(|error| format!("the genesis: {error}"))?;
    if genesis.origin() != checkpoint.origin() {
        let origin = genesis.origin();
        return Err(format!(
            "the genesis founds {origin}, which is not the checkpoint's log"
        ));
    }
    let mut summary = Summary::found(&genesis);
    summary.leaf(leaf);
    Ok(Readers {
        authors: Authors::found(&genesis),
        replay: Replay::found(&genesis),
        summary,
        genesis,
    })
}

impl Readers {
    fn leaf(&mut self, leaf: Leaf, findings: &mut Findings) -> Option<Job> {
        if matches!(leaf.entry, Entry::Genesis(_)) {
            findings.fail(Claim::Form, Some(leaf.index), "a second genesis");
        }
        self.summary.leaf(&leaf);
        let job = self.authors.leaf(leaf.index, &leaf.entry, findings);
        if let Some(batch) = self.replay.leaf(leaf, findings) {
            self.complete(&batch, findings);
        }
        job
    }

    fn complete(&mut self, batch: &[Leaf], findings: &mut Findings) {
        balance::check_batch(batch, findings);
        self.summary.count_carbon(batch);
    }
}

fn compare_tiles(source: &dyn Source, files: &[TileFile], findings: &mut Findings) {
    for file in files {
        let TileKind::Hashes(_) = file.path.kind() else {
            continue;
        };
        let first = file.path.leaves().start;
        match tile_bytes(source, file.path) {
            Ok((_, bytes)) if bytes.starts_with(&file.bytes) => {}
            Ok((path, _)) => {
                let reason = format!("{path} does not hold the hashes of its leaves");
                findings.fail(Claim::Tiles, Some(first), reason);
            }
            Err(reason) => findings.fail(Claim::Form, Some(first), reason),
        }
    }
}
