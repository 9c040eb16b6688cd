//! Nodes come, vote and go: by the registrar's word, one signed step at a time.

use crate::it::park::{
    ALICE, FIRST, Park, REGISTRAR, TREASURER, key, node_key, node_record, write_export,
};
use wattle_ledger::batch::{Batch, BatchError};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::Action;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::ledger::BatchRefusal;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::membership::{ChangeBatch, MemberChange, Membership, NodeStanding, seal_quorum};
use wattle_ledger::registration::{NodeId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::claim::Status;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::resume::Resumed;
use wattle_ledger::verify::{Options, verify, verify_with};

fn register(park: &mut Park, node: u64) -> Vec<u16> {
    park.submit(REGISTRAR, Action::RegisterNode(node_record(node)))
}

fn set(park: &mut Park, node: u64, standing: NodeStanding) -> Vec<u16> {
    let node = NodeId(node);
    park.submit(REGISTRAR, Action::SetNodeStanding { node, standing })
}

fn step(node: u64, standing: NodeStanding) -> MemberChange {
    MemberChange {
        node: NodeId(node),
        standing,
    }
}

fn code(rejection: Rejection) -> Vec<u16> {
    vec![rejection.code()]
}

fn members(voters: &[u64], learners: &[u64]) -> Membership {
    let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect();
    Membership {
        voters: ids(voters),
        learners: ids(learners),
        since: 0,
    }
}

/// Who is a member at present, wherever the log says so.
fn present(park: &Park) -> Membership {
    Membership {
        since: 0,
        ..park.ledger.members().membership()
    }
}

/// A founded park whose registrar has made node 2 a voter, which it now is.
fn with_two_voters() -> Park {
    let mut park = Park::peopled();
    assert_eq!(register(&mut park, 2), [0]);
    assert_eq!(set(&mut park, 2, NodeStanding::Voter), [0]);
    for standing in [NodeStanding::Learner, NodeStanding::Voter] {
        assert_eq!(park.step(1, step(2, standing)).refused, None);
    }
    park
}

#[test]
fn node_becomes_learner_then_voter_and_each_step_leaves_three_leaves() {
    let mut park = Park::peopled();
    assert_eq!(register(&mut park, 2), [0]);
    let learner = step(2, NodeStanding::Learner);
    assert_eq!(park.ledger.members().steps(), [learner]);
    assert_eq!(set(&mut park, 2, NodeStanding::Voter), [0]);
    assert_eq!(park.ledger.members().steps(), [learner]);
    assert_eq!(present(&park), members(&[1], &[]));

    let size = park.ledger.size();
    let applied = park.step(1, learner);
    assert_eq!(applied.changed, Some(learner));
    assert_eq!(applied.sealed.unwrap().size(), size + 3);
    let entries: Vec<Entry> = applied
        .leaves
        .iter()
        .map(|leaf| Entry::decode(leaf).unwrap())
        .collect();
    assert!(matches!(&entries[0], Entry::Batch { dropped, .. } if dropped.is_empty()));
    let expected = Entry::Voters {
        change: learner,
        voters: vec![NodeId(1)],
        learners: vec![NodeId(2)],
    };
    assert_eq!(entries[1], expected);
    assert!(matches!(entries[2], Entry::Seal { .. }));

    let voter = step(2, NodeStanding::Voter);
    assert_eq!(park.ledger.members().steps(), [voter]);
    assert_eq!(park.step(1, voter).changed, Some(voter));
    assert_eq!(present(&park), members(&[1, 2], &[]));
    assert!(park.ledger.members().steps().is_empty());
}

#[test]
fn step_that_the_registry_does_not_want_leaves_nothing() {
    let mut park = with_two_voters();
    let (root, size) = (park.ledger.root(), park.ledger.size());
    for change in [
        step(2, NodeStanding::Learner),
        step(2, NodeStanding::Removed),
        step(2, NodeStanding::Voter),
        step(3, NodeStanding::Learner),
    ] {
        let applied = park.step(1, change);
        assert_eq!(applied.refused, Some(BatchRefusal::StepNotWanted(change)));
        assert!(applied.leaves.is_empty() && applied.changed.is_none());
    }
    assert_eq!((park.ledger.root(), park.ledger.size()), (root, size));
}

#[test]
fn removal_comes_first_and_the_last_voter_stays_until_another_votes() {
    let mut park = Park::peopled();
    for node in [2, 3] {
        assert_eq!(register(&mut park, node), [0]);
    }
    assert_eq!(
        set(&mut park, 1, NodeStanding::Removed),
        code(Rejection::LastVoter)
    );
    assert_eq!(set(&mut park, 2, NodeStanding::Voter), [0]);
    assert_eq!(set(&mut park, 1, NodeStanding::Removed), [0]);
    let wanted = [
        step(2, NodeStanding::Learner),
        step(3, NodeStanding::Learner),
    ];
    assert_eq!(park.ledger.members().steps(), wanted);
    park.step(1, wanted[0]);
    park.step(1, wanted[1]);
    assert_eq!(
        park.ledger.members().steps(),
        [step(2, NodeStanding::Voter)]
    );
    park.step(1, step(2, NodeStanding::Voter));
    let removal = step(1, NodeStanding::Removed);
    assert_eq!(park.ledger.members().steps(), [removal]);
    assert_eq!(park.step(1, removal).refused, None);
    assert_eq!(present(&park), members(&[2], &[3]));

    // Who does not vote any more leads no batch, and who votes now does.
    let id = park.ledger.genesis().park();
    let batch = |node: u64| {
        let leader = (NodeId(node), &node_key(node, 4));
        Batch::sign(id, leader, 1, park.now, Vec::new()).encode()
    };
    let (by_removed, by_learner, by_voter) = (batch(1), batch(3), batch(2));
    let refused = park.ledger.apply(1, &by_removed).refused;
    assert_eq!(refused, Some(BatchRefusal::NotAVoter(NodeId(1))));
    let refused = park.ledger.apply(1, &by_learner).refused;
    assert_eq!(refused, Some(BatchRefusal::NotAVoter(NodeId(3))));
    assert_eq!(park.ledger.apply(1, &by_voter).refused, None);
}

#[test]
fn registrations_are_refused_by_rule() {
    let mut park = with_two_voters();
    let mut refused = |record: NodeRecord| park.submit(REGISTRAR, Action::RegisterNode(record));
    let with_id = |id| NodeRecord {
        id: NodeId(id),
        ..node_record(3)
    };
    assert_eq!(refused(with_id(0)), code(Rejection::NodeIdInvalid));
    assert_eq!(refused(with_id(1 << 60)), code(Rejection::NodeIdInvalid));
    for taken in [1, 2] {
        assert_eq!(refused(with_id(taken)), code(Rejection::NodeIdTaken));
    }
    let with_batch_key = |batch| NodeRecord {
        batch,
        ..node_record(3)
    };
    for taken in [
        node_record(1).log,
        node_record(2).receipt,
        node_record(3).log,
        key(ALICE).public(),
    ] {
        assert_eq!(refused(with_batch_key(taken)), code(Rejection::KeyTaken));
    }
    let weak = wattle_ledger::keys::PublicKey([0; 32]);
    assert_eq!(refused(with_batch_key(weak)), code(Rejection::KeyRefused));
    let foreign = park.submit(TREASURER, Action::RegisterNode(node_record(3)));
    assert_eq!(foreign, code(Rejection::NotAllowed));
    let key = node_record(2).batch;
    let role = Role::Registrar;
    let reused = park.submit(REGISTRAR, Action::AddKey { key, role });
    assert_eq!(reused, code(Rejection::KeyTaken));
}

#[test]
fn standings_are_refused_by_rule() {
    let mut park = with_two_voters();
    assert_eq!(
        set(&mut park, 9, NodeStanding::Voter),
        code(Rejection::UnknownNode)
    );
    assert_eq!(
        set(&mut park, 1, NodeStanding::Voter),
        code(Rejection::StandingUnchanged)
    );
    assert_eq!(set(&mut park, 2, NodeStanding::Removed), [0]);
    assert_eq!(
        set(&mut park, 2, NodeStanding::Voter),
        code(Rejection::NodeRemoved)
    );
    assert_eq!(register(&mut park, 2), code(Rejection::NodeIdTaken));
    for node in 3..=8 {
        assert_eq!(register(&mut park, node), [0]);
        assert_eq!(set(&mut park, node, NodeStanding::Voter), [0]);
    }
    assert_eq!(register(&mut park, 9), [0]);
    assert_eq!(
        set(&mut park, 9, NodeStanding::Voter),
        code(Rejection::TooManyVoters)
    );
}

#[test]
fn at_most_64_nodes_are_members() {
    let mut park = Park::founded();
    for node in 2..=64 {
        assert_eq!(register(&mut park, node), [0], "{node}");
    }
    assert_eq!(register(&mut park, 65), code(Rejection::TooManyNodes));
    assert_eq!(set(&mut park, 64, NodeStanding::Removed), [0]);
    assert_eq!(register(&mut park, 65), [0]);
}

#[test]
fn park_without_changes_keeps_its_root_and_a_registration_alters_it() {
    let (mut park, mut other) = (Park::peopled(), Park::peopled());
    let root = |park: &Park| park.ledger.state().clone().root();
    assert_eq!(root(&park), root(&other));
    register(&mut park, 2);
    register(&mut other, 3);
    assert_ne!(root(&park), root(&other));
}

#[test]
fn damaged_step_is_refused_and_never_read_as_a_batch() {
    let mut park = with_two_voters();
    let id = park.ledger.genesis().park();
    let signed =
        |change| ChangeBatch::sign(id, (NodeId(1), &node_key(1, 4)), 1, park.now, change).encode();
    let bytes = signed(step(2, NodeStanding::Learner));
    assert!(Batch::decode(&bytes).is_err());
    for cut in 0..bytes.len() {
        assert!(ChangeBatch::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut other = bytes.clone();
    let end = other.len();
    other[end - 12] ^= 1;
    assert_eq!(ChangeBatch::decode(&other), Err(BatchError::EventsDiffer));
    let refused = park.ledger.apply(1, &other).refused;
    let expected = BatchRefusal::Malformed(BatchError::EventsDiffer);
    assert_eq!(refused, Some(expected));

    assert_eq!(set(&mut park, 2, NodeStanding::Learner), [0]);
    let mut forged = bytes;
    forged[8 + 8 + 150] ^= 1;
    let refused = park.ledger.apply(1, &forged).refused;
    assert_eq!(refused, Some(BatchRefusal::BadSignature(NodeId(1))));
}

#[test]
fn quorum_is_more_than_two_thirds() {
    let quorums: Vec<usize> = (1..=7).map(seal_quorum).collect();
    assert_eq!(quorums, [1, 2, 3, 3, 4, 5, 5]);
}

#[test]
fn export_with_changed_voters_verifies_and_a_forged_voters_leaf_does_not() {
    let mut park = with_two_voters();
    park.advance_to(FIRST.gate_closure());
    assert_eq!(set(&mut park, 2, NodeStanding::Removed), [0]);
    park.step(1, step(2, NodeStanding::Removed));
    let genesis = park.ledger.genesis().clone();
    let policy = Policy::parse(&genesis.policy().to_string()).unwrap();
    let report = |leaves: &[Vec<u8>]| {
        let folder = tempfile::tempdir().unwrap();
        write_export(leaves, &genesis, folder.path());
        verify(&Directory::new(folder.path()), &policy, &mut |_| {})
    };
    let honest = report(&park.leaves);
    assert!(honest.is_ok(), "{:?}", honest.claims);

    let at = park.leaves.len() - 2;
    let mut forged = park.leaves.clone();
    forged[at] = Entry::Voters {
        change: step(2, NodeStanding::Removed),
        voters: vec![NodeId(1), NodeId(2)],
        learners: Vec::new(),
    }
    .encode();
    let report = report(&forged);
    let failed = |claim: &str| {
        let mut found = report.claims.iter().filter(|it| it.claim == claim);
        found.next().map(|it| (it.status, it.entry)).unwrap()
    };
    assert_eq!(failed("replay"), (Status::Failed, Some(at as u64)));
}

#[test]
fn verification_that_goes_on_after_the_last_change_still_tells_of_the_voters() {
    let mut park = with_two_voters();
    let since = park.leaves.len() as u64 - 2;
    let before = Resumed {
        ledger: Box::new(park.ledger.clone()),
        unchecked: 0,
    };
    park.advance_to(FIRST.gate_closure());
    assert_eq!(register(&mut park, 3), [0]);
    let genesis = park.ledger.genesis().clone();
    let policy = Policy::parse(&genesis.policy().to_string()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write_export(&park.leaves, &genesis, folder.path());
    let told = |resumed: Option<Resumed>| {
        let options = Options {
            resumed,
            ..Options::default()
        };
        let source = Directory::new(folder.path());
        let report = verify_with(&source, &policy, options, &mut |_| {}).report;
        assert!(report.is_ok(), "{:?}", report.claims);
        report.voters.unwrap()
    };
    let (whole, rest) = (told(None), told(Some(before)));
    assert_eq!((whole.steps, rest.steps), (2, 0));
    for report in [whole, rest] {
        assert_eq!(report.since, since);
        assert_eq!(report.voters, [NodeId(1), NodeId(2)]);
        assert!(!report.is_sealed, "node 2 has not cosigned");
    }
}

#[test]
fn a_park_with_a_second_voter_has_this_root() {
    let park = with_two_voters();
    assert_eq!(park.ledger.size(), 29);
    assert_eq!(
        park.ledger.root().to_string(),
        "349e73a2697778033c4929dd978dcbfe360dd751187dfbfea14574becd863299"
    );
    let digest = wattle_ledger::hash::sha256(&[park.leaves.last().unwrap()]);
    assert_eq!(
        digest.to_string(),
        "5e2cb7c4f64f3c57b509e42973f518b2d4ce96199c82b07efdc733219d21d79f"
    );
}
