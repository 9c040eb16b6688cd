//! What a node's start costs: a data folder made of a recording, and a real process started on it.
//!
//! The history is the recording's export as it is. What else is there says where the state comes
//! from ([`Source`]).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;
use wattle_client::keyfile;
use wattle_ledger::batch::{Batch, SignedHeader};
use wattle_ledger::entry::Entry;
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::TileBuilder;
use wattle_ledger::registration::NodeId;
use wattle_node::clock::{ClockSettings, wall_ms};
use wattle_node::config::{RaftSettings, RawConfig};
use wattle_node::setup;
use wattle_node::snapshots::{SnapshotFile, Snapshots};
use wattle_node::storage::{Identity, Storage};
use wattle_replica::output::{EntryId, SignedHead, StoredEntry, StoredHardState, WriteBatch};
use wattle_replica::snapshot::{Roster, Snapshot, SnapshotHead};

use crate::export::Export;
use crate::keyring::{Keyring, NodeKey};
use crate::park::NodeProcess;

/// The one node of a recording.
const NODE: NodeId = NodeId(1);
/// A node that does not listen after this long has a fault, or a history beyond reason.
const READY_MAX: Duration = Duration::from_secs(1_800);
/// Entries that are stored at a time.
const ENTRIES_TOGETHER: usize = 1_000;

/// Where a started node's state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A snapshot of the last leaf.
    Snapshot,
    /// The node's own history, replayed up to the place of a snapshot that is gone.
    History,
    /// Raft's entries, every batch of them; there never was a snapshot.
    Entries,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StartFigures {
    /// Leaves of the history.
    pub entries: u64,
    /// Batches, which are Raft's entries.
    pub batches: u64,
    /// Where the state came from.
    pub source: Source,
    /// Bytes of a snapshot's file; none where the state came from entries.
    pub snapshot_bytes: u64,
    /// How long the node's loop would have stood while the state was written into memory, in
    /// microseconds: all that a snapshot keeps the loop from.
    pub snapshot_stall_us: u64,
    /// Wall time from the process's start until it listens, in milliseconds: the median.
    pub listening_ms: u64,
    /// Processor time of it, in milliseconds: the median.
    pub processor_ms: u64,
    /// The most memory until it listened, in kilobytes.
    pub peak_memory_kb: u64,
    /// Its memory some seconds later, in kilobytes.
    pub idle_memory_kb: u64,
}

/// A data folder that is ready for a start, and what is known of it.
struct Prepared {
    node: NodeProcess,
    entries: u64,
    batches: u64,
    snapshot_bytes: u64,
    stall: Duration,
}

/// The state after a recording's last leaf, and Raft's entries that led there.
struct Replayed {
    ledger: Ledger,
    last: EntryId,
    stored: Vec<StoredEntry>,
}

/// Makes a data folder below `folder` out of a recording and starts a node on it, `passes` times.
/// Each is left alone for `idle` before its memory is looked at.
///
/// # Errors
/// If the recording is not one of these keys, a file cannot be written, or the node does not start.
pub fn measure(
    (recording, keyring): (&Path, &Keyring),
    folder: &Path,
    program: &Path,
    source: Source,
    (passes, idle_for): (usize, Duration),
) -> anyhow::Result<StartFigures> {
    let prepared = prepare(recording, keyring, folder, program, source)?;
    let (mut walls, mut processor) = (Vec::new(), Vec::new());
    let (mut peak, mut idle) = (0, 0);
    for _ in 0..passes {
        if source == Source::History {
            remove_snapshots(&folder.join("data/snapshots"))?;
        }
        let began = Instant::now();
        prepared.node.start()?;
        prepared.node.wait_until_ready(READY_MAX)?;
        walls.push(began.elapsed());
        processor.extend(prepared.node.processor_time());
        peak = peak.max(prepared.node.peak_memory_kb().unwrap_or(0));
        std::thread::sleep(idle_for);
        idle = idle.max(prepared.node.memory_kb().unwrap_or(0));
        // As after a power cut; the node gets no chance to write what would help the next start.
        prepared.node.kill()?;
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        let time = times.get(times.len() / 2).copied().unwrap_or_default();
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    };
    Ok(StartFigures {
        entries: prepared.entries,
        batches: prepared.batches,
        source,
        snapshot_bytes: prepared.snapshot_bytes,
        snapshot_stall_us: u64::try_from(prepared.stall.as_micros())?,
        listening_ms: median(walls),
        processor_ms: median(processor),
        peak_memory_kb: peak,
        idle_memory_kb: idle,
    })
}

fn prepare(
    recording: &Path,
    keyring: &Keyring,
    folder: &Path,
    program: &Path,
    source: Source,
) -> anyhow::Result<Prepared> {
    let export = Export::open(&recording.join("export"))?;
    let record = export.genesis().body().nodes.first();
    let record = record.context("the genesis has no node")?;
    if *record != keyring.node_record(NODE, record.building) {
        bail!("only what `bench record` has recorded can be started: its keys are known");
    }
    let data = folder.join("data");
    fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
    write_keys(keyring, &data)?;
    copy_tree(export.folder(), &data.join("history"))?;
    let size = export.checkpoint().size();
    let published = data.join("history/checkpoints");
    fs::create_dir_all(&published)?;
    fs::write(published.join(size.to_string()), export.note())?;
    let Replayed {
        mut ledger,
        last,
        stored,
    } = replay(&export, source)?;
    write_store(&data, &export, last, stored)?;
    let (mut snapshot_bytes, mut stall) = (0, Duration::ZERO);
    if source != Source::Entries {
        let began = Instant::now();
        let bytes = ledger.snapshot().to_bytes();
        stall = began.elapsed();
        snapshot_bytes = write_snapshot(&data, &export, &ledger, last, bytes)?;
    }
    let node = write_config(folder, &data, &export, &ledger, program)?;
    Ok(Prepared {
        node,
        entries: size,
        batches: last.index,
        snapshot_bytes,
        stall,
    })
}

