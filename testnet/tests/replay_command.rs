//! `wattle-testnet replay` as a program: output and exit codes.

use std::path::PathBuf;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wattle-testnet"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A file of this test binary's own folder, with this content.
fn data_file(name: &str, content: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn the_bundled_day_ends_with_pass() {
    let output = run(&["replay"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("rolling-mill") && shown.contains("Carbon avoided"),
        "{shown}"
    );
    let last = shown.lines().last().unwrap();
    assert_eq!(last, "PASS 96 intervals settled, every invariant held");
}

#[test]
fn the_same_days_give_the_same_bytes() {
    let arguments = ["replay", "--from", "2016-01-12", "--days", "2"];
    let (first, second) = (run(&arguments), run(&arguments));
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(first.stdout, second.stdout);
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_do() {
    let malformed = data_file(
        "malformed.csv",
        "participant,building,meter,interval_start,watt_hours\n\
         mill,North,load,2016-07-08T00:00:00+08:00,1000\n\
         mill,North,load,2016-07-08T00:15:00+08:00,nan\n",
    );
    let malformed = malformed.to_str().unwrap();
    let rows: [(&[&str], &str); 8] = [
        (
            &["replay", "--data", malformed],
            "line 3: watt_hours \"nan\" is not a whole number",
        ),
        (
            &["replay", "--data", "no-such-file.csv"],
            "cannot read the data file no-such-file.csv",
        ),
        (&["replay", "--days", "0"], "--days"),
        (
            &["replay", "--days", "9"],
            "it can settle 2016-01-12 to 2016-01-17 and",
        ),
        (
            &["replay", "--from", "2016-07-01"],
            "it can settle 2016-01-12 to 2016-01-17 and",
        ),
        (&["replay", "--from", "yesterday"], "--from"),
        (&["replay", "--unknown"], "--unknown"),
        (&[], "Usage"),
    ];
    for (arguments, words) in rows {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(words),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stdout), "", "{arguments:?} starts nothing");
    }
}

#[test]
fn a_data_file_with_flaws_runs_and_shows_them() {
    let mut content = "participant,building,meter,interval_start,watt_hours\r\n".to_owned();
    for day in [8, 9] {
        for quarter in 0..96 {
            let (hour, minute) = (quarter / 4, quarter % 4 * 15);
            let at = format!("2016-07-{day:02}T{hour:02}:{minute:02}:00+08:00");
            let sun = if (28..68).contains(&quarter) {
                9_000
            } else {
                -3
            };
            content += &format!("mill,North,load,{at},7000\r\nroof,South,pv,{at},{sun}\r\n");
        }
    }
    content += "mill,North,load,2016-07-09T10:00:00+08:00,1\r\n";
    let path = data_file("flaws.csv", &content);
    let output = run(&["replay", "--data", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("-3 Wh at 2016-07-08 00:00 taken as 0"),
        "{shown}"
    );
    assert!(shown.contains("flag: and 93 more"), "{shown}");
    assert!(
        shown
            .lines()
            .last()
            .unwrap()
            .starts_with("PASS 96 intervals"),
        "{shown}"
    );
}
