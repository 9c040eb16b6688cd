//! How fast an export is verified, beside a bare loop over the same signatures in the same run.
//!
//! Strict verification of Ed25519 costs more than everything else together, so the bare loop is
//! the measure: what it takes longer is replay, settlement, hashing and reading.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use wattle_ledger::batch::SignedHeader;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::keys::{PublicKey, Signature};
use wattle_ledger::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};
use wattle_ledger::log::{Checkpoint, Note, Policy};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::source::Source;
use wattle_ledger::verify::verify;

/// The longest file of an export that is read here.
const FILE_BYTES_MAX: usize = 256 * (65_535 + 2);

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyFigures {
    /// Leaves.
    pub entries: u64,
    /// Signatures of authors and leaders in them.
    pub signatures: u64,
    /// Leaves a second of wall time, everything included.
    pub entries_per_second: u64,
    /// Wall time of the verification, in microseconds.
    pub verify_wall_us: u64,
    /// Its processor time over all threads.
    pub verify_cpu_us: u64,
    /// Wall time of the bare loop on one thread.
    pub plain_wall_us: u64,
    /// Its processor time.
    pub plain_cpu_us: u64,
    /// Bare loop over verification in processor time, in thousandths: 1,000 means that all but the
    /// signatures is free.
    pub ratio_cpu_per_mille: u64,
    /// The same in wall time: up to 2,000 on two free cores.
    pub ratio_wall_per_mille: u64,
    /// The most memory that this process had, in kilobytes.
    pub peak_memory_kb: u64,
}

/// One signature with what it signs.
struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

/// Verifies an export and then its signatures alone.
///
/// # Errors
/// If the export cannot be read or does not verify: there would be nothing to measure.
pub fn measure(export: &Path, policy: &Path) -> anyhow::Result<VerifyFigures> {
    let text = std::fs::read_to_string(policy)
        .with_context(|| format!("the policy {} cannot be read", policy.display()))?;
    let policy = Policy::parse(&text)?;
    let source = Directory::new(export);
    let ((report, peak_memory_kb), verify_wall, verify_cpu) = timed(|| {
        let report = verify(&source, &policy, &mut |_| {});
        // Before the bare loop's list of messages, which no verification needs.
        (report, peak_memory_kb().unwrap_or(0))
    });
    if !report.is_ok() {
        bail!("the export does not verify; wattle log verify says why");
    }
    let signatures = collect(&source)?;
    let (all_hold, plain_wall, plain_cpu) = timed(|| {
        let holds = |signed: &Signed| {
            signed
                .key
                .verify(&signed.message, &signed.signature)
                .is_ok()
        };
        signatures.iter().all(holds)
    });
    if !all_hold {
        bail!("a signature of a verified export does not hold: this program contradicts itself");
    }
    let us = |duration: Duration| {
        u64::try_from(duration.as_micros())
            .unwrap_or(u64::MAX)
            .max(1)
    };
    Ok(VerifyFigures {
        entries: report.size,
        signatures: signatures.len() as u64,
        entries_per_second: report.size * 1_000_000 / us(verify_wall),
        verify_wall_us: us(verify_wall),
        verify_cpu_us: us(verify_cpu),
        plain_wall_us: us(plain_wall),
        plain_cpu_us: us(plain_cpu),
        ratio_cpu_per_mille: us(plain_cpu) * 1_000 / us(verify_cpu),
        ratio_wall_per_mille: us(plain_wall) * 1_000 / us(verify_wall),
        peak_memory_kb,
    })
}

/// A result with the wall time and the process's processor time that it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (wall, cpu) = (Instant::now(), cpu_time());
    let result = work();
    (result, wall.elapsed(), cpu_time().saturating_sub(cpu))
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

fn peak_memory_kb() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Every author's and leader's signature of an export that was verified.
fn collect(source: &Directory) -> anyhow::Result<Vec<Signed>> {
    let note = source
        .read("checkpoint", FILE_BYTES_MAX)?
        .context("there is no checkpoint")?;
    let size = Checkpoint::parse(Note::parse(&note)?.text())?.size();
    let width = u64::from(TILE_WIDTH);
    let mut genesis: Option<Genesis> = None;
    let mut signatures = Vec::new();
    for index in 0..size.div_ceil(width) {
        let leaves = u16::try_from((size - index * width).min(width))?;
        let path = TilePath::new(TileKind::Entries, index, leaves)?;
        let bytes = source.read(&path.to_string(), FILE_BYTES_MAX)?;
        let bytes = bytes.with_context(|| format!("{path} is missing"))?;
        for leaf in parse_bundle(&bytes, leaves)? {
            match Entry::decode(leaf)? {
                Entry::Genesis(signed) => genesis = Some(Genesis::parse(&signed)?),
                entry => {
                    let genesis = genesis
                        .as_ref()
                        .context("the log begins with its genesis")?;
                    signatures.extend(signed(&entry, genesis)?);
                }
            }
        }
    }
    Ok(signatures)
}

fn signed(entry: &Entry, genesis: &Genesis) -> anyhow::Result<Option<Signed>> {
    Ok(match entry {
        Entry::Batch { header, .. } => {
            let header = SignedHeader::parse(header)?;
            let leader = header.body().node;
            let node = genesis.body().nodes.iter().find(|node| node.id == leader);
            Some(Signed {
                key: node.context("the leader is a node of the park")?.batch,
                message: header.message(),
                signature: *header.signature(),
            })
        }
        Entry::Event { signed, .. } => {
            let event = SignedEvent::parse(signed)
                .map_err(|rejection| anyhow::anyhow!("{}", rejection.sentence()))?;
            Some(Signed {
                key: event.body().author,
                message: event.message(&genesis.park()),
                signature: *event.signature(),
            })
        }
        Entry::Genesis(_) | Entry::Derived { .. } | Entry::Seal { .. } | Entry::Voters { .. } => {
            None
        }
    })
}
