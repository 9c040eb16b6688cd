//! Wrong usage, help, and nodes that are not there.

use std::process::Stdio;

use super::program::{command, wattle};

#[test]
fn wrong_usage_exits_with_2_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let order = "order place --point 1 --side buy --interval 2026-11-24T10:00 --limit 0.65";
    let rows = [
        ("--frobnicate balance", "--frobnicate"),
        ("frobnicate", "frobnicate"),
        ("balance", "no node's address"),
        ("balance --url https://127.0.0.1:1", "not a node's address"),
        (
            &format!("{order} --quantity 1.0001kWh"),
            "too many decimals",
        ),
        (
            &format!("{order} --quantity 99999999999999999999Wh"),
            "too large",
        ),
        (&format!("{order} --quantity -5kWh"), "unexpected argument"),
        (
            "book --interval 2026-11-24T10:01",
            "start of a delivery interval",
        ),
        ("key new --no-input", "needs a passphrase"),
        ("park init", "--node"),
    ];
    for (line, reason) in rows {
        let words: Vec<&str> = line.split_whitespace().collect();
        wattle(&data_dir, &words).failed(2, reason);
    }
    assert!(!data_dir.exists());
}

#[test]
fn help_of_every_level_is_data_and_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    for line in [
        "--help",
        "park init --help",
        "order place -h",
        "help log verify",
        "--version",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ended = wattle(folder.path(), &words).succeeded();
        assert!(ended.stdout.contains("wattle"), "{ended:?}");
        assert_eq!(ended.stderr, "", "{ended:?}");
    }
    let help = wattle(folder.path(), &["park", "init", "--help"]);
    assert!(help.stdout.contains("ASSUMPTIONS"), "{help:?}");
    let help = wattle(folder.path(), &["--help"]);
    assert!(help.stdout.contains("WATTLE_URL"), "{help:?}");
}

#[test]
fn node_that_is_not_there_exits_with_6() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was just free, and that nobody listens on now.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    for line in [
        "book",
        "balance",
        "node status",
        "treasurer credit --participant 1 --limit 1",
    ] {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        words.extend(["--url", &url]);
        let ended = wattle(folder.path(), &words).failed(6, "no node answered");
        assert!(ended.stderr.contains(&url), "{ended:?}");
    }
    // The environment names it as well.
    let output = command(folder.path())
        .env("WATTLE_URL", &url)
        .arg("book")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(6));
}

#[test]
fn closed_output_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = super::program::passphrase_file(folder.path(), "correct-horse");
    let words = ["key", "new", "--passphrase-file", &passphrase];
    wattle(folder.path(), &words).succeeded();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut show = command(folder.path());
    show.args(["key", "show", "--passphrase-file", &passphrase]);
    let output = show.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
}

#[test]
fn empty_outbox_is_listed_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let ended = wattle(folder.path(), &["outbox", "list"]).succeeded();
    assert_eq!(ended.stdout, "nothing waits\n");
    let ended = wattle(folder.path(), &["outbox", "list", "--json"]).succeeded();
    assert_eq!(ended.json(), serde_json::json!([]));
}
