//! One pass through all leaves of an export.

use crate::entry::Entry;
use crate::genesis::Genesis;
use crate::ledger::Ledger;
use crate::log::checkpoint::Checkpoint;
use crate::log::policy::Policy;
use crate::log::tiles::{
    TILE_WIDTH, TileBuilder, TileFile, TileKind, TilePath, parse_bundle, partials_of,
};
use crate::log::tree::Tree;
use crate::membership;
use crate::verify::authors::Authors;
use crate::verify::balance;
use crate::verify::certificates::Books;
use crate::verify::claim::{Claim, Findings};
use crate::verify::matching::Matching;
use crate::verify::months::MonthBooks;
use crate::verify::parallel::{self, Checker, Job};
use crate::verify::replay::{Leaf, Replay};
use crate::verify::source::Source;
use crate::verify::start::{self, Start};
use crate::verify::summary::Summary;
use crate::verify::voters::Steps;
use crate::verify::{Progress, tile_bytes};

/// What a pass came to, beside its findings.
pub(crate) struct Walked {
    /// Policies of the founding nodes and of those who vote at the end.
    pub(crate) own_policies: Vec<Policy>,
    /// Steps of the membership in what was read.
    pub(crate) steps: Steps,
    pub(crate) summary: Summary,
    /// After the last leaf, where all were replayed.
    pub(crate) ledger: Option<Ledger>,
}

/// What is done with the ledger when it has a size: a snapshot, which takes no part in what is
/// found.
pub(crate) type Stop<'a> = (u64, &'a mut dyn FnMut(&mut Ledger));

/// The readers of a log that has begun with a genesis.
struct Readers {
    authors: Authors,
    replay: Replay,
    certificates: Books,
    matching: Matching,
    months: MonthBooks,
    summary: Summary,
    steps: Steps,
}

/// Reads every leaf that the checkpoint covers, and checks the signatures meanwhile.
pub(crate) fn walk(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    (start, stop): (Start, Option<Stop<'_>>),
    progress: &mut dyn FnMut(Progress),
    findings: &mut Findings,
) -> Walked {
    let Some(begun) = begin(source, checkpoint, start, findings) else {
        let reason = "there is no state to begin with";
        findings.stop(&Claim::ON_LEAVES, reason);
        return Walked {
            own_policies: Vec::new(),
            steps: Steps::default(),
            summary: Summary::default(),
            ledger: None,
        };
    };
    let (readers, first_bad) = parallel::with_checker(|checker| {
        let mut pass = Pass {
            source,
            checkpoint,
            checker,
            findings,
            builder: begun.builder,
            history: begun.history,
            readers: begun.readers,
            stop,
        };
        pass.read(progress);
        pass.readers
    });
    if let Some(entry) = first_bad {
        let reason = "the signature in the entry does not verify";
        findings.fail(Claim::AuthorSignatures, Some(entry), reason);
    }
    match readers {
        Some(readers) => {
            let ledger = readers.replay.into_ledger();
            let present = membership::policy(ledger.genesis(), &ledger.members().voters());
            Walked {
                own_policies: vec![ledger.genesis().policy(), present],
                steps: readers.steps,
                summary: readers.summary,
                ledger: Some(ledger),
            }
        }
        None => Walked {
            own_policies: Vec::new(),
            steps: Steps::default(),
            summary: Summary::default(),
            ledger: None,
        },
    }
}

/// What a pass begins with.
#[derive(Default)]
struct Begun {
    builder: TileBuilder,
    history: Option<Tree>,
    readers: Option<Readers>,
}

/// The builder at the bundle that the first leaf to be read stands in, and the readers before it.
fn begin(
    source: &dyn Source,
    checkpoint: &Checkpoint,
    start: Start,
    findings: &mut Findings,
) -> Option<Begun> {
    let ledger = match start {
        Start::Genesis => return Some(Begun::default()),
        Start::After(ledger) => ledger,
        Start::Unbound => return None,
    };
    let aligned = start::aligned(ledger.size());
    let open = |path: TilePath| {
        let kind = path.kind();
        let wide = start::path_in_log(kind, path.index(), checkpoint.size());
        let (_, mut bytes) = wide.and_then(|wide| tile_bytes(source, wide))?;
        bytes.truncate(usize::from(path.width()) * 32);
        Ok(TileFile { path, bytes })
    };
    let files: Result<Vec<TileFile>, String> = partials_of(aligned).map(open).collect();
    let builder = files
        .and_then(|files| TileBuilder::resume(aligned, &files).map_err(|error| error.to_string()));
    match builder {
        Ok(builder) => Some(Begun {
            builder,
            history: Some(ledger.tree().clone()),
            readers: Some(Readers::continued(*ledger)),
        }),
        Err(reason) => {
            findings.fail(Claim::Form, None, reason);
            None
        }
    }
}

/// The pass on its way.
struct Pass<'a, 'c, 's> {
    source: &'a dyn Source,
    checkpoint: &'a Checkpoint,
    checker: &'a mut Checker<'c>,
    findings: &'a mut Findings,
    builder: TileBuilder,
    /// The tree before the first leaf that is verified; none once its leaves are hashed.
    history: Option<Tree>,
    /// None before the genesis.
    readers: Option<Readers>,
    stop: Option<Stop<'s>>,
}

