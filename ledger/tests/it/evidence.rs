//! Evidence files: what they prove, against whom, and that a doctored one proves nothing else.

use crate::it::park::{
    ALICE, BOB, METERS, Park, REGISTRAR, genesis_body, key, node_key, node_record, order,
    write_export,
};
use std::collections::BTreeSet;
use wattle_ledger::event::{Action, EventBody, SignedEvent};
use wattle_ledger::evidence::{
    Contradiction, Evidence, EvidenceError, RegistrationError, Subject, Verdict,
};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::proof::{LeafHashes, prove_prefix, root};
use wattle_ledger::log::{Checkpoint, Note, Policy, leaf_hash};
use wattle_ledger::registration::{NodeId, ParticipantId, Role};
use wattle_market::interval::Timestamp;
use wattle_market::order::Side;

const LOG: u8 = 2;
const COSIGNER: u8 = 3;

pub(crate) fn founded(nodes: u64) -> Genesis {
    Genesis::sign(&genesis_body(nodes), &key(REGISTRAR)).unwrap()
}

pub(crate) fn event(genesis: &Genesis, seed: u8, sequence: u64, action: Action) -> SignedEvent {
    let body = EventBody {
        version: 0,
        author: key(seed).public(),
        sequence,
        issued_at: Timestamp(0),
        action,
    };
    SignedEvent::sign(&genesis.park(), &body, &key(seed))
}

fn place(genesis: &Genesis, sequence: u64, quantity: i64) -> SignedEvent {
    let item = order(1, Side::Sell, quantity, 500_000);
    event(genesis, ALICE, sequence, Action::PlaceOrders(vec![item]))
}

fn tenant(genesis: &Genesis) -> SignedEvent {
    let role = Role::Tenant(ParticipantId(1));
    let key = key(ALICE).public();
    event(genesis, REGISTRAR, 2, Action::AddKey { key, role })
}

/// A head signed and cosigned by nodes.
pub(crate) fn signed(genesis: &Genesis, size: u64, root: Hash, nodes: &[u64]) -> Note {
    let checkpoint = Checkpoint::new(genesis.origin(), size, root).unwrap();
    let mut note = checkpoint.to_note();
    for node in nodes {
        note.add(checkpoint.sign(&node_key(*node, LOG))).unwrap();
        let cosigner = node_key(*node, COSIGNER);
        let cosigned = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &cosigner).unwrap();
        let name = genesis.cosigner_name(NodeId(*node));
        let line = cosigned.to_note_signature(&name, &cosigner.public());
        note.add(line.unwrap()).unwrap();
    }
    note
}

/// Leaf hashes of a log that is another from leaf `fork` on.
pub(crate) fn log(size: u64, fork: u64, branch: u8) -> Vec<Hash> {
    let branch = |index: u64| if index < fork { 0 } else { branch };
    (0..size)
        .map(|index| leaf_hash(&[u8::try_from(index).unwrap(), branch(index)]))
        .collect()
}

pub(crate) fn convicted(verdict: &Verdict) -> BTreeSet<NodeId> {
    let Contradiction::Heads { convicted, .. } = &verdict.contradiction else {
        return BTreeSet::new();
    };
    convicted.iter().filter_map(|signer| signer.node).collect()
}

pub(crate) fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

