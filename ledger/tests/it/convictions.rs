//! Evidence as an entry of the log: what is recorded, whom it convicts, whose key it freezes.

use crate::it::evidence::{convicted, event, founded, log, nodes, signed};
use crate::it::park::{ALICE, BOB, FIRST, METERS, Park, REGISTRAR, key, node_record, write_export};
use crate::it::trading::{refused, verifies};
use proptest::prelude::*;
use std::collections::BTreeSet;
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, Reading, SignedEvent};
use wattle_ledger::evidence::{Evidence, RegistrationError, Subject};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::limits::{CONVICTIONS_PER_KEY_MAX, EVIDENCE_RECORDED_BYTES_MAX};
use wattle_ledger::log::Policy;
use wattle_ledger::log::proof::{LeafHashes, prove_prefix, root};
use wattle_ledger::registration::{MeterId, NodeId, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::claim::Status;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_ledger::view::{Registry, Whose};
use wattle_market::units::WattHours;

/// Signs for node 1 of the park what it finds out.
const NODE: u8 = 30;

fn recording() -> Park {
    let mut park = Park::peopled();
    let role = Role::Node(NodeId(1));
    let key = key(NODE).public();
    assert_eq!(park.submit(REGISTRAR, Action::AddKey { key, role }), [0]);
    park
}

fn genesis(park: &Park) -> Genesis {
    park.ledger.genesis().clone()
}

/// A meter's list of one reading.
fn reading(register: i64) -> Action {
    Action::SubmitReadings(vec![Reading {
        interval: FIRST,
        register: WattHours(register),
    }])
}

/// Two events of a key with one sequence.
fn twice(genesis: &Genesis, seed: u8, sequence: u64) -> Evidence {
    let one = event(genesis, seed, sequence, reading(1));
    let other = event(genesis, seed, sequence, reading(2));
    Evidence::two_events(genesis, Vec::new(), one, other).unwrap()
}

fn file(evidence: &Evidence) -> Action {
    Action::RecordEvidence {
        file: evidence.bytes().to_vec(),
    }
}

fn last_fact(park: &Park) -> (Option<ParticipantId>, Fact) {
    match Entry::decode(park.leaves.last().unwrap()).unwrap() {
        Entry::Derived {
            participant, fact, ..
        } => (participant, fact),
        other => panic!("{other:?}"),
    }
}

/// The leaves without what the clock or a seal adds: time stands still in these tests.
fn leaves(park: &Park) -> u64 {
    park.leaves.len() as u64
}

#[test]
fn two_events_by_a_meters_key_freeze_it_until_the_registrar_lifts_that() {
    let mut park = recording();
    let evidence = twice(&genesis(&park), METERS[0], 7);
    let leaf = leaves(&park) + 1;
    assert_eq!(park.submit(NODE, file(&evidence)), [0]);
    let meter = key(METERS[0]).public();
    let fact = Fact::KeyConvicted {
        key: meter,
        role: Role::Meter(MeterId(1)),
        sequence: 7,
        evidence: evidence.id(),
        frozen: true,
    };
    assert_eq!(last_fact(&park), (None, fact));
    let state = park.ledger.state();
    assert!(state.is_frozen(&meter));
    let row = *state.convictions.keys().get(&(meter, 7)).unwrap();
    assert_eq!((row.evidence, row.node), (evidence.id(), NodeId(1)));
    assert_eq!(row.leaf, leaf);
    assert_eq!(state.convictions.recorded(&evidence.subject()), Some(row));

    // What a frozen key signs is refused, its own rotation too; other keys go on.
    assert_eq!(
        park.submit(METERS[0], reading(5)),
        refused(Rejection::KeyFrozen)
    );
    let rotation = Action::RotateKey {
        new: key(44).public(),
        proof: key(44).sign(b"whatever"),
    };
    assert_eq!(
        park.submit(METERS[0], rotation),
        refused(Rejection::KeyFrozen)
    );
    assert_ne!(
        park.submit(METERS[1], reading(5)),
        refused(Rejection::KeyFrozen)
    );

    // Lifted once, it stays lifted: the row says that this is known.
    let lift = Action::LiftFreeze { key: meter };
    assert_eq!(
        park.submit(NODE, file(&evidence)),
        refused(Rejection::EvidenceKnown)
    );
    assert_eq!(park.submit(REGISTRAR, lift.clone()), [0]);
    assert_eq!(
        park.submit(REGISTRAR, lift),
        refused(Rejection::KeyNotFrozen)
    );
    let other_bytes = Evidence::two_events(
        &genesis(&park),
        Vec::new(),
        event(&genesis(&park), METERS[0], 7, reading(3)),
        event(&genesis(&park), METERS[0], 7, reading(4)),
    );
    for again in [&evidence, &other_bytes.unwrap()] {
        assert_eq!(
            park.submit(NODE, file(again)),
            refused(Rejection::EvidenceKnown)
        );
    }
    assert!(!park.ledger.state().is_frozen(&meter));
    assert_ne!(
        park.submit(METERS[0], reading(5)),
        refused(Rejection::KeyFrozen)
    );

    // Another sequence is news, and freezes it anew.
    assert_eq!(
        park.submit(NODE, file(&twice(&genesis(&park), METERS[0], 9))),
        [0]
    );
    assert!(park.ledger.state().is_frozen(&meter));
    verifies(&mut park);
}

#[test]
fn keys_of_others_are_named_and_not_frozen() {
    let mut park = recording();
    for (seed, role, concerned) in [
        (
            ALICE,
            Role::Tenant(ParticipantId(1)),
            Some(ParticipantId(1)),
        ),
        (REGISTRAR, Role::Registrar, None),
        (NODE, Role::Node(NodeId(1)), None),
    ] {
        let evidence = twice(&genesis(&park), seed, 40);
        assert_eq!(park.submit(NODE, file(&evidence)), [0]);
        let fact = Fact::KeyConvicted {
            key: key(seed).public(),
            role,
            sequence: 40,
            evidence: evidence.id(),
            frozen: false,
        };
        assert_eq!(last_fact(&park), (concerned, fact));
        assert!(!park.ledger.state().is_frozen(&key(seed).public()));
    }
    // A meter's key that has ended signs nothing anyway, and is named all the same.
    let meter = key(METERS[1]).public();
    assert_eq!(
        park.submit(REGISTRAR, Action::RevokeKey { key: meter }),
        [0]
    );
    let evidence = twice(&genesis(&park), METERS[1], 3);
    assert_eq!(park.submit(NODE, file(&evidence)), [0]);
    assert!(matches!(
        last_fact(&park).1,
        Fact::KeyConvicted { frozen: false, .. }
    ));
    assert!(!park.ledger.state().is_frozen(&meter));
    verifies(&mut park);
}

#[test]
fn what_proves_nothing_here_is_refused_by_its_code() {
    let mut park = recording();
    let own = genesis(&park);
    let elsewhere = twice(&founded(2), METERS[0], 7);
    let stranger = twice(&own, 99, 7);
    let mut forged = twice(&own, METERS[0], 7).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let raw = |file: Vec<u8>| Action::RecordEvidence { file };
    for (action, code) in [
        (raw(Vec::new()), Rejection::EvidenceProvesNothing),
        (raw(forged), Rejection::EvidenceProvesNothing),
        (file(&elsewhere), Rejection::EvidenceProvesNothing),
        (file(&stranger), Rejection::EvidenceAboutStranger),
        (
            raw(vec![0; EVIDENCE_RECORDED_BYTES_MAX]),
            Rejection::EvidenceProvesNothing,
        ),
        (
            raw(vec![0; EVIDENCE_RECORDED_BYTES_MAX + 1]),
            Rejection::EvidenceTooLarge,
        ),
    ] {
        assert_eq!(park.submit(NODE, action), refused(code));
    }
    let evidence = twice(&own, METERS[0], 7);
    for seed in [ALICE, REGISTRAR, METERS[1]] {
        assert_eq!(
            park.submit(seed, file(&evidence)),
            refused(Rejection::NotAllowed)
        );
    }
    assert!(!park.ledger.state().is_frozen(&key(METERS[0]).public()));
    assert!(park.ledger.state().convictions.keys().is_empty());
    verifies(&mut park);
}

#[test]
fn evidence_of_one_key_has_a_bound() {
    let mut park = recording();
    let own = genesis(&park);
    for sequence in 1..=CONVICTIONS_PER_KEY_MAX as u64 {
        let evidence = twice(&own, BOB, 100 + sequence);
        assert_eq!(park.submit(NODE, file(&evidence)), [0]);
    }
    let further = twice(&own, BOB, 1);
    assert_eq!(
        park.submit(NODE, file(&further)),
        refused(Rejection::EvidenceKnown)
    );
    let other = twice(&own, ALICE, 1);
    assert_eq!(park.submit(NODE, file(&other)), [0]);
}

/// A park whose node 2 came after the founding.
fn with_newcomer(park: &mut Park) -> SignedEvent {
    let register = park.event(REGISTRAR, Action::RegisterNode(node_record(2)));
    let applied = park.batch(vec![register.clone()]);
    assert_eq!(applied.outcomes[0].result.as_ref().unwrap().outcome, [0]);
    SignedEvent::parse(&register).unwrap()
}

fn heads(park: &Park, sizes: [u64; 2], by: [&[u64]; 2]) -> Evidence {
    let own = genesis(park);
    let forked = log(sizes[1], 2, 7);
    let older = root(&mut LeafHashes(&log(sizes[0], 0, 0)), sizes[0]).unwrap();
    let newer = root(&mut LeafHashes(&forked), sizes[1]).unwrap();
    let path = match sizes[0] == sizes[1] {
        true => Vec::new(),
        false => prove_prefix(&mut LeafHashes(&forked), sizes[0], sizes[1]).unwrap(),
    };
    let members = park.ledger.state().registry.members();
    let records: Vec<_> = members.records().cloned().collect();
    let policy = wattle_ledger::membership::policy(&own, &records);
    let notes = [
        signed(&own, sizes[0], older, by[0]),
        signed(&own, sizes[1], newer, by[1]),
    ];
    Evidence::two_heads_by(&policy, &own, notes, path).unwrap()
}

#[test]
fn two_heads_convict_the_nodes_that_signed_both_each_once() {
    let mut park = recording();
    with_newcomer(&mut park);
    let nobody = heads(&park, [6, 9], [&[1], &[2]]);
    assert_eq!(
        park.submit(NODE, file(&nobody)),
        refused(Rejection::EvidenceConvictsNobody)
    );
    let one = heads(&park, [6, 9], [&[1, 2], &[1]]);
    assert_eq!(park.submit(NODE, file(&one)), [0]);
    let Subject::Heads { first, second } = one.subject() else {
        panic!("two heads");
    };
    let fact = |nodes: &[u64], evidence: &Evidence| Fact::NodesConvicted {
        nodes: nodes.iter().map(|id| NodeId(*id)).collect(),
        first_size: first.0,
        first_root: first.1,
        second_size: second.0,
        second_root: second.1,
        evidence: evidence.id(),
    };
    assert_eq!(last_fact(&park), (None, fact(&[1], &one)));
    let known = heads(&park, [8, 8], [&[1], &[1]]);
    for again in [&one, &known] {
        assert_eq!(
            park.submit(NODE, file(again)),
            refused(Rejection::EvidenceKnown)
        );
    }
    // A node that came later is known to the log, if not to the file; only it is news.
    let both = heads(&park, [6, 9], [&[1, 2], &[1, 2]]);
    assert_eq!(park.submit(NODE, file(&both)), [0]);
    assert_eq!(last_fact(&park), (None, fact(&[2], &both)));
    let rows = park.ledger.state().convictions.nodes();
    assert_eq!(
        rows.get(&NodeId(1)).unwrap().recorded.evidence,
        one.id(),
        "the first stays"
    );
    assert_eq!(rows.len(), 2);
    verifies(&mut park);
}

#[test]
fn a_node_that_only_a_file_registers_is_nobody_to_the_ledger() {
    let mut park = recording();
    let own = genesis(&park);
    let register = |park: &Park| {
        event(
            &own,
            REGISTRAR,
            park.ledger.size(),
            Action::RegisterNode(node_record(2)),
        )
    };
    let left = signed(&own, 9, Hash([1; 32]), &[2]);
    let right = signed(&own, 9, Hash([2; 32]), &[2]);
    let registration = register(&park);
    let evidence = Evidence::two_heads(&own, vec![registration], left, right, Vec::new()).unwrap();
    assert_eq!(convicted(&evidence.judge(None).unwrap()), nodes(&[2]));
    assert_eq!(
        park.submit(NODE, file(&evidence)),
        refused(Rejection::EvidenceConvictsNobody)
    );
}

/// A newcomer's registration travels in the file, so that the genesis alone vouches for him.
#[test]
fn a_registration_of_a_node_names_him_in_a_file() {
    let mut park = recording();
    let registration = with_newcomer(&mut park);
    let own = genesis(&park);
    let [left, right] = [1, 2].map(|root| signed(&own, 9, Hash([root; 32]), &[2]));
    let made = |registrations| {
        Evidence::two_heads(&own, registrations, left.clone(), right.clone(), Vec::new())
    };
    assert!(made(Vec::new()).is_err(), "the genesis does not know him");
    let evidence = made(vec![registration.clone()]).unwrap();
    let verdict = evidence.judge(Some(&own.policy())).unwrap();
    assert_eq!(convicted(&verdict), nodes(&[2]));
    assert_eq!(park.submit(NODE, file(&evidence)), [0]);
    assert!(matches!(last_fact(&park).1, Fact::NodesConvicted { .. }));

    let refused = |registrations| match made(registrations) {
        Err(wattle_ledger::evidence::EvidenceError::Registration { place, error }) => {
            (place, error)
        }
        other => panic!("{other:?}"),
    };
    let node = |seed: u8, record| event(&own, seed, 5, Action::RegisterNode(record));
    let by_treasurer = node(2, node_record(2));
    assert_eq!(
        refused(vec![by_treasurer]),
        (1, RegistrationError::NotAllowed)
    );
    let twice = vec![registration.clone(), node(REGISTRAR, node_record(2))];
    assert_eq!(refused(twice), (2, RegistrationError::NothingNew));
    let mut taken = node_record(3);
    taken.cosigner = node_record(1).log;
    assert_eq!(
        refused(vec![node(REGISTRAR, taken)]),
        (1, RegistrationError::NothingNew)
    );
    let mut same = node_record(3);
    same.cosigner = same.log;
    assert_eq!(
        refused(vec![node(REGISTRAR, same)]),
        (1, RegistrationError::KeyRefused)
    );
    let mut forged = registration.bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = SignedEvent::parse(&forged).unwrap();
    assert_eq!(refused(vec![forged]), (1, RegistrationError::BadSignature));
}

#[test]
fn heads_are_everyones_and_two_events_are_as_private_as_each() {
    let mut park = recording();
    let own = genesis(&park);
    let mut registry = Registry::found(&own);
    for leaf in &park.leaves {
        registry.gather(&Entry::decode(leaf).unwrap());
    }
    let mut whose = |file: &Evidence| {
        let action = Action::RecordEvidence {
            file: file.bytes().to_vec(),
        };
        let signed = park.event(NODE, action);
        registry.whose(&Entry::Event {
            signed,
            outcome: vec![0],
        })
    };
    let alone = |ids: &[u32]| {
        let ids: BTreeSet<ParticipantId> = ids.iter().map(|id| ParticipantId(*id)).collect();
        Whose::Participants(ids)
    };
    assert_eq!(whose(&twice(&own, ALICE, 7)), alone(&[1]));
    assert_eq!(whose(&twice(&own, METERS[2], 7)), alone(&[2]));
    assert_eq!(whose(&twice(&own, REGISTRAR, 7)), alone(&[]));
    let left = signed(&own, 9, Hash([1; 32]), &[1]);
    let right = signed(&own, 9, Hash([2; 32]), &[1]);
    let heads = Evidence::two_heads(&own, Vec::new(), left, right, Vec::new()).unwrap();
    assert_eq!(whose(&heads), Whose::Everyone);
}

/// Who holds the leader's keys says that evidence convicts, which proves nothing.
#[test]
fn evidence_that_is_said_to_be_done_and_proves_nothing_is_found() {
    let mut park = recording();
    let mut forged = twice(&genesis(&park), METERS[0], 7).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    park.now = park.now.plus_millis(61_000);
    assert_eq!(
        park.submit(NODE, Action::RecordEvidence { file: forged }),
        refused(Rejection::EvidenceProvesNothing)
    );
    let own = genesis(&park);
    let at = park.leaves.len() - 2;
    let Entry::Event { signed, .. } = Entry::decode(&park.leaves[at]).unwrap() else {
        panic!("an event before the seal");
    };
    let findings = |leaves: &[Vec<u8>]| {
        let folder = tempfile::tempdir().unwrap();
        write_export(leaves, &own, folder.path());
        let policy: Policy = own.policy();
        let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
        let failed = report.claims.iter();
        let failed = failed.filter(|claim| claim.status == Status::Failed);
        failed
            .map(|claim| (claim.claim, claim.entry))
            .collect::<Vec<_>>()
    };
    assert_eq!(findings(&park.leaves), []);
    let mut leaves = park.leaves.clone();
    leaves[at] = Entry::Event {
        signed,
        outcome: vec![0],
    }
    .encode();
    assert_eq!(findings(&leaves), [("replay", Some(at as u64))]);
    // With a leaf that names the key in addition.
    let fact = Fact::KeyConvicted {
        key: key(METERS[0]).public(),
        role: Role::Meter(MeterId(1)),
        sequence: 7,
        evidence: Hash([1; 32]),
        frozen: true,
    };
    let derived = Entry::Derived {
        participant: None,
        blind: Hash([0; 32]),
        fact,
    };
    leaves.insert(at + 1, derived.encode());
    assert_eq!(findings(&leaves)[0], ("replay", Some(at as u64)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes a node signs as evidence, no key is frozen and nobody convicted by any that
    /// the meter did not sign itself.
    #[test]
    fn no_random_or_changed_bytes_freeze_a_key(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..4),
    ) {
        let mut park = recording();
        let meter = key(METERS[0]).public();
        let honest = twice(&genesis(&park), METERS[0], 7).bytes().to_vec();
        let mut changed = honest.clone();
        for (at, by) in changes {
            changed[at.index(honest.len())] ^= by;
        }
        let mut behind = wattle_ledger::evidence::EVIDENCE_MAGIC.to_vec();
        behind.extend(&bytes);
        for file in [bytes, behind, changed] {
            if file == honest {
                continue;
            }
            let codes = park.submit(NODE, Action::RecordEvidence { file });
            prop_assert_eq!(codes, refused(Rejection::EvidenceProvesNothing));
        }
        prop_assert!(!park.ledger.state().is_frozen(&meter));
        prop_assert!(park.ledger.state().convictions.keys().is_empty());
    }
}

/// Golden: docs/FORMATS.md, section 11.
#[test]
fn a_park_with_recorded_evidence_has_this_root() {
    let mut park = recording();
    let own = genesis(&park);
    for (seed, sequence) in [(METERS[0], 7), (ALICE, 40), (METERS[0], 7)] {
        park.submit(NODE, file(&twice(&own, seed, sequence)));
    }
    with_newcomer(&mut park);
    let heads = heads(&park, [6, 9], [&[1, 2], &[1, 2]]);
    assert_eq!(park.submit(NODE, file(&heads)), [0]);
    let lift = Action::LiftFreeze {
        key: key(METERS[0]).public(),
    };
    assert_eq!(park.submit(REGISTRAR, lift), [0]);
    assert_eq!(
        park.submit(NODE, file(&twice(&own, METERS[2], u64::MAX))),
        [0]
    );
    park.advance_to(FIRST.start());
    let last = sha256(&[park.leaves.last().unwrap()]);
    assert_eq!(
        (
            park.leaves.len(),
            park.ledger.root().to_string(),
            last.to_string()
        ),
        (
            41,
            "2821a58f41efb2484a6c100b52ca785126968177f02d8574083724abab69da59".to_owned(),
            "3eb30c94fd227a81658496e6ee2314e1b8d57fca0e9ce9a34d550f44f6524fb3".to_owned()
        )
    );
}
