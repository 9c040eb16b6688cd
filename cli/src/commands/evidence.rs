//! `wattle evidence …`: what was signed twice, as files that convince others.

mod told;

use std::path::Path;

use serde::Serialize;
use wattle_client::api::{EvidenceSubject, GivenOutcome};
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries::EntriesError;

use super::log_verify::read_policy;
use crate::args::EvidenceCommand;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::leaves;
use crate::output::{Output, Table};
use crate::park::{Park, REGULATOR_KEY, TENANT_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    command: &EvidenceCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match command {
        EvidenceCommand::List => list(settings, output),
        EvidenceCommand::Fetch { id, out } => fetch(id, out, settings, output),
        EvidenceCommand::Give { file } => give(file, settings, output),
        EvidenceCommand::Extract { folder, entry, out } => extract(folder, *entry, out, output),
        EvidenceCommand::Verify { file, policy } => verify(file, policy.as_deref(), output),
    }
}

/// Signs requests as a regulator where there is such a key, and as a tenant otherwise.
fn reader(park: &Park<'_>, settings: &Settings) -> Result<wattle_client::Client, Failure> {
    let has_office = settings.data_dir()?.join(REGULATOR_KEY).exists();
    let name = if has_office {
        REGULATOR_KEY
    } else {
        TENANT_KEY
    };
    park.private_client(park.key(name)?)
}

fn list(settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let list = reader(&park, settings)?.evidence_list()?;
    let mut table = Table::new(&["evidence", "about", ">bytes", "recorded"]);
    for item in &list.evidence {
        let about = match &item.about {
            EvidenceSubject::Events { key, sequence } => {
                format!("sequence {sequence} of key {key}, used twice")
            }
            EvidenceSubject::Heads { first, second } if first.size == second.size => {
                format!("two roots of size {}", first.size)
            }
            EvidenceSubject::Heads { first, second } => {
                format!("size {} does not continue size {}", second.size, first.size)
            }
        };
        let recorded = match &item.recorded {
            Some(place) => {
                let stage = list.log.stage(place.leaf).name();
                format!("entry {}, {stage}, by node {}", place.leaf, place.node)
            }
            None => "no".to_owned(),
        };
        table.row(vec![
            item.id.to_string(),
            about,
            item.bytes.to_string(),
            recorded,
        ]);
    }
    output.print(&list, |writer| {
        table.write(writer, "the node keeps no evidence that this key may see")?;
        writeln!(writer, "{}", extent_text(&list.log))
    })
}

/// A file that was copied.
#[derive(Debug, Serialize)]
struct Fetched<'a> {
    evidence: Hash,
    bytes: usize,
    file: &'a Path,
}

fn fetch(
    id: &Hash,
    out: &Path,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let bytes = reader(&park, settings)?.evidence(id)?;
    let evidence = parse(&bytes)?;
    if evidence.id() != *id {
        return Err(Failure::new(
            Exit::Failure,
            format!("the node sent other evidence than {id}"),
            "ask another node with --url",
        ));
    }
    folder::write_new(out, &bytes, false)?;
    write_copied(*id, bytes.len(), out, output)
}

fn extract(folder: &Path, entry: u64, out: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let directory = Directory::new(folder);
    let file = recorded(&directory, entry).map_err(|error| leaves::unreadable(&error))?;
    let file = file.ok_or_else(|| {
        Failure::usage(
            format!("entry {entry} records no evidence"),
            "look at the entries that wattle log verify prints",
        )
    })?;
    folder::write_new(out, &file, false)?;
    write_copied(sha256(&[&file]), file.len(), out, output)
}

/// The file that an event records, or the event before the leaf that says whom it convicts.
fn recorded(directory: &Directory, entry: u64) -> Result<Option<Vec<u8>>, EntriesError> {
    let mut last = None;
    for one in leaves::all(directory)? {
        let one = one?;
        if one.index > entry {
            break;
        }
        match one.entry {
            Entry::Event { signed, .. } => {
                let event = SignedEvent::parse(&signed).ok();
                last = event.and_then(|event| match &event.body().action {
                    Action::RecordEvidence { file } => Some((one.index, file.clone())),
                    _ => None,
                });
            }
            Entry::Derived { .. } => {}
            _ => last = None,
        }
    }
    let near = last.filter(|(index, _)| (*index..=*index + 1).contains(&entry));
    Ok(near.map(|(_, file)| file))
}

fn write_copied(
    evidence: Hash,
    bytes: usize,
    out: &Path,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let fetched = Fetched {
        evidence,
        bytes,
        file: out,
    };
    output.print(&fetched, |writer| {
        writeln!(writer, "copied {bytes} bytes to {}", out.display())
    })?;
    eprintln!(
        "Nothing of it is verified yet: wattle evidence verify {} --policy FILE",
        out.display()
    );
    Ok(())
}

fn give(file: &Path, settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let evidence = parse(&folder::read(file)?)?;
    let park = Park::open(settings)?;
    let given = reader(&park, settings)?.give_evidence(evidence.bytes())?;
    let id = given.id;
    output.print(&given, |writer| match given.outcome {
        GivenOutcome::Kept => writeln!(writer, "the node keeps {id} now"),
        GivenOutcome::Known => writeln!(writer, "the node, or its log, knows that already"),
        GivenOutcome::Full => writeln!(
            writer,
            "the node keeps as much evidence of this kind as it may; give it to another one"
        ),
    })
}

fn verify(file: &Path, policy: Option<&Path>, output: &mut Output<'_>) -> Result<(), Failure> {
    let evidence = parse(&folder::read(file)?)?;
    let policy = policy.map(read_policy).transpose()?;
    tell(&evidence, policy.as_ref(), output)
}

fn parse(bytes: &[u8]) -> Result<Evidence, Failure> {
    Evidence::parse(bytes).map_err(|error| proves_nothing(&error))
}

pub(super) fn proves_nothing(error: &wattle_ledger::evidence::EvidenceError) -> Failure {
    let next = "ask whoever made the file for the original; as it is, it proves nothing";
    Failure::of(Exit::Verification, error, next)
}

/// Says what a piece of evidence proves.
pub(super) fn tell(
    evidence: &Evidence,
    policy: Option<&Policy>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let verdict = evidence
        .judge(policy)
        .map_err(|error| proves_nothing(&error))?;
    let told = told::Told::of(evidence.id(), &verdict);
    output.print(&told, |writer| told.write(writer))
}
