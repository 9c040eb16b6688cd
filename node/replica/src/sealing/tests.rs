use super::*;
use crate::fixture::{genesis, node_keys, start};
use wattle_ledger::evidence::Contradiction;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::note::{Note, VerifierKey};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// Node 1's part in sealing, in a park of `nodes`.
fn sealing(nodes: u64, signed: Option<SignedHead>) -> Sealing {
    let keys = node_keys(1);
    Sealing::new(
        &genesis(nodes),
        NodeId(1),
        (keys.log, keys.cosigner),
        signed,
    )
}

fn checkpoint(nodes: u64, size: u64, root: u8) -> Checkpoint {
    Checkpoint::new(genesis(nodes).origin(), size, Hash([root; 32])).unwrap()
}

fn head(size: u64, root: u8) -> SignedHead {
    SignedHead {
        size,
        root: Hash([root; 32]),
    }
}

/// What a peer with `keys_of`'s keys says.
fn signed_by(nodes: u64, keys_of: u64, size: u64, root: u8) -> SignedCheckpoint {
    let text = checkpoint(nodes, size, root).text();
    let keys = node_keys(keys_of);
    SignedCheckpoint {
        size,
        root: Hash([root; 32]),
        log_signature: keys.log.sign(text.as_bytes()),
        cosignature: Cosignature::sign(&text, NOW.0 / 1_000, &keys.cosigner).unwrap(),
        wants_answer: false,
    }
}

fn drained(outbox: &mut Outbox) -> Vec<Output> {
    std::iter::from_fn(|| outbox.poll()).collect()
}

/// The outputs in short.
fn told(outputs: &[Output]) -> Vec<String> {
    let outputs = outputs
        .iter()
        .filter(|output| !matches!(output, Output::Found(_)));
    let tell = |output: &Output| match output {
        Output::Persist(write) => format!("persist {}", write.signed.unwrap().size),
        Output::Send { to, bytes } => match PeerMessage::decode(bytes).unwrap() {
            PeerMessage::Cosignature(signed) if signed.wants_answer => {
                format!("ask {to} {}", signed.size)
            }
            PeerMessage::Cosignature(signed) => format!("send {to} {}", signed.size),
            other => panic!("{other:?}"),
        },
        Output::Publish { size, note } => {
            format!(
                "publish {size} {}",
                Note::parse(note.as_bytes()).unwrap().signatures().len()
            )
        }
        Output::Alarm(Alarm::RootsDiffer { peer, size }) => format!("differ {peer} {size}"),
        Output::Alarm(Alarm::PeerMessageRefused { from, .. }) => format!("refused {from}"),
        Output::Stop { .. } => "stop".to_owned(),
        other => panic!("{other:?}"),
    };
    outputs.map(tell).collect()
}

fn seal_and_sign(sealing: &mut Sealing, checkpoint: Checkpoint) -> Vec<String> {
    let mut outbox = Outbox::default();
    let size = checkpoint.size();
    sealing.on_seal(checkpoint, &mut outbox);
    sealing.sign(size, NOW, &mut outbox);
    told(&drained(&mut outbox))
}

fn hear(sealing: &mut Sealing, from: u64, signed: SignedCheckpoint, log_size: u64) -> Vec<String> {
    let mut outbox = Outbox::default();
    sealing.on_signatures(NodeId(from), signed, log_size, &mut outbox);
    told(&drained(&mut outbox))
}

#[test]
fn two_quorums_share_more_nodes_than_may_be_faulty() {
    for voters in 1..=7 {
        let quorum = genesis(voters).seal_quorum();
        let shared = 2 * quorum - usize::try_from(voters).unwrap();
        assert!(shared > (usize::try_from(voters).unwrap() - 1) / 3);
    }
}

#[test]
fn the_head_is_durable_before_the_signature_leaves() {
    let mut sealing = sealing(3, None);
    let told = seal_and_sign(&mut sealing, checkpoint(3, 5, 1));
    assert_eq!(told, ["persist 5", "send 2 5", "send 3 5"]);
}

