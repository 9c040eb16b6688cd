//! What a witness is started with.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wattle_client::keyfile::{self, KeyFileError};
use wattle_ledger::log::policy::{MAX_POLICY_BYTES, Policy, PolicyError};

use crate::store::{Store, StoreError};
use crate::witness::{LOGS_MAX, Witness, WitnessError};

/// The configuration file, TOML. Paths are relative to the folder it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The witness's name, which its key has in signed notes.
    pub name: String,
    /// The key that cosigns and does nothing else (PKCS#8 in PEM).
    pub key: PathBuf,
    /// A file whose first line is the key's passphrase, where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of what it has accepted.
    pub state: PathBuf,
    /// The folder of policies, one file `*.policy` for each log.
    pub logs: PathBuf,
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {path}; check the path and its permissions")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML of the expected form.
    #[error("{path} is not a witness's configuration: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Line, key and what is wrong.
        reason: String,
    },
    /// A file is no policy.
    #[error("{path} is not a policy; get it again from the log's founder")]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: PolicyError,
    },
    /// There are more policies than a witness has logs.
    #[error("{path} holds more than {LOGS_MAX} policies; run a second witness")]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The parts do not fit.
    #[error(transparent)]
    Witness(#[from] WitnessError),
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError::Read`] and [`ConfigError::Form`].
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = read(path)?;
        let mut config: Config = toml::from_str(&text).map_err(|error| ConfigError::Form {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for relative in [&mut config.key, &mut config.state, &mut config.logs] {
            *relative = folder.join(&*relative);
        }
        config.passphrase_file = config.passphrase_file.map(|file| folder.join(file));
        Ok(config)
    }

    /// The witness that this describes, going on from what it has accepted.
    ///
    /// # Errors
    /// Any other [`ConfigError`].
    pub fn witness(&self) -> Result<Witness, ConfigError> {
        let passphrase = match &self.passphrase_file {
            Some(file) => Some(read(file)?),
            None => None,
        };
        let passphrase = passphrase.as_deref().and_then(|text| text.lines().next());
        let key = keyfile::read(&self.key, passphrase)?;
        let store = Store::open(&self.state)?;
        Ok(Witness::new(&self.name, key, self.policies()?, store)?)
    }

    /// The policies of the logs that are there now, one for each.
    ///
    /// # Errors
    /// [`ConfigError::Read`], [`ConfigError::Policy`] and [`ConfigError::TooMany`].
    pub fn policies(&self) -> Result<Vec<Policy>, ConfigError> {
        let failed = |source| ConfigError::Read {
            path: self.logs.clone(),
            source,
        };
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.logs).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|end| end == "policy") {
                paths.push(path);
            }
            if paths.len() > LOGS_MAX {
                let path = self.logs.clone();
                return Err(ConfigError::TooMany { path });
            }
        }
        paths.sort();
        let policy = |path: &PathBuf| {
            Policy::parse(&read(path)?).map_err(|source| ConfigError::Policy {
                path: path.clone(),
                source,
            })
        };
        paths.iter().map(policy).collect()
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > MAX_POLICY_BYTES as u64 {
        let error = io::Error::new(
            io::ErrorKind::InvalidData,
            "it is larger than any such file",
        );
        return Err(failed(error));
    }
    fs::read_to_string(path).map_err(failed)
}
