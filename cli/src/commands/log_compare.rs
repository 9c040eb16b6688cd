//! `wattle log compare`: two exports or checkpoints of one log, and where they part.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_ledger::evidence::Evidence;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::difference::first_difference;
use wattle_ledger::log::note::MAX_NOTE_BYTES;
use wattle_ledger::log::proof::{prove_prefix, root};
use wattle_ledger::log::{Checkpoint, Note, Policy, TileHashes, TilePath};
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries;
use wattle_ledger::verify::source::Source as _;

use super::evidence::{proves_nothing, tell};
use super::log_verify::read_policy;
use crate::args::CompareArgs;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::output::Output;
use crate::park::{self, GENESIS_FILE};
use crate::settings::Settings;

/// Bytes of a hash tile.
const TILE_BYTES_MAX: usize = 256 * 32;

/// An export's hashes.
type Hashes<'a> = TileHashes<Box<dyn FnMut(&TilePath) -> io::Result<Vec<u8>> + 'a>>;

/// A head of a log, with its hashes where it is an export's.
struct Side {
    path: PathBuf,
    note: Note,
    checkpoint: Checkpoint,
    export: Option<Directory>,
}

/// What the comparison shows.
#[derive(Debug, Serialize)]
struct Compared<'a> {
    sizes: [u64; 2],
    /// Whether the larger log continues the smaller; none where the files do not tell.
    agree: Option<bool>,
    /// The first entry that differs, where both are exports.
    first_difference: Option<u64>,
    evidence: Option<&'a Path>,
}

pub(super) fn run(
    args: &CompareArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let (one, other) = (Side::read(&args.one)?, Side::read(&args.other)?);
    let (small, large) = if one.checkpoint.size() <= other.checkpoint.size() {
        (one, other)
    } else {
        (other, one)
    };
    for side in [&small, &large] {
        side.check(small.checkpoint.origin())?;
        side.check_policy(policy.as_ref())?;
    }
    let agree = agree(&small, &large)?;
    let first_difference = match agree {
        Some(false) => difference(&small, &large)?,
        _ => None,
    };
    let evidence = args.evidence.as_deref().filter(|_| agree == Some(false));
    let compared = Compared {
        sizes: [small.checkpoint.size(), large.checkpoint.size()],
        agree,
        first_difference,
        evidence,
    };
    output.print(&compared, |writer| compared.write(writer))?;
    match agree {
        Some(true) => Ok(()),
        Some(false) => {
            let genesis = genesis(args, settings, [&small, &large])?;
            let evidence = evidence_of(&genesis, policy.as_ref(), &small, &large)?;
            if let Some(out) = &args.evidence {
                folder::write_new(out, evidence.bytes(), false)?;
            }
            if !output.is_json() {
                tell(&evidence, policy.as_ref(), output)?;
            }
            Err(contradiction(args))
        }
        None => Err(Failure::new(
            Exit::Failure,
            "whether the larger log continues the smaller cannot be told from these files",
            format!(
                "name an export of the log with {} entries instead of its checkpoint",
                large.checkpoint.size()
            ),
        )),
    }
}

fn contradiction(args: &CompareArgs) -> Failure {
    let next = match &args.evidence {
        Some(out) => format!("give {} to whoever must know", out.display()),
        None => "repeat the command with --evidence FILE to keep the proof".to_owned(),
    };
    Failure::new(Exit::Verification, "the two contradict each other", next)
}

impl Compared<'_> {
    fn write(&self, writer: &mut dyn io::Write) -> io::Result<()> {
        let [small, large] = self.sizes;
        match (self.agree, self.first_difference) {
            (Some(true), _) if small == large => {
                writeln!(writer, "the same: both have {small} entries and one root")
            }
            (Some(true), _) => {
                let more = large - small;
                writeln!(
                    writer,
                    "the log of {large} entries continues that of {small} with {more} more"
                )
            }
            (Some(false), Some(entry)) => {
                writeln!(
                    writer,
                    "they part at entry {entry}: before it both are the same"
                )
            }
            (Some(false), None) | (None, _) => Ok(()),
        }
    }
}

