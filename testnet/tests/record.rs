//! A recorded export is verified, and agrees with the settlement of the market alone.

use std::path::Path;
use std::time::Duration;
use wattle_testnet::audit::audit;
use wattle_testnet::bench;
use wattle_testnet::datasets;
use wattle_testnet::keyring::Keyring;
use wattle_testnet::node_start::{Source, measure};
use wattle_testnet::record::record;
use wattle_testnet::replay::{ParkPrices, replay};
use wattle_testnet::script::Lists;

#[test]
fn a_recording_verifies_and_agrees_with_the_replay_to_the_nano_yuan() {
    let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1).unwrap();
    let prices = ParkPrices::bundled();
    let out = tempfile::tempdir().unwrap();
    record(
        &profile,
        &prices,
        &Keyring::from_seed([3; 32]),
        Lists::default(),
        out.path(),
    )
    .unwrap();
    let (export, policy) = (out.path().join("export"), out.path().join("policy"));
    let audit = audit(&export, &policy, &mut |_| {}).unwrap();
    assert!(audit.verified, "{:#?}", audit.claims);
    assert_eq!(audit.intervals, 96);
    let report = replay(&profile, &prices).unwrap();
    assert_eq!(
        audit.total_money(|tenant| tenant.paid_ncny),
        report.total_money(|point| point.paid)
    );
    assert_eq!(
        audit.total_money(|tenant| tenant.grid_alone_ncny),
        report.total_money(|point| point.grid_alone)
    );
    assert_eq!(
        audit.total(|tenant| tenant.generated_wh),
        report.total(|point| point.generated)
    );
    assert_eq!(
        audit.total(|tenant| tenant.imported_wh),
        report.total(|point| point.grid_import)
    );
    assert_eq!(
        audit.auction_volume_wh,
        report.total(|point| point.sold_forward).0
    );
    assert!(audit.auction_volume_wh > 0 && audit.pool_volume_wh > 0);
}

#[test]
fn a_recording_is_replayed_as_an_own_log_and_a_node_starts_on_it() {
    let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1).unwrap();
    let (prices, keyring) = (ParkPrices::bundled(), Keyring::from_seed([5; 32]));
    let out = tempfile::tempdir().unwrap();
    let lists = Lists::default();
    let entries = record(&profile, &prices, &keyring, lists, out.path()).unwrap();
    // It fails where the ways do not come to one state.
    let replayed = bench::replay::measure(out.path(), &keyring, 1).unwrap();
    assert_eq!(replayed.entries, entries);
    let program = Path::new(env!("CARGO_BIN_EXE_wattle-testnet"));
    for source in [Source::Snapshot, Source::History, Source::Entries] {
        let folder = tempfile::tempdir().unwrap();
        let recording = (out.path(), &keyring);
        let once = (1, Duration::ZERO);
        let figures = measure(recording, folder.path(), program, source, once).unwrap();
        assert_eq!((figures.entries, figures.source), (entries, source));
        assert_eq!(figures.snapshot_bytes > 0, source != Source::Entries);
        assert!(figures.peak_memory_kb > 0 && figures.idle_memory_kb > 0);
    }
    let other = Keyring::from_seed([6; 32]);
    let folder = tempfile::tempdir().unwrap();
    let error = measure(
        (out.path(), &other),
        folder.path(),
        program,
        Source::Snapshot,
        (1, Duration::ZERO),
    );
    assert!(error.unwrap_err().to_string().contains("bench record"));
    assert!(bench::replay::measure(out.path(), &other, 1).is_err());
}

#[test]
fn a_recording_comes_out_the_same_twice() {
    let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1).unwrap();
    let root = || {
        let out = tempfile::tempdir().unwrap();
        let keyring = Keyring::from_seed([4; 32]);
        record(
            &profile,
            &ParkPrices::bundled(),
            &keyring,
            Lists::default(),
            out.path(),
        )
        .unwrap();
        std::fs::read_to_string(out.path().join("export/checkpoint")).unwrap()
    };
    assert_eq!(root(), root());
}
