//! Receipts and proofs through the real binaries: what a tenant keeps, and what a stranger checks.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use wattle_client::keyfile;
use wattle_market::interval::DeliveryInterval;
use wattle_testnet::keyring::Signer;

use crate::one_node_park::OneNodePark;

struct Tenant {
    park: OneNodePark,
}

impl Tenant {
    fn started() -> Tenant {
        let park = OneNodePark::started(12);
        for (name, signer) in [
            ("offices.pem", Signer::Tenant(3)),
            ("regulator.pem", Signer::Regulator),
        ] {
            let path = park.folder.path().join(name);
            keyfile::write(&path, &park.keyring.seed(&signer), None).unwrap();
        }
        Tenant { park }
    }

    fn path(&self, name: &str) -> String {
        let path = self.park.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn policy(&self) -> String {
        let policy = self.park.park.folder().join("policy");
        policy.to_str().unwrap().to_owned()
    }

    fn run(&self, key: &str, line: &str) -> Output {
        Command::new(&self.park.wattle)
            .args(["--url", self.park.park.nodes()[0].url(), "--no-input"])
            .args(["--data-dir", &self.path("home"), "--key", &self.path(key)])
            .args(line.split_whitespace())
            .env_remove("WATTLE_URL")
            .output()
            .unwrap()
    }

    #[track_caller]
    fn done(&self, key: &str, line: &str) -> Value {
        let output = self.run(key, &format!("{line} --json"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Fails with a code, saying this.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, reason: &str) {
        let output = self.run("offices.pem", line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.contains(reason), "{line}: {stderr}");
    }

    /// The proof, once the event is sealed.
    fn prove(&self, promise: &str, out: &str) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let line = format!("receipt prove {promise} --out {out} --json");
            let output = self.run("offices.pem", &line);
            if output.status.success() {
                return serde_json::from_slice(&output.stdout).unwrap();
            }
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(stderr.contains("not sealed"), "{stderr}");
            assert!(Instant::now() < until, "nothing is sealed: {stderr}");
        }
    }
}

#[test]
fn a_tenant_keeps_receipts_and_proofs_that_are_checked_offline() {
    let tenant = Tenant::started();
    let later = DeliveryInterval::containing(tenant.park.park.now()).plus(96);
    let order = format!(
        "order place --point 4 --side buy --interval #{} --quantity 5kWh --limit 0.5",
        later.0
    );
    let placed = tenant.done("offices.pem", &order);
    let listed = tenant.done("offices.pem", "receipt list");
    let row = &listed.as_array().unwrap()[0];
    assert_eq!(row["action"], "place_orders");
    assert_eq!(row["event"], placed["event"]);
    assert_eq!(row["nodes"], serde_json::json!([1]));
    let promise = row["file"].as_str().unwrap().to_owned();

    let said = tenant.done("offices.pem", &format!("receipt verify {promise}"));
    assert_eq!(said["receipts"][0]["node"], 1);
    assert_eq!(said["receipts"][0]["deadline_ms"], row["deadline_ms"]);

    let proof = tenant.path("order.tlog-proof");
    let proved = tenant.prove(&promise, &proof);
    assert_eq!(proved["leaf"], placed["leaf"]);
    let policy = tenant.policy();
    for trust in ["", &format!("--policy {policy}")] {
        let shown = tenant.done("offices.pem", &format!("receipt verify {proof} {trust}"));
        assert_eq!(shown["event"], placed["event"]);
        assert_eq!(shown["outcome"], serde_json::json!([0]));
    }

    let export = tenant.path("export");
    tenant.done("regulator.pem", &format!("log export --out {export}"));
    let judge = format!("receipt verify {promise} --export {export} --policy {policy}");
    let kept = tenant.done("offices.pem", &judge);
    assert_eq!(kept["verdict"], "kept", "{kept}");
    assert_eq!(kept["leaf"], placed["leaf"]);

    doctored_files_are_found(&tenant, &promise, &proof);
    // The event is sealed: the proof is what counts now, and receipts are not kept any more.
    tenant.fails(
        &format!("receipt fetch {promise}"),
        1,
        "no receipts for event",
    );
    tenant.park.park.stop().unwrap();
}

fn doctored_files_are_found(tenant: &Tenant, promise: &str, proof: &str) {
    let changed = |from: &str, name: &str, change: fn(&mut Vec<u8>)| -> PathBuf {
        let mut bytes = fs::read(from).unwrap();
        change(&mut bytes);
        let path = PathBuf::from(tenant.path(name));
        fs::write(&path, bytes).unwrap();
        path
    };
    let verify = |path: PathBuf| format!("receipt verify {}", path.display());
    let later = changed(promise, "later.promise", |bytes| {
        // The deadline's lowest byte, before the signature.
        let place = bytes.len() - 64 - 8;
        bytes[place] ^= 1;
    });
    tenant.fails(&verify(later), 5, "signature is not that of node 1");
    let other = changed(promise, "other.promise", |bytes| bytes[150] ^= 1);
    tenant.fails(&verify(other), 5, "event");
    let cut = changed(promise, "cut.promise", |bytes| bytes.truncate(100));
    tenant.fails(&verify(cut), 1, "neither a promise nor a proof");
    let policy = format!("receipt verify {promise} --policy {}", tenant.policy());
    tenant.fails(&policy, 2, "--export");
    let leaf = changed(proof, "leaf.tlog-proof", |bytes| {
        let place = bytes.windows(6).position(|part| part == b"extra ").unwrap();
        bytes[place + 40] = if bytes[place + 40] == b'A' {
            b'B'
        } else {
            b'A'
        };
    });
    tenant.fails(&verify(leaf), 5, "does not lead to the checkpoint");
    let unsigned = changed(proof, "unsigned.tlog-proof", |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // The last line is the cosignature of the park's one node.
        *bytes = format!("{}\n", lines[..lines.len() - 1].join("\n")).into_bytes();
    });
    tenant.fails(&verify(unsigned), 5, "policy");
}