#[test]
fn a_quorum_publishes_and_further_signatures_publish_again() {
    let mut sealing = sealing(5, None);
    seal_and_sign(&mut sealing, checkpoint(5, 9, 1));
    assert!(hear(&mut sealing, 2, signed_by(5, 2, 9, 1), 9).is_empty());
    assert!(hear(&mut sealing, 3, signed_by(5, 3, 9, 1), 9).is_empty());
    assert_eq!(sealing.sealed(), None);
    assert_eq!(
        hear(&mut sealing, 4, signed_by(5, 4, 9, 1), 9),
        ["publish 9 8"]
    );
    assert!(hear(&mut sealing, 4, signed_by(5, 4, 9, 1), 9).is_empty());
    assert_eq!(
        hear(&mut sealing, 5, signed_by(5, 5, 9, 1), 9),
        ["publish 9 10"]
    );
    assert_eq!(sealing.sealed().unwrap().cosigners.len(), 5);
}

#[test]
fn the_published_note_holds_for_every_nodes_keys() {
    let mut sealing = sealing(3, None);
    seal_and_sign(&mut sealing, checkpoint(3, 9, 1));
    hear(&mut sealing, 2, signed_by(3, 2, 9, 1), 9);
    hear(&mut sealing, 3, signed_by(3, 3, 9, 1), 9);
    let sealed = sealing.sealed().unwrap();
    let note = Note::parse(sealed.note.as_bytes()).unwrap();
    assert_eq!(note.text(), checkpoint(3, 9, 1).text());
    let origin = genesis(3).origin();
    for record in &genesis(3).body().nodes {
        let log = VerifierKey::new(&*origin, SignatureType::Ed25519, record.log).unwrap();
        let name = genesis(3).cosigner_name(record.id);
        let cosigner = VerifierKey::new(name, SignatureType::Cosignature, record.cosigner).unwrap();
        for key in [log, cosigner] {
            let line = note
                .signatures()
                .iter()
                .find(|line| key.is_named_by(line))
                .unwrap();
            key.verify(note.text(), line).unwrap();
        }
    }
}

#[test]
fn signatures_that_come_early_count_later() {
    let mut sealing = sealing(3, None);
    assert!(hear(&mut sealing, 2, signed_by(3, 2, 9, 1), 4).is_empty());
    assert!(hear(&mut sealing, 3, signed_by(3, 3, 9, 1), 4).is_empty());
    assert!(hear(&mut sealing, 3, signed_by(3, 3, 12, 1), 4).is_empty());
    let told = seal_and_sign(&mut sealing, checkpoint(3, 9, 1));
    assert_eq!(told, ["persist 9", "send 2 9", "send 3 9", "publish 9 6"]);
    let told = seal_and_sign(&mut sealing, checkpoint(3, 12, 1));
    assert_eq!(told, ["persist 12", "send 2 12", "send 3 12"]);
    assert_eq!(
        hear(&mut sealing, 2, signed_by(3, 2, 12, 1), 12),
        ["publish 12 6"]
    );
}

#[test]
fn only_the_largest_early_signatures_of_a_peer_are_kept() {
    let mut sealing = sealing(3, None);
    for size in 10..30 {
        hear(&mut sealing, 2, signed_by(3, 2, size, 1), 4);
    }
    let kept: Vec<u64> = sealing.early[&NodeId(2)].keys().copied().collect();
    assert_eq!(kept, (22..30).collect::<Vec<_>>());
}

#[test]
fn old_seals_are_forgotten() {
    let mut sealing = sealing(3, None);
    for size in 1..=100 {
        seal_and_sign(&mut sealing, checkpoint(3, size, 1));
    }
    assert_eq!(sealing.seals.len(), SEALS_KEPT_MAX);
    assert!(sealing.signatures(36).is_none() && sealing.signatures(37).is_some());
    assert!(hear(&mut sealing, 2, signed_by(3, 2, 20, 1), 100).is_empty());
}

#[test]
fn signatures_that_do_not_hold_are_refused() {
    let mut sealing = sealing(3, None);
    seal_and_sign(&mut sealing, checkpoint(3, 9, 1));
    let good = signed_by(3, 2, 9, 1);
    let other = signed_by(3, 3, 9, 1);
    let cases = [
        other,
        SignedCheckpoint {
            log_signature: other.log_signature,
            ..good
        },
        SignedCheckpoint {
            cosignature: other.cosignature,
            ..good
        },
        SignedCheckpoint {
            root: Hash([2; 32]),
            ..good
        },
        SignedCheckpoint { size: 50, ..good },
        SignedCheckpoint {
            size: u64::MAX,
            ..good
        },
        SignedCheckpoint {
            cosignature: Cosignature {
                time: good.cosignature.time + 1,
                ..good.cosignature
            },
            ..good
        },
        // Well signed, but the log has no seal there.
        signed_by(3, 2, 10, 1),
    ];
    for signed in cases {
        assert_eq!(
            hear(&mut sealing, 2, signed, 20),
            ["refused 2"],
            "{signed:?}"
        );
    }
    assert!(sealing.early.is_empty() && sealing.evidence.is_empty());
    assert!(hear(&mut sealing, 2, good, 20).is_empty());
}

