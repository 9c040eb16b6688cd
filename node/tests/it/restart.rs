use crate::park::{Park, participant, submit, wait_for};
use std::fs;
use std::time::Duration;
use wattle_client::api::EventOutcome;
use wattle_client::{Outcome, export};
use wattle_ledger::log::TileBuilder;
use wattle_ledger::log::tiles::{TileKind, TilePath, parse_bundle};
use wattle_market::interval::Timestamp;

#[test]
fn what_was_acknowledged_survives_kill_9_and_a_retry_never_acts_twice() {
    // A fast clock, so that what is recorded is sealed within a second.
    let park = Park::fast(1, 60);
    let mut node = park.start(1);
    let mut acknowledged = Vec::new();
    for round in 0..3u32 {
        let client = park.client(&[&node]);
        let mut registrar = park.author(&client, &park.registrar);
        assert_eq!(registrar.next_sequence(), u64::from(round) * 5 + 1);
        for number in 1..=5 {
            let event = registrar.sign(participant(round * 5 + number), Timestamp(0));
            let outcome = client.submit(&event, Duration::from_secs(20)).unwrap();
            let Outcome::Committed(outcome) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(
                outcome.receipt.is_some(),
                "a promise comes with its receipt"
            );
            acknowledged.push((event, outcome));
        }
        let before = node.status();
        node.kill();
        node = park.start(1);
        let client = park.client(&[&node]);
        // The same bytes again, after the restart: the first outcome, and no new leaf for them.
        for (event, outcome) in &acknowledged {
            let again = client.submit(event, Duration::from_secs(20)).unwrap();
            let Outcome::Committed(again) = again else {
                panic!("{again:?}")
            };
            // The receipt is not the log's: the last event may be promised anew until the node
            // knows again that it is committed.
            let of_the_log = |outcome: &EventOutcome| EventOutcome {
                receipt: None,
                sealed: None,
                ..outcome.clone()
            };
            assert_eq!(of_the_log(&again), of_the_log(outcome));
        }
        let after = node.status();
        assert!(after.tree_size >= before.tree_size);
        assert_eq!(
            client.registry().unwrap().participants.len(),
            acknowledged.len()
        );
        let size = usize::try_from(before.tree_size).unwrap();
        let leaves = client_leaves(&park, &node);
        let mut tree = TileBuilder::new();
        for leaf in &leaves[..size] {
            tree.push(leaf);
        }
        assert_eq!(
            tree.root(),
            before.root,
            "the log before the kill is a prefix of the one now"
        );
    }
    assert!(node.terminate().success());
}

/// All leaves up to the last checkpoint, out of an export over HTTP.
fn client_leaves(park: &Park, node: &crate::park::Node) -> Vec<Vec<u8>> {
    let size = node.status().tree_size;
    let client = node
        .client()
        .with_credentials(park.credentials(&park.regulator));
    wait_for("a seal", || {
        (node.status().sealed?.size >= size).then_some(())
    });
    let folder = tempfile::tempdir().unwrap();
    let exported = export::export(&client, folder.path(), |_, _| {}).unwrap();
    let mut leaves = Vec::new();
    let end = exported.checkpoint.size();
    for path in wattle_ledger::log::tiles::files_of(end) {
        let bytes = fs::read(folder.path().join(path.to_string())).unwrap();
        if path.kind() == TileKind::Entries {
            let bundle = parse_bundle(&bytes, path.width()).unwrap();
            leaves.extend(bundle.into_iter().map(<[u8]>::to_vec));
        }
    }
    let mut builder = TileBuilder::new();
    for leaf in &leaves {
        builder.push(leaf);
    }
    assert_eq!(&builder.root(), exported.checkpoint.root());
    leaves
}

#[test]
fn an_older_checkpoint_can_still_be_copied() {
    // The park's clock runs fast, so that a new seal comes every few hundred milliseconds.
    let park = Park::fast(1, 300);
    let node = park.start(1);
    let client = park
        .client(&[&node])
        .with_credentials(park.credentials(&park.regulator));
    let mut registrar = park.author(&client, &park.registrar);
    let sealed = |least: u64| {
        wait_for("a seal", || {
            node.status().sealed.filter(|sealed| sealed.size > least)
        })
    };
    submit(&client, &mut registrar, participant(1));
    let first = sealed(0).size;
    submit(&client, &mut registrar, participant(2));
    let second = sealed(first).size;
    assert!(second > first);
    let url = format!("{}/checkpoint/{first}", node.url());
    let note = ureq::get(&url)
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert_eq!(note.lines().nth(1), Some(first.to_string().as_str()));
    let width = u16::try_from(first).unwrap();
    let bundle = client
        .tile(&TilePath::new(TileKind::Entries, 0, width).unwrap())
        .unwrap();
    assert_eq!(
        parse_bundle(&bundle, width).unwrap().len(),
        usize::from(width)
    );
    client
        .tile(&TilePath::new(TileKind::Hashes(0), 0, width).unwrap())
        .unwrap();
}

#[test]
fn terminate_ends_the_process_with_success_and_takes_the_ready_file_away() {
    let park = Park::new(1);
    let node = park.start(1);
    assert!(park.path("node-1/ready.json").exists());
    assert!(node.terminate().success());
    assert!(!park.path("node-1/ready.json").exists());
}
