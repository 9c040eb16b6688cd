//! The quorum itself as the forger: it signs a state that no log leads to, and the log after it.

use wattle_fuzz::mutate::Mutator;
use wattle_fuzz::state::{Row, change, forge, rows_of};
use wattle_ledger::codec;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::Tree;
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::verify::start::StartProof;

use super::part::{START, STATE};
use super::{Doctored, Surgery};

impl Surgery {
    /// The part of the export with other rows at its beginning, sealed and signed anew, and the
    /// honest log after it; none where the rows came out the same. Rows whose place the log after
    /// them fills whatever they were can be found by nobody: what is asked of the verifier is that
    /// it comes to an end.
    ///
    /// # Panics
    /// If the honest state cannot be read.
    #[must_use]
    pub fn doctored_rows(&self, seed: u64) -> Option<Doctored> {
        let honest = &self.part.files;
        let rows = |bytes: &[u8]| -> Vec<Row> {
            let ledger = Ledger::restore(bytes, SignatureCheck::AlreadyVerified);
            rows_of(&ledger.expect("the honest state can be read"))
        };
        let before = rows(&honest.0[STATE]);
        let other = rows(self.part.other_state());
        let mut mutator = Mutator::new(seed);
        let mut changed = before.clone();
        change(&mut mutator, &mut changed, &other);
        if changed == before {
            return None;
        }
        let mut leaves = self.recording.leaves().to_vec();
        let last = self.part.from - 1;
        let mut tree = Tree::default();
        for leaf in &leaves[..last] {
            tree.push(leaf_hash(leaf));
        }
        let forged = forge(self.recording.genesis(), &tree, changed);
        let proof = codec::decode::<StartProof>(&honest.0[START]);
        let mut proof = proof.expect("the honest start can be read");
        proof.seal.clone_from(&forged.seal);
        leaves[last] = forged.seal;
        let mut files = honest.clone();
        files.0.retain(|path, _| !path.starts_with("tile/"));
        files.0.extend(self.recording.resigned(&leaves));
        files.0.insert(STATE.to_owned(), forged.snapshot);
        files.0.insert(START.to_owned(), codec::encode(&proof));
        Some(Doctored {
            what: format!("{} rows that nobody derived, all signed anew", forged.rows),
            files,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::verify::claim::{Claim, Status};

    #[test]
    fn states_that_the_log_does_not_lead_to_are_found_by_the_log_after_them_and_stop_nobody() {
        let surgery = Surgery::prepare().unwrap();
        let (mut refused, mut followed, mut passed) = (0, 0, 0);
        for seed in 0..300 {
            let Some(doctored) = surgery.doctored_rows(seed) else {
                continue;
            };
            let report = surgery.judge(&doctored.files);
            let failed = |claim: Claim| {
                let mut of = report.claims.iter();
                of.any(|it| it.claim == claim.name() && it.status == Status::Failed)
            };
            // Everything that binds the rows is sound, so this is about the rows.
            assert!(
                !failed(Claim::Quorum) && !failed(Claim::BytesToRoot),
                "seed {seed}"
            );
            if report.is_ok() {
                passed += 1;
                continue;
            }
            match failed(Claim::Replay) {
                true => followed += 1,
                false => refused += 1,
            }
        }
        assert!(refused > 50 && followed > 50, "{refused} {followed}");
        // What the next batch overwrites whatever it was, as the clock's time, nobody can find.
        assert!(passed < 20, "{passed} states passed");
    }
}
