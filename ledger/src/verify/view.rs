//! A participant's view of a log, checked as far as it goes.
//!
//! What a view shows: the checkpoint's signatures and quorum; that the hash tiles make its root;
//! that each leaf of the view stands at its place in the log; every signature in it; that no event
//! of the participant's own keys lacks between two others; and that his own trades and settlements
//! hang together. What it cannot show is said to be not checked: a replay, and with it everything
//! that rests on other people's leaves. What stands last may be left out of a view unseen, as
//! the end of his own keys' sequences: he knows these, so they are told.

mod hashes;
mod own;
mod parts;

pub use parts::ViewEntries;

use crate::entry::Entry;
use crate::event::SignedEvent;
use crate::genesis::Genesis;
use crate::keys::PublicKey;
use crate::log::checkpoint::Checkpoint;
use crate::log::policy::Policy;
use crate::log::tiles::{TileKind, TilePath};
use crate::log::tree::leaf_hash;
use crate::registration::{ParticipantId, Role};
use crate::verify::authors::Authors;
use crate::verify::claim::{Claim, Findings, Report, Status};
use crate::verify::parallel::{self, Checker};
use crate::verify::replay::Leaf;
use crate::verify::source::Source;
use crate::verify::summary::Summary;
use crate::verify::{Progress, is_covered, judge_signatures, judge_unknown_lines, read_checkpoint};
use crate::view::{HEADER_PATH, Header, Registry, part_path};
use hashes::Hashes;
use own::Own;
use parts::{Malformed, Parts};
use std::collections::BTreeMap;

/// Claims that no view can show.
const BEYOND: [Claim; 6] = [
    Claim::Replay,
    Claim::Trades,
    Claim::Settlement,
    Claim::Journal,
    Claim::EnergyBalance,
    Claim::Certificates,
];

/// A key that signs for the participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnKey {
    /// The key.
    pub key: PublicKey,
    /// What it signs.
    pub role: Role,
    /// The sequence of its last event in the view.
    pub sequence: u64,
}

/// All that was found of a view.
#[derive(Debug, Clone)]
pub struct ViewReport {
    /// Claims, checkpoint and sums over the view's leaves.
    pub report: Report,
    /// What the view says of itself; none where it cannot be read.
    pub header: Option<Header>,
    /// The participant's keys that have signed, in the order of their bytes.
    pub keys: Vec<OwnKey>,
    /// Legs of trades.
    pub trades: u64,
}

impl ViewReport {
    /// Whether everything holds that a view can show.
    pub fn holds(&self) -> bool {
        let beyond = BEYOND.map(Claim::name);
        !self.report.claims.is_empty()
            && self
                .report
                .claims
                .iter()
                .all(|finding| match finding.status {
                    Status::Ok => true,
                    Status::Failed => false,
                    Status::NotChecked => beyond.contains(&finding.claim),
                })
    }
}

/// Whether a folder is a view: it has the view's header, in whatever form.
pub fn is_view(source: &dyn Source) -> bool {
    !matches!(parts::header(source), Ok(None))
}

/// Verifies a view against a policy that the caller trusts.
pub fn verify_view(
    source: &dyn Source,
    policy: &Policy,
    progress: &mut dyn FnMut(Progress),
) -> ViewReport {
    let mut findings = Findings::default();
    findings.stop(&BEYOND, "a view has no leaves of other participants");
    let header = match parts::header(source) {
        Ok(Some(header)) => Some(header),
        Ok(None) => {
            findings.fail(
                Claim::Form,
                None,
                format!("there is no file `{HEADER_PATH}`"),
            );
            None
        }
        Err(reason) => {
            findings.fail(Claim::Form, None, reason);
            None
        }
    };
    let mut view = ViewReport {
        report: Report::default(),
        header,
        keys: Vec::new(),
        trades: 0,
    };
    match (read_checkpoint(source, &mut findings), header) {
        (Some((note, checkpoint)), Some(header)) => {
            let verdict = policy.evaluate(&note);
            judge_signatures(&verdict, policy, &mut findings);
            let genesis = read_leaves(
                (source, &checkpoint, header),
                progress,
                &mut findings,
                &mut view,
            );
            let own: Vec<Policy> = genesis.iter().map(Genesis::policy).collect();
            judge_unknown_lines(&verdict, &own, &mut findings);
            list_uncovered(source, checkpoint.size(), header, &mut findings);
            view.report.origin = Some(checkpoint.origin().to_owned());
            view.report.size = checkpoint.size();
            view.report.root = Some(*checkpoint.root());
            view.report.cosigners = verdict.cosigned;
        }
        _ => findings.stop(
            &Claim::ALL,
            "there is no checkpoint or no header to check against",
        ),
    }
    view.report.not_covered = std::mem::take(&mut findings.not_covered);
    view.report.claims = findings.into_claims();
    view
}

