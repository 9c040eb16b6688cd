//! The guard against every attack that is known to work on Raft behind it, and against honest
//! messages, which it must let through.

use super::*;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;

const NODE: NodeId = NodeId(2);
const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// Terms of the entries 1 to 5; 3 of them are committed.
const TERMS: [u64; 5] = [1, 1, 4, 6, 6];

/// A follower of node 1 in term 7.
fn follower_check(from: u64, message: &RaftMessage) -> Result<(), GuardError> {
    check_with(Some(NodeId(1)), from, message)
}

/// The leader of term 7.
fn leader_check(from: u64, message: &RaftMessage) -> Result<(), GuardError> {
    check_with(Some(NODE), from, message)
}

/// A member that does not vote.
const LEARNER: NodeId = NodeId(9);

fn check_with(leader: Option<NodeId>, from: u64, message: &RaftMessage) -> Result<(), GuardError> {
    let entry_term = |index: u64| match index.checked_sub(1) {
        None => Some(0),
        Some(at) => TERMS.get(at as usize).copied(),
    };
    let view = View {
        node: NODE,
        voters: &VOTERS,
        learners: &[LEARNER],
        term: 7,
        leader,
        start: 0,
        commit: 3,
        last_index: 5,
        entry_term: &entry_term,
    };
    view.check(NodeId(from), message)
}

fn message(kind: RaftKind) -> RaftMessage {
    RaftMessage {
        kind,
        to: NODE,
        from: NodeId(1),
        term: 7,
        log_term: 0,
        index: 0,
        entries: Vec::new(),
        commit: 0,
        reject: false,
        reject_hint: 0,
    }
}

fn append(index: u64, log_term: u64, entries: &[(u64, u64)]) -> RaftMessage {
    let entries = entries
        .iter()
        .map(|&(index, term)| StoredEntry {
            index,
            term,
            data: Vec::new(),
        })
        .collect();
    RaftMessage {
        index,
        log_term,
        entries,
        ..message(RaftKind::Append)
    }
}

