//! An export that a command reads offline: verified first, unless the person says that it need
//! not be.

use wattle_ledger::genesis::Genesis;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::entries;
use wattle_ledger::verify::verify;
use wattle_ledger::verify::view::is_view;
use wattle_ledger::verify::what_if::Period;

use crate::args::ExportArgs;
use crate::commands::log_verify::{progress, read_policy, verdict};
use crate::failure::{Exit, Failure};
use crate::moment::{Moment, Month};

/// What is said where nothing was verified, on standard error and in every output.
pub(crate) const NOT_VERIFIED: &str =
    "NOT VERIFIED: --trust was given, so every figure is worth what the export's files are worth";

/// What is said where everything holds: a quorum's checkpoint covers all of a verified export.
pub(crate) const SEALED: &str = "verified, and all entries of it are sealed";

/// What figures that were read from an export are worth: sealed, or nothing is known.
pub(crate) fn worth(is_verified: bool) -> &'static str {
    if is_verified { SEALED } else { NOT_VERIFIED }
}

/// An export.
#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) directory: Directory,
    /// The genesis it begins with.
    pub(crate) genesis: Genesis,
    /// Whether all claims of a verification hold.
    pub(crate) is_verified: bool,
}

impl Export {
    /// Verifies it, or says loudly that it is not.
    pub(crate) fn open(args: &ExportArgs) -> Result<Export, Failure> {
        std::fs::read_dir(&args.export)
            .map_err(|error| Failure::file("read the export in", &args.export, &error))?;
        let directory = Directory::new(&args.export);
        if is_view(&directory) {
            return Err(Failure::usage(
                "the folder is one participant's view, which this command cannot work from",
                "give a whole export; of a view there are tables: wattle log tables",
            ));
        }
        let is_verified = match &args.policy {
            Some(policy) => {
                let policy = read_policy(policy)?;
                let report = verify(&directory, &policy, &mut progress("verified"));
                if !report.is_ok() {
                    return Err(verdict(&report));
                }
                true
            }
            None => {
                eprintln!("{NOT_VERIFIED}");
                false
            }
        };
        let genesis = entries::genesis(&directory)
            .map_err(|error| Failure::of(Exit::Failure, &error, "copy the log again"))?;
        Ok(Export {
            directory,
            genesis,
            is_verified,
        })
    }

    /// The park's clock, minutes ahead of UTC.
    pub(crate) fn offset(&self) -> i16 {
        self.genesis.body().utc_offset_minutes
    }

    /// The delivery intervals that were asked for: a month, or from one up to and including
    /// another.
    pub(crate) fn period(
        &self,
        month: Option<Month>,
        range: [Option<Moment>; 2],
    ) -> Result<Period, Failure> {
        let offset = self.offset();
        if let Some(month) = month {
            let (from, to) = month.intervals(offset)?;
            return Ok(Period {
                from: Some(from),
                to: Some(to),
            });
        }
        let [from, to] = range;
        let interval = |moment: Option<Moment>| moment.map(|one| one.interval(offset)).transpose();
        Ok(Period {
            from: interval(from)?,
            to: interval(to)?,
        })
    }
}
