//! The leaves of a whole export or of one participant's view, verified first unless the person
//! says that they need not be.

use wattle_ledger::entry::Entry;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries::{Entries, EntriesError, IndexedEntry};
use wattle_ledger::verify::verify;
use wattle_ledger::verify::view::{ViewEntries, verify_view};
use wattle_ledger::view::Header;

use crate::args::LeavesArgs;
use crate::commands::log_verify::{progress, read_policy, verdict};
use crate::export::NOT_VERIFIED;
use crate::failure::{Exit, Failure};

/// A folder whose leaves can be read.
pub(crate) struct Leaves {
    pub(crate) directory: Directory,
    /// Whose view it is; none for a whole export.
    pub(crate) view: Option<Header>,
    /// The genesis it begins with.
    pub(crate) genesis: Genesis,
    /// Whether everything holds that such a folder can show.
    pub(crate) is_verified: bool,
    /// Leaves of the log.
    pub(crate) size: u64,
}

impl Leaves {
    /// Verifies it, or says loudly that it is not.
    pub(crate) fn open(args: &LeavesArgs) -> Result<Leaves, Failure> {
        std::fs::read_dir(&args.folder)
            .map_err(|error| Failure::file("read the export in", &args.folder, &error))?;
        let directory = Directory::new(&args.folder);
        let view = ViewEntries::open(&directory).map_err(|error| unreadable(&error))?;
        let view = view.map(|entries| entries.header());
        let is_verified = match &args.policy {
            Some(policy) => {
                let policy = read_policy(policy)?;
                let mut progress = progress("verified");
                let (holds, report) = match view {
                    Some(_) => {
                        let view = verify_view(&directory, &policy, &mut progress);
                        (view.holds(), view.report)
                    }
                    None => {
                        let report = verify(&directory, &policy, &mut progress);
                        (report.is_ok(), report)
                    }
                };
                if !holds {
                    return Err(verdict(&report));
                }
                true
            }
            None => {
                eprintln!("{NOT_VERIFIED}");
                false
            }
        };
        let (genesis, size) = begin(&directory).map_err(|error| unreadable(&error))?;
        Ok(Leaves {
            directory,
            view,
            genesis,
            is_verified,
            size,
        })
    }

    /// All leaves, in order.
    pub(crate) fn entries(&self) -> Result<All<'_>, Failure> {
        all(&self.directory).map_err(|error| unreadable(&error))
    }
}

/// Leaves in order, as they are read.
pub(crate) type All<'a> = Box<dyn Iterator<Item = Result<IndexedEntry, EntriesError>> + 'a>;

/// All leaves of an export or a view, in order.
pub(crate) fn all(directory: &Directory) -> Result<All<'_>, EntriesError> {
    Ok(match ViewEntries::open(directory)? {
        Some(entries) => Box::new(entries),
        None => Box::new(Entries::open(directory)?),
    })
}

fn begin(directory: &Directory) -> Result<(Genesis, u64), EntriesError> {
    let size = match ViewEntries::open(directory)? {
        Some(entries) => entries.checkpoint().size(),
        None => Entries::open(directory)?.checkpoint().size(),
    };
    let first = all(directory)?.next().transpose()?.map(|first| first.entry);
    let Some(Entry::Genesis(signed)) = first else {
        return Err(EntriesError::NoGenesis);
    };
    let genesis = Genesis::parse(&signed).map_err(EntriesError::Genesis)?;
    Ok((genesis, size))
}

/// A folder whose leaves cannot be read.
pub(crate) fn unreadable(error: &EntriesError) -> Failure {
    Failure::of(Exit::Failure, error, "copy the log again")
}
