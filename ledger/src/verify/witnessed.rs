//! A witness's view of the log beside an export of it: whether both are one log, and which of the
//! two is newer.
//!
//! A file alone cannot show that it is the newest, nor that nobody was shown another branch. What a
//! witness cosigned can, as far as the witness is trusted: his key stands in the verifier's policy
//! or is given beside it, never in the export.

use crate::hash::Hash;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::{Note, VerifierKey};
use crate::log::policy::Policy;
use crate::log::proof::{root, verify_consistency};
use crate::log::tiles::TileHashes;
use crate::log::witness::AddCheckpoint;
use crate::verify::claim::{Claim, Finding, Report, Status};
use crate::verify::source::Source;
use crate::verify::tile_bytes;

/// The claim's name in findings.
pub const CLAIM: &str = "witnesses";

/// What is known of a log from elsewhere: a note as a witness serves it to monitors, or the same
/// behind a consistency proof in the form of a witness's request.
#[derive(Debug, Clone)]
pub struct Seen {
    note: Note,
    checkpoint: Checkpoint,
    /// The older size, and the proof from it.
    proof: Option<(u64, Vec<Hash>)>,
}

/// One witness's view, judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct View {
    /// Size of the checkpoint that he cosigned.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Names of the trusted cosigners whose lines hold, each with the time in it, in seconds since
    /// 1970.
    pub cosigned: Vec<(String, u64)>,
    /// Entries that the export has more than the witness saw; below zero: that it lacks.
    pub entries_ahead: i64,
    /// Seconds from the latest cosignature of the export to the witness's; below zero: the export's
    /// is later.
    pub seconds_behind: i64,
    /// What was found.
    pub status: Status,
    /// Why it failed or was not checked.
    pub reason: String,
}

impl Seen {
    /// Reads a note, or a request to a witness.
    ///
    /// # Errors
    /// Why it is neither.
    pub fn parse(bytes: &[u8]) -> Result<Seen, String> {
        if bytes.starts_with(b"old ") {
            let request = AddCheckpoint::parse(bytes).map_err(|error| error.to_string())?;
            return Ok(Seen {
                note: request.note().clone(),
                checkpoint: request.checkpoint().clone(),
                proof: Some((request.old, request.proof)),
            });
        }
        let note = Note::parse(bytes).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        Ok(Seen {
            note,
            checkpoint,
            proof: None,
        })
    }
}

/// Compares a verified export with what witnesses saw, adds the finding to its report, and gives
/// each view. `keys` are witnesses that are trusted beside those of the policy.
pub fn compare(
    source: &dyn Source,
    policy: &Policy,
    keys: &[VerifierKey],
    seen: &[Seen],
    report: &mut Report,
) -> Vec<View> {
    let views: Vec<View> = seen
        .iter()
        .map(|seen| view(source, policy, keys, seen, report))
        .collect();
    let of = |status| views.iter().find(move |view| view.status == status);
    let worst = of(Status::Failed).or_else(|| of(Status::NotChecked));
    report.claims.push(Finding {
        claim: CLAIM,
        status: worst.map_or(Status::Ok, |view| view.status),
        entry: None,
        reason: worst.map_or_else(String::new, |view| view.reason.clone()),
    });
    views
}

fn view(
    source: &dyn Source,
    policy: &Policy,
    keys: &[VerifierKey],
    seen: &Seen,
    report: &Report,
) -> View {
    let cosigned = trusted(policy, keys, seen);
    let times = |cosigned: &[(String, u64)]| cosigned.iter().map(|(_, time)| *time).max();
    let size = seen.checkpoint.size();
    let own = report.cosigners.values().max().copied();
    let judged = match &cosigned {
        Err(reason) => Err((Status::NotChecked, reason.clone())),
        Ok(_) => judge(source, seen, report),
    };
    let cosigned = cosigned.unwrap_or_default();
    let difference = |a: u64, b: u64| {
        let wide = i128::from(a) - i128::from(b);
        i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
    };
    let (status, reason) = judged.err().unwrap_or((Status::Ok, String::new()));
    View {
        size,
        root: *seen.checkpoint.root(),
        entries_ahead: difference(report.size, size),
        seconds_behind: match (times(&cosigned), own) {
            (Some(seen), Some(own)) => difference(seen, own),
            _ => 0,
        },
        cosigned,
        status,
        reason,
    }
}

