//! `node init` and `park init`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use wattle_client::keyfile;
use wattle_market::units::Price;

use super::parks::Park;
use super::program::{passphrase_file, wattle};

#[test]
fn founding_writes_keys_genesis_policy_and_network_key() {
    let park = Park::founded();
    let mode = |name: &str| fs::metadata(park.path(name)).unwrap().permissions().mode() & 0o777;
    for name in [
        "registrar.pem",
        "treasurer.pem",
        "regulator.pem",
        "network.key",
    ] {
        assert_eq!(mode(&format!("park/{name}")), 0o600, "{name}");
    }
    let network_key = fs::read_to_string(park.path("park/network.key")).unwrap();
    assert_eq!(network_key.trim_end().len(), 64);
    let policy = fs::read_to_string(park.path("park/policy")).unwrap();
    assert_eq!(policy, park.genesis.policy().to_string());
    let registrar = keyfile::read(&park.path("park/registrar.pem"), None).unwrap();
    let body = park.genesis.body();
    assert_eq!(body.registrar, registrar.public());
    assert_eq!(body.terms.feed_in, Price(415_500));
    assert_eq!(body.factor.source, "沪环气〔2022〕34号");
    assert_eq!(body.factor.milligrams_per_kwh, 420_000);
    let cosigner = keyfile::read(&park.path("node/keys/cosigner.pem"), None).unwrap();
    assert_eq!(body.nodes[0].cosigner, cosigner.public());

    let genesis = park.path("park/genesis");
    let printed = wattle(
        &park.path("x"),
        &["log", "policy", "--genesis", genesis.to_str().unwrap()],
    );
    assert_eq!(printed.succeeded().stdout, policy);
}

#[test]
fn flags_beat_the_settings_file() {
    let park = Park::founded();
    let record = park.path("node/node.json");
    let settings = park.path("park.toml");
    fs::write(
        &settings,
        "name = \"baoshan\"\nwheeling = \"0.07\"\nfeed_in = \"0.40\"\n",
    )
    .unwrap();
    let second = park.path("second");
    let words = [
        "park",
        "init",
        "--no-passphrase",
        "--json",
        "--feed-in",
        "0.41",
        "--first-interval",
        "2026-12-01T00:00",
        "--settings",
        settings.to_str().unwrap(),
        "--node",
        record.to_str().unwrap(),
    ];
    let founded = wattle(&second, &words).succeeded().json();
    assert!(
        founded["origin"]
            .as_str()
            .unwrap()
            .starts_with("wattle/baoshan/")
    );
    let genesis = fs::read(second.join("genesis")).unwrap();
    let genesis = wattle_ledger::genesis::Genesis::parse(&genesis).unwrap();
    assert_eq!(genesis.body().terms.feed_in, Price(410_000));
    assert_eq!(genesis.body().terms.wheeling, Price(70_000));
    assert_eq!(founded["first_interval"], genesis.body().first_interval.0);
}

#[test]
fn founding_that_cannot_be_makes_nothing() {
    let park = Park::founded();
    let record = park.path("node/node.json");
    let record = record.to_str().unwrap();
    let target = park.path("third");
    let rows: [(&[&str], i32, &str); 6] = [
        (&["--node", record, "--node", record], 2, "ascending"),
        (
            &["--node", record, "--name", "Not A Name"],
            2,
            "the park's name",
        ),
        (&["--node", record, "--export", "0.9"], 2, "export price"),
        (&["--node", record, "--retail-flat", "99"], 2, "0 and 100"),
        (&["--node", "/nonexistent/node.json"], 1, "cannot read"),
        (
            &["--node", record, "--settings", record],
            2,
            "cannot be used",
        ),
    ];
    for (words, code, reason) in rows {
        let words: Vec<&str> = ["park", "init", "--no-passphrase"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        wattle(&target, &words).failed(code, reason);
        assert!(!target.exists(), "{words:?}");
    }
    let words = ["park", "init", "--no-passphrase", "--node", record];
    wattle(&park.path("park"), &words).failed(1, "never overwritten");
    wattle(
        &park.path("node"),
        &["node", "init", "--id", "1", "--building", "1"],
    )
    .failed(1, "never overwritten");
}

#[test]
fn node_configuration_names_peers_and_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = passphrase_file(folder.path(), "correct-horse");
    let node = folder.path().join("node");
    let words = [
        "node",
        "init",
        "--id",
        "2",
        "--building",
        "3",
        "--peer",
        "1=10.0.0.1:9080",
        "--peer",
        "3=10.0.0.3:9080",
        "--passphrase-file",
        &passphrase,
    ];
    let record = wattle(&node, &words).succeeded().json();
    let log = keyfile::read(&node.join("keys/log.pem"), Some("correct-horse")).unwrap();
    assert_eq!(record["log"], log.public().to_string());
    let config: toml::Table = fs::read_to_string(node.join("node.toml"))
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(config["node"].as_integer(), Some(2));
    assert_eq!(
        config["passphrase_file"].as_str(),
        Some(passphrase.as_str())
    );
    assert_eq!(
        config["peers"][1]["address"].as_str(),
        Some("10.0.0.3:9080")
    );
}
