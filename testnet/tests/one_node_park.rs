//! A park of one node, to try the command line's binary on.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wattle_testnet::datasets;
use wattle_testnet::drive::{self, Tally};
use wattle_testnet::keyring::Keyring;
use wattle_testnet::park::{Park, ParkSettings};
use wattle_testnet::profile::ParkProfile;
use wattle_testnet::replay::ParkPrices;
use wattle_testnet::script::Script;

/// The program that runs a node.
pub(crate) const NODE: &str = env!("CARGO_BIN_EXE_wattle-testnet");

/// A running node with everyone of the bundled park registered. A quarter of an hour takes a second
/// and a half.
pub(crate) struct OneNodePark {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) park: Park,
    pub(crate) profile: ParkProfile,
    pub(crate) keyring: Keyring,
    /// The command line's binary.
    pub(crate) wattle: PathBuf,
}

impl OneNodePark {
    /// Starts it, with keys that follow from a seed.
    pub(crate) fn started(seed: u8) -> Self {
        Self::started_at(seed, 600)
    }

    /// The same, with another speed of the park's clock.
    pub(crate) fn started_at(seed: u8, speed: u32) -> Self {
        // Before the park's clock runs: a build may take longer than a day of it.
        let wattle = wattle();
        let folder = tempfile::tempdir().unwrap();
        let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1).unwrap();
        let prices = ParkPrices::bundled();
        let keyring = Keyring::from_seed([seed; 32]);
        let script = Script::new(&profile, &prices, &keyring);
        let settings = ParkSettings {
            program: NODE.into(),
            nodes: 1,
            speed,
            head_start: Duration::from_secs(30),
        };
        let gate = profile.first_interval.gate_closure();
        let park = Park::found(&folder.path().join("park"), &script, gate, &settings).unwrap();
        park.start().unwrap();
        drive::register(&park, &script, &keyring, &Tally::default()).unwrap();
        Self {
            folder,
            park,
            profile,
            keyring,
            wattle,
        }
    }
}

impl OneNodePark {
    /// Runs a line of words of the command line with one of the folder's key files.
    pub(crate) fn run(&self, key: &str, line: &str) -> std::process::Output {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        Command::new(&self.wattle)
            .args(["--url", self.park.nodes()[0].url(), "--no-input"])
            .args(["--data-dir", &path("home"), "--key", &path(key)])
            .args(line.split_whitespace())
            .env_remove("WATTLE_URL")
            .output()
            .unwrap()
    }
}

/// The command line's binary, which another package builds.
fn wattle() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        // With the features of the whole workspace, so that nothing is built twice.
        .args(["build", "--quiet", "--workspace", "--bin", "wattle"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success(), "the command line builds");
    Path::new(NODE).with_file_name("wattle")
}
