//! Snapshots: what they hold, what they are bound by, and what is refused. That a restored ledger
//! goes on as the first did, every test with a [`Park`] shows.

use crate::it::park::{FIRST, Park};
use crate::it::runs;
use proptest::prelude::*;
use wattle_ledger::entry::Entry;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::snapshot::{Restoring, SnapshotError};

/// A park that has settled an interval.
fn settled() -> Park {
    let mut park = Park::peopled();
    runs::trade(&mut park, FIRST, 4_000);
    park.advance_to(FIRST.gate_closure());
    park.read_all(FIRST, [5_000, 0, 1_000, 9_000]);
    park.advance_to(FIRST.settlement_due());
    park
}

fn restored(bytes: &[u8]) -> Result<Ledger, SnapshotError> {
    Ledger::restore(bytes, SignatureCheck::Verify)
}

#[test]
fn snapshot_at_a_seal_has_the_state_root_that_the_seal_states() {
    let mut park = settled();
    let Entry::Seal { state_root } = Entry::decode(park.leaves.last().unwrap()).unwrap() else {
        panic!("a settlement seals");
    };
    let bytes = park.ledger.snapshot().to_bytes();
    let mut again = restored(&bytes).unwrap();
    assert_eq!(again.root_in_seal(), state_root);
    assert_eq!(park.ledger.root_in_seal(), state_root);
    let head = park.ledger.snapshot().head().clone();
    assert_ne!(
        head.state_root, state_root,
        "the clock has counted the seal"
    );
    assert_eq!(
        (head.tree.size(), head.root),
        (park.ledger.size(), park.ledger.root())
    );
}

#[test]
fn snapshot_can_be_read_in_pieces_of_any_length() {
    let mut park = settled();
    let bytes = park.ledger.snapshot().to_bytes();
    for length in [1, 7, 100, 4_096] {
        let mut restoring = Restoring::new(SignatureCheck::Verify);
        for piece in bytes.chunks(length) {
            restoring.push(piece).unwrap();
        }
        let mut ledger = restoring.finish().unwrap();
        assert_eq!(ledger.snapshot().to_bytes(), bytes);
    }
}

#[test]
fn what_is_not_a_whole_snapshot_is_refused_and_says_why() {
    let mut park = settled();
    let bytes = park.ledger.snapshot().to_bytes();
    assert_eq!(restored(b"").unwrap_err(), SnapshotError::Short);
    assert_eq!(
        restored(b"wattle/other").unwrap_err(),
        SnapshotError::NoSnapshot
    );
    for length in [0, 18, 30, 500, bytes.len() - 33, bytes.len() - 1] {
        assert_eq!(
            restored(&bytes[..length]).unwrap_err(),
            SnapshotError::Short
        );
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(restored(&longer).unwrap_err(), SnapshotError::Trailing);
    let mut other_end = bytes.clone();
    *other_end.last_mut().unwrap() ^= 1;
    assert_eq!(restored(&other_end).unwrap_err(), SnapshotError::Digest);
}

#[test]
fn the_formats_page_lists_every_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FORMATS.md");
    let Ok(formats) = std::fs::read_to_string(page) else {
        println!("skipped: the documents are not beside the sources");
        return;
    };
    let (_, tables) = formats.split_once("| no. | table | key | value |").unwrap();
    let rows = tables.lines().skip(2).map_while(|line| {
        let number = line.strip_prefix("| ")?.split(' ').next()?;
        number.parse::<u8>().ok()
    });
    let listed: Vec<u8> = rows.collect();
    let park = Park::founded();
    let kept: Vec<u8> = park.ledger.state().by_number().into_keys().collect();
    assert_eq!(listed, kept, "section 8 of FORMATS.md, and the state");
}

/// A snapshot whose rows were changed by somebody who also made its last 32 bytes anew.
fn forged(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut forged = bytes[..bytes.len() - 32].to_vec();
    change(&mut forged);
    let digest = wattle_ledger::hash::sha256(&[&forged]);
    forged.extend(digest.0);
    forged
}

#[test]
fn rows_that_were_changed_have_another_state_root() {
    let mut park = settled();
    let bytes = park.ledger.snapshot().to_bytes();
    let last = forged(&bytes, |rows| *rows.last_mut().unwrap() ^= 1);
    let error = restored(&last).unwrap_err();
    assert!(
        matches!(error, SnapshotError::StateRoot | SnapshotError::Row(_)),
        "{error}"
    );
}

proptest! {
    /// No byte can be another without the snapshot being refused, whoever made its end anew.
    #[test]
    fn every_byte_counts(at in any::<prop::sample::Index>(), bit in 0u8..8) {
        static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let bytes = BYTES.get_or_init(|| settled().ledger.snapshot().to_bytes());
        let at = at.index(bytes.len() - 32);
        let mut changed = bytes.clone();
        changed[at] ^= 1 << bit;
        prop_assert!(restored(&changed).is_err());
        let forged = forged(bytes, |all| all[at] ^= 1 << bit);
        if let Ok(mut other) = restored(&forged) {
            // Only the head can say something else that is sound, and it is another tree then.
            prop_assert_ne!(other.checkpoint(), settled().ledger.checkpoint());
            prop_assert_eq!(other.snapshot().to_bytes(), forged);
        }
    }
}
