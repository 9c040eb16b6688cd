//! A log's files without a node: in a folder, or behind a file server.

use super::{ExportError, fetch, parse};
use crate::client::{Client, ClientError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use wattle_ledger::log::tiles::{TILE_WIDTH, TilePath, beginning, files_of};

/// Older checkpoints of a folder that are tried where a newer one lacks files.
const OLDER_MAX: usize = 64;

/// Where the files are.
#[derive(Debug)]
pub enum Plain {
    /// A node's history folder, or a copy of one.
    Folder(PathBuf),
    /// A file server that serves one.
    Server(Box<Client>),
}

impl Plain {
    /// A folder's path, or the `http://` address of a file server.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`] where an address is not one.
    pub fn at(place: &str) -> Result<Plain, ClientError> {
        match place.contains("://") {
            true => Ok(Plain::Server(Box::new(Client::new(&[place.to_owned()])?))),
            false => Ok(Plain::Folder(PathBuf::from(place))),
        }
    }

    /// The newest checkpoint whose files are all there. A copy that was made while the node went
    /// on may have a `checkpoint` that is newer than its files; the older ones are beside it.
    pub(super) fn checkpoint(&self) -> Result<String, ExportError> {
        let folder = match self {
            Plain::Server(client) => return fetch("checkpoint", client.checkpoint()),
            Plain::Folder(folder) => folder,
        };
        let mut missing = ExportError::Missing {
            path: "checkpoint".to_owned(),
        };
        for (place, path) in checkpoints(folder)?.iter().enumerate() {
            let Some(note) = read(path)? else {
                continue;
            };
            let note = String::from_utf8(note).map_err(|_| ExportError::Checkpoint {
                reason: "not UTF-8".to_owned(),
            })?;
            let size = parse(&note)?.size();
            match files_of(size).find(|path| !is_there(folder, path)) {
                None => return Ok(note),
                // What is said is what the newest one lacks.
                Some(path) if place == 0 => {
                    missing = ExportError::Missing {
                        path: path.to_string(),
                    }
                }
                Some(_) => {}
            }
        }
        Err(missing)
    }

    /// A file of the log, if need be cut from a wider one at its place.
    pub(super) fn tile(&self, path: &TilePath) -> Result<Vec<u8>, ExportError> {
        let found = match self {
            Plain::Folder(folder) => in_folder(folder, path)?,
            Plain::Server(client) => Some(served(client, path)?),
        };
        found
            .and_then(|bytes| beginning(bytes, path))
            .ok_or_else(|| ExportError::Missing {
                path: path.to_string(),
            })
    }
}

/// `checkpoint`, then the older ones that the node keeps by their sizes, the largest first.
fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let kept = folder.join("checkpoints");
    let failed = |source| ExportError::Read {
        path: kept.clone(),
        source,
    };
    let mut sizes: Vec<u64> = Vec::new();
    match fs::read_dir(&kept) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                sizes.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
            }
        }
    }
    sizes.sort_unstable();
    let older = sizes.iter().rev().take(OLDER_MAX);
    let mut paths = vec![folder.join("checkpoint")];
    paths.extend(older.map(|size| kept.join(size.to_string())));
    Ok(paths)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, ExportError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ExportError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// The paths at which a file's content may be: its own, the full file's, and wider partial ones.
fn places(path: &TilePath) -> impl Iterator<Item = TilePath> + use<> {
    let (kind, index, width) = (path.kind(), path.index(), path.width());
    let others = [width, TILE_WIDTH].into_iter().chain(width + 1..TILE_WIDTH);
    others.filter_map(move |width| TilePath::new(kind, index, width).ok())
}

fn is_there(folder: &Path, path: &TilePath) -> bool {
    places(path).any(|place| folder.join(place.to_string()).is_file())
}

fn in_folder(folder: &Path, path: &TilePath) -> Result<Option<Vec<u8>>, ExportError> {
    for place in places(path) {
        if let Some(bytes) = read(&folder.join(place.to_string()))? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// A partial file may be gone once the full one at its place is there.
fn served(client: &Client, path: &TilePath) -> Result<Vec<u8>, ExportError> {
    match (client.tile(path), path.full()) {
        (Err(_), Some(full)) if !path.is_full() => fetch(&full.to_string(), client.tile(&full)),
        (found, _) => fetch(&path.to_string(), found),
    }
}
