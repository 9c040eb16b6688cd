//! The process: from a configuration file to a running node, and back to an exit code.

use crate::api::{self, Api, Shared};
use crate::clock::Clock;
use crate::config::Config;
use crate::event_loop::{EventLoop, Handle, LoopError};
use crate::event_loop::{Receiver, SharedClock};
use crate::evidence::{self, EvidenceStore};
use crate::folder;
use crate::following;
use crate::history::{History, HistoryReader};
use crate::index::Index;
use crate::network::{self, NetworkEvent, Outbound};
use crate::recorder::Recorder;
use crate::scrub;
use crate::snapshots::rebuild::rebuild;
use crate::snapshots::{self, SnapshotFile, Snapshots, Written};
use crate::storage::{Identity, Storage};
use crate::witnesses::Witnesses;
use anyhow::{Context as _, anyhow};
use clap::Parser;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tracing_subscriber::EnvFilter;
use wattle_client::api::Ready;
use wattle_replica::config::{Config as ReplicaConfig, NodeKeys};
use wattle_replica::output::Durable;
use wattle_replica::replica::Replica;

/// Name of the file in the data folder that says where a started node listens.
pub const READY_FILE: &str = "ready.json";

/// The node of one building of a Wattle park.
#[derive(Debug, Parser)]
#[command(name = "wattled", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Runs the node until it is told to stop (SIGTERM or SIGINT).
    Run {
        /// The node's configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Runs the program with its arguments, of which the first is its name: 0 after a stop that was
/// asked for, 1 after a failure, 2 for wrong usage.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing can be done where the message cannot be printed.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let Command::Run { config } = arguments.command;
    log_to_stderr();
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wattled: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("WATTLE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,libp2p=warn,sled=warn,yamux=warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // It fails only where a test in this process has set one already.
    let _ = subscriber.try_init();
}

fn run(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path).context("the node does not start")?;
    folder::create(&config.data_dir)
        .with_context(|| format!("cannot make the data folder {}", config.data_dir.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(node(config));
    // A handler that hangs must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn node(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let ready_file = config.data_dir.join(READY_FILE);
    let listener = TcpListener::bind(config.api_listen)
        .await
        .with_context(|| {
            let address = config.api_listen;
            format!("cannot listen on {address}; choose another api_listen or stop what uses it")
        })?;
    let api_addr = listener
        .local_addr()
        .context("cannot tell the API's address")?;

    let clock: SharedClock = Arc::new(Mutex::new(Clock::new(config.clock)));
    let event_loop = recover(&config, Arc::clone(&clock))?;
    let history = event_loop.history_reader();
    let (handle, receiver) = Receiver::open();
    let (stop, stopped) = watch::channel(false);
    let (outbound, p2p_addr) =
        network::start(&config, deliver_to(handle.clone()), stopped.clone()).await?;
    let ended = start_loop(event_loop, receiver, outbound.clone())?;
    let witnesses = Witnesses::open(&config.data_dir.join("witnesses"), &config.witnesses)?;
    witnesses.start(&history, &config.genesis.origin())?;
    if let Some(recorder) = Recorder::open(&config, api_addr)? {
        let recorder = Arc::new(recorder);
        following::start(&config.follow, Arc::clone(&recorder))?;
        evidence::record::start(handle.clone(), recorder)?;
    }
    let scrub = scrub::start(handle.clone(), &config.data_dir.join("history"))?;

    let api = Api::new(Shared {
        handle: handle.clone(),
        history,
        network: outbound,
        clock,
        clock_speed: config.clock.speed,
        node: config.record.id,
        data_dir: config.data_dir.clone(),
        window_bytes_max: config.raft.window_bytes_max,
        genesis: config.genesis,
        witnesses,
        scrub,
    });
    let server = tokio::spawn(api::serve(listener, api::router(api), stopped));
    say_ready(&ready_file, api_addr, p2p_addr)?;

    let mut ended = std::pin::pin!(ended);
    let asked = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        result = ended.as_mut() => Some(result),
    };
    let result = match asked {
        Some(result) => result,
        None => {
            tracing::info!("stopping");
            // Requests first, so that what is answered is true when the loop ends.
            let _ = stop.send(true);
            let _ = server.await;
            handle.stop().await;
            ended.await
        }
    };
    let _ = stop.send(true);
    let _ = std::fs::remove_file(&ready_file);
    result.unwrap_or_else(|_| Err(anyhow!("the node's loop ended in a panic; see its message")))
}

/// Opens store and history and performs what a replica wants done at its start.
fn recover(config: &Config, clock: SharedClock) -> anyhow::Result<EventLoop> {
    let began = Instant::now();
    let (storage, mut durable) = open_store(config)?;
    let (history, snapshots) = resume(config, &mut durable)?;
    let (entries, from) = (durable.entries.len(), history.size());
    let evidence = EvidenceStore::open(&config.data_dir.join("evidence"))?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed)
        .map_err(|error| anyhow!("the system gave no random bytes: {error}"))?;
    let replica = Replica::new(
        ReplicaConfig {
            genesis: config.genesis.clone(),
            node: config.record.id,
            keys: NodeKeys {
                batch: config.secrets.batch.clone(),
                log: config.secrets.log.clone(),
                cosigner: config.secrets.cosigner.clone(),
                receipt: config.secrets.receipt.clone(),
            },
            registration: config.registration.clone(),
            election_ticks: config.raft.election_ticks,
            heartbeat_ticks: config.raft.heartbeat_ticks,
            seed: u64::from_le_bytes(seed),
            clock_ahead_max_ms: config
                .raft
                .clock_ahead_max_ms
                .saturating_mul(u64::from(config.clock.speed)),
            promise_ms: config
                .raft
                .promise_ms
                .saturating_mul(u64::from(config.clock.speed)),
            window_bytes_max: config.raft.window_bytes_max,
            snapshots: config.raft.snapshot_rule(),
        },
        durable,
    )?;
    let leaves = replica.ledger().size();
    let tick = Duration::from_millis(config.raft.tick_ms);
    let index = Index::open(&config.data_dir.join("index"), &history)?;
    let event_loop = EventLoop::new(
        replica,
        storage,
        (history, index),
        (snapshots, evidence),
        clock,
        tick,
    )?;
    tracing::info!(
        park = %config.genesis.park(),
        node = %config.record.id,
        from,
        entries,
        leaves,
        ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "recovered"
    );
    Ok(event_loop)
}

