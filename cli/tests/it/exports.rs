//! Exports for each reader: views, tables, and copies from plain folders and file servers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use wattle_ledger::entry::Entry;
use wattle_ledger::log::Policy;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::claim::Report;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;

use super::day::{Day, FIRST};
use super::program::{Ended, wattle};

/// The day of a closed month with its export and its policy on disk.
struct Fixture {
    folder: tempfile::TempDir,
    day: Day,
}

fn closed() -> &'static Fixture {
    static DAY: OnceLock<Fixture> = OnceLock::new();
    DAY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let day = Day::closed();
        day.write(&day.leaves, &folder.path().join("export"));
        let policy = day.genesis.policy().to_string();
        fs::write(folder.path().join("policy"), policy).unwrap();
        Fixture { folder, day }
    })
}

impl Fixture {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a line of words; those that begin with `@` are paths below the folder.
    fn run(&self, line: &str) -> Ended {
        let word = |word: &str| match word.strip_prefix('@') {
            Some(name) => self.path(name).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        };
        let words: Vec<String> = line.split_whitespace().map(word).collect();
        wattle(&self.path("unused"), &words)
    }

    fn report(&self) -> Report {
        let policy = Policy::parse(&self.day.genesis.policy().to_string()).unwrap();
        verify(&Directory::new(self.path("export")), &policy, &mut |_| {})
    }

    /// A table's rows by the names of their columns.
    fn rows(&self, path: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::Reader::from_path(self.path(path)).unwrap();
        let rows = reader.deserialize::<BTreeMap<String, String>>();
        rows.map(Result::unwrap).collect()
    }
}

/// A decimal as a whole number of its last place.
fn whole(text: &str) -> i128 {
    text.replace('.', "").parse().unwrap()
}

