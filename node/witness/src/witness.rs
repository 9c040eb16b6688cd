//! What is asked of a witness, and what he answers.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use wattle_client::api::{WitnessStatus, WitnessedLog};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::note::{NameError, Note, SignatureType, VerifierKey, VerifierKeyError};
use wattle_ledger::log::policy::{Policy, PolicyVerdict};
use wattle_ledger::log::witness::{AddCheckpoint, Head, Refusal, judge, log_id, origin_of};

use crate::pace::Pace;
use crate::store::{Store, StoreError};

/// Logs of one witness; more are refused at the start.
pub const LOGS_MAX: usize = 256;
/// Requests a second, and at once, of all logs together; beyond it the answer is 429.
const ALL_PACE: (u32, u32) = (100, 200);
/// Requests a second, and at once, of one log.
const LOG_PACE: (u32, u32) = (5, 20);

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its content type.
    pub content_type: &'static str,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A line of text.
    pub fn text(status: u16, text: impl fmt::Display) -> Answer {
        Answer {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{text}\n").into_bytes(),
        }
    }

    /// 409 with the size that the witness has (`text/x.tlog.size`).
    fn size(size: u64) -> Answer {
        Answer {
            content_type: "text/x.tlog.size",
            ..Answer::text(409, size)
        }
    }
}

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The witness's name is not one.
    #[error("the witness's name {name:?} cannot name a key; use one like witness.example/w1")]
    Name {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: NameError,
    },
    /// The key is not acceptable.
    #[error(transparent)]
    Key(VerifierKeyError),
    /// A policy that is of no single log.
    #[error("policy {place} has no log line or lines of several logs; give one policy a log")]
    NotOneLog {
        /// Its place among the policies, from 1.
        place: usize,
    },
    /// A policy without a quorum: one log key would be enough.
    #[error("the policy of {origin} asks for no cosigners; one node's key would lead the witness")]
    NoQuorum {
        /// The log.
        origin: String,
    },
    /// A policy that counts this very witness would never be satisfied.
    #[error("the policy of {origin} counts this witness itself; give the one without him")]
    Itself {
        /// The log.
        origin: String,
    },
    /// Two policies of one log.
    #[error("two policies are of the log {origin}; remove one of them")]
    Twice {
        /// The log.
        origin: String,
    },
    /// More logs than [`LOGS_MAX`].
    #[error("{found} logs are more than the {LOGS_MAX} that one witness has; run a second one")]
    TooManyLogs {
        /// Their number.
        found: usize,
    },
    /// What is on disk is not what this witness wrote.
    #[error(
        "{path} is not a checkpoint that this witness cosigned ({reason}); do not remove it \
         before it is known why: what it says may have been signed"
    )]
    State {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Log {
    origin: String,
    known: Mutex<Known>,
}

/// The policy of a log, and what is durable of it as it is in memory.
struct Known {
    policy: Policy,
    head: Option<Head>,
    note: String,
    cosigned_at: u64,
    pace: Pace,
    /// A write failed, so that what is on disk is not known: nothing is signed until a restart has
    /// read it again.
    is_unknown: bool,
}

/// A witness of logs.
pub struct Witness {
    vkey: VerifierKey,
    key: SigningKey,
    logs: RwLock<BTreeMap<String, Arc<Log>>>,
    store: Store,
    pace: Mutex<Pace>,
}

impl Witness {
    /// A witness of the logs of these policies, which goes on from what its store holds.
    ///
    /// # Errors
    /// Any [`WitnessError`].
    pub fn new(
        name: &str,
        key: SigningKey,
        policies: Vec<Policy>,
        store: Store,
    ) -> Result<Witness, WitnessError> {
        let vkey = VerifierKey::new(name, SignatureType::Cosignature, key.public());
        let vkey = vkey.map_err(|error| match error {
            VerifierKeyError::Name(source) => WitnessError::Name {
                name: name.to_owned(),
                source,
            },
            other => WitnessError::Key(other),
        })?;
        if policies.len() > LOGS_MAX {
            let found = policies.len();
            return Err(WitnessError::TooManyLogs { found });
        }
        let mut logs = BTreeMap::new();
        for (place, policy) in policies.into_iter().enumerate() {
            let log = open_log(place + 1, policy, &vkey, &store)?;
            let origin = log.origin.clone();
            if logs.insert(log_id(&origin), Arc::new(log)).is_some() {
                return Err(WitnessError::Twice { origin });
            }
        }
        let pace = Mutex::new(Pace::new(ALL_PACE.0, ALL_PACE.1, Instant::now()));
        Ok(Witness {
            vkey,
            key,
            logs: RwLock::new(logs),
            store,
            pace,
        })
    }

    /// Judges logs by these policies from now on: of a log that is known by its new one, and of a
    /// further log from what the store holds of it. A log without a policy among them keeps the
    /// one that it has. The origins of logs that are new, or judged by another policy than before.
    ///
    /// # Errors
    /// Any [`WitnessError`]; nothing has changed then.
    pub fn take_policies(&self, policies: Vec<Policy>) -> Result<Vec<String>, WitnessError> {
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        let (mut opened, mut changed) = (BTreeMap::new(), Vec::new());
        for (place, policy) in policies.into_iter().enumerate() {
            let origin = check_policy(place + 1, &policy, &self.vkey)?;
            let id = log_id(&origin);
            let log = match logs.get(&id) {
                Some(log) => Arc::clone(log),
                None => Arc::new(open_log(
                    place + 1,
                    policy.clone(),
                    &self.vkey,
                    &self.store,
                )?),
            };
            if opened.insert(id, (log, policy)).is_some() {
                return Err(WitnessError::Twice { origin });
            }
        }
        let further = opened.keys().filter(|id| !logs.contains_key(*id)).count();
        let found = logs.len() + further;
        if found > LOGS_MAX {
            return Err(WitnessError::TooManyLogs { found });
        }
        // Nothing below can fail.
        for (id, (log, policy)) in opened {
            let mut known = log.known.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = !logs.contains_key(&id);
            if is_new || known.policy.to_string() != policy.to_string() {
                changed.push(log.origin.clone());
            }
            known.policy = policy;
            drop(known);
            logs.insert(id, log);
        }
        Ok(changed)
    }

    fn log(&self, id: &str) -> Option<Arc<Log>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(id).map(Arc::clone)
    }

    /// The witness's verifier key, which belongs into verifiers' policies.
    pub const fn vkey(&self) -> &VerifierKey {
        &self.vkey
    }

    /// `POST /add-checkpoint`, at a time in seconds since 1970.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Answer {
        if !take(&self.pace) {
            return Answer::text(429, "too many requests; try again in a second");
        }
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(error) => return Answer::text(400, chain(&error)),
        };
        let origin = request.checkpoint().origin();
        let Some(log) = self.log(&log_id(origin)) else {
            return Answer::text(404, "this witness does not know the log");
        };
        // One request a log at a time: what was compared is what is replaced.
        let mut known = log.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_unknown {
            return Answer::text(500, "the witness could not store a checkpoint; restart it");
        }
        match judge(&request, &known.policy, known.head.as_ref()) {
            // Only who has the log's quorum can use up the log's own pace.
            Ok(_) | Err(Refusal::Contradiction { .. }) if !known.pace.take(Instant::now()) => {
                Answer::text(429, "too many requests of this log; try again in a second")
            }
            Ok(verdict) => self.cosign(&log, &mut known, &request, &verdict, now),
            Err(refusal) => self.refuse(&log, &known, &request, &refusal),
        }
    }

    /// `GET /<SHA-256 of the origin>/checkpoint`: the last note that was cosigned, for monitors.
    pub fn checkpoint(&self, log: &str) -> Answer {
        let note = self.log(log).map(|log| {
            let known = log.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.note.clone()
        });
        match note {
            Some(note) if !note.is_empty() => Answer {
                status: 200,
                content_type: "text/plain; charset=utf-8",
                body: note.into_bytes(),
            },
            Some(_) => Answer::text(404, "nothing of this log was cosigned yet"),
            None => Answer::text(404, "this witness does not know the log"),
        }
    }

    /// What the witness says of itself.
    pub fn status(&self) -> WitnessStatus {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        let logs = logs.iter().map(|(id, log)| {
            let known = log.known.lock().unwrap_or_else(PoisonError::into_inner);
            WitnessedLog {
                origin: log.origin.clone(),
                id: id.clone(),
                size: known.head.map(|head| head.size),
                root: known.head.map(|head| head.root),
                cosigned_at: known.head.map(|_| known.cosigned_at),
                contradictions: self.store.contradictions(id).len() as u64,
            }
        });
        WitnessStatus {
            name: self.vkey.name().to_owned(),
            vkey: self.vkey.to_string(),
            logs: logs.collect(),
        }
    }

    /// Stores what is accepted, and only then answers with the cosignature.
    fn cosign(
        &self,
        log: &Log,
        known: &mut Known,
        request: &AddCheckpoint,
        verdict: &PolicyVerdict,
        now: u64,
    ) -> Answer {
        let text = request.checkpoint().text();
        // A clock that was set back would make the later statement look like the earlier one.
        let time = now.max(known.cosigned_at);
        let line = Cosignature::sign(&text, time, &self.key)
            .ok()
            .and_then(|cosignature| {
                let public = self.key.public();
                cosignature
                    .to_note_signature(self.vkey.name(), &public)
                    .ok()
            });
        let Some(line) = line else {
            return Answer::text(
                500,
                "the witness's clock shows a time that cannot be signed",
            );
        };
        let mut note = request.checkpoint().to_note();
        let trusted = request
            .note()
            .signatures()
            .iter()
            .filter(|one| !verdict.unknown.contains(one));
        for signature in trusted.chain([&line]) {
            if note.add(signature.clone()).is_err() {
                return Answer::text(400, "the note has more lines than a note may have");
            }
        }
        let note = note.to_string();
        if let Err(error) = self.store.write(&log_id(&log.origin), &note) {
            known.is_unknown = true;
            say(format_args!("{}: {}", log.origin, chain(&error)));
            return Answer::text(500, "the witness cannot store the checkpoint");
        }
        known.head = Some(Head::of(request.checkpoint()));
        known.note = note;
        known.cosigned_at = time;
        Answer::text(200, line)
    }

    fn refuse(
        &self,
        log: &Log,
        known: &Known,
        request: &AddCheckpoint,
        refusal: &Refusal,
    ) -> Answer {
        match refusal {
            Refusal::Policy { .. } => Answer::text(403, refusal),
            Refusal::OldAboveNew { .. } => Answer::text(400, refusal),
            Refusal::OldDiffers { known } => Answer::size(*known),
            Refusal::Proof(error) => Answer::text(422, error),
            Refusal::Contradiction { size } => {
                self.keep(log, known, request, *size);
                Answer::size(*size)
            }
        }
    }

    /// Keeps both notes of a contradiction, one after the other.
    fn keep(&self, log: &Log, known: &Known, request: &AddCheckpoint, size: u64) {
        let root = request.checkpoint().root().to_string();
        let name = format!("{size}-{}", &root[..16]);
        let notes = (known.note.as_str(), &*request.note().to_string());
        let kept = self
            .store
            .keep_contradiction(&log_id(&log.origin), &name, notes);
        match kept {
            Ok(Some(path)) => say(format_args!(
                "{} has contradicted itself at size {size}: keep {} and the .first beside it",
                log.origin,
                path.display()
            )),
            Ok(None) => {}
            Err(error) => say(format_args!("{}: {}", log.origin, chain(&error))),
        }
    }
}

