//! `wattle-testnet run`: a park of real node processes lives through its days, and is audited.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use wattle_client::api::{Role, Status};
use wattle_client::export::export;
use wattle_client::{Client, Credentials};
use wattle_ledger::registration::NodeId;
use wattle_market::interval::DeliveryInterval;
use wattle_testnet::audit::Audit;
use wattle_testnet::drive::{self, Tally};
use wattle_testnet::keyring::{Keyring, Signer};
use wattle_testnet::park::{Park, ParkSettings};
use wattle_testnet::profile::{ParkProfile, park_time};
use wattle_testnet::replay::ParkPrices;
use wattle_testnet::script::Script;

use super::Failure;
use super::replay::{check_out, load};
use crate::args::{Kill, RunArgs};

/// Real time between the start and the first gate closure, in which everyone is entered.
const HEAD_START: Duration = Duration::from_secs(15);
/// How long the killed node stays away, in intervals.
const AWAY_INTERVALS: u64 = 4;
/// After the last settlement, how long the nodes may take to agree.
const AGREE_MAX: Duration = Duration::from_secs(60);

/// A run's park and everything it lives by.
struct Run<'a> {
    profile: &'a ParkProfile,
    script: Script<'a>,
    keyring: &'a Keyring,
    kill: Kill,
}

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    if let Some(out) = &args.out {
        check_out(out).map_err(Failure::Usage)?;
    }
    let profile = load(&args.profile, &mut output)?;
    let folder = park_folder()?;
    let started = Instant::now();
    let result = live_and_audit(args, &profile, &folder, &mut output);
    let seconds = started.elapsed().as_secs();
    let verdict = match result {
        Ok(kept) => {
            writeln!(output, "PASS {} days in {seconds} s", profile.days())?;
            if !kept {
                let _ = fs::remove_dir_all(&folder);
            }
            Ok(())
        }
        Err(failure @ (Failure::BrokenPipe | Failure::Told)) => Err(failure),
        Err(Failure::Failed(error) | Failure::Usage(error)) => {
            eprintln!(
                "error: {error:#}\nThe park's folder is kept: {}",
                folder.display()
            );
            writeln!(
                output,
                "FAIL {}",
                format!("{error:#}").lines().next().unwrap_or("")
            )?;
            Err(Failure::Told)
        }
    };
    output.flush()?;
    verdict
}

/// The program that runs each node: this one.
pub(crate) fn this_program() -> Result<PathBuf, Failure> {
    let found = std::env::current_exe().context("cannot tell which program this is");
    found.map_err(Failure::Failed)
}

/// A folder of its own for each run.
pub(crate) fn park_folder() -> Result<PathBuf, Failure> {
    let name = format!("wattle-park-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    check_out(&folder).map_err(Failure::Usage)?;
    Ok(folder)
}

/// The whole way; whether the park was left running.
fn live_and_audit(
    args: &RunArgs,
    profile: &ParkProfile,
    folder: &Path,
    output: &mut impl Write,
) -> Result<bool, Failure> {
    let prices = ParkPrices::bundled();
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| Failure::Failed(anyhow::anyhow!("{error}")))?;
    let keyring = Keyring::from_seed(seed);
    let script = Script::new(profile, &prices, &keyring);
    let settings = ParkSettings {
        program: this_program()?,
        nodes: args.nodes,
        speed: args.speed,
        head_start: HEAD_START,
    };
    let first_gate = profile.first_interval.gate_closure();
    let park = Park::found(folder, &script, first_gate, &settings).map_err(Failure::Failed)?;
    writeln!(
        output,
        "{} tenants at {} points in {} buildings, {} nodes; {}\n{}",
        profile.participants.len(),
        profile.points.len(),
        profile.buildings.len(),
        args.nodes,
        profile.source,
        park.genesis().origin(),
    )?;
    let run = Run {
        profile,
        script,
        keyring: &keyring,
        kill: args.kill,
    };
    let (statuses, export_dir) = run.live(&park, folder).map_err(Failure::Failed)?;
    let machine = machine_lines(&park, &statuses);
    if args.keep {
        write_keys(&run, folder).map_err(Failure::Failed)?;
    } else {
        park.stop().map_err(Failure::Failed)?;
    }
    let policy = folder.join("policy");
    let audit = audit_apart(&export_dir, &policy).map_err(Failure::Failed)?;
    writeln!(output, "\n{}\n{machine}", audit.render())?;
    writeln!(output, "{}", agreement(&statuses, &audit))?;
    if let Some(out) = &args.out {
        leave(out, &export_dir, &policy, &audit).map_err(Failure::Failed)?;
        writeln!(
            output,
            "Left in {}: export, policy, report.json",
            out.display()
        )?;
    }
    check(&run, &statuses, &audit).map_err(Failure::Failed)?;
    if args.keep {
        writeln!(output, "{}", kept_lines(&park))?;
        park.leave_running();
    }
    Ok(args.keep)
}