#[test]
fn a_view_is_made_verified_and_has_tables() {
    let it = closed();
    let made = "log view @export --policy @policy --participant tenant-2 --out @view --json";
    let made = it.run(made).succeeded().json();
    assert_eq!(made["participant"], 2);
    assert!(made["leaves"].as_u64().unwrap() < made["size"].as_u64().unwrap());
    it.run("log view @export --policy @policy --participant 2 --out @view")
        .failed(1, "exists already");
    it.run("log view @export --policy @policy --participant nobody --out @no")
        .failed(2, "no participant is called");

    let ended = it
        .run("log verify @view --policy @policy --view")
        .succeeded();
    for (claim, status) in [
        ("bytes to root", "ok"),
        ("sequences", "ok"),
        ("author signatures", "ok"),
        (
            "replay",
            "not checked: a view has no leaves of other participants",
        ),
    ] {
        let line = format!("{claim:<17}  {status}");
        assert!(ended.stdout.lines().any(|one| one == line), "{ended:?}");
    }
    assert!(
        ended.stdout.contains("view of tenant-2 (participant 2)"),
        "{ended:?}"
    );
    it.run("log verify @view --policy @policy")
        .failed(5, "is one participant's view");
    it.run("log verify @export --policy @policy --view")
        .failed(5, "no file `view`");
    let found = it
        .run("log verify @view --policy @policy --view --json")
        .succeeded()
        .json();
    let report = it.report();
    let sums = &report.summary.participants[&ParticipantId(2)];
    assert_eq!(found["sums"], serde_json::to_value(sums).unwrap());
    assert!(
        found["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["role"] == "tenant 2")
    );

    it.run("log tables @view --policy @policy --out @own-tables")
        .succeeded();
    it.run("log tables @export --policy @policy --out @all-tables")
        .succeeded();
    for table in ["trades", "orders", "settlements", "readings"] {
        let mut all = it.rows(&format!("all-tables/{table}.csv"));
        all.retain(|row| row["participant"] == "2");
        assert_eq!(it.rows(&format!("own-tables/{table}.csv")), all, "{table}");
        assert!(!all.is_empty(), "{table}");
    }
    it.run("what-if --export @view --policy @policy")
        .failed(2, "one participant's view");
    it.run("log view @view --policy @policy --participant 2 --out @no")
        .failed(2, "itself a view");
}

#[test]
fn a_view_that_was_tampered_with_is_found_out() {
    let it = closed();
    it.run("log view @export --policy @policy --participant 1 --out @tampered")
        .succeeded();
    let part = it.path("tampered/own/0");
    let honest = fs::read(&part).unwrap();
    let mut changed = honest.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(&part, &changed).unwrap();
    it.run("log verify @tampered --policy @policy --view")
        .failed(5, "bytes to root");
    it.run("log tables @tampered --policy @policy --out @none")
        .failed(5, "does not verify");
    fs::write(&part, &honest[..last]).unwrap();
    it.run("log verify @tampered --policy @policy --view")
        .failed(5, "form");
    fs::write(&part, &honest).unwrap();
    let tile = it.path("tampered/tile/0/000");
    let mut hashes = fs::read(&tile).unwrap();
    hashes[77] ^= 1;
    fs::write(&tile, hashes).unwrap();
    it.run("log verify @tampered --policy @policy --view")
        .failed(5, "bytes to root");
}

#[test]
fn tables_sum_to_what_the_verifier_sums() {
    let it = closed();
    let written = it.run("log tables @export --policy @policy --out @tables --json");
    let written = written.succeeded().json();
    assert_eq!(written["is_verified"], Value::Bool(true));
    let report = it.report();
    let summary = &report.summary;

    let postings = it.rows("tables/postings.csv");
    let mut balances: BTreeMap<String, i128> = BTreeMap::new();
    let mut intervals: BTreeMap<(String, String), i128> = BTreeMap::new();
    for row in &postings {
        let amount = whole(&row["amount_cny"]);
        if row["account"] == "participant" {
            *balances.entry(row["participant"].clone()).or_default() += amount;
        }
        if !row["interval"].is_empty() {
            let key = (row["interval"].clone(), row["run"].clone());
            *intervals.entry(key).or_default() += amount;
        }
    }
    for (id, sums) in &summary.participants {
        let balance = i128::from(sums.credit.0) + i128::from(sums.funds.0);
        assert_eq!(balances[&id.0.to_string()], balance, "participant {id}");
    }
    assert!(intervals.len() > 100);
    assert!(
        intervals.values().all(|sum| *sum == 0),
        "each run of each interval sums to zero"
    );

    let trades = it.rows("tables/trades.csv");
    let volume: i128 = summary
        .clearings
        .iter()
        .map(|one| i128::from(one.volume.0))
        .sum();
    for side in ["sell", "buy"] {
        let legs = trades.iter().filter(|row| row["side"] == side);
        let sum: i128 = legs.map(|row| whole(&row["quantity_kwh"])).sum();
        assert_eq!(sum, volume, "{side}");
    }
    let cash: i128 = trades.iter().map(|row| whole(&row["amount_cny"])).sum();
    assert_eq!(cash, 0, "what buyers pay sellers get");
    for row in &trades {
        let amount = whole(&row["quantity_kwh"]) * whole(&row["price_cny_per_kwh"]);
        assert_eq!(whole(&row["amount_cny"]).abs(), amount);
    }

    let settlements = it.rows("tables/settlements.csv");
    let mut credit = 0;
    for row in &settlements {
        credit += whole(&row["credit_cny"]);
        if row["run"] == "final" {
            credit -= whole(&row["credit_before_cny"]);
        }
    }
    let expected: i128 = summary
        .participants
        .values()
        .map(|sums| i128::from(sums.credit.0))
        .sum();
    assert_eq!(credit, expected);
    let first = &settlements[0];
    assert_eq!(first["start_local"], "2026-07-01T00:00:00+08:00");
    assert_eq!(first["start_utc"], "2026-06-30T16:00:00Z");
    assert_eq!(first["interval"], FIRST.0.to_string());

    let certificates = it.rows("tables/certificates.csv");
    let issued = certificates
        .iter()
        .filter(|row| row["what"] == "certificate_issued")
        .count();
    assert_eq!(issued as u64, summary.entries["certificate_issued"]);
}

#[test]
fn rows_are_at_the_entries_that_they_name() {
    let it = closed();
    it.run("log tables @export --policy @policy --out @named")
        .succeeded();
    let text = fs::read_to_string(it.path("named/readings.csv")).unwrap();
    let header = "entry,item,recorded_utc,interval,end_local,end_utc,meter,meter_kind,point,\
                  participant,participant_name,register_kwh,by,outcome,reason\r\n";
    assert!(text.starts_with(header), "{}", &text[..300]);
    assert_eq!(text.matches("entry,").count(), 1, "one header line");
    for (table, kinds) in [
        ("readings", &["event"][..]),
        ("orders", &["event"]),
        ("trades", &["order_closed"]),
        ("settlements", &["point_settled", "point_adjusted"]),
    ] {
        for row in it.rows(&format!("named/{table}.csv")) {
            let place: usize = row["entry"].parse().unwrap();
            let kind = Entry::decode(&it.day.leaves[place]).unwrap().kind();
            assert!(kinds.contains(&kind), "{table} {place}: {kind}");
        }
    }
    let readings = it.rows("named/readings.csv");
    let corrected: Vec<_> = readings
        .iter()
        .filter(|row| row["by"] == "registrar")
        .collect();
    let [corrected] = corrected[..] else {
        panic!("{corrected:?}")
    };
    assert_eq!(corrected["reason"], "read by hand");
    assert_eq!(
        (&*corrected["meter"], &*corrected["meter_kind"]),
        ("4", "generation")
    );
    let orders = it.rows("named/orders.csv");
    let zero = orders
        .iter()
        .find(|row| row["quantity_kwh"] == "0.000")
        .unwrap();
    assert_eq!(zero["outcome"], "quantity_zero");
    assert!(
        orders
            .iter()
            .any(|row| row["action"] == "cancel" && row["outcome"] == "done")
    );
}

#[test]
fn tables_of_what_does_not_verify_are_only_made_on_trust() {
    let it = closed();
    let mut leaves = it.day.leaves.clone();
    let last = leaves.len() - 1;
    leaves[last][5] ^= 1;
    it.day.write(&leaves, &it.path("forged"));
    it.run("log tables @forged --policy @policy --out @forged-tables")
        .failed(5, "does not verify");
    assert!(!it.path("forged-tables").exists());
    let ended = it
        .run("log tables @forged --trust --out @forged-tables")
        .succeeded();
    assert!(ended.stdout.contains("NOT VERIFIED"), "{ended:?}");
    assert!(ended.stderr.contains("NOT VERIFIED"), "{ended:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// Ends of the log at its seals, the last first.
fn seals(leaves: &[Vec<u8>]) -> Vec<usize> {
    let is_seal = |leaf: &Vec<u8>| matches!(Entry::decode(leaf), Ok(Entry::Seal { .. }));
    let places = (0..leaves.len())
        .rev()
        .filter(|place| is_seal(&leaves[*place]));
    places.map(|place| place + 1).collect()
}

#[test]
fn a_copy_made_in_the_wrong_order_gives_its_newest_whole_export() {
    let it = closed();
    let sizes = seals(&it.day.leaves);
    let (newest, older) = (sizes[0], sizes[1]);
    // As a node's folder: files of the older size, the newer full ones, and kept checkpoints.
    it.day.write(&it.day.leaves[..older], &it.path("older"));
    copy(&it.path("older"), &it.path("mixed"));
    let kept = it.path("mixed/checkpoints");
    fs::create_dir_all(&kept).unwrap();
    fs::copy(it.path("older/checkpoint"), kept.join(older.to_string())).unwrap();
    fs::copy(it.path("export/checkpoint"), it.path("mixed/checkpoint")).unwrap();
    fs::copy(it.path("export/checkpoint"), kept.join(newest.to_string())).unwrap();
    it.run("log verify @mixed --policy @policy")
        .failed(5, "is missing");
    let copied = it
        .run("log export --from @mixed --out @whole --json")
        .succeeded()
        .json();
    assert_eq!(copied["size"], older);
    it.run("log verify @whole --policy @policy").succeeded();

    // With all files of the newer size, the older ones do not disturb.
    copy(&it.path("export"), &it.path("mixed"));
    fs::write(it.path("mixed/checkpoint.tmp"), "half").unwrap();
    let ended = it.run("log verify @mixed --policy @policy").succeeded();
    assert!(
        ended.stdout.contains("of other sizes of the log"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("checkpoint.tmp"), "{ended:?}");
    let copied = it
        .run("log export --from @mixed --out @newest --json")
        .succeeded()
        .json();
    assert_eq!(copied["size"], newest);
    it.run("log export --from @mixed --out @newest")
        .failed(1, "exists already");
    it.run("log export --from @nothing --out @none")
        .failed(1, "checkpoint is missing");
}

/// Serves the files of a folder, one answer a connection, as any file server would.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(&folder, stream);
        }
    });
    url
}

