//! Lets the log record what the node keeps.
//!
//! A thread asks the loop what is kept, judges each file once as the ledger of the moment would,
//! and has the node's own key sign what is news ([`crate::recorder`]). All nodes of a park may find
//! the same; each waits for those that vote before it, so that mostly one of them records it.

use crate::event_loop::{Handle, LoopClosed, View};
use crate::folder;
use crate::recorder::{RecordError, Recorder};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wattle_ledger::event::Action;
use wattle_ledger::hash::Hash;
use wattle_ledger::rejection::Rejection;

/// How often it is looked whether something is kept.
const LOOK: Duration = Duration::from_secs(2);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// A file on its way into the log.
enum Progress {
    /// Looks that are left to the nodes before this one.
    Waits(usize),
    /// It is recorded, or the ledger would refuse it.
    Done,
}

struct Records {
    handle: Handle,
    runtime: tokio::runtime::Handle,
    recorder: Arc<Recorder>,
    progress: BTreeMap<Hash, Progress>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Closed(#[from] LoopClosed),
    #[error("{path} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Starts the thread. It ends with the process, or when the loop does.
///
/// # Errors
/// Where it cannot be started.
pub(crate) fn start(handle: Handle, recorder: Arc<Recorder>) -> anyhow::Result<()> {
    let mut records = Records {
        handle,
        runtime: tokio::runtime::Handle::current(),
        recorder,
        progress: BTreeMap::new(),
    };
    std::thread::Builder::new()
        .name("evidence".to_owned())
        .spawn(move || records.run())
        .context("cannot start the thread that records evidence")?;
    Ok(())
}

impl Records {
    fn run(&mut self) {
        loop {
            let pause = match self.look() {
                Ok(()) => LOOK,
                Err(Trouble::Closed(_)) => return,
                Err(error) => {
                    let error = anyhow::Error::from(error);
                    tracing::warn!("evidence is kept and not recorded yet: {error:#}");
                    PAUSE
                }
            };
            std::thread::sleep(pause);
        }
    }

    fn look(&mut self) -> Result<(), Trouble> {
        let kept = self.ask(|view| {
            let files = view.evidence.list();
            let files = files.map(|(_, kept)| (kept.id, view.evidence.path(&kept.id)));
            (place(view), files.collect::<Vec<_>>())
        });
        let (place, files) = kept?;
        for (id, path) in files {
            match self.progress.get_mut(&id) {
                None => {
                    self.progress.insert(id, Progress::Waits(place));
                }
                Some(Progress::Waits(0)) => self.record(id, path)?,
                Some(Progress::Waits(looks)) => *looks -= 1,
                Some(Progress::Done) => {}
            }
        }
        Ok(())
    }

    fn record(&mut self, id: Hash, path: PathBuf) -> Result<(), Trouble> {
        let file = folder::read_if_there(&path);
        let file = file.map_err(|source| Trouble::Read { path, source })?;
        // One that is gone was replaced by a better one, with another name.
        let refused = match file {
            Some(file) => self.judge_and_record(file)?,
            None => None,
        };
        match refused {
            None => tracing::info!(evidence = %id, "evidence is recorded in the log"),
            Some(rule) => tracing::info!(
                evidence = %id,
                "evidence stays a file: {}", rule.sentence()
            ),
        }
        self.progress.insert(id, Progress::Done);
        Ok(())
    }

    /// The rule by which the ledger refuses a file, if one does.
    fn judge_and_record(&self, file: Vec<u8>) -> Result<Option<Rejection>, Trouble> {
        let bytes = file.clone();
        let judged = self.ask(move |view| {
            let ledger = view.ledger();
            ledger.state().judge_evidence(ledger.genesis(), &bytes)
        });
        if let Err(rule) = judged? {
            return Ok(Some(rule));
        }
        match self.recorder.record(Action::RecordEvidence { file }) {
            Ok(()) => Ok(None),
            // Another node was faster, or what the ledger knows has changed.
            Err(RecordError::Refused {
                rule: Some(rule), ..
            }) if is_about_evidence(rule) => Ok(Some(rule)),
            Err(error) => Err(error.into()),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View) -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        Ok(self.runtime.block_on(self.handle.ask(question))?)
    }
}

/// Whether it is the evidence that is refused, for good, and not the key that signs.
fn is_about_evidence(rule: Rejection) -> bool {
    matches!(
        rule,
        Rejection::EvidenceTooLarge
            | Rejection::EvidenceProvesNothing
            | Rejection::EvidenceAboutStranger
            | Rejection::EvidenceKnown
            | Rejection::EvidenceConvictsNobody
    )
}

/// How many nodes this one lets go first: those that vote before it, or all that vote.
fn place(view: &View) -> usize {
    let voters = view.ledger().members().membership().voters;
    let own = view.replica.node();
    let place = voters.iter().position(|voter| *voter == own);
    place.unwrap_or(voters.len())
}
