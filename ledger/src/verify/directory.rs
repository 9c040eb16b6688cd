//! An export in a directory: the one place of this package that opens files.

use crate::verify::source::Source;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Files listed at most; an export has one for each 256 leaves and a few more.
const FILES_MAX: usize = 1 << 24;

/// A directory that holds `checkpoint` and `tile/`.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The export at a path.
    pub fn new(root: impl Into<PathBuf>) -> Directory {
        Directory { root: root.into() }
    }

    fn list_below(&self, folder: &Path, paths: &mut Vec<String>) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            // A node that goes on writing removes folders of partial files that are outdated.
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != self.root => {
                return Ok(());
            }
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // A link is listed as a file and never followed.
            if entry.file_type()?.is_dir() {
                self.list_below(&entry.path(), paths)?;
            } else if let Ok(path) = entry.path().strip_prefix(&self.root) {
                let parts: Vec<_> = path
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect();
                paths.push(parts.join("/"));
            }
            if paths.len() > FILES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "too many files"));
            }
        }
        Ok(())
    }
}

impl Source for Directory {
    fn read(&self, path: &str, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match fs::File::open(self.root.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        file.take(limit).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            let reason = format!("longer than the {bytes_max} bytes that it may have");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(Some(bytes))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        self.list_below(&self.root, &mut paths)?;
        paths.sort();
        Ok(paths)
    }
}
