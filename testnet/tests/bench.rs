//! The benchmarks give right results; how fast, no test says.

use std::path::PathBuf;
use std::process::{Command, Output};

use wattle_testnet::bench::engine::{self, Engine};
use wattle_testnet::bench::mix::{Mix, workload};
use wattle_testnet::bench::workload::{Kind, Workload, WorkloadError};
use wattle_testnet::bench::{auction, joint, root, settlement};

const MIXES: [Mix; 4] = [Mix::Park, Mix::Ecore, Mix::Itch, Mix::Liqui];

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wattle-testnet"))
        .arg("bench")
        .args(arguments)
        .output()
        .unwrap()
}

/// A file of this test binary's own folder.
fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn three_engines_trade_the_same_on_every_mix() {
    for mix in MIXES {
        let workload = workload(mix, 20_000, 7);
        let engines = [Engine::Book, Engine::Floor, Engine::Naive];
        let measured = engine::compare(&engines, &workload, 1).unwrap();
        let (traded, _) = measured[0];
        assert!(
            traded.trades > 500 && traded.quantity > traded.trades,
            "{mix}: {traded:?}"
        );
        assert_eq!((measured[1].0, measured[2].0), (traded, traded), "{mix}");
        let (_, refusals) = engine::figures(&workload, traded, 1.0);
        assert_eq!((refusals.unknown, refusals.others), (0, 0), "{mix}");
    }
}

#[test]
fn mixes_have_the_shares_of_operations_that_the_page_says() {
    // Adds, immediate-or-cancel orders, cancels and moves, in thousandths.
    let rows = [
        (Mix::Park, [644, 0, 131, 225]),
        (Mix::Ecore, [103, 30, 47, 820]),
        (Mix::Itch, [455, 50, 415, 80]),
        (Mix::Liqui, [1_000, 0, 0, 0]),
    ];
    for (mix, expected) in rows {
        let workload = workload(mix, 60_000, 1);
        let kinds = [
            Kind::Add,
            Kind::AddImmediateOrCancel,
            Kind::Cancel,
            Kind::Move,
        ];
        for (kind, expected) in kinds.into_iter().zip(expected) {
            let of_kind = workload
                .timed()
                .iter()
                .filter(|operation| operation.kind == kind);
            let share = of_kind.count() / 60;
            assert!(
                share.abs_diff(expected) <= 20,
                "{mix}: {kind:?} {share} of 1,000"
            );
        }
    }
}

#[test]
fn a_seed_gives_the_same_file_and_another_seed_another() {
    for mix in MIXES {
        let first = workload(mix, 3_000, 5);
        assert_eq!(first, workload(mix, 3_000, 5), "{mix}");
        assert_ne!(first, workload(mix, 3_000, 6), "{mix}");
        assert_eq!(Workload::decode(&first.encode()).unwrap(), first, "{mix}");
    }
}

