//! What a node is started with: [`RawConfig`] as it is written, [`Config`] as it is meant.

use crate::clock::{ClockSettings, SPEED_MAX};
use crate::setup::{self, NodeSecrets, SetupError};
use crate::witnesses::{NOTE_LINES_MAX, WITNESS_TIMEOUT};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wattle_client::Client;
use wattle_client::keyfile;
use wattle_client::witness::WitnessClient;
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::{Genesis, GenesisError, NodeRecord};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::limits::FOLLOWED_LOGS_MAX;
use wattle_ledger::log::note::{SignatureType, VerifierKey};
use wattle_ledger::registration::NodeId;
use wattle_replica::config::SnapshotRule;

/// The configuration file, TOML. Paths are relative to the folder it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// The node's id, in the genesis or its registration.
    pub node: u64,
    /// The data folder: store, history, keys, lock.
    pub data_dir: PathBuf,
    /// The signed genesis.
    pub genesis: PathBuf,
    /// The registrar's signed registration, of a node that is not in the genesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<PathBuf>,
    /// The private network's key, shared by all nodes of the park: 64 hexadecimal digits.
    pub network_key: PathBuf,
    /// A file whose first line is the passphrase of the node's keys, where they are encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// A key that the registrar has added for this node, for what it finds out by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_key: Option<PathBuf>,
    /// Where the HTTP API listens; port 0 takes a free one.
    pub api_listen: String,
    /// Where peers are listened for; port 0 takes a free one.
    pub p2p_listen: String,
    /// Where the other nodes listen for peers.
    #[serde(default)]
    pub peers: Vec<RawPeer>,
    /// Park time; without, it is the wall clock.
    #[serde(default)]
    pub clock: ClockSettings,
    /// Raft's pace and bounds.
    #[serde(default)]
    pub raft: RaftSettings,
    /// Witnesses that are asked to cosign what the park has sealed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<RawWitness>,
    /// Logs whose checkpoints are recorded, with `event_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow: Vec<RawFollow>,
}

/// A witness of this park.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawWitness {
    /// The witness's submission prefix, like `http://10.0.0.9:7070`.
    pub url: String,
    /// Its verifier key, as `wattle witness init` prints it.
    pub vkey: String,
}

/// A log that this node looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFollow {
    /// A node of the other park, like `http://10.1.0.2:8080`.
    pub url: String,
}

/// Another node's address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPeer {
    /// Its id.
    pub node: u64,
    /// IP address and port.
    pub address: String,
}

/// Raft's pace and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaftSettings {
    /// Milliseconds of real time in a tick.
    pub tick_ms: u64,
    /// Ticks without a leader after which a node campaigns, and up to twice as many.
    pub election_ticks: usize,
    /// Ticks between a leader's signs of life.
    pub heartbeat_ticks: usize,
    /// How far a leader's batch time may be ahead of this node's clock, in milliseconds of real
    /// time.
    pub clock_ahead_max_ms: u64,
    /// Within how many milliseconds of real time a promised event stands in the log; the receipts
    /// say so. A park should elect another leader well within it.
    pub promise_ms: u64,
    /// Bytes of Raft entries that are kept; past it the park takes no events.
    pub window_bytes_max: u64,
    /// Bytes of Raft entries after which a snapshot is taken, so that a start replays no more than
    /// that; at the latest a quarter of `window_bytes_max`.
    pub snapshot_bytes: u64,
    /// Raft entries after which a snapshot is taken at the latest.
    pub snapshot_entries: u64,
}

impl Default for RaftSettings {
    fn default() -> RaftSettings {
        RaftSettings {
            tick_ms: 50,
            election_ticks: 20,
            heartbeat_ticks: 3,
            clock_ahead_max_ms: 2_000,
            promise_ms: 60_000,
            window_bytes_max: 1024 * 1024 * 1024,
            snapshot_bytes: 16 * 1024 * 1024,
            snapshot_entries: 50_000,
        }
    }
}

impl RaftSettings {
    /// When a snapshot is taken.
    pub fn snapshot_rule(&self) -> SnapshotRule {
        SnapshotRule {
            // Two of them, one being written, and what comes meanwhile fit the window.
            bytes: self.snapshot_bytes.min(self.window_bytes_max / 4),
            entries: self.snapshot_entries,
        }
    }
}

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The park.
    pub genesis: Genesis,
    /// This node's record, in it or in the registration.
    pub record: NodeRecord,
    /// The registrar's signed registration, of a node that is not in the genesis.
    pub registration: Option<Vec<u8>>,
    /// Its private keys.
    pub secrets: NodeSecrets,
    /// The private network's key.
    pub network_key: [u8; 32],
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where the API listens.
    pub api_listen: SocketAddr,
    /// Where peers are listened for.
    pub p2p_listen: SocketAddr,
    /// Where the other nodes listen.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Park time.
    pub clock: ClockSettings,
    /// Raft's pace and bounds.
    pub raft: RaftSettings,
    /// The key for what the node finds out by itself.
    pub event_key: Option<SigningKey>,
    /// Witnesses, each with its address and key.
    pub witnesses: Vec<(String, VerifierKey)>,
    /// Addresses of nodes of logs that are followed.
    pub follow: Vec<String>,
}