#[test]
fn nothing_smaller_than_the_stored_head_is_signed_after_a_restart() {
    let mut sealing = sealing(3, Some(head(9, 1)));
    assert!(seal_and_sign(&mut sealing, checkpoint(3, 5, 1)).is_empty());
    let told = seal_and_sign(&mut sealing, checkpoint(3, 9, 1));
    assert_eq!(told, ["send 2 9", "send 3 9"], "it is durable already");
    let told = seal_and_sign(&mut sealing, checkpoint(3, 12, 1));
    assert_eq!(told, ["persist 12", "send 2 12", "send 3 12"]);
}

#[test]
fn a_log_without_the_signed_head_stops_the_node() {
    let mut other_root = sealing(3, Some(head(9, 1)));
    assert_eq!(
        seal_and_sign(&mut other_root, checkpoint(3, 9, 2)),
        ["stop"]
    );
    let mut no_such_seal = sealing(3, Some(head(9, 1)));
    assert!(seal_and_sign(&mut no_such_seal, checkpoint(3, 8, 1)).is_empty());
    assert_eq!(
        seal_and_sign(&mut no_such_seal, checkpoint(3, 10, 1)),
        ["stop"]
    );
}

#[test]
fn a_smaller_seal_without_the_own_signature_is_not_published() {
    let mut sealing = sealing(5, Some(head(9, 1)));
    seal_and_sign(&mut sealing, checkpoint(5, 5, 1));
    for peer in 2..=5 {
        assert!(hear(&mut sealing, peer, signed_by(5, peer, 5, 1), 5).is_empty());
    }
    assert_eq!(sealing.sealed(), None);
}

#[test]
fn sizes_published_ascend() {
    let mut sealing = sealing(3, None);
    for size in [9, 12] {
        seal_and_sign(&mut sealing, checkpoint(3, size, 1));
    }
    hear(&mut sealing, 2, signed_by(3, 2, 12, 1), 12);
    assert_eq!(
        hear(&mut sealing, 3, signed_by(3, 3, 12, 1), 12),
        ["publish 12 6"]
    );
    hear(&mut sealing, 2, signed_by(3, 2, 9, 1), 12);
    assert!(hear(&mut sealing, 3, signed_by(3, 3, 9, 1), 12).is_empty());
}

#[test]
fn another_root_is_evidence_and_a_quorum_of_it_stops_the_node() {
    let mut sealing = sealing(5, None);
    seal_and_sign(&mut sealing, checkpoint(5, 9, 1));
    for peer in 2..=4 {
        let told = hear(&mut sealing, peer, signed_by(5, peer, 9, 7), 9);
        assert_eq!(told, [format!("differ {peer} 9")]);
        assert!(
            hear(&mut sealing, peer, signed_by(5, peer, 9, 7), 9).is_empty(),
            "known"
        );
    }
    assert_eq!(sealing.evidence().count(), 3);
    assert_eq!(
        hear(&mut sealing, 5, signed_by(5, 5, 9, 7), 9),
        ["differ 5 9", "stop"]
    );
}

/// The nodes that the evidence in these outputs convicts, and the lines under its heads.
fn found(outbox: &mut Outbox) -> Vec<(Vec<u64>, usize)> {
    let found = drained(outbox)
        .into_iter()
        .filter_map(|output| match output {
            Output::Found(Finding::Heads(evidence)) => Some(evidence),
            _ => None,
        });
    let judge = |evidence: Box<Evidence>| {
        let verdict = evidence.judge(Some(&genesis(5).policy())).unwrap();
        let Contradiction::Heads { convicted, .. } = verdict.contradiction else {
            panic!("two heads");
        };
        let cosigners = convicted.iter().filter(|signer| signer.is_cosigner);
        let nodes = cosigners.map(|signer| signer.node.unwrap().0);
        (nodes.collect(), evidence.lines())
    };
    found.map(judge).collect()
}