#[test]
fn two_events_with_one_sequence_convict_their_key() {
    let genesis = founded(1);
    let (one, other) = (place(&genesis, 4, 100), place(&genesis, 4, 200));
    let registered = vec![tenant(&genesis)];
    let made = |one: &SignedEvent, other: &SignedEvent| {
        Evidence::two_events(&genesis, registered.clone(), one.clone(), other.clone())
    };
    let evidence = made(&one, &other).unwrap();
    assert_eq!(
        made(&other, &one),
        Ok(evidence.clone()),
        "one file for both orders"
    );
    let again = Evidence::parse(evidence.bytes()).unwrap();
    assert_eq!(again, evidence);
    let key = key(ALICE).public();
    assert_eq!(evidence.subject(), Subject::Events { key, sequence: 4 });

    let verdict = again.judge(Some(&genesis.policy())).unwrap();
    assert!(verdict.is_pinned);
    assert_eq!(verdict.park, genesis.park());
    let Contradiction::Events {
        key: named,
        role,
        sequence,
        events,
    } = verdict.contradiction
    else {
        panic!("two events");
    };
    assert_eq!((named, sequence), (key, 4));
    assert_eq!(role, Some(Role::Tenant(ParticipantId(1))));
    assert_eq!(
        BTreeSet::from(events.map(|it| it.0)),
        BTreeSet::from([one.hash(), other.hash()])
    );

    let unnamed = Evidence::two_events(&genesis, Vec::new(), one, other).unwrap();
    let verdict = unnamed.judge(None).unwrap();
    assert!(!verdict.is_pinned);
    assert!(matches!(
        verdict.contradiction,
        Contradiction::Events { role: None, .. }
    ));
}

#[test]
fn events_that_do_not_contradict_prove_nothing() {
    let genesis = founded(1);
    let one = place(&genesis, 4, 100);
    let refused = |other: SignedEvent| {
        Evidence::two_events(&genesis, Vec::new(), one.clone(), other).unwrap_err()
    };
    assert_eq!(
        refused(place(&genesis, 5, 200)),
        EvidenceError::NoContradiction
    );
    let same_body_of_bob = event(&genesis, BOB, 4, one.body().action.clone());
    assert_eq!(refused(same_body_of_bob), EvidenceError::NoContradiction);
    assert_eq!(refused(one.clone()), EvidenceError::Order);

    // The same number signed for another park is no lie.
    let elsewhere = founded(2);
    let other = place(&elsewhere, 4, 200);
    let hash = other.hash();
    assert_eq!(refused(other), EvidenceError::EventSignature(hash));

    // The same body with another signature: whoever has the key can make many of those.
    let mut bytes = one.bytes().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(
        refused(SignedEvent::parse(&bytes).unwrap()),
        EvidenceError::NoContradiction
    );
}

#[test]
fn registrations_name_keys_only_by_who_may() {
    let genesis = founded(1);
    let (one, other) = (place(&genesis, 4, 100), place(&genesis, 4, 200));
    let made = |registrations: Vec<SignedEvent>| {
        Evidence::two_events(&genesis, registrations, one.clone(), other.clone())
    };
    let refused = |registrations| match made(registrations) {
        Err(EvidenceError::Registration { place, error }) => (place, error),
        other => panic!("{other:?}"),
    };
    let alice = key(ALICE).public();
    let role = Role::Tenant(ParticipantId(1));
    let add = |seed| event(&genesis, seed, 1, Action::AddKey { key: alice, role });
    assert_eq!(
        refused(vec![add(BOB)]),
        (1, RegistrationError::UnknownAuthor)
    );
    assert_eq!(refused(vec![add(2)]), (1, RegistrationError::NotAllowed));
    let twice = vec![tenant(&genesis), add(REGISTRAR)];
    assert_eq!(refused(twice), (2, RegistrationError::NothingNew));
    let deed = event(&genesis, REGISTRAR, 1, Action::RevokeKey { key: alice });
    assert_eq!(refused(vec![deed]), (1, RegistrationError::NothingNew));
    let elsewhere = tenant(&founded(2));
    assert_eq!(
        refused(vec![elsewhere]),
        (1, RegistrationError::BadSignature)
    );

    // A key that took over from a registered one is named through both.
    let rotated =
        wattle_ledger::event::rotation_message(&genesis.park(), &key(BOB).public(), &alice);
    let bob = Action::AddKey {
        key: key(BOB).public(),
        role,
    };
    let bob = event(&genesis, REGISTRAR, 2, bob);
    let proof = key(ALICE).sign(&rotated);
    let rotation = event(&genesis, BOB, 9, Action::RotateKey { new: alice, proof });
    let verdict = made(vec![bob, rotation]).unwrap().judge(None).unwrap();
    let Contradiction::Events { role: named, .. } = verdict.contradiction else {
        panic!("two events");
    };
    assert_eq!(named, Some(role));
}