impl Run<'_> {
    /// Starts the park, lives through its days, and takes an export from a follower.
    fn live(&self, park: &Park, folder: &Path) -> anyhow::Result<(Vec<Status>, PathBuf)> {
        let tally = Tally::default();
        let progress = progress_bar(self.profile.intervals);
        progress.set_message("starting the nodes");
        park.start()?;
        progress.set_message("entering tenants, points and meters");
        drive::register(park, &self.script, self.keyring, &tally)?;
        let urls = park.urls_from(wattle_market::point::BuildingId(1));
        std::thread::scope(|scope| {
            let driver = {
                let (script, keyring, tally) = (&self.script, self.keyring, &tally);
                scope.spawn(move || drive::live(park, self.profile, script, keyring, tally))
            };
            let told = self.show(&urls, park, &progress, &tally);
            if told.is_err() {
                tally.stop.store(true, Ordering::Relaxed);
            }
            let lived = driver.join().expect("the driver does not panic");
            lived.and(told)
        })?;
        let last = self.profile.first_interval.plus(self.profile.intervals);
        progress.set_message("waiting for the last seal");
        drive::wait_until(park, self.script.end().0, &tally);
        let statuses = park.wait_until_sealed(last, AGREE_MAX)?;
        progress.finish_and_clear();
        let export_dir = folder.join("export");
        self.export_from_follower(park, &statuses, &export_dir)?;
        Ok((statuses, export_dir))
    }

    /// Shows how far the park has come, and does the fault at midday.
    fn show(
        &self,
        urls: &[String],
        park: &Park,
        progress: &ProgressBar,
        tally: &Tally,
    ) -> anyhow::Result<()> {
        let client = Client::new(urls)?.with_timeout(Duration::from_secs(2));
        let noon = self.profile.first_interval.plus(48).start().0;
        let back = self
            .profile
            .first_interval
            .plus(48 + AWAY_INTERVALS)
            .start()
            .0;
        let mut away: Option<NodeId> = None;
        let mut done = false;
        while !tally.stop.load(Ordering::Relaxed) && park.now() < self.script.end() {
            let now = park.now().0;
            if !done && self.kill != Kill::None && now >= noon && park.nodes().len() > 1 {
                away = Some(self.kill_one(park)?);
                done = true;
            }
            if let Some(node) = away.filter(|_| now >= back) {
                start_again(park, node)?;
                away = None;
            }
            self.tick(&client, park, progress, tally, away);
            std::thread::sleep(Duration::from_millis(200));
        }
        if let Some(node) = away {
            start_again(park, node)?;
        }
        Ok(())
    }

    fn tick(
        &self,
        client: &Client,
        park: &Park,
        progress: &ProgressBar,
        tally: &Tally,
        away: Option<NodeId>,
    ) {
        let interval = DeliveryInterval::containing(park.now());
        let lived = interval.0.saturating_sub(self.profile.first_interval.0);
        progress.set_position(lived.min(self.profile.intervals));
        let events = tally.events.load(Ordering::Relaxed);
        // A node that does not answer for a moment is no news here.
        let heads = client.status().map_or(String::new(), |status| {
            let sealed = status.sealed.map_or(0, |sealed| sealed.size);
            let leader = status
                .leader
                .map_or("none".to_owned(), |leader| leader.to_string());
            format!(
                ", leader {leader}, {} entries, {sealed} sealed",
                status.tree_size
            )
        });
        let away = away.map_or(String::new(), |node| format!(", node {node} killed"));
        progress.set_message(format!(
            "{}: {events} events{heads}{away}",
            park_time(interval)
        ));
    }

    fn kill_one(&self, park: &Park) -> anyhow::Result<NodeId> {
        let leader = park.statuses()?.iter().find_map(|status| status.leader);
        let mut nodes = park.nodes().iter().rev();
        let chosen = match self.kill {
            Kill::Leader => nodes.find(|node| Some(node.id()) == leader),
            _ => nodes.find(|node| Some(node.id()) != leader),
        };
        let chosen = chosen.context("there is a node to kill")?;
        chosen.kill()?;
        Ok(chosen.id())
    }

    fn export_from_follower(
        &self,
        park: &Park,
        statuses: &[Status],
        export_dir: &Path,
    ) -> anyhow::Result<()> {
        let follower = statuses.iter().find(|status| status.role != Role::Leader);
        let source = follower
            .or(statuses.first())
            .context("a node is running")?
            .node;
        let node = park.nodes().iter().find(|node| node.id() == source);
        let url = node
            .context("the node that answered is known")?
            .url()
            .to_owned();
        let key = self.keyring.key(&Signer::Regulator);
        let credentials = Credentials {
            park: park.genesis().park(),
            key,
        };
        let client = Client::new(&[url])?.with_credentials(credentials);
        export(&client, export_dir, |_, _| {}).context("the export over HTTP failed")?;
        Ok(())
    }
}

