//! What people, meters, files and other programs get wrong, through the real binaries: each row has
//! a clear message, the right exit code, and leaves the park as it was.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use wattle_client::author::Author;
use wattle_client::client::{Client, ClientError, Outcome};
use wattle_client::keyfile;
use wattle_ledger::event::{Action, Reading};
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::BuildingId;
use wattle_market::units::WattHours;
use wattle_testnet::keyring::{Keyring, Signer};
use wattle_testnet::park::{Park, client, wait_for};
use wattle_testnet::profile::{ParkProfile, park_time};

use crate::one_node_park::{NODE, OneNodePark};

/// A park of one node whose quarter of an hour takes a second and a half.
struct Fixture {
    folder: tempfile::TempDir,
    park: Park,
    profile: ParkProfile,
    keyring: Keyring,
    wattle: PathBuf,
}

impl Fixture {
    fn started() -> Fixture {
        let OneNodePark {
            folder,
            park,
            profile,
            keyring,
            wattle,
        } = OneNodePark::started(9);
        Fixture {
            wattle,
            folder,
            park,
            profile,
            keyring,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the command line with a data folder of its own.
    fn wattle(&self, args: &[&str]) -> Output {
        Command::new(&self.wattle)
            .args(["--url", self.park.nodes()[0].url(), "--no-input"])
            .arg("--data-dir")
            .arg(self.path("home"))
            .args(args)
            .env_remove("WATTLE_URL")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, message: &str) {
        let output = self.wattle(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    }

    /// An order of the offices, at whose point 4 a roof of some kilowatts stands.
    #[track_caller]
    fn order_fails(&self, key: &str, quantity: &str, limit: &str, at: &str, code: i32, why: &str) {
        let key = self.path(key);
        let args = [
            "--key",
            key.to_str().unwrap(),
            "order",
            "place",
            "--point",
            "4",
            "--side",
            "buy",
            "--quantity",
            quantity,
            "--limit",
            limit,
            "--interval",
            at,
        ];
        self.fails(&args, code, why);
    }

    /// Posts raw bytes and gives the first line of the answer.
    fn post(&self, body: &[u8]) -> String {
        let address = self.park.nodes()[0].url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A node may close before it has read all of a body that is too long.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn client(&self) -> Client {
        client(&self.park.urls_from(BuildingId(1))).unwrap()
    }

    fn entries(&self) -> u64 {
        let kinds = self.client().status().unwrap();
        kinds.tree_size
    }
}

/// Text form of an interval's start for the command line.
fn at(interval: DeliveryInterval) -> String {
    park_time(interval).replace(' ', "T")
}

#[test]
fn everything_that_is_wrong_is_told_and_nothing_is_lost() {
    let fixture = Fixture::started();
    let offices = fixture.keyring.seed(&Signer::Tenant(3));
    keyfile::write(&fixture.path("offices.pem"), &offices, None).unwrap();
    keyfile::generate(&fixture.path("stranger.pem"), None).unwrap();
    keyfile::generate(&fixture.path("locked.pem"), Some("right")).unwrap();
    fs::write(fixture.path("wrong"), "wrong\n").unwrap();
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(fixture.path("wrong"), owner_only).unwrap();

    orders_are_refused(&fixture);
    keys_are_refused(&fixture);
    bytes_are_refused(&fixture);
    registers_are_refused(&fixture);
    nodes_do_not_start(&fixture);
    a_truncated_export_fails(&fixture);

    let log = fs::read_to_string(fixture.park.nodes()[0].log()).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    let before = fixture.entries();
    fixture.park.nodes()[0].kill().unwrap();
    fixture.park.nodes()[0].start().unwrap();
    fixture.park.nodes()[0]
        .wait_until_ready(Duration::from_secs(60))
        .unwrap();
    // It elects itself again before it knows what was committed.
    wait_for("all that was recorded", Duration::from_secs(60), || {
        Ok((fixture.client().status()?.tree_size >= before).then_some(()))
    })
    .unwrap();
    fixture.park.stop().unwrap();
}

fn orders_are_refused(fixture: &Fixture) {
    let day = DeliveryInterval::PER_DAY;
    let later = &at(DeliveryInterval::containing(fixture.park.now()).plus(day));
    let past = &at(fixture.profile.first_interval.minus(day));
    let refused = |quantity, limit, at, code, why| {
        fixture.order_fails("offices.pem", quantity, limit, at, code, why);
    };
    refused("0kWh", "0.5", later, 4, "quantity_zero");
    refused("99999999999999999999kWh", "0.5", later, 2, "");
    refused("2000000000Wh", "0.5", later, 4, "quantity_too_large");
    refused("1000kWh", "0.5", later, 4, "exceeds_capacity");
    refused("1.5kWh", "0.5", past, 4, "before_first_interval");
    refused("1.5kWh", "0.0000001", later, 2, "");
    let key = fixture.path("offices.pem");
    let order = [
        "order",
        "place",
        "--point",
        "4",
        "--side",
        "buy",
        "--quantity",
        "60kWh",
    ];
    let many = ["--limit", "100", "--interval", later, "--intervals", "40"];
    // 40 times 6,000 yuan and their wheeling are more than the opening deposit of 200,000.
    let args = [&["--key", key.to_str().unwrap()], &order[..], &many[..]].concat();
    fixture.fails(&args, 4, "insufficient_collateral");
    fixture.order_fails("stranger.pem", "1kWh", "0.5", later, 4, "unknown_key");
}

fn keys_are_refused(fixture: &Fixture) {
    let path = |name: &str| fixture.path(name).to_str().unwrap().to_owned();
    fixture.fails(&["--frobnicate"], 2, "--frobnicate");
    let list = ["order", "list", "--participant", "offices"];
    let missing = path("missing.pem");
    fixture.fails(
        &[&["--key", &missing], &list[..]].concat(),
        1,
        "missing.pem",
    );
    let (locked, wrong) = (path("locked.pem"), path("wrong"));
    let args = ["--key", &locked, "--passphrase-file", &wrong];
    fixture.fails(&[&args[..], &list[..]].concat(), 1, "passphrase");
    fs::write(fixture.path("nokey.pem"), "not a key").unwrap();
    let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(fixture.path("nokey.pem"), owner_only).unwrap();
    let nokey = path("nokey.pem");
    fixture.fails(&[&["--key", &nokey], &list[..]].concat(), 1, "nokey.pem");
}

fn bytes_are_refused(fixture: &Fixture) {
    let answer = fixture.post(b"these are not an event");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("malformed_event"), "{answer}");
    let answer = fixture.post(&vec![0; 100_000]);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // A sequence that can never be next, and one that another event has.
    let client = fixture.client();
    let park = fixture.park.genesis().park();
    let key = || fixture.keyring.key(&Signer::Tenant(3));
    let cancel = || Action::CancelOrders(Vec::new());
    let ahead = Author::new(park, key(), 1_000).sign(cancel(), fixture.park.now());
    let refused = client.submit(&ahead, Duration::from_secs(10));
    assert!(refusal(refused).contains("wrong_sequence"));
    let used = Author::new(park, key(), 1).sign(cancel(), fixture.park.now());
    let refused = client.submit(&used, Duration::from_secs(10));
    assert!(refusal(refused).contains("sequence_used"));
}

fn refusal(result: Result<Outcome, ClientError>) -> String {
    match result {
        Err(ClientError::Refused(refusal)) => refusal.name,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn registers_are_refused(fixture: &Fixture) {
    let client = fixture.client();
    let first = fixture.profile.first_interval;
    let past = first.plus(1).end();
    wait_for("two intervals to pass", Duration::from_secs(60), || {
        Ok((fixture.park.now() > past && client.status()?.log_time_ms > past).then_some(()))
    })
    .unwrap();
    let key = fixture.keyring.key(&Signer::Meter(0));
    let mut meter = Author::new(fixture.park.genesis().park(), key, 1);
    let mut read = |interval, register| {
        let readings = vec![Reading {
            interval,
            register: WattHours(register),
        }];
        let event = meter.sign(Action::SubmitReadings(readings), fixture.park.now());
        match client.submit(&event, Duration::from_secs(10)).unwrap() {
            Outcome::Committed(outcome) => outcome.items[0].name.clone(),
            other => panic!("expected an outcome, got {other:?}"),
        }
    };
    assert_eq!(read(first, 1_000), "accepted");
    assert_eq!(read(first.plus(1), 999), "register_runs_backwards");
    assert_eq!(read(first.plus(900), 2_000), "reading_from_future");
}

/// Starts another node with a configuration that differs from the running one's.
fn start_other(fixture: &Fixture, change: impl Fn(String) -> String) -> (Option<i32>, String) {
    let config = fixture.park.folder().join("node-1.toml");
    let other = fixture.park.folder().join("other.toml");
    fs::write(&other, change(fs::read_to_string(config).unwrap())).unwrap();
    let output = Command::new(NODE)
        .args(["node", "run", "--config"])
        .arg(&other)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn nodes_do_not_start(fixture: &Fixture) {
    let (code, message) = start_other(fixture, |config| config);
    assert_eq!(code, Some(1), "a data folder has one node: {message}");
    // Another folder with the same keys: now the ports are what is taken.
    let keys = fixture.path("other-data/keys");
    fs::create_dir_all(&keys).unwrap();
    for entry in fs::read_dir(fixture.park.nodes()[0].data().join("keys")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), keys.join(entry.file_name())).unwrap();
    }
    let data = fixture.park.nodes()[0].data().to_str().unwrap().to_owned();
    let other = fixture.path("other-data").to_str().unwrap().to_owned();
    let (code, message) = start_other(fixture, |config| config.replace(&data, &other));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("in use"), "{message}");
    let (code, message) = start_other(fixture, |config| config.replace("api_listen", "api_lisen"));
    assert_eq!(code, Some(1), "{message}");
    assert!(message.contains("api_lisen"), "{message}");
}

fn a_truncated_export_fails(fixture: &Fixture) {
    keyfile::write(
        &fixture.path("regulator.pem"),
        &fixture.keyring.seed(&Signer::Regulator),
        None,
    )
    .unwrap();
    let key = fixture.path("regulator.pem").to_str().unwrap().to_owned();
    let out = fixture.path("export").to_str().unwrap().to_owned();
    let policy = fixture
        .park
        .folder()
        .join("policy")
        .to_str()
        .unwrap()
        .to_owned();
    let output = fixture.wattle(&["--key", &key, "log", "export", "--out", &out]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = fixture.wattle(&["log", "verify", &out, "--policy", &policy]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let bundle = fixture.path("export/tile/entries/000.p");
    let bundle = match fs::read_dir(bundle) {
        Ok(mut entries) => entries.next().unwrap().unwrap().path(),
        Err(_) => fixture.path("export/tile/entries/000"),
    };
    let bytes = fs::read(&bundle).unwrap();
    fs::write(&bundle, &bytes[..bytes.len() - 7]).unwrap();
    let output = fixture.wattle(&["log", "verify", &out, "--policy", &policy]);
    assert_eq!(output.status.code(), Some(5));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("form") && stdout.contains("FAILED"),
        "{stdout}"
    );
}
