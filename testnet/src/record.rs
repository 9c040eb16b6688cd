//! A park's days recorded in this process as a signed export of one node: the ledger without a
//! network.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::{Action, EVENT_VERSION, EventBody, SignedEvent};
use wattle_ledger::genesis::{Genesis, GenesisError};
use wattle_ledger::ledger::Ledger;
use wattle_ledger::log::{Checkpoint, Cosignature, TileBuilder};
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;
use wattle_market::point::BuildingId;

use crate::keyring::{Keyring, NodeKey, Signer};
use crate::profile::ParkProfile;
use crate::replay::ParkPrices;
use crate::script::Script;

/// The one node of a recording.
const NODE: NodeId = NodeId(1);
/// Events put into one batch.
const EVENTS_PER_BATCH: usize = 50;

/// Why a recording was not made.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The profile makes no park.
    #[error("the profile makes no park")]
    Genesis(#[from] GenesisError),
    /// A rule refused what the script signs.
    #[error("{action} was refused: {}", rejection.sentence())]
    Refused {
        /// The action's name.
        action: &'static str,
        /// The refusal.
        rejection: Rejection,
    },
    /// A file could not be written.
    #[error("{} cannot be written; choose a new folder with --out", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A ledger that one node leads alone.
struct Recorder<'a> {
    keyring: &'a Keyring,
    ledger: Ledger,
    files: TileBuilder,
    sequences: BTreeMap<Signer, u64>,
    sealed: Option<(Checkpoint, Timestamp)>,
    open: Vec<Vec<u8>>,
    now: Timestamp,
}

/// Records a profile's days and writes `export/` and `policy` below a folder that does not exist
/// yet or is empty.
///
/// # Errors
/// [`RecordError`].
pub fn record(
    profile: &ParkProfile,
    prices: &ParkPrices,
    keyring: &Keyring,
    out: &Path,
) -> Result<(), RecordError> {
    let script = Script::new(profile, prices, keyring);
    let node = keyring.node_record(NODE, BuildingId(1));
    let genesis = script.genesis(vec![node])?;
    let mut recorder = Recorder::new(keyring, &genesis, profile);
    for (signer, action) in script.registrations() {
        recorder.sign(&signer, &action)?;
    }
    for step in script.days() {
        recorder.advance_to(step.at)?;
        recorder.sign(&step.signer, &step.action)?;
    }
    recorder.advance_to(script.end())?;
    recorder.write(&genesis, out)
}

impl<'a> Recorder<'a> {
    fn new(keyring: &'a Keyring, genesis: &Genesis, profile: &ParkProfile) -> Self {
        let mut files = TileBuilder::new();
        files.push(&genesis.leaf());
        Self {
            keyring,
            ledger: Ledger::found(genesis),
            files,
            sequences: BTreeMap::new(),
            sealed: None,
            open: Vec::new(),
            // Two hours before delivery everything is entered.
            now: profile.first_interval.start().minus_millis(2 * 3_600_000),
        }
    }

    fn sign(&mut self, signer: &Signer, action: &Action) -> Result<(), RecordError> {
        let key = self.keyring.key(signer);
        let sequence = self.sequences.entry(signer.clone()).or_insert(0);
        *sequence += 1;
        let body = EventBody {
            version: EVENT_VERSION,
            author: key.public(),
            sequence: *sequence,
            issued_at: self.now,
            action: action.clone(),
        };
        let event = SignedEvent::sign(&self.ledger.genesis().park(), &body, &key);
        self.open.push(event.bytes().to_vec());
        if self.open.len() >= EVENTS_PER_BATCH {
            self.commit()?;
        }
        Ok(())
    }

    /// Lets park time pass, with a batch whenever something is due.
    fn advance_to(&mut self, time: Timestamp) -> Result<(), RecordError> {
        if time > self.now && !self.open.is_empty() {
            self.commit()?;
        }
        while self.ledger.next_due() <= time {
            self.now = self.now.max(self.ledger.next_due());
            self.commit()?;
        }
        self.now = self.now.max(time);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), RecordError> {
        let leader = self.keyring.node_key(NODE, NodeKey::Batch);
        let events = std::mem::take(&mut self.open);
        let park = self.ledger.genesis().park();
        let batch = Batch::sign(park, (NODE, &leader), 1, self.now, events.clone());
        let applied = self.ledger.apply(1, &batch.encode());
        assert_eq!(
            applied.refused, None,
            "the recorder signs batches as the rules ask"
        );
        for leaf in &applied.leaves {
            self.files.push(leaf);
        }
        if let Some(checkpoint) = applied.sealed {
            self.sealed = Some((checkpoint, self.now));
        }
        for (outcome, event) in applied.outcomes.iter().zip(&events) {
            if let Err(rejection) = outcome.result {
                let event = SignedEvent::parse(event).expect("the recorder signed it");
                let action = event.body().action.name();
                return Err(RecordError::Refused { action, rejection });
            }
        }
        Ok(())
    }

    fn write(mut self, genesis: &Genesis, out: &Path) -> Result<(), RecordError> {
        let (checkpoint, time) = self.sealed.take().expect("a settled day ends with a seal");
        assert_eq!(
            checkpoint.size(),
            self.files.size(),
            "the last batch has sealed"
        );
        let mut note = checkpoint.to_note();
        let log = self.keyring.node_key(NODE, NodeKey::Log);
        note.add(checkpoint.sign(&log))
            .expect("a note takes two lines");
        let cosigner = self.keyring.node_key(NODE, NodeKey::Cosigner);
        let cosignature = Cosignature::sign(&checkpoint.text(), time.0 / 1_000, &cosigner)
            .expect("park time is within a cosignature's bounds");
        let line = cosignature.to_note_signature(&genesis.cosigner_name(NODE), &cosigner.public());
        note.add(line.expect("a cosigner's name is a name"))
            .expect("a note takes two lines");
        let export = out.join("export");
        let mut files = self.files.take_full();
        files.extend(self.files.partials());
        for file in files {
            write(&export.join(file.path.to_string()), &file.bytes)?;
        }
        write(&out.join("policy"), genesis.policy().to_string().as_bytes())?;
        write(&export.join("checkpoint"), note.to_string().as_bytes())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let failed = |source| RecordError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, bytes).map_err(failed)
}