#[test]
fn two_roots_of_one_size_convict_who_signed_both() {
    let genesis = founded(4);
    let left = signed(&genesis, 9, Hash([1; 32]), &[1, 2, 3]);
    let right = signed(&genesis, 9, Hash([2; 32]), &[2, 3, 4]);
    let evidence = Evidence::two_heads(
        &genesis,
        Vec::new(),
        right.clone(),
        left.clone(),
        Vec::new(),
    );
    let evidence = evidence.unwrap();
    let verdict = evidence.judge(Some(&genesis.policy())).unwrap();
    // 2q - n of four nodes with a quorum of three.
    assert_eq!(convicted(&verdict), nodes(&[2, 3]));
    let Contradiction::Heads {
        first,
        second,
        prefix,
        convicted,
    } = verdict.contradiction
    else {
        panic!("two heads");
    };
    assert_eq!((first.root, second.root), (Hash([1; 32]), Hash([2; 32])));
    assert!(first.is_sealed && second.is_sealed && prefix.is_none());
    assert_eq!(convicted.len(), 4, "the log key and the cosigner's of each");

    // Who disagrees with a quorum and signed once only is not convicted by the file.
    let minority = signed(&genesis, 9, Hash([2; 32]), &[4]);
    let evidence = Evidence::two_heads(&genesis, Vec::new(), minority, left.clone(), Vec::new());
    let verdict = evidence.unwrap().judge(None).unwrap();
    let Contradiction::Heads {
        first,
        second,
        convicted,
        ..
    } = verdict.contradiction
    else {
        panic!("two heads");
    };
    assert!(first.is_sealed && !second.is_sealed && convicted.is_empty());

    let agree = Evidence::two_heads(&genesis, Vec::new(), left.clone(), left.clone(), Vec::new());
    assert_eq!(agree, Err(EvidenceError::Agree));
    let path = vec![Hash::ZERO];
    let longer = Evidence::two_heads(&genesis, Vec::new(), left.clone(), right, path);
    assert_eq!(longer, Err(EvidenceError::TooManyParts));
    let nobody = signed(&genesis, 9, Hash([2; 32]), &[9]);
    let nobody = Evidence::two_heads(&genesis, Vec::new(), left, nobody, Vec::new());
    assert_eq!(nobody, Err(EvidenceError::Unsigned(9)));
}

#[test]
fn a_larger_head_that_does_not_continue_the_smaller_is_a_proof_and_one_that_does_is_none() {
    let genesis = founded(4);
    for (old, new) in [(1, 2), (4, 9), (6, 9), (7, 8), (8, 16), (37, 40)] {
        let older = root(&mut LeafHashes(&log(old, 0, 0)), old).unwrap();
        let older = signed(&genesis, old, older, &[1, 2, 3]);
        for (fork, contradicts) in [(0, true), (old - 1, true), (old, false)] {
            let leaves = log(new, fork, 7);
            let newer = root(&mut LeafHashes(&leaves), new).unwrap();
            let newer = signed(&genesis, new, newer, &[1, 3, 4]);
            let path = prove_prefix(&mut LeafHashes(&leaves), old, new).unwrap();
            let evidence =
                Evidence::two_heads(&genesis, Vec::new(), newer.clone(), older.clone(), path);
            if !contradicts {
                assert_eq!(evidence, Err(EvidenceError::Agree), "{old} {new} {fork}");
                continue;
            }
            let verdict = evidence.unwrap().judge(None).unwrap();
            assert_eq!(convicted(&verdict), nodes(&[1, 3]));
            let Contradiction::Heads { prefix, .. } = verdict.contradiction else {
                panic!("two heads");
            };
            let shown = root(&mut LeafHashes(&leaves), old).unwrap();
            assert_eq!(prefix, Some(shown));

            // A path of the honest log does not lead to the forked root.
            let honest = prove_prefix(&mut LeafHashes(&log(new, 0, 0)), old, new).unwrap();
            let wrong =
                Evidence::two_heads(&genesis, Vec::new(), newer.clone(), older.clone(), honest);
            assert!(matches!(wrong, Err(EvidenceError::Path(_))), "{wrong:?}");
        }
    }
}