fn start_again(park: &Park, node: NodeId) -> anyhow::Result<()> {
    let process = park.nodes().iter().find(|process| process.id() == node);
    let process = process.context("the killed node is known")?;
    process.start()?;
    process.wait_until_ready(Duration::from_secs(60))
}

fn progress_bar(intervals: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .expect("the template has known keys");
    ProgressBar::new(intervals).with_style(style)
}

/// Verifies in a process of its own, which sees nothing but the export and the policy.
fn audit_apart(export_dir: &Path, policy: &Path) -> anyhow::Result<Audit> {
    let output =
        Command::new(std::env::current_exe().context("cannot tell which program this is")?)
            .arg("audit")
            .arg(export_dir)
            .arg("--policy")
            .arg(policy)
            .arg("--json")
            .output()
            .context("cannot start the verifier")?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "the verifier gave no report: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// What the machine had to do for it: measured on the processes, not read from the export.
fn machine_lines(park: &Park, statuses: &[Status]) -> String {
    let memory = park
        .nodes()
        .iter()
        .filter_map(|node| node.peak_memory_kb())
        .max();
    let memory = memory.map_or("unknown".to_owned(), |kb| format!("{} MB", kb / 1_024));
    let disk = park
        .nodes()
        .iter()
        .map(|node| bytes_below(node.data()))
        .max()
        .unwrap_or(0);
    let entries = statuses.first().map_or(1, |status| status.tree_size.max(1));
    format!(
        "One node: at most {memory} of memory, {disk} bytes on disk ({} an entry)",
        disk / entries
    )
}

fn bytes_below(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        });
    sizes.sum()
}

fn agreement(statuses: &[Status], audit: &Audit) -> String {
    let first = statuses.first().and_then(|status| status.state_root);
    let state_root = first.map(|root| root.to_string()).unwrap_or_default();
    format!(
        "{} nodes agree on checkpoint {} ({} entries) and state root {}",
        statuses.len(),
        &audit.root,
        audit.entries,
        state_root,
    )
}

/// What must hold beyond the verifier's verdict.
fn check(run: &Run<'_>, statuses: &[Status], audit: &Audit) -> anyhow::Result<()> {
    if !audit.verified {
        bail!("the export does not verify");
    }
    if audit.intervals != run.profile.intervals || audit.held > 0 {
        bail!(
            "{} of {} intervals are settled, {} are held",
            audit.intervals,
            run.profile.intervals,
            audit.held
        );
    }
    let differs = statuses.iter().any(|status| {
        status
            .sealed
            .as_ref()
            .map(|sealed| (sealed.size, sealed.root.to_string()))
            != Some((audit.entries, audit.root.clone()))
            || status.state_root != statuses[0].state_root
    });
    if differs {
        bail!("the nodes' checkpoints or state roots differ from the export's");
    }
    Ok(())
}

fn leave(out: &Path, export_dir: &Path, policy: &Path, audit: &Audit) -> anyhow::Result<()> {
    fs::create_dir_all(out)?;
    copy_folder(export_dir, &out.join("export"))?;
    fs::copy(policy, out.join("policy"))?;
    let mut json = serde_json::to_string_pretty(audit)?;
    json.push('\n');
    fs::write(out.join("report.json"), json)?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Key files with which a person can go on in a park that was left running.
fn write_keys(run: &Run<'_>, folder: &Path) -> anyhow::Result<()> {
    let keys = folder.join("keys");
    fs::create_dir_all(&keys)?;
    let mut signers = vec![
        ("registrar".to_owned(), Signer::Registrar),
        ("treasurer".to_owned(), Signer::Treasurer),
        ("regulator".to_owned(), Signer::Regulator),
    ];
    for (place, participant) in run.profile.participants.iter().enumerate() {
        signers.push((participant.name.clone(), Signer::Tenant(place)));
    }
    for (name, signer) in signers {
        let path = keys.join(format!("{name}.pem"));
        wattle_client::keyfile::write(&path, &run.keyring.seed(&signer), None)?;
    }
    Ok(())
}

fn kept_lines(park: &Park) -> String {
    let folder = park.folder().display();
    let url = park.nodes().first().map_or("", |node| node.url());
    format!(
        "The park is left running in {folder} (keys without passphrases in {folder}/keys).\nTry:\n  \
         wattle --url {url} node status\n  \
         wattle --url {url} --key {folder}/keys/regulator.pem log export --out /tmp/export\n  \
         wattle --url {url} --key {folder}/keys/offices.pem balance --participant offices\n\
         End it with:\n  pkill -f {folder}"
    )
}
