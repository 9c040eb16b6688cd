//! The commands of the later rules, through the real binaries and a park of one node: minimums,
//! changes, halts, bounds, continuous matching, delegated keys, schedules and rules in force; at
//! the end the log of all that verifies.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use wattle_client::{Client, keyfile};
use wattle_market::interval::DeliveryInterval;
use wattle_testnet::keyring::Signer;
use wattle_testnet::park::Park;

use crate::one_node_park::OneNodePark;

/// A park of one node whose quarter of an hour takes a second and a half, with people's key files.
struct Fixture {
    folder: tempfile::TempDir,
    park: Park,
    wattle: PathBuf,
    /// An interval a day from the start: its gate stays open as long as the test runs.
    later: DeliveryInterval,
}

impl Fixture {
    fn started() -> Fixture {
        let OneNodePark {
            folder,
            park,
            keyring,
            wattle,
            ..
        } = OneNodePark::started(11);
        for (name, signer) in [
            ("offices.pem", Signer::Tenant(3)),
            ("hall.pem", Signer::Tenant(7)),
            ("registrar.pem", Signer::Registrar),
            ("regulator.pem", Signer::Regulator),
            ("treasurer.pem", Signer::Treasurer),
        ] {
            keyfile::write(&folder.path().join(name), &keyring.seed(&signer), None).unwrap();
        }
        let later = DeliveryInterval::containing(park.now()).plus(DeliveryInterval::PER_DAY);
        Fixture {
            folder,
            park,
            wattle,
            later,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs a line of words with one of the key files.
    fn wattle(&self, key: &str, line: &str) -> Output {
        Command::new(&self.wattle)
            .args(["--url", self.park.nodes()[0].url(), "--no-input"])
            .args(["--data-dir", &self.path("home"), "--key", &self.path(key)])
            .args(line.split_whitespace())
            .env_remove("WATTLE_URL")
            .output()
            .unwrap()
    }

    /// What it printed as JSON; it must have succeeded.
    #[track_caller]
    fn done(&self, key: &str, line: &str) -> Value {
        let output = self.wattle(key, &format!("{line} --json"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A rule refuses it, with exit code 4 and a sentence.
    #[track_caller]
    fn refused(&self, key: &str, line: &str, rule: &str) {
        let output = self.wattle(key, line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{line}: {stderr}");
        assert!(stderr.contains(rule), "{line}: {stderr}");
        assert!(stderr.contains("next: "), "{line}: {stderr}");
    }

    /// A purchase of the offices a day ahead, without its quantity and limit.
    fn order(&self) -> String {
        format!(
            "order place --point 4 --side buy --interval #{}",
            self.later.0
        )
    }

    fn open_orders(&self) -> Vec<Value> {
        let listed = self.done("offices.pem", "order list --participant offices");
        listed["orders"].as_array().unwrap().clone()
    }
}

#[test]
fn every_later_rule_is_reached_from_the_command_line_and_verifies() {
    let fixture = Fixture::started();
    orders_with_minimums_change_and_go(&fixture);
    market_halts_resumes_and_is_bounded(&fixture);
    market_trades_continuously(&fixture);
    bundles_wait_for_their_joint_auction(&fixture);
    delegated_key_orders_within_its_limits(&fixture);
    schedule_replaces_the_instruction(&fixture);
    registrar_rules(&fixture);
    month_rules(&fixture);
    every_answer_says_what_holds(&fixture);
    export_verifies(&fixture);
    fixture.park.stop().unwrap();
}

fn orders_with_minimums_change_and_go(fixture: &Fixture) {
    let order = fixture.order();
    let priced = format!("{order} --quantity 5kWh --limit 0.5");
    let placed = fixture.done("offices.pem", &format!("{priced} --minimum 2kWh"));
    let id = placed["orders"][0].as_str().unwrap().to_owned();
    fixture.done("offices.pem", &format!("{priced} --fill-or-kill"));
    let too_high = format!("{priced} --minimum 6kWh");
    fixture.refused("offices.pem", &too_high, "minimum");

    let change = format!("order change {id} --quantity 6kWh --limit 0.6");
    fixture.done("offices.pem", &change);
    let open = fixture.open_orders();
    assert_eq!(open.len(), 2, "{open:?}");
    let changed = open.iter().find(|order| order["order"] == id).unwrap();
    assert_eq!(changed["quantity"], 6_000, "{changed}");
    assert_eq!(changed["limit"], 600_000, "{changed}");

    let other = format!("order cancel-all --interval #{}", fixture.later.0 + 1);
    fixture.done("offices.pem", &other);
    assert_eq!(fixture.open_orders().len(), 2);
    fixture.done("offices.pem", "order cancel-all --point 4");
    assert_eq!(fixture.open_orders().len(), 0);
    fixture.refused("offices.pem", &change, "order");
}

fn market_halts_resumes_and_is_bounded(fixture: &Fixture) {
    let (order, from) = (fixture.order(), fixture.later.0);
    let priced = format!("{order} --quantity 5kWh --limit");
    let halt = format!("registrar market halt --from #{from} --until #{}", from + 4);
    fixture.done("registrar.pem", &halt);
    fixture.refused("offices.pem", &format!("{priced} 0.5"), "halted");
    let resume = format!("registrar market resume --from #{from}");
    fixture.done("registrar.pem", &resume);
    fixture.refused("registrar.pem", &resume, "halt");

    let bounds = format!("registrar market bounds --from #{from}");
    fixture.done("registrar.pem", &format!("{bounds} --floor 0.1 --cap 0.6"));
    fixture.refused("offices.pem", &format!("{priced} 0.7"), "bounds");
    fixture.done("offices.pem", &format!("{priced} 0.6"));
    let crossed = format!("{bounds} --floor 0.6 --cap 0.1");
    fixture.refused("registrar.pem", &crossed, "bounds");
}

fn market_trades_continuously(fixture: &Fixture) {
    let interval = fixture.later.0 + 40;
    let mode = |mode: &str, from: u64| format!("registrar market mode {mode} --from #{from}");
    // The offices have an order a day ahead.
    let early = mode("continuous", fixture.later.0);
    fixture.refused("registrar.pem", &early, "market_in_use");
    fixture.done("registrar.pem", &mode("continuous", interval));
    fixture.done("registrar.pem", &mode("call-auction", interval + 4));

    let order = |side: &str, point: u32, rest: &str| {
        format!("order place --side {side} --point {point} --interval #{interval} {rest}")
    };
    let sell = order("sell", 8, "--quantity 10kWh --limit 0.45");
    let sold = fixture.done("hall.pem", &sell);
    let id = sold["orders"][0].as_str().unwrap();
    let kill = order(
        "buy",
        4,
        "--quantity 11kWh --limit 0.5 --immediate --fill-or-kill",
    );
    fixture.refused("offices.pem", &kill, "minimum_not_met");
    let buy = order(
        "buy",
        4,
        "--quantity 4kWh --limit 0.5 --immediate --minimum 1kWh",
    );
    let bought = fixture.done("offices.pem", &buy);
    let traded = bought["trades"].as_array().unwrap();
    assert_eq!(traded.len(), 1, "{bought}");
    assert_eq!(traded[0]["price"], 450_000, "{bought}");
    let auction = format!(
        "{} --immediate --quantity 1kWh --limit 0.5",
        fixture.order()
    );
    fixture.refused("offices.pem", &auction, "not_continuous");

    let book = fixture.done("hall.pem", &format!("book --interval #{interval}"));
    assert_eq!(book["mode"], "continuous", "{book}");
    assert_eq!(book["traded"]["volume"], 4_000, "{book}");
    assert_eq!(book["offers"][0]["quantity"], 6_000, "{book}");
    let trades = format!("trades --from #{interval} --to #{}", interval + 1);
    for (key, role, amount) in [
        ("hall.pem", "maker", 1_800),
        ("offices.pem", "taker", -1_800),
    ] {
        let trades = fixture.done(key, &trades);
        let trade = &trades["trades"][0];
        assert_eq!(trade["role"], role, "{trades}");
        assert_eq!(trade["filled"], 4_000, "{trades}");
        assert_eq!(trade["amount"], amount * 1_000_000_i64, "{trades}");
    }
    let shown = fixture.wattle("hall.pem", &format!("book --interval #{interval}"));
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("continuous, gate open"), "{shown}");
    assert!(shown.contains("4.000 kWh in 1 trade"), "{shown}");
    fixture.done("hall.pem", &format!("order cancel {id}"));
}

fn bundles_wait_for_their_joint_auction(fixture: &Fixture) {
    let later = fixture.later.0 + 2 * 96;
    let leg = format!("--leg #{later}=buy:5kWh");
    let place = format!("bundle place --point 4 {leg} --limit -3");
    fixture.refused("offices.pem", &place, "no_joint_auction");
    fixture.done("registrar.pem", "registrar rules activate joint-auction");
    let odd = format!(
        "registrar rules activate joint-auction --from #{}",
        later | 1
    );
    let refusal = fixture.wattle("registrar.pem", &odd);
    assert_eq!(refusal.status.code(), Some(4), "{refusal:?}");

    let worst = fixture.done("offices.pem", &format!("{place} --dry-run"));
    let placed = fixture.done("offices.pem", &place);
    let id = placed["bundle"].as_str().unwrap();
    let listed = fixture.done("offices.pem", "bundle list");
    let open = &listed["open"][0];
    assert_eq!(open["bundle"], id, "{listed}");
    assert_eq!(open["limit"], -3_000_000_000_i64, "{listed}");
    assert_eq!(open["reserved"], worst["collateral"], "{listed} {worst}");
    let shown = fixture.wattle("offices.pem", "bundle list");
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.contains("buys 5.000 kWh in 1 interval"), "{shown}");

    let file = fixture.path("legs.toml");
    fs::write(&file, format!("legs = [\"#{later}/2=buy:5kWh\"]")).unwrap();
    let from_file = format!("bundle place --point 4 --file {file} --limit -6");
    fixture.done("offices.pem", &from_file);
    fixture.done("offices.pem", &format!("bundle cancel {id}"));
    fixture.refused(
        "offices.pem",
        &format!("bundle cancel {id}"),
        "unknown_bundle",
    );
    let listed = fixture.done("offices.pem", "bundle list");
    assert_eq!(listed["open"].as_array().unwrap().len(), 1, "{listed}");
}

fn delegated_key_orders_within_its_limits(fixture: &Fixture) {
    let order = fixture.order();
    let made = fixture.done("agent.pem", "key new --no-passphrase");
    let agent = made["key"].as_str().unwrap();
    let add = format!(
        "delegate add --key-file {} --point 4 --order-energy 5kWh --day-energy 8kWh \
         --day-money 4 --from #{} --until #{}",
        fixture.path("agent.pem"),
        fixture.later.0,
        fixture.later.0 + 4,
    );
    let added = fixture.done("offices.pem", &add);
    assert_eq!(added["key"], agent);
    fixture.refused("offices.pem", &add, "key");

    let priced = |quantity: &str| format!("{order} --quantity {quantity} --limit 0.5");
    fixture.done("agent.pem", &priced("5kWh"));
    fixture.refused("agent.pem", &priced("5.001kWh"), "delegat");
    fixture.refused("agent.pem", &priced("4kWh"), "delegat");
    let listed = fixture.done("agent.pem", "order list");
    assert_eq!(listed["orders"].as_array().unwrap().len(), 2, "{listed}");
    let revoke = format!("delegate revoke {agent}");
    fixture.refused("agent.pem", &revoke, "role");

    fixture.done("offices.pem", &revoke);
    fixture.refused("offices.pem", &revoke, "key");
    fixture.refused("agent.pem", &priced("1kWh"), "revoked");
}

fn schedule_replaces_the_instruction(fixture: &Fixture) {
    let file = fixture.path("schedule.toml");
    let entries =
        "entries = [\"mon-fri 08:00-18:00 enroll ask=0.40\", \"daily 00:00-24:00 leave\"]";
    fs::write(&file, entries).unwrap();
    fixture.done(
        "offices.pem",
        &format!("pool schedule --point 4 --file {file}"),
    );
    fs::write(&file, "entries = [\"daily 18:00-08:00 leave\"]").unwrap();
    let backwards = format!("pool schedule --point 4 --file {file}");
    fixture.refused("offices.pem", &backwards, "schedule");
    fixture.done("offices.pem", "pool schedule --point 4 --clear");
}

fn registrar_rules(fixture: &Fixture) {
    let registrar = |line: &str| fixture.done("registrar.pem", line);
    let refused = |line: &str, rule: &str| fixture.refused("registrar.pem", line, rule);
    refused("registrar rules activate month-close", "final_runs_missing");
    registrar("registrar rules activate final-runs");
    registrar("registrar rules activate price-index");
    registrar("registrar affiliates set --group 1 --member offices --member canteen");
    refused(
        "registrar affiliates set --group 1 --member offices",
        "affiliate",
    );
    registrar("registrar affiliates set --group 1 --dissolve");

    let later = fixture.later.0;
    let key = "00".repeat(32);
    refused(&format!("registrar key lift-freeze {key}"), "frozen");
    let correct = format!("registrar reading correct --meter 1 --interval #{later} --register 5Wh");
    refused(&format!("{correct} --reason misread"), "reading");
    let meter = format!("--meter 9999 --interval #{later} --last 5kWh");
    refused(&format!("registrar meter-reset {meter}"), "unknown_meter");
    let replace = format!("registrar meter-replace {meter} --meter-key {key}");
    // A key of zeros is nobody's.
    refused(&replace, "key_refused");
    let ratio = format!("--from #{later} --register 5kWh --ratio 400/5");
    refused(
        &format!("registrar meter-ratio --meter 9999 {ratio}"),
        "unknown_meter",
    );
    let assign = format!("registrar meter-assign --meter 1 --from #{later} --point");
    refused(&format!("{assign} 9999"), "unknown_point");
    // An order of the offices is open there.
    refused(
        &format!("registrar point-end --point 4 --from #{later}"),
        "point",
    );
    registrar(&format!("registrar point-end --point 5 --from #{later}"));
}

fn month_rules(fixture: &Fixture) {
    let registrar = |line: &str| fixture.done("registrar.pem", line);
    let treasurer = |line: &str, rule: &str| fixture.refused("treasurer.pem", line, rule);
    let close = "registrar rules activate month-close";
    fixture.refused("registrar.pem", close, "month_terms_missing");
    let terms = "registrar month-close set --fee 50 --vat 13% --residue-owner canteen --demand";
    fixture.refused("registrar.pem", &format!("{terms} 1001"), "month_terms");
    registrar(&format!("{terms} 42"));
    registrar(close);
    let made = fixture.done("boundary.pem", "key new --no-passphrase");
    let key = made["key"].as_str().unwrap();
    let add = format!("registrar boundary add --kind import --rated 2MW --meter-key {key}");
    registrar(&add);
    fixture.refused("registrar.pem", &add, "key_taken");
    let known = Client::new(&[fixture.park.nodes()[0].url().to_owned()]).unwrap();
    let known = known.registry().unwrap();
    assert_eq!(known.boundary[0].key.to_string(), key);
    assert_eq!(known.month_terms[0].terms.prices.vat_basis_points, 1_300);
    assert!(known.month_close_from >= Some(known.month_terms[0].from));

    let record = "treasurer bill record --month 2020-01 --imported 5MWh --amount 100 --reference a";
    treasurer(record, "month_not_closed");
    let reverse = "treasurer bill reverse --month 2020-01 --reason wrong";
    treasurer(reverse, "month_not_closed");
    let declare = "treasurer default declare --participant offices --month 2020-01";
    treasurer(declare, "month_not_closed");
    treasurer(
        "treasurer default clear --participant offices",
        "not_declared",
    );
    let months = fixture.done("treasurer.pem", "months");
    assert_eq!(months["months"], serde_json::json!([]));
    let output = fixture.wattle("offices.pem", "invoice");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("no invoice"), "{stderr}");
}

/// As people read it; the JSON of each has `log`.
fn every_answer_says_what_holds(fixture: &Fixture) {
    let (of, later) = ("--participant offices", fixture.later.0);
    let period = format!("--from #{} --to #{later}", later - 96);
    for line in [
        format!("book --interval #{later}"),
        format!("prices {period}"),
        format!("price-index {period}"),
        format!("order list {of}"),
        format!("bundle list {of} {period}"),
        format!("trades {of} {period}"),
        format!("statement {of} {period}"),
        format!("statement {of} {period} --format html"),
        format!("balance {of}"),
        format!("certificate list {of} {period}"),
        "months".to_owned(),
        "checkpoint list".to_owned(),
    ] {
        let output = fixture.wattle("treasurer.pem", &line);
        let text = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        let is_said = text.contains("sealed") || text.contains("committed");
        assert!(is_said, "{line}: {text}");
    }
    let statement = format!("statement {of} {period} --format csv");
    let output = fixture.wattle("treasurer.pem", &statement);
    let csv = String::from_utf8(output.stdout).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",stage"), "{csv}");
}

fn export_verifies(fixture: &Fixture) {
    let out = fixture.path("export");
    fixture.done("regulator.pem", &format!("log export --out {out}"));
    let policy = fixture.park.folder().join("policy");
    let verify = format!("log verify {out} --policy {}", policy.to_str().unwrap());
    let output = fixture.wattle("regulator.pem", &verify);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
}
