//! What stands before a node's first start: its keys, the network's key, its configuration.

use crate::config::RawConfig;
use crate::folder;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use wattle_client::keyfile::{self, KeyFileError};
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::hex;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::NodeId;
use wattle_market::point::BuildingId;
use zeroize::Zeroizing;

/// The five keys of a node, each a file `keys/<name>.pem` in its data folder.
const KEY_NAMES: [&str; 5] = ["transport", "log", "cosigner", "batch", "receipt"];

/// A node's private keys.
pub struct NodeSecrets {
    /// Seed of the key that names the node on the private network; libp2p has a key type of its
    /// own.
    pub transport_seed: Zeroizing<[u8; 32]>,
    /// Signs checkpoints as the log.
    pub log: SigningKey,
    /// Cosigns checkpoints.
    pub cosigner: SigningKey,
    /// Signs batch headers.
    pub batch: SigningKey,
    /// Signs promise receipts and the node's own requests.
    pub receipt: SigningKey,
    folder: PathBuf,
}

/// Why a node cannot be set up or its keys not be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// Another file cannot be used.
    #[error("cannot use {path}; check the path and its permissions")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others than the owner may read a secret.
    #[error("{path} has mode {mode:03o} and others may read it; run: chmod 600 {path}")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a network key.
    #[error("{path} is not a network key of 64 hexadecimal digits; copy it from another node")]
    NetworkKey {
        /// The file.
        path: PathBuf,
    },
    /// A key is not the one in the genesis.
    #[error(
        "the key {path} is not the one that the genesis names for node {node}; check that the \
         data folder is this node's and the genesis this park's"
    )]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// The node.
        node: NodeId,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a new key: {0}")]
    Random(String),
}

impl fmt::Debug for NodeSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeSecrets(in {})", self.folder.display())
    }
}

impl NodeSecrets {
    /// Reads the keys of a data folder.
    ///
    /// # Errors
    /// [`SetupError::KeyFile`].
    pub fn load(data_dir: &Path, passphrase: Option<&str>) -> Result<NodeSecrets, SetupError> {
        let folder = data_dir.join("keys");
        let path = |name: &str| folder.join(format!("{name}.pem"));
        let key = |name| keyfile::read(&path(name), passphrase);
        Ok(NodeSecrets {
            transport_seed: keyfile::read_seed(&path("transport"), passphrase)?,
            log: key("log")?,
            cosigner: key("cosigner")?,
            batch: key("batch")?,
            receipt: key("receipt")?,
            folder,
        })
    }

    /// The public keys as a genesis names them.
    pub fn record(&self, id: NodeId, building: BuildingId) -> NodeRecord {
        NodeRecord {
            id,
            building,
            transport: SigningKey::from_seed(&self.transport_seed).public(),
            log: self.log.public(),
            cosigner: self.cosigner.public(),
            batch: self.batch.public(),
            receipt: self.receipt.public(),
        }
    }

    /// Whether these are the keys of a record.
    pub(crate) fn check(&self, record: &NodeRecord) -> Result<(), SetupError> {
        let own = self.record(record.id, record.building);
        for ((name, own), (_, expected)) in own.keys().into_iter().zip(record.keys()) {
            if own != expected {
                let path = self.folder.join(format!("{name}.pem"));
                return Err(SetupError::OtherKey {
                    path,
                    node: record.id,
                });
            }
        }
        Ok(())
    }
}

/// Makes a node's five keys in `DATA/keys` and returns its record for the genesis.
///
/// # Errors
/// [`SetupError`]; keys that exist are never overwritten.
pub fn create_node_keys(
    data_dir: &Path,
    id: NodeId,
    building: BuildingId,
    passphrase: Option<&str>,
) -> Result<NodeRecord, SetupError> {
    let folder = data_dir.join("keys");
    folder::create(&folder).map_err(|source| SetupError::File {
        path: folder.clone(),
        source,
    })?;
    for name in KEY_NAMES {
        keyfile::generate(&folder.join(format!("{name}.pem")), passphrase)?;
    }
    Ok(NodeSecrets::load(data_dir, passphrase)?.record(id, building))
}

/// Makes the private network's key, which every node of the park gets a copy of.
///
/// # Errors
/// [`SetupError::File`], also where the file exists.
pub fn create_network_key(path: &Path) -> Result<(), SetupError> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|error| SetupError::Random(error.to_string()))?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(&*key)));
    let failed = |source| SetupError::File {
        path: path.to_owned(),
        source,
    };
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Writes a node's configuration file.
///
/// # Errors
/// [`SetupError::File`].
pub fn write_config(path: &Path, config: &RawConfig) -> Result<(), SetupError> {
    let text = toml::to_string(config).expect("a configuration has no value TOML cannot say");
    folder::write_durably(path, text.as_bytes()).map_err(|source| SetupError::File {
        path: path.to_owned(),
        source,
    })
}

pub(crate) fn read_network_key(path: &Path) -> Result<[u8; 32], SetupError> {
    let text = read_secret(path)?;
    hex::decode_array(text.trim_end()).map_err(|_| SetupError::NetworkKey {
        path: path.to_owned(),
    })
}

pub(crate) fn read_passphrase(path: &Path) -> Result<Zeroizing<String>, SetupError> {
    let text = read_secret(path)?;
    Ok(Zeroizing::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, SetupError> {
    let failed = |source| SetupError::File {
        path: path.to_owned(),
        source,
    };
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SetupError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}
