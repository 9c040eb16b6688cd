//! What is claimed of an export, and what was found.

use crate::hash::Hash;
use crate::verify::summary::Summary;
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
}

impl Claim {
    /// All claims.
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
    /// Why it failed or was not checked; empty where it holds.
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
    /// The policy's cosigners that cosigned, and when, in seconds since 1970.
    pub cosigners: BTreeMap<String, u64>,
    /// Files outside the checkpoint's size, which were not read.
    pub not_covered: Vec<String>,
    /// Sums over the leaves.
    pub summary: Summary,
}

impl Report {
    /// Whether every claim holds.
    pub fn is_ok(&self) -> bool {
        !self.claims.is_empty()
            && self
                .claims
                .iter()
                .all(|finding| finding.status == Status::Ok)
    }
}

/// Findings as they come in: for each claim the failure at the earliest entry.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    failed: BTreeMap<Claim, (Option<u64>, String)>,
    stopped: BTreeMap<Claim, String>,
    pub(crate) not_covered: Vec<String>,
}

impl Findings {
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
        let finding = |claim: &Claim| {
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
        Claim::ALL.iter().map(finding).collect()
    }
}
