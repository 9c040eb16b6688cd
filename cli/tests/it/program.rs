//! Running the command.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code, and that the error has a next step.
    pub(crate) fn failed(self, code: i32, reason: &str) -> Ended {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        assert!(self.stderr.contains(reason), "no {reason:?} in {self:?}");
        // What clap refuses ends with its own advice to look at --help.
        if !self.stderr.contains("'--help'") {
            assert!(self.stderr.contains("\n  next: "), "{self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Asserts success.
    pub(crate) fn succeeded(self) -> Ended {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs `wattle` with a data folder and no other settings from outside.
pub(crate) fn wattle<S: AsRef<OsStr>>(data_dir: &Path, words: &[S]) -> Ended {
    ended(command(data_dir).args(words).output().unwrap())
}

/// The command before its words.
pub(crate) fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattle"));
    command
        .env_clear()
        .env("WATTLE_DATA_DIR", data_dir)
        .stdin(Stdio::null());
    command
}

/// What became of it.
pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Writes a passphrase file as only its owner may read it.
pub(crate) fn passphrase_file(folder: &Path, passphrase: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(format!("passphrase-{passphrase}"));
    std::fs::write(&path, format!("{passphrase}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.into_os_string().into_string().unwrap()
}
