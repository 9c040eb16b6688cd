//! Commands of the rules beyond the first ones: which lines are understood, and why others are not.

use super::program::wattle;

/// Whoever is understood gets as far as looking for a node.
const NOBODY: &str = "http://127.0.0.1:9";

#[track_caller]
fn run(line: &str, code: i32, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.extend(["--url", NOBODY, "--timeout", "1", "--no-input"]);
    wattle(&data_dir, &words).failed(code, reason);
    assert!(!data_dir.exists(), "{line}");
}

#[test]
fn what_registrars_say_of_rules_is_understood() {
    let key = "f".repeat(64);
    for line in [
        "registrar rules activate final-runs",
        "registrar rules activate price-index --from 2026-12-01T00:00",
        "registrar reading correct --meter 1 --interval #9 --register 5Wh --reason misread",
        "registrar meter-reset --meter 1 --interval #9 --last 5kWh",
        &format!("registrar meter-replace --meter 1 --interval #9 --last 5kWh --meter-key {key}"),
        "registrar meter-ratio --meter 1 --from #9 --register 5kWh --ratio 400/5",
        "registrar meter-assign --meter 1 --point 2 --from #9",
        "registrar point-end --point 1 --from #9",
        &format!("registrar key lift-freeze {key}"),
        "registrar affiliates set --group 1 --member mill --member 2",
        "registrar affiliates set --group 1 --dissolve",
        "registrar market halt --from #9 --until #12",
        "registrar market resume",
        "registrar market bounds --floor 0 --cap 1.5",
        "registrar market mode continuous --from #9",
        "registrar market mode call-auction",
        "registrar rules activate certificates",
        "registrar certificate policy --cn",
        "registrar follow --policy other-park.policy",
        &format!("registrar key add {key} --node 1"),
        "registrar certificate policy --energytag --yield 0.9 --from #9",
        "registrar certificate withdraw 1-9 --holder mill --quantity 5Wh --reason misread",
        "registrar certificate link --point 1 --month 2026-07 --units 2 --number GEC-1",
        "registrar certificate link --point 1 --month 2026-07 --units 2 --number GEC-1 --self-use",
        // As they were before.
        &format!("registrar meter --point 1 --kind load --rated 1kW --meter-key {key}"),
        "registrar point --participant 1 --building 1 --generation 0W --connection 1kW",
    ] {
        run(line, 6, "no node answered");
    }
}

#[test]
fn what_registrars_say_wrongly_is_refused_with_the_reason() {
    let reading = "registrar reading correct --meter 1 --interval #9 --register";
    for (line, reason) in [
        ("registrar rules activate magic", "final-runs"),
        ("registrar certificate policy", "--cn"),
        ("registrar certificate policy --energytag", "--yield"),
        (
            "registrar certificate policy --energytag --yield 1.1",
            "between 0 and 1",
        ),
        ("registrar certificate policy --cn --yield 0.9", "--yield"),
        (
            "registrar certificate withdraw 9 --holder mill --quantity 5Wh --reason misread",
            "not a certificate",
        ),
        ("registrar rules activate", "<RULES>"),
        (&format!("{reading} 5Wh"), "--reason"),
        (&format!("{reading} 5 --reason misread"), "no unit"),
        ("registrar meter-reset --meter 1 --interval #9", "--last"),
        (
            "registrar meter-replace --meter 1 --interval #9 --last 5kWh",
            "--meter-key",
        ),
        (
            "registrar meter-ratio --meter 1 --from #9 --register 5kWh --ratio 4:5",
            "not a ratio",
        ),
        ("registrar meter-assign --meter 1", "--point"),
        ("registrar point-end", "--point"),
        ("registrar key lift-freeze zz", "zz"),
        ("registrar affiliates set --group 1", "--member"),
        (
            "registrar affiliates set --group 1 --member 1 --dissolve",
            "--dissolve",
        ),
        (
            "registrar market halt --from 2026-12-01T00:01",
            "start of a delivery interval",
        ),
        ("registrar market bounds --floor 0", "--cap"),
        ("registrar market mode", "<MODE>"),
        ("registrar market mode auction", "call-auction"),
    ] {
        run(line, 2, reason);
    }
}

const ORDER: &str =
    "order place --point 1 --interval #9 --side buy --quantity 12.5kWh --limit 0.65";

#[test]
fn what_tenants_say_of_orders_keys_and_schedules_is_understood() {
    let id = format!("{}-1-0", "f".repeat(64));
    let limits = "--order-energy 5kWh --day-energy 90kWh --day-money 50 --until #99";
    for line in [
        &format!("{ORDER} --minimum 5kWh"),
        &format!("{ORDER} --fill-or-kill"),
        &format!("{ORDER} --immediate"),
        &format!("{ORDER} --immediate --minimum 5kWh"),
        &format!("order change {id} --quantity 5kWh --limit 0.5"),
        "order cancel-all",
        "order cancel-all --point 1 --interval #9",
        &format!("delegate add --key-file new.pem --point 1 --point 2 {limits}"),
        &format!("delegate revoke {}", "f".repeat(64)),
        "pool schedule --point 1 --clear",
        "certificate list --month 2026-07",
        "certificate show 1-9",
        "certificate transfer 1-9 --to mill --quantity 5kWh",
        "certificate cancel 1-9-12 --quantity 5kWh --point 1",
        "certificate cancel 1-9 --quantity 5kWh --beneficiary fair",
    ] {
        run(line, 6, "no node answered");
    }
}

#[test]
fn what_tenants_say_wrongly_is_refused_with_the_reason() {
    let id = format!("{}-1-0", "f".repeat(64));
    for (line, reason) in [
        (
            &*format!("{ORDER} --minimum 5kWh --fill-or-kill"),
            "--fill-or-kill",
        ),
        (&format!("{ORDER} --minimum 5"), "no unit"),
        (&format!("order change {id} --quantity 5kWh"), "--limit"),
        (
            "order change 7 --quantity 5kWh --limit 1",
            "not an order id",
        ),
        ("delegate add --key-file new.pem --until #99", "--point"),
        ("delegate revoke", "<PUBLIC>"),
        ("pool schedule --point 1", "--entry"),
        ("pool schedule --point 1 --clear --file x", "--clear"),
        ("pool schedule --point 1 --entry daily", "not an entry"),
        ("certificate show x", "not a certificate"),
        ("certificate transfer 1-9 --to mill --quantity 5", "no unit"),
        ("certificate cancel 1-9 --quantity 5kWh", "--point"),
        (
            "certificate cancel 1-9 --quantity 5kWh --point 1 --beneficiary fair",
            "--beneficiary",
        ),
        ("certificate match --point 1 --export d", "--policy"),
        ("carbon report --export d --trust --policy p", "--trust"),
    ] {
        run(line, 2, reason);
    }
}

#[test]
fn schedule_that_cannot_be_used_is_told_before_a_node_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schedule.toml");
    let words = [
        "pool",
        "schedule",
        "--point",
        "1",
        "--url",
        NOBODY,
        "--timeout",
        "1",
        "--file",
        file.to_str().unwrap(),
    ];
    let run = || wattle(&folder.path().join("data"), &words);
    run().failed(1, "schedule.toml");
    std::fs::write(&file, "entries = [\"sun 10:00-10:07 enroll\"]").unwrap();
    run().failed(2, "not a quarter");
    std::fs::write(&file, "entries = [\"sun 10:00-10:15 enroll bid=0.6\"]").unwrap();
    run().failed(6, "no node answered");
}
