//! The regulator's way: an export, replayed from raw bytes to the last nano-yuan.
//!
//! Nothing in an export is trusted. Keys come from the regulator's own policy; everything else is
//! recomputed: the root from the leaves, the tiles from the root's tree, and every trade, posting,
//! certificate and state root from the signed events by the same [`crate::ledger::Ledger`] that
//! the nodes run. The findings come claim by claim, with the first entry at fault.
//!
//! Verification streams: it holds one bundle and one batch of leaves at a time, beside the state.

mod authors;
mod balance;
mod certificates;
pub mod claim;
pub mod cut;
pub mod directory;
pub mod entries;
pub mod explain;
pub mod green_use;
mod joint;
mod matching;
mod months;
mod parallel;
pub mod promise;
mod replay;
pub mod resume;
pub mod source;
pub mod start;
pub mod summary;
pub mod surveillance;
pub mod view;
pub mod voters;
mod walk;
pub mod what_if;
pub mod witnessed;

use crate::ledger::Ledger;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::policy::{Policy, PolicyVerdict};
use crate::log::tiles::{TileKind, TilePath, partials_of};
use claim::{Claim, Findings, Report};
use resume::Resumed;
use source::Source;
use start::Known;
use voters::VoterReport;

/// The longest checkpoint file that is read.
const CHECKPOINT_BYTES_MAX: usize = 64 * 1024;
/// The longest tile or bundle: 256 leaves of 65,535 bytes with their lengths.
const FILE_BYTES_MAX: usize = 256 * (65_535 + 2);

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Leaves done.
    pub done: u64,
    /// Leaves in all.
    pub of: u64,
}

/// What a verification may build on, and what is wanted of it beside the report.
#[derive(Default)]
pub struct Options<'a> {
    /// A checkpoint that the caller has verified before: the export must continue it, and one that
    /// begins later than its log must begin with it.
    pub earlier: Option<&'a Checkpoint>,
    /// Where an earlier verification ended: the export's log must continue its tree, and is read
    /// from there on.
    pub resumed: Option<Resumed>,
    /// A size, and what is called with the ledger when it has it: for its snapshot.
    pub at: Option<walk::Stop<'a>>,
}

/// What a verification came to.
#[derive(Debug)]
pub struct Verified {
    /// The findings.
    pub report: Report,
    /// The ledger after the last leaf, where every claim holds.
    pub ledger: Option<Ledger>,
    /// The checkpoint file, likewise.
    pub note: Option<Note>,
}

/// Verifies an export against a policy that the caller trusts.
pub fn verify(source: &dyn Source, policy: &Policy, progress: &mut dyn FnMut(Progress)) -> Report {
    verify_with(source, policy, Options::default(), progress).report
}

/// The same, where something was verified before.
pub fn verify_with(
    source: &dyn Source,
    policy: &Policy,
    options: Options<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Verified {
    let mut findings = Findings::default();
    let (mut ledger, mut checked) = (None, None);
    let mut report = match read_checkpoint(source, &mut findings) {
        Some((note, checkpoint)) => {
            let verdict = policy.evaluate(&note);
            judge_signatures(&verdict, policy, &mut findings);
            let known = Known {
                earlier: options.earlier,
                resumed: options.resumed,
            };
            let start = start::find(source, &checkpoint, known, &mut findings);
            let begin = (start, options.at);
            let walked = walk::walk(source, &checkpoint, begin, progress, &mut findings);
            judge_unknown_lines(&verdict, &walked.own_policies, &mut findings);
            list_uncovered(source, checkpoint.size(), &mut findings);
            let is_satisfied = verdict.satisfied;
            let voters = walked.ledger.as_ref().and_then(|ledger| {
                let told = (ledger.genesis(), ledger.members(), walked.steps);
                let trusted = (policy, is_satisfied);
                voters::report(source, (&note, &checkpoint), trusted, told)
            });
            if let Some(voters) = voters.as_ref().filter(|_| !is_satisfied) {
                findings.add(Claim::Quorum, &quorums_text(voters));
            }
            (ledger, checked) = (walked.ledger, Some(note));
            Report {
                voters,
                origin: Some(checkpoint.origin().to_owned()),
                size: checkpoint.size(),
                root: Some(*checkpoint.root()),
                cosigners: verdict.cosigned,
                summary: walked.summary,
                ..Report::default()
            }
        }
        None => {
            findings.stop(&Claim::ALL, "there is no checkpoint to check against");
            Report::default()
        }
    };
    report.not_covered = std::mem::take(&mut findings.not_covered);
    (report.from, report.unchecked) = (findings.from, findings.unchecked);
    report.claims = findings.into_claims();
    let holds = report.is_ok();
    Verified {
        report,
        ledger: ledger.filter(|_| holds),
        note: checked.filter(|_| holds),
    }
}

/// The bytes of the checkpoint.
pub(crate) fn checkpoint_bytes(source: &dyn Source) -> Result<Vec<u8>, String> {
    match source.read("checkpoint", CHECKPOINT_BYTES_MAX) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("there is no file `checkpoint`".to_owned()),
        Err(error) => Err(format!("`checkpoint` cannot be read: {error}")),
    }
}

fn read_checkpoint(source: &dyn Source, findings: &mut Findings) -> Option<(Note, Checkpoint)> {
    let bytes = match checkpoint_bytes(source) {
        Ok(bytes) => bytes,
        Err(reason) => {
            findings.fail(Claim::Form, None, reason);
            return None;
        }
    };
    let note = match Note::parse(&bytes) {
        Ok(note) => note,
        Err(error) => {
            findings.fail(
                Claim::Form,
                None,
                format!("`checkpoint` is no signed note: {error}"),
            );
            return None;
        }
    };
    match Checkpoint::parse(note.text()) {
        Ok(checkpoint) => Some((note, checkpoint)),
        Err(error) => {
            let reason = format!("`checkpoint` holds no tlog-checkpoint: {error}");
            findings.fail(Claim::Form, None, reason);
            None
        }
    }
}