type Input<'a> = (&'a dyn Source, &'a Checkpoint, Header);

fn read_leaves(
    (source, checkpoint, header): Input<'_>,
    progress: &mut dyn FnMut(Progress),
    findings: &mut Findings,
    view: &mut ViewReport,
) -> Option<Genesis> {
    let (genesis, registry) = match found((source, checkpoint, header)) {
        Ok(founded) => founded,
        Err(Malformed { entry, reason }) => {
            findings.fail(Claim::Form, entry, reason);
            findings.stop(&Claim::ON_LEAVES, "the leaves of the view cannot be read");
            return None;
        }
    };
    let (readers, first_bad) = parallel::with_checker(|checker| {
        let mut pass = Pass {
            registry: &registry,
            checker,
            findings,
            authors: Authors::found(&genesis),
            own: Own::new(header.participant),
            summary: Summary::found(&genesis),
            keys: BTreeMap::new(),
            participant: header.participant,
        };
        pass.read((source, checkpoint, header), progress);
        (pass.summary, pass.keys, pass.own.legs)
    });
    if let Some(entry) = first_bad {
        let reason = "the signature in the entry does not verify";
        findings.fail(Claim::AuthorSignatures, Some(entry), reason);
    }
    let (summary, keys, legs) = readers;
    view.report.summary = summary;
    view.keys = keys.into_values().collect();
    view.trades = legs;
    Some(genesis)
}

/// The genesis, and who holds what, by the view's own leaves; all of them have their form then.
fn found((source, checkpoint, header): Input<'_>) -> Result<(Genesis, Registry), Malformed> {
    let mut founded: Option<(Genesis, Registry)> = None;
    for leaf in Parts::new(source, header) {
        let (index, bytes) = leaf?;
        let malformed = |reason: String| Malformed {
            entry: Some(index),
            reason,
        };
        if index >= checkpoint.size() {
            return Err(malformed("the log has no such entry".to_owned()));
        }
        let entry = Entry::decode(&bytes)
            .map_err(|error| malformed(format!("the leaf is no entry: {error}")))?;
        match (&mut founded, &entry) {
            (Some(_), Entry::Genesis(_)) => return Err(malformed("a second genesis".to_owned())),
            (Some((_, registry)), entry) => registry.gather(entry),
            (None, Entry::Genesis(signed)) if index == 0 => {
                let genesis = Genesis::parse(signed)
                    .map_err(|error| malformed(format!("the genesis: {error}")))?;
                if genesis.origin() != checkpoint.origin() {
                    let reason = "the genesis founds another log than the checkpoint's";
                    return Err(malformed(reason.to_owned()));
                }
                let registry = Registry::found(&genesis);
                founded = Some((genesis, registry));
            }
            (None, _) => {
                let reason = "a view begins with entry 0, the genesis".to_owned();
                return Err(malformed(reason));
            }
        }
    }
    founded.ok_or(Malformed {
        entry: None,
        reason: "the view has no leaves".to_owned(),
    })
}

/// The pass through the hashes of all leaves and the leaves of the view.
struct Pass<'a, 'c> {
    registry: &'a Registry,
    checker: &'a mut Checker<'c>,
    findings: &'a mut Findings,
    authors: Authors,
    own: Own,
    summary: Summary,
    keys: BTreeMap<PublicKey, OwnKey>,
    participant: ParticipantId,
}

