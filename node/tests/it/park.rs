//! A park of real processes in a temporary folder.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use wattle_client::api::{EventOutcome, Ready, Status};
use wattle_client::{Author, Client, Credentials, Outcome};
use wattle_ledger::event::Action;
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{CarbonFactor, NodeId, Participant, ParticipantId, TariffId};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::BuildingId;
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::Price;
use wattle_node::clock::{ClockSettings, wall_ms};
use wattle_node::config::{RaftSettings, RawConfig, RawPeer};
use wattle_node::setup;

/// Nothing here takes longer, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub struct Park {
    pub folder: TempDir,
    pub genesis: Genesis,
    pub registrar: SigningKey,
    pub treasurer: SigningKey,
    pub regulator: SigningKey,
    pub configs: Vec<RawConfig>,
}

/// A running node; it is killed when the test ends.
pub struct Node {
    child: Child,
    pub ready: Ready,
}

impl Park {
    /// A park whose clock is the wall clock; its first interval is hours away.
    pub fn new(nodes: u64) -> Park {
        let now = DeliveryInterval::containing(Timestamp(wall_ms()));
        Park::with_clock(nodes, ClockSettings::default(), now.plus(12))
    }

    /// A park whose time begins half an hour before its first interval and runs fast.
    pub fn fast(nodes: u64, speed: u32) -> Park {
        Park::fast_from(nodes, speed, DeliveryInterval(2_000_000))
    }

    /// The same with another first interval.
    pub fn fast_from(nodes: u64, speed: u32, first: DeliveryInterval) -> Park {
        let base_ms = first.start().minus_millis(30 * 60_000).0;
        let wall_base_ms = wall_ms();
        let clock = ClockSettings {
            speed,
            wall_base_ms,
            base_ms,
            ..ClockSettings::default()
        };
        Park::with_clock(nodes, clock, first)
    }

    fn with_clock(nodes: u64, clock: ClockSettings, first: DeliveryInterval) -> Park {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = |node: u64| folder.path().join(format!("node-{node}"));
        let records: Vec<NodeRecord> = (1..=nodes)
            .map(|node| {
                let building = BuildingId(u16::try_from(node).unwrap());
                setup::create_node_keys(&data_dir(node), NodeId(node), building, None).unwrap()
            })
            .collect();
        let [registrar, treasurer, regulator] = [1, 2, 3].map(|n| SigningKey::from_seed(&[n; 32]));
        let body = GenesisBody {
            version: 0,
            name: "test".to_owned(),
            utc_offset_minutes: 480,
            first_interval: first,
            registrar: registrar.public(),
            treasurer: treasurer.public(),
            regulator: regulator.public(),
            nodes: records,
            terms: ParkTerms {
                feed_in: Price(400_000),
                export: Price(300_000),
                wheeling: Price(50_000),
            },
            tariffs: vec![(
                TariffId(1),
                Tariff::shanghai_two_part(Price(700_000)).unwrap(),
            )],
            factor: CarbonFactor {
                name: "grid".to_owned(),
                year: 2025,
                milligrams_per_kwh: 570_000,
                source: "test".to_owned(),
            },
        };
        let genesis = Genesis::sign(&body, &registrar).unwrap();
        fs::write(folder.path().join("genesis"), genesis.signed()).unwrap();
        setup::create_network_key(&folder.path().join("network.key")).unwrap();
        let configs = configs(nodes, clock);
        let park = Park {
            folder,
            genesis,
            registrar,
            treasurer,
            regulator,
            configs,
        };
        for config in &park.configs {
            park.write_config(config);
        }
        park
    }