impl Pass<'_, '_, '_> {
    fn read(&mut self, progress: &mut dyn FnMut(Progress)) {
        let size = self.checkpoint.size();
        if size == 0 {
            let reason = "the log is empty; a park begins with its genesis";
            self.findings.fail(Claim::Form, None, reason);
            let reason = "there are no leaves";
            self.findings.stop(&Claim::ON_LEAVES, reason);
        }
        let width = u64::from(TILE_WIDTH);
        if self.end_history().is_none() {
            return;
        }
        for index in self.builder.size() / width..size.div_ceil(width) {
            let wanted = u16::try_from((size - index * width).min(width))
                .expect("a bundle is at most 256 leaves wide");
            if self.read_bundle(index, wanted).is_none() {
                let done = self.builder.size();
                let reason = format!("the leaves were not read beyond entry {done}");
                self.findings.stop(&Claim::ON_LEAVES, &reason);
                break;
            }
            let full = self.builder.take_full();
            self.compare_tiles(&full);
            progress(Progress {
                done: self.builder.size(),
                of: size,
            });
        }
        if self.builder.size() == size {
            self.finish();
        }
    }

    /// Once the leaves are hashed that lie before the first to be verified, in the bundle that it
    /// stands in, they must come to the tree that was bound. None if they do not.
    fn end_history(&mut self) -> Option<()> {
        let tree = self.history.as_ref();
        let Some(tree) = tree.filter(|tree| tree.size() == self.builder.size()) else {
            return Some(());
        };
        let is_bound = self.builder.tree() == *tree;
        self.history = None;
        if is_bound {
            return Some(());
        }
        let reason = "the tiles do not come to the tree that the verification begins with";
        self.findings.fail(Claim::BytesToRoot, None, reason);
        self.findings.stop(&Claim::ON_LEAVES, reason);
        None
    }

    /// Hands the ledger out when it has the size that was asked for.
    fn hand_out(&mut self) {
        let Some(readers) = &mut self.readers else {
            return;
        };
        let size = readers.replay.ledger().size();
        if let Some((_, take)) = self.stop.take_if(|(wanted, _)| *wanted == size) {
            take(readers.replay.ledger_mut());
        }
    }

    /// What can be said once the last leaf is read.
    fn finish(&mut self) {
        let partials = self.builder.partials();
        self.compare_tiles(&partials);
        let root = self.builder.root();
        if root != *self.checkpoint.root() {
            let reason = format!("the leaves hash to {root}");
            self.findings.fail(Claim::BytesToRoot, None, reason);
        }
        if let Some(readers) = &mut self.readers {
            let last = readers.replay.finish(self.findings);
            readers.complete(&last, self.findings);
        }
        self.hand_out();
    }

    /// Reads a bundle and hands its leaves to the readers; none if not all of them have their form.
    fn read_bundle(&mut self, index: u64, width: u16) -> Option<()> {
        let first = index * u64::from(TILE_WIDTH);
        let read = TilePath::new(TileKind::Entries, index, width)
            .map_err(|error| error.to_string())
            .and_then(|path| tile_bytes(self.source, path));
        let bundle = read.and_then(|(path, bytes)| {
            let leaves = parse_bundle(&bytes, path.width());
            let leaves = leaves.map_err(|error| format!("{path}: {error}"))?;
            let leaves = leaves.into_iter().take(usize::from(width));
            Ok(leaves.map(<[u8]>::to_vec).collect::<Vec<_>>())
        });
        match bundle {
            Ok(leaves) => leaves.into_iter().try_for_each(|leaf| self.take(leaf)),
            Err(reason) => {
                self.findings.fail(Claim::Form, Some(first), reason);
                None
            }
        }
    }

    fn take(&mut self, bytes: Vec<u8>) -> Option<()> {
        let index = self.builder.size();
        if self.history.is_some() {
            self.builder.push(&bytes);
            return self.end_history();
        }
        let entry = match Entry::decode(&bytes) {
            Ok(entry) => entry,
            Err(error) => {
                let reason = format!("the leaf is no entry: {error}");
                self.findings.fail(Claim::Form, Some(index), reason);
                return None;
            }
        };
        self.builder.push(&bytes);
        let leaf = Leaf {
            index,
            bytes,
            entry,
        };
        match &mut self.readers {
            None => match found(&leaf, self.checkpoint) {
                Ok(founded) => self.readers = Some(founded),
                Err(reason) => {
                    self.findings.fail(Claim::Form, Some(index), reason);
                    return None;
                }
            },
            Some(readers) => {
                if let Some(job) = readers.leaf(leaf, self.findings) {
                    self.checker.push(job);
                }
            }
        }
        self.hand_out();
        Some(())
    }

    fn compare_tiles(&mut self, files: &[TileFile]) {
        for file in files {
            let TileKind::Hashes(_) = file.path.kind() else {
                continue;
            };
            let first = Some(file.path.leaves().start);
            match tile_bytes(self.source, file.path) {
                Ok((_, bytes)) if bytes.starts_with(&file.bytes) => {}
                Ok((path, _)) => {
                    let reason = format!("{path} does not hold the hashes of its leaves");
                    self.findings.fail(Claim::Tiles, first, reason);
                }
                Err(reason) => self.findings.fail(Claim::Form, first, reason),
            }
        }
    }
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
        certificates: Books::default(),
        matching: Matching::default(),
        months: MonthBooks::found(genesis.body().utc_offset_minutes),
        summary,
        steps: Steps::default(),
    })
}

