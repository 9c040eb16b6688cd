//! What is claimed of an export, and what was found.

use crate::hash::Hash;
use crate::verify::summary::Summary;
use crate::verify::voters::VoterReport;
use std::collections::BTreeMap;

/// One claim, in the order in which they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The files are there, and every byte of them has its form.
    Form,
    /// The leaves hash to the checkpoint's root.
    BytesToRoot,
    /// The hash tiles are those of the leaves.
    Tiles,
    /// A log key of the policy signed the checkpoint.
    LogSignatures,
    /// The policy's quorum cosigned it.
    Quorum,
    /// Every event is signed by its author, every batch by its leader.
    AuthorSignatures,
    /// Every key's sequences ascend by one, so that nothing of it is missing in between.
    Sequences,
    /// Every key was registered and not revoked when it signed.
    KeyValidity,
    /// A replay of the signed events gives these leaves, outcomes and state roots.
    Replay,
    /// A replay gives these clearing prices and fills; both sides of each interval are equal.
    Trades,
    /// A replay gives these settlements.
    Settlement,
    /// Every interval's postings sum to zero and are those of its settlements.
    Journal,
    /// Energy is conserved in every point and interval.
    EnergyBalance,
    /// Every certified watt-hour was metered and is in exactly one state.
    Certificates,
    /// What lies before the first entry that was read is vouched for by somebody who verified it.
    /// Not among [`Claim::ALL`]: it is reported where not everything was read from the genesis on,
    /// or where an earlier checkpoint was given.
    History,
}

impl Claim {
    /// All claims on what was read.
    pub const ALL: [Claim; 14] = [
        Claim::Form,
        Claim::BytesToRoot,
        Claim::Tiles,
        Claim::LogSignatures,
        Claim::Quorum,
        Claim::AuthorSignatures,
        Claim::Sequences,
        Claim::KeyValidity,
        Claim::Replay,
        Claim::Trades,
        Claim::Settlement,
        Claim::Journal,
        Claim::EnergyBalance,
        Claim::Certificates,
    ];

    /// The claim as a person reads it.
    pub fn name(self) -> &'static str {
        match self {
            Claim::Form => "form",
            Claim::BytesToRoot => "bytes to root",
            Claim::Tiles => "tiles",
            Claim::LogSignatures => "log signatures",
            Claim::Quorum => "quorum",
            Claim::AuthorSignatures => "author signatures",
            Claim::Sequences => "sequences",
            Claim::KeyValidity => "key validity",
            Claim::Replay => "replay",
            Claim::Trades => "trades",
            Claim::Settlement => "settlement",
            Claim::Journal => "journal",
            Claim::EnergyBalance => "energy balance",
            Claim::Certificates => "certificates",
            Claim::History => "history",
        }
    }

    /// Claims that need every leaf to be read.
    pub const ON_LEAVES: [Claim; 11] = [
        Claim::BytesToRoot,
        Claim::Tiles,
        Claim::AuthorSignatures,
        Claim::Sequences,
        Claim::KeyValidity,
        Claim::Replay,
        Claim::Trades,
        Claim::Settlement,
        Claim::Journal,
        Claim::EnergyBalance,
        Claim::Certificates,
    ];
}

/// What was found of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Status {
    /// It holds.
    #[serde(rename = "ok")]
    Ok,
    /// It does not hold.
    #[serde(rename = "FAILED")]
    Failed,
    /// It could not be checked to the end.
    #[serde(rename = "not checked")]
    NotChecked,
}

impl Status {
    /// The status as a person reads it, and as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "FAILED",
            Status::NotChecked => "not checked",
        }
    }
}

/// The finding on one claim.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The claim, by its name.
    pub claim: &'static str,
    /// What was found.
    pub status: Status,
    /// The first entry at fault, where the fault lies in an entry.
    pub entry: Option<u64>,
    /// Why it failed or was not checked, or by what the history holds; else empty.
    pub reason: String,
}

