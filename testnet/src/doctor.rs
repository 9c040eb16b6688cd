//! Doctored exports: a small honest one, and what a forger could make of it.
//!
//! Two kinds of forger. One changes files and holds no key: any byte, any file, any length. The
//! other holds every key of the park's one node and makes all hashes, tiles, checkpoints and
//! cosignatures anew around the leaves that he changed, drops, doubles, swaps or cuts off. The
//! verifier must find each, and must never panic, whatever rows the node's keys have sealed as the
//! state that a part of an export begins with. What no file can show by itself (an older
//! checkpoint presented as the newest) is not among them.

mod part;
mod rows;
mod views;

pub use views::DoctoredView;

use std::collections::BTreeMap;
use std::io;

use wattle_ledger::genesis::Genesis;
use wattle_ledger::log::Policy;
use wattle_ledger::verify::claim::{Report, Status};
use wattle_ledger::verify::source::Source;
use wattle_ledger::verify::verify;

use crate::datasets::{self, BundledError};
use crate::keyring::Keyring;
use crate::profile::ParkProfile;
use crate::record::{RecordError, Recording};
use crate::replay::ParkPrices;

/// Tenants and intervals of the small park: enough for trades, substitutes and certificates.
const TENANTS: usize = 3;
const INTERVALS: u64 = 3;

/// An export in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl Source for Files {
    fn read(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        match self.0.get(path) {
            Some(bytes) if bytes.len() > bytes_max => Err(io::ErrorKind::InvalidData.into()),
            found => Ok(found.cloned()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }
}

/// A small stream of numbers (splitmix64), so that a seed names a mutation for ever.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// The stream of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("a number below a usize is one")
    }
}

/// The honest export and everything a forger may hold.
pub struct Surgery {
    recording: Recording,
    policy: Policy,
    files: Files,
    part: part::Part,
}

/// One doctored export.
#[derive(Debug)]
pub struct Doctored {
    /// What was done, in words.
    pub what: String,
    /// The result.
    pub files: Files,
}

/// The small park's profile: the first tenants of the bundled one, from noon on.
fn small_profile() -> Result<ParkProfile, BundledError> {
    let mut profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1)?;
    profile
        .participants
        .drain(..profile.participants.len() - TENANTS);
    let names: Vec<String> = profile
        .participants
        .iter()
        .map(|participant| participant.name.clone())
        .collect();
    profile
        .points
        .retain(|point| names.contains(&point.participant));
    profile
        .meters
        .retain(|meter| names.contains(&meter.participant));
    profile.first_interval = profile.first_interval.plus(48);
    profile.intervals = INTERVALS;
    Ok(profile)
}

impl Surgery {
    /// Records the small park and checks that it is honest.
    ///
    /// # Errors
    /// If it cannot be recorded.
    ///
    /// # Panics
    /// If the honest export does not verify: there would be nothing to compare with.
    pub fn prepare() -> anyhow::Result<Self> {
        let profile = small_profile()?;
        let keyring = Keyring::from_seed([0; 32]);
        let recording = Recording::of(&profile, &ParkPrices::bundled(), &keyring)
            .map_err(|error: RecordError| anyhow::anyhow!(error))?;
        let files = Files(recording.files());
        let policy = recording.genesis().policy();
        let part = part::Part::of(&files, &policy, recording.leaves().len())?;
        let surgery = Self {
            recording,
            policy,
            files,
            part,
        };
        for honest in [&surgery.files, &surgery.part.files] {
            let report = surgery.judge(honest);
            assert!(
                report.is_ok(),
                "the honest export verifies: {:#?}",
                report.claims
            );
        }
        Ok(surgery)
    }

