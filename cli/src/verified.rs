//! The file in which a verifier keeps where his last verification ended.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use wattle_ledger::verify::Verified;
use wattle_ledger::verify::resume::{self, Reading, Resumed};

use crate::failure::{Exit, Failure};

/// Bytes read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Where the last verification ended; none before the first one.
pub(crate) fn read(path: &Path) -> Result<Option<Resumed>, Failure> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    let mut reading = Reading::default();
    let mut piece = vec![0; PIECE_BYTES];
    let useless = |error| {
        let what = format!("{} cannot be used", path.display());
        let next = "give --resume another file; without one the whole export is verified";
        let mut failure = Failure::of(Exit::Failure, &error, next);
        if let Failure::Told(told) = &mut failure {
            told.chain.insert(0, what);
        }
        failure
    };
    loop {
        let read = file
            .read(&mut piece)
            .map_err(|error| Failure::file("read", path, &error))?;
        if read == 0 {
            break;
        }
        reading.push(&piece[..read]).map_err(useless)?;
    }
    reading.finish().map(Some).map_err(useless)
}

/// Keeps where a verification ended, whole or not at all. The state is private, so the file is its
/// owner's alone.
pub(crate) fn keep(path: &Path, verified: Verified) -> Result<(), Failure> {
    let (Some(mut ledger), Some(note)) = (verified.ledger, verified.note) else {
        return Ok(());
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new: PathBuf = path.with_file_name(name);
    let unchecked = verified.report.unchecked;
    let mut written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let mut file = io::BufWriter::new(file);
        let sink = &mut |bytes: &[u8]| file.write_all(bytes);
        resume::write((&mut ledger, unchecked, &note), sink)?;
        file.into_inner()?.sync_all()?;
        fs::rename(&new, path)?;
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| {
        // What is left of it is of no use; that it could not be removed changes nothing.
        let _ = fs::remove_file(&new);
        Failure::file("write", path, &error)
    })
}