/// The trusted cosigners whose lines hold. Either a witness that was given has signed, or the
/// policy is satisfied as a whole: one node of the park alone is no witness of it, and could make
/// a sound export look like a fork. A log key must have signed, and no trusted line may be bad.
fn trusted(
    policy: &Policy,
    keys: &[VerifierKey],
    seen: &Seen,
) -> Result<Vec<(String, u64)>, String> {
    let verdict = policy.evaluate(&seen.note);
    let text = seen.note.text();
    if let Some(bad) = verdict.bad.first() {
        let name = bad.signature.name();
        return Err(format!(
            "the line of {name} in the witness's note does not hold"
        ));
    }
    if verdict.log_signatures.is_empty() {
        return Err("no log key of the policy has signed the witness's note".to_owned());
    }
    let mut is_trusted = verdict.satisfied;
    let mut cosigned: Vec<(String, u64)> = verdict.cosigned.into_iter().collect();
    for line in seen.note.signatures() {
        let Some(key) = keys.iter().find(|key| key.is_named_by(line)) else {
            continue;
        };
        match key.verify(text, line) {
            Ok(Some(time)) => {
                is_trusted = true;
                cosigned.push((key.name().to_owned(), time));
            }
            Ok(None) => {}
            Err(error) => {
                let name = key.name();
                return Err(format!("the line of {name} does not hold: {error}"));
            }
        }
    }
    if is_trusted {
        Ok(cosigned)
    } else {
        Err("no witness that is trusted has cosigned the note: give his key".to_owned())
    }
}

/// Whether the note and the export are of one log.
fn judge(source: &dyn Source, seen: &Seen, report: &Report) -> Result<(), (Status, String)> {
    let not_checked = |reason: String| (Status::NotChecked, reason);
    let (size, root) = (seen.checkpoint.size(), *seen.checkpoint.root());
    let (Some(origin), Some(own)) = (&report.origin, report.root) else {
        return Err(not_checked("the export has no checkpoint".to_owned()));
    };
    if seen.checkpoint.origin() != origin {
        let other = seen.checkpoint.origin();
        return Err(not_checked(format!("the witness's note is of {other}")));
    }
    let fork = |at: u64, exported: Hash| {
        let reason = format!(
            "fork: at size {at} the witness cosigned root {root}, and the export has {exported}"
        );
        Err((Status::Failed, reason))
    };
    if size > report.size {
        return behind(seen, (report.size, own));
    }
    let exported = if size == report.size {
        own
    } else {
        let sound = |claim: Claim| {
            let found = report.claims.iter().find(|one| one.claim == claim.name());
            found.is_some_and(|one| one.status == Status::Ok)
        };
        if !sound(Claim::BytesToRoot) || !sound(Claim::Tiles) {
            let reason = "the export's own tiles do not hold, so no earlier root follows from them";
            return Err(not_checked(reason.to_owned()));
        }
        earlier_root(source, report.size, size).map_err(not_checked)?
    };
    if exported == root {
        Ok(())
    } else {
        fork(size, exported)
    }
}

/// The witness has seen more than the export holds: only a proof shows that it continues it.
fn behind(seen: &Seen, (size, root): (u64, Hash)) -> Result<(), (Status, String)> {
    let (newer, newer_root) = (seen.checkpoint.size(), seen.checkpoint.root());
    match &seen.proof {
        Some((old, proof)) if *old == size => {
            verify_consistency(size, &root, newer, newer_root, proof).map_err(|error| {
                let reason = format!(
                    "the witness cosigned size {newer} with root {newer_root}, and the proof does \
                     not lead there from the export's size {size} and root {root}: {error}"
                );
                (Status::NotChecked, reason)
            })
        }
        _ => {
            let reason = format!(
                "the witness cosigned size {newer}, the export ends at {size}; whether the one \
                 continues the other needs a proof from {size} (wattle witness fetch) or a newer \
                 export"
            );
            Err((Status::NotChecked, reason))
        }
    }
}

/// The root of the export's first leaves, from its tiles, which were compared with the leaves.
fn earlier_root(source: &dyn Source, of: u64, size: u64) -> Result<Hash, String> {
    let mut reader = TileHashes::new(of, |path| tile_bytes(source, *path).map(|(_, bytes)| bytes));
    root(&mut reader, size).map_err(|error| format!("the export's tiles: {error}"))
}