fn take(pace: &Mutex<Pace>) -> bool {
    let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
    pace.take(Instant::now())
}

/// The origin of the one log that a policy is of, if a witness can judge by it.
fn check_policy(place: usize, policy: &Policy, vkey: &VerifierKey) -> Result<String, WitnessError> {
    let origin = origin_of(policy).ok_or(WitnessError::NotOneLog { place })?;
    let origin = origin.to_owned();
    if policy.quorum().is_none() {
        return Err(WitnessError::NoQuorum { origin });
    }
    let mut cosigners = policy.witnesses().iter();
    if cosigners.any(|one| one.key.key() == vkey.key()) {
        return Err(WitnessError::Itself { origin });
    }
    Ok(origin)
}

fn open_log(
    place: usize,
    policy: Policy,
    vkey: &VerifierKey,
    store: &Store,
) -> Result<Log, WitnessError> {
    let origin = check_policy(place, &policy, vkey)?;
    let id = log_id(&origin);
    let mut known = Known {
        policy,
        head: None,
        note: String::new(),
        cosigned_at: 0,
        pace: Pace::new(LOG_PACE.0, LOG_PACE.1, Instant::now()),
        is_unknown: false,
    };
    if let Some(bytes) = store.read(&id)? {
        let (head, cosigned_at, note) =
            read_state(&bytes, &origin, vkey).map_err(|reason| WitnessError::State {
                path: store.path(&id),
                reason,
            })?;
        (known.head, known.cosigned_at, known.note) = (Some(head), cosigned_at, note);
    }
    Ok(Log {
        origin,
        known: Mutex::new(known),
    })
}

/// The head of a stored note, which this witness must have cosigned.
fn read_state(
    bytes: &[u8],
    origin: &str,
    vkey: &VerifierKey,
) -> Result<(Head, u64, String), String> {
    let note = Note::parse(bytes).map_err(|error| error.to_string())?;
    let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
    if checkpoint.origin() != origin {
        return Err(format!("it is of the log {}", checkpoint.origin()));
    }
    let own = note.signatures().iter();
    let mut own = own.filter(|line| vkey.is_named_by(line));
    let line = own
        .next()
        .ok_or("it has no line of this witness's key; was the key replaced?")?;
    let time = vkey.verify(note.text(), line);
    let time = time.map_err(|error| error.to_string())?.unwrap_or_default();
    Ok((Head::of(&checkpoint), time, note.to_string()))
}

/// A line on standard error, which may have been closed.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "witness: {text}");
}

/// An error with its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
