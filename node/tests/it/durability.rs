use crate::park::{Node, Park, participant, submit};
use std::fs;
use std::process::{Command, Stdio};

/// Runs a node under strace; `None` where there is no strace, or it may not trace.
fn traced(park: &Park) -> Option<Node> {
    let probe = Command::new("strace")
        .args(["-f", "-e", "trace=fsync", "true"])
        .output();
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            println!("skipped: strace may not trace here ({})", reason.trim());
            return None;
        }
        Err(error) => {
            println!("skipped: no strace on the path ({error})");
            return None;
        }
    }
    let mut command = Command::new("strace");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.args([
        "-f",
        "-y",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "signal=none",
        "-o",
    ]);
    command.arg(park.path("trace"));
    command
        .arg(env!("CARGO_BIN_EXE_wattled"))
        .args(["run", "--config"]);
    command.arg(park.config_path(1)).env("WATTLE_LOG", "warn");
    Some(Node::start(command, &park.path("node-1")))
}

/// The store's own file is synced between each submission and its answer.
#[test]
fn each_acknowledged_batch_was_synced_before() {
    let park = Park::new(1);
    let Some(node) = traced(&park) else { return };
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    let trace = park.path("trace");
    let syncs = || {
        let text = fs::read_to_string(&trace).unwrap();
        let store = |line: &&str| line.contains("fdatasync(") && line.contains("/store/db>");
        text.lines().filter(store).count()
    };
    for number in 1..=20 {
        let before = syncs();
        submit(&client, &mut registrar, participant(number));
        let after = syncs();
        assert!(
            after > before,
            "event {number} was acknowledged without a sync of the store"
        );
    }
    let reported = client_syncs(&node);
    assert!(
        reported <= syncs() as u64,
        "the node counts {reported} syncs that did not happen"
    );
}

fn client_syncs(node: &Node) -> u64 {
    let url = format!("{}/metrics", node.url());
    let text = ureq::get(&url)
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("wattle_disk_syncs_total "));
    line.unwrap().parse().unwrap()
}
