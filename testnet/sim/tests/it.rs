//! Whole runs: healthy ones, repeated ones, and ones with a planted mistake that must be found.
#![allow(clippy::unwrap_used)]

use wattle_sim::failure::Failure;
use wattle_sim::options::{Options, Plant};
use wattle_sim::simulation::{Ending, Statistics, run};

/// Runs seeds until one fails with a planted mistake; its seed and failure.
fn first_found(plant: Plant, seeds: std::ops::Range<u64>) -> Option<(u64, Failure)> {
    seeds.into_iter().find_map(|seed| {
        let mut options = Options::draw(seed, Some(3), Some(400));
        // Crashes are what a missing write shows itself by.
        options.crash_every_ms = 4_000;
        options.crash_in_outputs = 10;
        options.plant = Some(plant);
        Some((seed, run(&options, None).failure?))
    })
}

#[track_caller]
fn assert_found(plant: Plant, seeds: u64, checkers: &[&str]) {
    match first_found(plant, 0..seeds) {
        Some((_, Failure::Correctness { checker, .. })) if checkers.contains(&checker) => {}
        Some((_, Failure::Liveness { .. })) if checkers.contains(&"liveness") => {}
        other => panic!("{plant:?} should be found by {checkers:?}, but {other:?}"),
    }
}

fn run_well(seed: u64, nodes: u64, ticks: u64) -> Ending {
    let options = Options::draw(seed, Some(nodes), Some(ticks));
    let ending = run(&options, None);
    assert_eq!(ending.failure, None, "{options:#?}");
    ending
}

#[test]
fn a_seed_always_ends_the_same() {
    for seed in [3, 4] {
        let first = run_well(seed, 3, 300);
        assert_eq!(run_well(seed, 3, 300), first);
    }
    assert_ne!(run_well(3, 3, 300).digest, run_well(4, 3, 300).digest);
}

#[test]
fn parks_of_one_three_and_five_nodes_survive_faults_and_come_together() {
    let mut sum = Statistics::default();
    for (seed, nodes) in [(11, 1), (12, 3), (14, 5), (3, 3)] {
        let statistics = run_well(seed, nodes, 800).statistics;
        sum.crashes += statistics.crashes;
        sum.refused += statistics.refused;
        sum.acknowledged += statistics.acknowledged;
        sum.published += statistics.published;
        sum.trades += statistics.trades;
        sum.matched += statistics.matched;
        sum.settled += statistics.settled;
        sum.refusals += statistics.refusals;
        sum.second_uses += statistics.second_uses;
    }
    // A run without faults, trades and refusals would show nothing.
    assert!(sum.crashes > 3 && sum.refused > 0, "{sum:?}");
    assert!(sum.acknowledged > 100 && sum.published > 50, "{sum:?}");
    assert!(
        sum.trades > 0 && sum.matched > 0 && sum.settled > 0 && sum.refusals > 0,
        "{sum:?}"
    );
    assert!(sum.second_uses > 0, "{sum:?}");
}

#[test]
fn entries_that_were_not_synced_are_missed() {
    let checkers = [
        "alarms",
        "log",
        "start",
        "stop",
        "leaders",
        "acknowledgements",
    ];
    assert_found(Plant::EntriesNotSynced, 40, &checkers);
}

#[test]
fn a_vote_that_was_not_stored_is_missed() {
    assert_found(Plant::VoteNotStored, 60, &["leaders", "log", "start"]);
}

#[test]
fn a_signed_head_that_was_not_stored_is_missed() {
    assert_found(Plant::SignedHeadNotStored, 20, &["checkpoints"]);
}

#[test]
fn a_promise_that_was_not_stored_is_missed() {
    assert_found(Plant::PromiseNotStored, 60, &["liveness"]);
}

#[test]
fn an_answer_before_the_commit_is_found() {
    assert_found(Plant::AnswerBeforeCommit, 10, &["acknowledgements"]);
}

