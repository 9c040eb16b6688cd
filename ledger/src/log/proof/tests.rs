//! Tests of proofs, with ct-merkle as the oracle.

use super::*;
use crate::log::TileHashes;
use crate::log::tiles::{TileBuilder, TilePath, TileReadError};
use crate::log::tree::leaf_hash;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use proptest::prelude::*;
use sha2::Sha256;
use std::collections::BTreeMap;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn leaf(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

fn oracle(size: u64) -> Oracle {
    let mut tree = Oracle::new();
    (0..size).for_each(|index| tree.push(leaf(index)));
    tree
}

fn hashes(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&leaf(index))).collect()
}

fn bytes(path: &[Hash]) -> Vec<u8> {
    path.iter().flat_map(|hash| hash.0).collect()
}

fn their_root(root: &Hash, size: u64) -> RootHash<Sha256> {
    RootHash::new(root.0.into(), size)
}

fn they_accept_inclusion(index: u64, size: u64, leaf: u64, path: &[Hash], root: &Hash) -> bool {
    let proof = InclusionProof::<Sha256>::from_bytes(bytes(path));
    their_root(root, size)
        .verify_inclusion(&self::leaf(leaf), index, &proof)
        .is_ok()
}

fn they_accept_consistency(
    (old, old_root): (u64, &Hash),
    (new, new_root): (u64, &Hash),
    path: &[Hash],
) -> bool {
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(bytes(path)).unwrap();
    their_root(new_root, new)
        .verify_consistency(&their_root(old_root, old), &proof)
        .is_ok()
}

#[test]
fn all_inclusion_proofs_of_small_trees_equal_those_of_ct_merkle() {
    for size in 1..=40 {
        let (theirs, ours) = (oracle(size), hashes(size));
        let mut reader = LeafHashes(&ours);
        let root = root(&mut reader, size).unwrap();
        assert_eq!(root.0.to_vec(), theirs.root().as_bytes().to_vec());
        for index in 0..size {
            let path = prove_inclusion(&mut reader, index, size).unwrap();
            let expected = theirs.prove_inclusion(usize::try_from(index).unwrap());
            assert_eq!(bytes(&path), expected.as_bytes(), "leaf {index} of {size}");
            let leaf = &ours[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(index, size, leaf, &path, &root), Ok(()));
        }
    }
}

#[test]
fn all_consistency_proofs_of_small_trees_equal_those_of_ct_merkle() {
    for new in 1..=40 {
        let (theirs, ours) = (oracle(new), hashes(new));
        let mut reader = LeafHashes(&ours);
        let new_root = root(&mut reader, new).unwrap();
        for old in 0..=new {
            let old_root = root(&mut reader, old).unwrap();
            let path = prove_consistency(&mut reader, old, new).unwrap();
            if old > 0 {
                let expected = theirs.prove_consistency(usize::try_from(new - old).unwrap());
                assert_eq!(bytes(&path), expected.as_bytes(), "{old} to {new}");
            }
            assert_eq!(
                verify_consistency(old, &old_root, new, &new_root, &path),
                Ok(())
            );
        }
    }
}

#[test]
fn proofs_out_of_tiles_equal_those_out_of_leaves() {
    let size = 66_000;
    let mut builder = TileBuilder::new();
    (0..size).for_each(|index| _ = builder.push(&leaf(index)));
    let mut files = builder.take_full();
    files.extend(builder.partials());
    let files: BTreeMap<_, _> = files
        .into_iter()
        .map(|file| (file.path, file.bytes))
        .collect();
    // Trees of smaller sizes are read from the larger tree's wider tiles.
    let read = |path: &TilePath| {
        let wider = files
            .range(path..)
            .next()
            .filter(|(wider, _)| (wider.kind(), wider.index()) == (path.kind(), path.index()));
        wider.map(|(_, bytes)| bytes.clone()).ok_or(())
    };
    let leaves = hashes(size);
    let mut slow = LeafHashes(&leaves);
    for (small, large) in [
        (1, 66_000),
        (255, 257),
        (300, 65_536),
        (65_537, 66_000),
        (7, 7),
    ] {
        let mut fast = TileHashes::new(large, read);
        assert_eq!(
            root(&mut fast, large).unwrap(),
            root(&mut slow, large).unwrap()
        );
        assert_eq!(
            prove_consistency(&mut fast, small, large).unwrap(),
            prove_consistency(&mut slow, small, large).unwrap()
        );
        assert_eq!(
            prove_inclusion(&mut fast, small - 1, large).unwrap(),
            prove_inclusion(&mut slow, small - 1, large).unwrap()
        );
    }
    assert_eq!(
        root(&mut TileHashes::new(size, read), size),
        Ok(builder.root())
    );
}