impl Pass<'_, '_> {
    fn read(
        &mut self,
        (source, checkpoint, header): Input<'_>,
        progress: &mut dyn FnMut(Progress),
    ) {
        let mut leaves = Parts::new(source, header).map_while(Result::ok).peekable();
        let mut hashes = Hashes::new(source, checkpoint.size());
        loop {
            let (first, tile) = match hashes.next(self.findings) {
                Ok(Some(tile)) => tile,
                Ok(None) => break,
                Err(reason) => {
                    let done = hashes.done();
                    self.findings.fail(Claim::Form, Some(done), reason);
                    let reason = format!("the hashes were not read beyond entry {done}");
                    self.findings.stop(&Claim::ON_LEAVES, &reason);
                    return;
                }
            };
            let end = first + tile.len() as u64;
            while let Some((index, bytes)) = leaves.next_if(|(index, _)| *index < end) {
                let place = usize::try_from(index - first).expect("a place in a tile is below 256");
                if leaf_hash(&bytes) != tile[place] {
                    let reason = "the leaf does not hash to its place in the tiles";
                    self.findings.fail(Claim::BytesToRoot, Some(index), reason);
                }
                self.leaf(index, bytes);
            }
            progress(Progress {
                done: hashes.done(),
                of: checkpoint.size(),
            });
        }
        let root = hashes.finish(self.findings);
        if root != *checkpoint.root() {
            let reason = format!("the hash tiles make the root {root}");
            self.findings.fail(Claim::BytesToRoot, None, reason);
        }
    }

    fn leaf(&mut self, index: u64, bytes: Vec<u8>) {
        let entry = Entry::decode(&bytes).expect("every leaf was decoded before");
        if !self.registry.whose(&entry).includes(self.participant) {
            let reason = format!("the entry is none of participant {}'s", self.participant);
            self.findings.fail(Claim::Form, Some(index), reason);
        }
        match &entry {
            Entry::Event { signed, .. } => self.event(signed),
            Entry::Derived { fact, .. } => {
                self.own.fact(index, fact, self.registry, self.findings);
            }
            Entry::Genesis(_) | Entry::Batch { .. } | Entry::Seal { .. } | Entry::Voters { .. } => {
            }
        }
        if let Some(job) = self.authors.leaf(index, &entry, self.findings) {
            self.checker.push(job);
        }
        self.summary.leaf(&Leaf {
            index,
            bytes,
            entry,
        });
    }

    /// Events of keys that are not the participant's alone have gaps in a view.
    fn event(&mut self, signed: &[u8]) {
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        let body = event.body();
        match self
            .registry
            .role(&body.author)
            .filter(|role| self.is_own(role))
        {
            Some(role) => {
                let (key, sequence) = (body.author, body.sequence);
                self.keys.insert(
                    key,
                    OwnKey {
                        key,
                        role,
                        sequence,
                    },
                );
            }
            None => self.authors.skip_to(&body.author, body.sequence),
        }
    }

    fn is_own(&self, role: &Role) -> bool {
        match role {
            Role::Tenant(participant) | Role::Delegate(participant) => {
                *participant == self.participant
            }
            Role::Meter(meter) => self.registry.owners(*meter).iter().eq([&self.participant]),
            Role::Registrar | Role::Treasurer | Role::Regulator | Role::Node(_) => false,
        }
    }
}

/// Files that neither the log's size nor the header calls for are listed and never read.
fn list_uncovered(source: &dyn Source, size: u64, header: Header, findings: &mut Findings) {
    let is_hashes = |path: &str| {
        let parsed = path.parse::<TilePath>();
        is_covered(path, size) && parsed.is_ok_and(|path| path.kind() != TileKind::Entries)
    };
    let is_part = |path: &str| {
        let number = path
            .strip_prefix("own/")
            .and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| number < header.parts && part_path(number) == path)
    };
    match source.list() {
        Ok(paths) => {
            let known = |path: &str| path == "checkpoint" || path == HEADER_PATH;
            let extra = paths
                .into_iter()
                .filter(|path| !known(path) && !is_hashes(path) && !is_part(path));
            findings.not_covered = extra.collect();
        }
        Err(error) => {
            let reason = format!("the view cannot be listed: {error}");
            findings.fail(Claim::Form, None, reason);
        }
    }
}
