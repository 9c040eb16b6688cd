//! Every scenario file comes out as written, and a wrong one is told where and why.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use wattle_ledger::derived::Fact;
use wattle_ledger::verify::explain::explain;
use wattle_ledger::verify::what_if::{Change, Period, what_if};
use wattle_testnet::doctor::Files;
use wattle_testnet::scenario::{Wrong, play, run};

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_scenario_comes_out_as_written() {
    let files = files();
    assert!(files.len() >= 12, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        match run(&text) {
            Ok(passed) => assert!(passed.checks > 10, "{}: {passed:?}", file.display()),
            Err(failed) => panic!("{}:{failed}", file.display()),
        }
    }
}

#[test]
fn changed_figure_of_a_scenario_is_found() {
    let text = fs::read_to_string(&files()[0]).unwrap();
    let mut found = 0;
    for (place, line) in text.lines().enumerate() {
        let verb = line.split_whitespace().next().unwrap_or_default();
        if !["posted", "credit", "balance", "clear", "filled", "energy"].contains(&verb) {
            continue;
        }
        let cents = line.rfind(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        let at = cents.unwrap();
        let other = if line.as_bytes()[at] == b'7' {
            '8'
        } else {
            '7'
        };
        let changed: String = line
            .char_indices()
            .map(|(index, character)| if index == at { other } else { character })
            .collect();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[place] = &changed;
        let failed = run(&lines.join("\n")).unwrap_err();
        assert_eq!(failed.line, place + 1, "{failed}");
        assert!(matches!(failed.wrong, Wrong::Unexpected { .. }), "{failed}");
        found += 1;
    }
    assert!(found > 10, "{found}");
}

#[test]
fn wrong_statement_is_told_with_line_expectation_and_finding() {
    let park = "tenant alice\npoint a1 alice\n";
    for (line, told) in [
        (
            "dance",
            "3: dance: cannot be read: \"dance\" is no statement",
        ),
        (
            "order s1 a1 sell 10 @ 0.5",
            "\"10\" is no energy for the quantity",
        ),
        (
            "order s1 a1 sell 1kWh 0.5",
            "\"@\" must stand where \"0.5\" does",
        ),
        ("order s1 b1 sell 1kWh @ 0.5", "there is no point \"b1\""),
        (
            "order s1 a1 sell 1kWh @ 0.5 rejected gate_shut",
            "is no refusal",
        ),
        (
            "order s1 a1 sell 1kWh @ 0.5 rejected gate_closed",
            "expected rejected gate_closed, found accepted",
        ),
        (
            "order s1 a1 sell 0kWh @ 0.5",
            "expected accepted, found rejected quantity_zero",
        ),
        (
            "clear 1kWh @ 0.5",
            "expected 1.000 kWh at 0.500000 CNY/kWh, found no orders",
        ),
        (
            "balance alice 1",
            "expected 1.000000000 CNY, found 1000.000000000 CNY",
        ),
        ("time 2026-06-01T00:00", "park time does not go back"),
        ("park retail 0.9", "the park has begun"),
        ("interval 00:05", ":15"),
    ] {
        let failed = match run(&format!("{park}{line}\n")) {
            Ok(passed) => panic!("{line}: {passed:?}"),
            Err(failed) => failed.to_string(),
        };
        assert!(failed.contains(told), "{failed}");
        assert!(failed.starts_with("3: "), "{failed}");
    }
}

#[test]
fn command_names_file_and_line_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (
        folder.path().join("right.txt"),
        folder.path().join("wrong.txt"),
    );
    fs::write(&right, "tenant alice\nbalance alice 1000 # as deposited\n").unwrap();
    fs::write(&wrong, "# nothing yet\ntenant alice\n\nbalance alice 999\n").unwrap();
    let command = |files: &[&PathBuf]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattle-testnet"));
        command.arg("scenario").args(files).output().unwrap()
    };
    let output = command(&[&right]);
    assert!(output.status.success(), "{output:?}");
    let output = command(&[&right, &wrong]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("PASS "), "{text}");
    let told = format!(
        "FAIL {}:4: balance alice 999: expected 999",
        wrong.display()
    );
    assert!(text.contains(&told), "{text}");
    let output = command(&[&folder.path().join("nowhere.txt")]);
    assert_eq!(output.status.code(), Some(2));
}

/// Whatever the rules did, it can be taken apart again from signed readings and orders, and settled
/// again on the figures of the last run.
#[test]
fn every_settled_interval_of_every_scenario_is_explained() {
    let (mut explained, mut adjusted) = (0, 0);
    for file in files() {
        let (_, mut park) = play(&fs::read_to_string(&file).unwrap()).unwrap();
        let recording = Files(park.recording().files());
        let settled: BTreeSet<_> = park
            .facts()
            .iter()
            .filter_map(|told| match told.fact {
                Fact::PointSettled {
                    interval, point, ..
                } => Some((interval, point)),
                _ => None,
            })
            .collect();
        // A long time after what is told of nothing happens.
        for (interval, point) in settled.into_iter().take(40) {
            let of = explain(&recording, point, interval).unwrap();
            let none = Vec::<String>::new();
            assert_eq!(
                of.differences,
                none,
                "{} {point} {interval}",
                file.display()
            );
            explained += 1;
            adjusted += usize::from(of.adjustment.is_some());
        }
        let again = what_if(
            &recording,
            &Change::default(),
            Period::default(),
            &mut |_| {},
        );
        let again = again.unwrap();
        assert!(
            again
                .participants
                .values()
                .all(|row| row.settled == row.what_if)
        );
    }
    assert!(explained > 50 && adjusted >= 2, "{explained} {adjusted}");
}
