//! `log verify`: sound exports pass, others exit with 5 and say where.

use std::fs;
use std::path::Path;

use wattle_ledger::log::policy::Policy;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify as verify_export;

use super::parks::Park;
use super::program::{Ended, wattle};

const CLAIMS: [&str; 14] = [
    "form",
    "bytes to root",
    "tiles",
    "log signatures",
    "quorum",
    "author signatures",
    "sequences",
    "key validity",
    "replay",
    "trades",
    "settlement",
    "journal",
    "energy balance",
    "certificates",
];

fn verify(park: &Park, export: &Path, extra: &[&str]) -> Ended {
    verify_by(park, export, &park.path("park/policy"), extra)
}

fn verify_by(park: &Park, export: &Path, policy: &Path, extra: &[&str]) -> Ended {
    let words = [
        "log",
        "verify",
        export.to_str().unwrap(),
        "--policy",
        policy.to_str().unwrap(),
    ];
    let words: Vec<&str> = words.iter().chain(extra).copied().collect();
    wattle(&park.path("unused"), &words)
}

#[test]
fn sound_export_verifies_claim_by_claim() {
    let park = Park::founded();
    let export = park.export("export");
    fs::write(export.join("note-to-self"), "hello").unwrap();
    let ended = verify(&park, &export, &[]).succeeded();
    for claim in CLAIMS {
        let line = ended
            .stdout
            .lines()
            .find(|line| line.starts_with(claim))
            .unwrap();
        assert!(line.ends_with("  ok"), "{line}");
    }
    assert!(ended.stdout.contains(&park.genesis.origin()), "{ended:?}");
    assert!(
        ended.stdout.contains("were not read:\n  note-to-self"),
        "{ended:?}"
    );
    assert!(
        !park.path("unused").exists(),
        "verification is offline and keeps nothing"
    );

    let claims = verify(&park, &export, &["--json"]).succeeded().json();
    let claims = claims.as_array().unwrap();
    assert_eq!(claims.len(), CLAIMS.len());
    for (finding, name) in claims.iter().zip(CLAIMS) {
        let expected = serde_json::json!(
            {"claim": name, "status": "ok", "entry": null, "reason": ""}
        );
        assert_eq!(*finding, expected);
    }
}

#[test]
fn truncated_export_fails_with_5_and_says_what_is_missing() {
    let park = Park::founded();
    let export = park.export("export");
    let bundle = export.join("tile/entries/000.p/4");
    let bytes = fs::read(&bundle).unwrap();
    fs::write(&bundle, &bytes[..bytes.len() - 1]).unwrap();
    let ended = verify(&park, &export, &[]).failed(5, "does not verify");
    assert!(
        ended.stdout.contains("form               FAILED"),
        "{ended:?}"
    );
    assert!(ended.stdout.contains("not checked: "), "{ended:?}");

    fs::remove_file(&bundle).unwrap();
    let ended = verify(&park, &export, &["--json"]).failed(5, "is missing");
    let statuses: Vec<String> = ended
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["status"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(statuses[0], "FAILED", "{statuses:?}");
    assert!(statuses.contains(&"not checked".to_owned()), "{statuses:?}");

    fs::remove_file(export.join("checkpoint")).unwrap();
    verify(&park, &export, &[]).failed(5, "there is no file `checkpoint`");
}

#[test]
fn export_of_another_park_fails_with_5() {
    let (park, other) = (Park::founded(), Park::founded());
    let export = park.export("export");
    let policy = other.path("park/policy");
    let ended = verify_by(&park, &export, &policy, &[]).failed(5, "does not verify");
    assert!(
        ended.stdout.contains("quorum             FAILED"),
        "{ended:?}"
    );
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let park = Park::founded();
    let export = park.export("export");
    verify_by(&park, &export, &park.path("park/genesis"), &[]).failed(1, "park/genesis");
    verify_by(&park, &export, &park.path("nothing"), &[]).failed(1, "cannot read");
    verify(&park, &park.path("nothing"), &[]).failed(1, "cannot read the export");
    let words = ["log", "policy", "--genesis"];
    let policy = park.path("park/policy");
    let words: Vec<&str> = words.into_iter().chain(policy.to_str()).collect();
    wattle(&park.path("unused"), &words).failed(1, "is not a genesis");
}

#[test]
fn day_of_a_closed_month_verifies() {
    let day = super::day::Day::closed();
    let folder = tempfile::tempdir().unwrap();
    day.write(&day.leaves, folder.path());
    let policy = Policy::parse(&day.genesis.policy().to_string()).unwrap();
    let report = verify_export(&Directory::new(folder.path()), &policy, &mut |_| {});
    assert!(report.is_ok());
    assert_eq!(report.summary.closed_months, [(2026, 7)]);
    assert!(
        report.summary.adjusted.len() > 20,
        "{:?}",
        report.summary.adjusted
    );
}