/// All that a verification found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One finding for each claim, in order.
    pub claims: Vec<Finding>,
    /// The log's origin, as its checkpoint says.
    pub origin: Option<String>,
    /// The checkpoint's tree size.
    pub size: u64,
    /// The checkpoint's root.
    pub root: Option<Hash>,
    /// The first entry that was verified now; what lies before it is the history.
    pub from: u64,
    /// So many entries at the log's beginning were verified neither now nor before.
    pub unchecked: u64,
    /// The policy's cosigners that cosigned, and when, in seconds since 1970.
    pub cosigners: BTreeMap<String, u64>,
    /// What is to be said of voters that changed; none where they never did.
    pub voters: Option<VoterReport>,
    /// Files outside the checkpoint's size, which were not read.
    pub not_covered: Vec<String>,
    /// Sums over the leaves from that one on.
    pub summary: Summary,
}

impl Report {
    /// Whether every claim holds on what was read. A history that is not checked is none of it:
    /// the export does not have it, and the report says so.
    pub fn is_ok(&self) -> bool {
        let holds = |finding: &Finding| match finding.status {
            Status::Ok => true,
            Status::Failed => false,
            Status::NotChecked => finding.claim == Claim::History.name() && self.unchecked > 0,
        };
        !self.claims.is_empty() && self.claims.iter().all(holds)
    }

    /// What was found of the entries before the first that was read, where that is not the
    /// genesis.
    pub fn history(&self) -> Option<&Finding> {
        let mut claims = self.claims.iter();
        claims.find(|finding| finding.claim == Claim::History.name())
    }
}

/// Findings as they come in: for each claim the failure at the earliest entry.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    failed: BTreeMap<Claim, (Option<u64>, String)>,
    stopped: BTreeMap<Claim, String>,
    pub(crate) not_covered: Vec<String>,
    /// The first entry that is verified.
    pub(crate) from: u64,
    /// So many entries at the beginning nobody has verified.
    pub(crate) unchecked: u64,
    /// By what the history holds.
    history: Option<String>,
}

impl Findings {
    /// The first entry that is verified, and the one before which nobody ever verified any.
    pub(crate) fn begin_after(&mut self, (from, unchecked): (u64, u64), reason: String) {
        (self.from, self.unchecked) = (from, unchecked);
        self.stop(&[Claim::History], &reason);
    }

    /// What lies before the first entry was verified by somebody.
    pub(crate) fn vouch(&mut self, from: u64, reason: String) {
        (self.from, self.unchecked) = (from, 0);
        self.stopped.remove(&Claim::History);
        self.history = Some(reason);
    }

    pub(crate) fn fail(&mut self, claim: Claim, entry: Option<u64>, reason: impl Into<String>) {
        let is_earlier = match self.failed.get(&claim) {
            None => true,
            Some((Some(known), _)) => entry.is_some_and(|entry| entry < *known),
            Some((None, _)) => false,
        };
        if is_earlier {
            self.failed.insert(claim, (entry, reason.into()));
        }
    }

    /// Adds to the reason of a claim that has failed.
    pub(crate) fn add(&mut self, claim: Claim, reason: &str) {
        if let Some((_, told)) = self.failed.get_mut(&claim) {
            told.push_str(reason);
        }
    }

    /// Whether any claim has failed.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failed.is_empty()
    }

    /// Says of claims that have not failed why they were not checked to the end.
    pub(crate) fn stop(&mut self, claims: &[Claim], reason: &str) {
        for claim in claims {
            self.stopped
                .entry(*claim)
                .or_insert_with(|| reason.to_owned());
        }
    }

    pub(crate) fn into_claims(mut self) -> Vec<Finding> {
        let mut finding = |claim: &Claim| {
            let (status, entry, reason) = match self.failed.remove(claim) {
                Some((entry, reason)) => (Status::Failed, entry, reason),
                None => match self.stopped.remove(claim) {
                    Some(reason) => (Status::NotChecked, None, reason),
                    None => (Status::Ok, None, String::new()),
                },
            };
            Finding {
                claim: claim.name(),
                status,
                entry,
                reason,
            }
        };
        let mut claims: Vec<Finding> = Claim::ALL.iter().map(&mut finding).collect();
        let history = finding(&Claim::History);
        match self.history {
            Some(reason) if history.status == Status::Ok => {
                claims.push(Finding { reason, ..history });
            }
            None if history.status == Status::Ok => {}
            _ => claims.push(history),
        }
        claims
    }
}
