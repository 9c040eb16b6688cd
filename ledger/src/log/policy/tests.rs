//! Tests of the policy's text and its verdicts.

use proptest::prelude::*;

use super::*;
use crate::keys::SigningKey;
use crate::log::note::{NameError, Note, NoteVerifyError};
use crate::log::{Checkpoint, Cosignature, golden};

fn cosigner(number: u8) -> (String, SigningKey) {
    (
        format!("node-{number}"),
        SigningKey::from_seed(&[number; 32]),
    )
}

fn public(number: u8) -> (String, PublicKey) {
    let (name, key) = cosigner(number);
    (name, key.public())
}

fn witness_line(number: u8) -> String {
    let (name, key) = public(number);
    let key = VerifierKey::new(&name, SignatureType::Cosignature, key).unwrap();
    format!("witness {name} {key}\n")
}

/// The golden checkpoint, signed by the golden log key and cosigned by these at their times.
fn note(cosigners: &[(u8, u64)]) -> Note {
    let checkpoint = Checkpoint::parse(golden::CHECKPOINT).unwrap();
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&golden::log_key())).unwrap();
    for &(number, time) in cosigners {
        let (name, key) = cosigner(number);
        let cosignature = Cosignature::sign(note.text(), time, &key).unwrap();
        note.add(cosignature.to_note_signature(&name, &key.public()).unwrap())
            .unwrap();
    }
    note
}

fn park(nodes: u8, quorum: u64) -> Policy {
    let cosigners = (10..10 + nodes).map(public).collect::<Vec<_>>();
    let log_keys = [golden::log_key().public(), cosigner(99).1.public()];
    Policy::for_park(golden::ORIGIN, &log_keys, &cosigners, quorum).unwrap()
}

#[test]
fn policy_of_a_park_equals_the_golden_text() {
    let cosigners = [(golden::COSIGNER.to_owned(), golden::cosigner_key().public())];
    let log_keys = [golden::log_key().public()];
    let policy = Policy::for_park(golden::ORIGIN, &log_keys, &cosigners, 1).unwrap();
    let text = format!(
        "log {}\nwitness park.example/node-1 {}\ngroup park 1 park.example/node-1\nquorum park\n",
        golden::LOG_VKEY,
        golden::COSIGNER_VKEY
    );
    assert_eq!(policy.to_string(), text);
    assert_eq!(text.parse(), Ok(policy.clone()));

    let verdict = policy.evaluate(&golden::NOTE.parse().unwrap());
    assert!(verdict.satisfied);
    assert_eq!(verdict.log_signatures, [golden::LOG_VKEY.parse().unwrap()]);
    assert_eq!(
        verdict.cosigned,
        [(golden::COSIGNER.to_owned(), golden::TIME)].into()
    );
    assert_eq!((verdict.unknown, verdict.bad), (vec![], vec![]));
}

#[test]
fn quorum_is_reached_at_its_number_of_different_cosigners() {
    let policy = park(4, 3);
    assert!(!policy.evaluate(&note(&[])).satisfied);
    assert!(!policy.evaluate(&note(&[(10, 1), (11, 1)])).satisfied);
    // The same cosigner at three times is one cosigner, at the latest of these times.
    let thrice = policy.evaluate(&note(&[(10, 1), (10, 3), (10, 2)]));
    assert!(!thrice.satisfied);
    assert_eq!(thrice.cosigned, [("node-10".to_owned(), 3)].into());
    assert!(
        policy
            .evaluate(&note(&[(10, 1), (11, 1), (13, 1)]))
            .satisfied
    );
    assert!(
        policy
            .evaluate(&note(&[(10, 1), (11, 1), (12, 1), (13, 1)]))
            .satisfied
    );
}

#[test]
fn lines_of_unknown_keys_count_for_nothing() {
    let verdict = park(3, 2).evaluate(&note(&[(10, 1), (20, 1), (21, 1)]));
    assert!(!verdict.satisfied);
    assert_eq!(verdict.unknown.len(), 2);
    assert!(
        park(3, 2)
            .evaluate(&note(&[(20, 1), (10, 1), (11, 1)]))
            .satisfied
    );
}

#[test]
fn cosignatures_without_a_trusted_log_do_not_suffice() {
    let cosigners = [public(10)];
    let other = [cosigner(98).1.public()];
    let policy = Policy::for_park(golden::ORIGIN, &other, &cosigners, 1).unwrap();
    let verdict = policy.evaluate(&note(&[(10, 1)]));
    assert_eq!(
        (verdict.log_signatures.len(), verdict.cosigned.len()),
        (0, 1)
    );
    assert!(!verdict.satisfied);
    let no_logs = format!("{}quorum node-10\n", witness_line(10))
        .parse::<Policy>()
        .unwrap();
    assert!(!no_logs.evaluate(&note(&[(10, 1)])).satisfied);
}