#[test]
fn missing_short_and_outside_tiles_are_errors() {
    let outside = TileHashes::new(5, |_| Err::<Vec<u8>, _>("lost")).subtree(1, 2);
    assert!(matches!(outside, Err(TileReadError::Outside { .. })));
    for (level, index) in [(63, 0), (64, 0), (255, 0), (0, u64::MAX), (40, 1)] {
        let mut reader = TileHashes::new(MAX_SIZE, |_| Err::<Vec<u8>, _>("lost"));
        assert!(reader.subtree(level, index).is_err());
    }
    let lost = root(&mut TileHashes::new(5, |_| Err::<Vec<u8>, _>("lost")), 5);
    assert_eq!(
        lost.unwrap_err().to_string(),
        "cannot read the hashes that the proof consists of"
    );
    let short = root(&mut TileHashes::new(5, |_| Ok::<_, ()>(vec![0; 159])), 5);
    assert!(matches!(
        short,
        Err(ProveError::Read(TileReadError::Content { .. }))
    ));
}

#[test]
fn requests_for_impossible_proofs_are_errors() {
    let leaves = hashes(3);
    let mut reader = LeafHashes(&leaves);
    let outside = ProofError::IndexOutside { index: 3, size: 3 };
    assert_eq!(
        prove_inclusion(&mut reader, 3, 3),
        Err(ProveError::Request(outside))
    );
    let shrunk = ProofError::Shrunk { old: 3, new: 2 };
    assert_eq!(
        prove_consistency(&mut reader, 3, 2),
        Err(ProveError::Request(shrunk))
    );
    let size = MAX_SIZE + 1;
    assert_eq!(
        prove_inclusion(&mut reader, 0, size),
        Err(ProveError::TooLarge { size })
    );
    assert_eq!(
        prove_consistency(&mut reader, 1, size),
        Err(ProveError::TooLarge { size })
    );
    let missing = ProveError::Read(LeafMissing { index: 3 });
    assert_eq!(root(&mut reader, 4), Err(missing));
}

#[test]
fn forks_and_shrunk_trees_are_not_consistent() {
    let (a, b) = (Hash([1; 32]), Hash([2; 32]));
    let check = verify_consistency;
    assert_eq!(
        check(3, &a, 2, &a, &[]),
        Err(ProofError::Shrunk { old: 3, new: 2 })
    );
    assert_eq!(check(3, &a, 3, &b, &[]), Err(ProofError::OldRoot));
    assert_eq!(
        check(3, &a, 3, &a, &[a]),
        Err(ProofError::Length { found: 1 })
    );
    assert_eq!(check(0, &a, 3, &a, &[]), Err(ProofError::OldRoot));
    assert_eq!(check(0, &EMPTY_ROOT, 3, &a, &[]), Ok(()));
    assert_eq!(
        check(0, &EMPTY_ROOT, 3, &a, &[a]),
        Err(ProofError::Length { found: 1 })
    );
    assert_eq!(
        check(3, &a, 4, &b, &[]),
        Err(ProofError::Length { found: 0 })
    );
    assert_eq!(
        check(2, &a, 4, &b, &[]),
        Err(ProofError::Length { found: 0 })
    );
}

/// A proof's hashes, changed in one of the ways that a proof can be wrong.
fn mutate(path: &mut Vec<Hash>, kind: u8, at: usize, bit: usize) {
    let at = at % path.len().max(1);
    match kind {
        0 if !path.is_empty() => path[at].0[bit / 8] ^= 1 << (bit % 8),
        1 if !path.is_empty() => _ = path.remove(at),
        2 if path.len() > 1 => {
            let next = (at + 1) % path.len();
            path.swap(at, next);
        }
        3 => path.insert(at, Hash([7; 32])),
        _ => path.push(Hash([7; 32])),
    }
}

#[test]
fn every_prefix_of_a_tree_is_shown_by_its_path_and_no_other() {
    for new in 2u64..70 {
        let leaves = hashes(new);
        let mut reader = LeafHashes(&leaves);
        let new_root = root(&mut reader, new).unwrap();
        for old in 1..new {
            let path = prove_prefix(&mut reader, old, new).unwrap();
            let old_root = root(&mut reader, old).unwrap();
            assert_eq!(prefix_root(old, new, &new_root, &path), Ok(old_root));
            // No path leads from another old root to the same new one.
            for at in 0..path.len() {
                let mut other = path.clone();
                other[at].0[7] ^= 1;
                let shown = prefix_root(old, new, &new_root, &other);
                assert_eq!(shown, Err(ProofError::Root), "{old} of {new}");
            }
            let mut longer = path.clone();
            longer.push(old_root);
            for other in [&path[1..], &longer] {
                assert!(prefix_root(old, new, &new_root, other).is_err());
            }
        }
    }
    let shrunk = |old, new| ProofError::Shrunk { old, new };
    for (old, new) in [(0, 1), (2, 2), (3, 2), (0, 0)] {
        let shown = prefix_root(old, new, &EMPTY_ROOT, &[EMPTY_ROOT]);
        assert_eq!(shown, Err(shrunk(old, new)));
        let mut none = LeafHashes(&[]);
        let proved = prove_prefix(&mut none, old, new);
        assert_eq!(proved, Err(ProveError::Request(shrunk(old, new))));
    }
}