    /// The park's genesis.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        self.recording.genesis()
    }

    /// Leaves of the honest export.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.recording.leaves().len()
    }

    /// The verifier's report on an export, by the park's policy.
    #[must_use]
    pub fn judge(&self, files: &Files) -> Report {
        verify(files, &self.policy, &mut |_| {})
    }

    /// Whether a doctored export is found out: a claim fails.
    #[must_use]
    pub fn is_found(&self, doctored: &Doctored) -> bool {
        let report = self.judge(&doctored.files);
        report
            .claims
            .iter()
            .any(|finding| finding.status == Status::Failed)
    }

    /// A mutation of a seed; none where it came out the same as the honest export.
    #[must_use]
    pub fn doctored(&self, seed: u64) -> Option<Doctored> {
        let mut numbers = Numbers::from_seed(seed);
        let doctored = if numbers.below(2) == 0 {
            without_keys(&self.files, &mut numbers)
        } else {
            self.with_all_keys(&mut numbers)
        };
        (doctored.files != self.files).then_some(doctored)
    }

    /// The forger with the node's keys changes leaves and makes everything else anew.
    fn with_all_keys(&self, numbers: &mut Numbers) -> Doctored {
        let (what, leaves) = self.other_leaves(0, numbers);
        Doctored {
            what,
            files: Files(self.recording.resigned(&leaves)),
        }
    }

    /// The leaves with one change at or after a place.
    fn other_leaves(&self, from: usize, numbers: &mut Numbers) -> (String, Vec<Vec<u8>>) {
        let mut leaves = self.recording.leaves().to_vec();
        let at = from + numbers.below(leaves.len() - from);
        let what = match numbers.below(7) {
            0..=2 => {
                let leaf = &mut leaves[at];
                let byte = numbers.below(leaf.len());
                let bit = numbers.below(8);
                leaf[byte] ^= 1 << bit;
                format!("leaf {at}: bit {bit} of byte {byte} flipped, all signed anew")
            }
            3 => {
                leaves.remove(at);
                format!("leaf {at} dropped, all signed anew")
            }
            4 => {
                let copy = leaves[at].clone();
                leaves.insert(at, copy);
                format!("leaf {at} doubled, all signed anew")
            }
            5 => {
                let other = from + numbers.below(leaves.len() - from);
                leaves.swap(at, other);
                format!("leaves {at} and {other} swapped, all signed anew")
            }
            _ => {
                // A log that ends with an earlier seal is no forgery but an old copy.
                let last_seal = self.recording.leaves().len() - 1;
                leaves.truncate(last_seal.saturating_sub(at % 7));
                format!("cut to {} leaves, all signed anew", leaves.len())
            }
        };
        (what, leaves)
    }
}

/// The forger without keys changes one file.
fn without_keys(honest: &Files, numbers: &mut Numbers) -> Doctored {
    let mut files = honest.clone();
    let paths: Vec<String> = files.0.keys().cloned().collect();
    let path = paths[numbers.below(paths.len())].clone();
    let bytes = files
        .0
        .get_mut(&path)
        .expect("the path is one of the export's");
    let what = match numbers.below(5) {
        0 | 1 => {
            let at = numbers.below(bytes.len());
            let bit = numbers.below(8);
            bytes[at] ^= 1 << bit;
            format!("{path}: bit {bit} of byte {at} flipped")
        }
        2 => {
            let length = numbers.below(bytes.len());
            bytes.truncate(length);
            format!("{path}: cut to {length} bytes")
        }
        3 => {
            let at = numbers.below(bytes.len() + 1);
            let added = u8::try_from(numbers.below(256)).expect("below 256");
            bytes.insert(at, added);
            format!("{path}: byte {added} put in at {at}")
        }
        _ => {
            files.0.remove(&path);
            format!("{path}: removed")
        }
    };
    Doctored { what, files }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_doctored_export_passes() {
        let surgery = Surgery::prepare().unwrap();
        assert!(surgery.leaves() > 60, "{} leaves", surgery.leaves());
        let mut found = 0;
        for seed in 0..300 {
            let Some(doctored) = surgery.doctored(seed) else {
                continue;
            };
            assert!(
                surgery.is_found(&doctored),
                "seed {seed}: {}",
                doctored.what
            );
            found += 1;
        }
        assert!(found > 290, "{found} of 300 seeds changed something");
    }

    #[test]
    fn no_doctored_part_of_an_export_passes() {
        let surgery = Surgery::prepare().unwrap();
        let mut found = 0;
        for seed in 0..200 {
            let Some(doctored) = surgery.doctored_part(seed) else {
                continue;
            };
            assert!(
                surgery.is_found(&doctored),
                "seed {seed}: {}",
                doctored.what
            );
            found += 1;
        }
        assert!(found > 180, "{found} of 200 seeds changed something");
    }
}
