//! Reads the history's files while they are written.

use crate::folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_ledger::log::tiles::{TILE_WIDTH, TilePath, beginning};

/// Times that a folder of partial files is looked at again, because the file that was chosen in
/// it was replaced by a wider one before it could be read.
const LOOKS_MAX: usize = 4;

/// Reads checkpoints and tiles from the folder; cheap to clone.
#[derive(Debug, Clone)]
pub struct HistoryReader {
    folder: PathBuf,
}

impl HistoryReader {
    pub(crate) fn new(folder: &Path) -> HistoryReader {
        HistoryReader {
            folder: folder.to_owned(),
        }
    }

    /// The last published checkpoint.
    pub fn checkpoint(&self) -> io::Result<Option<Vec<u8>>> {
        folder::read_if_there(&self.folder.join("checkpoint"))
    }

    /// The published checkpoint of a size, with the signatures it had last.
    pub fn checkpoint_of(&self, size: u64) -> io::Result<Option<Vec<u8>>> {
        folder::read_if_there(&self.folder.join("checkpoints").join(size.to_string()))
    }

    /// A tile or bundle of any width that the history reaches: a partial file is cut from the
    /// full one or from a wider partial one, so that who copies an older checkpoint is not left
    /// without its files.
    pub fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        if let Some(bytes) = folder::read_if_there(&self.folder.join(path.to_string()))? {
            return Ok(Some(bytes));
        }
        let Some(full) = path.full().filter(|_| !path.is_full()) else {
            return Ok(None);
        };
        let full = self.folder.join(full.to_string());
        for _ in 0..LOOKS_MAX {
            if let Some(bytes) = folder::read_if_there(&full)? {
                return Ok(beginning(bytes, path));
            }
            let mut partials = full.clone().into_os_string();
            partials.push(".p");
            let Some(width) = widest(Path::new(&partials))? else {
                return Ok(None);
            };
            if width < path.width() {
                return Ok(None);
            }
            let wider = Path::new(&partials).join(width.to_string());
            if let Some(bytes) = folder::read_if_there(&wider)? {
                return Ok(beginning(bytes, path));
            }
        }
        Ok(None)
    }
}

fn widest(folder: &Path) -> io::Result<Option<u16>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut widest = None;
    for entry in entries {
        let name = entry?.file_name();
        let width = name.to_str().and_then(|name| name.parse::<u16>().ok());
        widest = widest.max(width.filter(|width| *width < TILE_WIDTH));
    }
    Ok(widest)
}
