use super::*;
use crate::keys::SigningKey;
use crate::log::cosignature::Cosignature;
use crate::log::proof::{LeafHashes, prove_consistency};
use crate::log::tree::{Tree, leaf_hash};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;

const ORIGIN: &str = "park.example/lot-1";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// Two nodes with a log key and a cosigner key each, of which both must have cosigned.
fn policy() -> Policy {
    let cosigner = |n: u8| (format!("{ORIGIN}/node/{n}"), key(10 + n).public());
    Policy::for_park(
        ORIGIN,
        &[key(1).public(), key(2).public()],
        &[cosigner(1), cosigner(2)],
        2,
    )
    .unwrap()
}

fn leaves(branch: u8, size: u64) -> Vec<Hash> {
    // Branches part after the third leaf.
    let leaf = |index: u64| match index {
        0..3 => leaf_hash(&index.to_le_bytes()),
        _ => leaf_hash(&[&[branch][..], &index.to_le_bytes()].concat()),
    };
    (0..size).map(leaf).collect()
}

fn checkpoint(branch: u8, size: u64) -> Checkpoint {
    let mut tree = Tree::new();
    leaves(branch, size)
        .into_iter()
        .for_each(|leaf| tree.push(leaf));
    Checkpoint::new(ORIGIN, size, tree.root()).unwrap()
}

fn signed(checkpoint: &Checkpoint, cosigners: &[u8]) -> Note {
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&key(1))).unwrap();
    for n in cosigners {
        let key = key(10 + n);
        let line = Cosignature::sign(&checkpoint.text(), 1_700_000_000, &key).unwrap();
        let name = format!("{ORIGIN}/node/{n}");
        note.add(line.to_note_signature(&name, &key.public()).unwrap())
            .unwrap();
    }
    note
}

fn request(branch: u8, old: u64, size: u64) -> AddCheckpoint {
    let hashes = leaves(branch, size);
    let proof = prove_consistency(&mut LeafHashes(&hashes), old, size).unwrap_or_default();
    AddCheckpoint::new(old, proof, signed(&checkpoint(branch, size), &[1, 2])).unwrap()
}

fn head(branch: u8, size: u64) -> Head {
    Head::of(&checkpoint(branch, size))
}

#[test]
fn requests_have_one_spelling() {
    let text = request(0, 3, 7).to_string();
    assert!(text.starts_with("old 3\n"), "{text}");
    assert_eq!(
        AddCheckpoint::parse(text.as_bytes()).unwrap().to_string(),
        text
    );
    let none = request(0, 0, 7).to_string();
    assert!(
        none.starts_with("old 0\n\npark.example/lot-1\n7\n"),
        "{none}"
    );
    assert_eq!(AddCheckpoint::parse(none.as_bytes()).unwrap().proof, []);

    use RequestError as E;
    let hash = encode_base64(&[7; 32]);
    let many = format!(
        "old 3\n{}",
        format!("{hash}\n").repeat(PROOF_HASHES_MAX + 1)
    );
    for (from, to, error) in [
        ("old 3\n", "old 03\n", E::Old),
        ("old 3\n", "old  3\n", E::Old),
        ("old 3\n", "Old 3\n", E::Old),
        ("old 3\n", "3\n", E::Old),
        ("old 3\n", "old -1\n", E::Old),
        ("old 3\n", "old 3\nAAAA\n", E::Hash { line: 2 }),
        ("old 3\n", "old 3\r\n", E::Old),
        ("old 3\n", &many, E::ProofTooLong),
        ("=\n\npark", "=\npark", E::Hash { line: 6 }),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(
            AddCheckpoint::parse(changed.as_bytes()).unwrap_err(),
            error,
            "{to:?}"
        );
    }
    let cut = text.split("\n\n").next().unwrap();
    assert_eq!(AddCheckpoint::parse(cut.as_bytes()), Err(E::Parts));
    let extended = text.replace("\n7\n", "\n07\n");
    assert!(matches!(
        AddCheckpoint::parse(extended.as_bytes()),
        Err(E::Checkpoint(_))
    ));
    let long = "o".repeat(REQUEST_BYTES_MAX + 1);
    assert!(matches!(
        AddCheckpoint::parse(long.as_bytes()),
        Err(E::TooLarge { .. })
    ));
}

