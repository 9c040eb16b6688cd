//! A park of real node processes on loopback, each with its own data folder, keys and ports.

mod process;

pub use process::NodeProcess;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use wattle_client::Client;
use wattle_client::api::Status;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;
use wattle_market::point::BuildingId;
use wattle_node::clock::{ClockSettings, wall_ms};
use wattle_node::config::{RaftSettings, RawConfig, RawPeer};
use wattle_node::setup;

use crate::script::Script;

/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(20);
/// A node that does not listen after this long has a fault.
const READY_MAX: Duration = Duration::from_secs(60);

/// What a park is started with.
#[derive(Debug, Clone)]
pub struct ParkSettings {
    /// The program that runs a node when it is told `node run`: `wattle-testnet` itself.
    pub program: PathBuf,
    /// Nodes: 1, 3, 5 or 7.
    pub nodes: u64,
    /// Park time in one second of real time.
    pub speed: u32,
    /// Real time between the start and the first gate.
    pub head_start: Duration,
}

/// A founded park and its processes.
#[derive(Debug)]
pub struct Park {
    folder: PathBuf,
    genesis: Genesis,
    clock: ClockSettings,
    nodes: Vec<NodeProcess>,
}

impl Park {
    /// Makes keys, genesis and configurations below a folder, and starts no process yet.
    ///
    /// # Errors
    /// If a file cannot be written, no ports are free, or the script's profile makes no park.
    pub fn found(
        folder: &Path,
        script: &Script<'_>,
        first_gate: Timestamp,
        settings: &ParkSettings,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let ids: Vec<NodeId> = (1..=settings.nodes).map(NodeId).collect();
        let data = |id: &NodeId| folder.join(format!("node-{id}"));
        let records = ids
            .iter()
            .map(|id| {
                let building = BuildingId(u16::try_from(id.0)?);
                Ok(setup::create_node_keys(&data(id), *id, building, None)?)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let genesis = script.genesis(records)?;
        fs::write(folder.join("genesis"), genesis.signed())?;
        fs::write(folder.join("policy"), genesis.policy().to_string())?;
        setup::create_network_key(&folder.join("network.key"))?;
        let head_start_ms = u64::try_from(settings.head_start.as_millis())?;
        let clock = ClockSettings {
            speed: settings.speed,
            wall_base_ms: wall_ms() + head_start_ms,
            base_ms: first_gate.0,
            slow_from_ms: Some(script.end().0),
        };
        let ports = free_ports(2 * ids.len())?;
        let (api, p2p) = ports.split_at(ids.len());
        let mut nodes = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let peers = ids.iter().zip(p2p).filter(|(peer, _)| *peer != id);
            let config = RawConfig {
                node: id.0,
                registration: None,
                data_dir: data(id),
                genesis: folder.join("genesis"),
                network_key: folder.join("network.key"),
                passphrase_file: None,
                event_key: None,
                api_listen: format!("127.0.0.1:{}", api[place]),
                p2p_listen: format!("127.0.0.1:{}", p2p[place]),
                peers: peers
                    .map(|(peer, port)| RawPeer {
                        node: peer.0,
                        address: format!("127.0.0.1:{port}"),
                    })
                    .collect(),
                clock,
                raft: RaftSettings::default(),
                witness: Vec::new(),
                follow: Vec::new(),
            };
            let path = folder.join(format!("node-{id}.toml"));
            setup::write_config(&path, &config)?;
            let url = format!("http://127.0.0.1:{}", api[place]);
            let program = settings.program.clone();
            nodes.push(NodeProcess::new(*id, program, data(id), path, url));
        }
        Ok(Self {
            folder: folder.to_owned(),
            genesis,
            clock,
            nodes,
        })
    }

    /// Starts every node and waits until all listen and know the same leader.
    ///
    /// # Errors
    /// If a process ends, or the park does not come up in time.
    pub fn start(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            node.start()?;
        }
        for node in &self.nodes {
            node.wait_until_ready(READY_MAX)?;
        }
        wait_for("a leader that all nodes know", READY_MAX, || {
            let statuses = self.statuses()?;
            let leader = statuses.first().and_then(|status| status.leader);
            let agreed = statuses.iter().all(|status| status.leader == leader);
            Ok((leader.is_some() && agreed).then_some(()))
        })
    }

