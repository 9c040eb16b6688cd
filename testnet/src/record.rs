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
    leaves: Vec<Vec<u8>>,
    sequences: BTreeMap<Signer, u64>,
    /// Whether the last batch has sealed.
    is_sealed: bool,
    open: Vec<Vec<u8>>,
    now: Timestamp,
}

/// A recorded log with the keys of its one node.
#[derive(Clone)]
pub struct Recording {
    keyring: Keyring,
    genesis: Genesis,
    leaves: Vec<Vec<u8>>,
    sealed_at: Timestamp,
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
    let recording = Recording::of(profile, prices, keyring)?;
    for (path, bytes) in recording.files() {
        write(&out.join("export").join(path), &bytes)?;
    }
    let policy = recording.genesis().policy().to_string();
    write(&out.join("policy"), policy.as_bytes())
}

impl Recording {
    /// Records a profile's days.
    ///
    /// # Errors
    /// If the profile makes no park, or a rule refuses what the script signs.
    pub fn of(
        profile: &ParkProfile,
        prices: &ParkPrices,
        keyring: &Keyring,
    ) -> Result<Self, RecordError> {
        let script = Script::new(profile, prices, keyring);
        let genesis = script.genesis(vec![keyring.node_record(NODE, BuildingId(1))])?;
        let mut recorder = Recorder::new(keyring, &genesis, profile);
        for (signer, action) in script.registrations() {
            recorder.sign(&signer, &action)?;
        }
        for step in script.days() {
            recorder.advance_to(step.at)?;
            recorder.sign(&step.signer, &step.action)?;
        }
        recorder.advance_to(script.end())?;
        assert!(recorder.is_sealed, "a settled day ends with a seal");
        Ok(Self {
            keyring: keyring.clone(),
            genesis,
            leaves: recorder.leaves,
            sealed_at: recorder.now,
        })
    }

    /// Leaves that end with a seal, and the keys they were signed with.
    pub(crate) fn of_leaves(
        keyring: Keyring,
        genesis: Genesis,
        leaves: Vec<Vec<u8>>,
        sealed_at: Timestamp,
    ) -> Self {
        Self {
            keyring,
            genesis,
            leaves,
            sealed_at,
        }
    }

    /// The park's genesis.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The leaves in order.
    #[must_use]
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// The export's files by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.resigned(&self.leaves)
    }

    /// An export of any leaves, with tiles, checkpoint and signatures of the node made for them.
    #[must_use]
    pub fn resigned(&self, leaves: &[Vec<u8>]) -> BTreeMap<String, Vec<u8>> {
        let mut builder = TileBuilder::new();
        for leaf in leaves {
            builder.push(leaf);
        }
        let tiles = builder.take_full().into_iter().chain(builder.partials());
        let mut files: BTreeMap<String, Vec<u8>> = tiles
            .map(|file| (file.path.to_string(), file.bytes))
            .collect();
        let checkpoint = Checkpoint::new(self.genesis.origin(), builder.size(), builder.root())
            .expect("a genesis's origin is a name");
        files.insert(
            "checkpoint".to_owned(),
            self.signed(&checkpoint).into_bytes(),
        );
        files
    }

    fn signed(&self, checkpoint: &Checkpoint) -> String {
        let mut note = checkpoint.to_note();
        let log = self.keyring.node_key(NODE, NodeKey::Log);
        note.add(checkpoint.sign(&log))
            .expect("a note takes two lines");
        let cosigner = self.keyring.node_key(NODE, NodeKey::Cosigner);
        let time = self.sealed_at.0 / 1_000;
        let cosignature = Cosignature::sign(&checkpoint.text(), time, &cosigner)
            .expect("park time is within a cosignature's bounds");
        let name = self.genesis.cosigner_name(NODE);
        let line = cosignature.to_note_signature(&name, &cosigner.public());
        note.add(line.expect("a cosigner's name is a name"))
            .expect("a note takes two lines");
        note.to_string()
    }
}

impl<'a> Recorder<'a> {
    fn new(keyring: &'a Keyring, genesis: &Genesis, profile: &ParkProfile) -> Self {
        Self {
            keyring,
            ledger: Ledger::found(genesis),
            leaves: vec![genesis.leaf()],
            sequences: BTreeMap::new(),
            is_sealed: false,
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
        self.leaves.extend(applied.leaves);
        self.is_sealed = applied.sealed.is_some();
        for (outcome, event) in applied.outcomes.iter().zip(&events) {
            if let Err(rejection) = outcome.result {
                let event = SignedEvent::parse(event).expect("the recorder signed it");
                let action = event.body().action.name();
                return Err(RecordError::Refused { action, rejection });
            }
        }
        Ok(())
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