fn answer(folder: &Path, mut stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (status, body) = match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", b"no such file".to_vec()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

#[test]
fn any_file_server_gives_an_export() {
    let it = closed();
    copy(&it.path("export"), &it.path("served"));
    // A partial bundle may be gone once the full one is there.
    let url = serve(it.path("served"));
    let line = format!("log export --from {url} --out @fetched");
    it.run(&line).succeeded();
    it.run("log verify @fetched --policy @policy").succeeded();
    fs::remove_file(it.path("served/tile/entries/000")).unwrap();
    let line = format!("log export --from {url} --out @lacking");
    it.run(&line).failed(1, "tile/entries/000");
    let line = format!("log export --from {url}/elsewhere --out @lacking");
    it.run(&line)
        .failed(1, "is a file server's address of the folder");
    let line = format!("log export --from {url} --url {url} --out @lacking");
    it.run(&line).failed(2, "cannot be used with");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_tables_are_written() {
    let it = closed();
    let line = "log tables @export --policy @policy --format parquet --out @parquet --json";
    let written = it.run(line).succeeded().json();
    for (table, rows) in written["rows"].as_object().unwrap() {
        let bytes = fs::read(it.path(&format!("parquet/{table}.parquet"))).unwrap();
        assert!(
            bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"),
            "{table}"
        );
        assert!(rows.as_u64().unwrap() > 0, "{table}");
    }
}
