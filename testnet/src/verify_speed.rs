//! How fast an export is verified, beside a bare loop over the same signatures in the same run.
//!
//! Strict verification of Ed25519 costs more than everything else together, so the bare loop is
//! the measure: what it takes longer is replay, settlement, hashing and reading. A machine is not
//! equally fast at all times, so the two take turns, and the median says what holds.

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

/// What was measured; of each figure the median over the passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyFigures {
    /// How often both were done.
    pub passes: usize,
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

/// Verifies an export and then its signatures alone, so many times.
///
/// # Errors
/// If the export cannot be read or does not verify: there would be nothing to measure.
///
/// # Panics
/// Without a pass.
pub fn measure(export: &Path, policy: &Path, passes: usize) -> anyhow::Result<VerifyFigures> {
    let text = std::fs::read_to_string(policy)
        .with_context(|| format!("the policy {} cannot be read", policy.display()))?;
    let policy = Policy::parse(&text)?;
    let source = Directory::new(export);
    let size = verified(&source, &policy)?;
    // Before the bare loop's list of messages, which no verification needs.
    let peak_memory_kb = peak_memory_kb().unwrap_or(0);
    let signatures = collect(&source)?;
    let passes: Vec<Pass> = (0..passes)
        .map(|_| Pass::run(&source, &policy, &signatures))
        .collect::<anyhow::Result<_>>()?;
    let median = |figure: fn(&Pass) -> u64| {
        let mut figures: Vec<u64> = passes.iter().map(figure).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let verify_wall_us = median(|pass| pass.verify.wall_us);
    Ok(VerifyFigures {
        passes: passes.len(),
        entries: size,
        signatures: signatures.len() as u64,
        entries_per_second: size * 1_000_000 / verify_wall_us,
        verify_wall_us,
        verify_cpu_us: median(|pass| pass.verify.cpu_us),
        plain_wall_us: median(|pass| pass.plain.wall_us),
        plain_cpu_us: median(|pass| pass.plain.cpu_us),
        ratio_cpu_per_mille: median(|pass| pass.plain.cpu_us * 1_000 / pass.verify.cpu_us),
        ratio_wall_per_mille: median(|pass| pass.plain.wall_us * 1_000 / pass.verify.wall_us),
        peak_memory_kb,
    })
}

/// Verifies; how many leaves there are.
fn verified(source: &Directory, policy: &Policy) -> anyhow::Result<u64> {
    let report = verify(source, policy, &mut |_| {});
    if !report.is_ok() {
        bail!("the export does not verify; wattle log verify says why");
    }
    Ok(report.size)
}

/// One verification, and the bare loop right after it.
struct Pass {
    verify: Times,
    plain: Times,
}

impl Pass {
    fn run(source: &Directory, policy: &Policy, signatures: &[Signed]) -> anyhow::Result<Pass> {
        let (size, verify) = timed(|| verified(source, policy));
        size?;
        let holds = |signed: &Signed| {
            let checked = signed.key.verify(&signed.message, &signed.signature);
            checked.is_ok()
        };
        let (all_hold, plain) = timed(|| signatures.iter().all(holds));
        if !all_hold {
            bail!(
                "a signature of a verified export does not hold: this program contradicts itself"
            );
        }
        Ok(Pass { verify, plain })
    }
}

/// Wall time and the process's processor time, in microseconds, at least one.
struct Times {
    wall_us: u64,
    cpu_us: u64,
}

/// A result, with what it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Times) {
    let (wall, cpu) = (Instant::now(), cpu_time());
    let result = work();
    let us = |took: Duration| u64::try_from(took.as_micros()).map_or(u64::MAX, |us| us.max(1));
    let (wall_us, cpu_us) = (us(wall.elapsed()), us(cpu_time().saturating_sub(cpu)));
    (result, Times { wall_us, cpu_us })
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
