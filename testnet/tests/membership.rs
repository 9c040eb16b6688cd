//! A second node joins a running park and the first one goes, as their operators type it.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use wattle_client::keyfile;
use wattle_testnet::keyring::Signer;

use crate::one_node_park::{NODE, OneNodePark};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Second {
    park: OneNodePark,
    process: Option<Child>,
}

impl Drop for Second {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Second {
    fn path(&self, name: &str) -> PathBuf {
        self.park.folder.path().join(name)
    }

    /// Runs a line of the command line with a data folder, at one node.
    fn run(&self, data: &str, url: &str, line: &str) -> Output {
        Command::new(&self.park.wattle)
            .args(["--url", url, "--no-input", "--data-dir", data])
            .args(line.split_whitespace())
            .current_dir(self.park.folder.path())
            .env_remove("WATTLE_URL")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn done(&self, data: &str, url: &str, line: &str) -> (String, String) {
        let output = self.run(data, url, line);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (told, noted) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{line}: {told}{noted}");
        (told, noted)
    }

    /// Node 2's configuration takes over the clock and the address of node 1.
    fn configure(&self) {
        let first = fs::read_to_string(self.park.park.folder().join("node-1.toml")).unwrap();
        let value = |key: &str| first.lines().find_map(|line| line.strip_prefix(key));
        let address = value("p2p_listen = ").unwrap().trim_matches('"');
        let clock = first.split("[clock]").nth(1).unwrap().split("\n[").next();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let port = port.unwrap().port();
        let line = format!(
            "node init --join --id 2 --building 2 --api-listen 127.0.0.1:0 --p2p-listen \
             127.0.0.1:{port} --peer 1={address}"
        );
        let (_, noted) = self.done("second", "http://127.0.0.1:9", &line);
        assert!(noted.contains("wattle node register"), "{noted}");
        for file in ["genesis", "network.key"] {
            fs::copy(
                self.park.park.folder().join(file),
                self.path("second").join(file),
            )
            .unwrap();
        }
        let config = self.path("second/node.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(config, format!("{text}\n[clock]{}", clock.unwrap())).unwrap();
    }

    /// Starts node 2; its address.
    fn start(&mut self) -> String {
        let log = fs::File::create(self.path("second.log")).unwrap();
        let child = Command::new(NODE)
            .args(["node", "run", "--config"])
            .arg(self.path("second/node.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(child);
        let ready = self.path("second/ready.json");
        let address = wait_for("node 2 to listen", || {
            let ready: Value = serde_json::from_slice(&fs::read(&ready).ok()?).ok()?;
            Some(ready["api_addr"].as_str()?.to_owned())
        });
        format!("http://{address}")
    }

    fn status(&self, url: &str) -> Value {
        let output = self.run("office", url, "node status --json");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Waits until a node tells of these voters and of a seal by all of them.
    fn sealed_by(&self, url: &str, voters: &[u64]) {
        let voters = serde_json::json!(voters);
        wait_for("a seal by the voters", || {
            let status = &self.status(url)[0]["status"];
            let is_there = status["voters"] == voters && status["sealed"]["cosigners"] == voters;
            is_there.then_some(())
        });
    }
}

#[track_caller]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}

fn started() -> Second {
    let park = OneNodePark::started(21);
    fs::create_dir_all(park.folder.path().join("office")).unwrap();
    for (name, signer) in [
        ("office/registrar.pem", Signer::Registrar),
        ("office/regulator.pem", Signer::Regulator),
    ] {
        let path = park.folder.path().join(name);
        keyfile::write(&path, &park.keyring.seed(&signer), None).unwrap();
    }
    Second {
        park,
        process: None,
    }
}

#[test]
fn a_second_node_joins_and_the_first_one_goes() {
    let mut second = started();
    let first_url = second.park.park.nodes()[0].url().to_owned();
    second.configure();
    let register = "node register second/node.json --out second/registration";
    let (_, noted) = second.done("office", &first_url, register);
    assert!(noted.contains("wattle node promote 2"), "{noted}");
    let again = second.run("office", &first_url, register);
    assert!(String::from_utf8_lossy(&again.stderr).contains("--out"));
    let url = second.start();
    wait_for("node 2 to learn", || {
        let status = &second.status(&url)[0]["status"];
        (status["learners"] == serde_json::json!([2])).then_some(())
    });

    let (_, noted) = second.done("office", &first_url, "node promote 2");
    assert!(noted.contains("2 voters bear no more failures"), "{noted}");
    second.sealed_by(&url, &[1, 2]);
    let twice = second.run("office", &first_url, "node promote 2");
    assert_eq!(twice.status.code(), Some(4));
    let (told, _) = second.done("office", &first_url, "node status");
    assert!(told.contains("voters 1, 2; a seal needs 2 of 2"), "{told}");

    second.done("office", &first_url, "node remove 1");
    second.sealed_by(&url, &[2]);
    second.park.park.nodes()[0].kill().unwrap();

    // The pinned policy trusts node 1 alone; what it vouched for leads to who votes now.
    second.done("office", &url, "log export --out export");
    let policy = second.park.park.folder().join("policy");
    let verify = format!("log verify export --policy {}", policy.display());
    let refused = second.run("office", &url, &verify);
    let told = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(refused.status.code(), Some(5), "{told}");
    for part in [
        "quorum             FAILED",
        "they are nodes 2\n",
        "sealed by the log's own voters: 1 of 1 cosigned, 1 needed",
        "the policy's quorum vouches for ",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let next = format!("log next-policy export --policy {}", policy.display());
    let (told, _) = second.done("office", &url, &next);
    fs::write(second.path("next"), told).unwrap();
    second.done("office", &url, "log verify export --policy next");

    // What node 1 promised is proved by whom it handed the log to.
    let (listed, _) = second.done("office", &url, "receipt list --json");
    let promises: Value = serde_json::from_str(&listed).unwrap();
    let promise = promises[0]["file"].as_str().unwrap();
    let prove = format!("receipt prove {promise} --out proof");
    second.done("office", &url, &prove);
    second.done("office", &url, "receipt verify proof --policy next");
}