#[test]
fn only_what_continues_the_last_head_is_accepted() {
    use Refusal as R;
    let policy = policy();
    let judge = |request: &AddCheckpoint, known: Option<Head>| {
        judge(request, &policy, known.as_ref()).map(|verdict| verdict.cosigned.len())
    };
    assert_eq!(judge(&request(0, 0, 7), None), Ok(2));
    assert_eq!(judge(&request(0, 3, 7), Some(head(0, 3))), Ok(2));
    assert_eq!(judge(&request(0, 7, 7), Some(head(0, 7))), Ok(2));
    assert_eq!(
        judge(&request(0, 3, 7), None),
        Err(R::OldDiffers { known: 0 })
    );
    assert_eq!(
        judge(&request(0, 0, 7), Some(head(0, 4))),
        Err(R::OldDiffers { known: 4 })
    );
    assert_eq!(
        judge(&request(0, 3, 4), Some(head(0, 7))),
        Err(R::OldDiffers { known: 7 })
    );
    let mut above = request(0, 7, 7);
    above.old = 8;
    assert_eq!(
        judge(&above, Some(head(0, 3))),
        Err(R::OldAboveNew { old: 8, size: 7 })
    );
    // Another branch of the same log.
    assert_eq!(
        judge(&request(1, 5, 7), Some(head(0, 5))),
        Err(R::Proof(ProofError::OldRoot))
    );
    assert_eq!(
        judge(&request(1, 0, 7), Some(head(0, 7))),
        Err(R::Contradiction { size: 7 })
    );
    let mut longer = request(0, 0, 7);
    longer.proof.push(Hash([1; 32]));
    assert!(matches!(judge(&longer, None), Err(R::Proof(_))));
}

#[test]
fn one_node_alone_does_not_move_a_witness() {
    let policy = policy();
    let fork = checkpoint(1, 9);
    for (cosigners, held) in [(&[][..], 0), (&[1][..], 1)] {
        let request = AddCheckpoint::new(0, Vec::new(), signed(&fork, cosigners)).unwrap();
        let refused = judge(&request, &policy, None).unwrap_err();
        assert_eq!(
            refused,
            Refusal::Policy {
                cosigned: held,
                bad: 0
            }
        );
    }
    // A line that names a trusted key and does not hold spoils the note.
    let other = signed(&checkpoint(0, 9), &[2]);
    let mut spoilt = signed(&fork, &[1, 2]);
    spoilt.add(other.signatures()[1].clone()).unwrap();
    let request = AddCheckpoint::new(0, Vec::new(), spoilt).unwrap();
    assert!(matches!(
        judge(&request, &policy, None),
        Err(Refusal::Policy { bad: 1, .. })
    ));
}

#[test]
fn a_policy_is_of_one_log_or_none() {
    assert_eq!(origin_of(&policy()), Some(ORIGIN));
    let two = policy().to_string()
        + &format!(
            "log {}\n",
            crate::log::VerifierKey::new(
                "other.example/log",
                crate::log::note::SignatureType::Ed25519,
                key(3).public()
            )
            .unwrap()
        );
    assert_eq!(origin_of(&Policy::parse(&two).unwrap()), None);
    assert_eq!(origin_of(&Policy::parse("quorum none\n").unwrap()), None);
    assert_eq!(
        log_id("a"),
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    );
}

proptest! {
    #[test]
    fn proofs_are_those_of_ct_merkle_and_nothing_else_passes(
        size in 1u64..200,
        old in 0u64..200,
        flip in 0usize..64,
    ) {
        let old = old % (size + 1);
        let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        let mut tree = Tree::new();
        let mut known = Head::EMPTY;
        for index in 0..size {
            let leaf = index.to_le_bytes().to_vec();
            tree.push(leaf_hash(&leaf));
            oracle.push(leaf);
            if index + 1 == old {
                known = Head { size: old, root: tree.root() };
            }
        }
        let proof: Vec<Hash> = if old == 0 || old == size {
            Vec::new()
        } else {
            let proof = oracle.prove_consistency(usize::try_from(size - old).unwrap());
            let (hashes, _) = proof.as_bytes().as_chunks::<32>();
            hashes.iter().copied().map(Hash).collect()
        };
        let note = signed(&Checkpoint::new(ORIGIN, size, tree.root()).unwrap(), &[1, 2]);
        let request = AddCheckpoint::new(old, proof, note).unwrap();
        let known = Some(known).filter(|known| known.size > 0);
        prop_assert!(judge(&request, &policy(), known.as_ref()).is_ok());

        let mut changed = request.clone();
        if let Some(place) = flip.checked_rem(changed.proof.len()) {
            changed.proof[place].0[flip % 32] ^= 1;
        } else {
            changed.proof.push(Hash([0; 32]));
        }
        prop_assert!(judge(&changed, &policy(), known.as_ref()).is_err());
    }

    #[test]
    fn what_parses_is_written_back(body in "old [0-9]{1,3}\n([A-Za-z0-9+/]{43}=\n){0,3}\n?a\n[0-9]\n[A-H]{43}=\n\n— a AAAAAAAA\n") {
        if let Ok(request) = AddCheckpoint::parse(body.as_bytes()) {
            prop_assert_eq!(request.to_string(), body);
        }
    }
}
