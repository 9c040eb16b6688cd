//! The history folder of a node that goes on writing is an export, however it is read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use wattle_ledger::log::{Checkpoint, Note};
use wattle_testnet::park::wait_for;

use crate::one_node_park::OneNodePark;

/// How often the node has published something new before the test is content.
const ROUNDS: usize = 4;

struct Running {
    park: OneNodePark,
    history: PathBuf,
}

impl Running {
    fn run(&self, line: &str) -> Output {
        let policy = self.park.park.folder().join("policy");
        let line = line
            .replace("POLICY", policy.to_str().unwrap())
            .replace("HISTORY", self.history.to_str().unwrap())
            .replace(
                '@',
                &format!("{}/", self.park.folder.path().to_str().unwrap()),
            );
        let mut command = std::process::Command::new(&self.park.wattle);
        command
            .args(line.split_whitespace())
            .env_remove("WATTLE_URL");
        command.output().unwrap()
    }

    #[track_caller]
    fn done(&self, line: &str) -> String {
        let output = self.run(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {stderr}{stdout}");
        stdout
    }

    /// The size of the published checkpoint, once it is beyond another.
    fn published(&self, beyond: u64) -> u64 {
        let published = wait_for("another seal", Duration::from_secs(120), || {
            let bytes = fs::read(self.history.join("checkpoint"))?;
            let size = Checkpoint::parse(Note::parse(&bytes)?.text())?.size();
            Ok((size > beyond).then_some(size))
        });
        published.unwrap()
    }
}

/// What `cp -r` and `rsync` do: files that vanish meanwhile are passed over.
fn copy(from: &Path, to: &Path, skip: &Path) {
    fs::create_dir_all(to).unwrap();
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        entries => entries.unwrap(),
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path == skip {
            continue;
        }
        match path.is_dir() {
            true => copy(&path, &target, skip),
            false => match fs::copy(&path, target) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            },
        }
    }
}

#[test]
fn the_folder_of_a_running_node_is_an_export() {
    let park = OneNodePark::started(31);
    let history = park.park.nodes()[0].data().join("history");
    let it = Running { park, history };
    let mut size = 0;
    for round in 0..ROUNDS {
        size = it.published(size);
        // As it lies there.
        it.done("log verify HISTORY --policy POLICY");
        // A copy that takes the checkpoint first.
        let target = it.park.folder.path().join(format!("copy-{round}"));
        fs::create_dir_all(&target).unwrap();
        let checkpoint = it.history.join("checkpoint");
        fs::copy(&checkpoint, target.join("checkpoint")).unwrap();
        copy(&it.history, &target, &checkpoint);
        it.done(&format!("log verify @copy-{round} --policy POLICY"));
        // And by the command.
        it.done(&format!("log export --from HISTORY --out @export-{round}"));
        let verified = it.done(&format!("log verify @export-{round} --policy POLICY"));
        assert!(!verified.contains("were not read"), "{verified}");
    }
    let made = it.done("log view @export-3 --policy POLICY --participant offices --out @view");
    assert!(made.contains("entries concern offices"), "{made}");
    let verified = it.done("log verify @view --policy POLICY --view");
    assert!(verified.contains("view of offices"), "{verified}");
    let written = it.done("log tables @export-3 --policy POLICY --out @tables");
    assert!(written.contains("settlements.csv"), "{written}");
}