#[test]
fn records_stand_in_the_file_as_the_format_says() {
    let mut bytes = Vec::new();
    bytes.extend(1u64.to_le_bytes());
    bytes.extend(2u64.to_le_bytes());
    bytes.extend([0, 1, 0x34, 0x12, 7, 0, 0, 0, 0xe8, 0x03, 0, 0, 100, 0, 0, 0]);
    bytes.extend([2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let workload = Workload::decode(&bytes).unwrap();
    let first = workload.operations[0];
    assert_eq!(
        (first.user, first.id, first.price, first.quantity),
        (0x1234, 7, 1_000, 100)
    );
    assert_eq!(workload.timed()[0].kind, Kind::Cancel);

    let long = [&bytes[..], &[0]].concat();
    assert!(matches!(
        Workload::decode(&long),
        Err(WorkloadError::Length { bytes: 49, .. })
    ));
    let prefill = [&[2], &bytes[1..]].concat();
    assert!(matches!(
        Workload::decode(&prefill),
        Err(WorkloadError::Prefill { .. })
    ));
    bytes[32] = 4;
    assert!(matches!(
        Workload::decode(&bytes),
        Err(WorkloadError::Record {
            number: 1,
            kind: 4,
            side: 0
        })
    ));
}

#[test]
fn a_moved_order_of_no_quantity_keeps_what_is_open_of_it() {
    let record = |kind: u8, side: u8, id: u8, price: u8, quantity: u8| {
        let mut record = [0; 16];
        (record[0], record[1], record[4], record[8], record[12]) =
            (kind, side, id, price, quantity);
        record
    };
    let records = [
        record(0, 0, 1, 50, 10),
        record(1, 1, 2, 50, 4),
        record(3, 0, 1, 60, 0),
        record(1, 1, 3, 60, 9),
    ];
    let head = [0u64.to_le_bytes(), 4u64.to_le_bytes()].concat();
    let workload = Workload::decode(&[head, records.concat()].concat()).unwrap();
    for engine in [Engine::Book, Engine::Floor, Engine::Naive] {
        let (traded, _) = engine::pass(engine, &workload).unwrap();
        assert_eq!((traded.trades, traded.quantity), (2, 10), "{engine:?}");
    }
}

#[test]
fn match_prints_exactly_the_keys_that_engines_are_compared_by() {
    let path = file("bench-park.ops");
    let made = run(&["workload", "--mix", "park", "--out", &path, "--ops", "5000"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let output = run(&["match", "--ops", &path, "--json", "--passes", "1"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort();
    let expected = [
        "bytes_per_resting_order",
        "ns_per_operation",
        "p50_ns",
        "p999_ns",
        "p99_ns",
        "quantity",
        "trades",
    ];
    assert_eq!(keys, expected);
    assert!(json["trades"].as_u64().unwrap() > 0);

    let output = run(&[
        "match",
        "--ops",
        &path,
        "--with-floor",
        "--with-naive",
        "--passes",
        "1",
    ]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("engine / floor") && shown.contains("engine / naive"),
        "{shown}"
    );
}

#[test]
fn a_file_that_is_no_workload_ends_with_2() {
    let path = file("bench-short.ops");
    std::fs::write(&path, [0; 15]).unwrap();
    let output = run(&["match", "--ops", &path]);
    assert_eq!(output.status.code(), Some(2));
    let trouble = String::from_utf8(output.stderr).unwrap();
    assert!(
        trouble.contains("wattle-testnet bench workload"),
        "{trouble}"
    );
}

#[test]
fn auctions_and_settlements_are_measured_on_markets_that_trade() {
    let figures = auction::measure(1_000, 1, 1);
    assert!(figures.fills > 300 && figures.volume > 0, "{figures:?}");
    let figures = settlement::measure(60, 1_000, 1, 1).unwrap();
    assert!(figures.fills > 300 && figures.postings > 60, "{figures:?}");
}

/// The measurement itself compares each root with that of the content.
#[test]
fn a_root_after_changes_is_measured_on_states_of_each_size() {
    for rows in [1, 2, 1_000] {
        let figures = root::measure(rows, 50, 3, 7);
        assert_eq!((figures.rows, figures.changed), (rows, 50));
        assert!(figures.update_us > 0.0 && figures.whole_us > 0.0);
    }
}

#[test]
fn joint_auctions_are_measured_on_days_that_keep_some_bundles_and_lose_some() {
    let figures = joint::measure(2_000, 64, 1, 1);
    assert!(
        figures.accepted > 0 && figures.accepted < figures.bundles,
        "{figures:?}"
    );
    assert_eq!(figures.rounds, figures.bundles - figures.accepted + 1);
    assert!(figures.volume > 0, "{figures:?}");
    let output = run(&[
        "joint",
        "--orders",
        "2000",
        "--passes",
        "1",
        "--bundles",
        "8",
    ]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("of 8 bundles accepted"), "{shown}");
    assert_eq!(run(&["joint", "--bundles", "65"]).status.code(), Some(2));
}