#[test]
fn one_bad_line_of_a_trusted_key_spoils_the_note() {
    let policy = park(3, 2);
    let mut spoiled = note(&[(10, 1), (11, 1)]);
    let stolen = note(&[(12, 5)])
        .to_string()
        .replace("\n3\n", "\n4\n")
        .parse::<Note>()
        .unwrap();
    let stolen = stolen.signatures()[1].clone();
    let mut blob = stolen.blob().to_vec();
    blob[20] ^= 1;
    let line = crate::log::NoteSignature::new(stolen.name(), stolen.key_id(), blob).unwrap();
    spoiled.add(line.clone()).unwrap();
    let verdict = policy.evaluate(&spoiled);
    assert_eq!(verdict.cosigned.len(), 2);
    assert!(!verdict.satisfied);
    assert_eq!(verdict.bad.len(), 1);
    assert_eq!(verdict.bad[0].signature, line);
    let reason = verdict.bad[0].reason;
    assert!(matches!(
        reason,
        BadLineReason::Signature(NoteVerifyError::Cosignature(_))
    ));
}

#[test]
fn log_key_under_another_origin_is_a_bad_line() {
    let key = golden::log_key();
    let text = golden::CHECKPOINT.replace("lot-1", "lot-2");
    let mut note = Note::unsigned(text).unwrap();
    note.add(crate::log::note::sign(note.text(), golden::ORIGIN, &key).unwrap())
        .unwrap();
    let verdict = park(1, 1).evaluate(&note);
    assert!(verdict.log_signatures.is_empty() && !verdict.satisfied);
    assert_eq!(verdict.bad[0].reason, BadLineReason::OtherOrigin);
}

#[test]
fn nested_groups_follow_the_example_of_the_specification() {
    let mut text = format!("# two organizations\n\n\tlog  {} \n", golden::LOG_VKEY);
    (1..=6).for_each(|number| text += &witness_line(number));
    text += "group x 2 node-1 node-2 node-3\ngroup y any node-4 node-5 node-6\n";
    text += "group x-and-y all x y\nquorum x-and-y\n";
    let policy = text.parse::<Policy>().unwrap();
    for (cosigners, satisfied) in [
        (&[1, 2, 4][..], true),
        (&[1, 3, 5, 6], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5, 6], false),
    ] {
        let cosigners = cosigners
            .iter()
            .map(|&number| (number, 1))
            .collect::<Vec<_>>();
        assert_eq!(
            policy.evaluate(&note(&cosigners)).satisfied,
            satisfied,
            "{cosigners:?}"
        );
    }
    assert_eq!(policy.to_string().parse(), Ok(policy));
}

#[test]
fn quorum_may_be_one_witness_or_none() {
    let log = format!("log {}\n", golden::LOG_VKEY);
    let one = format!("{log}{}{}quorum node-2\n", witness_line(1), witness_line(2));
    let one = one.parse::<Policy>().unwrap();
    assert!(!one.evaluate(&note(&[(1, 1)])).satisfied);
    assert!(one.evaluate(&note(&[(2, 1)])).satisfied);
    let none = format!("{log}quorum none\n").parse::<Policy>().unwrap();
    assert_eq!(none.quorum(), None);
    assert!(none.evaluate(&note(&[])).satisfied);
}

