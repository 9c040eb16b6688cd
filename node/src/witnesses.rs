//! Asks witnesses to cosign what the park has sealed (C2SP tlog-witness).
//!
//! Each witness has a thread of its own that looks at the published checkpoint and, where it is
//! news, posts it with the proof from the size that the witness has. Nothing else of the node waits
//! for a witness: sealing and publishing go on without them, and a witness that is slow or gone
//! only falls behind. What a witness has signed is kept in `DATA/witnesses/`, with the voters'
//! lines that it was signed over.

mod older;

use crate::folder;
use crate::history::HistoryReader;
use anyhow::Context as _;
use older::Older;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wattle_client::api::AskedWitness;
use wattle_client::witness::{WitnessClient, WitnessError};
use wattle_ledger::hash::Hash;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::note::{Note, VerifierKey};
use wattle_ledger::log::proof::prove_consistency;
use wattle_ledger::log::tiles::{TileHashes, TilePath};
use wattle_ledger::log::witness::log_id;

/// Signature lines that every reader of notes takes (C2SP signed-note).
pub(crate) const NOTE_LINES_MAX: usize = 16;
/// A witness answers within this time or is asked again later.
pub(crate) const WITNESS_TIMEOUT: Duration = Duration::from_secs(10);
/// How often the published checkpoint is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The first pause after a failure; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// After so long the same checkpoint is cosigned again, so that its time says that it is still
/// the largest.
const AGAIN: Duration = Duration::from_secs(3_600);

/// The witnesses of a node; cheap to clone.
#[derive(Clone)]
pub struct Witnesses {
    asked: Arc<Vec<Asked>>,
    older: Arc<Older>,
}

/// One witness, and what is known of him.
struct Asked {
    url: String,
    vkey: VerifierKey,
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The voters' note that he cosigned last, with his line at its end.
    cosigned: Option<Cosigned>,
    error: Option<String>,
}

#[derive(Clone)]
struct Cosigned {
    note: Note,
    size: u64,
    time: u64,
}

