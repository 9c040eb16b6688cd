//! Every path says how far its answer is committed and sealed, or why it does not: a path that is
//! not in this table fails the test.

use crate::park::{Node, Park, participant, submit, wait_for};
use serde_json::Value;
use std::collections::BTreeSet;
use wattle_ledger::event::{Action, event_hash};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{ParticipantId, Role};
use wattle_market::interval::Timestamp;

/// How a path says it.
enum Told {
    /// Its answer has `log`, with `committed` and `sealed`; this is what it is asked.
    Log(&'static str),
    /// Its answer has these members, for this reason.
    Own(&'static str, &'static [&'static str]),
    /// Not at all, for this reason.
    Not(&'static str),
}

use Told::{Log, Not, Own};

const BYTES: &str = "bytes that were signed: what covers them is the checkpoint's to say";
const SEALED: &str = "a checkpoint is what seals";
const FILES: &str = "two signatures, which prove without any log";

const TABLE: &[(&str, Told)] = &[
    ("/v1/events", Not("submit: the answer is that of the next")),
    ("/v1/events/{hash}", Own("", &["leaf", "sealed"])),
    (
        "/v1/events/{hash}/receipts",
        Not("promises, which the node keeps until a seal"),
    ),
    ("/v1/evidence", Log("")),
    ("/v1/evidence/{id}", Not(FILES)),
    ("/v1/keys/{key}", Log("")),
    (
        "/v1/status",
        Own("", &["tree_size", "sealed", "sealing", "log_time_ms"]),
    ),
    ("/v1/genesis", Not(BYTES)),
    ("/v1/registry", Log("")),
    ("/v1/book", Log("?interval=2000000")),
    ("/v1/prices", Log("?from=2000000&to=2000010")),
    ("/v1/price-index", Log("?from=2000000&to=2000010")),
    ("/v1/orders", Log("?participant=1")),
    ("/v1/trades", Log("?participant=1&from=2000000&to=2000010")),
    ("/v1/bundles", Log("?participant=1&from=2000000&to=2000010")),
    ("/v1/balance", Log("?participant=1")),
    (
        "/v1/statement",
        Log("?participant=1&from=2000000&to=2000010"),
    ),
    ("/v1/invoices", Log("?participant=1")),
    ("/v1/months", Log("")),
    (
        "/v1/certificates",
        Log("?participant=1&from=2000000&to=2000010"),
    ),
    (
        "/v1/certificates/{id}",
        Not("has `log` as well, but no certificate is there before a final run"),
    ),
    ("/v1/entries", Log("?from=0&count=10")),
    (
        "/v1/witnesses",
        Not("sizes that witnesses cosigned, which are sealed"),
    ),
    ("/v1/logs", Log("")),
    ("/checkpoint", Not(SEALED)),
    ("/checkpoint/witnessed", Not(SEALED)),
    ("/checkpoint/{size}", Not(SEALED)),
    ("/tile/{*path}", Not(BYTES)),
    ("/livez", Not("says nothing of the ledger")),
    ("/readyz", Not("says nothing of the ledger")),
    ("/metrics", Not("has both sizes, as figures")),
];

/// The paths of the router, as its source has them.
fn routed() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/api.rs");
    let routes = source.split(".route(\"").skip(1);
    routes.filter_map(|rest| rest.split('"').next()).collect()
}

/// An office's answer.
fn asked(park: &Park, node: &Node, target: &str) -> Value {
    let credentials = park.credentials(&park.regulator);
    let mut request = ureq::get(format!("{}{target}", node.url()));
    let signed = credentials.sign("GET", target, node.status().park_time_ms);
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    let mut response = request
        .call()
        .unwrap_or_else(|error| panic!("{target}: {error}"));
    let text = response.body_mut().read_to_string().unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{target}: {error}: {text}"))
}

#[test]
fn every_path_says_what_holds_or_why_it_does_not() {
    let named: BTreeSet<&str> = TABLE.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        routed(),
        named,
        "say in this table how each path tells committed, sealed and final apart"
    );
    let park = Park::new(1);
    let node = park.start(1);
    let client = park.client(&[&node]);
    let mut registrar = park.author(&client, &park.registrar);
    submit(&client, &mut registrar, participant(1));
    let key = SigningKey::from_seed(&[7; 32]).public();
    let role = Role::Tenant(ParticipantId(1));
    let event = registrar.sign(Action::AddKey { key, role }, Timestamp(0));
    client.submit(&event, crate::park::PATIENCE).unwrap();
    let hash = event_hash(event.bytes());
    wait_for("a seal", || node.status().sealed);
    for (path, told) in TABLE {
        let path = path.replace("{hash}", &hash.to_string());
        let path = path.replace("{key}", &key.to_string());
        match told {
            Log(query) => {
                let target = format!("{path}{query}");
                let answer = asked(&park, &node, &target);
                let log = &answer["log"];
                let (committed, sealed) = (log["committed"].as_u64(), log["sealed"].as_u64());
                assert!(
                    sealed > Some(0) && sealed <= committed,
                    "{target}: {answer}"
                );
                assert!(committed <= Some(node.status().tree_size), "{answer}");
            }
            Own(query, members) => {
                let answer = asked(&park, &node, &format!("{path}{query}"));
                for member in *members {
                    assert!(answer.get(member).is_some(), "{path}: {member}: {answer}");
                }
            }
            Not(reason) => assert!(reason.len() > 10, "{path}"),
        }
    }
    assert!(node.terminate().success());
}