impl Readers {
    /// The readers of the leaves after a ledger's last one. Each goes on from the ledger's state.
    fn continued(ledger: Ledger) -> Readers {
        let (genesis, state) = (ledger.genesis(), ledger.state());
        Readers {
            authors: Authors::continued(genesis, state),
            certificates: Books::continued(state),
            matching: Matching::continued(state),
            months: MonthBooks::continued(state),
            summary: Summary::continued(genesis, state),
            replay: Replay::continued(ledger),
            steps: Steps::default(),
        }
    }

    fn leaf(&mut self, leaf: Leaf, findings: &mut Findings) -> Option<Job> {
        if matches!(leaf.entry, Entry::Genesis(_)) {
            findings.fail(Claim::Form, Some(leaf.index), "a second genesis");
        }
        if let Entry::Voters { change, .. } = &leaf.entry {
            self.steps.push(leaf.index, *change);
        }
        self.summary.leaf(&leaf);
        self.matching.leaf(&leaf, findings);
        let job = self.authors.leaf(leaf.index, &leaf.entry, findings);
        if let Some(batch) = self.replay.leaf(leaf, findings) {
            self.complete(&batch, findings);
        }
        job
    }

    fn complete(&mut self, batch: &[Leaf], findings: &mut Findings) {
        balance::check_batch(batch, findings);
        self.certificates.batch(batch, findings);
        self.months.batch(batch, findings);
        self.summary.count_carbon(batch);
    }
}