impl Witnesses {
    /// The witnesses of a configuration, with what they signed before.
    ///
    /// # Errors
    /// Where the folder cannot be used.
    pub fn open(folder: &Path, witnesses: &[(String, VerifierKey)]) -> anyhow::Result<Witnesses> {
        let mut asked = Vec::new();
        for (url, vkey) in witnesses {
            folder::create(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            let file = folder.join(format!("{}.checkpoint", log_id(&vkey.to_string())));
            let bytes = folder::read_if_there(&file);
            let bytes = bytes.with_context(|| format!("cannot read {}", file.display()))?;
            // What does not hold is made again by asking: the witness knows what he signed.
            let cosigned = bytes.and_then(|bytes| cosigned(Note::parse(&bytes).ok()?, vkey));
            asked.push(Asked {
                url: url.clone(),
                vkey: vkey.clone(),
                file,
                known: Mutex::new(Known {
                    cosigned,
                    error: None,
                }),
            });
        }
        Ok(Witnesses {
            asked: Arc::new(asked),
            older: Arc::new(Older::new(folder)),
        })
    }

    /// Starts a thread for each. They end with the process, at any moment.
    ///
    /// # Errors
    /// Where a thread cannot be started.
    pub fn start(&self, history: &HistoryReader, origin: &str) -> anyhow::Result<()> {
        for place in 0..self.asked.len() {
            let (witnesses, history) = (self.clone(), history.clone());
            let origin = origin.to_owned();
            std::thread::Builder::new()
                .name("witness".to_owned())
                .spawn(move || {
                    witnesses.asked[place].ask_forever(&history, &origin, &witnesses.older)
                })
                .context("cannot start the thread that asks a witness")?;
        }
        Ok(())
    }

    /// What each witness has signed.
    pub fn status(&self) -> Vec<AskedWitness> {
        let status = |asked: &Asked| {
            let known = asked.known();
            AskedWitness {
                name: asked.vkey.name().to_owned(),
                vkey: asked.vkey.to_string(),
                url: asked.url.clone(),
                size: known.cosigned.as_ref().map(|cosigned| cosigned.size),
                cosigned_at: known.cosigned.as_ref().map(|cosigned| cosigned.time),
                error: known.error.clone(),
            }
        };
        self.asked.iter().map(status).collect()
    }

    /// A checkpoint of a size as the history has it, with the lines of witnesses that have cosigned
    /// it.
    pub fn with_lines(&self, size: u64, note: Vec<u8>) -> Vec<u8> {
        self.older.with_lines(size, note)
    }

    /// The largest checkpoint that a witness has cosigned: the voters' note, then the lines of all
    /// witnesses that have cosigned it.
    pub fn note(&self) -> Option<String> {
        let all: Vec<Cosigned> = self
            .asked
            .iter()
            .filter_map(|asked| asked.known().cosigned.clone())
            .collect();
        let largest = all.iter().max_by_key(|cosigned| cosigned.size)?;
        let mut note = largest.note.clone();
        let same = |one: &&Cosigned| one.note.text() == largest.note.text();
        for other in all.iter().filter(same) {
            // Voters that came later may have taken the room that there was.
            if note.signatures().len() >= NOTE_LINES_MAX {
                break;
            }
            let line = other.note.signatures().last()?;
            note.add(line.clone()).ok()?;
        }
        Some(note.to_string())
    }
}

impl Asked {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Rows are replaced whole; a panic cannot leave one half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_forever(&self, history: &HistoryReader, origin: &str, older: &Older) {
        let client = match WitnessClient::new(&self.url, WITNESS_TIMEOUT) {
            Ok(client) => client,
            Err(error) => {
                self.known().error = Some(error.to_string());
                return;
            }
        };
        let mut pause = PAUSE_MIN;
        let mut asked = Instant::now();
        loop {
            let is_old = asked.elapsed() >= AGAIN;
            let asked_now = match self.news(history, is_old) {
                Some(note) => {
                    asked = Instant::now();
                    Some(self.ask((&client, older), history, note))
                }
                None => None,
            };
            match asked_now {
                None => std::thread::sleep(LOOK),
                Some(Ok(())) => pause = PAUSE_MIN,
                Some(Err(error)) => {
                    self.complain(origin, error);
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// The published note, if the witness has not signed it yet or long ago.
    fn news(&self, history: &HistoryReader, is_old: bool) -> Option<Note> {
        let bytes = history.checkpoint().ok()??;
        let note = Note::parse(&bytes).ok()?;
        let size = Checkpoint::parse(note.text()).ok()?.size();
        let known = self.known();
        let signed = known.cosigned.as_ref().map_or(0, |cosigned| cosigned.size);
        (size > signed || is_old && size == signed).then_some(note)
    }

    fn ask(
        &self,
        (client, older): (&WitnessClient, &Older),
        history: &HistoryReader,
        mut note: Note,
    ) -> Result<(), WitnessError> {
        let known = self.known().cosigned.as_ref().map_or(0, |one| one.size);
        let mut prove = |old, new| prove(history, old, new);
        let line = client.cosign(&self.vkey, &note, known, &mut prove)?;
        let size = Checkpoint::parse(note.text()).map(|checkpoint| checkpoint.size());
        if let Err(error) = size.map_or(Ok(()), |size| older.keep(size, &note, &line)) {
            tracing::warn!(%error, "a witness's line on a checkpoint was not kept");
        }
        note.add(line)
            .map_err(wattle_ledger::log::witness::RequestError::from)?;
        let text = note.to_string();
        if let Err(error) = folder::write_durably(&self.file, text.as_bytes()) {
            // Only this node's copy is missing; the witness has his.
            tracing::warn!(%error, file = %self.file.display(), "a cosignature was not stored");
        }
        let mut known = self.known();
        known.cosigned = cosigned(note, &self.vkey);
        known.error = None;
        Ok(())
    }

    fn complain(&self, origin: &str, error: WitnessError) {
        let text = error.to_string();
        let witness = self.vkey.name();
        match &error {
            WitnessError::Contradicted { .. } => {
                tracing::error!(witness, origin, text, "this log and the witness's differ");
            }
            // Another node of the park was faster; the next checkpoint will do.
            WitnessError::Ahead { .. } => tracing::debug!(witness, text, "the witness is ahead"),
            _ => tracing::warn!(witness, text, "the witness has not cosigned"),
        }
        self.known().error = Some(text);
    }
}

/// A note whose last line is a cosignature of this witness that holds.
fn cosigned(note: Note, vkey: &VerifierKey) -> Option<Cosigned> {
    let size = Checkpoint::parse(note.text()).ok()?.size();
    let line = note.signatures().last()?;
    let time = vkey.verify(note.text(), line).ok()??;
    Some(Cosigned { note, size, time })
}

fn prove(history: &HistoryReader, old: u64, new: u64) -> Result<Vec<Hash>, String> {
    let read = |path: &TilePath| match history.tile(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
        Err(error) => Err(error),
    };
    let mut reader = TileHashes::new(new, read);
    prove_consistency(&mut reader, old, new).map_err(|error| error.to_string())
}