#[test]
fn another_root_becomes_evidence_that_gathers_signatures_and_convicts_who_signed_both() {
    let mut sealing = sealing(5, None);
    let mut outbox = Outbox::default();
    sealing.on_seal(checkpoint(5, 9, 1), &mut outbox);
    sealing.on_signatures(NodeId(2), signed_by(5, 2, 9, 7), 9, &mut outbox);
    assert_eq!(
        found(&mut outbox),
        [],
        "nobody has signed this node's root yet"
    );
    sealing.sign(9, NOW, &mut outbox);
    assert_eq!(found(&mut outbox), [(vec![], 4)]);
    sealing.on_signatures(NodeId(3), signed_by(5, 3, 9, 7), 9, &mut outbox);
    assert_eq!(found(&mut outbox), [(vec![], 6)]);
    for signed in [signed_by(5, 2, 9, 1), signed_by(5, 4, 9, 1)] {
        let from = if signed == signed_by(5, 2, 9, 1) {
            2
        } else {
            4
        };
        sealing.on_signatures(NodeId(from), signed, 9, &mut outbox);
    }
    assert_eq!(found(&mut outbox), [(vec![2], 8), (vec![2], 10)]);
    // A third root is another piece of evidence.
    sealing.on_signatures(NodeId(5), signed_by(5, 5, 9, 3), 9, &mut outbox);
    assert_eq!(found(&mut outbox).len(), 2);
}

#[test]
fn differing_roots_do_not_add_up() {
    let mut sealing = sealing(5, None);
    seal_and_sign(&mut sealing, checkpoint(5, 9, 1));
    for peer in 2..=5 {
        let told = hear(
            &mut sealing,
            peer,
            signed_by(5, peer, 9, peer as u8 + 10),
            9,
        );
        assert_eq!(told, [format!("differ {peer} 9")]);
    }
}

#[test]
fn a_quorum_of_another_root_that_came_early_stops_the_node_when_it_gets_there() {
    let mut sealing = sealing(5, None);
    for peer in 2..=5 {
        hear(&mut sealing, peer, signed_by(5, peer, 9, 7), 4);
    }
    let told = seal_and_sign(&mut sealing, checkpoint(5, 9, 1));
    assert_eq!(
        told,
        [
            "differ 2 9",
            "differ 3 9",
            "differ 4 9",
            "differ 5 9",
            "stop"
        ]
    );
}

#[test]
fn peers_without_an_answer_are_asked_again_and_answers_end_it() {
    let mut sealing = sealing(3, None);
    seal_and_sign(&mut sealing, checkpoint(3, 9, 1));
    hear(&mut sealing, 2, signed_by(3, 2, 9, 1), 9);
    let mut outbox = Outbox::default();
    sealing.send_again(&mut outbox);
    assert_eq!(told(&drained(&mut outbox)), ["ask 3 9"]);
    let asking = |size| SignedCheckpoint {
        wants_answer: true,
        ..signed_by(3, 3, size, 1)
    };
    assert_eq!(
        hear(&mut sealing, 3, asking(9), 9),
        ["send 3 9", "publish 9 6"]
    );
    sealing.send_again(&mut outbox);
    assert!(drained(&mut outbox).is_empty());
    assert_eq!(
        hear(&mut sealing, 3, asking(5), 9),
        ["send 3 9"],
        "a peer that lags hears the last"
    );
}

#[test]
fn times_of_cosignatures_do_not_fall() {
    let mut sealing = sealing(1, None);
    let mut outbox = Outbox::default();
    for (size, now) in [(5, NOW), (6, start()), (7, NOW.plus_millis(5_000))] {
        sealing.on_seal(checkpoint(1, size, 1), &mut outbox);
        sealing.sign(size, now, &mut outbox);
    }
    let times: Vec<u64> = (5..=7)
        .map(|size| {
            sealing.signatures(size).unwrap()[&NodeId(1)]
                .cosignature
                .time
        })
        .collect();
    let first = NOW.0 / 1_000;
    assert!(start() < NOW);
    assert_eq!(times, [first, first, first + 5]);
}

#[test]
fn a_single_node_seals_alone() {
    let mut sealing = sealing(1, None);
    assert_eq!(
        seal_and_sign(&mut sealing, checkpoint(1, 5, 1)),
        ["persist 5", "publish 5 2"]
    );
}