#[test]
fn broken_rules_are_named_by_their_line() {
    use PolicyRule as R;
    let (log, w1, w2) = (
        format!("log {}\n", golden::LOG_VKEY),
        witness_line(1),
        witness_line(2),
    );
    let both = format!("{w1}{w2}");
    let name = |name: &str| name.to_owned();
    let same_key = w1.replace("witness node-1", "witness other");
    let as_log = w1.replace("witness node-1", "log");
    let as_witness = log.replace("log ", "witness w ");
    let reserved = w1.replace("witness node-1", "witness none");
    let cases = [
        (1, "quorum\n".to_owned(), R::Form("quorum <name>|none")),
        (1, "logs x\n".to_owned(), R::Keyword(name("logs"))),
        (1, "quorum none\r\n".to_owned(), R::ControlCharacter('\r')),
        (1, "# caf\u{7f}\n".to_owned(), R::ControlCharacter('\u{7f}')),
        (1, "log x\n".to_owned(), R::Key(VerifierKeyError::Parts)),
        (1, "log\n".to_owned(), R::Form("log <verifier key> [<url>]")),
        (
            1,
            format!("{} u v\n", log.trim()),
            R::Form("log <verifier key> [<url>]"),
        ),
        (
            1,
            "witness w\n".to_owned(),
            R::Form("witness <name> <verifier key> [<url>]"),
        ),
        (1, as_log, R::NotLogKey),
        (1, as_witness, R::NotCosignerKey),
        (1, reserved, R::ReservedName),
        (2, format!("{log}{log}"), R::DuplicateKey),
        (2, format!("{w1}{same_key}"), R::DuplicateKey),
        (
            2,
            format!("{w1}{}", w2.replace("witness node-2", "witness node-1")),
            R::DuplicateName(name("node-1")),
        ),
        (
            2,
            format!("{w1}group node-1 any node-1\n"),
            R::DuplicateName(name("node-1")),
        ),
        (1, "group g any g\n".to_owned(), R::UndefinedName(name("g"))),
        (
            1,
            "group g any none\n".to_owned(),
            R::UndefinedName(name("none")),
        ),
        (
            1,
            "group g any\n".to_owned(),
            R::Form("group <name> all|any|<number> <member>..."),
        ),
        (
            3,
            format!("{both}group g 1 node-1 node-1\n"),
            R::DuplicateMember(name("node-1")),
        ),
        (
            4,
            format!("{both}group g 1 node-1\ngroup h 1 node-1\n"),
            R::DuplicateMember(name("node-1")),
        ),
        (
            3,
            format!("{both}group g some node-1\n"),
            R::Threshold(name("some")),
        ),
        (
            3,
            format!("{both}group g 01 node-1\n"),
            R::Threshold(name("01")),
        ),
        (
            3,
            format!("{both}group g 0 node-1\n"),
            R::ThresholdRange {
                threshold: 0,
                members: 1,
            },
        ),
        (
            3,
            format!("{both}group g 3 node-1 node-2\n"),
            R::ThresholdRange {
                threshold: 3,
                members: 2,
            },
        ),
        (1, "quorum g\n".to_owned(), R::UndefinedName(name("g"))),
        (2, "quorum none\nquorum none\n".to_owned(), R::SecondQuorum),
        (
            1,
            format!("quorum node-1\n{w1}"),
            R::UndefinedName(name("node-1")),
        ),
    ];
    for (line, text, rule) in cases {
        assert_eq!(
            text.parse::<Policy>(),
            Err(PolicyError::Line { line, rule }),
            "{text:?}"
        );
    }
    assert_eq!("".parse::<Policy>(), Err(PolicyError::NoQuorum));
    assert_eq!(log.parse::<Policy>(), Err(PolicyError::NoQuorum));
    assert_eq!("quorum none".parse::<Policy>(), Err(PolicyError::NotEnded));
}

#[test]
fn parks_that_no_policy_can_describe_are_refused() {
    use PolicyRule as R;
    let log = [golden::log_key().public()];
    let park = |cosigners: &[(String, PublicKey)], quorum| {
        Policy::for_park(golden::ORIGIN, &log, cosigners, quorum)
    };
    let two = [public(1), public(2)];
    assert_eq!(
        park(&two, 3),
        Err(R::ThresholdRange {
            threshold: 3,
            members: 2
        })
    );
    assert_eq!(
        park(&two, 0),
        Err(R::ThresholdRange {
            threshold: 0,
            members: 2
        })
    );
    assert_eq!(
        park(&[], 1),
        Err(R::ThresholdRange {
            threshold: 1,
            members: 0
        })
    );
    assert_eq!(park(&[public(1), public(1)], 1), Err(R::DuplicateKey));
    let named = |name: &str| [(name.to_owned(), public(1).1)];
    assert_eq!(park(&named("a b"), 1), Err(R::Name(NameError::Character)));
    assert_eq!(park(&named("none"), 1), Err(R::ReservedName));
    assert_eq!(
        park(&named("park"), 1),
        Err(R::DuplicateName("park".to_owned()))
    );
    let twice = [log[0], log[0]];
    assert_eq!(Policy::for_park("o", &twice, &two, 1), Err(R::DuplicateKey));
}

proptest! {
    #[test]
    fn any_text_parses_or_fails_without_panic(
        any in "(.|\n)*",
        near in "((log|witness|group|quorum|#)( (all|any|none|[0-9]|a|b|é))*[ \t]*\n){0,8}",
    ) {
        for text in [any, near] {
            if let Ok(policy) = text.parse::<Policy>() {
                prop_assert_eq!(policy.to_string().parse(), Ok(policy));
            }
        }
    }

    #[test]
    fn every_policy_of_a_park_survives_its_text(nodes in 1u8..20, pick: u64) {
        let policy = park(nodes, 1 + pick % u64::from(nodes));
        prop_assert_eq!(policy.to_string().parse(), Ok(policy));
    }

    #[test]
    fn quorum_is_a_matter_of_numbers_alone(nodes in 1u8..8, pick: u64, who: [bool; 8]) {
        let quorum = 1 + pick % u64::from(nodes);
        let cosigned = (0..nodes).filter(|i| who[usize::from(*i)]).map(|i| 10 + i);
        let names = cosigned.map(|i| public(i).0).collect::<BTreeSet<_>>();
        let reached = park(nodes, quorum).is_quorum(|name| names.contains(name));
        prop_assert_eq!(reached, names.len() as u64 >= quorum);
    }
}
