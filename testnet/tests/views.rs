//! Each participant's view of parks in which all kinds of rules are at work.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use wattle_ledger::entry::Entry;
use wattle_ledger::log::Policy;
use wattle_ledger::verify::claim::Status;
use wattle_ledger::verify::view::{ViewEntries, verify_view};
use wattle_ledger::view::{Registry, gather, make};
use wattle_testnet::doctor::Files;
use wattle_testnet::scenario::play;

fn registry(files: &Files) -> Registry {
    gather(files).unwrap()
}

/// Views of everybody in a scenario's park: each holds, holds exactly what concerns its
/// participant, and nothing of anybody else.
fn check_views(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    let (_, mut park) = play(&text).unwrap();
    let recording = park.recording();
    let policy = Policy::parse(&recording.genesis().policy().to_string()).unwrap();
    let files = Files(recording.files());
    let registry = registry(&files);
    let mut views = 0;
    for (participant, _) in registry.participants() {
        let mut view = Files(BTreeMap::new());
        let made = make(&files, participant, &mut |_| {}, &mut |path, bytes| {
            view.0.insert(path.to_owned(), bytes.to_vec());
            Ok(())
        });
        let made = made.unwrap();
        let report = verify_view(&view, &policy, &mut |_| {});
        assert!(
            report.holds(),
            "{}: {:#?}",
            path.display(),
            report.report.claims
        );
        assert!(
            !report.report.is_ok(),
            "a view does not pass for a whole export"
        );
        let unchecked = report.report.claims.iter();
        let unchecked = unchecked
            .filter(|finding| finding.status == Status::NotChecked)
            .count();
        assert_eq!(unchecked, 6);
        assert_eq!(report.report.not_covered, Vec::<String>::new());
        let entries: Vec<_> = ViewEntries::open(&view)
            .unwrap()
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(entries.len() as u64, made.header.leaves);
        let expected = recording.leaves().iter().enumerate().filter(|(_, leaf)| {
            registry
                .whose(&Entry::decode(leaf).unwrap())
                .includes(participant)
        });
        for ((index, leaf), entry) in expected.zip(&entries) {
            assert_eq!((index as u64, leaf), (entry.index, &entry.entry.encode()));
            if let Entry::Derived {
                participant: Some(of),
                ..
            } = &entry.entry
            {
                assert_eq!(*of, participant);
            }
        }
        views += 1;
    }
    views
}

#[test]
fn everybody_s_view_holds_whatever_rules_are_at_work() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
    let mut views = 0;
    for entry in fs::read_dir(folder).unwrap() {
        views += check_views(&entry.unwrap().path());
    }
    assert!(views > 30, "{views}");
}
