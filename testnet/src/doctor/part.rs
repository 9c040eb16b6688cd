//! The same forgers at an export that begins later than its log.

use wattle_ledger::codec;
use wattle_ledger::entry::Entry;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::Policy;
use wattle_ledger::verify::cut::{CutAt, cut, find_seal};
use wattle_ledger::verify::start::StartProof;

use super::{Doctored, Files, Numbers, Surgery};

/// The path of the state, which is short in a small park.
pub(super) const STATE: &str = "state/00000";
/// The path of the seal that it is bound by.
pub(super) const START: &str = "start";

/// The honest part.
pub(super) struct Part {
    pub(super) files: Files,
    /// Entries before it.
    pub(super) from: usize,
    /// State and start at an earlier seal.
    other: [Vec<u8>; 2],
}

impl Part {
    /// Cuts the export after a seal in its middle.
    pub(super) fn of(whole: &Files, policy: &Policy, leaves: usize) -> anyhow::Result<Self> {
        let (from, files) = cut_at(whole, policy, leaves * 2 / 3)?;
        let (earlier, other) = cut_at(whole, policy, from - 1)?;
        assert!(earlier < from, "the log has two seals by then");
        let other = [STATE, START].map(|path| other.0[path].clone());
        Ok(Self { files, from, other })
    }
}

impl Part {
    /// The state at an earlier seal.
    pub(super) fn other_state(&self) -> &[u8] {
        &self.other[0]
    }
}

fn cut_at(whole: &Files, policy: &Policy, most: usize) -> anyhow::Result<(usize, Files)> {
    let seal = find_seal(whole, CutAt::Size(most as u64))?;
    let mut files = Files(std::collections::BTreeMap::new());
    let sink = &mut |path: &str, bytes: &[u8]| {
        files.0.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    };
    cut(whole, policy, &seal, sink, &mut |_| {})?;
    Ok((usize::try_from(seal.size)?, files))
}

impl Surgery {
    /// A mutation of a seed of the export that begins later; none where nothing changed, or where
    /// what is left is the honest whole.
    #[must_use]
    pub fn doctored_part(&self, seed: u64) -> Option<Doctored> {
        let mut numbers = Numbers::from_seed(seed);
        let honest = &self.part.files;
        let doctored = match numbers.below(4) {
            0 | 1 => super::without_keys(honest, &mut numbers),
            2 => self.another_beginning(&mut numbers),
            _ => self.another_end(&mut numbers),
        };
        // The small park's log has one bundle, so that without its start a part is all of it.
        let is_whole = !doctored.files.0.contains_key(START);
        (doctored.files != *honest && !is_whole).then_some(doctored)
    }

    /// State or seal are those of another place, or hold something else and are sound otherwise.
    fn another_beginning(&self, numbers: &mut Numbers) -> Doctored {
        let mut files = self.part.files.clone();
        let [state, start] = &self.part.other;
        let what = match numbers.below(4) {
            0 => {
                files.0.insert(STATE.to_owned(), state.clone());
                "the state at an earlier seal".to_owned()
            }
            1 => {
                files.0.insert(START.to_owned(), start.clone());
                "an earlier seal".to_owned()
            }
            2 => {
                let bytes = &files.0[STATE];
                let honest = Ledger::restore(bytes, SignatureCheck::AlreadyVerified);
                let mut ledger = honest.expect("the honest state can be read");
                // A leader's batch more, as if the state were that of the seal before it.
                let park = self.recording.genesis().park();
                let batch = self.recording.batch_after(&ledger, park);
                let applied = ledger.apply(batch.header.body().term, &batch.encode());
                let bytes = ledger.snapshot().to_bytes();
                files.0.insert(STATE.to_owned(), bytes);
                format!("the state {} leaves later", applied.leaves.len())
            }
            _ => {
                let proof = codec::decode::<StartProof>(&files.0[START]);
                let mut proof = proof.expect("the honest start can be read");
                let state_root = wattle_ledger::hash::sha256(&[&proof.seal]);
                proof.seal = Entry::Seal { state_root }.encode();
                files.0.insert(START.to_owned(), codec::encode(&proof));
                "a seal of another state".to_owned()
            }
        };
        Doctored { what, files }
    }

    /// Leaves after the seal are changed, and all hashes and signatures made anew.
    fn another_end(&self, numbers: &mut Numbers) -> Doctored {
        let from = self.part.from;
        let (what, leaves) = self.other_leaves(from, numbers);
        let mut files = self.part.files.clone();
        files.0.retain(|path, _| !path.starts_with("tile/"));
        files.0.extend(self.recording.resigned(&leaves));
        Doctored { what, files }
    }
}
