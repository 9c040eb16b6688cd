//! Snapshots on real disks, and a node that was away for too long for entries.

use crate::park::{Node, Park, participant, submit, wait_for};
use std::fs;
use std::path::PathBuf;
use wattle_client::api::Status;
use wattle_client::{Author, Client};

/// A park whose nodes take a snapshot every few entries.
fn park(nodes: u64) -> Park {
    with_snapshots(Park::new(nodes))
}

fn with_snapshots(mut park: Park) -> Park {
    for at in 0..park.configs.len() {
        park.configs[at].raft.snapshot_entries = 10;
        park.write_config(&park.configs[at]);
    }
    park
}

fn record(client: &Client, registrar: &mut Author, numbers: std::ops::RangeInclusive<u32>) {
    for number in numbers {
        submit(client, registrar, participant(number));
    }
}

fn files(park: &Park, node: u64) -> Vec<PathBuf> {
    let folder = park.path(&format!("node-{node}/snapshots"));
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "snapshot"))
        .collect();
    paths.sort();
    paths
}

fn log_of(park: &Park, node: u64) -> String {
    fs::read_to_string(park.path(&format!("node-{node}/stderr.log"))).unwrap()
}

/// What was committed last is known again once there is a leader.
fn grown(node: &Node, size: u64) -> Status {
    wait_for("the whole log", || {
        Some(node.status()).filter(|status| status.tree_size >= size)
    })
}

fn same_log(nodes: &[&Node]) {
    wait_for("all nodes to agree", || {
        let first = nodes[0].status();
        let same = |node: &&Node| {
            let status = node.status();
            (status.tree_size, status.root) == (first.tree_size, first.root)
        };
        nodes.iter().all(same).then_some(())
    });
}