proptest! {
    #[test]
    fn mutated_inclusion_proofs_are_rejected(
        size in 1u64..300, pick: u64, kind in 0u8..5, at: usize, bit in 0usize..256,
    ) {
        let (index, leaves) = (pick % size, hashes(size));
        let mut reader = LeafHashes(&leaves);
        let root = root(&mut reader, size).unwrap();
        let mut path = prove_inclusion(&mut reader, index, size).unwrap();
        let leaf = leaf_hash(&leaf(index));
        mutate(&mut path, kind, at, bit);
        prop_assert!(verify_inclusion(index, size, &leaf, &path, &root).is_err());
        prop_assert!(!they_accept_inclusion(index, size, index, &path, &root));
    }

    #[test]
    fn verdicts_on_inclusion_equal_those_of_ct_merkle(
        size in 1u64..100, pick: u64,
        claimed_index in 0u64..110, claimed_size in 0u64..110, claimed_leaf in 0u64..100,
        honest: [bool; 3],
    ) {
        let (true_index, leaves) = (pick % size, hashes(size));
        let mut reader = LeafHashes(&leaves);
        let root = root(&mut reader, size).unwrap();
        let path = prove_inclusion(&mut reader, true_index, size).unwrap();
        let index = if honest[0] { true_index } else { claimed_index };
        let claimed = if honest[1] { size } else { claimed_size };
        let which = if honest[2] { true_index } else { claimed_leaf };
        let ours = verify_inclusion(index, claimed, &leaf_hash(&leaf(which)), &path, &root);
        let theirs = they_accept_inclusion(index, claimed, which, &path, &root);
        prop_assert_eq!(ours.is_ok(), theirs);
    }

    #[test]
    fn mutated_consistency_proofs_are_rejected(
        new in 1u64..300, pick: u64, kind in 0u8..5, at: usize, bit in 0usize..256,
    ) {
        let (old, leaves) = (1 + pick % new, hashes(new));
        let mut reader = LeafHashes(&leaves);
        let old_root = root(&mut reader, old).unwrap();
        let new_root = root(&mut reader, new).unwrap();
        let mut path = prove_consistency(&mut reader, old, new).unwrap();
        mutate(&mut path, kind, at, bit);
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &path).is_err());
        prop_assert!(!they_accept_consistency((old, &old_root), (new, &new_root), &path));
    }

    #[test]
    fn verdicts_on_consistency_equal_those_of_ct_merkle(
        new in 1u64..100, pick: u64,
        claimed_old in 1u64..110, claimed_new in 1u64..110, honest: [bool; 2],
    ) {
        let (true_old, leaves) = (1 + pick % new, hashes(new));
        let mut reader = LeafHashes(&leaves);
        let old_root = root(&mut reader, true_old).unwrap();
        let new_root = root(&mut reader, new).unwrap();
        let path = prove_consistency(&mut reader, true_old, new).unwrap();
        let old = if honest[0] { true_old } else { claimed_old };
        let new = if honest[1] { new } else { claimed_new };
        let ours = verify_consistency(old, &old_root, new, &new_root, &path);
        let theirs = they_accept_consistency((old, &old_root), (new, &new_root), &path);
        prop_assert_eq!(ours.is_ok(), theirs);
    }

    #[test]
    fn any_numbers_and_hashes_are_judged_without_panic(
        a: u64, b: u64, shifts in (0u32..64, 0u32..64),
        path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let path = path.into_iter().map(Hash).collect::<Vec<_>>();
        let (a, b) = (a >> shifts.0, b >> shifts.1);
        let zero = Hash::ZERO;
        for (a, b) in [(a, b), (a, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, u64::MAX)] {
            prop_assert!(verify_inclusion(a, b, &zero, &path, &zero).is_err());
            let judged = verify_consistency(a, &zero, b, &zero, &path);
            prop_assert!(judged.is_err() || (a == b && path.is_empty()));
        }
    }
}