#[test]
fn heads_of_other_logs_and_policies_of_other_parks_prove_nothing() {
    let (genesis, other) = (founded(4), founded(3));
    let left = signed(&genesis, 9, Hash([1; 32]), &[1, 2, 3]);
    let foreign = signed(&other, 9, Hash([2; 32]), &[1, 2, 3]);
    let mixed = Evidence::two_heads(&genesis, Vec::new(), left.clone(), foreign, Vec::new());
    assert_eq!(mixed, Err(EvidenceError::OtherOrigin(other.origin())));
    let right = signed(&genesis, 9, Hash([2; 32]), &[1, 2, 3]);
    let evidence = Evidence::two_heads(&genesis, Vec::new(), left, right, Vec::new()).unwrap();
    assert_eq!(
        evidence.judge(Some(&other.policy())),
        Err(EvidenceError::OtherPolicy(genesis.origin()))
    );
    let empty = signed(&genesis, 0, Hash([1; 32]), &[1]);
    let emptier = signed(&genesis, 0, Hash([2; 32]), &[1]);
    let nothing = Evidence::two_heads(&genesis, Vec::new(), empty, emptier, Vec::new());
    assert_eq!(nothing, Err(EvidenceError::EmptyHead));
}

/// A policy with a cosigner beside the nodes names him; without it his lines count for nothing.
#[test]
fn a_policy_names_cosigners_that_the_genesis_does_not() {
    let genesis = founded(3);
    let witness = key(77);
    let with_witness = |root: u8, nodes: &[u64]| {
        let mut note = signed(&genesis, 9, Hash([root; 32]), nodes);
        let cosigned = Cosignature::sign(note.text(), 1_782_000_000, &witness).unwrap();
        let line = cosigned.to_note_signature("witness.example/w", &witness.public());
        note.add(line.unwrap()).unwrap();
        note
    };
    let (left, right) = (with_witness(1, &[1, 2]), with_witness(2, &[3]));
    let evidence = Evidence::two_heads(&genesis, Vec::new(), left, right, Vec::new()).unwrap();
    let count = |policy: Option<&Policy>| match evidence.judge(policy).unwrap().contradiction {
        Contradiction::Heads {
            first, convicted, ..
        } => (first.unknown, convicted.len()),
        Contradiction::Events { .. } => panic!("two heads"),
    };
    assert_eq!(count(None), (1, 0));
    let vkey = wattle_ledger::log::VerifierKey::new(
        "witness.example/w",
        wattle_ledger::log::note::SignatureType::Cosignature,
        witness.public(),
    );
    let text = genesis.policy().to_string();
    let line = format!("witness w {}\ngroup park", vkey.unwrap());
    let policy = Policy::parse(&text.replace("group park", &line)).unwrap();
    assert_eq!(count(Some(&policy)), (0, 1));

    // A voter that came later is in no genesis: his lie alone is evidence by a policy that has him.
    let later = wattle_ledger::membership::policy(&genesis, &[1, 2, 3, 4].map(node_record));
    let lie = || signed(&genesis, 9, Hash([3; 32]), &[4]);
    let truth = || signed(&genesis, 9, Hash([1; 32]), &[1, 2, 3, 4]);
    let unknown = Evidence::two_heads(&genesis, Vec::new(), lie(), truth(), Vec::new());
    assert_eq!(unknown, Err(EvidenceError::Unsigned(9)));
    let evidence = Evidence::two_heads_by(&later, &genesis, [lie(), truth()], Vec::new());
    let evidence = evidence.unwrap();
    let verdict = evidence.judge(Some(&later)).unwrap();
    let Contradiction::Heads { convicted, .. } = verdict.contradiction else {
        panic!("two heads");
    };
    let names: BTreeSet<String> = convicted.into_iter().map(|signer| signer.name).collect();
    assert!(
        names.contains(&genesis.cosigner_name(NodeId(4))),
        "{names:?}"
    );
    assert_eq!(evidence.judge(None), Err(EvidenceError::Unsigned(9)));
}

