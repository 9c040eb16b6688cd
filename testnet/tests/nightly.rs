//! A few of the nightly days, so that every test run lives through some.

use std::process::Command;

use wattle_testnet::nightly::Nights;

#[test]
fn random_days_hold_what_every_day_must() {
    let mut nights = Nights::default();
    for seed in 0..16 {
        if let Err(broken) = nights.live(seed) {
            panic!("{broken}");
        }
    }
    assert_eq!(nights.days, 16);
    assert!(nights.settled >= 40, "{nights:?}");
    assert!(
        nights.adjusted >= 40 && nights.substituted >= 40,
        "{nights:?}"
    );
    assert!(
        nights.traded >= 4 && nights.auctions > 16 * 20,
        "{nights:?}"
    );
}

/// Found by a night: the final run found the same energy by a reading where the initial run had a
/// substitute, so the point's first leaf stands and names it.
#[test]
fn night_1029_reading_that_equals_its_substitute() {
    if let Err(broken) = Nights::default().live(1_029) {
        panic!("{broken}");
    }
}

#[test]
fn seed_is_the_same_day_again() {
    let live = |seed| {
        let mut nights = Nights::default();
        nights.live(seed).map(|()| nights)
    };
    assert_eq!(live(5), live(5));
    assert_ne!(live(5), live(6));
}

#[test]
fn command_sums_the_days_up() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattle-testnet"));
    let output = command
        .args(["nightly", "--days", "2", "--seed", "40"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("PASS 2 days from seed 40 "), "{text}");
}