#[test]
fn a_node_starts_from_its_snapshot_and_keeps_no_older_entries() {
    let park = park(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    // More leaves than a bundle has, so that the index is read from full bundles too.
    record(&client, &mut registrar, 1..=150);
    let before = wait_for("the log to be compacted", || {
        let status = node.status();
        (status.compacted > 100).then_some(status)
    });
    let snapshot = before.snapshot.unwrap();
    assert!(snapshot.index > before.compacted && snapshot.size > 200 && snapshot.bytes > 0);
    assert!(files(&park, 1).len() <= 2);
    node.kill();

    let node = park.start(1);
    let after = grown(&node, before.tree_size);
    // What was compacted goes with the next write, which need not have come.
    assert!(after.compacted + 30 > before.compacted);
    let client = park.client(&[&node]);
    assert_eq!(client.registry().unwrap().participants.len(), 150);
    let mut registrar = park.author(&client, &park.registrar);
    assert_eq!(registrar.next_sequence(), 151);
    let recorded = submit(&client, &mut registrar, participant(151));
    // An event of the first bundle is found by its hash: the index reaches back to the beginning.
    assert!(recorded.leaf > before.tree_size);
    assert!(node.terminate().success());
}

#[test]
fn a_broken_snapshot_gives_way_to_the_one_before_it() {
    let park = park(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    record(&client, &mut registrar, 1..=60);
    wait_for("two snapshots", || {
        (files(&park, 1).len() == 2).then_some(())
    });
    let size = node.status().tree_size;
    assert!(node.terminate().success());
    damage(&files(&park, 1).pop().unwrap());

    let node = park.start(1);
    grown(&node, size);
    let log = log_of(&park, 1);
    assert!(log.contains("a snapshot cannot be used"), "{log}");
    let client = park.client(&[&node]);
    assert_eq!(client.registry().unwrap().participants.len(), 60);
    assert!(node.terminate().success());
}

/// Changes a byte in the middle of a file.
fn damage(path: &PathBuf) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_node_without_a_whole_snapshot_replays_its_own_history() {
    for often in [true, false] {
        // A seal each tenth of a second, or one at the beginning and no other.
        let park = match often {
            true => with_snapshots(Park::fast(1, 600)),
            false => park(1),
        };
        let node = park.start(1);
        let client = park.client(&[&node]);
        let mut registrar = park.author(&client, &park.registrar);
        record(&client, &mut registrar, 1..=150);
        if often {
            wait_for("a sealed head", || {
                node.status().sealed.filter(|sealed| sealed.size > 256)
            });
            record(&client, &mut registrar, 151..=200);
        }
        let people = if often { 200 } else { 150 };
        let before = wait_for("two snapshots and a short log", || {
            let status = node.status();
            (files(&park, 1).len() == 2 && status.compacted > 100).then_some(status)
        });
        node.kill();
        files(&park, 1).iter().for_each(damage);

        let node = park.start(1);
        grown(&node, before.tree_size);
        let log = log_of(&park, 1);
        assert!(log.contains("the state is made again"), "{log}");
        let sealed = log.split("sealed=").nth(1).and_then(|rest| {
            let digits = rest.split(|next: char| !next.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        });
        assert_eq!(sealed.unwrap() > 256, often, "{log}");
        let client = park.client(&[&node]);
        assert_eq!(client.registry().unwrap().participants.len(), people);
        let mut registrar = park.author(&client, &park.registrar);
        submit(&client, &mut registrar, participant(999));
        // It has a snapshot again, and starts from that.
        node.kill();
        let node = park.start(1);
        wait_for("the participant", || {
            let registry = node.client().registry().unwrap();
            (registry.participants.len() == people + 1).then_some(())
        });
        let log = log_of(&park, 1);
        assert!(!log.contains("the state is made again"), "{log}");
        assert!(node.terminate().success());
    }
}

#[test]
fn a_node_without_snapshot_and_history_says_what_it_lacks() {
    let park = park(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    record(&client, &mut registrar, 1..=150);
    wait_for("a short log", || {
        (node.status().compacted > 100).then_some(())
    });
    assert!(node.terminate().success());
    files(&park, 1).iter().for_each(damage);
    damage(&park.path("node-1/history/tile/entries/000"));
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("tile/entries/000 is missing or damaged"),
        "{text}"
    );
    assert!(text.contains("no snapshot reaches that far"), "{text}");
}

#[test]
fn a_node_that_was_away_for_too_long_computes_what_it_missed() {
    let park = park(3);
    let nodes: Vec<Node> = (1..=3).map(|node| park.start(node)).collect();
    let [first, second, third] = <[Node; 3]>::try_from(nodes).ok().unwrap();
    let client = park.client(&[&first, &second, &third]);
    let mut registrar = park.author(&client, &park.registrar);
    record(&client, &mut registrar, 1..=5);
    third.kill();
    let client = park.client(&[&first, &second]);
    record(&client, &mut registrar, 6..=300);
    for node in [&first, &second] {
        wait_for("the log to be compacted", || {
            (node.status().compacted > 200).then_some(())
        });
    }

    let third = park.start(3);
    same_log(&[&first, &second, &third]);
    wait_for("Raft to go on", || {
        let status = third.status();
        (status.compacted > 200 && status.catches_up_to.is_none()).then_some(())
    });
    let log = log_of(&park, 3);
    assert!(
        log.contains("asking peers for leaves") && log.contains("caught up"),
        "{log}"
    );
    // It is a voter as before: with one of the others away it is needed.
    first.kill();
    let client = park.client(&[&second, &third]);
    record(&client, &mut registrar, 301..=303);
    wait_for("the follower to apply them", || {
        let registry = third.client().registry().unwrap();
        (registry.participants.len() == 303).then_some(())
    });
    // And what it has computed is durable.
    third.kill();
    let third = park.start(3);
    same_log(&[&second, &third]);
}

#[test]
fn a_node_whose_store_is_gone_does_not_start_again() {
    let park = park(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    record(&client, &mut registrar, 1..=3);
    assert!(node.terminate().success());
    for gone in [&["store"][..], &["store", "history", "snapshots"]] {
        for folder in gone {
            let _ = fs::remove_dir_all(park.path(&format!("node-1/{folder}")));
        }
        let (code, text) = park.start_failing(1);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("must never vote again"), "{text}");
    }
}

#[test]
fn a_bundle_before_the_snapshot_that_the_disk_has_changed_stops_the_node() {
    let park = park(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    record(&client, &mut registrar, 1..=150);
    wait_for("a snapshot behind the first bundle", || {
        (node.status().snapshot?.size > 256).then_some(())
    });
    assert!(node.terminate().success());
    let bundle = park.path("node-1/history/tile/entries/000");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[40] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let (code, text) = park.start_failing(1);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("tile/entries/000") && text.contains("damaged"),
        "{text}"
    );
}
