//! One node as a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use wattle_client::Client;
use wattle_client::api::{Ready, Status};
use wattle_ledger::registration::NodeId;

use super::wait_for;

/// Linux tells processor time in hundredths of a second, on every architecture that nodes run on.
const TICK_MS: u64 = 10;
/// A node asked to stop has this long.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A node's process; ends with this value unless it is left running.
#[derive(Debug)]
pub struct NodeProcess {
    id: NodeId,
    program: PathBuf,
    data: PathBuf,
    config: PathBuf,
    url: String,
    /// Behind a lock, because a fault is done while the drivers use the park.
    child: Mutex<Option<Child>>,
}

impl NodeProcess {
    pub(crate) fn new(
        id: NodeId,
        program: PathBuf,
        data: PathBuf,
        config: PathBuf,
        url: String,
    ) -> Self {
        Self {
            id,
            program,
            data,
            config,
            url,
            child: Mutex::new(None),
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child
            .lock()
            .expect("no thread panics while it holds a process")
    }

    /// Its id in the genesis.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Address of its API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Whether it was started and not stopped or killed since.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.child().is_some()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    /// Starts the program as a node.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub fn start(&self) -> anyhow::Result<()> {
        // A node that was killed has left where it listened.
        let _ = fs::remove_file(self.ready_file());
        let log = File::options().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.program)
            .arg("node")
            .args(["run", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start node {}", self.id))?;
        *self.child() = Some(child);
        Ok(())
    }

    fn ready_file(&self) -> PathBuf {
        self.data.join("ready.json")
    }

    /// Waits until it listens.
    ///
    /// # Errors
    /// If the process ends, or does not listen in time; with the end of its log.
    pub fn wait_until_ready(&self, time_max: Duration) -> anyhow::Result<()> {
        let path = self.ready_file();
        let mut guard = self.child();
        let child = guard.as_mut().context("the node was not started")?;
        let pid = child.id();
        let waited = wait_for("the node to listen", time_max, || {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(Err(status)));
            }
            let Ok(text) = fs::read_to_string(&path) else {
                return Ok(None);
            };
            let ready: Ready = serde_json::from_str(&text)?;
            Ok((ready.pid == pid).then_some(Ok(())))
        });
        match waited {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => {
                bail!(
                    "node {} ended at its start ({status}): {}",
                    self.id,
                    self.log_end()
                )
            }
            Err(error) => Err(error.context(format!("node {}: {}", self.id, self.log_end()))),
        }
    }

    fn log_end(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn status(&self) -> anyhow::Result<Status> {
        let client = Client::new(std::slice::from_ref(&self.url))?;
        let client = client.with_timeout(Duration::from_secs(5));
        client
            .status()
            .with_context(|| format!("node {} does not answer", self.id))
    }

    /// The most memory the process has had, in kilobytes; none where the system does not tell.
    #[must_use]
    pub fn peak_memory_kb(&self) -> Option<u64> {
        self.status_kb("VmHWM:")
    }

    /// The memory that the process has now, in kilobytes; none where the system does not tell.
    #[must_use]
    pub fn memory_kb(&self) -> Option<u64> {
        self.status_kb("VmRSS:")
    }

    fn status_kb(&self, name: &str) -> Option<u64> {
        let pid = self.child().as_ref()?.id();
        let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse().ok()
    }

    /// Processor time of the process so far; none where the system does not tell.
    #[must_use]
    pub fn processor_time(&self) -> Option<Duration> {
        let pid = self.child().as_ref()?.id();
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in brackets and may hold anything; the third field is next.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        let ticks = ticks(11)? + ticks(12)?;
        Some(Duration::from_millis(ticks * TICK_MS))
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// If the process cannot be killed.
    pub fn kill(&self) -> anyhow::Result<()> {
        let mut child = self.child().take().context("the node is not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// If it ends with a failure or not in time.
    pub fn stop(&self) -> anyhow::Result<()> {
        let Some(mut child) = self.child().take() else {
            return Ok(());
        };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("a process id fits")?;
        kill_process(pid, Signal::TERM)?;
        let waited = wait_for("the node to stop", STOP_MAX, || Ok(child.try_wait()?));
        match waited {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => bail!("node {} ended with {status}: {}", self.id, self.log_end()),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.context(format!("node {} had to be killed", self.id)))
            }
        }
    }

    /// Leaves the process running when this value goes.
    pub(super) fn leave_running(&self) {
        *self.child() = None;
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            // Nothing can be done about a failure here, and the process may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