/// Whatever one byte is changed to: the file proves nothing, or the same against no more keys.
fn check_flips(evidence: &Evidence, policy: &Policy) {
    let whole = evidence.judge(Some(policy)).unwrap();
    let mut weaker = 0;
    for at in 0..evidence.bytes().len() {
        let mut bytes = evidence.bytes().to_vec();
        bytes[at] ^= 1 << (at % 8);
        let Ok(doctored) = Evidence::parse(&bytes) else {
            continue;
        };
        let Ok(verdict) = doctored.judge(Some(policy)) else {
            continue;
        };
        assert_eq!(doctored.subject(), evidence.subject(), "byte {at}");
        match (&verdict.contradiction, &whole.contradiction) {
            (
                Contradiction::Heads {
                    first,
                    second,
                    convicted,
                    ..
                },
                Contradiction::Heads {
                    first: one,
                    second: two,
                    convicted: all,
                    ..
                },
            ) => {
                assert!(convicted.is_subset(all), "byte {at}");
                assert!(first.signers.is_subset(&one.signers), "byte {at}");
                assert!(second.signers.is_subset(&two.signers), "byte {at}");
                weaker += 1;
            }
            (changed, whole) => panic!("byte {at}: {changed:?} instead of {whole:?}"),
        }
    }
    // A line whose name or key id was changed is a stranger's.
    assert_eq!(
        weaker > 0,
        matches!(evidence.subject(), Subject::Heads { .. })
    );
}

#[test]
fn no_changed_byte_of_evidence_about_events_proves_anything() {
    let genesis = founded(1);
    let (one, other) = (place(&genesis, 4, 100), place(&genesis, 4, 200));
    let evidence = Evidence::two_events(&genesis, vec![tenant(&genesis)], one, other).unwrap();
    check_flips(&evidence, &genesis.policy());
    for length in 0..evidence.bytes().len() {
        assert!(Evidence::parse(&evidence.bytes()[..length]).is_err());
    }
    let longer = [evidence.bytes(), &[0]].concat();
    assert!(matches!(
        Evidence::parse(&longer),
        Err(EvidenceError::Malformed(_))
    ));
}

#[test]
fn no_changed_byte_of_evidence_about_heads_convicts_anyone_else() {
    let genesis = founded(3);
    let leaves = log(9, 2, 7);
    let older = root(&mut LeafHashes(&log(6, 0, 0)), 6).unwrap();
    let newer = root(&mut LeafHashes(&leaves), 9).unwrap();
    let path = prove_prefix(&mut LeafHashes(&leaves), 6, 9).unwrap();
    let older = signed(&genesis, 6, older, &[1, 2]);
    let newer = signed(&genesis, 9, newer, &[2, 3]);
    let evidence = Evidence::two_heads(&genesis, Vec::new(), older, newer, path).unwrap();
    check_flips(&evidence, &genesis.policy());
}

/// What an export holds is enough to make evidence of a checkpoint that contradicts it.
#[test]
fn an_export_and_a_contradicting_checkpoint_make_evidence() {
    let mut park = Park::peopled();
    park.now = park.now.plus_millis(61_000);
    let noise = park.event(METERS[0], Action::SubmitReadings(Vec::new()));
    park.batch(vec![noise]);
    let folder = tempfile::tempdir().unwrap();
    write_export(&park.leaves, park.ledger.genesis(), folder.path());
    let note = std::fs::read(folder.path().join("checkpoint")).unwrap();
    let note = Note::parse(&note).unwrap();
    let genesis = park.ledger.genesis();
    let hashes: Vec<Hash> = park.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let size = hashes.len() as u64;
    let path = prove_prefix(&mut LeafHashes(&hashes), 5, size).unwrap();
    let forged = signed(genesis, 5, Hash([9; 32]), &[1]);
    let evidence = Evidence::two_heads(genesis, Vec::new(), note, forged, path).unwrap();
    let verdict = evidence.judge(Some(&genesis.policy())).unwrap();
    assert_eq!(convicted(&verdict), nodes(&[1]));
}