    /// The park's genesis.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Where everything of the park lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The nodes in the order of their ids.
    #[must_use]
    pub fn nodes(&self) -> &[NodeProcess] {
        &self.nodes
    }

    /// Park time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.park_time(wall_ms())
    }

    /// The park's clock.
    #[must_use]
    pub fn clock(&self) -> ClockSettings {
        self.clock
    }

    /// API addresses, beginning with the node of a building and going round.
    #[must_use]
    pub fn urls_from(&self, building: BuildingId) -> Vec<String> {
        let own = usize::from(building.0.saturating_sub(1)) % self.nodes.len();
        let round = self.nodes.iter().cycle().skip(own).take(self.nodes.len());
        round.map(|node| node.url().to_owned()).collect()
    }

    /// What each running node says of itself.
    ///
    /// # Errors
    /// If one does not answer.
    pub fn statuses(&self) -> anyhow::Result<Vec<Status>> {
        let running = self.nodes.iter().filter(|node| node.is_started());
        running.map(NodeProcess::status).collect()
    }

    /// Waits until every node has settled all intervals before `next_settlement` and all have the
    /// same checkpoint with its quorum; gives what they say then.
    ///
    /// # Errors
    /// If they do not agree in time; the error tells what each says.
    pub fn wait_until_sealed(
        &self,
        next_settlement: wattle_market::interval::DeliveryInterval,
        time_max: Duration,
    ) -> anyhow::Result<Vec<Status>> {
        let mut last = Vec::new();
        let agreed = wait_for("one sealed checkpoint on all nodes", time_max, || {
            let statuses = self.statuses()?;
            let first = statuses.first().context("no node is running")?;
            let head = first
                .sealed
                .as_ref()
                .map(|sealed| (sealed.size, sealed.root));
            let is_head = |status: &Status| {
                let sealed = status
                    .sealed
                    .as_ref()
                    .map(|sealed| (sealed.size, sealed.root));
                sealed == head
                    && status.next_settlement >= next_settlement
                    && status.state_root == first.state_root
                    && sealed.is_some_and(|(size, _)| size == status.tree_size)
            };
            let agreed = head.is_some() && statuses.iter().all(is_head);
            last.clone_from(&statuses);
            Ok(agreed.then_some(statuses))
        });
        agreed.with_context(|| {
            let lines = last.iter().map(|status| {
                let sealed = status.sealed.as_ref().map(|sealed| sealed.size);
                format!(
                    "node {} ({}): {} leaves, sealed {sealed:?}, next settlement {}",
                    status.node, status.role, status.tree_size, status.next_settlement
                )
            });
            lines.collect::<Vec<_>>().join("; ")
        })
    }

    /// Asks every node to stop and waits for it.
    ///
    /// # Errors
    /// If one ends with a failure.
    pub fn stop(&self) -> anyhow::Result<()> {
        let results: Vec<_> = self.nodes.iter().map(NodeProcess::stop).collect();
        results.into_iter().collect()
    }

    /// Leaves the processes running when this value goes.
    pub fn leave_running(&self) {
        for node in &self.nodes {
            node.leave_running();
        }
    }
}

/// A client of some nodes that repeats what a node could not do for up to a minute.
///
/// # Errors
/// If an address is none.
pub fn client(urls: &[String]) -> anyhow::Result<Client> {
    Ok(Client::new(urls)?.with_retries(Duration::from_secs(60)))
}

/// Looks at a condition again and again until it gives a value.
///
/// # Errors
/// What the condition says, or that the time is over.
pub fn wait_for<T>(
    what: &str,
    time_max: Duration,
    mut condition: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        let seen = condition();
        match seen {
            Ok(Some(value)) => return Ok(value),
            Ok(None) if start.elapsed() > time_max => {
                bail!("waited {} s in vain for {what}", time_max.as_secs())
            }
            Err(error) if start.elapsed() > time_max => {
                return Err(error.context(format!("waited in vain for {what}")));
            }
            Ok(None) | Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Ports that were free a moment ago; a node that finds one taken says so and ends.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let listeners = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .context("no free ports on 127.0.0.1")?;
    let ports = listeners
        .iter()
        .map(|listener| listener.local_addr().map(|addr| addr.port()));
    Ok(ports.collect::<Result<Vec<_>, _>>()?)
}
