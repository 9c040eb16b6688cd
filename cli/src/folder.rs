//! Files that commands make beside key files.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::failure::{Exit, Failure};

/// Makes a folder and those above it; what is new is the owner's alone.
pub(crate) fn create(path: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| Failure::file("make the folder", path, &error))
}

/// Writes a file that must not exist yet, durably: a private one is the owner's alone.
pub(crate) fn write_new(path: &Path, bytes: &[u8], is_private: bool) -> Result<(), Failure> {
    let mode = if is_private { 0o600 } else { 0o644 };
    let written = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| Failure::file("write", path, &error))
}

/// Refuses to go on where one of several files exists already.
pub(crate) fn must_be_new(folder: &Path, names: &[&str]) -> Result<(), Failure> {
    match names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
    {
        Some(path) => Err(Failure::new(
            Exit::Failure,
            format!("{} exists already and is never overwritten", path.display()),
            "choose another --data-dir",
        )),
        None => Ok(()),
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::file("read", path, &error))
}

/// Reads a whole file as text.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))
}