#[test]
fn a_changed_leaf_is_found() {
    assert_found(Plant::LeafChanged, 10, &["log", "checkpoints"]);
}

/// Runs with snapshots after a few entries and nodes that stay away for long.
fn snapshots_often(seed: u64, plant: Option<Plant>) -> Options {
    let mut options = Options::draw(seed, Some(3), Some(600));
    options.crash_every_ms = 6_000;
    options.snapshot_entries = 3;
    options.stays_away = 400;
    options.away_most_ms = 30_000;
    options.plant = plant;
    options
}

#[test]
fn nodes_start_from_snapshots_and_catch_up_by_leaves() {
    let mut sum = Statistics::default();
    for seed in 20..34 {
        let options = snapshots_often(seed, None);
        let ending = run(&options, None);
        assert_eq!(ending.failure, None, "{options:#?}");
        sum.snapshots += ending.statistics.snapshots;
        sum.caught_up += ending.statistics.caught_up;
    }
    assert!(sum.snapshots > 50 && sum.caught_up > 3, "{sum:?}");
}

#[track_caller]
fn assert_found_by_snapshots(plant: Plant, seeds: u64, checkers: &[&str]) {
    let found = (0..seeds).find_map(|seed| run(&snapshots_often(seed, Some(plant)), None).failure);
    match found {
        Some(Failure::Correctness { checker, .. }) if checkers.contains(&checker) => {}
        other => panic!("{plant:?} should be found by {checkers:?}, but {other:?}"),
    }
}

#[test]
fn a_snapshot_with_another_term_than_its_entrys_is_found() {
    let checkers = [
        "start",
        "log",
        "stop",
        "alarms",
        "leaders",
        "acknowledgements",
    ];
    assert_found_by_snapshots(Plant::SnapshotOfOtherTerm, 40, &checkers);
}

#[test]
fn entries_compacted_before_the_snapshot_is_durable_are_missed() {
    assert_found_by_snapshots(Plant::SnapshotNotSynced, 20, &["start"]);
}

#[test]
fn a_changed_piece_of_the_history_is_refused() {
    // Refusing it is an alarm, which nothing but strays explains among honest nodes.
    let mut found = None;
    for seed in 0..40 {
        let mut options = snapshots_often(seed, Some(Plant::PieceChanged));
        options.strayed = 0;
        found = found.or(run(&options, None).failure);
    }
    match found {
        Some(Failure::Correctness {
            checker: "alarms",
            what,
        }) if what.contains("piece") => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn nodes_come_vote_go_and_are_replaced_among_faults() {
    let mut steps = 0;
    for (seed, nodes) in [(40, 1), (41, 3), (42, 3), (43, 3), (44, 5), (45, 3)] {
        let mut options = Options::draw(seed, Some(nodes), Some(600));
        options.members_change = true;
        options.clients_trust = false;
        options.crash_every_ms = 10_000;
        options.crash_in_outputs = 4;
        let ending = run(&options, None);
        assert_eq!(ending.failure, None, "{options:#?}");
        steps += ending.statistics.steps;
    }
    assert!(steps > 25, "{steps} steps");
}

/// The first failure of runs in which nodes come and go, with a planted mistake.
#[track_caller]
fn assert_found_by_members(plant: Plant, checkers: &[&str]) {
    let found = (0..20).find_map(|seed| {
        let mut options = Options::draw(seed, Some(3), Some(600));
        options.members_change = true;
        options.clients_trust = false;
        options.plant = Some(plant);
        run(&options, None).failure
    });
    match found {
        Some(Failure::Correctness { checker, .. }) if checkers.contains(&checker) => {}
        other => panic!("{plant:?} should be found by {checkers:?}, but {other:?}"),
    }
}

#[test]
fn a_removed_voter_who_is_counted_is_found() {
    assert_found_by_members(Plant::RemovedVoterCounted, &["checkpoints"]);
}

#[test]
fn a_step_that_the_registrar_did_not_ask_for_is_found() {
    assert_found_by_members(Plant::StepNotWanted, &["members"]);
}