    pub fn id(&self) -> Hash {
        self.genesis.park()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn config_path(&self, node: u64) -> PathBuf {
        self.path(&format!("node-{node}.toml"))
    }

    pub fn write_config(&self, config: &RawConfig) {
        setup::write_config(&self.config_path(config.node), config).unwrap();
    }

    /// Starts a node and waits until it listens.
    pub fn start(&self, node: u64) -> Node {
        let data_dir = self.path(&format!("node-{node}"));
        Node::start(wattled(&self.config_path(node)), &data_dir)
    }

    /// Starts a node that is expected to fail, and returns its exit code and what it said.
    pub fn start_failing(&self, node: u64) -> (Option<i32>, String) {
        let output = wattled(&self.config_path(node)).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    pub fn client(&self, nodes: &[&Node]) -> Client {
        let urls: Vec<String> = nodes.iter().map(|node| node.url()).collect();
        Client::new(&urls).unwrap().with_retries(PATIENCE)
    }

    pub fn credentials(&self, key: &SigningKey) -> Credentials {
        Credentials {
            park: self.id(),
            key: key.clone(),
        }
    }

    pub fn author(&self, client: &Client, key: &SigningKey) -> Author {
        Author::fetch(client, self.id(), key.clone()).unwrap()
    }
}

fn configs(nodes: u64, clock: ClockSettings) -> Vec<RawConfig> {
    let ports: Vec<u16> = (0..nodes).map(|_| free_port()).collect();
    let address = |node: u64| format!("127.0.0.1:{}", ports[usize::try_from(node).unwrap() - 1]);
    let config = |node: u64| RawConfig {
        node,
        registration: None,
        data_dir: format!("node-{node}").into(),
        genesis: "genesis".into(),
        network_key: "network.key".into(),
        passphrase_file: None,
        event_key: None,
        api_listen: "127.0.0.1:0".to_owned(),
        p2p_listen: address(node),
        peers: (1..=nodes)
            .filter(|peer| *peer != node)
            .map(|peer| RawPeer {
                node: peer,
                address: address(peer),
            })
            .collect(),
        clock,
        raft: RaftSettings {
            tick_ms: 20,
            ..RaftSettings::default()
        },
        witness: Vec::new(),
        follow: Vec::new(),
    };
    (1..=nodes).map(config).collect()
}

/// Ports below those that the system gives out by itself, so that nobody's connection takes one
/// before the node that it is meant for listens there.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
const FIRST_PORT: u16 = 12_000;
const PORTS: u16 = 20_000;

/// A port that nothing listens on at the moment, and that no other test of this process has.
pub fn free_port() -> u16 {
    // Processes that run side by side begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap();
    for _ in 0..PORTS {
        let next = NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST_PORT + (begin + next % PORTS) % PORTS;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

pub fn wattled(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattled"));
    command
        .args(["run", "--config"])
        .arg(config)
        .env("WATTLE_LOG", "info,libp2p=warn");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

impl Node {
    /// Runs a command that starts a node with this data folder, and waits until it listens.
    pub fn start(mut command: Command, data_dir: &Path) -> Node {
        let file = data_dir.join("ready.json");
        let _ = fs::remove_file(&file);
        let log = fs::File::create(data_dir.join("stderr.log")).unwrap();
        let mut child = command.stderr(log).spawn().unwrap();
        let ready = wait_for("the node to listen", || {
            if let Some(status) = child.try_wait().unwrap() {
                let log = fs::read_to_string(data_dir.join("stderr.log")).unwrap();
                panic!("the node ended with {status}:\n{log}");
            }
            serde_json::from_slice(&fs::read(&file).ok()?).ok()
        });
        Node { child, ready }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.ready.api_addr)
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what the process then ends with.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.ready.pid.to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        wait_for("the node to end", || self.child.try_wait().unwrap())
    }

    pub fn client(&self) -> Client {
        Client::new(&[self.url()]).unwrap().with_retries(PATIENCE)
    }

    pub fn status(&self) -> Status {
        self.client().status().unwrap()
    }

    pub fn http_addr(&self) -> SocketAddr {
        self.ready.api_addr
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Under strace the child is strace, and the node outlives it; the pid is still the node's,
        // since its parent has not been waited for.
        if self.ready.pid != self.child.id() && matches!(self.child.try_wait(), Ok(None)) {
            let pid = self.ready.pid.to_string();
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {PATIENCE:?} in vain for {what}");
}

/// Signs and submits an action, and expects every item of it to be accepted.
#[track_caller]
pub fn submit(client: &Client, author: &mut Author, action: Action) -> EventOutcome {
    let event = author.sign(action, Timestamp(0));
    match client.submit(&event, PATIENCE).unwrap() {
        Outcome::Committed(outcome) => {
            assert_eq!(outcome.first_refusal(), None);
            outcome
        }
        Outcome::Pending(_) => panic!("the event stayed pending"),
    }
}

pub fn participant(id: u32) -> Action {
    let name = format!("Tenant {id}");
    Action::RegisterParticipant(Participant {
        id: ParticipantId(id),
        name,
    })
}