/// Reads the newest whole snapshot, and opens the history where it ends.
fn resume(config: &Config, durable: &mut Durable) -> anyhow::Result<(History, Snapshots)> {
    let folder = config.data_dir.join("snapshots");
    let history_folder = config.data_dir.join("history");
    let newest = match snapshots::read_newest(&folder)?.newest {
        Some(newest) => Some(newest),
        None => rebuilt(config, &folder, &history_folder)?,
    };
    let (history, last) = match newest {
        Some((file, written)) => {
            let head = &file.snapshot.head;
            let place = (head.size, head.root);
            let history = History::resume(&history_folder, place, &file.partials)?;
            durable.snapshot = Some(Box::new(file.snapshot));
            (history, Some(written))
        }
        None => (History::open(&history_folder)?, None),
    };
    Ok((history, Snapshots::start(&folder, last)?))
}

/// A snapshot made again from the node's own history, where it had one that cannot be read.
fn rebuilt(
    config: &Config,
    folder: &Path,
    history: &Path,
) -> anyhow::Result<Option<(SnapshotFile, Written)>> {
    let history = HistoryReader::new(history);
    for place in snapshots::read_places(folder)? {
        let (index, leaves) = (place.head.entry.index, place.head.size);
        let sealed = place.head.seals.last().map_or(0, |seal| seal.size);
        tracing::warn!(
            index,
            leaves,
            sealed,
            "no snapshot can be used; replaying the node's own history"
        );
        match rebuild(&place, &history, &config.genesis, &config.secrets.log) {
            Ok(file) => {
                let written = snapshots::write(folder, &file)?;
                tracing::info!(index, leaves, "the state is made again");
                return Ok(Some((file, written)));
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(index, leaves, error, "the history cannot be replayed");
            }
        }
    }
    Ok(None)
}

/// Opens the store, which is there already where the node has run before.
fn open_store(config: &Config) -> anyhow::Result<(Storage, Durable)> {
    let identity = Identity {
        park: config.genesis.park(),
        node: config.record.id,
    };
    let mark = config.used_mark();
    let folder = config.data_dir.join("store");
    let has_run = mark.exists()
        || config.data_dir.join("history").exists()
        || config.data_dir.join("snapshots").exists();
    let opened = if has_run {
        Storage::reopen(&folder, identity)
    } else {
        Storage::open(&folder, identity)
    };
    let opened = opened?;
    mark_used(&mark)?;
    Ok(opened)
}

/// Leaves a mark beside the keys that they were in use: whoever empties the rest of the data
/// folder, or moves the keys to another disk, does not make a node that forgot its votes.
fn mark_used(mark: &Path) -> anyhow::Result<()> {
    if mark.exists() {
        return Ok(());
    }
    let text = "A node has run with these keys. It starts again only with its store.\n";
    folder::write_durably(mark, text.as_bytes())
        .with_context(|| format!("cannot write {}", mark.display()))
}

fn deliver_to(handle: Handle) -> impl Fn(NetworkEvent) + Send + 'static {
    move |event| match event {
        NetworkEvent::Message { from, bytes } => handle.peer_message(from, bytes),
        NetworkEvent::Stranger { bytes } => handle.stranger(bytes),
        NetworkEvent::Unreachable(peer) => handle.unreachable(peer),
    }
}

/// Starts the loop's thread; what is returned resolves when it has ended.
fn start_loop(
    event_loop: EventLoop,
    receiver: Receiver,
    network: Outbound,
) -> anyhow::Result<impl Future<Output = Result<anyhow::Result<()>, oneshot::error::RecvError>>> {
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("replica".to_owned())
        .spawn(move || {
            let result: Result<(), LoopError> = event_loop.run(&receiver, network);
            // Where the process is ending anyway, nobody asks for the result.
            let _ = sender.send(result.map_err(anyhow::Error::from));
        })
        .context("cannot start the node's thread")?;
    Ok(ended)
}

fn say_ready(path: &Path, api_addr: SocketAddr, p2p_addr: SocketAddr) -> anyhow::Result<()> {
    let ready = Ready {
        api_addr,
        p2p_addr,
        pid: std::process::id(),
    };
    let text = serde_json::to_vec(&ready).context("cannot write down where the node listens")?;
    folder::write_whole(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    tracing::info!(api = %api_addr, p2p = %p2p_addr, "listening");
    Ok(())
}
