//! `log cut`, and `log verify` where not everything is read from the genesis on.

use std::fs;
use std::path::{Path, PathBuf};

use wattle_ledger::entry::Entry;

use super::day::Day;
use super::program::{Ended, wattle};

/// A closed month's export, and a shorter one of the same log that ends with a seal.
struct Desk {
    folder: tempfile::TempDir,
    day: Day,
    /// Entries of the shorter one.
    seal: usize,
}

impl Desk {
    fn prepare() -> Desk {
        let day = Day::closed();
        let is_seal = |leaf: &Vec<u8>| matches!(Entry::decode(leaf), Ok(Entry::Seal { .. }));
        let half = day.leaves.len() / 2;
        let seal = 1 + day.leaves[..half].iter().rposition(is_seal).unwrap();
        assert!(seal > 512, "{seal}");
        let folder = tempfile::tempdir().unwrap();
        day.write(&day.leaves, &folder.path().join("export"));
        day.write(&day.leaves[..seal], &folder.path().join("earlier"));
        let policy = day.genesis.policy().to_string();
        fs::write(folder.path().join("policy"), policy).unwrap();
        Desk { folder, day, seal }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self, command: &str, export: &str, words: &[&str]) -> Ended {
        let (export, policy) = (self.path(export), self.path("policy"));
        let mut all = vec!["log", command, text(&export), "--policy", text(&policy)];
        all.extend(words);
        wattle(&self.path("unused"), &all)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn line<'a>(ended: &'a Ended, claim: &str) -> &'a str {
    let line = ended.stdout.lines().find(|line| line.starts_with(claim));
    line.unwrap_or_else(|| panic!("no {claim} in {ended:?}"))
}

#[test]
fn part_of_an_export_is_cut_verified_and_compared_with_what_was_kept() {
    let desk = Desk::prepare();
    let (part, seal) = (desk.path("part"), desk.seal.to_string());
    let after = (desk.seal + 1).to_string();
    let words = ["--after", &after, "--out", text(&part)];
    let made = desk.log("cut", "export", &words).succeeded();
    let said = format!("wrote entries {seal} to {}", desk.day.leaves.len());
    assert!(made.stdout.starts_with(&said), "{made:?}");
    desk.log("cut", "export", &words)
        .failed(1, "exists already");

    let ended = desk.log("verify", "part", &[]).succeeded();
    let history = line(&ended, "history");
    assert!(history.contains("not checked: entries 0 to"), "{history}");
    let from = format!("verified from entry {seal} on");
    assert!(ended.stdout.contains(&from), "{ended:?}");
    assert!(line(&ended, "replay").ends_with("  ok"));

    let kept = desk.path("earlier/checkpoint");
    let ended = desk
        .log("verify", "part", &["--earlier", text(&kept)])
        .succeeded();
    assert!(
        line(&ended, "history").contains("ok: the log continues"),
        "{ended:?}"
    );
    let other = desk.path("export/checkpoint");
    let ended = desk.log("verify", "part", &["--earlier", text(&other)]);
    let ended = ended.failed(5, "history");
    assert!(line(&ended, "history").contains("FAILED"), "{ended:?}");

    // What needs the whole log says so.
    let (export, policy) = (text(&part).to_owned(), desk.path("policy"));
    let words = [
        "carbon",
        "report",
        "--export",
        &export,
        "--policy",
        text(&policy),
    ];
    wattle(&desk.path("unused"), &words).failed(1, "begins later than its log");

    // A byte of the state, and nothing is believed.
    let state = part.join("state/00000");
    let mut bytes = fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&state, bytes).unwrap();
    let ended = desk.log("verify", "part", &[]).failed(5, "does not verify");
    assert!(line(&ended, "form").contains("FAILED"), "{ended:?}");
    assert!(
        line(&ended, "settlement").contains("not checked"),
        "{ended:?}"
    );
}

#[test]
fn month_is_cut_before_its_first_interval() {
    let desk = Desk::prepare();
    let part = desk.path("august");
    let words = ["--month", "2026-08", "--out", text(&part), "--json"];
    let made = desk.log("cut", "export", &words).succeeded().json();
    let from = made["from"].as_u64().unwrap();
    assert!(from > desk.seal as u64 && from < desk.day.leaves.len() as u64);
    desk.log("verify", "august", &[]).succeeded();
    let words = ["--month", "2026-06", "--out", text(&part)];
    desk.log("cut", "export", &words)
        .failed(1, "no seal so early");
    desk.log("cut", "export", &["--out", text(&part)])
        .failed(2, "--month");
    // Of an export that does not verify nothing is passed on.
    let tile = desk.path("export/tile/0/000");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[700] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let none = desk.path("none");
    let words = ["--after", "600", "--out", text(&none)];
    desk.log("cut", "export", &words)
        .failed(5, "does not verify");
    let left: Vec<_> = fs::read_dir(desk.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 4, "{left:?}");
}

#[test]
fn verification_goes_on_where_the_last_one_ended() {
    let desk = Desk::prepare();
    let kept = desk.path("kept");
    let resume = ["--resume", text(&kept)];
    let first = desk.log("verify", "earlier", &resume).succeeded();
    assert!(!first.stdout.contains("history"), "{first:?}");
    let before = fs::read(&kept).unwrap();

    // The old leaves are not read again: without their bundles nothing lacks.
    for bundle in 0..desk.seal / 256 {
        fs::remove_file(desk.path(&format!("export/tile/entries/{bundle:03}"))).unwrap();
    }
    let second = desk.log("verify", "export", &resume).succeeded();
    assert!(
        line(&second, "history").contains("not read again"),
        "{second:?}"
    );
    assert!(second.stdout.contains("verified from entry"), "{second:?}");
    let after = fs::read(&kept).unwrap();
    assert_ne!(before, after);

    // An older copy, and another park's log; the file stays as it is.
    let older = desk.log("verify", "earlier", &resume).failed(5, "history");
    assert!(older.stdout.contains("an older copy"), "{older:?}");
    let strange = super::parks::Park::founded();
    let export = strange.export("export");
    let policy = strange.path("park/policy");
    let words = [
        "log",
        "verify",
        text(&export),
        "--policy",
        text(&policy),
        resume[0],
        resume[1],
    ];
    let other = wattle(&desk.path("unused"), &words).failed(5, "history");
    assert!(other.stdout.contains("which is another log"), "{other:?}");
    assert_eq!(fs::read(&kept).unwrap(), after);

    // The same log with another beginning.
    let mut leaves = desk.day.leaves.clone();
    leaves.remove(1);
    desk.day.write(&leaves, &desk.path("forked"));
    let forked = desk
        .log("verify", "forked", &resume)
        .failed(5, "does not verify");
    assert!(line(&forked, "history").contains("FAILED"), "{forked:?}");

    fs::write(&kept, b"something else").unwrap();
    desk.log("verify", "earlier", &resume)
        .failed(1, "no file of an earlier verification");
}