/// Why a configuration cannot be used. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML of the expected form.
    #[error("{path} is not a node's configuration:\n{reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Line, key and what is wrong.
        reason: String,
    },
    /// A value cannot be used.
    #[error("{path}: {key} {reason}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The key in it.
        key: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The genesis is not one.
    #[error("{path} is not a genesis of a park; copy the file again from the park's registrar")]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: GenesisError,
    },
    /// The registration is not one.
    #[error(
        "{path} is not a registration of a node of this park; copy the file again that \
         `wattle node register` wrote"
    )]
    Registration {
        /// The file.
        path: PathBuf,
    },
    /// A key cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Config {
    /// A file beside the keys that says whether a node has run with them.
    pub(crate) fn used_mark(&self) -> PathBuf {
        self.data_dir.join("keys/used")
    }

    /// Reads a configuration file and everything that it names.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the file, the key in it and the reason.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        let raw: RawConfig = toml::from_str(&text).map_err(|error| ConfigError::Form {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        raw.check(path)
    }
}

impl RawConfig {
    fn check(self, path: &Path) -> Result<Config, ConfigError> {
        let value = |key, reason: String| ConfigError::Value {
            path: path.to_owned(),
            key,
            reason,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let genesis_path = folder.join(&self.genesis);
        let genesis =
            Genesis::parse(&read(&genesis_path)?).map_err(|source| ConfigError::Genesis {
                path: genesis_path,
                source,
            })?;
        let registration = match &self.registration {
            Some(file) => Some(read_registration(&folder.join(file), &genesis)?),
            None => None,
        };
        let registered = registration.as_ref().map(|(record, _)| record);
        let records: Vec<&NodeRecord> = genesis.body().nodes.iter().chain(registered).collect();
        let record = records.iter().find(|record| record.id.0 == self.node);
        let record = record
            .map(|record| NodeRecord::clone(record))
            .ok_or_else(|| {
                let ids: Vec<String> = records.iter().map(|record| record.id.to_string()).collect();
                let reason = format!(
                    "{} is neither in the genesis nor in a registration, only {}",
                    self.node,
                    ids.join(", ")
                );
                value("node", reason)
            })?;
        let registration = registration.map(|(_, bytes)| bytes);
        self.check_numbers()
            .map_err(|(key, reason)| value(key, reason))?;
        let peers = self
            .check_peers(&genesis)
            .map_err(|reason| value("peers", reason))?;
        let address = |key, text: &str| {
            text.parse::<SocketAddr>().map_err(|_| {
                value(
                    key,
                    format!("{text:?} is not an address like 127.0.0.1:8080"),
                )
            })
        };
        let api_listen = address("api_listen", &self.api_listen)?;
        let p2p_listen = address("p2p_listen", &self.p2p_listen)?;
        let data_dir = folder.join(&self.data_dir);
        let passphrase = match &self.passphrase_file {
            Some(file) => Some(setup::read_passphrase(&folder.join(file))?),
            None => None,
        };
        let secrets = NodeSecrets::load(&data_dir, passphrase.as_ref().map(|text| text.as_str()))?;
        secrets.check(&record)?;
        let network_key = setup::read_network_key(&folder.join(&self.network_key))?;
        let event_key = match &self.event_key {
            Some(file) => {
                let passphrase = passphrase.as_ref().map(|text| text.as_str());
                let key = keyfile::read(&folder.join(file), passphrase);
                Some(key.map_err(SetupError::from)?)
            }
            None => None,
        };
        let witnesses = self
            .check_witnesses(&genesis)
            .map_err(|reason| value("witness", reason))?;
        let follow = self
            .check_follow()
            .map_err(|reason| value("follow", reason))?;
        let (clock, raft) = (self.clock, self.raft);
        Ok(Config {
            event_key,
            witnesses,
            follow,
            genesis,
            record,
            registration,
            secrets,
            network_key,
            data_dir,
            api_listen,
            p2p_listen,
            peers,
            clock,
            raft,
        })
    }

    /// Witnesses with a key of a cosigner and a name of their own, so few that a checkpoint stays
    /// within the lines that every reader of notes must take.
    fn check_witnesses(&self, genesis: &Genesis) -> Result<Vec<(String, VerifierKey)>, String> {
        let nodes = genesis.body().nodes.len();
        let most = NOTE_LINES_MAX.saturating_sub(2 * nodes);
        if self.witness.len() > most {
            return Err(format!(
                "has {} entries; beside the lines of {nodes} nodes a checkpoint has room for {most}",
                self.witness.len()
            ));
        }
        let mut witnesses: Vec<(String, VerifierKey)> = Vec::new();
        for raw in &self.witness {
            let vkey: VerifierKey = raw.vkey.parse().map_err(|error| format!("vkey: {error}"))?;
            if vkey.kind() != SignatureType::Cosignature {
                return Err("vkey is a log's key (type 0x01), not a witness's (0x04)".to_owned());
            }
            if witnesses.iter().any(|(_, other)| other.key() == vkey.key()) {
                return Err(format!("names the key of {} twice", vkey.name()));
            }
            WitnessClient::new(&raw.url, WITNESS_TIMEOUT).map_err(|error| error.to_string())?;
            witnesses.push((raw.url.clone(), vkey));
        }
        Ok(witnesses)
    }

    fn check_follow(&self) -> Result<Vec<String>, String> {
        if self.follow.len() > FOLLOWED_LOGS_MAX {
            return Err(format!(
                "has {} entries; a park follows at most {FOLLOWED_LOGS_MAX} logs",
                self.follow.len()
            ));
        }
        if !self.follow.is_empty() && self.event_key.is_none() {
            let reason = "needs event_key: make one with `wattle key new`, and let the registrar \
                          add it: wattle registrar key add PUBLIC --node ID";
            return Err(reason.to_owned());
        }
        let urls: Vec<String> = self.follow.iter().map(|raw| raw.url.clone()).collect();
        for url in &urls {
            Client::new(std::slice::from_ref(url)).map_err(|error| error.to_string())?;
        }
        Ok(urls)
    }

    fn check_numbers(&self) -> Result<(), (&'static str, String)> {
        let raft = &self.raft;
        let ranges: [(&'static str, u64, u64, u64); 7] = [
            (
                "clock.speed",
                u64::from(self.clock.speed),
                1,
                u64::from(SPEED_MAX),
            ),
            ("raft.tick_ms", raft.tick_ms, 1, 10_000),
            ("raft.election_ticks", raft.election_ticks as u64, 5, 10_000),
            (
                "raft.heartbeat_ticks",
                raft.heartbeat_ticks as u64,
                1,
                1_000,
            ),
            (
                "raft.window_bytes_max",
                raft.window_bytes_max,
                1024 * 1024,
                1 << 40,
            ),
            (
                "raft.snapshot_bytes",
                raft.snapshot_bytes,
                64 * 1024,
                1 << 40,
            ),
            ("raft.snapshot_entries", raft.snapshot_entries, 10, 1 << 40),
        ];
        for (key, found, least, most) in ranges {
            if !(least..=most).contains(&found) {
                return Err((
                    key,
                    format!("is {found}; it must be between {least} and {most}"),
                ));
            }
        }
        if raft.election_ticks <= 2 * raft.heartbeat_ticks {
            let reason = "must be more than twice raft.heartbeat_ticks".to_owned();
            return Err(("raft.election_ticks", reason));
        }
        Ok(())
    }

    /// Nodes have one address each, and a founding node has those of all others of the genesis. Who
    /// came later need not be named: he dials.
    fn check_peers(&self, genesis: &Genesis) -> Result<BTreeMap<NodeId, SocketAddr>, String> {
        let mut peers = BTreeMap::new();
        for peer in &self.peers {
            let address: SocketAddr = peer.address.parse().map_err(|_| {
                format!(
                    "has {:?}, which is not an address like 127.0.0.1:9080",
                    peer.address
                )
            })?;
            if peer.node == self.node {
                return Err(format!(
                    "names node {}, which is this node itself",
                    peer.node
                ));
            }
            if peers.insert(NodeId(peer.node), address).is_some() {
                return Err(format!("names node {} twice", peer.node));
            }
        }
        let others = genesis.body().nodes.iter().map(|record| record.id);
        let others: Vec<NodeId> = others.filter(|id| id.0 != self.node).collect();
        let is_founding = others.len() < genesis.body().nodes.len();
        let missing = others.iter().find(|id| !peers.contains_key(id));
        if let Some(missing) = missing.filter(|_| is_founding) {
            return Err(format!("has no address of node {missing}"));
        }
        if !is_founding && peers.is_empty() {
            return Err("names nobody; give the address of at least one node".to_owned());
        }
        Ok(peers)
    }
}

fn read_registration(path: &Path, genesis: &Genesis) -> Result<(NodeRecord, Vec<u8>), ConfigError> {
    let bytes = read(path)?;
    let event = SignedEvent::parse(&bytes).ok();
    let event = event.filter(|event| event.verify(&genesis.park()).is_ok());
    match event.as_ref().map(|event| &event.body().action) {
        Some(Action::RegisterNode(record)) => Ok((record.clone(), bytes)),
        _ => Err(ConfigError::Registration {
            path: path.to_owned(),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}