fn judge_signatures(verdict: &PolicyVerdict, policy: &Policy, findings: &mut Findings) {
    for line in &verdict.bad {
        let name = line.signature.name();
        let reason = format!(
            "the signature line of {name} does not hold: {}",
            line.reason
        );
        let by_log = policy
            .logs()
            .iter()
            .any(|log| log.key.is_named_by(&line.signature));
        let claim = if by_log {
            Claim::LogSignatures
        } else {
            Claim::Quorum
        };
        findings.fail(claim, None, reason);
    }
    if verdict.log_signatures.is_empty() {
        let reason = "no log key of the policy has signed the checkpoint";
        findings.fail(Claim::LogSignatures, None, reason);
    }
    if !policy.is_quorum(|name| verdict.cosigned.contains_key(name)) {
        let reason = format!(
            "{} of the policy's {} cosigners have cosigned, which is below its quorum",
            verdict.cosigned.len(),
            policy.witnesses().len()
        );
        findings.fail(Claim::Quorum, None, reason);
    }
}

/// What is said beside a policy that does not know of other voters.
fn quorums_text(voters: &VoterReport) -> String {
    let vouched = match voters.vouched {
        Some(size) => format!("the policy's quorum vouches for its first {size} entries"),
        None => "no older checkpoint here has the policy's quorum".to_owned(),
    };
    format!(
        "; the voters have changed since: {} of the log's own {} have cosigned, who need {}, and \
         {vouched}",
        voters.cosigned.len(),
        voters.voters.len(),
        voters.quorum
    )
}

/// An export is stricter than a note: a line by a key that neither the policy nor the park's
/// registry knows has no business there.
fn judge_unknown_lines(verdict: &PolicyVerdict, own: &[Policy], findings: &mut Findings) {
    for line in &verdict.unknown {
        let known = own.iter().any(|own| {
            own.logs().iter().any(|log| log.key.is_named_by(line))
                || own
                    .witnesses()
                    .iter()
                    .any(|witness| witness.key.is_named_by(line))
        });
        if !known {
            let reason = format!(
                "a signature line of {} is by a key nobody knows",
                line.name()
            );
            findings.fail(Claim::Form, None, reason);
        }
    }
}

/// Files outside the checkpoint's size are listed and never read.
fn list_uncovered(source: &dyn Source, size: u64, findings: &mut Findings) {
    // Without a start the files of one have no business there.
    let is_cut = start::is_cut(source).unwrap_or(false);
    let of_the_start =
        |path: &str| is_cut && (path == start::START_FILE || path.starts_with("state/"));
    match source.list() {
        Ok(paths) => {
            let extra = paths
                .into_iter()
                .filter(|path| path != "checkpoint" && !is_covered(path, size))
                .filter(|path| !of_the_start(path))
                .filter(|path| !voters::is_older_checkpoint(path, size));
            findings.not_covered = extra.collect();
        }
        Err(error) => {
            let reason = format!("the export cannot be listed: {error}");
            findings.fail(Claim::Form, None, reason);
        }
    }
}

/// Whether a log of a size has the file. Judged by the path alone: a size is what a stranger says,
/// and the list of all files that it calls for may be longer than any memory.
fn is_covered(path: &str, size: u64) -> bool {
    path.parse::<TilePath>().is_ok_and(|path| {
        (path.is_full() && path.leaves().end <= size)
            || partials_of(size).any(|partial| partial == path)
    })
}

/// The bytes of a tile or bundle, and its path. A partial one may be gone once the full one at its
/// place is there (C2SP tlog-tiles), which begins with the same content.
pub(crate) fn tile_bytes(
    source: &dyn Source,
    path: TilePath,
) -> Result<(TilePath, Vec<u8>), String> {
    let candidates = [Some(path), path.full().filter(|_| !path.is_full())];
    for candidate in candidates.into_iter().flatten() {
        match source.read(&candidate.to_string(), FILE_BYTES_MAX) {
            Ok(Some(bytes)) => {
                let length = usize::from(candidate.width()) * 32;
                let is_hashes = matches!(candidate.kind(), TileKind::Hashes(_));
                if is_hashes && bytes.len() != length {
                    return Err(format!(
                        "{candidate} has {} bytes, not {length}",
                        bytes.len()
                    ));
                }
                return Ok((candidate, bytes));
            }
            Ok(None) => {}
            Err(error) => return Err(format!("{candidate} cannot be read: {error}")),
        }
    }
    Err(format!("{path} is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tiles::files_of;

    #[test]
    fn a_path_is_covered_if_and_only_if_the_size_calls_for_it() {
        let all: Vec<String> = files_of(70_001).map(|path| path.to_string()).collect();
        for size in [0, 1, 255, 256, 257, 65_536, 65_537, 70_000] {
            let called_for: Vec<String> = files_of(size).map(|path| path.to_string()).collect();
            for path in all.iter().chain(&called_for) {
                assert_eq!(
                    is_covered(path, size),
                    called_for.contains(path),
                    "{path} of {size}"
                );
            }
        }
        assert!(!is_covered("tile/entries/../000", 70_000));
        assert!(is_covered("tile/0/000", crate::log::MAX_SIZE));
    }
}
