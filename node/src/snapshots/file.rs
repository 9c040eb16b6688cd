//! The bytes of a snapshot's file.

use std::str::FromStr as _;
use wattle_ledger::codec;
use wattle_ledger::hash::sha256;
use wattle_ledger::log::tiles::{TileFile, TilePath};
use wattle_replica::snapshot::{Snapshot, SnapshotHead};

const DOMAIN: &[u8] = b"wattle/node-snapshot/v0\n";
const PLACE_DOMAIN: &[u8] = b"wattle/node-snapshot-place/v0\n";

/// What is written: the replica's snapshot, and where the history goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The replica's.
    pub snapshot: Snapshot,
    /// Partial tiles and bundle of its size.
    pub partials: Vec<TileFile>,
}

/// Why a file is no whole snapshot, or no whole place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotFileError {
    /// It does not begin as one.
    #[error("it is no snapshot of a node that this program knows")]
    NoSnapshot,
    /// It does not hash to what it says.
    #[error("it does not hash to what it says: it was cut or damaged")]
    Digest,
    /// It hashes to what it says, and still cannot be read.
    #[error("its form is another than this program knows")]
    Form,
}

/// Where a snapshot stands: all that is written of it but the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What the snapshot stands for.
    pub head: SnapshotHead,
    /// Partial tiles and bundle of its size.
    pub partials: Vec<TileFile>,
}

impl SnapshotFile {
    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let Snapshot { head, ledger } = &self.snapshot;
        encode(DOMAIN, head, &self.partials, ledger)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Any [`SnapshotFileError`].
    pub fn decode(bytes: &[u8]) -> Result<SnapshotFile, SnapshotFileError> {
        let (Place { head, partials }, ledger) = decode(DOMAIN, bytes)?;
        let ledger = ledger.to_vec();
        Ok(SnapshotFile {
            snapshot: Snapshot { head, ledger },
            partials,
        })
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place {
            head: self.snapshot.head.clone(),
            partials: self.partials.clone(),
        }
    }
}

impl Place {
    /// The file's bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode(PLACE_DOMAIN, &self.head, &self.partials, &[])
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Any [`SnapshotFileError`].
    pub fn decode(bytes: &[u8]) -> Result<Place, SnapshotFileError> {
        match decode(PLACE_DOMAIN, bytes)? {
            (place, []) => Ok(place),
            _ => Err(SnapshotFileError::Form),
        }
    }
}

fn encode(domain: &[u8], head: &SnapshotHead, partials: &[TileFile], ledger: &[u8]) -> Vec<u8> {
    let mut bytes = [domain, &[0; 32][..]].concat();
    push(&mut bytes, &codec::encode(head));
    bytes.extend(length(partials.len()));
    for file in partials {
        push(&mut bytes, file.path.to_string().as_bytes());
        push(&mut bytes, &file.bytes);
    }
    bytes.extend_from_slice(ledger);
    let rest = domain.len() + 32;
    let hash = sha256(&[&bytes[rest..]]);
    bytes[domain.len()..rest].copy_from_slice(&hash.0);
    bytes
}

/// The place, and the bytes after it.
fn decode<'a>(domain: &[u8], bytes: &'a [u8]) -> Result<(Place, &'a [u8]), SnapshotFileError> {
    let rest = bytes
        .strip_prefix(domain)
        .ok_or(SnapshotFileError::NoSnapshot)?;
    let (hash, rest) = rest
        .split_first_chunk::<32>()
        .ok_or(SnapshotFileError::Digest)?;
    if sha256(&[rest]).0 != *hash {
        return Err(SnapshotFileError::Digest);
    }
    read(rest).ok_or(SnapshotFileError::Form)
}

fn read(mut rest: &[u8]) -> Option<(Place, &[u8])> {
    let head: SnapshotHead = codec::decode(take(&mut rest)?).ok()?;
    let count = take_length(&mut rest)?;
    let mut partials = Vec::new();
    for _ in 0..count {
        let path = std::str::from_utf8(take(&mut rest)?).ok()?;
        partials.push(TileFile {
            path: TilePath::from_str(path).ok()?,
            bytes: take(&mut rest)?.to_vec(),
        });
    }
    Some((Place { head, partials }, rest))
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("an open bundle has less than 16 MiB, a head and a path far less")
        .to_le_bytes()
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(length(part.len()));
    bytes.extend_from_slice(part);
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest)?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}
