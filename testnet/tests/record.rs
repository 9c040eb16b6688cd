//! A recorded export is verified, and agrees with the settlement of the market alone.

use wattle_testnet::audit::audit;
use wattle_testnet::datasets;
use wattle_testnet::keyring::Keyring;
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