#[test]
fn attacks_are_refused() {
    let base = || append(5, 6, &[(6, 7)]);
    let heartbeat = || message(RaftKind::Heartbeat);
    let vote = || RaftMessage {
        term: 8,
        index: 5,
        log_term: 6,
        ..message(RaftKind::RequestVote)
    };
    type Case = (&'static str, u64, RaftMessage, &'static str);
    let cases: Vec<Case> = vec![
        (
            "append of a stranger",
            99,
            RaftMessage {
                from: NodeId(99),
                term: 8,
                ..base()
            },
            "no member",
        ),
        (
            "heartbeat of a stranger",
            99,
            RaftMessage {
                from: NodeId(99),
                term: 8,
                ..heartbeat()
            },
            "no member",
        ),
        (
            "message of this very node",
            2,
            RaftMessage {
                from: NODE,
                ..base()
            },
            "no member",
        ),
        ("peer 3 as peer 1", 3, base(), "claims to be from node 1"),
        (
            "message for another",
            1,
            RaftMessage {
                to: NodeId(3),
                ..base()
            },
            "meant for node 3",
        ),
        (
            "greatest term",
            1,
            RaftMessage {
                term: u64::MAX,
                ..heartbeat()
            },
            "term",
        ),
        (
            "term 1,001 ahead",
            1,
            RaftMessage {
                term: 1_008,
                ..heartbeat()
            },
            "term",
        ),
        (
            "local term",
            1,
            RaftMessage {
                term: 0,
                ..heartbeat()
            },
            "term",
        ),
        (
            "index that overflows",
            1,
            RaftMessage {
                index: u64::MAX,
                ..base()
            },
            "count to",
        ),
        (
            "hint that overflows",
            1,
            RaftMessage {
                reject: true,
                reject_hint: u64::MAX,
                ..message(RaftKind::AppendResponse)
            },
            "count to",
        ),
        (
            "commit that overflows",
            1,
            RaftMessage {
                commit: u64::MAX,
                ..heartbeat()
            },
            "count to",
        ),
        (
            "entries in a heartbeat",
            1,
            RaftMessage {
                entries: base().entries,
                ..heartbeat()
            },
            "has none",
        ),
        (
            "entries in a vote",
            1,
            RaftMessage {
                entries: base().entries,
                ..vote()
            },
            "has none",
        ),
        (
            "refusal in an append",
            1,
            RaftMessage {
                reject: true,
                ..base()
            },
            "has none",
        ),
        (
            "gap in the entries",
            1,
            append(5, 6, &[(6, 7), (8, 7)]),
            "stands where",
        ),
        (
            "entries that start late",
            1,
            append(5, 6, &[(7, 7)]),
            "stands where",
        ),
        (
            "entries backwards",
            1,
            append(5, 6, &[(6, 7), (5, 7)]),
            "stands where",
        ),
        (
            "entry of a later term",
            1,
            append(5, 6, &[(6, 8)]),
            "outside",
        ),
        ("entry of term 0", 1, append(0, 0, &[(1, 0)]), "outside"),
        (
            "terms that fall",
            1,
            append(5, 6, &[(6, 7), (7, 6)]),
            "outside",
        ),
        (
            "entry older than the one before",
            1,
            append(5, 6, &[(6, 5)]),
            "outside",
        ),
        (
            "log term above the term",
            1,
            append(5, 8, &[]),
            "does not fit",
        ),
        (
            "log term without an index",
            1,
            append(0, 3, &[]),
            "does not fit",
        ),
        (
            "index without a log term",
            1,
            append(5, 0, &[]),
            "does not fit",
        ),
        (
            "second leader's append",
            3,
            RaftMessage {
                from: NodeId(3),
                ..base()
            },
            "has the leader 1",
        ),
        (
            "second leader's heartbeat",
            3,
            RaftMessage {
                from: NodeId(3),
                ..heartbeat()
            },
            "has the leader 1",
        ),
        (
            "other term before a committed entry",
            1,
            append(3, 5, &[]),
            "contradicts",
        ),
        (
            "other entry at a committed index",
            1,
            append(2, 1, &[(3, 5)]),
            "contradicts",
        ),
        (
            "other history by a new leader",
            3,
            RaftMessage {
                from: NodeId(3),
                term: 9,
                ..append(0, 0, &[(1, 9)])
            },
            "contradicts",
        ),
        (
            "heartbeat beyond the log",
            1,
            RaftMessage {
                commit: 6,
                ..heartbeat()
            },
            "log ends at 5",
        ),
        (
            "new leader's heartbeat beyond the log",
            3,
            RaftMessage {
                from: NodeId(3),
                term: 8,
                commit: 6,
                ..heartbeat()
            },
            "log ends at 5",
        ),
        (
            "candidate with entries of its own term",
            1,
            RaftMessage {
                log_term: 8,
                ..vote()
            },
            "does not fit",
        ),
        (
            "candidate with a term but no log",
            1,
            RaftMessage { index: 0, ..vote() },
            "does not fit",
        ),
    ];
    for (name, from, message, expected) in cases {
        let error = follower_check(from, &message).expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_leader_refuses_lies_about_its_own_log() {
    let answer = |kind, index, commit, hint| RaftMessage {
        index,
        commit,
        reject_hint: hint,
        ..message(kind)
    };
    let cases = [
        (
            "acknowledges what was not sent",
            answer(RaftKind::AppendResponse, 6, 0, 0),
        ),
        (
            "has committed what was not sent",
            answer(RaftKind::AppendResponse, 5, 6, 0),
        ),
        (
            "hints beyond the log",
            answer(RaftKind::AppendResponse, 5, 3, 6),
        ),
        (
            "answers a heartbeat with too much",
            answer(RaftKind::HeartbeatResponse, 0, 6, 0),
        ),
        ("another leads in our term", append(5, 6, &[(6, 7)])),
        (
            "another's heartbeat in our term",
            message(RaftKind::Heartbeat),
        ),
    ];
    for (name, message) in cases {
        assert!(leader_check(1, &message).is_err(), "{name}");
    }
}

#[test]
fn honest_messages_pass() {
    let old = |message: RaftMessage| RaftMessage { term: 2, ..message };
    let from_3 = |message: RaftMessage| RaftMessage {
        from: NodeId(3),
        ..message
    };
    let cases = vec![
        ("new entries", 1, append(5, 6, &[(6, 7), (7, 7)])),
        (
            "known entries again",
            1,
            append(1, 1, &[(2, 1), (3, 4), (4, 6)]),
        ),
        (
            "probe in front of a gap",
            1,
            RaftMessage {
                commit: 40,
                ..append(40, 7, &[])
            },
        ),
        (
            "commit beyond the entries sent",
            1,
            RaftMessage {
                commit: 40,
                ..append(5, 6, &[(6, 7)])
            },
        ),
        (
            "new leader replaces what was not committed",
            3,
            from_3(RaftMessage {
                term: 9,
                ..append(3, 4, &[(4, 8), (5, 9)])
            }),
        ),
        (
            "deposed leader's late append",
            3,
            from_3(old(append(2, 1, &[(3, 2)]))),
        ),
        (
            "deposed leader's late heartbeat",
            3,
            from_3(old(RaftMessage {
                commit: 40,
                ..message(RaftKind::Heartbeat)
            })),
        ),
        (
            "heartbeat",
            1,
            RaftMessage {
                commit: 5,
                ..message(RaftKind::Heartbeat)
            },
        ),
        (
            "vote for a longer log",
            3,
            from_3(RaftMessage {
                term: 8,
                index: 90,
                log_term: 7,
                ..message(RaftKind::RequestVote)
            }),
        ),
        (
            "pre-vote with an empty log",
            3,
            from_3(RaftMessage {
                term: 1,
                ..message(RaftKind::RequestPreVote)
            }),
        ),
        (
            "refused vote",
            3,
            from_3(RaftMessage {
                reject: true,
                ..message(RaftKind::RequestVoteResponse)
            }),
        ),
        (
            "granted pre-vote of the next term",
            3,
            from_3(RaftMessage {
                term: 8,
                ..message(RaftKind::RequestPreVoteResponse)
            }),
        ),
        (
            "answer to a former leader",
            1,
            RaftMessage {
                index: 90,
                term: 6,
                ..message(RaftKind::AppendResponse)
            },
        ),
    ];
    for (name, from, message) in cases {
        assert_eq!(follower_check(from, &message), Ok(()), "{name}");
    }
    let refusal = RaftMessage {
        index: 5,
        reject: true,
        reject_hint: 3,
        log_term: 4,
        ..message(RaftKind::AppendResponse)
    };
    assert_eq!(leader_check(1, &refusal), Ok(()));
    assert_eq!(
        check_with(None, 3, &from_3(append(5, 6, &[(6, 7)]))),
        Ok(())
    );
}

#[test]
fn only_new_batches_from_the_future_are_found() {
    let batch = |time| {
        let key = SigningKey::from_seed(&[1; 32]);
        Batch::sign(
            Hash::ZERO,
            (NodeId(1), &key),
            7,
            Timestamp(time),
            Vec::new(),
        )
        .encode()
    };
    let entry = |index, data| StoredEntry {
        index,
        term: 7,
        data,
    };
    let entries = [
        entry(1, batch(9_000)),
        entry(2, Vec::new()),
        entry(3, batch(2_000)),
        entry(4, b"no batch".to_vec()),
    ];
    let ahead = |first_new, now| {
        clock_ahead_ms(
            &entries,
            |entry| entry.index >= first_new,
            Timestamp(now),
            500,
        )
    };
    assert_eq!(ahead(1, 1_000), Some(8_000));
    assert_eq!(ahead(2, 1_000), Some(1_000));
    assert_eq!(ahead(2, 1_500), None);
    assert_eq!(ahead(2, 1_499), Some(501));
    assert_eq!(ahead(4, 0), None);
}

#[test]
fn an_offer_is_looked_at_before_it_is_acted_on() {
    use crate::output::EntryId;
    use crate::snapshot::{Manifest, Roster};
    use wattle_ledger::log::MAX_SIZE;
    let entry_term = |_: u64| Some(1);
    let view = View {
        node: NODE,
        voters: &VOTERS,
        learners: &[LEARNER],
        term: 7,
        leader: Some(NodeId(1)),
        start: 0,
        commit: 3,
        last_index: 5,
        entry_term: &entry_term,
    };
    let honest = Manifest {
        to: NODE,
        from: NodeId(1),
        term: 7,
        entry: EntryId { index: 90, term: 6 },
        roster: Roster {
            voters: VOTERS.to_vec(),
            learners: vec![NodeId(9)],
        },
        size: 500,
        root: Hash([1; 32]),
    };
    assert_eq!(view.check_manifest(NodeId(1), &honest), Ok(()));
    let refused = |from: u64, change: &dyn Fn(&mut Manifest)| {
        let mut manifest = honest.clone();
        change(&mut manifest);
        let result = view.check_manifest(NodeId(from), &manifest);
        assert!(result.is_err(), "{manifest:?}");
    };
    refused(3, &|_| {});
    refused(9, &|manifest| manifest.from = NodeId(9));
    refused(1, &|manifest| manifest.to = NodeId(3));
    refused(3, &|manifest| manifest.from = NodeId(3));
    refused(1, &|manifest| manifest.term = 0);
    refused(1, &|manifest| manifest.term = u64::MAX);
    refused(1, &|manifest| manifest.entry.index = 0);
    refused(1, &|manifest| manifest.entry.index = u64::MAX);
    refused(1, &|manifest| manifest.entry.term = 0);
    refused(1, &|manifest| manifest.entry.term = 8);
    refused(1, &|manifest| manifest.size = 0);
    refused(1, &|manifest| manifest.size = MAX_SIZE + 1);
    refused(1, &|manifest| manifest.roster.voters.clear());
    refused(1, &|manifest| manifest.roster.voters.push(NodeId(1)));
    refused(1, &|manifest| manifest.roster.learners.push(NodeId(3)));
    refused(1, &|manifest| {
        manifest.roster.voters = (1..=8).map(NodeId).collect()
    });
    refused(1, &|manifest| {
        manifest.roster.voters = vec![NodeId(2), NodeId(3)]
    });
    refused(1, &|manifest| {
        manifest.roster.voters = vec![NodeId(1), NodeId(3)]
    });
}

#[test]
fn learner_answers_and_is_heard_in_nothing_else() {
    for kind in [
        RaftKind::Append,
        RaftKind::Heartbeat,
        RaftKind::RequestVote,
        RaftKind::RequestPreVote,
    ] {
        let asked = RaftMessage {
            from: LEARNER,
            term: 8,
            ..message(kind)
        };
        let refusal = check_with(Some(NODE), LEARNER.0, &asked);
        assert_eq!(refusal, Err(GuardError::NotAVoter(LEARNER)), "{kind:?}");
    }
    for kind in [RaftKind::AppendResponse, RaftKind::HeartbeatResponse] {
        let answer = RaftMessage {
            from: LEARNER,
            ..message(kind)
        };
        assert_eq!(
            check_with(Some(NODE), LEARNER.0, &answer),
            Ok(()),
            "{kind:?}"
        );
    }
    let stranger = RaftMessage {
        from: NodeId(77),
        ..message(RaftKind::HeartbeatResponse)
    };
    let refusal = check_with(Some(NODE), 77, &stranger);
    assert_eq!(refusal, Err(GuardError::NotAMember(NodeId(77))));
}

#[test]
fn node_that_has_nothing_comes_into_a_park_of_any_age() {
    let check = |last_index, term| {
        let view = View {
            node: NODE,
            voters: &VOTERS,
            learners: &[],
            term: 0,
            leader: None,
            start: 0,
            commit: 0,
            last_index,
            entry_term: &|_| None,
        };
        let heartbeat = RaftMessage {
            term,
            ..message(RaftKind::Heartbeat)
        };
        view.check(NodeId(1), &heartbeat)
    };
    let old = TERM_LEAD_MAX + 5_000;
    assert_eq!(check(0, old), Ok(()));
    let refused =
        |last_index, term| matches!(check(last_index, term), Err(GuardError::Term { .. }));
    assert!(refused(1, old));
    assert!(refused(0, NUMBER_MAX));
}
