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
use wattle_ledger::hash::Hash;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::limits::BATCH_BYTES_MAX;
use wattle_ledger::log::tiles::TileFile;
use wattle_ledger::log::{Checkpoint, Cosignature, TileBuilder};
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::Timestamp;
use wattle_market::point::BuildingId;

use crate::keyring::{Keyring, NodeKey, Signer};
use crate::profile::ParkProfile;
use crate::replay::ParkPrices;
use crate::script::{Lists, Script};

/// The one node of a recording.
const NODE: NodeId = NodeId(1);
/// Events put into one batch.
const EVENTS_PER_BATCH: usize = 50;
/// Bytes of events put into one batch, but for one that is longer.
const EVENT_BYTES_PER_BATCH: usize = BATCH_BYTES_MAX - 2_048;
const HOUR_MS: u64 = 3_600_000;

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

/// Takes the next leaves of a log that is being recorded.
type Sink<'a> = dyn FnMut(Vec<Vec<u8>>) -> Result<(), RecordError> + 'a;

/// A ledger that one node leads alone.
struct Recorder<'a> {
    keyring: &'a Keyring,
    ledger: Ledger,
    sink: &'a mut Sink<'a>,
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
/// yet or is empty. The leaves go to their files as they come; how many there were.
///
/// # Errors
/// [`RecordError`].
pub fn record(
    profile: &ParkProfile,
    prices: &ParkPrices,
    keyring: &Keyring,
    lists: Lists,
    out: &Path,
) -> Result<u64, RecordError> {
    let export = out.join("export");
    let mut builder = TileBuilder::new();
    let mut write_leaves = |leaves: Vec<Vec<u8>>| {
        for leaf in &leaves {
            builder.push(leaf);
        }
        write_tiles(&export, builder.take_full())
    };
    let (genesis, sealed_at) = run(profile, prices, keyring, lists, &mut write_leaves)?;
    write_tiles(&export, builder.partials())?;
    let checkpoint = Checkpoint::new(genesis.origin(), builder.size(), builder.root())
        .expect("a genesis's origin is a name");
    let note = signed(keyring, &genesis, &checkpoint, sealed_at);
    write(&export.join("checkpoint"), note.as_bytes())?;
    write(&out.join("policy"), genesis.policy().to_string().as_bytes())?;
    Ok(builder.size())
}

/// Lives through a profile's days; the genesis, and when the last seal was made.
fn run(
    profile: &ParkProfile,
    prices: &ParkPrices,
    keyring: &Keyring,
    lists: Lists,
    sink: &mut Sink<'_>,
) -> Result<(Genesis, Timestamp), RecordError> {
    let script = Script::new(profile, prices, keyring).with_lists(lists);
    let genesis = script.genesis(vec![keyring.node_record(NODE, BuildingId(1))])?;
    sink(vec![genesis.leaf()])?;
    let days = script.days();
    let first = days.first().map_or(script.end(), |step| step.at);
    let mut recorder = Recorder::new(keyring, &genesis, first, sink);
    for (signer, action) in script.registrations() {
        recorder.sign(&signer, &action)?;
    }
    for step in days {
        recorder.advance_to(step.at)?;
        recorder.sign(&step.signer, &step.action)?;
    }
    recorder.advance_to(script.end())?;
    assert!(recorder.is_sealed, "a settled day ends with a seal");
    Ok((genesis, recorder.now))
}

/// A checkpoint with the signatures of the one node.
fn signed(keyring: &Keyring, genesis: &Genesis, checkpoint: &Checkpoint, at: Timestamp) -> String {
    let mut note = checkpoint.to_note();
    let log = keyring.node_key(NODE, NodeKey::Log);
    note.add(checkpoint.sign(&log))
        .expect("a note takes two lines");
    let cosigner = keyring.node_key(NODE, NodeKey::Cosigner);
    let cosignature = Cosignature::sign(&checkpoint.text(), at.0 / 1_000, &cosigner)
        .expect("park time is within a cosignature's bounds");
    let name = genesis.cosigner_name(NODE);
    let line = cosignature.to_note_signature(&name, &cosigner.public());
    note.add(line.expect("a cosigner's name is a name"))
        .expect("a note takes two lines");
    note.to_string()
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
        let mut leaves = Vec::new();
        let mut keep = |new: Vec<Vec<u8>>| {
            leaves.extend(new);
            Ok(())
        };
        let (genesis, sealed_at) = run(profile, prices, keyring, Lists::default(), &mut keep)?;
        Ok(Self {
            keyring: keyring.clone(),
            genesis,
            leaves,
            sealed_at,
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
            signed(&self.keyring, &self.genesis, &checkpoint, self.sealed_at).into_bytes(),
        );
        files
    }

    /// A batch without events that the node could have led after a ledger, a minute later.
    #[must_use]
    pub fn batch_after(&self, ledger: &Ledger, park: Hash) -> Batch {
        let clock = ledger.state().clock();
        let key = self.keyring.node_key(NODE, NodeKey::Batch);
        let time = clock.time.plus_millis(60_000);
        Batch::sign(park, (NODE, &key), clock.term, time, Vec::new())
    }
}

impl<'a> Recorder<'a> {
    /// Everything is entered an hour before the first order, or two hours before delivery.
    fn new(
        keyring: &'a Keyring,
        genesis: &Genesis,
        first: Timestamp,
        sink: &'a mut Sink<'a>,
    ) -> Self {
        let delivery = genesis.body().first_interval.start();
        let entered = first
            .minus_millis(HOUR_MS)
            .min(delivery.minus_millis(2 * HOUR_MS));
        Self {
            keyring,
            ledger: Ledger::found(genesis),
            sink,
            sequences: BTreeMap::new(),
            is_sealed: false,
            open: Vec::new(),
            now: entered,
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
        let waiting: usize = self.open.iter().map(Vec::len).sum();
        let is_full = waiting + event.bytes().len() > EVENT_BYTES_PER_BATCH;
        if is_full || self.open.len() >= EVENTS_PER_BATCH {
            self.commit()?;
        }
        self.open.push(event.bytes().to_vec());
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
        (self.sink)(applied.leaves)?;
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

fn write_tiles(export: &Path, files: Vec<TileFile>) -> Result<(), RecordError> {
    let mut files = files.iter();
    files.try_for_each(|file| write(&export.join(file.path.to_string()), &file.bytes))
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