impl Side {
    fn read(path: &Path) -> Result<Side, Failure> {
        let (bytes, export) = if path.is_dir() {
            let directory = Directory::new(path);
            let file = path.join("checkpoint");
            let bytes = directory.read("checkpoint", MAX_NOTE_BYTES);
            let bytes = bytes.map_err(|error| Failure::file("read", &file, &error))?;
            let bytes = bytes.ok_or_else(|| {
                Failure::new(
                    Exit::Failure,
                    format!("{} is no export: it has no checkpoint", path.display()),
                    "name the folder with `checkpoint` and `tile/`",
                )
            })?;
            (bytes, Some(directory))
        } else {
            (folder::read(path)?, None)
        };
        let wrong = |error: &dyn std::error::Error| named(path, "is no checkpoint", error);
        let note = Note::parse(&bytes).map_err(|error| wrong(&error))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(&error))?;
        Ok(Side {
            path: path.to_owned(),
            note,
            checkpoint,
            export,
        })
    }

    /// Checks that it is of this log, and that an export's hashes lead to its checkpoint.
    fn check(&self, origin: &str) -> Result<(), Failure> {
        if self.checkpoint.origin() != origin {
            return Err(Failure::new(
                Exit::Failure,
                "the two are of different logs, which cannot contradict each other",
                "name two of one park",
            ));
        }
        let Some(mut hashes) = self.hashes() else {
            return Ok(());
        };
        let found = root(&mut hashes, self.checkpoint.size())
            .map_err(|error| named(&self.path, "cannot be read", &error))?;
        if found == *self.checkpoint.root() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Verification,
            format!(
                "the hashes of {} do not lead to its checkpoint",
                self.path.display()
            ),
            "copy the log again; a damaged copy proves nothing",
        ))
    }

    /// A policy must know the log, and none of its keys' lines may be bad.
    fn check_policy(&self, policy: Option<&Policy>) -> Result<(), Failure> {
        let Some(policy) = policy else {
            return Ok(());
        };
        let verdict = policy.evaluate(&self.note);
        if verdict.bad.is_empty() && !verdict.log_signatures.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Verification,
            format!("{} is not signed as the policy asks", self.path.display()),
            "it may be forged: ask whoever gave it to you where it is from",
        ))
    }

    fn hashes(&self) -> Option<Hashes<'_>> {
        let directory = self.export.as_ref()?;
        let read = move |path: &TilePath| {
            let full = path.full().map(|full| full.to_string());
            let names = std::iter::once(path.to_string()).chain(full);
            for name in names {
                if let Some(bytes) = directory.read(&name, TILE_BYTES_MAX)? {
                    return Ok(bytes);
                }
            }
            Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the file is missing",
            ))
        };
        Some(TileHashes::new(self.checkpoint.size(), Box::new(read)))
    }
}

/// Whether the larger log begins with the smaller one; none where no file shows it.
fn agree(small: &Side, large: &Side) -> Result<Option<bool>, Failure> {
    if small.checkpoint.size() == large.checkpoint.size() {
        return Ok(Some(small.checkpoint.root() == large.checkpoint.root()));
    }
    let Some(mut hashes) = large.hashes() else {
        return Ok(None);
    };
    let prefix = root(&mut hashes, small.checkpoint.size())
        .map_err(|error| named(&large.path, "cannot be read", &error))?;
    Ok(Some(prefix == *small.checkpoint.root()))
}

fn difference(small: &Side, large: &Side) -> Result<Option<u64>, Failure> {
    let (Some(mut first), Some(mut second)) = (small.hashes(), large.hashes()) else {
        return Ok(None);
    };
    first_difference(&mut first, &mut second, small.checkpoint.size())
        .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))
}

fn evidence_of(
    genesis: &Genesis,
    policy: Option<&Policy>,
    small: &Side,
    large: &Side,
) -> Result<Evidence, Failure> {
    let (older, newer) = (small.checkpoint.size(), large.checkpoint.size());
    let path: Vec<Hash> = match large.hashes() {
        Some(mut hashes) if older < newer => prove_prefix(&mut hashes, older, newer)
            .map_err(|error| named(&large.path, "cannot be read", &error))?,
        _ => Vec::new(),
    };
    let own = genesis.policy();
    let notes = [small.note.clone(), large.note.clone()];
    Evidence::two_heads_by(policy.unwrap_or(&own), genesis, notes, path)
        .map_err(|error| proves_nothing(&error))
}

/// The genesis that names the signers: the file's that was given, an export's, the data folder's.
fn genesis(args: &CompareArgs, settings: &Settings, sides: [&Side; 2]) -> Result<Genesis, Failure> {
    if let Some(path) = &args.genesis {
        return park::read_genesis(path);
    }
    if let Some(directory) = sides.iter().find_map(|side| side.export.as_ref()) {
        return entries::genesis(directory)
            .map_err(|error| Failure::of(Exit::Failure, &error, "give --genesis FILE"));
    }
    park::read_genesis(&settings.data_dir()?.join(GENESIS_FILE))
        .map_err(|failure| failure.with_next("give the park's genesis: --genesis FILE"))
}

fn named(path: &Path, what: &str, error: &dyn std::error::Error) -> Failure {
    let mut failure = Failure::of(Exit::Failure, error, "copy it again from where it came");
    if let Failure::Told(told) = &mut failure {
        told.chain.insert(0, format!("{} {what}", path.display()));
    }
    failure
}