/// Leaves nothing of the snapshots but their places.
fn remove_snapshots(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == "snapshot") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_keys(keyring: &Keyring, data: &Path) -> anyhow::Result<()> {
    let keys = data.join("keys");
    fs::create_dir_all(&keys)?;
    for (name, key) in [
        ("transport", NodeKey::Transport),
        ("log", NodeKey::Log),
        ("cosigner", NodeKey::Cosigner),
        ("batch", NodeKey::Batch),
        ("receipt", NodeKey::Receipt),
    ] {
        let seed = keyring.node_seed(NODE, key);
        keyfile::write(&keys.join(format!("{name}.pem")), &seed, None)?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn replay(export: &Export, source: Source) -> anyhow::Result<Replayed> {
    let mut ledger = Ledger::with_signatures(export.genesis(), SignatureCheck::AlreadyVerified);
    let mut last = EntryId { index: 0, term: 1 };
    let mut stored = Vec::new();
    export.batches(&mut |leaves| {
        last.index += 1;
        if source == Source::Entries {
            stored.push(raft_entry(leaves, last.index)?);
        }
        ledger.apply_leaves(leaves)?;
        Ok(())
    })?;
    if ledger.root() != *export.checkpoint().root() {
        bail!("the recording does not come to its checkpoint");
    }
    Ok(Replayed {
        ledger,
        last,
        stored,
    })
}

/// The Raft entry that a batch's leaves came from.
fn raft_entry(leaves: &[Vec<u8>], index: u64) -> anyhow::Result<StoredEntry> {
    let mut batch = None;
    for leaf in leaves {
        match Entry::decode(leaf)? {
            Entry::Batch { header, .. } => {
                let header = SignedHeader::parse(&header)?;
                batch = Some(Batch {
                    header,
                    events: Vec::new(),
                });
            }
            Entry::Event { signed, .. } => {
                let batch = batch.as_mut().context("a batch begins with its header")?;
                batch.events.push(signed);
            }
            _ => {}
        }
    }
    let batch = batch.context("a batch begins with its header")?;
    Ok(StoredEntry {
        index,
        term: batch.header.body().term,
        data: batch.encode(),
    })
}

fn write_store(
    data: &Path,
    export: &Export,
    last: EntryId,
    stored: Vec<StoredEntry>,
) -> anyhow::Result<()> {
    let identity = Identity {
        park: export.genesis().park(),
        node: NODE,
    };
    let (mut storage, _) = Storage::open(&data.join("store"), identity)?;
    for entries in stored.chunks(ENTRIES_TOGETHER) {
        storage.write(&WriteBatch {
            entries: entries.to_vec(),
            ..WriteBatch::default()
        })?;
    }
    storage.write(&WriteBatch {
        restarted: stored.is_empty().then_some(last),
        hard_state: Some(StoredHardState {
            term: last.term,
            vote: NODE.0,
            commit: last.index,
        }),
        signed: Some(SignedHead {
            size: export.checkpoint().size(),
            root: *export.checkpoint().root(),
        }),
        ..WriteBatch::default()
    })?;
    Ok(storage.sync()?)
}

fn write_snapshot(
    data: &Path,
    export: &Export,
    ledger: &Ledger,
    entry: EntryId,
    bytes: Vec<u8>,
) -> anyhow::Result<u64> {
    let (size, root) = (ledger.size(), ledger.root());
    let head = SnapshotHead {
        entry,
        roster: Roster {
            voters: vec![NODE],
            learners: Vec::new(),
        },
        size,
        root,
        time: ledger.state().clock().time,
        seals: vec![SignedHead { size, root }],
    };
    let mut builder = TileBuilder::new();
    builder.push(&export.genesis().leaf());
    export.batches(&mut |leaves| {
        for leaf in leaves {
            builder.push(leaf);
        }
        builder.take_full();
        Ok(())
    })?;
    let ledger = bytes;
    let file = SnapshotFile {
        snapshot: Snapshot { head, ledger },
        partials: builder.partials(),
    };
    let mut snapshots = Snapshots::start(&data.join("snapshots"), None)?;
    fs::create_dir_all(data.join("snapshots"))?;
    snapshots.write(file)?;
    loop {
        if let Some(written) = snapshots.next_written()? {
            return Ok(written.bytes);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn write_config(
    folder: &Path,
    data: &Path,
    export: &Export,
    ledger: &Ledger,
    program: &Path,
) -> anyhow::Result<NodeProcess> {
    fs::write(folder.join("genesis"), export.genesis().signed())?;
    setup::create_network_key(&folder.join("network.key"))?;
    let api: SocketAddr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = RawConfig {
        node: NODE.0,
        registration: None,
        data_dir: data.to_owned(),
        genesis: folder.join("genesis"),
        network_key: folder.join("network.key"),
        passphrase_file: None,
        event_key: None,
        api_listen: api.to_string(),
        p2p_listen: "127.0.0.1:0".to_owned(),
        peers: Vec::new(),
        clock: ClockSettings {
            speed: 1,
            wall_base_ms: wall_ms(),
            base_ms: ledger.state().clock().time.0,
            slow_from_ms: None,
        },
        raft: RaftSettings::default(),
        witness: Vec::new(),
        follow: Vec::new(),
    };
    let path = folder.join("node.toml");
    setup::write_config(&path, &config)?;
    let program = program.to_owned();
    let url = format!("http://{api}");
    Ok(NodeProcess::new(NODE, program, data.to_owned(), path, url))
}
