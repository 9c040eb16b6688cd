//! Voters that changed under a policy that did not: what both quorums say.
//!
//! The policy decides, since it came from somewhere else than the export. Where the voters have
//! changed the log's own quorum is told beside it, and up to where the policy still vouches: an
//! older checkpoint in the export that its quorum cosigned and that is of this log.

use crate::genesis::Genesis;
use crate::log::checkpoint::Checkpoint;
use crate::log::note::Note;
use crate::log::policy::Policy;
use crate::log::proof;
use crate::log::tiles::TileHashes;
use crate::membership::{self, MemberChange, seal_quorum};
use crate::registration::NodeId;
use crate::state::members::Members;
use crate::verify::source::Source;
use crate::verify::{CHECKPOINT_BYTES_MAX, tile_bytes};

/// Steps that are listed one by one; earlier ones are only counted.
const STEPS_LISTED_MAX: usize = 64;
/// Older checkpoints that are looked at, newest first.
const OLDER_MAX: usize = 4_096;
/// Where an export keeps older checkpoints, each under its size.
const OLDER_FOLDER: &str = "checkpoints/";

/// What a walk has read of the voters.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    count: u64,
    last: Vec<VoterStep>,
}

impl Steps {
    pub(crate) fn push(&mut self, entry: u64, change: MemberChange) {
        self.count += 1;
        if self.last.len() == STEPS_LISTED_MAX {
            self.last.remove(0);
        }
        self.last.push(VoterStep { entry, change });
    }
}

/// A step of the membership in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct VoterStep {
    /// Its leaf.
    pub entry: u64,
    /// Who became what.
    pub change: MemberChange,
}

/// What an export says of voters that changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct VoterReport {
    /// Steps of the membership in the entries that were read.
    pub steps: u64,
    /// The latest of them, in order.
    pub latest: Vec<VoterStep>,
    /// The leaf since which the log has these voters.
    pub since: u64,
    /// Who votes at the checkpoint, by the log.
    pub voters: Vec<NodeId>,
    /// How many of them a seal needs.
    pub quorum: usize,
    /// Which of them have cosigned the checkpoint.
    pub cosigned: Vec<NodeId>,
    /// Whether that is their quorum, with a log signature of one of them.
    pub is_sealed: bool,
    /// The size up to which the policy's quorum vouches for this log: the checkpoint's or that of
    /// an older one in the export.
    pub vouched: Option<u64>,
    /// The policy that trusts these voters, to be pinned once the above is to one's satisfaction.
    pub policy: String,
}

/// Tells both quorums; none where the voters never changed.
pub(crate) fn report(
    source: &dyn Source,
    (note, checkpoint): (&Note, &Checkpoint),
    (policy, is_satisfied): (&Policy, bool),
    (genesis, members, steps): (&Genesis, &Members, Steps),
) -> Option<VoterReport> {
    // What was read may begin after the last change.
    if steps.count == 0 && members.membership().since == 0 {
        return None;
    }
    let voters = members.voters();
    let own = membership::policy(genesis, &voters);
    let verdict = own.evaluate(note);
    let has_cosigned = |id: &NodeId| verdict.cosigned.contains_key(&genesis.cosigner_name(*id));
    let ids: Vec<NodeId> = voters.iter().map(|record| record.id).collect();
    let vouched = if is_satisfied {
        Some(checkpoint.size())
    } else {
        older(source, checkpoint, policy)
    };
    Some(VoterReport {
        steps: steps.count,
        latest: steps.last,
        since: members.membership().since,
        quorum: seal_quorum(ids.len()),
        cosigned: ids.iter().copied().filter(has_cosigned).collect(),
        voters: ids,
        is_sealed: verdict.satisfied,
        vouched,
        policy: own.to_string(),
    })
}

/// The largest older checkpoint in the export that the policy accepts and that is of this log.
fn older(source: &dyn Source, checkpoint: &Checkpoint, policy: &Policy) -> Option<u64> {
    let paths = source.list().ok()?;
    let size_of = |path: &String| path.strip_prefix(OLDER_FOLDER)?.parse::<u64>().ok();
    let mut sizes: Vec<u64> = paths.iter().filter_map(size_of).collect();
    sizes.retain(|size| *size < checkpoint.size());
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.truncate(OLDER_MAX);
    let mut hashes = TileHashes::new(checkpoint.size(), |path| {
        tile_bytes(source, *path).map(|(_, bytes)| bytes)
    });
    sizes.into_iter().find(|size| {
        let path = format!("{OLDER_FOLDER}{size}");
        let Ok(Some(bytes)) = source.read(&path, CHECKPOINT_BYTES_MAX) else {
            return false;
        };
        let Ok(note) = Note::parse(&bytes) else {
            return false;
        };
        let Ok(older) = Checkpoint::parse(note.text()) else {
            return false;
        };
        let is_same = older.size() == *size && older.origin() == checkpoint.origin();
        is_same
            && policy.evaluate(&note).satisfied
            && proof::root(&mut hashes, *size).is_ok_and(|root| root == *older.root())
    })
}

/// Whether a path is that of an older checkpoint of a log of this size.
pub(crate) fn is_older_checkpoint(path: &str, size: u64) -> bool {
    let older = path.strip_prefix(OLDER_FOLDER);
    older.is_some_and(|text| {
        text.parse::<u64>()
            .is_ok_and(|older| older <= size && older.to_string() == text)
    })
}
